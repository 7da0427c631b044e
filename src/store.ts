import { join } from 'node:path'
import { type Database, open } from 'lmdb'
import type { BlockJSON } from './json.ts'

/** A label is not on the chain of the new head. */
export class ForkchoiceError extends Error {}

/** Key in the index for the block that holds a transaction. */
const transactionKey = (hash: unknown) => `transaction ${hash}`

/**
 * Opens the database: all blocks and states by hash, and the index of the canonical chain. Blocks
 * are written with the nodes of their state, and the head moves with all that depends on it, each
 * in one transaction, so that the database is consistent whenever the process ends.
 *
 * @param datadir - folder of the database; without it the database is deleted at the end
 */
export function createStore(datadir?: string) {
  const root = open({ path: datadir && join(datadir, 'chain.mdb'), compression: true })
  const nodes: Database<Uint8Array, string> = root.openDB({ name: 'nodes', encoding: 'binary' })
  const blocks: Database<BlockJSON, string> = root.openDB({ name: 'blocks' })
  /** Block hashes by number, label (`latest` is the head) and transaction. */
  const index: Database<string, string | number> = root.openDB({
    name: 'index',
    encoding: 'string',
  })

  /** The block with this hash, or that of the chain with this number or label. */
  const find = (id: string | number) => blocks.get(index.get(id) ?? `${id}`)

  /** The hash of the chain's block with this number. */
  const hashOf = (number: number) => index.get(number)

  const isCanonical = ({ header }: BlockJSON) => hashOf(Number(header.number)) === header.hash

  /** The block of the chain that holds a transaction. */
  function findByTransaction(hash: string) {
    const block = find(transactionKey(hash))
    return block && isCanonical(block) ? block : undefined
  }

  /** Trie nodes and code of all states. What is added stays in memory until it is saved. */
  function overlayNodes() {
    const overlay = new Map<string, Uint8Array>()
    const get = overlay.get.bind(overlay)
    overlay.get = (hash) => get(hash) ?? nodes.get(hash)
    return overlay
  }

  /** Writes a block and the new nodes of its state, all or nothing. */
  function save(block: BlockJSON, added: Map<string, Uint8Array>) {
    root.transactionSync(() => {
      for (const [hash, node] of added) nodes.putSync(hash, node)
      blocks.putSync(block.header.hash, block)
    })
  }

  /**
   * Makes a block the head of the chain and sets labels, all or nothing. The head may be an
   * ancestor of the present one or on another branch (E-39, E-45).
   *
   * @returns the blocks that left the chain
   * @throws {ForkchoiceError} if a label is not on the chain of the new head
   */
  function setHead(head: BlockJSON, labels: { safe?: string; finalized?: string } = {}) {
    const dropped: BlockJSON[] = []
    const drop = (number: number) => {
      const block = find(number)
      if (block) dropped.push(block)
      return index.removeSync(number)
    }
    const { hash, number } = head.header
    root.transactionSync(() => {
      for (let above = Number(number) + 1; drop(above); above++);
      let block: BlockJSON | undefined = head
      while (block && !isCanonical(block)) {
        const { header, transactions }: BlockJSON = block
        drop(Number(header.number))
        index.putSync(Number(header.number), header.hash)
        for (const { hash } of transactions) index.putSync(transactionKey(hash), header.hash)
        block = find(header.parentHash)
      }
      index.putSync('latest', hash)
      for (const label of ['safe', 'finalized'] as const) {
        const labelled = find(labels[label] ?? label)
        const isKept = labelled && isCanonical(labelled)
        if (isKept) index.putSync(label, labelled.header.hash)
        else if (label === 'safe' && !labels.safe) index.removeSync('safe')
        else if (labels[label] || labelled)
          throw new ForkchoiceError(
            `${label} block ${labels[label]} is not on the chain of head ${hash}`,
          )
      }
    })
    return dropped
  }

  const close = () => root.close()
  return { find, findByTransaction, hashOf, isCanonical, overlayNodes, save, setHead, close }
}

/** The database of a chain. */
export type Store = ReturnType<typeof createStore>
