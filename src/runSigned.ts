import {
  type EIP7702CompatibleTx,
  type TypedTransaction,
  createTxFromRLP,
  getCalldataFloorGas,
} from '@ethereumjs/tx'
import {
  Account,
  type Address,
  EthereumJSError,
  bigIntMax,
  bytesToHex,
  createAddressFromString,
  equalsBytes,
} from '@ethereumjs/util'
import { type VM, runTx } from '@ethereumjs/vm'
import type { Rules } from './chain.ts'
import type { Context } from './context.ts'
import { DEPOSIT_TYPE } from './deposit.ts'
import { InvalidBlockError, assertRule, decodeStrictly } from './errors.ts'
import { type L1Block, l1Fees, operatorFee } from './fees.ts'
import { type TxResult, describeOutcome } from './receipt.ts'

const BASE_FEE_VAULT = createAddressFromString('0x4200000000000000000000000000000000000019')
const L1_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001a')
const OPERATOR_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001b')

/** EIP-2718 type of blob transactions, which do not exist on L2, although Cancun's rules have them. */
const BLOB_TYPE = 3

/**
 * Decodes a signed transaction, strictly.
 *
 * @throws {InvalidBlockError} if L2 does not have its type (R-01, D-34), it is not in canonical
 * encoding, or its signature is not valid
 */
export function decodeSigned({ common }: Rules, raw: Uint8Array): TypedTransaction {
  const isForeign = raw[0] === BLOB_TYPE || raw[0] === DEPOSIT_TYPE
  assertRule(!isForeign, `transaction type not supported: ${raw[0]}`)
  const tx = decodeStrictly(() => createTxFromRLP(raw, { common }))
  const { accessList = [], authorizationList = [] } = tx as EIP7702CompatibleTx
  const keys = accessList.map(([, storageKeys]) => storageKeys)
  const lists = [accessList, authorizationList, ...keys, ...authorizationList]
  const items = [accessList.map(([address]) => address), ...keys, ...authorizationList].flat()
  // A list where bytes belong, or the reverse, would be encoded back as it was.
  const isFlat = lists.every(Array.isArray) && !items.some(Array.isArray)
  assertRule(isFlat && equalsBytes(tx.serialize(), raw), 'not in canonical encoding')
  try {
    tx.getSenderAddress()
  } catch (error) {
    throw error instanceof EthereumJSError ? new InvalidBlockError('signature is not valid') : error
  }
  return tx
}

/**
 * What a signed transaction costs under the fee parameters of a block (F-03…F-06).
 *
 * @returns `fees` of L1 and its DA footprint; `prepaid` operator fee for the whole gas limit and
 * `cost`, the most that the sender pays, in wei
 */
export function measureSigned(rules: Rules, l1Block: L1Block, tx: TypedTransaction) {
  const fees = l1Fees(l1Block, rules, tx.serialize())
  const prepaid = operatorFee(l1Block, rules, tx.gasLimit)
  const maxFeePerGas = 'maxFeePerGas' in tx ? tx.maxFeePerGas : tx.gasPrice
  const cost = tx.value + tx.gasLimit * maxFeePerGas + fees.l1Fee + prepaid
  return { fees, prepaid, maxFeePerGas, cost }
}

/** Adds wei to an account or, if negative, takes them. */
async function addBalance({ stateManager }: VM, address: Address, amount: bigint) {
  // A minimal witness may lack an account that is paid nothing.
  if (amount === 0n) return
  const { balance } = (await stateManager.getAccount(address)) ?? new Account()
  await stateManager.modifyAccountFields(address, { balance: balance + amount })
}

/**
 * Runs a signed transaction: EthereumJS's `runTx` between the fees of L1 and operator (F-03…F-06).
 * All that may be wrong with it is checked before, in the order of op-geth: in `runTx` an error may as
 * well be one of the state.
 *
 * @param room - gas and DA footprint that the block has left
 * @throws {InvalidBlockError} if the transaction cannot be in this block; then nothing has changed
 */
export async function runSigned(
  { vm, block, rules }: Context,
  tx: TypedTransaction,
  l1Block: L1Block,
  room: { gas: bigint; daFootprint: bigint },
): Promise<TxResult> {
  const { stateManager } = vm
  const { gasLimit } = tx
  const { fees, prepaid, maxFeePerGas, cost } = measureSigned(rules, l1Block, tx)
  const from = tx.getSenderAddress()
  const sender = (await stateManager.getAccount(from)) ?? new Account()
  assertRule(tx.nonce === sender.nonce, `nonce is ${tx.nonce}, that of ${from} ${sender.nonce}`)
  const code = sender.isContract() ? await stateManager.getCode(from) : new Uint8Array()
  const isDelegation = code.length === 23 && bytesToHex(code).startsWith('0xef0100')
  const isAllowed = code.length === 0 || (isDelegation && rules.isActive('isthmus'))
  assertRule(isAllowed, `sender ${from} is a contract (EIP-3607)`)
  const baseFee = block.header.baseFeePerGas!
  assertRule(maxFeePerGas >= baseFee, `maximum fee ${maxFeePerGas} is below base fee ${baseFee}`)
  assertRule(sender.balance >= cost, `${from} has ${sender.balance} wei, but costs are ${cost}`)
  assertRule(gasLimit <= room.gas, `gas limit ${gasLimit} exceeds the ${room.gas} left`)
  const minGas = bigIntMax(tx.getIntrinsicGas(), getCalldataFloorGas(tx))
  assertRule(gasLimit >= minGas, `gas limit ${gasLimit} is below intrinsic gas ${minGas}`)
  const { blobGasUsed: footprint = 0n } = fees
  const isFit = footprint <= room.daFootprint
  assertRule(isFit, `DA footprint ${footprint} exceeds the ${room.daFootprint} left`)

  await addBalance(vm, from, -fees.l1Fee - prepaid)
  const result = await runTx(vm, { tx, block, skipHardForkValidation: true })
  const gasUsed = result.totalGasSpent
  const paid = operatorFee(l1Block, rules, gasUsed)
  await addBalance(vm, BASE_FEE_VAULT, gasUsed * baseFee)
  await addBalance(vm, L1_FEE_VAULT, fees.l1Fee)
  await addBalance(vm, from, prepaid - paid)
  await addBalance(vm, OPERATOR_FEE_VAULT, paid)
  const outcome = describeOutcome(result.execResult)
  return { tx, type: tx.type, ...outcome, gasUsed, contractAddress: result.createdAddress, ...fees }
}
