import { Agent as HTTPAgent, type IncomingMessage, request as requestHTTP } from 'node:http'
import { Agent as HTTPSAgent, request as requestHTTPS } from 'node:https'
import { createToken } from './token.ts'

/** Most bytes of an answer. */
const MAX_ANSWER = 512 * 2 ** 20

/** Milliseconds that a connection which nobody needs is kept: less than servers keep them. */
const IDLE_TIME = 55_000

/** Headers that are about a connection and not about what is sent (RFC 9110, 7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Of a request, those that are made anew for the engine, too. */
const OWN = new Set([...HOP_BY_HOP, 'authorization', 'host', 'content-length', 'expect'])

/** A request as it is passed on. */
export interface Message {
  /** Of HTTP. */
  method: string
  /** Path and query. */
  path: string
  /** Names and values in turn, as they came. */
  headers: string[]
  body: Buffer
}

/** An answer as it came. */
export interface Reply {
  status: number
  statusText: string
  /** Names and values in turn, without those of the connection. */
  headers: string[]
  body: Buffer
}

/** Why an engine has no answer. */
export class EngineFailure extends Error {
  /** Of HTTP: 504 if it took too long, else 502. */
  readonly status: 502 | 504
  constructor(message: string, status: 502 | 504 = 502) {
    super(message)
    this.status = status
  }
}

/** See {@link createEngineClient}. */
export interface EngineOptions {
  /** Of its authenticated port, http or https. */
  url: string
  /** 32 bytes. */
  secret: Uint8Array
  /** Milliseconds that it may take to answer. */
  timeout: number
}

/** An execution client with an Engine API. */
export interface EngineClient {
  /** Host and port, for logs. */
  name: string
  /**
   * Passes a request on.
   *
   * @param signal - ends it when nobody waits for it any more
   * @throws {EngineFailure} if no answer comes, or not all of it
   */
  send(message: Message, signal?: AbortSignal): Promise<Reply>
  close(): void
}

/** Pairs of headers without those named; the names in any case. */
export function dropHeaders(headers: string[], names: Set<string>): string[] {
  const kept: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    if (!names.has(headers[at].toLowerCase())) kept.push(headers[at], headers[at + 1])
  }
  return kept
}

/** @throws {EngineFailure} if it is too long, or ends too early */
function readAll(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const tooEarly = () => reject(new EngineFailure('its answer ended too early'))
    incoming.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      length += chunk.length
      if (length > MAX_ANSWER) incoming.destroy(new EngineFailure('its answer is too long'))
    })
    incoming.on('end', () => {
      if (!incoming.complete) return tooEarly()
      resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks))
    })
    incoming.on('error', (error) => (error instanceof EngineFailure ? reject(error) : tooEarly()))
    incoming.on('close', tooEarly)
  })
}

/** What is wrong with the URL of an engine; nothing if it can be used. It may hold a password, so it is not in the text. */
export function findURLFault(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol))
    return 'must be a URL that begins with http:// or https://'
  if (url.username || url.password)
    return 'must not have a user or a password: the token takes their place'
  return undefined
}

/** Talks to an execution client over connections that stay open. */
export function createEngineClient({ url, secret, timeout }: EngineOptions): EngineClient {
  const { protocol, hostname, port, host, pathname, search } = new URL(url)
  const isSecure = protocol === 'https:'
  const options = { keepAlive: true, scheduling: 'lifo', timeout: IDLE_TIME } as const
  const agent = isSecure ? new HTTPSAgent(options) : new HTTPAgent(options)
  const request = isSecure ? requestHTTPS : requestHTTP
  const base = {
    agent,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port || (isSecure ? 443 : 80),
  }

  function send(message: Message, signal?: AbortSignal, isRetry = false): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { method, headers, body } = message
      const path = message.path === '/' ? `${pathname}${search}` : message.path
      const own = [
        ...['host', host, 'authorization', `Bearer ${createToken(secret)}`],
        ...['content-length', `${body.length}`],
      ]
      const sent = request({
        ...base,
        method,
        path,
        headers: [...dropHeaders(headers, OWN), ...own] as never,
      })
      const timer = setTimeout(() => {
        sent.destroy(new EngineFailure(`no answer within ${timeout} ms`, 504))
      }, timeout)
      const abort = () => sent.destroy(new EngineFailure('nobody waits for the answer any more'))
      signal?.addEventListener('abort', abort, { once: true })
      const end = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
      }
      let hasResponse = false
      const fail = (error: NodeJS.ErrnoException) => {
        end()
        // The engine has closed a connection that it did not need while this was on its way.
        const isStale = sent.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(error.code ?? '')
        if (isStale && !hasResponse && !isRetry) return resolve(send(message, signal, true))
        const isKnown = error instanceof EngineFailure
        reject(isKnown ? error : new EngineFailure(`${error.code ?? error.message}`))
      }
      sent.on('error', fail)
      sent.on('response', (incoming) => {
        hasResponse = true
        const { statusCode = 502, statusMessage = '', rawHeaders } = incoming
        readAll(incoming).then((answer) => {
          end()
          const headers = dropHeaders(rawHeaders, HOP_BY_HOP)
          resolve({ status: statusCode, statusText: statusMessage, headers, body: answer })
        }, fail)
      })
      if (signal?.aborted) return abort()
      sent.end(body)
    })
  }

  return {
    name: host,
    send: (message, signal) => send(message, signal),
    close: () => agent.destroy(),
  }
}
