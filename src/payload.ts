import type { BlockHeader, ExecutionPayload as EthereumPayload } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import {
  type PrefixedHexString as Hex,
  bigIntToBytes,
  bytesToHex,
  concatBytes,
  hexToBytes,
  setLengthLeft,
  toBytes,
} from '@ethereumjs/util'
import { sha256 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  ATTRIBUTES_FIELDS,
  type Fields,
  HASH,
  PAYLOAD_FIELDS,
  UINT64,
  bytes,
  checkFields,
  checkVersion,
  list,
} from '../ethereumjs/engineApi.ts'
import type { ExecutedBlock } from './block.ts'
import type { Chain } from './chain.ts'
import { assertRule } from './errors.ts'
import { type PayloadAttributes, createHeader } from './header.ts'
import { indexedRoot } from './receipt.ts'

/** {@link PayloadAttributes} in JSON; `minBaseFee` may also be a number (E-13). */
export type PayloadAttributesJSON = PayloadAttributes<Hex, Hex>

/** A payload of the Engine API. */
export interface ExecutionPayload extends EthereumPayload {
  /** 32 bytes; from Isthmus (E-20). */
  withdrawalsRoot?: Hex
}

/** The parameters of `engine_newPayload` in one. */
export interface PayloadParams extends ExecutionPayload {
  versionedHashes?: Hex[]
  executionRequests?: Hex[]
}

const FIELDS: Fields = { ...PAYLOAD_FIELDS, withdrawalsRoot: { ...HASH, isOptional: true } }

/** What a fork needs of the optional ones is a rule, not a matter of form. */
const ATTRIBUTES: Fields = {
  ...ATTRIBUTES_FIELDS,
  transactions: { ...list(bytes()), isOptional: true },
  noTxPool: {
    description: 'a boolean',
    fits: (value) => typeof value === 'boolean',
    isOptional: true,
  },
  gasLimit: { ...UINT64, isOptional: true },
  eip1559Params: { ...bytes(), isOptional: true },
  minBaseFee: {
    description: `a number, or ${UINT64.description}`,
    fits: (value) => UINT64.fits(value) || (Number.isSafeInteger(value) && Number(value) >= 0),
    isOptional: true,
  },
}

/** @throws (-32602, -38003, -38005) if they are not for this version of `engine_forkchoiceUpdated` */
export function checkAttributes(chain: Chain, version: number, attributes: PayloadAttributesJSON) {
  checkFields('attributes', attributes, { timestamp: UINT64 })
  const { common } = chain.rules({ timestamp: BigInt(attributes.timestamp) })
  checkVersion('forkchoiceUpdated', version, common)
  checkFields('attributes', attributes, ATTRIBUTES, common, version === 1 ? -32602 : -38003)
}

/** @throws (-32602, -38005) if they are not for this version of `engine_newPayload` */
export function checkPayload(chain: Chain, version: number, payload: PayloadParams) {
  checkFields('payload', payload, { timestamp: UINT64 })
  const { common } = chain.rules({ timestamp: BigInt(payload.timestamp) })
  checkVersion('newPayload', version, common)
  checkFields('payload', payload, FIELDS, common)
}

/** The header that a payload claims, with the hash that follows from it (E-21, R-14, X-13). */
export async function headerOfPayload(chain: Chain, payload: PayloadParams): Promise<BlockHeader> {
  const { gasUsed, gasLimit, withdrawalsRoot } = payload
  const isWithin = BigInt(gasUsed) <= BigInt(gasLimit)
  assertRule(isWithin, `gasUsed ${gasUsed} exceeds gasLimit ${gasLimit}`)
  const rules = chain.rules({ timestamp: BigInt(payload.timestamp) })
  const isInPlace = rules.isActive('isthmus') === (withdrawalsRoot != null)
  assertRule(isInPlace, `withdrawalsRoot is ${withdrawalsRoot} in a ${rules.fork} block`)
  // The trie would leave it out, so the hash would be that of another block.
  assertRule(!payload.transactions.includes('0x'), 'a transaction is empty')
  const transactions = payload.transactions.map((raw) => hexToBytes(raw))
  return createHeader(chain, {
    ...payload,
    number: payload.blockNumber,
    coinbase: payload.feeRecipient,
    mixHash: payload.prevRandao,
    receiptTrie: payload.receiptsRoot,
    transactionsTrie: await indexedRoot(rules, transactions),
  })
}

/** The payload of a block. */
export function payloadOfBlock({ header, transactions }: ExecutedBlock): ExecutionPayload {
  const json = header.toJSON() as Required<ReturnType<BlockHeader['toJSON']>>
  const { coinbase, mixHash, receiptTrie, number, withdrawalsRoot, requestsHash, ...fields } = json
  const { transactionsTrie, uncleHash, difficulty, nonce, parentBeaconBlockRoot, ...same } = fields
  return {
    ...same,
    feeRecipient: coinbase,
    prevRandao: mixHash,
    receiptsRoot: receiptTrie,
    blockNumber: number,
    blockHash: bytesToHex(header.hash()),
    transactions: transactions.map((raw) => bytesToHex(raw)),
    withdrawals: withdrawalsRoot && [],
    withdrawalsRoot: requestsHash && withdrawalsRoot,
  }
}

/**
 * Identifies a build by everything that determines it: eight bytes in hex, of which the first is the
 * version of `engine_forkchoiceUpdated` (E-23).
 */
export function computePayloadId(version: number, parent: Hex, attributes: PayloadAttributesJSON) {
  const { timestamp, gasLimit, minBaseFee, noTxPool, withdrawals } = attributes
  const uint64 = (value?: Hex | number | null) =>
    value == null ? [] : [setLengthLeft(bigIntToBytes(BigInt(value)), 8)]
  const hashes = (attributes.transactions ?? []).map((raw) => keccak_256(hexToBytes(raw)))
  const body = [Uint8Array.of(noTxPool ? 1 : 0), ...uint64(hashes.length), ...hashes]
  const preimage = concatBytes(
    hexToBytes(parent),
    ...uint64(timestamp),
    hexToBytes(attributes.prevRandao),
    hexToBytes(attributes.suggestedFeeRecipient),
    RLP.encode((withdrawals ?? []).map((withdrawal) => JSON.stringify(withdrawal))),
    toBytes(attributes.parentBeaconBlockRoot),
    ...(noTxPool || hashes.length > 0 ? body : []),
    ...uint64(gasLimit),
    toBytes(attributes.eip1559Params),
    ...uint64(minBaseFee),
  )
  return bytesToHex(concatBytes(Uint8Array.of(version), sha256(preimage).subarray(1, 8)))
}
