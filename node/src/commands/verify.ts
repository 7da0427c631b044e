import { InvalidBlockError } from 'ethereumjs-op'
import { createCrypto } from 'ethereumjs-op/crypto'
import { readJSON } from '../files.ts'
import { type BlockFile, verifyFile } from '../verify/blockFile.ts'
import { MismatchError } from '../verify/errors.ts'
import { isWitnessFile, verifyWitnessFile } from '../verify/witnessFile.ts'

const customCrypto = await createCrypto()

/** What a file says of its block, as far as it is there; for a line on what is wrong. */
function readSubject(file: unknown) {
  const { chainId, config, blockNumber, block, hardfork } = Object(file) as Record<string, unknown>
  const id = chainId ?? Object(config).chainId
  const { number } = Object(block) as Record<string, unknown>
  const isQuantity = typeof number === 'string' && /^0x[0-9a-f]{1,13}$/i.test(number)
  const claim = blockNumber ?? (isQuantity ? Number(number) : undefined)
  return {
    chainId: typeof id === 'number' ? id : undefined,
    number: typeof claim === 'number' ? claim : undefined,
    fork: typeof hardfork === 'string' ? hardfork : undefined,
  }
}

/** Executes the blocks of files and prints the outcome of each. */
export async function verify(paths: string[], { json }: { json?: boolean }): Promise<void> {
  const print = (text: string, object: object) => console.log(json ? JSON.stringify(object) : text)
  const statuses: number[] = []
  for (const path of paths) {
    const start = performance.now()
    let file: unknown
    try {
      file = readJSON(path)
      const outcome = await (isWitnessFile(file)
        ? verifyWitnessFile(file, customCrypto)
        : verifyFile(file as BlockFile, customCrypto))
      const { chainId, number, fork, hash, txs, gas, absent } = outcome
      const ms = Math.round(performance.now() - start)
      const text = `ok   ${chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`
      const assumed = absent ? `, assumed not to exist: ${absent.join(' ')}` : ''
      print(`${text}${assumed}`, { file: path, ok: true, ...outcome, ms })
      statuses.push(0)
    } catch (thrown) {
      const { message: error } = thrown as Error
      const { chainId, number, fork } = readSubject(file)
      const subject = number ? [chainId, number, fork].filter(Boolean).join(' ') : path
      print(`FAIL ${subject} ${error}`, { file: path, ok: false, chainId, number, fork, error })
      const isWrong = thrown instanceof MismatchError || thrown instanceof InvalidBlockError
      statuses.push(isWrong ? 1 : 2)
    }
  }
  // That a block is wrong weighs more than that nothing is known of another.
  process.exitCode = statuses.includes(1) ? 1 : Math.max(...statuses)
  const failed = statuses.filter(Boolean).length
  const passed = statuses.length - failed
  print(`${passed} passed, ${failed} failed`, { passed, failed })
}
