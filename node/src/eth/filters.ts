import { randomBytes } from 'node:crypto'
import { type PrefixedHexString as Hex, JsonRpcError, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { ChainEvent } from '../events.ts'
import type { Methods } from '../rpc/methods.ts'
import { readFlag } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import { type Criteria, readCriteria, sizeOf } from './criteria.ts'
import { getLogs } from './logs.ts'
import type { Watch, Watches } from './watch.ts'

/** Milliseconds after which a filter that nobody polls ends, as in geth. */
const MAX_AGE = 300_000

/** Most filters, and most addresses and topics in all of them. */
const MAX_FILTERS = 1_000
const MAX_SIZE = 100_000

/** Most events that are kept; a filter that has fallen behind further ends. */
const MAX_EVENTS = 50_000

/** Results and milliseconds after which a poll leaves the rest to the next. */
const MAX_RESULTS = 10_000
const MAX_POLL_TIME = 5_000

/** What a client polls. */
interface Filter {
  watch: Watch
  /** Of a filter for logs. */
  criteria?: Criteria
  /** Memory that it takes, in addresses and topics. */
  size: number
  /** How many events it has seen or was too late for. */
  position: number
  /** Milliseconds, when it was polled last. */
  usedAt: number
}

/** An id that nobody guesses. */
export const createId = (): Hex => bytesToHex(randomBytes(16))

/**
 * Filters that clients poll. The events of the chain are kept once, and each filter knows how far it
 * has read, so that it takes little memory however much happens.
 */
export function createFilterMethods(store: Store, watches: Watches): Methods {
  const filters = new Map<Hex, Filter>()
  const events: ChainEvent[] = []
  /** How many events came before those that are kept. */
  let before = 0

  /** Ends filters that nobody polls, and forgets events that all others have seen. */
  function clear() {
    const oldest = performance.now() - MAX_AGE
    for (const [id, { usedAt }] of filters) if (usedAt < oldest) filters.delete(id)
    const positions = [...filters.values()].map(({ position }) => position)
    const seen = Math.min(before + events.length, ...positions) - before
    const surplus = events.length > MAX_EVENTS ? events.length - MAX_EVENTS / 2 : 0
    const count = Math.max(seen, surplus)
    events.splice(0, count)
    before += count
    for (const [id, { position }] of filters) if (position < before) filters.delete(id)
  }

  store.events.listen((event) => {
    if (filters.size === 0) return
    events.push(event)
    if (events.length % 1_000 === 0) clear()
  })

  function add(watch: Watch, criteria?: Criteria): Hex {
    clear()
    const size = criteria ? sizeOf(criteria) : 1
    const total = [...filters.values()].reduce((sum, filter) => sum + filter.size, size)
    if (filters.size >= MAX_FILTERS || total > MAX_SIZE)
      throw new JsonRpcError('too many filters: uninstall some, or wait until they expire', -32005)
    const id = createId()
    const usedAt = performance.now()
    filters.set(id, { watch, criteria, size, position: before + events.length, usedAt })
    return id
  }

  /** @throws (-32000) if there is no such filter, or no more */
  function get(id: unknown): Filter {
    const filter = filters.get(id as Hex)
    const now = performance.now()
    if (!filter || now - filter.usedAt > MAX_AGE) throw new JsonRpcError('filter not found', -32000)
    filter.usedAt = now
    return filter
  }

  /** What has come since the last poll; of very much the first part, the next poll gives more. */
  function poll(id: unknown): unknown[] {
    const filter = get(id)
    const end = performance.now() + MAX_POLL_TIME
    // Of several threads, this one may still see the database as it was before the last event.
    store.index.resetReadTxn()
    const results: unknown[] = []
    while (filter.position < before + events.length) {
      for (const result of filter.watch(events[filter.position - before])) results.push(result)
      filter.position++
      if (results.length >= MAX_RESULTS || performance.now() > end) break
    }
    return results
  }

  function pollLogs(id: unknown) {
    const { criteria } = get(id)
    if (!criteria) throw new JsonRpcError('filter not found', -32000)
    return getLogs(store, criteria)
  }

  function addLogs(value: unknown) {
    const criteria = readCriteria(value)
    return add(watches.logs(criteria), criteria)
  }

  return {
    eth_newFilter: addLogs,
    eth_newBlockFilter: () => add(watches.hashes),
    eth_newPendingTransactionFilter: (isFull) =>
      add(readFlag(isFull) ? watches.pendingInFull : watches.pending),
    eth_getFilterChanges: poll,
    eth_getFilterLogs: pollLogs,
    eth_uninstallFilter: (id) => filters.delete(id as Hex),
  }
}
