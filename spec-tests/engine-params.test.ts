import t, { type Test } from 'tap'
import type { Fork } from '../src/index.ts'
import { startEngine } from './engine-helpers.ts'
import {
  type Envelope,
  type JSONObject,
  type TestNode,
  createDriver,
  forkchoice,
  genesisAt,
  isFrom,
  userDeposit,
  versionsAt,
} from './node-helpers.ts'

/** A fork of each version of the methods. */
const ERAS: Fork[] = ['bedrock', 'canyon', 'ecotone', 'isthmus', 'karst']

/** The error or the answer of a call. */
const outcomeOf = async (node: TestNode, method: string, ...params: unknown[]) => {
  try {
    return { answer: await node.call(method, ...params) }
  } catch (error) {
    const { code, message } = error as { code: number; message: string }
    return { code, message }
  }
}

/** What is not a number in hex without leading zeros, of up to 64 bits unless `bits` says more. */
const badQuantities = (bits = 64) => [
  ...[undefined, null, 1, 1.5, true, {}, [], '', '0x', '1', 'latest', '0X1', '0x00', '0x01'],
  ...['0xg', '-0x1', ' 0x1', '0x1 ', `0x1${'0'.repeat(bits / 4)}`, ['0x1']],
]

/** What is not so many bytes in hex. */
const badBytes = (length: number) => [
  ...[undefined, null, 1, true, {}, [], '', '0x', '0x1', 'ab'.repeat(length)],
  ...[`0x${'ab'.repeat(length - 1)}`, `0x${'ab'.repeat(length + 1)}`, `0x${'ab'.repeat(length)}a`],
  ...[`0x${'ab'.repeat(length - 1)}zz`, [`0x${'ab'.repeat(length)}`]],
]

/** What is not a list of bytes in hex. */
const badLists = [undefined, null, '0x', '', 1, {}, [1], [null], ['0x1'], ['ab'], ['0xzz'], [[]]]

const badHash = badBytes(32)

/** Fields of a payload, and what they must not be, at a fork. */
const badPayloadFields = (fork: Fork): Record<string, unknown[]> => ({
  parentHash: badHash,
  feeRecipient: badBytes(20),
  stateRoot: badHash,
  receiptsRoot: badHash,
  logsBloom: badBytes(256),
  prevRandao: badHash,
  blockNumber: badQuantities(),
  gasLimit: badQuantities(),
  gasUsed: badQuantities(),
  timestamp: badQuantities(),
  extraData: [undefined, null, 1, {}, [], '', '0x0', 'ab', '0xzz'],
  baseFeePerGas: badQuantities(256),
  blockHash: badHash,
  transactions: badLists,
  withdrawals: isFrom(fork, 'canyon') ? [undefined, null, '0x', '', 1, {}, ['0x'], [1]] : [[]],
  blobGasUsed: isFrom(fork, 'ecotone') ? badQuantities() : ['0x0'],
  excessBlobGas: isFrom(fork, 'ecotone') ? badQuantities() : ['0x0'],
  withdrawalsRoot: isFrom(fork, 'isthmus') ? badHash : [`0x${'ab'.repeat(32)}`],
})

/** Asserts that a call is refused as malformed, by the name of the field, without internals. */
function isMalformed(t: Test, outcome: Awaited<ReturnType<typeof outcomeOf>>, name: string) {
  t.equal(outcome.code, -32602, `${name}: ${JSON.stringify(outcome)}`)
  t.match(outcome.message, name)
  t.notMatch(outcome.message, /Cannot|undefined is|not a function|not iterable/)
}

for (const fork of ERAS) {
  t.test(`at ${fork} a malformed payload is -32602 and no verdict (E-37)`, async (t) => {
    const genesis = genesisAt(fork)
    const driver = createDriver(genesis)
    const { node, root } = await startEngine(genesis)
    const built = await driver.build(node, root, driver.attributesAfter(root, [userDeposit(0)]))
    const other = await startEngine(genesis)
    const version = versionsAt(fork).newPayload
    const method = `engine_newPayloadV${version}`
    const { executionPayload, parentBeaconBlockRoot } = built
    const others = [[], parentBeaconBlockRoot, []].slice(0, [0, 0, 0, 2, 3][version])
    for (const [name, values] of Object.entries(badPayloadFields(fork))) {
      for (const value of values) {
        const payload = { ...executionPayload, [name]: value }
        const outcome = await outcomeOf(other.node, method, payload, ...others)
        isMalformed(t, outcome, `payload.${name}`)
      }
    }
    for (const payload of [undefined, null, 1, '', '0x', [], {}]) {
      isMalformed(t, await outcomeOf(other.node, method, payload, ...others), 'payload')
    }
    const bad = [badLists, badHash, badLists].slice(0, others.length)
    for (const [index, values] of bad.entries()) {
      for (const value of values) {
        const params = others.map((param, place) => (place === index ? value : param))
        const name = ['versionedHashes', 'parentBeaconBlockRoot', 'executionRequests'][index]
        isMalformed(t, await outcomeOf(other.node, method, executionPayload, ...params), name)
      }
    }
    // Nothing of it is remembered: the block is as good as before.
    t.match(await driver.insert(other.node, built as Envelope), { status: 'VALID' })
  })

  t.test(`at ${fork} malformed attributes are -32602 and build nothing (E-28, E-37)`, async (t) => {
    const genesis = genesisAt(fork)
    const driver = createDriver(genesis)
    const { backend, node, root } = await startEngine(genesis)
    const attributes = driver.attributesAfter(root, [userDeposit(0)])
    const version = versionsAt(fork).forkchoiceUpdated
    const method = `engine_forkchoiceUpdatedV${version}`
    // Null is as good as nothing where a field may be absent.
    const given = (values: unknown[]) => values.filter((value) => value != null)
    const bad: Record<string, unknown[]> = {
      timestamp: badQuantities(),
      prevRandao: badHash,
      suggestedFeeRecipient: badBytes(20),
      transactions: given(badLists),
      noTxPool: ['true', 0, 1, '0x1', {}],
      gasLimit: given(badQuantities()),
      eip1559Params: ['', '0x0', 'ab', '0xzz', 1, {}, []],
      minBaseFee: ['', '0x', '0x00', '1', -1, 1.5, true, {}, [], `0x1${'0'.repeat(16)}`],
    }
    if (isFrom(fork, 'canyon')) bad.withdrawals = ['0x', '', 1, {}, ['0x'], [1]]
    if (isFrom(fork, 'ecotone')) bad.parentBeaconBlockRoot = given(badHash)
    for (const [name, values] of Object.entries(bad)) {
      for (const value of values) {
        const params = [forkchoice(root), { ...attributes, [name]: value }]
        isMalformed(t, await outcomeOf(node, method, ...params), `attributes.${name}`)
      }
    }
    for (const value of [1, '', '0x', [], {}]) {
      isMalformed(t, await outcomeOf(node, method, forkchoice(root), value), 'attributes')
    }
    t.equal((await backend.getForkchoice()).head, root.blockHash)
  })

  t.test(`at ${fork} a malformed forkchoice is -32602 and moves nothing (E-37)`, async (t) => {
    const genesis = genesisAt(fork)
    const driver = createDriver(genesis)
    const { backend, node, root } = await startEngine(genesis)
    const { executionPayload: head } = await driver.build(node, root, driver.attributesAfter(root))
    const before = await backend.getForkchoice()
    const state: JSONObject = forkchoice(head)
    for (const version of [1, 2, 3]) {
      const method = `engine_forkchoiceUpdatedV${version}`
      for (const name of Object.keys(state)) {
        for (const value of badHash) {
          const outcome = await outcomeOf(node, method, { ...state, [name]: value }, null)
          isMalformed(t, outcome, `forkchoiceState.${name}`)
        }
      }
      for (const value of [undefined, null, 1, '', [], {}]) {
        isMalformed(t, await outcomeOf(node, method, value, null), 'forkchoiceState')
      }
    }
    t.strictSame(await backend.getForkchoice(), before)
    t.match(await driver.choose(node, head), { payloadStatus: { status: 'VALID' } })
  })
}

t.test('answers have exactly the fields of their version (E-18…E-20)', async (t) => {
  const payload = [
    ...['parentHash', 'feeRecipient', 'stateRoot', 'receiptsRoot', 'logsBloom', 'prevRandao'],
    ...['blockNumber', 'gasLimit', 'gasUsed', 'timestamp', 'extraData', 'baseFeePerGas'],
    ...['blockHash', 'transactions'],
  ]
  const withdrawals = [...payload, 'withdrawals']
  const blobs = [...withdrawals, 'blobGasUsed', 'excessBlobGas']
  const envelope = ['executionPayload', 'blockValue']
  const bundle = [...envelope, 'blobsBundle', 'shouldOverrideBuilder', 'parentBeaconBlockRoot']
  const expected: [Fork, number, string[], string[]][] = [
    ['bedrock', 2, envelope, payload],
    ['canyon', 2, envelope, withdrawals],
    ['ecotone', 3, bundle, blobs],
    ['isthmus', 4, [...bundle, 'executionRequests'], [...blobs, 'withdrawalsRoot']],
    ['karst', 5, [...bundle, 'executionRequests'], [...blobs, 'withdrawalsRoot']],
  ]
  for (const [fork, version, fields, payloadFields] of expected) {
    const genesis = genesisAt(fork)
    const driver = createDriver(genesis)
    const { node, root } = await startEngine(genesis)
    const attributes = driver.attributesAfter(root)
    const { payloadId } = await driver.start(node, forkchoice(root), attributes)
    const answer = JSON.parse(
      JSON.stringify(await node.call(`engine_getPayloadV${version}`, payloadId)),
    )
    t.strictSame(Object.keys(answer).sort(), [...fields].sort(), `${fork}: envelope`)
    const names = Object.keys(answer.executionPayload).sort()
    t.strictSame(names, [...payloadFields].sort(), `${fork}: payload`)
  }
})

t.test('capabilities are all methods but the one that lists them (E-48)', async (t) => {
  const { node } = await startEngine(genesisAt('karst'))
  const names = await node.call('engine_exchangeCapabilities', [])
  t.strictSame([...names].sort(), [
    ...[1, 2, 3].map((version) => `engine_forkchoiceUpdatedV${version}`),
    'engine_getClientVersionV1',
    ...[1, 2, 3, 4, 5].map((version) => `engine_getPayloadV${version}`),
    ...[1, 2, 3, 4].map((version) => `engine_newPayloadV${version}`),
  ])
})
