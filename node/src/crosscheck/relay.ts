import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocket, WebSocketServer } from 'ws'
import { UNAUTHORIZED } from '../rpc/auth.ts'
import { parseCalls } from './calls.ts'
import type { Message, Reply } from './engines.ts'
import { hasToken } from './token.ts'

/** Milliseconds between two questions for a sign of life. */
const PING_INTERVAL = 30_000

/** See {@link createRelay}. */
export interface RelayOptions {
  /** Of op-node, 32 bytes. */
  secret: Uint8Array
  /** Longest message. */
  maxBytes: number
  /** Answers a message as if it had come over HTTP. @throws if nobody does */
  answer(message: Message, signal: AbortSignal): Promise<Reply>
}

/** The errors that a message is answered with which has no answer: temporary ones, so that op-node tries again. */
function toErrors(body: Buffer, message: string): string {
  const { isBatch, calls } = parseCalls(body) ?? { isBatch: false, calls: [{ id: 'null' }] }
  const error = JSON.stringify({ code: -32603, message: `the main client: ${message}` })
  const errors = calls.map(({ id }) => `{"jsonrpc":"2.0","id":${id},"error":${error}}`)
  return isBatch ? `[${errors}]` : errors[0]
}

/**
 * Serves op-node over WebSocket. Each message goes to the engines over HTTP, so that it is treated as any other
 * request; engines refuse subscriptions there, of which op-node has none.
 */
export function createRelay({ secret, maxBytes, answer }: RelayOptions) {
  const server = new WebSocketServer({ noServer: true, maxPayload: maxBytes })
  const alive = new WeakSet<WebSocket>()
  const pinging = setInterval(() => {
    for (const client of server.clients) {
      if (!alive.delete(client)) client.terminate()
      else client.ping()
    }
  }, PING_INTERVAL)
  pinging.unref()

  function serve(client: WebSocket) {
    const gone = new AbortController()
    const live = () => alive.add(client)
    live()
    client.on('pong', live)
    client.on('error', () => {})
    client.on('close', () => gone.abort())
    client.on('message', async (data: Buffer) => {
      live()
      const headers = ['content-type', 'application/json']
      const message = { method: 'POST', path: '/', headers, body: data }
      let text: string
      try {
        const { status, body } = await answer(message, gone.signal)
        text = status === 200 ? body.toString() : toErrors(data, `HTTP status ${status}`)
      } catch (error) {
        text = toErrors(data, (error as Error).message)
      }
      if (text !== '' && client.readyState === WebSocket.OPEN) client.send(text)
    })
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
    socket.on('error', () => {})
    if (hasToken(secret, request.headers.authorization)) {
      return server.handleUpgrade(request, socket, head, serve)
    }
    const lines = ['HTTP/1.1 401 Unauthorized', 'connection: close', 'content-type: text/plain']
    const length = `content-length: ${Buffer.byteLength(UNAUTHORIZED)}`
    socket.end([...lines, length, '', UNAUTHORIZED].join('\r\n'))
  }

  function close() {
    clearInterval(pinging)
    for (const client of server.clients) {
      client.close(1001, 'crosscheck ends')
      setTimeout(() => client.terminate(), 100).unref()
    }
  }
  return { upgrade, close }
}
