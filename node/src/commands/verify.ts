import { createCrypto } from 'ethereumjs-op/crypto'
import { type CaseFile, runCase } from '../crosscheck/caseFile.ts'
import { readJSON } from '../files.ts'
import { type BlockFile, verifyFile } from '../verify/blockFile.ts'

const customCrypto = await createCrypto()

/** Prints text for people, or an object for programs. */
type Print = (text: string, object: object) => void

/** What a file holds: a block, or a case of `crosscheck`. */
const isCase = (file: object): file is CaseFile => 'case' in file

/**
 * Runs a case of `crosscheck` again: whether two clients differ.
 *
 * @returns the exit status: 1 if they do, 0 if what the main client said is what is computed
 */
async function verifyCase(path: string, file: CaseFile, print: Print): Promise<number> {
  const { id, kind, summary } = file.case
  const { text, ...outcome } = await runCase(file, customCrypto)
  const other = outcome.isSame ? '' : '; when the alarm rang something else was computed'
  const lines = [`CASE ${id}: ${summary}`, `     ${text}${other}`]
  print(lines.join('\n'), {
    file: path,
    ok: !outcome.isReproduced,
    case: id,
    kind,
    summary,
    ...outcome,
  })
  return outcome.isReproduced ? 1 : 0
}

/** Executes the blocks of files and prints the outcome of each. */
export async function verify(paths: string[], { json }: { json?: boolean }): Promise<void> {
  const print: Print = (text, object) => console.log(json ? JSON.stringify(object) : text)
  const statuses: number[] = []
  for (const path of paths) {
    const start = performance.now()
    let file: BlockFile | undefined
    try {
      file = readJSON(path) as BlockFile
      if (isCase(Object(file))) {
        statuses.push(await verifyCase(path, file as unknown as CaseFile, print))
        continue
      }
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
