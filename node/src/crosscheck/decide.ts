/** What op-node is given: the rules, without any input or output. */

import { JUDGING_CODES } from './exchange.ts'

/** What `--on-mismatch` can be. */
export const MODES = ['alert', 'halt', 'majority'] as const

/**
 * What a difference leads to: `alert` only rings; `halt` also stops op-node from going on; `majority`
 * has several engines, and gives what most of them say.
 */
export type Mode = (typeof MODES)[number]

/** What one engine made of a call. */
export type Outcome =
  /** It says something of a block. Those who say the same agree. */
  | { type: 'opinion'; says: string; verdict?: 'good' | 'bad' }
  /** It answers, but says nothing of a block: SYNCING, an error of its own, or a call about something else. */
  | { type: 'neutral'; says: string }
  /** There is no answer that could be given back. */
  | { type: 'failure'; reason: string }

/** What is to be decided on. */
export interface Situation {
  mode: Mode
  /** An alarm has rung in mode `halt`, and nobody has resumed. */
  isHalted: boolean
  method: string
  /** Of each engine in the order of preference, as far as they are known. */
  outcomes: (Outcome | undefined)[]
}

/** What op-node is given. */
export type Decision =
  /** What {@link answerHalted} says, and no engine is asked. */
  | { type: 'halted' }
  /** Nothing yet: what is still to come may decide. */
  | { type: 'wait' }
  /** The answer of the engine with this index, or its failure. */
  | { type: 'answer' | 'failure'; from: number }

const NEW_PAYLOAD = /^engine_newPayloadV\d+$/
const FORKCHOICE = /^engine_forkchoiceUpdatedV\d+$/
const GET_PAYLOAD = /^engine_getPayloadV\d+$/

/** Whether a call can move the chain: such calls are voted on, and are held by a halt. */
export const movesChain = (method: string): boolean =>
  NEW_PAYLOAD.test(method) || FORKCHOICE.test(method) || GET_PAYLOAD.test(method)

/** Decides what op-node is given. */
export function decide({ mode, isHalted, method, outcomes }: Situation): Decision {
  if (mode === 'halt' && isHalted && movesChain(method)) return { type: 'halted' }

  const votes = new Map<string, number[]>()
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome?.type !== 'opinion') continue
    votes.set(outcome.says, [...(votes.get(outcome.says) ?? []), index])
  }
  const isMajority = (count: number) => 2 * count > outcomes.length
  for (const voters of votes.values()) {
    if (isMajority(voters.length)) return { type: 'answer', from: voters[0] }
  }
  const most = Math.max(0, ...[...votes.values()].map((voters) => voters.length))
  const missing = outcomes.filter((outcome) => outcome === undefined).length
  if (missing > 0 && movesChain(method) && isMajority(most + missing)) return { type: 'wait' }

  const from = outcomes.findIndex((outcome) => outcome?.type !== 'failure')
  if (from < 0) return { type: 'failure', from: 0 }
  return outcomes[from] ? { type: 'answer', from } : { type: 'wait' }
}

/** Of {@link JUDGING_CODES} those that call attributes invalid; clients do not agree on which. */
const REFUSALS = [-38003, -32602]

const isHash = (value: unknown) => typeof value === 'string' && /^0x[0-9a-f]{64}$/i.test(value)
const lower = (value: unknown) => `${value}`.toLowerCase()

/** What a status says. */
function readStatus(value: unknown, rest = ''): Outcome {
  const { status, latestValidHash } = Object(value) as Record<string, unknown>
  const isNeutral = status === 'SYNCING' || status === 'ACCEPTED'
  if (isNeutral) return { type: 'neutral', says: status }
  const isInvalid = status === 'INVALID' || status === 'INVALID_BLOCK_HASH'
  if (!isInvalid && status !== 'VALID') {
    return { type: 'failure', reason: 'its answer has no status' }
  }
  const says = `${status} ${lower(latestValidHash ?? null)}${rest}`
  return { type: 'opinion', says, verdict: isInvalid ? 'bad' : 'good' }
}

/**
 * Reads what an engine says.
 *
 * @param answer - parsed: an object of JSON-RPC
 */
export function readOutcome(method: string, answer: unknown): Outcome {
  const { result, error } = Object(answer) as Record<string, Record<string, unknown>>
  if (error != null) {
    const { code } = error
    if (!Number.isInteger(code)) return { type: 'failure', reason: 'its error has no code' }
    const says = `error ${code}`
    if (!movesChain(method) || !JUDGING_CODES.includes(Number(code)))
      return { type: 'neutral', says }
    return { type: 'opinion', says, verdict: REFUSALS.includes(Number(code)) ? 'bad' : undefined }
  }
  if (result === undefined) return { type: 'failure', reason: 'it does not answer in JSON-RPC' }
  if (NEW_PAYLOAD.test(method)) return readStatus(result)
  if (FORKCHOICE.test(method)) {
    return readStatus(Object(result).payloadStatus, result?.payloadId ? ' with a build' : '')
  }
  if (!GET_PAYLOAD.test(method)) return { type: 'neutral', says: 'result' }
  const { executionPayload, blockHash } = Object(result) as Record<string, Record<string, unknown>>
  const hash = executionPayload?.blockHash ?? blockHash
  if (!isHash(hash)) return { type: 'failure', reason: 'its answer has no payload' }
  return { type: 'opinion', says: `payload ${lower(hash)}` }
}

/** Whether two engines cannot both be right. */
export function contradict(one: Outcome, other: Outcome): boolean {
  if (one.type !== 'opinion' || other.type !== 'opinion') return false
  const areHashes = [one, other].every(({ says }) => says.startsWith('payload '))
  if (areHashes) return one.says !== other.says
  return Boolean(one.verdict && other.verdict && one.verdict !== other.verdict)
}

/** What of an answer of JSON-RPC op-node is given while halted. */
export type HaltedAnswer = { result: unknown } | { error: { code: number; message: string } }

/** As long as nobody resumes, nothing moves: blocks are not known yet, and there is nothing to fetch. */
export function answerHalted(method: string, why: string): HaltedAnswer {
  const payloadStatus = { status: 'SYNCING', latestValidHash: null, validationError: null }
  if (NEW_PAYLOAD.test(method)) return { result: payloadStatus }
  if (FORKCHOICE.test(method)) return { result: { payloadStatus, payloadId: null } }
  return { error: { code: -32000, message: `crosscheck has halted: ${why}` } }
}
