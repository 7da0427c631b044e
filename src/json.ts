import { type BlockHeader, createBlockHeaderFromRPC } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import { Address, bytesToHex } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Chain } from './chain.ts'
import type { Receipt } from './execute.ts'

/** An object as JSON-RPC has it: numbers in minimal hex, bytes in hex. */
export type JSONObject = Record<string, unknown>

/** Writes numbers and bytes as JSON-RPC does, and leaves out what is undefined. */
export function encode(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return `0x${value.toString(16)}`
  if (value instanceof Address) return value.toString()
  if (value instanceof Uint8Array) return bytesToHex(value)
  if (Array.isArray(value)) return value.map(encode)
  if (!(value instanceof Object)) return value
  const fields = Object.entries(value).filter(([, field]) => field !== undefined)
  return Object.fromEntries(fields.map(([name, field]) => [name, encode(field)]))
}

/** A header with the names and forms that JSON-RPC has for its fields, among them its `hash`. */
export type HeaderJSON = Record<string, string>

/** Writes a header as JSON-RPC does. */
export function headerToJSON(header: BlockHeader): HeaderJSON {
  const { uncleHash, coinbase, transactionsTrie, receiptTrie, ...fields } = header.toJSON()
  const roots = { transactionsRoot: transactionsTrie, receiptsRoot: receiptTrie }
  const renamed = { ...roots, sha3Uncles: uncleHash, miner: coinbase }
  return { ...fields, ...renamed, hash: bytesToHex(header.hash()) } as HeaderJSON
}

/** Reads a header from JSON-RPC under the rules of its fork. @throws if a field has a wrong form */
export function headerFromJSON(chain: Chain, json: HeaderJSON): BlockHeader {
  const [number, timestamp] = [BigInt(json.number), BigInt(json.timestamp)]
  const { common } = chain.rules({ number, timestamp })
  return createBlockHeaderFromRPC(json as never, { common, skipConsensusFormatValidation: true })
}

/** Says which field of a header or block is the first that is not as expected, if any is. */
export function difference(actual: object, expected: JSONObject) {
  const isWrong = ([name, value]: [string, unknown]) => value !== (expected[name] ?? value)
  const [name, value] = Object.entries(actual).find(isWrong) ?? []
  return name && `${name} is ${value} but should be ${expected[name]}`
}

/** A transaction as JSON-RPC has it, apart from its place in a block (D-31). */
function transactionToJSON(receipt: Receipt, baseFee: bigint) {
  const { tx, type, depositNonce, depositReceiptVersion } = receipt
  if (!('sourceHash' in tx)) {
    const { gasLimit: gas, data: input, ...fields } = tx.toJSON()
    const gasPrice = baseFee + tx.getEffectivePriorityFee(baseFee)
    return { ...fields, gas, input, gasPrice, from: tx.getSenderAddress(), to: tx.to ?? null }
  }
  const { data: input, mint, isSystemTx, to = null, ...fields } = tx
  const unsigned = { type, nonce: depositNonce ?? 0, gasPrice: 0, v: 0, r: 0, s: 0 }
  const optional = { mint: mint || undefined, isSystemTx: isSystemTx || undefined }
  return { ...fields, to, input, ...unsigned, ...optional, depositReceiptVersion }
}

/** A block as it is stored: what JSON-RPC tells of it, and its transactions in hex. */
export type BlockJSON = {
  header: HeaderJSON
  size: string
  raw: string[]
  transactions: JSONObject[]
  receipts: JSONObject[]
}

/** Writes an executed block as JSON-RPC does (D-33, F-41…F-49, J-22). */
export function blockToJSON(header: BlockHeader, raw: Uint8Array[], receipts: Receipt[]) {
  const { hash: blockHash, number: blockNumber, timestamp } = headerToJSON(header)
  const size = RLP.encode([header.raw(), raw, [], ...(header.withdrawalsRoot ? [[]] : [])]).length
  let logIndex = 0
  const entries = receipts.map((receipt, transactionIndex) => {
    const { tx, poolGas, ...outcome } = receipt
    const hash = keccak_256(raw[transactionIndex])
    const place = { blockHash, blockNumber, transactionIndex }
    const transaction = transactionToJSON(receipt, header.baseFeePerGas!)
    const { from, to, gasPrice: effectiveGasPrice } = transaction
    const where = { ...place, transactionHash: hash }
    const logs = receipt.logs.map(([address, topics, data]) => {
      const log = { address, topics, data, logIndex: logIndex++, removed: false }
      return { ...log, ...where, blockTimestamp: timestamp }
    })
    const rest = { contractAddress: null, from, to, effectiveGasPrice, logs }
    return {
      transaction: { ...transaction, ...place, hash },
      receipt: { ...outcome, ...where, ...rest },
    }
  })
  const transactions = entries.map(({ transaction }) => transaction)
  const block = {
    header: headerToJSON(header),
    size,
    raw,
    transactions,
    receipts: entries.map(({ receipt }) => receipt),
  }
  return encode(block) as BlockJSON
}
