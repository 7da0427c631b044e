import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Rules } from 'ethereumjs-op'
import { type TransactionJSON, pendingToJSON } from 'ethereumjs-op/blockchain'
import {
  Account,
  type PrefixedHexString as Hex,
  type TypedTransaction,
  bytesToHex,
  createAddressFromString,
} from 'ethereumjs-op/ethereumjs'
import { decode as decodeWaiting } from '../pool.ts'
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
  toJSON(raw: Uint8Array): TransactionJSON | undefined
}

export function openWaitingRoom(store: Store): WaitingRoom {
  const { chain, pending, after, head } = store
  const keccak = chain.common.customCrypto.keccak256 ?? keccak_256
  let known: { hash: Hex; rules: Rules } | undefined

  /** The rules at the head, which is read once, however many transactions are decoded. */
  function rulesNow(): Rules {
    const hash = store.index.get('latest') as Hex
    const { rules } = known?.hash === hash ? known : after(head())
    known = { hash, rules }
    return rules
  }

  const decode = (raw: Uint8Array) => decodeWaiting(rulesNow(), raw)

  function toJSON(raw: Uint8Array) {
    const tx = decode(raw)
    return tx && pendingToJSON(tx)
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
