// The thread that copies and deletes trie nodes, in transactions so short that no block waits for one.
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { openTables } from './tables.ts'
import { type Reference, EMPTY_TRIE, referencesOf } from './walk.ts'

/** What the thread is started with. */
export interface Job {
  /** Folder of the database. */
  datadir: string
  /** The place of the first record that stays. */
  cut: number
  /** Root of the state (64 hex digits) that is copied behind it; without it what is before is deleted. */
  root?: string
}

/** Records of a transaction, which then takes a few milliseconds. */
const BATCH = 200

/** How many nodes are read before others get their turn, and the pages that they free are reused. */
const SLICE = 500

/** How often longer than it writes the thread leaves the database to others. */
const REST = 2

const { datadir, cut, root } = workerData as Job
const { root: database, nodes } = openTables(datadir)
let isStopped = false
parentPort!.once('message', () => {
  isStopped = true
})

/** Writes all or nothing, then rests. */
async function transact<T>(write: () => T): Promise<T> {
  const start = performance.now()
  const result = database.transactionSync(write)
  await sleep(REST * (performance.now() - start))
  return result
}

/** Copies what belongs to a state. It can be repeated. */
async function copy(hash: string) {
  const stack: Reference[] = hash === EMPTY_TRIE ? [] : [{ hash, kind: 'account' }]
  let found: string[] = []
  let count = 0
  while (stack.length > 0 && !isStopped) {
    const reference = stack.pop()!
    if (!nodes.isSince(reference.hash, cut)) found.push(reference.hash)
    if (reference.kind !== 'code') {
      const node = nodes.read(reference.hash)
      if (!node) throw new Error(`state is incomplete: no trie node 0x${reference.hash}`)
      stack.push(...referencesOf(node, reference.kind))
    }
    if (++count % SLICE === 0) await sleep(1)
    if (found.length < BATCH && stack.length > 0) continue
    const batch = found
    await transact(() => nodes.copy(batch, cut))
    found = []
  }
}

/** Deletes what is older than the cut: first where it is, then what it is. It can be repeated. */
async function remove() {
  let next: Uint8Array | undefined
  do {
    const start = next
    next = await transact(() => nodes.forget(cut, SLICE, start))
  } while (next && !isStopped)
  while (!isStopped && (await transact(() => nodes.erase(cut, SLICE))) > 0);
}

try {
  await (root === undefined ? remove() : copy(root))
  if (!isStopped) parentPort!.postMessage('done')
} finally {
  await database.close()
  parentPort!.close()
}
