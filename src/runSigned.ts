import type { TypedTransaction } from '@ethereumjs/tx'
import { Account, type Address, createAddressFromString } from '@ethereumjs/util'
import { type VM, runTx } from '@ethereumjs/vm'
import { assertRule } from '../ethereumjs/errors.ts'
import { decodeTx, maxFeeOf, validateTx } from '../ethereumjs/tx.ts'
import type { Rules } from './chain.ts'
import type { Context } from './context.ts'
import { DEPOSIT_TYPE } from './deposit.ts'
import { type L1Block, l1Fees, operatorFee } from './fees.ts'
import { type TxResult, describeOutcome } from './receipt.ts'

/** Where the base fee of every signed transaction goes. */
export const BASE_FEE_VAULT = createAddressFromString('0x4200000000000000000000000000000000000019')
const L1_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001a')
const OPERATOR_FEE_VAULT = createAddressFromString('0x420000000000000000000000000000000000001b')

/** EIP-2718 type of blob transactions, which do not exist on L2, although Cancun's rules have them. */
const BLOB_TYPE = 3

/**
 * Decodes a signed transaction, strictly, and recovers its sender.
 *
 * @throws {InvalidBlockError} if L2 does not have its type (R-01, D-34), it is not in canonical
 * encoding, or its signature is not valid
 */
export function decodeSigned({ common }: Rules, raw: Uint8Array): TypedTransaction {
  const isForeign = raw[0] === BLOB_TYPE || raw[0] === DEPOSIT_TYPE
  assertRule(!isForeign, `transaction type not supported: ${raw[0]}`)
  return decodeTx(raw, common)
}

/**
 * What a signed transaction costs under the fee parameters of a block (F-03…F-06).
 *
 * @returns `fees` of L1, with the DA footprint; in wei, the operator fee `prepaid` for the whole gas
 * limit, and `cost`, what the sender must have
 */
export function measureSigned(rules: Rules, l1Block: L1Block, tx: TypedTransaction) {
  const fees = l1Fees(l1Block, rules, tx.serialize())
  const prepaid = operatorFee(l1Block, rules, tx.gasLimit)
  const cost = tx.value + tx.gasLimit * maxFeeOf(tx) + fees.l1Fee + prepaid
  return { fees, prepaid, cost }
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
  const { fees, prepaid, cost } = measureSigned(rules, l1Block, tx)
  await validateTx(vm, block, tx, room.gas, cost)
  const { l1Fee, blobGasUsed = 0n } = fees
  const isFit = blobGasUsed <= room.daFootprint
  assertRule(isFit, `DA footprint ${blobGasUsed} exceeds the ${room.daFootprint} left`)

  const from = tx.getSenderAddress()
  await addBalance(vm, from, -l1Fee - prepaid)
  const result = await runTx(vm, { tx, block, skipHardForkValidation: true })
  const gasUsed = result.totalGasSpent
  const paid = operatorFee(l1Block, rules, gasUsed)
  await addBalance(vm, BASE_FEE_VAULT, gasUsed * block.header.baseFeePerGas!)
  await addBalance(vm, L1_FEE_VAULT, l1Fee)
  await addBalance(vm, from, prepaid - paid)
  await addBalance(vm, OPERATOR_FEE_VAULT, paid)
  const outcome = describeOutcome(result.execResult)
  return { tx, type: tx.type, ...outcome, gasUsed, contractAddress: result.createdAddress, ...fees }
}
