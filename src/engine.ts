import type { BlockHeader, HeaderData, JSONHeader } from '@ethereumjs/block'
import { type PrefixedHexString as Hex, bigIntToHex, bytesToHex } from '@ethereumjs/util'
import { JsonRpcError } from 'jsonrpc-lite'
import { LRUCache } from 'lru-cache'
import { getAncestorHash, getBranch, hashOf, isOnChain } from '../ethereumjs/branches.ts'
import { Builds, type Candidates } from '../ethereumjs/builds.ts'
import * as API from '../ethereumjs/engineApi.ts'
import { InvalidBlockError, assertRule } from '../ethereumjs/errors.ts'
import { type Awaitable, type Nodes, State } from '../ethereumjs/state.ts'
import { type BlockContents, type ExecutedBlock, executeBlock } from './block.ts'
import type { Chain } from './chain.ts'
import { isDeposit } from './deposit.ts'
import { createHeader } from './header.ts'
import * as Payload from './payload.ts'

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
 * Where the engine keeps its blocks. What writes (`setForkchoice`, `putBlock`) is never called twice
 * at a time, but a build that runs may read at any time, also while something is written: it must
 * find what was there before. Hashes are in lower case. Whatever the methods throw fails the call of
 * the engine, and says nothing about a block.
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
  /**
   * Keeps a block, which is not canonical yet, and what its state adds; all or nothing. One that was
   * built is kept when its payload is fetched.
   */
  putBlock(block: ExecutedBlock, nodes: Map<string, Uint8Array>): Awaitable<void>
  /**
   * Transactions that wait, for the block after `parent`; see {@link BlockContents.candidates}. The
   * engine has answered by then, so nobody waits but who fetches the payload. No more are taken when
   * another build has started. Long work should let other calls have their turn in between.
   */
  selectTransactions?(
    parent: BlockHeader,
    attributes: Payload.PayloadAttributesJSON,
  ): Awaitable<Candidates>
}

/** The answer of `engine_getPayload` from version 2 on. */
export interface Envelope extends API.PayloadEnvelope<Payload.ExecutionPayload> {
  /** From version 3 on (E-18). */
  parentBeaconBlockRoot?: Hex
}

/** The methods of the Engine API by name. They throw nothing but a `JsonRpcError`, with its `code`. */
export interface Engine
  extends Record<`engine_forkchoiceUpdatedV${1 | 2 | 3}`, UpdateForkchoice>,
    Record<`engine_newPayloadV${1 | 2 | 3 | 4}`, NewPayload>,
    Record<`engine_getPayloadV${2 | 3 | 4 | 5}`, GetPayload> {
  engine_getPayloadV1(payloadId: Hex): Promise<Payload.ExecutionPayload>
  engine_exchangeCapabilities(): Promise<string[]>
  engine_getClientVersionV1(): Promise<API.ClientVersion[]>
}

/** A method of {@link Engine}. */
export type UpdateForkchoice = (
  state: API.ForkchoiceState,
  attributes?: Payload.PayloadAttributesJSON | null,
) => Promise<API.ForkchoiceUpdated>

/** A method of {@link Engine}; further parameters from version 3 and 4 on. */
export type NewPayload = (
  payload: Payload.ExecutionPayload,
  versionedHashes?: Hex[],
  parentBeaconBlockRoot?: Hex,
  executionRequests?: Hex[],
) => Promise<API.PayloadStatus>

/** A method of {@link Engine}. */
export type GetPayload = (payloadId: Hex) => Promise<Envelope>

/** How this client introduces itself; the code is that of EthereumJS. */
const CLIENT = { code: 'EJ', name: 'ethereumjs-op', version: '0.1.0', commit: '0x00000000' }

/** What every payload has from version 3 on: no blobs on L2. */
const BLOBS = {
  blobsBundle: { commitments: [], proofs: [], blobs: [] },
  shouldOverrideBuilder: false,
}

/** Invalid blocks that are remembered. */
const MAX_INVALID = 128

type Attributes = Payload.PayloadAttributesJSON

const toLowerCase = (hash: Hex) => hash.toLowerCase() as Hex

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

/**
 * The Engine API over a backend, as op-node calls it.
 *
 * @see https://specs.optimism.io/protocol/exec-engine.html#engine-api
 */
export function createEngine(backend: Backend): Engine {
  const { chain } = backend
  const builds = new Builds<Awaited<ReturnType<typeof execute>>>()
  /** The last valid ancestor by the hash of an invalid block. */
  const invalid = new LRUCache<Hex, Hex>({ max: MAX_INVALID })

  const headers = {
    getHeader: async (hash: Hex) => {
      const data = await backend.getHeader(hash)
      return data && createHeader(chain, data)
    },
    getCanonicalHash: (number: bigint) => backend.getCanonicalHash(number),
  }

  /** Executes the block after `parent` on a state of its own. */
  async function execute(parent: BlockHeader, contents: BlockContents) {
    const state = new State(chain.common, backend.nodes, parent.stateRoot)
    const getBlockHash = (number: bigint) => getAncestorHash(headers, parent, number)
    const block = await executeBlock({ chain, state, parent, getBlockHash, ...contents })
    return { block, nodes: state.added }
  }

  /**
   * Starts to build a block, and resolves when all has run that must be in it. What may be in it runs
   * behind the answer.
   *
   * @returns its payload id
   * @throws (-38003) if the attributes are invalid
   */
  async function build(version: number, parent: BlockHeader, attributes: Attributes) {
    const id = Payload.computePayloadId(version, hashOf(parent), attributes)
    const steps = {
      run: (candidates: Candidates) => execute(parent, { attributes, candidates }),
      select: () => (attributes.noTxPool ? [] : backend.selectTransactions?.(parent, attributes)),
    }
    await builds.start(id, steps).catch((error) => {
      throw error instanceof InvalidBlockError ? new JsonRpcError(error.message, -38003) : error
    })
    return id
  }

  /**
   * Moves head and labels, and starts a build on the head (E-26…E-46). A head that is canonical already
   * leaves the chain as it is, with all blocks above (E-39).
   */
  async function forkchoiceUpdated(
    version: number,
    state: API.ForkchoiceState,
    attributes?: Attributes | null,
  ): Promise<API.ForkchoiceUpdated> {
    API.checkFields('forkchoiceState', state, API.FORKCHOICE_STATE_FIELDS)
    if (attributes != null) Payload.checkAttributes(chain, version, attributes)
    const headHash = toLowerCase(state.headBlockHash)
    const head = await headers.getHeader(headHash)
    if (!head) {
      const latestValidHash = invalid.get(headHash)
      const isInvalid = latestValidHash !== undefined || headHash === ZERO_HASH
      const payloadStatus = API.createStatus(isInvalid ? 'INVALID' : 'SYNCING', latestValidHash)
      return { payloadStatus, payloadId: null }
    }
    const added = await getBranch(headers, head)
    const current = await backend.getForkchoice()
    const given = (hash: Hex) => (BigInt(hash) === 0n ? undefined : toLowerCase(hash))
    const finalized = given(state.finalizedBlockHash) ?? current.finalized
    let safe = given(state.safeBlockHash)
    for (const [label, hash] of Object.entries({ safe, finalized })) {
      if (!hash || (await isOnChain(headers, head, hash))) continue
      throw new JsonRpcError(`${label} block ${hash} is not on the chain of ${headHash}`, -38002)
    }
    // A label that is not given stays, as long as its block does.
    const isKept = added.length === 0 || (await isOnChain(headers, head, current.safe ?? ZERO_HASH))
    if (isKept) safe ??= current.safe
    const newHead = added.length === 0 ? current.head : headHash
    const isChange = newHead !== current.head || safe !== current.safe
    if (isChange || finalized !== current.finalized) {
      await backend.setForkchoice({ head: newHead, safe, finalized, added })
    }
    const payloadId = attributes ? await build(version, head, attributes) : null
    return { payloadStatus: API.createStatus('VALID', headHash), payloadId }
  }

  /** Executes a payload and compares. The head stays where it is (E-21, E-32…E-35, E-46). */
  async function newPayload(version: number, payload: Payload.PayloadParams) {
    Payload.checkPayload(chain, version, payload)
    const { versionedHashes, executionRequests, withdrawals, transactions } = payload
    const blockHash = toLowerCase(payload.blockHash)
    const parentHash = toLowerCase(payload.parentHash)
    let latestValidHash: Hex | undefined
    try {
      const empty = { versionedHashes, executionRequests, withdrawals }
      for (const [name, items] of Object.entries(empty)) {
        assertRule(!items?.length, `${name} has ${items?.length} items instead of none`)
      }
      const header = Payload.headerOfPayload(chain, payload)
      const hash = hashOf(header)
      assertRule(hash === blockHash, `blockHash is ${blockHash} but should be ${hash}`)
      if (await headers.getHeader(hash)) return API.createStatus('VALID', hash)
      latestValidHash = invalid.get(hash) ?? invalid.get(parentHash)
      assertRule(!latestValidHash, 'links to previously rejected block')
      const parent = await headers.getHeader(parentHash)
      if (!parent) return API.createStatus('SYNCING')
      latestValidHash = parentHash
      const attributes = { ...Payload.attributesOfHeader(header), transactions }
      const { block, nodes } = await execute(parent, { attributes })
      const claimed = header.toJSON()
      for (const [name, value] of Object.entries(block.header.toJSON())) {
        const claim = claimed[name as keyof JSONHeader]
        assertRule(claim === value, `${name} is ${claim} but should be ${value}`)
      }
      await backend.putBlock(block, nodes)
      return API.createStatus('VALID', hash)
    } catch (error) {
      if (!(error instanceof InvalidBlockError)) throw error
      if (latestValidHash) invalid.set(blockHash, latestValidHash)
      return API.createStatus('INVALID', latestValidHash, error.message)
    }
  }

  /**
   * The block of a build, which is kept from now on. Waits until all that could be in it has run.
   *
   * @throws (-38001, -38005) if the build is not known, or of another version
   */
  async function findBuild(version: number, payloadId: Hex): Promise<ExecutedBlock> {
    const { block, nodes } = await builds.get(payloadId)
    API.checkVersion('getPayload', version, chain.rules(block.header).common)
    if (!(await backend.getHeader(hashOf(block.header)))) await backend.putBlock(block, nodes)
    return block
  }

  /** A payload with its value and what is empty on L2 (E-10, E-18…E-22). */
  async function getPayload(version: number, payloadId: Hex): Promise<Envelope> {
    const block = await findBuild(version, payloadId)
    let value = 0n
    for (const { tx, gasUsed } of block.receipts) {
      // Deposits pay nothing.
      if (isDeposit(tx)) continue
      value += gasUsed * tx.getEffectivePriorityFee(block.header.baseFeePerGas!)
    }
    const executionPayload = Payload.payloadOfBlock(block)
    const envelope: Envelope = { executionPayload, blockValue: bigIntToHex(value) }
    if (version === 2) return envelope
    const parentBeaconBlockRoot = bytesToHex(block.header.parentBeaconBlockRoot!)
    Object.assign(envelope, BLOBS, { parentBeaconBlockRoot })
    return version === 3 ? envelope : { ...envelope, executionRequests: [] }
  }

  const enqueue = API.createQueue()
  const methods = {
    engine_exchangeCapabilities: async () => Object.keys(methods).slice(1),
    engine_getClientVersionV1: async () => [CLIENT],
    engine_getPayloadV1: (id) =>
      enqueue(async () => Payload.payloadOfBlock(await findBuild(1, id))),
  } as Engine
  for (const version of [1, 2, 3] as const) {
    methods[`engine_forkchoiceUpdatedV${version}`] = (state, attributes) =>
      enqueue(() => forkchoiceUpdated(version, state, attributes))
  }
  for (const version of [1, 2, 3, 4] as const) {
    methods[`engine_newPayloadV${version}`] = (payload, ...parameters) => {
      const [versionedHashes, parentBeaconBlockRoot, executionRequests] = parameters
      const others = { versionedHashes, parentBeaconBlockRoot, executionRequests }
      return enqueue(() => newPayload(version, { ...payload, ...others }))
    }
  }
  for (const version of [2, 3, 4, 5] as const) {
    methods[`engine_getPayloadV${version}`] = (id) => enqueue(() => getPayload(version, id))
  }
  return methods
}
