import { JsonRpcError, bigIntMin } from 'ethereumjs-op/ethereumjs'
import type { Message } from './message.ts'
import { toRevertError } from './revert.ts'
import type { Place } from './simulator.ts'
import { type Outcome, RefusedMessage, attempt } from './transition.ts'

/** Gas of a transfer, which no transaction has less than, and what a called contract is given. */
const TRANSFER_GAS = 21_000n
const CALL_STIPEND = 2_300n

/** How much of it the answer may exceed the least, as geth has it. */
const ERROR_RATIO = 0.015

/** Runs a message with so much gas. @returns undefined if it is too little to begin */
async function runWith(place: Place, message: Message, gas: bigint): Promise<Outcome | undefined> {
  try {
    return await attempt(place, message, gas)
  } catch (error) {
    if (!(error instanceof RefusedMessage)) throw error
    if (error.isShortOfGas) return undefined
    throw new JsonRpcError(`failed with ${gas} gas: ${error.message}`, -32000)
  }
}

/** The most gas that a message may have: by the block, the fork, the sender's means and `cap`. */
async function findMostGas(place: Place, message: Message, gasLimit: bigint, cap: bigint) {
  const { evm, state } = place
  const { from, value, gas = 0n, maxFeePerGas } = message
  const isAsked = gas >= TRANSFER_GAS
  let most = isAsked ? bigIntMin(gas, cap) : gasLimit
  if (evm.common.isActivatedEIP(7825)) {
    most = bigIntMin(most, evm.common.param('maxTransactionGasLimit'))
  }
  if (maxFeePerGas > 0n) {
    const balance = (await state.getAccount(from))?.balance ?? 0n
    if (value >= balance) throw new JsonRpcError('insufficient funds for transfer', -32000)
    most = bigIntMin(most, (balance - value) / maxFeePerGas)
  }
  return bigIntMin(most, cap)
}

/**
 * The gas with which a message succeeds: the least, or up to 1.5 % more.
 *
 * @param gasLimit - of the block
 * @param cap - most gas of a simulated call
 * @throws if it fails with whatever gas, or cannot run
 */
export async function estimateGas(
  place: Place,
  message: Message,
  gasLimit: bigint,
  cap: bigint,
): Promise<bigint> {
  const most = await findMostGas(place, message, gasLimit, cap)
  const { to, data } = message
  const isTransfer = to && data.length === 0 && (await place.state.getCode(to)).length === 0
  if (isTransfer) {
    // Lists may make it dearer, and who cannot pay is told so with all the gas.
    const outcome = await attempt(place, message, TRANSFER_GAS).catch((error) => {
      if (!(error instanceof RefusedMessage)) throw error
    })
    if (outcome && !outcome.error) return TRANSFER_GAS
  }
  const first = await runWith(place, message, most)
  if (!first || first.isOutOfGas) {
    throw new JsonRpcError(`gas required exceeds allowance (${most})`, -32000)
  }
  if (first.isRevert) throw toRevertError(first.returnValue)
  if (first.error) throw new JsonRpcError(first.error, -32000)

  // The highest of which it is known that it is too little, and the lowest that is enough.
  let low = first.gasUsed - 1n
  let high = most
  const isEnough = async (gas: bigint) => {
    const outcome = await runWith(place, message, gas)
    return outcome !== undefined && !outcome.error
  }
  const likely = ((first.maxUsedGas + CALL_STIPEND) * 64n) / 63n
  if (likely < high) {
    if (await isEnough(likely)) high = likely
    else low = likely
  }
  while (low + 1n < high && Number(high - low) / Number(high) >= ERROR_RATIO) {
    // Most need little more than they use.
    const middle = bigIntMin((low + high) / 2n, low * 2n)
    if (await isEnough(middle)) high = middle
    else low = middle
  }
  return high
}
