import { readlinkSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { basename } from 'node:path'

/** Steps of niceness: where both want a processor, the other threads have three times as much. */
const NICENESS = 5

/** Lets the other threads of this process go first. Only on Linux can a thread have a priority of its own. */
export function yieldToOthers(): void {
  try {
    const thread = Number(basename(readlinkSync('/proc/thread-self')))
    setPriority(thread, getPriority() + NICENESS)
  } catch {}
}
