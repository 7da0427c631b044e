/**
 * Verifies blocks of 1 to 30 Mgas of a local node, from its witnesses and from its proofs, beside the
 * library on the same blocks, block by block in turn, and prints a table; then, where op-geth has been
 * built (`spec-tests/references/op-geth/execution/build.sh`), the same of op-geth. `BLOCKS` sets their
 * number (20). What is left after three minutes, or five for both, is left out, and the table says so.
 */
import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { bytesToHex } from '@ethereumjs/util'
import { createGenesis, readBlock } from '../dist/blockchain/index.js'
import { createCrypto } from '../dist/crypto/index.js'
import { attributesOfHeader, executeBlock, readWitness } from '../dist/src/index.js'
import runTask from '../node/dist/verify/worker.js'
import { createAttributes, createToken } from './chain.mjs'
import { isLate, sum, table, timed } from './common.mjs'
import { ALLOC, call, erc20Transfer, transfer } from './workloads.mjs'

const count = Number(process.env.BLOCKS ?? 20)
const MOST_GAS = 30e6
/** Seconds after which no more blocks are measured, of the first and of both. */
const LATE = [170, 280]

const genesis = JSON.parse(readFileSync(new URL('../examples/genesis.json', import.meta.url)))
// op-geth ends with Jovian.
const { karstTime, osakaTime, ...config } = genesis.config
Object.assign(genesis, { config, alloc: { ...genesis.alloc, ...ALLOC } })
const customCrypto = await createCrypto()

let index = 0
/** Transactions of so much gas: transfers to new accounts, those of tokens, writes, computation. */
function createTraffic(gas) {
  const transactions = []
  for (let left = gas; left > 0; ) {
    const kind = index % 20
    if (kind === 0) transactions.push(call(index, 'storage', 30, 2_000_000n))
    else if (kind === 10) transactions.push(call(index, 'arithmetic', 3_000, 2_000_000n))
    else transactions.push(kind % 2 === 0 ? transfer(index) : erc20Transfer(index))
    left -= kind === 0 ? 180_000 : kind === 10 ? 230_000 : kind % 2 === 0 ? 21_000 : 52_000
    index++
  }
  return transactions
}

/** Attributes of all blocks, each larger than the one before. */
const attributes = Array.from({ length: count }, (_, at) => {
  const number = at + 1
  const gas = 1e6 + ((MOST_GAS - 1e6) * at) / Math.max(count - 1, 1)
  // With one gas of DA footprint a byte, the gas of execution counts.
  const changes = { scalar: 1, gasLimit: genesis.gasLimit }
  return createAttributes(genesis, number, createTraffic(gas), changes)
})

async function post(url, body, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const { result, error } = await response.json()
  if (error) throw new Error(`${body.method}: ${error.message}`)
  return result
}
const ask = (url, method, ...params) => post(url, { jsonrpc: '2.0', id: 1, method, params })

/** This project's node in a process of its own, with the blocks. */
async function startNode() {
  const secret = randomBytes(32)
  const script = fileURLToPath(new URL('../spec-tests/node-process.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.write(`${JSON.stringify({ genesis, secret: secret.toString('hex') })}\n`)
  const [line] = await once(createInterface({ input: child.stdout }), 'line')
  const { httpPort, authPort } = JSON.parse(line)
  const call = (method, ...params) => {
    const headers = { authorization: `Bearer ${createToken(secret)}` }
    const body = { jsonrpc: '2.0', id: 1, method, params }
    return post(`http://127.0.0.1:${authPort}`, body, headers)
  }
  const url = `http://127.0.0.1:${httpPort}`
  let { hash } = await ask(url, 'eth_getBlockByNumber', '0x0', false)
  const choose = (head, next) => {
    const choice = { headBlockHash: head, safeBlockHash: head, finalizedBlockHash: head }
    return call('engine_forkchoiceUpdatedV3', choice, next)
  }
  for (const next of attributes) {
    const { payloadId } = await choose(hash, next)
    const built = await call('engine_getPayloadV4', payloadId)
    const { executionPayload, parentBeaconBlockRoot } = built
    await call('engine_newPayloadV4', executionPayload, [], parentBeaconBlockRoot, [])
    hash = executionPayload.blockHash
    await choose(hash, null)
  }
  return { url, stop: () => child.kill() }
}

/** op-geth with the same blocks, which it builds from the same attributes, behind a port. */
async function startOpGeth() {
  const build = fileURLToPath(
    new URL('../spec-tests/references/op-geth/execution/build.sh', import.meta.url),
  )
  const program = spawnSync(build, ['--find'], { encoding: 'utf8' }).stdout.trim()
  if (!program) return undefined
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const send = async (request) => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    return JSON.parse((await lines.next()).value)
  }
  const { blocks = [], error } = await send({ genesis, blocks: attributes })
  if (blocks.length < count) throw new Error(`op-geth builds ${blocks.length} blocks: ${error}`)
  const server = createServer(async (request, response) => {
    const body = await json(request)
    const answers = []
    for (const { id, method, params } of [body].flat()) {
      const { result = null, error: message } = await send({ method, params })
      answers.push({
        jsonrpc: '2.0',
        id,
        ...(message ? { error: { code: -32000, message } } : { result }),
      })
    }
    response.end(JSON.stringify(Array.isArray(body) ? answers : answers[0]))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const stop = () => {
    server.closeAllConnections()
    server.close()
    child.kill()
  }
  return { url: `http://127.0.0.1:${server.address().port}`, stop }
}

const { chain } = await createGenesis(genesis, { customCrypto })

/** Times of the library alone: a witness is read, and the block executed on it. */
async function runLibrary(url, number) {
  const tag = `0x${number.toString(16)}`
  const claim = await readBlock(chain, await ask(url, 'eth_getBlockByNumber', tag, true))
  const witness = await ask(url, 'debug_executionWitness', tag)
  const { header, transactions } = claim
  const { result, wall, cpu } = await timed(() => {
    const contents = readWitness(chain.common, header.parentHash, witness, { assumeAbsent: true })
    const block = { ...attributesOfHeader(header), transactions }
    return executeBlock({ chain, ...contents, attributes: block })
  })
  const isSame = bytesToHex(result.header.hash()) === bytesToHex(header.hash())
  if (!isSame) throw new Error(`block ${number} comes out otherwise`)
  return { wall, cpu }
}

async function verify(url, number, source) {
  const task = { urls: [url], options: { timeout: 60_000 }, config, number, source }
  const { result, wall, cpu } = await timed(() => runTask(task))
  const { verdict, error, block } = result
  if (verdict !== 'ok') throw new Error(`block ${number} from ${source}: ${error}`)
  return { ...block, wall, cpu }
}

const HEAD = [
  ...['Mgas', 'txs', 'library s', 'witness s', 'cpu ×', 'requests'],
  ...['proofs s', 'requests', 'rounds'],
  ...['accounts', 'slots', 'MB'],
]

/** Numbers of the blocks: where time is short, those in the middle are left out. */
function* fromBothEnds() {
  for (let low = 1, high = count; low <= high; low++, high--) {
    yield low
    if (low !== high) yield high
  }
}

/** Measures all blocks of an endpoint, as far as there is time. */
async function measure(name, { url, stop }, late) {
  // To warm up; the smallest blocks are measured anew.
  for (let number = 1; number <= Math.min(3, count); number++) {
    await runLibrary(url, number)
    for (const source of ['witness', 'proofs']) await verify(url, number, source)
  }
  const rows = []
  const cpu = { library: 0, witness: 0 }
  for (const number of fromBothEnds()) {
    if (isLate(late)) break
    const library = await runLibrary(url, number)
    const byWitness = await verify(url, number, 'witness')
    const byProofs = await verify(url, number, 'proofs')
    const { rounds, accounts, slots } = byProofs.stats
    cpu.library += library.cpu
    cpu.witness += byWitness.cpu
    rows.push([
      ...[byWitness.gas / 1e6, byWitness.txs, library.wall, byWitness.wall],
      ...[byWitness.cpu / library.cpu, byWitness.requests, byProofs.wall, byProofs.requests],
      ...[rounds, accounts, slots, process.memoryUsage().rss / 1e6],
    ])
  }
  stop()
  rows.sort(([gas], [other]) => gas - other)
  const [library, witness] = [2, 3].map((at) => sum(rows.map((row) => row[at])))
  console.log(`\n${name}: ${rows.length} of ${count} blocks\n\n${table(HEAD, rows)}\n`)
  const times = `${(witness / library).toFixed(2)} times as long as the library`
  const cpuTimes = `${(cpu.witness / cpu.library).toFixed(2)} times the processor time`
  console.log(`from a witness ${times}, with what the endpoint takes; ${cpuTimes} of this process`)
  console.log(`most rounds ${Math.max(...rows.map((row) => row[8]))}`)
  console.log(`most memory of this process ${(process.resourceUsage().maxRSS / 1e3).toFixed(0)} MB`)
}

await measure('this node', await startNode(), LATE[0])
const opGeth = await startOpGeth()
if (opGeth) await measure('op-geth', opGeth, LATE[1])
else console.log('op-geth has not been built')
process.exit()
