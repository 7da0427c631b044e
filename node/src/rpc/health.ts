import type { Store } from '../store/store.ts'

/** What health looks at. */
export interface HealthOptions {
  store: Pick<Store, 'head'>
  /** Seconds that the head may be old; without it the age does not count. */
  maxHeadAge?: number
  /** Whether all ports of the node are open. */
  isReady(): boolean
}

/** An answer over HTTP. */
export interface Report {
  status: 200 | 503
  body: object
}

/** Tells supervisors and load balancers how the node is. */
export interface Health {
  /** Whether the database can be read, and how old the head is in seconds. */
  health(): Report
  ready(): Report
}

export function createHealth({ store, maxHeadAge, isReady }: HealthOptions): Health {
  function health(): Report {
    try {
      const { number, hash, timestamp } = store.head().header
      const head = { number: Number(number), hash, timestamp: Number(timestamp) }
      const age = Math.floor(Date.now() / 1000) - head.timestamp
      const isOld = maxHeadAge !== undefined && age > maxHeadAge
      const body = { status: isOld ? 'head too old' : 'ok', head, age, maxHeadAge }
      return { status: isOld ? 503 : 200, body }
    } catch {
      return { status: 503, body: { status: 'the database cannot be read' } }
    }
  }
  const ready = (): Report => ({ status: isReady() ? 200 : 503, body: { ready: isReady() } })
  return { health, ready }
}
