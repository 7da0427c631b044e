import { setImmediate } from 'node:timers/promises'
import {
  type Context,
  InvalidBlockError,
  type PayloadAttributes,
  type PayloadAttributesJSON,
  RecordingState,
  StateError,
  attributesOfHeader,
  checkAttributes,
  executeBlock,
} from 'ethereumjs-op'
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import {
  type EVM,
  JsonRpcError,
  type PrefixedHexString as Hex,
  bytesToHex,
} from 'ethereumjs-op/ethereumjs'
import type { Lookup } from '../eth/context.ts'
import { type Deadline, checkTime, startTime, watchTime } from '../eth/simulator.ts'
import type { CallLimits } from '../options.ts'
import type { Methods } from '../rpc/methods.ts'
import { readHash, readObject, readQuantity } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import { MAX_BYTES, MAX_TURN } from './budget.ts'

/** Observes transactions of a block, see `executeBlock`. */
type Observe<T> = (context: Context, raw: Uint8Array, run: () => Promise<T>) => Promise<T>

/**
 * Limits the time of the transactions of a block, and lets other work of the thread have its turn
 * between them.
 *
 * @param limit - when the next transaction must have ended
 */
function createObserver<T>(limit: () => Deadline): Observe<T> {
  let setTime: ((deadline: Deadline) => void) | undefined
  let turnEnd = performance.now() + MAX_TURN
  return async ({ vm }, _raw, run) => {
    if (performance.now() > turnEnd) {
      await setImmediate()
      turnEnd = performance.now() + MAX_TURN
    }
    setTime ??= watchTime(vm.evm as EVM)
    const deadline = limit()
    checkTime(deadline)
    setTime(deadline)
    return run()
  }
}

/** What fault proofs ask of an execution client: all that a block reads, and no more. */
export function createWitnessMethods(
  store: Store,
  { blockOf }: Lookup,
  { gasCap, evmTimeout }: CallLimits,
): Methods {
  const { chain } = store

  /**
   * A state that notes what is read of it.
   *
   * @throws (-32003) in a read, if the witness gets too long; in JSON it has two digits a byte
   */
  function createState(root: Uint8Array): RecordingState {
    const get = (hash: string) => {
      if (2 * state.size <= MAX_BYTES) return store.nodes.get(hash)
      throw new JsonRpcError(`the witness is longer than ${MAX_BYTES} bytes`, -32003)
    }
    const state = new RecordingState(chain.common, { get }, root)
    return state
  }

  /** Executes the block after `parent` with these attributes. @returns it, and its witness */
  async function record(parent: BlockJSON, attributes: PayloadAttributes, limit: () => Deadline) {
    const { header, getBlockHash, ...place } = store.after(parent)
    const state = createState(header.stateRoot)
    let lowest = header.number
    const noteBlock = (number: bigint) => {
      if (number < lowest) lowest = number
      return getBlockHash?.(number)
    }
    const block = await executeBlock({
      ...place,
      state,
      parent: header,
      attributes,
      getBlockHash: noteBlock,
      observe: createObserver(limit),
    })
    // The oldest first, as op-reth has them. The one whose hash was asked for is among them.
    const headers = [header]
    while (headers[0].number > lowest) {
      const [{ parentHash, number }] = headers
      const ancestor = store.header(bytesToHex(parentHash))
      if (!ancestor) throw new Error(`block ${number - 1n} is not in the database`)
      headers.unshift(ancestor)
    }
    return { block, witness: state.toWitness(headers.map((ancestor) => ancestor.serialize())) }
  }

  /** @throws (-32000) if no block follows, it takes too long, or the state is not kept */
  async function recordOrRefuse(...args: Parameters<typeof record>) {
    try {
      return await record(...args)
    } catch (error) {
      if (error instanceof InvalidBlockError) {
        throw new JsonRpcError(`no valid block follows: ${error.message}`, -32000)
      }
      if (!(error instanceof StateError)) throw error
      const number = Number(args[0].header.number)
      throw new JsonRpcError(`the state of block ${number} is not kept any more`, -32000)
    }
  }

  async function executionWitness(id: unknown) {
    const given = blockOf(id)
    const { hash, number, parentHash } = given.header
    if (Number(number) === 0) throw new JsonRpcError('genesis has no witness', -32000)
    const parent = store.find(parentHash as Hex)
    if (!parent) throw new JsonRpcError(`block ${Number(number)} has no parent here`, -32000)
    const attributes = {
      ...attributesOfHeader(store.header(hash as Hex)!),
      transactions: given.raw,
    }
    // As traces: how many transactions there are, whoever made the block has paid for.
    const { block, witness } = await recordOrRefuse(parent, attributes, () => startTime(evmTimeout))
    const result = bytesToHex(block.header.hash())
    if (result !== hash) throw new Error(`block ${hash} comes out as ${result} now`)
    return witness
  }

  async function executePayload(parentHash: unknown, value: unknown) {
    const parent = blockOf(readHash(parentHash))
    const attributes = readObject(value) as unknown as PayloadAttributesJSON
    const { common } = chain.rules({ timestamp: readQuantity(attributes.timestamp) })
    const version = common.isActivatedEIP(4788) ? 3 : common.isActivatedEIP(4895) ? 2 : 1
    checkAttributes(chain, version, attributes)
    // Nobody has paid for these, and deposits may have all the gas that there is.
    const most = Math.max(gasCap, 2 * Number(parent.header.gasLimit))
    const gasLimit = BigInt(attributes.gasLimit ?? 0)
    if (gasLimit > most) {
      const reason = 'neither within twice that of the parent nor within --rpc.gascap'
      throw new JsonRpcError(`gasLimit ${gasLimit} is ${reason}: at most ${most}`, -32000)
    }
    const deadline = startTime(evmTimeout)
    return (await recordOrRefuse(parent, attributes, () => deadline)).witness
  }

  return {
    debug_executionWitness: executionWitness,
    // As op-reth calls it, whose other method takes no hash.
    debug_executionWitnessByBlockHash: (hash) => executionWitness(readHash(hash)),
    debug_executePayload: executePayload,
  }
}
