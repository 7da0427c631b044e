import { BroadcastChannel } from 'node:worker_threads'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'

/** The chain has changed. */
export interface HeadEvent {
  type: 'head'
  /** Hashes of blocks that became canonical, oldest first. */
  added: Hex[]
  /** Hashes of blocks that are not canonical any more, newest first. */
  removed: Hex[]
}

/** A transaction came into the pool. */
export interface PendingEvent {
  type: 'pending'
  hash: Hex
}

export type ChainEvent = HeadEvent | PendingEvent

/** What happens on a chain, told to all threads that have its database open. */
export interface Events {
  emit(event: ChainEvent): void
  /** @returns what ends it */
  listen(listener: (event: ChainEvent) => void): () => void
  close(): void
}

/** @param name - the same for all threads that share a database */
export function openEvents(name: string): Events {
  const channel = new BroadcastChannel(`ethereumjs-op ${name}`)
  channel.unref()
  const listeners = new Set<(event: ChainEvent) => void>()
  const tell = (event: ChainEvent) => {
    for (const listener of listeners) listener(event)
  }
  channel.onmessage = (message) => tell((message as { data: ChainEvent }).data)
  return {
    emit: (event) => {
      // A channel does not hear itself.
      tell(event)
      channel.postMessage(event)
    },
    listen: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close: () => channel.close(),
  }
}
