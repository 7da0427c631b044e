import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { createEngine } from 'ethereumjs-op'
import { createEth } from './eth.mjs'
import { listen } from './rpc.mjs'
import { createStore } from './store.mjs'

/** Longest request in bytes, and answer from which on the rest of a batch is left out (E-12). */
const LIMITS = { maxBytes: 128 * 2 ** 20, maxAnswer: 250_000_000 }

/** Megabytes of heap for the public port; when it needs more, its thread ends and another starts. */
const MAX_HEAP = 512

/** Milliseconds that a call on the public port may run on when the node closes. */
const GRACE = 1_000

/**
 * Starts a node that op-node can drive. The public port has a thread of its own, so that nobody
 * there can stall the engine.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @param opts.datadir - folder of the database; without it nothing is kept
 * @param opts.http - `{ addr, port, api }` where `eth_*`, `net_*` and `web3_*` are served to everyone, or
 * else the namespaces of the list `api`
 * @param opts.authrpc - `{ addr, port }` where `engine_*` and `eth_*` are served to holders of the secret
 * @param opts.secret - 32 bytes
 * @param opts.log - takes a line per event
 * @throws if the database is of another chain, or a port is taken
 */
export async function startNode({ genesis, datadir, http, authrpc, secret, log = () => {} }) {
  const folder = datadir ?? mkdtempSync(join(tmpdir(), 'ethereumjs-op-'))
  const store = await createStore({ genesis, datadir: folder, log })
  const methods = { ...createEth(store), ...createEngine(store) }
  let worker
  let isClosing = false
  /** Starts the thread of the public port. It takes its place if it ends by itself. */
  async function startPublic(endpoint) {
    worker = new Worker(new URL('./public.mjs', import.meta.url), {
      workerData: { config: genesis.config, datadir: folder, http: endpoint },
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP },
    })
    const [port] = await once(worker, 'message')
    const fail = (error) => log(`the public port does not answer: ${error.message}`)
    worker.on('error', fail)
    worker.once('exit', () => isClosing || startPublic({ ...http, port }).catch(fail))
    return port
  }
  const httpPort = await startPublic(http)
  const engine = await listen(methods, { ...authrpc, ...LIMITS, secret })
  /** Stops listening, and closes the database when the last write has ended. */
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
