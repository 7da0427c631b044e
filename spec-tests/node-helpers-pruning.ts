/** For tests of nodes that delete old states. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createEth } from '../node/dist/eth/index.js'
import type { Logger } from '../node/dist/logger.js'
import { createStore } from '../node/dist/store/store.js'
import { createEngine } from '../src/index.ts'
import { type JSONValue, DEPOSITOR, L1_BLOCK } from './helpers.ts'
import {
  type Envelope,
  type Head,
  type Hex,
  type JSONObject,
  type TestNode,
  ACCOUNTS,
  createDriver,
  genesisAt,
  transfer,
} from './node-helpers.ts'

/** Blocks whose states are kept in tests, which is less than people may ask for. */
export const HISTORY = 16

/** Blocks between the head and what is finalized. */
const FINALITY = 4

export const GENESIS: JSONObject = genesisAt('karst')
export const driver = createDriver(GENESIS)

/** An account that is paid in the block with this number, and never else. */
export const payeeOf = (number: number): Hex => `0x${number.toString(16).padStart(40, 'fe')}`

/** A node without HTTP, as the driver calls one. */
export async function open(
  datadir: string,
  opts: { stateHistory?: number; genesis?: JSONObject; log?: Logger } = {},
) {
  const store = await createStore({ genesis: GENESIS, datadir, ...opts })
  const methods = { ...createEth(store), ...createEngine(store) } as unknown as Record<
    string,
    (...params: unknown[]) => unknown
  >
  const call = async (method: string, ...params: unknown[]) =>
    JSON.parse(JSON.stringify(await methods[method](...params), toText) ?? 'null') as JSONValue
  return { ...({ call } as TestNode), store, close: store.close }
}
const toText = (_: string, value: unknown) =>
  typeof value === 'bigint' ? `0x${value.toString(16)}` : value

/** A node that `open` gives. */
export type OpenNode = Awaited<ReturnType<typeof open>>

/** What can be asked of the state after a block, of which each part is in another trie. */
export const readState = (node: Pick<TestNode, 'call'>, { blockHash, blockNumber }: Head) =>
  Promise.all([
    node.call('eth_getProof', ACCOUNTS[0], [], blockHash),
    node.call('eth_getProof', L1_BLOCK, ['0x0', '0x1', '0x2'], blockHash),
    node.call('eth_getProof', payeeOf(Number(blockNumber)), [], blockHash),
    node.call('eth_getTransactionCount', DEPOSITOR, blockHash),
    node.call('eth_getCode', L1_BLOCK, blockHash),
  ])

/** A block, and the state after it as a node that keeps all has it. */
export interface Step {
  envelope: Envelope
  head: Head
  state: JSONValue[]
}

/** Builds blocks on a node that keeps all, after the genesis block; `tag` makes branches differ. */
export async function buildChain(archive: OpenNode, count: number, tag = '00'): Promise<Step[]> {
  const steps: Step[] = []
  const { hash, timestamp } = await archive.call('eth_getBlockByNumber', '0x0', false)
  let head: Head = { blockHash: hash, blockNumber: '0x0', timestamp }
  for (let nonce = 0; nonce < count; nonce++) {
    const number = nonce + 1
    const payment = transfer(0, nonce, { to: payeeOf(number) })
    const overrides = { prevRandao: `0x${tag.repeat(32)}` }
    const envelope = await driver.extend(archive, head, [payment], overrides)
    head = envelope.executionPayload
    steps.push({ envelope, head, state: await readState(archive, head) })
  }
  return steps
}

/** Imports a block of a chain and makes it the head. */
export async function follow(node: Pick<TestNode, 'call'>, chain: Step[], index: number) {
  const { envelope, head } = chain[index]
  const { status, validationError } = await driver.insert(node as TestNode, envelope)
  if (status !== 'VALID') throw new Error(`block ${index} is ${status}: ${validationError}`)
  const finalized = chain[index - FINALITY]?.head
  await driver.choose(node as TestNode, head, { finalized })
}

/** How far pruning is. */
export const progressOf = ({ store }: OpenNode) => {
  const { phase = 'rest', root } = store.index.get('collection') ?? {}
  const oldest: number = store.index.get('oldest state')?.number ?? 0
  return { phase: phase as string, root: root?.number as number | undefined, oldest }
}

/** Waits until nothing is being copied or deleted. */
export async function settle(node: OpenNode) {
  while (['copy', 'delete'].includes(progressOf(node).phase)) await sleep(5)
}
