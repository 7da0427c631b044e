import type { PrefixedHexString } from '@ethereumjs/util'
import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { verify } from 'hono/jwt'
import * as jsonrpc from 'jsonrpc-lite'
import { z } from 'zod'
import { breathe } from './opcodes.ts'

/** Longest request in bytes, and most requests in a batch (E-12). */
const [MAX_BODY, MAX_BATCH] = [128 * 2 ** 20, 2_000]

/** Longest difference in seconds between a token's `iat` and the clock (E-51). */
const MAX_TOKEN_AGE = 60

/** A parameter of this many bytes in hex, or of any number of them. */
export const bytes = (length?: number) => {
  const digits = length === undefined ? '([0-9a-f]{2})*' : `[0-9a-f]{${2 * length}}`
  const schema = z.string().regex(new RegExp(`^0x${digits}$`, 'i'))
  return schema.transform((text) => text.toLowerCase() as PrefixedHexString)
}
export const [HASH, ADDRESS, DATA] = [bytes(32), bytes(20), bytes()]

/** A number of up to 256 bits in hex. */
export const QUANTITY = z
  .string()
  .regex(/^0x[0-9a-f]{1,64}$/i)
  .transform(BigInt)

/** An error with a code that the caller can act on. */
export class RPCError extends Error {
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data?: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** Methods by name. Each checks its own parameters. */
export type Methods = Record<string, (params: unknown) => unknown>

/** A method that runs with parameters as their schemas read them. */
export const method =
  <T extends [] | [z.ZodType, ...z.ZodType[]]>(
    schemas: T,
    run: (...params: { [K in keyof T]: z.output<T[K]> }) => unknown,
  ) =>
  (params: unknown) =>
    run(...(z.tuple(schemas as [z.ZodType]).parse(params) as never))

/** Calls a method and wraps its result or error. */
async function answer(methods: Methods, request: jsonrpc.IParsedObject) {
  const { payload } = request
  if (payload instanceof jsonrpc.JsonRpcError) return jsonrpc.error(null, payload)
  if (!('method' in payload))
    return jsonrpc.error(null, jsonrpc.JsonRpcError.invalidRequest(undefined))
  const id = 'id' in payload ? payload.id : null
  const fail = (code: number, message: string, data?: unknown) =>
    jsonrpc.error(id, new jsonrpc.JsonRpcError(message, code, data))
  try {
    if (!Object.hasOwn(methods, payload.method))
      return fail(-32601, `the method ${payload.method} does not exist`)
    const result = await methods[payload.method](payload.params ?? [])
    return 'id' in payload ? jsonrpc.success(id, result ?? null) : undefined
  } catch (error) {
    if (error instanceof z.ZodError) return fail(-32602, z.prettifyError(error))
    const { code, message, data } = error as RPCError
    return fail(Number.isInteger(code) ? code : -32000, message, data)
  }
}

/** Answers the text of a request or batch. */
async function respond(methods: Methods, text: string) {
  const parsed = jsonrpc.parse(text)
  if (!Array.isArray(parsed)) return answer(methods, parsed)
  if (parsed.length > MAX_BATCH)
    return jsonrpc.error(null, new jsonrpc.JsonRpcError('batch too large', -32600))
  const answers = []
  for (const request of parsed) {
    await breathe()
    answers.push(await answer(methods, request))
  }
  return answers.filter((item) => item !== undefined)
}

/** Whether a request has a fresh token that is signed with the secret (E-51). */
async function isAuthorized(authorization = '', secret: Uint8Array) {
  const [scheme, token] = authorization.split(' ')
  if (scheme !== 'Bearer') return false
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['verify'])
  try {
    const { iat } = await verify(token, key, { alg: 'HS256', iat: false })
    return Math.abs(Date.now() / 1000 - iat!) <= MAX_TOKEN_AGE
  } catch {
    return false
  }
}

/**
 * Serves methods over HTTP.
 *
 * @param opts.secret - of 32 bytes; where given, requests need a token (E-51)
 */
export function listen(
  methods: Methods,
  opts: { addr: string; port: number; secret?: Uint8Array },
) {
  const { addr, port, secret } = opts
  const app = new Hono()
  app.use(async (context, next) => {
    const { authorization } = context.req.header()
    if (!secret || (await isAuthorized(authorization, secret))) return next()
    return context.text('missing, expired or forged token', 401)
  })
  app.post('/', bodyLimit({ maxSize: MAX_BODY }), async (context) =>
    context.json(await respond(methods, await context.req.text())),
  )
  return new Promise<ServerType>((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: addr, port }, () => resolve(server))
    server.on('error', reject)
  })
}
