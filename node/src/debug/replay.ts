import { type Context, StateError, executeBlock, attributesOfHeader } from 'ethereumjs-op'
import type { TxResult } from 'ethereumjs-op'
import type { BlockJSON, TransactionJSON } from 'ethereumjs-op/blockchain'
import {
  type Address,
  type EVM,
  type PrefixedHexString as Hex,
  JsonRpcError,
  createAddressFromString,
} from 'ethereumjs-op/ethereumjs'
import type { Store } from '../store/store.ts'
import { readAuthorities, watchRefund } from './authorizations.ts'
import { type Budget, createBudget } from './budget.ts'
import type { TraceConfig } from './config.ts'
import { type Probe, createProbe } from './probe.ts'
import type { TracedTx } from './tracer.ts'
import { createTracer } from './tracers/index.ts'

/** Ends the execution of a block of which the rest is not needed. */
class Enough extends Error {}

function toTraced(tx: TransactionJSON, coinbase: Address): TracedTx {
  return {
    from: createAddressFromString(tx.from),
    to: tx.to ? createAddressFromString(tx.to) : undefined,
    gas: BigInt(tx.gas as string),
    coinbase,
    authorities: readAuthorities(tx.authorizationList),
  }
}

/**
 * Traces a transaction or call while it runs.
 *
 * @param probe - of the EVM in which it runs
 * @param run - runs it
 */
export async function traceRun<Result extends { gasUsed: bigint }>(
  evm: EVM,
  probe: Probe,
  config: TraceConfig,
  budget: Budget,
  tx: TracedTx,
  run: () => Promise<Result>,
): Promise<{ result: Result; trace: unknown }> {
  const tracer = createTracer(config, budget)
  budget.begin()
  await tracer.start?.(tx, evm)
  probe.tracer = tracer
  probe.refund = 0n
  const { from, authorities } = tx
  const unwatch =
    authorities.length > 0 &&
    (await watchRefund(evm, from, authorities, (refund) => {
      probe.refund = refund
    }))
  const result = await run().finally(() => {
    probe.tracer = undefined
    if (unwatch) unwatch()
  })
  return { result, trace: await tracer.end(result.gasUsed) }
}

/**
 * Told of each transaction in its place: its position, and what runs it. It may also `stop`, after
 * which no more is executed.
 */
export type Visit = (
  context: Context,
  position: number,
  run: () => Promise<TxResult>,
  stop: () => never,
) => Promise<TxResult>

/**
 * Executes a block again, with the code that executed it, on the state before it.
 *
 * @throws (-32000) if that is not kept, or it is the first block
 */
export async function replay(store: Store, block: BlockJSON, visit: Visit): Promise<void> {
  const parent = store.find(block.header.parentHash as Hex)
  if (!parent) throw new JsonRpcError('genesis is not traceable', -32000)
  const place = store.after(parent)
  const attributes = { ...attributesOfHeader(store.after(block).header), transactions: block.raw }
  let position = 0
  const stop = () => {
    throw new Enough()
  }
  const observe = (context: Context, _raw: Uint8Array, run: () => Promise<TxResult>) =>
    visit(context, position++, run, stop)
  try {
    await executeBlock({ ...place, parent: place.header, attributes, observe })
  } catch (error) {
    if (error instanceof StateError) {
      const { number } = block.header
      throw new JsonRpcError(`the state before block ${number} is not kept`, -32000)
    }
    if (!(error instanceof Enough)) throw error
  }
}

/**
 * Traces transactions of a block.
 *
 * @param only - position of the one transaction to trace, if it is not all
 * @returns their traces
 * @throws (-32000, -32003) if one takes too long, all become too long, or the state is not kept
 */
export async function traceBlock(
  store: Store,
  block: BlockJSON,
  config: TraceConfig,
  only?: number,
): Promise<unknown[]> {
  const budget = createBudget(config.timeout)
  // A tracer that is not known is an error even of an empty block.
  createTracer(config, budget)
  const { coinbase } = store.after(block).header
  const traces: unknown[] = []
  let logCount = 0
  let probe: Probe | undefined
  await replay(store, block, async ({ vm }, position, run, stop) => {
    if (only !== undefined && position !== only) {
      const result = await run()
      logCount += result.logs.length
      return result
    }
    const evm = vm.evm as EVM
    probe ??= createProbe(evm, budget.tick)
    probe.logCount = logCount
    const tx = toTraced(block.transactions[position], coinbase)
    const { result, trace } = await traceRun(evm, probe, config, budget, tx, run)
    logCount += result.logs.length
    traces.push(trace)
    return position === only ? stop() : result
  })
  return traces
}
