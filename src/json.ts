import { type BlockHeader, createBlockHeaderFromRPC } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import { Address, type PrefixedHexString, bytesToHex } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Chain } from './chain.ts'
import type { Receipt } from './execute.ts'

/** Writes numbers and bytes as JSON-RPC does, in hex, and leaves out what is undefined. */
export function encode(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return `0x${value.toString(16)}`
  if (value instanceof Address) return value.toString()
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (Array.isArray(value)) return value.map(encode)
  if (!(value instanceof Object)) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, encode(field)]))
}

/** A header, transaction, receipt or log with the names and forms that JSON-RPC has for it. */
export type JSONObject = Record<string, string>

/** A block as it is stored; `raw` are its transactions as they are hashed. */
export type BlockJSON = Record<'transactions' | 'receipts', JSONObject[]> & {
  header: JSONObject
  raw: PrefixedHexString[]
}

/** Writes a header. */
export function headerToJSON(header: BlockHeader): JSONObject {
  const { uncleHash, coinbase, transactionsTrie, receiptTrie, ...fields } = header.toJSON()
  const roots = { transactionsRoot: transactionsTrie, receiptsRoot: receiptTrie }
  const hash = bytesToHex(header.hash())
  return { ...fields, ...roots, sha3Uncles: uncleHash, miner: coinbase, hash } as JSONObject
}

/** Reads a header under the rules of its fork. @throws if a field has a wrong form */
export function headerFromJSON(chain: Chain, json: JSONObject): BlockHeader {
  const [number, timestamp] = [BigInt(json.number), BigInt(json.timestamp)]
  const { common } = chain.rules({ number, timestamp })
  return createBlockHeaderFromRPC(json as never, { common, skipConsensusFormatValidation: true })
}

/** Says which field is the first that is not as expected, if any is. */
export function difference(actual: JSONObject, expected: Record<string, unknown>) {
  const names = Object.keys(actual)
  const name = names.find((name) => actual[name] !== (expected[name] ?? actual[name]))
  return name && `${name} is ${actual[name]} but should be ${expected[name]}`
}

/** Writes a transaction, apart from its place in a block (D-31). */
function transactionToJSON(receipt: Receipt, baseFee: bigint) {
  const { tx, type, depositNonce = 0, depositReceiptVersion } = receipt
  if (!('sourceHash' in tx)) {
    const { gasLimit: gas, data: input, to = null, ...fields } = tx.toJSON()
    const minimal = (hex: string) => BigInt(hex.padEnd(3, '0'))
    const authorizationList = fields.authorizationList?.map(({ address, ...numbers }) => {
      const entries = Object.entries(numbers).map(([name, hex]) => [name, minimal(hex)])
      return { address, ...Object.fromEntries(entries) }
    })
    const gasPrice = baseFee + tx.getEffectivePriorityFee(baseFee)
    return { ...fields, authorizationList, gas, input, to, gasPrice, from: tx.getSenderAddress() }
  }
  const { data: input, to = null, mint, isSystemTx, ...fields } = tx
  const unsigned = { type, nonce: depositNonce, gasPrice: 0, v: 0, r: 0, s: 0 }
  const optional = { mint: mint || undefined, isSystemTx: isSystemTx || undefined }
  return { ...fields, to, input, ...unsigned, ...optional, depositReceiptVersion }
}

/** Writes an executed block with its receipts (D-33, F-41…F-49, J-22). */
export function blockToJSON(header: BlockHeader, raw: Uint8Array[], receipts: Receipt[]) {
  const { hash: blockHash, number: blockNumber, timestamp } = headerToJSON(header)
  const withdrawals = header.withdrawalsRoot ? [[]] : []
  const body = raw.map((tx) => (tx[0] < 0x80 ? tx : RLP.decode(tx)))
  const size = RLP.encode([header.raw(), body, [], ...withdrawals]).length
  let logIndex = 0
  const entries = receipts.map((receipt, transactionIndex) => {
    const { tx, poolGas, contractAddress = null, ...outcome } = receipt
    const fields = transactionToJSON(receipt, header.baseFeePerGas!)
    const { from, to, gasPrice: effectiveGasPrice } = fields
    const place = { blockHash, blockNumber, transactionIndex }
    const hash = keccak_256(raw[transactionIndex])
    const transaction = { ...fields, ...place, hash }
    const where = { ...place, transactionHash: hash }
    const logs = receipt.logs.map(([address, topics, data]) => {
      const log = { address, topics, data, logIndex: logIndex++, blockTimestamp: timestamp }
      return { ...log, ...where, removed: false }
    })
    const added = { contractAddress, from, to, effectiveGasPrice, logs }
    return { transaction, receipt: { ...outcome, ...where, ...added } }
  })
  const transactions = entries.map((entry) => entry.transaction)
  const block = { transactions, receipts: entries.map((entry) => entry.receipt), raw }
  return encode({ header: { ...headerToJSON(header), size }, ...block }) as BlockJSON
}
