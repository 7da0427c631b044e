import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { SignJWT } from 'jose'
import t from 'tap'
import { WebSocket } from 'ws'
import type { JSONValue } from './helpers.ts'
import { SECRET, devGenesis, startDevnet } from './node-helpers-eth.ts'

/** Longest time in milliseconds that the engine may take to answer, on a machine that is not busy. */
const MAX_LATENCY = 1_000

const local = { addr: '127.0.0.1', port: 0 }
const net = await startDevnet(t, devGenesis(), undefined, {
  ws: { ...local, origins: ['https://app.example'] },
  metrics: local,
})
const { wsPort, authPort, metricsPort } = net.ports

/** A client over WebSocket. */
async function connect(port = wsPort, headers: Record<string, string> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers, perMessageDeflate: false })
  socket.setMaxListeners(0)
  const heard: JSONValue[] = []
  socket.on('message', (data) => heard.push(JSON.parse(String(data))))
  socket.on('error', () => {})
  const [end] = await Promise.race([
    once(socket, 'open').then(() => [undefined]),
    once(socket, 'unexpected-response').then(([, { statusCode }]) => [statusCode]),
  ])
  if (end) throw new Error(`HTTP status ${end}`)
  let lastId = 0
  /** The answer to a call. */
  async function ask(method: string, ...params: unknown[]): Promise<JSONValue> {
    const id = ++lastId
    socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }))
    const find = () => heard.find((message) => message.id === id)
    while (!find()) await once(socket, 'message')
    return find()
  }
  /** Waits for what a subscription tells. */
  async function told(subscription: string, count: number): Promise<JSONValue[]> {
    const find = () => heard.filter(({ params }) => params?.subscription === subscription)
    while (find().length < count) await once(socket, 'message')
    return find().map(({ params }) => params.result)
  }
  return { socket, heard, ask, told }
}

const bearer = async () => {
  const jwt = new SignJWT().setProtectedHeader({ alg: 'HS256' }).setIssuedAt()
  return { authorization: `Bearer ${await jwt.sign(SECRET)}` }
}

async function metric(line: string): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`)
  const rows = (await response.text()).split('\n')
  const found = rows.filter((row) => row.startsWith(`ethereumjs_op_${line}`))
  return found.reduce((sum, row) => sum + Number(row.split(' ').at(-1)), 0)
}

t.test('calls and batches are answered as over HTTP', async (t) => {
  const { socket, heard, ask } = await connect()
  t.strictSame(await ask('eth_chainId'), { jsonrpc: '2.0', id: 1, result: '0x385' })
  t.match(await ask('eth_nothing'), { error: { code: -32601, message: /eth_nothing/ } })
  const call = (id: unknown) => ({ jsonrpc: '2.0', id, method: 'net_version' })
  socket.send(JSON.stringify([call('a'), call(undefined), call('')]))
  while (!Array.isArray(heard.at(-1))) await once(socket, 'message')
  const answers = ['a', ''].map((id) => ({ jsonrpc: '2.0', id, result: '901' }))
  t.strictSame(heard.at(-1), answers)
  socket.send('{')
  while (!heard.at(-1).error) await once(socket, 'message')
  t.equal(heard.at(-1).error.code, -32700)
  socket.close()
})

t.test('a subscriber hears of new heads, after it has the id, until it ends', async (t) => {
  const { socket, heard, ask, told } = await connect()
  const { result: id } = await ask('eth_subscribe', 'newHeads')
  t.type(id, 'string')
  const block = await net.mine()
  const [head] = await told(id, 1)
  t.equal(head.hash, block.hash)
  t.strictSame(Object.keys(heard.at(-1)), ['jsonrpc', 'method', 'params'])
  t.equal(heard.at(-1).method, 'eth_subscription')
  t.equal((await ask('eth_unsubscribe', id)).result, true)
  t.match(await ask('eth_unsubscribe', id), { error: { message: 'subscription not found' } })
  await net.mine()
  await ask('eth_chainId')
  t.equal((await told(id, 1)).length, 1, 'nothing after the end')
  const unknown = (await ask('eth_subscribe', 'nothing')).error
  t.match(unknown, { code: -32601, message: /nothing/ })
  socket.close()
})

t.test('the authenticated port wants a token, and has the Engine API', async (t) => {
  await t.rejects(connect(authPort), /401/)
  const { socket, ask, told } = await connect(authPort, await bearer())
  const { result } = await ask('engine_exchangeCapabilities', [])
  t.ok(result.includes('engine_newPayloadV4'))
  const { result: id } = await ask('eth_subscribe', 'newHeads')
  const block = await net.mine()
  t.equal((await told(id, 1))[0].hash, block.hash)
  socket.close()
})

t.test('web pages of other origins may not connect', async (t) => {
  await t.rejects(connect(wsPort, { origin: 'https://evil.example' }), /403/)
  await t.rejects(connect(wsPort, { origin: 'http://localhost' }), /403/)
  const { socket } = await connect(wsPort, { origin: 'https://app.example' })
  socket.close()
})

t.test('subscriptions and the length of a message have a limit', async (t) => {
  const { socket, ask } = await connect()
  for (let count = 0; count < 100; count++) await ask('eth_subscribe', 'newHeads')
  t.match(await ask('eth_subscribe', 'newHeads'), { error: { code: -32005 } })
  socket.send(`"${'x'.repeat(5 * 2 ** 20)}"`)
  const [code] = await once(socket, 'close')
  t.equal(code, 1009)
})

t.test(
  '1,000 clients, of whom some never read and one floods, do not slow the engine',
  async (t) => {
    const control = await startDevnet(t)
    const clients: Awaited<ReturnType<typeof connect>>[] = []
    for (let count = 0; count < 1_000; count += 50) {
      clients.push(...(await Promise.all(Array.from({ length: 50 }, () => connect()))))
    }
    const readers = clients.slice(10)
    const ids = await Promise.all(readers.map(({ ask }) => ask('eth_subscribe', 'newHeads')))
    // Each of them is owed as much as it may be.
    const idle = clients.slice(0, 10)
    await Promise.all(
      idle.map(async ({ socket, ask }) => {
        await Promise.all(Array.from({ length: 100 }, () => ask('eth_subscribe', 'newHeads')))
        socket.pause()
      }),
    )
    t.ok((await metric('websocket_connections{thread="public"}')) >= 1_000)
    const ended = idle.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)))
    const { socket: flooder } = await connect()
    let isOver = false
    const flood = async () => {
      const call = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getBlockByNumber' })
      while (!isOver && flooder.readyState === WebSocket.OPEN) {
        for (let count = 0; count < 100; count++) flooder.send(call)
        while (flooder.bufferedAmount > 2 ** 20 && !isOver) await sleep(5)
        await sleep(1)
      }
    }
    const flooding = flood()

    let worst = 0
    let machine = 0
    const measure = async (work: () => Promise<unknown>) => {
      const start = performance.now()
      await work()
      return performance.now() - start
    }
    const drops = () => metric('websocket_drops_total{thread="public",reason="does not read')
    let blocks = 0
    while ((await drops()) < 10 && blocks < 150) {
      worst = Math.max(worst, await measure(() => net.engine('eth_chainId')))
      machine = Math.max(machine, await measure(() => control.engine('eth_chainId')))
      await net.mine()
      blocks++
    }
    isOver = true
    await flooding
    flooder.terminate()
    t.equal(await drops(), 10, `those who never read are dropped, after ${blocks} blocks`)
    for (const { socket } of idle) socket.resume()
    await Promise.all(ended)
    const limit = MAX_LATENCY + 3 * machine
    t.ok(worst < limit, `the engine answered within ${worst} ms, which may be ${limit}`)
    t.comment(`${blocks} blocks, engine ${Math.round(worst)} ms, control ${Math.round(machine)} ms`)
    for (const [index, { told }] of readers.entries()) await told(ids[index].result, blocks)
    t.equal(await metric('websocket_drops_total'), 10, 'those who read have heard all')
    for (const { socket } of clients) socket.terminate()
  },
)
