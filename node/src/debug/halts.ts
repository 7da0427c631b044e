import type { EVM, EVMError } from 'ethereumjs-op/ethereumjs'
import { memoryNeed } from './memory.ts'
import type { RunState, Upcoming } from './meter.ts'

/** Most initcode in bytes (EIP-3860). */
export const MAX_INITCODE = 49_152

/** Most code in bytes (EIP-170). */
const MAX_CODE = 24_576

/** From how many bytes of memory on geth does not compute their gas. */
const MAX_MEMORY = 0x1fffffffe0n

/** Gas that writing to storage must leave (EIP-2200), and that access to what is cold costs. */
const SENTRY_GAS = 2_300n
const COLD_GAS = 2_600n

export const isCall = (code: number): boolean =>
  code === 0xf1 || code === 0xf2 || code === 0xf4 || code === 0xfa
export const isCreation = (code: number): boolean => code === 0xf0 || code === 0xf5

/** The 20 bytes of an address in a stack item. */
export function toAddressBytes(item: bigint): Uint8Array {
  const hex = BigInt.asUintN(160, item).toString(16).padStart(40, '0')
  return Uint8Array.from(hex.match(/../g)!, (byte) => Number.parseInt(byte, 16))
}

/**
 * Why geth refuses an opcode while it computes the gas that depends on its operands; in its words and
 * in its order, which EthereumJS does not share. The outcome is the same: all gas of the frame is lost.
 *
 * @param items - of the stack, top first
 * @param gasLeft - without the fixed gas of the opcode
 */
export function explainRefusal(
  evm: EVM,
  { code, items, runState, gasLeft }: Upcoming,
): string | undefined {
  const { isStatic } = runState.env
  const need = memoryNeed(code, items)
  if (need > 2n ** 64n - 32n) return 'gas uint64 overflow'
  const memoryProblem = need > MAX_MEMORY ? 'out of gas: gas uint64 overflow' : undefined
  const isCold = (item: bigint) => !evm.journal.isWarmedAddress(toAddressBytes(item))
  const protectedProblem = 'out of gas: write protection'
  if (code === 0x55) {
    if (isStatic) return protectedProblem
    if (gasLeft <= SENTRY_GAS) return 'out of gas: not enough gas for reentrancy sentry'
  }
  if (code === 0xff) {
    if (isStatic) return protectedProblem
    if (isCold(items[0]) && gasLeft < COLD_GAS) return 'out of gas: out of gas'
  }
  if (isCall(code)) {
    const isPaying = code === 0xf1 && items[2] !== 0n && isStatic
    if (isPaying && evm.common.isActivatedEIP(7702)) return protectedProblem
    // What is warm is paid for by the fixed gas.
    if (isCold(items[1]) && gasLeft < COLD_GAS - 100n) return 'out of gas: out of gas'
    if (isPaying) return protectedProblem
  }
  if (memoryProblem) return memoryProblem
  if (isCreation(code) && evm.common.isActivatedEIP(3860) && items[2] > MAX_INITCODE) {
    const sizes = `code size ${items[2]} limit ${MAX_INITCODE}`
    return `out of gas: max initcode size exceeded: ${sizes}`
  }
  return undefined
}

/** Why geth refuses an opcode after its gas is paid, though EthereumJS did before. */
export function explainLateRefusal({ code, items, runState }: Upcoming): string | undefined {
  const { isStatic } = runState.env
  const isWriting = (code >= 0xa0 && code <= 0xa4) || isCreation(code) || code === 0x5d
  if (isWriting && isStatic) return 'write protection'
  const isBeyond = code === 0x3e && items[1] + items[2] > BigInt(runState.returnBytes.length)
  return isBeyond ? 'return data out of bounds' : undefined
}

/** Why geth refuses a call for which EthereumJS finds, while it computes the gas, that it is short. */
export function explainShortage({ common }: EVM, code: number): string {
  // Before EIP-7702 only CALL is refused so early.
  const isEarly = common.isActivatedEIP(7702) || code === 0xf1
  return isEarly ? 'out of gas: out of gas' : 'out of gas'
}

/** Errors of EthereumJS that geth words differently. */
const WORDS: Record<string, string> = {
  revert: 'execution reverted',
  'static state change': 'write protection',
  'create collision': 'contract address collision',
  'insufficient balance': 'insufficient balance for transfer',
  'invalid bytecode deployed': 'invalid code: must not begin with 0xef',
}

/** The words of geth for how a frame ended, where no opcode was refused. */
export function explainError({ error }: EVMError, isCreate: boolean, state?: RunState): string {
  // A jump's has its place, too.
  const text = (error as string).replace(/ at .*/, '')
  if (text === 'invalid JUMP') return 'invalid jump destination'
  const code = state?.interpreter._result.returnValue
  if (text === 'out of gas' && isCreate) {
    // Geth looks at the code before it charges for it.
    const isInvalid = code?.[0] === 0xef
    return isInvalid
      ? WORDS['invalid bytecode deployed']
      : 'contract creation code storage out of gas'
  }
  if (text === 'code size to deposit exceeds maximum code size') {
    return `max code size exceeded: code size ${code?.length} limit ${MAX_CODE}`
  }
  return WORDS[text] ?? text
}
