import { Block, type BlockHeader, type HeaderData, createBlockHeader } from '@ethereumjs/block'
import type { StateManagerInterface } from '@ethereumjs/common'
import { type EVM, EVMError, type ExecResult, type Log } from '@ethereumjs/evm'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { type EIP7702CompatibleTx, type TypedTransaction, createLegacyTx } from '@ethereumjs/tx'
import { createTxFromRLP, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, type Address, type BigIntLike, type BytesLike, bigIntMax } from '@ethereumjs/util'
import { bigIntMin, concatBytes, createAddressFromString, equalsBytes } from '@ethereumjs/util'
import { createContractAddress, toBytes } from '@ethereumjs/util'
import { Bloom, type VM, createVM, runTx } from '@ethereumjs/vm'
import type { Chain, Rules } from './chain.ts'
import { CREATE2_DEPLOYER_CODE } from './create2deployer.ts'
import { DEPOSIT_TYPE, type DepositTx, decodeDeposit } from './deposit.ts'
import { type L1Block, l1Fees, operatorFee, readL1Block } from './fees.ts'
import { calculateBaseFee, encodeExtraData } from './header.ts'
import { correctOpcodes } from './opcodes.ts'
import { StateError } from './state.ts'

const MESSAGE_PASSER = createAddressFromString('0x4200000000000000000000000000000000000016')
const BASE_FEE_VAULT = createAddressFromString('0x4200000000000000000000000000000000000019')
const L1_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001a')
const OPERATOR_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001b')
const CREATE2_DEPLOYER = createAddressFromString('0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2')
const BEACON_ROOTS = createAddressFromString('0x000f3df6d732807ef1319fb7b8bb8522d0beac02')
const HISTORY_STORAGE = createAddressFromString('0x0000f90827f1c53a10cb7a02335b175320002935')
const SYSTEM_ADDRESS = createAddressFromString('0xfffffffffffffffffffffffffffffffffffffffe')

/**
 * What the consensus client dictates about a block, as the Engine API spells it: hex or bytes.
 *
 * - `timestamp`: seconds
 * - `gasLimit`: of the block, used as it is: no 1/1024 rule on OP chains (B-14)
 * - `prevRandao`: 32 bytes, the header's `mixHash` and the PREVRANDAO opcode
 * - `suggestedFeeRecipient`: the header's coinbase; any address is valid
 * - `transactions`: EIP-2718 encodings, in order; all of them must be valid
 * - `withdrawals`: may be empty, nothing else
 * - `parentBeaconBlockRoot`: 32 bytes; from Ecotone
 * - `eip1559Params`: 8 bytes, see {@link encodeExtraData}; from Holocene
 * - `minBaseFee`: wei, 64 bits; from Jovian
 *
 * @see https://specs.optimism.io/protocol/exec-engine.html#extended-payloadattributesv1
 */
export type PayloadAttributes = Record<'timestamp', BigIntLike> &
  Record<'prevRandao' | 'suggestedFeeRecipient', BytesLike> &
  Partial<Record<'parentBeaconBlockRoot' | 'eip1559Params', BytesLike | null>> &
  Partial<Record<'gasLimit' | 'minBaseFee', BigIntLike | null>> &
  Partial<Record<'withdrawals', unknown[] | null> & Record<'transactions', BytesLike[] | null>>

/** Where transactions run; `l1Block` once a signed transaction needs it. */
type Context = { vm: VM; block: Block; rules: Rules; l1Block?: L1Block }

/**
 * Outcome of a transaction; what is not part of consensus has its JSON-RPC name. Deposits have
 * `depositNonce`, the sender's nonce before it, from Regolith, and `depositReceiptVersion` 1 from
 * Canyon (D-25, D-26); the others have fees. `tx` is the decoded transaction; `returnValue`, and the
 * `error` of one that failed, are for simulated calls.
 */
export type Receipt = Outcome & { cumulativeGasUsed: bigint; logsBloom: Uint8Array }

/** What a transaction by itself determines of its receipt. */
type Outcome = Awaited<ReturnType<typeof runSigned | typeof runDeposit>> &
  Partial<ReturnType<typeof l1Fees> & Awaited<ReturnType<typeof runDeposit>>> &
  Record<'tx', DepositTx | TypedTransaction>

/** Adds wei to an account or, if negative, takes them. @throws if it has less */
async function addBalance({ stateManager }: VM, address: Address, amount: bigint) {
  // A minimal witness may lack an account that is paid nothing.
  if (amount === 0n) return
  const balance = (await stateManager.getAccount(address))?.balance ?? 0n
  if (balance + amount < 0n) throw new Error(`${address} has ${balance} wei, fees are ${-amount}`)
  await stateManager.modifyAccountFields(address, { balance: balance + amount })
}

/** Ends a transaction: deletes empty accounts, forgets warm addresses and original values. */
async function finalize({ evm, stateManager }: VM) {
  await evm.journal.cleanup()
  stateManager.originalStorageCache.clear()
}

/**
 * Calls a contract as the system does before the first transaction. Where it is not deployed yet
 * there is no code to run, and no account comes into being (I-03, I-04).
 *
 * @see https://eips.ethereum.org/EIPS/eip-4788
 * @see https://eips.ethereum.org/EIPS/eip-2935
 */
async function systemCall({ vm, block }: Context, to: Address, data: Uint8Array) {
  const code = await vm.stateManager.getCode(to)
  const call = { block, caller: SYSTEM_ADDRESS, to, code, data, gasLimit: 30_000_000n }
  await vm.evm.journal.checkpoint()
  const { exceptionError } = await vm.evm.runCode!(call)
  await (exceptionError ? vm.evm.journal.revert() : vm.evm.journal.commit())
  await finalize(vm)
}

/** How a transaction ended: status and logs (D-24), return value and error. */
function toOutcome({ exceptionError, returnValue, logs = [] }: ExecResult) {
  const [status, kept] = exceptionError ? [0, []] : [1, logs]
  return { status, logs: kept, returnValue, error: exceptionError?.error as string | undefined }
}

/**
 * Runs a deposit. It cannot be invalid, only fail, unless the block lacks gas for it. Without mint it
 * is also how a call is simulated.
 *
 * @see https://specs.optimism.io/protocol/deposits.html#execution
 */
export async function runDeposit(context: Context, tx: DepositTx, gasPool: bigint) {
  const { vm, block, rules } = context
  const { evm, common, stateManager } = vm
  const { from, to, mint, value, gas, isSystemTx, data } = tx
  const [regolith, canyon] = [rules.isActive('regolith'), rules.isActive('canyon')]
  if (!isSystemTx && gas > gasPool) throw new Error(`gas limit ${gas} exceeds the ${gasPool} left`)
  const { nonce, balance } = (await stateManager.getAccount(from)) ?? new Account()
  await stateManager.modifyAccountFields(from, { nonce: nonce + 1n, balance: balance + mint })
  // Without a gas limit, which EIP-7825 would cap; deposits are exempt (D-23). The EVM fails a
  // creation with too much init code, with all its gas.
  const unsigned = createLegacyTx({ to, data }, { common, allowUnlimitedInitCodeSize: true })
  const [intrinsicGas, floorGas] = [unsigned.getIntrinsicGas(), getCalldataFloorGas(unsigned)]
  const isRefused = (isSystemTx && regolith) || gas < bigIntMax(intrinsicGas, floorGas)
  const isPoor = value > balance + mint
  const exceptionError = new EVMError(isPoor ? 'insufficient balance' : 'out of gas')
  const [gasLimit, returnValue] = [gas - intrinsicGas, new Uint8Array()]
  let result: ExecResult = { exceptionError, executionGasUsed: gasLimit, returnValue }
  if (!isRefused && !isPoor) {
    const warm = [from, to, canyon ? block.header.coinbase : undefined, ...evm.precompiles.keys()]
    for (const address of warm) if (address) evm.journal.addAlwaysWarmAddress(address.toString())
    const call = { block, caller: from, to, value, data, gasLimit, skipNonceIncrement: true }
    result = (await evm.runCall(call)).execResult
    for (const destroyed of result.selfdestruct?.keys() ?? []) {
      if (common.isActivatedEIP(6780) && !result.createdAddresses?.has(destroyed)) continue
      await evm.journal.deleteAccount(createAddressFromString(destroyed))
    }
  }
  await finalize(vm)
  const spent = intrinsicGas + result.executionGasUsed
  const refund = bigIntMin(result.gasRefund ?? 0n, spent / common.param('maxRefundQuotient'))
  // Before Regolith all gas counts as used, and none of a system transaction's (D-17, D-18).
  const unmetered = isSystemTx ? 0n : gas
  // A refused one may have less gas than the floor.
  const gasUsed = regolith ? bigIntMin(gas, bigIntMax(spent - refund, floorGas)) : unmetered
  const depositNonce = regolith ? nonce : undefined
  const contractAddress = to ? undefined : createContractAddress(from, depositNonce ?? 0n)
  const optional = { depositNonce, depositReceiptVersion: canyon ? 1 : undefined, contractAddress }
  return { type: DEPOSIT_TYPE, ...toOutcome(result), gasUsed, ...optional }
}

/**
 * Decodes a signed transaction, strictly.
 *
 * @throws if L2 does not have its type (R-01, D-34), or it is not in canonical encoding
 */
export function decodeSigned({ common }: Rules, raw: Uint8Array): TypedTransaction {
  // Blob transactions do not exist on L2, although Cancun's rules have them.
  const isForeign = raw[0] === 3 || raw[0] === DEPOSIT_TYPE
  if (isForeign) throw new Error(`transaction type not supported: ${raw[0]}`)
  const tx = createTxFromRLP(raw, { common })
  const { accessList = [], authorizationList = [] } = tx as EIP7702CompatibleTx
  const keys = accessList.map(([, storageKeys]) => storageKeys)
  const lists = [accessList, authorizationList, ...keys, ...authorizationList]
  const items = [accessList.map(([address]) => address), ...keys, ...authorizationList].flat()
  // A list where bytes belong, or the reverse, would be encoded back as it was.
  const isFlat = lists.every(Array.isArray) && !items.some(Array.isArray)
  if (!isFlat || !equalsBytes(tx.serialize(), raw)) throw new Error('not in canonical encoding')
  return tx
}

/**
 * Runs a signed transaction: EthereumJS's `runTx` between the fees of L1 and operator (F-03…F-06).
 *
 * @throws if the transaction cannot be in this block
 */
async function runSigned(context: Context, tx: TypedTransaction, gasPool: bigint) {
  const { vm, block, rules, l1Block } = context
  if (tx.gasLimit > gasPool) throw new Error(`gas limit ${tx.gasLimit} exceeds the ${gasPool} left`)
  const [from, fees] = [tx.getSenderAddress(), l1Fees(l1Block!, rules, tx.serialize())]
  const prepaid = operatorFee(l1Block!, rules, tx.gasLimit)
  // Paid first, so that `runTx` finds the balance which must cover everything else.
  await addBalance(vm, from, -fees.l1Fee - prepaid)
  const result = await runTx(vm, { tx, block, skipHardForkValidation: true })
  const { totalGasSpent: gasUsed, execResult, createdAddress: contractAddress } = result
  const paid = operatorFee(l1Block!, rules, gasUsed)
  await addBalance(vm, BASE_FEE_VAULT, gasUsed * block.header.baseFeePerGas!)
  await addBalance(vm, L1_FEE_VAULT, fees.l1Fee)
  await addBalance(vm, from, prepaid - paid)
  await addBalance(vm, OPERATOR_FEE_VAULT, paid)
  return { type: tx.type, ...toOutcome(execResult), gasUsed, contractAddress, ...fees }
}

/** The 2048-bit filter over the addresses and topics of logs. */
function bloomOf({ common }: Rules, logs: Log[]) {
  const bloom = new Bloom(undefined, common)
  for (const [address, topics] of logs) for (const item of [address, ...topics]) bloom.add(item)
  return bloom.bitvector
}

/** Root of the trie that maps each index to its value. */
export async function indexedRoot({ common }: Rules, values: Uint8Array[]) {
  const trie = new MerklePatriciaTrie({ common })
  for (const [index, value] of values.entries()) await trie.put(RLP.encode(index), value)
  return trie.root()
}

/**
 * Encodes a receipt; a deposit's with `depositNonce` and `depositReceiptVersion` where set (D-24).
 *
 * @see https://specs.optimism.io/protocol/deposits.html#deposit-receipt
 */
export function encodeReceipt(receipt: Partial<Receipt>): Uint8Array {
  const { type, status, cumulativeGasUsed, logsBloom, logs } = receipt
  const deposit = [receipt.depositNonce, receipt.depositReceiptVersion]
  const fields = [status, cumulativeGasUsed, logsBloom, logs, ...deposit.filter((v) => v != null)]
  return concatBytes(Uint8Array.from(type ? [type] : []), RLP.encode(fields))
}

/** A header under the rules of a fork. */
export const createHeader = ({ common }: Rules, data: HeaderData): BlockHeader =>
  createBlockHeader(data, { common, skipConsensusFormatValidation: true })

/** The storage root of L2ToL1MessagePasser, from Isthmus on; takes a final state. */
export const getWithdrawalsRoot = async ({ isActive }: Rules, state: StateManagerInterface) =>
  isActive('isthmus') ? (await state.getAccount(MESSAGE_PASSER))?.storageRoot : undefined

/** The header before execution. @throws if an attribute is missing, out of place or wrong */
function prepareHeader(chain: Chain, parent: BlockHeader, attributes: PayloadAttributes) {
  const { gasLimit, withdrawals, parentBeaconBlockRoot: root } = attributes
  const { suggestedFeeRecipient, prevRandao } = attributes
  const [number, timestamp] = [parent.number + 1n, BigInt((attributes.timestamp ?? 0) as bigint)]
  const isLater = timestamp > parent.timestamp && timestamp < 1n << 64n
  if (!isLater) throw new Error(`timestamp ${timestamp} must be later than ${parent.timestamp}`)
  if (gasLimit == null || BigInt(gasLimit as bigint) >> 63n) throw new Error(`gasLimit ${gasLimit}`)
  if (withdrawals?.length) throw new Error(`${withdrawals.length} withdrawals instead of none`)
  const rules = chain.rules({ number, timestamp })
  // What is missing becomes empty bytes, which the header refuses by name.
  const parentBeaconBlockRoot = rules.isActive('ecotone') ? toBytes(root) : (root ?? undefined)
  const place = { number, timestamp, gasLimit, parentHash: parent.hash(), parentBeaconBlockRoot }
  const [coinbase, mixHash] = [suggestedFeeRecipient, prevRandao].map((bytes) => toBytes(bytes))
  const extraData = encodeExtraData(rules, attributes)
  const baseFeePerGas = calculateBaseFee(chain, parent, rules)
  return createHeader(rules, { ...place, coinbase, mixHash, extraData, baseFeePerGas })
}

/**
 * What executes on a chain. `getBlockHash` is for BLOCKHASH: 32 bytes, or hex; without it only the
 * parent's hash is known.
 */
export type ContextOptions = {
  chain: Chain
  state: StateManagerInterface
  getBlockHash?: (number: bigint) => BytesLike | undefined | Promise<BytesLike | undefined>
}

/** What transactions and simulated calls run in: the block of a header, on a state. */
export async function createContext(header: BlockHeader, opts: ContextOptions): Promise<Context> {
  const { chain, state, getBlockHash } = opts
  const rules = chain.rules(header)
  const getBlock = async (id: number) => {
    const isParent = BigInt(id) === header.number - 1n
    const hash = isParent ? header.parentHash : toBytes(await getBlockHash?.(BigInt(id)))
    if (hash.length !== 32) throw new StateError(`the hash of block ${id} is not known`)
    return { hash: () => hash }
  }
  // Of a blockchain, the EVM uses no more than this.
  const evmOpts = { blockchain: { getBlock } as never, customPrecompiles: rules.precompiles }
  const vm = await createVM({ common: rules.common.copy(), stateManager: state, evmOpts })
  correctOpcodes(vm.evm as EVM)
  // `createEVM` overwrites the option.
  Object.assign(vm.evm, rules.curves)
  return { vm, rules, block: new Block(header) }
}

/** See {@link executeBlock}. */
export type BlockOptions = ContextOptions & {
  parent: BlockHeader
  attributes: PayloadAttributes
  candidates?: Iterable<Uint8Array> | AsyncIterable<Uint8Array>
}

/**
 * Executes the one block that can follow `parent` with these attributes. Building a block is
 * calling this; importing one is calling it and comparing the hash; so is verifying a witness.
 *
 * @param opts.state - the state after `parent`; on success it becomes the state after the block
 * @param opts.candidates - signed transactions, each of which joins the end of the block if it can
 * @returns the sealed header, the transactions and their receipts
 * @throws {StateError} if state or an ancestor's hash cannot be read
 * @throws if no valid block follows. After any error, `state` must not be used again
 * @see https://specs.optimism.io/protocol/exec-engine.html
 */
export async function executeBlock(opts: BlockOptions) {
  const { chain, state, parent, attributes, candidates = [] } = opts
  const forced = (attributes.transactions ?? []).map((raw) => toBytes(raw))
  const header = prepareHeader(chain, parent, attributes)
  const rules = chain.rules(header)
  const jovian = rules.isActive('jovian')
  const isUpgrade = rules !== chain.rules(parent)
  // The first that is no deposit, or the end.
  const signed = [...forced, new Uint8Array()].findIndex((raw) => raw[0] !== DEPOSIT_TYPE)
  // The DA footprint needs the L1 attributes (D-37); upgrades are alone in their block (I-14).
  const isSoon = jovian && (signed === 0 || (isUpgrade && signed < forced.length))
  if (isSoon) throw new Error(`transaction ${signed} must be a deposit in this ${rules.fork} block`)
  const context = await createContext(header, opts)

  await state.checkpoint()
  const isCanyon = Number(header.timestamp) === chain.canyonTime
  if (isCanyon) await state.putCode(CREATE2_DEPLOYER, toBytes(CREATE2_DEPLOYER_CODE))
  const { parentHash, parentBeaconBlockRoot } = header
  if (parentBeaconBlockRoot) await systemCall(context, BEACON_ROOTS, parentBeaconBlockRoot)
  if (rules.isActive('isthmus')) await systemCall(context, HISTORY_STORAGE, parentHash)
  const transactions: Uint8Array[] = []
  const receipts: Receipt[] = []
  let [cumulativeGasUsed, footprint, gasPool] = [0n, 0n, header.gasLimit]
  /** Runs a transaction at the end of the block. @throws if it cannot be there */
  const include = async (raw: Uint8Array) => {
    const tx = raw[0] === DEPOSIT_TYPE ? decodeDeposit(raw) : decodeSigned(rules, raw)
    const isDeposit = 'sourceHash' in tx
    if (!isDeposit) context.l1Block ??= await readL1Block(state, rules)
    const run = isDeposit ? runDeposit(context, tx, gasPool) : runSigned(context, tx, gasPool)
    const outcome: Outcome = { tx, ...(await run) }
    const total = footprint + (outcome.blobGasUsed ?? 0n)
    if (total > header.gasLimit) throw new Error(`DA footprint ${total} exceeds gas limit`)
    footprint = total
    cumulativeGasUsed += outcome.gasUsed
    // A system transaction takes no gas from the block, even where it uses some (D-20).
    if (!isDeposit || !tx.isSystemTx) gasPool -= outcome.gasUsed
    transactions.push(raw)
    receipts.push({ ...outcome, cumulativeGasUsed, logsBloom: bloomOf(rules, outcome.logs) })
  }
  for (const [index, raw] of forced.entries()) {
    await include(raw).catch((error: Error) => {
      throw Object.assign(error, { message: `transaction ${index}: ${error.message}` })
    })
  }
  for await (const raw of isUpgrade ? [] : candidates) {
    if (raw[0] === DEPOSIT_TYPE) continue
    await state.checkpoint()
    try {
      await include(raw)
      await state.commit()
    } catch (error) {
      if (error instanceof StateError) throw error
      await state.revert()
      await finalize(context.vm)
    }
  }
  await state.commit()

  const logs = receipts.flatMap((receipt) => receipt.logs)
  // Before Canyon the trie forgets the deposit nonce, though receipts have it (D-27).
  const forgotten = rules.isActive('canyon') ? {} : { depositNonce: undefined }
  const leaves = receipts.map((receipt) => encodeReceipt({ ...receipt, ...forgotten }))
  // First, for it makes the state final.
  const stateRoot = await state.getStateRoot()
  const withdrawalsRoot = await getWithdrawalsRoot(rules, state)
  const transactionsTrie = await indexedRoot(rules, transactions)
  const receiptTrie = await indexedRoot(rules, leaves)
  const roots = { stateRoot, withdrawalsRoot, transactionsTrie, receiptTrie }
  const blobGasUsed = jovian ? footprint : header.blobGasUsed
  const totals = { gasUsed: cumulativeGasUsed, blobGasUsed, logsBloom: bloomOf(rules, logs) }
  const sealed = createHeader(rules, { ...header, ...roots, ...totals })
  return { header: sealed, transactions, receipts }
}

/** A block and what came out of it. */
export type ExecutedBlock = Awaited<ReturnType<typeof executeBlock>>
