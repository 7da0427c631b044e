import { join } from 'node:path'
import { CHAINS, type Genesis, createConfigGenesis } from 'ethereumjs-op/blockchain'
import type { CrosscheckSettings } from '../config.ts'
import { acknowledge, readOpenAlarms } from '../crosscheck/alarmBook.ts'
import { findURLFault } from '../crosscheck/engines.ts'
import { resume } from '../crosscheck/halt.ts'
import { checkOnce } from '../crosscheck/once.ts'
import { startCrosscheck } from '../crosscheck/start.ts'
import { makeFolder } from '../files.ts'
import { createLog } from '../log.ts'
import { SECRET_FILE } from '../settings.ts'
import { explain } from './explain.ts'
import { findSecret, readGenesis, readSecret } from './inputs.ts'

/** Milliseconds that an engine may take: op-node's own limit counts, unless there are others to ask. */
const TIMEOUT = 300_000
const TIMEOUT_OF_SEVERAL = 8_000

/** Fewest engines of which most can agree against one that is wrong. */
const MIN_MAJORITY = 3

const isURL = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)

/** What is wrong with the engines. */
function findEngineFault(settings: CrosscheckSettings): string | undefined {
  const { engine = [], 'engine.jwtsecret': secrets = [], onMismatch: mode } = settings
  if (engine.length === 0)
    return '--engine URL is missing, the authenticated port of the main client'
  for (const [index, url] of engine.entries()) {
    const fault = findURLFault(url)
    if (fault) return `--engine number ${index + 1} ${fault}`
  }
  if (secrets.length === 0)
    return '--engine.jwtsecret FILE is missing, the secret of the main client'
  if (secrets.length !== 1 && secrets.length !== engine.length) {
    return `--engine.jwtsecret: ${secrets.length} files for ${engine.length} engines; one for all, or one each`
  }
  if (mode === 'majority' && engine.length < MIN_MAJORITY) {
    return `--on-mismatch majority needs ${MIN_MAJORITY} or more --engine, and there are ${engine.length}`
  }
  if (mode !== 'majority' && engine.length > 1) {
    return 'several --engine need --on-mismatch majority'
  }
  return undefined
}

/** What is wrong with what says which chain it is. */
function findChainFault({ genesis, chain, eth }: CrosscheckSettings): string | undefined {
  if (genesis && chain !== undefined) return 'give either --genesis or --chain, not both'
  if (chain === undefined) {
    return genesis ? undefined : '--genesis FILE is missing, or --chain ID of a known chain'
  }
  if (!CHAINS.has(chain)) {
    const ids = [...CHAINS.keys()].join(', ')
    return `--chain ${chain} is not known: give --genesis FILE, or one of ${ids}`
  }
  return eth ? undefined : '--chain needs --eth URL, which proves the state of each block'
}

/** The chain. @throws if its genesis file cannot be read */
function readChain({ genesis, chain }: CrosscheckSettings) {
  const known = chain === undefined ? undefined : CHAINS.get(chain)
  const file: Genesis = known ? createConfigGenesis(known.config) : readGenesis(genesis)
  return { genesis: file, isStateless: known !== undefined }
}

/** What is wrong with what the command was told; nothing if it can run. URLs may hold secrets and are not in the text. */
export function findFault(
  action: string | undefined,
  id: string | undefined,
  settings: CrosscheckSettings,
): string | undefined {
  if (action !== undefined) {
    return id !== undefined && action !== 'acknowledge' ? `${action} takes no id` : undefined
  }
  const { eth, once, webhook, 'engine.timeout': timeout } = settings
  const fault = findChainFault(settings)
  if (fault) return fault
  for (const [name, url] of Object.entries({ eth, webhook })) {
    const isFit = url === undefined || isURL(url)
    if (!isFit) return `--${name} must be a URL that begins with http:// or https://`
  }
  if (timeout === 0) return '--engine.timeout must be more than 0'
  if (once) return eth ? undefined : '--once needs --eth URL, a port of the main client with eth'
  return findEngineFault(settings)
}

/** Looks at the alarms of a data directory, or changes what is open. */
function runAction(action: string, id: string | undefined, datadir: string) {
  if (action === 'resume') {
    const was = resume(datadir)
    return console.log(was ? `resumed ${datadir}` : `${datadir} is not halted`)
  }
  if (action === 'alarms') {
    for (const alarm of readOpenAlarms(datadir)) console.log(JSON.stringify(alarm))
    return
  }
  const ids = acknowledge(datadir, id)
  if (ids.length === 0) throw new Error(`${datadir}: no ${id ?? 'alarm'} is open`)
  for (const one of ids) console.log(`acknowledged ${one}`)
}

/** The engines with their secrets. @throws if a secret cannot be read */
function readEngines({ engine = [], 'engine.jwtsecret': paths = [] }: CrosscheckSettings) {
  const secrets = paths.map(readSecret)
  return engine.map((url, index) => ({ url, secret: secrets[index] ?? secrets[0] }))
}

/** Compares what there is, and ends. */
async function runOnce(settings: CrosscheckSettings) {
  const { datadir, eth, sample } = settings
  const log = createLog({ level: settings['log.level'], format: settings['log.format'] })
  const chain = readChain(settings)
  makeFolder(datadir)
  process.exitCode = await checkOnce({ ...chain, datadir, eth: eth!, sample, log })
}

/** Runs the proxy and the watchman until they are told to stop. */
async function run(settings: CrosscheckSettings) {
  const { datadir, eth, sample, webhook, onMismatch: mode } = settings
  const endpoint = (name: 'http' | 'authrpc' | 'metrics') => ({
    addr: settings[`${name}.addr`],
    port: settings[`${name}.port`],
  })
  const chain = readChain(settings)
  const engines = readEngines(settings)
  const undo = makeFolder(datadir)
  try {
    const secret = findSecret(settings['authrpc.jwtsecret'] ?? join(datadir, SECRET_FILE))
    const log = createLog({ level: settings['log.level'], format: settings['log.format'] })
    const usual = engines.length > 1 ? TIMEOUT_OF_SEVERAL : TIMEOUT
    const starting = startCrosscheck({
      mode,
      engines,
      timeout: settings['engine.timeout'] ?? usual,
      eth,
      ...chain,
      datadir,
      sample,
      authrpc: endpoint('authrpc'),
      secret: secret.bytes,
      http: endpoint('http'),
      metrics: settings.metrics ? endpoint('metrics') : undefined,
      webhook,
      log,
    })
    for (const name of ['SIGINT', 'SIGTERM']) {
      process.once(name, async () => {
        await (await starting).close()
        process.exit()
      })
    }
    const crosscheck = await starting
    // Requests keep no state from one to the next, so that a fault about one is none of the others.
    for (const name of ['uncaughtException', 'unhandledRejection']) {
      process.on(name, (error) => {
        log.error({ error: `${error?.stack ?? error}` }, 'a fault of crosscheck, which goes on')
      })
    }
    try {
      secret.keep()
    } catch (error) {
      await crosscheck.close()
      throw error
    }
  } catch (error) {
    undo()
    throw error
  }
}

/**
 * Stands between op-node and its client, or looks at what an earlier run has left.
 *
 * @param action - alarms, acknowledge or resume; without one it runs
 * @param id - of the alarm to acknowledge; without one all
 */
export async function runCrosscheck(
  action: string | undefined,
  id: string | undefined,
  settings: CrosscheckSettings,
): Promise<void> {
  try {
    if (action !== undefined) return runAction(action, id, settings.datadir)
    if (settings.once) return await runOnce(settings)
    await run(settings)
  } catch (error) {
    console.error(`error: ${explain(error, { ...settings })}`)
    process.exit(settings.once ? 2 : 1)
  }
}
