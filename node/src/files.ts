import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parse } from 'smol-toml'

/** @throws if the file cannot be read; the error names it, and says what is wrong in one line */
function readBytes(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`${path}: ${code === 'ENOENT' ? 'there is no such file' : message}`)
  }
}

/** What a JSON file holds, which may be compressed. @throws if it cannot be read; the error names it */
export function readJSON(path: string): unknown {
  const bytes = readBytes(path)
  const isCompressed = bytes[0] === 0x1f
  try {
    return JSON.parse((isCompressed ? gunzipSync(bytes) : bytes).toString())
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}

/** What a TOML file holds. @throws if it cannot be read; the error names it */
function readTOML(path: string): unknown {
  const text = readBytes(path).toString()
  try {
    return parse(text)
  } catch (error) {
    // The lines after the first draw the place.
    const { line, column } = error as { line?: number; column?: number }
    const [message] = (error as Error).message.split('\n')
    throw new Error(`${path}:${line}:${column}: ${message}`)
  }
}

/** Whether a value holds others by names. Dates of TOML do not. */
const isSection = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)

/** The values of a config file by their names: `port` of a section `http` is `http.port`. */
export function readFlat(path: string): Record<string, unknown> {
  const isKnown = /\.(json|toml)$/.test(path)
  if (!isKnown) throw new Error(`${path}: a config file is .json or .toml`)
  const content = path.endsWith('.toml') ? readTOML(path) : readJSON(path)
  const values: Record<string, unknown> = {}
  const collect = (section: object, prefix: string) => {
    for (const [key, value] of Object.entries(section)) {
      if (isSection(value)) collect(value, `${prefix}${key}.`)
      else values[`${prefix}${key}`] = value
    }
  }
  if (!isSection(content)) throw new Error(`${path}: a config file is an object of settings`)
  collect(content, '')
  return values
}

/** Makes a folder with those above it. @returns what removes all that was made */
export function makeFolder(path: string): () => void {
  const first = mkdirSync(path, { recursive: true })
  return () => {
    if (first) rmSync(first, { recursive: true, force: true })
  }
}

/** The genesis file of the local chain, which is part of this package, as text. */
export const readExample = (): string =>
  readFileSync(new URL('./genesis.json', import.meta.url), 'utf8')
