import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../logger.ts'
import { removeParts, writeDurably } from './durable.ts'
import type { Alarm } from './types.ts'

/** In the data directory: a file for each alarm that is open, and those that were acknowledged. */
const FOLDER = 'alarms'
const ACKNOWLEDGED = 'acknowledged'

/** Ends the names of the files of alarms, and of the marks that they were sent. */
const ALARM = '.json'
const SENT = '.sent'

/** Milliseconds between two looks whether somebody has acknowledged, and between two tries to write. */
const INTERVAL = 1_000

/** Alarms that may be open; what rings beyond them is logged and counted, and nothing more. */
const MAX_OPEN = 1_000

/** An alarm that nobody has acknowledged. */
interface Entry {
  alarm: Alarm
  /** Whether its file is there, so that it is acknowledged when that goes. */
  isWritten: boolean
  /** Whether the webhook has taken it. */
  isSent: boolean
  /** Resolves when its file is there. */
  written: Promise<void>
  /** Resolves that. */
  settle(): void
}

/** See {@link openAlarmBook}. */
export interface AlarmBookOptions {
  /** The data directory. */
  folder: string
  log: Logger
  /** Sends an alarm to somebody. @throws if it does not arrive */
  send?(alarm: Alarm): Promise<void>
  /** Hears of each new alarm. */
  onRing(alarm: Alarm): void
}

/** All alarms that nobody has acknowledged, also those from before a restart. */
export interface AlarmBook {
  /**
   * Rings, unless this alarm has rung before. Resolves when it is on disk; until then it counts, and is tried
   * again.
   */
  ring(alarm: Alarm): Promise<void>
  /** Whether an alarm has rung before, also before a restart. */
  isKnown(id: string): boolean
  /** Those that nobody has acknowledged, oldest first, at most {@link MAX_OPEN}. */
  open(): Alarm[]
  /** How many have rung beyond those since the start. */
  overflow(): number
  /** How many still have to be sent. */
  unsent(): number
  close(): void
}

const byTime = (one: Alarm, other: Alarm) => one.at - other.at

/** Reads the file of an alarm; one that is not whole is an alarm, too. */
function readAlarm(folder: string, id: string): Alarm {
  const path = join(folder, `${id}${ALARM}`)
  try {
    const alarm = JSON.parse(readFileSync(path, 'utf8')) as Alarm
    return { ...alarm, id }
  } catch (error) {
    const summary = `${path} cannot be read: ${(error as Error).message}`
    return { id, at: 0, kind: 'block', summary }
  }
}

/** Ids of the alarms of a folder. */
const listIds = (names: string[]) =>
  names.filter((name) => name.endsWith(ALARM)).map((name) => name.slice(0, -ALARM.length))

/** The alarms of a data directory that nobody has acknowledged, oldest first. */
export function readOpenAlarms(datadir: string): Alarm[] {
  const folder = join(datadir, FOLDER)
  if (!existsSync(folder)) return []
  const ids = listIds(readdirSync(folder))
  return ids.map((id) => readAlarm(folder, id)).sort(byTime)
}

/**
 * Acknowledges an alarm, or all. A process that runs sees it within a second.
 *
 * @returns the ids of those that were open
 */
export function acknowledge(datadir: string, id?: string): string[] {
  const folder = join(datadir, FOLDER)
  const open = readOpenAlarms(datadir).map((alarm) => alarm.id)
  const ids = open.filter((one) => id === undefined || one === id)
  mkdirSync(join(folder, ACKNOWLEDGED), { recursive: true })
  for (const one of ids) {
    const name = `${one}${ALARM}`
    renameSync(join(folder, name), join(folder, ACKNOWLEDGED, name))
    rmSync(join(folder, `${one}${SENT}`), { force: true })
  }
  return ids
}

/**
 * Opens the alarms of a data directory. Each is a file, which is written before anything else is done about
 * it; when the file is moved away, the alarm is acknowledged.
 *
 * @throws if the folder cannot be made or read
 */
export async function openAlarmBook(opts: AlarmBookOptions): Promise<AlarmBook> {
  const { log, send, onRing } = opts
  const folder = join(opts.folder, FOLDER)
  mkdirSync(join(folder, ACKNOWLEDGED), { recursive: true })
  await removeParts(folder)
  const entries = new Map<string, Entry>()
  /** In memory, for who rings must not wait for a disk. */
  const acknowledged = new Set(listIds(readdirSync(join(folder, ACKNOWLEDGED))))
  const sentIds = new Set(readdirSync(folder).filter((name) => name.endsWith(SENT)))
  for (const alarm of readOpenAlarms(opts.folder)) {
    const isSent = sentIds.has(`${alarm.id}${SENT}`)
    const written = Promise.resolve()
    entries.set(alarm.id, { alarm, isWritten: true, isSent, written, settle() {} })
    log.error({ ...alarm }, 'this alarm is still open')
  }
  let overflow = 0
  let isClosed = false
  let wake = () => {}

  const pathOf = (id: string, ending: string) => join(folder, `${id}${ending}`)

  async function write(entry: Entry) {
    const { alarm, settle } = entry
    await writeDurably(pathOf(alarm.id, ALARM), `${JSON.stringify(alarm)}\n`)
    entry.isWritten = true
    settle()
    wake()
  }

  /** Writes what could not be written yet, and forgets what was acknowledged. */
  async function look() {
    for (const entry of entries.values()) if (!entry.isWritten) await write(entry)
    const known = [...entries.values()].filter(({ isWritten }) => isWritten)
    const names = await readdir(folder)
    const ids = new Set(listIds(names))
    for (const { alarm } of known) {
      if (ids.has(alarm.id)) continue
      entries.delete(alarm.id)
      acknowledged.add(alarm.id)
      log.info({ alarm: alarm.id }, 'an alarm was acknowledged')
    }
    for (const name of names) {
      const id = name.slice(0, -SENT.length)
      if (name.endsWith(SENT) && !entries.has(id)) await rm(join(folder, name), { force: true })
    }
  }

  async function keepLooking() {
    while (!isClosed) {
      try {
        await look()
      } catch (error) {
        const fields = { folder, error: (error as Error).message }
        log.error(
          fields,
          'alarms cannot be written, so a restart would lose them; it is tried again',
        )
      }
      await sleep(INTERVAL, undefined, { ref: false })
    }
  }

  async function keepSending() {
    while (!isClosed) {
      const next = [...entries.values()].find(({ isSent, isWritten }) => isWritten && !isSent)
      if (!next) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        continue
      }
      const { alarm } = next
      // It is patient, and comes back only when it is done, or the book is closed.
      await send!(alarm)
      if (isClosed) return
      next.isSent = true
      await writeDurably(pathOf(alarm.id, SENT), '').catch(({ message }: Error) => {
        log.warn({ alarm: alarm.id, error: message }, 'a restart would send this alarm again')
      })
    }
  }

  const isKnown = (id: string) => entries.has(id) || acknowledged.has(id)

  async function ring(alarm: Alarm): Promise<void> {
    const known = entries.get(alarm.id)
    if (known) return known.written
    if (acknowledged.has(alarm.id)) return
    if (entries.size >= MAX_OPEN) {
      overflow++
      log.error({ ...alarm }, 'ALARM, and too many are open to keep this one')
      onRing(alarm)
      return
    }
    let settle = () => {}
    const written = new Promise<void>((resolve) => {
      settle = resolve
    })
    const entry: Entry = { alarm, isWritten: false, isSent: !send, written, settle }
    entries.set(alarm.id, entry)
    try {
      await write(entry)
    } catch (error) {
      log.error(
        { alarm: alarm.id, error: (error as Error).message },
        'an alarm cannot be written yet',
      )
    }
    log.error({ ...alarm }, 'ALARM: the clients differ')
    onRing(alarm)
    return written
  }

  void keepLooking()
  if (send) void keepSending()
  return {
    ring,
    isKnown,
    open: () => [...entries.values()].map(({ alarm }) => alarm).sort(byTime),
    overflow: () => overflow,
    unsent: () => [...entries.values()].filter(({ isSent }) => !isSent).length,
    close() {
      isClosed = true
      wake()
    },
  }
}
