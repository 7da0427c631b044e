import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** What a JSON file holds, which may be compressed. @throws if it cannot be read; the error names it */
export function readJSON(path: string): unknown {
  const bytes = readFileSync(path)
  const isCompressed = bytes[0] === 0x1f
  try {
    return JSON.parse((isCompressed ? gunzipSync(bytes) : bytes).toString())
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}
