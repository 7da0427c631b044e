/** How far the deletion of old states is, as the index keeps it; see prune.ts. */
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import type { Database } from 'lmdb'

/** Blocks that are noted while a root is looked for. The next head is one of them, as a rule. */
const MAX_NOTED = 64

/** A block whose state is kept, as are those of all that come after it. */
export interface Kept {
  number: number
  hash: Hex
  /** 64 hex digits. */
  root: string
}

/**
 * How old states are deleted. A cut is made through the records of trie nodes, and from then on each
 * block writes its nodes behind it. One such block on the chain is the root: what its state shares with
 * older ones is copied behind the cut too. Once the states before the root are not wanted any more,
 * all before the cut is deleted. Each step can be repeated.
 */
export interface Collection {
  phase: 'rest' | 'begin' | 'copy' | 'wait' | 'delete'
  /** The place of the first record that stays. */
  cut: number
  /** In phase `begin`: blocks that were put after the cut, and so were all that come after them. */
  since?: Hex[]
  root?: Kept
  /** Records after the last one. */
  count: number
}

export const readCollection = (index: Database): Collection =>
  index.get('collection') ?? { phase: 'rest', cut: 0, count: 0 }

/** Within a transaction. */
export const changeCollection = (index: Database, changes: Partial<Collection>): void =>
  index.putSync('collection', { ...readCollection(index), ...changes })

/** Notes that a block is put that was not there before; within the transaction that does it. */
export function noteBlock(index: Database, hash: Hex): void {
  const { phase, since = [] } = readCollection(index)
  if (phase !== 'begin') return
  changeCollection(index, { since: [...since.slice(1 - MAX_NOTED), hash] })
}

/**
 * The oldest block whose state is kept, if not all are. States of blocks that do not come after it may
 * be there in part.
 */
export const readOldest = (index: Database): Kept | undefined => index.get('oldest state')

/** From here on the states before a block are not there; within a transaction. */
export const setOldest = (index: Database, oldest: Kept): void =>
  index.putSync('oldest state', oldest)
