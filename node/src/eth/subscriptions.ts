import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { ChainEvent } from '../events.ts'
import type { OpenSubscriptions } from '../rpc/methods.ts'
import { readFlag } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import { readCriteria, sizeOf } from './criteria.ts'
import { createId } from './filters.ts'
import { openWaitingRoom } from './waiting.ts'
import { type Watch, createWatches } from './watch.ts'

/** Most subscriptions of a connection, and most addresses and topics in those of all. */
const MAX_SUBSCRIPTIONS = 100
const MAX_SIZE = 500_000

/** Something to be told of. */
interface Subscription {
  watch: Watch
  /** Memory that it takes, in addresses and topics. */
  size: number
}

/**
 * What clients that stay connected subscribe to: `newHeads`, `logs` and `newPendingTransactions`,
 * which gives hashes, or whole transactions with `true`.
 */
export function createSubscriptions(store: Store): OpenSubscriptions {
  const watches = createWatches(store, openWaitingRoom(store))
  let totalSize = 0

  /** @throws (-32602, -32601) if there is no such kind, or its parameters are not fit */
  function readSubscription(kind: unknown, param: unknown): Subscription {
    if (kind === 'newHeads') return { watch: watches.heads, size: 1 }
    if (kind === 'newPendingTransactions') {
      return { watch: readFlag(param) ? watches.pendingInFull : watches.pending, size: 1 }
    }
    if (kind === 'logs') {
      const criteria = readCriteria(param ?? {})
      return { watch: watches.logs(criteria), size: sizeOf(criteria) }
    }
    if (typeof kind !== 'string') throw new JsonRpcError('a subscription has a name', -32602)
    throw new JsonRpcError(`no "${kind.slice(0, 40)}" subscription in eth namespace`, -32601)
  }

  return (notify) => {
    const own = new Map<string, Subscription>()

    function tell(event: ChainEvent) {
      // What goes wrong here must not stop who moves the chain, nor the process.
      try {
        // Of several threads, this one may still see the database as it was before.
        if (own.size > 0) store.index.resetReadTxn()
        for (const [id, { watch }] of own) for (const result of watch(event)) notify(id, result)
      } catch {
        close()
      }
    }

    // Later, so that the engine does not wait for it.
    const stop = store.events.listen((event) => setImmediate(tell, event))

    function subscribe(kind: unknown, ...[param]: unknown[]) {
      const subscription = readSubscription(kind, param)
      const { size } = subscription
      if (own.size >= MAX_SUBSCRIPTIONS || totalSize + size > MAX_SIZE)
        throw new JsonRpcError('too many subscriptions', -32005)
      const id = createId()
      own.set(id, subscription)
      totalSize += size
      return id
    }

    function unsubscribe(id: unknown) {
      const subscription = own.get(id as string)
      if (!subscription) return false
      totalSize -= subscription.size
      return own.delete(id as string)
    }

    function close() {
      stop()
      for (const id of [...own.keys()]) unsubscribe(id)
    }

    return { subscribe, unsubscribe, close }
  }
}
