import t from 'tap'
import { type Fork, FORKS } from '../src/index.ts'
import type { JSONValue } from './helpers.ts'
import {
  type Head,
  type Hex,
  type TestNode,
  ACCOUNTS,
  BLOCK_TIME,
  GENESIS_TIME,
  RECIPIENT,
  createDriver,
  forkchoice,
  genesisAt,
  genesisHead,
  hashOf,
  isFrom,
  spawnNode,
  transfer,
  userDeposit,
  versionsAt,
} from './node-helpers.ts'

type Tester = Pick<typeof t, 'equal' | 'same'>

/** Fields of a payload at Bedrock. */
const BEDROCK = [
  ...['parentHash', 'feeRecipient', 'stateRoot', 'receiptsRoot', 'logsBloom', 'prevRandao'],
  ...['blockNumber', 'gasLimit', 'gasUsed', 'timestamp', 'extraData', 'baseFeePerGas'],
  ...['blockHash', 'transactions'],
]

/** Fields that forks have added to the payload (E-20). */
const ADDED: [Fork, string[]][] = [
  ['canyon', ['withdrawals']],
  ['ecotone', ['blobGasUsed', 'excessBlobGas']],
  ['isthmus', ['withdrawalsRoot']],
]

/** Fields of what `engine_getPayload` gives, by its version (E-18, E-19). */
const V3 = ['executionPayload', 'blockValue', 'blobsBundle', 'shouldOverrideBuilder']
const ENVELOPES: Record<number, string[]> = {
  2: ['executionPayload', 'blockValue'],
  3: [...V3, 'parentBeaconBlockRoot'],
  4: [...V3, 'parentBeaconBlockRoot', 'executionRequests'],
  5: [...V3, 'parentBeaconBlockRoot', 'executionRequests'],
}

/** The names that a header has in JSON-RPC for fields of a payload. */
const HEADER_NAMES: Record<string, string> = {
  ...{ feeRecipient: 'miner', prevRandao: 'mixHash', blockNumber: 'number', blockHash: 'hash' },
}

const MESSAGE_PASSER = '0x4200000000000000000000000000000000000016'
const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
const EMPTY_REQUESTS = '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const extraDataAt = (fork: Fork, minBaseFee = 0) => {
  if (isFrom(fork, 'jovian')) {
    return `0x01000000fa00000006${minBaseFee.toString(16).padStart(16, '0')}`
  }
  return isFrom(fork, 'holocene') ? '0x00000000fa00000006' : '0x'
}

/** A chain on two nodes: the first builds, the second knows only what it gets as payloads. */
async function startChain(test: Pick<typeof t, 'equal' | 'teardown'>, genesis: JSONValue) {
  const nodes = await Promise.all([spawnNode(genesis), spawnNode(genesis)])
  test.teardown(() => Promise.all(nodes.map((node) => node.stop())))
  const driver = createDriver(genesis)
  const [builder, follower] = nodes
  const [parent, other] = [await genesisHead(builder), await genesisHead(follower)]
  test.equal(parent.blockHash, other.blockHash)
  return { driver, builder, follower, parent, fees: { nonce: 0, balance: 0n } }
}

/**
 * Builds the next block as a sequencer does (`isSequencer`: transactions come from the pool) or as
 * derivation does (all are forced), with calls in op-node's order on both nodes, and checks all.
 */
async function checkBlock(
  test: Tester,
  chain: Awaited<ReturnType<typeof startChain>>,
  opts: { isSequencer?: boolean; isSigned?: boolean } = {},
) {
  const { driver, builder, follower, parent, fees } = chain
  const { isSequencer = false, isSigned = true } = opts
  const fork = driver.forkAt(Number(parent.timestamp) + BLOCK_TIME)
  const number = Number(parent.blockNumber) + 1
  const deposit = userDeposit(number)
  const signed = isSigned ? [transfer(0, fees.nonce)] : []
  fees.nonce += signed.length
  if (isSequencer) {
    for (const raw of signed) await builder.callPublic('eth_sendRawTransaction', raw)
  }
  const forced = isSequencer ? [deposit] : [deposit, ...signed]
  const attributes = driver.attributesAfter(parent, forced, { noTxPool: !isSequencer })
  const all = [attributes.transactions[0], deposit, ...signed]

  const started = await driver.start(builder, forkchoice(parent), attributes)
  const valid = { status: 'VALID', latestValidHash: parent.blockHash, validationError: null }
  test.same(started.payloadStatus, valid, `${fork} block ${number}: forkchoice with attributes`)
  const { timestamp } = attributes
  const envelope = await driver.fetchPayload(builder, timestamp, started.payloadId)
  const { executionPayload } = envelope
  const { blockHash } = executionPayload

  const added = ADDED.flatMap(([first, names]) => (isFrom(fork, first) ? names : []))
  test.same(Object.keys(executionPayload).sort(), [...BEDROCK, ...added].sort(), 'payload fields')
  const names = ENVELOPES[versionsAt(fork).getPayload]
  test.same(Object.keys(envelope).sort(), [...names].sort(), 'envelope fields')
  const { gasUsed } = executionPayload
  test.equal(envelope.blockValue, signed.length > 0 ? '0x1319718a5000' : '0x0')
  test.same(executionPayload.transactions, all, 'forced transactions first')
  const own = {
    parentHash: parent.blockHash,
    blockNumber: `0x${number.toString(16)}`,
    timestamp,
    prevRandao: attributes.prevRandao,
    feeRecipient: '0x4200000000000000000000000000000000000011',
    gasLimit: '0x3938700',
    extraData: extraDataAt(fork),
    ...(isFrom(fork, 'canyon') && { withdrawals: [] }),
    ...(isFrom(fork, 'ecotone') && { blobGasUsed: '0x0', excessBlobGas: '0x0' }),
    // A transfer counts as 100 bytes, each of 400 gas.
    ...(isFrom(fork, 'jovian') && { blobGasUsed: signed.length > 0 ? '0x9c40' : '0x0' }),
  }
  const actual = Object.keys(own).map((name) => [name, executionPayload[name]])
  test.same(Object.fromEntries(actual), own, 'fields that the attributes determine')
  if (isFrom(fork, 'ecotone')) {
    test.equal(envelope.parentBeaconBlockRoot, attributes.parentBeaconBlockRoot)
    test.equal(envelope.shouldOverrideBuilder, false)
    test.same(envelope.blobsBundle, { commitments: [], proofs: [], blobs: [] })
  }
  if (isFrom(fork, 'isthmus')) test.same(envelope.executionRequests, [])

  for (const node of [builder, follower]) {
    const before = await node.call('eth_blockNumber')
    const status = await driver.insert(node, envelope)
    const known = { status: 'VALID', latestValidHash: blockHash, validationError: null }
    test.same(status, known, 'the payload is valid')
    test.equal(await node.call('eth_blockNumber'), before, 'and not yet the head (E-46)')
    const chosen = await driver.choose(node, executionPayload)
    test.same(chosen, { payloadStatus: known, payloadId: null }, 'forkchoice to it')
  }
  await checkStored(test, chain, executionPayload, { fork, attributes, all, gasUsed })
  return Object.assign(chain, { parent: executionPayload })
}

/** Compares what both nodes say about their head. */
async function checkStored(
  test: Tester,
  { builder, follower }: { builder: TestNode; follower: TestNode },
  payload: Head,
  expected: { fork: Fork; attributes: JSONValue; all: Hex[]; gasUsed: Hex },
) {
  const { fork, attributes, all, gasUsed } = expected
  const read = (node: TestNode) =>
    Promise.all([
      node.call('eth_getBlockByNumber', 'latest', true),
      node.call('eth_getBlockReceipts', payload.blockHash),
      node.call('eth_getBalance', RECIPIENT, 'latest'),
      node.call('eth_getTransactionCount', ACCOUNTS[0], 'latest'),
      node.call('eth_getProof', MESSAGE_PASSER, [], payload.blockHash),
    ])
  const stored = await read(follower)
  test.same(await read(builder), stored, 'both nodes have the same block')
  const [block, receipts, , , { storageHash }] = stored
  for (const [name, value] of Object.entries(payload)) {
    if (name !== 'transactions') test.same(block[HEADER_NAMES[name] ?? name], value, name)
  }
  const hashes = block.transactions.map(({ hash }: { hash: Hex }) => hash)
  test.same(hashes, all.map(hashOf), 'transactions')
  const isBlobs = isFrom(fork, 'ecotone')
  test.equal(block.parentBeaconBlockRoot, isBlobs ? attributes.parentBeaconBlockRoot : undefined)
  test.equal(block.requestsHash, isFrom(fork, 'isthmus') ? EMPTY_REQUESTS : undefined)
  const root = isFrom(fork, 'isthmus') ? storageHash : EMPTY_ROOT
  test.equal(block.withdrawalsRoot, isFrom(fork, 'canyon') ? root : undefined)
  test.same(
    receipts.map(({ status }: { status: Hex }) => status),
    all.map(() => '0x1'),
    'every transaction succeeds',
  )
  test.equal(receipts.at(-1).cumulativeGasUsed, gasUsed)
}

/** Forks with whose activation block user transactions cannot come (I-14), or do not (I-10). */
const DEPOSITS_ONLY: Fork[] = ['ecotone', 'fjord', 'isthmus', 'jovian', 'karst']

const BLOCKS_PER_FORK = 3

t.test(
  'a chain that goes through all forks is built, imported and followed (E-01…E-06, E-18…E-22)',
  async (t) => {
    const every = BLOCKS_PER_FORK * BLOCK_TIME
    const times = FORKS.map((fork, index) => [fork, GENESIS_TIME + index * every])
    const genesis = genesisAt('bedrock', Object.fromEntries(times.slice(1)))
    const chain = await startChain(t, genesis)
    for (let number = 1; number < FORKS.length * BLOCKS_PER_FORK; number++) {
      const index = Math.floor(number / BLOCKS_PER_FORK)
      const fork = FORKS[index]
      const isActivation = number % BLOCKS_PER_FORK === 0
      await t.test(`block ${number}: ${isActivation ? 'activation of ' : ''}${fork}`, async (t) => {
        t.equal(chain.driver.forkAt(Number(chain.parent.timestamp) + BLOCK_TIME), fork)
        const isSigned = !(isActivation && DEPOSITS_ONLY.includes(fork))
        await checkBlock(t, chain, { isSigned, isSequencer: number % BLOCKS_PER_FORK === 1 })
      })
    }
    const balance = BigInt(await chain.follower.call('eth_getBalance', RECIPIENT, 'latest'))
    t.equal(balance, 29n * 10n ** 9n + BigInt(chain.fees.nonce), 'deposits and transfers arrived')
    t.equal(chain.fees.nonce, 24)
  },
)

/** Forks from which on a genesis block has another form; Karst's is that of Jovian. */
const HEADER_FORKS: Fork[] = ['ecotone', 'holocene', 'isthmus', 'karst']

for (const fork of HEADER_FORKS) {
  t.test(`a chain that starts at ${fork} is built and imported (E-01…E-05)`, async (t) => {
    const chain = await startChain(t, genesisAt(fork))
    await checkBlock(t, chain)
    await checkBlock(t, chain, { isSequencer: true })
  })
}
