import type { Methods } from '../rpc/methods.ts'
import type { Store } from '../store/store.ts'

/** What waits in the pool. */
export function createTxPoolMethods(_store: Store): Methods {
  return {}
}
