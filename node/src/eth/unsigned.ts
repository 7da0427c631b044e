import {
  type PrefixedHexString as Hex,
  RLP,
  bigIntMin,
  bytesToHex,
  concatBytes,
} from 'ethereumjs-op/ethereumjs'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { Message } from './message.ts'

/** EIP-2718 types. */
const LEGACY = 0
const FEE_MARKET = 2
const SET_CODE = 4

/** A message in the form of a transaction, which nobody has signed. */
export interface UnsignedTransaction {
  type: number
  /** EIP-2718 encoding, in which the signature is zero. */
  raw: Uint8Array
  hash: Hex
  message: Message
  nonce: bigint
  gas: bigint
}

/** Makes a transaction of a message, of the newest type that has all that is in it. */
export function toTransaction(
  message: Message,
  nonce: bigint,
  gas: bigint,
  chainId: bigint,
): UnsignedTransaction {
  const { to, value, data, accessList = [], authorizationList, isLegacy } = message
  const target = to?.bytes ?? new Uint8Array()
  const signature = [0n, 0n, 0n]
  const list = accessList.map(({ address, storageKeys }) => [address.bytes, storageKeys])
  const authorizations = (authorizationList ?? []).map((it) => [
    it.chainId,
    it.address.bytes,
    it.nonce,
    it.yParity,
    it.r,
    it.s,
  ])
  const { maxPriorityFeePerGas, maxFeePerGas } = message
  const call = [gas, target, value, data]
  const legacy = [nonce, maxFeePerGas, ...call, ...signature]
  const typed = [chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, ...call, list]
  const fields = authorizationList ? [...typed, authorizations] : typed
  const type = isLegacy ? LEGACY : authorizationList ? SET_CODE : FEE_MARKET
  const raw = isLegacy
    ? RLP.encode(legacy)
    : concatBytes(Uint8Array.of(type), RLP.encode([...fields, ...signature]))
  return { type, raw, hash: bytesToHex(keccak_256(raw)), message, nonce, gas }
}

/** The fields that JSON-RPC has of such a transaction, apart from its place. */
export function transactionToFields(tx: UnsignedTransaction, chainId: bigint, baseFee: bigint) {
  const { type, hash, message, nonce, gas } = tx
  const { from, to = null, value, data: input } = message
  const { maxFeePerGas, maxPriorityFeePerGas, accessList = [], authorizationList } = message
  const signature = { v: 0n, r: 0n, s: 0n }
  const common = { type, hash, from, to, nonce, gas, value, input, chainId, ...signature }
  if (type === LEGACY) return { ...common, gasPrice: maxFeePerGas }
  return {
    ...common,
    gasPrice: bigIntMin(maxPriorityFeePerGas + baseFee, maxFeePerGas),
    maxFeePerGas,
    maxPriorityFeePerGas,
    accessList,
    authorizationList,
    yParity: 0n,
  }
}
