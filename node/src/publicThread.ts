import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Logger } from './log.ts'
import type { MetricsJSON } from './metrics/server.ts'
import type { PublicMessage, PublicOptions, PublicRequest } from './public.ts'

/** Megabytes of heap for the public ports; when they need more, their thread ends and another starts. */
const MAX_HEAP = 512

/** Milliseconds that a call on a public port may run on when the node closes. */
const GRACE = 1_000

/** Milliseconds before a thread that could not start is started again. */
const RETRY = 1_000

/** Milliseconds that the thread may take to tell its metrics; a call that runs keeps it busy. */
const METRICS_TIME = 2_000

/** The thread of the public ports, or one that has taken its place. */
export interface PublicThread {
  httpPort: number
  wsPort?: number
  /** Says that all ports of the node are open. */
  setReady(): void
  /** What the thread has counted since it started; nothing if it does not answer. */
  metrics(): Promise<MetricsJSON | undefined>
  close(): Promise<void>
}

/** Waits until a thread listens. @throws if it cannot */
function listening(worker: Worker) {
  return new Promise<Extract<PublicMessage, { type: 'listening' }>>((resolve, reject) => {
    worker.on('message', (message: PublicMessage) => {
      if (message.type === 'listening') resolve(message)
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread of the public ports ended')))
  })
}

/**
 * Starts the thread of the public ports, and another if it ends by itself.
 *
 * @throws if a port is taken
 */
export async function startPublicThread(opts: PublicOptions, log: Logger): Promise<PublicThread> {
  let worker: Worker
  let isReady = false
  let isClosing = false
  let lastId = 0
  const ask = (request: PublicRequest) => worker.postMessage(request)

  async function start(options: PublicOptions) {
    worker = new Worker(new URL('./public.js', import.meta.url), {
      workerData: options,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP },
      // Flags of the program that embeds the node are its own.
      execArgv: [],
    })
    const started = worker
    started.on('message', (message: PublicMessage) => {
      if (message.type === 'log') log[message.level](message.fields, message.message)
    })
    const { httpPort, wsPort } = await listening(started)
    if (isReady) ask({ type: 'ready' })
    started.on('error', ({ message }: Error) =>
      log.error({ error: message }, 'the public ports failed'),
    )
    const { http, ws } = options
    const same = {
      ...options,
      http: { ...http, port: httpPort },
      ws: ws && { ...ws, port: wsPort! },
    }
    started.once('exit', () => void restart(same))
    return { httpPort, wsPort }
  }

  async function restart(options: PublicOptions) {
    while (!isClosing) {
      try {
        await start(options)
        return log.warn({}, 'the public ports are open again')
      } catch (error) {
        log.error({ error: (error as Error).message }, 'the public ports cannot be opened')
        await sleep(RETRY, undefined, { ref: false })
      }
    }
  }

  async function metrics() {
    const id = ++lastId
    const asked = worker
    const answered = new Promise<MetricsJSON>((resolve) => {
      const hear = (message: PublicMessage) => {
        if (message.type !== 'metrics' || message.id !== id) return
        asked.off('message', hear)
        resolve(message.metrics)
      }
      asked.on('message', hear)
      setTimeout(() => asked.off('message', hear), METRICS_TIME).unref()
    })
    ask({ type: 'metrics', id })
    return Promise.race([answered, sleep(METRICS_TIME, undefined, { ref: false })])
  }

  async function close() {
    isClosing = true
    const exited = once(worker, 'exit')
    ask({ type: 'close' })
    await Promise.race([exited, sleep(GRACE)])
    await worker.terminate()
  }

  const ports = await start(opts)
  const setReady = () => {
    isReady = true
    ask({ type: 'ready' })
  }
  return { ...ports, setReady, metrics, close }
}
