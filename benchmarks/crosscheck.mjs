/**
 * What crosscheck costs: how much longer op-node's calls take through it, and how far its watchman stays behind the
 * head under a load. The main client is a node of this project, in a process of its own; this process plays op-node.
 * Takes up to four minutes, with `--quick` one, which is too short for figures but runs every part.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createAttributes, createToken } from './chain.mjs'
import { table } from './common.mjs'
import { ALLOC, erc20Transfer, transfer } from './workloads.mjs'

const isQuick = process.argv.includes('--quick')
/** Seconds of calls to compare, and of each load. */
const LATENCY_TIME = isQuick ? 10 : 45
const LOAD_TIME = isQuick ? 10 : 36
/** Mgas a second. */
const LOADS = [1, 5, 15]
/** Seconds from block to block. */
const BLOCK_TIME = 2
/** Gas of what the blocks consist of: the one pays for a new account, the other for a new slot. */
const TRANSFER_GAS = 21_000
const ERC20_GAS = 52_000
/** Milliseconds between two looks at the watchman. */
const LOOK = 50

const folder = mkdtempSync(join(tmpdir(), 'bench-crosscheck-'))
const genesis = JSON.parse(readFileSync(new URL('../examples/genesis.json', import.meta.url)))
Object.assign(genesis.alloc, ALLOC)
const genesisPath = join(folder, 'genesis.json')
writeFileSync(genesisPath, JSON.stringify(genesis))
const secret = randomBytes(32)
writeFileSync(join(folder, 'secret'), secret.toString('hex'))

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
const [ethPort, mainPort, proxyPort, healthPort] = [
  await freePort(),
  await freePort(),
  await freePort(),
  await freePort(),
]

/** Starts a command of the project; it ends with this process. */
function startCommand(...args) {
  const bin = new URL('../node/dist/bin.js', import.meta.url).pathname
  const child = spawn(process.execPath, [...process.execArgv, bin, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return async () => {
    if (child.exitCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
}

const agent = new Agent({ keepAlive: true })

/** Sends a body as op-node does. @returns the answer, and how many milliseconds it took */
async function post(port, body) {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    authorization: `Bearer ${createToken(secret)}`,
  }
  const start = performance.now()
  const sent = request({ agent, host: '127.0.0.1', port, method: 'POST', headers }).end(body)
  const [response] = await once(sent, 'response')
  const chunks = []
  for await (const chunk of response) chunks.push(chunk)
  const milliseconds = performance.now() - start
  const whole = Buffer.concat(chunks)
  return { milliseconds, answer: JSON.parse(whole), bytes: whole.length }
}

const toBody = (method, params) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })

async function call(port, method, ...params) {
  const { answer } = await post(port, toBody(method, params))
  if (answer.error) throw new Error(`${method}: ${answer.error.message}`)
  const { status = 'VALID', validationError } = answer.result?.payloadStatus ?? answer.result ?? {}
  if (status !== 'VALID') throw new Error(`${method}: ${status} ${validationError}`)
  return answer.result
}

async function untilOpen(port) {
  while (!(await post(port, toBody('eth_chainId', [])).catch(() => {}))) await sleep(50)
}

/** What the watchman says of itself. */
async function health() {
  const response = await fetch(`http://127.0.0.1:${healthPort}/health`)
  return response.json()
}

let head = { number: 0, hash: '' }
const forkchoice = (hash) => ({
  headBlockHash: hash,
  safeBlockHash: ZERO,
  finalizedBlockHash: ZERO,
})
const ZERO = `0x${'00'.repeat(32)}`

const nextAttributes = (transactions) => createAttributes(genesis, head.number + 1, transactions)

/** Makes a block through crosscheck, as op-node does. */
async function extend(transactions) {
  const attributes = nextAttributes(transactions)
  const state = forkchoice(head.hash)
  const { payloadId } = await call(proxyPort, 'engine_forkchoiceUpdatedV3', state, attributes)
  const built = await call(proxyPort, 'engine_getPayloadV5', payloadId)
  const { executionPayload, parentBeaconBlockRoot } = built
  const params = [executionPayload, [], parentBeaconBlockRoot, []]
  await call(proxyPort, 'engine_newPayloadV4', ...params)
  const { blockHash, gasUsed } = executionPayload
  await call(proxyPort, 'engine_forkchoiceUpdatedV3', forkchoice(blockHash), null)
  head = { number: head.number + 1, hash: blockHash }
  return { gas: Number(gasUsed), payloadId, params }
}

let count = 0
/** Transactions that need so much gas, a half of it for transfers of ether, the other of tokens. */
function transactionsOf(gas) {
  const transactions = []
  for (let left = gas / 2; left > TRANSFER_GAS; left -= TRANSFER_GAS) {
    transactions.push(transfer(count++))
  }
  for (let left = gas / 2; left > ERC20_GAS; left -= ERC20_GAS) {
    transactions.push(erc20Transfer(count++))
  }
  return transactions
}

const quantile = (values, part) =>
  values.toSorted((a, b) => a - b)[Math.min(Math.floor(values.length * part), values.length - 1)]

/** Seconds for which calls about one block are compared. */
const ROUND_TIME = isQuick ? 2 : 5

/**
 * Milliseconds of each kind of call, directly and through crosscheck, in turn. Each is repeated on a block that the
 * main client has, so that it has little to do, and what is measured is the way.
 */
async function measureLatency() {
  const times = {}
  const end = performance.now() + LATENCY_TIME * 1_000
  for (let round = 0; performance.now() < end; round++) {
    // Large blocks and small ones; the watchman executes each while the calls are made.
    const size = round % 2 ? 'large' : 'small'
    const made = await extend(transactionsOf(round % 2 ? 8_000_000 : 200_000))
    const state = forkchoice(head.hash)
    const bodies = {
      eth_getBlockByNumber: toBody('eth_getBlockByNumber', ['latest', false]),
      engine_forkchoiceUpdated: toBody('engine_forkchoiceUpdatedV3', [state, null]),
      [`engine_getPayload, ${size}`]: toBody('engine_getPayloadV5', [made.payloadId]),
      [`engine_newPayload, ${size}`]: toBody('engine_newPayloadV4', made.params),
    }
    const roundEnd = performance.now() + ROUND_TIME * 1_000
    for (let again = 0; performance.now() < roundEnd; again++) {
      // The order changes, so that none has what the other has warmed.
      const order = again % 2 ? ['direct', 'proxy'] : ['proxy', 'direct']
      for (const [name, body] of Object.entries(bodies)) {
        times[name] ??= { direct: [], proxy: [], bytes: 0 }
        for (const way of order) {
          const port = way === 'direct' ? mainPort : proxyPort
          const { milliseconds, answer, bytes } = await post(port, body)
          if (answer.error) throw new Error(`${name}: ${answer.error.message}`)
          times[name].bytes = Math.max(bytes, body.length)
          // The first warm the compiler.
          if (again >= 20) times[name][way].push(milliseconds)
        }
      }
    }
  }
  const rows = Object.entries(times).map(([name, { direct, proxy, bytes }]) => {
    const [before, after] = [direct, proxy].map((list) =>
      [0.5, 0.99].map((part) => quantile(list, part)),
    )
    const added = after.map((value, at) => value - before[at])
    return [name, bytes / 1_000, direct.length, ...before, ...after, ...added]
  })
  const numbers = ['direct p50', 'p99', 'crosscheck p50', 'p99', 'added p50', 'p99']
  const text = table(['call', 'kB', 'times', ...numbers], rows)
  console.log(`\nMilliseconds from request to answer\n\n${text}`)
}

/** Lets the watchman come to the head. @returns the seconds that it took */
async function untilChecked(limit) {
  const start = performance.now()
  while (performance.now() - start < limit * 1_000) {
    const { watchman } = await health()
    if (watchman.checked?.hash === head.hash) return (performance.now() - start) / 1_000
    await sleep(LOOK)
  }
  return Number.NaN
}

/** How far the watchman stays behind while blocks of so many Mgas come. */
async function measureLag(load) {
  const blocks = Array.from({ length: LOAD_TIME / BLOCK_TIME }, () =>
    transactionsOf(load * 1e6 * BLOCK_TIME),
  )
  await untilChecked(30)
  /** When blocks became head, by number, and how long after that they were compared. */
  const heads = new Map()
  const lags = []
  let behind = 0
  let isOver = false
  const looking = (async () => {
    while (!isOver) {
      const { watchman } = await health()
      behind = Math.max(behind, head.number - (watchman.checked?.number ?? 0))
      for (const [number, at] of heads) {
        if (number > (watchman.checked?.number ?? 0)) continue
        lags.push((performance.now() - at) / 1_000)
        heads.delete(number)
      }
      await sleep(LOOK)
    }
  })()
  const start = performance.now()
  let gas = 0
  for (const [index, transactions] of blocks.entries()) {
    await sleep(Math.max(0, start + index * BLOCK_TIME * 1_000 - performance.now()))
    gas += (await extend(transactions)).gas
    heads.set(head.number, performance.now())
  }
  const seconds = Math.max((performance.now() - start) / 1_000, LOAD_TIME)
  const rest = await untilChecked(30)
  await sleep(2 * LOOK)
  isOver = true
  await looking
  const { open, watchman } = await health()
  if (open > 0) throw new Error('an alarm rang')
  return [
    ...[load, gas / seconds / 1e6, blocks.length, quantile(lags, 0.5), quantile(lags, 1)],
    ...[behind, rest, watchman.dropped],
  ]
}

const stops = []
try {
  const common = ['--genesis', genesisPath, '--log.level', 'error']
  const [{ name }, load] = [{ name: process.version }, loadavg()[0].toFixed(1)]
  console.log(`${availableParallelism()} cores, Node.js ${name}, load ${load} at the start`)
  const secretPath = join(folder, 'secret')
  stops.push(
    startCommand(
      ...['node', ...common, '--datadir', join(folder, 'main'), '--authrpc.jwtsecret', secretPath],
      ...['--http.port', `${ethPort}`, '--authrpc.port', `${mainPort}`, '--http.api', 'eth,debug'],
    ),
  )
  await untilOpen(mainPort)
  stops.push(
    startCommand(
      ...['crosscheck', ...common, '--datadir', join(folder, 'own')],
      ...['--authrpc.jwtsecret', secretPath, '--engine.jwtsecret', secretPath],
      ...['--engine', `http://127.0.0.1:${mainPort}`, '--eth', `http://127.0.0.1:${ethPort}`],
      ...['--authrpc.port', `${proxyPort}`, '--http.port', `${healthPort}`],
    ),
  )
  await untilOpen(proxyPort)
  head.hash = (await call(mainPort, 'eth_getBlockByNumber', 'latest', false)).hash
  await measureLatency()
  const rows = []
  for (const load of LOADS) rows.push(await measureLag(load))
  const columns = ['Mgas/s', 'reached', 'blocks', 'lag p50, s', 'longest', 'blocks behind, most']
  console.log(
    `\nFrom a new head until it has been compared\n\n${table([...columns, 'at the end, s', 'calls dropped'], rows)}`,
  )
} finally {
  agent.destroy()
  for (const stop of stops.reverse()) await stop()
  rmSync(folder, { recursive: true, force: true })
}
