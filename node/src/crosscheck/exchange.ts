/** Reads what op-node and the main client said to each other; nobody vouches for any of it. */
import type { Exchange } from './types.ts'

/** What comes of a call of JSON-RPC: one of both. */
export interface Answer {
  result?: unknown
  error?: { code: number; message: string }
}

/** Codes with which a client judges what it was sent; with others it says that it cannot. */
export const JUDGING_CODES = [-32602, -38002, -38003, -38004, -38005, -38006]

/** A call of the Engine API, and what the main client answered. */
export interface AnsweredCall {
  method: string
  params: unknown[]
  answer: Answer
}

/** An object of JSON whose fields may be anything; an empty one in place of all else. */
export const fieldsOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

/** A hash in lower case, if it is one. */
export function hashIn(value: unknown): `0x${string}` | undefined {
  const isHash = typeof value === 'string' && /^0x[0-9a-f]{64}$/i.test(value)
  return isHash ? (value.toLowerCase() as `0x${string}`) : undefined
}

/** A number that is a quantity in hex, if it is one. */
export function numberIn(value: unknown): number | undefined {
  const isNumber = typeof value === 'string' && /^0x[0-9a-f]{1,13}$/i.test(value)
  return isNumber ? Number(value) : undefined
}

/** What a text holds in JSON, as a list; nothing if it is no JSON. */
function parse(text: string | undefined): unknown[] {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return Array.isArray(value) ? value : [value]
  } catch {
    return []
  }
}

function readAnswer(value: unknown): Answer | undefined {
  const { result, error } = fieldsOf(value)
  const { code, message } = fieldsOf(error)
  if (typeof code === 'number') return { error: { code, message: `${message}`.slice(0, 300) } }
  return error == null && result !== undefined ? { result } : undefined
}

/**
 * The calls of the Engine API in an exchange, in their order.
 *
 * @returns those that were answered, and how many were not, or with what is no JSON-RPC
 */
export function readCalls({ request, response }: Exchange) {
  const answers = new Map<unknown, unknown>()
  for (const one of parse(response)) answers.set(fieldsOf(one).id, one)
  const calls: AnsweredCall[] = []
  let unanswered = 0
  for (const one of parse(request)) {
    const { id, method, params } = fieldsOf(one)
    if (typeof method !== 'string' || !method.startsWith('engine_')) continue
    const answer = readAnswer(answers.get(id))
    if (answer) calls.push({ method, params: Array.isArray(params) ? params : [], answer })
    else unanswered++
  }
  return { calls, unanswered }
}

/** The text after a name in JSON, up to the next quotation mark. */
function textAfter(json: string, name: string): string | undefined {
  const at = json.indexOf(`"${name}"`)
  if (at < 0) return undefined
  const start = json.indexOf('"', at + name.length + 2)
  const end = json.indexOf('"', start + 1)
  return start < 0 || end < 0 || end - start > 80 ? undefined : json.slice(start + 1, end)
}

/** What an exchange says of blocks, as far as that is seen without parsing all of it. */
export function glance({ request, response = '' }: Exchange) {
  if (!response.includes('VALID"') || response.includes('"INVALID"')) return {}
  if (request.includes('engine_newPayload')) {
    const hash = hashIn(textAfter(request, 'blockHash'))
    const number = numberIn(textAfter(request, 'blockNumber'))
    return hash && number !== undefined ? { payload: { number, hash } } : {}
  }
  if (!request.includes('engine_forkchoiceUpdated')) return {}
  const head = hashIn(textAfter(request, 'headBlockHash'))
  return head ? { head } : {}
}
