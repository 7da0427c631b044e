import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Receipt, encodeReceipt } from 'ethereumjs-op'
import type { BlockJSON, JSONObject } from 'ethereumjs-op/blockchain'
import {
  JsonRpcError,
  RLP,
  bytesToHex,
  hexToBytes,
  type PrefixedHexString as Hex,
} from 'ethereumjs-op/ethereumjs'
import type { Lookup } from '../eth/context.ts'
import type { Methods } from '../rpc/methods.ts'
import { check, readBytes, readHash } from '../rpc/params.ts'
import type { KeptGenesis } from '../store/genesis.ts'
import type { Store } from '../store/store.ts'

/** The letter c. */
const CODE_PREFIX = '63'

/** A number of up to 64 bits. Old receipts also have one with decimals, which is not encoded. */
const NUMBER = /^0x[0-9a-f]{1,16}$/

/** A receipt of JSON-RPC as it is encoded. */
function encodeReceiptJSON(json: JSONObject): Uint8Array {
  const fields = Object.entries(json).map(([name, value]) => {
    const isNumber = typeof value === 'string' && NUMBER.test(value)
    return [name, isNumber ? BigInt(value) : value]
  })
  const receipt = Object.fromEntries(fields)
  const logs = (json.logs as Record<string, Hex | Hex[]>[]).map(({ address, topics, data }) => [
    address,
    topics,
    data,
  ])
  return encodeReceipt({ ...receipt, type: Number(json.type), logs } as Receipt)
}

/** Blocks, transactions and receipts as they are encoded, and what the chain was made with. */
export function createRawMethods(store: Store, { blockOf }: Lookup): Methods {
  const headerOf = (block: BlockJSON) => store.after(block).header

  function getRawBlock(id: unknown) {
    const block = blockOf(id)
    const header = headerOf(block)
    // A transaction with a type is a string in the body, one without is a list.
    const body = block.raw.map((hex) => {
      const raw = hexToBytes(hex)
      return raw[0] < 0x80 ? raw : RLP.decode(raw)
    })
    return RLP.encode([header.raw(), body, [], ...(header.withdrawalsRoot ? [[]] : [])])
  }

  /** The encoding of a transaction, also of one that waits; no bytes if there is none, as geth has it. */
  function getRawTransaction(value: unknown) {
    const hash = readHash(value)
    const block = store.findByTransaction(hash)
    if (!block) {
      const waiting = store.pending.getRange().map((entry) => entry.value)
      return [...waiting].find((raw) => bytesToHex(keccak_256(raw)) === hash) ?? '0x'
    }
    return block.raw[block.transactions.findIndex((tx) => tx.hash === hash)]
  }

  /** A trie node by its hash, or code by the letter c and its hash, as geth keeps them. */
  async function dbGet(value: unknown) {
    const key = bytesToHex(readBytes(value)).slice(2)
    const isKey = key.length === 64 || (key.length === 66 && key.startsWith(CODE_PREFIX))
    check(isKey, 'the hash of a trie node, or 63 and the hash of code')
    const found = await store.nodes.get(key.slice(-64))
    if (!found) throw new JsonRpcError('not found', -32000)
    return found
  }

  return {
    debug_dbGet: dbGet,
    debug_getRawBlock: getRawBlock,
    debug_getRawHeader: (id) => headerOf(blockOf(id)).serialize(),
    debug_getRawReceipts: (id) => blockOf(id).receipts.map(encodeReceiptJSON).map(bytesToHex),
    debug_getRawTransaction: getRawTransaction,
    // Without a prototype it is not encoded again: its numbers stay numbers.
    debug_chainConfig: () =>
      Object.assign(Object.create(null), (store.index.get('genesis') as KeptGenesis).config),
  }
}
