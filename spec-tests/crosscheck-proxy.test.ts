/** The proxy of crosscheck: what op-node sees of main clients that do well, or badly. */
import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { CHAINS, type JSONObject } from '../blockchain/index.ts'
import { findFault } from '../node/dist/commands/crosscheck.js'
import type { CrosscheckSettings } from '../node/dist/config.js'
import { acknowledge, openAlarmBook, readOpenAlarms } from '../node/dist/crosscheck/alarmBook.js'
import { openHalt, resume } from '../node/dist/crosscheck/halt.js'
import { createEngineClient } from '../node/dist/crosscheck/engines.js'
import { keepWatchman } from '../node/dist/crosscheck/keeper.js'
import { openProxy } from '../node/dist/crosscheck/proxy.js'
import type { Alarm, Exchange } from '../node/dist/crosscheck/types.js'
import { createWebhook } from '../node/dist/crosscheck/webhook.js'
import {
  type Fake,
  type Line,
  type Script,
  ENGINE_SECRET,
  GENESIS,
  HASH,
  INVALID,
  OTHER,
  SECRET,
  SYNCING,
  VALID,
  ZERO,
  chosen,
  openFaultyMain,
  recordLog,
  refusal,
  send,
  spawnCrosscheck,
  start,
  startFake,
  toBody,
  until,
} from './crosscheck-proxy-helpers.ts'
import { runCLI } from './helpers.ts'
import {
  CallError,
  type Hex,
  type TestNode,
  createDriver,
  genesisHead,
  spawnNode,
  transfer,
  userDeposit,
  withContracts,
} from './node-helpers.ts'
import { MAIN, createToken, observe } from './node-helpers-faults.ts'

const PAYLOAD = toBody('engine_newPayloadV4', [
  { blockNumber: '0x1', blockHash: HASH },
  [],
  ZERO,
  [],
])
const CHOICE = toBody('engine_forkchoiceUpdatedV3', [{ headBlockHash: HASH }, null])
const FETCH = toBody('engine_getPayloadV5', ['0x0123456789abcdef'])

/** Opens a proxy by itself, without a watchman. */
async function openPort(
  t: Test,
  fakes: Fake[],
  {
    timeout = 10_000,
    ...opts
  }: Partial<Parameters<typeof openProxy>[0]> & { timeout?: number } = {},
) {
  const engines = fakes.map(({ url }) =>
    createEngineClient({ url, secret: ENGINE_SECRET, timeout }),
  )
  const exchanges: Exchange[] = []
  const proxy = await openProxy({
    mode: 'alert',
    engines,
    authrpc: { addr: '127.0.0.1', port: 0 },
    secret: SECRET,
    readHalt: () => undefined,
    log: recordLog().log,
    onExchange: (exchange) => exchanges.push(exchange),
    onRequest: () => {},
    onAlarm: () => {},
    ...opts,
  })
  t.teardown(async () => {
    await proxy.close()
    for (const engine of engines) engine.close()
  })
  return { port: proxy.port, exchanges }
}

t.test('what is passed on and what is given back are the same bytes', async (t) => {
  const text = '{ "jsonrpc" : "2.0",\n"id":7e0, "result":{"\\u0061":1.10, "ü":"\\ud800"} }  '
  const zipped = gzipSync(text)
  const main = await startFake(t, ({ incoming }, response) => {
    const isZipped = incoming.headers['accept-encoding'] === 'gzip'
    response.writeHead(207, 'As It Is', [
      ...['Content-Type', 'application/json; odd', 'X-Twice', 'a', 'X-Twice', 'b'],
      ...(isZipped ? ['Content-Encoding', 'gzip'] : []),
    ])
    response.end(isZipped ? zipped : text)
    return undefined
  })
  const { port: authPort } = await openPort(t, [main])
  const body = ' {"method":"engine_x", "id" : 7e0,"params":[1.0, "\\u00e4"],"jsonrpc":"2.0"}\n'
  const headers = { 'content-type': 'application/json;charset=utf-8', 'x-own': 'yes' }
  const answered = await send(authPort, body, { headers })
  t.equal(answered.status, 207)
  t.equal(answered.body.toString(), text)
  t.match(answered.headers.join(' '), /Content-Type application\/json; odd X-Twice a X-Twice b/)
  const [{ incoming, body: received }] = main.received
  t.equal(received.toString(), body)
  t.equal(incoming.headers['content-type'], 'application/json;charset=utf-8')
  t.equal(incoming.headers['x-own'], 'yes')
  t.equal(incoming.headers.host, `127.0.0.1:${main.port}`)

  const compressed = await send(authPort, body, { headers: { 'accept-encoding': 'gzip' } })
  t.ok(compressed.body.equals(zipped), 'compressed bytes stay as they are')
  t.match(compressed.headers.join(' '), /Content-Encoding gzip/)
})

t.test('the main client gets a fresh token of its own secret', async (t) => {
  const main = await startFake(t, () => '"result":1')
  const { port: authPort } = await openPort(t, [main])
  await send(authPort, toBody('eth_chainId'))
  const [, token = ''] = (main.received[0].incoming.headers.authorization ?? '').split(' ')
  const [header, claims, signature] = token.split('.')
  const due = createHmac('sha256', ENGINE_SECRET).update(`${header}.${claims}`)
  t.equal(signature, due.digest('base64url'))
  const { iat } = JSON.parse(Buffer.from(claims, 'base64url').toString())
  t.ok(Math.abs(Date.now() / 1000 - iat) < 5, `${iat}`)
})

t.test('who has no fresh token is refused, and the main client hears nothing', async (t) => {
  const main = await startFake(t, () => '"result":1')
  const { port: authPort } = await openPort(t, [main])
  const now = Math.floor(Date.now() / 1000)
  const tokens = {
    none: undefined,
    'another secret': createToken({ secret: ENGINE_SECRET }),
    old: createToken({ secret: SECRET, claims: { iat: now - 90 } }),
    early: createToken({ secret: SECRET, claims: { iat: now + 90 } }),
    'without a time': createToken({ secret: SECRET, claims: {} }),
    expired: createToken({ secret: SECRET, claims: { iat: now, exp: now - 1 } }),
    unsigned: createToken({ secret: SECRET, header: { alg: 'none' } }),
    'of another kind': createToken({ secret: SECRET, header: { alg: 'HS512' }, hash: 'sha512' }),
    'no token': 'x',
  }
  for (const [what, token] of Object.entries(tokens)) {
    const headers: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {}
    const { status } = await send(authPort, PAYLOAD, { secret: null, headers })
    t.equal(status, 401, what)
  }
  t.equal(main.received.length, 0)
  const token = createToken({ secret: SECRET, claims: { iat: now - 50, exp: now + 5 } })
  const headers = { authorization: `Bearer ${token}` }
  t.equal((await send(authPort, PAYLOAD, { secret: null, headers })).status, 200)
})

t.test('calls do not wait for each other', async (t) => {
  let release = () => {}
  const main = await startFake(t, ({ method }, response) => {
    if (method !== 'engine_newPayloadV4') return '"result":"0x385"'
    release = () => response.end(`{"jsonrpc":"2.0","id":1,${VALID()}}`)
    return undefined
  })
  const { port: authPort } = await openPort(t, [main])
  const slow = send(authPort, PAYLOAD)
  const others = Array.from({ length: 50 }, () => send(authPort, toBody('eth_chainId')))
  for (const { status } of await Promise.all(others)) t.equal(status, 200)
  release()
  t.equal((await slow).json().result.status, 'VALID')
})

t.test('faults of the main client', async (t) => {
  await t.test('one that takes five seconds is waited for', async (t) => {
    const main = await startFake(t, (_, response) => {
      setTimeout(() => response.end(`{"id":1,${VALID()}}`), 5_000)
      return undefined
    })
    const { port: authPort } = await openPort(t, [main])
    t.equal((await send(authPort, PAYLOAD)).json().result.status, 'VALID')
  })

  await t.test('one that hangs is given up after the limit, and only this call', async (t) => {
    const main = await startFake(t, ({ method }) =>
      method === 'eth_chainId' ? '"result":"0x385"' : undefined,
    )
    const { port: authPort } = await openPort(t, [main], { timeout: 300 })
    const before = performance.now()
    const { status, body } = await send(authPort, PAYLOAD)
    t.equal(status, 504)
    t.equal(body.toString(), 'the main client: no answer within 300 ms')
    t.ok(performance.now() - before < 5_000)
    t.equal((await send(authPort, toBody('eth_chainId'))).json().result, '0x385')
  })

  await t.test('one that is down is tried again with the next call', async (t) => {
    const main = await startFake(t, () => VALID())
    const { port: authPort } = await openPort(t, [main])
    t.equal((await send(authPort, PAYLOAD)).status, 200)
    await main.stop()
    const { status, body } = await send(authPort, PAYLOAD)
    t.equal(status, 502)
    t.equal(body.toString(), 'the main client: ECONNREFUSED')
    await main.restart()
    t.equal((await send(authPort, PAYLOAD)).json().result.status, 'VALID')
  })

  await t.test('one that restarts between two calls costs none of them', async (t) => {
    const main = await startFake(t, () => VALID())
    const { port: authPort } = await openPort(t, [main])
    for (let round = 0; round < 5; round++) {
      t.equal((await send(authPort, PAYLOAD)).status, 200)
      await main.stop()
      await main.restart()
    }
  })

  await t.test('one that ends its connections in the middle has no answer', async (t) => {
    const main = await startFake(t, (_, response) => {
      response.writeHead(200, { 'content-length': 1_000 })
      response.write('{"jsonrpc":')
      setTimeout(() => response.destroy(), 20)
      return undefined
    })
    const { port: authPort } = await openPort(t, [main])
    const { status, body } = await send(authPort, PAYLOAD)
    t.equal(status, 502)
    t.equal(body.toString(), 'the main client: its answer ended too early')
    main.script = () => VALID()
    t.equal((await send(authPort, PAYLOAD)).status, 200)
  })

  await t.test('what it says that is no answer is given back as it is', async (t) => {
    const main = await startFake(t, () => undefined)
    const { port: authPort } = await openPort(t, [main])
    const cases: [status: number, body: string][] = [
      [200, '<html>Bad Gateway</html>'],
      [200, ''],
      [200, '{"jsonrpc":"2.0","id":1,"result":'],
      [429, 'slow down'],
      [503, 'starting'],
      [200, '9'.repeat(30_000_000)],
    ]
    for (const [status, text] of cases) {
      main.script = (_, response) => {
        response.writeHead(status).end(text)
        return undefined
      }
      const answered = await send(authPort, PAYLOAD)
      t.equal(answered.status, status)
      t.ok(answered.body.equals(Buffer.from(text)), `${text.length} bytes`)
    }
  })
})

t.test('when op-node does not wait, neither does the main client', async (t) => {
  let ended = false
  const main = await startFake(t, ({ incoming }) => {
    incoming.socket.on('close', () => {
      ended = true
    })
    return undefined
  })
  const { port: authPort } = await openPort(t, [main])
  const gone = new AbortController()
  const sent = send(authPort, PAYLOAD, { signal: gone.signal })
  await until(() => main.received.length === 1, 'the call arrives')
  gone.abort()
  await t.rejects(sent)
  await until(() => ended, 'the call to the main client ends')
  main.script = () => VALID()
  t.equal((await send(authPort, PAYLOAD)).status, 200)
})

t.test('a request that ends in the middle is not passed on', async (t) => {
  const main = await startFake(t, () => VALID())
  const { port: authPort } = await openPort(t, [main])
  const headers = { 'content-length': '5000' }
  const sent = send(authPort, PAYLOAD, { headers, signal: AbortSignal.timeout(200) })
  await t.rejects(sent)
  t.equal((await send(authPort, PAYLOAD)).status, 200)
  t.equal(main.received.length, 1)
})

/** Connects as op-node does with ws://. */
async function connect(t: Test, port: number, secret = SECRET) {
  const headers = { authorization: `Bearer ${createToken({ secret })}` }
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers })
  t.teardown(() => socket.terminate())
  const texts: string[] = []
  socket.on('message', (data) => texts.push(`${data}`))
  await once(socket, 'open')
  return { socket, texts }
}

t.test('op-node may use WebSocket', async (t) => {
  const main = await startFake(t, ({ method }, response) => {
    if (method === 'slow') {
      setTimeout(() => response.end('{"id":1,"result":"slow"}'), 200)
      return undefined
    }
    return VALID()
  })
  const { port: authPort } = await openPort(t, [main])
  const { socket, texts } = await connect(t, authPort)
  socket.send(toBody('slow'))
  socket.send(PAYLOAD)
  await until(() => texts.length === 2, 'two answers')
  t.strictSame(texts, [`{"jsonrpc":"2.0","id":1,${VALID()}}`, '{"id":1,"result":"slow"}'])
  t.equal(main.received[1].body.toString(), PAYLOAD)
  await main.stop()
  socket.send(PAYLOAD)
  await until(() => texts.length === 3, 'an error')
  const error = { code: -32603, message: 'the main client: ECONNREFUSED' }
  t.strictSame(JSON.parse(texts[2]), { jsonrpc: '2.0', id: 1, error })
  await t.rejects(connect(t, authPort, ENGINE_SECRET), /401/)
})

t.test('the watchman is told each call of the engine as both sides had it', async (t) => {
  const main = await startFake(t, () => VALID())
  const { port, exchanges } = await openPort(t, [main], { timeout: 500 })
  await send(port, PAYLOAD)
  await send(port, toBody('eth_chainId'))
  main.script = (_, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' })
    response.end(gzipSync(`{"id":1,${INVALID}}`))
    return undefined
  }
  await send(port, PAYLOAD, { headers: { 'accept-encoding': 'gzip' } })
  main.script = () => undefined
  await send(port, CHOICE)
  await until(() => exchanges.length === 3, 'three exchanges')
  const [first, second, third] = exchanges
  const { number, at, ...rest } = first
  t.equal(number, 1)
  t.ok(Math.abs(Date.now() - at) < 10_000)
  const response = `{"jsonrpc":"2.0","id":1,${VALID()}}`
  t.strictSame(rest, { request: PAYLOAD, response })
  t.equal(second.response, `{"id":1,${INVALID}}`, 'an answer that was compressed')
  t.equal(third.response, undefined)
  t.equal(third.failure, 'no answer within 500 ms')
  t.ok(third.number > second.number)
})

const HALTED = 'alarm status-1: they differ'
const ALARM: Alarm = {
  id: 'status-1',
  at: 1_700_000_000_000,
  kind: 'status',
  summary: 'they differ',
}

t.test('halted, nothing that moves the chain gets to the main client', async (t) => {
  const main = await startFake(t, () => '"result":"0x385"')
  let why: string | undefined = HALTED
  const readHalt = () => why
  const { port, exchanges } = await openPort(t, [main], { mode: 'halt', readHalt })
  const payloadStatus = { status: 'SYNCING', latestValidHash: null, validationError: null }
  const error = { code: -32000, message: `crosscheck has halted: ${HALTED}` }
  const cases: [body: string, answer: object][] = [
    [PAYLOAD, { id: 1, result: payloadStatus }],
    [toBody('engine_newPayloadV2', [{}], 'x'), { id: 'x', result: payloadStatus }],
    [CHOICE, { id: 1, result: { payloadStatus, payloadId: null } }],
    [
      toBody('engine_forkchoiceUpdatedV3', [{}, {}]),
      { id: 1, result: { payloadStatus, payloadId: null } },
    ],
    [FETCH, { id: 1, error }],
    [`[${toBody('eth_chainId')},${PAYLOAD}]`, { id: null, error }],
  ]
  for (const [body, answer] of cases) {
    t.strictSame((await send(port, body)).json(), { jsonrpc: '2.0', ...answer }, body)
  }
  t.equal(main.received.length, 0)
  for (const method of [
    'eth_chainId',
    'engine_exchangeCapabilities',
    'engine_getPayloadBodiesByHashV1',
  ]) {
    t.equal((await send(port, toBody(method))).json().result, '0x385', method)
  }
  const { socket, texts } = await connect(t, port)
  socket.send(PAYLOAD)
  await until(() => texts.length === 1, 'an answer')
  t.strictSame(JSON.parse(texts[0]), { jsonrpc: '2.0', id: 1, result: payloadStatus })
  why = undefined
  t.equal((await send(port, PAYLOAD)).json().result, '0x385', 'resumed')
  t.ok(exchanges.every(({ request }) => !request.includes('engine_forkchoice')))
})

t.test('a halt survives a restart, until somebody resumes', async (t) => {
  const folder = t.testdir({})
  const { log, lines } = recordLog()
  const halt = openHalt(folder, log)
  t.equal(halt.read(), undefined)
  halt.start(ALARM)
  t.equal(halt.read(), HALTED, 'at once')
  await until(() => existsSync(join(folder, 'halted.json')), 'the file')
  halt.close()
  const again = openHalt(folder, log)
  t.teardown(again.close)
  t.equal(again.read(), HALTED)
  t.ok(lines.some(({ message }) => message === 'halted since before this start'))
  t.equal(resume(folder), true)
  await until(() => again.read() === undefined, 'resumed')
  t.equal(resume(folder), false)
  again.start({ ...ALARM, id: 'status-2' })
  t.equal(again.read(), 'alarm status-2: they differ', 'the next alarm halts again')
  await until(() => existsSync(join(folder, 'halted.json')), 'the file of that')
})

t.test(
  'a halt that the disk does not take counts all the same, and is written later',
  async (t) => {
    const folder = join(t.testdir({}), 'data')
    const { log, lines } = recordLog()
    const halt = openHalt(folder, log)
    t.teardown(halt.close)
    writeFileSync(folder, 'no folder')
    halt.start(ALARM)
    await until(() => lines.some(({ fields }) => /EEXIST/.test(`${fields.error}`)), 'a complaint')
    t.equal(halt.read(), HALTED)
    rmSync(folder)
    await until(() => existsSync(join(folder, 'halted.json')), 'the file')
    t.equal(halt.read(), HALTED)
  },
)

t.test('a halt file that cannot be read halts', async (t) => {
  const folder = t.testdir({ 'halted.json': '{' })
  const halt = openHalt(folder, recordLog().log)
  t.teardown(halt.close)
  t.match(halt.read(), /halted\.json cannot be read/)
})

/** Opens alarms that are closed with the test. */
async function openBook(t: Test, folder: string, send?: (alarm: Alarm) => Promise<void>) {
  const { log, lines } = recordLog()
  const rung: Alarm[] = []
  const book = await openAlarmBook({ folder, log, send, onRing: (alarm) => rung.push(alarm) })
  t.teardown(book.close)
  return { book, lines, rung }
}

t.test('an alarm is on disk before it is heard, and rings once', async (t) => {
  const folder = t.testdir({})
  const path = join(folder, 'alarms', 'status-1.json')
  const { log, lines } = recordLog()
  let onDisk: string | undefined
  const onRing = () => {
    onDisk = readFileSync(path, 'utf8')
  }
  const book = await openAlarmBook({ folder, log, onRing })
  t.teardown(book.close)
  await Promise.all([book.ring(ALARM), book.ring(ALARM)])
  await book.ring(ALARM)
  t.strictSame(JSON.parse(onDisk ?? ''), ALARM)
  const errors = lines.filter(({ level }) => level === 'error')
  t.equal(errors.length, 1)
  t.match(errors[0], { message: 'ALARM: the clients differ', fields: { summary: 'they differ' } })
  book.close()

  const { book: again, rung } = await openBook(t, folder)
  t.strictSame(again.open(), [ALARM], 'also after a restart')
  await again.ring(ALARM)
  t.strictSame(rung, [])
  t.strictSame(acknowledge(folder, 'another'), [])
  t.strictSame(acknowledge(folder, 'status-1'), ['status-1'])
  await until(() => again.open().length === 0, 'acknowledged')
  await again.ring(ALARM)
  again.close()
  const { book: last, rung: rungAgain } = await openBook(t, folder)
  await last.ring(ALARM)
  t.strictSame(rungAgain, [], 'what was acknowledged does not ring again')
})

t.test('an alarm that the disk does not take rings, and is written later', async (t) => {
  const folder = t.testdir({})
  const sent: string[] = []
  const { book, lines, rung } = await openBook(t, folder, async ({ id }) => void sent.push(id))
  renameSync(join(folder, 'alarms'), join(folder, 'moved'))
  writeFileSync(join(folder, 'alarms'), 'in the way')
  let isHeard = false
  void book.ring(ALARM).then(() => {
    isHeard = true
  })
  await until(() => rung.length === 1, 'it rings')
  t.ok(lines.some(({ message }) => message === 'an alarm cannot be written yet'))
  t.strictSame(book.open(), [ALARM])
  await sleep(1_200)
  t.strictSame(book.open(), [ALARM], 'a file that is not there is not an acknowledgement')
  t.notOk(isHeard, 'whoever rang does not forget it yet')
  rmSync(join(folder, 'alarms'))
  renameSync(join(folder, 'moved'), join(folder, 'alarms'))
  await until(() => isHeard, 'it is on disk')
  t.strictSame(readOpenAlarms(folder), [ALARM])
  await until(() => sent.length === 1, 'it is sent')
})

t.test('more alarms than can be open are counted', async (t) => {
  const { book, rung } = await openBook(t, t.testdir({}))
  const ids = Array.from({ length: 1_002 }, (_, index) => `block-${index}`)
  await Promise.all(ids.map((id) => book.ring({ ...ALARM, id })))
  t.equal(book.open().length, 1_000)
  t.equal(book.overflow(), 2)
  t.equal(rung.length, 1_002)
})

t.test('an alarm file that is not whole is an alarm', async (t) => {
  const { book } = await openBook(t, t.testdir({ alarms: { 'status-7.json': '{"id":' } }))
  t.match(book.open(), [{ id: 'status-7', summary: /status-7\.json cannot be read/ }])
})

/** A server that takes alarms, or does not. */
async function startHook(t: Test, status: () => number) {
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    bodies.push(text)
    response.writeHead(status(), { location: '/elsewhere' }).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `http://user:hidden@127.0.0.1:${port}/path-that-is-secret?key=secret`, bodies }
}

t.test(
  'a webhook that refuses is tried until it takes the alarm, also after a restart',
  async (t) => {
    let status = 500
    const { bodies, url } = await startHook(t, () => status)
    // fetch refuses passwords in URLs.
    const plain = url.replace('user:hidden@', '')
    const folder = t.testdir({})
    const open = async () => {
      const closing = new AbortController()
      const { log, lines } = recordLog()
      const send = createWebhook({ url: plain, log, signal: closing.signal })
      const book = await openAlarmBook({ folder, log, send, onRing: () => {} })
      const close = () => {
        closing.abort()
        book.close()
      }
      t.teardown(close)
      return { book, lines, close }
    }
    const first = await open()
    await first.book.ring(ALARM)
    await until(() => bodies.length >= 2, 'a second try')
    t.equal(first.book.unsent(), 1)
    status = 302
    await until(() => bodies.length >= 3, 'a third try')
    t.equal(first.book.unsent(), 1, 'a redirection is not taken for an answer')
    first.close()
    const text = JSON.stringify(first.lines)
    t.match(text, /the webhook has not taken an alarm/)
    t.notMatch(text, /secret/, 'nothing of the URL but its host is logged')

    status = 204
    const second = await open()
    await until(() => second.book.unsent() === 0, 'it is sent after a restart')
    t.strictSame(JSON.parse(bodies.at(-1)!), {
      text: 'crosscheck status-1: they differ',
      alarm: ALARM,
    })
    await until(() => existsSync(join(folder, 'alarms', 'status-1.sent')), 'a mark')
    second.close()
    const count = bodies.length
    await open()
    await sleep(300)
    t.equal(bodies.length, count, 'and not once more')
  },
)

t.test('health names the alarms that are open', async (t) => {
  const main = await startFake(t, () => VALID())
  const folder = t.testdir({})
  const { book } = await openBook(t, folder)
  await book.ring({ ...ALARM, block: { number: 7, hash: HASH }, caseFile: '/cases/status-1.json' })
  book.close()
  const { health, httpPort } = await start(t, [main], { datadir: folder })
  const { status, body } = await health()
  t.equal(status, 503)
  t.match(body, {
    status: 'alarm',
    open: 1,
    overflow: 0,
    alarms: [{ id: 'status-1', kind: 'status', block: { number: 7 }, summary: 'they differ' }],
  })
  const ready = await fetch(`http://127.0.0.1:${httpPort}/ready`)
  t.strictSame([ready.status, await ready.json()], [200, { ready: true }])
  acknowledge(folder)
  await until(async () => (await health()).status === 200, 'good health')
  t.match((await health()).body, { status: 'ok', open: 0, alarms: [] })
})

t.test('a watchman that cannot start is tried again, and the calls wait for it', async (t) => {
  const { log, lines } = recordLog()
  const noted: number[] = []
  let isBroken = true
  const keeper = keepWatchman(async () => {
    if (isBroken) throw new Error('the database is of another chain')
    const progress = () => ({ behind: 0, same: 0, disputed: {}, waiting: 0, dropped: 0 })
    const note = ({ number }: Exchange) => void noted.push(number)
    return { note, progress, idle: async () => {}, close: async () => {} }
  }, log)
  t.teardown(keeper.close)
  for (let number = 1; number <= 300; number++) keeper.note({ number, at: 0, request: PAYLOAD })
  await until(() => lines.length === 1, 'a complaint')
  t.match(lines[0], {
    level: 'error',
    fields: { error: 'the database is of another chain', again: '1s' },
  })
  t.equal(keeper.progress(), undefined)
  isBroken = false
  await until(() => keeper.progress(), 'it starts')
  t.equal(keeper.restarts(), 1)
  t.equal(noted.length, 256, 'as many as may wait')
  t.equal(noted.at(-1), 300)
  keeper.note({ number: 301, at: 0, request: PAYLOAD })
  t.equal(noted.at(-1), 301)
})

/** What an engine answers, by a letter, to each of the calls that are voted on. */
const ANSWERS: Record<string, { payload: string; choice: string; fetch: string }> = {
  V: {
    payload: VALID(),
    choice: chosen(),
    fetch: `"result":{"executionPayload":{"blockHash":"${HASH}"}}`,
  },
  I: {
    payload: INVALID,
    choice: `"result":{"payloadStatus":${INVALID.slice(9)},"payloadId":null}`,
    fetch: `"result":{"executionPayload":{"blockHash":"${OTHER}"}}`,
  },
  S: {
    payload: SYNCING,
    choice: `"result":{"payloadStatus":${SYNCING.slice(9)},"payloadId":null}`,
    fetch: refusal(-38001),
  },
  E: { payload: refusal(-32602), choice: refusal(-38003), fetch: refusal(-38005) },
  X: { payload: refusal(-32603), choice: refusal(-32603), fetch: refusal(-32000) },
}

/** The cell in which who has no answer hangs. */
const HANGS = -1

/** Ways to have no answer at once. */
const FAILURES: Script[] = [
  (_, response) => {
    response.end('<html>Bad Gateway</html>')
    return undefined
  },
  (_, response) => {
    response.destroy()
    return undefined
  },
  (_, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{')
    setTimeout(() => response.destroy(), 10)
    return undefined
  },
  (_, response) => {
    response.writeHead(500).end('{"jsonrpc":"2.0","id":1,"result":{"status":"VALID"}}')
    return undefined
  },
  () => '"result":{"status":"PERHAPS"}',
]

/**
 * What op-node sees with three engines: the rows have the answers of the first and the second, the columns of the
 * third. V valid, I invalid, S syncing, E the attributes or the form are refused, X an error of the engine's own,
 * F no answer; - is a failure.
 */
const TABLE = `
     V I S E X F
VV   V V V V V V
VI   V I V V V V
VS   V V V V V V
VE   V V V E V V
VX   V V V V V V
VF   V V V V V V
IV   V I I I I I
II   I I I I I I
IS   I I I I I I
IE   I I I E I I
IX   I I I I I I
IF   I I I I I I
SV   V S S S S S
SI   S I S S S S
SS   S S S S S S
SE   S S S E S S
SX   S S S S S S
SF   S S S S S S
EV   V E E E E E
EI   E I E E E E
ES   E E E E E E
EE   E E E E E E
EX   E E E E E E
EF   E E E E E E
XV   V X X X X X
XI   X I X X X X
XS   X X X X X X
XE   X X X E X X
XX   X X X X X X
XF   X X X X X X
FV   V V V V V V
FI   I I I I I I
FS   S S S S S S
FE   E E E E E E
FX   X X X X X X
FF   V I S E X -`
const [COLUMNS, ...ROWS] = TABLE.trim()
  .split('\n')
  .map((line) => line.trim().split(/\s+/))

/** Each cell: what three engines answer, and what op-node sees. */
const CELLS = ROWS.flatMap(([row, ...cells]) =>
  cells.map((seen, column) => ({ answers: `${row}${COLUMNS[column]}`, seen })),
)

/** Starts engines that answer by a letter of a parameter of the call. */
async function startEngines(t: Test, count: number) {
  const scriptOf =
    (index: number): Script =>
    (call, response) => {
      const [first, second] = call.params
      const { letters, cell, kind } = first.letters ? first : second
      const letter = letters[index]
      if (letter !== 'F') return ANSWERS[letter][kind as 'payload']
      if (cell === HANGS) return undefined
      return FAILURES[(cell + index) % FAILURES.length](call, response)
    }
  return Promise.all(Array.from({ length: count }, (_, index) => startFake(t, scriptOf(index))))
}

const METHODS = {
  payload: 'engine_newPayloadV4',
  choice: 'engine_forkchoiceUpdatedV3',
  fetch: 'engine_getPayloadV5',
}

/** Checks what op-node sees in a cell. */
async function checkCell(
  t: Test,
  port: number,
  kind: keyof typeof METHODS,
  { answers, seen }: (typeof CELLS)[0],
  cell: number,
) {
  const body = toBody(METHODS[kind], [{ letters: answers, cell, kind }])
  const answered = await send(port, body)
  if (seen === '-') return t.equal(answered.status, 502, `${kind} ${answers}`)
  const due = `{"jsonrpc":"2.0","id":1,${ANSWERS[seen][kind]}}`
  return t.equal(answered.body.toString(), due, `${kind} ${answers}`)
}

t.test('with three engines op-node sees what the table says', async (t) => {
  t.equal(CELLS.length, 216)
  const engines = await startEngines(t, 3)
  const { port } = await openPort(t, engines, { mode: 'majority', timeout: 60_000 })
  for (const kind of ['payload', 'choice', 'fetch'] as const) {
    for (const [index, cell] of CELLS.entries()) {
      await checkCell(t, port, kind, cell, index)
    }
  }
})

t.test('the same if those without an answer hang', async (t) => {
  const engines = await startEngines(t, 3)
  const { port } = await openPort(t, engines, { mode: 'majority', timeout: 5_000 })
  const cells = CELLS.filter(({ answers }) => answers.includes('F'))
  t.equal(cells.length, 91)
  await Promise.all(cells.map((cell) => checkCell(t, port, 'payload', cell, HANGS)))
})

t.test('with one engine op-node sees what it answers, in modes alert and halt', async (t) => {
  const engines = await startEngines(t, 1)
  for (const mode of ['alert', 'halt'] as const) {
    const { port: authPort } = await openPort(t, engines, { mode, timeout: 1_500 })
    for (const letter of ['V', 'I', 'S', 'E', 'X']) {
      const body = toBody('engine_newPayloadV4', [{ letters: letter, cell: 0, kind: 'payload' }])
      const due = `{"jsonrpc":"2.0","id":1,${ANSWERS[letter].payload}}`
      t.equal((await send(authPort, body)).body.toString(), due, `${mode} ${letter}`)
    }
    const statuses = [200, 502, 502, 500, 200, 504]
    for (const [index, status] of statuses.entries()) {
      const cell = index === FAILURES.length ? HANGS : index
      const body = toBody('engine_newPayloadV4', [{ letters: 'F', cell, kind: 'payload' }])
      t.equal((await send(authPort, body)).status, status, `${mode}, failure ${cell}`)
    }
  }
})

t.test('five engines: more than half of all must agree', async (t) => {
  const engines = await startEngines(t, 5)
  const { port: authPort } = await openPort(t, engines, { mode: 'majority' })
  const cases = { VIIIV: 'I', VIIVV: 'V', VIIFF: 'V', SIIVF: 'S', FIIVV: 'I', FIIIS: 'I' }
  for (const [letters, seen] of Object.entries(cases)) {
    const body = toBody('engine_newPayloadV4', [{ letters, cell: 0, kind: 'payload' }])
    const due = JSON.parse(`{"jsonrpc":"2.0","id":1,${ANSWERS[seen].payload}}`)
    t.strictSame((await send(authPort, body)).json(), due, letters)
  }
})

t.test('a majority does not wait for an engine that hangs', async (t) => {
  const [hangs, ...others] = await Promise.all([
    startFake(t, () => undefined),
    startFake(t, () => VALID()),
    startFake(t, () => VALID()),
  ])
  const { port: authPort } = await openPort(t, [hangs, ...others], {
    mode: 'majority',
    timeout: 60_000,
  })
  t.equal((await send(authPort, PAYLOAD)).json().result.status, 'VALID')
  // What is not voted on is the business of the first, unless it fails.
  await hangs.stop()
  others[0].script = () => '"result":"second"'
  t.equal((await send(authPort, toBody('eth_chainId'))).json().result, 'second')
})

t.test('each engine is asked for a build by the id that it gave', async (t) => {
  const ids = ['0x0300000000000001', '0x0300000000000002', '0x0300000000000003']
  const hashes = [OTHER, HASH, HASH]
  const engines = await Promise.all(
    ids.map((id, index) =>
      startFake(t, ({ method, params: [first] }) => {
        if (method === 'engine_forkchoiceUpdatedV3') return chosen(id)
        return first === id
          ? `"result":{"executionPayload":{"blockHash":"${hashes[index]}"},"from":${index}}`
          : refusal(-38001)
      }),
    ),
  )
  const { authPort, lines, health } = await start(t, engines, { mode: 'majority' })
  const order = (noTxPool: boolean) =>
    send(authPort, toBody('engine_forkchoiceUpdatedV3', [{ headBlockHash: HASH }, { noTxPool }]))
  const { payloadId } = (await order(false)).json().result
  t.equal(payloadId, ids[0])
  await until(() => engines.every(({ received }) => received.length === 1), 'all have the build')
  await sleep(50)
  const fetched = await send(authPort, toBody('engine_getPayloadV5', [payloadId]))
  t.equal(fetched.json().result.from, 1, 'two have built the same')
  t.notOk(
    lines.some(({ message }) => message.startsWith('ALARM')),
    'pools may differ',
  )

  await order(true)
  await sleep(50)
  await send(authPort, toBody('engine_getPayloadV5', [payloadId]))
  await until(async () => (await health()).status === 503, 'an alarm')
  const { alarms } = (await health()).body
  t.equal(alarms.length, 1)
  t.match(alarms[0], {
    kind: 'engines',
    summary: /engine_getPayloadV5: .+payload 0xcdcd.+payload 0xabab/,
  })
})

t.test('engines that contradict each other ring once', async (t) => {
  const engines = await Promise.all(
    [VALID(), INVALID, VALID()].map((text) => startFake(t, () => text)),
  )
  const { authPort, health, datadir } = await start(t, engines, { mode: 'majority' })
  for (let round = 0; round < 3; round++) {
    t.equal((await send(authPort, PAYLOAD)).json().result.status, 'VALID')
  }
  await until(() => readOpenAlarms(datadir).length === 1, 'an alarm')
  t.equal((await health()).body.open, 1)
  const [alarm] = readOpenAlarms(datadir)
  t.match(alarm, { kind: 'engines', block: { number: 1, hash: HASH } })
  t.match(alarm.summary, new RegExp(`127.0.0.1:${engines[1].port}: INVALID null`))
  t.equal(readOpenAlarms(datadir).length, 1)
})

/** Plays op-node through a port of crosscheck. */
const throughPort = (node: TestNode, port: number, secret = SECRET): TestNode => ({
  ...node,
  async call(method, ...params) {
    const { status, json } = await send(port, toBody(method, params), { secret })
    if (status !== 200) throw new Error(`${method}: HTTP status ${status}`)
    const { result, error } = json()
    if (error) throw new CallError(method, error)
    return result
  },
})

t.test(
  'a sequencer is halted by an alarm, also after kill -9, until somebody resumes',
  async (t) => {
    const node = await spawnNode(GENESIS)
    t.teardown(() => node.stop())
    const driver = createDriver(GENESIS)
    let isFaulty = false
    const url = await openFaultyMain(t, node, (method, answer, [first]) => {
      if (!isFaulty || !method.startsWith('engine_newPayload')) return answer
      const result = { status: 'INVALID', latestValidHash: first.parentHash, validationError: 'no' }
      return { ...answer, result }
    })
    let status = 503
    const { bodies, url: hookURL } = await startHook(t, () => status)
    const folder = t.testdir({
      'genesis.json': JSON.stringify(GENESIS),
      secret: Buffer.from(SECRET).toString('hex'),
      'engine-secret': Buffer.from(node.secret).toString('hex'),
    })
    const datadir = join(folder, 'data')
    const args = [
      ...[`--genesis=${folder}/genesis.json`, `--datadir=${datadir}`, '--on-mismatch=halt'],
      ...[`--engine=${url}`, `--engine.jwtsecret=${folder}/engine-secret`, `--eth=${node.url}`],
      ...[`--authrpc.jwtsecret=${folder}/secret`, '--log.format=json'],
      `--webhook=${hookURL.replace('user:hidden@', '')}`,
    ]
    const first = await spawnCrosscheck(t, args)
    const engine = throughPort(node, first.port)
    let head = await genesisHead(node)
    for (let number = 0; number < 5; number++) {
      head = (await driver.extend(engine, head, [userDeposit(number)])).executionPayload
    }
    await until(
      async () => (await first.health()).body.watchman.same === 5,
      'five blocks are the same',
    )
    t.match(await first.health(), { status: 200, body: { status: 'ok', open: 0 } })

    isFaulty = true
    const envelope = await driver.build(engine, head, driver.attributesAfter(head))
    t.equal(
      (await driver.insert(engine, envelope)).status,
      'INVALID',
      'the answer is not held back',
    )
    await until(async () => (await first.health()).status === 503, 'an alarm')
    const { body } = await first.health()
    t.equal(body.open, 1)
    t.match(body.alarms[0], {
      kind: 'status',
      block: { hash: envelope.executionPayload.blockHash },
    })
    t.match(body.halted, /^alarm status-6-/)
    t.equal((await driver.insert(engine, envelope)).status, 'SYNCING')
    await until(() => existsSync(join(datadir, 'halted.json')), 'the halt is on disk')
    await until(() => bodies.length > 0, 'the webhook is tried')
    await first.kill('SIGKILL')
    const [{ id, caseFile }] = readOpenAlarms(datadir)
    t.ok(existsSync(caseFile!), `case file ${caseFile}`)

    isFaulty = false
    status = 200
    const count = bodies.length
    const second = await spawnCrosscheck(t, args)
    const again = throughPort(node, second.port)
    t.equal((await driver.insert(again, envelope)).status, 'SYNCING', 'still halted')
    await t.rejects(
      driver.fetchPayload(again, envelope.executionPayload.timestamp, '0x00'),
      /halted/,
    )
    await until(() => bodies.length > count, 'the alarm is sent after all')
    t.equal(JSON.parse(bodies[count]).alarm.id, id)

    t.match(
      runCLI('crosscheck', 'alarms', `--datadir=${datadir}`).stdout,
      new RegExp(`"id":"${id}"`),
    )
    t.match(runCLI('crosscheck', 'acknowledge', id, `--datadir=${datadir}`), { status: 0 })
    t.match(runCLI('crosscheck', 'acknowledge', `--datadir=${datadir}`), { status: 1 })
    t.match(runCLI('crosscheck', 'resume', `--datadir=${datadir}`), {
      status: 0,
      stdout: /^resumed/,
    })
    await until(async () => {
      const report = await second.health()
      return report.status === 200 && report.body.halted === undefined
    }, 'good health')
    t.equal((await driver.insert(again, envelope)).status, 'VALID')
    await driver.choose(again, envelope.executionPayload)
    const { stdout, stderr } = second.output
    t.notMatch(`${first.output.stdout}${stdout}${stderr}`, /path-that-is-secret/)
    t.strictSame(readOpenAlarms(datadir), [], 'nothing has rung again')
    t.match(await second.kill('SIGTERM'), { code: 0 })
  },
)

/** A contract that runs until its gas is used up, which takes a watchman some seconds. */
const LOOP: Hex = '0x00000000000000000000000000000000000000c2'

const alarmsIn = (lines: Line[]) => lines.filter(({ message }) => message.startsWith('ALARM'))

/** Starts a node whose chain has {@link LOOP}, and a crosscheck before it. */
async function startChain(t: Test, silence?: number) {
  const genesis = withContracts(GENESIS, { [LOOP]: { code: '0x5b600056' } })
  const node = await spawnNode(genesis)
  t.teardown(() => node.stop())
  const driver = createDriver(genesis)
  const crosscheck = await start(t, [], {
    genesis,
    engines: [{ url: node.authUrl, secret: node.secret }],
    eth: node.url,
    silence,
  })
  const engine = throughPort(node, crosscheck.authPort)
  let head = await genesisHead(node)
  /** Adds a block by way of the crosscheck. */
  const extend = async (transactions: Hex[] = []) => {
    head = (await driver.extend(engine, head, transactions)).executionPayload
  }
  const watchman = async () => (await crosscheck.health()).body.watchman
  return { ...crosscheck, extend, watchman }
}

t.test('a watchman that is killed is not felt, and another takes its place', async (t) => {
  const workers: Worker[] = []
  // The runner of the tests has some of its own.
  const keep = (worker: Worker) => {
    if (worker.resourceLimits?.maxOldGenerationSizeMb === 4_096) workers.push(worker)
  }
  process.on('worker', keep)
  t.teardown(() => process.off('worker', keep))
  const { extend, watchman, lines } = await startChain(t)
  await extend()
  await until(async () => (await watchman()).same === 1, 'the first block is compared')
  t.equal(workers.length, 1)
  await workers[0].terminate()
  await extend()
  const { trouble, restarts, checked } = await watchman()
  t.match([trouble, restarts, checked.number], [/thread of the watchman ended/, 0, 1])
  await extend()
  await until(async () => (await watchman()).checked.number === 3, 'the next has caught up')
  t.match(await watchman(), { restarts: 1, trouble: undefined, same: 3 })
  t.strictSame(alarmsIn(lines), [])
})

t.test('a watchman that hangs is not felt, and another takes its place', async (t) => {
  const { extend, watchman, lines } = await startChain(t, 400)
  const call = { to: LOOP, value: 0n, gasLimit: 16_000_000n }
  await extend([0, 1, 2].map((account) => transfer(account, 0, call)))
  const silent = 'the thread of the watchman gives no sign of life'
  await until(() => lines.some(({ message }) => message === silent), 'it is found to hang')
  await extend()
  await until(async () => (await watchman()).restarts >= 1, 'it is started again')
  t.strictSame(alarmsIn(lines), [])
})

t.test('--once ends with 0 if all is the same, 1 if it rang, 2 if nothing is known', async (t) => {
  const node = await spawnNode(GENESIS)
  t.teardown(() => node.stop())
  const driver = createDriver(GENESIS)
  let head = await genesisHead(node)
  const extend = async () => {
    head = (await driver.extend(node, head)).executionPayload
  }
  for (let number = 1; number <= 3; number++) await extend()
  let isFaulty = false
  const eth = await openFaultyMain(t, { authUrl: node.url }, (method, answer) => {
    if (isFaulty && method === 'eth_getBlockReceipts') answer.result[0].gasUsed = '0x1'
    return answer
  })
  const folder = t.testdir({ 'genesis.json': JSON.stringify(GENESIS) })
  const run = async (url: string) => {
    const args = ['crosscheck', '--once', `--genesis=${folder}/genesis.json`, `--eth=${url}`]
    const child = spawn(process.execPath, [MAIN, ...args, `--datadir=${folder}/data`], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const observed = observe(child)
    const { code } = await observed.exited
    return { code, output: `${observed.output.stdout}${observed.output.stderr}` }
  }
  const first = await run(eth)
  t.match(first, { code: 0, output: /all blocks that were compared are the same head=3 same=3\n/ })
  await extend()
  isFaulty = true
  const second = await run(eth)
  t.match(second, { code: 1, output: /ALARM: the clients differ .*kind=block/ })
  t.match(readOpenAlarms(join(folder, 'data')), [{ kind: 'block', block: { number: 4 } }])
  const third = await run('http://user:hidden@127.0.0.1:9')
  t.match(third, { code: 2, output: /error: http:\/\/127\.0\.0\.1:9: bad port/ })
  t.notMatch(third.output, /hidden/)
})

t.test(
  'a known chain needs no genesis file: its blocks are checked by what the client proves',
  async (t) => {
    const { config } = CHAINS.get(11155420)!
    // The newest of its forks is active.
    const genesis = { ...GENESIS, config, timestamp: '0x6a5d0000' } as unknown as JSONObject
    const node = await spawnNode(genesis)
    t.teardown(() => node.stop())
    const driver = createDriver(genesis)
    let head = await genesisHead(node)
    let isFaulty = false
    const eth = await openFaultyMain(t, { authUrl: node.url }, (method, answer) => {
      if (isFaulty && method === 'eth_getBlockReceipts') answer.result[0].gasUsed = '0x1'
      return answer
    })
    const folder = t.testdir()
    const run = async (chain: number, datadir = `${folder}/${chain}`) => {
      const args = [
        'crosscheck',
        '--once',
        `--chain=${chain}`,
        `--eth=${eth}`,
        `--datadir=${datadir}`,
      ]
      const child = spawn(process.execPath, [MAIN, ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const observed = observe(child)
      const { code } = await observed.exited
      return { code, output: `${observed.output.stdout}${observed.output.stderr}` }
    }
    for (let number = 1; number <= 3; number++)
      head = (await driver.extend(node, head)).executionPayload
    const first = await run(11155420)
    t.match(first, { code: 0, output: /the watchman begins here.* block=3\n/ })
    t.match(first.output, /all blocks that were compared are the same head=3 same=1\n/)
    for (let number = 4; number <= 5; number++)
      head = (await driver.extend(node, head)).executionPayload
    const second = await run(11155420)
    t.match(second, { code: 0, output: /are the same head=5 same=2\n/ }, 'it goes on where it was')
    isFaulty = true
    await driver.extend(node, head)
    t.match(await run(11155420), { code: 1, output: /ALARM: the clients differ .*kind=block/ })
    const others = await run(10)
    t.match(others, { code: 2, output: /the main client has chain id 11155420, not 10/ })
  },
)

t.test('what is wrong with the flags is said in a line, without what URLs hold', (t) => {
  const fit = {
    genesis: 'g',
    engine: ['http://a'],
    'engine.jwtsecret': ['x'],
    datadir: 'd',
    onMismatch: 'alert',
    sample: 1,
    once: false,
  }
  t.equal(findFault(undefined, undefined, fit as CrosscheckSettings), undefined)
  const two = ['http://a', 'http://b']
  const cases: [changes: Record<string, unknown>, says: RegExp][] = [
    [{ engine: undefined }, /--engine URL is missing/],
    [{ genesis: undefined }, /--genesis FILE is missing, or --chain ID/],
    [{ chain: 10 }, /either --genesis or --chain/],
    [{ genesis: undefined, chain: 10 }, /--chain needs --eth/],
    [{ genesis: undefined, chain: 11 }, /--chain 11 is not known: .* one of 10, 130/],
    [{ 'engine.jwtsecret': undefined }, /--engine\.jwtsecret FILE is missing/],
    [{ engine: ['http://u:hidden@a'] }, /number 1 must not have a user or a password/],
    [{ engine: ['hidden'] }, /number 1 must be a URL that begins with http/],
    [{ engine: two }, /several --engine need --on-mismatch majority/],
    [{ engine: two, onMismatch: 'majority' }, /needs 3 or more --engine, and there are 2/],
    [{ 'engine.jwtsecret': ['x', 'y'] }, /2 files for 1 engines/],
    [{ 'engine.timeout': 0 }, /must be more than 0/],
    [{ webhook: 'hidden' }, /--webhook must be a URL/],
    [{ eth: 'ws://hidden' }, /--eth must be a URL/],
    [{ once: true }, /--once needs --eth URL/],
  ]
  for (const [changes, says] of cases) {
    const fault = findFault(undefined, undefined, { ...fit, ...changes } as CrosscheckSettings)
    t.match(fault, says)
    t.notMatch(fault, /hidden/)
  }
  const several = ['--engine=http://a', '--engine=http://b,http://u:hidden@c', '--genesis=g']
  const { status, stderr } = runCLI('crosscheck', ...several)
  t.equal(status, 2)
  t.equal(
    stderr,
    'error: --engine number 3 must not have a user or a password: the token takes their place\n',
  )
  t.match(runCLI('crosscheck', 'resume', 'status-1'), { status: 2, stderr: /resume takes no id/ })
  const missing = [
    '--genesis=examples/genesis.json',
    '--engine=http://a',
    '--engine.jwtsecret=none',
  ]
  t.match(runCLI('crosscheck', ...missing), {
    status: 1,
    stderr: /none: there is no such file, of a secret/,
  })
  t.end()
})

t.test('metrics count calls by how they ended, and alarms by kind', async (t) => {
  const engines = await Promise.all(
    [VALID(), INVALID, VALID()].map((text) => startFake(t, () => text)),
  )
  const metrics = { addr: '127.0.0.1', port: 0 }
  const { authPort, metricsPort } = await start(t, engines, { mode: 'majority', metrics })
  await send(authPort, PAYLOAD)
  for (const { stop } of engines) await stop()
  await send(authPort, CHOICE)
  const read = async () => (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
  await until(async () => /alarms_total\{kind="engines"\} 1/.test(await read()), 'an alarm')
  const text = await read()
  const name = 'ethereumjs_op_crosscheck'
  for (const line of [
    `${name}_alarms_total{kind="status"} 0`,
    `${name}_open_alarms 1`,
    `${name}_unsent_alarms 0`,
    `${name}_halted 0`,
    `${name}_same_blocks_total 0`,
    `${name}_watchman_restarts_total 0`,
    `${name}_call_seconds_count{method="engine_newPayloadV4",outcome="ok"} 1`,
    `${name}_call_seconds_count{method="engine_forkchoiceUpdatedV3",outcome="failure"} 1`,
  ]) {
    t.ok(text.includes(`${line}\n`), line)
  }
})

t.test('with several engines, their calls are not taken in batches', async (t) => {
  const engines = await Promise.all([1, 2, 3].map(() => startFake(t, () => VALID())))
  const { port: authPort } = await openPort(t, engines, { mode: 'majority' })
  const { error } = (await send(authPort, `[${PAYLOAD}]`)).json()
  t.equal(error.code, -32600)
  t.equal(engines[0].received.length, 0)
})
