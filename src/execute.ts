import { Block, type BlockHeader, type HeaderData, createBlockHeader } from '@ethereumjs/block'
import type { StateManagerInterface } from '@ethereumjs/common'
import type { EVMMockBlockchainInterface, Log } from '@ethereumjs/evm'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { createLegacyTx, createTxFromRLP, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, Address, type BigIntLike, type BytesLike, bigIntMax } from '@ethereumjs/util'
import { bigIntMin, bigIntToUnpaddedBytes, concatBytes, equalsBytes } from '@ethereumjs/util'
import { createAddressFromString, generateAddress, hexToBytes, toBytes } from '@ethereumjs/util'
import { Bloom, type VM, createVM, runTx } from '@ethereumjs/vm'
import type { Chain, Rules } from './chain.ts'
import type { Crypto } from './crypto.ts'
import { CREATE2_DEPLOYER_CODE } from './create2deployer.ts'
import { DEPOSIT_TYPE, decodeDeposit } from './deposit.ts'
import { type L1Block, l1Fees, operatorFee, readL1Block } from './fees.ts'
import { calculateBaseFee, encodeExtraData } from './header.ts'
import { StateError } from './state.ts'

/** Its storage root is the header's `withdrawalsRoot` from Isthmus on. */
export const MESSAGE_PASSER = createAddressFromString('0x4200000000000000000000000000000000000016')
const BASE_FEE_VAULT = createAddressFromString('0x4200000000000000000000000000000000000019')
const L1_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001a')
const OPERATOR_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001b')
const CREATE2_DEPLOYER = createAddressFromString('0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2')
const BEACON_ROOTS = createAddressFromString('0x000f3df6d732807ef1319fb7b8bb8522d0beac02')
const HISTORY_STORAGE = createAddressFromString('0x0000f90827f1c53a10cb7a02335b175320002935')
const SYSTEM_ADDRESS = createAddressFromString('0xfffffffffffffffffffffffffffffffffffffffe')

/** EIP-2718 type byte of a blob transaction. */
const BLOB_TYPE = 3

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
  Partial<Record<'parentBeaconBlockRoot' | 'eip1559Params', BytesLike | null>> & {
    transactions: BytesLike[]
    withdrawals?: unknown[] | null
    minBaseFee?: BigIntLike | null
  }

/** Input of {@link executeBlock}. */
export interface ExecuteBlockOpts {
  chain: Chain
  /** The state after `parent`. */
  state: StateManagerInterface
  parent: BlockHeader
  attributes: PayloadAttributes
  /** Hash of an ancestor, for the BLOCKHASH opcode. Without it only the parent's is known. */
  getBlockHash?: (number: bigint) => Uint8Array | undefined | Promise<Uint8Array | undefined>
}

/** A block under construction; `l1Block` once a signed transaction needs it. */
type Context = { vm: VM; block: Block; rules: Rules; l1Block?: L1Block }

/** What a transaction by itself determines; `poolGas` is the gas that it takes from the block. */
type Outcome = Partial<ReturnType<typeof l1Fees>> & {
  type: number
  status: number
  logs: Log[]
  gasUsed: bigint
  poolGas: bigint
  contractAddress?: Address
  /** Nonce of a deposit's sender before it; from Regolith (D-25). */
  depositNonce?: bigint
  /** 1 from Canyon (D-26). */
  depositReceiptVersion?: number
}

/** Outcome of a transaction in its block, its fees by their JSON-RPC names. */
export type Receipt = Outcome & { cumulativeGasUsed: bigint; logsBloom: Uint8Array }

/** Adds wei to an account. Not 0 wei, for which a minimal witness may lack the account. */
async function credit(state: StateManagerInterface, address: Address, amount: bigint) {
  if (amount === 0n) return
  const account = (await state.getAccount(address)) ?? new Account()
  account.balance += amount
  await state.putAccount(address, account)
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

/**
 * Runs a deposit. It cannot be invalid, only fail, unless the block lacks gas for it.
 *
 * @see https://specs.optimism.io/protocol/deposits.html#execution
 */
async function runDeposit(context: Context, raw: Uint8Array, gasPool: bigint): Promise<Outcome> {
  const { vm, block, rules } = context
  const { evm, common, stateManager } = vm
  const { from, to, mint, value, gas, isSystemTx, data } = decodeDeposit(raw)
  const [regolith, canyon] = [rules.isActive('regolith'), rules.isActive('canyon')]
  if (!isSystemTx && gas > gasPool) throw new Error(`gas limit ${gas} exceeds the ${gasPool} left`)
  await credit(stateManager, from, mint)
  const sender = (await stateManager.getAccount(from)) ?? new Account()
  const depositNonce = regolith ? sender.nonce : undefined
  const isTooLong = !to && canyon && data.length > common.param('maxInitCodeSize')
  // Without a gas limit, which EIP-7825 would cap; deposits are exempt (D-23).
  const call = createLegacyTx({ to, data: isTooLong ? '0x' : data }, { common })
  const [intrinsicGas, floorGas] = [call.getIntrinsicGas(), getCalldataFloorGas(call)]
  const isRefused = isTooLong || (isSystemTx && regolith) || gas < bigIntMax(intrinsicGas, floorGas)
  let [status, gasUsed, logs] = [0, gas, [] as Log[]]
  if (isRefused || sender.balance < value) {
    sender.nonce++
    await stateManager.putAccount(from, sender)
  } else {
    const warm = [from, to, canyon ? block.header.coinbase : undefined, ...evm.precompiles.keys()]
    for (const address of warm) if (address) evm.journal.addAlwaysWarmAddress(address.toString())
    const gasLimit = gas - intrinsicGas
    const { execResult } = await evm.runCall({ block, caller: from, to, value, data, gasLimit })
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
  if (isSystemTx && !regolith) gasUsed = 0n
  const nonce = bigIntToUnpaddedBytes(depositNonce ?? 0n)
  const contractAddress = to ? undefined : new Address(generateAddress(from.bytes, nonce))
  const receipt = { type: DEPOSIT_TYPE, status, logs, gasUsed, contractAddress }
  // A system transaction takes no gas from the block, even where it uses some (D-18, D-20).
  const poolGas = isSystemTx ? 0n : gasUsed
  return { ...receipt, depositNonce, depositReceiptVersion: canyon ? 1 : undefined, poolGas }
}

/**
 * Runs a signed transaction: EthereumJS's `runTx` between the fees of L1 and operator (F-03…F-06).
 *
 * @throws if the transaction cannot be in this block
 */
async function runSigned(context: Context, raw: Uint8Array, gasPool: bigint): Promise<Outcome> {
  const { vm, block, rules, l1Block } = context
  const { stateManager, common } = vm
  if (raw[0] === BLOB_TYPE) throw new Error('transaction type not supported: blobs')
  const tx = createTxFromRLP(raw, { common })
  if (!equalsBytes(tx.serialize(), raw)) throw new Error('not in canonical encoding')
  if (tx.gasLimit > gasPool) throw new Error(`gas limit ${tx.gasLimit} exceeds the ${gasPool} left`)
  // Paid first, so that `runTx` finds the balance which must cover everything else.
  const fees = l1Fees(l1Block!, rules, raw)
  const maxOperatorFee = operatorFee(l1Block!, rules, tx.gasLimit)
  const from = tx.getSenderAddress()
  const sender = (await stateManager.getAccount(from)) ?? new Account()
  sender.balance -= fees.l1Fee + maxOperatorFee
  if (sender.balance < 0n) throw new Error(`${from} lacks ${-sender.balance} wei for L1 fees`)
  await stateManager.putAccount(from, sender)
  const result = await runTx(vm, { tx, block, skipHardForkValidation: true })
  const { totalGasSpent: gasUsed, execResult, createdAddress: contractAddress } = result
  const paidOperatorFee = operatorFee(l1Block!, rules, gasUsed)
  await credit(stateManager, BASE_FEE_VAULT, gasUsed * block.header.baseFeePerGas!)
  await credit(stateManager, L1_FEE_VAULT, fees.l1Fee)
  await credit(stateManager, from, maxOperatorFee - paidOperatorFee)
  await credit(stateManager, OPERATOR_FEE_VAULT, paidOperatorFee)
  const [status, logs] = [execResult.exceptionError ? 0 : 1, execResult.logs ?? []]
  return { type: tx.type, status, logs, gasUsed, contractAddress, ...fees, poolGas: gasUsed }
}

/** The 2048-bit filter over the addresses and topics of logs. */
function bloomOf(vm: VM, logs: Log[]) {
  const bloom = new Bloom(undefined, vm.common)
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

/** Leaf of the receipts trie: before Canyon without the deposit nonce (D-27). */
const receiptLeaf = ({ depositNonce, ...receipt }: Receipt) =>
  encodeReceipt(receipt.depositReceiptVersion ? { ...receipt, depositNonce } : receipt)

/** A header under the rules of a fork. */
export const createHeader = ({ common }: Rules, data: HeaderData): BlockHeader =>
  createBlockHeader(data, { common, skipConsensusFormatValidation: true })

/** The header before execution. @throws if an attribute is missing, out of place or wrong */
function prepareHeader(chain: Chain, parent: BlockHeader, attributes: PayloadAttributes) {
  const { withdrawals, eip1559Params, minBaseFee, parentBeaconBlockRoot } = attributes
  const quantity = (name: 'timestamp' | 'gasLimit') => BigInt((attributes[name] ?? name) as bigint)
  const [timestamp, gasLimit] = [quantity('timestamp'), quantity('gasLimit')]
  if (timestamp <= parent.timestamp) throw new Error(`timestamp ${timestamp} is not after parent's`)
  if (gasLimit >> 63n !== 0n) throw new Error(`gasLimit ${gasLimit} is out of range`)
  if (withdrawals?.length) throw new Error(`${withdrawals.length} withdrawals instead of none`)
  const number = parent.number + 1n
  const rules = chain.rules({ number, timestamp })
  // What is missing becomes empty bytes, which the header refuses by name.
  const isBeaconRootSet = rules.isActive('ecotone') || parentBeaconBlockRoot != null
  return createHeader(rules, {
    number,
    timestamp,
    gasLimit,
    parentHash: parent.hash(),
    coinbase: toBytes(attributes.suggestedFeeRecipient),
    mixHash: toBytes(attributes.prevRandao),
    extraData: encodeExtraData(rules, toBytes(eip1559Params), minBaseFee),
    baseFeePerGas: calculateBaseFee(chain, parent, rules),
    parentBeaconBlockRoot: isBeaconRootSet ? toBytes(parentBeaconBlockRoot) : undefined,
  })
}

/** Refuses what a list of transactions must not be from Jovian on (D-37, I-14). */
function validateTransactions(transactions: Uint8Array[], rules: Rules, parentRules: Rules) {
  if (!rules.isActive('jovian')) return
  const signed = transactions.findIndex((raw) => raw[0] !== DEPOSIT_TYPE)
  if (transactions.length === 0 || signed === 0) throw new Error('no deposit comes first')
  if (signed > 0 && rules !== parentRules)
    throw new Error(`signed transaction ${signed} in the ${rules.fork} activation block`)
}

/**
 * Executes the one block that can follow `parent` with these attributes. Building a block is
 * calling this; importing one is calling it and comparing the hash; so is verifying a witness.
 *
 * @returns the sealed header and the receipts; `state` then is the state after the block
 * @throws {StateError} if state or an ancestor's hash cannot be read
 * @throws if no valid block follows. After any error, `state` must not be used again
 * @see https://specs.optimism.io/protocol/exec-engine.html
 */
export async function executeBlock(opts: ExecuteBlockOpts) {
  const { chain, state, parent, attributes, getBlockHash } = opts
  const transactions = attributes.transactions.map((raw) => toBytes(raw))
  const header = prepareHeader(chain, parent, attributes)
  const rules = chain.rules(header)
  validateTransactions(transactions, rules, chain.rules(parent))
  const getBlock = async (id: number) => {
    const isParent = BigInt(id) === parent.number
    const hash = isParent ? parent.hash() : await getBlockHash?.(BigInt(id))
    if (!hash) throw new StateError(`the hash of block ${id} is not known`)
    return { hash: () => hash }
  }
  const blockchain = { getBlock } as EVMMockBlockchainInterface
  const evmOpts = { customPrecompiles: rules.precompiles }
  const common = rules.common.copy()
  const vm = await createVM({ common, stateManager: state, blockchain, evmOpts })
  // `createEVM` would overwrite the option.
  const { bn254 } = common.customCrypto as Crypto
  if (bn254) Object.assign(vm.evm, { _bn254: bn254 })
  const context: Context = { vm, rules, block: new Block(header) }

  await state.checkpoint()
  if (Number(header.timestamp) === chain.canyonTime) {
    await state.putCode(CREATE2_DEPLOYER, hexToBytes(CREATE2_DEPLOYER_CODE))
  }
  const { parentBeaconBlockRoot } = header
  if (parentBeaconBlockRoot) await systemCall(context, BEACON_ROOTS, parentBeaconBlockRoot)
  if (rules.isActive('isthmus')) await systemCall(context, HISTORY_STORAGE, parent.hash())

  const receipts: Receipt[] = []
  let [gasUsed, blobGasUsed, gasPool] = [0n, 0n, header.gasLimit]
  for (const [index, raw] of transactions.entries()) {
    const isDeposit = raw[0] === DEPOSIT_TYPE
    if (!isDeposit) context.l1Block ??= await readL1Block(state, rules)
    const run = isDeposit ? runDeposit : runSigned
    const outcome: Outcome = await run(context, raw, gasPool).catch((error: Error) => {
      error.message = `transaction ${index}: ${error.message}`
      throw error
    })
    gasUsed += outcome.gasUsed
    gasPool -= outcome.poolGas
    blobGasUsed += outcome.blobGasUsed ?? 0n
    const logsBloom = bloomOf(vm, outcome.logs)
    receipts.push({ ...outcome, cumulativeGasUsed: gasUsed, logsBloom })
  }
  if (blobGasUsed > header.gasLimit)
    throw new Error(`DA footprint ${blobGasUsed} exceeds the gas limit`)
  await state.commit()

  const stateRoot = await state.getStateRoot()
  const messagePasser = rules.isActive('isthmus') && (await state.getAccount(MESSAGE_PASSER))
  const sealed = createHeader(rules, {
    ...header,
    gasUsed,
    blobGasUsed: rules.isActive('ecotone') ? blobGasUsed : undefined,
    stateRoot,
    withdrawalsRoot: messagePasser ? messagePasser.storageRoot : undefined,
    transactionsTrie: await indexedRoot(vm, transactions),
    receiptTrie: await indexedRoot(vm, receipts.map(receiptLeaf)),
    logsBloom: bloomOf(
      vm,
      receipts.flatMap(({ logs }) => logs),
    ),
  })
  return { header: sealed, receipts }
}
