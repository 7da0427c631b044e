import type { BlockHeader, JSONRPCBlock } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import { Capability, type TypedTransaction } from '@ethereumjs/tx'
import { Address, type PrefixedHexString as Hex, bytesToHex } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { maxFeeOf } from '../ethereumjs/tx.ts'
import {
  type Chain,
  type ExecutedBlock,
  type HeaderFields,
  type Receipt,
  StateError,
  createHeader,
  decodeHeader,
  depositToJSON,
  encodeHeaderFields,
  isDeposit,
} from '../src/index.ts'

/** Anything that JSON holds. */
export type JSONValue = string | number | boolean | null | JSONValue[] | JSONObject

/** An object of JSON. */
export interface JSONObject {
  [name: string]: JSONValue | undefined
}

/** A header in the form of JSON-RPC, with its hash, and the size of its block where that is known. */
export interface HeaderJSON extends Omit<JSONRPCBlock, 'transactions' | 'uncles' | 'size'> {
  size?: Hex
}

/** A transaction in the form of JSON-RPC; deposits have `sourceHash`, `mint`, `isSystemTx` (D-31). */
export interface TransactionJSON extends JSONObject {
  hash: Hex
  type: Hex
  from: Hex
  to: Hex | null
  nonce: Hex
}

/** A receipt in the form of JSON-RPC, with the fields of L1 or of deposits (D-33, F-41…F-49). */
export interface ReceiptJSON extends JSONObject {
  transactionHash: Hex
  type: Hex
  status: Hex
  gasUsed: Hex
  effectiveGasPrice: Hex
  logs: JSONObject[]
}

/** A block in the form of JSON-RPC. */
export interface BlockJSON {
  header: HeaderJSON
  transactions: TransactionJSON[]
  receipts: ReceiptJSON[]
  /** EIP-2718 encodings. */
  raw: Hex[]
}

/** Writes numbers and bytes as JSON-RPC does, in hex, and leaves out what is undefined. */
export function encode(value: unknown): JSONValue {
  if (typeof value === 'bigint' || typeof value === 'number') return `0x${value.toString(16)}`
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (value instanceof Address) return value.toString()
  if (Array.isArray(value)) return value.map(encode)
  if (!(value instanceof Object)) return value as JSONValue
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, encode(field)]))
}

/** Writes a header. */
export function headerToJSON(header: BlockHeader): HeaderJSON {
  const { uncleHash, coinbase, transactionsTrie, receiptTrie, ...fields } = header.toJSON()
  return {
    ...fields,
    transactionsRoot: transactionsTrie,
    receiptsRoot: receiptTrie,
    sha3Uncles: uncleHash,
    miner: coinbase,
    hash: bytesToHex(header.hash()),
  } as HeaderJSON
}

/** Reads a header in RLP under the rules of its fork. @throws {StateError} if a field has a wrong form */
export function headerFromRLP(chain: Chain, raw: Uint8Array): BlockHeader {
  const data = decodeHeader(raw)
  try {
    return createHeader(chain, data)
  } catch (error) {
    throw new StateError(`a header is not valid: ${(error as Error).message}`)
  }
}

/** Reads a header under the rules of its fork. @throws {StateError} if a field has a wrong form */
export const headerFromJSON = (chain: Chain, json: HeaderJSON | HeaderFields): BlockHeader =>
  headerFromRLP(chain, encodeHeaderFields(Object(json)))

/** Writes a signed transaction, which pays `gasPrice` wei per gas, apart from its place in a block. */
function signedToJSON(tx: TypedTransaction, gasPrice: bigint) {
  const { gasLimit: gas, data: input, to = null, ...fields } = tx.toJSON()
  const isProtected = tx.type > 0 || tx.supports(Capability.EIP155ReplayProtection)
  // What has no replay protection belongs to every chain.
  const chainId = isProtected ? fields.chainId : undefined
  // Numbers in there are not minimal.
  const authorizationList = fields.authorizationList?.map(({ address, ...numbers }) => {
    const minimal = Object.entries(numbers).map(([name, hex]) => [name, BigInt(hex.padEnd(3, '0'))])
    return { address, ...Object.fromEntries(minimal) }
  })
  const from = tx.getSenderAddress()
  return { ...fields, chainId, authorizationList, gas, input, to, gasPrice, from }
}

/** Writes a transaction, apart from its place in a block (D-31). */
function transactionToJSON(receipt: Receipt, baseFee: bigint) {
  const { tx } = receipt
  if (isDeposit(tx)) return depositToJSON(tx, receipt)
  return signedToJSON(tx, baseFee + tx.getEffectivePriorityFee(baseFee))
}

/** Writes a transaction that is in no block yet: what a block would tell of it is null (J-22). */
export function pendingToJSON(tx: TypedTransaction): TransactionJSON {
  const place = { blockHash: null, blockNumber: null, blockTimestamp: null, transactionIndex: null }
  const fields = signedToJSON(tx, maxFeeOf(tx))
  return encode({ ...fields, ...place, hash: tx.hash() }) as unknown as TransactionJSON
}

/** Writes an executed block with its receipts (D-33, F-41…F-49, J-22). */
export function blockToJSON({ header, transactions: raw, receipts }: ExecutedBlock): BlockJSON {
  const json = headerToJSON(header)
  const body = raw.map((tx) => (tx[0] < 0x80 ? tx : RLP.decode(tx)))
  const size = RLP.encode([header.raw(), body, [], ...(header.withdrawalsRoot ? [[]] : [])]).length
  const transactions: object[] = []
  const receiptsJSON: object[] = []
  let logIndex = 0
  for (const [transactionIndex, receipt] of receipts.entries()) {
    const { tx, returnValue, error, contractAddress = null, ...outcome } = receipt
    const hash = keccak_256(raw[transactionIndex])
    const place = { blockHash: json.hash, blockNumber: json.number, transactionIndex }
    const fields = transactionToJSON(receipt, header.baseFeePerGas!)
    const { from, to, gasPrice: effectiveGasPrice } = fields
    const blockTimestamp = json.timestamp
    const logs = receipt.logs.map(([address, topics, data]) => {
      const log = { address, topics, data, logIndex: logIndex++, removed: false }
      return { ...log, ...place, transactionHash: hash, blockTimestamp }
    })
    const sender = { from, to, contractAddress, effectiveGasPrice, logs }
    transactions.push({ ...fields, ...place, blockTimestamp, type: receipt.type, hash })
    receiptsJSON.push({ ...outcome, ...place, transactionHash: hash, ...sender })
  }
  const block = { header: { ...json, size }, transactions, receipts: receiptsJSON, raw }
  return encode(block) as unknown as BlockJSON
}
