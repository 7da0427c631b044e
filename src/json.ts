import { type BlockHeader, createBlockHeaderFromRPC } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import { Address, bytesToHex, hexToBytes, isHexString } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { JsonRpcError } from 'jsonrpc-lite'
import type { Chain } from './chain.ts'
import type { ExecutedBlock, Receipt } from './execute.ts'

/** Anything that JSON holds, before or after it is looked at. */
export type JSONValue = ReturnType<typeof JSON.parse>

/** A block as it is stored, in JSON-RPC's form; `raw` are the transactions as they are hashed. */
export type BlockJSON = Record<'header' | 'transactions' | 'receipts' | 'raw', JSONValue>

/** Passes on a parameter of a request. @throws if it does not have its form (-32602) */
function read(value: JSONValue, isRight: boolean, form: string) {
  if (isRight) return value.toLowerCase()
  throw new JsonRpcError(`${JSON.stringify(value)} is not ${form}`, -32602)
}

/** 32 bytes in hex, in lower case. @throws if it is anything else (-32602) */
export const readHash = (value: JSONValue) => read(value, isHexString(value, 32), '32 bytes in hex')

/** Any number of bytes in hex. @throws if it is anything else (-32602) */
export const readBytes = (value: JSONValue) =>
  hexToBytes(read(value, isHexString(value) && value.length % 2 === 0, 'bytes in hex'))

/** A number of up to 256 bits in hex. @throws if it is anything else (-32602) */
export const readQuantity = (value: JSONValue) =>
  BigInt(read(value, isHexString(value) && /^0x.{1,64}$/.test(value), 'a number in hex'))

/** Writes numbers and bytes as JSON-RPC does, in hex, and leaves out what is undefined. */
export function encode(value: unknown): JSONValue {
  if (typeof value === 'bigint' || typeof value === 'number') return `0x${value.toString(16)}`
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (value instanceof Address) return value.toString()
  if (Array.isArray(value)) return value.map(encode)
  if (!(value instanceof Object)) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, encode(field)]))
}

/** Writes a header. */
export function headerToJSON(header: BlockHeader): JSONValue {
  const { uncleHash, coinbase, transactionsTrie, receiptTrie, ...fields } = header.toJSON()
  const roots = { transactionsRoot: transactionsTrie, receiptsRoot: receiptTrie }
  const hash = bytesToHex(header.hash())
  return { ...fields, ...roots, sha3Uncles: uncleHash, miner: coinbase, hash }
}

/** Reads a header under the rules of its fork. @throws if a field has a wrong form */
export function headerFromJSON(chain: Chain, json: JSONValue): BlockHeader {
  const { common } = chain.rules({ number: BigInt(json.number), timestamp: BigInt(json.timestamp) })
  return createBlockHeaderFromRPC(json, { common, skipConsensusFormatValidation: true })
}

/** @throws if a header is not as expected; the message names the first field that differs */
export function compare(header: JSONValue, expected: JSONValue) {
  const names = Object.keys(header)
  const name = names.find((key) => header[key] !== (expected[key] ?? header[key]))
  if (name) throw new Error(`${name} is ${header[name]} but should be ${expected[name]}`)
}

/** Writes a transaction, apart from its place in a block (D-31). */
function transactionToJSON({ tx, depositNonce, depositReceiptVersion }: Receipt, baseFee: bigint) {
  if ('sourceHash' in tx) {
    const { data: input, to = null, mint, isSystemTx, ...fields } = tx
    const unsigned = { nonce: depositNonce ?? 0, gasPrice: 0, v: 0, r: 0, s: 0 }
    const optional = { mint: mint || undefined, isSystemTx: isSystemTx || undefined }
    return { ...fields, to, input, ...unsigned, ...optional, depositReceiptVersion }
  }
  const { gasLimit: gas, data: input, to = null, ...fields } = tx.toJSON()
  // Numbers in there are not minimal.
  const authorizationList = fields.authorizationList?.map(({ address, ...numbers }) => {
    const minimal = Object.entries(numbers).map(([name, hex]) => [name, BigInt(hex.padEnd(3, '0'))])
    return { address, ...Object.fromEntries(minimal) }
  })
  const gasPrice = baseFee + tx.getEffectivePriorityFee(baseFee)
  return { ...fields, authorizationList, gas, input, to, gasPrice, from: tx.getSenderAddress() }
}

/** Writes an executed block with its receipts (D-33, F-41…F-49, J-22). */
export function blockToJSON({ header, transactions: raw, receipts }: ExecutedBlock): BlockJSON {
  const json = headerToJSON(header)
  const body = raw.map((tx) => (tx[0] < 0x80 ? tx : RLP.decode(tx)))
  const size = RLP.encode([header.raw(), body, [], ...(header.withdrawalsRoot ? [[]] : [])]).length
  const block: BlockJSON = { header: { ...json, size }, transactions: [], receipts: [], raw }
  let logIndex = 0
  for (const [transactionIndex, receipt] of receipts.entries()) {
    const { tx, returnValue, error, contractAddress = null, ...outcome } = receipt
    const hash = keccak_256(raw[transactionIndex])
    const place = { blockHash: json.hash, blockNumber: json.number, transactionIndex }
    const fields = transactionToJSON(receipt, header.baseFeePerGas!)
    const { from, to, gasPrice: effectiveGasPrice } = fields
    const common = { ...place, transactionHash: hash }
    const logs = receipt.logs.map(([address, topics, data]) => {
      const log = { address, topics, data, logIndex: logIndex++, removed: false }
      return { ...log, ...common, blockTimestamp: json.timestamp }
    })
    const others = { from, to, contractAddress, effectiveGasPrice, logs }
    block.transactions.push({ ...fields, ...place, type: receipt.type, hash })
    block.receipts.push({ ...outcome, ...common, ...others })
  }
  return encode(block)
}
