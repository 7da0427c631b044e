import type { EngineCall, EngineListener, ExecutedEvent } from '../engine.ts'
import type { HeadEvent } from '../events.ts'
import { type Logger, createRepeatFilter } from '../logger.ts'
import type { Store } from '../store/store.ts'
import { type NewHead, createProgress, toDuration } from './progress.ts'

/** Seconds from which on a new head is one of many that are caught up with. */
const MAX_FRESH_AGE = 60

/** Milliseconds between two lines about the pool, if it has changed. */
const POOL_INTERVAL = 60_000

/** Executed blocks that are remembered until they become head. */
const MAX_EXECUTED = 256

/** What op-node must be told, for it waits for ever otherwise. */
const HINT = 'if this stays so, run op-node with --syncmode=consensus-layer'

/** Says in the log what happens on the chain. */
export interface Journal extends EngineListener {
  /** Says what has not been said, and ends. */
  close(): void
}

const toMgas = (gas: number, milliseconds: number) =>
  Number((gas / 1e3 / Math.max(milliseconds, 0.1)).toFixed(1))

/** The log of a chain: heads, reorgs, what is refused and what is missing, the pool. */
export function createJournal(store: Store, log: Logger): Journal {
  const executed = new Map<string, ExecutedEvent>()
  const isNews = createRepeatFilter()
  const progress = createProgress(log)
  let waiting = -1

  const headNumber = () => Number(store.header('latest')?.number)

  /** Says something unless it was said within the last minute. */
  function warnOnce(key: string, fields: object, message: string) {
    const repeats = isNews(key)
    if (repeats === undefined) return
    log.warn(repeats > 0 ? { ...fields, repeats } : fields, message)
  }

  function onBlock(block: ExecutedEvent) {
    executed.set(block.hash, block)
    if (executed.size > MAX_EXECUTED) executed.delete([...executed.keys()][0])
    const { hash, gas, txs, isBuilt, executionTime, writeTime } = block
    const ms = Math.round(executionTime)
    const fields = { hash, txs, gas, ms, writeMs: Math.round(writeTime) }
    log.debug(fields, isBuilt ? 'block built' : 'block executed')
  }

  function onHead({ added, removed }: HeadEvent) {
    const hash = added.at(-1)
    const header = hash && store.header(hash)
    if (!header) return
    if (removed.length > 0) {
      const ancestor = Number(store.header(added[0])?.number) - 1
      const fields = { depth: removed.length, ancestor, from: removed[0], to: hash }
      log.warn(fields, 'reorg: blocks are not on the chain any more')
    }
    const own = executed.get(hash)
    const head: NewHead = {
      number: Number(header.number),
      hash,
      txs: own?.txs ?? store.find(hash)?.raw.length ?? 0,
      gas: Number(header.gasUsed),
      timestamp: Number(header.timestamp),
    }
    const age = Math.floor(Date.now() / 1000) - head.timestamp
    if (age > MAX_FRESH_AGE) return progress.add(head)
    progress.flush()
    const { number, txs, gas } = head
    const ms = own && Math.round(own.executionTime)
    const fields = {
      number,
      hash,
      txs,
      gas,
      baseFee: Number(header.baseFeePerGas),
      ms,
      mgasPerSecond: own && toMgas(gas, own.executionTime),
      age: toDuration(age),
      blocks: added.length > 1 ? added.length : undefined,
    }
    log.info(fields, own?.isBuilt ? 'head (built here)' : 'head')
  }

  /** What is missing, once a minute. */
  function onSyncing({ method, params }: EngineCall) {
    const [first] = params as Record<string, unknown>[]
    const isPayload = method.startsWith('engine_newPayload')
    const fields = isPayload
      ? {
          missing: first.parentHash,
          payload: Number(first.blockNumber),
          hash: first.blockHash,
          head: headNumber(),
        }
      : { missing: first.headBlockHash, head: headNumber() }
    const what = isPayload ? "a payload's parent is not here" : 'the chosen head is not here'
    warnOnce(`syncing ${isPayload}`, fields, `SYNCING: ${what}; ${HINT}`)
  }

  function onInvalid({ method, params, reason }: EngineCall) {
    const [first] = params as Record<string, unknown>[]
    const isPayload = method.startsWith('engine_newPayload')
    const hash = isPayload ? first.blockHash : first.headBlockHash
    const number = isPayload ? Number(first.blockNumber) : undefined
    const fields = { number, hash, reason: reason ?? 'it, or a block before it, was refused' }
    warnOnce(`invalid ${hash} ${reason}`, fields, isPayload ? 'INVALID payload' : 'INVALID head')
  }

  function onCall(call: EngineCall) {
    const { method, status, reason } = call
    if (status === 'SYNCING') return onSyncing(call)
    if (status === 'INVALID') return onInvalid(call)
    // What callers may do wrong; a fault of the node is logged by who answers it.
    const isRefused = /^-\d+$/.test(status) && status !== '-32603'
    if (isRefused) warnOnce(`${method} ${reason}`, { method, code: status, reason }, 'call refused')
  }

  function tellPool() {
    const { entryCount } = store.pending.getStats() as { entryCount: number }
    if (entryCount !== waiting && (entryCount > 0 || waiting > 0)) {
      log.info({ transactions: entryCount }, 'pool')
    }
    waiting = entryCount
  }

  const stopListening = store.events.listen((event) => {
    if (event.type === 'head') onHead(event)
    else log.debug({ hash: event.hash }, 'transaction waits')
  })
  const pooling = setInterval(tellPool, POOL_INTERVAL)
  pooling.unref()
  const close = () => {
    stopListening()
    clearInterval(pooling)
    progress.flush()
  }
  return { onCall, onBlock, close }
}
