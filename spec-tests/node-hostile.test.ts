/** What a public port is asked by those who mean no good: odd parameters for every method, and traces. */
import { once } from 'node:events'
import { join } from 'node:path'
import type { PrefixedHexString as Hex } from '@ethereumjs/util'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import type { JSONValue } from './helpers.ts'
import { L1_BLOCK } from './helpers.ts'
import { deposit, methodsUnder } from './node-helpers-eth.ts'
import {
  GENESIS_HASH,
  SENDER,
  attributesOf,
  build,
  createToken,
  freePort,
  importBlock,
  post,
  signTransfer,
  spawnNode,
  toForkchoice,
  watchEngine,
} from './node-helpers-faults.ts'

/** Least number of requests; the methods make more. */
const MIN_REQUESTS = 500

/** Requests that are sent together. */
const BATCH = 100

/** Megabytes of heap of the thread that has the engine. */
const HEAP = 384

/** Gas of the transactions of a block of 30 million, of which one may have 2^24 at most. */
const LOOP_GAS = 14_900_000n

const httpPort = await freePort()
const env = {
  ETHEREUMJS_OP_HTTP_API: 'debug,eth,miner,net,rpc,txpool,web3',
  ETHEREUMJS_OP_WS: 'true',
  ETHEREUMJS_OP_WS_API: 'debug,eth,miner,net,rpc,txpool,web3',
  // One port for both.
  ETHEREUMJS_OP_WS_PORT: `${httpPort}`,
}
const folder = t.testdir({ attacked: {}, control: {} })
const execArgv = [`--max-old-space-size=${HEAP}`]
const node = await spawnNode(join(folder, 'attacked'), { httpPort, env, execArgv })
t.teardown(() => node.kill('SIGKILL'))
const control = await spawnNode(join(folder, 'control'))
t.teardown(() => control.kill('SIGKILL'))

/** Two creations whose code runs until the gas is used up. */
const loops = [0, 1].map((nonce) =>
  signTransfer(nonce, { to: undefined, value: 0n, gasLimit: LOOP_GAS, data: '0x5b600056' }),
)
let head = GENESIS_HASH
for (const [index, transactions] of [loops, []].entries()) {
  const block = await build(node, head, attributesOf(index + 1, transactions))
  if ((await importBlock(node, block)) !== 'VALID') throw new Error('not VALID')
  head = block.payload.blockHash
}
const choice = toForkchoice(head)
await node.call('engine_forkchoiceUpdatedV3', choice, null)
const { whileAttacked } = watchEngine(node, control, choice)

const deep = (levels: number) => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`)

/** What may be where anything else should be. */
const ODD: unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    1.5,
    -1,
    2 ** 53,
    1e308,
    '',
    ' ',
    'x',
    '0x',
    '0xg',
    '0X1',
    '💥',
    '\u0000',
  ],
  ...['latest', 'pending', '__proto__', '0x7fffffffffffffff', `0x${'f'.repeat(64)}`, '0x0', '-0x1'],
  ...[`0x${'f'.repeat(65)}`, `0x${'00'.repeat(5_000)}`, 'a'.repeat(10_000), deep(1_000)],
  ...[[], [[]], [null], [{}], Array(2_000).fill('0x1'), {}, { toString: 1 }, { constructor: null }],
  ...[{ length: -1 }, { blockHash: 1 }, { fromBlock: '0x0', topics: [[[]]] }, { to: {}, data: 5 }],
  ...[{ tracer: {} }, { tracer: 'x', timeout: '-1s' }, { timeout: 1e9 }, { gas: '0x-1', from: [] }],
  ...[{ blockStateCalls: [{ calls: [{ gas: -1 }], blockOverrides: { number: '💥' } }] }],
  ...[{ [SENDER]: { balance: {}, state: [] } }, { headBlockHash: [], timestamp: {} }],
]

/** What methods take; the odd is in one of these places, or in all. */
const USUAL: unknown[][] = [
  [],
  ['latest'],
  [head, '0x0'],
  [SENDER, 'latest'],
  [SENDER, ['0x0'], 'latest'],
  [{ to: L1_BLOCK, data: '0x' }, 'latest', {}, {}],
  ['0x2', 'latest', []],
]

/** Lists of parameters with something odd, in three parts that have all of it. */
const LISTS = ODD.flatMap((odd) => [
  ...[[odd], [odd, odd, odd], [odd, 'latest']],
  ...USUAL.map((params) => [...params, odd]),
  ...USUAL.flatMap((params) => (params.length > 0 ? [params.with(0, odd)] : [])),
])

const partOf = (part: number) => LISTS.filter((_, index) => index % 3 === part)

/** Words of JavaScript or of this program, which no client can use. */
const INTERNALS =
  /Cannot (read|convert|mix)|is not (a function|iterable|defined)|(Type|Range|Syntax)Error|BigInt|node_modules|\.[jt]s:\d/

interface Answered {
  id: number
  result?: unknown
  error?: { code: number; message: string }
}

/** Checks an answer to something odd. @returns whether it is an error */
function checkAnswer(t: Test, method: string, params: unknown[], { error }: Answered) {
  if (!error) return
  const what = () => `${method} ${JSON.stringify(params).slice(0, 120)}: ${JSON.stringify(error)}`
  if (error.code === -32603) t.fail(`a fault of the node: ${what()}`)
  if (INTERNALS.test(error.message)) t.fail(`internals: ${what()}`)
  if (error.message === '' || error.message.includes('\n')) t.fail(`one line of text: ${what()}`)
}

/** Sends what a port can be asked in batches, and checks the answers. */
async function attack(
  t: Test,
  methods: string[],
  lists: unknown[][],
  send: (text: string) => Promise<string>,
) {
  const calls = methods.flatMap((method) => lists.map((params) => ({ method, params })))
  let errors = 0
  for (let start = 0; start < calls.length; start += BATCH) {
    const part = calls.slice(start, start + BATCH)
    const requests = part.map((call, id) => ({ jsonrpc: '2.0', id, ...call }))
    const answers = JSON.parse(await send(JSON.stringify(requests))) as Answered[]
    if (!Array.isArray(answers) || answers.length !== part.length) {
      t.fail(`${part[0].method}: ${JSON.stringify(answers).slice(0, 300)}`)
      continue
    }
    for (const answer of answers) {
      const { method, params } = part[answer.id]
      checkAnswer(t, method, params, answer)
      if (answer.error) errors++
    }
  }
  t.ok(calls.length >= MIN_REQUESTS, `${calls.length} requests, ${errors} of them refused`)
}

const served = methodsUnder('Served')
const ofEngine = served.filter((method) => method.startsWith('engine_'))
const inPublic = served.filter((method) => !method.startsWith('engine_'))

t.test('odd parameters of every method harm nobody, over HTTP', (t) =>
  whileAttacked(t, () =>
    attack(t, inPublic, partOf(0), async (text) => {
      const answer = await post(httpPort, text)
      t.equal(answer.status, 200)
      return answer.text
    }),
  ),
)

t.test('nor over a WebSocket', (t) =>
  whileAttacked(t, async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${httpPort}`)
    await once(socket, 'open')
    // Those of subscriptions come between.
    const next = async (): Promise<string> => {
      const [data] = await once(socket, 'message')
      return `${data}`.startsWith('[') ? `${data}` : next()
    }
    await attack(t, inPublic, partOf(1), (text) => {
      socket.send(text)
      return next()
    })
    socket.close()
    await once(socket, 'close')
  }),
)

t.test('nor those of the Engine API', async (t) => {
  await attack(t, ofEngine, partOf(2), async (text) => {
    const authorization = `Bearer ${createToken()}`
    return (await post(node.authPort, text, { authorization })).text
  })
  t.equal((await node.call('eth_getBlockByNumber', 'latest', false)).hash, head)
})

/** A trace of the block, or why there is none. */
async function trace(options: object, port = httpPort, headers = {}): Promise<JSONValue> {
  const params = ['0x1', options]
  const call = { jsonrpc: '2.0', id: 1, method: 'debug_traceBlockByNumber', params }
  return JSON.parse((await post(port, JSON.stringify(call), headers)).text)
}

t.test('traces of a block of 30 million gas are given or refused, in bounded memory', async (t) => {
  const { gasUsed } = await node.call('eth_getBlockByNumber', '0x1', false)
  t.ok(Number(gasUsed) > 29_800_000)
  const refused = /^(the trace is longer than 67108864 bytes; |execution timeout)/
  const cases: [what: string, options: object, result: object | undefined][] = [
    ['all steps', {}, undefined],
    ['all steps with memory', { enableMemory: true, timeout: '60s' }, undefined],
    ['the first steps', { limit: 100_000, timeout: '60s' }, { gas: Number(LOOP_GAS) }],
    ['calls', { tracer: 'callTracer', timeout: '60s' }, { type: 'CREATE', error: 'out of gas' }],
    ['accounts', { tracer: 'prestateTracer', timeout: '60s' }, { [SENDER]: {} }],
  ]
  for (const [what, options, result] of cases) {
    await t.test(what, (t) =>
      whileAttacked(t, async () => {
        const answer = await trace(options)
        // The first is the L1 attributes deposit.
        if (result) t.match(answer.result?.slice(1), [{ result }, { result }])
        else t.match(answer.error, { code: /^-3200[03]$/, message: refused })
      }),
    )
  }
  await t.test('several at once', (t) =>
    whileAttacked(t, async () => {
      const answers = await Promise.all([0, 1, 2].map(() => trace({})))
      for (const { error } of answers) t.match(error?.message, refused)
    }),
  )
  await t.test('on the port of the engine too', async (t) => {
    const headers = { authorization: `Bearer ${createToken()}` }
    const { error } = await trace({ timeout: '60s' }, node.authPort, headers)
    t.match(error?.message, refused)
  })
})

t.test('no payload is executed without end, for a deposit may have all gas of its block', (t) =>
  whileAttacked(t, async () => {
    const { timestamp, gasLimit } = await node.call('eth_getBlockByHash', head, false)
    const attributes = {
      ...attributesOf(9, []),
      timestamp: `0x${(Number(timestamp) + 1).toString(16)}`,
    }
    const execute = async (changes: object): Promise<JSONValue> => {
      const params = [head, { ...attributes, ...changes }]
      const call = { jsonrpc: '2.0', id: 1, method: 'debug_executePayload', params }
      return JSON.parse((await post(httpPort, JSON.stringify(call))).text)
    }
    /** Creations that use up their gas, or take much memory. */
    const deposits = (count: number, gas: number, data: Hex) =>
      Array.from({ length: count }, (_, index) =>
        deposit(SENDER, undefined, {
          gas: BigInt(gas),
          data: `${data}${index.toString(16).padStart(8, '0')}` as Hex,
        }),
      )
    const [first] = attributes.transactions as Hex[]
    const huge = await execute({ gasLimit: '0x7fffffffffffffff' })
    t.match(
      huge.error.message,
      /^gasLimit 9223372036854775807 is neither within twice that of the parent/,
    )
    const twice = 2 * Number(gasLimit)
    const cases: [what: string, transactions: Hex[]][] = [
      ['a loop', deposits(1, twice - 2_000_000, '0x5b600056')],
      ['many loops', deposits(50, twice / 60, '0x5b600056')],
      // MSTORE at 16 MB, as often as gas lasts.
      ['memory', deposits(100, twice / 120, '0x5b600063001000005260005600')],
    ]
    for (const [what, transactions] of cases) {
      const all = [first, ...transactions]
      const answer = await execute({ gasLimit: `0x${twice.toString(16)}`, transactions: all })
      if (answer.error) t.equal(answer.error.message, 'execution aborted (timeout = 5s)', what)
      else t.ok(answer.result.state.length > 0, `${what} ended in time`)
    }
  }),
)

t.test('after all this the node is as it was', async (t) => {
  t.notMatch(node.output.stdout, 'failed', 'no thread had to be started again')
  t.equal(node.output.stderr, '')
  t.ok(node.isRunning())
  const next = await build(node, head, attributesOf(3, []))
  t.equal(await importBlock(node, next), 'VALID')
  t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
})
