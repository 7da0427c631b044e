import { createBlob4844Tx } from '@ethereumjs/tx'
import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import {
  type Envelope,
  type Head,
  type Hex,
  type JSONObject,
  ACCOUNTS,
  GENESIS_TIME,
  KEYS,
  RECIPIENT,
  codeOf,
  createDriver,
  forkchoice,
  genesisAt,
  genesisHead,
  rehash,
  spawnNode,
  transfer,
  userDeposit,
} from './node-helpers.ts'
import { rulesAt } from './helpers.ts'

const genesis = genesisAt('karst')
const driver = createDriver(genesis)
/** One node builds; the other knows only what it gets as payloads. */
const [builder, node] = await Promise.all([spawnNode(genesis), spawnNode(genesis)])
t.teardown(() => Promise.all([builder.stop(), node.stop()]))
const block0 = await genesisHead(node)
/** A third node, which has only block 0 at first. */
const fresh = await spawnNode(genesis)
t.teardown(() => fresh.stop())
const WRONG: Hex = `0x${'12'.repeat(32)}`

/** Builds the block after a head with these forced transactions, without telling the other node. */
const build = (parent: Head, transactions: Hex[] = [], overrides: JSONObject = {}) =>
  driver.build(builder, parent, driver.attributesAfter(parent, transactions, overrides))

const first = await build(block0, [userDeposit(1), transfer(0, 0)])
await driver.insert(node, first)
await driver.choose(node, first.executionPayload)
const parent = first.executionPayload
const good = await build(parent, [userDeposit(2), transfer(0, 1), transfer(1, 0)])

/** What a node has, to see that nothing has changed. */
const stateOf = async () => {
  const block = await node.call('eth_getBlockByNumber', 'latest', false)
  return [block, await node.call('eth_getBalance', RECIPIENT, 'latest')]
}
const before = await stateOf()

const raise = (hex: Hex): Hex => `0x${(BigInt(hex) + 1n).toString(16)}`
const payload = good.executionPayload
const bloom: Hex = `0x01${'00'.repeat(255)}`

/** A wrong value for every field of a header that the rest of the block determines. */
const DETERMINED: JSONObject = {
  stateRoot: WRONG,
  receiptsRoot: WRONG,
  logsBloom: bloom,
  blockNumber: raise(payload.blockNumber),
  gasUsed: raise(payload.gasUsed),
  baseFeePerGas: raise(payload.baseFeePerGas),
  blobGasUsed: raise(payload.blobGasUsed),
  excessBlobGas: '0x1',
  withdrawalsRoot: WRONG,
  extraData: '0x',
}

/** More values that are wrong in a Karst block. */
const WRONG_VALUES: [string, JSONObject][] = [
  ...Object.entries(DETERMINED).map(([name, value]): [string, JSONObject] => [
    name,
    { [name]: value },
  ]),
  ['timestamp of the parent', { timestamp: parent.timestamp }],
  ['extraData of Holocene', { extraData: '0x00000000fa00000006' }],
  ['extraData with a zero denominator', { extraData: '0x0100000000000000060000000000000000' }],
  ['extraData with a zero elasticity', { extraData: '0x01000000fa000000000000000000000000' }],
  ['extraData that is too long', { extraData: '0x01000000fa00000006000000000000000000' }],
  ['other version in extraData', { extraData: '0x02000000fa000000060000000000000000' }],
  ['lower base fee', { baseFeePerGas: '0x0' }],
  ['no DA footprint', { blobGasUsed: '0x0' }],
  ['gas limit below that of the transactions', { gasLimit: payload.gasUsed }],
  ['gas limit of 2^63', { gasLimit: '0x8000000000000000' }],
  ['no transactions', { transactions: [] }],
  ['less transactions', { transactions: payload.transactions.slice(0, -1) }],
  [
    'transactions in another order',
    { transactions: [0, 2, 1, 3].map((index) => payload.transactions[index]) },
  ],
]

t.test(
  'a payload with a wrong field and the old hash is INVALID, with nothing as valid (E-21, E-32)',
  async (t) => {
    const others = {
      parentHash: WRONG,
      feeRecipient: RECIPIENT,
      prevRandao: WRONG,
      timestamp: raise(payload.timestamp),
      blockHash: WRONG,
      gasLimit: raise(payload.gasLimit),
      transactions: payload.transactions.slice(0, -1),
    }
    const changes = { ...DETERMINED, ...others }
    for (const name of Object.keys(payload)) {
      if (name === 'withdrawals') continue
      const value = changes[name as keyof typeof changes]
      t.not(value, undefined, name)
      const changed = { ...good, executionPayload: { ...payload, [name]: value } }
      const { status, latestValidHash, validationError } = await driver.insert(node, changed)
      t.equal(status, 'INVALID', name)
      t.equal(latestValidHash, null, `${name}: ${validationError}`)
      t.type(validationError, 'string')
    }
    const changed = { ...good, parentBeaconBlockRoot: WRONG }
    t.match(await driver.insert(node, changed), { status: 'INVALID', latestValidHash: null })
    t.same(await stateOf(), before)
  },
)

t.test(
  'a payload with a wrong field and the hash of that is INVALID after its parent (E-32, X-01…X-16)',
  async (t) => {
    t.equal((await rehash(good)).executionPayload.blockHash, payload.blockHash, 'unchanged')
    for (const [name, changes] of WRONG_VALUES) {
      const changed = await rehash(good, changes)
      const { status, latestValidHash, validationError } = await driver.insert(node, changed)
      t.equal(status, 'INVALID', name)
      t.equal(latestValidHash, parent.blockHash, `${name}: ${validationError}`)
      t.type(validationError, 'string')
      t.same(
        await driver.choose(node, changed.executionPayload),
        {
          payloadStatus: {
            status: 'INVALID',
            latestValidHash: parent.blockHash,
            validationError: null,
          },
          payloadId: null,
        },
        `${name}: as a head`,
      )
    }
    for (const changes of [{ prevRandao: WRONG }, { gasLimit: raise(payload.gasLimit) }]) {
      const changed = await rehash(good, changes)
      t.match(await driver.insert(node, changed), { status: 'VALID' }, 'any value is valid')
    }
    t.same(await stateOf(), before)
  },
)

const encodeBlobTx = () =>
  bytesToHex(
    createBlob4844Tx(
      {
        chainId: 901,
        nonce: 1n,
        to: RECIPIENT,
        gasLimit: 21_000n,
        maxFeePerGas: 10n ** 10n,
        maxFeePerBlobGas: 10n ** 10n,
        blobVersionedHashes: [`0x01${'00'.repeat(31)}`],
      },
      { common: rulesAt('holocene').common },
    )
      .sign(hexToBytes(KEYS[0]))
      .serialize(),
  )

/** Transactions that cannot be in a block after {@link parent}. */
const BAD_TRANSACTIONS: [string, Hex][] = [
  ['empty', '0x'],
  ['undecodable', '0x02c0'],
  ['not RLP', '0xffffffff'],
  ['unknown type', '0x05c0'],
  ['post-execution type', '0x7dc0'],
  ['trailing byte', `${transfer(0, 1)}00`],
  ['nonce too low', transfer(0, 0)],
  ['nonce too high', transfer(0, 2)],
  ['other chain', transfer(0, 1, { chainId: 10 })],
  ['not enough balance', transfer(0, 1, { value: 10n ** 30n })],
  ['max fee below the base fee', transfer(0, 1, { maxFeePerGas: 1n, maxPriorityFeePerGas: 0n })],
  ['less than intrinsic gas', transfer(0, 1, { gasLimit: 20_999n })],
  ['more gas than the block', transfer(0, 1, { gasLimit: 60_000_001n })],
  ['more gas than EIP-7825 allows', transfer(0, 1, { gasLimit: 16_777_217n })],
  ['blob transaction', encodeBlobTx()],
  ['deposit with bad RLP', '0x7ef800'],
  ['deposit of too few fields', '0x7ec3808080'],
  ['deposit with a trailing byte', `${userDeposit(5)}00`],
  ['deposit of more gas than the block', userDeposit(5, { gas: 60_000_001n })],
]

t.test(
  'a payload with a transaction that cannot be in it is INVALID (E-32, R-01, R-04, D-02)',
  async (t) => {
    for (const [name, raw] of BAD_TRANSACTIONS) {
      const transactions = [...payload.transactions.slice(0, 2), raw]
      const changed = await rehash(good, { transactions })
      const { status, latestValidHash, validationError } = await driver.insert(node, changed)
      t.equal(status, 'INVALID', name)
      // Without bytes it has no place in the trie, so the payload has no hash.
      const expected = raw === '0x' ? null : parent.blockHash
      t.equal(latestValidHash, expected, `${name}: ${validationError}`)
    }
    t.same(await stateOf(), before)
  },
)

t.test(
  'the same transactions forced by attributes are -38003 (E-14, E-28, S-01, T-10)',
  async (t) => {
    for (const [name, raw] of BAD_TRANSACTIONS) {
      const attributes = driver.attributesAfter(parent, [userDeposit(2), raw])
      for (const noTxPool of [true, false]) {
        const result = driver.start(node, forkchoice(parent), { ...attributes, noTxPool })
        t.equal(await codeOf(result), -38003, `${name}, noTxPool ${noTxPool}`)
      }
    }
    t.same(await stateOf(), before)
  },
)

t.test(
  'after -38003 the deposits alone are a block, and the chain goes on (E-28, S-02, T-10)',
  async (t) => {
    const own = builder
    const bad = [userDeposit(3), transfer(0, 1), transfer(0, 7)]
    const attributes = driver.attributesAfter(parent, bad)
    await driver.insert(own, first)
    t.equal(await codeOf(driver.start(own, forkchoice(parent), attributes)), -38003)
    const { hash } = await own.call('eth_getBlockByNumber', 'latest', false)
    t.equal(hash, parent.blockHash, 'the head is where the forkchoice has put it')
    t.equal(await own.call('eth_getTransactionCount', ACCOUNTS[0], 'latest'), '0x1')
    const isDeposit = (raw: Hex) => raw.startsWith('0x7e')
    const deposits = attributes.transactions.filter(isDeposit)
    const retry = { ...attributes, transactions: deposits }
    const envelope = await driver.build(own, parent, retry)
    t.same(envelope.executionPayload.transactions, deposits)
    t.match(await driver.insert(own, envelope), { status: 'VALID' })
    await driver.choose(own, envelope.executionPayload)
    const next = await driver.extend(own, envelope.executionPayload, [transfer(0, 1)])
    t.equal(await own.call('eth_blockNumber'), '0x3')
    t.match(await driver.insert(node, envelope), { status: 'VALID' }, 'on another node too')
    t.match(await driver.insert(node, next), { status: 'VALID' })
  },
)

t.test('blob hashes, requests and withdrawals must be empty (R-08, R-13)', async (t) => {
  const root = good.parentBeaconBlockRoot
  const withdrawal = { index: '0x0', validatorIndex: '0x0', address: RECIPIENT, amount: '0x1' }
  for (const envelope of [good, first]) {
    const name = envelope === good ? 'unknown block' : 'known block'
    const { executionPayload } = envelope
    const insert = (payload: JSONObject, ...rest: unknown[]) =>
      node.call('engine_newPayloadV4', payload, ...rest)
    const beaconRoot = envelope.parentBeaconBlockRoot
    const hashes = await insert(executionPayload, [WRONG], beaconRoot, [])
    t.match(hashes, { status: 'INVALID', latestValidHash: null }, `${name}, blob hashes`)
    const requests = await insert(executionPayload, [], beaconRoot, ['0x0001'])
    t.match(requests, { status: 'INVALID', latestValidHash: null }, `${name}, requests`)
    const withdrawals = await insert(
      { ...executionPayload, withdrawals: [withdrawal] },
      [],
      beaconRoot,
      [],
    )
    t.match(withdrawals, { status: 'INVALID' }, `${name}, withdrawals`)
  }
  t.type(root, 'string')
})

t.test('fields of other forks are INVALID, or malformed (R-14, E-20, X-09, X-10)', async (t) => {
  const forks = ['canyon', 'holocene', 'isthmus', 'jovian'] as const
  const time = (index: number) => GENESIS_TIME + 100 * index
  const times = { ecotone: time(1), fjord: time(1), granite: time(1), holocene: time(1) }
  const other = genesisAt('canyon', { ...times, isthmus: time(2), jovian: time(3) })
  const [one, two] = await Promise.all([spawnNode(other), spawnNode(other)])
  t.teardown(() => Promise.all([one.stop(), two.stop()]))
  const own = createDriver(other)
  const head = await genesisHead(one)
  for (const [index, fork] of forks.entries()) {
    const timestamp: Hex = `0x${(time(index) + 2).toString(16)}`
    const attributes = own.attributesAfter(head, [], { timestamp })
    const envelope = await own.build(one, head, attributes)
    const { withdrawalsRoot: root, blobGasUsed } = envelope.executionPayload
    const empty = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
    const values = root ? [undefined, null] : [empty, WRONG]
    for (const withdrawalsRoot of values) {
      const executionPayload = { ...envelope.executionPayload, withdrawalsRoot }
      for (const node of [one, two]) {
        const name = `${fork}: ${withdrawalsRoot} for ${root}`
        const unchanged = own.insert(node, { ...envelope, executionPayload })
        t.equal(await codeOf(unchanged), -32602, name)
        const changed = await rehash(envelope, { withdrawalsRoot })
        t.equal(await codeOf(own.insert(node, changed)), -32602, `${name}, rehashed`)
      }
    }
    const wrong = [
      { extraData: index > 0 ? '0x' : '0x00000000fa00000006' },
      { extraData: index === 3 ? '0x00000000fa00000006' : '0x01000000fa000000060000000000000000' },
      { extraData: '0x00' },
      { extraData: `0x01${'ab'.repeat(32)}` },
      ...(blobGasUsed ? [{ blobGasUsed: '0x1' }, { blobGasUsed: '0x9c40' }] : []),
      ...(blobGasUsed ? [{ excessBlobGas: '0x1' }] : []),
    ]
    for (const changes of wrong) {
      const status = await own.insert(two, await rehash(envelope, changes))
      const expected = { status: 'INVALID', latestValidHash: head.blockHash }
      t.match(status, expected, `${fork} ${JSON.stringify(changes)}`)
    }
    t.match(await own.insert(two, envelope), { status: 'VALID' }, `${fork}: as it was built`)
  }
})

t.test(
  'a payload with an unknown parent is SYNCING until the parent is there (E-33, T-44)',
  async (t) => {
    const own = fresh
    const syncing = { status: 'SYNCING', latestValidHash: null, validationError: null }
    t.same(await driver.insert(own, good), syncing)
    t.match(await driver.choose(own, payload), { payloadStatus: syncing, payloadId: null })
    t.same(await driver.insert(own, good), syncing)
    const known = (head: Head) => ({
      status: 'VALID',
      latestValidHash: head.blockHash,
      validationError: null,
    })
    t.same(await driver.insert(own, first), known(parent))
    t.same(await driver.insert(own, good), known(payload))
    t.same(await driver.insert(own, good), known(payload), 'already known (E-34)')
    t.same(await driver.insert(own, first), known(parent), 'already known (E-34)')
  },
)

t.test(
  'what descends from an invalid block is INVALID, with the last valid ancestor (E-35)',
  async (t) => {
    const own = fresh
    await driver.insert(own, first)
    const bad = await rehash(good, { stateRoot: WRONG })
    const invalid = { status: 'INVALID', latestValidHash: parent.blockHash }
    t.match(await driver.insert(own, bad), invalid)
    t.match(await driver.insert(own, bad), invalid, 'again')
    let { blockHash } = bad.executionPayload
    const descendants: Envelope[] = []
    for (let number = 3; number < 6; number++) {
      const timestamp = `0x${(Number(parent.timestamp) + 2 * number).toString(16)}`
      const changes = { parentHash: blockHash, blockNumber: `0x${number}`, timestamp }
      const child = await rehash(good, changes)
      descendants.push(child)
      t.match(await driver.insert(own, child), invalid, `descendant ${number}`)
      t.match(await driver.choose(own, child.executionPayload), { payloadStatus: invalid })
      blockHash = child.executionPayload.blockHash
    }
    const started = await driver.start(
      own,
      forkchoice(bad.executionPayload),
      driver.attributesAfter(payload),
    )
    t.match(started, { payloadStatus: invalid, payloadId: null }, 'with attributes (E-29)')
    const { hash } = await own.call('eth_getBlockByNumber', 'latest', false)
    t.equal(hash, block0.blockHash, 'the head has not moved')
    t.match(await driver.insert(own, good), { status: 'VALID', latestValidHash: payload.blockHash })
    await driver.choose(own, payload)
    const next = await driver.extend(own, payload, [transfer(0, 2)])
    t.equal(next.executionPayload.blockNumber, '0x3')
  },
)

t.test('after everything refused, the payload as it was built is VALID (E-32, S-10)', async (t) => {
  await driver.choose(node, parent)
  t.same(await stateOf(), before)
  const valid = { status: 'VALID', latestValidHash: payload.blockHash, validationError: null }
  t.same(await driver.insert(node, good), valid)
  await driver.choose(node, payload)
  const { hash } = await node.call('eth_getBlockByNumber', 'latest', false)
  t.equal(hash, payload.blockHash)
  t.equal(await node.call('eth_getTransactionCount', ACCOUNTS[0], 'latest'), '0x2')
})

t.test('an empty transaction is INVALID, although the trie does not see it (E-32)', async (t) => {
  const own = await spawnNode(genesis)
  t.teardown(() => own.stop())
  t.match(await driver.insert(own, first), { status: 'VALID' })
  const transactions = [...payload.transactions, '0x']
  const changed = { ...good, executionPayload: { ...payload, transactions } }
  const invalid = {
    status: 'INVALID',
    latestValidHash: null,
    validationError: 'a transaction is empty',
  }
  t.same(await driver.insert(own, changed), invalid)
  t.match(await driver.insert(own, good), { status: 'VALID' }, 'the block of that hash')
  t.same(await driver.insert(own, changed), invalid, 'even then')
})

t.test('a payload with more gas used than its limit is INVALID (B-14)', async (t) => {
  const changed = await rehash(good, { gasLimit: '0x5208' })
  t.match(await driver.insert(node, changed), { status: 'INVALID' })
})
