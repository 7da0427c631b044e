/**
 * Threads and processes that tests start are started as users have them. Else each would load what the runner
 * puts into its own: two seconds for a thread, most of a second for a process.
 */
import { syncBuiltinESMExports } from 'node:module'
import workerThreads from 'node:worker_threads'
import processOnSpawn from 'process-on-spawn'

const { Worker, isMainThread } = workerThreads

if (isMainThread) {
  workerThreads.Worker = class extends Worker {
    constructor(file, options) {
      super(file, { execArgv: [], ...options })
    }
  }
  syncBuiltinESMExports()
  // The runner watches which processes there are, for coverage, which it does not measure here.
  processOnSpawn.removeAllListeners()
  delete process.env.NODE_OPTIONS
}
