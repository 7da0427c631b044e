import type { Genesis } from 'ethereumjs-op/blockchain'
import type { Logger } from './logger.ts'

/**
 * Least number of blocks that `--state.history` may ask for. As geth, of which a node without an
 * archive answers for 128: wallets call on a block that they read a moment ago, and proofs are made of
 * blocks of some minutes ago.
 */
export const MIN_HISTORY = 128

/** What can be served on a public port; `engine` is only for holders of the secret. */
export const NAMESPACES = ['debug', 'eth', 'miner', 'net', 'rpc', 'txpool', 'web3']

/** What is served there unless something else is asked for. */
export const DEFAULT_NAMESPACES = ['eth', 'net', 'web3']

/** What is wrong with namespaces for a public port, if anything is. */
export function findFault(namespaces: string[]): string | undefined {
  const unknown = namespaces.find((name) => !NAMESPACES.includes(name))
  if (unknown === undefined) return undefined
  const isEngine = unknown === 'engine'
  const reason = isEngine
    ? 'engine is served on the port for op-node only'
    : `There is no namespace '${unknown}'`
  return `${reason}; there are ${NAMESPACES.join(', ')}.`
}

/** Where a port listens; 0 takes any that is free. */
export interface Endpoint {
  addr: string
  port: number
}

/** The public port. */
export interface HTTPOptions extends Endpoint {
  /** Namespaces that are served, `eth`, `net` and `web3` if they are left out. */
  api?: string[]
  /** Names by which browsers may call the port (against DNS rebinding), `localhost` if they are left
   * out, `*` for any. IP addresses always may. */
  vhosts?: string[]
  /** Origins whose web pages may call the port, none if they are left out, `*` for any. */
  corsdomain?: string[]
}

/** The public port for WebSocket. */
export interface WebSocketOptions extends Endpoint {
  /** Namespaces that are served, `eth`, `net` and `web3` if they are left out. */
  api?: string[]
  /** Origins whose web pages may connect, those of this machine if they are left out, `*` for any. */
  origins?: string[]
}

/** Limits of a simulated call, on all ports. */
export interface CallLimits {
  /** Most gas. */
  gasCap: number
  /** Milliseconds that it may take; 0 is no limit. */
  evmTimeout: number
}

/** As op-geth has them. */
export const DEFAULT_LIMITS: CallLimits = { gasCap: 50_000_000, evmTimeout: 5_000 }

/** See `startNode`. */
export interface NodeOptions {
  /** Contents of a geth-style genesis file. */
  genesis: Genesis
  /** Folder of the database; without it nothing is kept. */
  datadir?: string
  /** Number of blocks before the head whose states are kept, at least {@link MIN_HISTORY}; all by default. */
  stateHistory?: number
  http: HTTPOptions
  /** Without it, WebSocket is not served in public. It may have the port of `http`. */
  ws?: WebSocketOptions
  /** Of simulated calls, {@link DEFAULT_LIMITS} if they are left out. */
  calls?: CallLimits
  /** Where all namespaces are served to holders of the secret, over HTTP and WebSocket. */
  authrpc: Endpoint
  /** 32 bytes. */
  secret: Uint8Array
  /** Where metrics are served in the form of Prometheus; without it they are not. */
  metrics?: Endpoint
  /** Seconds: `GET /health` answers 503 when the head is older. Without it the age does not count. */
  maxHeadAge?: number
  /** Hears nothing if it is left out. */
  log?: Logger
}

/**
 * Refuses namespaces that there are not.
 *
 * @param flag - where they were asked for
 * @throws if one is not known, or not for everyone
 */
export function checkNamespaces(flag: string, api: string[] = []): void {
  const fault = findFault(api)
  if (fault) throw new Error(`${flag}: ${fault}`)
}
