import type { Methods } from '../rpc/methods.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from '../eth/context.ts'

/** Traces and raw data. */
export function createDebugMethods(_store: Store, _lookup: Lookup): Methods {
  return {}
}
