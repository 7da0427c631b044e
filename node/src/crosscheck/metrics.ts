import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { PREFIX } from '../metrics/rpc.ts'
import type { AlarmBook } from './alarmBook.ts'
import type { RequestOutcome } from './proxy.ts'
import type { AlarmKind, Progress } from './types.ts'

/** Seconds between which calls are counted. */
const BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const KINDS: AlarmKind[] = ['status', 'payload', 'error', 'block', 'engines']

/** Where the numbers come from. */
export interface MetricsSources {
  alarms: Pick<AlarmBook, 'open' | 'unsent'>
  isHalted(): boolean
  progress(): Progress | undefined
  /** How often the watchman was started again. */
  restarts(): number
}

/** Metrics of the proxy, of the watchman and of the process. */
export function createMetrics({ alarms, isHalted, progress, restarts }: MetricsSources) {
  const registry = new Registry()
  const registers = [registry]
  const prefix = `${PREFIX}crosscheck_`
  collectDefaultMetrics({ register: registry })

  /** A number that is read when somebody asks. */
  function gauge(name: string, help: string, read: () => number | undefined) {
    new Gauge({
      name: `${prefix}${name}`,
      help,
      registers,
      collect() {
        this.set(read() ?? Number.NaN)
      },
    })
  }
  const rung = new Counter({
    name: `${prefix}alarms_total`,
    help: 'Alarms that have rung since the start, by kind',
    labelNames: ['kind'],
    registers,
  })
  // So that an alert on its increase sees the first.
  for (const kind of KINDS) rung.inc({ kind }, 0)
  gauge('open_alarms', 'Alarms that nobody has acknowledged', () => alarms.open().length)
  gauge('unsent_alarms', 'Alarms that the webhook has not taken yet', alarms.unsent)
  gauge('halted', '1 while op-node is told SYNCING', () => Number(isHalted()))
  gauge(
    'behind_blocks',
    'Blocks from the last that was compared to the head',
    () => progress()?.behind,
  )
  gauge(
    'checked_block',
    'Number of the last block that was compared',
    () => progress()?.checked?.number,
  )
  gauge('waiting_exchanges', 'Calls that wait to be compared', () => progress()?.waiting)
  gauge('watchman_in_trouble', '1 while the watchman cannot go on', () =>
    Number(!progress() || progress()?.trouble !== undefined),
  )

  /** A number that only grows, of the watchman. */
  function counter(name: string, help: string, read: () => number | undefined) {
    new Counter({
      name: `${prefix}${name}`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read() ?? 0)
      },
    })
  }
  counter(
    'same_blocks_total',
    'Blocks that were compared and were the same',
    () => progress()?.same,
  )
  counter(
    'dropped_exchanges_total',
    'Calls that could not wait to be compared',
    () => progress()?.dropped,
  )
  counter('watchman_restarts_total', 'How often the watchman was started again', restarts)
  new Counter({
    name: `${prefix}disputed_total`,
    help: 'Differences of a kind that is known to be harmless, by kind',
    labelNames: ['kind'],
    registers,
    collect() {
      this.reset()
      for (const [kind, count] of Object.entries(progress()?.disputed ?? {}))
        this.inc({ kind }, count)
    },
  })
  const calls = new Histogram({
    name: `${prefix}call_seconds`,
    help: 'Time from a request of op-node to its answer, by method and how it ended',
    labelNames: ['method', 'outcome'],
    buckets: BUCKETS,
    registers,
  })
  return {
    registry,
    onAlarm: (kind: AlarmKind) => rung.inc({ kind }),
    onRequest({ method, milliseconds, outcome }: RequestOutcome) {
      calls.observe({ method, outcome }, milliseconds / 1000)
    },
  }
}
