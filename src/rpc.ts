import type { PrefixedHexString } from '@ethereumjs/util'
import { type ServerType, serve } from '@hono/node-server'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { jwtVerify } from 'jose'
import { type IParsedObject, JsonRpcError, error, parse, success } from 'jsonrpc-lite'
import { z } from 'zod'
import { encode } from './json.ts'
import { breathe } from './opcodes.ts'

/** Longest request in bytes, and most requests in a batch (E-12). */
const [MAX_BODY, MAX_BATCH] = [128 * 2 ** 20, 2_000]

/** Longest difference in seconds between a token's `iat` and the clock (E-51). */
const MAX_TOKEN_AGE = 60

/** A parameter of this many bytes in hex, or of any number of them. */
export const bytes = (length?: number) => {
  const digits = length === undefined ? '(?:[0-9a-f]{2})*' : `[0-9a-f]{${2 * length}}`
  const hex = z.string().regex(new RegExp(`^0x${digits}$`, 'i'))
  return hex.transform((text) => text.toLowerCase() as PrefixedHexString)
}
export const [HASH, ADDRESS, DATA] = [bytes(32), bytes(20), bytes()]

/** A number of up to 256 bits in hex. */
export const QUANTITY = z
  .string()
  .regex(/^0x[0-9a-f]{1,64}$/i)
  .transform(BigInt)

/** Methods by name. Each checks its own parameters. */
export type Methods = Record<string, (params: unknown) => unknown>

/** A method that runs on parameters as their schemas read them. */
export const method =
  <T extends [] | [z.ZodType, ...z.ZodType[]]>(
    schemas: T,
    run: (...params: { [K in keyof T]: z.output<T[K]> }) => unknown,
  ) =>
  async (params: unknown) =>
    encode(await run(...(z.tuple(schemas as [z.ZodType]).parse(params) as never)))

/** Calls a method. A request without `id` gets no answer. */
async function answer(methods: Methods, { payload }: IParsedObject) {
  if (payload instanceof JsonRpcError) return error(null, payload)
  if (!('method' in payload)) return error(null, JsonRpcError.invalidRequest(undefined))
  const { id, method, params = [] } = { id: undefined, ...payload }
  try {
    if (!Object.hasOwn(methods, method))
      throw new JsonRpcError(`there is no method ${method}`, -32601)
    const result = await methods[method](params)
    return id === undefined ? undefined : success(id, result ?? null)
  } catch (thrown) {
    if (thrown instanceof JsonRpcError) return error(id ?? null, thrown)
    const [code, text] =
      thrown instanceof z.ZodError
        ? [-32602, z.prettifyError(thrown)]
        : [-32000, (thrown as Error).message]
    return error(id ?? null, new JsonRpcError(text, code))
  }
}

/** Answers the text of a request or a batch. */
async function respond(methods: Methods, text: string) {
  const parsed = parse(text)
  if (!Array.isArray(parsed)) return answer(methods, parsed)
  if (parsed.length > MAX_BATCH) return error(null, new JsonRpcError('batch too large', -32600))
  const answers = []
  for (const request of parsed) {
    await breathe()
    answers.push(await answer(methods, request))
  }
  return answers.some(Boolean) ? answers.filter(Boolean) : undefined
}

/** Whether a request has a fresh token that is signed with the secret (E-51). */
async function isAuthorized(authorization = '', secret: Uint8Array) {
  const [scheme, token] = authorization.split(' ')
  const verified = await jwtVerify(token, secret, { algorithms: ['HS256'] }).catch(() => undefined)
  const age = Math.abs(Date.now() / 1000 - (verified?.payload.iat ?? Infinity))
  return scheme === 'Bearer' && age <= MAX_TOKEN_AGE
}

/** Serves methods over HTTP, to holders of the secret if there is one. @throws if it cannot */
export function listen(methods: Methods, addr: string, port: number, secret?: Uint8Array) {
  const app = new Hono()
  app.use(async (context, next) => {
    const { authorization } = context.req.header()
    if (!secret || (await isAuthorized(authorization, secret))) return next()
    return context.text('the token is missing, not fresh or not of this secret', 401)
  })
  app.post('/', bodyLimit({ maxSize: MAX_BODY }), async (context) =>
    context.json((await respond(methods, await context.req.text())) ?? null),
  )
  return new Promise<ServerType>((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname: addr, port }, () => resolve(server))
    server.on('error', reject)
  })
}
