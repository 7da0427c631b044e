import {
  Account,
  type Address,
  type Common,
  type ExecResult,
  JsonRpcError,
  type Log,
  bigIntMax,
  bigIntMin,
  createAddressFromString,
  toChecksumAddress,
} from 'ethereumjs-op/ethereumjs'
import { applyAuthorizations } from './authorizations.ts'
import type { Message } from './message.ts'
import { describeError } from './revert.ts'
import type { Place } from './simulator.ts'

/** A message that cannot run at all, in the words of geth. */
export class RefusedMessage extends JsonRpcError {
  /** Whether more gas could help. */
  readonly isShortOfGas: boolean

  constructor(reason: string, code: number, isShortOfGas = false) {
    super(reason, code)
    this.isShortOfGas = isShortOfGas
  }
}

/** Codes of what is wrong with a message, as `eth_simulateV1` has them. */
const INVALID_PARAMS = -32602
const NONCE_TOO_LOW = -38010
const NONCE_TOO_HIGH = -38011
const INTRINSIC_GAS = -38013
const INSUFFICIENT_FUNDS = -38014
const INIT_CODE_SIZE = -38025
const INTERNAL = -32603

/** What came out of a message that ran. */
export interface Outcome {
  /** Gas that is paid. */
  gasUsed: bigint
  /** Gas that was used before any came back. */
  maxUsedGas: bigint
  returnValue: Uint8Array
  logs: Log[]
  /** Why it failed, in the words of geth. */
  error?: string
  isRevert: boolean
  isOutOfGas: boolean
  createdAddress?: Address
}

/** Gas that a message costs before it runs. */
function intrinsicGas(common: Common, message: Message): bigint {
  const { data, to, accessList = [], authorizationList = [] } = message
  const param = (name: string) => common.param(name)
  const zeros = BigInt(data.reduce((count, byte) => count + Number(byte === 0), 0))
  const others = BigInt(data.length) - zeros
  const words = BigInt(Math.ceil(data.length / 32))
  const slots = accessList.flatMap(({ storageKeys }) => storageKeys)
  let gas = param('txGas') + zeros * param('txDataZeroGas') + others * param('txDataNonZeroGas')
  if (!to) gas += param('txCreationGas')
  if (!to && common.isActivatedEIP(3860)) gas += words * param('initCodeWordGas')
  gas += BigInt(accessList.length) * param('accessListAddressGas')
  gas += BigInt(slots.length) * param('accessListStorageKeyGas')
  if (authorizationList.length === 0) return gas
  return gas + BigInt(authorizationList.length) * param('perEmptyAccountCost')
}

/** Gas that a message costs at least, by its data (EIP-7623). */
function floorGas(common: Common, { data }: Message): bigint {
  if (!common.isActivatedEIP(7623)) return 0n
  const tokens = data.reduce((sum, byte) => sum + (byte === 0 ? 1 : 4), 0)
  return common.param('txGas') + common.param('totalCostFloorPerToken') * BigInt(tokens)
}

function checkNonce({ from, nonce = 0n }: Message, expected: bigint): void {
  const values = `address ${toChecksumAddress(`${from}`)}, tx: ${nonce} state: ${expected}`
  if (nonce > expected) throw new RefusedMessage(`nonce too high: ${values}`, NONCE_TOO_HIGH)
  if (nonce < expected) throw new RefusedMessage(`nonce too low: ${values}`, NONCE_TOO_LOW)
}

/** Checks prices. A message without them is free, unless all `isChecked`. */
function checkFees(message: Message, baseFee: bigint, isChecked: boolean): void {
  const { from, maxFeePerGas, maxPriorityFeePerGas } = message
  if (!isChecked && maxFeePerGas === 0n && maxPriorityFeePerGas === 0n) return
  const address = `address ${toChecksumAddress(`${from}`)}`
  if (maxFeePerGas < maxPriorityFeePerGas) {
    const values = `maxPriorityFeePerGas: ${maxPriorityFeePerGas}, maxFeePerGas: ${maxFeePerGas}`
    const reason = 'max priority fee per gas higher than max fee per gas'
    throw new RefusedMessage(`${reason}: ${address}, ${values}`, INVALID_PARAMS)
  }
  if (maxFeePerGas < baseFee) {
    const values = `maxFeePerGas: ${maxFeePerGas}, baseFee: ${baseFee}`
    const reason = 'max fee per gas less than block base fee'
    throw new RefusedMessage(`${reason}: ${address}, ${values}`, INVALID_PARAMS)
  }
}

function checkAuthorizations({ from, to, authorizationList }: Message, common: Common): void {
  if (!authorizationList) return
  const sender = `(sender ${toChecksumAddress(`${from}`)})`
  if (!common.isActivatedEIP(7702)) {
    throw new RefusedMessage('authorizationList is not supported before EIP-7702', INVALID_PARAMS)
  }
  if (!to) {
    const reason = 'EIP-7702 transaction cannot be used to create contract'
    throw new RefusedMessage(`${reason} ${sender}`, INTERNAL)
  }
  if (authorizationList.length === 0) {
    throw new RefusedMessage(`EIP-7702 transaction with empty auth list ${sender}`, INTERNAL)
  }
}

function checkFunds({ from, value, maxFeePerGas }: Message, gas: bigint, balance: bigint): void {
  const cost = gas * maxFeePerGas + value
  if (balance >= cost) return
  // Checksums take their time, so they are made where they are shown.
  const address = `address ${toChecksumAddress(`${from}`)}`
  const isTooLong = cost >= 1n << 256n
  const values = isTooLong ? 'required balance exceeds 256 bits' : `have ${balance} want ${cost}`
  const reason = 'insufficient funds for gas * price + value'
  throw new RefusedMessage(`${reason}: ${address} ${values}`, INSUFFICIENT_FUNDS)
}

function checkGas(
  common: Common,
  { to, data }: Message,
  gas: bigint,
  least: bigint,
  floor: bigint,
) {
  if (gas < least) {
    const values = `have ${gas}, want ${least}`
    throw new RefusedMessage(`intrinsic gas too low: ${values}`, INTRINSIC_GAS, true)
  }
  if (gas < floor) {
    const values = `have ${gas}, want ${floor}`
    throw new RefusedMessage(`insufficient gas for floor data gas cost: ${values}`, INTERNAL)
  }
  if (to || !common.isActivatedEIP(3860)) return
  const limit = common.param('maxInitCodeSize')
  if (BigInt(data.length) <= limit) return
  const values = `code size ${data.length} limit ${limit}`
  throw new RefusedMessage(`max initcode size exceeded: ${values}`, INIT_CODE_SIZE)
}

/** Warms what is not cold from the start (EIP-2929, EIP-2930, EIP-3651). */
function warmUp({ evm, header, precompiles }: Place, { from, to, accessList = [] }: Message) {
  const { journal } = evm
  const coinbase = evm.common.isActivatedEIP(3651) ? header.coinbase : undefined
  for (const address of [from, to, coinbase]) {
    if (address) journal.addAlwaysWarmAddress(address.toString())
  }
  for (const address of precompiles) journal.addAlwaysWarmAddress(address)
  for (const { address, storageKeys } of accessList) {
    journal.addAlwaysWarmAddress(address.toString())
    for (const key of storageKeys) journal.addAlwaysWarmSlot(address.toString(), key)
  }
}

async function addBalance({ evm, state }: Place, address: Address, amount: bigint) {
  const account = (await state.getAccount(address)) ?? new Account()
  account.balance += amount
  await evm.journal.putAccount(address, account)
}

/** Deletes what destroyed itself; from EIP-6780 on only what was created by the same message. */
async function deleteDestroyed({ evm }: Place, { selfdestruct, createdAddresses }: ExecResult) {
  for (const destroyed of selfdestruct?.keys() ?? []) {
    if (evm.common.isActivatedEIP(6780) && !createdAddresses?.has(destroyed)) continue
    await evm.journal.deleteAccount(createAddressFromString(destroyed))
  }
}

/** See {@link applyMessage}. */
export interface MessageOptions {
  /** Whether the nonce must be the sender's next, and the price at least the base fee. */
  isValidated?: boolean
}

/**
 * Runs a message as a transaction: gas is bought, authorizations hold, what is left comes back. That
 * the sender may be a contract, and its gas above what a transaction may have, is meant. Whoever
 * calls ends it, by `undo` or `finish` of {@link Place}.
 *
 * @param gas - its gas limit
 * @throws {RefusedMessage} if it cannot run; nothing has changed then
 */
export async function applyMessage(
  place: Place,
  message: Message,
  gas: bigint,
  { isValidated = false }: MessageOptions = {},
): Promise<Outcome> {
  const { evm, state, header } = place
  const { common } = evm
  const { from, to, value, data, gasPrice, authorizationList = [] } = message
  const sender = (await state.getAccount(from)) ?? new Account()
  if (isValidated) checkNonce(message, sender.nonce)
  checkFees(message, header.baseFeePerGas, isValidated)
  checkAuthorizations(message, common)
  checkFunds(message, gas, sender.balance)
  const least = intrinsicGas(common, message)
  const floor = floorGas(common, message)
  checkGas(common, message, gas, least, floor)

  warmUp(place, message)
  sender.balance -= gas * gasPrice
  sender.nonce += 1n
  await evm.journal.putAccount(from, sender)
  const refund = await applyAuthorizations(place, authorizationList)
  const call = { caller: from, to, value, data, gasLimit: gas - least, gasPrice }
  // The type of the whole block is asked for, but no more than this is read.
  const block = { header } as unknown as Parameters<typeof evm.runCall>[0]['block']
  const opts = { ...call, block, skipNonceIncrement: true }
  const { execResult, createdAddress } = await evm.runCall(opts)
  await deleteDestroyed(place, execResult)

  const spent = least + execResult.executionGasUsed
  const mostRefund = spent / common.param('maxRefundQuotient')
  const refunded = bigIntMin(refund + (execResult.gasRefund ?? 0n), mostRefund)
  const gasUsed = bigIntMax(spent - refunded, floor)
  if (gasPrice > 0n) {
    await addBalance(place, from, (gas - gasUsed) * gasPrice)
    await addBalance(place, header.coinbase, gasUsed * (gasPrice - header.baseFeePerGas))
  }
  const { exceptionError, returnValue, logs = [] } = execResult
  const error = exceptionError && describeError(execResult)
  return {
    gasUsed,
    maxUsedGas: bigIntMax(spent, floor),
    returnValue,
    logs: exceptionError ? [] : logs,
    error,
    isRevert: exceptionError?.error === 'revert',
    isOutOfGas: error === 'out of gas',
    createdAddress,
  }
}

/** Runs a message and undoes it; see {@link applyMessage}. */
export async function attempt(place: Place, message: Message, gas: bigint): Promise<Outcome> {
  await place.state.checkpoint()
  try {
    return await applyMessage(place, message, gas)
  } finally {
    await place.undo()
  }
}
