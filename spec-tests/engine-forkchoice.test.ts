import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  type Envelope,
  type Head,
  type Hex,
  type TestNode,
  ACCOUNTS,
  RECIPIENT,
  ZERO_HASH,
  codeOf,
  createDriver,
  forkchoice,
  genesisAt,
  genesisHead,
  hashOf,
  rehash,
  spawnNode,
  transfer,
  userDeposit,
} from './node-helpers.ts'

const genesis = genesisAt('karst')
const driver = createDriver(genesis)
const UNKNOWN: Hex = `0x${'12'.repeat(32)}`

/** The blocks that a node has as head and labels. */
async function labelsOf(node: TestNode) {
  const read = (label: string) =>
    node.call('eth_getBlockByNumber', label, false).then(
      (block) => block?.hash ?? null,
      // The words that op-node takes for a block that is not there (J-02).
      (error) =>
        /(block|header) not found|unknown block/.test(error.message) ? null : error.message,
    )
  const [latest, safe, finalized] = await Promise.all(['latest', 'safe', 'finalized'].map(read))
  return { latest, safe, finalized }
}

/** Extends a head by blocks with a user deposit each; `seed` makes those of branches differ. */
async function extendBy(node: TestNode, parent: Head, count: number, seed = 0) {
  const blocks: Head[] = []
  let head = parent
  for (let index = 0; index < count; index++) {
    const deposit = userDeposit(1000 * seed + Number(head.blockNumber))
    head = (await driver.extend(node, head, [deposit])).executionPayload
    blocks.push(head)
  }
  return blocks
}

const valid = (head: Head) => ({
  payloadStatus: { status: 'VALID', latestValidHash: head.blockHash, validationError: null },
  payloadId: null,
})

/** The second node only builds, and never gets labels. */
const [node, other] = await Promise.all([spawnNode(genesis), spawnNode(genesis)])
t.teardown(() => Promise.all([node.stop(), other.stop()]))
const block0 = await genesisHead(node)

const empty = await labelsOf(node)
const blocks = await extendBy(node, block0, 8)
const head = blocks[7]
const at = (number: number) => (number === 0 ? block0 : blocks[number - 1])

t.test(
  'before the first forkchoice the head is block 0, and no block is safe (J-02)',
  async (t) => {
    t.same(empty, { latest: block0.blockHash, safe: null, finalized: null })
  },
)

t.test('an unknown head is SYNCING, even with attributes (E-26)', async (t) => {
  const syncing = {
    payloadStatus: { status: 'SYNCING', latestValidHash: null, validationError: null },
    payloadId: null,
  }
  const state = forkchoice({ blockHash: UNKNOWN }, { safe: at(1), finalized: at(1) })
  t.same(await node.call('engine_forkchoiceUpdatedV3', state, null), syncing)
  t.same(await driver.start(node, state, driver.attributesAfter(head)), syncing)
  t.same(await labelsOf(node), { latest: head.blockHash, safe: null, finalized: null })
})

t.test('the zero hash as head is INVALID (E-36)', async (t) => {
  const { payloadStatus, payloadId } = await driver.choose(node, { ...head, blockHash: ZERO_HASH })
  t.equal(payloadStatus.status, 'INVALID')
  t.equal(payloadId, null)
  t.equal((await labelsOf(node)).latest, head.blockHash)
})

t.test('labels are set, and zero hashes leave them as they were (E-43)', async (t) => {
  t.same(await driver.choose(node, head, { safe: at(5), finalized: at(2) }), valid(head))
  const expected = { latest: head.blockHash, safe: at(5).blockHash, finalized: at(2).blockHash }
  t.same(await labelsOf(node), expected)
  t.same(await driver.choose(node, head), valid(head))
  t.same(await labelsOf(node), expected)
  await driver.choose(node, head, { safe: at(6) })
  t.same(await labelsOf(node), { ...expected, safe: at(6).blockHash })
})

t.test('safe moves backwards and forwards (E-42)', async (t) => {
  for (const number of [3, 7, 2, 5]) {
    const labels = { safe: at(number), finalized: at(2) }
    t.same(await driver.choose(node, head, labels), valid(head))
    t.equal((await labelsOf(node)).safe, at(number).blockHash)
  }
})

t.test(
  'safe or finalized that is not on the chain is -38002, and nothing changes (E-27, T-47)',
  async (t) => {
    const attributes = driver.attributesAfter(at(4), [], { noTxPool: true, prevRandao: UNKNOWN })
    const sibling = await driver.build(node, at(4), attributes)
    await driver.insert(node, sibling)
    await driver.choose(node, head, { safe: at(5), finalized: at(2) })
    const before = await labelsOf(node)
    const unknown = { blockHash: UNKNOWN }
    const cases: [string, Head, Parameters<typeof forkchoice>[1]][] = [
      ['unknown safe', at(4), { safe: unknown, finalized: at(2) }],
      ['unknown finalized', at(4), { safe: at(3), finalized: unknown }],
      ['safe on another branch', head, { safe: sibling.executionPayload, finalized: at(2) }],
      ['finalized on another branch', head, { safe: at(3), finalized: sibling.executionPayload }],
      ['safe above the head', at(4), { safe: at(5), finalized: at(2) }],
      ['finalized above the head', at(4), { safe: at(3), finalized: at(5) }],
      ['safe of the old branch', sibling.executionPayload, { safe: at(5), finalized: at(2) }],
    ]
    for (const [name, newHead, labels] of cases) {
      for (const attributes of [null, driver.attributesAfter(newHead)]) {
        const state = forkchoice(newHead, labels)
        const result = node.call('engine_forkchoiceUpdatedV3', state, attributes)
        t.equal(await codeOf(result), -38002, name)
        t.same(await labelsOf(node), before, `${name}: nothing changes`)
      }
    }
    for (const number of [5, 6, 7, 8]) {
      const { hash } = await node.call('eth_getBlockByNumber', `0x${number}`, false)
      t.equal(hash, at(number).blockHash, `block ${number} is still the same`)
    }
  },
)

t.test('a forkchoice to an ancestor sets labels and leaves the chain (E-39, T-12)', async (t) => {
  for (const number of [6, 3, 8, 2, 8]) {
    const answer = await driver.choose(node, at(number), { safe: at(2), finalized: at(2) })
    t.same(answer, valid(at(number)))
    t.same(await labelsOf(node), {
      latest: head.blockHash,
      safe: at(2).blockHash,
      finalized: at(2).blockHash,
    })
    t.equal(await node.call('eth_blockNumber'), '0x8')
    const balance = await node.call('eth_getBalance', RECIPIENT, 'latest')
    t.equal(BigInt(balance), 8n * 10n ** 9n)
    for (const above of [3, 4, 7, 8]) {
      const { hash } = await node.call('eth_getBlockByNumber', `0x${above}`, false)
      t.equal(hash, at(above).blockHash, `block ${above} is still there`)
    }
    const receipt = await node.call('eth_getTransactionReceipt', hashOf(userDeposit(7)))
    t.equal(receipt.blockHash, at(8).blockHash)
  }
})

t.test(
  'a block is built on an ancestor of the head, as are those after it (E-39, S-11)',
  async (t) => {
    await driver.choose(node, head, { safe: at(2), finalized: at(2) })
    const attributes = driver.attributesAfter(at(4), [userDeposit(900)])
    const started = await driver.start(node, forkchoice(at(4)), attributes)
    t.equal(started.payloadStatus.status, 'VALID')
    t.equal(started.payloadStatus.latestValidHash, at(4).blockHash)
    t.equal(await node.call('eth_blockNumber'), '0x8', 'the chain stays as it is')
    const envelope = await driver.fetchPayload(node, attributes.timestamp, started.payloadId)
    t.equal(envelope.executionPayload.parentHash, at(4).blockHash)
    t.match(await driver.insert(node, envelope), { status: 'VALID' })
    await driver.choose(node, envelope.executionPayload)
    const branch = await extendBy(node, envelope.executionPayload, 5, 9)
    t.equal(await node.call('eth_blockNumber'), '0xa')
    const { parentHash } = await node.call('eth_getBlockByNumber', '0x6', false)
    t.equal(parentHash, envelope.executionPayload.blockHash)
    // Back to the first branch, which is shorter.
    t.same(await driver.choose(node, head, { safe: at(3), finalized: at(2) }), valid(head))
    t.equal(await node.call('eth_blockNumber'), '0x8')
    t.not(branch[4].blockHash, head.blockHash)
  },
)

t.test('heads below or beside finalized are refused (E-38, T-12)', async (t) => {
  await driver.choose(node, head, { safe: at(6), finalized: at(5) })
  const before = await labelsOf(node)
  const branch = await extendBy(other, block0, 7, 5)
  for (const block of branch) {
    const beaconRoot = (await other.call('eth_getBlockByHash', block.blockHash, false))
      .parentBeaconBlockRoot
    const envelope = { executionPayload: block, parentBeaconBlockRoot: beaconRoot } as Envelope
    t.match(await driver.insert(node, envelope), { status: 'VALID' }, 'a branch is known')
  }
  for (const newHead of [at(4), at(1), block0, branch[6]]) {
    const code = await codeOf(driver.choose(node, newHead))
    t.ok(code <= -38000 && code > -38100, `${code} is an error of the engine`)
    t.same(await labelsOf(node), before)
  }
})

t.test('a chain reorganizes to a sibling branch many blocks deep, and back (E-45)', async (t) => {
  const [one, two] = [await spawnNode(genesis), other]
  t.teardown(() => one.stop())
  const common = await driver.extend(one, block0, [transfer(0, 0)])
  await driver.insert(two, common)
  await driver.choose(two, common.executionPayload)
  const build = async (builder: TestNode, account: number, count: number) => {
    const branch: Envelope[] = []
    let parent = common.executionPayload
    for (let index = 0; index < count; index++) {
      const envelope = await driver.extend(builder, parent, [transfer(account, index)])
      branch.push(envelope)
      parent = envelope.executionPayload
    }
    return branch
  }
  const [left, right] = [await build(one, 1, 12), await build(two, 2, 9)]
  await driver.choose(one, left[11].executionPayload, {
    safe: left[5].executionPayload,
    finalized: common.executionPayload,
  })
  for (const envelope of right) {
    t.match(await driver.insert(one, envelope), { status: 'VALID' })
    t.equal(await one.call('eth_blockNumber'), '0xd', 'a payload does not move the head (E-46)')
  }
  for (const [branch, account, other] of [
    [right, 2, 1],
    [left, 1, 2],
    [right, 2, 1],
  ] as const) {
    const tip = branch.at(-1)!.executionPayload
    const safe = branch[3].executionPayload
    t.same(await driver.choose(one, tip, { safe, finalized: common.executionPayload }), valid(tip))
    t.same(await labelsOf(one), {
      latest: tip.blockHash,
      safe: safe.blockHash,
      finalized: common.executionPayload.blockHash,
    })
    for (const [index, { executionPayload }] of branch.entries()) {
      const { hash } = await one.call(
        'eth_getBlockByNumber',
        `0x${(index + 2).toString(16)}`,
        false,
      )
      t.equal(hash, executionPayload.blockHash, `block ${index + 2}`)
    }
    const count = (index: number) =>
      one.call('eth_getTransactionCount', ACCOUNTS[index], 'latest').then(Number)
    t.equal(await count(account), branch.length)
    t.equal(await count(other), 0)
    const receipt = (index: number) =>
      one.call('eth_getTransactionReceipt', hashOf(transfer(index, 3)))
    t.equal((await receipt(account)).blockHash, branch[3].executionPayload.blockHash)
    t.equal(await receipt(other), null, 'of the other branch')
  }
})

t.test(
  'a safe block that is left by a reorg without labels is no longer safe (E-45, E-44)',
  async (t) => {
    const own = await spawnNode(genesis)
    t.teardown(() => own.stop())
    const chain = await extendBy(own, block0, 4)
    await driver.choose(own, chain[3], { safe: chain[3], finalized: chain[0] })
    const [sibling] = await extendBy(own, chain[1], 1, 6)
    t.same(await labelsOf(own), {
      latest: sibling.blockHash,
      safe: null,
      finalized: chain[0].blockHash,
    })
  },
)

t.test('BLOCKHASH and the parent hash are of the right branch (E-45)', async (t) => {
  // PUSH1 2, NUMBER, SUB, BLOCKHASH, PUSH1 0, SSTORE: stores the hash of the block two before.
  const initCode = '0x6002430340600055'
  const deploy = (nonce: number) =>
    transfer(3, nonce, { to: undefined, value: 0n, gasLimit: 200_000n, data: initCode })
  const own = other
  const chain = await extendBy(own, block0, 5)
  await extendBy(own, chain[1], 2, 7)
  const branch = await extendBy(own, chain[1], 2, 8)
  await driver.choose(own, chain[4])
  const { executionPayload } = await driver.build(
    own,
    branch[1],
    driver.attributesAfter(branch[1], [deploy(0)]),
  )
  await driver.choose(own, executionPayload)
  const [receipt] = (await own.call('eth_getBlockReceipts', 'latest')).slice(-1)
  t.equal(receipt.status, '0x1')
  const stored = await own.call('eth_getStorageAt', receipt.contractAddress, '0x0', 'latest')
  t.equal(stored, branch[0].blockHash)
})

t.test('a payload does not move the head, whatever it is (E-46)', async (t) => {
  const before = await labelsOf(node)
  const longer = await extendBy(other, block0, 10, 3)
  for (const block of longer) {
    const { parentBeaconBlockRoot } = await other.call('eth_getBlockByHash', block.blockHash, false)
    const envelope = { executionPayload: block, parentBeaconBlockRoot } as Envelope
    t.match(await driver.insert(node, envelope), { status: 'VALID' })
    const bad = await rehash(envelope, { stateRoot: UNKNOWN })
    t.match(await driver.insert(node, bad), { status: 'INVALID' })
  }
  t.same(await labelsOf(node), before)
})

t.test('head and labels survive a restart, and the chain goes on (E-44)', async (t) => {
  const datadir = mkdtempSync(join(tmpdir(), 'node-'))
  t.teardown(() => rmSync(datadir, { recursive: true }))
  let own = await spawnNode(genesis, { datadir })
  t.teardown(() => own.stop('SIGKILL'))
  const chain = await extendBy(own, block0, 6)
  const above = await driver.build(own, chain[5], driver.attributesAfter(chain[5]))
  t.match(await driver.insert(own, above), { status: 'VALID' })
  await driver.choose(own, chain[5], { safe: chain[3], finalized: chain[1] })
  const expected = {
    latest: chain[5].blockHash,
    safe: chain[3].blockHash,
    finalized: chain[1].blockHash,
  }
  t.same(await labelsOf(own), expected)
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const { status, errors } = await own.stop(signal)
    t.equal(status, signal === 'SIGTERM' ? 0 : null, errors)
    own = await spawnNode(genesis, { datadir })
    t.same(await labelsOf(own), expected, `after ${signal}`)
    t.equal(await own.call('eth_blockNumber'), '0x6')
  }
  t.equal(BigInt(await own.call('eth_getBalance', RECIPIENT, '0x3')), 3n * 10n ** 9n)
  // What op-node does first: the head as it is, with the labels that it read.
  const labels = { safe: chain[3], finalized: chain[1] }
  t.same(await driver.choose(own, chain[5], labels), valid(chain[5]))
  const { executionPayload } = above
  t.same(await driver.choose(own, executionPayload), valid(executionPayload), 'a block above')
  const [next] = await extendBy(own, executionPayload, 1)
  t.equal((await labelsOf(own)).latest, next.blockHash)
  await own.stop()
  const wrong = spawnNode({ ...genesis, gasLimit: '0x1' }, { datadir })
  await t.rejects(wrong, /has the genesis block 0x[0-9a-f]{64}, not 0x/, 'another chain')
  const optimism = { ...genesis.config.optimism, eip1559Elasticity: 7 }
  const config = { ...genesis.config, optimism }
  const says = /was made with config optimism {.*"eip1559Elasticity":6.*}, not {.*:7/
  await t.rejects(spawnNode({ ...genesis, config }, { datadir }), says, 'other rules')
  // The same chain in another notation.
  const { alloc, ...fields } = genesis
  const again = await spawnNode({ alloc, ...fields, nonce: '0x00' }, { datadir })
  t.teardown(() => again.stop())
  t.equal((await labelsOf(again)).latest, next.blockHash)
})
