import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { CallOutcome } from '../rpc/jsonrpc.ts'
import type { Sockets } from '../rpc/sockets.ts'
import type { Store } from '../store/store.ts'

/** What comes before the names of all metrics of this program. */
export const PREFIX = 'ethereumjs_op_'

/** Seconds between which calls are counted. */
const BUCKETS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]

/** Milliseconds between two looks at the event loop. */
const RESOLUTION = 20

const NANOSECONDS = 1e9

/** Counts what a thread serves. */
export interface RPCMetrics {
  registry: Registry
  onCall(outcome: CallOutcome): void
  onDrop(reason: string): void
}

/**
 * Metrics of the ports of a thread.
 *
 * @param thread - `engine` or `public`, which becomes a label
 * @param caches - of the thread
 */
export function createRPCMetrics(
  thread: string,
  sockets: () => Sockets[],
  caches: Store['caches'],
): RPCMetrics {
  const registry = new Registry()
  const registers = [registry]
  const calls = new Counter({
    name: `${PREFIX}rpc_calls_total`,
    help: 'Calls of JSON-RPC by method and outcome: ok, or the code of the error',
    labelNames: ['thread', 'method', 'outcome'],
    registers,
  })
  const times = new Histogram({
    name: `${PREFIX}rpc_call_seconds`,
    help: 'Time that calls of JSON-RPC run, without waiting for their turn',
    labelNames: ['thread', 'method'],
    buckets: BUCKETS,
    registers,
  })
  const drops = new Counter({
    name: `${PREFIX}websocket_drops_total`,
    help: 'Connections over WebSocket that the node ended, by reason',
    labelNames: ['thread', 'reason'],
    registers,
  })
  new Gauge({
    name: `${PREFIX}websocket_connections`,
    help: 'Connections over WebSocket',
    labelNames: ['thread'],
    registers,
    collect() {
      this.set({ thread }, sum(sockets().map((port) => port.count().connections)))
    },
  })
  new Gauge({
    name: `${PREFIX}websocket_subscriptions`,
    help: 'Subscriptions over WebSocket',
    labelNames: ['thread'],
    registers,
    collect() {
      this.set({ thread }, sum(sockets().map((port) => port.count().subscriptions)))
    },
  })
  new Counter({
    name: `${PREFIX}cache_reads_total`,
    help: 'Reads of trie nodes, headers and blocks in JSON, by whether they were in memory: hits, misses',
    labelNames: ['thread', 'cache', 'outcome'],
    registers,
    collect() {
      this.reset()
      for (const [cache, { hits, misses }] of Object.entries(caches)) {
        this.inc({ thread, cache, outcome: 'hits' }, hits)
        this.inc({ thread, cache, outcome: 'misses' }, misses)
      }
    },
  })
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION })
  delay.enable()
  new Gauge({
    name: `${PREFIX}event_loop_lag_seconds`,
    help: 'Longest and 99th percentile of the delay of the event loop since it was last asked for',
    labelNames: ['thread', 'quantile'],
    registers,
    collect() {
      const lag = (nanoseconds: number) => Math.max(nanoseconds / NANOSECONDS, 0)
      this.set({ thread, quantile: '0.99' }, lag(delay.percentile(99)))
      this.set({ thread, quantile: '1' }, lag(delay.max))
      delay.reset()
    },
  })
  new Gauge({
    name: `${PREFIX}heap_bytes`,
    help: 'Memory of JavaScript that a thread uses',
    labelNames: ['thread'],
    registers,
    collect() {
      this.set({ thread }, process.memoryUsage().heapUsed)
    },
  })

  function onCall({ method, milliseconds, code }: CallOutcome) {
    calls.inc({ thread, method, outcome: code === undefined ? 'ok' : `${code}` })
    times.observe({ thread, method }, milliseconds / 1000)
  }
  return { registry, onCall, onDrop: (reason) => drops.inc({ thread, reason }) }
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
