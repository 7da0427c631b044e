import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { createRandom } from './node-helpers-faults.ts'
import {
  GENESIS,
  HISTORY,
  buildChain,
  follow,
  open,
  progressOf,
  readState,
} from './node-helpers-pruning.ts'
import { type TestNode, spawnNode } from './node-helpers.ts'

/** Kills in all; `npm run faults:pruning` wants more. */
const KILLS = Number(process.env.KILLS ?? 15)

/** Kills that must hit what the test is about, and databases in which something must be deleted. */
const LEAST = Math.floor(KILLS / 15)

/** Most blocks that a node imports before it is killed, and milliseconds into what follows. */
const MAX_BLOCKS = 16
const MAX_DELAY = 20

const random = createRandom()
t.comment(`SEED=${random.seed}`)

const folder = t.testdir({ archive: {} })
const archive = await open(join(folder, 'archive'))
const chain = await buildChain(archive, 80)
await archive.close()

/** Reads on both ports, as long as the node is there. */
async function readOn(node: TestNode, isOver: () => boolean) {
  while (!isOver()) {
    const { head } = random.pick(chain)
    const reading = random.below(2) ? node.call : node.callPublic
    // It may be one that is not there yet, or not any more.
    await reading('eth_getBalance', head.feeRecipient, head.blockHash).catch(() => {})
  }
}

t.test('a node that is killed while it deletes old states goes on where it was', async (t) => {
  const killed: Record<string, number> = {}
  let kills = 0
  let deletions = 0
  // Where the machine is busy, the first may all come before anything is deleted.
  const isEnough = () => kills >= KILLS && (deletions >= LEAST || kills >= 4 * KILLS)
  for (let database = 0; !isEnough(); database++) {
    const datadir = join(folder, `${database}`)
    mkdirSync(datadir)
    /** Blocks that were made the head, as the node answered. */
    let done = 0
    let oldest = 0
    // The last block is what a kill may hit, so a chain is used up before it.
    while (done < chain.length - 1 && !isEnough()) {
      const node = await spawnNode(GENESIS, { datadir, stateHistory: HISTORY })
      let isOver = false
      const last = Math.min(done + random.below(MAX_BLOCKS), chain.length - 1)
      let aim = () => {}
      const aimed = new Promise<void>((resolve) => {
        aim = resolve
      })
      const feed = async () => {
        for (; done < chain.length; done++) {
          if (done === last) aim()
          await follow(node, chain, done)
        }
      }
      const feeding = feed().catch((error) => {
        // The end of the connection is what this test is about.
        if (!isOver) t.fail(`${error}`)
      })
      const reading = readOn(node, () => isOver)
      await Promise.race([aimed, feeding])
      await sleep(random.next() * MAX_DELAY)
      isOver = true
      const { errors } = await node.stop('SIGKILL')
      kills++
      await Promise.all([feeding, reading])
      t.equal(errors, '')

      const found = await open(datadir)
      const progress = progressOf(found)
      killed[progress.phase] = (killed[progress.phase] ?? 0) + 1
      if (progress.oldest > oldest) deletions++
      oldest = progress.oldest
      const number = Number(found.store.head().header.number)
      t.ok(number === done || number === done + 1, `head ${number} after ${done} answers`)
      done = number
      t.ok(oldest <= Math.max(number - HISTORY, 0), `the oldest state is that after ${oldest}`)
      for (const { head, state } of chain.slice(Math.max(oldest - 1, 0), number)) {
        t.same(await readState(found, head), state, `the state after ${head.blockNumber}`)
      }
      await found.close()
      if (!t.passing()) return
    }
  }
  t.comment(JSON.stringify({ kills, deletions, killed }))
  t.ok(deletions >= LEAST, 'old states were deleted')
  // While nothing is copied or deleted, a kill says nothing about that.
  const hits = (killed.copy ?? 0) + (killed.delete ?? 0)
  t.ok(hits >= LEAST, `${hits} kills hit copying or deleting`)
})
