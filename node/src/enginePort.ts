import { createEarlyCrypto } from 'ethereumjs-op/crypto'
import pLimit from 'p-limit'
import { addSetHead } from './debug/setHead.ts'
import { createObservedEngine } from './engine.ts'
import { createEth } from './eth/index.ts'
import { addPayloadBodies } from './eth/payloadBodies.ts'
import { createSubscriptions } from './eth/subscriptions.ts'
import { createJournal } from './journal/journal.ts'
import { type Logger, createRepeatFilter } from './logger.ts'
import { createChainMetrics } from './metrics/chain.ts'
import { createRPCMetrics } from './metrics/rpc.ts'
import type { MetricsJSON } from './metrics/server.ts'
import type { NodeOptions } from './options.ts'
import { createHTTP } from './rpc/http.ts'
import type { CallOutcome } from './rpc/jsonrpc.ts'
import { withModules } from './rpc/namespaces.ts'
import { createResponder } from './rpc/responder.ts'
import { listen } from './rpc/server.ts'
import { createSockets } from './rpc/sockets.ts'
import type { Store } from './store/store.ts'

/** Longest request in bytes, and answer from which on the rest of a batch is left out (E-12). */
const MAX_BYTES = 128 * 2 ** 20
const MAX_ANSWER = 250_000_000

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
export async function openEngine(
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

/** Loads the elliptic curves, so that no block has to do with slower ones. */
export async function loadCurves(): Promise<void> {
  await (await createEarlyCrypto()).loadCurves()
}
