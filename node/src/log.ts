import { type DestinationStream, pino } from 'pino'
import type { Logger } from './logger.ts'

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
