// The thread of the public port; it shares the database with the thread that started it.
import { parentPort, workerData } from 'node:worker_threads'
import type { ChainConfig } from 'ethereumjs-op'
import { createEth } from './eth/index.ts'
import { listen } from './rpc/server.ts'
import { openStore } from './store/store.ts'

/** What the thread is started with. */
export interface PublicOptions {
  config: ChainConfig
  datadir: string
  http: { addr: string; port: number; api?: string[] }
}

/** Longest request in bytes, and answer from which on the rest of a batch is left out, as geth. */
const limits = { maxBytes: 5 * 2 ** 20, maxAnswer: 25_000_000 }

const { config, datadir, http } = workerData as PublicOptions
const store = await openStore({ config, datadir })
const { api = ['eth', 'net', 'web3'] } = http
const methods = Object.entries(createEth(store)).filter(([name]) =>
  api.includes(name.split('_')[0]),
)
const { port, close } = await listen(Object.fromEntries(methods), { ...http, ...limits })
parentPort!.once('message', async () => {
  await close()
  await store.close()
  process.exit()
})
parentPort!.postMessage(port)
