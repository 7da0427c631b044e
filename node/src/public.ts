// The thread of the public ports; it shares the database with the thread that started it.
import { parentPort } from 'node:worker_threads'
import type { ChainConfig } from 'ethereumjs-op'
import pLimit from 'p-limit'
import { createEth } from './eth/index.ts'
import { createSubscriptions } from './eth/subscriptions.ts'
import { type Logger, createRepeatFilter } from './logger.ts'
import { createRPCMetrics } from './metrics/rpc.ts'
import type { MetricsJSON } from './metrics/server.ts'
import type { CallLimits, HTTPOptions, WebSocketOptions } from './options.ts'
import { yieldToOthers } from './priority.ts'
import { createHealth } from './rpc/health.ts'
import { createHTTP } from './rpc/http.ts'
import type { CallOutcome } from './rpc/jsonrpc.ts'
import type { Methods } from './rpc/methods.ts'
import { selectMethods } from './rpc/namespaces.ts'
import { createResponder } from './rpc/responder.ts'
import { type Listener, listen } from './rpc/server.ts'
import { type Sockets, createSockets } from './rpc/sockets.ts'
import { openStore } from './store/store.ts'

/** What the thread opens. */
export interface PublicOptions {
  config: ChainConfig
  datadir: string
  http: HTTPOptions
  ws?: WebSocketOptions
  calls?: CallLimits
  maxHeadAge?: number
}

/** What the thread is asked; first to open its ports, or to close. */
export type PublicRequest =
  | { type: 'open'; options: PublicOptions }
  | { type: 'ready' }
  | { type: 'close' }
  | { type: 'metrics'; id: number }

/** What the thread says. */
export type PublicMessage =
  | { type: 'listening'; httpPort: number; wsPort?: number }
  | { type: 'log'; level: keyof Logger; fields: object; message: string }
  | { type: 'metrics'; id: number; metrics: MetricsJSON }

/** Longest request in bytes, and answer from which on the rest of a batch is left out, as geth. */
const MAX_BYTES = 5 * 2 ** 20
const MAX_ANSWER = 25_000_000

const say = (message: PublicMessage) => parentPort!.postMessage(message)

/** What is open, and what it is asked. */
interface PublicPorts {
  setReady(): void
  readMetrics(): Promise<MetricsJSON>
  close(): Promise<void>
}

async function openPorts(options: PublicOptions): Promise<PublicPorts> {
  const { config, datadir, http, ws, calls, maxHeadAge } = options
  const store = await openStore({ config, datadir })
  const turns = pLimit(1)
  const ports: Sockets[] = []
  const metrics = createRPCMetrics('public', () => ports, store.caches)
  const isNews = createRepeatFilter()
  let isReady = false

  function onCall(outcome: CallOutcome) {
    metrics.onCall(outcome)
    const { method, fault } = outcome
    if (!fault || isNews(`${method} ${fault.message}`) === undefined) return
    const fields = { method, error: fault.message, stack: fault.stack }
    say({ type: 'log', level: 'error', fields, message: 'a call failed by a fault of the node' })
  }

  function onDrop(reason: string) {
    metrics.onDrop(reason)
    if (isNews(reason) === undefined) return
    say({ type: 'log', level: 'warn', fields: { reason }, message: 'WebSocket client dropped' })
  }

  const respond = createResponder({ turns, maxAnswer: MAX_ANSWER, onCall })
  const all: Methods = createEth(store, calls)

  function openSockets({ api, origins }: WebSocketOptions): Sockets {
    const sockets = createSockets({
      methods: selectMethods(all, api),
      respond,
      openSubscriptions: createSubscriptions(store),
      origins,
      maxBytes: MAX_BYTES,
      onDrop,
    })
    ports.push(sockets)
    return sockets
  }

  const { api, vhosts = ['localhost'], corsdomain } = http
  const app = createHTTP({
    methods: selectMethods(all, api),
    respond,
    vhosts,
    corsdomain,
    maxBytes: MAX_BYTES,
    health: createHealth({ store, maxHeadAge, isReady: () => isReady }),
  })
  const isShared = ws && ws.port === http.port && ws.port > 0 && ws.addr === http.addr
  const listeners: Listener[] = []
  const shared = isShared ? openSockets(ws) : undefined
  listeners.push(await listen({ ...http, http: app, sockets: shared, turns }))
  if (ws && !isShared) listeners.push(await listen({ ...ws, sockets: openSockets(ws), turns }))
  const wsPort = ws && listeners.at(-1)!.port
  say({ type: 'listening', httpPort: listeners[0].port, wsPort })
  return {
    setReady() {
      isReady = true
    },
    readMetrics: async () => (await metrics.registry.getMetricsAsJSON()) as MetricsJSON,
    async close() {
      await Promise.all(listeners.map((listener) => listener.close()))
      await store.close()
    },
  }
}

yieldToOthers()
let opening: Promise<PublicPorts> | undefined

// What is asked while the ports open waits for them; what cannot be opened ends the thread.
parentPort!.on('message', async (request: PublicRequest) => {
  if (request.type === 'open') opening = openPorts(request.options)
  const ports = await opening
  if (request.type === 'ready') ports?.setReady()
  if (request.type === 'metrics' && ports) {
    say({ type: 'metrics', id: request.id, metrics: await ports.readMetrics() })
  }
  if (request.type === 'close') {
    await ports?.close()
    process.exit()
  }
})
