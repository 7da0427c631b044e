import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import type { Exchange, Progress, Watchman } from './types.ts'

/** Milliseconds before the next try to start: twice as long after each, up to the last. */
const FIRST_PAUSE = 1_000
const LAST_PAUSE = 60_000

/** Exchanges that wait for the watchman to start; the oldest go. */
const MAX_WAITING = 256

/** Most characters of all of them. */
const MAX_SIZE = 2 ** 25

/** The watchman, or the tries to have one. */
export interface Keeper {
  /** Takes an exchange; never throws, and never waits. */
  note(exchange: Exchange): void
  /** How far it is; nothing while there is none. */
  progress(): Progress | undefined
  /** How often it was started again. */
  restarts(): number
  close(): Promise<void>
}

const sizeOf = ({ request, response = '' }: Exchange) => request.length + response.length

/**
 * Starts the watchman, and tries again where it cannot start: the proxy does its work meanwhile.
 *
 * @param start - throws if it cannot
 */
export function keepWatchman(start: () => Promise<Watchman>, log: Logger): Keeper {
  const closing = new AbortController()
  const waiting: Exchange[] = []
  let size = 0
  let failures = 0
  let watchman: Watchman | undefined

  function hold(exchange: Exchange) {
    waiting.push(exchange)
    size += sizeOf(exchange)
    while (waiting.length > MAX_WAITING || size > MAX_SIZE) size -= sizeOf(waiting.shift()!)
  }

  async function run() {
    for (
      let pause = FIRST_PAUSE;
      !closing.signal.aborted;
      pause = Math.min(2 * pause, LAST_PAUSE)
    ) {
      try {
        const started = await start()
        if (closing.signal.aborted) return await started.close()
        for (const exchange of waiting.splice(0)) started.note(exchange)
        watchman = started
        return
      } catch (error) {
        failures++
        const fields = { error: (error as Error).message, again: `${pause / 1_000}s` }
        log.error(fields, 'the watchman cannot start, so nothing is compared')
      }
      await sleep(pause, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }
  const running = run()

  return {
    note(exchange) {
      if (watchman) watchman.note(exchange)
      else hold(exchange)
    },
    progress: () => watchman?.progress(),
    restarts: () => failures + (watchman?.progress().restarts ?? 0),
    async close() {
      closing.abort()
      await running
      await watchman?.close()
    },
  }
}
