import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { Lookup } from '../eth/context.ts'
import type { CallLimits } from '../options.ts'
import type { Methods } from '../rpc/methods.ts'
import { readHash } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import { readTraceConfig } from './config.ts'
import { createRawMethods } from './raw.ts'
import { traceBlock } from './replay.ts'
import { refuseSetHead } from './setHead.ts'
import { createTraceCall } from './traceCall.ts'
import { createWitnessMethods } from './witness.ts'

/** Traces, raw data and witnesses. */
export function createDebugMethods(store: Store, lookup: Lookup, limits: CallLimits): Methods {
  const { blockOf } = lookup

  async function traceTransaction(value: unknown, options: unknown) {
    const hash = readHash(value)
    const config = readTraceConfig(options)
    const block = store.findByTransaction(hash)
    if (!block) throw new JsonRpcError('transaction not found', -32000)
    const position = block.transactions.findIndex((tx) => tx.hash === hash)
    const [trace] = await traceBlock(store, block, config, position)
    return trace
  }

  /** The traces of all transactions of a block. */
  async function traceAll(id: unknown, options: unknown) {
    const config = readTraceConfig(options)
    const block = blockOf(id)
    const traces = await traceBlock(store, block, config)
    return traces.map((result, index) =>
      Object.assign(Object.create(null), { txHash: block.transactions[index].hash, result }),
    )
  }

  return {
    debug_traceTransaction: traceTransaction,
    debug_traceBlockByNumber: traceAll,
    debug_traceBlockByHash: (hash, options) => traceAll(readHash(hash), options),
    debug_traceCall: createTraceCall(store, lookup, limits),
    ...createRawMethods(store, lookup),
    ...createWitnessMethods(store, lookup, limits),
    // The port that has the engine replaces it.
    debug_setHead: refuseSetHead,
  }
}
