import { type Vector, type VectorFile, checkVector, parseFile } from '../vector.ts'
import { findFiles, readText, writeVectors } from '../files.ts'
import { compareVerdict, reasonNotToAsk } from './compare.ts'
import { REFERENCES, Reference, type ReferenceName, type Verdict } from './references.ts'

/** A client that can be asked. */
export interface Witness {
  readonly name: ReferenceName
  ask(vector: Vector): Promise<Verdict>
  close(): void
}

/** A vector of a file. */
interface Item {
  path: string
  name: string
  vector: Vector
  /** As it is in the file, whose order of fields stays. */
  raw: Vector
}

/** What {@link confirm} can be told. */
export interface ConfirmOptions {
  /** Writes what the clients say into the files; otherwise that is compared. */
  write?: boolean
  /** Only vectors with such a name. */
  filter?: RegExp
}

/** What came of it. */
export interface ConfirmResult {
  vectors: number
  /** How many vectors have which verdict of a client: `agrees`, `differs` … */
  counts: Record<string, Record<string, number>>
  /** A line for each vector with which something is wrong. */
  failures: string[]
}

/** Starts those programs that there are. */
export function startWitnesses(programs: Partial<Record<ReferenceName, string>>): Reference[] {
  return REFERENCES.flatMap((name) => {
    const path = programs[name]
    return path ? [new Reference(name, path)] : []
  })
}

/**
 * What a client says to a vector. One that breaks down is asked again, since the vector before may
 * have been the cause.
 */
export async function askTwice(witness: Witness, vector: Vector): Promise<Verdict> {
  const verdict = await witness.ask(vector)
  return verdict.error ? witness.ask(vector) : verdict
}

/** What a client says to a vector, in the words of `witnesses`. */
export async function askWitness(witness: Witness, vector: Vector): Promise<string> {
  const reason = reasonNotToAsk(witness.name, vector)
  if (reason) return `not asked: ${reason}`
  return compareVerdict(witness.name, vector, await askTwice(witness, vector))
}

/** What is wrong with a vector, given what a client says and what the vector says that it says. */
function findFault({ name, vector }: Item, client: string, said: string, isNew: boolean) {
  const where = `${name}: ${client}`
  const recorded = vector._info.witnesses[client]
  if (!isNew && recorded !== said) return `${where} is ${said}, recorded is ${recorded}`
  const isAgainst = said.startsWith('differs')
  return isAgainst && !vector._info.disputed
    ? `${where} ${said}, but it is not disputed`
    : undefined
}

/**
 * Asks the clients about all vectors below a path, each client on its own.
 *
 * @throws {VectorError} if a file or vector is malformed
 */
export async function confirm(
  path: string,
  witnesses: Witness[],
  { write = false, filter = /./ }: ConfirmOptions = {},
): Promise<ConfirmResult> {
  const files = new Map<string, VectorFile>()
  const items: Item[] = []
  for (const file of findFiles(path)) {
    const content = parseFile(readText(file), file)
    for (const [name, value] of Object.entries(content)) {
      const vector = checkVector(value, name)
      if (filter.test(name)) items.push({ path: file, name, vector, raw: value as Vector })
    }
    files.set(file, content as VectorFile)
  }
  const result: ConfirmResult = { vectors: items.length, counts: {}, failures: [] }
  const says = new Map<Item, Record<string, string>>(items.map((item) => [item, {}]))
  await Promise.all(
    witnesses.map(async (witness) => {
      const counts: Record<string, number> = {}
      result.counts[witness.name] = counts
      for (const item of items) {
        const said = await askWitness(witness, item.vector)
        says.get(item)![witness.name] = said
        const [kind] = said.split(':')
        counts[kind] = (counts[kind] ?? 0) + 1
        const fault = findFault(item, witness.name, said, write)
        if (fault) result.failures.push(fault)
      }
    }),
  )
  if (!write) return result
  for (const item of items) Object.assign(item.raw._info.witnesses, says.get(item))
  for (const [file, content] of files) writeVectors(file, content)
  return result
}
