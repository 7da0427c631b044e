import type { Methods } from '../rpc/methods.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

/** Simulated blocks of calls. */
export function createSimulateMethods(_store: Store, _lookup: Lookup): Methods {
  return {}
}
