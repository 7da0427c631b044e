import {
  type Backend,
  type Chain,
  type ContextOptions,
  type Forkchoice,
  type ForkchoiceUpdate,
  type Rules,
  State,
  StateError,
  createChain,
} from 'ethereumjs-op'
import type { BlockJSON, Genesis, JSONObject } from 'ethereumjs-op/blockchain'
import { createEarlyCrypto } from 'ethereumjs-op/crypto'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  JsonRpcError,
  bytesToHex,
  hexToBytes,
} from 'ethereumjs-op/ethereumjs'
import type { Database } from 'lmdb'
import { type Events, openEvents } from '../events.ts'
import { type Logger, SILENT } from '../logger.ts'
import { isFull, selectPending } from '../pool.ts'
import { createBlocks } from './blocks.ts'
import { type Body, encodeBody, encodeHeader, listSent } from './codec.ts'
import { type Kept, readOldest } from './collection.ts'
import { beginChain } from './genesis.ts'
import { lock } from './lock.ts'
import type { LogSearch } from './logs.ts'
import { startPruning } from './prune.ts'
import { SCHEMA, checkSchema } from './schema.ts'
import type { CacheUse } from './nodes.ts'
import { MAX_NUMBER, type Tables, openTables, toNumberKey, writeBlock } from './tables.ts'
import { createWriter } from './writer.ts'

/** A block by hash, number or label. */
export type BlockId = Hex | number | 'latest' | 'safe' | 'finalized'

/** What executes after a block. */
export interface Place extends ContextOptions {
  header: BlockHeader
  rules: Rules
  /** A state of its own; what changes in it is lost. */
  state: State
}

/** The database of a chain. It is the `Backend` of the engine, and holds what else the node asks. */
export interface Store extends Backend {
  /** Resolves when the new head, and all that it depends on, is durable. */
  setForkchoice(update: ForkchoiceUpdate): Promise<void>
  /** The block is there at once, and written later. @throws why an earlier one could not be */
  putBlock(...args: Parameters<Backend['putBlock']>): Promise<void>
  getForkchoice(): Forkchoice
  getCanonicalHash(number: bigint | number): Hex | undefined
  /** Writes block 0 of an empty database, with what it was made of, all or nothing. */
  begin(...args: [...Parameters<Backend['putBlock']>, kept: unknown]): void
  /** Hashes of blocks by label; by `limits` those of the pool; by `genesis` what was there first. */
  readonly index: Database
  /** Encoded transactions by sender and nonce; as they are, so that their size is known. */
  readonly pending: Database<Uint8Array, [string, number]>
  /** Of the caches of this thread, by name. */
  readonly caches: Record<'nodes' | 'headers' | 'blocks', CacheUse>
  /** What happens on the chain, in whatever thread. */
  readonly events: Events
  /** Only what is read of it is decoded. */
  find(id: BlockId): BlockJSON | undefined
  /** The header alone. */
  header(id: BlockId): BlockHeader | undefined
  /** The block of the chain that holds a transaction. */
  findByTransaction(hash: Hex): BlockJSON | undefined
  /** The logs of a block that fit, without decoding blocks that have none; see `createLogSearch`. */
  logsOf(id: BlockId, search: LogSearch): JSONObject[] | undefined
  /** What is kept beside the header; `listSent` gives its signed transactions. */
  body(id: BlockId): Body | undefined
  readonly tables: Tables
  /** The newest block of the chain. */
  head(): BlockJSON
  /** @throws (-32000) if the state of the block is not kept any more */
  after(block: BlockJSON): Place
  /** Takes the database for this process. @throws if another has it, or of its schema */
  lock(): void
  close(): Promise<void>
}

/** See {@link openStore}. */
export interface StoreOptions {
  config?: Genesis['config']
  /** Folder of the database. */
  datadir: string
}

/**
 * Opens the database of a chain. It holds all blocks and states by hash, an index of the canonical
 * chain, and the transactions that wait. A block is written with what its state adds, the head moves
 * with all that depends on it, each in one transaction. So whenever the process ends, the database is
 * consistent. Threads can share it.
 *
 * @throws if the config contradicts itself
 */
export async function openStore({ config, datadir }: StoreOptions): Promise<Store> {
  const customCrypto = await createEarlyCrypto()
  const chain: Chain = createChain(config ?? {}, { customCrypto })
  const tables = openTables(datadir)
  const { root, index, canonical, places, pending } = tables
  const writer = createWriter(datadir, {
    // Otherwise this turn would go on reading what was there before.
    onWritten: () => root.resetReadTxn(),
    onFailed: () => {
      blocks.clear()
      tables.nodes.clearCache()
    },
  })
  const blocks = createBlocks(chain, tables, writer)
  const nodes = {
    get(hash: string) {
      const node = writer.findNode(hash) ?? tables.nodes.get(hash)
      if (node || !readOldest(index)) return node
      // Of a branch that is too old, or deleted after the block was looked at.
      throw new StateError(`the state is not kept: no trie node or code 0x${hash}`)
    },
  }
  let unlock = () => {}
  const events = openEvents(datadir)
  events.listen(() => root.resetReadTxn())

  const getCanonicalHash = (number: bigint | number): Hex | undefined => {
    const hash = number <= MAX_NUMBER ? canonical.get(toNumberKey(Number(number))) : undefined
    return hash && bytesToHex(hash)
  }
  function hashOf(id: BlockId): Hex | undefined {
    if (typeof id === 'number') return getCanonicalHash(id)
    return id.startsWith('0x') ? (id as Hex) : index.get(id)
  }
  /** Reads by hash, number or label. */
  const by =
    <T>(read: (hash: Hex) => T | undefined) =>
    (id: BlockId) => {
      const hash = hashOf(id)
      return hash && read(hash)
    }
  const find = by(blocks.find)
  const header = by(blocks.header)
  const getBody = by(blocks.body)

  function findByTransaction(hash: Hex) {
    const place = places.get(hexToBytes(hash))
    return place && find(place[0])
  }

  /** @throws if it is not there, which is a fault of the database */
  function get<T>(read: (id: BlockId) => T | undefined, id: BlockId): T {
    const found = read(id)
    if (found === undefined) throw new Error(`block ${id} is not in the database`)
    return found
  }

  const getHeader = (hash: Hex) => {
    // The engine is told of a failed write by the next call.
    writer.check()
    return blocks.header(hash)
  }
  const getForkchoice = () => ({
    head: index.get('latest'),
    safe: index.get('safe'),
    finalized: index.get('finalized'),
  })

  const hashTransaction = (raw: Uint8Array) => chain.common.customCrypto.keccak256!(raw)

  /** Takes a block off the chain: its signed transactions wait again (E-41). @returns its hash */
  function drop(number: number): Hex | undefined {
    const body = getBody(number)
    if (!body) return undefined
    const hash = getCanonicalHash(number)
    for (const raw of body.transactions) places.removeSync(hashTransaction(raw))
    for (const { raw, from, nonce } of listSent(body)) {
      if (!isFull(pending)) pending.putSync([from, nonce], raw)
    }
    canonical.removeSync(toNumberKey(number))
    return hash
  }

  /** Puts blocks on the chain, in place of what is there. @returns hashes of that, newest first */
  function replace(added: BlockHeader[]): Hex[] {
    const removed: Hex[] = []
    // The lowest first, for those of a sender are of use in order.
    for (let number = Number(added[0].number); ; number++) {
      const hash = drop(number)
      if (!hash) break
      removed.unshift(hash)
    }
    for (const header of added) {
      const number = Number(header.number)
      const body = get(getBody, bytesToHex(header.hash()))
      canonical.putSync(toNumberKey(number), header.hash() as Buffer)
      for (const [position, raw] of body.transactions.entries()) {
        places.putSync(hashTransaction(raw), [number, position])
      }
      for (const { from, nonce } of listSent(body)) pending.removeSync([from, nonce])
    }
    return removed
  }

  /** Moves head, labels, index and pool together, within a transaction. @returns see `replace` */
  function choose({ head, safe, finalized, added }: ForkchoiceUpdate): Hex[] {
    const removed = added.length > 0 ? replace(added) : []
    for (const [label, hash] of Object.entries({ latest: head, safe, finalized })) {
      if (hash) index.putSync(label, hash)
      else index.removeSync(label)
    }
    return removed
  }

  async function setForkchoice(update: ForkchoiceUpdate) {
    await writer.settle()
    const removed = root.transactionSync(() => choose(update))
    const added = update.added.map((header) => bytesToHex(header.hash()))
    if (added.length > 0) events.emit({ type: 'head', added, removed })
  }

  const toRecord = (block: Parameters<Backend['putBlock']>[0]) => ({
    number: Number(block.header.number),
    hash: block.header.hash(),
    header: encodeHeader(block),
    body: encodeBody(block),
  })

  const putBlock: Store['putBlock'] = async (block, added) => {
    writer.check()
    // It could have been executed on a block that was then not written.
    get(blocks.header as (id: BlockId) => unknown, bytesToHex(block.header.parentHash))
    tables.nodes.remember(added)
    await writer.write(toRecord(block), added)
  }

  const begin: Store['begin'] = (block, added, kept) => {
    root.transactionSync(() => {
      const { header } = block
      writeBlock(tables, toRecord(block), added)
      choose({ head: bytesToHex(header.hash()), added: [header] })
      index.putSync('genesis', kept)
      index.putSync('schema', SCHEMA)
    })
  }

  /** The hash of a block of the chain that ends with `block`. */
  function getAncestorHash(block: BlockHeader, number: bigint): Hex | undefined {
    let ancestor = block
    for (let hash = bytesToHex(block.hash()); getCanonicalHash(ancestor.number) !== hash; ) {
      if (ancestor.number === number) return hash
      hash = bytesToHex(ancestor.parentHash)
      ancestor = get(header, hash)
    }
    return getCanonicalHash(number)
  }

  /** Whether a block is another, or comes after it. */
  const isAfter = (block: BlockHeader, { number, hash }: Kept) =>
    block.number >= BigInt(number) && getAncestorHash(block, BigInt(number)) === hash

  function after({ header: { hash } }: BlockJSON): Place {
    const block = get(header, hash as Hex)
    const oldest = readOldest(index)
    if (oldest && !isAfter(block, oldest)) {
      const kept = `only those from block ${oldest.number} on`
      throw new JsonRpcError(`state of block ${block.number} is not kept, ${kept}`, -32000)
    }
    const state = new State(chain.common, nodes, block.stateRoot)
    const getBlockHash = (number: bigint) => getAncestorHash(block, number)
    return { chain, header: block, rules: chain.rules(block), state, getBlockHash }
  }

  const selectTransactions: Backend['selectTransactions'] = (parent, attributes) => {
    const state = new State(chain.common, nodes, parent.stateRoot)
    return selectPending({ chain, index, pending }, { header: parent, state }, attributes)
  }

  return {
    chain,
    nodes,
    getHeader,
    getCanonicalHash,
    getForkchoice,
    setForkchoice,
    putBlock,
    begin,
    selectTransactions,
    index,
    pending,
    caches: { nodes: tables.nodes.use, ...blocks.use },
    events,
    find,
    header,
    findByTransaction,
    logsOf: (id, search) => by((hash) => blocks.logs(hash, search))(id),
    body: getBody,
    tables,
    head: () => get(find, 'latest'),
    after,
    lock() {
      checkSchema(tables, datadir)
      unlock = lock(tables, datadir)
    },
    async close() {
      events.close()
      await writer.close()
      unlock()
      await root.close()
    },
  }
}

/** See {@link createStore}. */
export interface CreateOptions {
  /** Contents of a geth-style genesis file. */
  genesis: Genesis
  /** Folder of the database. */
  datadir: string
  /** Number of blocks before the head whose states are kept, see {@link startPruning}; all by default. */
  stateHistory?: number
  /** Hears of what is deleted. */
  log?: Logger
}

/**
 * Opens the database of a chain, or begins one in an empty folder; see {@link openStore}.
 *
 * @throws if the database is of another chain
 */
export async function createStore(opts: CreateOptions): Promise<Store> {
  const { genesis, datadir, stateHistory: history, log = SILENT } = opts
  const store = await openStore({ config: genesis.config, datadir })
  try {
    store.lock()
    await beginChain(store, genesis, datadir)
    if (history === undefined) return store
    const stopPruning = startPruning(store, { datadir, history, log })
    const close = async () => {
      await stopPruning()
      await store.close()
    }
    return { ...store, close }
  } catch (error) {
    await store.close()
    throw error
  }
}
