/** Full circle: blocks that a node has built, verified by what the same node says of them. */
import t from 'tap'
import type { CheckedBlock, StateSource } from '../node/dist/verify/rpcBlock.js'
import runTask from '../node/dist/verify/worker.js'
import type { ChainConfig } from '../src/index.ts'
import {
  type Head,
  type Hex,
  createDriver,
  genesisAt,
  genesisHead,
  spawnNode,
  toAddress,
  toWord,
  transfer,
  userDeposit,
  withContracts,
} from './node-helpers.ts'
import { createChains, noRandomChains, serveOpGeth, startOpGeth } from './op-geth-execution.ts'

/** Blocks that are verified from witnesses, and how many of them from proofs as well. */
const BLOCKS = Number(process.env.BLOCKS ?? 100)
const BY_PROOFS = 20

/** Most rounds of questions for a block. */
const MAX_ROUNDS = 12

const PATIENCE = { retries: 1, timeout: 20_000 }

interface Place {
  url: string
  config: ChainConfig
  number: number
}

/**
 * Verifies a block.
 *
 * @param source - by default a witness, and proofs for what it lacks
 * @throws if it cannot be executed to its hash
 */
async function verify(
  test: Pick<typeof t, 'ok'>,
  { url, config, number }: Place,
  source?: StateSource,
): Promise<CheckedBlock> {
  const task = { urls: [url], options: PATIENCE, config, number, source }
  const { block, error } = await runTask(task)
  if (!block) throw new Error(`block ${number} by ${source ?? 'all'}: ${error}`)
  const { rounds = 0 } = block.stats ?? {}
  test.ok(rounds <= MAX_ROUNDS, `${rounds} rounds`)
  return block
}

/** Contracts of the chain below by what they do with their two words of data. */
const CONTRACTS: Record<string, Hex> = {
  // Stores the second word in the slot of the first, and logs it.
  store: '0x60203560003555602060206000a000',
  // Stores the hash of the block that is the first word before this one.
  blockhash: '0x6000354303406000355500',
  // Creates the contract whose init code is its data, and calls it.
  create: '0x3660006000373660006000f060006000600060006000855af100',
  // Reads the balance of the address in the first word.
  balance: '0x6000353160005500',
  // Reverts after a write.
  revert: '0x600160005560006000fd',
}
const placeOf = (name: string) => toAddress(0xb100 + Object.keys(CONTRACTS).indexOf(name)) as Hex

/** Numbers that are the same in each run. */
function createRandom(seed: number) {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

t.test(`${BLOCKS} blocks of this node`, async (t) => {
  const contracts = Object.entries(CONTRACTS).map(([name, code]) => [placeOf(name), { code }])
  const genesis = withContracts(genesisAt('karst'), Object.fromEntries(contracts))
  const config = genesis.config as ChainConfig
  const node = await spawnNode(genesis)
  t.teardown(() => node.stop())
  const driver = createDriver(genesis)
  const random = createRandom(1)
  const nonces = [0, 0, 0, 0]
  const send = (to: Hex | undefined, data: string, value = 0n) => {
    const from = random(nonces.length)
    const fields = { to, data: data as Hex, value, gasLimit: 300_000n }
    return transfer(from, nonces[from]++, fields)
  }
  const call = (name: string, ...words: (number | string)[]) =>
    send(placeOf(name), `0x${words.map((word) => toWord(word).slice(2)).join('')}`)
  // A contract of one byte; none at all, but a new one with a slot; one that destroys itself.
  const inits = ['0x600160005360016000f3', '0x6001600155600060005260206000f3', '0x33ff']
  let deposits = 0
  const actions: (() => Hex)[] = [
    () => send(toAddress(0xcc00 + random(2 ** 30)) as Hex, '0x', BigInt(random(2))),
    () => send(toAddress(0xaa00 + random(20)) as Hex, '0x', 1n),
    // Slots come and go.
    () => call('store', random(40), random(3)),
    () => call('store', random(40), 0),
    () => call('blockhash', random(8)),
    () => send(placeOf('create'), inits[random(inits.length)]),
    () => send(undefined, inits[random(inits.length)]),
    () => call('balance', toAddress(random(2 ** 30))),
    () => call('revert'),
  ]
  let head: Head = await genesisHead(node)
  let txs = 0
  for (let number = 1; number <= BLOCKS; number++) {
    const count = random(12)
    const forced = Array.from({ length: random(3) }, () => userDeposit(deposits++))
    const rest = Array.from({ length: count }, () => actions[random(actions.length)]())
    head = (await driver.extend(node, head, [...forced, ...rest])).executionPayload
    txs += head.transactions.length
  }
  t.comment(`${txs} transactions`)
  for (let number = 1; number <= BLOCKS; number++) {
    const place = { url: node.url, config, number }
    for (const source of ['witness', 'proofs'] as const) {
      if (source === 'proofs' && number <= BLOCKS - BY_PROOFS) continue
      const { from, lack, differences, claimedReceipts, txs } = await verify(t, place, source)
      t.strictSame({ from, lack, differences }, { from: source, lack: undefined, differences: [] })
      t.equal(claimedReceipts?.length, txs, 'receipts are compared')
    }
  }
})

t.test(`${BLOCKS} random blocks of op-geth`, { skip: noRandomChains }, async (t) => {
  const opGeth = startOpGeth()
  t.teardown(() => opGeth.close())
  const url = await serveOpGeth(t, opGeth)
  const counts: Record<string, number> = {}
  let strange = 0
  const forks = new Set<string>()
  let blocks = 0
  for (const { genesis, blocks: attributes } of createChains(1)) {
    const { config } = genesis
    const built = await opGeth.build(genesis, attributes)
    for (const { block } of built) {
      const place = { url, config, number: Number(block.number) }
      const all = await verify(t, place)
      const byProofs = blocks < BY_PROOFS ? [await verify(t, place, 'proofs')] : []
      for (const { hash, differences, claimedReceipts } of [all, ...byProofs]) {
        t.equal(hash, block.hash)
        const names = differences.map(({ where }) => where)
        // op-geth derives these from the first transaction, which in random chains may be any.
        const fields = claimedReceipts ? /^receipt \d+ l1/ : /^transaction \d+ nonce$/
        for (const name of names) t.match(name, fields)
        if (names.length > 0 || !claimedReceipts) strange++
      }
      const isActivation = Number(block.timestamp) === config.isthmusTime
      // Its witness is made before it reads the message passer, whose root is in no header before.
      const passer = /account 0x4200000000000000000000000000000000000016/
      if (all.lack) t.match([all.lack, isActivation], [passer, true])
      counts[all.from] = (counts[all.from] ?? 0) + 1
      forks.add(all.fork)
      blocks++
    }
    if (blocks >= BLOCKS) break
  }
  t.comment(JSON.stringify(counts), [...forks].join(' '), strange)
  t.ok(strange < blocks / 10, 'what op-geth says of all others is right')
  t.ok(counts.witness > blocks / 2, 'most witnesses are complete')
  t.ok(forks.has('jovian'))
})
