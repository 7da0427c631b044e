import type { BlockJSON, JSONObject } from 'ethereumjs-op/blockchain'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import type { ChainEvent } from '../events.ts'
import type { Store } from '../store/store.ts'
import { getHeader } from './blocks.ts'
import { type Criteria, createMatcher, refuseRange } from './criteria.ts'
import { logsOf } from './logs.ts'
import type { WaitingRoom } from './waiting.ts'

/** What an event means to one who watches the chain: results, in order. */
export type Watch = (event: ChainEvent) => unknown[]

/** What can be watched, by filters that are polled as well as by subscriptions. */
export interface Watches {
  /** Headers of blocks that became canonical. */
  heads: Watch
  /** Hashes of such blocks. */
  hashes: Watch
  /** Hashes of transactions that came into the pool. */
  pending: Watch
  /** Such transactions as a whole; one that has gone meanwhile is left out. */
  pendingInFull: Watch
  /**
   * New logs, after those of blocks that left the chain, newest first and marked as removed.
   *
   * @throws (-32602) if the range of blocks cannot hold new ones
   */
  logs(criteria: Criteria): Watch
}

export function createWatches(store: Store, room: WaitingRoom): Watches {
  const { find, findByTransaction } = store
  // All who watch are told of an event one after the other, so they share what is read for it.
  const remember = <T>(read: (hash: Hex) => T | undefined) => {
    let last: { hash: Hex; value: T } | undefined
    return (hash: Hex): T | undefined => {
      if (last?.hash === hash) return last.value
      const value = read(hash)
      if (value !== undefined) last = { hash, value }
      return value
    }
  }

  const findBlock = remember(find)
  const findTransaction = remember((hash) => {
    const raw = room.find(hash)
    if (raw) return room.toJSON(raw)
    return findByTransaction(hash)?.transactions.find((tx) => tx.hash === hash)
  })

  const isThere = <T>(value: T | undefined | null): value is T => value != null

  const added = (event: ChainEvent) =>
    event.type === 'head' ? event.added.map(findBlock).filter(isThere) : []

  const removed = (event: ChainEvent) =>
    event.type === 'head' ? event.removed.map(findBlock).filter(isThere) : []

  function logs(criteria: Criteria): Watch {
    const { blockHash, from, to } = criteria
    const isOpen = to === 'latest' && (from === 'latest' || typeof from === 'number')
    const isBounded = typeof from === 'number' && typeof to === 'number'
    // Labels of old blocks, and ranges that are reversed.
    if (!blockHash && !isOpen && !(isBounded && from <= to)) refuseRange()
    const isMatch = createMatcher(criteria)
    const isInRange = ({ header }: BlockJSON) => {
      const number = Number(header.number)
      const isAfter = typeof from !== 'number' || number >= from
      const isBefore = typeof to !== 'number' || number <= to
      return blockHash ? header.hash === blockHash : isAfter && isBefore
    }
    const matches = (block: BlockJSON): JSONObject[] =>
      isInRange(block) ? logsOf(block).filter(isMatch) : []
    return (event) => {
      const gone = removed(event).flatMap((block) => matches(block).reverse())
      return [...gone.map((log) => ({ ...log, removed: true })), ...added(event).flatMap(matches)]
    }
  }

  const pendingInFull = (event: ChainEvent) =>
    event.type === 'pending' ? [findTransaction(event.hash)].filter(isThere) : []

  return {
    heads: (event) => added(event).map(getHeader),
    hashes: (event) => (event.type === 'head' ? event.added : []),
    pending: (event) => (event.type === 'pending' ? [event.hash] : []),
    pendingInFull,
    logs,
  }
}
