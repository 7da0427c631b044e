import type { BlockHeader, ExecutionPayload as EthereumPayload } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import { bytesToBigInt, bytesToHex, concatBytes, setLengthLeft, toBytes } from '@ethereumjs/util'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import * as API from '../ethereumjs/engineApi.ts'
import { assertRule } from '../ethereumjs/errors.ts'
import { indexedRoot } from '../ethereumjs/trie.ts'
import type { ExecutedBlock } from './block.ts'
import type { Chain } from './chain.ts'
import { type PayloadAttributes, createHeader } from './header.ts'

/** {@link PayloadAttributes} in JSON; `minBaseFee` may also be a number (E-13). */
export type PayloadAttributesJSON = PayloadAttributes<API.Hex, API.Hex>

/** A payload of the Engine API. */
export interface ExecutionPayload extends EthereumPayload {
  /** 32 bytes; from Isthmus (E-20). */
  withdrawalsRoot?: API.Hex
}

/** The parameters of `engine_newPayload` in one. */
export interface PayloadParams extends ExecutionPayload {
  versionedHashes?: API.Hex[]
  executionRequests?: API.Hex[]
}

const PAYLOAD: API.Fields = {
  ...API.PAYLOAD_FIELDS,
  withdrawalsRoot: { ...API.HASH, from: 'prague' },
}

/** What a fork needs of the optional ones is a rule, not a matter of form. */
const ATTRIBUTES: API.Fields = {
  ...API.ATTRIBUTES_FIELDS,
  transactions: { ...API.list(API.bytes()), isOptional: true },
  noTxPool: { ...API.BOOLEAN, isOptional: true },
  gasLimit: { ...API.UINT64, isOptional: true },
  eip1559Params: { ...API.bytes(), isOptional: true },
  minBaseFee: { ...API.NUMBER, isOptional: true },
}

/** @throws (-32602, -38003, -38005) if they are not for this version of `engine_forkchoiceUpdated` */
export function checkAttributes(chain: Chain, version: number, attributes: PayloadAttributesJSON) {
  API.checkFields('attributes', attributes, { timestamp: API.UINT64 })
  const { common } = chain.rules({ timestamp: BigInt(attributes.timestamp) })
  API.checkVersion('forkchoiceUpdated', version, common)
  API.checkFields('attributes', attributes, ATTRIBUTES, common, version === 1 ? -32602 : -38003)
}

/** @throws (-32602, -38005) if they are not for this version of `engine_newPayload` */
export function checkPayload(chain: Chain, version: number, payload: PayloadParams) {
  API.checkFields('payload', payload, { timestamp: API.UINT64 })
  const { common } = chain.rules({ timestamp: BigInt(payload.timestamp) })
  API.checkVersion('newPayload', version, common)
  API.checkFields('payload', payload, PAYLOAD, common)
}

/** The header that a payload claims, with the hash that follows from it (E-21, X-13). */
export function headerOfPayload(chain: Chain, payload: PayloadParams): BlockHeader {
  const { gasUsed, gasLimit } = payload
  const isWithin = BigInt(gasUsed) <= BigInt(gasLimit)
  assertRule(isWithin, `gasUsed ${gasUsed} exceeds gasLimit ${gasLimit}`)
  const { common } = chain.rules({ timestamp: BigInt(payload.timestamp) })
  // The trie would leave it out, so the hash would be that of another block.
  assertRule(!payload.transactions.includes('0x'), 'a transaction is empty')
  const transactions = payload.transactions.map((raw) => toBytes(raw))
  return createHeader(chain, {
    ...payload,
    number: payload.blockNumber,
    coinbase: payload.feeRecipient,
    mixHash: payload.prevRandao,
    receiptTrie: payload.receiptsRoot,
    transactionsTrie: indexedRoot(common, transactions),
  })
}

/** The attributes of which only the block with this header can come, apart from transactions. */
export function attributesOfHeader(header: BlockHeader): PayloadAttributes {
  const { timestamp, gasLimit, mixHash: prevRandao, parentBeaconBlockRoot, extraData } = header
  const suggestedFeeRecipient = header.coinbase.bytes
  const eip1559Params = extraData.subarray(1, 9)
  const minBaseFee = extraData.length > 9 ? bytesToBigInt(extraData.subarray(9)) : undefined
  const place = { timestamp, gasLimit, prevRandao, suggestedFeeRecipient, parentBeaconBlockRoot }
  return { ...place, eip1559Params, minBaseFee, noTxPool: true }
}

/** The payload of a block. */
export function payloadOfBlock({ header, transactions }: ExecutedBlock): ExecutionPayload {
  const { coinbase, mixHash, receiptTrie, number, requestsHash, ...fields } = header.toJSON()
  const { transactionsTrie, uncleHash, difficulty, nonce, parentBeaconBlockRoot, ...same } = fields
  return {
    ...same,
    feeRecipient: coinbase,
    prevRandao: mixHash,
    receiptsRoot: receiptTrie,
    blockNumber: number,
    blockHash: bytesToHex(header.hash()),
    transactions: transactions.map((raw) => bytesToHex(raw)),
    withdrawals: same.withdrawalsRoot && [],
    withdrawalsRoot: requestsHash && same.withdrawalsRoot,
  } as ExecutionPayload
}

/**
 * Identifies a build by everything that determines it: eight bytes in hex, of which the first is the
 * version of `engine_forkchoiceUpdated` (E-23).
 */
export function computePayloadId(
  version: number,
  parentHash: API.Hex,
  attributes: PayloadAttributesJSON,
): API.Hex {
  const { timestamp, withdrawals, noTxPool, gasLimit, minBaseFee } = attributes
  const uint64 = (value?: API.Hex | number | null) =>
    value == null ? [] : [setLengthLeft(toBytes(BigInt(value)), 8)]
  const hashes = (attributes.transactions ?? []).map((raw) => keccak_256(toBytes(raw)))
  const body = [Uint8Array.of(noTxPool ? 1 : 0), ...uint64(hashes.length), ...hashes]
  const preimage = [toBytes(parentHash), ...uint64(timestamp), toBytes(attributes.prevRandao)]
  preimage.push(toBytes(attributes.suggestedFeeRecipient))
  preimage.push(RLP.encode((withdrawals ?? []).map((withdrawal) => JSON.stringify(withdrawal))))
  preimage.push(toBytes(attributes.parentBeaconBlockRoot))
  if (noTxPool || hashes.length > 0) preimage.push(...body)
  preimage.push(...uint64(gasLimit), toBytes(attributes.eip1559Params), ...uint64(minBaseFee))
  const digest = sha256(concatBytes(...preimage))
  return bytesToHex(concatBytes(Uint8Array.of(version), digest.subarray(1, 8)))
}
