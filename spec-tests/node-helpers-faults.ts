/**
 * For tests that hurt a node: it runs in a process of its own, and only its command line and its
 * HTTP ports are used.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import { bytesToHex, createAddressFromString, hexToBytes } from '@ethereumjs/util'
import type { Test } from 'tap'
import { encodeDeposit, sourceHash } from '../src/index.ts'
import { COINBASE, DEPOSITOR, type JSONValue, L1_BLOCK, rulesAt } from './helpers.ts'

/** The local chain: id 901, every fork up to Karst from block 0, ten funded accounts. */
export const GENESIS = 'examples/genesis.json'
export const GENESIS_HASH = '0x8e33730a0f2e34d7accc74b70665314a6d970f59e9711ea45d478dad9f95e1de'
export const GENESIS_TIME = 0x67748580

/** The first funded account, of the mnemonic "test test … junk" (index 0). */
export const SENDER = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'
const SENDER_KEY = hexToBytes('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')

export const SECRET = new Uint8Array(32).fill(0x5e)

/** A random number generator (mulberry32) whose seed can be printed, and given to repeat a run. */
export function createRandom(seed = Number(process.env.SEED ?? Date.now() % 2 ** 32)) {
  let state = seed >>> 0
  /** A number from 0 (included) to 1 (excluded). */
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (limit: number) => Math.floor(next() * limit)
  const pick = <T>(items: readonly T[]): T => items[below(items.length)]
  return { seed, next, below, pick }
}

const base64url = (data: string) => Buffer.from(data).toString('base64url')

/** A token as E-51 wants it, or one that differs from that. */
export function createToken(
  opts: {
    claims?: Record<string, unknown>
    header?: Record<string, unknown>
    secret?: Uint8Array
    hash?: string
  } = {},
) {
  const { claims = { iat: Math.floor(Date.now() / 1000) }, header = { alg: 'HS256', typ: 'JWT' } } =
    opts
  const text = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`
  const signature = createHmac(opts.hash ?? 'sha256', opts.secret ?? SECRET).update(text)
  return `${text}.${signature.digest('base64url')}`
}

/** A new connection for each request, so that none meets one that the server is closing. */
const agent = new Agent()

/** Sends a body, given whole or as chunks, and reads the answer. */
export async function post(
  port: number,
  body: string | Uint8Array | Iterable<Uint8Array>,
  headers: Record<string, string> = {},
  opts: { method?: string; path?: string } = {},
) {
  const isWhole = typeof body === 'string' || body instanceof Uint8Array
  const length = isWhole ? { 'content-length': `${Buffer.byteLength(body)}` } : {}
  const sent = request({
    ...{ agent, host: '127.0.0.1', port, method: 'POST', path: '/', ...opts },
    headers: { 'content-type': 'application/json', ...length, ...headers },
  })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', reject)
  })
  answered.catch(() => {})
  if (isWhole) sent.end(body)
  else {
    let isOpen = true
    const end = () => {
      isOpen = false
    }
    sent.on('close', end).on('response', end).on('error', end)
    for (const chunk of body) {
      if (!isOpen) break
      if (!sent.write(chunk)) await Promise.race([once(sent, 'drain'), answered]).catch(() => {})
      // Lets an early answer in.
      await new Promise((resolve) => setImmediate(resolve))
    }
    sent.end()
  }
  const response = await answered
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode!, text: Buffer.concat(chunks).toString() }
}

/** What JSON-RPC answers to a call. */
export type Answer = {
  result?: JSONValue
  error?: { code: number; message: string; data?: unknown }
}

/** The JSON of a call. */
export const toBody = (method: string, params: unknown = []) =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })

/**
 * A port on which nobody listens. It is below those that the system gives to outgoing connections, of
 * which the tests that run at the same time have many.
 */
export async function freePort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 20_000)
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
  } catch {
    return freePort()
  }
  server.close()
  await once(server, 'close')
  return port
}

/** Whether something accepts connections. */
export const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })

/** The command line program of the node. */
export const MAIN = join(process.cwd(), 'node/dist/bin.js')

/** Starts it. */
export function spawnCLI(
  args: string[],
  opts: { cwd?: string; env?: NodeJS.ProcessEnv; execArgv?: string[] } = {},
) {
  const command = [...(opts.execArgv ?? []), MAIN, 'node', ...args]
  const child = spawn(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: opts.cwd,
    env: { ...process.env, ...opts.env },
  })
  return observe(child)
}

/** Collects what a process prints, and how it ends. */
export function observe(child: ChildProcess) {
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (data) => {
    output.stdout += data
  })
  child.stderr?.on('data', (data) => {
    output.stderr += data
  })
  let isRunning = true
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on('close', (code, signal) => {
      isRunning = false
      resolve({ code, signal })
    }),
  )
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return exited
  }
  return { child, output, exited, kill, isRunning: () => isRunning }
}

/** How a process ended, or what it printed where it runs on for longer than `ms`. */
export async function endOf(node: ReturnType<typeof observe>, ms: number) {
  const end = await Promise.race([node.exited, sleep(ms, undefined, { ref: false })])
  if (end) return { ...end, ...node.output }
  await node.kill('SIGKILL')
  return { code: undefined, signal: undefined, ...node.output }
}

/** The flags of a node, with the secret of the tests in a file in `folder`. */
export async function nodeFlags(
  folder: string,
  opts: { genesis?: string; datadir?: string | null; httpPort?: number; authPort?: number } = {},
) {
  const secret = join(folder, 'secret')
  writeFileSync(secret, bytesToHex(SECRET), { mode: 0o600 })
  const { genesis = GENESIS, datadir = join(folder, 'data') } = opts
  const [httpPort, authPort] = [
    opts.httpPort ?? (await freePort()),
    opts.authPort ?? (await freePort()),
  ]
  const ports = [`--http.port=${httpPort}`, `--authrpc.port=${authPort}`]
  const kept = `--datadir=${datadir ?? 'memory'}`
  const flags = [`--genesis=${genesis}`, `--authrpc.jwtsecret=${secret}`, kept, ...ports]
  return { flags, httpPort, authPort }
}

/** Starts a node with `--datadir` and waits until it serves. @throws if it ends before */
export async function spawnNode(
  folder: string,
  opts: Parameters<typeof nodeFlags>[1] & Parameters<typeof spawnCLI>[1] = {},
) {
  const { flags, httpPort, authPort } = await nodeFlags(folder, opts)
  const node = spawnCLI(flags, opts)
  // The authenticated port is the last that is opened.
  while (!(await accepts(authPort))) {
    if (!node.isRunning()) throw new Error(`the node ended: ${node.output.stderr}`)
    await sleep(10)
  }

  /** Calls a method on the authenticated port. */
  async function engine(method: string, ...params: unknown[]): Promise<Answer> {
    const headers = { authorization: `Bearer ${createToken()}` }
    const { status, text } = await post(authPort, toBody(method, params), headers)
    if (status !== 200) throw new Error(`${method}: HTTP status ${status} ${text}`)
    return JSON.parse(text)
  }
  /** Calls a method on the authenticated port. @throws if it answers with an error */
  async function call(method: string, ...params: unknown[]): Promise<JSONValue> {
    const { result, error } = await engine(method, ...params)
    if (error) throw new Error(`${method}: ${error.code} ${error.message}`)
    return result
  }
  /** Calls methods in one batch on the authenticated port. */
  async function batch(calls: [method: string, ...params: unknown[]][]): Promise<JSONValue[]> {
    const body = calls.map(([method, ...params], id) => ({ jsonrpc: '2.0', id, method, params }))
    const headers = { authorization: `Bearer ${createToken()}` }
    const { text } = await post(authPort, JSON.stringify(body), headers)
    return JSON.parse(text).map((answer: Answer) => answer.result ?? answer)
  }
  /** Resident memory in MB, where the system tells it. */
  function rss() {
    try {
      const status = readFileSync(`/proc/${node.child.pid}/status`, 'utf8')
      return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024
    } catch {
      return undefined
    }
  }
  return { ...node, httpPort, authPort, engine, call, batch, rss }
}

/** A node in a process of its own. */
export type SpawnedNode = Awaited<ReturnType<typeof spawnNode>>

/** A built block, as newPayload takes it. */
export type Built = { payload: JSONValue; beaconRoot: string }

const uint = (value: number | bigint, width: number) => value.toString(16).padStart(2 * width, '0')

/** An L1 attributes deposit (Jovian calldata) of an L1 block that is made up. */
export function l1Attributes(number: number) {
  const hash = `${uint(0xb10c, 8)}${uint(number, 24)}`
  // Scalars, sequence number, time, number; L1 and blob base fee; hash; batcher, operator fee; DA.
  const scalars = uint(5227, 4) + uint(1_014_213, 4)
  const block = uint(0, 8) + uint(GENESIS_TIME + 12 * number, 8) + uint(number, 8)
  const rest = uint(10 ** 9 + number, 32) + uint(1, 32) + hash + uint(0, 44) + uint(400, 2)
  return encodeDeposit({
    sourceHash: sourceHash(1, hexToBytes(`0x${hash}${uint(0, 32)}`)),
    from: createAddressFromString(DEPOSITOR),
    to: createAddressFromString(L1_BLOCK),
    ...{ mint: 0n, value: 0n, gas: 1_000_000n, isSystemTx: false },
    data: hexToBytes(`0x3db6be2b${scalars}${block}${rest}`),
  })
}

const { common } = rulesAt('karst')

/** A signed transaction of the first funded account, by default a transfer of 1 wei. */
export function signTransfer(nonce: number, fields: Record<string, unknown> = {}) {
  const fees = { maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 1n }
  const to = `0x${uint(0xacc0000 + (nonce % 1000), 20)}`
  const tx = { nonce, ...fees, gasLimit: 21_000n, to, value: 1n, chainId: 901n, ...fields }
  return bytesToHex(
    createFeeMarket1559Tx(tx as never, { common })
      .sign(SENDER_KEY)
      .serialize(),
  )
}

/** Attributes of the block with this number, which takes no transactions from the pool. */
export function attributesOf(number: number, transactions: string[], fields: object = {}) {
  const bytes32 = (tag: number) => `0x${uint(tag, 8)}${uint(number, 24)}`
  return {
    timestamp: `0x${(GENESIS_TIME + 2 * number).toString(16)}`,
    prevRandao: bytes32(1),
    suggestedFeeRecipient: COINBASE,
    withdrawals: [],
    parentBeaconBlockRoot: bytes32(2),
    transactions: [bytesToHex(l1Attributes(number)), ...transactions],
    noTxPool: true,
    gasLimit: '0x3938700',
    eip1559Params: '0x0000000000000000',
    minBaseFee: 0,
    ...fields,
  }
}

export const toForkchoice = (head: string, safe = GENESIS_HASH, finalized = GENESIS_HASH) => ({
  headBlockHash: head,
  safeBlockHash: safe,
  finalizedBlockHash: finalized,
})

/** Builds a block on `parent` as op-node does. The head of the node is then `parent`. */
export async function build(
  node: SpawnedNode,
  parent: string,
  attributes: ReturnType<typeof attributesOf>,
): Promise<Built> {
  const choice = toForkchoice(parent)
  const { payloadId } = await node.call('engine_forkchoiceUpdatedV3', choice, attributes)
  const built = await node.call('engine_getPayloadV5', payloadId)
  return { payload: built.executionPayload, beaconRoot: built.parentBeaconBlockRoot }
}

/** Executes a block. @returns its status */
export async function importBlock(node: SpawnedNode, { payload, beaconRoot }: Built) {
  const { status } = await node.call('engine_newPayloadV4', payload, [], beaconRoot, [])
  return status as string
}

/**
 * Longest time in milliseconds that the engine may take to answer while a node is attacked, on a
 * machine that is as fast as it should be: three times what a node takes that nobody attacks comes on
 * top.
 */
const MAX_LATENCY = 1_000

/** Most resident memory in MB. */
const MAX_RSS = 1_500

/**
 * Watches the engine of a node.
 *
 * @param control - a node that nobody attacks, so that what slows it down is the machine
 * @param choice - what is its forkchoice anyway
 */
export function watchEngine(
  node: SpawnedNode,
  control: SpawnedNode,
  choice: ReturnType<typeof toForkchoice>,
) {
  let peak = 0
  setInterval(() => {
    peak = Math.max(peak, node.rss() ?? 0)
  }, 50).unref()

  /**
   * Runs an attack while the engine is asked, and checks that it always answers in time; up to three
   * times, for other work on the machine may have taken the time once.
   */
  async function whileAttacked(t: Test, attack: () => Promise<unknown>) {
    peak = 0
    let outcome = await attackOnce(t, attack)
    for (let round = 1; round < 3 && outcome.ms >= outcome.limit; round++) {
      outcome = await attackOnce(t, attack)
    }
    const { ms, method, limit } = outcome
    t.ok(ms < limit, `${method} answered in ${ms} ms, which may be ${limit}`)
    t.ok(peak < MAX_RSS, `resident memory of ${Math.round(peak)} MB`)
  }

  /** @returns the longest time that an answer took, for what, and how long it might have taken */
  async function attackOnce(t: Test, attack: () => Promise<unknown>) {
    const latencies: [ms: number, method: string][] = []
    let isOver = false
    let machine = 0
    const probeControl = async () => {
      do {
        const start = performance.now()
        await control.call('eth_chainId')
        machine = Math.max(machine, performance.now() - start)
        await sleep(50)
      } while (!isOver)
    }
    const measure = async (method: string, ...params: unknown[]) => {
      const start = performance.now()
      const result = await node.call(method, ...params)
      latencies.push([Math.round(performance.now() - start), method])
      return result
    }
    const probe = async () => {
      do {
        t.equal(await measure('eth_chainId'), '0x385')
        const { payloadStatus } = await measure('engine_forkchoiceUpdatedV3', choice, null)
        t.equal(payloadStatus.status, 'VALID')
        await sleep(50)
      } while (!isOver)
    }
    const before = performance.now()
    const probing = Promise.all([probe(), probeControl()]).catch((error: Error) =>
      t.fail(`the engine does not answer: ${error}`),
    )
    await attack().catch((error: Error) => t.fail(`the attack is not answered: ${error}`))
    isOver = true
    await probing
    const [[worst, method]] = latencies.sort(([a], [b]) => b - a)
    const duration = Math.round(performance.now() - before)
    const limit = Math.round(MAX_LATENCY + 3 * machine)
    t.comment(
      `worst of ${latencies.length} answers ${worst} ms of ${limit}, attack ${duration} ms, peak ${Math.round(peak)} MB`,
    )
    return { ms: worst, method, limit }
  }

  return { whileAttacked }
}
