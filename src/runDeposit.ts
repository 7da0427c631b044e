import { EVMError, type ExecResult } from '@ethereumjs/evm'
import { createLegacyTx, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, bigIntMax, bigIntMin, createContractAddress } from '@ethereumjs/util'
import { assertRule } from '../ethereumjs/errors.ts'
import { finalizeTx, runMessage } from '../ethereumjs/vm.ts'
import type { Context } from './context.ts'
import { DEPOSIT_TYPE, type DepositTx } from './deposit.ts'
import { type TxResult, describeOutcome } from './receipt.ts'

/**
 * Runs a deposit. It cannot be invalid, only fail, unless the block lacks gas for it. Without mint it
 * is also how a call is simulated.
 *
 * @param gasLeft - gas of the block that no transaction has taken yet
 * @throws {InvalidBlockError} if the block lacks gas
 * @see https://specs.optimism.io/protocol/deposits.html#execution
 */
export async function runDeposit({ vm, block, rules }: Context, tx: DepositTx, gasLeft: bigint) {
  const { common, stateManager } = vm
  const { from, to, mint, value, gas, isSystemTx, data } = tx
  const isRegolith = rules.isActive('regolith')
  const isFree = isSystemTx && !isRegolith
  assertRule(isFree || gas <= gasLeft, `gas limit ${gas} exceeds the ${gasLeft} left`)
  const { nonce, balance } = (await stateManager.getAccount(from)) ?? new Account()
  await stateManager.modifyAccountFields(from, { nonce: nonce + 1n, balance: balance + mint })
  // Without a gas limit, which EIP-7825 would cap; deposits are exempt (D-23). The EVM fails a
  // creation with too much init code, with all its gas.
  const unsigned = createLegacyTx({ to, data }, { common, allowUnlimitedInitCodeSize: true })
  const intrinsicGas = unsigned.getIntrinsicGas()
  const floorGas = getCalldataFloorGas(unsigned)
  const gasLimit = gas - intrinsicGas
  const isRefused = (isSystemTx && isRegolith) || gas < bigIntMax(intrinsicGas, floorGas)
  const isPoor = value > balance + mint
  let result: ExecResult
  if (isRefused || isPoor) {
    // It ends before it executes, with all its gas.
    const exceptionError = new EVMError(isPoor ? 'insufficient balance' : 'out of gas')
    result = { exceptionError, executionGasUsed: gasLimit, returnValue: new Uint8Array() }
  } else {
    const warm = [from, to, rules.isActive('canyon') ? block.header.coinbase : undefined]
    result = await runMessage(vm, { block, caller: from, to, value, data, gasLimit }, warm)
  }
  await finalizeTx(vm)

  const spent = intrinsicGas + result.executionGasUsed
  const refund = bigIntMin(result.gasRefund ?? 0n, spent / common.param('maxRefundQuotient'))
  // One that was refused may have less gas than the floor.
  let gasUsed = bigIntMin(gas, bigIntMax(spent - refund, floorGas))
  // Before Regolith all gas counts as used, and none of a system transaction's (D-17, D-18).
  if (!isRegolith) gasUsed = isFree ? 0n : gas
  const depositNonce = isRegolith ? nonce : undefined
  const contractAddress = to ? undefined : createContractAddress(from, depositNonce ?? 0n)
  const depositReceiptVersion = rules.isActive('canyon') ? 1 : undefined
  const optional = { depositNonce, depositReceiptVersion, contractAddress }
  return { tx, type: DEPOSIT_TYPE, ...describeOutcome(result), gasUsed, ...optional } as TxResult
}
