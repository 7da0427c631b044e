/** Checks a block of a file that holds a standard execution witness. */
import {
  type Chain,
  type ChainConfig,
  type Crypto,
  type ExecutionWitness,
  attributesOfHeader,
  createChain,
  executeBlock,
  readWitness,
} from 'ethereumjs-op'
import {
  CHAINS,
  type ClaimedBlock,
  type FullBlock,
  blockToJSON,
  headerToJSON,
  readBlock,
} from 'ethereumjs-op/blockchain'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { compareBlock, describeDifference } from './differences.ts'
import { MismatchError } from './errors.ts'
import { show } from './fields.ts'

/** What a file holds that may be anything. */
export interface WitnessFile {
  /** As `eth_getBlockByNumber` gives it with whole transactions, or RLP in hex. */
  block?: unknown
  /** As `debug_executionWitness` gives it. */
  witness?: unknown
  /** As in a genesis file. */
  config?: unknown
  /** In place of `config`, of a chain that is known here. */
  chainId?: unknown
}

/** A block that is as it should be. */
export interface VerifiedBlock {
  chainId?: number
  number: number
  fork: string
  hash: Hex
  txs: number
  gas: number
  /** Accounts that were assumed not to exist, because the witness does not say. */
  absent?: Hex[]
}

/** Whether a file is one of these. */
export const isWitnessFile = (file: unknown): file is WitnessFile => {
  const { block, witness } = Object(file) as WitnessFile
  return block !== undefined || witness !== undefined
}

/** @throws if the file does not tell the rules of its chain */
function findConfig({ config, chainId }: WitnessFile): ChainConfig {
  const known = typeof chainId === 'number' ? CHAINS.get(chainId) : undefined
  if (config === undefined) {
    if (known) return known.config
    const ids = [...CHAINS.keys()].join(', ')
    const reason = chainId === undefined ? 'neither config nor chainId' : `chainId ${show(chainId)}`
    throw new Error(`the file has ${reason}: give config, as in a genesis file, or one of ${ids}`)
  }
  const isObject = config instanceof Object && !Array.isArray(config)
  if (!isObject) throw new Error(`the file has config ${show(config)}, which is no object`)
  const own = (config as ChainConfig).chainId as unknown
  if (chainId === undefined || chainId === own) return config as ChainConfig
  throw new Error(`the file has chainId ${show(chainId)}, but its config has ${show(own)}`)
}

/** What is executed, and how it came out. */
interface Outcome {
  /** Fields of the header that the block claims otherwise, in words. */
  differences: string[]
  /** What was assumed for it. */
  absent: Hex[]
}

async function execute(
  chain: Chain,
  claimed: ClaimedBlock,
  witness: ExecutionWitness,
  assumeAbsent: boolean,
): Promise<Outcome> {
  const { header, transactions } = claimed
  const contents = readWitness(chain.common, header.parentHash, witness, { assumeAbsent })
  const attributes = { ...attributesOfHeader(header), transactions }
  try {
    const executed = await executeBlock({ chain, ...contents, attributes })
    // The hash says no more than the fields.
    const claim = { header: { ...headerToJSON(header), hash: undefined } }
    const differences = compareBlock(blockToJSON(executed), claim).map(describeDifference)
    return { differences, absent: [...contents.absent] }
  } catch (error) {
    // What is wrong may be what was assumed: without it, what is missing is named.
    if (contents.absent.size > 0) await execute(chain, claimed, witness, false)
    throw error
  }
}

/**
 * Executes the block of a file on the state of its witness, and compares the header.
 *
 * Where the witness lacks the proof that an account does not exist, as those of op-geth do, it is
 * assumed not to: `absent` then names it.
 *
 * @throws {MismatchError} if the block is not what its execution gives
 * @throws {InvalidBlockError} if no valid block has its transactions, or its parts do not fit together
 * @throws if nothing is known about it, because the file lacks something or has it in a wrong form
 */
export async function verifyWitnessFile(
  file: WitnessFile,
  customCrypto: Crypto,
): Promise<VerifiedBlock> {
  const chain = createChain(findConfig(file), { customCrypto })
  if (file.block === undefined) throw new Error('the file has a witness, but no block')
  if (file.witness === undefined) throw new Error('the file has a block, but no witness')
  const claimed = await readBlock(chain, file.block as FullBlock)
  const witness = file.witness as ExecutionWitness
  let outcome = await execute(chain, claimed, witness, true)
  const isDoubtful = outcome.differences.length > 0 && outcome.absent.length > 0
  if (isDoubtful) outcome = await execute(chain, claimed, witness, false)
  const { differences, absent } = outcome
  if (differences.length > 0) throw new MismatchError(differences.join('; '))
  const { header, hash, transactions } = claimed
  return {
    chainId: Number(chain.common.chainId()),
    number: Number(header.number),
    fork: chain.rules(header).fork,
    hash,
    txs: transactions.length,
    gas: Number(header.gasUsed),
    absent: absent.length > 0 ? absent : undefined,
  }
}
