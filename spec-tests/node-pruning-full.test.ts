import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import {
  GENESIS,
  HISTORY,
  buildChain,
  follow,
  open,
  progressOf,
  readState,
  settle,
} from './node-helpers-pruning.ts'

/** So many accounts that their state is larger than what is left of the disk. */
const MANY = 4_000
const ROOM = 300_000

/** A file system of 32 MB, where one can be mounted. */
const small = mkdtempSync(join(tmpdir(), 'full-disk-'))
const mount = ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', small]
const canMount = existsSync('/proc/mounts') && spawnSync('mount', mount).status === 0
t.teardown(() => {
  if (canMount) spawnSync('umount', ['-l', small])
  rmSync(small, { recursive: true, force: true })
})

t.test('a full disk', { skip: !canMount && 'no file system can be mounted' }, async (t) => {
  const folder = t.testdir({})
  const others = Array.from({ length: MANY }, (_, index) => [
    `0x${index.toString(16).padStart(40, 'ac')}`,
    { balance: '0x1' },
  ])
  const genesis = { ...GENESIS, alloc: { ...GENESIS.alloc, ...Object.fromEntries(others) } }
  const archive = await open(folder, { genesis })
  const chain = await buildChain(archive, 4 + 2 * HISTORY)
  await archive.close()

  const datadir = join(small, 'data')
  mkdirSync(datadir)
  const before = await open(datadir, { genesis })
  await follow(before, chain, 0)
  await before.close()

  const errors: object[] = []
  const ignore = () => {}
  const log = { debug: ignore, info: ignore, warn: ignore, error: (it: object) => errors.push(it) }
  const node = await open(datadir, { genesis, stateHistory: HISTORY, log })
  const { bavail, bsize } = statfsSync(small)
  const filler = join(small, 'filler')
  writeFileSync(filler, Buffer.alloc(bavail * bsize - ROOM))
  await follow(node, chain, 1)
  t.match(progressOf(node), { phase: 'copy', root: 2 })
  while (errors.length === 0) await sleep(10)
  t.match(errors, [{ error: /full|no space|ENOSPC|input\/output error/i }], 'the log says why')
  t.equal(progressOf(node).phase, 'copy')
  // Then the node goes on, and tells it if a block finds no place either.
  t.same(await readState(node, chain[1].head), chain[1].state)
  const failure = await follow(node, chain, 2).catch((error) => `${error.message}`)
  if (failure) t.match(failure, /full|no space|ENOSPC|input\/output error/i)
  t.notMatch(`${failure}`, /INVALID/)
  rmSync(filler)
  for (let index = 2; index < 4; index++) await follow(node, chain, index)
  t.equal(errors.length, 1)
  await node.close()

  const again = await open(datadir, { genesis, stateHistory: HISTORY, log })
  for (let index = 4; index < chain.length; index++) {
    await follow(again, chain, index)
    await settle(again)
  }
  t.equal(progressOf(again).oldest, 2, 'with room again, pruning goes on at the next start')
  for (const { head, state } of chain.slice(1)) {
    t.same(await readState(again, head), state, `the state after ${head.blockNumber}`)
  }
  t.equal(errors.length, 1)
  await again.close()
})
