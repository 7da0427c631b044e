import { type PrefixedHexString as Hex, bigIntToHex, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Budget } from '../budget.ts'
import { describeRevert } from '../../eth/revert.ts'
import { readFlags } from '../config.ts'
import type { Exit, Frame, Tracer } from '../tracer.ts'

/** A log in a trace. */
interface CallLog {
  address: Hex
  topics: Hex[]
  data: Hex
  index: Hex
  /** How many calls of its frame came before it. */
  position: Hex
}

/** A call in a trace, with all that it calls. */
interface Call {
  from: Hex
  gas: Hex
  gasUsed: Hex
  to?: Hex
  input: Hex
  output?: Hex
  error?: string
  revertReason?: string
  calls?: Call[]
  logs?: CallLog[]
  value?: Hex
  type: string
}

const REVERTED = 'execution reverted'

/** Bytes of a call or a log in JSON without its data. */
const CALL_BYTES = 300
const LOG_BYTES = 300

const toHex = (number: number): Hex => `0x${number.toString(16)}`

/** A failed frame leaves no logs, neither its own nor those of what it called. */
function clearLogs(call: Call, isLost = false) {
  const isFailed = isLost || call.error !== undefined
  if (isFailed) delete call.logs
  for (const inner of call.calls ?? []) clearLogs(inner, isFailed)
}

function finish(call: Call, { output, error, createdAddress }: Exit) {
  if (createdAddress && !error) call.to = bytesToHex(createdAddress.bytes)
  if (!error || error === REVERTED) {
    if (output.length > 0) call.output = bytesToHex(output)
  }
  if (!error) return
  call.error = error
  if (error !== REVERTED) return
  const reason = describeRevert(output).slice(REVERTED.length + 2)
  if (reason) call.revertReason = reason
}

/** The tree of calls that a transaction makes. */
export function createCallTracer(options: unknown, { spend }: Budget): Tracer {
  const { onlyTopCall, withLog } = readFlags(options, ['onlyTopCall', 'withLog'])
  const open: Call[] = []
  let top: Call | undefined
  let gasLimit = 0n
  let depth = 0

  function toCall({ type, from, to, input, gas, value }: Frame): Call {
    spend(CALL_BYTES + 2 * input.length)
    return {
      from: bytesToHex(from.bytes),
      gas: bigIntToHex(gas),
      gasUsed: '0x0',
      to: to && bytesToHex(to.bytes),
      input: bytesToHex(input),
      value: value === undefined ? undefined : bigIntToHex(value),
      type,
    }
  }

  return {
    start: (tx) => {
      gasLimit = tx.gas
    },
    enter: (frame) => {
      depth = frame.depth
      if (onlyTopCall && depth > 0) return
      const call = toCall(depth === 0 ? { ...frame, gas: gasLimit } : frame)
      open.push(call)
      top ??= call
    },
    exit: (exit) => {
      depth = exit.depth - 1
      if (onlyTopCall && exit.depth > 0) return
      const call = open.pop()!
      spend(2 * exit.output.length)
      call.gasUsed = bigIntToHex(exit.gasUsed)
      finish(call, exit)
      const parent = open.at(-1)
      if (!parent) return
      parent.calls ??= []
      parent.calls.push(call)
    },
    log: ([address, topics, data], index) => {
      if (!withLog || (onlyTopCall && depth > 0)) return
      spend(LOG_BYTES + 2 * data.length)
      const call = open.at(-1)!
      const position = toHex(call.calls?.length ?? 0)
      const fields = { topics: topics.map((topic) => bytesToHex(topic)), data: bytesToHex(data) }
      const log = { address: bytesToHex(address), ...fields, index: toHex(index), position }
      call.logs ??= []
      call.logs.push(log)
    },
    end: (gasUsed) => {
      // It ended before it executed.
      const failed = { type: 'STOP', from: `0x${'00'.repeat(20)}`, gas: '0x0', input: '0x' }
      const call = top ?? ({ ...failed, error: 'failed deposit transaction' } as Call)
      call.gasUsed = bigIntToHex(gasUsed)
      if (withLog) clearLogs(call)
      return call
    },
  }
}
