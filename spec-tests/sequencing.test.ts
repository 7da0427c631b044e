import { randomFillSync } from 'node:crypto'
import { type LegacyTxData, createLegacyTx } from '@ethereumjs/tx'
import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import { addTransaction } from '../node/dist/admit.js'
import { createStore } from '../node/dist/store/store.js'
import type { PayloadAttributesJSON } from '../src/index.ts'
import { rulesAt } from './helpers.ts'
import {
  type Head,
  type Hex,
  type JSONObject,
  ACCOUNTS,
  GENESIS_TIME,
  GWEI,
  KEYS,
  RECIPIENT,
  codeOf,
  createDriver,
  forkchoice,
  genesisAt,
  genesisHead,
  hashOf,
  spawnNode,
  transfer,
  userDeposit,
} from './node-helpers.ts'

const genesis = genesisAt('karst')
const driver = createDriver(genesis)
const node = await spawnNode(genesis)
t.teardown(() => node.stop())
let head = await genesisHead(node)

const send = (raw: Hex) => node.callPublic('eth_sendRawTransaction', raw)
/** The next nonce of each funded account; tests run one after another. */
const nonces = [0, 0, 0, 0]
const next = (account: number, data: Parameters<typeof transfer>[2] = {}) =>
  transfer(account, nonces[account]++, data)

/** Builds on a head with the pool and makes it the head. @returns the signed transactions in it */
async function sequence(overrides: JSONObject = {}, forced: Hex[] = [], parent: Head = head) {
  const envelope = await driver.extend(node, parent, forced, { noTxPool: false, ...overrides })
  head = envelope.executionPayload
  const { transactions } = envelope.executionPayload
  if (`${transactions.slice(1, 1 + forced.length)}` !== `${forced}`) {
    throw new Error(`${transactions} must begin with ${forced}`)
  }
  return transactions.slice(1 + forced.length) as Hex[]
}

t.test(
  'transactions are taken by effective tip, those of an account in order (E-16, S-03)',
  async (t) => {
    const { baseFeePerGas } = await node.call('eth_getBlockByNumber', 'latest', false)
    const tip = (gwei: bigint) => ({ maxPriorityFeePerGas: gwei * GWEI, maxFeePerGas: 20n * GWEI })
    const low1 = next(0, tip(1n))
    const low2 = next(0, tip(9n))
    const high = next(1, tip(4n))
    const middle = next(2, tip(3n))
    // The base fee leaves less of this than of any other.
    const maxFee = BigInt(baseFeePerGas) + GWEI / 2n
    const capped = next(3, { maxPriorityFeePerGas: maxFee, maxFeePerGas: maxFee })
    const sent = [low2, capped, low1, middle, high]
    for (const raw of sent) t.equal(await send(raw), hashOf(raw))
    const forced = [userDeposit(1)]
    const expected = [high, middle, low1, low2, capped]
    t.same(await sequence({}, forced), expected)
    const receipts = await node.call('eth_getBlockReceipts', 'latest')
    t.ok(receipts.every(({ status }: JSONObject) => status === '0x1'))
    t.same(await sequence(), [], 'each of them once')
  },
)

t.test('noTxPool leaves the pool where it is (E-15)', async (t) => {
  const raw = next(0)
  await send(raw)
  const forced = [userDeposit(2), next(1)]
  t.same(await sequence({ noTxPool: true }, forced), [])
  t.same(await sequence({ noTxPool: undefined }), [raw], 'absent is the same as false')
})

t.test('the same attributes give the payload that was built first (E-25)', async (t) => {
  const attributes = driver.attributesAfter(head, [], { noTxPool: false })
  const first = await driver.build(node, head, attributes)
  const raw = next(0)
  await send(raw)
  t.same(await driver.build(node, head, attributes), first)
  t.same(await sequence({ prevRandao: `0x${'01'.repeat(32)}` }), [raw])
})

t.test('a transaction behind a gap in the nonces waits (S-03)', async (t) => {
  const [first, second, third] = [next(0), next(0), next(0)]
  await send(third)
  await send(first)
  t.same(await sequence(), [first])
  await send(second)
  t.same(await sequence(), [second, third])
})

t.test(
  'a transaction that does not fit in the gas limit is skipped and waits (S-05)',
  async (t) => {
    const large = next(0, { gasLimit: 5_000_000n, maxPriorityFeePerGas: 3n * GWEI })
    const small = next(1)
    await send(large)
    await send(small)
    t.same(await sequence({ gasLimit: '0x2dc6c0' }), [small], '3 million gas')
    t.same(await sequence(), [large])
  },
)

t.test('a block is not filled above its gas limit, and the rest comes next (S-05)', async (t) => {
  const sent = Array.from({ length: 5 }, () => next(2, { gasLimit: 1_000_000n, data: '0x00' }))
  for (const raw of sent) await send(raw)
  // Some fit behind the L1 attributes, until less than the next one's gas limit is left.
  const taken = await sequence({ gasLimit: '0x10c8e0' })
  t.ok(taken.length > 0 && taken.length < 5, `${taken.length} of 5`)
  const [last] = (await node.call('eth_getBlockReceipts', 'latest')).slice(-1)
  const left = 1_100_000n - BigInt(head.gasUsed)
  t.ok(left < 1_000_000n, `${left} gas left`)
  t.ok(left + BigInt(last.gasUsed) >= 1_000_000n)
  t.same([...taken, ...(await sequence())], sent)
})

const noise = (length: number): Hex => bytesToHex(randomFillSync(new Uint8Array(length)))

t.test(
  'a transaction whose DA footprint does not fit is skipped and waits (S-07, X-16)',
  async (t) => {
    // About 84,000 bytes compressed, each of 400 gas: 33 million gas of footprint.
    const large = next(0, {
      data: noise(100_000),
      gasLimit: 5_000_000n,
      maxPriorityFeePerGas: 3n * GWEI,
    })
    const small = next(1)
    await send(large)
    await send(small)
    t.same(await sequence({ gasLimit: '0x1c9c380' }), [small], '30 million gas')
    t.equal(head.blobGasUsed, '0x9c40')
    t.same(await sequence(), [large], '60 million gas')
    t.ok(BigInt(head.blobGasUsed) > 30_000_000n)
    t.ok(BigInt(head.blobGasUsed) <= 60_000_000n)
  },
)

t.test('the batcher limits the data of transactions and blocks (S-06, J-10)', async (t) => {
  const large = next(0, { data: noise(1_000), gasLimit: 100_000n, maxPriorityFeePerGas: 3n * GWEI })
  const small = [next(1), next(2)]
  for (const raw of [large, ...small]) await send(raw)
  const limit = (transaction: number, block: number) =>
    node.call('miner_setMaxDASize', `0x${transaction.toString(16)}`, `0x${block.toString(16)}`)
  t.equal(await limit(1, 0), true)
  t.same(await sequence({}, [userDeposit(3)]), [], 'only deposits')
  t.equal(await limit(500, 0), true)
  t.equal((await sequence()).length, 2, 'those of less than 500 bytes')
  t.equal(await limit(0, 500), true)
  t.same(await sequence(), [], 'larger than a block')
  t.equal(await limit(0, 0), true)
  t.same(await sequence(), [large], 'no limit')
})

t.test('either port sets the limits for both, to any number, and says so (J-10)', async (t) => {
  const raw = next(0)
  await send(raw)
  t.equal(await node.callPublic('miner_setMaxDASize', '0x1', '0x0'), true)
  t.same(await sequence(), [])
  t.equal(await codeOf(node.call('miner_setMaxDASize', '0x0')), -32602, 'one is missing')
  t.equal(await codeOf(node.call('miner_setMaxDASize', 1, 2)), -32602, 'not in hex')
  t.same(await sequence({ prevRandao: `0x${'05'.repeat(32)}` }), [], 'as before')
  const most = `0x${'ff'.repeat(32)}`
  t.equal(await node.call('miner_setMaxDASize', most, most), true)
  t.same(await sequence(), [raw])
  t.equal(await node.callPublic('miner_setMaxDASize', '0x0', '0x0'), true)
})

t.test('a block has a limit of estimated bytes, which others may fit in (S-06)', async (t) => {
  // Estimates are of 100 bytes at least, which is what a transfer has.
  const first = next(0, { maxPriorityFeePerGas: 5n * GWEI })
  const large = next(1, { data: noise(500), gasLimit: 60_000n, maxPriorityFeePerGas: 4n * GWEI })
  const behind = next(1, { maxPriorityFeePerGas: 6n * GWEI })
  const others = [next(2, { maxPriorityFeePerGas: 3n * GWEI }), next(3)]
  for (const raw of [first, large, behind, ...others]) await send(raw)
  await node.call('miner_setMaxDASize', '0x0', '0xc8')
  t.same(await sequence(), [first, others[0]], '200 bytes')
  await node.call('miner_setMaxDASize', '0x64', '0x0')
  t.same(await sequence(), [others[1]], '100 bytes each')
  await node.call('miner_setMaxDASize', '0x0', '0x0')
  t.same(await sequence(), [large, behind])
})

t.test('a block takes no more bytes than clients read in an answer (S-17)', async (t) => {
  const data = new Uint8Array(130_900)
  const gasLimit = 1_400_000n
  // The pool by itself, for executing these may take longer than a build.
  const store = await createStore({ genesis, datadir: t.testdir() })
  t.teardown(() => store.close())
  const waiting = Array.from({ length: 60 }, (_, nonce) => transfer(2, nonce, { data, gasLimit }))
  for (const raw of waiting) await addTransaction(store, hexToBytes(raw))
  const { header } = store.after(store.head())
  const attributes = driver.attributesAfter(await genesisHead(node), [], { gasLimit: '0xbebc200' })
  const selected: Uint8Array[] = []
  const candidates = await store.selectTransactions?.(
    header,
    attributes as unknown as PayloadAttributesJSON,
  )
  for await (const raw of candidates ?? []) selected.push(raw)
  const hexes = selected.map((raw) => bytesToHex(raw))
  t.same(hexes, waiting.slice(0, 56), '7.4 million bytes, although there is gas for more')

  const sent = waiting.map(() => next(2, { data, gasLimit }))
  for (const raw of sent) await send(raw)
  const taken: Hex[] = []
  while (taken.length < sent.length) {
    const some = await sequence({ gasLimit: '0xbebc200' })
    t.ok(some.length > 0 && some.length <= 56, `${some.length} in a block`)
    t.ok(BigInt(head.gasUsed) < 100_000_000n)
    taken.push(...some)
    if (some.length === 0) break
  }
  t.same(taken, sent)
  t.same(await sequence(), [])
})

t.test(
  'a build takes about a second at most, and its payload is there at once (S-09)',
  async (t) => {
    // Each loops until its gas is gone, all of them for longer than a build may take.
    const loop = { to: undefined, data: '0x5b600056', gasLimit: 5_000_000n } as const
    const sent = Array.from({ length: 44 }, (_, index) => next(index % 4, loop))
    for (const raw of sent) await send(raw)
    const attributes = driver.attributesAfter(head, [], { noTxPool: false, gasLimit: '0xfffffff' })
    const start = performance.now()
    const { payloadId } = await driver.start(node, forkchoice(head), attributes)
    const built = performance.now()
    const { executionPayload } = await driver.fetchPayload(node, attributes.timestamp, payloadId)
    t.ok(performance.now() - built < 5_000, 'the payload')
    // Usually 1,200 ms; executing all of them would take much longer than this.
    t.ok(built - start < 12_000, `the build took ${Math.round(built - start)} ms`)
    const count = executionPayload.transactions.length - 1
    t.ok(count > 0 && count < sent.length, `${count} of ${sent.length} were in time`)
    for (let left = sent.length; left > 0; )
      left -= (await sequence({ gasLimit: '0xfffffff' })).length
  },
)

t.test('stale transactions leave the pool (E-41)', async (t) => {
  const raw = next(0)
  const other = transfer(0, nonces[0] - 1, { value: 2n })
  await send(raw)
  // What the chain has in place of it comes from elsewhere.
  t.same(await sequence({ noTxPool: true }, [other]), [])
  t.same(await sequence(), [])
  t.match(await send(raw).catch(({ message }) => message), /nonce too low/)
  const follower = next(0)
  await send(follower)
  t.same(await sequence(), [follower])
})

t.test(
  'transactions of blocks that leave the chain return, deposits do not (E-41, D-35)',
  async (t) => {
    const start = head
    const first = next(0)
    const second = next(1)
    await send(first)
    t.same(await sequence({}, [userDeposit(4)]), [first])
    await send(second)
    t.same(await sequence({}, [userDeposit(5)]), [second])
    const sibling = { noTxPool: true, prevRandao: `0x${'02'.repeat(32)}` }
    t.same(await sequence(sibling, [], start), [])
    t.same((await sequence()).sort(), [first, second].sort())
    t.same(await sequence(), [])
  },
)

t.test(
  'transactions of a branch that is left return, unless the other has them (E-41, E-45)',
  async (t) => {
    const start = head
    const [both, one] = [next(0), next(1)]
    const sibling = await driver.build(node, start, {
      ...driver.attributesAfter(start, [userDeposit(6), both]),
      prevRandao: `0x${'03'.repeat(32)}`,
    })
    await send(both)
    await send(one)
    const taken = await sequence({}, [userDeposit(7)], start)
    t.same(taken.sort(), [both, one].sort())
    head = sibling.executionPayload
    t.match(await driver.insert(node, sibling), { status: 'VALID' })
    await driver.choose(node, head)
    t.same(await sequence(), [one])
  },
)

t.test(
  'a block on an ancestor takes nothing that the chain has above it (E-39, E-41)',
  async (t) => {
    const start = head
    const raw = next(0)
    await send(raw)
    t.same(await sequence(), [raw])
    t.same(await sequence({ prevRandao: `0x${'04'.repeat(32)}` }, [], start), [])
    // Only its own forkchoice has taken the other block off the chain.
    t.same(await sequence(), [raw])
  },
)

t.test('a transaction is replaced by one that pays more (R-05)', async (t) => {
  const nonce = nonces[0]
  const raw = next(0)
  await send(raw)
  const same = transfer(0, nonce, { value: 2n })
  t.match(await send(same).catch(({ message }) => message), /replacement transaction underpriced/)
  const fees = { maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: 2n * GWEI }
  const better = transfer(0, nonce, { value: 3n, ...fees })
  await send(better)
  t.same(await sequence(), [better])
  t.same(await sequence(), [])
})

t.test('legacy transactions are taken if they are protected (R-12)', async (t) => {
  const data: LegacyTxData = {
    to: RECIPIENT as Hex,
    nonce: nonces[3]++,
    gasLimit: 21_000n,
    gasPrice: 10n * GWEI,
  }
  const tx = createLegacyTx(data, { common: rulesAt('holocene').common })
  const raw = bytesToHex(tx.sign(hexToBytes(KEYS[3])).serialize())
  await send(raw)
  t.same(await sequence(), [raw])
})

t.test(
  'what cannot be in a block is refused by the pool (D-34, R-05, R-06, R-15, S-04)',
  async (t) => {
    const cases: [Hex, RegExp][] = [
      [userDeposit(8), /transaction type not supported/],
      ['0x03c0', /transaction type not supported/],
      ['0x', /./],
      [transfer(0, 0), /nonce too low/],
      [transfer(0, nonces[0], { gasLimit: 20_999n }), /intrinsic gas too low/],
      [transfer(0, nonces[0], { gasLimit: 60_000_000n }), /gas/],
      [transfer(0, nonces[0], { gasLimit: 16_777_217n }), /gas/],
      [transfer(0, nonces[0], { value: 10n ** 24n }), /insufficient funds/],
      [transfer(0, nonces[0], { chainId: 10 }), /chain/],
      [transfer(0, nonces[0], { data: noise(131_072), gasLimit: 10_000_000n }), /oversized/],
    ]
    for (const [raw, message] of cases) {
      const error = await send(raw).then(
        () => 'accepted',
        ({ message }) => message,
      )
      t.match(error, message)
      t.not(error, 'accepted')
      t.equal(await codeOf(send(raw)), -32000)
    }
    t.same(await sequence(), [])
    t.equal(
      await node.call('eth_getTransactionCount', ACCOUNTS[0], 'latest').then(Number),
      nonces[0],
    )
  },
)

t.test(
  'an activation block of Karst takes nothing from the pool, the next does (I-14)',
  async (t) => {
    const other = genesisAt('jovian', { karst: GENESIS_TIME + 4 })
    const own = await spawnNode(other)
    t.teardown(() => own.stop())
    const sequencer = createDriver(other)
    let parent = await genesisHead(own)
    const raws = [transfer(0, 0), transfer(0, 1)]
    await own.callPublic('eth_sendRawTransaction', raws[0])
    const counts: number[] = []
    for (let number = 1; number <= 3; number++) {
      const envelope = await sequencer.extend(own, parent, [], { noTxPool: false })
      parent = envelope.executionPayload
      counts.push(parent.transactions.length - 1)
      if (number > 1) continue
      // The second is a transaction only until Karst, and does not spoil later blocks.
      const capped = transfer(1, 0, { gasLimit: 20_000_000n, maxPriorityFeePerGas: 2n * GWEI })
      for (const raw of [raws[1], capped]) await own.callPublic('eth_sendRawTransaction', raw)
    }
    t.same(counts, [1, 0, 1])
  },
)

t.test('the pool outlives the process, however that ends (E-41)', async (t) => {
  const datadir = t.testdir()
  let own = await spawnNode(genesis, { datadir })
  t.teardown(() => own.stop())
  const restart = async (signal: NodeJS.Signals) => {
    await own.stop(signal)
    own = await spawnNode(genesis, { datadir })
  }
  const start = await genesisHead(own)
  const raws = [transfer(0, 0), transfer(1, 0), transfer(0, 1)]
  for (const raw of raws.slice(0, 2)) await own.callPublic('eth_sendRawTransaction', raw)
  await restart('SIGKILL')
  const pool = { noTxPool: false }
  const { executionPayload: first } = await driver.extend(own, start, [userDeposit(9)], pool)
  t.same(first.transactions.slice(2).sort(), raws.slice(0, 2).sort())
  await own.callPublic('eth_sendRawTransaction', raws[2])
  await restart('SIGTERM')
  const { executionPayload: second } = await driver.extend(own, first, [], pool)
  t.same(second.transactions.slice(1), raws.slice(2), 'what is in a block is no more in the pool')
  const prevRandao = `0x${'06'.repeat(32)}`
  const { executionPayload: sibling } = await driver.extend(own, start, [], { prevRandao })
  await restart('SIGKILL')
  t.equal((await own.call('eth_getBlockByNumber', 'latest', false)).hash, sibling.blockHash)
  const { executionPayload: last } = await driver.extend(own, sibling, [], pool)
  t.same(last.transactions.slice(1).sort(), raws.sort(), 'both blocks have left the chain')
  t.equal(await own.call('eth_getTransactionByHash', hashOf(userDeposit(9))), null)
})

t.test('what nobody pays for keeps nobody out of a full pool or a block', async (t) => {
  const own = await spawnNode(genesis)
  t.teardown(() => own.stop())
  const post = (raw: Hex) => own.callPublic('eth_sendRawTransaction', raw)
  const fees = { maxFeePerGas: 20n * GWEI, maxPriorityFeePerGas: 9n * GWEI }
  const balance = BigInt(await own.call('eth_getBalance', ACCOUNTS[1], 'latest'))
  const honest = [transfer(2, 0), transfer(2, 1)]
  await post(honest[0])
  t.match(await post(transfer(0, 64)).catch(({ reason }) => reason), /nonce too high/)
  // Each could be paid, but only one of all, which is refused unless the last come first.
  const value = balance - 10n ** 18n
  const spent = Array.from({ length: 64 }, (_, nonce) => transfer(1, nonce, { ...fees, value }))
  for (const raw of spent.toReversed()) await post(raw)
  const more = transfer(1, 1, { maxFeePerGas: 2n * fees.maxFeePerGas, value })
  t.match(await post(more).catch(({ reason }) => reason), /queued cost .* overshot/)
  // Behind a gap, in all more than 16 MiB.
  const junk = { ...fees, gasLimit: 6_000_000n, data: noise(130_900) }
  for (let nonce = 2; nonce < 10; nonce++) await post(transfer(2, nonce + 1, junk))
  for (let nonce = 1; nonce < 64; nonce++) {
    for (const account of [0, 3]) await post(transfer(account, nonce, junk))
  }
  await post(honest[1])
  /** Builds on a head with the pool. @returns the payload */
  const extend = async (parent: Head) =>
    (await driver.extend(own, parent, [], { noTxPool: false })).executionPayload
  const hashes = ({ transactions }: Head) => transactions.slice(1).map(hashOf)
  const first = await extend(await genesisHead(own))
  t.same(hashes(first), [spent[0], ...honest].map(hashOf))
  // What was behind the gap had to go for others, or else it would follow now.
  const fillers = [transfer(0, 0), transfer(2, 2)]
  for (const raw of fillers) await post(raw)
  t.same(hashes(await extend(first)).sort(), fillers.map(hashOf).sort())
})
