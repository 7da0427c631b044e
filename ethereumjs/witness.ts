/** Execution witnesses, as clients give them for a block of any chain (`debug_executionWitness`). */
import { type HeaderData, valuesArrayToHeaderData } from '@ethereumjs/block'
import type { Common } from '@ethereumjs/common'
import { RLP } from '@ethereumjs/rlp'
import {
  type Address,
  type BytesLike,
  type PrefixedHexString as Hex,
  KECCAK256_RLP,
  bigIntToUnpaddedBytes,
  bytesToBigInt,
  bytesToHex,
  bytesToUnprefixedHex,
  equalsBytes,
  hexToBytes,
  toBytes,
} from '@ethereumjs/util'
import { show } from './errors.ts'
import { type Awaitable, type Nodes, State, StateError } from './state.ts'
import type { GetBlockHash } from './vm.ts'

/** A header in the form of JSON-RPC. */
export type HeaderFields = Record<string, unknown>

/** What a block reads of the state before it, and the headers before it: all that executes it. */
export interface ExecutionWitness {
  /** Trie nodes in hex: a list, or an object that has each under its hash. */
  state: Hex[] | Record<string, Hex>
  /** Contract code, likewise. */
  codes: Hex[] | Record<string, Hex>
  /** The addresses and slots to which the nodes lead. Not needed here. */
  keys?: unknown
  /**
   * The parent's header and, if BLOCKHASH reaches further back, those before it without a gap; in any
   * order, in RLP or in the form of JSON-RPC.
   */
  headers: (Hex | HeaderFields)[]
}

/** What {@link readWitness} makes of a witness, by the names that executing a block has for it. */
export interface WitnessContents {
  /** The header before the block. */
  parent: HeaderData
  /** The state after `parent`, as far as the witness holds it. */
  state: State
  /** Knows the hashes of those blocks whose headers, or whose child's header, the witness holds. */
  getBlockHash: GetBlockHash
  /** Accounts that were assumed not to exist, so far. */
  absent: Set<Hex>
}

/** See {@link readWitness}. */
export interface WitnessOptions {
  /**
   * Take an account for absent whose node the witness lacks. Geth and its kin look up accounts that do
   * not exist without noting the nodes on the way, unless the block creates them: one block in six
   * reads such an account, of 3,000 random ones. What comes of a block is then right only if all that
   * `absent` holds in the end do not exist.
   */
  assumeAbsent?: boolean
}

/** Reads something, and names it where it cannot be read, unless a read within has named itself. */
async function read<T>(name: string, value: Promise<T>): Promise<T> {
  try {
    return await value
  } catch (error) {
    const isUnnamed = error instanceof StateError && error.cause === undefined
    throw isUnnamed ? new StateError(`${name}: ${error.message}`, { cause: error }) : error
  }
}

/** The state of a witness, some accounts of which may be assumed not to exist. */
class WitnessState extends State {
  readonly absent = new Set<Hex>()
  /** Not after the block, where what it has not touched may be asked for. */
  #isAssuming: boolean

  constructor(common: Common, nodes: Nodes, root: Uint8Array, assumeAbsent: boolean) {
    super(common, nodes, root)
    this.#isAssuming = assumeAbsent
  }

  override async getAccount(address: Address) {
    try {
      return await read(`account ${address}`, super.getAccount(address))
    } catch (error) {
      const isAssumed = this.#isAssuming && error instanceof StateError
      if (!isAssumed) throw error
      this.absent.add(address.toString())
      return undefined
    }
  }

  override getStorage(address: Address, key: Uint8Array) {
    return read(`slot ${bytesToHex(key)} of ${address}`, super.getStorage(address, key))
  }

  override getCode(address: Address) {
    return read(`code of ${address}`, super.getCode(address))
  }

  override async flush() {
    await super.flush()
    this.#isAssuming = false
  }

  protected override isAbsent(address: Hex) {
    return this.absent.has(address)
  }
}

/**
 * A state that notes what is read of it: a witness for what executes on it. It has no nodes or code
 * but those that were needed, and the root, without which other clients open no state.
 */
export class RecordingState extends State {
  readonly #nodes = new Map<string, Uint8Array>()
  readonly #codes = new Map<string, Uint8Array>()
  /** Slots by their address. */
  readonly #keys = new Map<Hex, Set<Hex>>()
  readonly #readRoot: () => Awaitable<unknown>
  #size = 0

  /**
   * @param nodes - what the state consists of
   * @param root - 32 bytes, of the state before the block
   */
  constructor(common: Common, nodes: Nodes, root: Uint8Array) {
    const get = async (hash: string, isCode?: boolean) => {
      const value = await nodes.get(hash, isCode)
      if (value) this.#note(hash, value, isCode)
      return value
    }
    super(common, { get }, root)
    const isEmpty = equalsBytes(root, KECCAK256_RLP)
    this.#readRoot = () => !isEmpty && get(bytesToUnprefixedHex(root))
  }

  #note(hash: string, value: Uint8Array, isCode = false) {
    const noted = isCode ? this.#codes : this.#nodes
    if (noted.has(hash)) return
    noted.set(hash, value)
    this.#size += value.length
  }

  /** Bytes of nodes and code so far. */
  get size(): number {
    return this.#size
  }

  override async getStateRoot() {
    await this.#readRoot()
    return super.getStateRoot()
  }

  #slotsOf(address: Address): Set<Hex> {
    const key = address.toString()
    const slots = this.#keys.get(key) ?? new Set()
    this.#keys.set(key, slots)
    return slots
  }

  override async getAccount(address: Address) {
    this.#slotsOf(address)
    return super.getAccount(address)
  }

  override async getStorage(address: Address, key: Uint8Array) {
    this.#slotsOf(address).add(bytesToHex(key))
    return super.getStorage(address, key)
  }

  /**
   * What has been read so far.
   *
   * @param headers - in RLP, of the parent and of what BLOCKHASH has needed
   */
  toWitness(headers: Uint8Array[]): ExecutionWitness & { keys: Hex[] } {
    const toHex = (values: Iterable<Uint8Array>) => Array.from(values, (value) => bytesToHex(value))
    return {
      state: toHex(this.#nodes.values()),
      codes: toHex(this.#codes.values()),
      // Each address, and after it its slots.
      keys: [...this.#keys].flatMap(([address, slots]) => [address, ...slots]),
      headers: toHex(headers),
    }
  }
}

/** A field of a header: its name in JSON-RPC, and its bytes; without them it is a number. */
interface HeaderField {
  name: string
  /** Infinity where it may have any. */
  size?: number
}

/** In the order of their encoding. Every header has the first 15. */
const HEADER_FIELDS: HeaderField[] = [
  { name: 'parentHash', size: 32 },
  { name: 'sha3Uncles', size: 32 },
  { name: 'miner', size: 20 },
  { name: 'stateRoot', size: 32 },
  { name: 'transactionsRoot', size: 32 },
  { name: 'receiptsRoot', size: 32 },
  { name: 'logsBloom', size: 256 },
  { name: 'difficulty' },
  { name: 'number' },
  { name: 'gasLimit' },
  { name: 'gasUsed' },
  { name: 'timestamp' },
  { name: 'extraData', size: Infinity },
  { name: 'mixHash', size: 32 },
  { name: 'nonce', size: 8 },
  { name: 'baseFeePerGas' },
  { name: 'withdrawalsRoot', size: 32 },
  { name: 'blobGasUsed' },
  { name: 'excessBlobGas' },
  { name: 'parentBeaconBlockRoot', size: 32 },
  { name: 'requestsHash', size: 32 },
]
const LEAST_FIELDS = 15

const isHex = (value: unknown): value is Hex =>
  typeof value === 'string' && /^0x(?:[0-9a-f]{2})*$/i.test(value)

const isQuantity = (value: unknown): value is Hex =>
  typeof value === 'string' && /^0x[0-9a-f]{1,64}$/i.test(value)

/**
 * Encodes a header that has the form of JSON-RPC. What it has beside the fields of a header is left out.
 *
 * @returns the RLP, whose keccak256 is the hash of the block
 * @throws {StateError} if a field is missing or no hex
 */
export function encodeHeaderFields(header: HeaderFields): Uint8Array {
  const last = HEADER_FIELDS.findLastIndex(({ name }) => header[name] != null)
  const fields = HEADER_FIELDS.slice(0, Math.max(last + 1, LEAST_FIELDS))
  const values = fields.map(({ name, size }) => {
    const value = header[name]
    if (value == null) throw new StateError(`a header has no ${name}`)
    const isNumber = size === undefined
    const isFit = isNumber ? isQuantity(value) : isHex(value)
    if (!isFit) throw new StateError(`a header has ${name} ${show(value)}`)
    return isNumber ? bigIntToUnpaddedBytes(BigInt(value as Hex)) : hexToBytes(value as Hex)
  })
  return RLP.encode(values)
}

/** @throws {StateError} if it is no header in RLP */
export function decodeHeader(raw: Uint8Array): HeaderData {
  let values: unknown
  try {
    values = RLP.decode(raw)
  } catch (error) {
    throw new StateError(`a header is no RLP: ${(error as Error).message}`)
  }
  const count = Array.isArray(values) ? values.length : 0
  if (count < LEAST_FIELDS || count > HEADER_FIELDS.length) {
    throw new StateError(`a header has ${count} fields: ${show(bytesToHex(raw))}`)
  }
  const fields = values as unknown[]
  for (const [index, value] of fields.entries()) {
    const { name, size } = HEADER_FIELDS[index]
    if (!(value instanceof Uint8Array)) throw new StateError(`a header has a list for ${name}`)
    const isNumber = value.length <= 32 && value[0] !== 0
    const isFit = size === undefined ? isNumber : size === Infinity || value.length === size
    if (!isFit) throw new StateError(`a header has ${name} ${show(bytesToHex(value))}`)
  }
  return valuesArrayToHeaderData(fields as Uint8Array[])
}

/** Adds the entries of a part of a witness by their hashes. @throws {StateError} if there are others */
function addPreimages(
  nodes: Map<string, Uint8Array>,
  part: 'state' | 'codes',
  entries: unknown,
  keccak256: (bytes: Uint8Array) => Uint8Array,
) {
  if (!(entries instanceof Object)) {
    throw new StateError(`the witness has no ${part}: ${show(entries)}`)
  }
  for (const [key, entry] of Object.entries(entries)) {
    if (!isHex(entry)) throw new StateError(`witness ${part}[${key}] is ${show(entry)}`)
    const value = hexToBytes(entry)
    const hash = bytesToHex(keccak256(value))
    const isSame = Array.isArray(entries) || key.toLowerCase() === hash
    if (!isSame) throw new StateError(`witness ${part}[${key}] hashes to ${hash}`)
    nodes.set(hash.slice(2), value)
  }
}

/**
 * Reads a witness. Nothing in it is believed: nodes and code are known by their hashes, headers by
 * the hash in the header after them.
 *
 * @param common - of the chain, for its keccak256
 * @param parentHash - 32 bytes, of the block that is to be executed
 * @throws {StateError} if it has not the form of one, lacks the parent's header, or has a header that
 * is no ancestor of the block
 */
export function readWitness(
  common: Common,
  parentHash: BytesLike,
  witness: ExecutionWitness,
  { assumeAbsent = false }: WitnessOptions = {},
): WitnessContents {
  const keccak256 = common.customCrypto.keccak256!
  const { state, codes, headers } = Object(witness) as Record<string, unknown>
  const nodes = new Map<string, Uint8Array>()
  addPreimages(nodes, 'state', state, keccak256)
  addPreimages(nodes, 'codes', codes, keccak256)
  if (!Array.isArray(headers)) throw new StateError(`the witness has no headers: ${show(headers)}`)
  const unlinked = new Map<string, { index: number; data: HeaderData }>()
  for (const [index, header] of headers.entries()) {
    const isFit = isHex(header) || header instanceof Object
    if (!isFit) throw new StateError(`witness headers[${index}] is ${show(header)}`)
    const raw = isHex(header) ? hexToBytes(header) : encodeHeaderFields(header)
    unlinked.set(bytesToHex(keccak256(raw)), { index, data: decodeHeader(raw) })
  }
  const hashes = new Map<bigint, Uint8Array>()
  let parent: HeaderData | undefined
  let hash = toBytes(parentHash)
  for (;;) {
    const key = bytesToHex(hash)
    const found = unlinked.get(key)
    if (!found) break
    unlinked.delete(key)
    parent ??= found.data
    hashes.set(bytesToBigInt(toBytes(found.data.number as BytesLike)), hash)
    hash = toBytes(found.data.parentHash as BytesLike)
    hashes.set(bytesToBigInt(toBytes(found.data.number as BytesLike)) - 1n, hash)
  }
  if (!parent) {
    throw new StateError(`the witness lacks the header of the parent ${bytesToHex(hash)}`)
  }
  for (const [other, { index }] of unlinked) {
    throw new StateError(`witness headers[${index}] ${other} is no ancestor of the block`)
  }
  const root = toBytes(parent.stateRoot as BytesLike)
  const witnessState = new WitnessState(common, nodes, root, assumeAbsent)
  return {
    parent,
    state: witnessState,
    getBlockHash: (number) => hashes.get(number),
    absent: witnessState.absent,
  }
}
