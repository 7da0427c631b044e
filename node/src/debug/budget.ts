import { setImmediate } from 'node:timers/promises'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'

/** Most bytes of JSON that traces of a request may have, or a witness. */
export const MAX_BYTES = 2 ** 26

/** Milliseconds after which other work of the thread gets its turn. */
export const MAX_TURN = 20

/** Steps between two looks at the clock. */
const INTERVAL = 256

/** Limits what a request for traces takes. */
export interface Budget {
  /** @throws (-32003) if it becomes more than a request may have */
  spend(bytes: number): void
  /** Begins the time of a transaction. */
  begin(): void
  /** To be called at each step. @throws (-32000) if the time of the transaction is over */
  tick(): Promise<void> | undefined
}

/** @param timeout - milliseconds for a transaction */
export function createBudget(timeout: number): Budget {
  let bytesLeft = MAX_BYTES
  let stepsLeft = INTERVAL
  let end = Infinity
  let turnEnd = performance.now() + MAX_TURN

  async function look() {
    stepsLeft = INTERVAL
    const now = performance.now()
    if (now > end) throw new JsonRpcError('execution timeout', -32000)
    if (now < turnEnd) return
    await setImmediate()
    turnEnd = performance.now() + MAX_TURN
  }

  return {
    spend(bytes) {
      bytesLeft -= bytes
      if (bytesLeft >= 0) return
      const advice =
        'trace one transaction, or less of it: `limit`, `disableStack`, a smaller tracer'
      throw new JsonRpcError(`the trace is longer than ${MAX_BYTES} bytes; ${advice}`, -32003)
    },
    begin: () => {
      end = performance.now() + timeout
    },
    tick: () => (--stepsLeft > 0 ? undefined : look()),
  }
}
