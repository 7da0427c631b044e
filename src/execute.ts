import { Block, type BlockHeader, createBlockHeader, type HeaderData } from '@ethereumjs/block'
import type { Common, StateManagerInterface } from '@ethereumjs/common'
import { createEVM, type EVM, type Log } from '@ethereumjs/evm'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { createLegacyTx, createTxFromRLP, getCalldataFloorGas } from '@ethereumjs/tx'
import {
  Account,
  Address,
  bigIntToUnpaddedBytes,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  equalsBytes,
  generateAddress,
  hexToBytes,
} from '@ethereumjs/util'
import { Bloom, createVM, runTx, type VM } from '@ethereumjs/vm'
import type { Chain, Rules } from './chain.ts'
import { CREATE2_DEPLOYER_CODE } from './create2deployer.ts'
import { keccak256 } from './crypto.ts'
import { DEPOSIT_TYPE, type DepositTx, decodeDeposit } from './deposit.ts'
import {
  type FeeFields,
  feeFields,
  type L1Block,
  operatorFee,
  readL1Block,
} from './fees.ts'
import { calculateBaseFee, encodeExtraData, type PayloadAttributes } from './header.ts'
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

/** Gas of the calls to BEACON_ROOTS and HISTORY_STORAGE, outside of any gas limit (I-03). */
const SYSTEM_CALL_GAS = 30_000_000n

/** EIP-2718 type byte of a blob transaction. */
const BLOB_TYPE = 0x03

/** The attributes or transactions cannot make a valid block on this parent. */
export class InvalidBlockError extends Error {}

/** Input of {@link executeBlock}. */
export interface ExecuteBlockOpts {
  chain: Chain
  /** The state after `parent`. Holds the state after the new block on success, else its own. */
  state: StateManagerInterface
  parent: BlockHeader
  attributes: PayloadAttributes
  /** Hash of an ancestor for the BLOCKHASH opcode. Without it only the parent's is known. */
  getBlockHash?: (number: bigint) => Uint8Array | undefined | Promise<Uint8Array | undefined>
}

/** A block that follows from its parent, attributes and transactions. */
export interface ExecutedBlock {
  header: BlockHeader
  receipts: Receipt[]
}

/** Outcome of a transaction. What is not part of consensus has its JSON-RPC name. */
export interface Receipt extends Partial<FeeFields> {
  /** EIP-2718 type byte, 0 for a legacy transaction. */
  type: number
  /** 1 for success. */
  status: 0 | 1
  cumulativeGasUsed: bigint
  logsBloom: Uint8Array
  logs: Log[]
  /** Nonce of a deposit's sender before the deposit; from Regolith (D-25). */
  depositNonce?: bigint
  /** 1 from Canyon (D-26). */
  depositReceiptVersion?: bigint
  transactionHash: Uint8Array
  from: Address
  to?: Address
  contractAddress?: Address
  gasUsed: bigint
  /** Wei; 0 for a deposit. */
  effectiveGasPrice: bigint
}

/** What a transaction alone determines of its receipt. */
type Outcome = Omit<Receipt, 'cumulativeGasUsed' | 'logsBloom' | 'transactionHash'>

/** Where transactions run: one block under construction. */
interface Environment {
  rules: Rules
  state: StateManagerInterface
  evm: EVM
  vm: VM
  block: Block
  /** Gas that the following transactions may still use. */
  gasPool: bigint
  /** Fee parameters of this block, once a signed transaction has needed them. */
  l1Block?: L1Block
}

/** Adds wei to an account. Skips 0 wei, for which a minimal witness may lack the account. */
async function credit(state: StateManagerInterface, address: Address, amount: bigint) {
  if (amount === 0n) return
  const account = (await state.getAccount(address)) ?? new Account()
  account.balance += amount
  await state.putAccount(address, account)
}

/** Takes a transaction's gas limit from the block's gas, or refuses the transaction (D-15). */
function buyGas(environment: Environment, gas: bigint) {
  if (gas > environment.gasPool) {
    throw new Error(`gas limit ${gas} exceeds the ${environment.gasPool} gas left in the block`)
  }
  environment.gasPool -= gas
}

/** Ends a transaction: deletes destroyed and empty accounts, forgets warm and original values. */
async function finalize({ evm, state }: Environment) {
  await evm.journal.cleanup()
  state.originalStorageCache.clear()
}

/**
 * Calls a contract as the system does before the first transaction. Where the contract is not
 * deployed yet, nothing happens and no account comes into being (I-03, I-04).
 *
 * @see https://eips.ethereum.org/EIPS/eip-4788
 * @see https://eips.ethereum.org/EIPS/eip-2935
 */
async function systemCall(environment: Environment, to: Address, data: Uint8Array) {
  const { evm, state, block } = environment
  const code = await state.getCode(to)
  if (code.length === 0) return
  await evm.journal.checkpoint()
  const call = { block, caller: SYSTEM_ADDRESS, to, code, data, gasLimit: SYSTEM_CALL_GAS }
  const { exceptionError } = await evm.runCode(call)
  await (exceptionError ? evm.journal.revert() : evm.journal.commit())
  await finalize(environment)
}

/**
 * Runs a deposit. It cannot be invalid, only fail, unless the block lacks gas for it.
 *
 * @see https://specs.optimism.io/protocol/deposits.html#execution
 */
async function runDeposit(environment: Environment, deposit: DepositTx): Promise<Outcome> {
  const { rules, state, evm, block } = environment
  const { common } = evm
  const { from, to, mint, value, gas, data, isSystemTx } = deposit
  const regolith = rules.isActive('regolith')
  if (!isSystemTx) buyGas(environment, gas)
  await credit(state, from, mint)
  const account = (await state.getAccount(from)) ?? new Account()
  const depositNonce = account.nonce
  let gasUsed = gas
  let status: 0 | 1 = 0
  let logs: Log[] = []

  const oversized =
    !to && common.isActivatedEIP(3860) && data.length > common.param('maxInitCodeSize')
  // Without a gas limit, which EIP-7825 would cap; deposits are exempt (D-23).
  const call = oversized ? undefined : createLegacyTx({ to, data }, { common })
  const intrinsicGas = call?.getIntrinsicGas() ?? gas + 1n
  const floorGas = call ? getCalldataFloorGas(call) : 0n
  const isRefused = isSystemTx && regolith
  if (isRefused || gas < intrinsicGas || gas < floorGas || account.balance < value) {
    account.nonce += 1n
    await state.putAccount(from, account)
  } else {
    for (const address of evm.precompiles.keys()) evm.journal.addAlwaysWarmAddress(address)
    const warm = common.isActivatedEIP(3651) ? [from, to, block.header.coinbase] : [from, to]
    for (const address of warm) if (address) evm.journal.addAlwaysWarmAddress(address.toString())
    const gasLimit = gas - intrinsicGas
    const { execResult } = await evm.runCall({ block, caller: from, to, value, data, gasLimit })
    if (!execResult.exceptionError) {
      status = 1
      logs = execResult.logs ?? []
      for (const destroyed of execResult.selfdestruct?.keys() ?? []) {
        if (common.isActivatedEIP(6780) && !execResult.createdAddresses?.has(destroyed)) continue
        await evm.journal.deleteAccount(createAddressFromString(destroyed))
      }
    }
    if (regolith) {
      const spent = intrinsicGas + execResult.executionGasUsed
      const refund = execResult.gasRefund ?? 0n
      const maxRefund = spent / common.param('maxRefundQuotient')
      gasUsed = spent - (refund < maxRefund ? refund : maxRefund)
      if (gasUsed < floorGas) gasUsed = floorGas
      environment.gasPool += gas - gasUsed
    }
  }
  await finalize(environment)
  const createNonce = bigIntToUnpaddedBytes(regolith ? depositNonce : 0n)
  return {
    type: DEPOSIT_TYPE,
    status,
    logs,
    depositNonce: regolith ? depositNonce : undefined,
    depositReceiptVersion: rules.isActive('canyon') ? 1n : undefined,
    from,
    to,
    contractAddress: to ? undefined : new Address(generateAddress(from.bytes, createNonce)),
    gasUsed: isSystemTx && !regolith ? 0n : gasUsed,
    effectiveGasPrice: 0n,
  }
}

/**
 * Runs a signed transaction: EthereumJS's `runTx` between the L1 and operator fees (F-03…F-06).
 *
 * @throws if the transaction cannot be in this block
 */
async function runSigned(environment: Environment, raw: Uint8Array): Promise<Outcome> {
  const { rules, state, vm, block } = environment
  if (raw[0] === BLOB_TYPE) throw new Error('transaction type not supported: blob (R-01)')
  const tx = createTxFromRLP(raw, { common: rules.common })
  if (!equalsBytes(tx.serialize(), raw)) throw new Error('encoding is not canonical')
  buyGas(environment, tx.gasLimit)
  const sender = tx.getSenderAddress()
  environment.l1Block ??= await readL1Block(state, rules)
  const { l1Block } = environment
  const fees = feeFields(l1Block, rules, raw)

  // Charged first, so that `runTx` finds the balance that the other costs must be paid from.
  const maxOperatorFee = operatorFee(l1Block, rules, tx.gasLimit)
  const prepaid = fees.l1Fee + maxOperatorFee
  const account = (await state.getAccount(sender)) ?? new Account()
  if (account.balance < prepaid) {
    throw new Error(`sender ${sender} has ${account.balance} wei, L1 and operator fee ${prepaid}`)
  }
  account.balance -= prepaid
  await state.putAccount(sender, account)
  const result = await runTx(vm, { tx, block, skipHardForkValidation: true })
  const gasUsed = result.totalGasSpent
  const baseFee = block.header.baseFeePerGas!
  const paidOperatorFee = operatorFee(l1Block, rules, gasUsed)
  await credit(state, BASE_FEE_VAULT, gasUsed * baseFee)
  await credit(state, L1_FEE_VAULT, fees.l1Fee)
  await credit(state, sender, maxOperatorFee - paidOperatorFee)
  await credit(state, OPERATOR_FEE_VAULT, paidOperatorFee)
  environment.gasPool += tx.gasLimit - gasUsed
  return {
    type: tx.type,
    status: result.execResult.exceptionError ? 0 : 1,
    logs: result.execResult.logs ?? [],
    from: sender,
    to: tx.to,
    contractAddress: result.createdAddress,
    gasUsed,
    effectiveGasPrice: baseFee + tx.getEffectivePriorityFee(baseFee),
    ...fees,
  }
}

/** The 2048-bit bloom filter over addresses and topics. */
function bloomOf(common: Common, logs: Log[]): Uint8Array {
  const bloom = new Bloom(undefined, common)
  for (const [address, topics] of logs) for (const item of [address, ...topics]) bloom.add(item)
  return bloom.bitvector
}

/**
 * Encodes a receipt as EIP-2718 data, a deposit's with nonce and version where it has them (D-24).
 *
 * @see https://specs.optimism.io/protocol/deposits.html#deposit-receipt
 */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  const { type, status, cumulativeGasUsed, logsBloom, logs } = receipt
  const deposit = [receipt.depositNonce, receipt.depositReceiptVersion]
  const fields = [status, cumulativeGasUsed, logsBloom, logs]
  const encoded = RLP.encode([...fields, ...deposit.filter((value) => value !== undefined)])
  return type === 0 ? encoded : concatBytes(Uint8Array.of(type), encoded)
}

/** Leaf of the receipts trie, which forgets the deposit nonce before Canyon (D-27). */
const receiptLeaf = (receipt: Receipt) =>
  receipt.depositReceiptVersion === undefined
    ? encodeReceipt({ ...receipt, depositNonce: undefined })
    : encodeReceipt(receipt)

/** Root of the trie that maps each index to its value. */
async function indexedRoot(common: Common, values: Uint8Array[]): Promise<Uint8Array> {
  const trie = new MerklePatriciaTrie({ common })
  for (const [index, value] of values.entries()) await trie.put(RLP.encode(index), value)
  return trie.root()
}

/** The header before execution. @throws if an attribute is missing, out of place or wrong */
function prepareHeader({ chain, parent, attributes }: ExecuteBlockOpts) {
  const { timestamp, gasLimit, withdrawals, parentBeaconBlockRoot } = attributes
  const number = parent.number + 1n
  if (timestamp <= parent.timestamp) {
    throw new Error(`timestamp ${timestamp} is not after the parent's ${parent.timestamp}`)
  }
  if (gasLimit >= 1n << 63n) throw new Error(`gasLimit ${gasLimit} exceeds 2^63 - 1`)
  if (withdrawals?.length) throw new Error(`${withdrawals.length} withdrawals instead of none`)
  const rules = chain.rules({ number, timestamp })
  if ((parentBeaconBlockRoot !== undefined) !== rules.isActive('ecotone')) {
    const found = parentBeaconBlockRoot ? 'present' : 'missing'
    throw new Error(`parentBeaconBlockRoot is ${found} in a ${rules.fork} block`)
  }
  return {
    parentHash: parent.hash(),
    coinbase: attributes.suggestedFeeRecipient,
    number,
    gasLimit,
    timestamp,
    extraData: encodeExtraData(rules, attributes),
    mixHash: attributes.prevRandao,
    baseFeePerGas: calculateBaseFee(chain, parent, timestamp),
    parentBeaconBlockRoot,
  }
}

/** What must hold for the transactions as a list (D-37, I-14). */
function validateTransactions(
  chain: Chain,
  rules: Rules,
  { parent, attributes }: ExecuteBlockOpts,
) {
  if (!rules.isActive('jovian')) return
  const { transactions } = attributes
  if (transactions[0]?.[0] !== DEPOSIT_TYPE) throw new Error('first transaction is not a deposit')
  const activates = chain.rules(parent).fork !== rules.fork
  if (activates && transactions.some((raw) => raw[0] !== DEPOSIT_TYPE)) {
    throw new Error(`signed transaction in the ${rules.fork} activation block`)
  }
}

/** A header under the rules of a fork, as EthereumJS represents it. */
const createHeader = (rules: Rules, data: HeaderData): BlockHeader =>
  createBlockHeader(data, { common: rules.common, skipConsensusFormatValidation: true })

/** EVM and VM over one state for one block: nothing of a block can leak into another. */
async function createEnvironment(opts: ExecuteBlockOpts, rules: Rules, header: BlockHeader) {
  const { state, parent } = opts
  const blockchain = {
    async getBlock(id: number) {
      const number = BigInt(id)
      const hash = number === parent.number ? parent.hash() : await opts.getBlockHash?.(number)
      if (!hash) throw new StateError(`the hash of block ${id} is not known`)
      return { hash: () => hash }
    },
    async putBlock() {},
    shallowCopy: () => blockchain,
  }
  const common = rules.common.copy()
  const customPrecompiles = rules.precompiles
  const evm = await createEVM({ common, stateManager: state, blockchain, customPrecompiles })
  const vm = await createVM({ common, stateManager: state, blockchain, evm })
  return { rules, state, evm, vm, block: new Block(header), gasPool: header.gasLimit }
}

/** Changes the state, from the irregular changes to the last transaction. */
async function applyBlock(opts: ExecuteBlockOpts) {
  const { chain, state, parent, attributes } = opts
  const headerData = prepareHeader(opts)
  const { timestamp, gasLimit, parentBeaconBlockRoot } = headerData
  const rules = chain.rules(headerData)
  validateTransactions(chain, rules, opts)
  const environment: Environment = await createEnvironment(
    opts,
    rules,
    createHeader(rules, headerData),
  )
  if (timestamp === chain.forkTimes.get('canyon')) {
    await state.putCode(CREATE2_DEPLOYER, hexToBytes(CREATE2_DEPLOYER_CODE))
  }
  if (parentBeaconBlockRoot) await systemCall(environment, BEACON_ROOTS, parentBeaconBlockRoot)
  if (rules.isActive('isthmus')) await systemCall(environment, HISTORY_STORAGE, parent.hash())

  const receipts: Receipt[] = []
  let gasUsed = 0n
  let blobGasUsed = 0n
  for (const [index, raw] of attributes.transactions.entries()) {
    const transactionHash = keccak256(rules.common, raw)
    try {
      const outcome = await (raw[0] === DEPOSIT_TYPE
        ? runDeposit(environment, decodeDeposit(raw))
        : runSigned(environment, raw))
      gasUsed += outcome.gasUsed
      blobGasUsed += outcome.blobGasUsed ?? 0n
      if (gasUsed > gasLimit) throw new Error(`gas used ${gasUsed} exceeds ${gasLimit}`)
      if (blobGasUsed > gasLimit) throw new Error(`DA footprint ${blobGasUsed} exceeds ${gasLimit}`)
      const logsBloom = bloomOf(rules.common, outcome.logs)
      receipts.push({ ...outcome, transactionHash, cumulativeGasUsed: gasUsed, logsBloom })
    } catch (error) {
      const { message } = error as Error
      if (error instanceof StateError) throw error
      throw new Error(`transaction ${index} (${bytesToHex(transactionHash)}): ${message}`)
    }
  }
  const footprint = rules.isActive('ecotone') ? { blobGasUsed } : {}
  return { rules, receipts, headerData: { ...headerData, gasUsed, ...footprint } }
}

/**
 * Executes the one block that can follow `parent` with these attributes. Building a block is
 * calling this; importing one is calling it and comparing the hash; so is verifying a witness.
 *
 * @returns the sealed header and the receipts; `state` then holds the state after the block
 * @throws {InvalidBlockError} if no valid block follows; `state` is as before
 * @throws {StateError} if the state or an ancestor's hash cannot be read; `state` is unusable
 * @see https://specs.optimism.io/protocol/exec-engine.html
 */
export async function executeBlock(opts: ExecuteBlockOpts): Promise<ExecutedBlock> {
  const { state, attributes } = opts
  await state.checkpoint()
  const { rules, receipts, headerData } = await applyBlock(opts).catch(async (error: Error) => {
    if (error instanceof StateError) throw error
    await state.revert()
    throw new InvalidBlockError(error.message)
  })
  await state.commit()
  const { common } = rules
  const stateRoot = await state.getStateRoot()
  const messagePasser = rules.isActive('isthmus')
    ? await state.getAccount(MESSAGE_PASSER)
    : undefined
  const header = createHeader(rules, {
    ...headerData,
    stateRoot,
    transactionsTrie: await indexedRoot(common, attributes.transactions),
    receiptTrie: await indexedRoot(common, receipts.map(receiptLeaf)),
    logsBloom: bloomOf(
      common,
      receipts.flatMap(({ logs }) => logs),
    ),
    withdrawalsRoot: messagePasser?.storageRoot,
  })
  return { header, receipts }
}
