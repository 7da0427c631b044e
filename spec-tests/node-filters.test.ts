import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Hex } from 'viem'
import { encodeFunctionData, getContractAddress, pad } from 'viem'
import { createEth } from '../node/dist/eth/index.js'
import { createSubscriptions } from '../node/dist/eth/subscriptions.js'
import { createStore } from '../node/dist/store/store.js'
import { createEngine } from '../src/index.ts'
import { encode } from '../blockchain/index.ts'
import type { JSONValue } from './helpers.ts'
import {
  ACCOUNTS,
  BOX_ABI,
  BOX_BYTECODE,
  CHANGED,
  DEV_CHAIN_ID,
  devGenesis,
  startDevnet,
} from './node-helpers-eth.ts'
import {
  type Head,
  type TestNode,
  createDriver,
  genesisAt,
  genesisHead,
  hashOf,
  transfer,
} from './node-helpers.ts'

const GWEI = 10n ** 9n
const [ALICE, BOB] = ACCOUNTS
const lower = (address: string) => address.toLowerCase() as Hex
const box = lower(getContractAddress({ from: ALICE.address, nonce: 0n }))

function sign(tx: JSONValue): Promise<Hex> {
  const caps = { maxFeePerGas: 2n * GWEI, maxPriorityFeePerGas: 10n ** 6n }
  return ALICE.signTransaction({ chainId: DEV_CHAIN_ID, gas: 300_000n, ...caps, ...tx })
}

const set = (nonce: number, value: bigint) =>
  sign({
    nonce,
    to: box,
    data: encodeFunctionData({ abi: BOX_ABI, functionName: 'set', args: [value] } as never),
  })

const net = await startDevnet(t, devGenesis())
const { rpc, refusal } = net

/** Value, and whether it was taken back, of logs of the test contract. */
const summarize = (logs: JSONValue) =>
  logs.map(({ topics, removed }: JSONValue) => [Number(topics[2]), removed])

t.test(
  'filters give what is new since the last poll, and take back what left the chain',
  async (t) => {
    const deploy = await sign({ nonce: 0, data: BOX_BYTECODE })
    const parent = await net.mine({ transactions: [deploy], noTxPool: true })
    const filters: Record<string, string> = {
      blocks: await rpc('eth_newBlockFilter'),
      logs: await rpc('eth_newFilter', { address: box, topics: [CHANGED] }),
      seven: await rpc('eth_newFilter', { topics: [null, null, pad('0x7')] }),
      later: await rpc('eth_newFilter', { fromBlock: '0x3', toBlock: 'latest' }),
      others: await rpc('eth_newFilter', { address: BOB.address }),
    }
    for (const id of Object.values(filters)) t.match(id, /^0x[0-9a-f]{32}$/)
    const poll = (name: string) => rpc('eth_getFilterChanges', filters[name])
    /** Results, which come to the thread of the port a moment later than the head. */
    const take = async (name: string, count: number) => {
      const results: JSONValue[] = []
      while (results.length < count) results.push(...(await poll(name)))
      return results
    }
    for (const name of Object.keys(filters)) t.strictSame(await poll(name), [], name)

    const forced = [await set(1, 7n), await set(2, 8n)]
    const dropped = await net.mine({ transactions: forced, noTxPool: true })
    t.strictSame(await take('blocks', 1), [dropped.hash])
    t.strictSame(await poll('blocks'), [])
    const logs = await take('logs', 2)
    t.strictSame(logs, await rpc('eth_getLogs', { blockHash: dropped.hash }))
    t.strictSame(summarize(logs), [
      [7, false],
      [8, false],
    ])
    t.strictSame(summarize(await take('seven', 1)), [[7, false]])
    t.strictSame(await poll('later'), [])

    const other = await net.mine({ parent: parent.hash, transactions: [forced[0]], noTxPool: true })
    const next = await net.mine({ transactions: [await set(2, 9n)], noTxPool: true })
    t.strictSame(await take('blocks', 2), [other.hash, next.hash])
    const changes = await take('logs', 4)
    t.strictSame(summarize(changes), [
      [8, true],
      [7, true],
      [7, false],
      [9, false],
    ])
    t.strictSame(changes[0], { ...logs[1], removed: true })
    t.strictSame(summarize(await take('seven', 2)), [
      [7, true],
      [7, false],
    ])
    t.strictSame(summarize(await take('later', 1)), [[9, false]])
    t.strictSame(await poll('others'), [])
    t.strictSame(await poll('logs'), [])
    t.strictSame(summarize(await rpc('eth_getFilterLogs', filters.later)), [[9, false]])
  },
)

t.test('a filter for transactions gives hashes, or whole transactions', async (t) => {
  const [hashes, full] = [
    await rpc('eth_newPendingTransactionFilter'),
    await rpc('eth_newPendingTransactionFilter', true),
  ]
  const raw = await sign({ nonce: 3, to: BOB.address })
  const hash = await rpc('eth_sendRawTransaction', raw)
  t.strictSame(await rpc('eth_getFilterChanges', hashes), [hash])
  const waiting = await rpc('eth_getTransactionByHash', hash)
  t.strictSame(await rpc('eth_getFilterChanges', full), [waiting])
  await net.mine()
  t.strictSame(await rpc('eth_getFilterChanges', hashes), [])
})

t.test('a filter that was uninstalled, or never was, is not found', async (t) => {
  const id = await rpc('eth_newBlockFilter')
  t.equal((await refusal('eth_getFilterLogs', id)).message, 'filter not found')
  t.equal(await rpc('eth_uninstallFilter', id), true)
  t.equal(await rpc('eth_uninstallFilter', id), false)
  for (const wrong of [id, '0x1', null, {}]) {
    const { code, message } = await refusal('eth_getFilterChanges', wrong)
    t.strictSame([code, message], [-32000, 'filter not found'])
  }
})

t.test('a filter for logs has a range that can hold new ones', async (t) => {
  const wrong: [filter: unknown, message: string][] = [
    [{ fromBlock: '0x2', toBlock: '0x1' }, 'invalid block range params'],
    [{ fromBlock: 'latest', toBlock: '0x1' }, 'invalid block range params'],
    [{ toBlock: 'pending' }, 'pending logs are not supported'],
    ['0x1', 'invalid argument: "0x1" is not an object'],
  ]
  for (const [filter, message] of wrong) {
    const error = await refusal('eth_newFilter', filter)
    t.strictSame([error.code, error.message], [-32602, message])
  }
})

/** A node without ports: its methods, and what drives it. */
async function openNode(t: Test) {
  const genesis = genesisAt('karst')
  const store = await createStore({ genesis: genesis as never, datadir: t.testdir() })
  t.teardown(() => store.close())
  const methods: Record<string, (...params: never[]) => unknown> = {
    ...createEth(store),
    ...createEngine(store),
  }
  const call = async (method: string, ...params: unknown[]): Promise<JSONValue> =>
    encode(await methods[method](...(params as never[])))
  const node = { call } as TestNode
  const driver = createDriver(genesis)
  const extend = async (parent: Head, raws?: Hex[], overrides?: JSONValue) =>
    (await driver.extend(node, parent, raws, overrides)).executionPayload
  return { store, call, extend, start: await genesisHead(node) }
}

t.test('subscriptions tell what happens, until they end', async (t) => {
  const { store, call, extend, start } = await openNode(t)
  const open = createSubscriptions(store)
  const told: [id: string, result: JSONValue][] = []
  const { subscribe, unsubscribe, close } = open((id, result) => told.push([id, result]))
  const heads = subscribe('newHeads')
  const hashes = subscribe('newPendingTransactions')
  const full = subscribe('newPendingTransactions', true)
  t.equal(new Set([heads, hashes, full]).size, 3)
  const raw = transfer(0, 0)
  await call('eth_sendRawTransaction', raw)
  await setImmediate()
  const waiting = await call('eth_getTransactionByHash', hashOf(raw))
  t.strictSame(told.splice(0), [
    [hashes, hashOf(raw)],
    [full, waiting],
  ])
  const first = await extend(start)
  await setImmediate()
  const header = await call('eth_getHeaderByHash', first.blockHash)
  t.strictSame(told.splice(0), [[heads, header]])
  t.equal(unsubscribe(hashes), true)
  t.equal(unsubscribe(hashes), false)
  await call('eth_sendRawTransaction', transfer(1, 0))
  const second = await extend(start, [], { prevRandao: `0x${'05'.repeat(32)}` })
  await setImmediate()
  t.strictSame(
    told.splice(0).map(([id, { hash }]) => [id, hash]),
    [
      [full, hashOf(transfer(1, 0))],
      [heads, second.blockHash],
    ],
  )
  close()
  await extend(second)
  await setImmediate()
  t.strictSame(told, [])
  t.equal(unsubscribe(heads), false)
})

t.test('a subscription to logs takes back what left the chain', async (t) => {
  const { store, call, extend, start } = await openNode(t)
  const told: JSONValue[] = []
  const { subscribe } = createSubscriptions(store)((_, result) => told.push(result))
  subscribe('logs', { topics: [CHANGED, [null], [pad('0x7'), pad('0x8')]] })
  const deploy = await extend(start, [await sign({ nonce: 0, data: BOX_BYTECODE })])
  const raws = [await set(1, 7n), await set(2, 8n), await set(3, 9n)]
  const dropped = await extend(deploy, raws)
  await setImmediate()
  t.strictSame(summarize(told.splice(0)), [
    [7, false],
    [8, false],
  ])
  const [log] = await call('eth_getLogs', { blockHash: dropped.blockHash })
  await extend(deploy, [raws[0]])
  await setImmediate()
  t.strictSame(summarize(told), [
    [8, true],
    [7, true],
    [7, false],
  ])
  t.strictSame(told[1], { ...log, removed: true })
})

t.test('what cannot be subscribed to is refused', async (t) => {
  const { store } = await openNode(t)
  const open = createSubscriptions(store)
  const { subscribe, close } = open(() => {})
  const refuse = (code: number, message: string, ...params: unknown[]) =>
    t.throws(() => subscribe(...(params as [unknown])), { code, message })
  refuse(-32601, 'no "syncing" subscription in eth namespace', 'syncing')
  refuse(-32602, 'a subscription has a name', {})
  refuse(-32602, 'invalid block range params', 'logs', { fromBlock: '0x2', toBlock: '0x1' })
  refuse(-32602, 'invalid argument: 1 is not true or false', 'newPendingTransactions', 1)
  for (let count = 0; count < 100; count++) subscribe('newHeads')
  refuse(-32005, 'too many subscriptions', 'newHeads')
  t.ok(open(() => {}).subscribe('newHeads'), 'another connection has its own')
  close()
  t.ok(subscribe('logs'))
})

t.test('who fails to listen hears no more, and harms nobody', async (t) => {
  const { store, extend, start } = await openNode(t)
  const open = createSubscriptions(store)
  let calls = 0
  const broken = open(() => {
    calls++
    throw new Error('gone')
  })
  const told: string[] = []
  broken.subscribe('newHeads')
  open((_, result) => told.push((result as JSONValue).hash)).subscribe('newHeads')
  const first = await extend(start)
  await setImmediate()
  const second = await extend(first)
  await setImmediate()
  t.equal(calls, 1)
  t.strictSame(told, [first.blockHash, second.blockHash])
})

t.test('a filter ends when nobody polls it for five minutes', async (t) => {
  const { store, call, extend, start } = await openNode(t)
  let now = 0
  const clock = mock.method(performance, 'now', () => now)
  t.teardown(() => clock.mock.restore())
  const [polled, left] = [await call('eth_newBlockFilter'), await call('eth_newBlockFilter')]
  const { blockHash } = await extend(start)
  now += 299_999
  t.strictSame(await call('eth_getFilterChanges', polled), [blockHash])
  now += 2
  t.strictSame(await call('eth_getFilterChanges', polled), [])
  await t.rejects(call('eth_getFilterChanges', left), { message: 'filter not found' })
  t.ok(store)
})

t.test('filters are limited in number and size, until some are uninstalled', async (t) => {
  const { call } = await openNode(t)
  const address = Array.from({ length: 1_000 }, () => BOB.address)
  const ids: string[] = []
  for (let count = 0; count < 99; count++) ids.push(await call('eth_newFilter', { address }))
  await t.rejects(call('eth_newFilter', { address }), { code: -32005 })
  for (const id of ids) await call('eth_uninstallFilter', id)
  for (let count = 0; count < 1_000; count++) ids.push(await call('eth_newBlockFilter'))
  await t.rejects(call('eth_newBlockFilter'), { code: -32005 })
  t.equal(await call('eth_uninstallFilter', ids.at(-1)), true)
  t.ok(await call('eth_newBlockFilter'))
})
