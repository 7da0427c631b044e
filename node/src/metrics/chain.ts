import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Counter, Gauge, Histogram, type Registry, collectDefaultMetrics } from 'prom-client'
import type { EngineListener } from '../engine.ts'
import type { Store } from '../store/store.ts'
import { PREFIX } from './rpc.ts'

/** Seconds between which blocks are counted. */
const BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Bytes that the database takes on disk. */
function databaseSize(datadir: string): number {
  const names = readdirSync(datadir).filter((name) => name.includes('.mdb'))
  return names.reduce((total, name) => {
    const { blocks = 0 } = statSync(join(datadir, name), { throwIfNoEntry: false }) ?? {}
    // POSIX counts in units of 512 bytes, whatever the block size is.
    return total + 512 * blocks
  }, 0)
}

/** Metrics of the chain, the engine and the process. @returns what hears of the engine's work */
export function createChainMetrics(
  registry: Registry,
  store: Store,
  datadir: string,
): EngineListener {
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const labels = ['latest', 'safe', 'finalized'] as const
  new Gauge({
    name: `${PREFIX}block_number`,
    help: 'Number of the newest, the safe and the finalized block',
    labelNames: ['label'],
    registers,
    collect() {
      for (const label of labels) {
        const header = store.header(label)
        if (header) this.set({ label }, Number(header.number))
      }
    },
  })
  new Gauge({
    name: `${PREFIX}head_age_seconds`,
    help: 'Time since the timestamp of the newest block',
    registers,
    collect() {
      this.set(Date.now() / 1000 - Number(store.header('latest')?.timestamp))
    },
  })
  new Gauge({
    name: `${PREFIX}pool_transactions`,
    help: 'Transactions that wait',
    registers,
    collect() {
      this.set((store.pending.getStats() as { entryCount: number }).entryCount)
    },
  })
  new Gauge({
    name: `${PREFIX}database_bytes`,
    help: 'What the database takes on disk',
    registers,
    collect() {
      this.set(databaseSize(datadir))
    },
  })
  const calls = new Counter({
    name: `${PREFIX}engine_calls_total`,
    help: 'Calls of the Engine API by method and status: of the payload, ok, or the code of an error',
    labelNames: ['method', 'status'],
    registers,
  })
  const times = new Histogram({
    name: `${PREFIX}engine_call_seconds`,
    help: 'Time from call to answer of the Engine API',
    labelNames: ['method'],
    buckets: BUCKETS,
    registers,
  })
  const execution = new Histogram({
    name: `${PREFIX}block_execution_seconds`,
    help: 'Time from the call that brought or ordered a block until it is executed',
    labelNames: ['origin'],
    buckets: BUCKETS,
    registers,
  })
  const write = new Histogram({
    name: `${PREFIX}block_write_seconds`,
    help: 'Time that handing a block to the database takes',
    buckets: BUCKETS,
    registers,
  })
  const gas = new Counter({
    name: `${PREFIX}executed_gas_total`,
    help: 'Gas of executed blocks',
    registers,
  })
  const heads = new Counter({
    name: `${PREFIX}reorganized_blocks_total`,
    help: 'Blocks that are not on the chain any more',
    registers,
  })
  store.events.listen((event) => {
    if (event.type === 'head') heads.inc(event.removed.length)
  })

  return {
    onCall({ method, status, milliseconds }) {
      calls.inc({ method, status })
      times.observe({ method }, milliseconds / 1000)
    },
    onBlock(block) {
      const origin = block.isBuilt ? 'built' : 'imported'
      execution.observe({ origin }, block.executionTime / 1000)
      write.observe(block.writeTime / 1000)
      gas.inc(block.gas)
    },
  }
}
