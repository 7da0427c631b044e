/** Executes a block on the witness that an endpoint gives for it, and that nobody trusts. */
import {
  type Chain,
  type ExecutionWitness,
  type GetBlockHash,
  type State,
  StateError,
  readWitness,
} from 'ethereumjs-op'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  bigIntToHex,
  bytesToHex,
  hexToBytes,
  toBytes,
} from 'ethereumjs-op/ethereumjs'
import type { Endpoint } from './endpoint.ts'
import { MismatchError } from './errors.ts'
import { readBytes, readList, readObject } from './fields.ts'
import { findOrphans } from './orphans.ts'
import type { ProofCollector } from './proofs.ts'

const METHOD = 'debug_executionWitness'

/** A witness, or why there is none. */
export interface FetchedWitness {
  witness?: ExecutionWitness
  /** What the endpoint says of this block, or null where it has no such method at all. */
  refusal?: string | null
}

/**
 * Asks for the witness of a block; not again where the endpoint has no such method.
 *
 * @throws {EndpointError} if there is no answer, or something else than a witness
 */
export async function fetchWitness(endpoint: Endpoint, number: bigint): Promise<FetchedWitness> {
  if (endpoint.lacks(METHOD)) return { refusal: null }
  const [{ result, error }] = await endpoint.attempt([
    { method: METHOD, params: [bigIntToHex(number)] },
  ])
  if (endpoint.lacks(METHOD)) return { refusal: null }
  if (error) return { refusal: `${METHOD}: ${error.message} (${error.code})` }
  if (result === null) return { refusal: `${METHOD}: null` }
  return { witness: readObject(result, 'a witness') as unknown as ExecutionWitness }
}

/** Entries of a part of a witness. */
const entriesOf = (part: ExecutionWitness['state']): Hex[] => Object.values(part)

/** @throws {EndpointError} if it has not the form of a witness */
function checkForm({ state, codes, headers }: ExecutionWitness) {
  for (const [name, part] of Object.entries({ state, codes })) {
    const entries = Array.isArray(part) ? part : Object.values(readObject(part, `witness ${name}`))
    for (const entry of entries) readBytes(entry, `an entry of witness ${name}`)
  }
  for (const header of readList(headers, 'witness headers')) {
    if (typeof header === 'string') readBytes(header, 'an entry of witness headers')
    else readObject(header, 'an entry of witness headers')
  }
}

/** See {@link executeWitness}. */
export interface WitnessOptions<T> {
  chain: Chain
  /** The state after it is that of the witness. */
  parent: BlockHeader
  witness: ExecutionWitness
  /** Asks for proofs that accounts do not exist. */
  collector: ProofCollector
  /** Executes the block. */
  execute(state: State, getBlockHash: GetBlockHash): Promise<T>
  /** Hashes of blocks that the witness lacks. */
  getBlockHash: GetBlockHash
  report(step: string): void
}

/** What came of a block on a witness. */
export interface WitnessOutcome<T> {
  /** None where the witness lacks some of the state. */
  executed?: T
  /** What the witness lacks, in words. */
  lack?: string
}

/**
 * Executes a block on a witness. A witness may lack what proves that accounts do not exist, as that of
 * op-geth does: that is not believed, but proofs of it are asked for.
 *
 * @returns what comes out, or what the witness lacks
 * @throws {EndpointError} if it has not the form of a witness, or proofs are not to be had
 * @throws {MismatchError} if it is not that of this block, or has what does not belong to its state
 */
export async function executeWitness<T>(options: WitnessOptions<T>): Promise<WitnessOutcome<T>> {
  const { witness, collector, execute, report } = options
  const contents = readContents(options)
  const { state, codes, headers } = witness
  const [nodes, code] = [entriesOf(state), entriesOf(codes)]
  report(`witness: ${nodes.length} nodes, ${code.length} codes, ${headers.length} headers`)
  const lacks: string[] = []
  const getBlockHash: GetBlockHash = (number) => {
    const hash = contents.getBlockHash(number)
    if (hash) return hash
    lacks.push(`the header of block ${number}`)
    return options.getBlockHash(number)
  }
  const outcome = await execute(contents.state, getBlockHash).then(
    (executed) => ({ executed }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && outcome.error instanceof StateError) {
    return { lack: describeLack(options, outcome.error.message) }
  }
  const { absent } = contents
  if (absent.size > 0) {
    report(`${absent.size} accounts are not in the witness: proofs that they do not exist`)
    const existing = await collector.findExisting(absent)
    const text = `${existing.join(', ')}, which exist`
    if (existing.length > 0) return { lack: describeLack(options, text) }
  }
  // Before the absent accounts are proven, even an invalid block would say nothing.
  if ('error' in outcome) throw outcome.error
  return { executed: outcome.executed, lack: lacks.length > 0 ? lacks.join(', ') : undefined }
}

/** @throws {MismatchError} if it is not that of the block */
function readContents<T>({ chain, parent, witness }: WitnessOptions<T>) {
  const hash = parent.hash()
  // What is known of the parent anyway need not be in it; another header in its place is no witness.
  const { headers } = witness
  const isBare = Array.isArray(headers) && headers.length === 0
  const complete = isBare ? { ...witness, headers: [bytesToHex(parent.serialize())] } : witness
  try {
    return readWitness(chain.common, hash, complete, { assumeAbsent: true })
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    checkForm(witness)
    throw new MismatchError(`the witness is not that of the block: ${error.message}`)
  }
}

/**
 * What is missing, in words.
 *
 * @throws {MismatchError} if the witness has something else in the place of it
 */
function describeLack<T>({ chain, parent, witness }: WitnessOptions<T>, what: string): string {
  const keccak256 = chain.common.customCrypto.keccak256!
  const nodes = new Map<string, Uint8Array>()
  const names = new Map<string, string>()
  // Code that the block creates itself leads nowhere either, but it may be there.
  const isCode = what.startsWith('code')
  for (const name of isCode ? (['state', 'codes'] as const) : (['state'] as const)) {
    for (const [index, value] of entriesOf(witness[name]).entries()) {
      const hash = bytesToHex(keccak256(hexToBytes(value)))
      nodes.set(hash.slice(2), hexToBytes(value))
      names.set(hash.slice(2), `${name}[${index}], ${hash}`)
    }
  }
  const [orphan] = findOrphans(nodes, toBytes(parent.stateRoot))
  if (orphan === undefined) return what
  const place = `${names.get(orphan)}, to which nothing leads from the state root`
  throw new MismatchError(`the witness lacks ${what}; but has ${place}`)
}
