import { createHash } from 'node:crypto'
import { RLP } from '@ethereumjs/rlp'
import { concatBytes, hexToBytes } from '@ethereumjs/util'
import { SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { type Fork, FORKS } from '../src/index.ts'
import { type JSONValue, noFixtures, readFixture } from './helpers.ts'
import {
  type Hex,
  type JSONObject,
  GENESIS_TIME,
  ZERO_HASH,
  codeOf,
  createDriver,
  createToken,
  forkchoice,
  genesisAt,
  genesisHead,
  hashOf,
  isFrom,
  rehash,
  spawnNode,
  transfer,
  userDeposit,
} from './node-helpers.ts'

/** Seconds that each fork lasts. */
const AGE = 100
const times = FORKS.slice(1).map((fork, index) => [fork, GENESIS_TIME + AGE * (index + 1)])
const genesis = genesisAt('bedrock', Object.fromEntries(times))
const node = await spawnNode(genesis)
const driver = createDriver(genesis)
const block0 = await genesisHead(node)
t.teardown(() => node.stop())

/** Attributes of a block of this fork right after the genesis block. */
const attributesAt = (fork: Fork, overrides: JSONObject = {}, transactions: Hex[] = []) => {
  const timestamp = GENESIS_TIME + AGE * FORKS.indexOf(fork) + AGE / 2
  return driver.attributesAfter(block0, transactions, { ...overrides, timestamp })
}

/** Starts building with these attributes. */
const start = (version: number, attributes: JSONObject) => {
  const timestamp = `0x${Number(attributes.timestamp).toString(16)}`
  const state = forkchoice(block0)
  return node.call(`engine_forkchoiceUpdatedV${version}`, state, { ...attributes, timestamp })
}

const newPayload = (version: number, payload: JSONObject, root: Hex = ZERO_HASH) => {
  const params = [payload, [], root, []].slice(0, version < 3 ? 1 : version)
  return node.call(`engine_newPayloadV${version}`, ...params)
}

/** Versions of each method that are right for a fork (E-01…E-10). */
const VERSIONS: [Fork[], fcu: number[], newPayload: number[], getPayload: number[]][] = [
  [
    ['bedrock', 'regolith'],
    [1, 2],
    [1, 2],
    [1, 2],
  ],
  [['canyon'], [2], [2], [2]],
  [['ecotone', 'fjord', 'granite', 'holocene'], [3], [3], [3]],
  [['isthmus', 'jovian'], [3], [4], [4]],
  [['karst'], [3], [4], [5]],
]

const UNDEFINED = { withdrawals: undefined, parentBeaconBlockRoot: undefined }

/** What attributes have that fit a version, whatever their fork. */
const shapeOf = (version: number, fork: Fork) => {
  const withdrawals = version > 1 && isFrom(fork, 'canyon') ? [] : undefined
  if (version < 3) return { ...UNDEFINED, withdrawals }
  return { withdrawals: [], parentBeaconBlockRoot: ZERO_HASH }
}

for (const [forks, forkchoices, newPayloads, getPayloads] of VERSIONS) {
  for (const fork of forks) {
    t.test(
      `${fork} blocks have their versions of the methods, others are -38005 (E-08…E-10)`,
      async (t) => {
        const ids: Hex[] = []
        for (const version of [1, 2, 3]) {
          const result = start(version, attributesAt(fork, shapeOf(version, fork)))
          if (!forkchoices.includes(version)) {
            t.equal(await codeOf(result), -38005, `engine_forkchoiceUpdatedV${version}`)
            continue
          }
          const { payloadStatus, payloadId } = await result
          t.equal(payloadStatus.status, 'VALID')
          t.match(payloadId, new RegExp(`^0x0${version}[0-9a-f]{14}$`))
          ids.push(payloadId)
        }
        const id = ids.at(-1)!
        let payload: JSONObject = {}
        for (const version of [1, 2, 3, 4, 5]) {
          const result = node.call(`engine_getPayloadV${version}`, id)
          if (!getPayloads.includes(version)) {
            t.equal(await codeOf(result), -38005, `engine_getPayloadV${version}`)
            continue
          }
          payload = version === 1 ? await result : (await result).executionPayload
          t.equal(payload.blockNumber, '0x1')
        }
        for (const version of [1, 2, 3, 4]) {
          const isRight = newPayloads.includes(version)
          const { withdrawals, blobGasUsed, excessBlobGas, ...rest } = payload
          const [cancun, shanghai] = [
            { blobGasUsed: '0x0', excessBlobGas: '0x0' },
            { withdrawals: [] },
          ]
          const shaped = { ...rest, ...(version > 1 && shanghai), ...(version > 2 && cancun) }
          const result = newPayload(version, isRight ? payload : shaped, ZERO_HASH)
          if (isRight) t.match(await result, { status: /VALID/ }, `engine_newPayloadV${version}`)
          else t.equal(await codeOf(result), -38005, `engine_newPayloadV${version}`)
        }
      },
    )
  }
}

t.test('without attributes every version works at every fork (E-06, E-07)', async (t) => {
  for (const version of [1, 2, 3]) {
    for (const params of [[], [null]]) {
      const name = `engine_forkchoiceUpdatedV${version}`
      const { payloadStatus, payloadId } = await node.call(name, forkchoice(block0), ...params)
      t.equal(payloadStatus.status, 'VALID')
      t.equal(payloadId, null)
    }
  }
})

t.test(
  'attributes without or with a wrong field of their fork have the right code (E-08, R-09)',
  async (t) => {
    const root = ZERO_HASH
    const cases: [version: number, Fork, JSONObject, code: number][] = [
      [1, 'bedrock', { withdrawals: [] }, -32602],
      [1, 'bedrock', { parentBeaconBlockRoot: root }, -32602],
      [2, 'bedrock', { withdrawals: [] }, -38003],
      [2, 'regolith', { parentBeaconBlockRoot: root }, -38003],
      [2, 'canyon', { withdrawals: undefined }, -38003],
      [2, 'canyon', { withdrawals: null }, -38003],
      [2, 'canyon', { parentBeaconBlockRoot: root }, -38003],
      [3, 'ecotone', { withdrawals: undefined }, -38003],
      [3, 'ecotone', { parentBeaconBlockRoot: undefined }, -38003],
      [3, 'karst', { parentBeaconBlockRoot: null }, -38003],
      [3, 'karst', { withdrawals: null }, -38003],
    ]
    for (const [version, fork, overrides, code] of cases) {
      const name = `V${version} ${fork} ${Object.entries(overrides)}`
      t.equal(await codeOf(start(version, attributesAt(fork, overrides))), code, name)
    }
  },
)

const WITHDRAWAL = {
  index: '0x0',
  validatorIndex: '0x0',
  address: `0x${'00'.repeat(20)}`,
  amount: '0x1',
}

t.test(
  'attributes that give no valid block are -38003 (E-28, T-11, R-07, R-08, R-10, R-11, S-08)',
  async (t) => {
    const cases: [Fork, JSONObject][] = [
      ...FORKS.map((fork): [Fork, JSONObject] => [fork, { gasLimit: undefined }]),
      ['karst', { gasLimit: null }],
      ['karst', { gasLimit: '0x8000000000000000' }],
      ['canyon', { withdrawals: [WITHDRAWAL] }],
      ['karst', { withdrawals: [WITHDRAWAL] }],
      ['bedrock', { eip1559Params: '0x0000000000000000' }],
      ['granite', { eip1559Params: '0x000000fa00000006' }],
      ['holocene', { eip1559Params: undefined }],
      ['holocene', { eip1559Params: null }],
      ['holocene', { eip1559Params: '0x' }],
      ['holocene', { eip1559Params: '0x000000fa0000000600' }],
      ['holocene', { eip1559Params: '0x000000fa00000000' }],
      ['holocene', { eip1559Params: '0x0000000000000006' }],
      ['karst', { eip1559Params: undefined }],
      ['granite', { minBaseFee: 0 }],
      ['isthmus', { minBaseFee: 0 }],
      ['jovian', { minBaseFee: undefined }],
      ['karst', { minBaseFee: null }],
      ['jovian', { transactions: [] }],
      ['jovian', { transactions: undefined }],
    ]
    for (const [fork, overrides] of cases) {
      const version = isFrom(fork, 'ecotone') ? 3 : isFrom(fork, 'canyon') ? 2 : 1
      const result = start(version, attributesAt(fork, overrides))
      t.equal(
        await codeOf(result),
        -38003,
        `${fork} ${JSON.stringify(overrides)} ${Object.keys(overrides)}`,
      )
    }
    for (const timestamp of [GENESIS_TIME, GENESIS_TIME - 2]) {
      const attributes = { ...attributesAt('bedrock'), timestamp }
      t.equal(await codeOf(start(1, attributes)), -38003, 'not later than the parent')
    }
  },
)

t.test('attributes of a wrong form are -32602 and change nothing (E-13, E-37)', async (t) => {
  const good = await start(3, attributesAt('karst'))
  const payload = await node.call('engine_getPayloadV5', good.payloadId)
  const cases: JSONObject[] = [
    { prevRandao: undefined },
    { prevRandao: null },
    { prevRandao: '0x00' },
    { prevRandao: 1 },
    { suggestedFeeRecipient: undefined },
    { suggestedFeeRecipient: '0x1234' },
    { suggestedFeeRecipient: {} },
    { transactions: '0x' },
    { transactions: {} },
    { transactions: ['zz'] },
    { transactions: [1] },
    { transactions: [null] },
    { gasLimit: 'many' },
    { gasLimit: {} },
    { gasLimit: '0x10000000000000000' },
    { eip1559Params: [] },
    { minBaseFee: 'low' },
    { minBaseFee: -1 },
    { minBaseFee: 0.5 },
    { minBaseFee: '0x10000000000000000' },
    { withdrawals: {} },
    { withdrawals: 'none' },
    { parentBeaconBlockRoot: '0x12' },
    { parentBeaconBlockRoot: 1 },
    { noTxPool: 'yes' },
  ]
  for (const overrides of cases) {
    const result = start(3, attributesAt('karst', overrides))
    t.equal(await codeOf(result), -32602, JSON.stringify(overrides))
  }
  const short = start(3, attributesAt('karst', { eip1559Params: '0x00' }))
  t.equal(await codeOf(short), -38003, 'the right form, but not of the fork (B-06)')
  t.equal((await node.call('eth_getBlockByNumber', 'latest', false)).hash, block0.blockHash)
  t.same(await start(3, attributesAt('karst')), good)
  t.same(await node.call('engine_getPayloadV5', good.payloadId), payload)
})

t.test('a forkchoice or a time of a wrong form is -32602 (E-37)', async (t) => {
  const update = (...params: unknown[]) =>
    codeOf(node.call('engine_forkchoiceUpdatedV3', ...params))
  for (const timestamp of [undefined, null, 'soon', '0x', 12, {}, `0x1${'00'.repeat(32)}`]) {
    const attributes = { ...attributesAt('karst'), timestamp }
    t.equal(await update(forkchoice(block0), attributes), -32602, `${timestamp}`)
  }
  const late = { ...attributesAt('karst'), timestamp: '0x10000000000000000' }
  t.equal(await update(forkchoice(block0), late), -32602, '65 bits')
  const state = forkchoice(block0)
  const states = [undefined, null, 1, 'state', [], {}, { headBlockHash: block0.blockHash }]
  for (const name of Object.keys(state)) {
    for (const hash of [null, 1, '0x12', `${block0.blockHash}00`]) {
      states.push({ ...state, [name]: hash } as never)
    }
  }
  for (const item of states) t.equal(await update(item, null), -32602, JSON.stringify(item))
  t.equal(await update(), -32602, 'no parameters')
})

/** Builds a block of a fork. @returns its payload */
async function build(fork: Fork, overrides: JSONObject = {}, transactions: Hex[] = []) {
  return driver.build(node, block0, hexTime(attributesAt(fork, overrides, transactions)))
}
const hexTime = (attributes: JSONObject) => ({
  ...attributes,
  timestamp: `0x${Number(attributes.timestamp).toString(16)}`,
})

t.test('optional attributes may be absent or null (E-13)', async (t) => {
  const absent = { eip1559Params: undefined, minBaseFee: undefined, noTxPool: undefined }
  const none = { eip1559Params: null, minBaseFee: null, noTxPool: null, transactions: null }
  for (const overrides of [absent, none]) {
    const { payloadId } = await start(3, attributesAt('ecotone', overrides))
    t.match(payloadId, /^0x03/)
  }
  const { executionPayload } = await build('bedrock', { transactions: undefined })
  t.same(executionPayload.transactions, [], 'no transactions at all')
})

t.test('minBaseFee is a number or hex, with the same outcome (B-10, T-09)', async (t) => {
  const hashes: Hex[] = []
  for (const minBaseFee of [1_000_000_000, '0x3b9aca00']) {
    const { payloadId } = await start(3, attributesAt('jovian', { minBaseFee }))
    const { executionPayload } = await node.call('engine_getPayloadV4', payloadId)
    t.equal(executionPayload.extraData, '0x01000000fa00000006000000003b9aca00')
    hashes.push(payloadId, executionPayload.blockHash)
  }
  t.same(hashes.slice(2), hashes.slice(0, 2))
})

t.test(
  'eip1559Params and gasLimit are in the header as they are given (B-07, E-17, S-12)',
  async (t) => {
    const overrides = {
      eip1559Params: '0x0000006400000004',
      minBaseFee: 5,
      gasLimit: '0x7fffffffffffffff',
    }
    const { executionPayload } = await build('karst', overrides)
    t.equal(executionPayload.extraData, '0x0100000064000000040000000000000005')
    t.equal(executionPayload.gasLimit, '0x7fffffffffffffff')
    const holocene = await build('holocene', {
      eip1559Params: '0x0000006400000004',
      gasLimit: '0xf4240',
    })
    t.equal(holocene.executionPayload.extraData, '0x000000006400000004')
    t.equal(holocene.executionPayload.gasLimit, '0xf4240')
  },
)

t.test('every case of op-geth for attributes has its outcome', { skip: noFixtures }, async (t) => {
  const { cases } = readFixture('vectors/engine_validation.json')
  const own = cases.filter(({ kind }: JSONValue) => kind === 'attributes')
  t.equal(own.length, 10)
  for (const { source, fork, attributes, error } of own) {
    const { gasLimit, withdrawals, ...given } = attributes
    const overrides = {
      eip1559Params: undefined,
      minBaseFee: undefined,
      // The original looks at nothing but presence; a block of no gas has no room for a deposit.
      ...(gasLimit ? {} : { gasLimit: undefined }),
      ...(withdrawals && { withdrawals: [WITHDRAWAL] }),
      ...given,
    }
    const version = isFrom(fork, 'ecotone') ? 3 : isFrom(fork, 'canyon') ? 2 : 1
    const result = start(version, attributesAt(fork, overrides)).then(({ payloadId }) => payloadId)
    if (error) t.equal(await codeOf(result), -38003, source)
    else t.match(await codeOf(result), /^0x0/, source)
  }
})

t.test('every case of op-geth for payloads has its outcome', { skip: noFixtures }, async (t) => {
  const { cases } = readFixture('vectors/engine_validation.json')
  const own = cases.filter(({ kind }: JSONValue) => kind === 'payload')
  t.equal(own.length, 12)
  for (const { source, fork, payload, error } of own) {
    const built = await build(fork)
    const { withdrawalsRoot } = built.executionPayload
    // The original does not execute, so any root is good enough for it.
    const root = payload.withdrawalsRoot && (withdrawalsRoot ?? payload.withdrawalsRoot)
    const withdrawals = payload.withdrawals === 'one-element' ? [WITHDRAWAL] : undefined
    const changes = {
      extraData: payload.extraData,
      withdrawalsRoot: root,
      ...(withdrawals && { withdrawals }),
    }
    const changed = await rehash(built, changes)
    // Where op-geth calls a payload without a field of its fork invalid, it is malformed here.
    const isMalformed = (root == null) === isFrom(fork, 'isthmus')
    const expected = isMalformed ? -32602 : { status: error ? 'INVALID' : 'VALID' }
    t.match(await codeOf(driver.insert(node, changed)), expected, `${source}: ${error}`)
  }
})

t.test('real payloads have the hash that they claim (E-21)', { skip: noFixtures }, async (t) => {
  const { payloads } = readFixture('vectors/engine_payloads.json')
  const chains: Record<number, Fork> = { 1: 'bedrock', 2: 'canyon', 3: 'ecotone' }
  t.equal(payloads.length, 3)
  for (const { newPayloadVersion, executionPayload, parentBeaconBlockRoot } of payloads) {
    const other = await spawnNode(genesisAt(chains[newPayloadVersion]))
    t.teardown(() => other.stop())
    const name = `engine_newPayloadV${newPayloadVersion}`
    const rest = newPayloadVersion === 3 ? [[], parentBeaconBlockRoot] : []
    // Their parents are not known; a wrong hash is seen before.
    const syncing = { status: 'SYNCING', latestValidHash: null, validationError: null }
    t.same(await other.call(name, executionPayload, ...rest), syncing)
    const wrong = { ...executionPayload, gasUsed: '0x1' }
    t.match(await other.call(name, wrong, ...rest), { status: 'INVALID', latestValidHash: null })
  }
})

/** The payload id of attributes, by the formula of op-geth (E-23). */
function payloadId(version: number, parentHash: Hex, attributes: JSONObject): Hex {
  const { timestamp, transactions = [], noTxPool, gasLimit, eip1559Params, minBaseFee } = attributes
  const bytes = (value: Hex | undefined) =>
    value === undefined ? new Uint8Array() : hexToBytes(value)
  const uint64 = (value: number | Hex | undefined) =>
    bytes(value === undefined ? value : `0x${BigInt(value).toString(16).padStart(16, '0')}`)
  const hashes = transactions.map((raw: Hex) => hexToBytes(hashOf(raw)))
  const list = [Uint8Array.of(noTxPool ? 1 : 0), uint64(transactions.length), ...hashes]
  const preimage = concatBytes(
    ...[bytes(parentHash), uint64(timestamp), bytes(attributes.prevRandao)],
    ...[bytes(attributes.suggestedFeeRecipient), RLP.encode([])],
    bytes(attributes.parentBeaconBlockRoot),
    ...(noTxPool || transactions.length > 0 ? list : []),
    ...[uint64(gasLimit), bytes(eip1559Params), uint64(minBaseFee)],
  )
  const digest = createHash('sha256').update(preimage).digest('hex')
  return `0x${version.toString(16).padStart(2, '0')}${digest.slice(2, 16)}`
}

t.test(
  'the formula of payload ids gives those of op-geth (E-23)',
  { skip: noFixtures },
  async (t) => {
    const { vectors } = readFixture('vectors/payload_id.json')
    t.equal(vectors.length, 2)
    for (const { version, parentHash, payloadAttributes, expectedPayloadId } of vectors) {
      t.equal(payloadId(version, parentHash, payloadAttributes), expectedPayloadId)
    }
  },
)

t.test('a payload id is by the formula, at every fork (E-23, E-24)', async (t) => {
  for (const fork of FORKS) {
    const version = isFrom(fork, 'ecotone') ? 3 : isFrom(fork, 'canyon') ? 2 : 1
    for (const noTxPool of [true, false, undefined]) {
      const attributes = attributesAt(fork, { noTxPool })
      const result = await start(version, attributes)
      const { blockHash } = block0
      t.equal(result.payloadId, payloadId(version, blockHash, attributes), `${fork} ${noTxPool}`)
    }
  }
  const attributes = attributesAt('bedrock', { transactions: undefined, noTxPool: false })
  const { payloadId: id } = await start(1, attributes)
  t.equal(id, payloadId(1, block0.blockHash, attributes), 'no transactions')
})

t.test('the same attributes have one id, others another (E-24, E-25, T-41)', async (t) => {
  const [one, two] = [userDeposit(1), userDeposit(2)]
  const base = attributesAt('karst', {}, [one, two])
  const [l1Attributes] = base.transactions
  const { payloadId: id } = await start(3, base)
  t.equal((await start(3, base)).payloadId, id)
  const changes: JSONObject[] = [
    { timestamp: Number(base.timestamp) + 2 },
    { prevRandao: ZERO_HASH },
    { suggestedFeeRecipient: '0x00000000000000000000000000000000000000aa' },
    { parentBeaconBlockRoot: ZERO_HASH },
    { transactions: [l1Attributes, two, one] },
    { transactions: [l1Attributes, one] },
    { noTxPool: false },
    { gasLimit: '0x3938701' },
    { eip1559Params: '0x000000fa00000006' },
    { minBaseFee: 1 },
  ]
  const first = await node.call('engine_getPayloadV5', id)
  t.same(await node.call('engine_getPayloadV5', id), first, 'the payload can be fetched again')
  t.same(first.executionPayload.transactions, base.transactions)
  const ids = new Set([id])
  for (const change of changes) ids.add((await start(3, { ...base, ...change })).payloadId)
  t.equal(ids.size, 1 + changes.length)
  t.equal(await codeOf(node.call('engine_getPayloadV5', id)), -38001, 'ten are kept')
})

t.test('an unknown payload id is -38001, what is no text is malformed (E-31)', async (t) => {
  for (const version of [1, 2, 3, 4, 5]) {
    const get = (id: unknown) => codeOf(node.call(`engine_getPayloadV${version}`, id))
    for (const id of [`0x0${version}00000000000000`, '0x01', 'latest']) {
      t.equal(await get(id), -38001, id)
    }
    for (const id of [null, 1, {}, []]) t.equal(await get(id), -32602, JSON.stringify(id))
  }
})

/** Fields that make a payload of any fork malformed. */
const MALFORMED: JSONObject[] = [
  ...['parentHash', 'feeRecipient', 'stateRoot', 'receiptsRoot'].flatMap((name) => [
    { [name]: undefined },
    { [name]: '0x00' },
    { [name]: 1 },
  ]),
  ...['0x00', 1, {}].map((logsBloom) => ({ logsBloom })),
  ...['prevRandao', 'blockNumber', 'gasLimit', 'gasUsed', 'extraData', 'baseFeePerGas'].flatMap(
    (name) => [{ [name]: undefined }, { [name]: 'zz' }, { [name]: {} }],
  ),
  ...[undefined, null, '0x00', {}].map((blockHash) => ({ blockHash })),
  ...[undefined, null, {}, [1], ['zz'], [null]].map((transactions) => ({ transactions })),
]

t.test(
  'a payload of another version or a wrong form is -32602, of another hash INVALID (E-08, E-32)',
  async (t) => {
    const [bedrock, canyon, ecotone, karst] = await Promise.all(
      (['bedrock', 'canyon', 'ecotone', 'karst'] as const).map((fork) => build(fork)),
    )
    const root = ZERO_HASH
    const others: [string, number, JSONObject, JSONObject, unknown[]][] = [
      ['withdrawals in V1', 1, bedrock, { withdrawals: [] }, []],
      ['withdrawals at Bedrock', 2, bedrock, { withdrawals: [] }, []],
      ['no withdrawals at Canyon', 2, canyon, { withdrawals: undefined }, []],
      ['null withdrawals at Canyon', 2, canyon, { withdrawals: null }, []],
      ['no withdrawals at Ecotone', 3, ecotone, { withdrawals: undefined }, [[], root]],
      ['no beacon root at Ecotone', 3, ecotone, {}, [[]]],
      ['null as beacon root at Ecotone', 3, ecotone, {}, [[], null]],
      ['no blob hashes at Ecotone', 3, ecotone, {}, []],
      ['null as blob hashes at Ecotone', 3, ecotone, {}, [null, root]],
      ['no requests at Karst', 4, karst, {}, [[], root]],
      ['null as requests at Karst', 4, karst, {}, [[], root, null]],
      ['no beacon root at Karst', 4, karst, {}, [[], null, []]],
      ['no timestamp', 4, karst, { timestamp: undefined }, [[], root, []]],
    ]
    const insert = (
      version: number,
      { executionPayload }: JSONObject,
      changes: JSONObject,
      rest: unknown[],
    ) =>
      codeOf(
        node.call(`engine_newPayloadV${version}`, { ...executionPayload, ...changes }, ...rest),
      )
    for (const [name, version, envelope, changes, rest] of others) {
      t.equal(await insert(version, envelope, changes, rest), -32602, name)
    }
    for (const payload of [undefined, null, 1, [], 'payload', {}]) {
      const result = node.call('engine_newPayloadV4', payload, [], root, [])
      t.equal(await codeOf(result), -32602, `${payload} as payload`)
    }
    const wrong = [{ blobGasUsed: '0x1' }, { excessBlobGas: '0x1' }]
    const malformed: [number, JSONObject, unknown[], JSONObject[]][] = [
      [2, canyon, [], [{ blobGasUsed: '0x0' }, { excessBlobGas: '0x0' }]],
      [3, ecotone, [[], ecotone.parentBeaconBlockRoot], [{ blobGasUsed: {} }]],
      [4, karst, [[], karst.parentBeaconBlockRoot, []], [{ blobGasUsed: {} }, ...MALFORMED]],
    ]
    for (const [version, envelope, rest, cases] of malformed) {
      for (const changes of cases) {
        const name = `V${version} ${JSON.stringify(changes)} ${Object.keys(changes)}`
        t.equal(await insert(version, envelope, changes, rest), -32602, name)
      }
      for (const changes of version > 2 ? wrong : []) {
        const status = await insert(version, envelope, changes, rest)
        const name = `V${version} ${JSON.stringify(changes)}`
        t.match(status, { status: 'INVALID', latestValidHash: null }, name)
        t.match(status.validationError, /^blockHash is 0x/, name)
      }
      // What had the same hash by its own account does no harm to the block.
      t.match(await insert(version, envelope, {}, rest), { status: 'VALID' })
    }
  },
)

t.test('capabilities are all methods of the engine (E-48)', async (t) => {
  const names = await node.call('engine_exchangeCapabilities', ['engine_newPayloadV4'])
  for (const [method, count] of [
    ['forkchoiceUpdated', 3],
    ['newPayload', 4],
    ['getPayload', 5],
  ] as const) {
    for (let version = 1; version <= count; version++) {
      t.ok(names.includes(`engine_${method}V${version}`), `${method}V${version}`)
    }
  }
  for (const name of names) t.not(await codeOf(node.call(name)), -32601, name)
  t.notOk(names.includes('engine_exchangeCapabilities'), 'not itself')
})

t.test('unknown methods are -32601, those of blobs too (E-37, E-50)', async (t) => {
  for (const name of [
    'engine_getBlobsV1',
    'engine_getBlobsV2',
    'engine_newPayloadV5',
    'toString',
  ]) {
    t.equal(await codeOf(node.call(name, [])), -32601, name)
  }
})

t.test('the authenticated port has eth too, the public one no engine (E-11)', async (t) => {
  t.equal(await node.call('eth_chainId'), '0x385')
  t.equal(await node.callPublic('eth_chainId'), '0x385')
  const result = node.callPublic('engine_forkchoiceUpdatedV3', forkchoice(block0), null)
  t.equal(await codeOf(result), -32601)
})

/** The HTTP status of a call with this header. */
async function statusOf(
  authorization?: string,
  body = '{"jsonrpc":"2.0","id":1,"method":"eth_chainId"}',
) {
  const headers = { 'content-type': 'application/json', ...(authorization && { authorization }) }
  return (await fetch(node.authUrl, { method: 'POST', headers, body })).status
}

t.test('only a fresh token of the secret opens the authenticated port (E-51)', async (t) => {
  const { secret } = node
  const now = Math.floor(Date.now() / 1000)
  const sign = (jwt: SignJWT, alg = 'HS256', key: Uint8Array = secret) =>
    jwt.setProtectedHeader({ alg }).sign(key)
  const bearer = (token: string) => statusOf(`Bearer ${token}`)
  for (const age of [0, 50, -50]) t.equal(await bearer(await createToken(secret, now - age)), 200)
  const later = new SignJWT().setIssuedAt(now).setExpirationTime(now + 60)
  t.equal(await bearer(await sign(later)), 200, 'with exp')
  t.equal(await statusOf(), 401, 'no token')
  t.equal(await statusOf('Bearer'), 401, 'empty token')
  t.equal(await statusOf(`Basic ${await createToken(secret)}`), 401, 'other scheme')
  t.equal(await statusOf(await createToken(secret)), 401, 'no scheme')
  t.equal(await bearer(await createToken(secret, now - 70)), 401, 'too old')
  t.equal(await bearer(await createToken(secret, now + 70)), 401, 'from the future')
  t.equal(await bearer(await sign(new SignJWT())), 401, 'no iat')
  t.equal(await bearer(await createToken(new Uint8Array(32))), 401, 'other secret')
  const expired = new SignJWT().setIssuedAt(now).setExpirationTime(now - 5)
  t.equal(await bearer(await sign(expired)), 401, 'expired')
  const long = new Uint8Array(64)
  long.set(secret)
  const hs512 = await sign(new SignJWT().setIssuedAt(now), 'HS512', long)
  t.equal(await bearer(hs512), 401, 'HS512')
  t.equal(await bearer(new UnsecuredJWT().setIssuedAt(now).encode()), 401, 'alg none')
  const [header, , signature] = (await createToken(secret, now - 70)).split('.')
  const payload = Buffer.from(JSON.stringify({ iat: now })).toString('base64url')
  t.equal(await bearer(`${header}.${payload}.${signature}`), 401, 'changed payload')
})

t.test('a body of tens of megabytes and a batch are answered (E-12)', async (t) => {
  const { executionPayload } = await build('karst')
  const large: Hex = `0x${'00'.repeat(20_000_000)}`
  const payload = { ...executionPayload, transactions: [large] }
  t.match(await newPayload(4, payload), { status: 'INVALID', latestValidHash: null })
  const requests = [1, 2, 3].map((id) => ({
    jsonrpc: '2.0',
    id,
    method: 'eth_chainId',
    params: [],
  }))
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${await createToken(node.secret)}`,
  }
  const body = JSON.stringify(requests)
  const response = await fetch(node.authUrl, { method: 'POST', headers, body })
  const answers = (await response.json()) as JSONValue
  t.same(
    answers.map(({ id, result }: JSONValue) => [id, result]),
    [1, 2, 3].map((id) => [id, '0x385']),
  )
})

t.test('engine calls that come at once are answered one after another', async (t) => {
  const attributes = [0, 1, 2, 3, 4].map((minBaseFee) => attributesAt('karst', { minBaseFee }))
  const answers = await Promise.all(attributes.map((item) => start(3, item)))
  const ids = answers.map(({ payloadId }) => payloadId)
  t.equal(new Set(ids).size, 5)
  const built = await Promise.all(ids.map((id) => node.call('engine_getPayloadV5', id)))
  for (const [minBaseFee, { executionPayload }] of built.entries()) {
    t.equal(executionPayload.extraData, `0x01000000fa00000006000000000000000${minBaseFee}`)
  }
})

t.test(
  'a signed transaction in a Jovian or Karst activation block is refused (I-14)',
  async (t) => {
    // The block after block 0 is in all these forks the first of its fork.
    for (const fork of ['jovian', 'karst'] as const) {
      const result = start(3, attributesAt(fork, {}, [transfer(0, 0)]))
      t.equal(await codeOf(result), -38003, fork)
    }
    const { executionPayload } = await build('isthmus', {}, [transfer(0, 0)])
    t.equal(executionPayload.transactions.length, 2)
  },
)
