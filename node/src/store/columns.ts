/** Objects with the same fields, whatever these are, in little space: what is equal is there once. */
import { Address, bigIntToBytes, bytesToBigInt } from 'ethereumjs-op/ethereumjs'

/** An object by the names of its fields. */
export type Fields = Record<string, unknown>

/** As msgpack has it; null where an object lacks the field. */
type Packed = number | string | boolean | Uint8Array | null

/** What the values of a column are; a column has the place of its kind in here. */
const KINDS = ['plain', 'bigint', 'bytes', 'address'] as const
type Kind = (typeof KINDS)[number]

/**
 * A field: its name, its kind, and the values in the order of the objects, each after the number of
 * objects in a row that have it.
 */
export type Column = [name: string, kind: number, runs: (number | Packed)[]]

/** What is made of the values of a kind when they are read. */
const UNPACK: Record<Kind, (packed: Packed) => unknown> = {
  plain: (packed) => packed,
  bigint: (packed) => (packed instanceof Uint8Array ? bytesToBigInt(packed) : BigInt(packed!)),
  bytes: (packed) => packed,
  address: (packed) => new Address(packed as Uint8Array),
}

/** @throws if a value is none of the kinds */
function pack(value: unknown, name: string): { kind: Kind; packed: Packed } {
  if (typeof value === 'bigint') {
    const isSmall = value <= Number.MAX_SAFE_INTEGER
    return { kind: 'bigint', packed: isSmall ? Number(value) : bigIntToBytes(value) }
  }
  if (value instanceof Uint8Array) return { kind: 'bytes', packed: value }
  if (value instanceof Address) return { kind: 'address', packed: value.bytes }
  const isPlain = ['number', 'string', 'boolean'].includes(typeof value)
  if (isPlain) return { kind: 'plain', packed: value as Packed }
  throw new Error(`field ${name} has no form that can be kept`)
}

const isSame = (one: Packed, other: Packed) =>
  one === other ||
  (one instanceof Uint8Array && other instanceof Uint8Array && Buffer.compare(one, other) === 0)

/** Puts values into a column. */
class ColumnWriter {
  readonly column: Column
  #length = 0

  constructor(name: string, kind: Kind) {
    this.column = [name, KINDS.indexOf(kind), []]
  }

  /** Adds the value of the object at a position; those before that have none lack the field. */
  add(position: number, kind: Kind, packed: Packed): void {
    const [name, known, runs] = this.column
    if (KINDS[known] !== kind) throw new Error(`field ${name} has values of two kinds`)
    if (this.#length < position) runs.push(position - this.#length, null)
    else if (runs.length > 0 && isSame(runs.at(-1)!, packed)) {
      // The run goes on.
      runs[runs.length - 2] = (runs[runs.length - 2] as number) + 1
      this.#length = position + 1
      return
    }
    runs.push(1, packed)
    this.#length = position + 1
  }
}

/**
 * Puts objects into columns.
 *
 * @param omitted - names of fields that are left out
 * @throws if a field has values that cannot be kept: objects, or numbers here and bytes there
 */
export function toColumns(objects: Fields[], omitted: string[] = []): Column[] {
  const writers = new Map<string, ColumnWriter>()
  for (const [position, object] of objects.entries()) {
    for (const [name, value] of Object.entries(object)) {
      if (value === undefined || omitted.includes(name)) continue
      const { kind, packed } = pack(value, name)
      let writer = writers.get(name)
      if (!writer) {
        writer = new ColumnWriter(name, kind)
        writers.set(name, writer)
      }
      writer.add(position, kind, packed)
    }
  }
  return [...writers.values()].map(({ column }) => column)
}

/** @returns `count` objects that {@link toColumns} was given, without what was left out */
export function fromColumns(columns: Column[], count: number): Fields[] {
  const objects: Fields[] = Array.from({ length: count }, () => ({}))
  for (const [name, kind, runs] of columns) {
    let position = 0
    for (let index = 0; index < runs.length; index += 2) {
      const end = position + (runs[index] as number)
      const packed = runs[index + 1]
      const value = packed === null ? undefined : UNPACK[KINDS[kind]](packed)
      for (; position < end; position++) {
        if (packed !== null) objects[position][name] = value
      }
    }
  }
  return objects
}
