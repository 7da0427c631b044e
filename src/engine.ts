import { RLP } from '@ethereumjs/rlp'
import { bigIntMax, bytesToBigInt, bytesToHex, concatBytes } from '@ethereumjs/util'
import { setLengthLeft, toBytes } from '@ethereumjs/util'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { JsonRpcError } from 'jsonrpc-lite'
import { LRUCache } from 'lru-cache'
import type { Chain, Rules } from './chain.ts'
import { type PayloadAttributes, indexedRoot } from './execute.ts'
import { type BlockJSON, type JSONValue, compare, headerFromJSON, headerToJSON } from './json.ts'
import { readBytes, readHash, readQuantity } from './json.ts'
import { StateError } from './state.ts'

/** Ethereum rule sets that the versions of a method are for, version 1 first (E-01…E-10). */
const VERSIONS: Record<string, string[]> = {
  forkchoiceUpdated: ['paris', 'paris shanghai', 'cancun prague osaka'],
  newPayload: ['paris', 'paris shanghai', 'cancun', 'prague osaka'],
  getPayload: ['paris', 'paris shanghai', 'cancun', 'prague', 'osaka'],
}

/** How this client introduces itself; the code is that of EthereumJS. */
const CLIENT = { code: 'EJ', name: 'ethereumjs-op', version: '0.1.0', commit: '0x00000000' }

const ZERO_HASH = `0x${'00'.repeat(32)}`

/**
 * Identifies a build by everything that determines it: eight bytes in hex, of which the first is the
 * version of `engine_forkchoiceUpdated` (E-23).
 *
 * @param parentHash - 32 bytes in hex
 * @param attributes - as `engine_forkchoiceUpdated` gets them
 * @throws if a field cannot be encoded
 */
export function toPayloadId(version: number, parentHash: string, attributes: JSONValue) {
  const { transactions, noTxPool, prevRandao, suggestedFeeRecipient, ...others } = attributes
  const { timestamp, parentBeaconBlockRoot: root, gasLimit, eip1559Params, minBaseFee } = others
  // As text, for BigInt takes true, lists and empty text for numbers.
  const uint64 = (value: JSONValue) =>
    value == null ? new Uint8Array() : setLengthLeft(toBytes(BigInt(`${value}` || 'none')), 8)
  const preimage = [toBytes(parentHash as never), uint64(timestamp), toBytes(prevRandao)]
  const withdrawals = RLP.encode(attributes.withdrawals ?? [])
  preimage.push(toBytes(suggestedFeeRecipient), withdrawals, toBytes(root))
  const hashes = (transactions ?? []).map((raw: JSONValue) => keccak_256(toBytes(raw)))
  const list = [Uint8Array.of(noTxPool ? 1 : 0), uint64(hashes.length), ...hashes]
  if (noTxPool || hashes.length > 0) preimage.push(...list)
  preimage.push(uint64(gasLimit), toBytes(eip1559Params), uint64(minBaseFee))
  const digest = sha256(concatBytes(...preimage)).subarray(1, 8)
  return bytesToHex(concatBytes(Uint8Array.of(version), digest))
}

/** The payload of a block; `withdrawalsRoot` is part of it from Isthmus on (E-20). */
function toPayload({ header, raw }: BlockJSON): JSONValue {
  const { sha3Uncles, transactionsRoot, difficulty, nonce, size, requestsHash, ...rest } = header
  const { miner: feeRecipient, mixHash: prevRandao, parentBeaconBlockRoot, ...fields } = rest
  const { number: blockNumber, hash: blockHash, withdrawalsRoot: root, ...payload } = fields
  const body = { transactions: raw, withdrawals: root && [], withdrawalsRoot: requestsHash && root }
  return { ...payload, feeRecipient, prevRandao, blockNumber, blockHash, ...body }
}

/** What is known of a payload, or of the head of a forkchoice. */
function statusOf(status: string, latestValidHash: JSONValue = null, error: JSONValue = null) {
  return { status, latestValidHash, validationError: error }
}

/** Methods of JSON-RPC by name. Each checks its own parameters. */
export type Methods = Record<string, (...params: JSONValue[]) => unknown>

/**
 * What the Engine API needs of a node. Its methods must not run at the same time.
 *
 * - `find`: a block that was executed, by its hash in lower case; the head by `latest`. Throws a
 *   `StateError` where it cannot read, so that nothing is taken for unknown or invalid
 * - `execute`: executes and keeps the block that follows (`executeBlock`, `blockToJSON`). Unless the
 *   attributes have `noTxPool`, it may add transactions that wait. Throws a `StateError` where nothing
 *   is known about the block, so that it is not taken for invalid
 * - `setHead`: makes a block the head, and gives the labels `safe` and `finalized` to those with these
 *   hashes; a label that is not given stays. An ancestor of the present head leaves the chain as it is:
 *   only labels change (E-39). Throws -38002, and changes nothing, if a label would not be on the chain
 *   of the block
 */
export interface Blockchain {
  chain: Chain
  find(id: string): BlockJSON | undefined
  execute(parent: BlockJSON, attributes: PayloadAttributes): Promise<BlockJSON>
  setHead(head: BlockJSON, labels: Record<string, string>): void
}

/**
 * The Engine API of a node, as op-node calls it: `engine_…` methods by name, which take the parameters
 * of JSON-RPC and give what `encode` makes an answer of.
 *
 * @param log - takes a line for each new head
 * @see https://specs.optimism.io/protocol/exec-engine.html#engine-api
 */
export function createEngine(node: Blockchain, log = (_: string) => {}): Methods {
  const { chain, find } = node
  /** Hashes of built blocks by payload id. */
  const payloads = new LRUCache<string, string>({ max: 128 })
  /** The last valid ancestor by the hash of an invalid block. */
  const invalid = new LRUCache<string, string>({ max: 128 })

  /**
   * The rules for attributes or for a payload.
   *
   * @throws if the version is not for blocks of this time (-38005), or a field is missing or given
   * before its fork (`code`, E-08)
   */
  function readRules(name: string, version: number, fields: JSONValue, code = -32602) {
    const { timestamp, withdrawals, parentBeaconBlockRoot: root } = Object(fields)
    const rules = chain.rules({ number: 2n ** 53n, timestamp: readQuantity(timestamp) })
    const { fork, isActive, common } = rules
    const isRight = VERSIONS[name][version - 1].includes(common.hardfork())
    if (!isRight) throw new JsonRpcError(`${name}V${version} is not for ${fork} blocks`, -38005)
    const [canyon, ecotone] = [isActive('canyon'), isActive('ecotone')]
    if (Array.isArray(withdrawals) === canyon && (root != null) === ecotone) return rules
    throw new JsonRpcError(`withdrawals or parentBeaconBlockRoot are not ${fork}'s`, code)
  }

  /** Builds a block. @returns its payload id @throws if the attributes are invalid (-38003) */
  async function build(version: number, parent: BlockJSON, attributes: JSONValue) {
    try {
      const id = toPayloadId(version, parent.header.hash, attributes)
      if (!payloads.has(id)) payloads.set(id, (await node.execute(parent, attributes)).header.hash)
      return id
    } catch (error) {
      throw error instanceof StateError ? error : new JsonRpcError((error as Error).message, -38003)
    }
  }

  /** Moves the head, if its block is known, and starts a build on it (E-26…E-46). */
  async function forkchoiceUpdated(version: number, state: JSONValue, attributes?: JSONValue) {
    const code = version === 1 ? -32602 : -38003
    if (attributes) readRules('forkchoiceUpdated', version, attributes, code)
    const read = (label: string) => readHash(Object(state)[`${label}BlockHash`])
    const [latest, safe, finalized] = ['head', 'safe', 'finalized'].map(read)
    const [head, previous] = [find(latest), find('latest')]
    if (!head) {
      const status = invalid.has(latest) || latest === ZERO_HASH ? 'INVALID' : 'SYNCING'
      return { payloadStatus: statusOf(status, invalid.get(latest)), payloadId: null }
    }
    const labels = Object.entries({ safe, finalized }).filter(([, hash]) => hash !== ZERO_HASH)
    node.setHead(head, Object.fromEntries(labels))
    const text = `head ${Number(head.header.number)} ${latest} ${head.raw.length} txs`
    if (find('latest')?.header.hash !== previous?.header.hash) log(text)
    const payloadId = attributes ? await build(version, head, attributes) : null
    return { payloadStatus: statusOf('VALID', latest), payloadId }
  }

  /** The header of a payload. @throws if it does not have the hash that the payload claims */
  async function readHeader(rules: Rules, payload: JSONValue) {
    const { feeRecipient: miner, prevRandao: mixHash, blockNumber: number } = payload
    const { withdrawalsRoot, blockHash: hash } = payload
    const isRight = (withdrawalsRoot != null) === rules.isActive('isthmus')
    if (!isRight) throw new Error(`withdrawalsRoot ${withdrawalsRoot} in a ${rules.fork} block`)
    const root = await indexedRoot(rules, payload.transactions.map(readBytes))
    const renamed = { miner, mixHash, number, transactionsRoot: bytesToHex(root) }
    const header = headerToJSON(headerFromJSON(chain, { ...payload, ...renamed }))
    compare(header, { hash: readHash(hash) })
    return header
  }

  /** Executes a payload and compares. The head stays where it is (E-21, E-32…E-35, E-46). */
  async function newPayload(version: number, payload: JSONValue, ...others: JSONValue[]) {
    const [hashes, parentBeaconBlockRoot, requests] = others
    const { parentHash, blockHash, feeRecipient: suggestedFeeRecipient } = Object(payload)
    const given = { ...payload, suggestedFeeRecipient, parentBeaconBlockRoot, noTxPool: true }
    const rules = readRules('newPayload', version, given)
    const lists = [hashes, requests].filter(Array.isArray).length
    if (lists !== Math.max(version - 2, 0)) throw JsonRpcError.invalidParams('a list is missing')
    let latestValidHash: string | undefined
    try {
      const isForeign = hashes?.length || requests?.length || payload.withdrawals?.length
      if (isForeign) throw new Error('L2 has no blobs, requests or withdrawals')
      const header = await readHeader(rules, given)
      if (find(blockHash)) return statusOf('VALID', blockHash)
      latestValidHash = invalid.get(blockHash) ?? invalid.get(parentHash)
      if (latestValidHash) throw new Error('links to previously rejected block')
      const parent = find(parentHash)
      if (!parent) return statusOf('SYNCING')
      latestValidHash = parentHash
      const bytes = readBytes(payload.extraData)
      const minBaseFee = bytes.length > 9 ? bytesToBigInt(bytes.subarray(9)) : undefined
      const attributes = { ...given, eip1559Params: bytes.subarray(1, 9), minBaseFee }
      compare((await node.execute(parent, attributes)).header, header)
      return statusOf('VALID', blockHash)
    } catch (error) {
      if (error instanceof StateError) throw error
      if (latestValidHash) invalid.set(blockHash, latestValidHash)
      return statusOf('INVALID', latestValidHash, (error as Error).message)
    }
  }

  /** A payload that was built, with its value and what is empty on L2 (E-10, E-18…E-22). */
  function getPayload(version: number, id: JSONValue) {
    const block = find(payloads.get(id) ?? 'unknown')
    if (!block) throw new JsonRpcError(`payload ${id} is not known`, -38001)
    const { parentBeaconBlockRoot, baseFeePerGas } = block.header
    const executionPayload = toPayload(block)
    readRules('getPayload', version, { ...executionPayload, parentBeaconBlockRoot })
    if (version === 1) return executionPayload
    // The price that a deposit pays is 0, below the base fee.
    const tipOf = ({ effectiveGasPrice, gasUsed }: JSONValue) =>
      bigIntMax(BigInt(effectiveGasPrice) - BigInt(baseFeePerGas), 0n) * BigInt(gasUsed)
    const blockValue = block.receipts.map(tipOf).reduce((sum: bigint, tip: bigint) => sum + tip, 0n)
    const blobsBundle = { commitments: [], proofs: [], blobs: [] }
    const envelope = { blobsBundle, shouldOverrideBuilder: false, parentBeaconBlockRoot }
    const requests = version > 3 && { executionRequests: [] }
    return { executionPayload, blockValue, ...(version > 2 && envelope), ...requests }
  }

  const methods: Methods = {
    engine_exchangeCapabilities: () => Object.keys(methods),
    engine_getClientVersionV1: () => [CLIENT],
  }
  const versioned: Methods = { forkchoiceUpdated, newPayload, getPayload }
  for (const [name, sets] of Object.entries(VERSIONS)) {
    for (let version = 1; version <= sets.length; version++) {
      methods[`engine_${name}V${version}`] = versioned[name].bind(undefined, version)
    }
  }
  return methods
}
