import {
  type ChainConfig,
  type PayloadAttributes,
  type Preimages,
  createChain,
  createWitnessState,
  executeBlock,
} from 'ethereumjs-op'
import {
  type Alloc,
  type HeaderJSON,
  createAllocState,
  headerFromJSON,
  headerToJSON,
} from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { readJSON } from '../files.ts'

/** A block file: a block, the state before it, and what to expect. */
interface BlockFile {
  config?: ChainConfig
  chainId?: number
  blockNumber?: number
  hardfork?: string
  parentHeader: HeaderJSON
  payloadAttributes: PayloadAttributes
  /** The state as a witness, or as accounts. */
  preimages: Preimages
  preAlloc?: Alloc
  /** Hashes for BLOCKHASH by number. */
  ancestorHashes?: Record<string, Hex>
  expectedBlockHash?: Hex
  derivedBlockHash?: Hex
  expected?: Record<string, unknown>
  expectedHeader?: Record<string, unknown>
}

const customCrypto = await createCrypto()

/** @throws if a header is not as expected; the message names the first field that differs */
function compare(header: object, expected: Record<string, unknown>) {
  for (const [name, value] of Object.entries(header)) {
    const wanted = expected[name] ?? value
    if (value !== wanted) throw new Error(`${name} is ${value} but should be ${wanted}`)
  }
}

/** Executes the block of a block file on the state in the file. @throws if it is not as expected */
async function verifyBlock(file: BlockFile) {
  const chain = createChain(file.config ?? {}, { customCrypto })
  const { preAlloc, preimages, payloadAttributes: attributes } = file
  const parent = headerFromJSON(chain, file.parentHeader)
  const state = preAlloc
    ? await createAllocState(chain.common, preAlloc)
    : createWitnessState(chain.common, parent.stateRoot, preimages)
  const getBlockHash = (ancestor: bigint) => file.ancestorHashes?.[`${ancestor}`]
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const json = headerToJSON(header)
  const hash = file.expectedBlockHash ?? file.derivedBlockHash
  const isKnown = hash || file.expected?.stateRoot
  if (!isKnown) throw new Error('the file does not say what to expect')
  if (json.hash !== hash) compare(json, { ...file.expected, ...file.expectedHeader, hash })
  const { fork } = chain.rules(header)
  const txs = attributes.transactions?.length ?? 0
  return {
    number: Number(header.number),
    fork,
    hash: json.hash,
    txs,
    gas: Number(header.gasUsed),
  }
}

/** Executes the blocks of files and prints the outcome of each. */
export async function verify(paths: string[], { json }: { json?: boolean }): Promise<void> {
  const print = (text: string, object: object) => console.log(json ? JSON.stringify(object) : text)
  const statuses: number[] = []
  for (const path of paths) {
    const start = performance.now()
    let file: BlockFile | undefined
    try {
      file = readJSON(path) as BlockFile
      const outcome = await verifyBlock(file)
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
