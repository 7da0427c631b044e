import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createEngine } from 'ethereumjs-op'
import t, { type Test } from 'tap'
import { blockToJSON, createAllocState, encode, headerFromJSON } from '../blockchain/index.ts'
import { createEth } from '../node/dist/eth/index.js'
import { runDB } from '../node/dist/commands/db.js'
import { decodeBody, decodeHeader, encodeBody } from '../node/dist/store/codec.js'
import { encodeHeader, toExecuted } from '../node/dist/store/codec.js'
import { checkDatabase } from '../node/dist/store/inspect.js'
import { createLogSearch } from '../node/dist/store/logs.js'
import { createStore } from '../node/dist/store/store.js'
import { createChain, createWitnessState, executeBlock } from '../src/index.ts'
import { FIXTURES, type JSONValue, customCrypto, noFixtures, readFixture } from './helpers.ts'
import {
  type Envelope,
  GENESIS_TIME,
  type JSONObject,
  type TestNode,
  createDriver,
  genesisAt,
  genesisHead,
  transfer,
  userDeposit,
} from './node-helpers.ts'

type Methods = Record<string, (...params: unknown[]) => unknown>

/** Opens a database in this process, and what calls it as a node would. */
async function openNode(genesis: JSONObject, datadir: string) {
  const store = await createStore({ genesis, datadir })
  const methods = { ...createEth(store), ...createEngine(store) } as unknown as Methods
  const call = async (method: string, ...params: unknown[]) =>
    encode(await methods[method](...params)) as JSONValue
  return { store, call: call as TestNode['call'] } as TestNode & { store: typeof store }
}

/** Init code that makes a log with the topic 0x2a, and deploys nothing. */
const LOGGING = '0x602a60006000a1'
const TOPIC = `0x${'2a'.padStart(64, '0')}`

/** Extends a chain by blocks with a deposit, a transfer, a creation with a log, and a failed call. */
async function extend(node: TestNode, genesis: JSONObject, blocks: number) {
  const driver = createDriver(genesis)
  let head = await genesisHead(node)
  const envelopes: Envelope[] = []
  for (let index = 0; index < blocks; index++) {
    const nonce = 3 * index
    const create = { to: undefined, value: 0n, gasLimit: 100_000n }
    const envelope = await driver.extend(node, head, [
      userDeposit(index),
      transfer(0, nonce),
      transfer(0, nonce + 1, { ...create, data: LOGGING }),
      transfer(0, nonce + 2, { ...create, data: '0xfe' }),
    ])
    head = envelope.executionPayload
    envelopes.push(envelope)
  }
  return { envelopes, head }
}

t.test(
  'a block that was kept has the JSON of one that was executed',
  { skip: noFixtures },
  async (t) => {
    const names = readdirSync(join(FIXTURES, 'blocks'))
    t.ok(names.length >= 20, 'real blocks')
    // Each third: executing them takes most of the time of this file.
    for (const name of names.filter((_, index) => index % 3 === 0)) {
      const file = readFixture(`blocks/${name}`)
      const chain = createChain(file.config ?? {}, { customCrypto })
      const parent = headerFromJSON(chain, file.parentHeader)
      const state = file.preAlloc
        ? await createAllocState(chain.common, file.preAlloc)
        : createWitnessState(chain.common, parent.stateRoot, file.preimages)
      const getBlockHash = (number: bigint) => file.ancestorHashes?.[`${number}`]
      const attributes = file.payloadAttributes
      const block = await executeBlock({ chain, state, parent, attributes, getBlockHash })
      const json = blockToJSON(block)
      const { header, size } = decodeHeader(chain, encodeHeader(block))
      const read = blockToJSON(toExecuted(chain, header, decodeBody(encodeBody(block))))
      t.equal(JSON.stringify(read), JSON.stringify(json), name)
      t.equal(`0x${size.toString(16)}`, json.header.size, 'size')
    }
  },
)

t.test('blocks outlive the process, take little space, and check finds no fault', async (t) => {
  for (const fork of ['bedrock', 'karst'] as const) {
    const genesis = genesisAt(fork)
    const datadir = t.testdir()
    const node = await openNode(genesis, datadir)
    const { head } = await extend(node, genesis, 3)
    const block = node.store.find(head.blockHash)
    const before = JSON.stringify(block)
    t.equal(block?.transactions.length, 5)
    t.same(
      block?.receipts.map(({ status }) => status),
      ['0x1', '0x1', '0x1', '0x1', '0x0'],
    )
    await node.store.close()
    const { store } = await openNode(genesis, datadir)
    t.equal(JSON.stringify(store.find('latest')), before, fork)
    t.equal(JSON.stringify(store.find(3)), before)
    t.equal(store.find(4), undefined)
    const { hash } = block!.transactions[2]
    t.equal(store.findByTransaction(hash as `0x${string}`)?.header.hash, head.blockHash)
    const values = [...store.tables.bodies.getRange(), ...store.tables.headers.getRange()]
    const bytes = values.reduce((sum, { value }) => sum + value.length, 0)
    t.ok(bytes / 3 < 2_600, `${Math.round(bytes / 3)} bytes a block of five transactions`)
    t.match(await checkDatabase(store), { blocks: 4 })
    await store.close()
  }
})

t.test('logs of a block are those that a filter fits', async (t) => {
  const genesis = genesisAt('karst')
  const node = await openNode(genesis, t.testdir())
  t.teardown(() => node.store.close())
  await extend(node, genesis, 2)
  const { store } = node
  const all = (store.find(2)?.receipts ?? []).flatMap(({ logs }) => logs)
  t.equal(all.length, 1)
  const logsOf = (filter: Parameters<typeof createLogSearch>[1], id = 2) =>
    store.logsOf(id, createLogSearch(store.chain, filter))
  t.strictSame(logsOf({}), all)
  t.strictSame(logsOf({ topics: [[TOPIC]] }), all)
  t.strictSame(logsOf({ addresses: [`${all[0].address}`], topics: [undefined] }), all)
  t.strictSame(logsOf({ topics: [[], []] }), [], 'fewer topics than asked for')
  t.strictSame(logsOf({ topics: [[`0x${'2b'.padStart(64, '0')}`]] }), [])
  t.strictSame(logsOf({ addresses: [`0x${'11'.repeat(20)}`] }), [])
  t.equal(logsOf({}, 3), undefined, 'no such block')
})

/** Opens a database in a process of its own, which keeps it. @returns the process, and its error */
async function openElsewhere(datadir: string) {
  const url = new URL('../node/dist/store/store.js', import.meta.url)
  const code = `
    import { createStore } from '${url}'
    const [genesis, datadir] = process.argv.slice(1)
    await createStore({ genesis: JSON.parse(genesis), datadir }).then(
      () => console.log('opened'), ({ message }) => console.log(message))
    setInterval(() => {}, 1000)`
  const args = ['--input-type=module', '-e', code, JSON.stringify(genesisAt('karst')), datadir]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data')
  return { child, line: `${line}`.trim() }
}

t.test('one process has a database at a time, and one that was killed has none', async (t) => {
  const datadir = t.testdir()
  const first = await openElsewhere(datadir)
  t.equal(first.line, 'opened')
  const opening = createStore({ genesis: genesisAt('karst'), datadir })
  await t.rejects(opening, new RegExp(`in use by .*, process ${first.child.pid}$`))
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  const store = await createStore({ genesis: genesisAt('karst'), datadir })
  const second = await openElsewhere(datadir)
  t.match(second.line, `process ${process.pid}`)
  second.child.kill('SIGKILL')
  await store.close()
})

t.test('a config may move forks that the head has not reached', async (t) => {
  const datadir = t.testdir()
  const at = (karst?: number) => genesisAt('jovian', karst === undefined ? {} : { karst })
  const later = GENESIS_TIME + 1_000
  const node = await openNode(at(), datadir)
  await extend(node, at(), 1)
  await node.store.close()
  const refused = async (t: Test, genesis: JSONObject, says: RegExp) =>
    t.rejects(createStore({ genesis, datadir }), says)
  await refused(t, at(GENESIS_TIME + 1), new RegExp(`karstTime absent, not ${GENESIS_TIME + 1}`))
  await (await createStore({ genesis: at(later), datadir })).close()
  const { config, ...others } = at(later)
  await refused(t, { ...others, config: { ...config, chainId: 902 } }, /chainId 901, not 902/)
  await (await createStore({ genesis: at(later + 2), datadir })).close()
  // A time that has passed is not forgotten by leaving it out.
  await refused(t, genesisAt('isthmus'), /jovianTime 0, not absent|genesis block/)
})

t.test('a database of another version is refused, and its blocks can be moved', async (t) => {
  const genesis = genesisAt('karst')
  const folder = t.testdir({ old: {}, new: {}, 'genesis.json': JSON.stringify(genesis) })
  const datadir = join(folder, 'old')
  const node = await openNode(genesis, datadir)
  const { head } = await extend(node, genesis, 3)
  const { store } = node
  store.tables.index.putSync('schema', 3)
  await t.rejects(createStore({ genesis, datadir }), /schema 3; this version reads 2/)
  // As version 0.1 kept it.
  const old = store.tables.root.openDB({ name: 'blocks' })
  for (let number = 0; number <= 3; number++) {
    const block = store.find(number)!
    old.putSync(block.header.hash, JSON.parse(JSON.stringify(block)))
    store.tables.index.putSync(number, block.header.hash)
  }
  store.tables.index.removeSync('schema')
  await t.rejects(createStore({ genesis, datadir }), /db export blocks\.gz --datadir/)
  await store.close()

  const path = join(folder, 'blocks.gz')
  await runDB('export', { datadir }, path)
  const flags = { datadir: join(folder, 'new'), genesis: join(folder, 'genesis.json') }
  await runDB('import', flags, path)
  await runDB('import', flags, path)
  t.equal(process.exitCode, undefined)
  const moved = await createStore({ genesis, datadir: flags.datadir })
  t.equal(moved.head().header.hash, head.blockHash)
  await moved.close()
})

t.test('check says the first fault', async (t) => {
  const genesis = genesisAt('karst')
  const node = await openNode(genesis, t.testdir())
  t.teardown(() => node.store.close())
  await extend(node, genesis, 3)
  const { store } = node
  const { places, canonical, headers, nodePlaces } = store.tables
  const whole = await checkDatabase(store)
  t.equal(whole.blocks, 4)
  const [{ key, value }] = places.getRange({ limit: 1 })
  places.removeSync(key)
  await t.rejects(checkDatabase(store), /^block \d: transaction \d is not in the index$/)
  places.putSync(key, value)
  const numbers = [...canonical.getRange()]
  canonical.putSync(numbers[2].key, numbers[1].value)
  await t.rejects(checkDatabase(store), /block 2: has the number 1/)
  canonical.putSync(numbers[2].key, numbers[2].value)
  const root = store.head().header.stateRoot.slice(2)
  const rootKey = Buffer.from(root, 'hex')
  const rootPlace = nodePlaces.get(rootKey)!
  nodePlaces.removeSync(rootKey)
  await t.rejects(checkDatabase(store), new RegExp(`a node of accounts ${root} is missing`))
  nodePlaces.putSync(rootKey, rootPlace)
  t.same(await checkDatabase(store), whole)
  t.equal(headers.getCount(), 4)
})
