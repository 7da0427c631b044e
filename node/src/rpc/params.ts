// Readers of what callers of JSON-RPC send. All of them throw where it does not have its form (-32602).
import {
  type Address,
  JsonRpcError,
  type PrefixedHexString as Hex,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
  isHexString,
  setLengthLeft,
  toBytes,
} from 'ethereumjs-op/ethereumjs'
import type { BlockId } from '../store/store.ts'

/** Most items of a list, unless it says otherwise. */
const MAX_ITEMS = 1_000

/** What labels are called in the index; `pending` is the head (J-20). */
const LABELS: Record<string, BlockId> = {
  pending: 'latest',
  latest: 'latest',
  safe: 'safe',
  finalized: 'finalized',
}

/** @throws unless a parameter has its form */
export function check(isRight: boolean, form: string): asserts isRight {
  if (!isRight) throw new JsonRpcError(`a parameter is not ${form}`, -32602)
}

const isHex = (value: unknown): value is Hex => typeof value === 'string' && isHexString(value)

/** Any number of bytes in hex. */
export function readBytes(value: unknown): Uint8Array {
  check(isHex(value) && value.length % 2 === 0, 'bytes in hex')
  return hexToBytes(value)
}

/** 32 bytes in hex; they stay hex, in lower case. */
export function readHash(value: unknown): Hex {
  check(isHex(value) && value.length === 66, '32 bytes in hex')
  return value.toLowerCase() as Hex
}

/** A number of up to 256 bits in hex, which may have leading zeros. */
export function readQuantity(value: unknown): bigint {
  check(isHex(value) && /^0x.{1,64}$/.test(value), 'a number in hex')
  return BigInt(value)
}

/** An object with fields to be read. */
export function readObject(value: unknown): Record<string, unknown> {
  check(value instanceof Object && !Array.isArray(value), 'an object')
  return value as Record<string, unknown>
}

export function readList<T>(value: unknown, read: (item: unknown) => T, most = MAX_ITEMS): T[] {
  check(Array.isArray(value) && value.length <= most, `a list of at most ${most}`)
  return value.map((item: unknown) => read(item))
}

/** A list of what may be one thing, several, or nothing in particular. */
export const readSome = <T>(value: unknown, read: (item: unknown) => T): T[] | undefined =>
  value == null ? undefined : readList([value].flat(), read)

export function readFlag(value: unknown = false): boolean {
  check(typeof value === 'boolean', 'true or false')
  return value
}

export function readAddress(value: unknown): Address {
  const bytes = readBytes(value)
  check(bytes.length === 20, 'an address')
  return createAddressFromString(bytesToHex(bytes))
}

export const readSlot = (slot: unknown): Uint8Array =>
  setLengthLeft(toBytes(readQuantity(slot)), 32)

/** A block by hash, number or label, also as EIP-1898 has it; as the store finds it. */
export function readBlockId(value: unknown = 'latest'): BlockId {
  const { blockHash, blockNumber } = Object(value) as Record<string, unknown>
  const id = value instanceof Object ? (blockHash ?? blockNumber) : value
  check(typeof id === 'string', 'a block')
  if (id === 'earliest') return 0
  if (Object.hasOwn(LABELS, id)) return LABELS[id]
  return id.length === 66 ? readHash(id) : Number(readQuantity(id))
}
