import { readFileSync, rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import { writeDurably } from './durable.ts'
import type { Alarm } from './types.ts'

/** In the data directory: as long as it is there, nothing moves in mode `halt`. */
const FILE = 'halted.json'

/** Milliseconds between two looks whether an operator has resumed, and between two tries to write. */
const INTERVAL = 1_000

/** What the file says. */
interface Halted {
  /** In milliseconds since 1970. */
  since: number
  /** The alarm, and its line. */
  id: string
  summary: string
}

/** Whether op-node is kept from going on. */
export interface Halt {
  /** Why, in a line; nothing if it is not halted. */
  read(): string | undefined
  /** Halts at once, and as soon as the disk takes it also over a restart. */
  start(alarm: Alarm): void
  close(): void
}

const describe = ({ id, summary }: Halted) => `alarm ${id}: ${summary}`

/** What the file in a folder says; nothing if it is not there. A file that cannot be read halts, too. */
function readFile(folder: string): Halted | undefined {
  const path = join(folder, FILE)
  try {
    const { since = 0, id, summary } = JSON.parse(readFileSync(path, 'utf8'))
    return { since: Number(since), id: `${id}`, summary: `${summary}` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    return { since: Date.now(), id: 'unknown', summary: `${path} cannot be read: ${message}` }
  }
}

/** Opens the state of a data directory, where a halt may have begun before a restart. */
export function openHalt(folder: string, log: Logger): Halt {
  const path = join(folder, FILE)
  let halted = readFile(folder)
  /** Whether the file says so too, so that it is resumed when that goes. */
  let isWritten = halted !== undefined
  let isClosed = false
  if (halted) log.warn({ file: path, reason: describe(halted) }, 'halted since before this start')

  async function look() {
    if (!halted) return
    if (!isWritten) {
      const current = halted
      await writeDurably(path, `${JSON.stringify(current)}\n`)
      isWritten = true
      return
    }
    const isThere = await stat(path).then(
      () => true,
      ({ code }) => code !== 'ENOENT',
    )
    if (isThere) return
    log.warn({ file: path }, 'resumed: the file of the halt is gone')
    halted = undefined
    isWritten = false
  }

  async function run() {
    while (!isClosed) {
      try {
        await look()
      } catch (error) {
        const fields = { file: path, error: (error as Error).message }
        log.error(
          fields,
          'the halt cannot be written, so a restart would end it; it is tried again',
        )
      }
      await sleep(INTERVAL, undefined, { ref: false })
    }
  }
  void run()

  return {
    read: () => halted && describe(halted),
    start({ id, summary }) {
      if (halted) return
      halted = { since: Date.now(), id, summary }
      log.error({ alarm: id, file: path }, 'halted: op-node is told SYNCING until somebody resumes')
      look().catch(() => {})
    },
    close() {
      isClosed = true
    },
  }
}

/** Ends the halt of a data directory. A process that runs sees it within a second. @returns whether there was one */
export function resume(folder: string): boolean {
  if (!readFile(folder)) return false
  rmSync(join(folder, FILE), { force: true })
  return true
}
