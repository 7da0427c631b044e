import {
  type ChainConfig,
  type Crypto,
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
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { MismatchError } from './errors.ts'
import type { VerifiedBlock } from './witnessFile.ts'

/** A block file: a block, the state before it, and what to expect. */
export interface BlockFile {
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

/** @throws {MismatchError} if a header is not as expected; it names the first field that differs */
function compare(header: object, expected: Record<string, unknown>) {
  for (const [name, value] of Object.entries(header)) {
    const wanted = expected[name] ?? value
    if (value === wanted) continue
    throw new MismatchError(`${name} is ${value} but should be ${wanted}`)
  }
}

/**
 * Executes the block of a block file on the state in the file.
 *
 * @throws {MismatchError} if it is not as expected
 * @throws {InvalidBlockError} if no valid block has its attributes
 * @throws if nothing is known about it, because the file lacks something or has it in a wrong form
 */
export async function verifyFile(file: BlockFile, customCrypto: Crypto): Promise<VerifiedBlock> {
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
    chainId: file.chainId,
    number: Number(header.number),
    fork,
    hash: json.hash,
    txs,
    gas: Number(header.gasUsed),
  }
}
