import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createEngine } from 'ethereumjs-op'
import type { Genesis } from 'ethereumjs-op/blockchain'
import { addSetHead } from './debug/setHead.ts'
import { createEth } from './eth/index.ts'
import { addPayloadBodies } from './eth/payloadBodies.ts'
import { type Logger, SILENT } from './log.ts'
import type { PublicOptions } from './public.ts'
import type { Methods } from './rpc/methods.ts'
import { listen } from './rpc/server.ts'
import { createStore } from './store/store.ts'

/** Longest request in bytes, and answer from which on the rest of a batch is left out (E-12). */
const LIMITS = { maxBytes: 128 * 2 ** 20, maxAnswer: 250_000_000 }

/** Megabytes of heap for the public port; when it needs more, its thread ends and another starts. */
const MAX_HEAP = 512

/** Milliseconds that a call on the public port may run on when the node closes. */
const GRACE = 1_000

/** Where a port listens; 0 takes any that is free. */
export interface Endpoint {
  addr: string
  port: number
}

/** See {@link startNode}. */
export interface NodeOptions {
  /** Contents of a geth-style genesis file. */
  genesis: Genesis
  /** Folder of the database; without it nothing is kept. */
  datadir?: string
  /** Where the namespaces `api` are served to everyone, `eth`, `net` and `web3` if they are left out. */
  http: Endpoint & { api?: string[] }
  /** Where `engine_*` and `eth_*` are served to holders of the secret. */
  authrpc: Endpoint
  /** 32 bytes. */
  secret: Uint8Array
  log?: Logger
}

/** A node that runs. */
export interface RunningNode {
  httpPort: number
  authPort: number
  /** Stops listening, and closes the database when the last write has ended. */
  close(): Promise<void>
}

/**
 * Starts a node that op-node can drive. The public port has a thread of its own, so that nobody
 * there can stall the engine.
 *
 * @throws if the database is of another chain, or a port is taken
 */
export async function startNode(opts: NodeOptions): Promise<RunningNode> {
  const { genesis, datadir, http, authrpc, secret, log = SILENT } = opts
  const folder = datadir ?? mkdtempSync(join(tmpdir(), 'ethereumjs-op-'))
  const store = await createStore({ genesis, datadir: folder })
  // The engine checks the form of all that it is sent.
  const engineMethods = addPayloadBodies(createEngine(store) as unknown as Methods, store)
  const methods = { ...createEth(store), ...addSetHead(engineMethods, store) }
  let worker: Worker
  let isClosing = false
  /** Starts the thread of the public port. It takes its place if it ends by itself. */
  async function startPublic(endpoint: PublicOptions['http']): Promise<number> {
    worker = new Worker(new URL('./public.js', import.meta.url), {
      workerData: { config: genesis.config, datadir: folder, http: endpoint },
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP },
    })
    const [port] = await once(worker, 'message')
    const fail = ({ message }: Error) => log.error({ error: message }, 'the public port failed')
    worker.on('error', fail)
    worker.once('exit', () => isClosing || startPublic({ ...http, port }).catch(fail))
    return port
  }
  const httpPort = await startPublic(http)
  const engine = await listen(methods, { ...authrpc, ...LIMITS, secret })
  const close = async () => {
    isClosing = true
    const exited = once(worker, 'exit')
    worker.postMessage('close')
    await Promise.all([engine.close(), Promise.race([exited, sleep(GRACE)])])
    await worker.terminate()
    await store.close()
    if (!datadir) rmSync(folder, { recursive: true })
  }
  return { httpPort, authPort: engine.port, close }
}
