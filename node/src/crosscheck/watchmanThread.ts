// The thread of the watchman: it has a database and an engine of its own.
import { parentPort, workerData } from 'node:worker_threads'
import type { Logger } from '../logger.ts'
import { yieldToOthers } from '../priority.ts'
import { type Checker, type CheckerProgress, createChecker } from './checker.ts'
import type { BlockRef } from './memory.ts'
import type { Alarm, Exchange } from './types.ts'
import type { WatchmanOptions } from './watchman.ts'

/** What the thread is started with. */
export type ThreadOptions = Pick<
  WatchmanOptions,
  'genesis' | 'isStateless' | 'datadir' | 'cases' | 'eth' | 'sample'
>

/** What the thread is told. */
export type ThreadRequest =
  | { type: 'exchange'; exchange: Exchange }
  | { type: 'follow'; head: BlockRef }
  | { type: 'idle'; id: number }
  /** An alarm has been heard. */
  | { type: 'heard'; id: string }
  | { type: 'close' }

/** What the thread says. */
export type ThreadMessage =
  | { type: 'opened'; progress: CheckerProgress }
  | { type: 'failed'; error: string }
  /** An exchange has been compared. */
  | { type: 'done'; progress: CheckerProgress }
  | { type: 'progress'; progress: CheckerProgress }
  | { type: 'alarm'; alarm: Alarm }
  | { type: 'idle'; id: number; progress: CheckerProgress }
  /** A sign of life. */
  | { type: 'alive' }
  | { type: 'log'; level: keyof Logger; fields: object; message: string }

/** Milliseconds between two signs of life. */
const PULSE = 250

const say = (message: ThreadMessage) => parentPort!.postMessage(message)

// Whoever waits for the main client goes first.
yieldToOthers()
setInterval(() => say({ type: 'alive' }), PULSE).unref()

const sayAt = (level: keyof Logger) => (fields: object, message: string) =>
  say({ type: 'log', level, fields, message })

const log: Logger = {
  debug: sayAt('debug'),
  info: sayAt('info'),
  warn: sayAt('warn'),
  error: sayAt('error'),
}

/** What waits for an alarm to be heard. */
const unheard = new Map<string, () => void>()

function onAlarm(alarm: Alarm) {
  return new Promise<void>((resolve) => {
    unheard.set(alarm.id, resolve)
    say({ type: 'alarm', alarm })
  })
}

const opening: Promise<Checker | undefined> = createChecker({
  ...(workerData as ThreadOptions),
  log,
  onAlarm,
  onProgress: (progress) => say({ type: 'progress', progress }),
}).then(
  (checker) => {
    say({ type: 'opened', progress: checker.progress() })
    return checker
  },
  (error: Error) => {
    say({ type: 'failed', error: error.message })
    return undefined
  },
)

/** Ends when all exchanges so far have been compared. */
let last: Promise<unknown> = Promise.resolve()

parentPort!.on('message', async (request: ThreadRequest) => {
  if (request.type === 'heard') return unheard.get(request.id)?.()
  const checker = await opening
  if (!checker) return
  if (request.type === 'exchange') {
    last = last.then(async () => {
      await checker.check(request.exchange)
      say({ type: 'done', progress: checker.progress() })
    })
  }
  if (request.type === 'follow') checker.follow(request.head)
  if (request.type === 'idle') {
    await last
    await checker.idle()
    say({ type: 'idle', id: request.id, progress: checker.progress() })
  }
  if (request.type === 'close') {
    await last
    await checker.close()
    process.exit()
  }
})
