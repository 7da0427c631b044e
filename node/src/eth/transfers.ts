import {
  type Address,
  type EVM,
  EVMError,
  type EVMResult,
  type Message,
  createAddressFromBigInt,
  hexToBytes,
  setLengthLeft,
  toBytes,
} from 'ethereumjs-op/ethereumjs'

/** Topic of Transfer(address,address,uint256), and the address that stands for ether (ERC-7528). */
const TRANSFER = hexToBytes('0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef')
const ETHER = hexToBytes('0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee')

const LOG0 = 0xa0
const LOG4 = 0xa4
const SELFDESTRUCT = 0xff

/** A log, or a transfer of ether in the form of one. */
export interface TracedLog {
  address: Uint8Array
  topics: Uint8Array[]
  data: Uint8Array
  /** Also those of calls that failed are counted, as in geth. */
  logIndex: number
}

/** Logs of a call that runs. */
interface Frame {
  logs: TracedLog[]
  /** The transfer to a contract whose address is known when it has been created. */
  creation?: TracedLog
}

/** Collects logs of messages; see {@link traceLogs}. */
export interface LogTracer {
  /** Logs since the last call of this. */
  take(): TracedLog[]
}

const toTopic = (address: Address) => setLengthLeft(address.bytes, 32)

/**
 * Collects logs in order, with transfers of ether among them if these are wanted.
 *
 * @param evm - which is observed as long as it lives
 */
export function traceLogs(evm: EVM, hasTransfers: boolean): LogTracer {
  let frames: Frame[] = [{ logs: [] }]
  let count = 0

  function add(address: Uint8Array, topics: Uint8Array[], data: Uint8Array): TracedLog {
    const log = { address, topics, data, logIndex: count++ }
    frames.at(-1)!.logs.push(log)
    return log
  }

  function addTransfer(from: Address, to: Address | undefined, value: bigint) {
    const target = to ? [toTopic(to)] : []
    const data = setLengthLeft(toBytes(value), 32)
    return add(ETHER, [TRANSFER, toTopic(from), ...target], data)
  }

  function enter({ caller, to, value, delegatecall, ...message }: Message): void {
    const frame: Frame = { logs: [] }
    frames.push(frame)
    if (!hasTransfers || delegatecall || value === 0n) return
    const log = addTransfer(caller, to && (message._codeAddress ?? to), value)
    if (!to) frame.creation = log
  }

  function exit({ createdAddress, execResult }: EVMResult): void {
    const { logs, creation } = frames.pop()!
    if (creation && createdAddress) creation.topics.push(toTopic(createdAddress))
    if (!execResult.exceptionError) frames.at(-1)!.logs.push(...logs)
  }

  evm.events.on('beforeMessage', (message) => enter(message))
  evm.events.on('afterMessage', (result) => exit(result))
  for (let opcode = LOG0; opcode <= LOG4; opcode++) {
    const entry = evm['_opcodeMap'][opcode]
    const { opHandler } = entry
    const observed: typeof opHandler = (runState, common) => {
      const result = opHandler(runState, common)
      const [address, topics, data] = runState.interpreter._result.logs.at(-1)!
      add(address, topics, data)
      return result
    }
    entry.opHandler = observed
  }
  const entry = evm['_opcodeMap'][SELFDESTRUCT]
  const destroy = entry.opHandler
  entry.opHandler = async (runState, common) => {
    const { address } = runState.env
    const [item] = runState.stack.peek()
    const balance = (await evm.stateManager.getAccount(address))?.balance ?? 0n
    try {
      await destroy(runState, common)
    } catch (error) {
      // This is how it ends when it succeeds.
      const isDone = error instanceof EVMError && error.error === 'stop'
      const beneficiary = createAddressFromBigInt(BigInt.asUintN(160, item))
      if (isDone && hasTransfers && balance > 0n) addTransfer(address, beneficiary, balance)
      throw error
    }
  }

  return {
    take: () => {
      const [{ logs }] = frames
      frames = [{ logs: [] }]
      return logs
    },
  }
}
