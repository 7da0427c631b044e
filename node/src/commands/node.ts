import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Genesis } from 'ethereumjs-op/blockchain'
import type { NodeSettings } from '../config.ts'
import { makeFolder, readExample, readJSON } from '../files.ts'
import { createLog } from '../log.ts'
import { MEMORY, SECRET_FILE } from '../settings.ts'
import { startNode } from '../startNode.ts'
import { explain } from './explain.ts'

/** What holders of the secret sign with, and what keeps it if it is a new one. */
interface Secret {
  bytes: Uint8Array
  /** Writes it where op-node reads it. @throws if it cannot */
  keep(): void
}

/**
 * The secret in a file, or a new one; without a file it is printed, for nobody could read it elsewhere.
 *
 * @throws if the file does not hold 32 bytes in hex, or there is no folder for it
 */
function findSecret(path: string | undefined): Secret {
  const made = randomBytes(32)
  const hex = made.toString('hex')
  if (path === undefined) return { bytes: made, keep: () => console.log(`secret: ${hex}`) }
  if (!existsSync(path)) {
    if (!existsSync(dirname(path))) throw new Error(`${path}: there is no such folder`)
    const keep = () => writeFileSync(path, hex, { mode: 0o600, flag: 'wx' })
    return { bytes: made, keep }
  }
  const digits = readFileSync(path, 'utf8').trim().replace(/^0x/, '')
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw new Error(`${path} must hold 32 bytes in hex`)
  return { bytes: Buffer.from(digits, 'hex'), keep: () => {} }
}

/** Contents of a genesis file, or of that of the local chain. @throws if it cannot be read */
function readGenesis(path: string | undefined): Genesis {
  if (path === undefined) return JSON.parse(readExample()) as Genesis
  if (existsSync(path)) return readJSON(path) as Genesis
  const how = 'give the genesis file of the chain, or write that of a local chain by'
  throw new Error(
    `${path}: there is no such file; ${how} \`ethereumjs-op genesis --example ${path}\``,
  )
}

/** Runs a node until it is told to stop. */
export async function runNode(settings: NodeSettings): Promise<void> {
  const isKept = !settings.dev && settings.datadir !== MEMORY
  const datadir = isKept ? settings.datadir : undefined
  const endpoint = (name: 'http' | 'ws' | 'authrpc' | 'metrics') => ({
    addr: settings[`${name}.addr`],
    port: settings[`${name}.port`],
  })
  let undo = () => {}
  try {
    const genesis = readGenesis(settings.genesis)
    if (datadir) undo = makeFolder(datadir)
    const path = settings['authrpc.jwtsecret'] ?? (datadir && join(datadir, SECRET_FILE))
    const secret = findSecret(path)
    const http = {
      ...endpoint('http'),
      api: settings['http.api'],
      vhosts: settings['http.vhosts'],
      corsdomain: settings['http.corsdomain'],
    }
    const ws = {
      ...endpoint('ws'),
      api: settings['ws.api'],
      origins: settings['ws.origins'],
    }
    const options = {
      genesis,
      datadir,
      stateHistory: settings['state.history'],
      http,
      ws: settings.ws ? ws : undefined,
      calls: { gasCap: settings['rpc.gascap'], evmTimeout: settings['rpc.evmtimeout'] },
      authrpc: endpoint('authrpc'),
      metrics: settings.metrics ? endpoint('metrics') : undefined,
      maxHeadAge: settings['health.maxage'],
      secret: secret.bytes,
      log: createLog({ level: settings['log.level'], format: settings['log.format'] }),
    }
    const starting = startNode(options)
    // From now on, for the ports are open before both are known to be.
    for (const name of ['SIGINT', 'SIGTERM']) {
      process.once(name, async () => (await starting).close())
    }
    const node = await starting
    try {
      // Only now, so that a start that fails leaves none behind.
      secret.keep()
    } catch (error) {
      await node.close()
      throw error
    }
  } catch (error) {
    undo()
    console.error(`error: ${explain(error, { ...settings })}`)
    process.exit(1)
  }
}
