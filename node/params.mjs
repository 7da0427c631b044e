// Readers of what callers of JSON-RPC send. All of them throw where it does not have its form (-32602).
import {
  bytesToHex,
  createAddressFromString,
  hexToBytes,
  isHexString,
  setLengthLeft,
  toBytes,
} from '@ethereumjs/util'
import { JsonRpcError } from 'jsonrpc-lite'

/** Most items of a list, unless it says otherwise. */
const MAX_ITEMS = 1_000

/** What labels are called in the index; `pending` is the head (J-20). */
const LABELS = { pending: 'latest', latest: 'latest', safe: 'safe', finalized: 'finalized' }

/** @throws unless a parameter has its form */
export function check(isRight, form) {
  if (!isRight) throw new JsonRpcError(`a parameter is not ${form}`, -32602)
}

/** Any number of bytes in hex. */
export function readBytes(value) {
  check(isHexString(value) && value.length % 2 === 0, 'bytes in hex')
  return hexToBytes(value)
}

/** 32 bytes in hex; they stay hex, in lower case. */
export function readHash(value) {
  check(isHexString(value, 32), '32 bytes in hex')
  return value.toLowerCase()
}

/** A number of up to 256 bits in hex, which may have leading zeros. */
export function readQuantity(value) {
  check(isHexString(value) && /^0x.{1,64}$/.test(value), 'a number in hex')
  return BigInt(value)
}

export function readObject(value) {
  check(value instanceof Object && !Array.isArray(value), 'an object')
  return value
}

export function readList(value, read, most = MAX_ITEMS) {
  check(Array.isArray(value) && value.length <= most, `a list of at most ${most}`)
  return value.map((item) => read(item))
}

/** A list of what may be one thing, several, or nothing in particular. */
export const readSome = (value, read) =>
  value == null ? undefined : readList([value].flat(), read)

export function readFlag(value = false) {
  check(typeof value === 'boolean', 'true or false')
  return value
}

export function readAddress(value) {
  const bytes = readBytes(value)
  check(bytes.length === 20, 'an address')
  return createAddressFromString(bytesToHex(bytes))
}

export const readSlot = (slot) => setLengthLeft(toBytes(readQuantity(slot)), 32)

/** A block by hash, number or label, also as EIP-1898 has it; as the store finds it. */
export function readBlockId(value = 'latest') {
  const id = value instanceof Object ? (value.blockHash ?? value.blockNumber) : value
  check(typeof id === 'string', 'a block')
  if (id === 'earliest') return 0
  if (Object.hasOwn(LABELS, id)) return LABELS[id]
  return id.length === 66 ? readHash(id) : Number(readQuantity(id))
}
