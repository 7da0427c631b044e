/** What plays op-node, the proxy and a faulty main client before the watchman. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type t from 'tap'
import { SILENT } from '../node/dist/logger.js'
import type { Alarm, Exchange, Progress, Watchman } from '../node/dist/crosscheck/types.js'
import { type WatchmanOptions, startWatchman } from '../node/dist/crosscheck/watchman.js'
import type { JSONValue } from './helpers.ts'
import {
  CallError,
  type Envelope,
  type Hex,
  type JSONObject,
  type TestNode,
  createDriver,
  genesisAt,
  genesisHead,
  spawnNode,
  transfer,
  userDeposit,
  withContracts,
} from './node-helpers.ts'

type Test = Pick<typeof t, 'teardown'>

/** An answer of JSON-RPC. */
export interface TestAnswer {
  result?: JSONValue
  error?: { code: number; message: string }
}

/** What a faulty client answers in place of this. */
export type Alter = (
  method: string,
  answer: TestAnswer,
  params: JSONValue[],
) => TestAnswer | Promise<TestAnswer>

/** An Engine API whose exchanges are noted, behind which a client may be faulty. */
export function tapEngine(
  node: TestNode,
  note: (exchange: Exchange) => void,
  alter: Alter = (_, answer) => answer,
): TestNode {
  let number = 0
  const call = async (method: string, ...params: JSONValue[]): Promise<JSONValue> => {
    const request = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const at = Date.now()
    const answer: TestAnswer = await node.call(method, ...params).then(
      (result) => ({ result }),
      (error) => {
        if (!(error instanceof CallError)) throw error
        return { error: { code: error.code, message: error.reason } }
      },
    )
    const { result, error } = await alter(method, answer, params)
    const response = JSON.stringify({ jsonrpc: '2.0', id: 1, result, error })
    note({ number: ++number, at, request, response })
    if (error) throw new CallError(method, error)
    return result
  }
  return { ...node, call }
}

/** A public port behind which a client may be faulty. @returns its URL */
export async function openFaultProxy(test: Test, target: string, alter: Alter): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as JSONValue
    const options = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }
    try {
      const answers = (await (await fetch(target, options)).json()) as JSONValue
      const calls = [body].flat()
      const list = [answers].flat()
      for (const [index, answer] of list.entries()) {
        const { method, params } = calls[index]
        Object.assign(answer, await alter(method, answer, params))
      }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(Array.isArray(body) ? list : list[0]))
    } catch {
      response.statusCode = 502
      response.end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Makes a folder that goes with a test. */
export function makeFolder(test: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'crosscheck-'))
  test.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A watchman with what it has rung about. */
export interface TestWatchman extends Watchman {
  alarms: Alarm[]
  /** Messages of its log. */
  lines: string[]
  datadir: string
  cases: string
}

export async function watch(
  test: Test,
  genesis: JSONObject,
  options: Partial<WatchmanOptions> = {},
): Promise<TestWatchman> {
  const alarms: Alarm[] = []
  const lines: string[] = []
  const keep = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
  }
  const log = { ...SILENT, info: keep, warn: keep, error: keep }
  const folders = { datadir: makeFolder(test), cases: makeFolder(test) }
  const onAlarm = async (alarm: Alarm) => void alarms.push(alarm)
  const watchman = await startWatchman({ genesis, ...folders, log, onAlarm, ...options })
  test.teardown(() => watchman.close())
  return { ...watchman, alarms, lines, ...folders, ...options } as TestWatchman
}

/** What a watchman in a process of its own has said. */
interface Said {
  alarms: Alarm[]
  progress?: Progress
}

/** A watchman in a process of its own, which can be killed. */
export function spawnWatchman(test: Test, options: object) {
  const script = fileURLToPath(new URL('crosscheck-process.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  child.stdin.on('error', () => {})
  const send = (message: object) => child.stdin.write(`${JSON.stringify(message)}\n`)
  const said: Said = { alarms: [] }
  const waiting = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { alarm, progress } = JSON.parse(line)
    if (alarm) said.alarms.push(alarm)
    else said.progress = progress
    for (const look of waiting) look()
  })
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  test.teardown(kill)
  send(options)
  return {
    alarms: said.alarms,
    note: (exchange: Exchange) => send(exchange),
    /** Resolves when something holds. */
    until: (holds: (said: Said) => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!holds(said)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
    kill,
  }
}

const BIN = fileURLToPath(new URL('../node/dist/bin.js', import.meta.url))

/** Runs a case file by the command. */
export function verifyCase(path: string) {
  const args = [BIN, 'verify', path]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}` }
}

/** Alarms that ring while something is done, and until all is compared. */
export async function alarmsWhile(
  watchman: TestWatchman,
  act: () => Promise<unknown>,
): Promise<Alarm[]> {
  await watchman.idle()
  const before = watchman.alarms.length
  await act()
  await watchman.idle()
  return watchman.alarms.slice(before)
}

export const plusOne = (hex: Hex): Hex => `0x${(BigInt(hex) + 1n).toString(16)}`

/** What an honest client answers. */
export const honest: Alter = (_, answer) => answer

/** Alters the receipts of a block. */
export const inReceipts =
  (number: number, change: (receipts: JSONValue) => void): Alter =>
  (method, answer) => {
    const isReceipts = method === 'eth_getBlockReceipts'
    const isIt = isReceipts && Number(answer.result?.[0].blockNumber) === number
    if (isIt) change(answer.result)
    return answer
  }

/** Stores the number of the block, and logs twice. */
const LOGGER: Hex = '0x00000000000000000000000000000000000000c1'

/** A main client that may be faulty, and what plays op-node. */
export async function startScene(test: Test) {
  const genesis = withContracts(genesisAt('karst'), {
    [LOGGER]: { code: '0x43600055436000526020600060026000a260206000a0602060002000' },
  })
  const driver = createDriver(genesis)
  const node = await spawnNode(genesis)
  test.teardown(() => node.stop())
  /** What is wrong with the main client. */
  const fault = { engine: honest, eth: honest }
  const eth = await openFaultProxy(test, node.url, (...call) => fault.eth(...call))
  const scene = {
    genesis,
    driver,
    node,
    fault,
    /** URL of the port that may be faulty. */
    eth,
    head: await genesisHead(node),
    /** Transactions of each account so far. */
    sent: 0,
    /** Attributes of the next block: a deposit, a transfer, a call that logs. */
    nextAttributes() {
      const { sent } = scene
      const call = { to: LOGGER, value: 0n, gasLimit: 200_000n }
      const transactions = [userDeposit(sent), transfer(0, sent), transfer(1, sent, call)]
      return driver.attributesAfter(scene.head, transactions)
    },
    buildNext: (on: TestNode) => driver.build(on, scene.head, scene.nextAttributes()),
    /** Makes a block the head. */
    async accept(envelope: Envelope, on: TestNode) {
      await driver.insert(on, envelope)
      await driver.choose(on, envelope.executionPayload)
      scene.head = envelope.executionPayload
      scene.sent++
    },
    /** Adds a block to the chain of the main client, as op-node does. */
    async extend(on: TestNode) {
      await scene.accept(await scene.buildNext(on), on)
    },
  }
  return scene
}
