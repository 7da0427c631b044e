import { Block, type BlockHeader, type HeaderData, createBlockHeader } from '@ethereumjs/block'
import type { Common, StateManagerInterface } from '@ethereumjs/common'
import type { EVM, EVMMockBlockchainInterface, Log } from '@ethereumjs/evm'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { type TypedTransaction, createLegacyTx, createTxFromRLP } from '@ethereumjs/tx'
import { getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, Address, type BigIntLike, type BytesLike, bigIntMax } from '@ethereumjs/util'
import { bigIntMin, bigIntToUnpaddedBytes, concatBytes, equalsBytes } from '@ethereumjs/util'
import { createAddressFromString, generateAddress, toBytes } from '@ethereumjs/util'
import { Bloom, type VM, createVM, runTx } from '@ethereumjs/vm'
import type { Chain, Rules } from './chain.ts'
import { CREATE2_DEPLOYER_CODE } from './create2deployer.ts'
import { DEPOSIT_TYPE, type DepositTx, decodeDeposit } from './deposit.ts'
import { type L1Block, l1Fees, operatorFee, readL1Block } from './fees.ts'
import { calculateBaseFee, encodeExtraData } from './header.ts'
import { breathe, correctOpcodes } from './opcodes.ts'
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

/** A block under construction; `l1Block` once a signed transaction needs it. */
export type Context = { vm: VM; block: Block; rules: Rules; l1Block?: L1Block }

/**
 * Outcome of a transaction; what is not part of consensus has its JSON-RPC name. Deposits have
 * `depositNonce`, the sender's nonce before it, from Regolith, and `depositReceiptVersion` 1 from
 * Canyon (D-25, D-26); the others have fees. `poolGas` is the gas that the block has less of.
 */
export type Receipt = Outcome & { cumulativeGasUsed: bigint; logsBloom: Uint8Array }

/** What a transaction by itself determines of its receipt. */
type Outcome = Partial<ReturnType<typeof l1Fees>> &
  Partial<Pick<DepositOutcome, 'depositNonce' | 'depositReceiptVersion'>> &
  (DepositOutcome | Awaited<ReturnType<typeof runSigned>>)

type DepositOutcome = Awaited<ReturnType<typeof runDeposit>>

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
 * nothing happens, and no account comes into being (I-03, I-04).
 *
 * @see https://eips.ethereum.org/EIPS/eip-4788
 * @see https://eips.ethereum.org/EIPS/eip-2935
 */
async function systemCall({ vm, block }: Context, to: Address, data: Uint8Array) {
  const code = await vm.stateManager.getCode(to)
  if (code.length === 0) return
  const call = { block, caller: SYSTEM_ADDRESS, to, code, data, gasLimit: 30_000_000n }
  await vm.evm.journal.checkpoint()
  const { exceptionError } = await vm.evm.runCode!(call)
  await (exceptionError ? vm.evm.journal.revert() : vm.evm.journal.commit())
  await finalize(vm)
}

/** A call without signature and fees. */
export type Message = Pick<DepositTx, 'from' | 'to' | 'value' | 'gas' | 'data'>

/**
 * Runs a message as a deposit runs, without its mint: gas is not paid for, the nonce not checked.
 * Also what a simulated call is.
 *
 * @returns `error` if it was refused or has failed; `nonce` is the sender's before it
 */
export async function runMessage(context: Context, message: Message, isRefused = false) {
  const { vm, block, rules } = context
  const { evm, common, stateManager } = vm
  const { from, to, value, gas, data } = message
  const [regolith, canyon] = [rules.isActive('regolith'), rules.isActive('canyon')]
  const { nonce, balance } = (await stateManager.getAccount(from)) ?? new Account()
  const isTooLong = !to && canyon && data.length > common.param('maxInitCodeSize')
  // Without a gas limit, which EIP-7825 would cap; deposits are exempt (D-23).
  const call = createLegacyTx({ to, data: isTooLong ? '0x' : data }, { common })
  const [intrinsicGas, floorGas] = [call.getIntrinsicGas(), getCalldataFloorGas(call)]
  const outcome = {
    nonce,
    status: 0,
    gasUsed: gas,
    logs: [] as Log[],
    returnValue: new Uint8Array(),
  }
  if (isRefused || isTooLong || gas < bigIntMax(intrinsicGas, floorGas) || balance < value) {
    await stateManager.modifyAccountFields(from, { nonce: nonce + 1n })
    await finalize(vm)
    return { ...outcome, error: balance < value ? 'insufficient funds' : `${gas} gas is too low` }
  }
  const warm = [from, to, canyon ? block.header.coinbase : undefined, ...evm.precompiles.keys()]
  for (const address of warm) if (address) evm.journal.addAlwaysWarmAddress(address.toString())
  const gasLimit = gas - intrinsicGas
  const { execResult } = await evm.runCall({ block, caller: from, to, value, data, gasLimit })
  const { exceptionError, executionGasUsed, gasRefund = 0n, createdAddresses } = execResult
  for (const destroyed of execResult.selfdestruct?.keys() ?? []) {
    if (common.isActivatedEIP(6780) && !createdAddresses?.has(destroyed)) continue
    await evm.journal.deleteAccount(createAddressFromString(destroyed))
  }
  await finalize(vm)
  const spent = intrinsicGas + executionGasUsed
  const refund = bigIntMin(gasRefund, spent / common.param('maxRefundQuotient'))
  const gasUsed = regolith ? bigIntMax(spent - refund, floorGas) : gas
  const { returnValue, logs = [] } = execResult
  if (exceptionError)
    return { ...outcome, gasUsed, returnValue, error: exceptionError.error as string }
  return { ...outcome, status: 1, gasUsed, returnValue, logs, error: undefined }
}

/**
 * Runs a deposit. It cannot be invalid, only fail, unless the block lacks gas for it.
 *
 * @see https://specs.optimism.io/protocol/deposits.html#execution
 */
async function runDeposit(context: Context, raw: Uint8Array, gasPool: bigint) {
  const { vm, rules } = context
  const tx = decodeDeposit(raw)
  const { from, to, mint, gas, isSystemTx } = tx
  const [regolith, canyon] = [rules.isActive('regolith'), rules.isActive('canyon')]
  if (!isSystemTx && gas > gasPool) throw new Error(`gas limit ${gas} exceeds the ${gasPool} left`)
  await addBalance(vm, from, mint)
  const outcome = await runMessage(context, tx, isSystemTx && regolith)
  const { status, nonce, logs } = outcome
  // A system transaction takes no gas from the block, even where it uses some (D-18, D-20).
  const poolGas = isSystemTx ? 0n : outcome.gasUsed
  const gasUsed = regolith ? outcome.gasUsed : poolGas
  const createNonce = bigIntToUnpaddedBytes(regolith ? nonce : 0n)
  const contractAddress = to ? undefined : new Address(generateAddress(from.bytes, createNonce))
  const depositNonce = regolith ? nonce : undefined
  const depositReceiptVersion = canyon ? 1 : undefined
  const optional = { depositNonce, depositReceiptVersion, contractAddress }
  return { tx, type: DEPOSIT_TYPE, status, logs, gasUsed, poolGas, ...optional }
}

/**
 * Decodes a signed transaction, strictly.
 *
 * @throws if it is of a type that L2 does not have (R-01, D-34) or not in canonical encoding
 */
export function decodeSigned({ common }: Rules, raw: Uint8Array): TypedTransaction {
  const isUnknown = raw[0] === 3 || raw[0] === DEPOSIT_TYPE
  if (isUnknown) throw new Error(`transaction type not supported: ${raw[0]}`)
  const tx = createTxFromRLP(raw, { common })
  const accessList = 'accessList' in tx ? tx.accessList : []
  const lists = [accessList, ...accessList.map(([, storageKeys]) => storageKeys)]
  // An empty string for an empty list would be encoded back as it was.
  const isCanonical = lists.every(Array.isArray) && equalsBytes(tx.serialize(), raw)
  if (!isCanonical) throw new Error('not in canonical encoding')
  return tx
}

/**
 * Runs a signed transaction: EthereumJS's `runTx` between the fees of L1 and operator (F-03…F-06).
 *
 * @throws if the transaction cannot be in this block
 */
async function runSigned({ vm, block, rules, l1Block }: Context, raw: Uint8Array, gasPool: bigint) {
  const tx = decodeSigned(rules, raw)
  if (tx.gasLimit > gasPool) throw new Error(`gas limit ${tx.gasLimit} exceeds the ${gasPool} left`)
  const [from, fees] = [tx.getSenderAddress(), l1Fees(l1Block!, rules, raw)]
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
  const [status, logs] = [execResult.exceptionError ? 0 : 1, execResult.logs ?? []]
  return { tx, type: tx.type, status, logs, gasUsed, poolGas: gasUsed, contractAddress, ...fees }
}

/** The 2048-bit filter over the addresses and topics of logs. */
function bloomOf({ common }: VM, logs: Log[]) {
  const bloom = new Bloom(undefined, common)
  for (const [address, topics] of logs) for (const item of [address, ...topics]) bloom.add(item)
  return bloom.bitvector
}

/** Root of the trie that maps each index to its value. */
export async function indexedRoot({ common }: { common: Common }, values: Uint8Array[]) {
  const trie = new MerklePatriciaTrie({ common })
  for (const [index, value] of values.entries()) await trie.put(RLP.encode(index), value)
  return trie.root()
}

/**
 * Encodes a receipt; a deposit's with `depositNonce` and `depositReceiptVersion` where set (D-24).
 *
 * @see https://specs.optimism.io/protocol/deposits.html#deposit-receipt
 */
export function encodeReceipt(receipt: Omit<Receipt, 'poolGas' | 'gasUsed' | 'tx'>): Uint8Array {
  const { type, status, cumulativeGasUsed, logsBloom, logs } = receipt
  const deposit = [receipt.depositNonce, receipt.depositReceiptVersion]
  const fields = [status, cumulativeGasUsed, logsBloom, logs, ...deposit.filter((v) => v != null)]
  return concatBytes(Uint8Array.from(type === 0 ? [] : [type]), RLP.encode(fields))
}

/** A header under the rules of a fork. */
export const createHeader = ({ common }: Rules, data: HeaderData): BlockHeader =>
  createBlockHeader(data, { common, skipConsensusFormatValidation: true })

/** The storage root of L2ToL1MessagePasser, from Isthmus on; takes a final state. */
export const getWithdrawalsRoot = async ({ isActive }: Rules, state: StateManagerInterface) =>
  isActive('isthmus') ? (await state.getAccount(MESSAGE_PASSER))?.storageRoot : undefined

/** The header before execution. @throws if an attribute is missing, out of place or wrong */
function prepareHeader(chain: Chain, parent: BlockHeader, attributes: PayloadAttributes) {
  const { gasLimit, withdrawals, parentBeaconBlockRoot } = attributes
  const [number, timestamp] = [parent.number + 1n, BigInt((attributes.timestamp ?? 0) as bigint)]
  const isLater = timestamp > parent.timestamp && timestamp < 1n << 64n
  if (!isLater) throw new Error(`timestamp ${timestamp} must be later than ${parent.timestamp}`)
  if (gasLimit == null || BigInt(gasLimit as bigint) >> 63n) throw new Error(`gasLimit ${gasLimit}`)
  if (withdrawals?.length) throw new Error(`${withdrawals.length} withdrawals instead of none`)
  const rules = chain.rules({ number, timestamp })
  // What is missing becomes empty bytes, which the header refuses by name.
  const hasBeaconRoot = rules.isActive('ecotone') || parentBeaconBlockRoot != null
  return createHeader(rules, {
    number,
    timestamp,
    gasLimit,
    parentHash: parent.hash(),
    coinbase: toBytes(attributes.suggestedFeeRecipient),
    mixHash: toBytes(attributes.prevRandao),
    extraData: encodeExtraData(rules, attributes),
    baseFeePerGas: calculateBaseFee(chain, parent, rules),
    parentBeaconBlockRoot: hasBeaconRoot ? toBytes(parentBeaconBlockRoot) : undefined,
  })
}

/** The hash of a block by number, if known. */
export type GetBlockHash = (
  number: bigint,
) => Uint8Array | undefined | Promise<Uint8Array | undefined>

/** What runs transactions and calls on `state` as part of the block with this header. */
export async function createContext(opts: {
  rules: Rules
  header: BlockHeader
  state: StateManagerInterface
  getBlockHash?: GetBlockHash
}): Promise<Context> {
  const { rules, header, state, getBlockHash } = opts
  const getBlock = async (id: number) => {
    const isParent = BigInt(id) === header.number - 1n
    const hash = isParent ? header.parentHash : await getBlockHash?.(BigInt(id))
    if (hash?.length !== 32) throw new StateError(`the hash of block ${id} is not known`)
    return { hash: () => hash }
  }
  const blockchain = { getBlock } as EVMMockBlockchainInterface
  const [common, evmOpts] = [rules.common.copy(), { customPrecompiles: rules.precompiles }]
  const vm = await createVM({ common, stateManager: state, blockchain, evmOpts })
  correctOpcodes(vm.evm as EVM)
  // `createEVM` overwrites the option.
  if (rules.bn254) Object.assign(vm.evm, { _bn254: rules.bn254 })
  return { vm, rules, block: new Block(header) }
}

/**
 * Executes the one block that can follow `parent` with these attributes. Building a block is
 * calling this; importing one is calling it and comparing the hash; so is verifying a witness.
 *
 * @param opts.state - the state after `parent`; on success it becomes the state after the block
 * @param opts.candidates - signed transactions, each of which joins the block if it can
 * @param opts.getBlockHash - for the BLOCKHASH opcode; without it only the parent's hash is known
 * @returns the sealed header, the transactions and their receipts
 * @throws {StateError} if state or an ancestor's hash cannot be read
 * @throws if no valid block follows. After any error, `state` must not be used again
 * @see https://specs.optimism.io/protocol/exec-engine.html
 */
export async function executeBlock(opts: {
  chain: Chain
  state: StateManagerInterface
  parent: BlockHeader
  attributes: PayloadAttributes
  candidates?: Iterable<Uint8Array>
  getBlockHash?: GetBlockHash
}) {
  const { chain, state, parent, attributes, candidates = [], getBlockHash } = opts
  const forced = (attributes.transactions ?? []).map((raw) => toBytes(raw))
  const header = prepareHeader(chain, parent, attributes)
  const rules = chain.rules(header)
  const [isthmus, jovian] = [rules.isActive('isthmus'), rules.isActive('jovian')]
  const isUpgrade = rules !== chain.rules(parent)
  const signed = forced.findIndex((raw) => raw[0] !== DEPOSIT_TYPE)
  // The DA footprint needs the L1 attributes (D-37); upgrades are alone in their block (I-14).
  if (jovian && (forced.length === 0 || signed === 0 || (isUpgrade && signed > 0))) {
    throw new Error(
      `transaction ${Math.max(signed, 0)} must be a deposit in this ${rules.fork} block`,
    )
  }
  const context = await createContext({ rules, header, state, getBlockHash })
  const { vm } = context
  const transactions: Uint8Array[] = []
  const receipts: Receipt[] = []
  let [cumulativeGasUsed, footprint, gasPool] = [0n, 0n, header.gasLimit]
  /** Runs a transaction and appends it to the block. @throws if it cannot be in the block */
  const include = async (raw: Uint8Array) => {
    await breathe()
    const run = raw[0] === DEPOSIT_TYPE ? runDeposit : runSigned
    if (run === runSigned) context.l1Block ??= await readL1Block(state, rules)
    const outcome: Outcome = await run(context, raw, gasPool)
    const { logs, blobGasUsed = 0n } = outcome
    if (footprint + blobGasUsed > header.gasLimit) {
      throw new Error(`DA footprint ${footprint + blobGasUsed} exceeds gas limit`)
    }
    cumulativeGasUsed += outcome.gasUsed
    footprint += blobGasUsed
    gasPool -= outcome.poolGas
    transactions.push(raw)
    receipts.push({ ...outcome, cumulativeGasUsed, logsBloom: bloomOf(vm, logs) })
  }

  await state.checkpoint()
  const isCanyon = Number(header.timestamp) === chain.canyonTime
  if (isCanyon) await state.putCode(CREATE2_DEPLOYER, toBytes(CREATE2_DEPLOYER_CODE))
  const { parentBeaconBlockRoot } = header
  if (parentBeaconBlockRoot) await systemCall(context, BEACON_ROOTS, parentBeaconBlockRoot)
  if (isthmus) await systemCall(context, HISTORY_STORAGE, parent.hash())
  for (const [index, raw] of forced.entries()) {
    await include(raw).catch((error: Error) => {
      error.message = `transaction ${index}: ${error.message}`
      throw error
    })
  }
  for (const raw of isUpgrade ? [] : candidates) {
    await state.checkpoint()
    try {
      await include(raw)
      await state.commit()
    } catch (error) {
      if (error instanceof StateError) throw error
      await state.revert()
      await finalize(vm)
    }
  }
  await state.commit()

  const stateRoot = await state.getStateRoot()
  const logs = receipts.flatMap((receipt) => receipt.logs)
  // Before Canyon the trie forgets the deposit nonce, though receipts have it (D-27).
  const leaves = receipts.map(({ depositNonce, ...receipt }) =>
    encodeReceipt(rules.isActive('canyon') ? { ...receipt, depositNonce } : receipt),
  )
  const sealed = createHeader(rules, {
    ...header,
    stateRoot,
    withdrawalsRoot: await getWithdrawalsRoot(rules, state),
    transactionsTrie: await indexedRoot(vm, transactions),
    receiptTrie: await indexedRoot(vm, leaves),
    logsBloom: bloomOf(vm, logs),
    gasUsed: cumulativeGasUsed,
    blobGasUsed: jovian ? footprint : header.blobGasUsed,
  })
  return { header: sealed, transactions, receipts }
}
