/** Checks one block, in a thread of its own or not. */
import { type Chain, type ChainConfig, InvalidBlockError, createChain } from 'ethereumjs-op'
import { createCrypto } from 'ethereumjs-op/crypto'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { Endpoint, type EndpointOptions } from './endpoint.ts'
import { EndpointError, MismatchError } from './errors.ts'
import { describeDifference } from './differences.ts'
import { type CheckedBlock, type StateSource, checkBlock, fetchHash } from './rpcBlock.ts'

/** What a thread is told. */
export interface Task {
  /** The first is asked for everything, the others for the hash of the block. */
  urls: string[]
  options: EndpointOptions
  config: ChainConfig
  number: number
  /** By default a witness, and proofs for what it lacks. */
  source?: StateSource
}

/** How a block is judged: right, not as the endpoint says, or not known. */
export type Verdict = 'ok' | 'mismatch' | 'unknown'

/** What came of a task. */
export interface TaskOutcome {
  number: number
  verdict: Verdict
  block?: CheckedBlock
  error?: string
  /** Milliseconds. */
  ms: number
}

const customCrypto = await createCrypto()
const chains = new Map<string, Chain>()
const endpoints = new Map<string, Endpoint>()

/** What `create` makes, once for each key. */
function reuse<T>(made: Map<string, T>, key: string, create: () => T): T {
  const value = made.get(key) ?? create()
  made.set(key, value)
  return value
}

/** @throws {MismatchError} if another endpoint has another block */
async function compareEndpoints(hash: Hex, number: bigint, others: Endpoint[]) {
  for (const other of others) {
    const theirs = await fetchHash(other, number)
    if (theirs === hash) continue
    throw new MismatchError(`block ${number} is ${hash}, but ${other.name} has ${theirs}`)
  }
}

/** Whether the endpoint has another block at this number, or before it, than at first. */
async function isReplaced(endpoint: Endpoint, number: bigint, before: (Hex | undefined)[]) {
  const now = [await fetchHash(endpoint, number - 1n), await fetchHash(endpoint, number)]
  return now.some((hash, index) => hash !== before[index])
}

/** Checks a block; errors are part of the outcome. */
export default async function runTask({
  urls,
  options,
  config,
  number,
  source,
}: Task): Promise<TaskOutcome> {
  const start = performance.now()
  const ms = () => Math.round(performance.now() - start)
  try {
    const chain = reuse(chains, JSON.stringify(config), () => createChain(config, { customCrypto }))
    const all = urls.map((url) => reuse(endpoints, url, () => new Endpoint(url, options)))
    const [endpoint, ...others] = all
    const at = BigInt(number)
    const before = [await fetchHash(endpoint, at - 1n), await fetchHash(endpoint, at)]
    try {
      const block = await checkBlock({ endpoint, chain, number: at, source })
      await compareEndpoints(block.hash, at, others)
      const { differences } = block
      if (differences.length === 0) return { number, verdict: 'ok', block, ms: ms() }
      const text = differences.map(describeDifference).join('; ')
      throw Object.assign(new MismatchError(text), { block })
    } catch (error) {
      const isJudgement = error instanceof MismatchError || error instanceof InvalidBlockError
      if (!isJudgement || !(await isReplaced(endpoint, at, before))) throw error
      throw new EndpointError(`block ${number} was replaced while it was checked: a reorg`)
    }
  } catch (error) {
    const { message, block } = error as Error & { block?: CheckedBlock }
    if (error instanceof InvalidBlockError) {
      const text = `no valid block has these transactions: ${message}`
      return { number, verdict: 'mismatch', error: text, ms: ms() }
    }
    const verdict = error instanceof MismatchError ? 'mismatch' : 'unknown'
    return { number, verdict, block, error: message, ms: ms() }
  }
}
