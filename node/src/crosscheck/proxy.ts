import { once } from 'node:events'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import type { Endpoint } from '../options.ts'
import { UNAUTHORIZED } from '../rpc/auth.ts'
import { hidesMove, isOfEngine, nameOf, parseCalls } from './calls.ts'
import { type Mode, answerHalted, decide } from './decide.ts'
import type { EngineClient, EngineFailure, Message, Reply } from './engines.ts'
import { createMajority } from './majority.ts'
import { readText } from './readText.ts'
import { createRelay } from './relay.ts'
import { hasToken } from './token.ts'
import type { Alarm, Exchange } from './types.ts'

/** Longest request in bytes, as clients have it (E-12). */
const MAX_REQUEST = 128 * 2 ** 20

/** Milliseconds for a request to arrive, and between two, as the node's own ports have them. */
const TIMEOUTS = { headersTimeout: 30_000, requestTimeout: 30_000, keepAliveTimeout: 120_000 }

/** Milliseconds in which op-node may end its connections when the port closes. */
const GRACE = 500

/** How a request ended, for metrics. */
export interface RequestOutcome {
  method: string
  milliseconds: number
  /** `ok`, `halted`, `gone` where op-node did not wait, or `failure`. */
  outcome: 'ok' | 'halted' | 'gone' | 'failure'
}

/** See {@link openProxy}. */
export interface ProxyOptions {
  mode: Mode
  /** The main client, or with `majority` all of them in the order of preference. */
  engines: EngineClient[]
  authrpc: Endpoint
  /** Of op-node, 32 bytes. */
  secret: Uint8Array
  /** Why nothing may move; nothing if it may. */
  readHalt(): string | undefined
  log: Logger
  /** Hears of what the watchman must know, after op-node has its answer. */
  onExchange(exchange: Exchange): void
  onRequest(outcome: RequestOutcome): void
  /** Hears when engines contradict each other. */
  onAlarm(alarm: Alarm): void
}

/** The port for op-node. */
export interface Proxy {
  port: number
  close(): Promise<void>
}

const toJSON = (value: object, id: string) =>
  `{"jsonrpc":"2.0","id":${id},${JSON.stringify(value).slice(1)}`

const createReply = (text: string, status = 200, type = 'application/json'): Reply => {
  const body = Buffer.from(text)
  const headers = ['content-type', type, 'content-length', `${body.length}`]
  return { status, statusText: '', headers, body }
}

/** All of a request; nothing if it is too long. @throws if it ends too early */
function readRequest(incoming: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    if (Number(incoming.headers['content-length']) > MAX_REQUEST) return resolve(undefined)
    incoming.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > MAX_REQUEST) return resolve(undefined)
      chunks.push(chunk)
    })
    incoming.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)))
    incoming.on('error', reject)
    incoming.on('close', () => reject(new Error('the request ended too early')))
  })
}

function give(response: ServerResponse, { status, statusText, headers, body }: Reply) {
  response.sendDate = false
  response.writeHead(status, statusText || undefined, headers)
  response.end(body)
}

/**
 * Opens the port for op-node. What comes is passed on as it is, and what the main client answers is given
 * back as it is; what else there is to do waits until that has been sent.
 *
 * @throws if it cannot listen
 */
export async function openProxy(opts: ProxyOptions): Promise<Proxy> {
  const { mode, engines, authrpc, secret, readHalt, log, onExchange, onRequest, onAlarm } = opts
  const majority = createMajority({ engines, log, onAlarm })
  let count = 0

  /** What op-node is given while halted; nothing if its request does not move the chain. */
  function holdBack(body: Buffer, why: string): Reply | undefined {
    const parsed = parseCalls(body)
    if (!parsed) return undefined
    const [{ method, id } = { method: '', id: 'null' }] = parsed.calls
    if (hidesMove(parsed)) {
      const message = `crosscheck has halted: ${why}`
      return createReply(toJSON({ error: { code: -32000, message } }, 'null'))
    }
    const decision = decide({ mode, isHalted: true, method, outcomes: [] })
    return decision.type === 'halted'
      ? createReply(toJSON(answerHalted(method, why), id))
      : undefined
  }

  /** Tells the watchman, when whoever waits has been served. */
  async function note(
    exchange: Omit<Exchange, 'request' | 'response'>,
    body: Buffer,
    reply?: Reply,
  ) {
    await setImmediate()
    const request = body.toString()
    const text = reply && (await readText(reply).catch((error: Error) => error))
    if (text instanceof Error) onExchange({ ...exchange, request, failure: text.message })
    else onExchange({ ...exchange, request, response: text })
  }

  /** The same, where nobody waits for it. */
  function noteLater(...args: Parameters<typeof note>) {
    note(...args).catch(({ message }: Error) => {
      log.error({ error: message }, 'an exchange cannot be noted')
    })
  }

  /** Passes a request on. @throws {EngineFailure} */
  async function pass(message: Message, signal: AbortSignal): Promise<Reply> {
    if (mode !== 'majority') return engines[0].send(message, signal)
    const parsed = parseCalls(message.body)
    if (!parsed || !hidesMove(parsed)) return majority.ask(message)
    const error = {
      code: -32600,
      message: 'with several engines, their calls must not be in batches',
    }
    return createReply(toJSON({ error }, 'null'))
  }

  /** Answers a request. @throws {EngineFailure} if no engine does */
  async function answer(message: Message, signal: AbortSignal): Promise<Reply> {
    const start = performance.now()
    const at = Date.now()
    const method = nameOf(message.body)
    const tell = (outcome: RequestOutcome['outcome']) =>
      onRequest({ method, milliseconds: performance.now() - start, outcome })
    const why = mode === 'halt' ? readHalt() : undefined
    const held = why === undefined ? undefined : holdBack(message.body, why)
    if (held) {
      tell('halted')
      return held
    }
    const number = ++count
    const isNoted = isOfEngine(message.body)
    try {
      const reply = await pass(message, signal)
      tell('ok')
      if (isNoted) noteLater({ number, at }, message.body, reply)
      return reply
    } catch (error) {
      tell(signal.aborted ? 'gone' : 'failure')
      if (isNoted) noteLater({ number, at, failure: (error as Error).message }, message.body)
      throw error
    }
  }

  async function serve(incoming: IncomingMessage, response: ServerResponse) {
    if (!hasToken(secret, incoming.headers.authorization)) {
      return give(response, createReply(UNAUTHORIZED, 401, 'text/plain'))
    }
    const body = await readRequest(incoming)
    if (body === undefined) {
      response.shouldKeepAlive = false
      return give(response, createReply('the request is too long', 413, 'text/plain'))
    }
    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const { method = 'POST', url = '/', rawHeaders } = incoming
    const message = { method, path: url, headers: rawHeaders, body }
    try {
      give(response, await answer(message, gone.signal))
    } catch (error) {
      if (response.destroyed) return
      const { status = 502, message: reason } = error as EngineFailure
      give(response, createReply(`the main client: ${reason}`, status, 'text/plain'))
    }
  }

  const server = createServer(TIMEOUTS, (incoming, response) => {
    serve(incoming, response).catch(() => response.destroy())
  })
  const relay = createRelay({ secret, maxBytes: MAX_REQUEST, answer })
  server.on('upgrade', relay.upgrade)
  await once(server.listen(authrpc.port, authrpc.addr), 'listening')
  server.on('error', ({ message }) => log.error({ error: message }, 'the port for op-node'))
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    relay.close()
    await Promise.race([closed, sleep(GRACE)])
    server.closeAllConnections()
  }
  return { port: (server.address() as AddressInfo).port, close }
}
