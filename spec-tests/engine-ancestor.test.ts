/** What op-node does with a batch that holds an invalid transaction, from Holocene on. */
import t, { type Test } from 'tap'
import { FORKS } from '../src/index.ts'
import {
  type Head,
  type Hex,
  type TestNode,
  codeOf,
  createDriver,
  forkchoice,
  genesisAt,
  genesisHead,
  isFrom,
  spawnNode,
  transfer,
  userDeposit,
} from './node-helpers.ts'

/** Height of the chain, and of the last block whose batch was valid. */
const HEIGHT = 9
const ANCESTOR = 4

/** A transaction that is none: a list of two bytes that are no RLP. */
const INVALID: Hex = '0x05c0c1c2'

/** Head and labels of a node. */
async function labelsOf(node: TestNode) {
  const labels = ['latest', 'safe', 'finalized']
  const blocks = await Promise.all(
    labels.map((label) => node.call('eth_getBlockByNumber', label, false)),
  )
  const [latest, safe, finalized] = blocks.map(({ hash }) => hash)
  return { latest, safe, finalized }
}

/** A node that may be started anew before each step, with a chain on it and a pool. */
async function prepare(t: Test, fork: (typeof FORKS)[number], isRestarted: boolean) {
  const genesis = genesisAt(fork)
  const datadir = t.testdir()
  const driver = createDriver(genesis)
  const place = { node: await spawnNode(genesis, { datadir }) }
  t.teardown(() => place.node.stop())
  const chain: Head[] = [await genesisHead(place.node)]
  for (let nonce = 0; nonce < HEIGHT; nonce++) {
    const transactions = [userDeposit(nonce), transfer(0, nonce)]
    const { executionPayload } = await driver.extend(place.node, chain.at(-1)!, transactions)
    chain.push(executionPayload)
  }
  const labels = { safe: chain[ANCESTOR], finalized: chain[2] }
  await driver.choose(place.node, chain[HEIGHT], labels)
  const waiting = [transfer(1, 0), transfer(1, 1)]
  for (const raw of waiting) await place.node.callPublic('eth_sendRawTransaction', raw)

  /** Begins a step of the test. */
  async function step() {
    if (!isRestarted) return
    await place.node.stop('SIGKILL')
    place.node = await spawnNode(genesis, { datadir })
  }
  /** Checks that the chain is as it was, with the pool. */
  async function checkUnchanged(t: Test, when: string) {
    const expected = {
      latest: chain[HEIGHT].blockHash,
      safe: chain[ANCESTOR].blockHash,
      finalized: chain[2].blockHash,
    }
    t.same(await labelsOf(place.node), expected, when)
    for (const [number, { blockHash }] of chain.entries()) {
      const { hash } = await place.node.call('eth_getBlockByNumber', `0x${number}`, false)
      t.equal(hash, blockHash, `block ${number} ${when}`)
    }
    for (const raw of waiting) {
      const nonce = await place.node.call(
        'eth_getTransactionCount',
        ...['0x70997970c51812dc3a010c7d01b50e0d17dc79c8', 'pending'],
      )
      t.equal(nonce, '0x2', `${raw.slice(0, 10)} waits ${when}`)
    }
  }
  return { driver, place, chain, labels, waiting, step, checkUnchanged }
}

for (const fork of FORKS.filter((fork) => isFrom(fork, 'holocene'))) {
  // What is kept over a restart does not depend on the fork.
  for (const isRestarted of fork === FORKS.at(-1) ? [false, true] : [false]) {
    const how = isRestarted ? 'with restarts' : 'in one go'
    t.test(`${fork}, ${how}: an invalid batch is replaced (E-28, E-39…E-42, T-10)`, async (t) => {
      const test = await prepare(t, fork, isRestarted)
      const { driver, place, chain, labels, waiting, step, checkUnchanged } = test
      const ancestor = chain[ANCESTOR]
      const prevRandao: Hex = `0x${'0b'.repeat(32)}`
      const withBatch = driver.attributesAfter(ancestor, [INVALID], { prevRandao })

      await step()
      const state = forkchoice(ancestor, labels)
      t.equal(await codeOf(driver.start(place.node, state, withBatch)), -38003)
      await checkUnchanged(t, 'after the refused attributes')

      await step()
      const valid = { status: 'VALID', latestValidHash: ancestor.blockHash, validationError: null }
      const answer = await driver.choose(place.node, ancestor, labels)
      t.same(answer, { payloadStatus: valid, payloadId: null })
      await checkUnchanged(t, 'after a forkchoice alone')

      await step()
      const deposits = driver.attributesAfter(ancestor, [], { prevRandao })
      const started = await driver.start(place.node, state, deposits)
      t.same(started.payloadStatus, valid)
      await checkUnchanged(t, 'after deposits-only attributes')
      const replacement = await driver.fetchPayload(
        place.node,
        deposits.timestamp,
        started.payloadId,
      )
      const { executionPayload: block } = replacement
      t.equal(block.parentHash, ancestor.blockHash)
      t.equal(block.blockNumber, `0x${ANCESTOR + 1}`)
      t.same(block.transactions, deposits.transactions)

      await step()
      t.match(await driver.insert(place.node, replacement), {
        status: 'VALID',
        latestValidHash: block.blockHash,
      })
      await checkUnchanged(t, 'after the payload (E-46)')

      await step()
      const choose = () => driver.choose(place.node, block, { ...labels, safe: block })
      let switched = await choose()
      // A block that had not been chosen when the process was killed may be lost; then op-node brings it again.
      if (isRestarted && switched.payloadStatus.status === 'SYNCING') {
        await driver.insert(place.node, replacement)
        switched = await choose()
      }
      t.equal(switched.payloadStatus.status, 'VALID')
      const expected = {
        latest: block.blockHash,
        safe: block.blockHash,
        finalized: chain[2].blockHash,
      }
      t.same(await labelsOf(place.node), expected)
      t.equal(await place.node.call('eth_blockNumber'), `0x${ANCESTOR + 1}`)

      await step()
      const returned = Array.from({ length: HEIGHT - ANCESTOR }, (_, index) =>
        transfer(0, ANCESTOR + index),
      )
      const { executionPayload: next } = await driver.extend(place.node, block, [], {
        noTxPool: false,
      })
      const taken = next.transactions.slice(1)
      t.same(
        taken.sort(),
        [...waiting, ...returned].sort(),
        'the pool, and what left the chain (E-41)',
      )
    })
  }
}
