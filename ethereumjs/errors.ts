import { EthereumJSError } from '@ethereumjs/util'

/**
 * A block, its attributes or one of its transactions breaks a consensus rule. No other error says
 * anything about a block: the Engine API answers INVALID or -38003 for this one alone.
 */
export class InvalidBlockError extends Error {}

/** A value of JSON for an error message, however long it is. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : `${value}`
  return text.length < 80 ? text : `${text.slice(0, 80)}…`
}

/** @throws {InvalidBlockError} with `violation` unless the rule `holds` */
export function assertRule(holds: boolean, violation: string): asserts holds {
  if (!holds) throw new InvalidBlockError(violation)
}

/**
 * Runs a function that depends on nothing but untrusted bytes: whatever it throws, they are at fault.
 *
 * @throws {InvalidBlockError}
 */
export function decodeStrictly<T>(decode: () => T): T {
  try {
    return decode()
  } catch (error) {
    const message = error instanceof EthereumJSError ? error.message : 'wrong fields'
    // What EthereumJS says of its objects, and the code of a function where it means its result.
    const reason = message.replace(/chainId\(\) \{.*\} | \(.*/s, '')
    throw new InvalidBlockError(`cannot be decoded: ${reason}`)
  }
}
