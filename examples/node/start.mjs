import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { createEngine } from 'ethereumjs-op'
import { createEth } from './eth.mjs'
import { listen } from './rpc.mjs'
import { createStore } from './store.mjs'

/**
 * Starts a node that op-node can drive. The public port has a thread of its own, so that nobody there
 * can stall the engine.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @param opts.datadir - folder of the database; without it nothing is kept
 * @param opts.http - `{ addr, port }` where `eth_*` is served to everyone
 * @param opts.authrpc - `{ addr, port }` where `engine_*` and `eth_*` are served to holders of the secret
 * @param opts.secret - 32 bytes
 * @param opts.log - takes a line per event
 * @throws if the database is of another chain, or a port is taken
 */
export async function startNode({ genesis, datadir, http, authrpc, secret, log = () => {} }) {
  const folder = datadir ?? mkdtempSync(join(tmpdir(), 'ethereumjs-op-'))
  const store = await createStore({ genesis, datadir: folder })
  const methods = { ...createEth(store), ...createEngine(store, log) }
  const server = await listen(methods, authrpc, secret)
  const workerData = { genesis, datadir: folder, http }
  const worker = new Worker(new URL('./public.mjs', import.meta.url), { workerData })
  const [httpPort] = await once(worker, 'message')
  worker.on('error', (error) => log(`the public port is closed: ${error.message}`))
  /** Stops listening, and closes the database when the last write has ended. */
  const close = async () => {
    server.close()
    server.closeIdleConnections()
    worker.postMessage('close')
    await once(worker, 'exit')
    await store.close()
    if (!datadir) rmSync(folder, { recursive: true })
  }
  return { httpPort, authPort: server.address().port, close }
}
