import type { BlockHeader, HeaderData } from '@ethereumjs/block'
import type { StateManagerInterface } from '@ethereumjs/common'
import { createAddressFromString, toBytes } from '@ethereumjs/util'
import type { Chain, Rules } from './chain.ts'
import { type Context, type ContextOptions, createContext } from './context.ts'
import { DEPOSIT_TYPE, decodeDeposit } from './deposit.ts'
import { InvalidBlockError, assertRule } from './errors.ts'
import { type L1Block, readL1Block } from './fees.ts'
import { type PayloadAttributes, createHeader, decodeExtraData, prepareHeader } from './header.ts'
import { type Receipt, type TxResult, createBloom, encodeReceipt, indexedRoot } from './receipt.ts'
import { runDeposit } from './runDeposit.ts'
import { decodeSigned, runSigned } from './runSigned.ts'
import { beginBlock } from './system.ts'

const MESSAGE_PASSER = createAddressFromString('0x4200000000000000000000000000000000000016')

/** See {@link executeBlock}. */
export interface BlockOptions extends ContextOptions {
  /** The header before, as any EthereumJS has it. */
  parent: HeaderData
  attributes: PayloadAttributes
  /** Encoded signed transactions, each of which joins the end of the block if it can. */
  candidates?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/** A block and what came out of it. */
export interface ExecutedBlock {
  header: BlockHeader
  /** EIP-2718 encodings. */
  transactions: Uint8Array[]
  receipts: Receipt[]
}

/** The storage root of L2ToL1MessagePasser, from Isthmus on; takes a final state. */
export async function readWithdrawalsRoot(rules: Rules, state: StateManagerInterface) {
  if (!rules.isActive('isthmus')) return undefined
  return (await state.getAccount(MESSAGE_PASSER))?.storageRoot
}

/** What a block takes in, one transaction after the other. */
class BlockBody {
  readonly transactions: Uint8Array[] = []
  readonly receipts: Receipt[] = []
  gasUsed = 0n
  daFootprint = 0n
  /** Gas that no transaction has taken yet. */
  #gasLeft: bigint
  /** Read when the first signed transaction comes, after the L1 attributes have run (F-07). */
  #l1Block?: L1Block
  readonly #context: Context

  constructor(context: Context) {
    this.#context = context
    this.#gasLeft = context.block.header.gasLimit
  }

  /** @throws {InvalidBlockError} if the transaction cannot be in the block; then nothing changes */
  async add(raw: Uint8Array): Promise<void> {
    const result = await this.#run(raw)
    this.gasUsed += result.gasUsed
    this.daFootprint += result.blobGasUsed ?? 0n
    // A system transaction takes no gas from the block, even where it uses some (D-20).
    const isSystemTx = 'isSystemTx' in result.tx && result.tx.isSystemTx
    if (!isSystemTx) this.#gasLeft -= result.gasUsed
    const logsBloom = createBloom(this.#context.rules, result.logs)
    this.transactions.push(raw)
    this.receipts.push({ ...result, cumulativeGasUsed: this.gasUsed, logsBloom })
  }

  async #run(raw: Uint8Array): Promise<TxResult> {
    const { vm, block, rules } = this.#context
    if (raw[0] === DEPOSIT_TYPE) return runDeposit(this.#context, decodeDeposit(raw), this.#gasLeft)
    const tx = decodeSigned(rules, raw)
    this.#l1Block ??= await readL1Block(vm.stateManager, rules)
    const room = { gas: this.#gasLeft, daFootprint: block.header.gasLimit - this.daFootprint }
    return runSigned(this.#context, tx, this.#l1Block, room)
  }
}

/**
 * From Jovian the DA footprint needs the L1 attributes first (D-37), and the block in which a fork
 * activates holds nothing but deposits (I-14).
 *
 * @throws {InvalidBlockError} if there is a signed transaction too early
 */
function assertDepositsFirst(rules: Rules, transactions: Uint8Array[], isUpgrade: boolean) {
  if (!rules.isActive('jovian')) return
  const signed = transactions.findIndex((raw) => raw[0] !== DEPOSIT_TYPE)
  const isRight = transactions.length > 0 && signed !== 0 && !(isUpgrade && signed > 0)
  const place = Math.max(signed, 0)
  assertRule(isRight, `transaction ${place} must be a deposit in this ${rules.fork} block`)
}

/** Fills the header in with what execution has brought. */
async function sealBlock(rules: Rules, state: StateManagerInterface, body: BlockBody) {
  const isCanyon = rules.isActive('canyon')
  // Before Canyon the trie forgets the deposit nonce, though receipts have it (D-27).
  const leaves = body.receipts.map((receipt) =>
    encodeReceipt(isCanyon ? receipt : { ...receipt, depositNonce: undefined }),
  )
  return {
    // First, for it makes the state final.
    stateRoot: await state.getStateRoot(),
    withdrawalsRoot: await readWithdrawalsRoot(rules, state),
    transactionsTrie: await indexedRoot(rules, body.transactions),
    receiptTrie: await indexedRoot(rules, leaves),
    gasUsed: body.gasUsed,
    logsBloom: createBloom(
      rules,
      body.receipts.flatMap(({ logs }) => logs),
    ),
    ...(rules.isActive('jovian') && { blobGasUsed: body.daFootprint }),
  }
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
  const isUpgrade = rules !== chain.rules(parent)
  assertDepositsFirst(rules, forced, isUpgrade)
  const context = await createContext(header, opts)

  await state.checkpoint()
  await beginBlock(chain, context)
  const body = new BlockBody(context)
  for (const [index, raw] of forced.entries()) {
    await body.add(raw).catch((error) => {
      if (!(error instanceof InvalidBlockError)) throw error
      throw new InvalidBlockError(`transaction ${index}: ${error.message}`)
    })
  }
  for await (const raw of isUpgrade ? [] : candidates) {
    if (raw[0] === DEPOSIT_TYPE) continue
    await body.add(raw).catch((error) => {
      if (!(error instanceof InvalidBlockError)) throw error
    })
  }
  await state.commit()

  const sealed = createHeader(chain, { ...header, ...(await sealBlock(rules, state, body)) })
  return { header: sealed, transactions: body.transactions, receipts: body.receipts }
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
  state: StateManagerInterface,
  fields: HeaderData,
): Promise<BlockHeader> {
  const { timestamp, extraData } = createHeader(chain, fields)
  const rules = chain.rules({ timestamp, number: 0n })
  if (rules.isActive('holocene')) decodeExtraData(rules, extraData)
  const stateRoot = await state.getStateRoot()
  const withdrawalsRoot = await readWithdrawalsRoot(rules, state)
  return createHeader(chain, { ...fields, stateRoot, withdrawalsRoot })
}
