import type { BlockHeader, HeaderData } from '@ethereumjs/block'
import { createAddressFromString, toBytes } from '@ethereumjs/util'
import type { Candidates } from '../ethereumjs/builds.ts'
import { InvalidBlockError, assertRule } from '../ethereumjs/errors.ts'
import { type AnyState, readStorageRoot } from '../ethereumjs/state.ts'
import { indexedRoot } from '../ethereumjs/trie.ts'
import { createBloom } from '../ethereumjs/vm.ts'
import type { Chain, Rules } from './chain.ts'
import { type Context, type ContextOptions, createContext } from './context.ts'
import { DEPOSIT_TYPE, decodeDeposit } from './deposit.ts'
import { type L1Block, readL1Block } from './fees.ts'
import { type PayloadAttributes, createHeader, decodeExtraData, prepareHeader } from './header.ts'
import { type Receipt, type TxResult, encodeReceipt } from './receipt.ts'
import { runDeposit } from './runDeposit.ts'
import { decodeSigned, runSigned } from './runSigned.ts'
import { beginBlock } from './system.ts'

const MESSAGE_PASSER = createAddressFromString('0x4200000000000000000000000000000000000016')

/** What goes into a block. */
export interface BlockContents {
  attributes: PayloadAttributes
  /** Signed, each of which joins the end of the block if it can. Taken when all others have run. */
  candidates?: Candidates
}

/** See {@link executeBlock}. */
export interface BlockOptions extends ContextOptions, BlockContents {
  /** The header before, as any EthereumJS has it. */
  parent: HeaderData
  /** Called in place of `run` for each transaction, so that what it does can be observed. */
  observe?(context: Context, raw: Uint8Array, run: () => Promise<TxResult>): Promise<TxResult>
}

/** A block and what came out of it. */
export interface ExecutedBlock {
  header: BlockHeader
  /** EIP-2718 encodings. */
  transactions: Uint8Array[]
  receipts: Receipt[]
}

/**
 * The storage root of L2ToL1MessagePasser, from Isthmus on; takes a final state.
 *
 * @param parent - header before the block with this state. Its root holds where a witness lacks the
 * account, because the block has not touched it
 */
export async function readWithdrawalsRoot(rules: Rules, state: AnyState, parent?: BlockHeader) {
  if (!rules.isActive('isthmus')) return undefined
  // Before Isthmus, which also brought `requestsHash`, it is the root of no withdrawals.
  return readStorageRoot(state, MESSAGE_PASSER, parent?.requestsHash && parent.withdrawalsRoot)
}

/**
 * Executes the one block that can follow `parent` with these attributes. Building a block is
 * calling it; importing one is calling it and comparing the hash; so is verifying a witness.
 *
 * @param opts.state - the state after `parent`; on success it becomes the state after the block
 * @returns the sealed header, the transactions and their receipts
 * @throws {InvalidBlockError} if no valid block follows
 * @throws {StateError} if state or an ancestor's hash cannot be read. After this and any other error,
 * `state` must not be used again, and nothing is known about the block
 * @see https://specs.optimism.io/protocol/exec-engine.html
 */
export async function executeBlock(opts: BlockOptions): Promise<ExecutedBlock> {
  const { chain, state, attributes, candidates = [] } = opts
  const parent = createHeader(chain, opts.parent)
  const forced = (attributes.transactions ?? []).map((raw) => toBytes(raw))
  const header = prepareHeader(chain, parent, attributes)
  const rules = chain.rules(header)
  const isJovian = rules.isActive('jovian')
  const isUpgrade = rules !== chain.rules(parent)
  // The DA footprint needs the L1 attributes (D-37); an upgrade is alone in its block (I-14).
  const isDepositAt = (index: number) => forced[index]?.[0] === DEPOSIT_TYPE
  const early = isUpgrade ? forced.findIndex((_, index) => !isDepositAt(index)) : -1
  const isFitting = !isJovian || (isDepositAt(0) && early === -1)
  assertRule(isFitting, `transaction ${Math.max(early, 0)} is no deposit in a ${rules.fork} block`)

  const context = await createContext(header, opts)
  await state.checkpoint()
  await beginBlock(chain, context)
  const transactions: Uint8Array[] = []
  const receipts: Receipt[] = []
  let gasLeft = header.gasLimit
  let gasUsed = 0n
  let daFootprint = 0n
  let l1Block: L1Block | undefined
  const run = async (raw: Uint8Array) => {
    if (raw[0] === DEPOSIT_TYPE) return runDeposit(context, decodeDeposit(raw), gasLeft)
    const tx = decodeSigned(rules, raw)
    l1Block ??= await readL1Block(state, rules)
    const room = { gas: gasLeft, daFootprint: header.gasLimit - daFootprint }
    return runSigned(context, tx, l1Block, room)
  }
  /** Runs a transaction at the end of the block. If it cannot be there, nothing changes. */
  const include = async (raw: Uint8Array) => {
    const result = await (opts.observe?.(context, raw, () => run(raw)) ?? run(raw))
    gasUsed += result.gasUsed
    daFootprint += result.blobGasUsed ?? 0n
    gasLeft -= result.gasUsed
    transactions.push(raw)
    const logsBloom = createBloom(rules.common, result.logs)
    receipts.push({ ...result, cumulativeGasUsed: gasUsed, logsBloom })
  }
  for (const [index, raw] of forced.entries()) {
    await include(raw).catch((error) => {
      if (!(error instanceof InvalidBlockError)) throw error
      throw new InvalidBlockError(`transaction ${index}: ${error.message}`)
    })
  }
  for await (const raw of isUpgrade ? [] : candidates) {
    if (raw[0] === DEPOSIT_TYPE) continue
    await include(raw).catch((error) => {
      if (!(error instanceof InvalidBlockError)) throw error
    })
  }
  await state.commit()

  // Before Canyon the trie forgets the deposit nonce, though receipts have it (D-27).
  const forgotten = rules.isActive('canyon') ? {} : { depositNonce: undefined }
  const leaves = receipts.map((receipt) => encodeReceipt({ ...receipt, ...forgotten }))
  const logs = receipts.flatMap((receipt) => receipt.logs)
  const sealed = createHeader(chain, {
    ...header,
    // First, for it makes the state final.
    stateRoot: await state.getStateRoot(),
    withdrawalsRoot: await readWithdrawalsRoot(rules, state, parent),
    transactionsTrie: indexedRoot(rules.common, transactions),
    receiptTrie: indexedRoot(rules.common, leaves),
    logsBloom: createBloom(rules.common, logs),
    gasUsed,
    blobGasUsed: isJovian ? daFootprint : header.blobGasUsed,
  })
  return { header: sealed, transactions, receipts }
}

/**
 * The header of block 0 (B-08, X-08).
 *
 * @param state - its state
 * @param fields - of the genesis file
 * @throws {InvalidBlockError} if `extraData` is not that of the fork
 */
export async function createGenesisHeader(
  chain: Chain,
  state: AnyState,
  fields: HeaderData,
): Promise<BlockHeader> {
  const header = createHeader(chain, fields)
  const rules = chain.rules(header)
  if (rules.isActive('holocene')) decodeExtraData(rules, header.extraData)
  const stateRoot = await state.getStateRoot()
  const withdrawalsRoot = await readWithdrawalsRoot(rules, state)
  return createHeader(chain, { ...fields, stateRoot, withdrawalsRoot })
}
