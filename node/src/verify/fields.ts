import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { EndpointError } from './errors.ts'

/** An object of JSON whose fields may be anything. */
export type Unchecked = Record<string, unknown>

/** A value for messages; of lists and objects no more, for they may be nested without end. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  return value instanceof Object ? 'an object' : (JSON.stringify(value) ?? 'nothing').slice(0, 100)
}

/** @throws {EndpointError} if it is no object */
export function readObject(value: unknown, name: string): Unchecked {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (isObject) return value as Unchecked
  throw new EndpointError(`the endpoint gives ${show(value)} in place of ${name}`)
}

/** @throws {EndpointError} if it is no list */
export function readList(value: unknown, name: string): unknown[] {
  if (Array.isArray(value)) return value
  throw new EndpointError(`the endpoint gives ${show(value)} in place of ${name}`)
}

/** Hex of whole bytes. @throws {EndpointError} if it is none, or of another length */
export function readBytes(value: unknown, name: string, length?: number): Hex {
  const isHex = typeof value === 'string' && /^0x(?:[0-9a-fA-F]{2})*$/.test(value)
  if (isHex && (length === undefined || value.length === 2 + 2 * length)) return value as Hex
  const what = length === undefined ? 'bytes' : `${length} bytes`
  throw new EndpointError(`the endpoint gives ${show(value)} in place of ${name}, ${what} in hex`)
}

/** A number in hex. @throws {EndpointError} if it is none */
export function readQuantity(value: unknown, name: string): bigint {
  if (typeof value === 'string' && /^0x[0-9a-fA-F]{1,64}$/.test(value)) return BigInt(value)
  throw new EndpointError(`the endpoint gives ${show(value)} in place of ${name}, a number in hex`)
}
