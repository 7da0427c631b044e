import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { type FeeMarketEIP1559TxData, createFeeMarket1559Tx } from '@ethereumjs/tx'
import { type PrefixedHexString, bigIntToBytes, bytesToHex, concatBytes } from '@ethereumjs/util'
import { createAddressFromPrivateKey, createAddressFromString } from '@ethereumjs/util'
import { hexToBytes, setLengthLeft, toBytes } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import type { NodeOptions } from 'ethereumjs-op-node'
import { SignJWT } from 'jose'
import {
  type ChainConfig,
  type DepositTx,
  type Fork,
  FORKS,
  encodeDeposit,
  sourceHash,
} from '../src/index.ts'
import { type JSONValue, COINBASE, DEPOSITOR, L1_BLOCK, configAt, customCrypto } from './helpers.ts'

export type Hex = PrefixedHexString
/** An object of the Engine API or of JSON-RPC. */
export type JSONObject = Record<string, JSONValue>

/** An error that a node answered with. */
export class CallError extends Error {
  readonly code: number
  readonly data: JSONValue
  /** The text of the error, so that reports of failed tests show it. */
  readonly reason: string
  constructor(method: string, { code, message, data }: JSONValue) {
    super(`${method}: ${code} ${message}`)
    this.code = code
    this.data = data
    this.reason = message
  }
}

/**
 * Starts a node in a process of its own, with a fresh secret. It ends with the test at the latest.
 *
 * @param opts.datadir - without it nothing is kept
 * @param opts.calls - limits of simulated calls
 * @param opts.stateHistory - blocks whose states are kept; all by default
 * @throws if the node does not start
 */
export async function spawnNode(
  genesis: JSONObject,
  opts: Partial<Pick<NodeOptions, 'datadir' | 'stateHistory' | 'calls'>> = {},
) {
  const secret = randomBytes(32)
  const script = fileURLToPath(new URL('node-process.mjs', import.meta.url))
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (chunk) => {
    errors += chunk
  })
  const exited = once(child, 'exit')
  child.stdin.on('error', () => {})
  child.stdin.write(`${JSON.stringify({ genesis, ...opts, secret: secret.toString('hex') })}\n`)
  const line = once(createInterface({ input: child.stdout }), 'line')
  const [ports] = await Promise.race([line, exited.then(() => [])])
  if (!ports) throw new Error(`the node did not start: ${errors}`)
  const { httpPort, authPort } = JSON.parse(ports)
  const [url, authUrl] = [httpPort, authPort].map((port) => `http://127.0.0.1:${port}`)

  /** Posts a body and gives the parsed answer. */
  const post = async (to: string, headers: Record<string, string>, body: string) => {
    const response = await fetch(to, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    })
    if (!response.ok) throw new Error(`HTTP status ${response.status}`)
    return (await response.json()) as JSONValue
  }
  const request = (method: string, params: unknown[]) =>
    JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  const read = (method: string, { error, result }: JSONValue) => {
    if (error) throw new CallError(method, error)
    return result
  }
  /** Calls a method on the authenticated port. @throws {CallError} */
  const call = async (method: string, ...params: unknown[]): Promise<JSONValue> => {
    const authorization = `Bearer ${await createToken(secret)}`
    return read(method, await post(authUrl, { authorization }, request(method, params)))
  }
  /** Calls a method on the public port. @throws {CallError} */
  const callPublic = async (method: string, ...params: unknown[]): Promise<JSONValue> =>
    read(method, await post(url, {}, request(method, params)))
  /** Ends the process. @returns its exit status and what it wrote to standard error */
  const stop = async (signal: NodeJS.Signals = 'SIGTERM') => {
    child.kill(signal)
    const [status] = await exited
    return { status, errors }
  }
  return { url, authUrl, secret, pid: child.pid!, call, callPublic, stop }
}

/** A running node. */
export type TestNode = Awaited<ReturnType<typeof spawnNode>>

/** A fresh token for the authenticated port (E-51). */
export const createToken = (secret: Uint8Array, iat = Math.floor(Date.now() / 1000)) =>
  new SignJWT().setProtectedHeader({ alg: 'HS256' }).setIssuedAt(iat).sign(secret)

/** The code of the error that a call ends with, or what it gives. */
export const codeOf = (result: Promise<JSONValue>): Promise<JSONValue> =>
  result.catch((error) => error.code ?? `${error}`)

/** The code, message and data of the error that a call ends with. */
export const refusal = (result: Promise<JSONValue>) =>
  result.then(
    (answer) => `no error but ${JSON.stringify(answer)}`,
    ({ code, reason, data }) => ({ code, reason, ...(data && { data }) }),
  )

const DEV_GENESIS: JSONObject = JSON.parse(
  readFileSync(fileURLToPath(new URL('../examples/genesis.json', import.meta.url)), 'utf8'),
)

/** Timestamp of block 0 in seconds. */
export const GENESIS_TIME = Number(DEV_GENESIS.timestamp)
export const BLOCK_TIME = 2
export const GAS_LIMIT = 60_000_000n
export const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

/** True if `fork` is `first` or a later one. */
export const isFrom = (fork: Fork, first: Fork) => FORKS.indexOf(fork) >= FORKS.indexOf(first)

/** The local chain's genesis, but with `fork` active from block 0 and others at these times. */
export function genesisAt(fork: Fork, times: Partial<Record<Fork, number>> = {}): JSONObject {
  const { blobGasUsed, excessBlobGas, ...fields } = DEV_GENESIS
  const params = '000000fa00000006'
  const holocene = isFrom(fork, 'holocene') ? `0x00${params}` : '0x'
  const extraData = isFrom(fork, 'jovian') ? `0x01${params}${'00'.repeat(8)}` : holocene
  const blobFields = isFrom(fork, 'ecotone') && { blobGasUsed, excessBlobGas }
  return { ...fields, ...blobFields, extraData, config: configAt(fork, times) }
}

/** An account in no genesis. */
export const STRANGER: Hex = `0x${'99'.repeat(20)}`

export const toAddress = (number: number): Hex => `0x${number.toString(16).padStart(40, '0')}`
export const toWord = (value: number | bigint | string): Hex =>
  `0x${BigInt(value).toString(16).padStart(64, '0')}`

/** A genesis with these contracts, by their addresses. */
export const withContracts = (
  genesis: JSONObject,
  contracts: Record<string, { code: string; balance?: string; storage?: object }>,
): JSONObject => {
  const added = Object.entries(contracts).map(([address, contract]) => [
    address,
    { balance: '0x0', ...contract },
  ])
  return { ...genesis, alloc: { ...genesis.alloc, ...Object.fromEntries(added) } }
}

/** Private keys of the mnemonic "test test test test test test test test test test test junk". */
export const KEYS: Hex[] = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
  '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a',
  '0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6',
]

/** The funded accounts of {@link KEYS}. */
export const ACCOUNTS = KEYS.map((key) => `${createAddressFromPrivateKey(hexToBytes(key))}`)

export const GWEI = 10n ** 9n
export const RECIPIENT = '0x00000000000000000000000000000000000000aa'

/** What signs transactions for a chain. */
const commonOf = (chainId: number) =>
  new Common({ chain: { ...Mainnet, chainId }, hardfork: Hardfork.Cancun, customCrypto })

/** A signed transfer of 1 wei from a funded account, with a tip of 1 gwei unless `data` differs. */
export function transfer(account: number, nonce: number, data: FeeMarketEIP1559TxData = {}): Hex {
  const tx = createFeeMarket1559Tx(
    {
      chainId: 901,
      nonce,
      to: RECIPIENT,
      value: 1n,
      gasLimit: 21_000n,
      maxFeePerGas: 10n * GWEI,
      maxPriorityFeePerGas: GWEI,
      ...data,
    },
    { common: commonOf(Number(data.chainId ?? 901)) },
  )
  return bytesToHex(tx.sign(hexToBytes(KEYS[account])).serialize())
}

/** The hash of an encoded transaction. */
export const hashOf = (raw: Hex): Hex => bytesToHex(keccak_256(hexToBytes(raw)))

const uint = (value: bigint | number, width: number) =>
  setLengthLeft(bigIntToBytes(BigInt(value)), width)
const imagine = (what: string, number: number) =>
  keccak_256(new TextEncoder().encode(`${what} ${number}`))

/** A user deposit of 1 gwei for {@link RECIPIENT} from an account that has nothing else. */
export function userDeposit(index: number, fields: Partial<DepositTx> = {}): Hex {
  const from = createAddressFromString('0x00000000000000000000000000000000000000de')
  const tx = { from, to: createAddressFromString(RECIPIENT), mint: GWEI, value: GWEI }
  const preimage = concatBytes(imagine('L1 block of deposit', index), uint(index, 32))
  const others = { gas: 100_000n, isSystemTx: false, data: new Uint8Array() }
  const sourceHashOf = { sourceHash: sourceHash(0, preimage) }
  return bytesToHex(encodeDeposit({ ...tx, ...others, ...sourceHashOf, ...fields }))
}

/** Gas of DA footprint a byte in the L1 attributes of {@link createDriver}. */
export const DA_FOOTPRINT_GAS_SCALAR = 400

/** Calldata of the L1 attributes deposit in the format that came with a fork (T-18). */
function encodeL1(format: Fork, number: number, time: number, sequenceNumber: number) {
  const [l1BaseFee, hash, batcher] = [uint(GWEI, 32), imagine('L1 block', number), uint(1, 32)]
  if (format === 'bedrock') {
    const words = [number, time, GWEI].map((value) => uint(value, 32))
    const scalars = [188, 684_000].map((value) => uint(value, 32))
    const rest = [hash, uint(sequenceNumber, 32), batcher, ...scalars]
    return concatBytes(hexToBytes('0x015d8eb9'), ...words, ...rest)
  }
  const position = [sequenceNumber, time, number].map((value) => uint(value, 8))
  const packed = [uint(5227, 4), uint(1_014_213, 4), ...position]
  const ecotone = concatBytes(...packed, l1BaseFee, uint(1, 32), hash, batcher)
  if (format === 'ecotone') return concatBytes(hexToBytes('0x440a5e20'), ecotone)
  const isthmus = concatBytes(ecotone, uint(100, 4), uint(7, 8))
  if (format === 'isthmus') return concatBytes(hexToBytes('0x098999be'), isthmus)
  const jovian = concatBytes(isthmus, uint(DA_FOOTPRINT_GAS_SCALAR, 2))
  return concatBytes(hexToBytes('0x3db6be2b'), jovian)
}

/** A block on which the next is built: a payload, or what {@link genesisHead} gives. */
export type Head = JSONObject & { blockHash: Hex; timestamp: Hex }

/** What `engine_getPayload` gives from version 2 on. */
export type Envelope = JSONObject & { executionPayload: Head }

/** The genesis block of a node. */
export async function genesisHead(node: TestNode): Promise<Head> {
  const { hash, number, timestamp } = await node.call('eth_getBlockByNumber', '0x0', false)
  return { blockHash: hash, blockNumber: number, timestamp }
}

/** A forkchoice; a label that is not given is zero, which leaves it as it was (E-43). */
export const forkchoice = (
  head: { blockHash: Hex },
  labels: { safe?: { blockHash: Hex }; finalized?: { blockHash: Hex } } = {},
) => ({
  headBlockHash: head.blockHash,
  safeBlockHash: labels.safe?.blockHash ?? ZERO_HASH,
  finalizedBlockHash: labels.finalized?.blockHash ?? ZERO_HASH,
})

/** Versions of the methods that op-node calls for a fork (E-01…E-05). */
export function versionsAt(fork: Fork) {
  if (isFrom(fork, 'karst')) return { forkchoiceUpdated: 3, newPayload: 4, getPayload: 5 }
  if (isFrom(fork, 'isthmus')) return { forkchoiceUpdated: 3, newPayload: 4, getPayload: 4 }
  if (isFrom(fork, 'ecotone')) return { forkchoiceUpdated: 3, newPayload: 3, getPayload: 3 }
  if (isFrom(fork, 'canyon')) return { forkchoiceUpdated: 2, newPayload: 2, getPayload: 2 }
  return { forkchoiceUpdated: 1, newPayload: 2, getPayload: 2 }
}

/** Makes op-node's calls on nodes of a chain, in op-node's order. */
export function createDriver(genesis: JSONObject) {
  const config = genesis.config as ChainConfig
  const timeOf = (fork: Fork) =>
    fork === 'bedrock' ? 0 : ((config[`${fork}Time`] ?? Infinity) as number)
  const forkAt = (timestamp: Hex | number) =>
    FORKS.findLast((fork) => timeOf(fork) <= Number(timestamp))!

  /** The L1 attributes deposit of a block (D-06), in the format of its parent's fork (T-18). */
  function l1Attributes(timestamp: number): Hex {
    const seconds = timestamp - GENESIS_TIME
    const [number, sequenceNumber] = [Math.floor(seconds / 12) + 1, Math.floor(seconds / 2) % 6]
    const [fork, previous] = [forkAt(timestamp), forkAt(timestamp - BLOCK_TIME)]
    const formats: Fork[] = ['bedrock', 'ecotone', 'isthmus', 'jovian']
    const format = formats.findLast((fork) => isFrom(previous, fork))!
    const isRegolith = isFrom(fork, 'regolith')
    const preimage = concatBytes(imagine('L1 block', number), uint(sequenceNumber, 32))
    const tx = {
      sourceHash: sourceHash(1, preimage),
      from: createAddressFromString(DEPOSITOR),
      to: createAddressFromString(L1_BLOCK),
      mint: 0n,
      value: 0n,
      gas: isRegolith ? 1_000_000n : 150_000_000n,
      isSystemTx: !isRegolith,
      data: encodeL1(format, number, 12 * number, sequenceNumber),
    }
    return bytesToHex(encodeDeposit(tx))
  }

  /**
   * Attributes of the block after a head, complete for their fork: the L1 attributes deposit, then
   * `transactions`, and nothing from the pool unless `overrides` say so.
   */
  function attributesAfter(
    parent: Head,
    transactions: Hex[] = [],
    overrides: JSONObject = {},
  ): JSONObject {
    const timestamp = Number(overrides.timestamp ?? Number(parent.timestamp) + BLOCK_TIME)
    const fork = forkAt(timestamp)
    return {
      timestamp: `0x${timestamp.toString(16)}`,
      prevRandao: bytesToHex(imagine('randao', timestamp)),
      suggestedFeeRecipient: COINBASE,
      transactions: [l1Attributes(timestamp), ...transactions],
      noTxPool: true,
      gasLimit: `0x${GAS_LIMIT.toString(16)}`,
      ...(isFrom(fork, 'canyon') && { withdrawals: [] }),
      ...(isFrom(fork, 'ecotone') && {
        parentBeaconBlockRoot: bytesToHex(imagine('beacon root', timestamp)),
      }),
      ...(isFrom(fork, 'holocene') && { eip1559Params: '0x0000000000000000' }),
      ...(isFrom(fork, 'jovian') && { minBaseFee: 0 }),
      ...overrides,
    }
  }

  const at = (name: keyof ReturnType<typeof versionsAt>, timestamp: Hex) =>
    `engine_${name}V${versionsAt(forkAt(timestamp))[name]}`

  /** Starts building. @returns the answer of `engine_forkchoiceUpdated` */
  const start = (node: TestNode, state: JSONObject, attributes: JSONObject) =>
    node.call(at('forkchoiceUpdated', attributes.timestamp), state, attributes)

  /** Fetches the payload of a build. */
  const fetchPayload = (node: TestNode, timestamp: Hex, id: Hex): Promise<Envelope> =>
    node.call(at('getPayload', timestamp), id)

  /** Builds a block on a head. @throws if there is no payload id */
  async function build(node: TestNode, parent: Head, attributes: JSONObject) {
    const { payloadStatus, payloadId } = await start(node, forkchoice(parent), attributes)
    if (!payloadId) throw new Error(`no payload id, status ${JSON.stringify(payloadStatus)}`)
    return fetchPayload(node, attributes.timestamp, payloadId)
  }

  /** Hands a payload to a node. @returns the answer of `engine_newPayload` */
  function insert(node: TestNode, { executionPayload, parentBeaconBlockRoot }: Envelope) {
    const name = at('newPayload', executionPayload.timestamp)
    const params = [executionPayload, [], parentBeaconBlockRoot, []]
    const counts: Record<string, number> = { V1: 1, V2: 1, V3: 3, V4: 4 }
    return node.call(name, ...params.slice(0, counts[name.slice(-2)]))
  }

  /** Moves head and labels, as op-node does without attributes: always with version 3 (E-06). */
  const choose = (node: TestNode, head: Head, labels?: Parameters<typeof forkchoice>[1]) =>
    node.call('engine_forkchoiceUpdatedV3', forkchoice(head, labels), null)

  /** Builds a block on a head, and makes it the new head. @throws if the node refuses */
  async function extend(
    node: TestNode,
    parent: Head,
    transactions?: Hex[],
    overrides?: JSONObject,
  ) {
    const envelope = await build(node, parent, attributesAfter(parent, transactions, overrides))
    const { status, validationError } = await insert(node, envelope)
    if (status !== 'VALID') throw new Error(`new payload is ${status}: ${validationError}`)
    await choose(node, envelope.executionPayload)
    return envelope
  }

  return {
    forkAt,
    l1Attributes,
    attributesAfter,
    start,
    fetchPayload,
    build,
    insert,
    choose,
    extend,
  }
}

const EMPTY_ROOT: Hex = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
const EMPTY_UNCLES: Hex = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'
const EMPTY_REQUESTS: Hex = '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** The envelope with other fields in its payload, and the hash that belongs to them. */
export async function rehash(
  { executionPayload, parentBeaconBlockRoot, ...rest }: Envelope,
  changes: JSONObject = {},
): Promise<Envelope> {
  const payload = { ...executionPayload, ...changes } as JSONObject
  const beaconRoot = changes.parentBeaconBlockRoot ?? parentBeaconBlockRoot
  payload.parentBeaconBlockRoot = undefined
  const trie = new MerklePatriciaTrie({ useKeyHashing: false })
  for (const [index, raw] of payload.transactions.entries()) {
    await trie.put(RLP.encode(index), hexToBytes(raw))
  }
  const number = (name: string) => BigInt(payload[name])
  const bytes = (hex: string) => toBytes(hex as Hex)
  const fields = [
    ...[bytes(payload.parentHash), bytes(EMPTY_UNCLES), bytes(payload.feeRecipient)],
    ...[bytes(payload.stateRoot), trie.root(), bytes(payload.receiptsRoot)],
    ...[bytes(payload.logsBloom), 0n, number('blockNumber'), number('gasLimit')],
    ...[number('gasUsed'), number('timestamp'), bytes(payload.extraData)],
    ...[bytes(payload.prevRandao), new Uint8Array(8), number('baseFeePerGas')],
  ]
  if (payload.withdrawals) fields.push(bytes(payload.withdrawalsRoot ?? EMPTY_ROOT))
  if (payload.blobGasUsed) fields.push(number('blobGasUsed'), number('excessBlobGas'))
  if (beaconRoot) fields.push(bytes(beaconRoot))
  if (payload.withdrawalsRoot) fields.push(bytes(EMPTY_REQUESTS))
  payload.blockHash = bytesToHex(customCrypto.keccak256!(RLP.encode(fields)))
  return { ...rest, executionPayload: payload as Head, parentBeaconBlockRoot: beaconRoot }
}
