import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { UNAUTHORIZED, isAuthorized } from './auth.ts'
import { isKnownOrigin } from './hosts.ts'
import { type ServedSocket, type SocketContext, serveSocket } from './socket.ts'

/** Most connections of a port. */
const MAX_CONNECTIONS = 2_000

/** Milliseconds between two questions for a sign of life, as in geth. */
const PING_INTERVAL = 30_000

/** See {@link createSockets}. */
export interface SocketsOptions extends Omit<SocketContext, 'unread'> {
  /** If there is one, only its holders are served. */
  secret?: Uint8Array
  /** Origins whose web pages may connect; with none, those of this machine. */
  origins?: string[]
  /** Longest message in bytes. */
  maxBytes: number
}

/** WebSocket on a port. */
export interface Sockets {
  /** Takes a connection over from HTTP. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** How many connections and subscriptions there are. */
  count(): { connections: number; subscriptions: number }
  /** Ends all connections. */
  close(): void
}

/** Answers a request that is not let in, as HTTP. */
function refuse(socket: Duplex, status: string, message: string) {
  const headers = ['connection: close', 'content-type: text/plain']
  const length = `content-length: ${Buffer.byteLength(message)}`
  socket.end([`HTTP/1.1 ${status}`, ...headers, length, '', message].join('\r\n'))
}

/** JSON-RPC over WebSocket, with subscriptions. */
export function createSockets(opts: SocketsOptions): Sockets {
  const { secret, origins = [], maxBytes } = opts
  const server = new WebSocketServer({ noServer: true, maxPayload: maxBytes })
  const served = new Set<ServedSocket>()
  const context: SocketContext = { ...opts, unread: { length: 0 } }
  const pinging = setInterval(() => {
    for (const { beat } of served) beat()
  }, PING_INTERVAL)
  pinging.unref()

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
    socket.on('error', () => {})
    const { authorization, origin } = request.headers
    if (secret && !(await isAuthorized(secret, authorization))) {
      return refuse(socket, '401 Unauthorized', UNAUTHORIZED)
    }
    if (!isKnownOrigin(origins, origin)) {
      return refuse(socket, '403 Forbidden', 'this origin may not connect')
    }
    if (server.clients.size >= MAX_CONNECTIONS) {
      return refuse(socket, '503 Service Unavailable', 'too many connections')
    }
    server.handleUpgrade(request, socket, head, (client) => {
      const connection = serveSocket(client, context)
      served.add(connection)
      client.on('close', () => served.delete(connection))
    })
  }

  function count() {
    let subscriptions = 0
    for (const connection of served) subscriptions += connection.subscriptions()
    return { connections: served.size, subscriptions }
  }

  function close() {
    clearInterval(pinging)
    for (const client of server.clients) {
      client.close(1001, 'the node ends')
      setTimeout(() => client.terminate(), 100).unref()
    }
  }
  return { upgrade: (...args) => void upgrade(...args), count, close }
}
