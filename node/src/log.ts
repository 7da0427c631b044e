import { type DestinationStream, pino } from 'pino'

/** What the node needs of a logger: one line per event, `fields` first as in pino. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** How much is logged; each level includes those after it. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** `text` for people, `json` for machines: an object a line. */
export const LOG_FORMATS = ['text', 'json'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** See {@link createLog}. */
export interface LogOptions {
  /** `info` unless told otherwise. */
  level?: LogLevel
  /** `text` unless told otherwise. */
  format?: LogFormat
  /** Where the lines go; standard output unless told otherwise. */
  destination?: DestinationStream
}

/** Hears nothing: for tests and embedders that do not ask for a log. */
export const SILENT: Logger = pino({ level: 'silent' })

/** A field as text, in quotes where it would not be seen as one word. */
function toText(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return typeof value === 'string' && !/^[\w.:/@*+-]+$/.test(text) ? JSON.stringify(text) : text
}

/** Makes a line for people of a line of JSON: time, level, message, fields. */
function format(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${toText(value)}`)
  return `${time} ${`${level}`.toUpperCase().padEnd(5)} ${msg}${rest.join('')}\n`
}

/**
 * A logger that writes a line per event, with time (UTC) and level.
 *
 * @throws if there is no such level or format
 */
export function createLog(opts: LogOptions = {}): Logger {
  const { level = 'info', format: form = 'text', destination = pino.destination(1) } = opts
  if (!LOG_LEVELS.includes(level)) throw new Error(`log level ${level}: not ${LOG_LEVELS}`)
  if (!LOG_FORMATS.includes(form)) throw new Error(`log format ${form}: not ${LOG_FORMATS}`)
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const text = { write: (line: string) => destination.write(format(line)) }
  return pino(options, form === 'json' ? destination : text)
}

/** Milliseconds in which the same is said once. */
const QUIET_TIME = 60_000

/** Most keys that are remembered. */
const MAX_KEYS = 1_000

/**
 * Keeps a log from repeating itself.
 *
 * @returns how often a key was kept quiet since it was last let through, or nothing while it is
 */
export function createRepeatFilter(now = () => performance.now()) {
  const seen = new Map<string, { at: number; count: number }>()
  return (key: string): number | undefined => {
    const last = seen.get(key)
    if (last && now() - last.at < QUIET_TIME) {
      last.count++
      return undefined
    }
    if (seen.size >= MAX_KEYS) seen.clear()
    seen.set(key, { at: now(), count: 0 })
    return last?.count ?? 0
  }
}
