import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openTables } from '../node/dist/store/tables.js'
import {
  type OpenNode,
  type Step,
  HISTORY,
  buildChain,
  driver,
  follow,
  open,
  progressOf,
  readState,
  settle,
} from './node-helpers-pruning.ts'

const folder = t.testdir({ archive: {}, pruned: {}, reorg: {} })
const archive = await open(join(folder, 'archive'))
t.teardown(() => archive.close())
const chain = await buildChain(archive, 70)

/** How many records of trie nodes and code there are. */
function countRecords(datadir: string): number {
  const { root, nodes } = openTables(datadir)
  const count = nodes.count()
  root.close()
  return count
}

/** The state after each block of a chain: right where it is kept, which is long enough, or refused. */
async function checkStates(t: Test, node: OpenNode, steps: Step[]) {
  const { oldest } = progressOf(node)
  const newest = Number(steps.at(-1)!.head.blockNumber)
  t.ok(oldest <= newest - HISTORY, `the states after block ${oldest} are kept`)
  for (const { head, state } of steps) {
    const number = Number(head.blockNumber)
    if (number >= oldest) t.same(await readState(node, head), state, `the state after ${number}`)
    else {
      const message = `state of block ${number} is not kept, only those from block ${oldest} on`
      await t.rejects(readState(node, head), { message, code: -32000 })
    }
  }
}

t.test('the states of the last blocks are kept, older ones are deleted', async (t) => {
  const node = await open(join(folder, 'pruned'), { stateHistory: HISTORY })
  let deletions = 0
  for (const index of chain.keys()) {
    const { oldest } = progressOf(node)
    await follow(node, chain, index)
    if (progressOf(node).oldest > oldest) deletions++
    await settle(node)
  }
  t.ok(deletions >= 2, `${deletions} times old states were deleted`)
  t.ok(progressOf(node).oldest > 20)
  await checkStates(t, node, chain)
  const [mine, all] = ['pruned', 'archive'].map((name) => countRecords(join(folder, name)))
  t.ok(mine < 0.9 * all, `${mine} records instead of ${all}`)

  await t.test('so a block on an old one is no verdict but an error', async (t) => {
    const parent = chain[9].head
    const late = await driver.build(archive, parent, driver.attributesAfter(parent))
    await t.rejects(driver.insert(node, late), { message: /state is not kept/, code: -32603 })
    const { hash } = await node.call('eth_getBlockByNumber', 'latest', false)
    t.equal(hash, chain.at(-1)!.head.blockHash)
  })

  const { oldest } = progressOf(node)
  await t.test('and it has no witness, as the state before it is not kept', async (t) => {
    const refused = node.call('debug_executionWitness', '0x9')
    const message = `state of block 8 is not kept, only those from block ${oldest} on`
    await t.rejects(refused, { message, code: -32000 })
    const { headers } = await node.call('debug_executionWitness', 'latest')
    t.equal(headers.length, 1)
  })

  await node.close()
  await t.test('a node that keeps all from now on says so too', async (t) => {
    const again = await open(join(folder, 'pruned'))
    t.equal(progressOf(again).oldest, oldest)
    await checkStates(t, again, chain)
    await again.close()
  })
})

t.test('a reorg behind the block whose state is being copied', async (t) => {
  const node = await open(join(folder, 'reorg'), { stateHistory: HISTORY })
  // The first block is copied; from now on another branch is longer.
  await follow(node, chain, 0)
  t.match(progressOf(node), { phase: 'copy', root: 1 })
  const side = await buildChain(archive, 40, '5b')
  t.not(side[0].head.blockHash, chain[0].head.blockHash)
  for (const index of side.keys()) {
    await follow(node, side, index)
    await settle(node)
  }
  t.ok(progressOf(node).oldest > 0)
  await checkStates(t, node, side)
  await t.rejects(readState(node, chain[0].head), /state of block 1 is not kept/)
  await node.close()
})
