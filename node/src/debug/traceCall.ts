import type { Context } from 'ethereumjs-op'
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import { type Address, JsonRpcError, bigIntMin } from 'ethereumjs-op/ethereumjs'
import type { Lookup } from '../eth/context.ts'
import { type Message, readCall } from '../eth/message.ts'
import {
  type BlockOverride,
  overrideState,
  readBlockOverride,
  readStateOverrides,
} from '../eth/overrides.ts'
import {
  type Place,
  createPlace,
  createSimulator,
  seeHeader,
  startTime,
  withoutBaseFee,
} from '../eth/simulator.ts'
import { RefusedMessage, applyMessage } from '../eth/transition.ts'
import type { CallLimits } from '../options.ts'
import type { Method } from '../rpc/methods.ts'
import { check, readQuantity } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import { readAuthorities } from './authorizations.ts'
import { createBudget } from './budget.ts'
import { type TraceConfig, readTraceConfig } from './config.ts'
import { createProbe } from './probe.ts'
import { replay, traceRun } from './replay.ts'

/** Options of a traced call, besides those of every trace. */
const OPTIONS = ['stateOverrides', 'blockOverrides', 'txIndex'] as const

/** What stopped a call in its middle, so that what it ran in must not be used again. */
class Stopped extends Error {
  readonly reason: unknown

  constructor(reason: unknown) {
    super('stopped')
    this.reason = reason
  }
}

/** Traces a call while it runs as a transaction would. */
async function traceAt(
  place: Place,
  message: Message,
  gasCap: bigint,
  config: TraceConfig,
): Promise<unknown> {
  const { from, to, gas: asked = gasCap, authorizationList } = message
  const gas = bigIntMin(asked, gasCap)
  const seen = message.gasPrice === 0n ? withoutBaseFee(place) : place
  const { coinbase } = seen.header
  const tx = { from, to, gas, coinbase, authorities: readAuthorities(authorizationList) }
  const budget = createBudget(config.timeout)
  // The trace has its own limit.
  place.limitTime(startTime(0))
  const probe = createProbe(place.evm, budget.tick)
  try {
    const run = () => applyMessage(seen, message, gas)
    return (await traceRun(place.evm, probe, config, budget, tx, run)).trace
  } catch (error) {
    if (!(error instanceof RefusedMessage)) throw error
    throw new JsonRpcError(`tracing failed: ${error.message}`, -32000)
  } finally {
    probe.close()
  }
}

/** Makes `debug_traceCall`. */
export function createTraceCall(store: Store, { blockOf }: Lookup, limits: CallLimits): Method {
  const simulator = createSimulator(store, limits)
  const gasCap = BigInt(limits.gasCap)
  const chainId = store.chain.common.chainId()

  /** Runs something before a transaction of a block. */
  async function runBefore<T>(
    block: BlockJSON,
    index: number,
    override: BlockOverride,
    run: (place: Place) => Promise<T>,
  ): Promise<T> {
    check(override.time === undefined, 'compatible: a time cannot be overridden with txIndex')
    const { header } = store.after(block)
    let result: { value: T } | undefined
    await replay(store, block, async (context: Context, position, runTx, stop) => {
      if (position < index) return runTx()
      result = { value: await run(createPlace(context, seeHeader(header, override))) }
      return stop()
    })
    if (result) return result.value
    const reason = `transaction index ${index} out of range for block ${block.header.hash}`
    throw new JsonRpcError(reason, -32000)
  }

  return async (request, id, options) => {
    if (id === 'pending') {
      throw new JsonRpcError('tracing on top of pending is not supported', -32000)
    }
    const config = readTraceConfig(options, OPTIONS)
    const { stateOverrides, blockOverrides, txIndex } = Object(options ?? {})
    const accounts = readStateOverrides(stateOverrides)
    const override = readBlockOverride(blockOverrides)
    const block = blockOf(id)
    const message = readCall(request, chainId, BigInt(block.header.baseFeePerGas!))
    if (txIndex != null) {
      return runBefore(block, Number(readQuantity(txIndex)), override, async (place) => {
        await overrideState(place.evm, place.state, accounts)
        return traceAt(place, message, gasCap, config)
      })
    }
    const known: (Address | undefined)[] = [message.from, message.to]
    const traceHere = (place: Place) =>
      traceAt(place, message, gasCap, config).catch((error) => {
        throw new Stopped(error)
      })
    return simulator.at(block, { accounts, block: override, known }, traceHere).catch((error) => {
      throw error instanceof Stopped ? error.reason : error
    })
  }
}
