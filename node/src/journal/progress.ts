import type { Logger } from '../logger.ts'

/** Milliseconds between two lines while the node catches up, as in geth. */
const INTERVAL = 8_000

/** A block that became head. */
export interface NewHead {
  number: number
  hash: string
  txs: number
  gas: number
  /** Seconds. */
  timestamp: number
}

/** What has been done since the last line. */
interface Window {
  /** Milliseconds. */
  since: number
  /** Timestamp of the block before, in seconds. */
  timestamp: number
  blocks: number
  txs: number
  gas: number
  head: NewHead
}

/** Seconds as people read them. */
export function toDuration(seconds: number): string {
  const units: [name: string, length: number][] = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
  ]
  for (const [name, length] of units) {
    const rest = Math.floor((seconds % length) / (length / (name === 'd' ? 24 : 60)))
    const small = name === 'd' ? 'h' : name === 'h' ? 'm' : 's'
    if (seconds >= length) return `${Math.floor(seconds / length)}${name}${rest}${small}`
  }
  return `${Math.max(Math.round(seconds), 0)}s`
}

/** Says now and then how far the node is, in place of a line per block. */
export interface Progress {
  add(head: NewHead): void
  /** Says what has not been said. */
  flush(): void
}

export function createProgress(log: Logger): Progress {
  let timer: NodeJS.Timeout | undefined
  let current: Window | undefined
  let last: NewHead | undefined

  function flush() {
    clearTimeout(timer)
    timer = undefined
    if (!current) return
    const { since, timestamp, blocks, txs, gas, head } = current
    current = undefined
    const seconds = (performance.now() - since) / 1000
    const age = Date.now() / 1000 - head.timestamp
    // While the chain is read, it grows: a second of it a second.
    const speed = (head.timestamp - timestamp) / seconds - 1
    const fields = {
      number: head.number,
      hash: head.hash,
      blocks,
      txs,
      mgas: Number((gas / 1e6).toFixed(2)),
      blocksPerSecond: Number((blocks / seconds).toFixed(1)),
      mgasPerSecond: Number((gas / 1e6 / seconds).toFixed(1)),
      age: toDuration(age),
      eta: speed > 0 ? toDuration(age / speed) : 'unknown',
    }
    log.info(fields, 'catching up')
  }

  function add(head: NewHead) {
    if (!last) log.info({ number: head.number, hash: head.hash }, 'catching up begins')
    current ??= {
      since: performance.now(),
      timestamp: last?.timestamp ?? head.timestamp,
      blocks: 0,
      txs: 0,
      gas: 0,
      head,
    }
    current.blocks++
    current.txs += head.txs
    current.gas += head.gas
    current.head = head
    last = head
    timer ??= setTimeout(flush, INTERVAL).unref()
  }
  return {
    add,
    flush: () => {
      flush()
      last = undefined
    },
  }
}
