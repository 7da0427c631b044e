/** Main clients that answer as told, and a crosscheck between them and whoever plays op-node. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  Agent,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  createServer,
  request,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { type CrosscheckOptions, startCrosscheck } from '../node/dist/crosscheck/start.js'
import type { Logger } from '../node/dist/logger.js'
import type { JSONValue } from './helpers.ts'
import { MAIN, accepts, createToken, freePort, observe } from './node-helpers-faults.ts'

/** Of op-node, and of the main clients. */
export const SECRET = new Uint8Array(32).fill(0x11)
export const ENGINE_SECRET = new Uint8Array(32).fill(0x22)

export const GENESIS = JSON.parse(readFileSync('examples/genesis.json', 'utf8'))

export const HASH = `0x${'ab'.repeat(32)}`
export const OTHER = `0x${'cd'.repeat(32)}`
export const ZERO = `0x${'00'.repeat(32)}`

/** A call as a main client gets it. */
export interface Received {
  method: string
  params: JSONValue[]
  body: Buffer
  incoming: IncomingMessage
}

/** Answers a call: text is the result in JSON, or it does anything else with the connection. */
export type Script = (call: Received, response: ServerResponse) => string | undefined

/** A main client that does as it is told. */
export interface Fake {
  url: string
  port: number
  /** What it got, oldest first. */
  received: Received[]
  /** What it does from now on. */
  script: Script
  stop(): Promise<void>
  /** Listens again on the same port. */
  restart(): Promise<void>
}

/** Starts a main client that does as it is told. It ends with the test. */
export async function startFake(t: Test, script: Script): Promise<Fake> {
  const received: Received[] = []
  let server: Server
  const fake: Fake = { url: '', port: 0, received, script, stop, restart }
  async function restart() {
    server = createServer(async (incoming, response) => {
      const chunks: Buffer[] = []
      try {
        for await (const chunk of incoming) chunks.push(chunk)
      } catch {
        return
      }
      const body = Buffer.concat(chunks)
      const { method = '', params = [], id } = JSON.parse(body.toString())
      const call = { method, params, body, incoming }
      received.push(call)
      const result = fake.script(call, response)
      if (result === undefined) return
      response.setHeader('content-type', 'application/json')
      response.end(`{"jsonrpc":"2.0","id":${JSON.stringify(id)},${result}}`)
    })
    await once(server.listen(fake.port, '127.0.0.1'), 'listening')
    fake.port = (server.address() as AddressInfo).port
    fake.url = `http://127.0.0.1:${fake.port}`
  }
  async function stop() {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  await restart()
  t.teardown(stop)
  return fake
}

export const VALID = (hash = HASH) =>
  `"result":{"status":"VALID","latestValidHash":"${hash}","validationError":null}`
export const INVALID =
  '"result":{"status":"INVALID","latestValidHash":null,"validationError":"it is wrong"}'
export const SYNCING = '"result":{"status":"SYNCING","latestValidHash":null,"validationError":null}'
export const refusal = (code: number) => `"error":{"code":${code},"message":"no"}`

/** The status of a forkchoice, with the id of a build or without. */
export const chosen = (id: string | null = null, hash = HASH) =>
  `"result":{"payloadStatus":{"status":"VALID","latestValidHash":"${hash}","validationError":null},"payloadId":${JSON.stringify(id)}}`

/** A line of the log. */
export interface Line {
  level: keyof Logger
  message: string
  fields: Record<string, unknown>
}

/** A log that is remembered. */
export function recordLog() {
  const lines: Line[] = []
  const add = (level: keyof Logger) => (fields: object, message: string) => {
    lines.push({ level, message, fields: fields as Record<string, unknown> })
  }
  const log: Logger = {
    debug: add('debug'),
    info: add('info'),
    warn: add('warn'),
    error: add('error'),
  }
  return { log, lines }
}

const agent = new Agent({ keepAlive: true })

/** An answer over HTTP, as it came. */
export interface Answered {
  status: number
  headers: string[]
  body: Buffer
  /** The parsed body. */
  json(): JSONValue
}

/** Sends a body as op-node does. @throws if the connection breaks */
export function send(
  port: number,
  body: string | Buffer,
  opts: { secret?: Uint8Array | null; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Answered> {
  const { secret = SECRET, headers = {}, signal } = opts
  const token = secret && { authorization: `Bearer ${createToken({ secret })}` }
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...{ agent, host: '127.0.0.1', port, method: 'POST', signal },
        headers: {
          'content-type': 'application/json',
          'content-length': `${Buffer.byteLength(body)}`,
          ...token,
          ...headers,
        },
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const whole = Buffer.concat(chunks)
          const { statusCode: status = 0, rawHeaders } = response
          const json = () => JSON.parse(whole.toString())
          resolve({ status, headers: rawHeaders, body: whole, json })
        })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** A call in JSON. */
export const toBody = (method: string, params: unknown[] = [], id: number | string = 1) =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params })

/** Starts a crosscheck in this process. It ends with the test. */
export async function start(
  t: Test,
  fakes: { url: string }[],
  opts: Partial<CrosscheckOptions> = {},
) {
  const { log, lines } = recordLog()
  const any = { addr: '127.0.0.1', port: 0 }
  const datadir = opts.datadir ?? t.testdir({})
  const crosscheck = await startCrosscheck({
    mode: 'alert',
    engines: fakes.map(({ url }) => ({ url, secret: ENGINE_SECRET })),
    timeout: 10_000,
    genesis: GENESIS,
    datadir,
    sample: 1,
    authrpc: any,
    http: any,
    secret: SECRET,
    log,
    ...opts,
  })
  t.teardown(crosscheck.close)
  const health = async () => {
    const response = await fetch(`http://127.0.0.1:${crosscheck.httpPort}/health`)
    return { status: response.status, body: (await response.json()) as JSONValue }
  }
  return { ...crosscheck, datadir, lines, health }
}

/** Waits until something is so. @throws after half a minute */
export async function until(isSo: () => unknown, what: string) {
  for (let tries = 0; tries < 1_500; tries++) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`not within half a minute: ${what}`)
}

/** Changes what a main client answers. */
export type Alter = (method: string, answer: JSONValue, params: JSONValue[]) => JSONValue

/** Puts somebody between crosscheck and a node who may change its answers. @returns the URL */
export async function openFaultyMain(t: Test, node: { authUrl: string }, alter: Alter) {
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of incoming) chunks.push(chunk)
    const body = Buffer.concat(chunks).toString()
    const { authorization = '' } = incoming.headers
    const headers = { 'content-type': 'application/json', authorization }
    const answered = await fetch(node.authUrl, { method: 'POST', headers, body }).catch(() => {})
    if (!answered) return response.destroy()
    const request = JSON.parse(body)
    const answers = [(await answered.json()) as JSONValue].flat()
    const altered = [request]
      .flat()
      .map(({ method, params }, index) => alter(method, answers[index], params))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(Array.isArray(request) ? altered : altered[0]))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Starts the command `crosscheck` and waits until op-node can use it. @throws if it ends before */
export async function spawnCrosscheck(t: Test, args: string[]) {
  const [port, httpPort] = [await freePort(), await freePort()]
  const ports = [`--authrpc.port=${port}`, `--http.port=${httpPort}`]
  const command = [MAIN, 'crosscheck', ...args, ...ports]
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
  const observed = observe(child)
  t.teardown(() => observed.kill('SIGKILL'))
  while (!(await accepts(port))) {
    if (!observed.isRunning()) throw new Error(`crosscheck ended: ${observed.output.stderr}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const health = async () => {
    const response = await fetch(`http://127.0.0.1:${httpPort}/health`)
    return { status: response.status, body: (await response.json()) as JSONValue }
  }
  return { ...observed, port, httpPort, health }
}
