import { pino } from 'pino'

/** What the node needs of a logger: one line per event, `fields` first as in pino. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Hears nothing: for tests and embedders that do not ask for a log. */
export const SILENT: Logger = pino({ level: 'silent' })
