import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Client, Clients } from './client.ts'
import { createHTTPClient } from './http.ts'
import { NEEDED, createProcesses } from './process.ts'
import { countResults, summarize, toJUnit, toTAP } from './report.ts'
import { identify, writeResults } from './results.ts'
import {
  type Case,
  GenesisError,
  type Result,
  type Selection,
  loadCases,
  runCases,
} from './suite.ts'
import { VectorError } from './vector.ts'

/** What the command line says. */
export interface CommandOptions extends Selection {
  build?: boolean
  engine?: string
  jwt?: string
  eth?: string
  client?: string
  jobs: number
  /** Seconds. */
  timeout: number
  strict?: boolean
  junit?: string
  results?: string
  name?: string
  log?: string
}

/** The command line makes no sense. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** The vectors of this package. */
const VECTORS = fileURLToPath(new URL('../vectors', import.meta.url))

/** @throws {UsageError} if the file does not hold 32 bytes in hex */
function readSecret(path: string): Uint8Array {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`--jwt: ${(error as Error).message}`)
  }
  const digits = text.trim().replace(/^0x/, '')
  if (/^[0-9a-f]{64}$/i.test(digits)) return Buffer.from(digits, 'hex')
  throw new UsageError(`--jwt: ${path} must hold 32 bytes in hex`)
}

/** A client that runs already, on one genesis. */
export function createRunning(client: Client, name: string): Clients {
  return {
    name,
    open: async ({ genesisBlockHeader: { hash } }) => {
      const { result } = await client.call('eth_getBlockByNumber', ['0x0', false])
      const actual = (result as { hash?: unknown } | null)?.hash
      const isOther = typeof actual === 'string' && /^0x[0-9a-f]{64}$/.test(actual)
      // What is no hash at all is compared, and fails.
      if (isOther && actual !== hash)
        throw new GenesisError(`its genesis is ${actual}, not ${hash}`)
      return client
    },
    close: async () => {},
  }
}

/** @throws {UsageError} if options contradict each other */
async function createClients(options: CommandOptions): Promise<Clients> {
  const { engine, jwt, eth, client: command, jobs, log } = options
  const timeout = options.timeout * 1000
  if (engine !== undefined) {
    if (command !== undefined) throw new UsageError('only one of --engine and --client')
    if (jwt === undefined) throw new UsageError('--engine needs --jwt FILE')
    if (jobs > 1) throw new UsageError('--jobs is for --client')
    const secret = readSecret(jwt)
    return createRunning(createHTTPClient({ engine, eth, secret, timeout }), engine)
  }
  if (jwt !== undefined) throw new UsageError('--jwt is for --engine')
  if (eth !== undefined) throw new UsageError('--eth is for --engine')
  if (command === undefined) {
    if (jobs > 1) throw new UsageError('--jobs is for --client')
    // Loads the cryptography, which a client over HTTP does not need.
    return (await import('./inProcess.ts')).createInProcess()
  }
  const missing = NEEDED.find((placeholder) => !command.includes(placeholder))
  if (missing) throw new UsageError(`--client: there is no ${missing} in the command`)
  return createProcesses({ command, timeout, log })
}

/** @throws {UsageError} if nothing can be written there, which is better known before the run */
function checkFolder(option: string, path: string | undefined) {
  try {
    if (path !== undefined) accessSync(dirname(path), constants.W_OK)
  } catch (error) {
    throw new UsageError(`${option}: ${(error as Error).message}`)
  }
}

/** @throws {UsageError} if there is nothing to run */
function findCases(paths: string[], selection: Selection): Case[] {
  let cases: Case[]
  try {
    cases = loadCases(paths.length > 0 ? paths : [VECTORS], selection)
  } catch (error) {
    if (error instanceof VectorError) throw new UsageError(error.message)
    throw error
  }
  if (cases.length === 0) throw new UsageError('no vector is selected')
  return cases
}

/** Says on a terminal how far it is. */
function createProgress(total: number) {
  const { stderr } = process
  let done = 0
  let bad = 0
  const clear = () => stderr.isTTY && stderr.write('\r\x1b[K')
  return {
    clear,
    add: ({ verdict }: Result) => {
      done++
      if (verdict === 'failed') bad++
      if (stderr.isTTY) stderr.write(`${done}/${total}${bad > 0 ? `, ${bad} failed` : ''}`)
    },
  }
}

/** What the client of a vector calls itself. */
async function nameOf(clients: Clients, { vector }: Case): Promise<string> {
  if (!vector) return clients.name
  try {
    const client = await clients.open(vector)
    const name = await identify(client)
    await client.close()
    return name ?? clients.name
  } catch {
    return clients.name
  }
}

/**
 * Runs vectors and reports.
 *
 * @returns the exit status
 * @throws {UsageError} if the options make no sense
 */
export async function runCommand(paths: string[], options: CommandOptions): Promise<number> {
  const { filter, until, shard, build, jobs, strict, junit, results: page } = options
  for (const name of ['junit', 'results', 'log'] as const) checkFolder(`--${name}`, options[name])
  const cases = findCases(paths, { filter, until, shard })
  const clients = await createClients(options)
  const client = page && (options.name ?? (await nameOf(clients, cases[0])))
  const start = performance.now()
  const progress = createProgress(cases.length)
  let number = 0
  console.log(`TAP version 14\n1..${cases.length}`)
  const results = await runCases(cases, clients, {
    build,
    jobs,
    strict,
    onResult: (result) => {
      progress.clear()
      process.stdout.write(toTAP(result, ++number))
      progress.add(result)
    },
  })
  progress.clear()
  const counts = countResults(results)
  console.log(`# ${summarize(counts)}`)
  if (junit) writeFileSync(junit, toJUnit(results, clients.name))
  if (page && client) {
    const where = options.client || options.engine ? 'Over HTTP' : 'In process'
    const parts = [
      where,
      ...(until ? [`chains up to ${until}`] : []),
      ...(build ? ['also building each payload'] : []),
      ...(jobs > 1 ? [`${jobs} clients at a time`] : []),
    ]
    const seconds = (performance.now() - start) / 1000
    writeResults(page, { client, how: parts.join(', '), results, seconds })
  }
  return counts.failed > 0 || counts.passed + counts.disputed === 0 ? 1 : 0
}
