import {
  type Address,
  type EVM,
  bytesToHex,
  bytesToUnprefixedHex,
  setLengthLeft,
  toBytes,
} from 'ethereumjs-op/ethereumjs'
import type { Budget } from '../budget.ts'
import type { LoggerConfig } from '../config.ts'
import type { Exit, Step, Tracer } from '../tracer.ts'

/** A step in a trace. */
class StructLog {
  pc: number
  op: string
  gas: number
  gasCost: number
  depth: number
  declare error?: string
  declare stack?: string[]
  declare returnData?: string
  declare memory?: string[]
  declare storage?: Record<string, string>
  declare refund?: number

  constructor({ pc, name, gas, cost, depth }: Step) {
    this.pc = pc
    this.op = name
    this.gas = Number(gas)
    this.gasCost = Number(cost)
    this.depth = depth
  }
}

// So that its numbers stay numbers in JSON-RPC. Objects without a prototype take four times the memory,
// which the steps of one request would exhaust.
Object.setPrototypeOf(StructLog.prototype, null)

const SLOAD = 0x54
const SSTORE = 0x55

/** Bytes of a step in JSON without its lists, of an item of the stack, of a word, and of a slot. */
const STEP_BYTES = 80
const ITEM_BYTES = 5
const WORD_BYTES = 67
const SLOT_BYTES = 134

const toWord = (item: bigint): Uint8Array => setLengthLeft(toBytes(item), 32)

/** Every step of a transaction, with what it finds. */
export function createStructLogger(config: LoggerConfig, { spend }: Budget): Tracer {
  const { enableMemory, disableStack, disableStorage, enableReturnData, limit } = config
  const structLogs: StructLog[] = []
  const storage = new Map<string, Record<string, string>>()
  /** Texts of stack items; hardly any of them change from one step to the next. */
  let items: bigint[] = []
  let texts: string[] = []
  let size = 0
  let end: Exit | undefined
  let evm: EVM

  function toTexts(stack: bigint[]): string[] {
    const last = texts
    texts = stack.map((item, index) =>
      item === items[index] ? last[index] : `0x${item.toString(16)}`,
    )
    items = stack
    let bytes = 0
    for (const text of texts) bytes += text.length + ITEM_BYTES - 2
    spend(bytes)
    return texts
  }

  function toWords(memory: Uint8Array, length: number): string[] {
    spend((length / 32) * WORD_BYTES)
    // What has not been written to yet is not there.
    const bytes = bytesToUnprefixedHex(memory).padEnd(2 * length, '0')
    return bytes.match(/.{64}/g) ?? []
  }

  /** What of the storage of a contract is known, after a slot is read or written. */
  async function findStorage({ address, code, items }: Step): Promise<Record<string, string>> {
    const slots = storage.get(address.toString()) ?? Object.create(null)
    storage.set(address.toString(), slots)
    const slot = toWord(items[0])
    const read = async (owner: Address) =>
      setLengthLeft(await evm.stateManager.getStorage(owner, slot), 32)
    const value = code === SLOAD ? await read(address) : toWord(items[1])
    slots[bytesToUnprefixedHex(slot)] = bytesToUnprefixedHex(value)
    const copy = Object.assign(Object.create(null), slots)
    spend(Object.keys(copy).length * SLOT_BYTES)
    return copy
  }

  function step(step: Step): Promise<void> | undefined {
    if (limit !== 0 && size > limit) return undefined
    const { error, code, returnData, refund } = step
    spend(STEP_BYTES)
    const log = new StructLog(step)
    if (error) log.error = error
    if (!disableStack) log.stack = toTexts(step.stack())
    if (enableReturnData && returnData.length > 0) {
      spend(2 * returnData.length)
      log.returnData = bytesToHex(returnData)
    }
    if (enableMemory && step.memorySize > 0) log.memory = toWords(step.memory(), step.memorySize)
    if (refund !== 0n) log.refund = Number(refund)
    structLogs.push(log)
    const isStorage = code === SLOAD || code === SSTORE
    if (isStorage && step.items.length > 0 && !disableStorage) return addStorage(step, log)
    if (limit !== 0) size += JSON.stringify(log).length
    return undefined
  }

  async function addStorage(step: Step, log: StructLog) {
    log.storage = await findStorage(step)
    if (limit !== 0) size += JSON.stringify(log).length
  }

  return {
    start: (_tx, ofBlock) => {
      evm = ofBlock
    },
    step,
    exit: (exit) => {
      if (exit.depth === 0) end = exit
    },
    end: (gasUsed) => {
      const isShown = end && (!end.error || end.error === 'execution reverted')
      const returnValue = bytesToHex(isShown ? end!.output : new Uint8Array())
      const failed = end?.error !== undefined
      return { __proto__: null, gas: Number(gasUsed), failed, returnValue, structLogs }
    },
  }
}
