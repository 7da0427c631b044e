import type { BlockHeader, HeaderData } from '@ethereumjs/block'
import { type PrefixedHexString as Hex, bigIntToHex, bytesToHex } from '@ethereumjs/util'
import { JsonRpcError } from 'jsonrpc-lite'
import { LRUCache } from 'lru-cache'
import {
  type ClientVersion,
  FORKCHOICE_STATE_FIELDS,
  type ForkchoiceState,
  type ForkchoiceUpdated,
  type PayloadEnvelope,
  type PayloadStatus,
  checkFields,
  checkVersion,
} from '../ethereumjs/engineApi.ts'
import { type Nodes, State } from '../ethereumjs/state.ts'
import { type BlockOptions, type ExecutedBlock, executeBlock } from './block.ts'
import type { Chain } from './chain.ts'
import { InvalidBlockError, assertRule } from './errors.ts'
import { assertEqualHeaders, createHeader, toAttributes } from './header.ts'
import {
  type ExecutionPayload,
  type PayloadAttributesJSON,
  type PayloadParams,
  checkAttributes,
  checkPayload,
  computePayloadId,
  headerOfPayload,
  payloadOfBlock,
} from './payload.ts'

/** What may be there at once or by a promise. */
type Awaitable<T> = T | Promise<T>

/** Hashes of the head of the canonical chain, and of the blocks with labels on it. */
export interface Forkchoice {
  head: Hex
  safe?: Hex
  finalized?: Hex
}

/** How the canonical chain changes; see {@link Backend.setForkchoice}. */
export interface ForkchoiceUpdate extends Forkchoice {
  /** Blocks of the chain of `head` that are not canonical yet, oldest first. */
  added: BlockHeader[]
}

/**
 * Where the engine keeps its blocks. It is never called twice at a time, and hashes are in lower
 * case. Whatever its methods throw fails the call of the engine, and says nothing about a block.
 */
export interface Backend {
  readonly chain: Chain
  /** Trie nodes and code of all blocks that are kept. */
  readonly nodes: Nodes
  /** The header of a block that is kept, canonical or not. */
  getHeader(hash: Hex): Awaitable<HeaderData | undefined>
  /** The hash of the canonical block with this number. */
  getCanonicalHash(number: bigint): Awaitable<Hex | undefined>
  getForkchoice(): Awaitable<Forkchoice>
  /**
   * Changes head and labels, all or nothing. Where there are `added` blocks, these become canonical,
   * `head` is the last of them, and what was canonical at their numbers and above is not any more.
   * Otherwise the chain stays as it is.
   */
  setForkchoice(update: ForkchoiceUpdate): Awaitable<void>
  /** Keeps a block, which is not canonical yet, and what its state adds; all or nothing. */
  putBlock(block: ExecutedBlock, nodes: Map<string, Uint8Array>): Awaitable<void>
  /** Transactions that wait, for the block after `parent`; see {@link BlockOptions.candidates}. */
  selectTransactions?(
    parent: BlockHeader,
    attributes: PayloadAttributesJSON,
  ): Awaitable<NonNullable<BlockOptions['candidates']>>
}

/** The answer of `engine_getPayload` from version 2 on. */
export interface Envelope extends PayloadEnvelope<ExecutionPayload> {
  /** From version 3 on (E-18). */
  parentBeaconBlockRoot?: Hex
}

/** The methods of the Engine API by name. They throw nothing but a `JsonRpcError`, with its `code`. */
export interface Engine
  extends Record<`engine_forkchoiceUpdatedV${1 | 2 | 3}`, UpdateForkchoice>,
    Record<`engine_newPayloadV${1 | 2 | 3 | 4}`, NewPayload>,
    Record<`engine_getPayloadV${2 | 3 | 4 | 5}`, GetPayload> {
  engine_getPayloadV1(payloadId: Hex): Promise<ExecutionPayload>
  engine_exchangeCapabilities(): Promise<string[]>
  engine_getClientVersionV1(): Promise<ClientVersion[]>
}

/** A method of {@link Engine}. */
export type UpdateForkchoice = (
  state: ForkchoiceState,
  attributes?: PayloadAttributesJSON | null,
) => Promise<ForkchoiceUpdated>

/** A method of {@link Engine}; further parameters from version 3 and 4 on. */
export type NewPayload = (
  payload: ExecutionPayload,
  versionedHashes?: Hex[],
  parentBeaconBlockRoot?: Hex,
  executionRequests?: Hex[],
) => Promise<PayloadStatus>

/** A method of {@link Engine}. */
export type GetPayload = (payloadId: Hex) => Promise<Envelope>

/** How this client introduces itself; the code is that of EthereumJS. */
const CLIENT: ClientVersion = {
  code: 'EJ',
  name: 'ethereumjs-op',
  version: '0.1.0',
  commit: '0x00000000',
}

/** Builds that are kept for `engine_getPayload`, as many as op-geth keeps. */
const MAX_BUILDS = 10

/** Invalid blocks that are remembered. */
const MAX_INVALID = 128

const hashOf = (header: BlockHeader): Hex => bytesToHex(header.hash())

const toLowerCase = (hash: Hex) => hash.toLowerCase() as Hex

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

const createStatus = (
  status: PayloadStatus['status'],
  latestValidHash: Hex | null = null,
  validationError: string | null = null,
): PayloadStatus => ({ status, latestValidHash, validationError })

/**
 * The Engine API over a backend, as op-node calls it.
 *
 * @see https://specs.optimism.io/protocol/exec-engine.html#engine-api
 */
export function createEngine(backend: Backend): Engine {
  const { chain } = backend
  const builds = new LRUCache<Hex, ExecutedBlock>({ max: MAX_BUILDS })
  /** The last valid ancestor by the hash of an invalid block. */
  const invalid = new LRUCache<Hex, Hex>({ max: MAX_INVALID })

  async function getHeader(hash: Hex): Promise<BlockHeader | undefined> {
    const data = await backend.getHeader(hash)
    return data && createHeader(chain, data)
  }

  const isCanonical = async (header: BlockHeader) =>
    (await backend.getCanonicalHash(header.number)) === hashOf(header)

  /** The header before one that is kept. */
  async function getParent({ number, parentHash }: BlockHeader): Promise<BlockHeader> {
    const parent = await getHeader(bytesToHex(parentHash))
    if (parent) return parent
    throw new Error(`the backend has block ${number}, but not its parent ${bytesToHex(parentHash)}`)
  }

  /** The hash of the block with this number on the chain of `header`; undefined above it. */
  async function getAncestorHash(header: BlockHeader, number: bigint) {
    let ancestor = header
    while (ancestor.number > number) {
      if (await isCanonical(ancestor)) return backend.getCanonicalHash(number)
      ancestor = await getParent(ancestor)
    }
    return ancestor.number === number ? hashOf(ancestor) : undefined
  }

  async function isOnChain(hash: Hex, head: BlockHeader): Promise<boolean> {
    const header = await getHeader(hash)
    return header !== undefined && (await getAncestorHash(head, header.number)) === hash
  }

  /** Executes the block after `parent` on a state of its own. */
  async function execute(
    parent: BlockHeader,
    options: Pick<BlockOptions, 'attributes' | 'candidates'>,
  ) {
    const state = new State(chain.common, backend.nodes, parent.stateRoot)
    const getBlockHash = (number: bigint) => getAncestorHash(parent, number)
    const block = await executeBlock({ chain, state, parent, getBlockHash, ...options })
    return { block, nodes: state.added }
  }

  /** Builds a block. @returns its payload id @throws (-38003) if the attributes are invalid */
  async function build(version: number, parent: BlockHeader, attributes: PayloadAttributesJSON) {
    const id = computePayloadId(version, hashOf(parent), attributes)
    if (builds.has(id)) return id
    const isOpen = !attributes.noTxPool
    const candidates = isOpen ? await backend.selectTransactions?.(parent, attributes) : undefined
    try {
      const { block, nodes } = await execute(parent, { attributes, candidates })
      await backend.putBlock(block, nodes)
      builds.set(id, block)
      return id
    } catch (error) {
      if (!(error instanceof InvalidBlockError)) throw error
      throw new JsonRpcError(error.message, -38003)
    }
  }

  /**
   * Moves head and labels, and starts a build on the head (E-26…E-46). A head that is canonical already
   * leaves the chain as it is, with all blocks above (E-39).
   */
  async function forkchoiceUpdated(
    version: number,
    state: ForkchoiceState,
    attributes?: PayloadAttributesJSON | null,
  ): Promise<ForkchoiceUpdated> {
    checkFields('forkchoiceState', state, FORKCHOICE_STATE_FIELDS)
    if (attributes != null) checkAttributes(chain, version, attributes)
    const headHash = toLowerCase(state.headBlockHash)
    const head = await getHeader(headHash)
    if (!head) {
      const latestValidHash = invalid.get(headHash)
      const isInvalid = latestValidHash !== undefined || headHash === ZERO_HASH
      const payloadStatus = createStatus(isInvalid ? 'INVALID' : 'SYNCING', latestValidHash)
      return { payloadStatus, payloadId: null }
    }
    const added: BlockHeader[] = []
    for (let block = head; !(await isCanonical(block)); block = await getParent(block)) {
      added.unshift(block)
    }
    const current = await backend.getForkchoice()
    const given = (hash: Hex) => (BigInt(hash) === 0n ? undefined : toLowerCase(hash))
    const finalized = given(state.finalizedBlockHash) ?? current.finalized
    let safe = given(state.safeBlockHash)
    for (const [label, hash] of Object.entries({ safe, finalized })) {
      if (!hash || (await isOnChain(hash, head))) continue
      throw new JsonRpcError(`${label} block ${hash} is not on the chain of ${headHash}`, -38002)
    }
    // A label that is not given stays, as long as its block does.
    const { safe: previous } = current
    if (previous && (added.length === 0 || (await isOnChain(previous, head)))) safe ??= previous
    const newHead = added.length === 0 ? current.head : headHash
    await backend.setForkchoice({ head: newHead, safe, finalized, added })
    const payloadId = attributes ? await build(version, head, attributes) : null
    return { payloadStatus: createStatus('VALID', headHash), payloadId }
  }

  /** Executes a payload and compares. The head stays where it is (E-21, E-32…E-35, E-46). */
  async function newPayload(version: number, payload: PayloadParams): Promise<PayloadStatus> {
    checkPayload(chain, version, payload)
    const { versionedHashes, executionRequests, transactions } = payload
    const blockHash = toLowerCase(payload.blockHash)
    const parentHash = toLowerCase(payload.parentHash)
    let latestValidHash: Hex | undefined
    try {
      assertRule(!versionedHashes?.length, `there are ${versionedHashes?.length} blobs, not 0`)
      assertRule(
        !executionRequests?.length,
        `there are ${executionRequests?.length} requests, not 0`,
      )
      assertRule(
        !payload.withdrawals?.length,
        `there are ${payload.withdrawals?.length} withdrawals`,
      )
      const header = await headerOfPayload(chain, payload)
      const hash = hashOf(header)
      assertRule(hash === blockHash, `blockHash is ${blockHash} but should be ${hash}`)
      if (await getHeader(hash)) return createStatus('VALID', hash)
      latestValidHash = invalid.get(hash) ?? invalid.get(parentHash)
      assertRule(!latestValidHash, 'links to previously rejected block')
      const parent = await getHeader(parentHash)
      if (!parent) return createStatus('SYNCING')
      latestValidHash = parentHash
      const attributes = { ...toAttributes(header), transactions }
      const { block, nodes } = await execute(parent, { attributes })
      assertEqualHeaders(header, block.header)
      await backend.putBlock(block, nodes)
      return createStatus('VALID', hash)
    } catch (error) {
      if (!(error instanceof InvalidBlockError)) throw error
      if (latestValidHash) invalid.set(blockHash, latestValidHash)
      return createStatus('INVALID', latestValidHash, error.message)
    }
  }

  /** A block that was built. @throws (-38001, -38005) if it is not known, or of another version */
  function findBuild(version: number, payloadId: Hex): ExecutedBlock {
    const block = builds.get(payloadId)
    if (!block) throw new JsonRpcError(`payload ${payloadId} is not known`, -38001)
    checkVersion('getPayload', version, chain.rules(block.header).common)
    return block
  }

  /** A payload with its value and what is empty on L2 (E-10, E-18…E-22). */
  function getPayload(version: number, payloadId: Hex): Envelope {
    const block = findBuild(version, payloadId)
    const { baseFeePerGas, parentBeaconBlockRoot } = block.header
    let value = 0n
    for (const { tx, gasUsed } of block.receipts) {
      // Deposits pay nothing.
      if ('sourceHash' in tx) continue
      value += gasUsed * tx.getEffectivePriorityFee(baseFeePerGas!)
    }
    const envelope: Envelope = {
      executionPayload: payloadOfBlock(block),
      blockValue: bigIntToHex(value),
    }
    if (version >= 3) {
      envelope.blobsBundle = { commitments: [], proofs: [], blobs: [] }
      envelope.shouldOverrideBuilder = false
      envelope.parentBeaconBlockRoot = bytesToHex(parentBeaconBlockRoot!)
    }
    if (version >= 4) envelope.executionRequests = []
    return envelope
  }

  let last: Promise<unknown> = Promise.resolve()
  /** Runs a call when those before it have ended. */
  function enqueue<T>(call: () => T | Promise<T>): Promise<T> {
    const result = last.then(call).catch((error) => {
      if (error instanceof JsonRpcError) throw error
      const fault = new JsonRpcError(`internal error: ${error?.message ?? error}`, -32603)
      throw Object.assign(fault, { cause: error })
    })
    last = result.catch(() => {})
    return result
  }

  const methods = {
    engine_exchangeCapabilities: async () => Object.keys(methods).slice(1),
    engine_getClientVersionV1: async () => [CLIENT],
    engine_getPayloadV1: (id) => enqueue(() => payloadOfBlock(findBuild(1, id))),
  } as Engine
  for (const version of [1, 2, 3] as const) {
    methods[`engine_forkchoiceUpdatedV${version}`] = (state, attributes) =>
      enqueue(() => forkchoiceUpdated(version, state, attributes))
  }
  for (const version of [1, 2, 3, 4] as const) {
    methods[`engine_newPayloadV${version}`] = (
      payload,
      versionedHashes,
      parentBeaconBlockRoot,
      executionRequests,
    ) => {
      const params = { versionedHashes, parentBeaconBlockRoot, executionRequests }
      return enqueue(() => newPayload(version, { ...payload, ...params }))
    }
  }
  for (const version of [2, 3, 4, 5] as const) {
    methods[`engine_getPayloadV${version}`] = (id) => enqueue(() => getPayload(version, id))
  }
  return methods
}
