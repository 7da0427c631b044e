import {
  Block,
  type BlockHeader,
  type HeaderData,
  valuesArrayToHeaderData,
} from '@ethereumjs/block'
import { Blockchain, type BlockchainOptions, createBlockchain } from '@ethereumjs/blockchain'
import { Common, Hoodi } from '@ethereumjs/common'
import { RLP } from '@ethereumjs/rlp'
import {
  type BatchDBOp,
  type DB,
  type DBObject,
  type EncodingOpts,
  type PrefixedHexString as Hex,
  KeyEncoding,
  MapDB,
  ValueEncoding,
  bytesToHex,
  bytesToUnprefixedHex,
  concatBytes,
  hexToBytes,
  utf8ToBytes,
} from '@ethereumjs/util'
import {
  type Backend,
  type Chain,
  type ChainConfig,
  type Crypto,
  type ExecutedBlock,
  FORKS,
  createHeader,
  encodeReceipt,
} from '../src/index.ts'
import { type Genesis, createGenesis } from './genesis.ts'

type Key = Uint8Array | string
type Value = Uint8Array | string | DBObject

/** A database of EthereumJS. Its `batch` must write everything, or else throw and write nothing. */
export type Database = DB<Uint8Array | string, Uint8Array | string | DBObject>

/** See {@link createBackend}. */
export interface BackendOptions {
  /** A geth-style genesis file. */
  genesis: Genesis
  /** In memory if it is left out. */
  db?: Database
  /** Faster than pure JavaScript, such as that of `ethereumjs-op/crypto`. */
  customCrypto?: Crypto
}

/** A block as {@link createBackend} keeps it. */
export interface StoredBlock {
  header: BlockHeader
  /** EIP-2718 encodings. */
  transactions: Uint8Array[]
  /** As `encodeReceipt` encodes them, so with the nonce of a deposit (D-24). */
  receipts: Uint8Array[]
}

/** See {@link createBackend}. */
export interface BlockchainBackend extends Backend {
  /**
   * The canonical chain of headers, to be read only, and without `getBlock` and what calls it, for
   * bodies are not in there. It emits no events.
   */
  readonly blockchain: Blockchain
  /** A block that is kept, canonical or not. */
  getBlock(hash: Hex): Promise<StoredBlock | undefined>
}

/** Collects what is written, for one batch; until then only its own reads see it. */
class Batch implements Database {
  readonly #db: Database
  readonly #ops = new Map<string, BatchDBOp<Key, Value>>()

  constructor(db: Database) {
    this.#db = db
  }

  async get(key: Key, opts?: EncodingOpts) {
    const op = this.#ops.get(toText(key))
    if (!op) return this.#db.get(key, opts)
    return op.type === 'put' ? op.value : undefined
  }

  put = (key: Key, value: Value, opts?: EncodingOpts) =>
    this.batch([{ type: 'put', key, value, opts }])

  del = (key: Key, opts?: EncodingOpts) => this.batch([{ type: 'del', key, opts }])

  async batch(ops: BatchDBOp<Key, Value>[]) {
    for (const op of ops) this.#ops.set(toText(op.key), op)
  }

  write = () => this.#db.batch([...this.#ops.values()])

  shallowCopy = () => this

  open = () => this.#db.open()
}

/** Names of keys in {@link Batch}: strings that Blockchain uses are not hex. */
const toText = (key: Key) => (typeof key === 'string' ? key : bytesToUnprefixedHex(key))

const BYTES: EncodingOpts = { keyEncoding: KeyEncoding.Bytes, valueEncoding: ValueEncoding.Bytes }

/** The keys of Blockchain begin with b, h, H or L. */
const toKey = (table: 'body' | 'header' | 'labels' | 'node', hash: Hex = '0x') =>
  concatBytes(utf8ToBytes(`op-${table}-`), hexToBytes(hash))

/**
 * Ethereum's hardforks at the times of this chain, so that EthereumJS can read any of its headers. It
 * is for nothing else: the rules of blocks are `chain.rules`.
 */
function createHeaderCommon(chain: Chain, config: ChainConfig, timestamp: bigint): Common {
  const times = [0, ...FORKS.map((fork) => config[`${fork}Time`])].filter((time) => time != null)
  const hardforks = Hoodi.hardforks.map(({ name, block }) => {
    const isActive = (time: unknown) =>
      chain.rules({ timestamp: BigInt(time as number) }).common.gteHardfork(name)
    const time = block === null ? times.find(isActive) : undefined
    return { name, block, timestamp: time === undefined ? undefined : `${time}` }
  })
  const { customCrypto } = chain.common
  const hardfork = chain.rules({ timestamp }).common.hardfork()
  const params = { ...Hoodi, chainId: Number(chain.common.chainId()), hardforks }
  return new Common({ chain: params, hardfork, customCrypto })
}

/**
 * What the Engine API needs below it, on a database of EthereumJS: a `Blockchain` for the canonical
 * headers, and beside it, under keys that begin with `op-`, all blocks with their receipts, the nodes
 * of their states, and labels. What a call changes is one batch.
 *
 * An execution client in memory, in ten lines:
 *
 * ```js
 * import { readFileSync } from 'node:fs'
 * import { createEngine } from 'ethereumjs-op'
 * import { createBackend } from 'ethereumjs-op/blockchain'
 *
 * const genesis = JSON.parse(readFileSync('genesis.json', 'utf8'))
 * const backend = await createBackend({ genesis })
 * const engine = createEngine(backend)
 * const head = (await backend.getForkchoice()).head
 * const state = { headBlockHash: head, safeBlockHash: head, finalizedBlockHash: head }
 * console.log(await engine.engine_forkchoiceUpdatedV3(state))
 * ```
 *
 * @throws if the database has another chain
 */
export async function createBackend(opts: BackendOptions): Promise<BlockchainBackend> {
  const { genesis, customCrypto, db = new MapDB<Key, Value>() } = opts
  const { chain, header: genesisHeader, state } = await createGenesis(genesis, { customCrypto })
  const genesisHash = bytesToHex(genesisHeader.hash())
  const common = createHeaderCommon(chain, genesis.config!, genesisHeader.timestamp)
  const options: BlockchainOptions = {
    common,
    genesisBlock: new Block(genesisHeader),
    // What EthereumJS would check are the rules of Ethereum.
    validateBlocks: false,
    validateConsensus: false,
  }

  const read = async (key: Uint8Array) => (await db.get(key, BYTES)) as Uint8Array | undefined

  const getHeader = async (hash: Hex): Promise<HeaderData | undefined> => {
    const rlp = await read(toKey('header', hash))
    return rlp && valuesArrayToHeaderData(RLP.decode(rlp) as Uint8Array[])
  }

  /** Puts a block, and what its state adds, into a batch. */
  async function addBlock(batch: Batch, block: ExecutedBlock, nodes: Map<string, Uint8Array>) {
    const hash = bytesToHex(block.header.hash())
    const body = [block.transactions, block.receipts.map(encodeReceipt)]
    await batch.put(toKey('header', hash), block.header.serialize(), BYTES)
    await batch.put(toKey('body', hash), RLP.encode(body), BYTES)
    for (const [node, value] of nodes) await batch.put(toKey('node', `0x${node}`), value, BYTES)
  }

  await db.open()
  const stored = await new Blockchain({ ...options, db }).safeNumberToHash(0n)
  if (stored && bytesToHex(stored) !== genesisHash) {
    const has = `the database has the genesis block ${bytesToHex(stored)}`
    throw new Error(`${has}, but that of the genesis file is ${genesisHash}`)
  }
  if (!(await getHeader(genesisHash))) {
    const batch = new Batch(db)
    await createBlockchain({ ...options, db: batch })
    const block = { header: genesisHeader, transactions: [], receipts: [] }
    await addBlock(batch, block, state.added)
    await batch.write()
  }
  const blockchain = await createBlockchain({ ...options, db })

  return {
    chain,
    blockchain,
    nodes: { get: (hash) => read(toKey('node', `0x${hash}`)) },
    getHeader,
    async getCanonicalHash(number) {
      const hash = await blockchain.safeNumberToHash(number)
      return hash ? bytesToHex(hash) : undefined
    },
    async getForkchoice() {
      const head = await blockchain.dbManager.getHeadHeader()
      const labels = RLP.decode((await read(toKey('labels'))) ?? RLP.encode([])) as Uint8Array[]
      const [safe, finalized] = labels.map((hash) => (hash.length ? bytesToHex(hash) : undefined))
      return { head: head ? bytesToHex(head) : genesisHash, safe, finalized }
    },
    async setForkchoice({ safe, finalized, added }) {
      const batch = new Batch(db)
      // Blockchain keeps in memory what it has put, also where that was not written in the end. So
      // a copy does it, and all that it knows is taken over, or nothing.
      const { dbManager, events } = new Blockchain({ ...options, db: batch })
      const next = Object.assign(blockchain.shallowCopy(), { dbManager, events })
      next['_heads'] = { ...next['_heads'] }
      for (const header of added) await next.putHeader(header)
      const labels = RLP.encode([safe ?? '0x', finalized ?? '0x'])
      await batch.put(toKey('labels'), labels, BYTES)
      await batch.write()
      const own = { common, events: blockchain.events }
      Object.assign(blockchain, next, own, {
        dbManager: new Blockchain({ ...options, db }).dbManager,
      })
    },
    async putBlock(block, nodes) {
      const batch = new Batch(db)
      await addBlock(batch, block, nodes)
      await batch.write()
    },
    async getBlock(hash) {
      const data = await getHeader(hash)
      const body = await read(toKey('body', hash))
      if (!data || !body) return undefined
      const [transactions, receipts] = RLP.decode(body) as Uint8Array[][]
      return { header: createHeader(chain, data), transactions, receipts }
    },
  }
}
