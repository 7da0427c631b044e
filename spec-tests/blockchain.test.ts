import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import {
  MapDB,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
  setLengthLeft,
} from '@ethereumjs/util'
import { ClassicLevel } from 'classic-level'
import t, { type Test } from 'tap'
import { type Database, createBackend } from '../blockchain/index.ts'
import { FORKS, type Fork, State } from '../src/index.ts'
import { type TestEngine, startEngine } from './engine-helpers.ts'
import {
  BLOCK_TIME,
  type Envelope,
  GENESIS_TIME,
  type Head,
  type Hex,
  type JSONObject,
  ZERO_HASH,
  createDriver,
  forkchoice,
  genesisAt,
  isFrom,
  transfer,
  userDeposit,
} from './node-helpers.ts'

const GENESIS = genesisAt('karst')
const driver = createDriver(GENESIS)

/** See {@link startEngine}. */
const start = (genesis: JSONObject = GENESIS, db?: Database) => startEngine(genesis, db)

/** Everything that is said of the chain: by the engine's backend, and by EthereumJS's Blockchain. */
async function observe({ backend }: TestEngine) {
  const { head, safe, finalized } = await backend.getForkchoice()
  const header = await backend.blockchain.getCanonicalHeadHeader()
  const hashes: (Hex | undefined)[] = []
  const headers: (Hex | undefined)[] = []
  for (let number = 0n; number < 8n; number++) {
    hashes.push(await backend.getCanonicalHash(number))
    const canonical = await backend.blockchain.getCanonicalHeader(number).catch(() => undefined)
    headers.push(canonical && bytesToHex(canonical.hash()))
  }
  return {
    head,
    safe,
    finalized,
    canonical: hashes.filter((hash) => hash),
    blockchain: {
      head: bytesToHex(header.hash()),
      number: header.number,
      canonical: headers.filter((hash) => hash),
    },
  }
}

/** What {@link observe} gives for a chain that consists of these blocks. */
const chainOf = (blocks: Head[], labels: { safe?: Head; finalized?: Head } = {}) => {
  const canonical = blocks.map(({ blockHash }) => blockHash)
  const head = canonical.at(-1)
  return {
    head,
    safe: labels.safe?.blockHash,
    finalized: labels.finalized?.blockHash,
    canonical,
    blockchain: { head, number: BigInt(blocks.length - 1), canonical },
  }
}

/** Builds a chain of blocks on a head, each the new head. */
async function grow({ node }: TestEngine, parent: Head, count: number, overrides: JSONObject = {}) {
  const envelopes: Envelope[] = []
  for (let head = parent; envelopes.length < count; head = envelopes.at(-1)!.executionPayload) {
    envelopes.push(await driver.extend(node, head, [], overrides))
  }
  return envelopes
}

const payloadsOf = (envelopes: Envelope[]) => envelopes.map((block) => block.executionPayload)

/** Makes a block differ from that of the same parent. */
const OTHER = { prevRandao: `0x${'22'.repeat(32)}` }

const VALID = (head: Head) => ({
  payloadStatus: { status: 'VALID', latestValidHash: head.blockHash, validationError: null },
  payloadId: null,
})

const codeOf = (call: Promise<unknown>) =>
  call.then(
    (result) => result,
    (error) => error.code ?? error,
  )

t.test('a block is imported elsewhere, and can be had back (E-33, E-34, E-46)', async (t) => {
  const builder = await start()
  const importer = await start()
  const { root } = builder
  const transactions = [transfer(0, 0), userDeposit(0), transfer(1, 0)]
  const first = await driver.extend(builder.node, root, transactions)
  const second = await driver.extend(builder.node, first.executionPayload)
  t.equal((await driver.insert(importer.node, second)).status, 'SYNCING')
  for (const block of [first, second, first]) {
    t.equal((await driver.insert(importer.node, block)).status, 'VALID')
    t.strictSame(await observe(importer), chainOf([root]))
  }
  const head = second.executionPayload
  t.strictSame(await driver.choose(importer.node, head), VALID(head))
  t.strictSame(await observe(importer), chainOf([root, first.executionPayload, head]))
  t.strictSame(await observe(importer), await observe(builder))

  const { header, ...body } = (await importer.backend.getBlock(first.executionPayload.blockHash))!
  t.equal(bytesToHex(header.hash()), first.executionPayload.blockHash)
  const raw = body.transactions.map((tx) => bytesToHex(tx))
  t.strictSame(raw, first.executionPayload.transactions)
  t.strictSame(raw.slice(1), [transactions[0], transactions[1], transactions[2]])
  const trie = new MerklePatriciaTrie()
  for (const [index, receipt] of body.receipts.entries()) {
    await trie.put(RLP.encode(index), receipt)
  }
  t.equal(bytesToHex(trie.root()), first.executionPayload.receiptsRoot)
  t.equal(body.receipts.length, 4)
  t.equal(await importer.backend.getBlock(ZERO_HASH), undefined)
})

t.test('another branch becomes the chain, shorter or longer (E-45)', async (t) => {
  const test = await start()
  const { root, node, backend } = test
  const old = payloadsOf(await grow(test, root, 3))
  t.strictSame(await observe(test), chainOf([root, ...old]))

  const [sibling] = payloadsOf([
    await driver.build(node, old[0], driver.attributesAfter(old[0], [], OTHER)),
  ])
  t.strictSame(await observe(test), chainOf([root, ...old]), 'a build is not canonical')
  t.strictSame(await driver.choose(node, sibling), VALID(sibling))
  t.strictSame(await observe(test), chainOf([root, old[0], sibling]))
  await t.rejects(backend.blockchain.getCanonicalHeader(3n))

  t.strictSame(await driver.choose(node, old[2]), VALID(old[2]))
  t.strictSame(await observe(test), chainOf([root, ...old]), 'back again')

  t.strictSame(await driver.choose(node, sibling), VALID(sibling))
  const longer = payloadsOf(await grow(test, sibling, 3))
  t.strictSame(await observe(test), chainOf([root, old[0], sibling, ...longer]))

  const [fresh] = payloadsOf(await grow(test, root, 1, OTHER))
  t.strictSame(await observe(test), chainOf([root, fresh]), 'a fork right after the genesis block')
})

t.test('a canonical ancestor is built on, and the chain stays (E-39)', async (t) => {
  const test = await start()
  const { root, node } = test
  const old = payloadsOf(await grow(test, root, 3))
  t.strictSame(await driver.choose(node, old[0]), VALID(old[0]))
  t.strictSame(await observe(test), chainOf([root, ...old]))

  const attributes = driver.attributesAfter(old[0], [], OTHER)
  const refused = { ...attributes, transactions: [...attributes.transactions, '0x7e'] }
  t.equal(await codeOf(driver.start(node, forkchoice(old[0]), refused)), -38003)
  t.strictSame(await observe(test), chainOf([root, ...old]))

  const { executionPayload: built } = await driver.build(node, old[0], attributes)
  t.strictSame([built.parentHash, built.blockNumber], [old[0].blockHash, '0x2'])
  t.strictSame(await observe(test), chainOf([root, ...old]))
  const labels = { safe: old[0], finalized: root }
  t.strictSame(await driver.choose(node, old[1], labels), VALID(old[1]))
  t.strictSame(await observe(test), chainOf([root, ...old], labels), 'labels alone move')
  t.strictSame(await driver.choose(node, built), VALID(built))
  t.strictSame(await observe(test), chainOf([root, old[0], built], labels))
})

t.test(
  'labels move to where they are told, as far as the chain goes (E-27, E-42, E-43)',
  async (t) => {
    const test = await start()
    const { root, node } = test
    const [one, two, three] = payloadsOf(await grow(test, root, 3))
    const blocks = [root, one, two, three]
    t.strictSame(await observe(test), chainOf(blocks), 'there are none at first')
    await driver.choose(node, three, { safe: two, finalized: one })
    t.strictSame(await observe(test), chainOf(blocks, { safe: two, finalized: one }))
    await driver.choose(node, three)
    t.strictSame(await observe(test), chainOf(blocks, { safe: two, finalized: one }), 'zero keeps')
    await driver.choose(node, three, { safe: one })
    t.strictSame(await observe(test), chainOf(blocks, { safe: one, finalized: one }), 'backwards')

    const unknown = { blockHash: `0x${'ab'.repeat(32)}` as Hex }
    for (const labels of [{ safe: unknown }, { finalized: unknown }]) {
      const state = forkchoice(three, { safe: three, ...labels })
      const call: Promise<unknown> = node.call('engine_forkchoiceUpdatedV3', state)
      t.equal(await codeOf(call), -38002)
      t.strictSame(await observe(test), chainOf(blocks, { safe: one, finalized: one }))
    }

    await driver.choose(node, three, { safe: three })
    const [sibling] = payloadsOf(await grow(test, two, 1, OTHER))
    const branch = [root, one, two, sibling]
    t.strictSame(await observe(test), chainOf(branch, { finalized: one }), 'safe left the chain')
  },
)

/** The database that EthereumJS's documentation shows, over its Level. */
class LevelDB {
  readonly #level: ClassicLevel<string | Uint8Array, unknown>
  writes = 0

  constructor(folder: string) {
    this.#level = new ClassicLevel(folder)
  }

  static #encodings = ({ keyEncoding = 'utf8', valueEncoding = 'utf8' } = {}) => ({
    keyEncoding: keyEncoding === 'string' ? 'utf8' : keyEncoding,
    valueEncoding: valueEncoding === 'string' ? 'utf8' : valueEncoding,
  })

  get = (key: string | Uint8Array, opts?: object) =>
    this.#level.get(key, LevelDB.#encodings(opts)) as Promise<Uint8Array | string | undefined>

  async put(key: string | Uint8Array, value: unknown, opts?: object) {
    this.writes++
    await this.#level.put(key, value, LevelDB.#encodings(opts))
  }

  async del(key: string | Uint8Array, opts?: object) {
    this.writes++
    await this.#level.del(key, LevelDB.#encodings(opts))
  }

  async batch(
    ops: ({ key: string | Uint8Array; opts?: object } & (
      | { type: 'put'; value: unknown }
      | { type: 'del' }
    ))[],
  ) {
    this.writes++
    await this.#level.batch(ops.map(({ opts, ...op }) => ({ ...op, ...LevelDB.#encodings(opts) })))
  }

  shallowCopy = () => this
  open = () => this.#level.open()
  close = () => this.#level.close()
}

t.test('a chain on disk continues after a restart (E-44)', async (t) => {
  const folder = join(t.testdir(), 'level')
  const disk = new LevelDB(folder)
  const test = await start(GENESIS, disk)
  t.equal(disk.writes, 1, 'the genesis block is written at once')
  const { root, node } = test
  const old = payloadsOf(await grow(test, root, 3))
  await driver.choose(node, old[2], { safe: old[1], finalized: old[0] })
  const before = disk.writes
  const side = await driver.build(node, old[1], driver.attributesAfter(old[1], [], OTHER))
  t.equal(disk.writes - before, 2, 'one for the forkchoice, one for the block')
  await driver.choose(node, side.executionPayload)
  t.equal(disk.writes - before, 3)
  const chain = [root, old[0], old[1], side.executionPayload]
  const labels = { safe: old[1], finalized: old[0] }
  t.strictSame(await observe(test), chainOf(chain, labels))
  await disk.close()

  const other = { ...GENESIS, gasLimit: '0x1c9c380' }
  const { root: otherRoot } = await start(other)
  const refusing = new LevelDB(folder)
  await t.rejects(createBackend({ genesis: other, db: refusing }), {
    message:
      `the database has the genesis block ${root.blockHash}, but that of the genesis file is ` +
      otherRoot.blockHash,
  })
  t.equal(refusing.writes, 0)
  await refusing.close()

  const reopened = new LevelDB(folder)
  const again = await start(GENESIS, reopened)
  t.equal(reopened.writes, 0, 'nothing is written to open it')
  t.strictSame(await observe(again), chainOf(chain, labels))
  t.strictSame(
    await driver.choose(again.node, old[2]),
    VALID(old[2]),
    'blocks of a branch are there',
  )
  t.strictSame(await observe(again), chainOf([root, ...old], labels))
  const [next] = payloadsOf(await grow(again, old[2], 1))
  t.strictSame(await observe(again), chainOf([root, ...old, next], labels))
  await reopened.close()
})

/** Fails once, at a given call of `get` or `batch`, as a fault in a program does. */
class FaultyDB extends MapDB<string | Uint8Array, never> {
  calls = 0
  failAt = Infinity

  #count() {
    if (++this.calls === this.failAt) throw new TypeError('undefined is not a function')
  }

  override async get(key: string | Uint8Array) {
    this.#count()
    return super.get(key)
  }

  override async batch(ops: never[]) {
    this.#count()
    return super.batch(ops)
  }

  /** Everything that is in there. */
  dump = () => new Map(this._database)
}

t.test('a chain begins as a whole or not at all', async (t) => {
  const complete = new FaultyDB()
  await start(GENESIS, complete)
  const calls = complete.calls
  for (let failAt = 1; failAt <= calls; failAt++) {
    const db = new FaultyDB()
    db.failAt = failAt
    await t.rejects(start(GENESIS, db), TypeError)
    const contents = db.dump()
    if (contents.size > 0) t.strictSame(contents, complete.dump())
    const test = await start(GENESIS, db)
    t.strictSame(await observe(test), chainOf([test.root]))
    t.strictSame(db.dump(), complete.dump())
  }
  t.ok(calls > 5)
})

t.test('a failing database changes nothing, and the call can be made again', async (t) => {
  const origin = new FaultyDB()
  const prepared = await start(GENESIS, origin)
  const { root } = prepared
  const old = payloadsOf(await grow(prepared, root, 4))
  const branch = await driver.build(
    prepared.node,
    old[1],
    driver.attributesAfter(old[1], [], OTHER),
  )
  const labels = { safe: old[1], finalized: old[0] }
  await driver.choose(prepared.node, old[3], labels)
  const contents = origin.dump()
  const next = await driver.build(
    prepared.node,
    old[3],
    driver.attributesAfter(old[3], [transfer(0, 0)]),
  )
  const attributes = driver.attributesAfter(old[3], [transfer(1, 0)])
  const isBuilt = (answer: JSONObject) => /^0x03[0-9a-f]{14}$/.test(answer.payloadId)
  const cases = [
    {
      name: 'newPayload',
      call: ({ node }: TestEngine) => driver.insert(node, next),
      isRight: (answer: JSONObject) => answer.status === 'VALID',
      after: chainOf([root, ...old], labels),
    },
    {
      name: 'forkchoiceUpdated to a shorter branch',
      call: ({ node }: TestEngine) =>
        driver.choose(node, branch.executionPayload, { safe: old[0] }),
      isRight: (answer: JSONObject) => answer.payloadStatus.status === 'VALID',
      after: chainOf([root, old[0], old[1], branch.executionPayload], {
        safe: old[0],
        finalized: old[0],
      }),
    },
    {
      name: 'forkchoiceUpdated with attributes',
      call: ({ node }: TestEngine) => driver.start(node, forkchoice(old[3]), attributes),
      isRight: isBuilt,
      after: chainOf([root, ...old], labels),
    },
  ]
  for (const { name, call, isRight, after } of cases) {
    let failures = 0
    for (let failAt = 1; ; failAt++) {
      const db = new FaultyDB(new Map(contents) as never)
      const test = await start(GENESIS, db)
      db.calls = 0
      db.failAt = failAt
      const answer = await call(test).catch((error) => error)
      const isDone = db.calls < failAt
      db.failAt = Infinity
      if (!isDone) {
        failures++
        t.equal(answer.code, -32603, `${name} fails at call ${failAt}`)
        t.type(answer.cause, TypeError)
        t.strictSame(db.dump(), contents)
        t.strictSame(await observe(test), chainOf([root, ...old], labels))
        const second = await call(test)
        t.ok(isRight(second), `${name} after a failure at call ${failAt}`)
      } else t.ok(isRight(answer), name)
      t.strictSame(await observe(test), after, `${name} in the end`)
      if (isDone) break
    }
    t.comment(`${name}: ${failures} calls`)
    t.ok(failures > 5)
  }
})

t.test('headers of every fork are read as they were written (H-20, H-24)', async (t) => {
  const times = Object.fromEntries(
    FORKS.slice(1).map((fork, index) => [fork, GENESIS_TIME + BLOCK_TIME * (index + 1)]),
  ) as Record<Fork, number>
  const genesis = genesisAt('bedrock', times)
  const db = new MapDB<Uint8Array | string, never>()
  const test = await start(genesis, db)
  const importer = await start(genesis)
  const local = createDriver(genesis)
  const chain = [test.root]
  for (const fork of FORKS.slice(1)) {
    const envelope = await local.extend(test.node, chain.at(-1)!, [])
    const { executionPayload } = envelope
    t.equal(local.forkAt(executionPayload.timestamp), fork)
    const hasRoot = executionPayload.withdrawalsRoot !== undefined
    t.equal(hasRoot, isFrom(fork, 'isthmus'), `withdrawalsRoot at ${fork}`)
    t.equal((await local.insert(importer.node, envelope)).status, 'VALID')
    chain.push(executionPayload)
  }
  await local.choose(importer.node, chain.at(-1)!)
  const reopened = await start(genesis, db)
  for (const { backend } of [test, importer, reopened]) {
    for (const [number, { blockHash }] of chain.entries()) {
      const header = await backend.blockchain.getCanonicalHeader(BigInt(number))
      t.equal(bytesToHex(header.hash()), blockHash)
      t.equal(bytesToHex((await backend.getBlock(blockHash))!.header.hash()), blockHash)
    }
  }
  const { common } = test.backend.blockchain
  const timestamps = ['shanghai', 'cancun', 'prague', 'osaka', 'bpo1'].map((hardfork) =>
    common.hardforkTimestamp(hardfork),
  )
  t.strictSame(timestamps, [
    BigInt(times.canyon),
    BigInt(times.ecotone),
    BigInt(times.isthmus),
    BigInt(times.karst),
    null,
  ])
})

t.test('a chain can begin with any fork', async (t) => {
  for (const fork of FORKS) {
    const genesis = genesisAt(fork)
    const db = new MapDB<Uint8Array | string, never>()
    const first = await start(genesis, db)
    const local = createDriver(genesis)
    const { executionPayload } = await local.extend(first.node, first.root)
    const second = await start(genesis, db)
    t.strictSame(await observe(second), chainOf([first.root, executionPayload]), fork)
  }
})

t.test('BLOCKHASH is that of the own branch', async (t) => {
  const contract = '0x00000000000000000000000000000000000000bb'
  // SSTORE(NUMBER, BLOCKHASH(NUMBER - 2))
  const alloc = { ...GENESIS.alloc, [contract]: { balance: '0x0', code: '0x4360029003404355' } }
  const genesis = { ...GENESIS, alloc }
  const [builder, importer] = [await start(genesis), await start(genesis)]
  const { root } = builder
  const call = (index: number) =>
    userDeposit(index, { to: createAddressFromString(contract), value: 0n })
  async function extend(test: TestEngine, parent: Head, count: number, overrides = {}) {
    const envelopes: Envelope[] = []
    for (let head = parent; envelopes.length < count; head = envelopes.at(-1)!.executionPayload) {
      envelopes.push(await driver.extend(test.node, head, [call(envelopes.length)], overrides))
    }
    return envelopes
  }
  const main = payloadsOf(await extend(importer, root, 5))
  const branch = await extend(builder, root, 5, OTHER)
  for (const envelope of branch) {
    t.equal((await driver.insert(importer.node, envelope)).status, 'VALID')
  }
  t.strictSame(await observe(importer), chainOf([root, ...main]))
  const slots = async (head: Head) => {
    const { header } = (await importer.backend.getBlock(head.blockHash))!
    const { chain, nodes } = importer.backend
    const state = new State(chain.common, nodes, header.stateRoot)
    const values: Hex[] = []
    for (let number = 2; number <= 5; number++) {
      const slot = setLengthLeft(Uint8Array.of(number), 32)
      const value = await state.getStorage(createAddressFromString(contract), slot)
      values.push(bytesToHex(setLengthLeft(value, 32)))
    }
    return values
  }
  const hashes = (blocks: Head[]) => [root, ...blocks].slice(0, 4).map((block) => block.blockHash)
  t.strictSame(await slots(main[4]), hashes(main))
  t.strictSame(await slots(branch[4].executionPayload), hashes(payloadsOf(branch)))
  t.not(hashes(main)[1], hashes(payloadsOf(branch))[1])
})

t.test('an application that has the Blockchain does not disturb the engine', async (t) => {
  const db = new FaultyDB()
  const test = await start(GENESIS, db)
  const { root, node, backend } = test
  const { blockchain } = backend
  // EthereumJS would read blocks for whoever listens, and has none.
  blockchain.events.on('deletedCanonicalBlocks', () => t.fail('no event is due'))
  const [one, two, three] = payloadsOf(await grow(test, root, 3))
  await blockchain.setIteratorHead('vm', hexToBytes(three.blockHash))
  const side = payloadsOf([
    await driver.build(node, one, driver.attributesAfter(one, [], OTHER)),
  ])[0]
  const before = db.dump()
  const seen: Promise<unknown>[] = []
  db.batch = async () => {
    // In the middle of a write the old chain is seen.
    seen.push(observe(test))
    await Promise.all(seen)
    throw new TypeError('undefined is not a function')
  }
  t.equal(await codeOf(driver.choose(node, side)), -32603)
  t.strictSame(await seen[0], chainOf([root, one, two, three]))
  Reflect.deleteProperty(db, 'batch')
  t.strictSame(db.dump(), before)
  t.strictSame(await observe(test), chainOf([root, one, two, three]))
  const heads = () => blockchain.dbManager.getHeads()
  await blockchain.setIteratorHead('other', hexToBytes(root.blockHash))
  t.equal(bytesToHex((await heads()).vm), three.blockHash, 'iterators stay where they were')
  t.strictSame(await driver.choose(node, side), VALID(side))
  t.strictSame(await observe(test), chainOf([root, one, side]))
  t.equal(bytesToHex((await heads()).vm), side.blockHash)
  t.equal(backend.blockchain, blockchain, 'it is the same object all the time')
})

/** Runs Node.js. @returns what it printed */
function runNode(t: Test, args: string[], cwd: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd })
  t.equal(stderr, '')
  t.equal(status, 0)
  return stdout
}

t.test('the example of the documentation runs as it stands there', async (t) => {
  const source = readFileSync('blockchain/backend.ts', 'utf8')
  const [, text] = / \* ```js\n([\s\S]*?) \* ```/.exec(source) ?? []
  const example = text.replaceAll(/^ \* ?/gm, '')
  t.equal(example.trim().split('\n').length, 10)
  const printed = runNode(t, ['--input-type=module', '--eval', example], 'examples')
  t.match(printed, /status: 'VALID'/)
})

t.test('the example that builds a block runs', async (t) => {
  const printed = runNode(t, ['engine.mjs'], 'examples')
  const hash = '0x90e4af3c9ccbc511a54fe7e55922584981969d460b819efd89ea2b757783c5d8'
  t.equal(printed, `block 1 ${hash}\n`)
})
