import { join } from 'node:path'
import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import { State, createChain, createContext, runDeposit } from 'ethereumjs-op'
import { blockToJSON, headerFromJSON } from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'
import { open } from 'lmdb'
import { beginChain } from './genesis.mjs'
import { isFull, selectPending } from './pool.mjs'

/**
 * Opens the database of a chain: the `Backend` of the engine, and what else the node asks. It holds
 * all blocks and states by hash, an index of the canonical chain, and the transactions that wait. A
 * block is written with what its state adds, the head moves with all that depends on it, each in one
 * transaction. So whenever the process ends, the database is consistent. Threads can share it.
 *
 * @param opts.config - of the chain
 * @param opts.datadir - folder of the database
 * @param opts.log - takes a line per new head
 * @throws if the config contradicts itself
 */
export async function openStore({ config, datadir, log = () => {} }) {
  const customCrypto = await createCrypto()
  const chain = createChain(config ?? {}, { customCrypto })
  const root = open({ path: join(datadir, 'chain.mdb'), compression: true })
  const nodes = root.openDB({ name: 'nodes', encoding: 'binary', cache: true })
  const blocks = root.openDB({ name: 'blocks' })
  /**
   * Hashes of blocks by number, by label (latest, safe, finalized), by `tx` and its hash; by `limits`
   * those of the pool; by `genesis` what the database was made with.
   */
  const index = root.openDB({ name: 'index' })
  /** Encoded transactions by sender and nonce; as they are, so that their size is known. */
  const pending = root.openDB({ name: 'pending', encoding: 'binary', compression: false })

  const find = (id) => blocks.get(index.get(id) ?? `${id}`)
  /** The block of the chain that holds a transaction. */
  const findByTransaction = (hash) => find(`tx ${hash}`)

  const getHeader = (hash) => {
    const block = blocks.get(hash)
    return block && headerFromJSON(chain, block.header)
  }
  const getCanonicalHash = (number) => index.get(Number(number))
  const getForkchoice = () => ({
    head: index.get('latest'),
    safe: index.get('safe'),
    finalized: index.get('finalized'),
  })

  /** Takes a block off the chain: its signed transactions wait again (E-41). @returns if it was there */
  function drop(number) {
    const { transactions = [], raw = [] } = find(number) ?? {}
    for (const [place, { hash, type, from, nonce }] of transactions.entries()) {
      index.removeSync(`tx ${hash}`)
      if (type === '0x7e' || isFull(pending)) continue
      pending.putSync([from, Number(nonce)], hexToBytes(raw[place]))
    }
    return index.removeSync(number)
  }

  /** Puts blocks on the chain, in place of what is there. */
  function replace(newBlocks) {
    // The lowest first, for those of a sender are of use in order.
    for (let number = Number(newBlocks[0].header.number); drop(number); number++);
    for (const { header, transactions } of newBlocks) {
      index.putSync(Number(header.number), header.hash)
      for (const { hash, from, nonce } of transactions) {
        index.putSync(`tx ${hash}`, header.hash)
        pending.removeSync([from, Number(nonce)])
      }
    }
  }

  /** Moves head, labels, index and pool together. */
  function setForkchoice({ head, safe, finalized, added }) {
    const newBlocks = added.map((header) => blocks.get(bytesToHex(header.hash())))
    root.transactionSync(() => {
      if (newBlocks.length > 0) replace(newBlocks)
      for (const [label, hash] of Object.entries({ latest: head, safe, finalized })) {
        if (hash) index.putSync(label, hash)
        else index.removeSync(label)
      }
    })
    const { header, transactions } = newBlocks.at(-1) ?? {}
    if (header) log(`head ${Number(header.number)} ${head} ${transactions.length} txs`)
  }

  function putBlock(block, added) {
    const json = blockToJSON(block)
    root.transactionSync(() => {
      for (const [hash, node] of added) nodes.putSync(hash, node)
      blocks.putSync(json.header.hash, json)
    })
  }

  /** The hash of a block of the chain that ends with `block`. */
  function getAncestorHash(block, number) {
    let { header } = block
    while (getCanonicalHash(header.number) !== header.hash) {
      if (BigInt(header.number) === number) return header.hash
      header = blocks.get(header.parentHash).header
    }
    return getCanonicalHash(number)
  }

  /** What executes after a block: its header and rules, a state of its own, hashes of ancestors. */
  function after(block) {
    const header = headerFromJSON(chain, block.header)
    const state = new State(chain.common, nodes, header.stateRoot)
    const getBlockHash = (number) => getAncestorHash(block, number)
    return { chain, header, rules: chain.rules(header), state, getBlockHash }
  }

  /** Runs a call at the end of a block; what it changes is lost. */
  async function call(block, tx) {
    const { header, ...place } = after(block)
    await place.state.checkpoint()
    return runDeposit(await createContext(header, place), tx, tx.gas)
  }

  const selectTransactions = (parent, attributes) => {
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
    find,
    findByTransaction,
    after,
    call,
    transact: (write) => root.transactionSync(write),
    close: () => root.close(),
  }
}

/**
 * Opens the database of a chain, or begins one in an empty folder; see {@link openStore}.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @throws if the database is of another chain
 */
export async function createStore({ genesis, datadir, log = () => {} }) {
  const store = await openStore({ config: genesis.config, datadir, log })
  try {
    await beginChain(store, genesis, datadir)
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}
