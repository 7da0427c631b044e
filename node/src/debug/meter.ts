import { type Common, type EVM, EVMError, type getOpcodesForHF } from 'ethereumjs-op/ethereumjs'
import { explainLateRefusal, explainRefusal, explainShortage, isCall } from './halts.ts'
import { OPCODES } from './opcodes.ts'
import type { Step } from './tracer.ts'

export type OpcodeEntry = ReturnType<typeof getOpcodesForHF>['opcodeMap'][number]
export type RunState = Parameters<OpcodeEntry['opHandler']>[0]
export type GasHandler = OpcodeEntry['gasHandler']

/** An opcode that is about to run. */
export interface Upcoming {
  code: number
  /** Stack items that it takes, top first. */
  items: bigint[]
  runState: RunState
  /** Without its fixed gas. */
  gasLeft: bigint
}

/** Computes gas of the opcode that is next. @throws what ends the frame, where geth refuses it */
export type Meter = (
  runState: RunState,
  gas: bigint,
  common: Common,
  isInvalid: boolean,
) => Promise<bigint>

/** See {@link createMeter}. */
export interface MeterOptions {
  evm: EVM
  /** Gas handlers of the EVM as they were. */
  gasHandlers: (GasHandler | undefined)[]
  /** Told of each step. */
  show(step: Step): Promise<void> | undefined
  /** Told of why the frame is about to fail, in geth's words, where EthereumJS has others. */
  fail(problem: string): void
}

/** A step whose gas is not known yet. */
export const describeStep = (
  runState: RunState,
  code: number,
  items: bigint[],
  memorySize: number,
): Step => ({
  pc: runState.programCounter,
  code,
  name: OPCODES[code].name,
  gas: runState.gasLeft,
  cost: 0n,
  depth: runState.env.depth + 1,
  address: runState.env.address,
  stack: () => runState.stack.getStack(),
  items,
  memory: () => runState.memory._store.subarray(0, memorySize),
  memorySize,
  returnData: runState.returnBytes,
  refund: runState.gasRefund,
})

const CALLDATACOPY = 0x37
const RETURNDATACOPY = 0x3e
const MAX_STACK = 1_024

/**
 * Makes what computes the gas of opcodes as the EVM does, and shows each as geth shows it: when its
 * gas is known, before it runs. What is refused is so in geth's order of checks, and with its words.
 * In any case the frame loses all of its gas, so the outcome is that of the EVM.
 */
export function createMeter({ evm, gasHandlers, show, fail }: MeterOptions): Meter {
  return async (runState, gas, common, isInvalid) => {
    const { stack, gasLeft, env } = runState
    const code = runState.code[runState.programCounter]
    const { name, fixedGas = gas, ...counts } = OPCODES[code]
    const { pops, pushes } = isInvalid ? { pops: 0, pushes: 0 } : counts
    const height = stack.length
    const items = height < pops ? [] : stack.peek(pops)
    const memorySize = Number(runState.memoryWordCount) * 32

    const showStep = (cost: bigint, error?: string) =>
      show({ ...describeStep(runState, code, items, memorySize), gas: gasLeft, cost, error })
    const refuse = async (problem: string, cost: bigint): Promise<never> => {
      fail(problem)
      await showStep(cost, problem)
      throw new EVMError('out of gas')
    }

    const maxHeight = MAX_STACK + pops - pushes
    if (height < pops) return refuse(`stack underflow (${height} <=> ${pops})`, fixedGas)
    if (height > maxHeight) return refuse(`stack limit reached ${height} (${maxHeight})`, fixedGas)
    if (isInvalid) {
      fail(`invalid opcode: ${name}`)
      await showStep(0n)
      return gas
    }
    if (gasLeft < fixedGas) return refuse('out of gas', fixedGas)
    const upcoming: Upcoming = { code, items, runState, gasLeft: gasLeft - fixedGas }
    const problem = explainRefusal(evm, upcoming)
    if (problem) return refuse(problem, fixedGas)

    const lateProblem = explainLateRefusal(upcoming)
    // The gas of RETURNDATACOPY is that of CALLDATACOPY, which has no bounds.
    const handler = gasHandlers[lateProblem && code === RETURNDATACOPY ? CALLDATACOPY : code]
    const { isStatic } = env
    let total = gas
    try {
      if (lateProblem) env.isStatic = false
      if (handler) total = await handler(runState, gas, common)
    } catch (error) {
      if (!(error instanceof EVMError)) throw error
      return refuse(explainShortage(evm, code), fixedGas)
    } finally {
      env.isStatic = isStatic
    }
    const cost = isCall(code) ? total + runState.messageGasLimit! : total
    if (total > gasLeft) return refuse('out of gas', cost)
    await showStep(cost)
    if (!lateProblem) return total
    fail(lateProblem)
    throw new EVMError('static state change')
  }
}
