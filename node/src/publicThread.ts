import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Logger } from './logger.ts'
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

/** Ports that are open. */
export interface PublicPorts {
  httpPort: number
  wsPort?: number
}

/** The thread of the public ports, or one that has taken its place. */
export interface PublicThread {
  /** Opens the ports. @throws if one is taken */
  open(options: PublicOptions): Promise<PublicPorts>
  /** Says that all ports of the node are open. */
  setReady(): void
  /** What the thread has counted since it started; nothing if it does not answer. */
  metrics(): Promise<MetricsJSON | undefined>
  close(): Promise<void>
}

/** A thread that loads what it needs, and waits to be told what to open. */
interface Started {
  worker: Worker
  /** Rejects when the thread ends. */
  ended: Promise<never>
}

function startWorker(): Started {
  const worker = new Worker(new URL('./public.js', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP },
    // Flags of the program that embeds the node are its own.
    execArgv: [],
  })
  const ended = new Promise<never>((_, reject) => {
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the thread of the public ports ended')))
  })
  // Who opens the ports hears it, also later.
  ended.catch(() => {})
  return { worker, ended }
}

/** Resolves when a thread listens. */
function listening(worker: Worker) {
  return new Promise<PublicPorts>((resolve) => {
    worker.on('message', (message: PublicMessage) => {
      if (message.type === 'listening') resolve(message)
    })
  })
}

/** Starts the thread of the public ports, and another if it ends by itself after they are open. */
export function startPublicThread(log: Logger): PublicThread {
  let current = startWorker()
  let isOpened = false
  let isReady = false
  let closing: Promise<void> | undefined
  let lastId = 0
  const ask = (request: PublicRequest) => current.worker.postMessage(request)

  async function open(options: PublicOptions): Promise<PublicPorts> {
    const { worker, ended } = current
    isOpened = true
    worker.on('message', (message: PublicMessage) => {
      if (message.type === 'log') log[message.level](message.fields, message.message)
    })
    ask({ type: 'open', options })
    const { httpPort, wsPort } = await Promise.race([listening(worker), ended])
    if (isReady) ask({ type: 'ready' })
    worker.on('error', ({ message }: Error) =>
      log.error({ error: message }, 'the public ports failed'),
    )
    const { http, ws } = options
    const same = {
      ...options,
      http: { ...http, port: httpPort },
      ws: ws && { ...ws, port: wsPort! },
    }
    worker.once('exit', () => void restart(same))
    return { httpPort, wsPort }
  }

  async function restart(options: PublicOptions) {
    while (!closing) {
      try {
        current = startWorker()
        await open(options)
        return log.warn({}, 'the public ports are open again')
      } catch (error) {
        log.error({ error: (error as Error).message }, 'the public ports cannot be opened')
        await sleep(RETRY, undefined, { ref: false })
      }
    }
  }

  async function metrics() {
    const id = ++lastId
    const { worker } = current
    const answered = new Promise<MetricsJSON>((resolve) => {
      const hear = (message: PublicMessage) => {
        if (message.type !== 'metrics' || message.id !== id) return
        worker.off('message', hear)
        resolve(message.metrics)
      }
      worker.on('message', hear)
      setTimeout(() => worker.off('message', hear), METRICS_TIME).unref()
    })
    ask({ type: 'metrics', id })
    return Promise.race([answered, sleep(METRICS_TIME, undefined, { ref: false })])
  }

  async function end() {
    const { worker, ended } = current
    // Until then nothing is open, and it may still be loading.
    if (isOpened) {
      ask({ type: 'close' })
      await Promise.race([ended.catch(() => {}), sleep(GRACE)])
    }
    await worker.terminate()
  }

  return {
    open,
    setReady() {
      isReady = true
      ask({ type: 'ready' })
    },
    metrics,
    close() {
      closing ??= end()
      return closing
    },
  }
}
