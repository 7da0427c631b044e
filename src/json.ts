import { Address, hexToBytes, isHexString } from '@ethereumjs/util'
import type { PayloadAttributes } from './header.ts'

/**
 * Reads 0x-prefixed hex bytes.
 *
 * @param name - what to call the value in the error
 * @param length - number of bytes, where only one is right
 */
export function parseBytes(value: unknown, name: string, length?: number): Uint8Array {
  if (typeof value === 'string' && value.length % 2 === 0 && isHexString(value)) {
    if (length === undefined || value.length === 2 + 2 * length) return hexToBytes(value)
  }
  const wanted = length === undefined ? 'hex bytes' : `${length} hex bytes`
  throw new Error(`${name} must be 0x and ${wanted}, got ${String(value).slice(0, 80)}`)
}

/** Reads a natural number of at most `bits` bits: hex quantity or plain number (B-10). */
export function parseQuantity(value: unknown, name: string, bits = 64): bigint {
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
  if (isNumber || (typeof value === 'string' && value.length > 2 && isHexString(value))) {
    const quantity = BigInt(value)
    if (quantity < 1n << BigInt(bits)) return quantity
  }
  throw new Error(`${name} must be a ${bits}-bit quantity, got ${String(value).slice(0, 80)}`)
}

/**
 * Reads `PayloadAttributesV3` as the Engine API spells them.
 *
 * @throws if a field has a wrong form; the message names it
 */
export function parsePayloadAttributes(json: Record<string, unknown>): PayloadAttributes {
  const optional = <T>(name: string, parse: (value: unknown, name: string) => T) =>
    json[name] === undefined || json[name] === null ? undefined : parse(json[name], name)
  const hash = (value: unknown, name: string) => parseBytes(value, name, 32)
  const list = (value: unknown, name: string) => {
    if (Array.isArray(value)) return value as unknown[]
    throw new Error(`${name} must be a list`)
  }
  return {
    timestamp: parseQuantity(json.timestamp, 'timestamp'),
    prevRandao: hash(json.prevRandao, 'prevRandao'),
    suggestedFeeRecipient: new Address(
      parseBytes(json.suggestedFeeRecipient, 'suggestedFeeRecipient', 20),
    ),
    gasLimit: parseQuantity(json.gasLimit, 'gasLimit'),
    transactions: (optional('transactions', list) ?? []).map((transaction, index) =>
      parseBytes(transaction, `transactions[${index}]`),
    ),
    withdrawals: optional('withdrawals', list),
    parentBeaconBlockRoot: optional('parentBeaconBlockRoot', hash),
    eip1559Params: optional('eip1559Params', parseBytes),
    minBaseFee: optional('minBaseFee', parseQuantity),
  }
}
