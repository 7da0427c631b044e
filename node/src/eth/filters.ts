import type { Methods } from '../rpc/methods.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

/** Filters that clients poll. */
export function createFilterMethods(_store: Store, _lookup: Lookup): Methods {
  return {}
}
