import { Block, type BlockHeader, type HeaderData, createBlockHeader } from '@ethereumjs/block'
import type { StateManagerInterface } from '@ethereumjs/common'
import type { EVM, EVMMockBlockchainInterface, Log } from '@ethereumjs/evm'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { createLegacyTx, createTxFromRLP, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, type Address, type BigIntLike, type BytesLike, bigIntMax } from '@ethereumjs/util'
import { bigIntMin, concatBytes, createAddressFromString, equalsBytes } from '@ethereumjs/util'
import { createContractAddress, toBytes } from '@ethereumjs/util'
import { Bloom, type VM, createVM, runTx } from '@ethereumjs/vm'
import type { Chain, Rules } from './chain.ts'
import { CREATE2_DEPLOYER_CODE } from './create2deployer.ts'
import { DEPOSIT_TYPE, decodeDeposit } from './deposit.ts'
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
export type PayloadAttributes = Record<'timestamp' | 'gasLimit', BigIntLike> &
  Record<'prevRandao' | 'suggestedFeeRecipient', BytesLike> &
  Partial<Record<'parentBeaconBlockRoot' | 'eip1559Params', BytesLike | null>> &
  Partial<Record<'minBaseFee', BigIntLike | null> & Record<'withdrawals', unknown[] | null>> &
  Record<'transactions', BytesLike[]>

/** A block under construction; `l1Block` once a signed transaction needs it. */
type Context = { vm: VM; block: Block; rules: Rules; l1Block?: L1Block }

/**
 * Outcome of a transaction; what is not part of consensus has its JSON-RPC name. Deposits have
 * `depositNonce`, the sender's nonce before it, from Regolith, and `depositReceiptVersion` 1 from
 * Canyon (D-25, D-26); the others have fees. `poolGas` is the gas that the block has less of.
 */
export type Receipt = Outcome & { cumulativeGasUsed: bigint; logsBloom: Uint8Array }

/** What a transaction by itself determines of its receipt. */
type Outcome = Partial<ReturnType<typeof l1Fees> & Awaited<ReturnType<typeof runDeposit>>> &
  Awaited<ReturnType<typeof runSigned | typeof runDeposit>>

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

/**
 * Runs a deposit. It cannot be invalid, only fail, unless the block lacks gas for it.
 *
 * @see https://specs.optimism.io/protocol/deposits.html#execution
 */
async function runDeposit({ vm, block, rules }: Context, raw: Uint8Array, gasPool: bigint) {
  const { evm, common, stateManager } = vm
  const { from, to, mint, value, gas, isSystemTx, data } = decodeDeposit(raw)
  const [regolith, canyon] = [rules.isActive('regolith'), rules.isActive('canyon')]
  if (!isSystemTx && gas > gasPool) throw new Error(`gas limit ${gas} exceeds the ${gasPool} left`)
  const { nonce, balance } = (await stateManager.getAccount(from)) ?? new Account()
  await stateManager.modifyAccountFields(from, { nonce: nonce + 1n, balance: balance + mint })
  // Without a gas limit, which EIP-7825 would cap; deposits are exempt (D-23). The EVM fails a
  // creation with too much init code, with all its gas.
  const tx = createLegacyTx({ to, data }, { common, allowUnlimitedInitCodeSize: true })
  const [intrinsicGas, floorGas] = [tx.getIntrinsicGas(), getCalldataFloorGas(tx)]
  const isRefused = (isSystemTx && regolith) || gas < bigIntMax(intrinsicGas, floorGas)
  let [status, gasUsed, logs] = [0, gas, [] as Log[]]
  if (!isRefused && value <= balance + mint) {
    const warm = [from, to, canyon ? block.header.coinbase : undefined, ...evm.precompiles.keys()]
    for (const address of warm) if (address) evm.journal.addAlwaysWarmAddress(address.toString())
    const call = { block, caller: from, to, value, data, gasLimit: gas - intrinsicGas }
    const { execResult } = await evm.runCall({ ...call, skipNonceIncrement: true })
    const { exceptionError, executionGasUsed, gasRefund = 0n, createdAddresses } = execResult
    if (!exceptionError) [status, logs] = [1, execResult.logs ?? []]
    for (const destroyed of execResult.selfdestruct?.keys() ?? []) {
      if (common.isActivatedEIP(6780) && !createdAddresses?.has(destroyed)) continue
      await evm.journal.deleteAccount(createAddressFromString(destroyed))
    }
    const spent = intrinsicGas + executionGasUsed
    const refund = bigIntMin(gasRefund, spent / common.param('maxRefundQuotient'))
    if (regolith) gasUsed = bigIntMax(spent - refund, floorGas)
  }
  await finalize(vm)
  // A system transaction takes no gas from the block, even where it uses some (D-18, D-20).
  const poolGas = isSystemTx ? 0n : gasUsed
  if (!regolith) gasUsed = poolGas
  const depositNonce = regolith ? nonce : undefined
  const contractAddress = to ? undefined : createContractAddress(from, depositNonce ?? 0n)
  const optional = { depositNonce, depositReceiptVersion: canyon ? 1 : undefined, contractAddress }
  return { type: DEPOSIT_TYPE, status, logs, gasUsed, poolGas, ...optional }
}

/**
 * Runs a signed transaction: EthereumJS's `runTx` between the fees of L1 and operator (F-03…F-06).
 *
 * @throws if the transaction cannot be in this block
 */
async function runSigned({ vm, block, rules, l1Block }: Context, raw: Uint8Array, gasPool: bigint) {
  // Blob transactions do not exist on L2, although Cancun's rules have them.
  if (raw[0] === 3) throw new Error('transaction type not supported: 3')
  const tx = createTxFromRLP(raw, { common: vm.common })
  const lists = 'accessList' in tx ? [tx.accessList, ...tx.accessList.map(([, keys]) => keys)] : []
  // An empty string for an empty list would be encoded back as it was.
  const isCanonical = lists.every(Array.isArray) && equalsBytes(tx.serialize(), raw)
  if (!isCanonical) throw new Error('not in canonical encoding')
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
  return { type: tx.type, status, logs, gasUsed, poolGas: gasUsed, contractAddress, ...fees }
}

/** The 2048-bit filter over the addresses and topics of logs. */
function bloomOf({ common }: VM, logs: Log[]) {
  const bloom = new Bloom(undefined, common)
  for (const [address, topics] of logs) for (const item of [address, ...topics]) bloom.add(item)
  return bloom.bitvector
}

/** Root of the trie that maps each index to its value. */
async function indexedRoot({ common }: VM, values: Uint8Array[]) {
  const trie = new MerklePatriciaTrie({ common })
  for (const [index, value] of values.entries()) await trie.put(RLP.encode(index), value)
  return trie.root()
}

/**
 * Encodes a receipt; a deposit's with `depositNonce` and `depositReceiptVersion` where set (D-24).
 *
 * @see https://specs.optimism.io/protocol/deposits.html#deposit-receipt
 */
export function encodeReceipt(receipt: Omit<Receipt, 'poolGas' | 'gasUsed'>): Uint8Array {
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
  const { gasLimit, withdrawals, parentBeaconBlockRoot: root } = attributes
  const [number, timestamp] = [parent.number + 1n, BigInt((attributes.timestamp ?? 0) as bigint)]
  const isLater = timestamp > parent.timestamp && timestamp < 1n << 64n
  if (!isLater) throw new Error(`timestamp ${timestamp} must be later than ${parent.timestamp}`)
  if (gasLimit == null || BigInt(gasLimit as bigint) >> 63n) throw new Error(`gasLimit ${gasLimit}`)
  if (withdrawals?.length) throw new Error(`${withdrawals.length} withdrawals instead of none`)
  const rules = chain.rules({ number, timestamp })
  // What is missing becomes empty bytes, which the header refuses by name.
  return createHeader(rules, {
    number,
    timestamp,
    gasLimit,
    parentHash: parent.hash(),
    coinbase: toBytes(attributes.suggestedFeeRecipient),
    mixHash: toBytes(attributes.prevRandao),
    extraData: encodeExtraData(rules, attributes),
    baseFeePerGas: calculateBaseFee(chain, parent, rules),
    parentBeaconBlockRoot: rules.isActive('ecotone') ? toBytes(root) : (root ?? undefined),
  })
}

/**
 * Executes the one block that can follow `parent` with these attributes. Building a block is
 * calling this; importing one is calling it and comparing the hash; so is verifying a witness.
 *
 * @param opts.state - the state after `parent`; on success it becomes the state after the block
 * @param opts.getBlockHash - for the BLOCKHASH opcode; without it only the parent's hash is known
 * @returns the sealed header and the receipts
 * @throws {StateError} if state or an ancestor's hash cannot be read
 * @throws if no valid block follows. After any error, `state` must not be used again
 * @see https://specs.optimism.io/protocol/exec-engine.html
 */
export async function executeBlock(opts: {
  chain: Chain
  state: StateManagerInterface
  parent: BlockHeader
  attributes: PayloadAttributes
  getBlockHash?: (number: bigint) => Uint8Array | undefined | Promise<Uint8Array | undefined>
}) {
  const { chain, state, parent, attributes, getBlockHash } = opts
  const transactions = attributes.transactions.map((raw) => toBytes(raw))
  const header = prepareHeader(chain, parent, attributes)
  const rules = chain.rules(header)
  const jovian = rules.isActive('jovian')
  const isUpgrade = rules !== chain.rules(parent)
  // The first that is no deposit, or the end.
  const signed = [...transactions, new Uint8Array()].findIndex((raw) => raw[0] !== DEPOSIT_TYPE)
  // The DA footprint needs the L1 attributes (D-37); upgrades are alone in their block (I-14).
  const isSoon = jovian && (signed === 0 || (isUpgrade && signed < transactions.length))
  if (isSoon) throw new Error(`transaction ${signed} must be a deposit in this ${rules.fork} block`)
  const getBlock = async (id: number) => {
    const hash = BigInt(id) === parent.number ? parent.hash() : await getBlockHash?.(BigInt(id))
    if (hash?.length !== 32) throw new StateError(`the hash of block ${id} is not known`)
    return { hash: () => hash }
  }
  const blockchain = { getBlock } as EVMMockBlockchainInterface
  const [common, evmOpts] = [rules.common.copy(), { customPrecompiles: rules.precompiles }]
  const vm = await createVM({ common, stateManager: state, blockchain, evmOpts })
  correctOpcodes(vm.evm as EVM)
  // `createEVM` overwrites the option.
  Object.assign(vm.evm, rules.curves)
  const context: Context = { vm, rules, block: new Block(header) }

  await state.checkpoint()
  const isCanyon = Number(header.timestamp) === chain.canyonTime
  if (isCanyon) await state.putCode(CREATE2_DEPLOYER, toBytes(CREATE2_DEPLOYER_CODE))
  const { parentHash, parentBeaconBlockRoot } = header
  if (parentBeaconBlockRoot) await systemCall(context, BEACON_ROOTS, parentBeaconBlockRoot)
  if (rules.isActive('isthmus')) await systemCall(context, HISTORY_STORAGE, parentHash)
  const receipts: Receipt[] = []
  let [cumulativeGasUsed, footprint, gasPool] = [0n, 0n, header.gasLimit]
  for (const [index, raw] of transactions.entries()) {
    const run = raw[0] === DEPOSIT_TYPE ? runDeposit : runSigned
    if (run === runSigned) context.l1Block ??= await readL1Block(state, rules)
    const outcome: Outcome = await run(context, raw, gasPool).catch((error: Error) => {
      throw Object.assign(error, { message: `transaction ${index}: ${error.message}` })
    })
    cumulativeGasUsed += outcome.gasUsed
    footprint += outcome.blobGasUsed ?? 0n
    gasPool -= outcome.poolGas
    receipts.push({ ...outcome, cumulativeGasUsed, logsBloom: bloomOf(vm, outcome.logs) })
  }
  if (footprint > header.gasLimit) throw new Error(`DA footprint ${footprint} exceeds gas limit`)
  await state.commit()

  const logs = receipts.flatMap((receipt) => receipt.logs)
  // Before Canyon the trie forgets the deposit nonce, though receipts have it (D-27).
  const forgotten = rules.isActive('canyon') ? {} : { depositNonce: undefined }
  const leaves = receipts.map((receipt) => encodeReceipt({ ...receipt, ...forgotten }))
  const sealed = createHeader(rules, {
    ...header,
    // First, for it makes the state final.
    stateRoot: await state.getStateRoot(),
    withdrawalsRoot: await getWithdrawalsRoot(rules, state),
    transactionsTrie: await indexedRoot(vm, transactions),
    receiptTrie: await indexedRoot(vm, leaves),
    logsBloom: bloomOf(vm, logs),
    gasUsed: cumulativeGasUsed,
    blobGasUsed: jovian ? footprint : header.blobGasUsed,
  })
  return { header: sealed, receipts }
}
