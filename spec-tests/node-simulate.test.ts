/** `eth_simulateV1` over HTTP: hashes and words are those of op-geth v1.101702.3. */
import t from 'tap'
import { createContext } from '../src/index.ts'
import {
  ACCOUNTS,
  type JSONObject,
  STRANGER,
  createDriver,
  genesisAt,
  genesisHead,
  refusal,
  spawnNode,
  toAddress,
  toWord,
  withContracts,
} from './node-helpers.ts'

const [ALICE, BOB] = ACCOUNTS
const ETHER = '0xeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee'
const TRANSFER = '0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef'

/** Logs its data with the topic 7, and sends all it has to 0xbb. */
const LOGGER = toAddress(0xc0)
/** Reverts with its data. */
const REVERTER = toAddress(0xc1)
/** Returns the hash of the block that its data names. */
const HASHER = toAddress(0xc2)
/** Returns the slot that its data names. */
const READER = toAddress(0xc3)
/** Destroys itself for 0xbb. */
const DOOMED = toAddress(0xc4)
/** Never ends. */
const LOOP = toAddress(0xc5)

const target = toAddress(0xbb).slice(2)
const CODES: Record<string, { code: string; balance?: string }> = {
  [LOGGER]: {
    code: `0x3660006000376007366000a160006000600060004773${target}5af15000`,
    balance: '0x5',
  },
  [REVERTER]: { code: '0x366000600037366000fd' },
  [HASHER]: { code: '0x6000354060005260206000f3' },
  [READER]: { code: '0x6000355460005260206000f3' },
  [DOOMED]: { code: `0x73${target}ff`, balance: '0x9' },
  [LOOP]: { code: '0x5b600056' },
}

const genesis = withContracts(genesisAt('isthmus'), CODES)
const node = await spawnNode(genesis)
t.teardown(() => node.stop())
const simulate = (blockStateCalls: JSONObject[], more: JSONObject = {}) =>
  node.callPublic('eth_simulateV1', { blockStateCalls, ...more }, 'latest')

t.test('blocks follow each other, with what calls changed', async (t) => {
  const blocks = await simulate([
    {
      stateOverrides: {
        [STRANGER]: { balance: '0x99' },
        [READER]: { stateDiff: { [toWord(0)]: toWord(77) } },
      },
      calls: [
        { from: STRANGER, to: BOB, value: '0x90' },
        { to: READER, data: toWord(0) },
        { from: ALICE, to: LOGGER, data: '0x1234', value: '0x7' },
        { from: ALICE, to: REVERTER, data: '0x5678' },
        { from: ALICE, to: LOOP, gas: '0x10000' },
      ],
    },
    {
      blockOverrides: {
        number: '0x3',
        time: '0x77777777',
        feeRecipient: BOB,
        prevRandao: toWord(3),
        gasLimit: '0x1000000',
        baseFeePerGas: '0x5',
        beaconRoot: toWord(8),
      },
      calls: [
        { to: HASHER, data: toWord(0) },
        { to: HASHER, data: toWord(1) },
        { to: HASHER, data: toWord(2) },
        { to: HASHER, data: toWord(3) },
        { from: STRANGER, to: BOB, value: '0x9', gas: '0x5208' },
      ],
    },
  ])
  t.equal(blocks.length, 3, 'one fills the gap')
  const [first, second, third] = blocks
  const hashes = blocks.map(({ hash }: JSONObject) => hash)
  t.strictSame(hashes, [
    '0xdd0420848e50f448a2cc7b51c232242a429f8b67f107a5f0c0f629be66a48991',
    '0xc61e96843d4532565d0a07f3cdbea6d1f66642604fcdbf2819a748ac29791809',
    '0x091786f35948e3521d6ed98d9267804ca47865e869dc01962651a1d66b4560be',
  ])
  t.strictSame([first.number, second.number, third.number], ['0x1', '0x2', '0x3'])
  t.strictSame([second.parentHash, third.parentHash], [first.hash, second.hash])
  t.equal(third.timestamp, '0x77777777')
  t.strictSame(
    first.calls.map(({ status, returnData, error }: JSONObject) => [status, returnData, error]),
    [
      ['0x1', '0x', undefined],
      ['0x1', toWord(77), undefined],
      ['0x1', '0x', undefined],
      ['0x0', '0x', { code: 3, message: 'execution reverted', data: '0x5678' }],
      ['0x0', '0x', { code: -32015, message: 'out of gas' }],
    ],
  )
  t.strictSame(
    third.calls.map(({ returnData }: JSONObject) => returnData),
    [first.parentHash, first.hash, second.hash, toWord(0), '0x'],
  )
  t.strictSame(first.calls[2].logs, [
    {
      address: LOGGER,
      topics: [toWord(7)],
      data: '0x1234',
      logIndex: '0x0',
      removed: false,
      blockHash: first.hash,
      blockNumber: '0x1',
      blockTimestamp: first.timestamp,
      transactionHash: first.transactions[2],
      transactionIndex: '0x2',
    },
  ])
  const sum = first.calls.reduce((gas: number, { gasUsed }: JSONObject) => gas + Number(gasUsed), 0)
  t.equal(Number(first.gasUsed), sum)
  const { hash } = await node.callPublic('eth_getBlockByNumber', 'latest', false)
  t.equal(hash, first.parentHash, 'and nothing is kept')
})

t.test('transfers of ether are logs, if these are wanted', async (t) => {
  const calls = [
    { from: ALICE, to: LOGGER, data: '0x1234', value: '0x7' },
    { from: ALICE, to: DOOMED },
    { from: ALICE, to: REVERTER, value: '0x1' },
    { from: ALICE, data: '0x', value: '0x2' },
  ]
  const [block] = await simulate([{ calls }], { traceTransfers: true })
  const transfer = (from: string, to: string, value: number) => ({
    address: ETHER,
    topics: [TRANSFER, toWord(from), toWord(to)],
    data: toWord(value),
  })
  const logs = block.calls.map((call: JSONObject) =>
    call.logs.map(({ address, topics, data }: JSONObject) => ({ address, topics, data })),
  )
  const log = { address: LOGGER, topics: [toWord(7)], data: '0x1234' }
  const created = '0xcf7ed3acca5a467e9e704c703e8d87f634fb0fc9'
  t.strictSame(logs, [
    [transfer(ALICE, LOGGER, 7), log, transfer(LOGGER, toAddress(0xbb), 12)],
    [transfer(DOOMED, toAddress(0xbb), 9)],
    [],
    [transfer(ALICE, created, 2)],
  ])
  const indexes = block.calls.map((call: JSONObject) =>
    call.logs.map(({ logIndex }: JSONObject) => Number(logIndex)),
  )
  t.strictSame(indexes, [[0, 1, 2], [3], [], [5]], 'one that failed counts, as in geth')
})

t.test('transactions are there in full, if these are wanted', async (t) => {
  const calls = [
    { from: ALICE, to: BOB, value: '0x1', maxFeePerGas: '0x0' },
    { from: ALICE, to: BOB, gas: '0x5208', gasPrice: '0x5' },
  ]
  const [block] = await simulate([{ calls }], { returnFullTransactions: true })
  const [first, second] = block.transactions
  t.match(first, { type: '0x2', from: ALICE, to: BOB, nonce: '0x0', gas: '0x2faf080' })
  t.match(first, { gasPrice: '0x0', accessList: [], chainId: '0x385', yParity: '0x0', r: '0x0' })
  t.match(second, { type: '0x0', nonce: '0x1', gas: '0x5208', gasPrice: '0x5' })
  t.match(second, { blockHash: block.hash, blockNumber: '0x1', transactionIndex: '0x1' })
})

t.test('with validation the price and the nonce must be right', async (t) => {
  const run = (call: JSONObject) =>
    simulate([{ calls: [{ from: ALICE, to: BOB, ...call }] }], { validation: true })
  const price = { maxFeePerGas: '0x77359400' }
  const [block] = await run(price)
  t.equal(block.baseFeePerGas, '0x3b5dc100')
  t.equal(block.calls[0].status, '0x1')
  t.match(await refusal(run({})), { code: -32602, reason: /max fee per gas less than block/ })
  t.match(await refusal(run({ ...price, nonce: '0x5' })), {
    code: -38011,
    reason:
      /^err: nonce too high: address 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266, tx: 5 state: 0/,
  })
  const raised = { stateOverrides: { [ALICE]: { nonce: '0x7' } } }
  const low = simulate([{ ...raised, calls: [{ from: ALICE, to: BOB, ...price, nonce: '0x5' }] }], {
    validation: true,
  })
  t.match(await refusal(low), { code: -38010, reason: /nonce too low/ })
})

t.test('what cannot be simulated is refused', async (t) => {
  const at = (blockOverrides: JSONObject) => ({ blockOverrides })
  const cases: [blocks: JSONObject[], code: number, reason: string | RegExp][] = [
    [[], -32602, 'empty input'],
    [Array(257).fill({}), -38026, 'too many blocks'],
    [[at({ number: '0x101' })], -38026, 'too many blocks'],
    [[{ calls: Array(5_001).fill({}) }], -38026, 'too many calls in block: 5001 > 5000'],
    [
      [4_000, 4_000, 4_000].map((count) => ({ calls: Array(count).fill({}) })),
      -38026,
      'too many calls: 12000 > 10000',
    ],
    [[at({ number: '0x0' })], -38020, 'block numbers must be in order: 0 <= 0'],
    [
      [at({ number: '0x5' }), at({ number: '0x4' })],
      -38020,
      'block numbers must be in order: 4 <= 5',
    ],
    [[at({ time: '0x1' })], -38021, /^block timestamps must be in order: 1 <= \d+$/],
    [[{ calls: [{ from: STRANGER, value: '0x5' }] }], -38014, /insufficient funds/],
    [[{ calls: [{ to: BOB, gas: '0x5' }] }], -38013, /intrinsic gas too low: have 5, want 21000/],
    [
      [{ calls: [{ to: BOB, gas: '0xffffffffff' }] }],
      -38015,
      'block gas limit reached: remaining: 60000000, required: 1099511627775',
    ],
    [[{ calls: [{ data: `0x${'00'.repeat(49_153)}` }] }], -38025, /max initcode size exceeded/],
    [[{ calls: [{ to: BOB, chainId: '0x5' }] }], -32000, /chainId does not match node's/],
    [[at({ withdrawals: [{}] })], -32602, /withdrawals are not supported/],
    [[{ call: [] }], -32602, 'blockStateCalls.call is not supported'],
  ]
  for (const [blocks, code, reason] of cases) {
    t.match(await refusal(simulate(blocks)), { code, reason }, `${code} ${reason}`)
  }
  t.match(await refusal(simulate([{}], { trace: true })), { code: -32602 })
})

t.test('all calls share the gas of one', async (t) => {
  const [block] = await simulate([{ calls: [{ to: LOOP }] }])
  t.equal(Number(block.calls[0].gasUsed), 50_000_000)
  t.equal(
    block.calls[0].error.message,
    "out of gas (gas limit was capped by the RPC server's global gas cap)",
  )
})

t.test('blocks of the newest fork count what transactions take', async (t) => {
  const genesis = withContracts(genesisAt('karst'), CODES)
  const newest = await spawnNode(genesis)
  t.teardown(() => newest.stop())
  await createDriver(genesis).extend(newest, await genesisHead(newest))
  const blockStateCalls = [{ calls: [{ from: ALICE, to: BOB, value: '0x1' }] }]
  const [block] = await newest.callPublic('eth_simulateV1', { blockStateCalls })
  t.equal(block.number, '0x2')
  // 100 bytes at least, at 400 gas.
  t.equal(Number(block.blobGasUsed), 40_000)
})

t.test('what takes too long is aborted, and the next call runs anew', async (t) => {
  const { createStore } = await import('../node/src/store/store.ts')
  const { createPlace, createSimulator, seeHeader } = await import('../node/src/eth/simulator.ts')
  const { applyMessage, attempt } = await import('../node/src/eth/transition.ts')
  const { readCall } = await import('../node/src/eth/message.ts')
  const store = await createStore({
    genesis: genesis as never,
    datadir: t.testdir(),
  })
  t.teardown(() => store.close())
  const loop = readCall({ to: LOOP }, 901n, 0n)
  const { header, ...options } = store.after(store.head())
  const place = createPlace(await createContext(header, options), seeHeader(header))
  const over = { end: 0, timeout: 5_000 }
  place.limitTime(over)
  await t.rejects(applyMessage(place, loop, 1_000_000n), {
    message: 'execution aborted (timeout = 5s)',
    code: -32000,
  })
  const { DEFAULT_LIMITS } = await import('../node/src/options.ts')
  const { createAccessList } = await import('../node/src/eth/accessList.ts')
  await t.rejects(createAccessList(place, loop, 1_000_000n), { message: /^execution aborted/ })
  const simulator = createSimulator(store, DEFAULT_LIMITS)
  const read = readCall({ to: READER, data: toWord(0) }, 901n, 0n)
  const run = (isOver: boolean) =>
    simulator.at(store.head(), {}, async (at) => {
      if (isOver) at.limitTime(over)
      return attempt(at, isOver ? loop : read, 1_000_000n)
    })
  for (const _ of [1, 2]) {
    await t.rejects(run(true), { message: /^execution aborted/ })
    t.equal((await run(false)).error, undefined)
  }
})
