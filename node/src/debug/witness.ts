import { setImmediate } from 'node:timers/promises'
import {
  type BlockOptions,
  type PayloadAttributes,
  type PayloadAttributesJSON,
  StateError,
  attributesOfHeader,
  checkAttributes,
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
import { recordBlock } from './record.ts'

/**
 * Limits the time of the transactions of a block, and lets other work of the thread have its turn
 * between them.
 *
 * @param limit - when the next transaction must have ended
 */
function createObserver(limit: () => Deadline): BlockOptions['observe'] {
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

  /** @throws (-32000) if no block follows, it takes too long, or the state is not kept */
  async function record(parent: BlockJSON, attributes: PayloadAttributes, limit: () => Deadline) {
    const options = { maxBytes: MAX_BYTES, observe: createObserver(limit) }
    try {
      const { block, invalid, witness } = await recordBlock(store, parent, attributes, options)
      if (block) return { block, witness }
      throw new JsonRpcError(`no valid block follows: ${invalid?.message}`, -32000)
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      const number = Number(parent.header.number)
      throw new JsonRpcError(`the state of block ${number} is not kept any more`, -32000)
    }
  }

  async function executionWitness(id: unknown, mode?: unknown) {
    // reth's newer form of a witness, which others do not have.
    if (mode != null) throw new JsonRpcError('argument 2: there is but one kind of witness', -32602)
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
    const { block, witness } = await record(parent, attributes, () => startTime(evmTimeout))
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
    return (await record(parent, attributes, () => deadline)).witness
  }

  return {
    debug_executionWitness: executionWitness,
    // As op-reth calls it, whose other method takes no hash.
    debug_executionWitnessByBlockHash: (hash) => executionWitness(readHash(hash)),
    debug_executePayload: executePayload,
  }
}
