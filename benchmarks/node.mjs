/**
 * Drives nodes over HTTP as op-node does, with their databases on disk, beside the library alone on
 * the same blocks, block by block in turn, so that what else the machine does slows all alike. Prints
 * each figure with its goal. Takes up to five minutes, with `--quick` half a minute, which is too
 * short for figures but runs every part. With `PROFILE` the nodes write profiles to that folder.
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import { bytesToHex, createAddressFromPrivateKey, hexToBytes } from '@ethereumjs/util'
import { createGenesis } from '../dist/blockchain/index.js'
import { createCrypto } from '../dist/crypto/index.js'
import { State, executeBlock } from '../dist/src/index.js'
import { createAttributes, createToken, uint } from './chain.mjs'

const isQuick = process.argv.includes('--quick')
/** Seconds for each part that repeats something; what it does not get done it leaves out. */
const PART = isQuick ? 3 : 30
/** Transfers in a large block. */
const LARGE = isQuick ? 200 : 1_000

const genesis = JSON.parse(readFileSync(new URL('../examples/genesis.json', import.meta.url)))
const folder = mkdtempSync(join(tmpdir(), 'bench-node-'))
const secret = randomBytes(32)
/** Accounts with ether that send in turn, for only some transactions of one may wait. */
const senders = Array.from({ length: 20 }, (_, index) => {
  const key = hexToBytes(`0x${(index + 1).toString(16).padStart(64, '0')}`)
  genesis.alloc[`${createAddressFromPrivateKey(key)}`] = {
    balance: `0x${(10n ** 22n).toString(16)}`,
  }
  return { key, nonce: 0 }
})
const path = join(folder, 'genesis.json')
writeFileSync(path, JSON.stringify(genesis))
writeFileSync(join(folder, 'secret'), secret.toString('hex'))

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
const [httpPort, authPort] = [await freePort(), await freePort()]
/** Of a second node, which has not built the blocks that it imports. */
const [followerHTTPPort, followerPort] = [await freePort(), await freePort()]
const agent = new Agent({ keepAlive: true })

/** Sends requests to a port in one body. @returns the answers */
async function post(port, body) {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  if (port === authPort || port === followerPort)
    headers.authorization = `Bearer ${createToken(secret)}`
  const sent = request({ agent, host: '127.0.0.1', port, method: 'POST', headers }).end(text)
  const [response] = await once(sent, 'response')
  const chunks = []
  for await (const chunk of response) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks))
}

/** Milliseconds that calls took, by name. */
const times = {}
async function call(name, port, method, ...params) {
  const start = performance.now()
  const { result, error } = await post(port, { jsonrpc: '2.0', id: 1, method, params })
  if (error) throw new Error(`${method}: ${error.message}`)
  const { status = 'VALID', validationError } = result?.payloadStatus ?? result ?? {}
  if (status !== 'VALID') throw new Error(`${method}: ${status} ${validationError}`)
  times[name] ??= []
  times[name].push(performance.now() - start)
  return result
}

const quantile = (values, part) =>
  values.toSorted((a, b) => a - b)[Math.min(Math.floor(values.length * part), values.length - 1)]

/** A node, and how long it took to start. With `PROFILE` it writes a profile there at its end. */
async function start(name, [httpPort, authPort]) {
  const before = performance.now()
  mkdirSync(join(folder, name), { recursive: true })
  const args = [
    // With the same memory for what lives shortly as the library, which runs here.
    ...process.execArgv,
    ...(process.env.PROFILE ? ['--cpu-prof', `--cpu-prof-dir=${process.env.PROFILE}`] : []),
    ...[new URL('../node/dist/bin.js', import.meta.url).pathname, 'node', '--genesis', path],
    ...['--datadir', join(folder, name), '--authrpc.jwtsecret', join(folder, 'secret')],
    ...['--http.port', `${httpPort}`, '--authrpc.port', `${authPort}`],
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  while (true) {
    if (child.exitCode !== null) throw new Error(`the node ended with ${child.exitCode}`)
    const id = await post(authPort, { jsonrpc: '2.0', id: 1, method: 'eth_chainId' }).catch(
      () => {},
    )
    if (id) break
    await sleep(5)
  }
  const stop = async () => {
    agent.destroy()
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return { ms: performance.now() - before, stop }
}

const diskBytes = (name) =>
  readdirSync(join(folder, name))
    .map((file) => statSync(join(folder, name, file)))
    .reduce((sum, { blocks }) => sum + 512 * blocks, 0)

const customCrypto = await createCrypto()
const {
  chain,
  header: genesisHeader,
  state: genesisState,
} = await createGenesis(genesis, {
  customCrypto,
})
const { common } = chain.rules(genesisHeader)
let count = 0
/** A signed transfer to one of 10,000 accounts. */
function transfer() {
  const to = `0x${uint(0xacc0000 + (count % 10_000), 20)}`
  const sender = senders[count++ % senders.length]
  const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, gasLimit: 21_000n }
  const tx = { nonce: sender.nonce++, to, value: 1n, chainId: 901n, ...fees }
  return bytesToHex(createFeeMarket1559Tx(tx, { common }).sign(sender.key).serialize())
}

/** Sends transfers to the pool. */
async function fill(count) {
  const raw = Array.from({ length: count }, transfer)
  const body = raw.map((tx, id) => {
    return { jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [tx] }
  })
  for (const { error } of await post(httpPort, body)) if (error) throw new Error(error.message)
}

let head = { number: 0, hash: bytesToHex(genesisHeader.hash()) }
const forkchoice = (headBlockHash, label = headBlockHash) => ({
  headBlockHash,
  safeBlockHash: label,
  finalizedBlockHash: label,
})

/** Attributes of the next block. */
const nextAttributes = (transactions, noTxPool = true) =>
  createAttributes(genesis, head.number + 1, transactions, { noTxPool })

/** Builds a block and makes it the head of the node that builds. @returns what was built */
async function build(part, attributes) {
  const start = performance.now()
  const { payloadId } = await call(
    `${part}: forkchoice with attributes`,
    ...[authPort, 'engine_forkchoiceUpdatedV3', forkchoice(head.hash), attributes],
  )
  const built = await call(`${part}: getPayload`, authPort, 'engine_getPayloadV5', payloadId)
  note(`${part}: build`, start)
  await importBlock(`${part}: own block`, authPort, built)
  note(`${part}: whole loop`, start)
  return built
}

/** Imports a block and makes it the head. */
async function importBlock(part, port, { executionPayload, parentBeaconBlockRoot }) {
  const start = performance.now()
  const rest = [[], parentBeaconBlockRoot, []]
  await call(`${part}: newPayload`, port, 'engine_newPayloadV4', executionPayload, ...rest)
  const choice = forkchoice(executionPayload.blockHash, executionPayload.parentHash)
  await call(`${part}: forkchoice`, port, 'engine_forkchoiceUpdatedV3', choice, null)
  note(part, start)
}

const advance = ({ executionPayload: { blockHash } }) => {
  head = { number: head.number + 1, hash: blockHash }
}

function note(name, start) {
  times[name] ??= []
  times[name].push(performance.now() - start)
}

const sum = (values) => values.reduce((total, value) => total + value, 0)

/** Repeats something for the time of a part, at least so often. @returns how often */
async function repeat(run, least, most = Infinity) {
  const end = performance.now() + PART * 1000
  let rounds = 0
  while (rounds < most && (rounds < least || performance.now() < end)) await run(rounds++)
  return rounds
}

const results = []
/** Notes a figure with the goal that it must or should meet, as `>= 0.8` or `<= 50`. */
function report(what, value, unit, must, aim) {
  const isMet = (goal) => {
    const [sign, number] = goal.split(' ')
    return sign === '>=' ? value >= Number(number) : value <= Number(number)
  }
  const verdict = [must && `must ${must}`, aim && `aim ${aim}`].filter(Boolean).map((text) => {
    return `${text} ${isMet(text.slice(text.indexOf(' ') + 1)) ? 'met' : 'MISSED'}`
  })
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  results.push(
    `${what.padEnd(58)} ${value.toFixed(digits).padStart(8)} ${unit.padEnd(8)} ${verdict}`,
  )
  console.log(results.at(-1))
}

/** The library alone, on the states of the same blocks, which stay in memory. */
function createLibrary() {
  const nodes = new Map(genesisState.added)
  let parent = genesisHeader
  return async (name, attributes) => {
    const start = performance.now()
    const state = new State(chain.common, nodes, parent.stateRoot)
    const { header } = await executeBlock({ chain, state, parent, attributes })
    note(name, start)
    for (const [hash, node] of state.added) nodes.set(hash, node)
    parent = header
    return bytesToHex(header.hash())
  }
}

const ports = { builder: [httpPort, authPort], follower: [followerHTTPPort, followerPort] }
let [node, follower] = []
try {
  node = await start('builder', ports.builder)
  follower = await start('follower', ports.follower)
  const execute = createLibrary()
  /** One block everywhere: built, imported by the other node, executed by the library. */
  const runAll = async (part, transactions, importName = `${part}: import`) => {
    const attributes = nextAttributes(transactions)
    const built = await build(part, attributes)
    await importBlock(importName, followerPort, built)
    const hash = await execute(`${part}: library`, attributes)
    if (hash !== built.executionPayload.blockHash) throw new Error('the library differs')
    advance(built)
    return Number(built.executionPayload.gasUsed)
  }
  const transfers = (count) => Array.from({ length: count }, transfer)

  // The first of them warm the compiler, and do not count.
  const warm = 3
  const gas = []
  await repeat(async () => gas.push(await runAll('large', transfers(LARGE))), warm + 2, 40)
  const speed = (name) => sum(gas.slice(warm)) / 1e3 / sum(times[name].slice(warm))
  console.log(`${gas.length - warm} blocks of ${LARGE} transfers, and ${warm} before them`)
  const library = speed('large: library')
  report('library alone', library, 'Mgas/s')
  report('import over HTTP', speed('large: import'), 'Mgas/s')
  report('import against the library', speed('large: import') / library, '', '>= 0.8', '>= 0.9')
  report('building over HTTP', speed('large: build'), 'Mgas/s')
  report('building against the library', speed('large: build') / library, '', '>= 0.8', '>= 0.9')

  console.log('\nblocks of 100 transfers from the pool')
  await repeat(async () => {
    await fill(100)
    const built = await build('pool', nextAttributes([], false))
    await importBlock('pool: import', followerPort, built)
    await execute('pool: library', {
      ...nextAttributes([]),
      transactions: built.executionPayload.transactions,
    })
    advance(built)
  }, 3)
  for (const [part, must] of Object.entries({ 0.5: undefined, 0.99: '<= 50' })) {
    const value = quantile(times['pool: forkchoice with attributes'], Number(part))
    report(`forkchoice with attributes, p${100 * part}`, value, 'ms', must)
  }
  report('whole loop, p99', quantile(times['pool: whole loop'], 0.99), 'ms', '<= 500')

  console.log('\nnear-empty blocks, as they are derived')
  let bytes = diskBytes('builder')
  const pending = []
  const empty = await repeat(async () => advance(await derive()), 20)
  async function derive() {
    const attributes = nextAttributes([])
    const built = await build('empty', attributes)
    pending.push(built)
    await execute('empty: library', attributes)
    return built
  }
  report('derived', (1000 * empty) / sum(times['empty: whole loop']), 'a second', '>= 66')
  report('the library alone', (1000 * empty) / sum(times['empty: library']), 'a second')
  report('database, empty block', (diskBytes('builder') - bytes) / 1024 / empty, 'KiB', '<= 5.5')
  for (const built of pending) await importBlock('empty: import', followerPort, built)

  console.log('\nblocks of 20 transfers')
  bytes = diskBytes('builder')
  let isRead = false
  let isOver = false
  const balance = { to: '0x420000000000000000000000000000000000000f', data: '0x519b4bd3' }
  const readers = [
    ['eth_getBlockByNumber', ['latest', true]],
    ['eth_call', [balance, 'latest']],
  ].map(async ([method, params]) => {
    while (!isOver) {
      if (isRead) await call(`reader: ${method}`, followerHTTPPort, method, ...params)
      await sleep(isRead ? 0 : 20)
    }
  })
  const blocks = await repeat(async (round) => {
    isRead = round % 20 >= 10
    await runAll('20', transfers(20), isRead ? '20: import, read' : '20: import')
  }, 40)
  isOver = true
  await Promise.all(readers)
  report('database, block of 20', (diskBytes('builder') - bytes) / 1024 / blocks, 'KiB', '<= 39')
  const [alone, read] = ['20: import', '20: import, read'].map((name) => quantile(times[name], 0.5))
  report('import with two readers, against without', read / alone, '', '<= 1.1')
  for (const method of ['eth_getBlockByNumber', 'eth_call']) {
    report(`${method} meanwhile, p99`, quantile(times[`reader: ${method}`], 0.99), 'ms', '<= 50')
  }

  console.log('\nreading')
  const topics = [`0x${'11'.repeat(32)}`]
  const range = { fromBlock: `0x${(head.number - blocks + 1).toString(16)}`, toBlock: 'latest' }
  for (let round = 0; round < 3; round++) {
    await call('eth_getLogs', httpPort, 'eth_getLogs', { ...range, topics })
  }
  const scaled = (quantile(times.eth_getLogs, 0) * 10) / blocks
  report(`eth_getLogs, 10,000 blocks, from ${blocks} of them`, scaled, 's', '<= 1')
  const before = performance.now()
  let calls = 0
  const call8 = async () => {
    while (performance.now() < before + (PART * 1000) / 3) {
      await call('eth_call', httpPort, 'eth_call', balance, 'latest')
      calls++
    }
  }
  await Promise.all(Array.from({ length: 8 }, call8))
  const rate = (1000 * calls) / (performance.now() - before)
  report('eth_call that reads a slot', rate, 'a second', '>= 1000')
  await node.stop()
  node = await start('builder', ports.builder)
  report(`start with ${head.number} blocks on disk`, node.ms / 1000, 's', '<= 1')

  console.log('\nlatencies')
  for (const [name, values] of Object.entries(times)) {
    const [p50, p99] = [0.5, 0.99].map((part) => quantile(values, part).toFixed(1).padStart(9))
    console.log(
      `  ${name.padEnd(40)} ${`${values.length}`.padStart(6)} p50 ${p50} ms  p99 ${p99} ms`,
    )
  }
} finally {
  await Promise.all([node?.stop(), follower?.stop()])
  rmSync(folder, { recursive: true, force: true })
}
