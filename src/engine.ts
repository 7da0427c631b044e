import { RLP } from '@ethereumjs/rlp'
import { type BytesLike, bigIntToBytes, bytesToHex, concatBytes } from '@ethereumjs/util'
import { hexToBytes, setLengthLeft, toBytes } from '@ethereumjs/util'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { JsonRpcError } from 'jsonrpc-lite'
import { LRUCache } from 'lru-cache'
import pLimit from 'p-limit'
import { z } from 'zod'
import type { Rules } from './chain.ts'
import { indexedRoot } from './execute.ts'
import { calculateBaseFee } from './header.ts'
import { type BlockJSON, type JSONObject, difference, encode } from './json.ts'
import { headerFromJSON, headerToJSON } from './json.ts'
import type { Node } from './node.ts'
import type { Pool } from './pool.ts'
import { ADDRESS, DATA, HASH, type Methods, QUANTITY, bytes, method } from './rpc.ts'
import { StateError } from './state.ts'

/** Ethereum rule sets that the versions of a method are for, version 1 first (E-01…E-10). */
const VERSIONS = {
  forkchoiceUpdated: ['paris', 'paris shanghai', 'cancun prague osaka'],
  newPayload: ['paris', 'paris shanghai', 'cancun', 'prague osaka'],
  getPayload: ['paris', 'paris shanghai', 'cancun', 'prague', 'osaka'],
}

/** How this client introduces itself; the code is that of EthereumJS. */
const CLIENT = { code: 'EJ', name: 'ethereumjs-op', version: '0.1.0', commit: '0x00000000' }

const ZERO_HASH = `0x${'00'.repeat(32)}`

const FORKCHOICE = z.object({ headBlockHash: HASH, safeBlockHash: HASH, finalizedBlockHash: HASH })

/** What payloads and attributes have in common. */
const SHARED = {
  timestamp: QUANTITY,
  prevRandao: HASH,
  withdrawals: z.array(z.unknown()).nullish(),
}

/** Payload attributes; some clients write `minBaseFee` as a number (E-13). */
const ATTRIBUTES = z
  .object({ ...SHARED, suggestedFeeRecipient: ADDRESS, parentBeaconBlockRoot: HASH.nullish() })
  .extend({ transactions: z.array(DATA).nullish(), noTxPool: z.boolean().nullish() })
  .extend({ gasLimit: QUANTITY.nullish(), eip1559Params: DATA.nullish() })
  .extend({ minBaseFee: z.union([z.int().min(0).transform(BigInt), QUANTITY]).nullish() })

/** An execution payload (E-20). */
const PAYLOAD = z
  .object({ ...SHARED, parentHash: HASH, blockHash: HASH, stateRoot: HASH, receiptsRoot: HASH })
  .extend({ feeRecipient: ADDRESS, logsBloom: bytes(256), extraData: DATA, blockNumber: QUANTITY })
  .extend({ gasLimit: QUANTITY, gasUsed: QUANTITY, baseFeePerGas: QUANTITY })
  .extend({ blobGasUsed: QUANTITY.nullish(), excessBlobGas: QUANTITY.nullish() })
  .extend({ transactions: z.array(DATA), withdrawalsRoot: HASH.nullish() })

/** Fields of a payload, with the name that a header has for them. */
const HEADER_NAMES = [
  ['feeRecipient', 'miner'],
  ['prevRandao', 'mixHash'],
  ['blockNumber', 'number'],
  ['blockHash', 'hash'],
]

type Attributes = z.output<typeof ATTRIBUTES>
type Payload = z.output<typeof PAYLOAD>

/** The payload of a block; `withdrawalsRoot` is part of it from Isthmus on (E-20). */
function toPayload({ header, raw }: BlockJSON, { isActive }: Rules) {
  const renamed = HEADER_NAMES.map(([name, headerName]) => [name, header[headerName]])
  const withdrawalsRoot = isActive('isthmus') ? header.withdrawalsRoot : undefined
  const body = { transactions: raw, withdrawals: header.withdrawalsRoot && [], withdrawalsRoot }
  return PAYLOAD.parse({ ...header, ...Object.fromEntries(renamed), ...body })
}

/** The attributes that give the block of a payload. */
function toAttributes(payload: Payload, parentBeaconBlockRoot?: string) {
  const { feeRecipient: suggestedFeeRecipient, extraData } = payload
  const [params, minimum] = [extraData.slice(4, 20), extraData.slice(20)]
  const eip1559Params = params ? `0x${params}` : undefined
  const minBaseFee = minimum ? `0x${minimum}` : undefined
  const own = { suggestedFeeRecipient, parentBeaconBlockRoot, eip1559Params, minBaseFee }
  return { ...payload, ...own } as Attributes
}

/** Identifies a build by everything that determines it (E-23). */
export function toPayloadId(version: number, parentHash: string, attributes: Attributes) {
  const { noTxPool, gasLimit, minBaseFee } = attributes
  const uint64 = (value?: bigint | null) =>
    value == null ? [] : [setLengthLeft(bigIntToBytes(value), 8)]
  const fixed = (name: keyof Attributes) => toBytes(attributes[name] as BytesLike)
  const hashes = (attributes.transactions ?? []).map((raw) => keccak_256(hexToBytes(raw)))
  const list = [Uint8Array.of(noTxPool ? 1 : 0), ...uint64(BigInt(hashes.length)), ...hashes]
  const preimage = concatBytes(
    ...[toBytes(parentHash as BytesLike), ...uint64(attributes.timestamp), fixed('prevRandao')],
    ...[fixed('suggestedFeeRecipient'), RLP.encode([]), fixed('parentBeaconBlockRoot')],
    ...(noTxPool || hashes.length > 0 ? list : []),
    ...[...uint64(gasLimit), fixed('eip1559Params'), ...uint64(minBaseFee)],
  )
  return bytesToHex(concatBytes(Uint8Array.of(version), sha256(preimage).subarray(1, 8)))
}

/** What is known of a payload, or of the head of a forkchoice. */
const toStatus = (status: string, latestValidHash?: string, validationError?: string) => ({
  status,
  latestValidHash: latestValidHash ?? null,
  validationError: validationError ?? null,
})

/** The Engine API of a node, as op-node calls it; its calls run one after another. */
export function createEngine(node: Node, pool: Pool, log: (text: string) => void): Methods {
  const limit = pLimit(1)
  /** Hashes of built blocks by payload id. */
  const payloads = new LRUCache<string, string>({ max: 128 })
  /** The last valid ancestor by the hash of an invalid block. */
  const invalid = new LRUCache<string, string>({ max: 128 })

  /** @throws if the version of a method is not for blocks of this time (E-08) */
  function rulesFor(name: keyof typeof VERSIONS, version: number, timestamp: bigint) {
    const rules = node.chain.rules({ number: BigInt(Number.MAX_SAFE_INTEGER), timestamp })
    if (VERSIONS[name][version - 1].includes(rules.common.hardfork())) return rules
    throw new JsonRpcError(`engine_${name}V${version} is not for ${rules.fork} blocks`, -38005)
  }

  /** @throws if a field is missing, or given before its fork (E-08) */
  function checkFields({ fork, isActive }: Rules, code: number, fields: Partial<Attributes>) {
    const { withdrawals, parentBeaconBlockRoot: root } = fields
    const isRight =
      (withdrawals != null) === isActive('canyon') && (root != null) === isActive('ecotone')
    if (!isRight)
      throw new JsonRpcError(
        `withdrawals ${withdrawals}, parentBeaconBlockRoot ${root} in a ${fork} block`,
        code,
      )
  }

  /** Builds and saves a block. @returns its payload id @throws if the attributes are invalid */
  async function build(version: number, parent: BlockJSON, attributes: Attributes) {
    const id = toPayloadId(version, parent.header.hash, attributes)
    if (payloads.has(id)) return id
    const rules = rulesFor('forkchoiceUpdated', version, attributes.timestamp)
    const baseFee = calculateBaseFee(node.chain, node.after(parent).header, rules)
    const candidates = attributes.noTxPool ? [] : pool.candidates(baseFee)
    const { block, nodes } = await node.execute(parent, attributes, candidates).catch((error) => {
      throw error instanceof StateError ? error : new JsonRpcError(error.message, -38003)
    })
    node.save(block, nodes)
    payloads.set(id, block.header.hash)
    return id
  }

  const forkchoiceUpdated = (version: number) =>
    method([FORKCHOICE, ATTRIBUTES.nullish()], async (forkchoice, attributes) => {
      if (attributes) {
        const rules = rulesFor('forkchoiceUpdated', version, attributes.timestamp)
        checkFields(rules, version === 1 ? -32602 : -38003, attributes)
      }
      const { headBlockHash, safeBlockHash: safe, finalizedBlockHash: finalized } = forkchoice
      const [head, latestValid] = [node.find(headBlockHash), invalid.get(headBlockHash)]
      if (!head) {
        const isInvalid = latestValid || headBlockHash === ZERO_HASH
        const payloadStatus = toStatus(isInvalid ? 'INVALID' : 'SYNCING', latestValid)
        return { payloadStatus, payloadId: null }
      }
      const previous = node.head().header.hash
      const given = Object.entries({ safe, finalized }).filter(([, hash]) => hash !== ZERO_HASH)
      const dropped = node.setHead(head, Object.fromEntries(given))
      if (previous !== headBlockHash) {
        log(`head ${Number(head.header.number)} ${headBlockHash} ${head.raw.length} txs`)
        await pool.update(dropped)
      }
      const payloadId = attributes ? await build(version, head, attributes) : null
      return { payloadStatus: toStatus('VALID', headBlockHash), payloadId }
    })

  /** The header of a payload. @throws if it does not have the hash that the payload claims */
  async function readHeader(rules: Rules, payload: Payload, parentBeaconBlockRoot?: string) {
    const { transactions, withdrawalsRoot, blockHash } = payload
    const isRight = (withdrawalsRoot != null) === rules.isActive('isthmus')
    if (!isRight) throw new Error(`withdrawalsRoot ${withdrawalsRoot} in a ${rules.fork} block`)
    const transactionsRoot = await indexedRoot(
      rules,
      transactions.map((raw) => hexToBytes(raw)),
    )
    const fields = encode({ ...payload, transactionsRoot, parentBeaconBlockRoot }) as JSONObject
    const renamed = HEADER_NAMES.map(([name, headerName]) => [headerName, fields[name]])
    const header = headerToJSON(
      headerFromJSON(node.chain, { ...fields, ...Object.fromEntries(renamed) }),
    )
    const wrong = difference(header, { hash: blockHash })
    if (wrong) throw new Error(wrong)
    return header
  }

  const newPayload = (version: number) => {
    const since = <T extends z.ZodType>(first: number, schema: T) =>
      version < first ? z.undefined().optional() : schema
    const schemas = [since(3, z.array(HASH)), since(3, HASH), since(4, z.array(DATA))] as const
    return method([PAYLOAD, ...schemas], async (payload, blobHashes, beaconRoot, requests) => {
      const { blockHash, parentHash } = payload
      const rules = rulesFor('newPayload', version, payload.timestamp)
      checkFields(rules, -32602, { ...payload, parentBeaconBlockRoot: beaconRoot })
      let latestValidHash: string | undefined
      try {
        if (blobHashes?.length || requests?.length || payload.withdrawals?.length)
          throw new Error('L2 has no blobs or requests')
        const header = await readHeader(rules, payload, beaconRoot)
        if (node.find(blockHash)) return toStatus('VALID', blockHash)
        latestValidHash = invalid.get(blockHash) ?? invalid.get(parentHash)
        if (latestValidHash) throw new Error('links to previously rejected block')
        const parent = node.find(parentHash)
        if (!parent) return toStatus('SYNCING')
        latestValidHash = parentHash
        const { block, nodes } = await node.execute(parent, toAttributes(payload, beaconRoot))
        const wrong = difference(block.header, header)
        if (wrong) throw new Error(wrong)
        node.save(block, nodes)
        return toStatus('VALID', blockHash)
      } catch (error) {
        if (error instanceof StateError) throw error
        if (latestValidHash) invalid.set(blockHash, latestValidHash)
        return toStatus('INVALID', latestValidHash, (error as Error).message)
      }
    })
  }

  const getPayload = (version: number) =>
    method([bytes(8)], (id) => {
      const block = node.find(payloads.get(id) ?? id)
      if (!block) throw new JsonRpcError(`payload ${id} is not known`, -38001)
      const { parentBeaconBlockRoot, baseFeePerGas, timestamp } = block.header
      const executionPayload = toPayload(block, rulesFor('getPayload', version, BigInt(timestamp)))
      if (version === 1) return executionPayload
      const tips = block.receipts.map(({ type, effectiveGasPrice, gasUsed }) =>
        type === '0x7e'
          ? 0n
          : (BigInt(effectiveGasPrice) - BigInt(baseFeePerGas)) * BigInt(gasUsed),
      )
      const blockValue = tips.reduce((sum, tip) => sum + tip, 0n)
      const blobsBundle = { commitments: [], proofs: [], blobs: [] }
      const envelope = { blobsBundle, shouldOverrideBuilder: false, parentBeaconBlockRoot }
      const requests = version > 3 && { executionRequests: [] }
      return { executionPayload, blockValue, ...(version > 2 && envelope), ...requests }
    })

  const methods: Methods = {
    engine_exchangeCapabilities: method([z.unknown()], () => Object.keys(methods)),
    engine_getClientVersionV1: method([z.unknown()], () => [CLIENT]),
  }
  for (const [name, create] of Object.entries({ forkchoiceUpdated, newPayload, getPayload })) {
    for (const index of VERSIONS[name as keyof typeof VERSIONS].keys()) {
      const run = create(index + 1)
      methods[`engine_${name}V${index + 1}`] = (params) => limit(() => run(params))
    }
  }
  return methods
}
