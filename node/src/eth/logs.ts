import type { BlockJSON, JSONObject } from 'ethereumjs-op/blockchain'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { createLogSearch } from '../store/logs.ts'
import type { Store } from '../store/store.ts'
import { type Criteria, readCriteria, resolveRange } from './criteria.ts'

/** Most logs in an answer. */
const MAX_LOGS = 10_000

/** Milliseconds that looking for logs takes. */
const MAX_LOGS_TIME = 5_000

/** All logs of a block, in order. */
export const logsOf = ({ receipts }: BlockJSON): JSONObject[] =>
  receipts.flatMap(({ logs }) => logs)

/** The logs of a block or a range of blocks. @throws (-32005) if there is too much to read */
export function getLogs(store: Store, criteria: Criteria): JSONObject[] {
  const search = createLogSearch(store.chain, criteria)
  if (criteria.blockHash) {
    const found = store.logsOf(criteria.blockHash, search)
    if (!found) throw new JsonRpcError('unknown block', -32000)
    return found
  }
  const { first, last } = resolveRange(store, criteria)
  const end = performance.now() + MAX_LOGS_TIME
  const logs: JSONObject[] = []
  for (let number = first; number <= last; number++) {
    const found = store.logsOf(number, search)
    // A reorganization may have made the chain shorter.
    if (!found) break
    for (const log of found) logs.push(log)
    const isTooMuch = logs.length > MAX_LOGS || performance.now() > end
    if (isTooMuch) throw new JsonRpcError(`too much to read up to block ${number}`, -32005)
  }
  return logs
}

/** Logs of the chain. */
export function createLogMethods(store: Store): Methods {
  return { eth_getLogs: (filter) => getLogs(store, readCriteria(filter)) }
}
