import { type Context, StateError, executeBlock, attributesOfHeader } from 'ethereumjs-op'
import type { TxResult } from 'ethereumjs-op'
import type { BlockJSON, TransactionJSON } from 'ethereumjs-op/blockchain'
import {
  type Address,
  type EVM,
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
 * Executes a block again, with the code that executed it, and traces its transactions.
 *
 * @param only - position of the one transaction to trace, if it is not all
 * @returns their traces
 * @throws (-32000, -32003) if one takes too long, all become too long, or the state is not kept
 */
export async function traceBlock(
  store: Store,
  { header, transactions, receipts, raw }: BlockJSON,
  config: TraceConfig,
  only?: number,
): Promise<unknown[]> {
  const parent = store.find(header.parentHash)
  if (!parent) throw new JsonRpcError('genesis is not traceable', -32000)
  // A tracer that is not known is an error even of an empty block.
  const budget = createBudget(config.timeout)
  createTracer(config, budget)
  const place = store.after(parent)
  const block = store.after({ header, transactions, receipts, raw }).header
  const traces: unknown[] = []
  let position = -1
  let logCount = 0
  let probe: Probe | undefined

  async function observe(context: Context, _raw: Uint8Array, run: () => Promise<TxResult>) {
    position++
    let result: TxResult
    if (only !== undefined && position !== only) result = await run()
    else {
      const evm = context.vm.evm as EVM
      probe ??= createProbe(evm, budget.tick)
      probe.logCount = logCount
      const tx = toTraced(transactions[position], block.coinbase)
      const traced = await traceRun(evm, probe, config, budget, tx, run)
      traces.push(traced.trace)
      result = traced.result
    }
    logCount += result.logs.length
    if (position === only) throw new Enough()
    return result
  }

  const attributes = { ...attributesOfHeader(block), transactions: raw }
  try {
    await executeBlock({ ...place, parent: place.header, attributes, observe })
  } catch (error) {
    if (error instanceof StateError) {
      throw new JsonRpcError(`the state before block ${header.number} is not kept`, -32000)
    }
    if (!(error instanceof Enough)) throw error
  }
  return traces
}
