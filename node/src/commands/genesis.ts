import { writeFileSync } from 'node:fs'
import { type Genesis, createGenesis, headerToJSON } from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'
import { readExample, readJSON } from '../files.ts'

/** Prints the hash of the genesis block of a file, or why it has none. */
export async function printGenesis(path: string): Promise<void> {
  // If the file cannot be read.
  process.exitCode = 2
  try {
    const file = readJSON(path) as Genesis
    process.exitCode = 1
    const { header } = await createGenesis(Object(file), { customCrypto: await createCrypto() })
    console.log(headerToJSON(header).hash)
    process.exitCode = 0
  } catch (error) {
    const { message } = error as Error
    console.error(message.startsWith(path) ? message : `${path}: ${message}`)
  }
}

/** Prints the genesis file of the local chain, or writes it where there is no file yet. */
export function writeExample(path: string | true): void {
  const text = readExample()
  if (path === true) return void process.stdout.write(text)
  try {
    writeFileSync(path, text, { flag: 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    console.error(`${path}: ${code === 'EEXIST' ? 'there is such a file already' : message}`)
    process.exitCode = 2
  }
}
