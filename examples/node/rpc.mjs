import { once } from 'node:events'
import { serve } from '@hono/node-server'
import { encode } from 'ethereumjs-op'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { jwtVerify } from 'jose'
import { JsonRpcError, error, parseObject, success } from 'jsonrpc-lite'
import pLimit from 'p-limit'

/** Longest request in bytes, most requests in a batch (E-12), most parameters of a request. */
const [MAX_BYTES, MAX_BATCH, MAX_PARAMS] = [128 * 2 ** 20, 2_000, 8]

/** Longest difference in seconds between a token's `iat` and the clock (E-51). */
const MAX_TOKEN_AGE = 60

/** Answers a request; one without `id` gets no answer. `undefined` is what could not be parsed. */
async function answer(methods, request) {
  if (request === undefined) return error(null, JsonRpcError.parseError('not JSON'))
  const { payload, type } = parseObject(request)
  if (type === 'invalid') return error(null, payload)
  const { id, method, params = [] } = payload
  try {
    if (!Object.hasOwn(methods, method)) throw new JsonRpcError(`no method ${method}`, -32601)
    const isList = Array.isArray(params) && params.length <= MAX_PARAMS
    if (!isList) throw new JsonRpcError(`params must be at most ${MAX_PARAMS} in a list`, -32602)
    const result = encode(await methods[method](...params)) ?? null
    return id === undefined ? undefined : success(id, result)
  } catch (thrown) {
    if (id === undefined) return undefined
    const isKnown = thrown instanceof JsonRpcError
    return error(id, isKnown ? thrown : new JsonRpcError(thrown.message, -32000))
  }
}

/** Whether a request has a fresh token that is signed with the secret (E-51). */
async function isAuthorized(secret, authorization = '') {
  const [scheme, token] = authorization.split(' ')
  const verified = await jwtVerify(token, secret, { algorithms: ['HS256'] }).catch(() => undefined)
  const age = Math.abs(Date.now() / 1000 - (verified?.payload.iat ?? Infinity))
  return scheme === 'Bearer' && age <= MAX_TOKEN_AGE
}

/**
 * Serves methods over HTTP, one call at a time, to holders of the secret if there is one.
 *
 * @param opts.port - 0 takes any that is free
 * @throws if it cannot listen
 */
export async function listen(methods, { addr, port }, secret) {
  const limit = pLimit(1)
  const respond = (request) => limit(() => answer(methods, request))
  const app = new Hono()
  app.use(bodyLimit({ maxSize: MAX_BYTES }), async (context, next) => {
    if (!secret || (await isAuthorized(secret, context.req.header('authorization')))) return next()
    return context.text('the token is missing, not fresh or not of this secret', 401)
  })
  app.post('/', async (context) => {
    const request = await context.req.json().catch(() => undefined)
    if (!Array.isArray(request)) return context.json((await respond(request)) ?? null)
    const isFit = request.length > 0 && request.length <= MAX_BATCH
    if (!isFit) return context.json(error(null, JsonRpcError.invalidRequest(request.length)))
    const answers = await Promise.all(request.map(respond))
    return context.json(answers.filter(Boolean))
  })
  const server = serve({ fetch: app.fetch, hostname: addr, port })
  await once(server, 'listening')
  return server
}
