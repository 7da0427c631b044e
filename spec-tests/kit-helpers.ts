/** Servers that stand for clients, good ones and bad ones, for the tests of the runner. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type RequestListener, type Server, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRunning } from './kit/command.ts'
import type { Client } from './kit/client.ts'
import { createHTTPClient } from './kit/http.ts'
import { createInProcess } from './kit/inProcess.ts'
import { CONTRACT, SENDERS } from './kit/fill/accounts.ts'
import { type Case, type Topic, fillCase } from './kit/fill/topic.ts'
import { deposit } from './kit/fill/transactions.ts'
import type { Case as SuiteCase } from './kit/suite.ts'
import type { Vector, VectorFile } from './kit/vector.ts'

export const VECTORS = 'spec-tests/vectors'

/** Built by `npm run build`. */
export const BIN = 'spec-tests/dist/bin.js'

export const SECRET = Buffer.alloc(32, 7)

/** Has an invalid payload, a call that fails, a valid payload and one that is built. */
const REFUSED: Case = {
  name: 'a-wrong-nonce-is-refused',
  description: 'A forced signed transaction must be valid, else there is no such block',
  rules: ['E-24'],
  async fill(chain) {
    await chain.invalid('nonce', { transactions: [{ nonce: 5n, to: SENDERS[2] }] })
    await chain.block()
    await chain.altered({ error: 'gasUsed' }, {}, ({ payload }) => {
      payload.gasUsed = '0x1'
    })
    await chain.built()
  },
}

/** Has another genesis than {@link REFUSED}. */
const MINT: Case = {
  name: 'a-deposit-mints',
  description: 'A deposit mints ether for its sender',
  rules: ['D-14'],
  pre: { [CONTRACT]: { balance: '0x1' } },
  async fill(chain) {
    await chain.block({ transactions: [deposit({ from: SENDERS[1], to: CONTRACT, mint: 7n })] })
  },
}

const TOPIC: Topic = { path: 'runner/fixtures', cases: [REFUSED, MINT] }

/** Vectors of the tests of the runner, two for each fork. */
export const FIXTURE: VectorFile = {
  ...(await fillCase(TOPIC, REFUSED)),
  ...(await fillCase(TOPIC, MINT)),
}

/** A call as it came to a server. */
export interface Call {
  id: number
  method: string
  params: unknown[]
}

/** Answers a call; `answer` is the true answer of this project's engine. */
export type Handler = (res: ServerResponse, call: Call, answer: object) => void | Promise<void>

export const sendJSON = (res: ServerResponse, value: unknown) =>
  res.setHeader('content-type', 'application/json').end(JSON.stringify(value))

const inProcess = await createInProcess()

/** Serves this project's engine on the genesis of a vector, with answers as `handle` gives them. */
export async function serve(
  vector: Vector,
  handle: Handler = (res, _call, answer) => void sendJSON(res, answer),
): Promise<{ url: string; server: Server; headers: string[]; close(): Promise<void> }> {
  const client: Client = await inProcess.open(vector)
  const headers: string[] = []
  const listener: RequestListener = async (req, res) => {
    headers.push(`${req.headers.authorization}`)
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    const call = JSON.parse(Buffer.concat(chunks).toString()) as Call
    const answer = await client.call(call.method, call.params)
    await handle(res, call, { jsonrpc: '2.0', id: call.id, ...answer })
  }
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const close = async () => {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${port}`, server, headers, close }
}

/** A running client at a URL. */
export function running(url: string, timeout = 20_000) {
  return createRunning(createHTTPClient({ engine: url, secret: SECRET, timeout }), url)
}

/** A vector as a case. */
export const toCase = (name: string, vector: Vector): SuiteCase => ({ name, vector })

/** What a command left. */
export interface Ended {
  status: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Starts the command line, with these variables. */
export function startBin(variables: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, [BIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...variables },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const ended = once(child, 'close').then(
    ([status, signal]): Ended => ({ status, signal, stdout, stderr }),
  )
  return { child, ended }
}

/** Runs the command line to its end. */
export const runBin = (...args: string[]) => startBin({}, ...args).ended
