import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type BlockHeader, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Logger } from '../logger.ts'
import { type Kept, changeCollection, readCollection, setOldest } from './collection.ts'
import type { Job } from './collector.ts'
import type { Store } from './store.ts'

/** How many times as many records as after the last collection there are when the next begins. */
const GROWTH = 1.5

/** See {@link startPruning}. */
export interface PruningOptions {
  /** Folder of the database. */
  datadir: string
  /** Number of blocks before the head whose states are kept. */
  history: number
  log: Logger
}

/**
 * Deletes old states while the node runs: those before both the finalized block and the last `history`
 * blocks. A thread of its own does the work. If that fails, because the disk is full, say, pruning ends
 * until the next start, and the node goes on.
 *
 * @returns what ends it
 */
export function startPruning(
  { tables, events, header, getCanonicalHash }: Store,
  { datadir, history, log }: PruningOptions,
): () => Promise<void> {
  const { root: database, index, nodes } = tables
  let worker: Worker | undefined
  let isStopped = false

  const transact = (write: () => void) => database.transactionSync(write)
  const change = (changes: Parameters<typeof changeCollection>[1]) =>
    changeCollection(index, changes)

  function stop(error: Error) {
    if (isStopped) return
    isStopped = true
    log.error({ error: error.message }, 'pruning stopped until the next start')
  }

  /** Runs a job in a thread. */
  function run(job: Omit<Job, 'datadir'>, finish: () => void) {
    if (worker) return
    const url = new URL('./collector.js', import.meta.url)
    const started = new Worker(url, { workerData: { datadir, ...job } })
    worker = started
    let isDone = false
    started.once('message', () => {
      isDone = true
    })
    started.once('error', stop)
    started.once('exit', () => {
      worker = undefined
      if (isDone) attempt(finish)
    })
  }

  const isOnChain = ({ number, hash }: Kept) => getCanonicalHash(number) === hash

  /** Whether the states before a block are not wanted: no reorg goes behind what is finalized. */
  function isOldEnough({ number }: Kept) {
    const least = (label: 'latest' | 'finalized', blocks: number) =>
      Number(header(label)?.number ?? -1) >= number + blocks
    return least('finalized', 0) && least('latest', history)
  }

  const toKept = (block: BlockHeader): Kept => ({
    number: Number(block.number),
    hash: bytesToHex(block.hash()),
    root: bytesToHex(block.stateRoot).slice(2),
  })

  /** Does what can be done next. */
  function advance() {
    const { phase, cut, since = [], root, count } = readCollection(index)
    if (phase === 'rest') {
      if (nodes.count() < GROWTH * count) return
      transact(() => change({ phase: 'begin', cut: nodes.next(), since: [] }))
    } else if (phase === 'begin') {
      const newest = toKept(header('latest')!)
      if (!since.includes(newest.hash)) return
      transact(() => change({ phase: 'copy', root: newest, since: [] }))
      advance()
    } else if (phase === 'copy') {
      const start = performance.now()
      run({ cut, root: root!.root }, () => {
        transact(() => change({ phase: 'wait' }))
        log.debug({ number: root!.number, ms: performance.now() - start }, 'state copied')
      })
    } else if (phase === 'wait') {
      // After a reorg behind the root, another block is; those on the new chain come after the cut.
      if (!isOnChain(root!)) transact(() => change({ phase: 'begin' }))
      else if (isOldEnough(root!)) {
        transact(() => {
          change({ phase: 'delete' })
          setOldest(index, root!)
        })
        nodes.clearCache()
        advance()
      }
    } else {
      const start = performance.now()
      run({ cut }, () => {
        const left = nodes.count()
        transact(() => change({ phase: 'rest', count: left }))
        const fields = { oldest: root!.number, records: left, ms: performance.now() - start }
        log.info(fields, 'old states deleted')
      })
    }
  }

  function attempt(step: () => void) {
    if (isStopped) return
    try {
      step()
    } catch (error) {
      stop(error as Error)
    }
  }

  const end = events.listen(({ type }) => type === 'head' && attempt(advance))
  attempt(advance)
  return async () => {
    isStopped = true
    end()
    if (!worker) return
    const exited = once(worker, 'exit')
    worker.postMessage('stop')
    await exited
  }
}
