/** Milliseconds of the units that Go has. */
const UNITS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 3.6e6,
}

/** Milliseconds of a duration as Go writes it, `10s` or `1m30s`; none if it is not one. */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0
  if (!/^(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined
  let sum = 0
  for (const [, number, unit] of text.matchAll(/([\d.]+)([a-zµ]+)/g)) {
    sum += Number(number) * UNITS[unit]
  }
  return sum
}

/** Writes milliseconds as Go writes a duration: `500ms`, `5s`, `1m30s`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${milliseconds}ms`
  const hours = Math.floor(milliseconds / UNITS.h)
  const minutes = Math.floor((milliseconds % UNITS.h) / UNITS.m)
  const seconds = (milliseconds % UNITS.m) / UNITS.s
  const long = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : ''
  return `${long}${seconds}s`
}
