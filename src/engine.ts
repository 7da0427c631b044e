import { RLP } from '@ethereumjs/rlp'
import { bigIntMax, bytesToHex, concatBytes, hexToBytes } from '@ethereumjs/util'
import { setLengthLeft, toBytes } from '@ethereumjs/util'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { z } from 'zod'
import type { Rules } from './chain.ts'
import { indexedRoot } from './execute.ts'
import { calculateBaseFee } from './header.ts'
import {
  type BlockJSON,
  type HeaderJSON,
  difference,
  encode,
  headerFromJSON,
  headerToJSON,
} from './json.ts'
import { type Node, createQueue } from './node.ts'
import type { Pool } from './pool.ts'
import { ADDRESS, DATA, HASH, type Methods, QUANTITY, RPCError, bytes, method } from './rpc.ts'
import { StateError } from './state.ts'

/** Ethereum rule sets that the versions of a method are for, version 1 first (E-01…E-10). */
const VERSIONS = {
  forkchoiceUpdated: ['paris', 'paris shanghai', 'cancun prague osaka'],
  newPayload: ['paris', 'paris shanghai', 'cancun', 'prague osaka'],
  getPayload: ['paris', 'paris shanghai', 'cancun', 'prague', 'osaka'],
}

/** Most payloads, and most invalid blocks, that are remembered. */
const MAX_REMEMBERED = 128

const ZERO_HASH = `0x${'00'.repeat(32)}`

/** How this client introduces itself; the code is that of EthereumJS. */
const CLIENT = { code: 'EJ', name: 'ethereumjs-op', version: '0.1.0', commit: '0x00000000' }

/** What payloads and attributes have in common. */
const SHARED = {
  timestamp: QUANTITY,
  prevRandao: HASH,
  withdrawals: z.array(z.unknown()).nullish(),
}

/** Payload attributes; some clients write `minBaseFee` as a number (E-13). */
const ATTRIBUTES = z.object({
  ...SHARED,
  ...{ suggestedFeeRecipient: ADDRESS, parentBeaconBlockRoot: HASH.nullish() },
  ...{ transactions: z.array(DATA).nullish(), noTxPool: z.boolean().nullish() },
  ...{ gasLimit: QUANTITY.nullish(), eip1559Params: bytes(8).nullish() },
  minBaseFee: z.union([z.int().min(0).transform(BigInt), QUANTITY]).nullish(),
})

/** An execution payload (E-20). */
const PAYLOAD = z.object({
  ...SHARED,
  ...{ parentHash: HASH, blockHash: HASH, stateRoot: HASH, receiptsRoot: HASH },
  ...{ feeRecipient: ADDRESS, logsBloom: bytes(256), extraData: DATA, transactions: z.array(DATA) },
  ...{ blockNumber: QUANTITY, gasLimit: QUANTITY, gasUsed: QUANTITY, baseFeePerGas: QUANTITY },
  ...{ blobGasUsed: QUANTITY.nullish(), excessBlobGas: QUANTITY.nullish() },
  withdrawalsRoot: HASH.nullish(),
})

/** Fields of a payload, with the name that a header has for them. */
const HEADER_NAMES = Object.entries({
  ...{ feeRecipient: 'miner', prevRandao: 'mixHash', blockNumber: 'number', blockHash: 'hash' },
})

const FORKCHOICE = z.object({ headBlockHash: HASH, safeBlockHash: HASH, finalizedBlockHash: HASH })

type Attributes = z.output<typeof ATTRIBUTES>
type Payload = z.output<typeof PAYLOAD>

/** The payload of a block; `withdrawalsRoot` is part of it from Isthmus on (E-20). */
function toPayload({ header, raw }: BlockJSON, { isActive }: Rules) {
  const renamed = HEADER_NAMES.map(([name, headerName]) => [name, header[headerName]])
  const withdrawalsRoot = isActive('isthmus') ? header.withdrawalsRoot : undefined
  const body = { transactions: raw, withdrawals: header.withdrawalsRoot && [], withdrawalsRoot }
  return encode(PAYLOAD.parse({ ...header, ...Object.fromEntries(renamed), ...body }))
}

/** The attributes that give the block of a payload. */
function toAttributes(payload: Payload, parentBeaconBlockRoot?: string) {
  const { feeRecipient: suggestedFeeRecipient, extraData } = payload
  const [params, minimum] = [extraData.slice(4, 20), extraData.slice(20)]
  const eip1559Params = params && `0x${params}`
  const minBaseFee = minimum ? `0x${minimum}` : undefined
  const own = { suggestedFeeRecipient, parentBeaconBlockRoot, eip1559Params, minBaseFee }
  return { ...payload, ...own } as Attributes
}

/** Identifies a build by everything that determines it (E-23). */
export function toPayloadId(version: number, parentHash: string, attributes: Attributes) {
  const { timestamp, prevRandao, suggestedFeeRecipient, parentBeaconBlockRoot } = attributes
  const { noTxPool, transactions, gasLimit, eip1559Params, minBaseFee } = attributes
  const field = (value: string | bigint | null | undefined, length: number) =>
    value == null ? new Uint8Array() : setLengthLeft(toBytes(value as bigint), length)
  const hashes = (transactions ?? []).map((raw) => keccak_256(hexToBytes(raw)))
  const list = [Uint8Array.of(noTxPool ? 1 : 0), field(BigInt(hashes.length), 8), ...hashes]
  const preimage = [
    ...[field(parentHash, 32), field(timestamp, 8), field(prevRandao, 32)],
    ...[field(suggestedFeeRecipient, 20), RLP.encode([]), field(parentBeaconBlockRoot, 32)],
    ...(noTxPool || hashes.length > 0 ? list : []),
    ...[field(gasLimit, 8), field(eip1559Params, 8), field(minBaseFee, 8)],
  ]
  const digest = sha256(concatBytes(...preimage))
  return bytesToHex(concatBytes(Uint8Array.of(version), digest.subarray(1, 8)))
}

/** What is known of a payload, or of the head of a forkchoice. */
const toStatus = (status: string, latestValidHash?: string, validationError?: string) => ({
  ...{ status, latestValidHash: latestValidHash ?? null, validationError: validationError ?? null },
})

/** Adds an entry and forgets the oldest above the limit. */
function remember(map: Map<string, string>, key: string, value: string) {
  map.set(key, value)
  if (map.size > MAX_REMEMBERED) map.delete(map.keys().next().value!)
}

/** The Engine API of a node, as op-node calls it; its calls run one after another. */
export function createEngine(node: Node, pool: Pool, log: (text: string) => void): Methods {
  const { chain, store } = node
  const enqueue = createQueue()
  /** Hashes of built blocks by payload id. */
  const payloads = new Map<string, string>()
  /** The last valid ancestor by the hash of an invalid block. */
  const invalid = new Map<string, string>()

  /** @throws if the version of a method is not for blocks of this time (E-08) */
  function rulesFor(name: keyof typeof VERSIONS, version: number, timestamp: bigint) {
    const rules = chain.rules({ number: BigInt(Number.MAX_SAFE_INTEGER), timestamp })
    if (VERSIONS[name][version - 1].includes(rules.common.hardfork())) return rules
    throw new RPCError(-38005, `engine_${name}V${version} is not for ${rules.fork} blocks`)
  }

  /** @throws if a field is missing, or there before its fork (E-08) */
  function checkFields({ fork, isActive }: Rules, code: number, fields: Partial<Attributes>) {
    const { withdrawals, parentBeaconBlockRoot } = fields
    if ((withdrawals != null) !== isActive('canyon')) {
      throw new RPCError(code, `withdrawals are ${withdrawals} in a ${fork} block`)
    }
    if ((parentBeaconBlockRoot != null) !== isActive('ecotone')) {
      throw new RPCError(
        code,
        `parentBeaconBlockRoot is ${parentBeaconBlockRoot} in a ${fork} block`,
      )
    }
  }

  /** Builds a block. @returns its payload id @throws if the attributes are not valid (E-28) */
  async function build(version: number, parent: BlockJSON, attributes: Attributes) {
    const id = toPayloadId(version, parent.header.hash, attributes)
    if (payloads.has(id)) return id
    const rules = rulesFor('forkchoiceUpdated', version, attributes.timestamp)
    const baseFee = calculateBaseFee(chain, node.after(parent).header, rules)
    const candidates = attributes.noTxPool ? [] : pool.candidates(baseFee)
    const { block, nodes } = await node.execute(parent, attributes, candidates).catch((error) => {
      throw error instanceof StateError ? error : new RPCError(-38003, error.message)
    })
    store.save(block, nodes)
    remember(payloads, id, block.header.hash)
    return id
  }

  const forkchoiceUpdated = (version: number) =>
    method([FORKCHOICE, ATTRIBUTES.nullish()], async (forkchoice, attributes) => {
      if (attributes) {
        const rules = rulesFor('forkchoiceUpdated', version, attributes.timestamp)
        checkFields(rules, version === 1 ? -32602 : -38003, attributes)
      }
      const { headBlockHash, safeBlockHash: safe, finalizedBlockHash: finalized } = forkchoice
      const [head, lastValid] = [store.find(headBlockHash), invalid.get(headBlockHash)]
      if (!head) {
        const isInvalid = lastValid || headBlockHash === ZERO_HASH
        const payloadStatus = toStatus(isInvalid ? 'INVALID' : 'SYNCING', lastValid)
        return { payloadStatus, payloadId: null }
      }
      const given = Object.entries({ safe, finalized }).filter(([, hash]) => hash !== ZERO_HASH)
      const previous = node.head().header.hash
      const dropped = store.setHead(head, Object.fromEntries(given))
      if (previous !== headBlockHash) {
        const { number, gasUsed } = head.header
        log(`head ${Number(number)} ${headBlockHash} ${head.raw.length} txs ${Number(gasUsed)} gas`)
        await pool.update(dropped)
      }
      const payloadId = attributes ? await build(version, head, attributes) : null
      return { payloadStatus: toStatus('VALID', headBlockHash), payloadId }
    })

  /** The header of a payload. @throws if the payload does not have the hash that it claims */
  async function readHeader(rules: Rules, payload: Payload, parentBeaconBlockRoot?: string) {
    const hasRoot = payload.withdrawalsRoot != null
    if (hasRoot !== rules.isActive('isthmus')) {
      throw new Error(`withdrawalsRoot is ${payload.withdrawalsRoot} in a ${rules.fork} block`)
    }
    const raw = payload.transactions.map((transaction) => hexToBytes(transaction))
    const transactionsRoot = await indexedRoot(rules, raw)
    const fields = encode({ ...payload, transactionsRoot, parentBeaconBlockRoot }) as HeaderJSON
    const renamed = HEADER_NAMES.map(([name, headerName]) => [headerName, fields[name]])
    const header = headerFromJSON(chain, { ...fields, ...Object.fromEntries(renamed) })
    const wrong = difference(headerToJSON(header), { hash: payload.blockHash })
    if (wrong) throw new Error(wrong)
    return headerToJSON(header)
  }

  const newPayload = (version: number) => {
    const since = <T extends z.ZodType>(first: number, schema: T) =>
      version < first ? z.undefined() : schema
    const schemas = [
      PAYLOAD,
      since(3, z.array(DATA)),
      since(3, HASH),
      since(4, z.array(DATA)),
    ] as const
    return method(
      [...schemas],
      async (payload, blobHashes = [], parentBeaconBlockRoot, requests = []) => {
        const { blockHash, parentHash } = payload
        const rules = rulesFor('newPayload', version, payload.timestamp)
        checkFields(rules, -32602, { ...payload, parentBeaconBlockRoot })
        let latestValidHash: string | undefined
        try {
          if (blobHashes.length + requests.length > 0)
            throw new Error('L2 has no blobs or requests')
          const header = await readHeader(rules, payload, parentBeaconBlockRoot)
          if (store.find(blockHash)) return toStatus('VALID', blockHash)
          latestValidHash = invalid.get(blockHash) ?? invalid.get(parentHash)
          if (latestValidHash) throw new Error('links to previously rejected block')
          const parent = store.find(parentHash)
          if (!parent) return toStatus('SYNCING')
          latestValidHash = parentHash
          const attributes = toAttributes(payload, parentBeaconBlockRoot)
          const { block, nodes } = await node.execute(parent, attributes)
          const wrong = difference(block.header, header)
          if (wrong) throw new Error(wrong)
          store.save(block, nodes)
          return toStatus('VALID', blockHash)
        } catch (error) {
          if (error instanceof StateError) throw error
          if (latestValidHash) remember(invalid, blockHash, latestValidHash)
          return toStatus('INVALID', latestValidHash, (error as Error).message)
        }
      },
    )
  }

  const getPayload = (version: number) =>
    method([bytes(8)], (id) => {
      const block = store.find(payloads.get(id) ?? id)
      if (!block) throw new RPCError(-38001, `payload ${id} is not known`)
      const { header, receipts } = block
      const rules = rulesFor('getPayload', version, BigInt(header.timestamp))
      const executionPayload = toPayload(block, rules)
      if (version === 1) return executionPayload
      const baseFee = BigInt(header.baseFeePerGas)
      const tips = receipts.map(
        ({ effectiveGasPrice, gasUsed }) =>
          bigIntMax(BigInt(effectiveGasPrice as string) - baseFee, 0n) * BigInt(gasUsed as string),
      )
      const blockValue = encode(tips.reduce((sum, tip) => sum + tip, 0n))
      const blobsBundle = { commitments: [], proofs: [], blobs: [] }
      const { parentBeaconBlockRoot } = header
      const extras = { blobsBundle, shouldOverrideBuilder: false, parentBeaconBlockRoot }
      const requests = version > 3 && { executionRequests: [] }
      return { executionPayload, blockValue, ...(version > 2 && extras), ...requests }
    })

  const methods: Methods = {
    engine_exchangeCapabilities: method([z.unknown()], () => Object.keys(methods)),
    engine_getClientVersionV1: method([z.unknown()], () => [CLIENT]),
  }
  for (const [name, create] of Object.entries({ forkchoiceUpdated, newPayload, getPayload })) {
    for (const index of VERSIONS[name as keyof typeof VERSIONS].keys()) {
      const run = create(index + 1)
      methods[`engine_${name}V${index + 1}`] = (params) => enqueue(() => run(params))
    }
  }
  return methods
}
