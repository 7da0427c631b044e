/** Keeps a second process away from a database. Nothing stays locked when a process is killed. */
import { readFileSync } from 'node:fs'
import type { Tables } from './tables.ts'

/** The process that has a database open. */
interface Owner {
  name: string
  pid: number
  /** When it started, where the system tells that, for ids of processes are used again. */
  started?: string
}

/** When a process started, in ticks since the system did; undefined where that is not known. */
function startOf(pid: number): string | undefined {
  try {
    // The name of the program may have spaces, and ends with the last bracket.
    const [, fields] = /.*\) (.*)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))!
    return fields.split(' ')[19]
  } catch {
    return undefined
  }
}

function isRunning({ pid, started }: Owner): boolean {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    // Of another user, but there.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return started === startOf(pid)
}

/**
 * Takes a database for this process. The entry is in the database, whose transactions exclude each
 * other, and counts as long as its process runs: on the same machine, and seen from the same
 * container.
 *
 * @returns what gives it back
 * @throws if another process has it; the message has its name and id
 */
export function lock({ root, index }: Tables, datadir: string): () => void {
  const own: Owner = { name: process.title, pid: process.pid, started: startOf(process.pid) }
  const other = root.transactionSync(() => {
    const owner = index.get('owner') as Owner | undefined
    if (owner && isRunning(owner)) return owner
    index.putSync('owner', own)
    return undefined
  })
  if (other) throw new Error(`${datadir} is in use by ${other.name}, process ${other.pid}`)
  return () => index.removeSync('owner')
}
