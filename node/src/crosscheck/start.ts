import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Genesis } from 'ethereumjs-op/blockchain'
import type { Logger } from '../logger.ts'
import { type MetricsJSON, serveMetrics } from '../metrics/server.ts'
import type { Endpoint } from '../options.ts'
import { type AlarmBook, openAlarmBook } from './alarmBook.ts'
import type { Mode } from './decide.ts'
import { createEngineClient } from './engines.ts'
import { openHalt } from './halt.ts'
import { keepWatchman } from './keeper.ts'
import { createMetrics } from './metrics.ts'
import { openProxy } from './proxy.ts'
import { openStatus } from './statusPort.ts'
import type { Alarm } from './types.ts'
import { startWatchman } from './watchman.ts'
import { createWebhook } from './webhook.ts'

/** Folders in the data directory. */
export const CASES = 'cases'
export const WATCHMAN = 'watchman'

/** See {@link startCrosscheck}. */
export interface CrosscheckOptions {
  mode: Mode
  /** The main client; with `majority` three or more, in the order of preference. Secrets have 32 bytes. */
  engines: { url: string; secret: Uint8Array }[]
  /** Milliseconds that an engine may take to answer. */
  timeout: number
  /** URL of a port of the main client with `eth` and `debug`. */
  eth?: string
  /** Contents of a geth-style genesis file. */
  genesis: Genesis
  /** Only its config is that of the chain, see `WatchmanOptions`. */
  isStateless?: boolean
  /** Folder for all that is kept. */
  datadir: string
  /** Each how-manieth block is compared. */
  sample: number
  authrpc: Endpoint
  /** Of op-node, 32 bytes. */
  secret: Uint8Array
  /** Where `/health` and `/ready` are. */
  http: Endpoint
  /** Where metrics are served; without it they are not. */
  metrics?: Endpoint
  /** Milliseconds without a sign of life after which the watchman's thread is ended and started again. */
  silence?: number
  /** Where alarms are sent. */
  webhook?: string
  log: Logger
}

/** A proxy and a watchman that run. */
export interface RunningCrosscheck {
  authPort: number
  httpPort: number
  metricsPort?: number
  close(): Promise<void>
}

/**
 * Puts itself between op-node and its execution client, and compares what that says with what this client makes
 * of it.
 *
 * @throws if a port is taken, or the data directory cannot be used
 */
export async function startCrosscheck(opts: CrosscheckOptions): Promise<RunningCrosscheck> {
  const { mode, engines, timeout, datadir, http, authrpc, secret, webhook, log } = opts
  /** What is open; the last is closed first. */
  const open: (() => unknown)[] = []
  const close = async () => {
    for (const end of open.splice(0).reverse()) await end()
  }
  try {
    mkdirSync(datadir, { recursive: true })
    const closing = new AbortController()
    open.push(() => closing.abort())
    const send = webhook ? createWebhook({ url: webhook, log, signal: closing.signal }) : undefined
    const halt = openHalt(datadir, log)
    open.push(halt.close)
    const isHeld = mode === 'halt'
    if (!isHeld && halt.read()) log.warn({ mode }, 'the halt counts in mode halt only')
    const readHalt = () => (isHeld ? halt.read() : undefined)
    const onRing = ({ kind }: Alarm) => metrics.onAlarm(kind)
    const alarms: AlarmBook = await openAlarmBook({ folder: datadir, log, send, onRing })
    open.push(alarms.close)
    const onAlarm = (alarm: Alarm) => {
      // Not after the disk, which may be slow.
      if (isHeld && !alarms.isKnown(alarm.id)) halt.start(alarm)
      return alarms.ring(alarm)
    }
    const { genesis, isStateless, eth, sample, silence } = opts
    const own = { datadir: join(datadir, WATCHMAN), cases: join(datadir, CASES) }
    const keeper = keepWatchman(
      () => startWatchman({ genesis, isStateless, ...own, eth, sample, silence, log, onAlarm }),
      log,
    )
    open.push(keeper.close)
    const sources = { alarms, readHalt, progress: keeper.progress, restarts: keeper.restarts }
    const metrics = createMetrics({ ...sources, isHalted: () => readHalt() !== undefined })
    const clients = engines.map(({ url, secret }) => createEngineClient({ url, secret, timeout }))
    open.push(() => {
      for (const client of clients) client.close()
    })
    let isReady = false
    const status = await openStatus(http, { ...sources, isReady: () => isReady })
    open.push(status.close)
    const read = async () => (await metrics.registry.getMetricsAsJSON()) as MetricsJSON
    const metricsPort = opts.metrics && (await serveMetrics(opts.metrics, [read]))
    if (metricsPort) open.push(metricsPort.close)
    const proxy = await openProxy({
      mode,
      engines: clients,
      authrpc,
      secret,
      readHalt,
      log,
      onExchange: keeper.note,
      onRequest: metrics.onRequest,
      onAlarm: (alarm) => void onAlarm(alarm),
    })
    open.push(proxy.close)
    isReady = true
    const ports = { authPort: proxy.port, httpPort: status.port, metricsPort: metricsPort?.port }
    const names = clients.map(({ name }) => name)
    log.info({ mode, engines: names, ...ports, datadir }, 'crosscheck started')
    let stopping: Promise<void> | undefined
    return {
      ...ports,
      close() {
        stopping ??= close()
        return stopping
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}
