import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Genesis } from 'ethereumjs-op/blockchain'
import type { Logger } from '../logger.ts'
import { Endpoint } from '../verify/endpoint.ts'
import { EndpointError } from '../verify/errors.ts'
import { openAlarmBook } from './alarmBook.ts'
import { fieldsOf, hashIn, numberIn } from './exchange.ts'
import type { BlockRef } from './memory.ts'
import { CASES, WATCHMAN } from './start.ts'
import type { Exchange } from './types.ts'
import { startWatchman } from './watchman.ts'

/** Milliseconds without any progress after which nothing more is expected, the second where something is wrong. */
const PATIENCE = 60_000
const PATIENCE_IN_TROUBLE = 10_000

/** How patiently the client is asked at first. */
const PATIENCE_AT_START = { retries: 1, timeout: 10_000, backoff: 200 }

/** Milliseconds between two looks. */
const INTERVAL = 200

const ZERO = `0x${'00'.repeat(32)}`

/** See {@link checkOnce}. */
export interface OnceOptions {
  genesis: Genesis
  /** Only its config is that of the chain, see `WatchmanOptions`. */
  isStateless?: boolean
  datadir: string
  /** URL of a port of the client with `eth` and `debug`. */
  eth: string
  sample: number
  log: Logger
}

/** The newest block of the client. @throws {EndpointError} if it does not say */
async function fetchHead(eth: string): Promise<BlockRef> {
  const endpoint = new Endpoint(eth, PATIENCE_AT_START)
  const head = fieldsOf(await endpoint.call('eth_getBlockByNumber', 'latest', false))
  const [number, hash] = [numberIn(head.number), hashIn(head.hash)]
  if (number !== undefined && hash) return { number, hash }
  throw new EndpointError(`${endpoint.name} does not say what its head is`)
}

/** What op-node and the client would say to each other about a block that is head. */
function toExchange(hash: string): Exchange {
  const state = { headBlockHash: hash, safeBlockHash: ZERO, finalizedBlockHash: ZERO }
  const method = 'engine_forkchoiceUpdatedV3'
  const payloadStatus = { status: 'VALID', latestValidHash: hash, validationError: null }
  return {
    number: 1,
    at: Date.now(),
    request: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: [state, null] }),
    response: JSON.stringify({ jsonrpc: '2.0', id: 1, result: { payloadStatus, payloadId: null } }),
  }
}

/**
 * Compares the blocks of a client up to its head: those since the last that was compared in this data directory.
 *
 * @returns 0 if all are the same, 1 if an alarm rang, 2 if it is not known
 */
export async function checkOnce({
  genesis,
  isStateless,
  datadir,
  eth,
  sample,
  log,
}: OnceOptions): Promise<number> {
  let rung = 0
  const alarms = await openAlarmBook({ folder: datadir, log, onRing: () => rung++ })
  try {
    const head = await fetchHead(eth)
    const own = { datadir: join(datadir, WATCHMAN), cases: join(datadir, CASES) }
    const options = { genesis, isStateless, ...own, eth, sample, log, onAlarm: alarms.ring }
    const watchman = await startWatchman(options)
    try {
      watchman.note(toExchange(head.hash))
      let last = ''
      let lastAt = performance.now()
      while (rung === 0) {
        const { checked, same, behind, trouble } = watchman.progress()
        const patience = trouble ? PATIENCE_IN_TROUBLE : PATIENCE
        if (checked?.hash === head.hash || performance.now() - lastAt > patience) break
        const now = `${checked?.number} ${same} ${behind}`
        if (now !== last) lastAt = performance.now()
        last = now
        await sleep(INTERVAL)
      }
      const pause = watchman.progress().trouble ? 0 : PATIENCE
      await Promise.race([watchman.idle(), sleep(pause, undefined, { ref: false })])
      const { checked, same, trouble } = watchman.progress()
      if (rung > 0) return 1
      if (checked?.hash === head.hash) {
        log.info({ head: head.number, same }, 'all blocks that were compared are the same')
        return 0
      }
      log.error(
        { head: head.number, checked: checked?.number, trouble },
        'the head was not compared',
      )
      return 2
    } finally {
      await watchman.close()
    }
  } finally {
    alarms.close()
  }
}
