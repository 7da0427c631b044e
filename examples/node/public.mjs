// The thread of the public port; it shares the database with the thread that started it.
import { parentPort, workerData } from 'node:worker_threads'
import { createEth } from './eth.mjs'
import { listen } from './rpc.mjs'
import { createStore } from './store.mjs'

const store = await createStore(workerData)
const server = await listen(createEth(store), workerData.http)
parentPort.postMessage(server.address().port)
parentPort.once('message', async () => {
  server.close()
  server.closeAllConnections()
  await store.close()
  process.exit()
})
