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

/**
 * Computes gas of the opcode that is next, at once where nothing is to be read.
 *
 * @throws what ends the frame, where geth refuses it
 */
export type Meter = (runState: RunState, gas: bigint, common: Common) => bigint | Promise<bigint>

/** See {@link createMeter}. */
export interface MeterOptions {
  evm: EVM
  /** Gas handlers of the EVM as they were. */
  gasHandlers: (GasHandler | undefined)[]
  /** Opcodes that do not exist. */
  invalid: Set<number>
  /** Whether anybody wants to see steps. */
  isWatched(): boolean
  /** Told of each step. */
  show(step: EVMStep): Promise<void> | undefined
  /** Told of why the frame is about to fail, in geth's words, where EthereumJS has others. */
  fail(problem: string): void
}

const CALLDATACOPY = 0x37
const RETURNDATACOPY = 0x3e
const TSTORE = 0x5d
const MAX_STACK = 1_024

/** A step, which takes nothing out of the EVM that nobody asks for. */
export class EVMStep implements Step {
  readonly code: number
  readonly items: bigint[]
  readonly pc: number
  readonly gas: bigint
  readonly memorySize: number
  cost = 0n
  refund: bigint
  error?: string
  readonly #runState: RunState

  constructor(runState: RunState, code: number, items: bigint[] = []) {
    this.#runState = runState
    this.code = code
    this.items = items
    this.pc = runState.programCounter
    this.gas = runState.gasLeft
    this.memorySize = Number(runState.memoryWordCount) * 32
    this.refund = runState.gasRefund
  }

  get name() {
    return OPCODES[this.code].name
  }

  get depth() {
    return this.#runState.env.depth + 1
  }

  get address() {
    return this.#runState.env.address
  }

  get returnData() {
    return this.#runState.returnBytes
  }

  stack = () => this.#runState.stack.getStack()

  memory = () => this.#runState.memory._store.subarray(0, this.memorySize)
}

/**
 * Makes what computes the gas of opcodes as the EVM does, and shows each as geth shows it: when its
 * gas is known, before it runs. What is refused is so in geth's order of checks, and with its words.
 * In any case the frame loses all of its gas, so the outcome is that of the EVM.
 */
export function createMeter(opts: MeterOptions): Meter {
  const { evm, gasHandlers, invalid, isWatched, show, fail } = opts
  const isPlain = gasHandlers.map((handler, code) => !handler && code !== TSTORE)

  /** Shows a step, and then gives its gas or ends the frame. */
  function settle(step: EVMStep, gas: bigint, problem?: string): bigint | Promise<bigint> {
    const end = () => {
      if (!problem) return gas
      fail(problem)
      throw new EVMError('out of gas')
    }
    const shown = show(step)
    return shown ? shown.then(end) : end()
  }

  function refuse(step: EVMStep, problem: string, cost: bigint) {
    step.error = problem
    step.cost = cost
    return settle(step, cost, problem)
  }

  /** The gas of an opcode that depends on its operands. */
  async function measure(runState: RunState, gas: bigint, common: Common, step: EVMStep) {
    const { env, gasLeft } = runState
    const { code, items } = step
    const { fixedGas = gas } = OPCODES[code]
    const upcoming: Upcoming = { code, items, runState, gasLeft: gasLeft - fixedGas }
    const problem = explainRefusal(evm, upcoming)
    if (problem) return refuse(step, problem, fixedGas)
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
      return refuse(step, explainShortage(evm, code), fixedGas)
    } finally {
      env.isStatic = isStatic
    }
    // By now it may have been added to.
    step.refund = runState.gasRefund
    step.cost = isCall(code) ? total + runState.messageGasLimit! : total
    if (total > gasLeft) return refuse(step, 'out of gas', step.cost)
    return settle(step, total, lateProblem)
  }

  return (runState, gas, common) => {
    const { stack, gasLeft } = runState
    const code = runState.code[runState.programCounter]
    const isInvalid = invalid.has(code)
    const { name, fixedGas = gas, ...counts } = OPCODES[code]
    const { pops, pushes } = isInvalid ? { pops: 0, pushes: 0 } : counts
    const height = stack.length
    const maxHeight = MAX_STACK + pops - pushes
    const isFit = height >= pops && height <= maxHeight && gasLeft >= fixedGas
    if (isFit && isPlain[code] && !isInvalid) {
      if (!isWatched()) return gas
      const step = new EVMStep(runState, code)
      step.cost = gas
      return settle(step, gas)
    }
    const step = new EVMStep(runState, code, height < pops ? [] : stack.peek(pops))
    if (height < pops) return refuse(step, `stack underflow (${height} <=> ${pops})`, fixedGas)
    if (height > maxHeight) {
      return refuse(step, `stack limit reached ${height} (${maxHeight})`, fixedGas)
    }
    if (isInvalid) return settle(step, gas, `invalid opcode: ${name}`)
    if (!isFit) return refuse(step, 'out of gas', fixedGas)
    return measure(runState, gas, common, step)
  }
}
