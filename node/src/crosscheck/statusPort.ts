import { Hono } from 'hono/tiny'
import type { Endpoint } from '../options.ts'
import { type Listener, listen } from '../rpc/server.ts'
import type { AlarmBook } from './alarmBook.ts'
import type { Progress } from './types.ts'

/** Alarms that an answer names; of the others it says how many. */
const MAX_NAMED = 20

/** Milliseconds that the watchman may be in trouble before that is no good health any more. */
const PATIENCE = 60_000

/** What health looks at. */
export interface HealthSources {
  alarms: Pick<AlarmBook, 'open' | 'overflow'>
  /** Why nothing may move; nothing if it may. */
  readHalt(): string | undefined
  progress(): Progress | undefined
  /** Whether the port for op-node is open. */
  isReady(): boolean
}

/** Tells supervisors how it is: whether an alarm is open, and whether there is somebody to ring one. */
export function createHealth({ alarms, readHalt, progress, isReady }: HealthSources) {
  let troubleSince: number | undefined

  /** Milliseconds for which nothing has been compared since that was last possible. */
  function troubleTime(state: Progress | undefined) {
    const isTroubled = !state || state.trouble !== undefined
    troubleSince = isTroubled ? (troubleSince ?? performance.now()) : undefined
    return troubleSince === undefined ? 0 : performance.now() - troubleSince
  }

  function health() {
    const open = alarms.open()
    const state = progress()
    const isBlind = troubleTime(state) > PATIENCE
    const status = open.length > 0 ? 'alarm' : isBlind ? 'the watchman does not check' : 'ok'
    const watchman = state ?? { trouble: 'it has not started' }
    return {
      code: open.length > 0 || isBlind ? (503 as const) : (200 as const),
      body: {
        status,
        alarms: open.slice(0, MAX_NAMED),
        open: open.length,
        overflow: alarms.overflow(),
        halted: readHalt(),
        watchman,
      },
    }
  }
  const ready = () => ({
    code: isReady() ? (200 as const) : (503 as const),
    body: { ready: isReady() },
  })
  return { health, ready, look: () => troubleTime(progress()) }
}

/** Opens the port of `/health` and `/ready`. @throws if it cannot listen */
export async function openStatus(endpoint: Endpoint, sources: HealthSources): Promise<Listener> {
  const { look, ...reports } = createHealth(sources)
  const http = new Hono()
  http.onError((_error, context) => context.text('this cannot be said', 500))
  for (const name of ['health', 'ready'] as const) {
    http.get(`/${name}`, (context) => {
      const { code, body } = reports[name]()
      return context.json(body, code, { 'cache-control': 'no-store' })
    })
  }
  const listener = await listen({ ...endpoint, http })
  // So that trouble counts from when it began, and not from when somebody asked.
  const looking = setInterval(look, 1_000)
  looking.unref()
  const close = () => {
    clearInterval(looking)
    return listener.close()
  }
  return { ...listener, close }
}
