import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Genesis } from 'ethereumjs-op/blockchain'
import { readExample, readJSON } from '../files.ts'

/** The secret in a file. @throws if it cannot be read, or does not hold 32 bytes in hex */
export function readSecret(path: string): Uint8Array {
  if (!existsSync(path)) throw new Error(`${path}: there is no such file, of a secret`)
  const digits = readFileSync(path, 'utf8').trim().replace(/^0x/, '')
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw new Error(`${path} must hold 32 bytes in hex`)
  return Buffer.from(digits, 'hex')
}

/** What holders of the secret sign with, and what keeps it if it is a new one. */
export interface Secret {
  bytes: Uint8Array
  /** Writes it where op-node reads it. @throws if it cannot */
  keep(): void
}

/**
 * The secret in a file, or a new one; without a file it is printed, for nobody could read it elsewhere.
 *
 * @throws if the file does not hold 32 bytes in hex, or there is no folder for it
 */
export function findSecret(path: string | undefined): Secret {
  const made = randomBytes(32)
  const hex = made.toString('hex')
  if (path === undefined) return { bytes: made, keep: () => console.log(`secret: ${hex}`) }
  if (!existsSync(path)) {
    if (!existsSync(dirname(path))) throw new Error(`${path}: there is no such folder`)
    const keep = () => writeFileSync(path, hex, { mode: 0o600, flag: 'wx' })
    return { bytes: made, keep }
  }
  return { bytes: readSecret(path), keep: () => {} }
}

/** Contents of a genesis file, or of that of the local chain. @throws if it cannot be read */
export function readGenesis(path: string | undefined): Genesis {
  if (path === undefined) return JSON.parse(readExample()) as Genesis
  if (existsSync(path)) return readJSON(path) as Genesis
  const how = 'give the genesis file of the chain, or write that of a local chain by'
  throw new Error(
    `${path}: there is no such file; ${how} \`ethereumjs-op genesis --example ${path}\``,
  )
}
