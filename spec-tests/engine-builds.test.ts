import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { Backend, ExecutedBlock } from '../src/index.ts'
import { type TestEngine, startEngine } from './engine-helpers.ts'
import {
  type Hex,
  type JSONObject,
  codeOf,
  createDriver,
  forkchoice,
  genesisAt,
  hashOf,
  transfer,
  userDeposit,
} from './node-helpers.ts'

const GENESIS = genesisAt('karst')
const driver = createDriver(GENESIS)

/** Transactions that wait, of which the engine gets one whenever the test says so. */
class Pool {
  readonly #waiting: ((raw?: Hex) => void)[] = []
  /** How many were asked for. */
  asked = 0

  /** Gives the engine the next; without one, the end. */
  async give(raw?: Hex) {
    while (this.#waiting.length === 0) await setImmediate()
    this.#waiting.shift()!(raw)
  }

  /** Fails what is asked for. */
  async fail() {
    while (this.#waiting.length === 0) await setImmediate()
    this.#waiting.shift()!('0x?' as Hex)
  }

  async *select() {
    while (true) {
      this.asked++
      const raw = await new Promise<Hex | undefined>((resolve) => this.#waiting.push(resolve))
      if (raw === undefined) return
      if (raw === '0x?') throw new TypeError('the pool is at fault')
      yield Uint8Array.from(Buffer.from(raw.slice(2), 'hex'))
    }
  }
}

/** Starts an engine with a pool. `kept` has the hashes of blocks as they are put. */
async function start() {
  const pool = new Pool()
  const kept: Hex[] = []
  const wrap = (backend: Backend): Backend => ({
    chain: backend.chain,
    nodes: backend.nodes,
    getHeader: (hash) => backend.getHeader(hash),
    getCanonicalHash: (number) => backend.getCanonicalHash(number),
    getForkchoice: () => backend.getForkchoice(),
    setForkchoice: (update) => backend.setForkchoice(update),
    putBlock: (block: ExecutedBlock, nodes) => {
      kept.push(`0x${Buffer.from(block.header.hash()).toString('hex')}`)
      return backend.putBlock(block, nodes)
    },
    selectTransactions: () => pool.select(),
  })
  return { ...(await startEngine(GENESIS, undefined, wrap)), pool, kept }
}

const OPEN = { noTxPool: false }

/** Starts a build on the genesis block. @returns its payload id */
async function begin({ node, root }: TestEngine, attributes: JSONObject): Promise<Hex> {
  return (await driver.start(node, forkchoice(root), attributes)).payloadId
}

t.test('a forkchoice is answered before the transactions that wait have run', async (t) => {
  const engine = await start()
  const { node, root, pool, kept } = engine
  const attributes = driver.attributesAfter(root, [userDeposit(1)], OPEN)
  const id = await begin(engine, attributes)
  // Nothing has been given, and other calls are answered.
  t.match(await driver.choose(node, root), { payloadStatus: { status: 'VALID' } })
  t.strictSame(kept, [], 'nothing is kept that nobody has fetched')
  const fetched = driver.fetchPayload(node, attributes.timestamp, id)
  await pool.give(transfer(0, 0))
  await pool.give(transfer(0, 1))
  await pool.give()
  const { executionPayload } = await fetched
  t.strictSame(
    executionPayload.transactions.map(hashOf),
    [...attributes.transactions, transfer(0, 0), transfer(0, 1)].map(hashOf),
    'who fetches the payload waits for all of them',
  )
  const again = await driver.fetchPayload(node, attributes.timestamp, id)
  t.strictSame(again.executionPayload, executionPayload)
  t.strictSame(kept, [executionPayload.blockHash], 'kept once')
})

t.test('a build without the pool asks for none that waits', async (t) => {
  const engine = await start()
  const attributes = driver.attributesAfter(engine.root)
  const id = await begin(engine, attributes)
  const { executionPayload } = await driver.fetchPayload(engine.node, attributes.timestamp, id)
  t.equal(executionPayload.transactions.length, 1)
  t.equal(engine.pool.asked, 0)
})

t.test('a forced transaction that cannot be included fails the forkchoice', async (t) => {
  const engine = await start()
  const { root, pool } = engine
  const attributes = driver.attributesAfter(root, [transfer(0, 7)], OPEN)
  for (const round of ['first', 'again']) {
    t.equal(await codeOf(begin(engine, attributes)), -38003, round)
  }
  t.equal(pool.asked, 0)
})

t.test('a new build ends the one before, which keeps what it has', async (t) => {
  const engine = await start()
  const { node, root, pool } = engine
  const attributes = driver.attributesAfter(root, [], OPEN)
  const first = await begin(engine, attributes)
  await pool.give(transfer(0, 0))
  const second = await begin(engine, { ...attributes, gasLimit: '0x3938701' })
  // What the first has asked for already comes too late.
  await pool.give(transfer(0, 1))
  const old = await driver.fetchPayload(node, attributes.timestamp, first)
  t.strictSame(old.executionPayload.transactions.slice(1), [transfer(0, 0)])
  await pool.give(transfer(1, 0))
  await pool.give()
  const latest = await driver.fetchPayload(node, attributes.timestamp, second)
  t.strictSame(latest.executionPayload.transactions.slice(1), [transfer(1, 0)])
})

t.test('blocks are imported and chosen while another is built', async (t) => {
  const engine = await start()
  const { node, root, pool } = engine
  const attributes = driver.attributesAfter(root, [], OPEN)
  const id = await begin(engine, attributes)
  await pool.give(transfer(0, 0))
  const elsewhere = await startEngine(GENESIS)
  const other = await driver.extend(elsewhere.node, elsewhere.root, [transfer(2, 0)])
  t.match(await driver.insert(node, other), { status: 'VALID' })
  await driver.choose(node, other.executionPayload)
  await pool.give()
  const built = await driver.fetchPayload(node, attributes.timestamp, id)
  t.strictSame(built.executionPayload.transactions.slice(1), [transfer(0, 0)])
  t.equal((await engine.backend.getForkchoice()).head, other.executionPayload.blockHash)
  t.match(await driver.insert(elsewhere.node, built), { status: 'VALID' }, 'elsewhere too')
})

t.test('a fault behind the answer is told once, to who fetches the payload', async (t) => {
  const engine = await start()
  const { node, root, pool, kept } = engine
  const unhandled: unknown[] = []
  process.on('unhandledRejection', (error) => unhandled.push(error))
  const attributes = driver.attributesAfter(root, [], OPEN)
  const id = await begin(engine, attributes)
  await pool.fail()
  await setImmediate()
  const fetch = () => driver.fetchPayload(node, attributes.timestamp, id)
  t.equal(await codeOf(fetch()), -32603)
  t.equal(await codeOf(fetch()), -38001, 'nothing is left of it')
  t.strictSame(kept, [])
  t.equal(await begin(engine, attributes), id)
  await pool.give(transfer(0, 0))
  await pool.give()
  t.strictSame((await fetch()).executionPayload.transactions.slice(1), [transfer(0, 0)])
  t.strictSame(unhandled, [])
})
