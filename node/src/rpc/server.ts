import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type HttpBindings, serve } from '@hono/node-server'
import { Hono } from 'hono/tiny'
import type { LimitFunction } from 'p-limit'
import type { Sockets } from './sockets.ts'

/** Milliseconds for the head of a request, for all of it, and between two, as geth has them. */
const TIMEOUTS = { headersTimeout: 30_000, requestTimeout: 30_000, keepAliveTimeout: 120_000 }

/** Milliseconds in which clients may end their connections when the port closes. */
const GRACE = 500

/** Serves requests over HTTP, as Hono does. */
export interface HTTPHandler {
  fetch(request: Request, env: HttpBindings): Response | Promise<Response>
}

/** See {@link listen}. */
export interface ListenOptions {
  addr: string
  /** 0 takes any that is free. */
  port: number
  /** What is served over HTTP; nothing if it is left out. */
  http?: HTTPHandler
  /** What is served over WebSocket; nothing if it is left out. */
  sockets?: Sockets
  /** The turns of what is served, which are over when the port closes. */
  turns?: LimitFunction
}

/** A port that listens. */
export interface Listener {
  port: number
  /** Stops listening, and resolves when the call that runs has ended. */
  close(): Promise<void>
}

/**
 * Opens a port.
 *
 * @throws if it cannot listen
 */
export async function listen(opts: ListenOptions): Promise<Listener> {
  const { addr, port, sockets, turns } = opts
  const nothing = new Hono().notFound((context) => context.text('only WebSocket is here', 426))
  const http: HTTPHandler = opts.http ?? nothing
  const server = serve({
    // It does not speak HTTP/2.
    fetch: (request, env) => http.fetch(request, env as HttpBindings),
    hostname: addr,
    port,
    serverOptions: TIMEOUTS,
  }) as Server
  if (sockets) server.on('upgrade', sockets.upgrade)
  await once(server, 'listening')
  const close = async () => {
    const closed = once(server, 'close')
    server.close()
    sockets?.close()
    turns?.clearQueue()
    await turns?.(() => {})
    await Promise.race([closed, sleep(GRACE)])
    server.closeAllConnections()
  }
  return { port: (server.address() as AddressInfo).port, close }
}
