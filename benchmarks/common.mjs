/** What all benchmarks share: worker processes, time, medians, tables, the shared data. */
import { execFileSync, fork } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const folder = resolve(process.env.OP_FIXTURES ?? '../shared/fixtures', 'blocks')

/** Paths of the real blocks. Ends the process, as a success, where they are missing. */
export function blockPaths() {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.json.gz'))
    return names.map((name) => join(folder, name))
  } catch {
    console.log(`no blocks at ${folder}: nothing to measure`)
    process.exit()
  }
}

/**
 * The time that tables and goals use: `wall`, by the clock, or where other work disturbs it `cpu`, the
 * processor time of the process with V8's helper threads, thus a little more. Results have both.
 */
export const CLOCK = process.env.CLOCK === 'cpu' ? 'cpu' : 'wall'

/** Milliseconds on the clock that tables use, of this process. */
export const now = () => {
  const { user, system } = process.cpuUsage()
  return CLOCK === 'cpu' ? (user + system) / 1000 : performance.now()
}

/** True when so many seconds have passed since this process started: time to do less. */
export const isLate = (seconds) => performance.now() > seconds * 1000

export const sum = (values) => values.reduce((a, b) => a + b, 0)

/** The middle value; of an even number of values the mean of both in the middle. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/**
 * Runs a function and says how many seconds it took, by both clocks. `FORCE_GC=1` collects all garbage
 * before. By itself V8 does so while blocks run; where none does, no interpreter, stack or trie node
 * is left, and V8 throws away the optimized code that knew their classes.
 */
export async function timed(run) {
  if (process.env.FORCE_GC) globalThis.gc?.()
  const [start, before] = [performance.now(), process.cpuUsage()]
  const result = await run()
  const { user, system } = process.cpuUsage(before)
  return { result, wall: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 }
}

/** Medians of the times that {@link timed} gave. */
export const medians = (times) => ({
  wall: median(times.map(({ wall }) => wall)),
  cpu: median(times.map(({ cpu }) => cpu)),
})

/** What Node.js runs with, the same for all variants; the README recommends the last. */
const FLAGS = ['--expose-gc', '--max-old-space-size=4096', '--max-semi-space-size=64']

/**
 * Starts a process that calls functions of benchmark modules, one call at a time.
 *
 * @param directory - the package whose build and dependencies the modules find
 */
export function startWorker(directory = '.') {
  const path = resolve(directory, 'benchmarks/worker.mjs')
  const child = fork(path, { execArgv: FLAGS })
  const call = (module, name, ...args) =>
    new Promise((resolve, reject) => {
      const onExit = (code) => reject(new Error(`the worker ended with ${code}`))
      child.once('exit', onExit)
      child.once('message', ({ value, error }) => {
        child.off('exit', onExit)
        if (error === undefined) resolve(value)
        else reject(new Error(error))
      })
      child.send({ module, name, args })
    })
  return { call, stop: () => child.kill() }
}

/**
 * The processes of the three variants, the second and third on EthereumJS as published; `stock` is
 * explained in execute.mjs.
 */
export function startVariants() {
  const directory = mkdtempSync(join(tmpdir(), 'unpatched-'))
  execFileSync(process.execPath, ['scripts/unpatched.mjs', directory], { stdio: 'pipe' })
  cpSync('benchmarks', join(directory, 'benchmarks'), { recursive: true })
  const [patched, unpatched, stock] = [undefined, directory, directory].map(startWorker)
  const stop = () => {
    for (const worker of [patched, unpatched, stock]) worker.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { workers: { patched, unpatched, stock }, stop }
}

/** A table in Markdown; numbers go to the right. */
export function table(head, rows) {
  const texts = [head, ...rows.map((row) => row.map(format))]
  const widths = head.map((_, at) => Math.max(3, ...texts.map((row) => row[at].length)))
  const isNumber = head.map((_, at) => rows.every((row) => typeof row[at] !== 'string'))
  const line = (row) =>
    `| ${row.map((cell, at) => (isNumber[at] ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join(' | ')} |`
  const rule = widths.map((width, at) =>
    isNumber[at] ? `${'-'.repeat(width - 1)}:` : '-'.repeat(width),
  )
  return [line(texts[0]), `| ${rule.join(' | ')} |`, ...texts.slice(1).map(line)].join('\n')
}

/** A number with about three digits that count; a hyphen for what could not be measured. */
function format(value) {
  if (typeof value === 'string') return value
  if (value === undefined || value === null || Number.isNaN(value)) return '-'
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value))
  return value.toFixed(Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 0.1 ? 2 : 3)
}
