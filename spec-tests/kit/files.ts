import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { VectorError, type VectorFile } from './vector.ts'

/** From this size in bytes on, a file is compressed. */
const LARGE = 2 ** 17

/** Bytes of a file when it is unpacked. */
const MAX_SIZE = 2 ** 28

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
    const isCompressed = bytes[0] === 0x1f
    return (isCompressed ? gunzipSync(bytes, { maxOutputLength: MAX_SIZE }) : bytes).toString()
  } catch (error) {
    throw new VectorError(`${path}: ${(error as Error).message}`)
  }
}

/**
 * Writes a file of vectors, compressed where it is large; one that is the same already stays.
 *
 * @param path - with or without `.gz`, which it gets or loses
 */
export function writeVectors(path: string, file: VectorFile) {
  const plain = path.replace(/\.gz$/, '')
  const text = `${JSON.stringify(file, null, 1)}\n`
  const isLarge = text.length >= LARGE
  const target = isLarge ? `${plain}.gz` : plain
  if (existsSync(target) && readText(target) === text) return
  mkdirSync(dirname(target), { recursive: true })
  writeFileSync(target, isLarge ? gzipSync(text, { level: 9 }) : text)
  rmSync(isLarge ? plain : `${plain}.gz`, { force: true })
}
