import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { check, readObject, readQuantity } from '../rpc/params.ts'

/** Readers of the fields that an object may have. */
export type Readers = Record<string, (value: unknown) => unknown>

/** What is read by readers; each field may be absent. */
export type Read<R extends Readers> = { [K in keyof R]?: ReturnType<R[K]> }

/**
 * Reads the fields of an object; null is as good as absent.
 *
 * @param name - of the object, for errors
 * @throws (-32602) if a field has no reader, so that nothing is ignored, or not its form
 */
export function readFields<R extends Readers>(value: unknown, name: string, readers: R): Read<R> {
  const fields: Record<string, unknown> = {}
  for (const [key, field] of Object.entries(readObject(value))) {
    if (!Object.hasOwn(readers, key)) {
      throw new JsonRpcError(`${name}.${key.slice(0, 50)} is not supported`, -32602)
    }
    if (field == null) continue
    try {
      fields[key] = readers[key](field)
    } catch (error) {
      if (!(error instanceof JsonRpcError)) throw error
      // Readers of values do not know what these are called.
      const message = error.message.replace(/^invalid argument: /, `$&${name}.${key}: `)
      throw new JsonRpcError(message, error.code)
    }
  }
  return fields as Read<R>
}

/** A number of up to 64 bits in hex. */
export function readUint64(value: unknown): bigint {
  const number = readQuantity(value)
  check(number < 1n << 64n, 'a number of 64 bits', value)
  return number
}

/** Refuses a field whatever it is. */
export const refuse =
  (reason: string, code = -32602) =>
  (): never => {
    throw new JsonRpcError(reason, code)
  }
