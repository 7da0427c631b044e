import { once } from 'node:events'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  type DepositTx,
  type PayloadAttributesJSON,
  encodeDeposit,
  sourceHash,
} from 'ethereumjs-op'
import {
  type PrefixedHexString as Hex,
  bigIntToBytes,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  hexToBytes,
  intToHex,
  setLengthLeft,
} from 'ethereumjs-op/ethereumjs'
import { SignJWT } from 'jose'

const DEPOSITOR = createAddressFromString('0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001')
const L1_BLOCK = createAddressFromString('0x4200000000000000000000000000000000000015')
/** Seconds to the next L1 block, unless a deposit comes before. */
const L1_BLOCK_TIME = 12n

/** What the sequencer tells L2 of a block of L1. */
interface L1 {
  number: bigint
  /** Seconds. */
  time: bigint
  /** How many blocks of L2 before had the same block of L1. */
  sequenceNumber: bigint
  hash: Uint8Array
}

/** A deposit that waits, without its source hash. */
interface Queued {
  tx: Omit<DepositTx, 'sourceHash' | 'isSystemTx'>
  resolve(place: { transactionHash: Hex; blockNumber: string }): void
}

const uint = (value: bigint | number, width: number) =>
  setLengthLeft(bigIntToBytes(BigInt(value)), width)
/** There is no L1: the hashes in its blocks are made up. */
const imagine = (what: string, number: bigint) =>
  keccak_256(new TextEncoder().encode(`${what} ${number}`))

/** Calldata of setL1BlockValuesJovian. */
function encodeL1({ number, time, sequenceNumber, hash }: L1): Uint8Array {
  // The fee scalars of OP Mainnet, and prices of L1 gas (rising) and blob gas in wei.
  const scalars = concatBytes(uint(5227, 4), uint(1_014_213, 4))
  const prices = concatBytes(uint(10n ** 9n + number * 10n ** 6n, 32), uint(1, 32))
  const block = concatBytes(uint(sequenceNumber, 8), uint(time, 8), uint(number, 8))
  // No batcher, no operator fee, 400 gas of DA footprint a byte.
  const rest = concatBytes(uint(0, 32 + 4 + 8), uint(400, 2))
  return concatBytes(hexToBytes('0x3db6be2b'), scalars, block, prices, hash, rest)
}

/** Reads from that calldata which L1 block an L2 block belongs to, and its index among those. */
function decodeL1(input: string): Omit<L1, 'hash'> {
  const uint64 = (at: number) => BigInt(`0x${input.slice(2 + 2 * at, 18 + 2 * at)}`)
  return { sequenceNumber: uint64(12), time: uint64(20), number: uint64(28) }
}

/** The forced transactions of a block: the L1 attributes, then deposits with a new L1 block. */
function encodeDeposits(l1: L1, deposits: Queued[]): Uint8Array[] {
  const hash = (domain: 0 | 1, index: bigint | number) =>
    sourceHash(domain, concatBytes(l1.hash, uint(index, 32)))
  const attributes = { from: DEPOSITOR, to: L1_BLOCK, mint: 0n, value: 0n, gas: 1_000_000n }
  const first = { ...attributes, sourceHash: hash(1, l1.sequenceNumber), data: encodeL1(l1) }
  const others = deposits.map(({ tx }, index) => ({ ...tx, sourceHash: hash(0, index) }))
  return [first, ...others].map((tx) => encodeDeposit({ ...tx, isSystemTx: false }))
}

/** A deposit from JSON. @throws if it is none, or asks for more than L1 would sell */
function readDeposit(json: Record<string, string | number>): Queued['tx'] {
  const { from, to, mint = 0, value = 0, gas = 100_000, data = '0x' } = json
  const tx = {
    from: createAddressFromString(from as Hex),
    to: to ? createAddressFromString(to as Hex) : undefined,
    mint: BigInt(mint),
    value: BigInt(value),
  }
  if ((tx.mint | tx.value) >> 128n !== 0n) throw new Error('mint and value have 128 bits')
  if (Number(gas) < 21_000 || Number(gas) > 1_000_000)
    throw new Error('gas must be from 21000 to 1000000')
  return { ...tx, gas: BigInt(gas), data: hexToBytes(data as Hex) }
}

/** Accepts deposits over HTTP from this machine. Each is answered once it is in a block. */
async function listen(queue: Queued[], port: number): Promise<Server> {
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: object) =>
      response.writeHead(status).end(`${JSON.stringify(body)}\n`)
    try {
      // Without this check any web page could send one.
      const isJSON = request.headers['content-type'] === 'application/json'
      if (!isJSON) throw new Error('content-type must be application/json')
      const tx = readDeposit(JSON.parse(await text(request)))
      answer(200, await new Promise((resolve) => queue.push({ tx, resolve })))
    } catch (error) {
      answer(400, { error: (error as Error).message })
    }
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return server
}

/** What the calls below answer with; each has its own fields of these. */
interface Answer {
  status?: string
  validationError?: string | null
  payloadStatus: { status: string; validationError?: string | null }
  payloadId: Hex
  hash: Hex
  number: Hex
  timestamp: Hex
  transactions: { input: Hex }[]
  executionPayload: { blockNumber: Hex; blockHash: Hex; gasUsed: Hex; transactions: Hex[] }
  parentBeaconBlockRoot: Hex
}

/** See {@link openSequencer}. */
export interface SequencerOptions {
  /** The authenticated port. */
  url: string
  /** 32 bytes. */
  secret: Uint8Array
  /** Seconds. */
  blockTime?: number
  gasLimit?: number
  /** Where a POST of {from, to, mint, value, gas, data} makes a deposit; 0 takes any that is free. */
  depositPort?: number
  /** Told of each block, in a line. */
  log?: (line: string) => void
  signal?: AbortSignal
}

/** What is ready to make blocks. */
export interface Sequencer {
  depositPort: number
  /**
   * Drives the Engine API of a node as op-node does, from the node's head on, until `signal` aborts.
   *
   * @throws if the node refuses a call or a block
   */
  run(): Promise<void>
}

/** A caller of the authenticated port. What it calls throws if the node refuses it. */
const createCaller =
  (url: string, secret: Uint8Array) =>
  async (method: string, ...params: unknown[]): Promise<Answer> => {
    const jwt = await new SignJWT().setProtectedHeader({ alg: 'HS256' }).setIssuedAt().sign(secret)
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${jwt}` }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    const response = await fetch(url, { method: 'POST', headers, body })
    if (!response.ok) throw new Error(`${method}: HTTP status ${response.status}`)
    const { result, error } = (await response.json()) as { result: Answer; error?: Error }
    const { status = 'VALID', validationError } = result?.payloadStatus ?? result ?? {}
    if (!error && status === 'VALID') return result
    throw new Error(`${method}: ${error?.message ?? `${status} ${validationError}`}`)
  }

/** @throws if the port for deposits is taken */
export async function openSequencer(opts: SequencerOptions): Promise<Sequencer> {
  const { url, secret, blockTime = 2, gasLimit = 60_000_000 } = opts
  const { signal, depositPort = 8552, log = console.log } = opts
  const call = createCaller(url, secret)
  const queue: Queued[] = []
  const server = await listen(queue, depositPort)

  /** Batches and finality of L1 take their time, so safe and finalized stay behind the head. */
  const choose = async (
    number: number,
    headBlockHash: Hex,
    attributes: PayloadAttributesJSON | null = null,
  ) => {
    const behind = [8, 32].map((depth) => intToHex(Math.max(number - depth, 0)))
    const blocks = behind.map((label) => call('eth_getBlockByNumber', label, false))
    const [safeBlockHash, finalizedBlockHash] = (await Promise.all(blocks)).map(({ hash }) => hash)
    const state = { headBlockHash, safeBlockHash, finalizedBlockHash }
    return call('engine_forkchoiceUpdatedV3', state, attributes)
  }

  async function run() {
    const head = await call('eth_getBlockByNumber', 'latest', true)
    let { number, hash } = head
    let timestamp = Number(head.timestamp)
    const [first] = head.transactions
    let l1 = first ? decodeL1(first.input) : { number: 0n, time: 0n, sequenceNumber: -1n }
    while (true) {
      timestamp = Math.max(timestamp + blockTime, Math.floor(Date.now() / 1000))
      await sleep(timestamp * 1000 - Date.now(), null, { signal }).catch(() => {})
      if (signal?.aborted) return
      // L1 sells a limited amount of gas in a block.
      const deposits = queue.splice(0, 20)
      const isNew = deposits.length > 0 || BigInt(timestamp) >= l1.time + L1_BLOCK_TIME
      if (isNew) l1 = { number: l1.number + 1n, time: BigInt(timestamp), sequenceNumber: -1n }
      l1 = { ...l1, sequenceNumber: l1.sequenceNumber + 1n }
      const forced = encodeDeposits({ ...l1, hash: imagine('block', l1.number) }, deposits)
      const { payloadId } = await choose(Number(number), hash, {
        timestamp: intToHex(timestamp),
        prevRandao: bytesToHex(imagine('randao', l1.number)),
        suggestedFeeRecipient: '0x4200000000000000000000000000000000000011',
        withdrawals: [],
        parentBeaconBlockRoot: bytesToHex(imagine('beacon root', l1.number)),
        transactions: forced.map((tx) => bytesToHex(tx)),
        noTxPool: false,
        gasLimit: intToHex(gasLimit),
        eip1559Params: '0x0000000000000000',
        minBaseFee: 0,
      })
      const built = await call('engine_getPayloadV5', payloadId)
      const payload = built.executionPayload
      await call('engine_newPayloadV4', payload, [], built.parentBeaconBlockRoot, [])
      number = payload.blockNumber
      hash = payload.blockHash
      await choose(Number(number), hash)
      for (const [index, { resolve }] of deposits.entries()) {
        resolve({ transactionHash: bytesToHex(keccak_256(forced[1 + index])), blockNumber: number })
      }
      const count = payload.transactions.length
      const what = `${count} ${count === 1 ? 'transaction' : 'transactions'}`
      log(`block ${Number(number)} ${hash} ${what}, ${Number(payload.gasUsed)} gas`)
    }
  }

  return {
    depositPort: (server.address() as AddressInfo).port,
    run: () =>
      run().finally(() => {
        server.close()
        server.closeAllConnections()
      }),
  }
}
