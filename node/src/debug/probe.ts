import {
  type Address,
  type EVM,
  type EVMError,
  type EVMResult,
  type Message,
  createAddressFromBigInt,
} from 'ethereumjs-op/ethereumjs'
import { MAX_INITCODE, explainError, isCall, isCreation } from './halts.ts'
import { EVMStep, type Meter, type OpcodeEntry, type RunState, createMeter } from './meter.ts'
import { OPCODES } from './opcodes.ts'
import { explainPrecompile } from './precompiles.ts'
import type { Frame, Tracer } from './tracer.ts'

/** Shows a tracer what an EVM does, as geth would show it. */
export interface Probe {
  /** Who is shown it. While there is nobody the EVM works as ever. */
  tracer?: Tracer
  /** Logs of the block that stand so far. */
  logCount: number
  /** Gas that comes back before any code runs. */
  refund: bigint
  /** Leaves the EVM as it was. */
  close(): void
}

/** What is known of a frame that runs. */
interface OpenFrame {
  isCreate: boolean
  /** Geth does not begin it. */
  isHidden: boolean
  /** Last digits of the precompiled contract that it calls. */
  precompile?: string
  input: Uint8Array
  gas: bigint
  /** Why it is about to fail, in geth's words. */
  problem?: string
  /** Logs that stood when it began. */
  logCount: number
}

const SELFDESTRUCT = 0xff
const STOP = 0
/** STOP, RETURN, REVERT, SELFDESTRUCT. */
const ENDS = [STOP, 0xf3, 0xfd, SELFDESTRUCT]
const LOGS = [0xa0, 0xa1, 0xa2, 0xa3, 0xa4]

/** Errors of EthereumJS where a creation has run but its code cannot be kept. */
const DEPOSIT_ERRORS = [
  'out of gas',
  'code size to deposit exceeds maximum code size',
  'invalid bytecode deployed',
]

/** Gas that a call which sends wei gives on top. */
const STIPEND = 2_300n

/** Most frames within each other. */
const MAX_DEPTH = 1_024

const NO_BYTES = new Uint8Array()

const toAddress = (item: bigint): Address => createAddressFromBigInt(BigInt.asUintN(160, item))

/** What a call or creation opcode is about to begin. */
function describeFrame(code: number, { stack, memory, env, messageGasLimit }: RunState): Frame {
  const { name: type, pops } = OPCODES[code]
  const items = stack.peek(pops)
  const own = { type, depth: env.depth + 1, from: env.address }
  const read = (start: bigint, length: bigint) => memory.read(Number(start), Number(length), true)
  const gas = messageGasLimit!
  if (isCreation(code)) {
    return { ...own, input: read(items[1], items[2]), gas, value: items[0] }
  }
  const to = toAddress(items[1])
  // These two take no value from the stack.
  if (code === 0xf4)
    return { ...own, to, input: read(items[2], items[3]), gas, value: env.callValue }
  if (code === 0xfa) return { ...own, to, input: read(items[2], items[3]), gas }
  const [, , value, start, length] = items
  return { ...own, to, input: read(start, length), gas: value ? gas + STIPEND : gas, value }
}

/**
 * Makes an EVM show what it does. It wraps the handlers of the opcodes of this one EVM, so it costs
 * nothing where nobody traces, and works with patches as without. The event `step` of EthereumJS would
 * copy the whole memory each time, and tell less.
 *
 * @param tick - called at each step; what it throws ends all
 */
export function createProbe(evm: EVM, tick: () => Promise<void> | undefined): Probe {
  const entries = evm['_opcodeMap']
  const probe: Probe = { logCount: 0, refund: 0n, close }
  const frames: OpenFrame[] = []
  /** Frames that have begun, and the opcode that the next one comes from. */
  let begun = 0
  let nextType: string | undefined

  const enter = (frame: Frame) => probe.tracer?.enter?.(frame)

  const show = (step: EVMStep) => {
    if (probe.refund > 0n) step.refund += probe.refund
    return probe.tracer?.step?.(step)
  }

  const beforeMessage = (message: Message) => {
    if (!probe.tracer) return
    begun++
    const { depth, caller, to, data, gasLimit: gas, value, delegatecall } = message
    const type = nextType ?? (to ? 'CALL' : 'CREATE')
    nextType = undefined
    const isTooLong = !to && data.length > MAX_INITCODE && evm.common.isActivatedEIP(3860)
    const called = to && message.codeAddress
    const precompile = called && evm.getPrecompile(called) ? `${called}`.slice(-2) : undefined
    const { logCount } = probe
    frames.push({ isCreate: !to, isHidden: isTooLong, precompile, input: data, gas, logCount })
    if (isTooLong) return
    const from = delegatecall ? to! : caller
    const sent = type === 'STATICCALL' ? undefined : value
    enter({ type, depth, from, to: called, input: data, gas, value: sent })
  }

  function explain(error: EVMError, frame: OpenFrame, runState?: RunState): string {
    const { problem, precompile, input, gas, isCreate } = frame
    if (problem) return problem
    if (precompile) return explainPrecompile(error.error as string, precompile, input, gas)
    return explainError(error, isCreate, runState)
  }

  /** Code may end without an opcode, which geth takes for STOP. */
  function showEnd(runState: RunState, frame: OpenFrame, error?: EVMError) {
    // Code that succeeded may still not be fit to be kept.
    const isOver = !error || (frame.isCreate && DEPOSIT_ERRORS.includes(error.error as string))
    const isBeyond = runState.programCounter >= runState.code.length
    const isSilent = isOver && !frame.problem && isBeyond && !ENDS.includes(runState.opCode)
    if (isSilent) show(new EVMStep(runState, STOP))
  }

  const afterMessage = ({ execResult, createdAddress }: EVMResult) => {
    const frame = probe.tracer && frames.pop()
    if (!frame || frame.isHidden) return
    const { exceptionError, executionGasUsed: gasUsed, returnValue: output } = execResult
    const runState = execResult.runState as RunState | undefined
    if (runState) showEnd(runState, frame, exceptionError)
    const error = exceptionError && explain(exceptionError, frame, runState)
    if (error) probe.logCount = frame.logCount
    probe.tracer!.exit?.({ depth: frames.length, output, gasUsed, createdAddress, error })
  }

  /** Calls and creations. EthereumJS does not begin those that are too deep or lack wei. */
  async function runFrame(code: number, handler: OpcodeEntry['opHandler'], runState: RunState) {
    const frame = describeFrame(code, runState)
    const { depth } = frame
    const before = begun
    nextType = frame.type
    await handler(runState, evm.common)
    nextType = undefined
    if (begun !== before) return
    const isTooDeep = depth > MAX_DEPTH
    const error = isTooDeep ? 'max call depth exceeded' : 'insufficient balance for transfer'
    enter(frame)
    probe.tracer?.exit?.({ depth, output: NO_BYTES, gasUsed: 0n, error })
  }

  /** Ends the code that runs, if it succeeds, by what it throws. */
  async function selfdestruct(handler: OpcodeEntry['opHandler'], runState: RunState) {
    const { address: from, contract, depth: outer } = runState.env
    const to = toAddress(runState.stack.peek(1)[0])
    const { balance: value } = contract
    try {
      await handler(runState, evm.common)
    } finally {
      const depth = outer + 1
      enter({ type: 'SELFDESTRUCT', depth, from, to, input: NO_BYTES, gas: 0n, value })
      probe.tracer?.exit?.({ depth, output: NO_BYTES, gasUsed: 0n })
    }
  }

  async function log(handler: OpcodeEntry['opHandler'], runState: RunState) {
    await handler(runState, evm.common)
    const added = runState.interpreter._result.logs.at(-1)!
    probe.tracer?.log?.(added, probe.logCount++)
  }

  const meter = createMeter({
    evm,
    gasHandlers: entries.map(({ gasHandler }) => gasHandler),
    invalid: new Set([...entries.keys()].filter((code) => entries[code].opcodeInfo.isInvalid)),
    isWatched: () => probe.tracer?.step !== undefined,
    show,
    fail: (problem) => {
      frames.at(-1)!.problem = problem
    },
  })

  // Opcodes that do not exist share an entry.
  const originals = new Map([...new Set(entries)].map((entry) => [entry, { ...entry }]))

  function close() {
    for (const [entry, original] of originals) Object.assign(entry, original)
    evm.events.off('beforeMessage', beforeMessage)
    evm.events.off('afterMessage', afterMessage)
  }

  evm.events.on('beforeMessage', beforeMessage)
  evm.events.on('afterMessage', afterMessage)
  for (const entry of originals.keys()) {
    const { gasHandler, opHandler, opcodeInfo } = entry
    const { code } = opcodeInfo
    const isWrapped = isCall(code) || isCreation(code) || LOGS.includes(code)
    const isAsync = opcodeInfo.isAsync || isWrapped || code === SELFDESTRUCT
    entry.opcodeInfo = { ...opcodeInfo, dynamicGas: true, isAsync }
    const handler: Meter = (runState, gas, common) => {
      if (!probe.tracer) return gasHandler ? gasHandler(runState, gas, common) : gas
      const pause = tick()
      const measure = () => meter(runState, gas, common)
      return pause ? pause.then(measure) : measure()
    }
    entry.gasHandler = handler as OpcodeEntry['gasHandler']
    if (isCall(code) || isCreation(code)) {
      entry.opHandler = (runState) => runFrame(code, opHandler, runState)
    }
    if (LOGS.includes(code)) entry.opHandler = (runState) => log(opHandler, runState)
    if (code === SELFDESTRUCT) entry.opHandler = (runState) => selfdestruct(opHandler, runState)
  }
  return probe
}
