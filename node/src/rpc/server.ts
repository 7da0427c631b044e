import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { serve } from '@hono/node-server'
import { encode } from 'ethereumjs-op/blockchain'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { jwtVerify } from 'jose'
import { JsonRpcError, error, parseObject, success } from 'jsonrpc-lite'
import pLimit from 'p-limit'
import { Later, type Methods } from './methods.ts'

/** Most requests in a batch, most parameters of a request, longest message of an error. */
const MAX_BATCH = 2_000
const MAX_PARAMS = 8
const MAX_MESSAGE = 500

const toRefusal = (message: string, code: number) =>
  JSON.stringify(error(null, new JsonRpcError(message, code)))

/** What a batch is answered with that is not fit, or whose answers are too long. */
const UNFIT = toRefusal(`a batch is of 1 to ${MAX_BATCH} requests`, -32600)
const TOO_LARGE = toRefusal('response too large', -32003)

/** Milliseconds for the head of a request, for all of it, and between two, as geth has them. */
const TIMEOUTS = { headersTimeout: 30_000, requestTimeout: 30_000, keepAliveTimeout: 120_000 }

/** Milliseconds in which clients may end their connections when the port closes. */
const GRACE = 500

/** Longest difference in seconds between a token's `iat` and the clock (E-51). */
const MAX_TOKEN_AGE = 60

/** What `read` makes of JSON, if it is that. */
function parse<T>(text: string, read: (value: unknown) => T): T | undefined {
  try {
    return read(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** The requests of a batch, if it is one; none of one that is too long. */
function split(text: string): string[] | undefined {
  const toTexts = (requests: unknown[]) => requests.map((request) => JSON.stringify(request))
  const read = (value: unknown) => {
    const requests = value as unknown[]
    return requests.length > MAX_BATCH ? [] : toTexts(requests)
  }
  return /^\s*\[/.test(text) ? parse(text, read) : undefined
}

/** A request of JSON-RPC. */
interface Request {
  id?: string | number
  method: string
  params?: unknown
}

/** The answer to a request with what came of it, or what it threw; one without `id` gets none. */
async function settle(id: Request['id'], outcome: () => unknown): Promise<unknown> {
  try {
    const result = await outcome()
    if (result instanceof Later) return new Later(settle(id, () => result.answer))
    const encoded = encode(result) ?? null
    return id === undefined ? undefined : success(id, encoded)
  } catch (thrown) {
    if (id === undefined) return undefined
    const { message, code, data } = thrown as Error & { code?: unknown; data?: unknown }
    const known = Number.isInteger(code) ? (code as number) : -32000
    return error(id, new JsonRpcError(message.slice(0, MAX_MESSAGE), known, data))
  }
}

/** Answers a request, now or later. */
async function answer(methods: Methods, text: string) {
  const request = parse(text, Object)
  if (request === undefined) return error(null, JsonRpcError.parseError('not JSON'))
  const parsed = parseObject(request)
  // Its data would repeat the request.
  if (parsed.type === 'invalid') {
    return error(null, new JsonRpcError(parsed.payload.message, parsed.payload.code))
  }
  const { id, method, params = [] } = parsed.payload as Request
  return settle(id, () => {
    if (!Object.hasOwn(methods, method)) throw new JsonRpcError('there is no such method', -32601)
    if (!Array.isArray(params) || params.length > MAX_PARAMS)
      throw new JsonRpcError(`params must be at most ${MAX_PARAMS} in a list`, -32602)
    return methods[method](...params)
  })
}

/** Whether a request has a fresh token that is signed with the secret (E-51). */
async function isAuthorized(secret: Uint8Array, authorization = ''): Promise<boolean> {
  const [scheme, token] = authorization.split(' ')
  const verified = await jwtVerify(token, secret, { algorithms: ['HS256'] }).catch(() => undefined)
  const age = Math.abs(Date.now() / 1000 - (verified?.payload.iat ?? Infinity))
  return scheme === 'Bearer' && age <= MAX_TOKEN_AGE
}

/** See {@link listen}. */
export interface ListenOptions {
  addr: string
  /** 0 takes any that is free. */
  port: number
  /** If there is one, only its holders are served. */
  secret?: Uint8Array
  /** Longest request. */
  maxBytes: number
  /** Length from which on the rest of a batch is not executed. */
  maxAnswer: number
}

/** A port that listens. */
export interface Listener {
  port: number
  /** Stops listening, and resolves when the call that runs has ended. */
  close(): Promise<void>
}

/**
 * Serves methods over HTTP, one call at a time.
 *
 * @throws if it cannot listen
 */
export async function listen(methods: Methods, opts: ListenOptions): Promise<Listener> {
  const { addr, port, secret, maxBytes, maxAnswer } = opts
  const limit = pLimit(1)
  /**
   * The answer to a request, both in JSON; as text they take little memory while they wait. Nothing
   * is done for a client that has gone before its turn came.
   */
  const respond = async (text: string, signal: AbortSignal) => {
    const respondNow = async () => {
      // Calls hardly ever wait for anything, so without this the next would be all that is heard.
      await setImmediate()
      return signal.aborted ? undefined : answer(methods, text)
    }
    const answered = await limit(respondNow)
    return JSON.stringify(answered instanceof Later ? await answered.answer : answered)
  }
  /** Answers the requests of a batch in order, so that other clients get their turn between them. */
  async function respondAll(texts: string[], signal: AbortSignal) {
    if (texts.length === 0) return UNFIT
    const answers: string[] = []
    let length = 0
    for (const request of texts) {
      const text = (await respond(request, signal)) ?? ''
      length += text.length
      if (length > maxAnswer) return TOO_LARGE
      if (text) answers.push(text)
    }
    return answers.length > 0 ? `[${answers}]` : undefined
  }
  const app = new Hono()
  // The original writes what it does not know to standard error: of requests that end too early, say.
  app.onError((error, context) =>
    'getResponse' in error ? error.getResponse() : context.text(error.message, 500),
  )
  app.use(async (context, next) => {
    if (!secret || (await isAuthorized(secret, context.req.header('authorization')))) return next()
    return context.text('the token is missing, not fresh or not of this secret', 401)
  })
  app.post('/', bodyLimit({ maxSize: maxBytes }), async (context) => {
    const body = await context.req.text()
    const texts = split(body)
    const { signal } = context.req.raw
    const text = await (texts ? respondAll(texts, signal) : respond(body, signal))
    if (text === undefined) return context.body(null, 204)
    return context.body(text, 200, { 'content-type': 'application/json' })
  })
  const options = { fetch: app.fetch, hostname: addr, port, serverOptions: TIMEOUTS }
  const server = serve(options) as Server
  await once(server, 'listening')
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    limit.clearQueue()
    await limit(() => {})
    await Promise.race([closed, sleep(GRACE)])
    server.closeAllConnections()
  }
  return { port: (server.address() as AddressInfo).port, close }
}
