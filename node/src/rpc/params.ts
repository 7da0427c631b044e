// Readers of what callers of JSON-RPC send. All of them throw where it does not have its form (-32602).
import {
  type Address,
  JsonRpcError,
  type PrefixedHexString as Hex,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
  isHexString,
} from 'ethereumjs-op/ethereumjs'
import type { BlockId } from '../store/store.ts'

/** Most items of a list, unless it says otherwise. */
const MAX_ITEMS = 1_000

/** Longest part of a value that an error repeats. */
const MAX_SHOWN = 80

/** What labels are called in the index; `pending` is the head (J-20). */
const LABELS: Record<string, BlockId> = {
  pending: 'latest',
  latest: 'latest',
  safe: 'safe',
  finalized: 'finalized',
}

/** The beginning of a value as text, or no more than that it is one: it may be nested without end. */
function show(value: unknown): string {
  try {
    const text = value == null ? 'a parameter' : JSON.stringify(value)
    return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
  } catch {
    return 'a parameter'
  }
}

/**
 * @param value - the parameter, which the error then shows
 * @throws unless a parameter has its form
 */
export function check(isRight: boolean, form: string, value?: unknown): asserts isRight {
  if (isRight) return
  throw new JsonRpcError(`invalid argument: ${show(value)} is not ${form}`, -32602)
}

const isHex = (value: unknown): value is Hex => typeof value === 'string' && isHexString(value)

/** Any number of bytes in hex. */
export function readBytes(value: unknown): Uint8Array {
  check(isHex(value) && value.length % 2 === 0, 'bytes in hex', value)
  return hexToBytes(value)
}

/** 32 bytes in hex; they stay hex, in lower case. */
export function readHash(value: unknown): Hex {
  check(isHex(value) && value.length === 66, '32 bytes in hex', value)
  return value.toLowerCase() as Hex
}

/** A number of up to 256 bits in hex, which may have leading zeros. */
export function readQuantity(value: unknown): bigint {
  check(isHex(value) && /^0x.{1,64}$/.test(value), 'a number in hex', value)
  return BigInt(value)
}

/** A number that counts something: in hex, or in JSON as it is. At most 2^53 comes back. */
export function readCount(value: unknown): number {
  if (typeof value !== 'number') return Math.min(Number(readQuantity(value)), 2 ** 53)
  check(Number.isSafeInteger(value) && value >= 0, 'a number', value)
  return value
}

/** An object with fields to be read. */
export function readObject(value: unknown): Record<string, unknown> {
  check(value instanceof Object && !Array.isArray(value), 'an object', value)
  return value as Record<string, unknown>
}

export function readList<T>(value: unknown, read: (item: unknown) => T, most = MAX_ITEMS): T[] {
  check(Array.isArray(value) && value.length <= most, `a list of at most ${most}`, value)
  return value.map((item: unknown) => read(item))
}

/** A list of what may be one thing, several, or nothing in particular. */
export const readSome = <T>(value: unknown, read: (item: unknown) => T): T[] | undefined =>
  value == null ? undefined : readList([value].flat(), read)

export function readFlag(value: unknown): boolean {
  const flag = value ?? false
  check(typeof flag === 'boolean', 'true or false', value)
  return flag
}

export function readAddress(value: unknown): Address {
  const bytes = readBytes(value)
  check(bytes.length === 20, 'an address', value)
  return createAddressFromString(bytesToHex(bytes))
}

/** A key of storage: up to 32 bytes in hex, of which wallets leave zeros and `0x` out. */
export function readSlot(slot: unknown): Uint8Array {
  const digits = typeof slot === 'string' ? slot.replace(/^0x/i, '') : '-'
  check(/^[0-9a-f]{0,64}$/i.test(digits), 'a storage key of at most 32 bytes in hex', slot)
  return hexToBytes(`0x${digits.padStart(64, '0')}`)
}

/** A block by hash, number or label, also as EIP-1898 has it; as the store finds it. */
export function readBlockId(value: unknown): BlockId {
  const { blockHash, blockNumber } = Object(value) as Record<string, unknown>
  const isOne = blockHash == null || blockNumber == null
  check(isOne, 'a block: its hash or its number, not both', value)
  const id = value instanceof Object ? (blockHash ?? blockNumber) : (value ?? 'latest')
  check(typeof id === 'string', 'a block', value)
  if (id === 'earliest') return 0
  if (Object.hasOwn(LABELS, id)) return LABELS[id]
  return id.length === 66 ? readHash(id) : Number(readQuantity(id))
}
