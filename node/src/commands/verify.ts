import { createCrypto } from 'ethereumjs-op/crypto'
import { readJSON } from '../files.ts'
import { type BlockFile, verifyFile } from '../verify/blockFile.ts'

const customCrypto = await createCrypto()

/** Executes the blocks of files and prints the outcome of each. */
export async function verify(paths: string[], { json }: { json?: boolean }): Promise<void> {
  const print = (text: string, object: object) => console.log(json ? JSON.stringify(object) : text)
  const statuses: number[] = []
  for (const path of paths) {
    const start = performance.now()
    let file: BlockFile | undefined
    try {
      file = readJSON(path) as BlockFile
      const outcome = await verifyFile(file, customCrypto)
      const { chainId } = file
      const { number, fork, hash, txs, gas } = outcome
      const ms = Math.round(performance.now() - start)
      const text = `ok   ${chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`
      print(text, { file: path, ok: true, chainId, ...outcome, ms })
      statuses.push(0)
    } catch (thrown) {
      const { message: error } = thrown as Error
      const { chainId, blockNumber: number, hardfork: fork } = Object(file) as Partial<BlockFile>
      const subject = [chainId, number, fork].filter(Boolean).join(' ') || path
      print(`FAIL ${subject} ${error}`, { file: path, ok: false, chainId, number, fork, error })
      statuses.push(file === undefined ? 2 : 1)
    }
  }
  process.exitCode = Math.max(...statuses)
  const failed = statuses.filter(Boolean).length
  const passed = statuses.length - failed
  print(`${passed} passed, ${failed} failed`, { passed, failed })
}
