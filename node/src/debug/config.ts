import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { parseDuration } from '../duration.ts'
import { check, readFlag, readObject } from '../rpc/params.ts'

/** How a transaction is traced. */
export interface TraceConfig {
  /** Name of a tracer; the struct logger if it is absent. */
  tracer?: string
  /** Whatever the tracer takes. */
  tracerConfig: unknown
  /** Milliseconds for a transaction. */
  timeout: number
  /** For the struct logger. */
  logger: LoggerConfig
}

/** What the struct logger shows. */
export interface LoggerConfig {
  enableMemory: boolean
  disableStack: boolean
  disableStorage: boolean
  enableReturnData: boolean
  /** Bytes of JSON after which no more steps are collected; 0 is no limit. */
  limit: number
}

/** Milliseconds for a transaction, if the caller does not say, as geth has it. */
const TIMEOUT = 5_000

/** Longest time in milliseconds that a caller may set. */
const MAX_TIMEOUT = 300_000

const LOGGER_FLAGS = ['enableMemory', 'disableStack', 'disableStorage', 'enableReturnData'] as const

/** Flags of former versions of geth, which say what is so anyway. */
const FORMER_FLAGS = ['disableMemory', 'disableReturnData']

const FIELDS = ['tracer', 'tracerConfig', 'timeout', 'reexec', 'limit', ...LOGGER_FLAGS]

/** Options that may all be absent; null is absent too. @throws (-32602) if there are others */
export function readOptions(value: unknown, names: readonly string[]): Record<string, unknown> {
  const options = readObject(value ?? {})
  for (const [name, option] of Object.entries(options)) {
    if (names.includes(name) || option == null) continue
    throw new JsonRpcError(`there is no option ${name.slice(0, 40)}`, -32602)
  }
  return options
}

/** Flags by name, false where they are absent. @throws (-32602) if there are other options */
export function readFlags<Name extends string>(value: unknown, names: readonly Name[]) {
  const options = readOptions(value, names)
  const flags = names.map((name) => [name, readFlag(options[name] ?? false)])
  return Object.fromEntries(flags) as Record<Name, boolean>
}

/** Reads a duration as Go writes it: `10s`, `1m30s`. @returns milliseconds */
function readDuration(value: unknown): number {
  const milliseconds = typeof value === 'string' ? parseDuration(value) : undefined
  check(milliseconds !== undefined, 'a duration such as 10s or 1m30s')
  return Math.min(milliseconds, MAX_TIMEOUT)
}

/** Reads the options of a trace, as geth has them. @throws (-32602) if it does not have one of them */
export function readTraceConfig(value: unknown, others: readonly string[] = []): TraceConfig {
  const options = readOptions(value, [...FIELDS, ...FORMER_FLAGS, ...others])
  for (const name of FORMER_FLAGS) {
    check(options[name] == null || options[name] === true, `${name}: true, which is so anyway`)
  }
  const { tracer, tracerConfig, timeout, reexec, limit = 0 } = options
  check(tracer == null || typeof tracer === 'string', 'the name of a tracer')
  // All states are there, so no block has to be executed again to get at one.
  check(reexec == null || Number.isSafeInteger(reexec), 'a number of blocks')
  check(limit === null || (Number.isSafeInteger(limit) && Number(limit) >= 0), 'a number of bytes')
  const flags = LOGGER_FLAGS.map((name) => [name, readFlag(options[name] ?? false)])
  const logger = { ...Object.fromEntries(flags), limit: Number(limit) } as LoggerConfig
  return {
    tracer: tracer ?? undefined,
    tracerConfig,
    timeout: timeout == null ? TIMEOUT : readDuration(timeout),
    logger,
  }
}
