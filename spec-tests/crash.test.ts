import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { DEPOSITOR, type JSONValue, L1_BLOCK } from './helpers.ts'
import {
  type Built,
  GENESIS_HASH,
  SENDER,
  type SpawnedNode,
  attributesOf,
  build,
  createRandom,
  importBlock,
  nodeFlags,
  signTransfer,
  spawnCLI,
  spawnNode,
  toForkchoice,
} from './node-helpers-faults.ts'

/**
 * Kills that there must be in all, and those of them that must hit an import and a forkchoice; `npm run
 * faults:crash` wants more.
 */
const KILLS = Number(process.env.KILLS ?? 40)
const KILLED_IMPORTS = KILLS / 5
const KILLED_FORKCHOICES = KILLS / 10

/** Kills after which the others are no longer waited for: ten times as many as it usually takes. */
const MAX_KILLS = 10 * KILLS

/** Processes that are killed at the same time. */
const LANES = 2

/** Longest time in milliseconds from the first block to the kill. */
const MAX_DELAY = 150

const random = createRandom()
t.comment(`SEED=${random.seed}`)

/** What can be asked of the state after a block. */
const stateCalls = (hash: string): [string, ...unknown[]][] => [
  ['eth_getProof', SENDER, [], hash],
  ['eth_getProof', L1_BLOCK, ['0x0', '0x1', '0x2'], hash],
  ['eth_getBalance', SENDER, hash],
  ['eth_getTransactionCount', DEPOSITOR, hash],
]

/** A step of the feed: a block to import, and the forkchoice that then makes it the head. */
type Step = { block: Built; chain: string[]; forkchoice: ReturnType<typeof toForkchoice> }

/** Steps through two branches of a chain, and the state after each block as it was built. */
async function prepare(folder: string) {
  const node = await spawnNode(folder)
  const states = new Map<string, JSONValue[]>()
  let nonce = 0
  /** Builds blocks after `chain`, whose hashes it extends; `tag` makes branches differ. */
  async function extend(chain: string[], count: number, tag: string) {
    const blocks: Built[] = []
    for (let number = chain.length; blocks.length < count; number++) {
      const transfers = Array.from({ length: number % 4 }, () => signTransfer(nonce++))
      const fields = { prevRandao: `0x${tag.repeat(64)}` }
      const block = await build(node, chain.at(-1)!, attributesOf(number, transfers, fields))
      t.equal(await importBlock(node, block), 'VALID')
      blocks.push(block)
      chain.push(block.payload.blockHash)
      states.set(chain.at(-1)!, await node.batch(stateCalls(chain.at(-1)!)))
    }
    return blocks
  }
  const main = [GENESIS_HASH]
  states.set(GENESIS_HASH, await node.batch(stateCalls(GENESIS_HASH)))
  const mainBlocks = await extend(main, 8, 'a')
  const [side, forkNonce] = [[...main], nonce]
  mainBlocks.push(...(await extend(main, 56, 'a')))
  nonce = forkNonce
  const sideBlocks = await extend(side, 24, 'b')
  await node.kill('SIGTERM')

  const steps: Step[] = []
  function append(blocks: Built[], branch: string[], mostFinal: number) {
    for (const block of blocks) {
      const number = Number(block.payload.blockNumber)
      const hashAt = (depth: number) => branch[Math.max(depth, 0)]
      const finalized = hashAt(Math.min(number - 6, mostFinal))
      const forkchoice = toForkchoice(hashAt(number), hashAt(number - 3), finalized)
      steps.push({ block, chain: branch.slice(0, number + 1), forkchoice })
    }
  }
  // Block 24, back to the side branch at block 9 and up to its 32, from there to block 25 (E-45).
  append(mainBlocks.slice(0, 24), main, 8)
  append(sideBlocks, side, 8)
  append(mainBlocks.slice(24), main, 64)
  return { steps, states }
}

/** The hashes that a node has for its labels. */
async function labelsOf(node: SpawnedNode) {
  const labels = ['latest', 'safe', 'finalized']
  const blocks = await node.batch(labels.map((label) => ['eth_getBlockByNumber', label, false]))
  const [headBlockHash, safeBlockHash, finalizedBlockHash] = blocks.map((block) => block?.hash)
  return { headBlockHash, safeBlockHash, finalizedBlockHash }
}

/** Compares every block of the chain, and the state after those in `numbers`. */
async function checkChain(
  t: Test,
  node: SpawnedNode,
  chain: string[],
  states: Map<string, JSONValue[]>,
  numbers: Iterable<number>,
) {
  const blocks = await node.batch(
    [...chain.keys(), chain.length].map((number) => {
      return ['eth_getBlockByNumber', `0x${number.toString(16)}`, false]
    }),
  )
  t.same(
    blocks.map((block) => block?.hash),
    [...chain, undefined],
    'every block of the chain is there, and none after the head',
  )
  for (const number of new Set(numbers)) {
    const hash = chain[number]
    t.same(await node.batch(stateCalls(hash)), states.get(hash), `the state after block ${number}`)
    const [transaction] = blocks[number].transactions
    if (!transaction) continue
    const { blockHash } = await node.call('eth_getTransactionReceipt', transaction)
    t.equal(blockHash, hash, `the receipt of a transaction of block ${number} (D-28)`)
  }
}

t.test('a node that is killed while it imports blocks goes on where it was (E-44)', async (t) => {
  const folder = t.testdir({ builder: {} })
  const { steps, states } = await prepare(join(folder, 'builder'))
  const counts = { kills: 0, imported: 0, restarts: 0 }
  const interrupted = { nothing: 0, newPayload: 0, forkchoice: 0 }
  const isEnough = () =>
    counts.kills >= KILLS &&
    interrupted.newPayload >= KILLED_IMPORTS &&
    interrupted.forkchoice >= KILLED_FORKCHOICES
  const isOver = () => isEnough() || counts.kills >= MAX_KILLS

  /** Feeds the steps from `first` on, until the node is gone. */
  async function feed(node: SpawnedNode, first: number, onForkchoice = () => {}) {
    const state = { next: first, calling: 'nothing' as keyof typeof interrupted }
    try {
      for (; state.next < steps.length; state.next++) {
        const { block, forkchoice } = steps[state.next]
        state.calling = 'newPayload'
        const status = await importBlock(node, block)
        if (status !== 'VALID') throw new Error(`step ${state.next}: ${status}`)
        state.calling = 'forkchoice'
        onForkchoice()
        const result = await node.call('engine_forkchoiceUpdatedV3', forkchoice, null)
        if (result.payloadStatus.status !== 'VALID') throw new Error(JSON.stringify(result))
        state.calling = 'nothing'
        counts.imported++
      }
    } catch (error) {
      // The end of the connection is what this test is about.
      if (!/ECONNRESET|socket hang up|EPIPE|ECONNREFUSED/.test(`${error}`)) t.fail(`${error}`)
    }
    return state
  }

  async function runLane(lane: number) {
    for (let database = 0; !isOver(); database++) {
      const own = join(folder, `lane-${lane}-${database}`)
      mkdirSync(own)
      let state: Awaited<ReturnType<typeof feed>> = { next: 0, calling: 'nothing' }
      let node = await spawnNode(own)
      while (state.next < steps.length && !isOver()) {
        // Every third kill is aimed at the write that moves the head.
        const isAimed = ++counts.kills % 3 === 0
        let aim = () => {}
        const aimed = new Promise<void>((resolve) => {
          aim = resolve
        })
        const feeding = feed(node, state.next, aim)
        if (isAimed) await Promise.race([aimed, feeding])
        await sleep(random.next() * (isAimed ? 6 : MAX_DELAY))
        await node.kill('SIGKILL')
        state = await feeding
        interrupted[state.calling]++
        t.equal(node.output.stderr, '')

        counts.restarts++
        node = await spawnNode(own)
        const where = `lane ${lane}, database ${database}, step ${state.next}, ${state.calling}`
        // What was answered holds. A forkchoice without an answer happened whole or not at all.
        const accepted = steps[state.next - 1]?.forkchoice ?? {
          headBlockHash: GENESIS_HASH,
          ...{ safeBlockHash: undefined, finalizedBlockHash: undefined },
        }
        const labels = await labelsOf(node)
        const isDone =
          state.calling === 'forkchoice' &&
          labels.headBlockHash === steps[state.next].forkchoice.headBlockHash
        if (isDone) state.next++
        t.same(labels, isDone ? steps[state.next - 1].forkchoice : accepted, where)
        const chain = steps[state.next - 1]?.chain ?? [GENESIS_HASH]
        const newest = [1, 2, 3].map((depth) => Math.max(chain.length - depth, 0))
        await checkChain(t, node, chain, states, [...newest, random.below(chain.length)])
        // A failed comparison would be followed by hundreds.
        if (!t.passing()) break
      }
      // The driver gets to the end of its list, and then every state is there.
      const last = (await feed(node, state.next)).next
      t.equal(last, steps.length, 'the rest of the blocks is accepted')
      const { chain, forkchoice } = steps.at(-1)!
      t.same(await labelsOf(node), forkchoice)
      await checkChain(t, node, chain, states, chain.keys())
      t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
      if (!t.passing()) return
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, lane) => runLane(lane)))
  t.comment(JSON.stringify({ ...counts, interrupted }))
  t.ok(isEnough(), `${counts.kills} kills, of them ${JSON.stringify(interrupted)}`)
})

t.test('a node that is killed while it starts for the first time starts later', async (t) => {
  const root = t.testdir({})
  for (const [attempt, delay] of [150, 250, 300, 350, 400, 450].entries()) {
    const folder = join(root, `${attempt}`)
    mkdirSync(folder)
    const { flags } = await nodeFlags(folder)
    const first = spawnCLI(flags)
    await sleep(delay + random.next() * 50)
    await first.kill('SIGKILL')
    const node = await spawnNode(folder)
    const { headBlockHash } = await labelsOf(node)
    t.equal(headBlockHash, GENESIS_HASH, `killed after about ${delay} ms`)
    t.match(await node.call('eth_getBalance', SENDER, 'latest'), '0x21e19e0c9bab2400000')
    await node.kill('SIGKILL')
  }
})
