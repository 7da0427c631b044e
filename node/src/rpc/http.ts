import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { compress } from 'hono/compress'
import { cors } from 'hono/cors'
import { Hono } from 'hono/tiny'
import { UNAUTHORIZED, isAuthorized } from './auth.ts'
import type { Health } from './health.ts'
import { isKnownHost } from './hosts.ts'
import type { Methods } from './methods.ts'
import { readBody } from './body.ts'
import type { Respond } from './responder.ts'

/** What JSON-RPC may be called, as in geth. No web page can send these without being asked first. */
const CONTENT_TYPES = ['application/json', 'application/json-rpc', 'application/jsonrequest']

/** Seconds for which browsers remember that they may call. */
const CORS_AGE = 600

/**
 * Characters of an answer from which on it is compressed for clients that accept it. That of geth is
 * whatever its length; op-node is on the same machine, so its port does not compress.
 */
const MIN_COMPRESSED = 1_400
const zip = compress({ encoding: 'gzip' })

/** See {@link createHTTP}. */
export interface HTTPHandlerOptions {
  methods: Methods
  respond: Respond
  /** If there is one, only its holders are served. */
  secret?: Uint8Array
  /** Names by which the port may be called; without them it does not matter. */
  vhosts?: string[]
  /** Origins whose web pages may call. */
  corsdomain?: string[]
  /** Longest request in bytes. */
  maxBytes: number
  health?: Health
}

/** Whose web pages may call. @throws for patterns, which are not supported */
export function createCORS(corsdomain: string[]) {
  for (const domain of corsdomain) {
    if (domain === '*' || !domain.includes('*')) continue
    throw new Error(`--http.corsdomain: ${domain} is a pattern; give whole origins, or *`)
  }
  const known = corsdomain.map((domain) => domain.toLowerCase())
  const origin = known.includes('*')
    ? '*'
    : (from: string) => (known.includes(from.toLowerCase()) ? from : undefined)
  return cors({ origin, allowMethods: ['POST', 'GET'], maxAge: CORS_AGE })
}

/** What Node.js has of a request. The web's `Request` of it takes as long as a simple call. */
type Env = { Bindings: HttpBindings }

/** JSON-RPC over HTTP, with the checks of geth in its order. */
export function createHTTP(opts: HTTPHandlerOptions): Hono<Env> {
  const { methods, respond, secret, vhosts = ['*'], corsdomain = [], maxBytes, health } = opts
  const app = new Hono<Env>()
  // The original writes what it does not know to standard error: of requests that end too early, say.
  app.onError((error, context) =>
    'getResponse' in error
      ? (error as unknown as { getResponse(): Response }).getResponse()
      : context.text('the request cannot be read', 500),
  )
  app.use(async (context, next) => {
    const { authorization } = context.env.incoming.headers
    if (!secret || (await isAuthorized(secret, authorization))) return next()
    return context.text(UNAUTHORIZED, 401)
  })
  app.use(async (context, next) =>
    isKnownHost(vhosts, context.env.incoming.headers.host)
      ? next()
      : context.text('invalid host specified', 403),
  )
  if (corsdomain.length > 0) app.use(createCORS(corsdomain))

  const answer = async (context: Context<Env>) => {
    const { incoming } = context.env
    const body = await readBody(incoming, maxBytes)
    if (body === undefined) return context.text('the request is too long', 413)
    const text = await respond(methods, body, () => incoming.socket.destroyed)
    if (text === undefined) return context.body(null, 204)
    const send = () => context.body(text, 200, { 'content-type': 'application/json' })
    if (secret || text.length < MIN_COMPRESSED) return send()
    await zip(context, async () => {
      context.res = send()
    })
    return context.res
  }
  app.post('/', (context) => {
    const [type] = (context.env.incoming.headers['content-type'] ?? '').split(';')
    if (CONTENT_TYPES.includes(type.trim().toLowerCase())) return answer(context)
    return context.text('invalid content type, only application/json is supported', 415)
  })
  // Load balancers ask whether somebody is there.
  app.get('/', (context) => context.body(null, 200))
  app.options('/', (context) => context.body(null, 204))
  app.all('/', (context) => context.text('method not allowed', 405))
  if (health) {
    for (const name of ['health', 'ready'] as const) {
      app.get(`/${name}`, (context) => {
        const { status, body } = health[name]()
        return context.json(body, status, { 'cache-control': 'no-store' })
      })
    }
  }
  return app
}
