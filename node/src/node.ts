import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pLimit from 'p-limit'
import { addSetHead } from './debug/setHead.ts'
import { createObservedEngine } from './engine.ts'
import { createEth } from './eth/index.ts'
import { addPayloadBodies } from './eth/payloadBodies.ts'
import { createSubscriptions } from './eth/subscriptions.ts'
import { createJournal } from './journal/journal.ts'
import { toDuration } from './journal/progress.ts'
import { type Logger, SILENT, createRepeatFilter } from './log.ts'
import { createChainMetrics } from './metrics/chain.ts'
import { createRPCMetrics } from './metrics/rpc.ts'
import { type MetricsJSON, serveMetrics } from './metrics/server.ts'
import type { NodeOptions } from './options.ts'
import { startPublicThread } from './publicThread.ts'
import { createHTTP } from './rpc/http.ts'
import type { CallOutcome } from './rpc/jsonrpc.ts'
import { checkNamespaces, withModules } from './rpc/namespaces.ts'
import { createResponder } from './rpc/responder.ts'
import { listen } from './rpc/server.ts'
import { createSockets } from './rpc/sockets.ts'
import { type Store, createStore } from './store/store.ts'
import { VERSION } from './version.ts'

export type { CallLimits, Endpoint, HTTPOptions, NodeOptions, WebSocketOptions } from './options.ts'
export { type LogOptions, type Logger, createLog } from './log.ts'

/** Longest request in bytes, and answer from which on the rest of a batch is left out (E-12). */
const MAX_BYTES = 128 * 2 ** 20
const MAX_ANSWER = 250_000_000

/** A node that runs. */
export interface RunningNode {
  httpPort: number
  wsPort?: number
  authPort: number
  metricsPort?: number
  /** Stops listening, and closes the database when the last write has ended. */
  close(): Promise<void>
}

/** Says once a minute that a call failed by a fault of the node, and not of its caller. */
function createFaultLog(log: Logger) {
  const isNews = createRepeatFilter()
  return ({ method, fault }: CallOutcome) => {
    if (!fault || isNews(`${method} ${fault.message}`) === undefined) return
    const fields = { method, error: fault.message, stack: fault.stack }
    log.error(fields, 'a call failed by a fault of the node')
  }
}

/** Opens the authenticated port, over HTTP and WebSocket. */
async function openEngine(
  store: Store,
  opts: Pick<NodeOptions, 'authrpc' | 'secret' | 'calls'> & { folder: string; log: Logger },
) {
  const { authrpc, secret, calls, folder, log } = opts
  const metrics = createRPCMetrics('engine', () => [sockets], store.caches)
  const journal = createJournal(store, log)
  const counters = createChainMetrics(metrics.registry, store, folder)
  const engine = addPayloadBodies(createObservedEngine(store, [journal, counters]), store)
  const methods = withModules({ ...createEth(store, calls), ...addSetHead(engine, store) })
  const turns = pLimit(1)
  const logFault = createFaultLog(log)
  const onCall = (outcome: CallOutcome) => {
    metrics.onCall(outcome)
    logFault(outcome)
  }
  const respond = createResponder({ turns, maxAnswer: MAX_ANSWER, onCall })
  const common = { methods, respond, secret, maxBytes: MAX_BYTES }
  const openSubscriptions = createSubscriptions(store)
  const sockets = createSockets({ ...common, openSubscriptions, onDrop: metrics.onDrop })
  const http = createHTTP(common)
  try {
    const listener = await listen({ ...authrpc, http, sockets, turns })
    const close = async () => {
      await listener.close()
      journal.close()
    }
    const readMetrics = async () => (await metrics.registry.getMetricsAsJSON()) as MetricsJSON
    return { port: listener.port, readMetrics, close }
  } catch (error) {
    journal.close()
    sockets.close()
    throw error
  }
}

/** What is said of a chain when the node starts. */
function describe(store: Store) {
  const { number, hash, timestamp } = store.head().header
  return {
    version: VERSION,
    chainId: Number(store.chain.common.chainId()),
    genesis: store.getCanonicalHash(0),
    head: Number(number),
    hash,
    age: toDuration(Math.floor(Date.now() / 1000) - Number(timestamp)),
  }
}

/**
 * Starts a node that op-node can drive. The public ports have a thread of their own, so that nobody
 * there can stall the engine. A start that fails leaves nothing open.
 *
 * @throws if the database is of another chain, a port is taken, or a namespace is not known
 */
export async function startNode(opts: NodeOptions): Promise<RunningNode> {
  const { genesis, datadir, stateHistory, http, ws, calls, metrics, maxHeadAge } = opts
  const { log = SILENT } = opts
  checkNamespaces('--http.api', http.api)
  checkNamespaces('--ws.api', ws?.api)
  const folder = datadir ?? mkdtempSync(join(tmpdir(), 'ethereumjs-op-'))
  /** What is open; the last is closed first. */
  const open: (() => unknown)[] = []
  const close = async () => {
    for (const end of open.splice(0).reverse()) {
      try {
        await end()
      } catch (error) {
        log.error({ error: (error as Error).message }, 'something cannot be closed')
      }
    }
  }
  if (!datadir) open.push(() => rmSync(folder, { recursive: true }))
  try {
    const store = await createStore({ genesis, datadir: folder, stateHistory, log })
    open.push(() => store.close())
    const options = { config: genesis.config ?? {}, datadir: folder, http, ws, calls, maxHeadAge }
    const thread = await startPublicThread(options, log)
    open.push(() => thread.close())
    const engine = await openEngine(store, { ...opts, folder, log })
    open.push(() => engine.close())
    const sources = [engine.readMetrics, thread.metrics]
    const metricsPort = metrics && (await serveMetrics(metrics, sources))
    if (metricsPort) open.push(() => metricsPort.close())
    thread.setReady()
    const ports = {
      httpPort: thread.httpPort,
      wsPort: thread.wsPort,
      authPort: engine.port,
      metricsPort: metricsPort?.port,
    }
    log.info({ ...describe(store), datadir: datadir ?? 'none, nothing is kept' }, 'chain')
    log.info({ http: `${http.addr}:${ports.httpPort}`, ...ports }, 'node started')
    const stop = async () => {
      log.info({ head: Number(store.head().header.number) }, 'node stops')
      await close()
      log.info({}, 'node stopped')
    }
    let stopping: Promise<void> | undefined
    return {
      ...ports,
      close: () => {
        stopping ??= stop()
        return stopping
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
