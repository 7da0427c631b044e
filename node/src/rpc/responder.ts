import { setImmediate } from 'node:timers/promises'
import type { LimitFunction } from 'p-limit'
import { type CallOutcome, TOO_LARGE, UNFIT, type Waiting, answer, readMessage } from './jsonrpc.ts'
import { Later, type Methods } from './methods.ts'

/** See {@link createResponder}. */
export interface ResponderOptions {
  /** Lets calls run one at a time, in the order in which they came; one for all of a thread. */
  turns: LimitFunction
  /** Length of the answers of a batch from which on the rest of it is not executed. */
  maxAnswer: number
  /** Hears how each call ended. */
  onCall(outcome: CallOutcome): void
}

/** Answers what somebody has sent, both in JSON; nothing if there is no answer, or nobody to hear it. */
export type Respond = (
  methods: Methods,
  text: string,
  isGone: () => boolean,
) => Promise<string | undefined>

/**
 * Answers what clients send so that all of them get their turn: each request of a batch waits for its
 * own, and nothing is done for a client that has gone before it came.
 */
export function createResponder({ turns, maxAnswer, onCall }: ResponderOptions): Respond {
  async function respond(methods: Methods, request: Waiting, isGone: () => boolean) {
    const answered = await turns(async () => {
      // Calls hardly ever wait for anything, so without this the next would be all that is heard.
      await setImmediate()
      return isGone() ? undefined : answer(methods, request, onCall)
    })
    return answered instanceof Later ? ((await answered.answer) as string | undefined) : answered
  }

  return async (methods, text, isGone) => {
    const { isBatch, requests } = readMessage(text)
    if (!isBatch) return respond(methods, requests[0], isGone)
    if (requests.length === 0) return UNFIT
    const answers: string[] = []
    let length = 0
    for (const request of requests) {
      const answered = (await respond(methods, request, isGone)) ?? ''
      length += answered.length
      if (length > maxAnswer) return TOO_LARGE
      if (answered) answers.push(answered)
    }
    return answers.length > 0 ? `[${answers}]` : undefined
  }
}
