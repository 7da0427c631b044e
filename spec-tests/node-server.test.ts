import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startNode } from 'ethereumjs-op-node'
import t from 'tap'
import { createProgress, toDuration } from '../node/src/journal/progress.ts'
import { createLog } from '../node/src/log.ts'
import { createRepeatFilter } from '../node/src/logger.ts'
import { isKnownHost, isKnownOrigin } from '../node/src/rpc/hosts.ts'
import { type CallOutcome, answer } from '../node/src/rpc/jsonrpc.ts'
import type { JSONValue } from './helpers.ts'
import { devGenesis, startDevnet } from './node-helpers-eth.ts'
import { post } from './node-helpers-faults.ts'

const GENESIS_HASH = '0x8e33730a0f2e34d7accc74b70665314a6d970f59e9711ea45d478dad9f95e1de'

const logFile = join(t.testdir({}), 'log')
const local = { addr: '127.0.0.1', port: 0 }
const net = await startDevnet(t, devGenesis(), undefined, {
  logFile,
  http: { ...local, vhosts: ['node.example'], corsdomain: ['https://app.example'] },
  ws: { ...local, api: ['net', 'debug'] },
  metrics: local,
  maxHeadAge: 3_600,
})
const { httpPort, metricsPort } = net.ports

const ask = (body: string, headers: Record<string, string> = {}) => post(httpPort, body, headers)
const get = (path: string) => post(httpPort, '', {}, { method: 'GET', path })
const call = (method: string, rest = '') => `{"jsonrpc":"2.0","id":1,"method":"${method}"${rest}}`
const logLines = (): JSONValue[] =>
  readFileSync(logFile, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
const logged = (message: string | RegExp) =>
  logLines().filter(({ msg }) => (message instanceof RegExp ? message.test(msg) : msg === message))

t.test('an id comes back as it came, with all digits, alone and in a batch (E-37)', async (t) => {
  const ids = ['0', '-1', '1.5', '""', '"a"', '"\\u0041"', 'null', 'true', '123456789012345678901']
  ids.push('0.1234567890123456789', '1e400', '-9007199254740993')
  const toBody = (id: string) => `{"jsonrpc":"2.0","id":${id},"method":"net_version"}`
  // Strings may be written in another way.
  const toAnswer = (id: string) =>
    `{"jsonrpc":"2.0","id":${id.startsWith('"') ? JSON.stringify(JSON.parse(id)) : id},"result":"901"}`
  for (const id of ids) t.equal((await ask(toBody(id))).text, toAnswer(id))
  t.equal((await ask(`[${ids.map(toBody)}]`)).text, `[${ids.map(toAnswer)}]`)
  const inText = '{"jsonrpc":"2.0","id":12345678901234567890,"method":"a \\"7 \\\\","params":[1.0]}'
  t.match((await ask(inText)).text, /^\{"jsonrpc":"2.0","id":12345678901234567890,"error"/)
})

t.test('parameters may be absent or null, at the end each of them', async (t) => {
  for (const params of ['', ',"params":null', ',"params":[]', ',"params":[null,null]']) {
    t.equal(
      (await ask(call('eth_chainId', params))).text,
      '{"jsonrpc":"2.0","id":1,"result":"0x385"}',
    )
  }
  const body = call('eth_getBlockByNumber', ',"params":["0x0",null,null]')
  t.equal(JSON.parse((await ask(body)).text).result.hash, GENESIS_HASH)
})

t.test('long answers are compressed for who accepts it', async (t) => {
  const fetched = async (body: string, encoding: string) => {
    const headers = { 'content-type': 'application/json', 'accept-encoding': encoding }
    const response = await fetch(net.url, { method: 'POST', headers, body })
    return { encoding: response.headers.get('content-encoding'), text: await response.text() }
  }
  const long = call('eth_getBlockByNumber', ',"params":["latest",true]')
  const plain = await fetched(long, 'identity')
  t.equal(plain.encoding, null)
  t.strictSame(await fetched(long, 'gzip, deflate'), { encoding: 'gzip', text: plain.text })
  t.equal((await fetched(call('eth_chainId'), 'gzip')).encoding, null)
})

t.test('a missing method is named', async (t) => {
  const messageOf = async (method: string) => {
    const { error } = JSON.parse((await ask(call(method))).text)
    return [error.code, error.message]
  }
  const missing = (method: string) => [
    -32601,
    `the method ${method} does not exist/is not available`,
  ]
  for (const method of ['eth_nothing', 'toString', 'engine_newPayloadV4', 'miner_setMaxDASize']) {
    t.strictSame(await messageOf(method), missing(method))
  }
  t.strictSame(await messageOf('eth_subscribe'), [-32601, 'notifications not supported'])
})

t.test('a fault of the node shows nothing of it, and is told to those who log', async (t) => {
  const outcomes: CallOutcome[] = []
  const methods = {
    eth_fault: () => (undefined as unknown as Record<string, () => void>).secret(),
    eth_throw: () => Promise.reject('no error'),
  }
  for (const method of Object.keys(methods)) {
    const text = await answer(methods, { text: call(method) }, (outcome) => outcomes.push(outcome))
    const error = '{"code":-32603,"message":"internal error"}'
    t.equal(text, `{"jsonrpc":"2.0","id":1,"error":${error}}`)
  }
  t.match(outcomes, [
    { method: 'eth_fault', code: -32603, fault: { message: /secret/ } },
    { method: 'eth_throw', code: -32603, fault: { message: 'no error' } },
  ])
})

t.test('content must be JSON, so that no web page can send it unasked', async (t) => {
  const statusOf = async (type: string) =>
    (await ask(call('eth_chainId'), { 'content-type': type })).status
  for (const type of [
    'application/json',
    'Application/JSON; charset=utf-8',
    'application/json-rpc',
  ]) {
    t.equal(await statusOf(type), 200, type)
  }
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    '',
  ]) {
    t.equal(await statusOf(type), 415, type)
  }
})

t.test('the port is called by its names or by IP address', async (t) => {
  const statusOf = async (host: string) => (await ask(call('eth_chainId'), { host })).status
  for (const host of ['node.example', 'NODE.example:8545', '10.0.0.1', '[::1]:8545']) {
    t.equal(await statusOf(host), 200, host)
  }
  for (const host of ['localhost', 'evil.example', '1.2.3.4.evil.example', 'node.example.evil']) {
    t.equal(await statusOf(host), 403, host)
  }
  t.ok(isKnownHost(['*'], 'evil.example'))
  t.ok(isKnownHost(['localhost'], undefined), 'no browser')
})

t.test('web pages of named origins may call, and no others', async (t) => {
  const preflight = async (origin: string) => {
    const response = await fetch(net.url, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    return response.headers.get('access-control-allow-origin')
  }
  t.equal(await preflight('https://app.example'), 'https://app.example')
  t.equal(await preflight('https://other.example'), null)
  t.ok(isKnownOrigin([], 'http://localhost:3000'), 'of this machine')
  t.notOk(isKnownOrigin([], 'https://app.example'))
  t.ok(isKnownOrigin(['app.example'], 'https://app.example:1'), 'any scheme and port')
  t.notOk(isKnownOrigin(['https://app.example'], 'http://app.example'))
  t.notOk(isKnownOrigin(['https://app.example'], 'null'))
})

t.test('GET tells load balancers how the node is', async (t) => {
  t.strictSame(await get('/'), { status: 200, text: '' })
  t.strictSame(await get('/ready'), { status: 200, text: '{"ready":true}' })
  const old = await get('/health')
  t.equal(old.status, 503)
  t.match(JSON.parse(old.text), { head: { number: 0, hash: GENESIS_HASH }, maxHeadAge: 3_600 })
  const timestamp = Math.floor(Date.now() / 1000) - 5
  const block = await net.mine({ attributes: { timestamp: `0x${timestamp.toString(16)}` } })
  const { status, text } = await get('/health')
  t.equal(status, 200)
  const { age, ...health } = JSON.parse(text)
  const head = { number: 1, hash: block.hash, timestamp }
  t.strictSame(health, { status: 'ok', head, maxHeadAge: 3_600 })
  t.ok(age >= 5 && age < 3_600, `${age}`)
  t.equal((await post(httpPort, '', {}, { method: 'PUT' })).status, 405)
})

t.test('each port tells which namespaces it has', async (t) => {
  const modules = { eth: '1.0', net: '1.0', rpc: '1.0', web3: '1.0' }
  t.strictSame(await net.rpc('rpc_modules'), modules)
  t.match(await net.engine('rpc_modules'), { ...modules, engine: '1.0', miner: '1.0' })
})

t.test('the log says what happens, a line of JSON each', async (t) => {
  t.match(logged('chain'), [{ level: 'info', chainId: 901, genesis: GENESIS_HASH, head: 0 }])
  t.match(logged('node started'), [{ httpPort, metricsPort, time: /^\d{4}-.*Z$/ }])
  const [head] = logged('head (built here)')
  t.match(head, {
    number: 1,
    txs: 1,
    gas: Number,
    baseFee: Number,
    ms: Number,
    mgasPerSecond: Number,
  })

  const [payload, hash] = ['ab', 'cd'].map((byte) => `0x${byte.repeat(32)}`)
  const choose = (headBlockHash: string) =>
    net.engine('engine_forkchoiceUpdatedV3', {
      headBlockHash,
      safeBlockHash: `0x${'00'.repeat(32)}`,
      finalizedBlockHash: `0x${'00'.repeat(32)}`,
    })
  for (const missing of [payload, hash, hash]) await choose(missing)
  t.match(logged(/^SYNCING/), [{ level: 'warn', missing: payload, head: 1 }], 'once a minute')
  t.match(logged(/^SYNCING/)[0].msg, /--syncmode=consensus-layer/)

  const parent = await net.rpc('eth_getBlockByNumber', '0x0', false)
  const now = Math.floor(Date.now() / 1000)
  const attributes = { timestamp: `0x${(now - 3).toString(16)}` }
  const other = await net.mine({ parent: parent.hash, attributes })
  t.match(logged(/^reorg/), [{ depth: 1, ancestor: 0, to: other.hash }])
  t.equal(logged('head (built here)').at(-1).number, 1)
})

t.test('metrics of all threads are served to Prometheus', async (t) => {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`)
  const text = await response.text()
  t.match(response.headers.get('content-type'), /^text\/plain/)
  const value = (line: string) => {
    const found = text.split('\n').find((row) => row.startsWith(`ethereumjs_op_${line} `))
    return Number(found?.split(' ').at(-1))
  }
  t.equal(value('block_number{label="latest"}'), 1)
  t.equal(value('engine_calls_total{method="engine_newPayloadV4",status="VALID"}'), 2)
  t.equal(value('engine_calls_total{method="engine_forkchoiceUpdatedV3",status="SYNCING"}'), 3)
  t.equal(value('block_execution_seconds_count{origin="built"}'), 2)
  t.equal(value('reorganized_blocks_total'), 1)
  t.equal(value('pool_transactions'), 0)
  const calls = 'rpc_calls_total{thread="public",method="net_version",outcome="ok"}'
  t.equal(value(calls), 24, 'as many as above')
  t.ok(value('rpc_calls_total{thread="public",method="unknown",outcome="-32601"}') >= 4)
  for (const name of ['database_bytes', 'heap_bytes{thread="public"}']) t.ok(value(name) > 0, name)
  for (const [thread, cache] of [
    ['engine', 'nodes'],
    ['engine', 'headers'],
    ['public', 'blocks'],
  ]) {
    const reads = (outcome: string) =>
      value(`cache_reads_total{thread="${thread}",cache="${cache}",outcome="${outcome}"}`)
    t.ok(reads('hits') > 0 && reads('misses') > 0, `${cache} of ${thread}`)
  }
  t.ok(value('event_loop_lag_seconds{thread="engine",quantile="1"}') >= 0)
  t.match(text, /^process_resident_memory_bytes \d+$/m)
})

t.test('while the node catches up it says now and then how far it is', async (t) => {
  const said: JSONValue[] = []
  const destination = { write: (line: string) => said.push(JSON.parse(line)) }
  const progress = createProgress(createLog({ format: 'json', destination }))
  const now = Math.floor(Date.now() / 1000)
  for (let number = 1; number <= 100; number++) {
    const timestamp = now - 100_000 + 10 * number
    progress.add({ number, hash: `0x${number}`, txs: 2, gas: 1_000_000, timestamp })
  }
  await sleep(20)
  progress.flush()
  t.match(said, [
    { msg: 'catching up begins', number: 1 },
    { msg: 'catching up', number: 100, blocks: 100, txs: 200, mgas: 100, age: '1d3h' },
  ])
  t.match(said[1].eta, /^\d+[smh]/)
  t.equal(said.length, 2)
  const durations = [0, 59, 61, 3_600, 90_061].map(toDuration)
  t.strictSame(durations, ['0s', '59s', '1m1s', '1h0m', '1d1h'])
})

t.test('the log for people has time, level, message and fields, a line each', async (t) => {
  const said: string[] = []
  const destination = { write: (line: string) => said.push(line) }
  const log = createLog({ destination })
  log.debug({}, 'not this')
  log.warn({ number: 1, hash: '0xab', reason: 'two\nlines', list: [1] }, 'INVALID payload')
  t.match(said[0], /^\d{4}-\d\d-\d\dT[\d:.]+Z WARN {2}INVALID payload number=1 hash=0xab /)
  t.match(said[0], 'reason="two\\nlines" list=[1]\n')
  t.equal(said.length, 1)
  t.throws(() => createLog({ level: 'loud' as never }), /loud/)
  let time = 0
  const isNews = createRepeatFilter(() => time)
  const answers = [0, 1, 59_000, 61_000].map((at) => {
    time = at
    return isNews('same')
  })
  t.strictSame(answers, [0, undefined, undefined, 2], 'once a minute, and how often')
})

const noPriorities = process.platform !== 'linux' && 'threads have priorities on Linux alone'
t.test('the public ports yield to the engine', { skip: noPriorities }, (t) => {
  // What follows the name of a thread; the 19th of all fields is its niceness.
  const nicenessOf = (thread: string) => {
    const stat = readFileSync(`/proc/${net.pid}/task/${thread}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
  }
  const own = nicenessOf(`${net.pid}`)
  t.ok(readdirSync(`/proc/${net.pid}/task`).some((thread) => nicenessOf(thread) === own + 5))
  t.end()
})

t.test('the end is in the log', async (t) => {
  await net.stop()
  t.match(logged('node stops'), [{ head: 1 }])
  t.match(logLines().at(-1).msg, 'node stopped')
})

t.test('a namespace that there is not is an error', async (t) => {
  const opts = { genesis: devGenesis(), authrpc: local, secret: new Uint8Array(32) }
  const start = (api: string[]) => startNode({ ...opts, http: { ...local, api } })
  await t.rejects(start(['eth', 'nett']), /--http.api: There is no namespace 'nett'/)
  await t.rejects(start(['engine']), /--http.api: engine is served on the port for op-node only/)
  const ws = { ...local, api: [''] }
  await t.rejects(startNode({ ...opts, http: local, ws }), /--ws.api: There is no namespace ''/)
})

/** Starts a node that cannot start, and then one on its ports; says what there is after both. */
const TRY_TWICE = `
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { startNode } from './node/dist/node.js'
const { metrics, ...opts } = JSON.parse(process.argv[1])
const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('ethereumjs-op'))
const secret = new Uint8Array(32)
const error = await startNode({ ...opts, metrics, secret }).catch(({ message }) => message)
const afterFailure = folders()
const node = await startNode({ ...opts, secret })
const { httpPort } = node
await node.close()
console.log(JSON.stringify({ error, afterFailure, httpPort, afterEnd: folders() }))`

t.test('a start that fails leaves nothing behind', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const http = { ...local, port: httpPort }
  const opts = { genesis: devGenesis(), http, authrpc: local, metrics: { ...local, port } }
  const args = ['--input-type=module', '-e', TRY_TWICE, JSON.stringify(opts)]
  const env = { ...process.env, TMPDIR: t.testdir({}) }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env })
  const outcome = { afterFailure: [], httpPort, afterEnd: [] }
  t.match(JSON.parse(stdout), { ...outcome, error: /EADDRINUSE.*127\.0\.0\.1/ })
})
