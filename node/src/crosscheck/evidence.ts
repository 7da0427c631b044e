/** Gathers what a case file holds, from this client's database and from the main client. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Chain,
  type ExecutedBlock,
  InvalidBlockError,
  type PayloadAttributes,
  type Preimages,
  type State,
  StateError,
  attributesOfHeader,
  createWitnessState,
  executeBlock,
} from 'ethereumjs-op'
import { type BlockJSON, blockToJSON, encode, headerToJSON } from 'ethereumjs-op/blockchain'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  bigIntToHex,
  bytesToBigInt,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
  setLengthLeft,
} from 'ethereumjs-op/ethereumjs'
import { recordBlock } from '../debug/record.ts'
import type { Store } from '../store/store.ts'
import type { Difference } from '../verify/differences.ts'
import type { Endpoint } from '../verify/endpoint.ts'
import { EndpointError } from '../verify/errors.ts'
import { ProofCollector } from '../verify/proofs.ts'
import { fetchBlock, fetchHash, fetchHeader } from '../verify/rpcBlock.ts'
import { fetchWitness } from '../verify/witness.ts'
import type { AccountDifference, CaseFile } from './caseFile.ts'
import type { Claim } from './claim.ts'
import { fieldsOf } from './exchange.ts'

/** Accounts that are compared after a block, and the slots of each. */
const MAX_ACCOUNTS = 256
const MAX_SLOTS = 1_024

/** Times that a block is asked for which the main client is about to have, and milliseconds between. */
const TRIES = 5
const PAUSE = 200

/** Bytes of the main client's witness that a case file takes up at most. */
const MAX_WITNESS = 2 ** 25

/** A block that was executed here, from a state of which all that was read is known. */
export interface Evidence {
  parent: BlockHeader
  attributes: PayloadAttributes
  /** Without one no valid block follows, and `invalid` says why. */
  block?: BlockJSON
  invalid?: string
  preimages: Preimages
  ancestors: Record<string, Hex>
  /** Addresses and slots: each address, and after it its slots. */
  keys: Hex[]
  /** The state after the block, where there is one. */
  state?: State
}

/** The evidence as a block file has it. */
export function toBlockFile(chain: Chain, evidence: Evidence): Omit<CaseFile, 'case' | 'config'> {
  const { parent, attributes, block, preimages, ancestors } = evidence
  const number = parent.number + 1n
  const { fork, common } = chain.rules({ number, timestamp: BigInt(`${attributes.timestamp}`) })
  return {
    chainId: Number(common.chainId()),
    blockNumber: Number(number),
    hardfork: fork,
    parentHeader: headerToJSON(parent),
    payloadAttributes: encode(attributes) as unknown as PayloadAttributes,
    preimages,
    ancestorHashes: ancestors,
    derivedBlockHash: block?.header.hash as Hex | undefined,
  }
}

function toPreimages(chain: Chain, parts: Iterable<Hex | Uint8Array>): Preimages {
  const keccak256 = chain.common.customCrypto.keccak256!
  const preimages: Preimages = {}
  for (const part of parts) {
    const bytes = typeof part === 'string' ? hexToBytes(part) : part
    preimages[bytesToHex(keccak256(bytes))] = bytesToHex(bytes)
  }
  return preimages
}

/** Executes a block again from this client's own state. @throws {StateError} if it is not kept */
export async function recordEvidence(
  store: Store,
  parent: BlockJSON,
  attributes: PayloadAttributes,
): Promise<Evidence> {
  const { chain } = store
  const { block, invalid, witness, ancestors, state } = await recordBlock(store, parent, attributes)
  const parts = [...Object.values(witness.state), ...Object.values(witness.codes)]
  return {
    parent: store.after(parent).header,
    attributes,
    block: block && blockToJSON(block),
    invalid: invalid?.message,
    preimages: toPreimages(chain, parts),
    ancestors,
    keys: witness.keys,
    state: block && state,
  }
}

/** The hex values of a part of a witness, whatever its form. */
const hexIn = (part: unknown): Hex[] =>
  Object.values(fieldsOf(part)).filter(
    (value): value is Hex => typeof value === 'string' && /^0x([0-9a-f]{2})*$/i.test(value),
  )

/**
 * Executes a block of the main client from the main client's own witness, or from its proofs.
 *
 * @throws {EndpointError} if it does not give them, or the block
 * @throws {MismatchError} if what it gives does not fit together
 */
export async function fetchEvidence(
  endpoint: Endpoint,
  chain: Chain,
  number: number,
): Promise<Evidence> {
  const { header, raw } = await fetchBlock(endpoint, chain, BigInt(number))
  const parent = await fetchHeader(endpoint, chain, bytesToHex(header.parentHash))
  const attributes: PayloadAttributes = {
    ...attributesOfHeader(header),
    transactions: raw.map((tx) => bytesToHex(tx)),
  }
  const ancestors: Record<string, Hex> = {}
  const getBlockHash = async (ancestor: bigint) => {
    ancestors[`${ancestor}`] ??= await fetchHash(endpoint, ancestor)
    return ancestors[`${ancestor}`]
  }
  let block: ExecutedBlock | undefined
  let invalid: string | undefined
  const run = async (state: State) => {
    try {
      block = await executeBlock({ chain, state, parent, attributes, getBlockHash })
    } catch (error) {
      if (!(error instanceof InvalidBlockError)) throw error
      invalid = error.message
    }
  }
  const { state: nodes, codes } = fieldsOf((await fetchWitness(endpoint, BigInt(number))).witness)
  let preimages = toPreimages(chain, [...hexIn(nodes), ...hexIn(codes)])
  try {
    await run(createWitnessState(chain.common, parent.stateRoot, preimages))
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    const collector = new ProofCollector({ endpoint, chain, parent })
    await collector.run(new Map(), run)
    preimages = toPreimages(chain, collector.nodes.values())
  }
  return {
    parent,
    attributes,
    block: block && blockToJSON(block),
    invalid,
    preimages,
    ancestors,
    keys: [],
  }
}

/**
 * What the main client says of a block by its hash, as soon as it has it; nothing if it has not.
 *
 * @throws {EndpointError} if it does not answer
 */
export async function fetchClaim(endpoint: Endpoint, hash: Hex): Promise<Omit<Claim, 'verdict'>> {
  const calls = [
    { method: 'eth_getBlockByHash', params: [hash, true] },
    { method: 'eth_getBlockReceipts', params: [hash] },
  ]
  for (let tries = 0; tries < TRIES; tries++) {
    const [block, receipts] = await endpoint.attempt(calls)
    const { error } = block
    if (error) throw new EndpointError(`${endpoint.name}: ${error.message} (${error.code})`)
    if (block.result != null) {
      const { transactions, ...header } = fieldsOf(block.result)
      return {
        header,
        transactions: Array.isArray(transactions) ? transactions : undefined,
        receipts: Array.isArray(receipts.result) ? receipts.result : undefined,
      }
    }
    await sleep(PAUSE)
  }
  return {}
}

/** The main client's witness of a block, where it gives one that is not too large. */
export async function fetchSmallWitness(endpoint: Endpoint, number: number): Promise<unknown> {
  const { witness } = await fetchWitness(endpoint, BigInt(number))
  return witness && JSON.stringify(witness).length <= MAX_WITNESS ? witness : undefined
}

/** Slots by the address of their account. */
function groupKeys(keys: Hex[]): Map<Hex, Hex[]> {
  const groups = new Map<Hex, Hex[]>()
  let slots: Hex[] = []
  for (const key of keys) {
    if (key.length > 42) slots.push(key)
    else {
      slots = groups.get(key) ?? []
      groups.set(key, slots)
    }
  }
  return groups
}

const toQuantity = (bytes: Uint8Array) => bigIntToHex(bytesToBigInt(setLengthLeft(bytes, 32)))

/**
 * Accounts and slots that the block has touched and that differ after it.
 *
 * @param hash - by which the main client knows the block
 * @throws if the main client does not say
 */
export async function compareStates(
  endpoint: Endpoint,
  hash: Hex,
  state: State,
  keys: Hex[],
): Promise<AccountDifference[]> {
  const groups = [...groupKeys(keys)].slice(0, MAX_ACCOUNTS)
  const answers = await endpoint.batch(
    groups.map(([address, slots]) => ({
      method: 'eth_getProof',
      params: [address, slots.slice(0, MAX_SLOTS), { blockHash: hash }],
    })),
  )
  const different: AccountDifference[] = []
  for (const [index, [address, slots]] of groups.entries()) {
    const place = createAddressFromString(address)
    const account = await state.getAccount(place)
    const { balance, nonce, storageProof } = fieldsOf(answers[index])
    const fields: Difference[] = []
    const compare = (where: string, computed: bigint, claimed: unknown) => {
      const isNumber = typeof claimed === 'string' && /^0x[0-9a-f]*$/i.test(claimed)
      if (isNumber && BigInt(claimed === '0x' ? 0 : claimed) === computed) return
      fields.push({ where, computed: bigIntToHex(computed), claimed })
    }
    compare('balance', account?.balance ?? 0n, balance)
    compare('nonce', account?.nonce ?? 0n, nonce)
    for (const [position, slot] of slots.slice(0, MAX_SLOTS).entries()) {
      const computed = toQuantity(await state.getStorage(place, hexToBytes(slot)))
      const { value } = fieldsOf(fieldsOf(storageProof)[position])
      compare(`slot ${slot}`, BigInt(computed), value)
    }
    if (fields.length > 0) different.push({ address, fields })
  }
  return different
}
