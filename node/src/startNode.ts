import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toDuration } from './journal/progress.ts'
import { SILENT } from './logger.ts'
import type { serveMetrics } from './metrics/server.ts'
import { type NodeOptions, checkNamespaces } from './options.ts'
import { startPublicThread } from './publicThread.ts'
import type { Store } from './store/store.ts'
import { VERSION } from './version.ts'

/** A node that runs. */
export interface RunningNode {
  httpPort: number
  wsPort?: number
  authPort: number
  metricsPort?: number
  /** Stops listening, and closes the database when the last write has ended. */
  close(): Promise<void>
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

async function openMetrics(...args: Parameters<typeof serveMetrics>) {
  const { serveMetrics } = await import('./metrics/server.ts')
  return serveMetrics(...args)
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
  // Both threads load what they need at the same time, which is most of a start.
  const thread = startPublicThread(log)
  open.push(thread.close)
  try {
    const { createStore } = await import('./store/store.ts')
    const { loadCurves, openEngine } = await import('./enginePort.ts')
    const store = await createStore({ genesis, datadir: folder, stateHistory, log })
    open.push(store.close)
    // It must have ended before the store that it reads is closed.
    open.push(thread.close)
    const config = genesis.config ?? {}
    const publicPorts = await thread.open({ config, datadir: folder, http, ws, calls, maxHeadAge })
    // The last, for who finds it open may rely on the others.
    const engine = await openEngine(store, { ...opts, folder, log })
    open.push(engine.close)
    const metricsPort =
      metrics && (await openMetrics(metrics, [engine.readMetrics, thread.metrics]))
    if (metricsPort) open.push(metricsPort.close)
    thread.setReady()
    // Now that the engine answers; until then its blocks have them in JavaScript.
    void loadCurves()
    const ports = {
      ...publicPorts,
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
