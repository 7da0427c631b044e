import { join } from 'node:path'
import {
  type Backend,
  type Chain,
  type ContextOptions,
  DEPOSIT_TYPE,
  type DepositTx,
  type ForkchoiceUpdate,
  type Rules,
  State,
  type TxResult,
  createChain,
  createContext,
  runDeposit,
} from 'ethereumjs-op'
import {
  type BlockJSON,
  type Genesis,
  type HeaderJSON,
  blockToJSON,
  headerFromJSON,
} from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  bytesToHex,
  hexToBytes,
} from 'ethereumjs-op/ethereumjs'
import { type Database, open } from 'lmdb'
import { type Events, openEvents } from '../events.ts'
import { type Logger, SILENT } from '../log.ts'
import { isFull, selectPending } from '../pool.ts'
import { beginChain } from './genesis.ts'

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
  getCanonicalHash(number: bigint | number): Hex | undefined
  setForkchoice(update: ForkchoiceUpdate): void
  putBlock: (...args: Parameters<Backend['putBlock']>) => void
  /**
   * Hashes of blocks by number, by label (latest, safe, finalized), by `tx` and its hash; by `limits`
   * those of the pool; by `genesis` what the database was made with.
   */
  readonly index: Database
  /** Encoded transactions by sender and nonce; as they are, so that their size is known. */
  readonly pending: Database<Uint8Array, [string, number]>
  /** What happens on the chain, in whatever thread. */
  readonly events: Events
  find(id: BlockId): BlockJSON | undefined
  /** The block of the chain that holds a transaction. */
  findByTransaction(hash: Hex): BlockJSON | undefined
  /** The newest block of the chain. */
  head(): BlockJSON
  after(block: BlockJSON): Place
  /** Runs a call at the end of a block; what it changes is lost. */
  call(block: BlockJSON, tx: DepositTx): Promise<TxResult>
  /** Writes all or nothing. */
  transact<T>(write: () => T): T
  close(): Promise<void>
}

/** See {@link openStore}. */
export interface StoreOptions {
  config?: Genesis['config']
  /** Folder of the database. */
  datadir: string
  log?: Logger
}

/**
 * Opens the database of a chain. It holds all blocks and states by hash, an index of the canonical
 * chain, and the transactions that wait. A block is written with what its state adds, the head moves
 * with all that depends on it, each in one transaction. So whenever the process ends, the database is
 * consistent. Threads can share it.
 *
 * @throws if the config contradicts itself
 */
export async function openStore({ config, datadir, log = SILENT }: StoreOptions): Promise<Store> {
  const customCrypto = await createCrypto()
  const chain: Chain = createChain(config ?? {}, { customCrypto })
  const root = open({ path: join(datadir, 'chain.mdb'), compression: true })
  const nodes = root.openDB<Uint8Array, string>({ name: 'nodes', encoding: 'binary', cache: true })
  const blocks = root.openDB<BlockJSON, string>({ name: 'blocks' })
  const index = root.openDB({ name: 'index' })
  const pending = root.openDB<Uint8Array, [string, number]>({
    name: 'pending',
    encoding: 'binary',
    compression: false,
  })

  const events = openEvents(datadir)

  const find = (id: BlockId | string) => blocks.get(index.get(id) ?? `${id}`)
  const findByTransaction = (hash: Hex) => find(`tx ${hash}`)

  /** @throws if it is not there, which is a fault of the database */
  function get(id: BlockId): BlockJSON {
    const block = find(id)
    if (!block) throw new Error(`block ${id} is not in the database`)
    return block
  }

  const getHeader = (hash: Hex) => {
    const block = blocks.get(hash)
    return block && headerFromJSON(chain, block.header)
  }
  const getCanonicalHash = (number: bigint | number): Hex | undefined => index.get(Number(number))
  const getForkchoice = () => ({
    head: index.get('latest'),
    safe: index.get('safe'),
    finalized: index.get('finalized'),
  })

  /** Takes a block off the chain: its signed transactions wait again (E-41). @returns its hash */
  function drop(number: number): Hex | undefined {
    const { header, transactions = [], raw = [] } = find(number) ?? {}
    for (const [place, { hash, from, nonce }] of transactions.entries()) {
      index.removeSync(`tx ${hash}`)
      const encoded = hexToBytes(raw[place])
      if (encoded[0] === DEPOSIT_TYPE || isFull(pending)) continue
      pending.putSync([from, Number(nonce)], encoded)
    }
    index.removeSync(number)
    return header?.hash as Hex | undefined
  }

  /** Puts blocks on the chain, in place of what is there. @returns hashes of that, newest first */
  function replace(newBlocks: BlockJSON[]): Hex[] {
    const removed: Hex[] = []
    // The lowest first, for those of a sender are of use in order.
    for (let number = Number(newBlocks[0].header.number); ; number++) {
      const hash = drop(number)
      if (!hash) break
      removed.unshift(hash)
    }
    for (const { header, transactions } of newBlocks) {
      index.putSync(Number(header.number), header.hash)
      for (const { hash, from, nonce } of transactions) {
        index.putSync(`tx ${hash}`, header.hash)
        pending.removeSync([from, Number(nonce)])
      }
    }
    return removed
  }

  /** Moves head, labels, index and pool together. */
  function setForkchoice({ head, safe, finalized, added }: ForkchoiceUpdate) {
    const newBlocks = added.map((header) => get(bytesToHex(header.hash())))
    const removed = root.transactionSync(() => {
      const old = newBlocks.length > 0 ? replace(newBlocks) : []
      for (const [label, hash] of Object.entries({ latest: head, safe, finalized })) {
        if (hash) index.putSync(label, hash)
        else index.removeSync(label)
      }
      return old
    })
    const newHead = newBlocks.at(-1)
    if (!newHead) return
    events.emit({ type: 'head', added: newBlocks.map(({ header }) => header.hash as Hex), removed })
    const { header, transactions } = newHead
    log.info({ number: Number(header.number), hash: head, txs: transactions.length }, 'head')
  }

  const putBlock: Store['putBlock'] = (block, added) => {
    const json = blockToJSON(block)
    root.transactionSync(() => {
      for (const [hash, node] of added) nodes.putSync(hash, node)
      blocks.putSync(json.header.hash!, json)
    })
  }

  /** The hash of a block of the chain that ends with `block`. */
  function getAncestorHash(block: BlockJSON, number: bigint): Hex | undefined {
    let header: HeaderJSON = block.header
    while (getCanonicalHash(BigInt(header.number)) !== header.hash) {
      if (BigInt(header.number) === number) return header.hash as Hex
      header = get(header.parentHash as Hex).header
    }
    return getCanonicalHash(number)
  }

  function after(block: BlockJSON): Place {
    const header = headerFromJSON(chain, block.header)
    const state = new State(chain.common, nodes, header.stateRoot)
    const getBlockHash = (number: bigint) => getAncestorHash(block, number)
    return { chain, header, rules: chain.rules(header), state, getBlockHash }
  }

  async function call(block: BlockJSON, tx: DepositTx) {
    const { header, ...place } = after(block)
    await place.state.checkpoint()
    return runDeposit(await createContext(header, place), tx, tx.gas)
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
    selectTransactions,
    index,
    pending,
    events,
    find,
    findByTransaction,
    head: () => get('latest'),
    after,
    call,
    transact: (write) => root.transactionSync(write),
    close: () => {
      events.close()
      return root.close()
    },
  }
}

/**
 * Opens the database of a chain, or begins one in an empty folder; see {@link openStore}.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @throws if the database is of another chain
 */
export async function createStore(
  opts: { genesis: Genesis } & Omit<StoreOptions, 'config'>,
): Promise<Store> {
  const { genesis, datadir, log } = opts
  const store = await openStore({ config: genesis.config, datadir, log })
  try {
    await beginChain(store, genesis, datadir)
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}
