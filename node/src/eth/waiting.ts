import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Rules, decodeSigned } from 'ethereumjs-op'
import { type JSONObject, encode, signedToJSON } from 'ethereumjs-op/blockchain'
import {
  Account,
  type PrefixedHexString as Hex,
  type TypedTransaction,
  bytesToHex,
  createAddressFromString,
} from 'ethereumjs-op/ethereumjs'
import { maxFeeOf } from '../pool.ts'
import type { Store } from '../store/store.ts'

/** A transaction that waits in the pool. */
export interface Waiting {
  from: Hex
  nonce: number
  /** In EIP-2718 encoding. */
  raw: Uint8Array
  /** Whether all that must come before it waits too, or is on the chain. */
  isReady: boolean
}

/** Reads the pool. */
export interface WaitingRoom {
  /** All that waits, or what does of one sender; a sender's in order of their nonces. */
  list(sender?: Hex): Promise<Waiting[]>
  /** The encoding of the transaction with a hash. */
  find(hash: Hex): Uint8Array | undefined
  /** A transaction, unless the rules have changed so that it is none any more. */
  decode(raw: Uint8Array): TypedTransaction | undefined
  /** A transaction as JSON-RPC has it; what a block would tell of it is null. */
  toJSON(raw: Uint8Array): JSONObject | undefined
}

export function openWaitingRoom({ chain, pending, after, head }: Store): WaitingRoom {
  const keccak = chain.common.customCrypto.keccak256 ?? keccak_256

  const tryToDecode = (rules: Rules, raw: Uint8Array) => {
    try {
      return decodeSigned(rules, raw)
    } catch {
      return undefined
    }
  }
  const decode = (raw: Uint8Array) => tryToDecode(after(head()).rules, raw)

  function toJSON(raw: Uint8Array) {
    const tx = decode(raw)
    if (!tx) return undefined
    const place = {
      blockHash: null,
      blockNumber: null,
      blockTimestamp: null,
      transactionIndex: null,
    }
    return encode({ ...signedToJSON(tx, maxFeeOf(tx)), ...place, hash: keccak(raw) }) as JSONObject
  }

  function find(hash: Hex): Uint8Array | undefined {
    for (const { value: raw } of pending.getRange()) {
      if (bytesToHex(keccak(raw)) === hash) return raw
    }
    return undefined
  }

  async function list(sender?: Hex): Promise<Waiting[]> {
    const { state } = after(head())
    const waiting: Waiting[] = []
    let next = -1
    let last = ''
    const range = sender
      ? { start: [sender, 0] as [string, number], end: [sender, Infinity] as [string, number] }
      : {}
    for (const { key, value: raw } of [...pending.getRange(range)]) {
      const [from, nonce] = key as [Hex, number]
      if (from !== last) {
        const account = await state.getAccount(createAddressFromString(from))
        next = Number((account ?? new Account()).nonce)
        last = from
      }
      const isReady = nonce === next
      if (isReady) next++
      waiting.push({ from, nonce, raw, isReady })
    }
    return waiting
  }

  return { list, find, decode, toJSON }
}
