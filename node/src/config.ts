// All settings of the command line, each in one place: flag, environment variable and key of the
// config file have the same name, and `--help` and the tables in README.md are made from these.
import { MODES, type Mode } from './crosscheck/decide.ts'
import { DEFAULT_LIMITS, DEFAULT_NAMESPACES, MIN_HISTORY, NAMESPACES } from './options.ts'
import {
  MEMORY,
  SECRET_FILE,
  type Setting,
  findDatadir,
  readChoice,
  readDuration,
  readInteger,
  readNames,
  readNamespaces,
  readPort,
  readText,
  refuseNetwork,
} from './settings.ts'

/** What `ethereumjs-op node` is told; what each means is in {@link NODE_SETTINGS}. */
export interface NodeSettings {
  genesis?: string
  /** A folder, or {@link MEMORY}. */
  datadir: string
  dev: boolean
  /** Blocks whose states are kept; all if it is left out. */
  'state.history'?: number
  'http.addr': string
  'http.port': number
  'http.api': string[]
  'http.vhosts': string[]
  'http.corsdomain': string[]
  ws: boolean
  'ws.addr': string
  'ws.port': number
  'ws.api': string[]
  'ws.origins': string[]
  /** Gas. */
  'rpc.gascap': number
  /** Milliseconds; 0 is no limit. */
  'rpc.evmtimeout': number
  'authrpc.addr': string
  'authrpc.port': number
  'authrpc.jwtsecret'?: string
  'log.level': 'debug' | 'info' | 'warn' | 'error' | 'silent'
  'log.format': 'text' | 'json'
  metrics: boolean
  'metrics.addr': string
  'metrics.port': number
  /** Seconds. */
  'health.maxage'?: number
}

/** What `ethereumjs-op crosscheck` is told; what each means is in {@link CROSSCHECK_SETTINGS}. */
export interface CrosscheckSettings {
  engine?: string[]
  'engine.jwtsecret'?: string[]
  /** Milliseconds. */
  'engine.timeout'?: number
  eth?: string
  genesis?: string
  /** An id. */
  chain?: number
  datadir: string
  onMismatch: Mode
  sample: number
  once: boolean
  webhook?: string
  'authrpc.addr': string
  'authrpc.port': number
  'authrpc.jwtsecret'?: string
  'http.addr': string
  'http.port': number
  metrics: boolean
  'metrics.addr': string
  'metrics.port': number
  'log.level': NodeSettings['log.level']
  'log.format': NodeSettings['log.format']
}

/** What `ethereumjs-op dev` is told; what each means is in {@link DEV_SETTINGS}. */
export interface DevSettings {
  addr: string
  port: number
  /** Seconds. */
  blockTime: number
  /** A folder, or {@link MEMORY}. */
  datadir: string
  enginePort: number
  depositPort: number
}

const CHAIN = 'Chain and data:'
const HTTP = 'HTTP for everyone:'
const WEBSOCKET = 'WebSocket for everyone:'
const CALLS = 'Simulated calls:'
const ENGINE = 'HTTP and WebSocket for op-node:'
const WATCH = 'Logs, metrics, health:'
const LOCAL = 'Local chain:'
const MAIN = 'The main client:'
const COMPARE = 'What is compared, and what a difference leads to:'

/** What all ports can be. */
const ANY_PORT = '0 takes any that is free'

/** Gas of a transfer; and so much that the memory of a call, which gas pays, is less than a gigabyte. */
const MIN_GAS_CAP = 21_000
const MAX_GAS_CAP = 1_000_000_000

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent']
const LOG_FORMATS = ['text', 'json']

/** Settings of `ethereumjs-op node`. */
export const NODE_SETTINGS: Setting[] = [
  {
    name: 'genesis',
    value: 'file',
    about: 'geth-style genesis file of the chain, .json or .json.gz',
    group: CHAIN,
    read: readText,
  },
  {
    name: 'network',
    value: 'name',
    about: 'refused, with the reason: public chains cannot be synced',
    group: CHAIN,
    read: refuseNetwork,
  },
  {
    name: 'datadir',
    value: 'folder',
    about: `where blocks, states and the secret are kept; ${MEMORY} keeps nothing`,
    group: CHAIN,
    fallback: findDatadir(),
    fallbackText: 'ethereumjs-op in $XDG_DATA_HOME or ~/.local/share',
    read: readText,
  },
  {
    name: 'dev',
    about: 'keep nothing, and take the genesis of the local chain if there is no other',
    group: CHAIN,
  },
  {
    name: 'state.history',
    value: 'blocks',
    about: `of how many of the last blocks the states are kept, at least ${MIN_HISTORY}`,
    group: CHAIN,
    fallbackText: 'of all',
    read: readInteger(MIN_HISTORY, Number.MAX_SAFE_INTEGER),
  },
  {
    name: 'http.addr',
    value: 'host',
    about: 'address of the port for everyone',
    group: HTTP,
    fallback: '127.0.0.1',
    read: readText,
  },
  {
    name: 'http.port',
    value: 'port',
    about: `port for everyone; ${ANY_PORT}`,
    group: HTTP,
    fallback: 8545,
    read: readPort,
  },
  {
    name: 'http.api',
    value: 'names',
    about: `what is served there, of ${NAMESPACES.join(', ')}; miner is for op-batcher`,
    group: HTTP,
    fallback: DEFAULT_NAMESPACES,
    read: readNamespaces,
  },
  {
    name: 'http.vhosts',
    value: 'names',
    about: 'by what names of this machine it may be asked; * is any',
    group: HTTP,
    fallback: ['localhost'],
    read: readNames,
  },
  {
    name: 'http.corsdomain',
    value: 'origins',
    about: 'whose web pages may ask; * is all',
    group: HTTP,
    fallback: [],
    fallbackText: 'none',
    read: readNames,
  },
  {
    name: 'ws',
    about: 'serve WebSocket, with subscriptions',
    group: WEBSOCKET,
  },
  {
    name: 'ws.addr',
    value: 'host',
    about: 'address of the WebSocket port',
    group: WEBSOCKET,
    fallback: '127.0.0.1',
    read: readText,
  },
  {
    name: 'ws.port',
    value: 'port',
    about: `WebSocket port, which may be that of HTTP; ${ANY_PORT}`,
    group: WEBSOCKET,
    fallback: 8546,
    read: readPort,
  },
  {
    name: 'ws.api',
    value: 'names',
    about: 'what is served there',
    group: WEBSOCKET,
    fallback: DEFAULT_NAMESPACES,
    read: readNamespaces,
  },
  {
    name: 'ws.origins',
    value: 'origins',
    about: 'whose web pages may connect; * is all',
    group: WEBSOCKET,
    fallback: ['localhost'],
    read: readNames,
  },
  {
    name: 'rpc.gascap',
    value: 'gas',
    about: 'most gas of eth_call, eth_estimateGas and all else that simulates',
    group: CALLS,
    fallback: DEFAULT_LIMITS.gasCap,
    read: readInteger(MIN_GAS_CAP, MAX_GAS_CAP),
  },
  {
    name: 'rpc.evmtimeout',
    value: 'duration',
    about: 'longest time of each, as 5s, 500ms or 1m30s; 0 is no limit',
    group: CALLS,
    fallback: DEFAULT_LIMITS.evmTimeout,
    fallbackText: '5s',
    read: readDuration,
  },
  {
    name: 'authrpc.addr',
    value: 'host',
    about: 'address of the port for op-node',
    group: ENGINE,
    fallback: '127.0.0.1',
    read: readText,
  },
  {
    name: 'authrpc.port',
    value: 'port',
    about: `port for op-node; ${ANY_PORT}`,
    group: ENGINE,
    fallback: 8551,
    read: readPort,
  },
  {
    name: 'authrpc.jwtsecret',
    value: 'file',
    about: 'the secret that op-node has too, 32 bytes in hex; created if missing',
    group: ENGINE,
    fallbackText: `${SECRET_FILE} in the data directory`,
    read: readText,
  },
  {
    name: 'log.level',
    value: 'level',
    about: `least important lines that are logged, of ${LOG_LEVELS.join(', ')}`,
    group: WATCH,
    fallback: 'info',
    read: readChoice(LOG_LEVELS),
  },
  {
    name: 'log.format',
    value: 'format',
    about: `how they are written, of ${LOG_FORMATS.join(', ')}`,
    group: WATCH,
    fallback: 'text',
    read: readChoice(LOG_FORMATS),
  },
  {
    name: 'metrics',
    about: 'serve metrics for Prometheus',
    group: WATCH,
  },
  {
    name: 'metrics.addr',
    value: 'host',
    about: 'address of the port for metrics',
    group: WATCH,
    fallback: '127.0.0.1',
    read: readText,
  },
  {
    name: 'metrics.port',
    value: 'port',
    about: `port for metrics; ${ANY_PORT}`,
    group: WATCH,
    fallback: 6060,
    read: readPort,
  },
  {
    name: 'health.maxage',
    value: 'seconds',
    about: 'age of the head from which on GET /health answers 503',
    group: WATCH,
    fallbackText: 'no limit',
    read: readInteger(1, 2 ** 31),
  },
]

/** What of them `ethereumjs-op db` takes, to find the data of a node. */
export const DB_SETTINGS = NODE_SETTINGS.filter(({ name }) => ['genesis', 'datadir'].includes(name))

/** A setting of the node that another command has, too, where it differs. */
function like(name: string, changes: Partial<Setting> = {}): Setting {
  return { ...NODE_SETTINGS.find((setting) => setting.name === name)!, ...changes }
}

/** Settings of `ethereumjs-op crosscheck`. */
export const CROSSCHECK_SETTINGS: Setting[] = [
  {
    name: 'engine',
    value: 'url',
    about: 'its authenticated port; several in the order of preference, for mode majority',
    group: MAIN,
    isList: true,
    read: readNames,
  },
  {
    name: 'engine.jwtsecret',
    value: 'file',
    about: 'its secret, 32 bytes in hex; one for all, or as many as there are engines',
    group: MAIN,
    isList: true,
    read: readNames,
  },
  {
    name: 'engine.timeout',
    value: 'duration',
    about: 'how long it may take to answer; op-node has a limit of its own',
    group: MAIN,
    fallbackText: '5m; with several 8s, which is less than the 10s of op-node',
    read: readDuration,
  },
  {
    name: 'eth',
    value: 'url',
    about: 'a port of it with eth and debug, to compare receipts and to catch up',
    group: MAIN,
    read: readText,
  },
  like('genesis', { group: COMPARE }),
  {
    name: 'chain',
    value: 'id',
    about:
      'in place of it the id of a known chain: blocks are checked by witnesses or proofs of --eth',
    group: COMPARE,
    read: readInteger(1, Number.MAX_SAFE_INTEGER),
  },
  like('datadir', {
    about: 'where alarms, cases, the secret and the state of the watchman are kept',
    group: COMPARE,
    fallback: `${findDatadir()}-crosscheck`,
    fallbackText: 'ethereumjs-op-crosscheck in $XDG_DATA_HOME or ~/.local/share',
  }),
  {
    name: 'on-mismatch',
    value: 'mode',
    about: `what a difference leads to, of ${MODES.join(', ')}`,
    group: COMPARE,
    fallback: 'alert',
    read: readChoice([...MODES]),
  },
  {
    name: 'sample',
    value: 'n',
    about: 'compare each nth block only, on chains that are too fast',
    group: COMPARE,
    fallback: 1,
    read: readInteger(1, 1e6),
  },
  {
    name: 'once',
    about: 'no proxy: compare what --eth has until its head, and end with 0, 1 or 2',
    group: COMPARE,
  },
  {
    name: 'webhook',
    value: 'url',
    about: 'where alarms are posted as JSON, until it takes them',
    group: COMPARE,
    read: readText,
  },
  like('authrpc.addr'),
  like('authrpc.port', { fallback: 8561 }),
  like('authrpc.jwtsecret'),
  like('http.addr', { about: 'address of the port of /health and /ready', group: WATCH }),
  like('http.port', { about: `its port; ${ANY_PORT}`, group: WATCH, fallback: 8560 }),
  like('metrics'),
  like('metrics.addr'),
  like('metrics.port', { fallback: 6061 }),
  like('log.level'),
  like('log.format'),
]

/** Settings of `ethereumjs-op dev`. */
export const DEV_SETTINGS: Setting[] = [
  {
    name: 'addr',
    value: 'host',
    about: 'address of the port of the node',
    group: LOCAL,
    fallback: '127.0.0.1',
    read: readText,
  },
  {
    name: 'port',
    value: 'port',
    about: `port of the node; ${ANY_PORT}`,
    group: LOCAL,
    fallback: 8545,
    read: readPort,
  },
  {
    name: 'block-time',
    value: 'seconds',
    about: 'seconds from block to block',
    group: LOCAL,
    fallback: 2,
    read: readInteger(1, 3_600),
  },
  {
    name: 'datadir',
    value: 'folder',
    about: 'where the chain is kept',
    group: LOCAL,
    fallback: MEMORY,
    fallbackText: `${MEMORY}, which keeps nothing`,
    read: readText,
  },
  {
    name: 'engine-port',
    value: 'port',
    about: `port of the Engine API; ${ANY_PORT}`,
    group: LOCAL,
    fallback: 8551,
    read: readPort,
  },
  {
    name: 'deposit-port',
    value: 'port',
    about: `port that takes deposits; ${ANY_PORT}`,
    group: LOCAL,
    fallback: 8552,
    read: readPort,
  },
]
