import { join } from 'node:path'
import { type PrefixedHexString, hexToBytes } from '@ethereumjs/util'
import { JsonRpcError } from 'jsonrpc-lite'
import { type Database, open } from 'lmdb'
import pLimit from 'p-limit'
import type { ChainConfig } from './chain.ts'
import { createCrypto } from './crypto.ts'
import { type Message, type PayloadAttributes, createContext } from './execute.ts'
import { executeBlock, runMessage } from './execute.ts'
import { createGenesis } from './genesis.ts'
import { type BlockJSON, blockToJSON, headerFromJSON } from './json.ts'
import { State } from './state.ts'

/** A block's hash, its number on the chain, or a label: `latest` (the head), `safe`, `finalized`. */
export type BlockId = string | number

/**
 * Opens the database of a chain, or creates it with the genesis block. It holds all blocks and
 * states by hash, and an index of the canonical chain. A block is written with the nodes of its
 * state, and the head moves with all that depends on it, each in one transaction: whenever the
 * process ends, the database is consistent.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @param opts.datadir - folder of the database; without it nothing is kept
 * @throws if the database is of another chain
 */
export async function createNode(opts: { genesis: ChainConfig; datadir?: string }) {
  const { genesis, datadir } = opts
  const customCrypto = await createCrypto()
  const { chain, header, state } = await createGenesis(genesis, { customCrypto })
  const root = open({ path: datadir && join(datadir, 'chain.mdb'), compression: true })
  const nodes: Database<Uint8Array, string> = root.openDB({ name: 'nodes', encoding: 'binary' })
  const blocks: Database<BlockJSON, string> = root.openDB({ name: 'blocks' })
  /** Block hashes by number, label and transaction. */
  const index: Database<string, BlockId> = root.openDB({ name: 'index', encoding: 'string' })
  const callLimit = pLimit(1)

  const find = (id: BlockId) => blocks.get(index.get(id) ?? `${id}`)
  const head = () => find('latest')!
  const isCanonical = ({ header }: BlockJSON) => index.get(Number(header.number)) === header.hash

  /** The block of the chain that holds a transaction. */
  function findByTransaction(hash: string) {
    const block = find(`transaction ${hash}`)
    return block && isCanonical(block) ? block : undefined
  }

  /** Writes a block and the new nodes of its state. */
  const save = (block: BlockJSON, added: Map<string, Uint8Array>) =>
    root.transactionSync(() => {
      for (const [hash, node] of added) nodes.putSync(hash, node)
      blocks.putSync(block.header.hash, block)
    })

  /**
   * Makes a block the head of the chain and sets labels. The head may be an ancestor of the present
   * one or on another branch (E-39, E-45); nothing changes if an error is thrown.
   *
   * @returns the blocks that left the chain
   * @throws if a label would not be on the chain (-38002)
   */
  function setHead(newHead: BlockJSON, labels: Record<string, string | undefined>) {
    const dropped: (BlockJSON | undefined)[] = []
    const drop = (number: number) => {
      dropped.push(find(number))
      return index.removeSync(number)
    }
    const { hash: latest, number } = newHead.header
    root.transactionSync(() => {
      for (let above = Number(number) + 1; drop(above); above++);
      for (let block = newHead; !isCanonical(block); block = find(block.header.parentHash)!) {
        const { header, transactions } = block
        drop(Number(header.number))
        index.putSync(Number(header.number), header.hash)
        for (const { hash } of transactions) index.putSync(`transaction ${hash}`, header.hash)
      }
      const finalized = labels.finalized ?? index.get('finalized')
      for (const [label, hash] of Object.entries({ ...labels, latest, finalized })) {
        const block = hash && find(hash)
        if (hash && !(block && isCanonical(block)))
          throw new JsonRpcError(`${label} ${hash} is not on the chain of ${latest}`, -38002)
        if (hash) index.putSync(label, hash)
      }
      const safe = find('safe')
      if (safe && !isCanonical(safe)) index.removeSync('safe')
    })
    return dropped.filter((block) => block !== undefined)
  }

  /** The hash of the block with this number among a block and its ancestors. */
  function hashAmong(block: BlockJSON, number: bigint) {
    let ancestor = block
    while (!isCanonical(ancestor) && BigInt(ancestor.header.number) > number) {
      ancestor = find(ancestor.header.parentHash)!
    }
    const hash = isCanonical(ancestor) ? index.get(Number(number)) : ancestor.header.hash
    return hexToBytes(hash as PrefixedHexString)
  }

  /** What executes after a block: its header, its rules, and a state of its own. */
  function after(block: BlockJSON) {
    const header = headerFromJSON(chain, block.header)
    const rules = chain.rules(header)
    const overlay = new Map<string, Uint8Array>()
    const get = overlay.get.bind(overlay)
    overlay.get = (hash) => get(hash) ?? nodes.get(hash)
    const state = new State(rules.common, overlay, header.stateRoot)
    return { header, rules, state, getBlockHash: (number: bigint) => hashAmong(block, number) }
  }

  /** Executes the block that follows, and saves nothing. @throws as executeBlock does */
  async function execute(
    parent: BlockJSON,
    attributes: PayloadAttributes,
    candidates: Iterable<Uint8Array> = [],
  ) {
    const { header, state, getBlockHash } = after(parent)
    const opts = { chain, state, parent: header, attributes, candidates, getBlockHash }
    const executed = await executeBlock(opts)
    const block = blockToJSON(executed.header, executed.transactions, executed.receipts)
    return { block, nodes: state.nodes }
  }

  /** Runs a message at the end of a block; one at a time, and what it changes is lost. */
  const call = (block: BlockJSON, message: Message) =>
    callLimit(async () => runMessage(await createContext(after(block)), message))

  const block0 = blockToJSON(header, [], [])
  const stored = index.get(0) ?? block0.header.hash
  if (stored !== block0.header.hash) {
    throw new Error(`${datadir} has the genesis block ${stored}, not ${block0.header.hash}`)
  }
  if (!find('latest')) {
    save(block0, state.nodes)
    index.putSync(0, stored)
    setHead(block0, {})
  }
  const close = () => root.close()
  return { chain, find, findByTransaction, head, save, setHead, after, execute, call, close }
}

/** A chain with all its blocks and states. */
export type Node = Awaited<ReturnType<typeof createNode>>
