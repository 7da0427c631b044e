import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Genesis } from 'ethereumjs-op/blockchain'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { LRUCache } from 'lru-cache'
import type { Logger } from '../logger.ts'
import type { CheckerProgress } from './checker.ts'
import { glance } from './exchange.ts'
import type { BlockRef } from './memory.ts'
import type { Exchange, HearAlarm, Progress, Watchman } from './types.ts'
import type { ThreadMessage, ThreadOptions, ThreadRequest } from './watchmanThread.ts'

/** What the watchman of `crosscheck` is started with. */
export interface WatchmanOptions {
  /** Genesis file of the chain, parsed. */
  genesis: Genesis
  /** Only the config of `genesis` is that of the chain: each block is checked by what `eth` proves. */
  isStateless?: boolean
  /** Folder of its own database, and of what it remembers. */
  datadir: string
  /** Folder for case files. */
  cases: string
  /** URL of a port of the main client with `eth` and `debug`. */
  eth?: string
  /** Checks each Nth block only; 1 unless told otherwise. */
  sample?: number
  log: Logger
  /** Hears of each alarm, and again after a restart of the thread if it had not heard it before. */
  onAlarm: HearAlarm
  /** Milliseconds without a sign of life after which the thread is ended; two minutes unless told otherwise. */
  silence?: number
  /** Hears how far it is, when that changes. */
  onProgress?(progress: Progress): void
}

/** Exchanges, and characters of them, that wait at most; when there are more, the oldest go. */
const MAX_WAITING = 1_024
const MAX_SIZE = 2 ** 27

/** Exchanges that the thread has at a time. */
const MAX_HANDED = 4

/** Payloads whose numbers are remembered until their block becomes head. */
const MAX_NUMBERS = 1_024

/** Megabytes of heap for the thread. */
const MAX_HEAP = 4_096

/** Milliseconds until another thread takes the place of one that ended: twice as long for each that ends soon. */
const FIRST_PAUSE = 1_000
const LAST_PAUSE = 60_000

/** Milliseconds that a thread must have run before the next pause is the first again. */
const STABLE_TIME = 300_000

/** Milliseconds without a sign of life after which a thread hangs: no block takes as long as that. */
const SILENCE = 120_000

/** Milliseconds in which the thread must have closed. */
const GRACE = 10_000

const sizeOf = ({ request, response = '' }: Exchange) => request.length + response.length

/** Exchanges that wait, as many as are let; the oldest go first. */
class Waiting {
  dropped = 0
  #exchanges: Exchange[] = []
  #size = 0

  get length() {
    return this.#exchanges.length
  }

  push(exchange: Exchange) {
    this.#exchanges.push(exchange)
    this.#size += sizeOf(exchange)
    while (this.length > MAX_WAITING || this.#size > MAX_SIZE) {
      this.shift()
      this.dropped++
    }
  }

  shift(): Exchange | undefined {
    const first = this.#exchanges.shift()
    if (first) this.#size -= sizeOf(first)
    return first
  }
}

/**
 * Starts the watchman in a thread of its own.
 *
 * @throws if the database is of another chain, or in use
 */
export async function startWatchman(options: WatchmanOptions): Promise<Watchman> {
  const { genesis, datadir, cases, eth, sample, log, onAlarm, onProgress } = options
  const { silence = SILENCE, isStateless } = options
  const waiting = new Waiting()
  const numbers = new LRUCache<Hex, number>({ max: MAX_NUMBERS })
  const idles = new Map<number, () => void>()
  let lastId = 0
  let head: BlockRef | undefined
  let worker: Worker
  /** Exchanges that the thread has. */
  let handed = 0
  let own: CheckerProgress = { same: 0, disputed: {} }
  /** Of threads that have ended. */
  const before = { same: 0, disputed: {} as Record<string, number> }
  let threadTrouble: string | undefined
  let restarts = 0
  let pause = FIRST_PAUSE
  let startedAt = 0
  let lastSign = 0
  let closing: Promise<void> | undefined

  const ask = (request: ThreadRequest) => worker.postMessage(request)

  function progress(): Progress {
    const { checked } = own
    const disputed = { ...before.disputed }
    for (const [name, count] of Object.entries(own.disputed)) {
      disputed[name] = (disputed[name] ?? 0) + count
    }
    return {
      checked,
      head,
      behind: head ? Math.max(0, head.number - (checked?.number ?? 0)) : 0,
      same: before.same + own.same,
      disputed,
      waiting: waiting.length + handed,
      dropped: waiting.dropped,
      trouble: threadTrouble ?? own.trouble,
      restarts,
    }
  }

  const tell = () => onProgress?.(progress())

  function hand() {
    while (handed < MAX_HANDED && waiting.length > 0 && threadTrouble === undefined) {
      handed++
      ask({ type: 'exchange', exchange: waiting.shift()! })
    }
  }

  function hear(message: ThreadMessage) {
    if (message.type === 'log') log[message.level](message.fields, message.message)
    if (message.type === 'alarm') {
      const { alarm } = message
      const asker = worker
      Promise.resolve()
        .then(() => onAlarm(alarm))
        .then(
          () => asker.postMessage({ type: 'heard', id: alarm.id } satisfies ThreadRequest),
          // It is told again after a restart.
          ({ message: error }: Error) =>
            log.error({ id: alarm.id, error }, 'an alarm is not heard'),
        )
    }
    if (message.type === 'progress' || message.type === 'done') {
      own = message.progress
      if (message.type === 'done') {
        handed--
        hand()
      }
      tell()
    }
    if (message.type === 'idle') {
      own = message.progress
      idles.get(message.id)?.()
      idles.delete(message.id)
    }
  }

  /** Starts a thread. @throws if it cannot open the database, or ends */
  function start(): Promise<void> {
    const workerData: ThreadOptions = { genesis, isStateless, datadir, cases, eth, sample }
    worker = new Worker(new URL('./watchmanThread.js', import.meta.url), {
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP },
      execArgv: [],
    })
    const started = worker
    startedAt = performance.now()
    // What it loads may take its time.
    lastSign = Number.POSITIVE_INFINITY
    return new Promise<void>((resolve, reject) => {
      let reason = 'the thread of the watchman ended'
      started.on('error', ({ message }: Error) => {
        reason = message
      })
      started.on('message', (message: ThreadMessage) => {
        lastSign = performance.now()
        if (message.type === 'opened') {
          own = message.progress
          started.once('exit', () => void restart(reason))
          resolve()
        } else if (message.type === 'failed') reject(new Error(message.error))
        else hear(message)
      })
      started.once('exit', () => reject(new Error(reason)))
    })
  }

  /** Starts another thread, which catches up with what this one had. */
  async function restart(reason: string) {
    if (closing) return
    log.error({ reason }, 'the thread of the watchman ended, another takes its place')
    threadTrouble = `the thread of the watchman ended: ${reason}`
    waiting.dropped += handed
    handed = 0
    before.same += own.same
    for (const [name, count] of Object.entries(own.disputed)) {
      before.disputed[name] = (before.disputed[name] ?? 0) + count
    }
    own = { checked: own.checked, same: 0, disputed: {} }
    tell()
    if (performance.now() - startedAt > STABLE_TIME) pause = FIRST_PAUSE
    while (!closing) {
      await sleep(pause, undefined, { ref: false })
      pause = Math.min(2 * pause, LAST_PAUSE)
      restarts++
      try {
        await start()
        break
      } catch (error) {
        log.error({ error: (error as Error).message }, 'the watchman cannot be started')
      }
    }
    threadTrouble = undefined
    if (closing) return
    for (const id of idles.keys()) ask({ type: 'idle', id })
    if (head) ask({ type: 'follow', head })
    hand()
    tell()
  }

  /** Sees which block is the head, before anything is compared. */
  function look(exchange: Exchange) {
    const { payload, head: hash } = glance(exchange)
    if (payload) numbers.set(payload.hash, payload.number)
    const number = hash && numbers.get(hash)
    if (hash && number !== undefined) head = { number, hash }
  }

  function note(exchange: Exchange) {
    if (closing || exchange.response === undefined) return
    try {
      look(exchange)
      waiting.push(exchange)
      hand()
    } catch (error) {
      log.error({ error: (error as Error).message }, 'an exchange cannot be noted')
    }
  }

  /** Ends a thread that hangs; another takes its place. */
  function feelPulse() {
    if (closing || threadTrouble !== undefined || performance.now() - lastSign < silence) return
    log.error({ seconds: silence / 1_000 }, 'the thread of the watchman gives no sign of life')
    void worker.terminate()
  }
  const pulse = setInterval(feelPulse, Math.min(silence / 4, 1_000))
  pulse.unref()

  async function end() {
    clearInterval(pulse)
    ask({ type: 'close' })
    const exited = new Promise<void>((resolve) => {
      worker.once('exit', () => resolve())
    })
    await Promise.race([exited, sleep(GRACE, undefined, { ref: false })])
    await worker.terminate()
  }

  try {
    await start()
  } catch (error) {
    clearInterval(pulse)
    await worker!.terminate()
    throw error
  }
  return {
    note,
    progress,
    async idle() {
      while (waiting.length > 0) {
        await askIdle()
      }
      await askIdle()
    },
    close() {
      closing ??= end()
      return closing
    },
  }

  function askIdle() {
    const id = ++lastId
    return new Promise<void>((resolve) => {
      idles.set(id, resolve)
      ask({ type: 'idle', id })
    })
  }
}
