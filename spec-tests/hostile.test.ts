import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { COINBASE, L1_BLOCK } from './helpers.ts'
import {
  type Answer,
  GENESIS_HASH,
  SECRET,
  SENDER,
  attributesOf,
  build,
  createRandom,
  createToken,
  importBlock,
  post,
  signTransfer,
  spawnNode,
  toBody,
  toForkchoice,
  watchEngine,
} from './node-helpers-faults.ts'

const random = createRandom()
t.comment(`SEED=${random.seed}`)

const folder = t.testdir({ attacked: {}, control: {} })
const node = await spawnNode(join(folder, 'attacked'))
t.teardown(() => node.kill('SIGKILL'))
/** Nobody attacks this one, so what slows it down is the machine. */
const control = await spawnNode(join(folder, 'control'))
t.teardown(() => control.kill('SIGKILL'))
const { httpPort, authPort } = node
const authorized = () => ({ authorization: `Bearer ${createToken()}` })

/** A chain of some blocks, one of them large. */
const chain = [GENESIS_HASH]
for (let nonce = 0; chain.length < 6; ) {
  const transfers = Array.from({ length: chain.length === 3 ? 1_000 : 5 }, () =>
    signTransfer(nonce++),
  )
  const block = await build(node, chain.at(-1)!, attributesOf(chain.length, transfers))
  if ((await importBlock(node, block)) !== 'VALID') throw new Error('not VALID')
  chain.push(block.payload.blockHash)
}
const head = chain.at(-1)!
const choice = toForkchoice(head, chain[2], chain[1])
await node.call('engine_forkchoiceUpdatedV3', choice, null)

let requests = 0
t.comment(`resident memory at the start: ${Math.round(node.rss() ?? 0)} MB`)
const { whileAttacked } = watchEngine(node, control, choice)

/** Sends a body to a port, with a token where it needs one. */
function send(port: number, body: Parameters<typeof post>[1], headers = {}) {
  requests++
  return post(port, body, { ...(port === authPort ? authorized() : {}), ...headers })
}

/** Sends a body that is to be answered with a JSON-RPC error of this code. */
async function refuses(
  t: Test,
  port: number,
  body: string | Uint8Array,
  code: number | number[],
  what: string,
) {
  const { status, text } = await send(port, body)
  t.equal(status, 200, what)
  let answer: Answer = {}
  try {
    answer = JSON.parse(text)
  } catch {}
  t.equal(answer.result, undefined, what)
  const codes = [code].flat()
  t.ok(codes.includes(answer.error?.code ?? 0), `${what}: ${codes}, not ${text.slice(0, 200)}`)
  t.match(answer.error?.message, /./, `${what}: there is a message`)
}

/** Parameters that a method accepts. */
const METHODS: Record<string, unknown[]> = {
  eth_chainId: [],
  net_version: [],
  web3_clientVersion: [],
  eth_syncing: [],
  eth_blockNumber: [],
  eth_gasPrice: [],
  eth_maxPriorityFeePerGas: [],
  eth_getBlockByNumber: ['0x1', false],
  eth_getBlockByHash: [head, false],
  eth_getBlockReceipts: ['0x1'],
  eth_getTransactionByHash: [`0x${'11'.repeat(32)}`],
  eth_getTransactionReceipt: [`0x${'11'.repeat(32)}`],
  eth_getBalance: [SENDER, 'latest'],
  eth_getTransactionCount: [SENDER, 'latest'],
  eth_getCode: [L1_BLOCK, 'latest'],
  eth_getStorageAt: [L1_BLOCK, '0x0', 'latest'],
  eth_getProof: [L1_BLOCK, ['0x0'], 'latest'],
  eth_call: [{ to: L1_BLOCK, data: '0x' }, 'latest'],
  eth_estimateGas: [{ from: SENDER, to: COINBASE, value: '0x1' }, 'latest'],
  eth_feeHistory: ['0x1', 'latest', []],
  eth_getLogs: [{ fromBlock: '0x0', toBlock: 'latest', address: L1_BLOCK, topics: [] }],
  eth_sendRawTransaction: [signTransfer(100_000)],
}
const isHash = (param: unknown) => typeof param === 'string' && param.length === 66

/** Values that no parameter of a method with this parameter accepts. */
function wrongValues(param: unknown): unknown[] {
  const always = [1.5, -1, '', 'x', '0x', '0xg', `0x${'0'.repeat(10_000)}g`, '\u0000', '💥']
  const objects: unknown[] = [{ constructor: 1 }, [[]], [null], { toString: null }]
  if (typeof param === 'boolean') return [...always, ...objects, 0, 'true', {}, []]
  if (isHash(param)) return [...always, true, {}, [], `${param}00`, 'latest', 5]
  if (typeof param === 'string') return [...always, true, [], `0x${'f'.repeat(65)}`, [param]]
  if (Array.isArray(param)) return [...always, true, {}, '0x1']
  return [...always, true, [], [param]]
}

t.test('malformed and unknown requests get the codes of JSON-RPC (E-37)', async (t) => {
  const malformed = [' ', '{', '[', '{"jsonrpc"', 'null,', "{'a':1}", '\u0000', 'NaN', '}{']
  const valid = toBody('eth_chainId')
  for (let index = 0; index < 40; index++)
    malformed.push(valid.slice(0, 1 + random.below(valid.length - 1)))
  const invalid = ['null', '1', '""', 'true', '{}', '[]', '{"jsonrpc":"2.0"}']
  for (const change of [
    { jsonrpc: '1.0' },
    { jsonrpc: 2 },
    { method: 5 },
    { method: null },
    { method: ['eth_chainId'] },
    { method: {} },
    { params: 'x' },
    { params: 5 },
  ])
    invalid.push(JSON.stringify({ ...JSON.parse(valid), ...change }))
  const unknown = ['', 'eth_', 'ETH_CHAINID', 'eth_chainid', ' eth_chainId', 'eth_chainId\u0000']
  unknown.push('constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf', 'prototype')
  unknown.push('__defineGetter__', 'x'.repeat(1_000_000), 'admin_peers', 'debug_stacks', '💥')
  for (const port of [httpPort, authPort]) {
    for (const body of malformed) await refuses(t, port, body, -32700, JSON.stringify(body))
    for (const body of invalid) await refuses(t, port, body, [-32600, -32602], body)
    for (const name of unknown) {
      await refuses(t, port, toBody(name), name ? -32601 : [-32600, -32601], name.slice(0, 50))
    }
  }
  // The public port does not have the Engine API (E-11).
  for (const name of ['engine_forkchoiceUpdatedV3', 'engine_newPayloadV4', 'engine_getPayloadV5']) {
    await refuses(t, httpPort, toBody(name, [choice, null]), -32601, `${name} in public`)
  }
})

t.test('ids come back as they were, and what has none is not answered', async (t) => {
  for (const id of [0, 1, -1, 'a', '', '💥', 2 ** 53 - 1, 1.5, null, true]) {
    const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'eth_chainId', params: [] })
    const { text } = await send(httpPort, body)
    t.same(JSON.parse(text), { jsonrpc: '2.0', id, result: '0x385' }, JSON.stringify(id))
  }
  for (const id of [{}, []]) {
    const body = JSON.stringify({ jsonrpc: '2.0', id, method: 'eth_chainId', params: [] })
    await refuses(t, httpPort, body, -32600, JSON.stringify(id))
  }
  const { status, text } = await send(httpPort, '{"jsonrpc":"2.0","method":"eth_chainId"}')
  t.ok(status < 300)
  t.equal(text, '')
})

t.test('a wrong value in any position of any method is refused (E-37)', async (t) => {
  for (const [method, params] of Object.entries(METHODS)) {
    const port = random.pick([httpPort, authPort])
    const right = await send(port, toBody(method, params))
    t.notMatch(JSON.parse(right.text).error, { code: -32602 }, method)
    for (const index of params.keys()) {
      for (const value of wrongValues(params[index])) {
        // As in geth, a storage key without digits is 0.
        if (method === 'eth_getStorageAt' && index === 1 && ['', '0x'].includes(`${value}`))
          continue
        const changed = params.with(index, value)
        const codes = method === 'eth_sendRawTransaction' ? [-32602, -32000] : [-32602]
        const what = `${method} ${JSON.stringify(changed).slice(0, 80)}`
        await refuses(t, random.pick([httpPort, authPort]), toBody(method, changed), codes, what)
      }
    }
    const nine = Array.from({ length: 9 }, (_, index) => params[index] ?? null)
    await refuses(t, httpPort, toBody(method, nine), -32602, `${method} with nine`)
    await refuses(t, httpPort, toBody(method, { 0: 1 }), -32602, `${method} by name`)
    // Where the first parameter is a block, that may be the latest.
    const isOptional = params.length === 0 || params[0] === '0x1'
    if (!isOptional) await refuses(t, httpPort, toBody(method), -32602, `${method} without any`)
  }
})

t.test('a wrong value in any field of an engine call is refused (E-37)', async (t) => {
  const { payload, beaconRoot } = await build(node, head, attributesOf(6, []))
  const wrong = [1, -1, 1.5, true, '', '0x', '0xg', 'x', {}, [[]], [null], `0x${'f'.repeat(2_000)}`]
  const attributes = attributesOf(7, [])
  const calls: [method: string, object: object, toParams: (object: object) => unknown[]][] = [
    ['engine_forkchoiceUpdatedV3', choice, (object) => [object, null]],
    ['engine_forkchoiceUpdatedV3', attributes, (object) => [choice, object]],
    ['engine_newPayloadV4', payload, (object) => [object, [], beaconRoot, []]],
  ]
  for (const [method, object, toParams] of calls) {
    for (const name of Object.keys(object)) {
      for (const value of wrong) {
        // Data of any length, and a number where that is allowed (E-13).
        if (name === 'extraData' && value === '0x') continue
        if (name === 'minBaseFee' && value === 1) continue
        // Either there is something or not.
        if (name === 'noTxPool') continue
        // Zero is read from these; that the block is the one that was meant, its hash shows.
        const isZero = ['', '0x'].includes(`${value}`)
        if (/^(blobGasUsed|excessBlobGas)$/.test(name) && isZero) continue
        const params = toParams({ ...object, [name]: value })
        const { text } = await send(authPort, toBody(method, params))
        const { result, error } = JSON.parse(text)
        const status = result?.payloadStatus?.status ?? result?.status
        const isRefused =
          (error && (error.code === -32602 || (error.code <= -38002 && error.code >= -38005))) ||
          status === 'INVALID'
        t.ok(
          isRefused,
          `${method} ${name} ${JSON.stringify(value).slice(0, 40)}: ${text.slice(0, 200)}`,
        )
      }
    }
    for (const value of [...wrong, 'latest', []]) {
      // It is as good as null.
      if (object === attributes && value === '') continue
      const params = toParams({}).map((param) => (JSON.stringify(param) === '{}' ? value : param))
      await refuses(
        t,
        authPort,
        toBody(method, params),
        -32602,
        `${method} ${JSON.stringify(value)}`,
      )
    }
    await refuses(t, authPort, toBody(method), -32602, `${method} without parameters`)
    const nine = Array.from({ length: 9 }, (_, index) => toParams(object)[index] ?? null)
    await refuses(t, authPort, toBody(method, nine), -32602, `${method} with nine`)
  }
  for (const id of [...wrong, `0x${'00'.repeat(9)}`]) {
    const codes = [-32602, -38001]
    await refuses(t, authPort, toBody('engine_getPayloadV5', [id]), codes, JSON.stringify(id))
  }
  const { headBlock } = { headBlock: await node.call('eth_getBlockByNumber', 'latest', false) }
  t.equal(headBlock.hash, head, 'none of this moved the head (T-47)')
})

t.test(
  'a port with a secret refuses all but a fresh HS256 token with status 401 (E-51)',
  async (t) => {
    const now = () => Math.floor(Date.now() / 1000)
    const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
    const other = new Uint8Array(32).fill(1)
    const [head64, claims64] = createToken().split('.')
    const refused: [what: string, headers: Record<string, string>][] = [
      ['no token', {}],
      ['an empty one', { authorization: '' }],
      ['only the scheme', { authorization: 'Bearer' }],
      ['another scheme', { authorization: `Basic ${createToken()}` }],
      ['no scheme', { authorization: createToken() }],
      ['another key', bearer(createToken({ secret: other }))],
      ['an empty key', bearer(createToken({ secret: new Uint8Array(0) }))],
      ['alg none', bearer(`${createToken({ header: { alg: 'none' } }).replace(/[^.]*$/, '')}`)],
      ['alg none, signed', bearer(createToken({ header: { alg: 'none' } }))],
      ['alg None', bearer(createToken({ header: { alg: 'None' } }).replace(/[^.]*$/, ''))],
      ['HS512', bearer(createToken({ header: { alg: 'HS512', typ: 'JWT' }, hash: 'sha512' }))],
      ['HS384', bearer(createToken({ header: { alg: 'HS384', typ: 'JWT' }, hash: 'sha384' }))],
      ['RS256', bearer(createToken({ header: { alg: 'RS256', typ: 'JWT' } }))],
      ['an alg that is no string', bearer(createToken({ header: { alg: ['HS256'] } }))],
      ['no iat', bearer(createToken({ claims: {} }))],
      ['iat 70 s ago', bearer(createToken({ claims: { iat: now() - 70 } }))],
      ['iat in 70 s', bearer(createToken({ claims: { iat: now() + 70 } }))],
      ['iat null', bearer(createToken({ claims: { iat: null } }))],
      ['iat in milliseconds', bearer(createToken({ claims: { iat: Date.now() } }))],
      ['an exp that is over', bearer(createToken({ claims: { iat: now(), exp: now() - 5 } }))],
      ['claims that are null', bearer(createToken({ claims: null as never }))],
      ['without a signature', bearer(`${head64}.${claims64}.`)],
      ['two parts', bearer(`${head64}.${claims64}`)],
      ['four parts', bearer(`${createToken()}.x`)],
      ['no base64', bearer('a.b.c')],
      ['a long one', bearer('a'.repeat(10_000))],
      ['the secret itself', bearer(Buffer.from(SECRET).toString('hex'))],
      ['a changed signature', bearer(`${createToken().slice(0, -4)}AAAA`)],
    ]
    for (const [what, headers] of refused) {
      for (const body of [
        toBody('eth_chainId'),
        toBody('engine_exchangeCapabilities', [[]]),
        '{',
      ]) {
        requests++
        const { status, text } = await post(authPort, body, headers)
        t.equal(status, 401, what)
        t.notMatch(text, 'result', what)
      }
    }
    for (const iat of [now(), now() - 50, now() + 50, now() + 0.5]) {
      const { status } = await post(
        authPort,
        toBody('eth_chainId'),
        bearer(createToken({ claims: { iat } })),
      )
      t.equal(status, 200, `iat ${iat - now()}`)
    }
  },
)

t.test('other HTTP methods, paths and content types do not harm', async (t) => {
  for (const port of [httpPort, authPort]) {
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'TRACE']) {
      requests++
      const { status, text } = await post(port, '', authorized(), { method })
      t.ok(status < 500, `${method}: ${status}`)
      t.notMatch(text, 'result')
    }
    for (const path of ['/%00', '/..%2f..', `/${'a'.repeat(10_000)}`, '//', '/?x', '/%ff']) {
      requests++
      const { status } = await post(port, toBody('eth_chainId'), authorized(), { path })
      t.ok(status < 500, `${path.slice(0, 20)}: ${status}`)
    }
    const bytes = Uint8Array.from({ length: 5_000 }, () => random.below(256))
    for (const bad of [Uint8Array.of(0xff, 0xfe), Uint8Array.of(0xc3, 0x28), bytes]) {
      await refuses(t, port, bad, -32700, 'invalid UTF-8')
    }
    const text = Buffer.from(toBody('eth_getBalance', ['\ufffd', 'latest']))
    await refuses(
      t,
      port,
      Uint8Array.from(text, (byte) => (byte > 0xbd ? 0xff : byte)),
      [-32602, -32700],
      'invalid UTF-8 in a string',
    )
  }
})

t.test(
  'a body above the limit gets 413, whole or in chunks, in bounded memory (E-12)',
  async (t) => {
    const MB = 2 ** 20
    function* chunks(count: number) {
      for (let index = 0; index < count; index++) yield Buffer.alloc(MB, 0x20)
    }
    for (const port of [httpPort, authPort]) {
      await t.test(port === authPort ? 'authenticated port' : 'public port', async (t) => {
        await whileAttacked(t, async () => {
          const announced = send(port, chunks(1), { 'content-length': `${129 * MB}` })
          const isRefused = (outcome: { status: number } | Error) =>
            'status' in outcome
              ? outcome.status === 413
              : /EPIPE|ECONNRESET|hang up/.test(`${outcome}`)
          t.ok(
            isRefused(await announced.catch((error: Error) => error)),
            'content-length of 129 MiB',
          )
          const streamed = send(port, chunks(300), { 'transfer-encoding': 'chunked' })
          t.ok(isRefused(await streamed.catch((error: Error) => error)), '300 MiB in chunks')
        })
      })
    }
  },
)

t.test('bodies below the limit that are hard to read get an error in time', async (t) => {
  const million = Array.from({ length: 1_000_000 }, () => 1)
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
  const call = (method: string, params: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`
  const attacks: [what: string, body: () => string, code: number | number[], status?: number][] = [
    ['10^5 levels of nesting', () => deep(100_000), [-32600, -32700]],
    ['10^5 open brackets', () => '['.repeat(100_000), -32700],
    [
      '10^5 levels in the parameters',
      () => call('eth_call', deep(100_000)),
      [-32602, -32700, -32600],
    ],
    [
      '10^5 levels in a parameter',
      () => call('eth_call', `[${'{"data":'.repeat(1e5)}1${'}'.repeat(1e5)}]`),
      [-32602, -32700, -32600],
    ],
    ['10^6 parameters', () => toBody('eth_getBalance', million), -32602],
    [
      '10^6 wrong storage keys',
      () => toBody('eth_getProof', [SENDER, million, 'latest']),
      [-32602, -32600, -32000],
    ],
    [
      '10^6 storage keys',
      () => toBody('eth_getProof', [SENDER, million.map(() => '0x1'), 'latest']),
      [-32602, -32600, -32000, -32005],
    ],
    [
      '10^6 topics',
      () => toBody('eth_getLogs', [{ topics: million.map(() => null) }]),
      [-32602, -32600, -32000, -32005],
    ],
    ['10^6 wrong topics', () => toBody('eth_getLogs', [{ topics: million }]), [-32602, -32600]],
    [
      '10^6 addresses',
      () => toBody('eth_getLogs', [{ address: million.map(() => SENDER), fromBlock: '0x0' }]),
      [-32602, -32600, -32000, -32005],
    ],
    [
      '10^6 percentiles',
      () => toBody('eth_feeHistory', ['0x1', 'latest', million]),
      [-32601, -32602, -32600, -32000, -32005],
    ],
    ['10^6 requests', () => `[${million.join()}]`, -32600],
    ['2,001 requests', () => `[${Array(2_001).fill(toBody('eth_chainId')).join()}]`, -32600],
    ['60 MiB of spaces', () => ' '.repeat(60 * 2 ** 20), [-32700]],
    ['60 MiB of text', () => `"${'a'.repeat(60 * 2 ** 20)}"`, [-32600]],
    [
      '60 MiB of digits',
      () => call('eth_getBalance', `["0x${'0'.repeat(60 * 2 ** 20)}","latest"]`),
      [-32602],
    ],
    [
      '60 MiB of call data',
      () => toBody('eth_call', [{ to: SENDER, data: `0x${'00'.repeat(30 * 2 ** 20)}` }, 'latest']),
      [-32602, -32000, -32600],
    ],
    [
      '60 MiB of a raw transaction',
      () => toBody('eth_sendRawTransaction', [`0x02${'00'.repeat(30 * 2 ** 20)}`]),
      [-32602, -32000, -32600],
    ],
    ['4 MiB of small objects', () => `[${'{},'.repeat(4 * 2 ** 18)}{}]`, [-32600]],
    [
      '4 MiB of small lists in a parameter',
      () => call('eth_call', `[${'[],'.repeat(4 * 2 ** 18)}1]`),
      [-32602],
    ],
    ['60 MiB of small objects', () => `[${'{},'.repeat(20 * 2 ** 20)}{}]`, [-32600]],
  ]
  for (const [what, body, codes] of attacks) {
    await t.test(what, async (t) => {
      const text = body()
      await whileAttacked(t, async () => {
        // The server may close the connection while it is still written to.
        const answer = await send(httpPort, text).catch((error: Error) => {
          if (/EPIPE|ECONNRESET/.test(`${error}`)) return { status: 413, text: '' }
          throw error
        })
        // A lower limit for the public port is as good an answer.
        if (answer.status === 413) return
        t.equal(answer.status, 200)
        let error: Answer['error']
        try {
          error = [JSON.parse(answer.text)].flat()[0].error
        } catch {}
        const given = answer.text.slice(0, 200)
        // Ten thousand times as many topics as a log has may also find nothing.
        const isFine = [codes].flat().includes(error?.code ?? 0)
        t.ok(isFine || (/^10\^6 (topics|addresses|perc|storage)/.test(what) && !error), given)
        t.ok(answer.text.length < 10_000, `an answer of ${answer.text.length} characters`)
      })
    })
  }
})

/** Contract creations that run until their gas is used up, and what they do meanwhile. */
const loops: Record<string, string> = {
  'nothing else': '0x5b600056',
  'keccak256 of 100 kB': '0x5b620186a060002050600056',
  'copies of 100 kB of memory': '0x5b620186a0600060005e600056',
  'memory that grows': '0x5b60005952600056',
  'reads of accounts': '0x5b5a3150600056',
  'contract creations': '0x5b600060006000f050600056',
}

const push = (value: number, width = 4) =>
  `${(0x5f + width).toString(16)}${value.toString(16).padStart(2 * width, '0')}`
/** Calls a precompile again and again, with an input that is doubled `doublings` times. */
function precompileLoop(address: number, input: string, doublings = 0) {
  const size = input.length / 2
  const body = (offset: number) => {
    const copies = Array.from({ length: doublings }, (_, index) => {
      return `${push(size * 2 ** index)}6000${push(size * 2 ** index)}5e`
    })
    const copy = `${push(size)}${push(offset)}600039${copies.join('')}`
    const call = `60006000${push(size * 2 ** doublings)}6000${push(address, 1)}5afa50`
    return `${copy}5b${call}${push(copy.length / 2)}56`
  }
  return `0x${body(body(0).length / 2)}${input}`
}
const word = (value: string) => value.padStart(64, '0')
/** Two points of bn254, of which the pairing is not trivial. */
const BN254 = [
  '1',
  '2',
  '198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2',
  '1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed',
  '90689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b',
  '12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa',
]
  .map(word)
  .join('')
const BLS_G1 = [
  '17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb',
  '08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1',
]
  .map((value) => value.padStart(128, '0'))
  .join('')
const BLS_G2 = [
  '024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8',
  '13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e',
  '0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801',
  '0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be',
]
  .map((value) => value.padStart(128, '0'))
  .join('')
/** Lengths, base, exponent and modulus. */
const modexp =
  ['400', '14', '400'].map(word).join('') + 'ab'.repeat(1_024) + 'ff'.repeat(20 + 1_024)
const scalar = 'f'.repeat(64)
// Inputs nearly as long as Jovian allows (P-06…P-10).
Object.assign(loops, {
  'modexp of 1,024 bytes': precompileLoop(5, modexp),
  'SHA-256 of 32 kB': precompileLoop(2, '00'.repeat(32), 10),
  'bn254 pairing, 1 pair': precompileLoop(8, BN254),
  'bn254 pairing, 256 pairs': precompileLoop(8, BN254, 8),
  'BLS12-381 pairing, 1 pair': precompileLoop(0x0f, BLS_G1 + BLS_G2),
  'BLS12-381 pairing, 256 pairs': precompileLoop(0x0f, BLS_G1 + BLS_G2, 8),
  'BLS12-381 MSM in G1, 1,024 points': precompileLoop(0x0c, BLS_G1 + scalar, 10),
  'BLS12-381 MSM in G2, 512 points': precompileLoop(0x0e, BLS_G2 + scalar, 9),
})

t.test('calls that use all their gas do not stall the engine', async (t) => {
  for (const [what, code] of Object.entries(loops)) {
    await t.test(what, async (t) => {
      await whileAttacked(t, async () => {
        const body = toBody('eth_call', [
          { data: code, gas: what === 'nothing else' ? '0x2faf080' : '0x989680' },
          'latest',
        ])
        const calls = Array.from({ length: 2 }, () => send(httpPort, body))
        for (const { status, text } of await Promise.all(calls)) {
          t.equal(status, 200)
          // On a slow machine the time is over before the gas is.
          const message = /gas|invalid|revert|timeout = 5s/
          t.match(JSON.parse(text).error?.message, message, text.slice(0, 200))
        }
      })
    })
  }
})

t.test('calls that read much do not stall the engine', async (t) => {
  const all = { fromBlock: '0x0', toBlock: 'latest' }
  const batches: [what: string, method: string, params: unknown[], count: number][] = [
    ['logs of the whole chain', 'eth_getLogs', [all], 200],
    ['a large block', 'eth_getBlockByNumber', ['0x3', true], 2_000],
    ['receipts of a large block', 'eth_getBlockReceipts', ['0x3'], 2_000],
    [
      'proofs',
      'eth_getProof',
      [L1_BLOCK, Array.from({ length: 100 }, (_, i) => `0x${i.toString(16)}`), 'latest'],
      200,
    ],
    ['fee history', 'eth_feeHistory', ['0x400', 'latest', [1, 50, 99]], 500],
    ['estimates', 'eth_estimateGas', [{ data: '0x5b600056' }], 2],
  ]
  for (const [what, method, params, count] of batches) {
    await t.test(`${count} times ${what} in a batch`, async (t) => {
      const requests = Array.from({ length: count }, (_, id) => ({
        jsonrpc: '2.0',
        id,
        method,
        params,
      }))
      await whileAttacked(t, async () => {
        const { status } = await send(httpPort, JSON.stringify(requests))
        t.ok(status === 200 || status === 413)
      })
    })
  }
})

t.test('large requests that wait for a call are answered, in bounded memory', async (t) => {
  // Objects take many times the memory of their text.
  const objects = toBody('eth_call', Array(1_700_000).fill({}))
  const loop = toBody('eth_call', [{ data: '0x5b600056' }, 'latest'])
  await whileAttacked(t, async () => {
    // The loops take some of the 30 seconds in which a request must have been read.
    const bodies = [...Array<string>(3).fill(loop), ...Array<string>(8).fill(objects)]
    for (const { text } of await Promise.all(bodies.map((body) => send(httpPort, body)))) {
      t.match(JSON.parse(text).error?.code, /^-32(000|602)$/)
    }
  })
})

t.test('what a client has asked for and gone is not done', async (t) => {
  const loop = toBody('eth_call', [{ data: '0x5b600056' }, 'latest'])
  const body = `[${Array(200).fill(loop)}]`
  const head = 'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
  for (let index = 0; index < 10; index++) {
    const socket = connect(httpPort, '127.0.0.1').on('error', () => {})
    socket.write(`${head}content-length: ${body.length}\r\n\r\n${body}`)
    await sleep(100)
    socket.destroy()
  }
  const start = performance.now()
  const { text } = await send(httpPort, toBody('eth_chainId'))
  const ms = Math.round(performance.now() - start)
  t.equal(JSON.parse(text).result, '0x385')
  // Each of them takes seconds.
  t.ok(ms < 100_000, `${ms} ms, not those of 2,000 calls`)
})

t.test('many connections that send a byte now and then do not stall the engine', async (t) => {
  const sockets: Socket[] = []
  const text = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"jsonrpc"`
  for (let index = 0; index < 500; index++) {
    const socket = connect(index % 2 ? authPort : httpPort, '127.0.0.1')
    socket.on('error', () => {})
    sockets.push(socket)
  }
  await whileAttacked(t, async () => {
    for (let round = 0; round < text.length; round++) {
      for (const socket of sockets) if (random.below(3)) socket.write(text[round])
      await sleep(50)
    }
  })
  for (const socket of sockets) socket.destroy()
})

t.test('after all this the node is as it was', async (t) => {
  t.ok(requests >= 500, `${requests} hostile requests`)
  t.equal(node.output.stderr, '')
  t.ok(node.isRunning())
  t.equal((await node.call('eth_getBlockByNumber', 'latest', false)).hash, head)
  const block = await build(node, head, attributesOf(6, []))
  t.equal(await importBlock(node, block), 'VALID')
  const choice = toForkchoice(block.payload.blockHash)
  t.equal(
    (await node.call('engine_forkchoiceUpdatedV3', choice, null)).payloadStatus.status,
    'VALID',
  )
  const end = node.rss() ?? 0
  t.comment(`resident memory at the end: ${Math.round(end)} MB`)
  t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
})
