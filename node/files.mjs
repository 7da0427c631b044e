import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** What a JSON file holds, which may be compressed. @throws if it cannot be read */
export function readJSON(path) {
  const bytes = readFileSync(path)
  const isCompressed = bytes[0] === 0x1f
  return JSON.parse((isCompressed ? gunzipSync(bytes) : bytes).toString())
}
