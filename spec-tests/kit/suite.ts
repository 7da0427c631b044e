import { type Client, ClientError, type Clients } from './client.ts'
import { findFiles, readText } from './files.ts'
import { FORK_NAMES } from './forkNames.ts'
import { type RunOptions, runVector } from './run.ts'
import { type Vector, checkVector, parseFile } from './vector.ts'

/** A vector, or what could not be read as one. */
export interface Case {
  /** The vector's, or the path of a file that is none. */
  name: string
  vector?: Vector
  /** Why there is no vector. */
  problem?: string
}

/** `disputed`: it differs, but so do clients. `skipped`: the running client has another genesis. */
export type Verdict = 'passed' | 'failed' | 'disputed' | 'skipped'

/** What came of a case. */
export interface Result {
  name: string
  verdict: Verdict
  /** Why it did not pass, on one line. */
  reason?: string
  /** Heading of DISPUTED.md, where the vector has one. */
  disputed?: string
  seconds: number
}

/** Which cases, of those in files. */
export interface Selection {
  filter?: RegExp
  /** The last fork that the client knows: only vectors whose chain has no later one. */
  until?: string
  /** `index` of `count`, from 1 on. */
  shard?: { index: number; count: number }
}

/** How cases are run. */
export interface SuiteOptions extends RunOptions {
  /** Clients at a time. */
  jobs?: number
  /** A disputed vector that differs has failed. */
  strict?: boolean
  /** Hears of each result when it is there. */
  onResult?(result: Result): void
}

/** A running client has another genesis than the vector. */
export class GenesisError extends ClientError {
  override name = 'GenesisError'
}

/** So many clients after each other that did not start or answer are enough: the rest would take hours. */
const MAX_LOST = 5

/** Characters of a reason. */
const MAX_REASON = 500

/** For reports: on one line, without what terminals take as commands. */
export const toLine = (text: string) =>
  text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_REASON)

function readCases(path: string): Case[] {
  try {
    return Object.entries(parseFile(readText(path), path)).map(([name, value]) => {
      try {
        return { name, vector: checkVector(value, name) }
      } catch (error) {
        return { name, problem: (error as Error).message }
      }
    })
  } catch (error) {
    return [{ name: path, problem: (error as Error).message }]
  }
}

/** First those that end at the genesis, from which other vectors move a client's head away. */
const rank = ({ vector }: Case) =>
  vector && vector.lastblockhash === vector.genesisBlockHeader.hash ? 0 : 1

/**
 * Whether a block is ordered that takes transactions from the pool: a client that has left other chains
 * of the same genesis has theirs there.
 */
const takesFromPool = ({ vector }: Case) =>
  vector?.engineForkchoiceUpdates?.some(
    ({ params: [, attributes], blockHash }) => blockHash && attributes?.noTxPool !== true,
  ) ?? false

/**
 * Cases that may share a client: first those that need one of their own, then those of the same genesis, the
 * largest group first. A running client, which has to do for all, gets them in this order, too.
 */
function groupCases(cases: Case[]): Case[][] {
  const alone = cases.filter(takesFromPool)
  const groups = new Map<string, Case[]>()
  for (const test of cases) {
    if (takesFromPool(test)) continue
    const hash = test.vector?.genesisBlockHeader.hash ?? ''
    const group = groups.get(hash)
    if (group) group.push(test)
    else groups.set(hash, [test])
  }
  const sorted = [...groups.values()].sort((a, b) => b.length - a.length)
  const shared = sorted.map((group) => group.sort((a, b) => rank(a) - rank(b)))
  return [...alone.map((test) => [test]), ...shared]
}

/** Whether a chain has a fork after this one. */
function hasLaterFork({ vector }: Case, until: string): boolean {
  const later = FORK_NAMES.slice(FORK_NAMES.indexOf(until) + 1)
  return vector !== undefined && later.some((name) => vector.config[`${name}Time`] !== undefined)
}

/**
 * Cases of files and folders. A file or a vector that cannot be read is a case that fails; such a file
 * is a case whatever the filter is.
 *
 * @throws {VectorError} if a path does not exist, or has no such file
 */
export function loadCases(paths: string[], { filter, until, shard }: Selection = {}): Case[] {
  const files = new Set(paths.flatMap(findFiles))
  const all = [...files].flatMap((path) =>
    readCases(path).filter((test) => {
      if (until !== undefined && hasLaterFork(test, until)) return false
      return test.name === path || !filter || filter.test(test.name)
    }),
  )
  if (!shard) return all
  // Slices of what is grouped, so that few clients are started for more than one of them.
  const { index, count } = shard
  const at = (part: number) => Math.floor((all.length * part) / count)
  return groupCases(all)
    .flat()
    .slice(at(index - 1), at(index))
}

/** Runs cases and says what came of each. Nothing that a vector or a client does is thrown. */
export async function runCases(
  cases: Case[],
  clients: Clients,
  { jobs = 1, strict = false, onResult, ...options }: SuiteOptions = {},
): Promise<Result[]> {
  const results: Result[] = []
  let lost = 0

  /** Runs one case. @returns the client for the next, if it is sound */
  const runCase = async ({ name, vector, problem }: Case, before: Client | undefined) => {
    const start = performance.now()
    const disputed = vector?._info.disputed
    const report = (verdict: Verdict, error?: unknown) => {
      const reason = error === undefined ? undefined : toLine(`${(error as Error).message}`)
      const seconds = (performance.now() - start) / 1000
      const result = { name, verdict, reason, disputed, seconds }
      results.push(result)
      onResult?.(result)
    }
    if (!vector) {
      report('failed', new Error(problem))
      return before
    }
    let client = before
    try {
      if (lost >= MAX_LOST) throw new ClientError(`not run: ${MAX_LOST} times there was no client`)
      client ??= await clients.open(vector)
      lost = 0
    } catch (error) {
      const isOther = error instanceof GenesisError
      if (!isOther) lost++
      report(isOther ? 'skipped' : 'failed', error)
      return undefined
    }
    try {
      await runVector(client, vector, options)
      report('passed')
      return client
    } catch (error) {
      report(disputed && !strict ? 'disputed' : 'failed', error)
      if (!(error instanceof ClientError)) return client
      // What hangs or has crashed is no client for others.
      await client.close()
      return undefined
    }
  }

  const groups = groupCases(cases).values()
  const work = async () => {
    for (const group of groups) {
      let client: Client | undefined
      for (const test of group) client = await runCase(test, client)
      await client?.close()
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  await clients.close()
  return results
}
