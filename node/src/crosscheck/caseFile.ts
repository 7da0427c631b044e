import {
  type Crypto,
  InvalidBlockError,
  createChain,
  createWitnessState,
  executeBlock,
} from 'ethereumjs-op'
import { type BlockJSON, blockToJSON, headerFromJSON } from 'ethereumjs-op/blockchain'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import type { BlockFile } from '../verify/blockFile.ts'
import { type Difference, compareBlock, describeDifference } from '../verify/differences.ts'
import type { Claim } from './claim.ts'
import type { Answer } from './exchange.ts'
import type { AlarmKind } from './types.ts'

/** What of an account is different after the block. */
export interface AccountDifference {
  address: Hex
  /** Balance, nonce, code hash, or a slot. */
  fields: Difference[]
}

/** What this client computes. */
export interface Computed {
  hash?: Hex
  /** Why no valid block follows. */
  invalid?: string
}

/** What makes a block file a case. */
export interface CaseFacts {
  /** That of the alarm. */
  id: string
  kind: AlarmKind
  /** In milliseconds since 1970. */
  at: number
  summary: string
  /** The call of the Engine API, where it was one that differed. */
  method?: string
  params?: unknown[]
  /** As they were given, or no more than what was compared. */
  answers: { main?: Answer; own?: Answer }
  claim: Claim
  computed?: Computed
  firstHeaderField?: Difference
  firstReceipt?: Difference
  firstTransaction?: Difference
  accounts?: AccountDifference[]
  /** Why accounts, or the witness, are not here. */
  stateError?: string
  /** `debug_executionWitness` of the main client. */
  mainWitness?: unknown
  /** File of vectors for `op-spec-test`, to ask a third client. */
  vector?: Record<string, unknown>
  /** Why there is none. */
  vectorError?: string
}

/** A block file of `ethereumjs-op verify`, with what two clients said. Without a state it cannot be run. */
export interface CaseFile extends Partial<BlockFile> {
  case: CaseFacts
}

/** What came of running a case again. */
export interface CaseOutcome {
  /** Whether the two clients still differ: what is claimed is not what is computed. */
  isReproduced: boolean
  /** Whether the same is computed as when the alarm rang. */
  isSame: boolean
  computed: Computed
  differences: Difference[]
  /** In one line. */
  text: string
}

/** Executes the block of a case. @returns it, or why no valid block follows */
async function execute(file: CaseFile, customCrypto: Crypto) {
  const { id } = file.case
  const { config, parentHeader, payloadAttributes: attributes, preimages, ancestorHashes } = file
  if (!config || !parentHeader || !attributes || !preimages) {
    const reason = file.case.stateError ?? 'it is about a call, not about a block'
    throw new Error(`case ${id} cannot be run again: ${reason}`)
  }
  const chain = createChain(config, { customCrypto })
  const parent = headerFromJSON(chain, parentHeader)
  const state = createWitnessState(chain.common, parent.stateRoot, preimages)
  const getBlockHash = (number: bigint) => ancestorHashes?.[`${number}`]
  try {
    return {
      block: blockToJSON(await executeBlock({ chain, state, parent, attributes, getBlockHash })),
    }
  } catch (error) {
    if (!(error instanceof InvalidBlockError)) throw error
    return { invalid: error.message }
  }
}

/**
 * Runs a case again.
 *
 * @throws if it holds no state, or less than the block reads
 */
export async function runCase(file: CaseFile, customCrypto: Crypto): Promise<CaseOutcome> {
  const { claim, computed: before } = file.case
  const { block, invalid }: { block?: BlockJSON; invalid?: string } = await execute(
    file,
    customCrypto,
  )
  const differences = block ? compareBlock(block, claim) : []
  const isRight = block !== undefined && differences.length === 0
  const isReproduced = (claim.verdict === 'VALID') !== isRight
  const hash = block?.header.hash as Hex | undefined
  const isSame =
    before?.hash === hash && (before?.invalid === undefined) === (invalid === undefined)
  const here =
    invalid === undefined ? `block ${hash} follows` : `no valid block follows: ${invalid}`
  const first = differences.length > 0 ? `; ${describeDifference(differences[0])}` : ''
  const said = `the main client says ${claim.verdict}${claim.header?.hash ? ` of ${claim.header.hash}` : ''}`
  const word = isReproduced ? 'reproduced' : 'not reproduced'
  const text = `${word}: ${said}, computed here: ${here}${first}`
  return { isReproduced, isSame, computed: { hash, invalid }, differences, text }
}
