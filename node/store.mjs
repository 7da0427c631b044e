import { join } from 'node:path'
import { hexToBytes } from '@ethereumjs/util'
import { State, StateError, blockToJSON, createContext, createCrypto } from 'ethereumjs-op'
import { createGenesis, executeBlock, headerFromJSON, runDeposit } from 'ethereumjs-op'
import { JsonRpcError } from 'jsonrpc-lite'
import { open } from 'lmdb'
import { isFull, selectPending } from './pool.mjs'

/**
 * Opens the database of a chain, or creates it with the genesis block. It holds all blocks and
 * states by hash, an index of the canonical chain, and the transactions that wait. A block is
 * written with what its state adds, the head moves with all that depends on it, each in one
 * transaction. So whenever the process ends, the database is consistent. Threads can share it.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @param opts.datadir - folder of the database
 * @throws if the database is of another chain
 */
export async function createStore({ genesis, datadir }) {
  const customCrypto = await createCrypto()
  const genesisNodes = new Map()
  const { chain, header } = await createGenesis(genesis, { customCrypto, nodes: genesisNodes })
  const root = open({ path: join(datadir, 'chain.mdb'), compression: true })
  const nodes = root.openDB({ name: 'nodes', encoding: 'binary', cache: true })
  const blocks = root.openDB({ name: 'blocks' })
  /**
   * Hashes of blocks by number, by label (latest, safe, finalized), by `tx` and its hash; by `limits`
   * those of the pool.
   */
  const index = root.openDB({ name: 'index' })
  /** Encoded transactions by sender and nonce; as they are, so that their size is known. */
  const pending = root.openDB({ name: 'pending', encoding: 'binary', compression: false })

  /** Reads a table. What a damaged disk says must not be taken for an invalid block. */
  const readFrom = (table) => (key) => {
    try {
      return table.get(key)
    } catch (error) {
      throw new StateError(`the database cannot be read: ${error.message}`)
    }
  }
  const [readNode, readBlock, readIndex] = [nodes, blocks, index].map(readFrom)
  const find = (id) => readBlock(readIndex(id) ?? `${id}`)
  const isCanonical = (block) =>
    block && index.get(Number(block.header.number)) === block.header.hash

  /** The block of the chain that holds a transaction. */
  const findByTransaction = (hash) => find(`tx ${hash}`)

  /**
   * Makes a block the head of the chain and sets labels. The head may be on another branch (E-45):
   * signed transactions of blocks that leave the chain wait again (E-41). A block that is on the chain
   * already leaves it as it is, with all blocks above (E-39). Nothing changes if an error is thrown.
   *
   * @throws if a label would not be on the chain of `head` (-38002)
   */
  const setHead = (head, labels) =>
    root.transactionSync(() => {
      const isAncestor = isCanonical(head)
      const added = []
      let block = head
      for (; !isCanonical(block); block = find(block.header.parentHash)) added.push(block)
      const drop = (number) => {
        const { transactions = [], raw = [] } = find(number) ?? {}
        for (const [place, { hash, type, from, nonce }] of transactions.entries()) {
          index.removeSync(`tx ${hash}`)
          if (type === '0x7e' || isFull(pending)) continue
          pending.putSync([from, Number(nonce)], hexToBytes(raw[place]))
        }
        return index.removeSync(number)
      }
      // The lowest first, for those of a sender are of use in order.
      const first = isAncestor ? Infinity : Number(block.header.number) + 1
      for (let number = first; drop(number); number++);
      for (const { header, transactions } of added) {
        index.putSync(Number(header.number), header.hash)
        for (const { hash, from, nonce } of transactions) {
          index.putSync(`tx ${hash}`, header.hash)
          pending.removeSync([from, Number(nonce)])
        }
      }
      const { hash: latest, number } = head.header
      const isBelow = (block) => isCanonical(block) && Number(block.header.number) <= Number(number)
      const finalized = labels.finalized ?? index.get('finalized')
      for (const [label, hash] of Object.entries({ ...labels, finalized })) {
        if (!hash) continue
        if (isBelow(find(hash))) index.putSync(label, hash)
        else throw new JsonRpcError(`${label} ${hash} is not on the chain of ${latest}`, -38002)
      }
      if (!isAncestor) index.putSync('latest', latest)
      if (!isCanonical(find('safe'))) index.removeSync('safe')
    })

  /**
   * What executes after a block: its header, a state of its own and what has been added to it, hashes
   * of its ancestors.
   */
  function after(block) {
    const header = headerFromJSON(chain, block.header)
    const rules = chain.rules(header)
    const added = new Map()
    const get = (hash) => added.get(hash) ?? readNode(hash)
    const set = (hash, node) => added.set(hash, node)
    const state = new State(rules.common, { get, set }, header.stateRoot)
    const getBlockHash = (number) => {
      let ancestor = block
      while (!isCanonical(ancestor) && BigInt(ancestor.header.number) > number) {
        ancestor = find(ancestor.header.parentHash)
      }
      return hexToBytes(isCanonical(ancestor) ? index.get(Number(number)) : ancestor.header.hash)
    }
    return { chain, header, rules, state, added, getBlockHash }
  }

  /** Keeps a block and what its state adds, both or nothing. */
  const keep = (block, added) =>
    root.transactionSync(() => {
      for (const [hash, node] of added) nodes.putSync(hash, node)
      blocks.putSync(block.header.hash, block)
    })

  /** Executes the block that follows, and keeps it. @throws as executeBlock does */
  async function execute(parentBlock, attributes) {
    const { added, ...place } = after(parentBlock)
    const candidates = attributes.noTxPool ? [] : await selectPending(store, place, attributes)
    const executed = await executeBlock({ ...place, parent: place.header, attributes, candidates })
    const block = blockToJSON(executed)
    try {
      keep(block, added)
    } catch (error) {
      // A full disk, say, does not make the block invalid.
      throw new StateError(`block ${block.header.hash} cannot be kept: ${error.message}`)
    }
    return block
  }

  /** Runs a call at the end of a block; what it changes is lost. */
  async function call(block, tx) {
    const { header, ...place } = after(block)
    await place.state.checkpoint()
    return runDeposit(await createContext(header, place), tx, tx.gas)
  }

  const block0 = blockToJSON({ header, transactions: [], receipts: [] })
  const stored = index.get(0) ?? block0.header.hash
  if (stored !== block0.header.hash) {
    throw new Error(`${datadir} has the genesis block ${stored}, not ${block0.header.hash}`)
  }
  const { chainId } = genesis.config
  const tables = { index, pending, find, findByTransaction }
  const store = { chain, chainId, ...tables, setHead, after, execute, call }
  if (!find('latest')) {
    keep(block0, genesisNodes)
    index.putSync(0, stored)
    setHead(block0, {})
  }
  return { ...store, close: () => root.close() }
}
