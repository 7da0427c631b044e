/** Compares the answers of two clients to a call of the Engine API. */
import { type Answer, type AnsweredCall, JUDGING_CODES, fieldsOf, hashIn } from './exchange.ts'
import { HARMLESS } from './harmless.ts'
import type { AlarmKind } from './types.ts'

/** What an answer says. */
export interface Outcome {
  /** `unknown`: nothing about the block or the call. `error`: refused with `code`. */
  verdict: 'VALID' | 'INVALID' | 'unknown' | 'error'
  code?: number
  /** In lower case; absent where it is null or zero. */
  latestValidHash?: string
}

/** What comes of comparing two answers. */
export type Judgement =
  /** `unknown`: one of them does not know, or could not answer. `fault`: it is this client's. */
  | { type: 'same' | 'unknown' | 'fault' }
  /** Listed in harmless.ts. */
  | { type: 'harmless'; name: string; why: string }
  | { type: 'difference'; kind: AlarmKind }

const ZERO_HASH = `0x${'00'.repeat(32)}`

/** What an answer to `newPayload` or `forkchoiceUpdated` says. */
export function readOutcome({ result, error }: Answer): Outcome {
  if (error) {
    const isJudgement = JUDGING_CODES.includes(error.code)
    return isJudgement ? { verdict: 'error', code: error.code } : { verdict: 'unknown' }
  }
  const fields = fieldsOf(result)
  const { status, latestValidHash } = fieldsOf(fields.payloadStatus ?? fields)
  if (status !== 'VALID' && status !== 'INVALID') return { verdict: 'unknown' }
  const hash = hashIn(latestValidHash)
  return { verdict: status, latestValidHash: hash === ZERO_HASH ? undefined : hash }
}

/** Whether an answer of this client tells of a fault of its own. */
const isFault = ({ error }: Answer) => error !== undefined && !JUDGING_CODES.includes(error.code)

/** Compares what the main client and this one answer to `newPayload` or `forkchoiceUpdated`. */
export function judge(call: AnsweredCall, ownAnswer: Answer): Judgement {
  if (isFault(ownAnswer)) return { type: 'fault' }
  const main = readOutcome(call.answer)
  const own = readOutcome(ownAnswer)
  if (main.verdict === 'unknown' || own.verdict === 'unknown') return { type: 'unknown' }
  const isSame =
    main.verdict === own.verdict &&
    main.code === own.code &&
    main.latestValidHash === own.latestValidHash
  if (isSame) return { type: 'same' }
  const harmless = HARMLESS.find(({ fits }) => fits(main, own, call))
  if (harmless) return { type: 'harmless', name: harmless.name, why: harmless.why }
  const isError = main.verdict === 'error' || own.verdict === 'error'
  return { type: 'difference', kind: isError ? 'error' : 'status' }
}

/** An answer in a few words. */
export function describeAnswer(answer: Answer): string {
  const { error, result } = answer
  if (error) return `error ${error.code} (${error.message})`
  const fields = fieldsOf(result)
  const { status, latestValidHash, validationError } = fieldsOf(fields.payloadStatus ?? fields)
  const reason = validationError ? ` (${`${validationError}`.slice(0, 200)})` : ''
  return `${status}${reason}, latestValidHash ${latestValidHash}`
}
