/** Checks a block of an endpoint that nobody trusts: executes it, and compares all that it says. */
import {
  type Chain,
  type ExecutedBlock,
  type GetBlockHash,
  InvalidBlockError,
  type State,
  StateError,
  attributesOfHeader,
  executeBlock,
} from 'ethereumjs-op'
import {
  type FullBlock,
  type ReceiptJSON,
  type TransactionJSON,
  blockToJSON,
  headerFromJSON,
  headerToJSON,
  readBlock,
} from 'ethereumjs-op/blockchain'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  bigIntToHex,
  bytesToHex,
} from 'ethereumjs-op/ethereumjs'
import { type Difference, compareBlock } from './differences.ts'
import type { Endpoint } from './endpoint.ts'
import { EndpointError, MismatchError } from './errors.ts'
import { type Unchecked, readBytes, readList, readObject } from './fields.ts'
import { type Keys, addKeys } from './partialState.ts'
import { ProofCollector, type ProofStats } from './proofs.ts'
import { type FetchedWitness, executeWitness, fetchWitness } from './witness.ts'

/** A block as an endpoint gives it, whose parts fit together. */
export interface FetchedBlock {
  header: BlockHeader
  /** Computed here, and the same as the endpoint's. */
  hash: Hex
  /** As the endpoint writes them. */
  json: Unchecked[]
  /** EIP-2718 encodings. */
  raw: Uint8Array[]
}

/** What came out of a block, and how that differs from what the endpoint says. */
export interface CheckedBlock {
  number: number
  hash: Hex
  parentHash: Hex
  fork: string
  txs: number
  gas: number
  /** Where the state came from. */
  from: 'witness' | 'proofs' | 'witness and proofs'
  /** What the endpoint's witness lacks, or why it gives none; not where it has no such method. */
  lack?: string
  /** Requests of HTTP for this block. */
  requests: number
  stats?: ProofStats
  /** As computed. */
  transactions: TransactionJSON[]
  /** As computed. */
  receipts: ReceiptJSON[]
  /** As the endpoint has them, where it gives those of a whole block. */
  claimedReceipts?: Unchecked[]
  /** What the endpoint says otherwise; none if it is right. */
  differences: Difference[]
}

/**
 * Reads something of a block by a function of the library.
 *
 * @throws {EndpointError} if it has a wrong form
 * @throws {MismatchError} if its parts do not fit together
 */
async function readPart<T>(name: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const { message } = error as Error
    if (error instanceof InvalidBlockError) throw new MismatchError(message)
    if (!(error instanceof StateError)) throw error
    throw new EndpointError(`the endpoint gives no ${name}: ${message}`)
  }
}

/** Fetches a header by its hash, and checks that it has it. */
export async function fetchHeader(endpoint: Endpoint, chain: Chain, hash: Hex) {
  const json = await endpoint.call('eth_getBlockByHash', hash, false)
  if (json === null) throw new EndpointError(`${endpoint.name} does not have block ${hash}`)
  const fields = readObject(json, `block ${hash}`)
  const header = await readPart(`header of block ${hash}`, () => headerFromJSON(chain, fields))
  const actual = bytesToHex(header.hash())
  if (actual === hash) return header
  throw new MismatchError(`the header that the endpoint gives for ${hash} hashes to ${actual}`)
}

/** The hash that the endpoint says a block has. */
export async function fetchHash(endpoint: Endpoint, number: bigint): Promise<Hex> {
  const json = await endpoint.call('eth_getBlockByNumber', bigIntToHex(number), false)
  if (json === null) throw new EndpointError(`${endpoint.name} does not have block ${number}`)
  return readBytes(readObject(json, `block ${number}`).hash, `the hash of block ${number}`, 32)
}

/**
 * Fetches a block, and checks that header, hash and transactions fit together.
 *
 * @throws {EndpointError} if there is none, or it has a wrong form
 * @throws {MismatchError} if they do not
 */
export async function fetchBlock(endpoint: Endpoint, chain: Chain, number: bigint) {
  const name = `block ${number}`
  const answer = await endpoint.call('eth_getBlockByNumber', bigIntToHex(number), true)
  if (answer === null) throw new EndpointError(`${endpoint.name} does not have ${name}`)
  const json = readObject(answer, name)
  const block = await readPart(name, () => readBlock(chain, json as FullBlock))
  const { header, hash, transactions: raw } = block
  if (header.number !== number) {
    throw new MismatchError(`the endpoint gives block ${header.number} in place of ${number}`)
  }
  return { header, hash, json: json.transactions as Unchecked[], raw }
}

/** Accounts that the transactions of a block name. */
function namedKeys({ header, json }: FetchedBlock): Keys {
  const keys: Keys = new Map()
  const add = (value: unknown, slots: Hex[] = []) => {
    if (value == null) return
    addKeys(keys, readBytes(value, 'an address', 20).toLowerCase() as Hex, slots)
  }
  add(header.coinbase.toString())
  for (const tx of json) {
    add(tx.from)
    add(tx.to)
    for (const item of readList(tx.accessList ?? [], 'an access list')) {
      const { address, storageKeys } = readObject(item, 'an item of an access list')
      const slots = readList(storageKeys, 'storageKeys').map((slot) =>
        readBytes(slot, 'a slot', 32),
      )
      add(address, slots)
    }
  }
  return keys
}

/** The transactions as calls, for the endpoint to say what they would touch. */
const toCalls = ({ json }: FetchedBlock): object[] =>
  json.map(({ from, to, value, input, gas }) => ({ from, to, value, input, gas }))

/** Hashes for BLOCKHASH: headers are fetched back to the one that is asked for, and linked. */
function createAncestors(endpoint: Endpoint, chain: Chain, parent: BlockHeader) {
  const chainOf: BlockHeader[] = [parent]
  return async (number: bigint) => {
    while (chainOf[chainOf.length - 1].number > number) {
      const { parentHash } = chainOf[chainOf.length - 1]
      chainOf.push(await fetchHeader(endpoint, chain, bytesToHex(parentHash)))
    }
    const header = chainOf.find((candidate) => candidate.number === number)
    return header && bytesToHex(header.hash())
  }
}

/** What was wrong with the witness of a block, in words; empty if nothing was. */
export function describeLack({ from, lack }: CheckedBlock): string {
  if (!lack) return ''
  return from === 'proofs' ? `no witness: ${lack}` : `its witness lacks ${lack}`
}

/** Fetches the receipts that the endpoint claims, if it can give those of a whole block. */
async function fetchReceipts(endpoint: Endpoint, hash: Hex): Promise<Unchecked[] | undefined> {
  const call = { method: 'eth_getBlockReceipts', params: [hash] }
  const [{ result }] = await endpoint.attempt([call])
  if (result == null) return undefined
  return readList(result, 'receipts').map((receipt) => readObject(receipt, 'a receipt'))
}

/** Where the state before a block is to come from. */
export type StateSource = 'witness' | 'proofs'

/** How a block is checked. */
export interface CheckOptions {
  endpoint: Endpoint
  chain: Chain
  number: bigint
  /** Nothing but that; by default a witness where there is one, and proofs for what it lacks. */
  source?: StateSource
  /** Hears what is being done, in words. */
  report?(step: string): void
}

/** A block that was executed, and on what. */
type Execution = Pick<CheckedBlock, 'from' | 'lack' | 'stats'> & { executed: ExecutedBlock }

/** Executes a block on a state that the endpoint proves. */
async function executeFetched(
  block: FetchedBlock,
  parent: BlockHeader,
  given: FetchedWitness,
  { endpoint, chain, source, report = () => {} }: CheckOptions,
): Promise<Execution> {
  const attributes = { ...attributesOfHeader(block.header), transactions: block.raw }
  const ancestors = createAncestors(endpoint, chain, parent)
  const execute = (state: State, getBlockHash: GetBlockHash = ancestors) =>
    executeBlock({ chain, state, parent, attributes, getBlockHash })
  const collector = new ProofCollector({ endpoint, chain, parent, report })
  const { stats } = collector
  const { witness } = given
  let lack = given.refusal ?? undefined
  if (witness) {
    const common = { chain, parent, witness, collector, execute, report }
    const outcome = await executeWitness({ ...common, getBlockHash: ancestors })
    const { executed } = outcome
    lack = outcome.lack
    if (executed && stats.accounts === 0) return { executed, from: 'witness', lack }
    if (executed) return { executed, from: 'witness and proofs', lack, stats }
    report(`the witness lacks ${lack}`)
  }
  if (source === 'witness') {
    const fault = witness ? `the witness lacks ${lack}` : (lack ?? 'it has no witnesses')
    throw new EndpointError(`${endpoint.name}: ${fault}`)
  }
  if (witness) {
    collector.add(Object.values(witness.state))
    collector.add(Object.values(witness.codes))
    const executed = await collector.run(new Map(), execute).catch((error: Error) => {
      if (!(error instanceof EndpointError)) throw error
      throw new EndpointError(`the witness lacks ${lack}; ${error.message}`)
    })
    return { executed, from: 'witness and proofs', lack, stats }
  }
  const first = namedKeys(block)
  const guessed = await collector.guess(toCalls(block))
  for (const [address, slots] of guessed) addKeys(first, address, slots)
  return { executed: await collector.run(first, execute), from: 'proofs', lack, stats }
}

/**
 * Checks a block: fetches it and the state before it, executes it, and compares all that the endpoint
 * says of it.
 *
 * @throws {EndpointError} if nothing is known about it
 * @throws {MismatchError} if what the endpoint gives does not fit together
 * @throws {InvalidBlockError} if no valid block has these transactions
 */
export async function checkBlock(options: CheckOptions): Promise<CheckedBlock> {
  const { endpoint, chain, number, source, report = () => {} } = options
  const before = endpoint.requests
  const block = await fetchBlock(endpoint, chain, number)
  const { header, hash, raw } = block
  report(`header and ${raw.length} transactions hash to ${hash}`)
  const parentHash = bytesToHex(header.parentHash)
  const [parent, given] = await Promise.all([
    fetchHeader(endpoint, chain, parentHash),
    source === 'proofs' ? {} : fetchWitness(endpoint, number),
  ])
  report(`the block before is ${parentHash}, with state root ${bytesToHex(parent.stateRoot)}`)
  const { executed, ...state } = await executeFetched(block, parent, given, options)
  report(`executed: state root ${bytesToHex(executed.header.stateRoot)}`)
  const computed = blockToJSON(executed)
  const claimedReceipts = await fetchReceipts(endpoint, hash)
  if (claimedReceipts && claimedReceipts.length !== raw.length) {
    const counts = `${claimedReceipts.length} receipts for ${raw.length} transactions`
    throw new MismatchError(`block ${number}: the endpoint gives ${counts}`)
  }
  const differences = compareBlock(computed, {
    header: { ...headerToJSON(header) },
    transactions: block.json,
    receipts: claimedReceipts,
  })
  report(`compared: ${differences.length} differences`)
  return {
    number: Number(number),
    hash,
    parentHash,
    fork: chain.rules(header).fork,
    txs: raw.length,
    gas: Number(header.gasUsed),
    ...state,
    requests: endpoint.requests - before,
    transactions: computed.transactions,
    receipts: computed.receipts,
    claimedReceipts,
    differences,
  }
}
