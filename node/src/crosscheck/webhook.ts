import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import { within } from '../within.ts'
import type { Alarm } from './types.ts'

/** Milliseconds that a try may take. */
const TIMEOUT = 10_000

/** Milliseconds before the next try: twice as long after each, up to the last. */
const FIRST_PAUSE = 1_000
const LAST_PAUSE = 5 * 60_000

/** See {@link createWebhook}. */
export interface WebhookOptions {
  /** It may hold a secret, so that only its host is ever logged. */
  url: string
  log: Logger
  /** Ends the tries. */
  signal: AbortSignal
}

/** What is posted. `text` is what chats show; the rest is for programs. */
const toBody = (alarm: Alarm) =>
  JSON.stringify({ text: `crosscheck ${alarm.id}: ${alarm.summary}`, alarm })

/** Why a request failed, without its URL. */
function reasonOf(error: unknown): string {
  const { name, cause } = error as Error & { cause?: { code?: string } }
  return cause?.code ?? name
}

/**
 * What sends alarms to a URL, as a POST of JSON each. It comes back when the server has taken the alarm with a
 * status of 200 to 299, or the signal ends it; until then it tries again.
 */
export function createWebhook({ url, log, signal }: WebhookOptions) {
  const { host } = new URL(url)

  /** @returns why it was not taken; nothing if it was */
  async function post(alarm: Alarm): Promise<string | undefined> {
    try {
      const request = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: toBody(alarm),
        redirect: 'manual' as const,
      }
      const send = (end: AbortSignal) => fetch(url, { ...request, signal: end })
      const { ok, status } = await within(TIMEOUT, send, signal)
      return ok ? undefined : `HTTP status ${status}`
    } catch (error) {
      return reasonOf(error)
    }
  }

  return async (alarm: Alarm): Promise<void> => {
    for (let pause = FIRST_PAUSE; !signal.aborted; pause = Math.min(2 * pause, LAST_PAUSE)) {
      const reason = await post(alarm)
      if (signal.aborted) return
      if (reason === undefined)
        return log.info({ alarm: alarm.id, host }, 'the webhook has the alarm')
      const fields = { alarm: alarm.id, host, reason, again: `${pause / 1_000}s` }
      log.warn(fields, 'the webhook has not taken an alarm')
      await sleep(pause, undefined, { signal, ref: false }).catch(() => {})
    }
  }
}
