/** Compares exchanges with what an engine of its own makes of them. */
import { mkdirSync } from 'node:fs'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { createObservedEngine } from '../engine.ts'
import { createRepeatFilter } from '../logger.ts'
import { createStore } from '../store/store.ts'
import { Endpoint } from '../verify/endpoint.ts'
import { createAlarms } from './alarms.ts'
import { type Answer, readCalls } from './exchange.ts'
import { Follower } from './follower.ts'
import { type BlockRef, Memory } from './memory.ts'
import { createReplay } from './replay.ts'
import { Troubles } from './troubles.ts'
import type { Exchange, Progress } from './types.ts'
import type { WatchmanOptions } from './watchman.ts'

/** Blocks before the head whose states are kept. */
const STATE_HISTORY = 1_024

/** How patiently the main client is asked; what it does not answer is asked again later. */
const PATIENCE = { retries: 1, timeout: 10_000, backoff: 200 }

/** See {@link createChecker}. */
export interface CheckerOptions extends Omit<WatchmanOptions, 'onProgress' | 'silence'> {
  onProgress?(progress: CheckerProgress): void
}

/** What of {@link Progress} is known where exchanges are compared. */
export type CheckerProgress = Pick<Progress, 'checked' | 'same' | 'disputed' | 'trouble'>

/** Compares exchanges, one after the other. */
export interface Checker {
  /** Resolves when an exchange has been compared; never rejects. Not to be called twice at a time. */
  check(exchange: Exchange): Promise<void>
  /** Goes on to a head of which no exchange tells any more. */
  follow(head: BlockRef): void
  progress(): CheckerProgress
  /** Resolves when all is compared, as far as that is possible, and all alarms have been heard. */
  idle(): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the database of the watchman.
 *
 * @throws if it is of another chain, or in use
 */
export async function createChecker(options: CheckerOptions): Promise<Checker> {
  const { genesis, isStateless = false, datadir, cases, eth, sample = 1, log } = options
  const { onAlarm, onProgress } = options
  const endpoint = eth === undefined ? undefined : new Endpoint(eth, PATIENCE)
  mkdirSync(datadir, { recursive: true })
  const store = await createStore({ genesis, datadir, stateHistory: STATE_HISTORY })
  const engine = createObservedEngine(store, [])
  const memory = new Memory(store)
  const alarms = createAlarms({ store, genesis, memory, cases, endpoint, log, onAlarm })
  const disputed: Record<string, number> = {}
  const isNews = createRepeatFilter()
  const progress = (): CheckerProgress => ({
    checked: memory.checked,
    same: follower.same,
    disputed: { ...disputed },
    trouble: troubles.first,
  })
  const onChange = () => onProgress?.(progress())
  const troubles = new Troubles(log, onChange)

  /** A fault of this client says nothing about the other. */
  function noteFault(what: string, message: string, stack?: string) {
    troubles.set('engine', `a fault of the watchman: ${what}: ${message}`)
    if (isNews(`${what} ${message}`) === undefined) return
    log.error({ call: what, error: message, stack }, 'a fault of the watchman')
  }

  function onHarmless(name: string, why: string, about: object) {
    disputed[name] = (disputed[name] ?? 0) + 1
    onChange()
    if (isNews(name) === undefined) return
    log.info({ kind: name, why, ...about }, 'clients differ, harmlessly')
  }

  async function callOwn(method: string, params: unknown[]): Promise<Answer> {
    if (!Object.hasOwn(engine, method)) return { error: { code: -32601, message: 'no method' } }
    try {
      return { result: await engine[method](...params) }
    } catch (error) {
      const fault = error as Error & { code?: number; cause?: Error }
      const { code = -32603, message, stack, cause } = fault
      const isAnswer = error instanceof JsonRpcError && code !== -32603
      if (!isAnswer) noteFault(method, message, cause?.stack ?? stack)
      return { error: { code, message } }
    }
  }

  const config = genesis.config ?? {}
  const common = { store, memory, alarms, endpoint }
  const rules = { config, isStateless }
  const follower = new Follower({
    ...common,
    ...rules,
    engine,
    troubles,
    log,
    eth,
    sample,
    onChange,
  })
  const replay = createReplay({
    ...common,
    isSampled: sample > 1,
    onHarmless,
    callOwn,
    onJudged: () => troubles.clear('engine'),
    onHead: (hash, number) => follower.follow(hash, number),
  })

  async function check(exchange: Exchange) {
    for (const call of readCalls(exchange).calls) {
      try {
        await replay(call)
      } catch (error) {
        const { message, stack } = error as Error
        noteFault(call.method, message, stack)
      }
    }
  }

  async function idle() {
    await follower.idle()
    await alarms.idle()
  }

  async function close() {
    await follower.close()
    await alarms.idle()
    await store.close()
  }

  alarms.resume()
  const follow = ({ hash, number }: BlockRef) => follower.follow(hash, number)
  return { check, follow, progress, idle, close }
}
