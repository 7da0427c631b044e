import { encode } from 'ethereumjs-op/blockchain'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { WebSocket } from 'ws'
import type { Methods, OpenSubscriptions, Subscriptions } from './methods.ts'
import type { Respond } from './responder.ts'

/** Most subscriptions of a connection. */
const MAX_SUBSCRIPTIONS = 100

/** Requests that wait, in number and characters, from which on no more are read from a connection. */
const MAX_WAITING = 16
const MAX_WAITING_LENGTH = 2 ** 20

/** Requests that come at once, in one packet, from which on a connection is ended. */
const MAX_FLOOD = 2_000

/** Characters of notifications that a client has not read, from which on its connection is ended. */
const MAX_UNREAD = 2 ** 20

/** Characters that clients have not read in all, from which on one that adds to them is ended. */
const MAX_ALL_UNREAD = 2 ** 27

/** Milliseconds without any sign of life after which a connection is ended. */
const MAX_SILENCE = 60_000

/** What one connection shares with the others of its port. */
export interface SocketContext {
  methods: Methods
  respond: Respond
  openSubscriptions: OpenSubscriptions
  /** Characters that clients have not read yet. */
  unread: { length: number }
  /** Hears why a client is dropped. */
  onDrop(reason: string): void
}

/** A connection that is served. */
export interface ServedSocket {
  /** Asks for a sign of life, or ends the connection if there was none for too long. */
  beat(): void
  /** How many subscriptions it has. */
  subscriptions(): number
}

/** JSON of results that several subscriptions tell, which are many on a busy port. */
const texts = new WeakMap<object, string>()

function toText(result: unknown): string {
  if (!(result instanceof Object)) return JSON.stringify(encode(result))
  const text = texts.get(result) ?? JSON.stringify(encode(result))
  texts.set(result, text)
  return text
}

/**
 * Serves one client over WebSocket. Its requests are answered one after the other, the next when the
 * answer before has been sent, so that others get their turn and what it does not read is bounded.
 */
export function serveSocket(socket: WebSocket, context: SocketContext): ServedSocket {
  const { respond, openSubscriptions, unread, onDrop } = context
  const waiting: string[] = []
  let waitingLength = 0
  let isCalling = false
  let isRunning = false
  let lastSign = performance.now()
  let subscriptions: Subscriptions | undefined
  const ids = new Set<unknown>()
  /** Subscriptions whose id the client does not know yet, and what they have told. */
  const fresh = new Set<string>()
  let held: string[] = []
  let unreadNotifications = 0

  const isGone = () => socket.readyState !== WebSocket.OPEN
  const sign = () => {
    lastSign = performance.now()
  }
  function drop(reason: string) {
    if (isGone()) return
    onDrop(reason)
    socket.terminate()
  }

  /** Resolves when the client's system has taken it, or the connection has ended. */
  function send(text: string): Promise<void> {
    unread.length += text.length
    const sent = new Promise<void>((resolve) => socket.send(text, () => resolve()))
    if (unread.length > MAX_ALL_UNREAD) drop('clients leave too much unread')
    return sent.then(() => {
      unread.length -= text.length
    })
  }

  function tell(text: string) {
    unreadNotifications += text.length
    void send(text).then(() => {
      unreadNotifications -= text.length
    })
    if (unreadNotifications > MAX_UNREAD) drop('does not read its notifications')
  }

  function notify(subscription: string, result: unknown) {
    if (isGone()) return
    const params = `{"subscription":${JSON.stringify(subscription)},"result":${toText(result)}}`
    const text = `{"jsonrpc":"2.0","method":"eth_subscription","params":${params}}`
    if (!fresh.has(subscription)) return tell(text)
    held.push(text)
  }

  function subscribe(kind: unknown, ...params: unknown[]) {
    if (ids.size >= MAX_SUBSCRIPTIONS) {
      throw new JsonRpcError(`too many subscriptions: at most ${MAX_SUBSCRIPTIONS}`, -32005)
    }
    subscriptions ??= openSubscriptions(notify)
    const id = subscriptions.subscribe(kind, ...params)
    ids.add(id)
    fresh.add(id)
    return id
  }

  function unsubscribe(id: unknown) {
    if (!subscriptions?.unsubscribe(id)) throw new JsonRpcError('subscription not found', -32000)
    return ids.delete(id)
  }

  const isServed = Object.hasOwn(context.methods, 'eth_subscribe')
  const own = { eth_subscribe: subscribe, eth_unsubscribe: unsubscribe }
  const methods = isServed ? { ...context.methods, ...own } : context.methods

  async function answerNext(text: string) {
    isCalling = true
    const answered = await respond(methods, text, isGone)
    isCalling = false
    if (isGone()) return
    if (answered !== undefined) await send(answered)
    sign()
    fresh.clear()
    for (const notification of held) tell(notification)
    held = []
  }

  async function run() {
    isRunning = true
    while (waiting.length > 0 && !isGone()) {
      const text = waiting.shift()!
      waitingLength -= text.length
      await answerNext(text)
      const isFew = waiting.length < MAX_WAITING && waitingLength < MAX_WAITING_LENGTH
      if (socket.isPaused && isFew) socket.resume()
    }
    isRunning = false
  }

  socket.on('message', (data) => {
    sign()
    const text = String(data)
    waiting.push(text)
    waitingLength += text.length
    if (waiting.length > MAX_FLOOD) return drop('sends too much at once')
    if (waiting.length >= MAX_WAITING || waitingLength >= MAX_WAITING_LENGTH) socket.pause()
    if (!isRunning) void run()
  })
  socket.on('pong', sign)
  // It ends then, which is all there is to say.
  socket.on('error', () => {})
  socket.on('close', () => {
    waiting.length = 0
    subscriptions?.close()
    ids.clear()
  })

  function beat() {
    // Nothing is heard of a client that is not read because its call runs.
    if (isCalling) sign()
    if (performance.now() - lastSign > MAX_SILENCE) return drop('gives no sign of life')
    socket.ping()
  }
  return { beat, subscriptions: () => ids.size }
}
