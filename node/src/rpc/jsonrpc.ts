import { InvalidBlockError } from 'ethereumjs-op'
import { encode } from 'ethereumjs-op/blockchain'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { Later, type Method, type Methods } from './methods.ts'

/** Most requests in a batch, most parameters of a request, longest message of an error and name. */
const MAX_BATCH = 2_000
const MAX_PARAMS = 8
const MAX_MESSAGE = 500
const MAX_NAME = 2_048

/** Strings and numbers of JSON; what else there is has no digits. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/gs

/** A request that waits for its turn; as text it takes little memory. */
export interface Waiting {
  text: string
  /** Its id in JSON, where reading the text would lose digits of it. */
  id?: string
}

/** What somebody has sent, if it is JSON. */
export interface Message {
  isBatch: boolean
  requests: Waiting[]
}

/** How a call ended. */
export interface CallOutcome {
  /** The name of a method that there is, or `unknown`. */
  method: string
  milliseconds: number
  /** The code of the error, if it is one. */
  code?: number
  /** What was thrown, if it is a fault of the node. */
  fault?: Error
}

export const toRefusal = (message: string, code: number, id = 'null', data?: unknown): string =>
  `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify({ code, message, data })}}`

/** What a batch is answered with that is not fit, or whose answers are too long. */
export const UNFIT = toRefusal(`a batch is of 1 to ${MAX_BATCH} requests`, -32600)
export const TOO_LARGE = toRefusal('response too large', -32003)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Reads JSON with its numbers as strings, so that they keep all digits. */
const parseDigits = (text: string): unknown =>
  JSON.parse(text.replace(TOKENS, (token) => (token.startsWith('"') ? token : `"${token}"`)))

const idOf = (request: unknown): unknown => (request == null ? undefined : Object(request).id)
const losesDigits = (id: unknown) => typeof id === 'number' && !Number.isSafeInteger(id)

/** The requests of a batch. @throws if they are nested too deep to be written again */
function readBatch(text: string, list: unknown[]): Waiting[] {
  if (list.length > MAX_BATCH) return []
  const isExact = !list.some((request) => losesDigits(idOf(request)))
  const exact = isExact ? list : (parseDigits(text) as unknown[])
  return list.map((request, index) => ({
    text: JSON.stringify(request),
    id: losesDigits(idOf(request)) ? (idOf(exact[index]) as string) : undefined,
  }))
}

/** Takes apart what somebody has sent; a batch that is too long has no requests. */
export function readMessage(text: string): Message {
  const list = /^\s*\[/.test(text) ? parse(text) : undefined
  try {
    if (Array.isArray(list)) return { isBatch: true, requests: readBatch(text, list) }
  } catch {}
  return { isBatch: false, requests: [{ text }] }
}

/** The id of a request in JSON, as it came (E-37); none if there is none, or it is no id. */
function readId(request: unknown, { text, id: exact }: Waiting): string | undefined {
  if (exact !== undefined) return exact
  const id = idOf(request)
  if (id === undefined || id instanceof Object) return undefined
  return losesDigits(id) ? (idOf(parseDigits(text)) as string) : JSON.stringify(id)
}

/** Parameters of a call; those at the end that are null are as good as absent. */
function readParams(params: unknown): unknown[] {
  if (params == null) return []
  if (!Array.isArray(params)) throw new JsonRpcError('params must be a list', -32602)
  const isFit = params.length <= MAX_PARAMS
  if (!isFit) throw new JsonRpcError(`params must be at most ${MAX_PARAMS}`, -32602)
  return params.slice(0, params.findLastIndex((param) => param != null) + 1)
}

/** An error as the caller sees it: what is not meant for callers would show them our internals. */
function toError(thrown: unknown) {
  if (thrown instanceof JsonRpcError) {
    const { message, code, data, cause } = thrown as JsonRpcError & { cause?: Error }
    return { message: message.slice(0, MAX_MESSAGE), code, data, fault: cause }
  }
  const { message } = thrown as Error
  if (thrown instanceof InvalidBlockError) {
    return { message: message.slice(0, MAX_MESSAGE), code: -32000 }
  }
  const fault = thrown instanceof Error ? thrown : new Error(String(thrown))
  return { message: 'internal error', code: -32603, fault }
}

/** The method that a request names. @throws if there is none */
function findMethod(methods: Methods, name: string): Method {
  if (Object.hasOwn(methods, name)) return methods[name]
  const isLong = name.length > MAX_NAME
  const message = isLong
    ? `method name too long: ${name.length} > ${MAX_NAME}`
    : `the method ${name} does not exist/is not available`
  throw new JsonRpcError(message, -32601)
}

/**
 * Answers a request as text of JSON, now or later. One without `id` is a notification and has no
 * answer.
 *
 * @param onCall - hears how it ended
 */
export async function answer(
  methods: Methods,
  waiting: Waiting,
  onCall: (outcome: CallOutcome) => void,
): Promise<string | undefined | Later> {
  const request = parse(waiting.text)
  if (request === undefined) return toRefusal('not JSON', -32700)
  const id = readId(request, waiting)
  const { jsonrpc, method, params } = Object(request) as Record<string, unknown>
  const isRequest = jsonrpc === '2.0' && typeof method === 'string' && method !== ''
  if (!isRequest || (id === undefined && idOf(request) !== undefined)) {
    return toRefusal('not a request of JSON-RPC 2.0', -32600, id)
  }
  const start = performance.now()
  function end(error: { code?: number; fault?: Error }) {
    const name = Object.hasOwn(methods, method as string) ? (method as string) : 'unknown'
    onCall({ method: name, milliseconds: performance.now() - start, ...error })
  }
  async function settle(call: () => unknown): Promise<string | undefined | Later> {
    try {
      const result = await call()
      if (result instanceof Later) return new Later(settle(() => result.answer))
      const text = JSON.stringify(encode(result) ?? null)
      end({})
      return id === undefined ? undefined : `{"jsonrpc":"2.0","id":${id},"result":${text}}`
    } catch (thrown) {
      const { message, code, data, fault } = toError(thrown)
      end({ code, fault })
      return id === undefined ? undefined : toRefusal(message, code, id, data)
    }
  }
  return settle(() => findMethod(methods, method)(...readParams(params)))
}
