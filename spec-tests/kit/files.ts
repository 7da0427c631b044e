import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { VectorError } from './vector.ts'

const isVectorFile = (path: string) => /\.json(\.gz)?$/.test(path)

/**
 * Files of vectors.
 *
 * @param path - a file, or a folder, of which all below it counts
 * @throws {VectorError} if there is nothing
 */
export function findFiles(path: string): string[] {
  const stats = statSync(path, { throwIfNoEntry: false })
  if (!stats) throw new VectorError(`${path}: there is no such file or folder`)
  if (!stats.isDirectory()) return [path]
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
  const files = names.filter(isVectorFile).map((name) => join(path, name))
  if (files.length === 0) throw new VectorError(`${path}: there is no .json or .json.gz file`)
  return files.sort()
}

/** The text of a file, which may be compressed. @throws {VectorError} if it cannot be read */
export function readText(path: string): string {
  try {
    const bytes = readFileSync(path)
    return (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString()
  } catch (error) {
    throw new VectorError(`${path}: ${(error as Error).message}`)
  }
}
