/** What the proxy and the watchman of `crosscheck` tell each other. */

/** A request of op-node, and what the main client answered. */
export interface Exchange {
  /** Counts from 1. */
  number: number
  /** When the request came, in milliseconds since 1970. */
  at: number
  /** Body as op-node sent it: JSON-RPC, one call or a batch. */
  request: string
  /** Body as the main client gave it; without one, no answer came. */
  response?: string
  /** Why no answer came. */
  failure?: string
}

/** Why an alarm rings. */
export type AlarmKind =
  /** Status or `latestValidHash` of a payload. */
  | 'status'
  /** Hash of a payload that was built without the pool. */
  | 'payload'
  /** Code of an error, or an error where the other has an answer. */
  | 'error'
  /** What the main client says of a block at its head: header, receipts, transactions. */
  | 'block'
  /** Several main clients contradict each other; the proxy rings it, the watchman does not. */
  | 'engines'

/** Two clients differ, and nothing explains it. */
export interface Alarm {
  /**
   * Names the case, and its file: the same difference never has two. Letters, digits and hyphens. Who hears
   * of an alarm keeps it on disk and knows it again by this, so it may be told more than once: after a
   * restart, say, when it is not known whether it was heard.
   */
  id: string
  /** In milliseconds since 1970. */
  at: number
  kind: AlarmKind
  /** Number and hash of the block that it is about, where there is one. */
  block?: { number: number; hash: string }
  /** One line for the log: what differs first, as each has it. */
  summary: string
  /** Path of the case file; without one it could not be written, and `caseError` says why. */
  caseFile?: string
  caseError?: string
}

/** How far the watchman is. */
export interface Progress {
  /** The newest block that was found the same. */
  checked?: { number: number; hash: string }
  /** The head of the main client, as far as the proxy has seen. */
  head?: { number: number; hash: string }
  /** Blocks from `checked` to `head`. */
  behind: number
  /** Blocks that were compared and were the same, since the start. */
  same: number
  /** Differences of a kind that is listed as harmless, by kind. */
  disputed: Record<string, number>
  /** Exchanges that wait, and how many could not wait: their blocks come by catching up. */
  waiting: number
  dropped: number
  /** Why it cannot go on, where it cannot: it tries again. */
  trouble?: string
  /** How often its thread has ended, or gave no sign of life, and another took its place; 0 if left out. */
  restarts?: number
}

/**
 * Takes an alarm. What it gives resolves when the alarm is on disk: only then has it been heard, and before that
 * the watchman must tell it again after a restart.
 */
export type HearAlarm = (alarm: Alarm) => Promise<void>

/** Compares in a thread of its own what the main client says with what this client makes of it. */
export interface Watchman {
  /** Takes an exchange to compare, and returns at once; never throws, and never grows without bound. */
  note(exchange: Exchange): void
  progress(): Progress
  /** Resolves when all that waits has been compared. */
  idle(): Promise<void>
  close(): Promise<void>
}
