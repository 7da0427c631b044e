import type { Genesis } from 'ethereumjs-op/blockchain'
import type { Logger } from '../logger.ts'
import type { Alarm, Progress, Watchman } from './types.ts'

/** What the watchman of `crosscheck` is started with. */
export interface WatchmanOptions {
  /** Genesis file of the chain, parsed. */
  genesis: Genesis
  /** Folder of its own database, and of what it remembers. */
  datadir: string
  /** Folder for case files. */
  cases: string
  /** URL of a port of the main client with `eth` and `debug`. */
  eth?: string
  /** Checks each Nth block only; 1 unless told otherwise. */
  sample?: number
  log: Logger
  /** Hears of each alarm once, also over restarts. */
  onAlarm(alarm: Alarm): void
  /** Hears how far it is, when that changes. */
  onProgress?(progress: Progress): void
}

/**
 * Starts the watchman in a thread of its own.
 *
 * @throws if the database is of another chain, or in use
 */
export async function startWatchman(options: WatchmanOptions): Promise<Watchman> {
  throw new Error(`${options.datadir}: the watchman cannot be started yet`)
}
