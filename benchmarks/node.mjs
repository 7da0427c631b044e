/**
 * Drives a node over HTTP as op-node does, with its database on disk, and prints how long each call
 * takes, how much gas is executed in a second, and what a block costs in memory and on disk.
 * `BLOCKS` sets the number of small blocks in a row (1,000).
 */
import { spawn } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
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
import { bytesToHex, createAddressFromPrivateKey } from '@ethereumjs/util'
import { createAddressFromString, hexToBytes } from '@ethereumjs/util'
import { createCrypto } from '../dist/crypto/index.js'
import { createChain, encodeDeposit, sourceHash } from '../dist/src/index.js'

const BLOCKS = Number(process.env.BLOCKS ?? 1_000)
/** Longest time in seconds for the blocks in a row, of which there are then fewer. */
const MAX_TIME = Number(process.env.MAX_TIME ?? 100)

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

function token() {
  const encode = (json) => Buffer.from(JSON.stringify(json)).toString('base64url')
  const text = `${encode({ alg: 'HS256' })}.${encode({ iat: Math.floor(Date.now() / 1000) })}`
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
}

/** Sends requests to a port in one body. @returns the answers */
async function post(port, body) {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
  if (port === authPort || port === followerPort) headers.authorization = `Bearer ${token()}`
  const sent = request({ agent, host: '127.0.0.1', port, method: 'POST', headers }).end(text)
  const [response] = await once(sent, 'response')
  const chunks = []
  for await (const chunk of response) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks))
}

/** Milliseconds that calls took, by name. */
let times = {}
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
  const rss = () => {
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
    return Number(/VmRSS:\s*(\d+)/.exec(status)[1]) / 1024
  }
  const stop = async () => {
    agent.destroy()
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  return { ms: performance.now() - before, rss, stop }
}

const diskBytes = () =>
  readdirSync(join(folder, 'builder'))
    .map((name) => statSync(join(folder, 'builder', name)))
    .reduce((sum, { blocks }) => sum + 512 * blocks, 0)

const uint = (value, width) =>
  BigInt(value)
    .toString(16)
    .padStart(2 * width, '0')

/** An L1 attributes deposit for Jovian, without fees that matter. */
function l1Attributes(number) {
  const hash = uint(number, 32)
  const fees = uint(5227, 4) + uint(1_014_213, 4) + uint(0, 8) + uint(number, 8) + uint(number, 8)
  const rest = uint(10 ** 9, 32) + uint(1, 32) + hash + uint(0, 44) + uint(400, 2)
  const tx = {
    sourceHash: sourceHash(1, hexToBytes(`0x${hash}${uint(0, 32)}`)),
    from: createAddressFromString('0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001'),
    to: createAddressFromString('0x4200000000000000000000000000000000000015'),
    ...{ mint: 0n, value: 0n, gas: 1_000_000n, isSystemTx: false },
    data: hexToBytes(`0x3db6be2b${fees}${rest}`),
  }
  return bytesToHex(encodeDeposit(tx))
}

const customCrypto = await createCrypto()
const { common } = createChain(genesis.config, { customCrypto }).rules({
  number: 1n,
  timestamp: BigInt(genesis.timestamp),
})
let count = 0
/** A signed transfer to one of 10,000 accounts. */
function transfer() {
  const to = `0x${uint(0xacc0000 + (count % 10_000), 20)}`
  const sender = senders[count++ % senders.length]
  const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 1n, gasLimit: 21_000n }
  const tx = { nonce: sender.nonce++, to, value: 1n, chainId: 901n, ...fees }
  return bytesToHex(createFeeMarket1559Tx(tx, { common }).sign(sender.key).serialize())
}

/** Sends transfers to the pool. @returns milliseconds for each */
async function fill(count) {
  const raw = Array.from({ length: count }, transfer)
  const before = performance.now()
  for (let index = 0; index < count; index += 100) {
    const batch = raw
      .slice(index, index + 100)
      .map((tx, id) => ({ jsonrpc: '2.0', id, method: 'eth_sendRawTransaction', params: [tx] }))
    for (const { error } of await post(httpPort, batch)) if (error) throw new Error(error.message)
  }
  return (performance.now() - before) / Math.max(count, 1)
}

let head = { number: 0, hash: undefined }
/** Builds and imports a block from the pool, as op-node does. @returns gas and transactions */
async function loop(isFollowed = false) {
  const before = performance.now()
  const number = head.number + 1
  const forkchoice = (headBlockHash) => ({
    headBlockHash,
    safeBlockHash: head.hash,
    finalizedBlockHash: head.hash,
  })
  const attributes = {
    timestamp: `0x${(Number(genesis.timestamp) + 2 * number).toString(16)}`,
    prevRandao: `0x${uint(number, 32)}`,
    suggestedFeeRecipient: '0x4200000000000000000000000000000000000011',
    withdrawals: [],
    parentBeaconBlockRoot: `0x${uint(number, 32)}`,
    transactions: [l1Attributes(number)],
    noTxPool: false,
    gasLimit: '0x3938700',
    eip1559Params: '0x0000000000000000',
    minBaseFee: 0,
  }
  const { payloadId } = await call(
    'forkchoiceUpdated(attributes)',
    ...[authPort, 'engine_forkchoiceUpdatedV3', forkchoice(head.hash), attributes],
  )
  const built = await call('getPayload', authPort, 'engine_getPayloadV5', payloadId)
  const { executionPayload: payload, parentBeaconBlockRoot } = built
  const rest = [[], parentBeaconBlockRoot, []]
  await call('newPayload', authPort, 'engine_newPayloadV4', payload, ...rest)
  const choice = forkchoice(payload.blockHash)
  await call('forkchoiceUpdated', authPort, 'engine_forkchoiceUpdatedV3', choice, null)
  head = { number, hash: payload.blockHash }
  times['whole loop'] ??= []
  times['whole loop'].push(performance.now() - before)
  if (isFollowed) {
    await call('newPayload of another node', followerPort, 'engine_newPayloadV4', payload, ...rest)
    await call('forkchoiceUpdated of it', followerPort, 'engine_forkchoiceUpdatedV3', choice, null)
  }
  return { gas: Number(payload.gasUsed), count: payload.transactions.length - 1 }
}

const results = []
const report = (what, value, goal, isMet) => results.push({ what, value, goal, isMet })
const ms = (value) => `${value.toFixed(1)} ms`

function printTimes() {
  for (const [name, values] of Object.entries(times)) {
    const [p50, p99] = [0.5, 0.99].map((part) => ms(quantile(values, part)).padStart(10))
    console.log(`  ${name.padEnd(30)} p50 ${p50}  p99 ${p99}`)
  }
}

/** Runs blocks of `size` transfers and prints the latencies. @returns p99 of the whole loop */
async function measure(size, rounds) {
  times = {}
  let [gas, poolTime, blocks] = [0, 0, 0]
  for (let round = 0; round < rounds; round++) {
    poolTime += (await fill(size)) / rounds
    // What does not fit into the time for building a block is left for the next.
    for (let left = size; left > 0; blocks++) {
      const block = await loop(true)
      gas += block.gas
      left -= block.count
      if (block.count === 0) throw new Error(`${left} transfers stay in the pool`)
    }
  }
  const title = `${rounds} times ${size} transfers, in ${blocks} blocks`
  console.log(`\n${title} (${ms(poolTime)} for each to get into the pool)`)
  printTimes()
  const speed = (names) => {
    const sum = names.flatMap((name) => times[name]).reduce((total, time) => total + time, 0)
    return `${(gas / 1e3 / sum).toFixed(2)} Mgas/s`
  }
  const imported = speed(['newPayload of another node', 'forkchoiceUpdated of it'])
  console.log(`  ${speed(['whole loop'])} built, ${imported} imported`)
  return quantile(times['whole loop'], 0.99)
}

let [node, follower] = []
try {
  node = await start('builder', [httpPort, authPort])
  follower = await start('follower', [followerHTTPPort, followerPort])
  head.hash = (await call('', authPort, 'eth_getBlockByNumber', '0x0', false)).hash
  console.log(`start-up with an empty folder ${ms(node.ms)}, ${node.rss().toFixed(0)} MB resident`)
  const empty = { bytes: diskBytes(), rss: node.rss() }
  await measure(1, 20)
  const hundred = await measure(100, 10)
  report('whole loop of a block of 100 transfers, p99', ms(hundred), '< 500 ms', hundred < 500)
  await measure(1_000, 2)
  await follower.stop()
  follower = undefined

  // Small blocks in a row, with readers on the public port meanwhile.
  times = {}
  let isOver = false
  const readers = [
    ['eth_getBlockByNumber', () => ['latest', true]],
    ['eth_call', () => [{ to: '0x420000000000000000000000000000000000000f', data: '0x519b4bd3' }]],
  ].map(async ([method, params]) => {
    while (!isOver) {
      await call(method, httpPort, method, ...params())
      await sleep(20)
    }
  })
  const before = { bytes: diskBytes(), number: head.number, time: performance.now() }
  let early
  while (head.number < before.number + BLOCKS) {
    await fill(1)
    await loop()
    if (head.number === before.number + Math.min(100, BLOCKS)) early = node.rss()
    if (performance.now() - before.time > MAX_TIME * 1000) break
  }
  isOver = true
  await Promise.all(readers)
  const count = head.number - before.number
  console.log(`\n${count} blocks of 1 transfer in a row, with two readers`)
  printTimes()
  const late = node.rss()
  const perBlock = (diskBytes() - before.bytes) / count
  console.log(`  database: ${(perBlock / 1024).toFixed(1)} KiB a block`)
  const memory = [empty.rss, early ?? late, late].map((value) => value.toFixed(0))
  console.log(`  resident memory: ${memory.join(' MB, ')} MB at the start, after 100, at the end`)
  const growth = late - (early ?? late)
  const growthText = `${growth.toFixed(0)} MB`
  report('memory at the end, above that after 100', growthText, '< 100 MB', growth < 100)
  for (const method of ['eth_getBlockByNumber', 'eth_call']) {
    const p99 = quantile(times[method], 0.99)
    report(`${method} while blocks are imported, p99`, ms(p99), '< 50 ms', p99 < 50)
  }
  await node.stop()
  node = await start('builder', [httpPort, authPort])
  report(`start-up with ${head.number} blocks on disk`, ms(node.ms), '< 2000 ms', node.ms < 2_000)

  console.log('\ngoals')
  for (const { what, value, goal, isMet } of results) {
    console.log(
      `  ${isMet ? 'met   ' : 'MISSED'} ${what.padEnd(48)} ${value.padStart(10)}  ${goal}`,
    )
  }
} finally {
  await Promise.all([node?.stop(), follower?.stop()])
  rmSync(folder, { recursive: true, force: true })
}
