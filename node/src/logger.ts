/** What the node needs of a logger: one line per event, `fields` first as in pino. */
export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Hears nothing: for tests and embedders that do not ask for a log. */
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} }

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
