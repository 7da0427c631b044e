/** What a database holds, and whether it is whole. */
import {
  type BlockHeader,
  Bloom,
  type PrefixedHexString as Hex,
  MerklePatriciaTrie,
  RLP,
  bytesToHex,
  equalsBytes,
  hexToBytes,
} from 'ethereumjs-op/ethereumjs'
import { toExecuted } from './codec.ts'
import { readSchema } from './schema.ts'
import { checkState } from './stateCheck.ts'
import type { Store } from './store.ts'
import { toNumberKey } from './tables.ts'

/** A table: how many entries it has, and bytes of its pages. */
export interface TableStats {
  entries: number
  bytes: number
}

/** See {@link readStats}. */
export interface Stats {
  schema: number | undefined
  tables: Record<string, TableStats>
  /** Blocks that are kept, also those that are not on the chain. */
  blocks: number
  /** Hashes, or undefined. */
  head?: Hex
  safe?: Hex
  finalized?: Hex
  /** Of the head. */
  number: number
}

/** Counts what a database holds; quick, and also while a node has it open. */
export function readStats(store: Store): Stats {
  const { root, nodes, ...tables } = store.tables
  const sizes = Object.entries(tables).map(([name, table]): [string, TableStats] => {
    const stats = table.getStats() as Record<string, number>
    const { entryCount, treeBranchPageCount, treeLeafPageCount, overflowPages, pageSize } = stats
    const pages = treeBranchPageCount + treeLeafPageCount + overflowPages
    return [name, { entries: entryCount, bytes: pages * pageSize }]
  })
  const { head, safe, finalized } = store.getForkchoice()
  return {
    schema: readSchema(store.tables),
    tables: Object.fromEntries(sizes),
    blocks: Object.fromEntries(sizes).headers.entries,
    head,
    safe,
    finalized,
    number: Number(store.head().header.number),
  }
}

/** @throws that a block is wrong, and in what */
function assertBlock(isRight: boolean, number: number, fault: string): asserts isRight {
  if (!isRight) throw new Error(`block ${number}: ${fault}`)
}

/** Root of the trie that maps each index to its value. */
async function rootOf(values: Uint8Array[]): Promise<Uint8Array> {
  const trie = new MerklePatriciaTrie()
  for (const [index, value] of values.entries()) await trie.put(RLP.encode(index), value)
  return trie.root()
}

/** Compares a block of the chain with the one before, its body, and the index. */
async function checkBlock(store: Store, number: number, parent?: BlockHeader) {
  const hash = store.getCanonicalHash(number)
  assertBlock(hash !== undefined, number, 'is not in the index')
  const header = store.header(hash)
  const body = store.body(hash)
  assertBlock(header !== undefined && body !== undefined, number, `${hash} is missing`)
  assertBlock(bytesToHex(header.hash()) === hash, number, `is not the one with the hash ${hash}`)
  assertBlock(Number(header.number) === number, number, `has the number ${header.number}`)
  const isNext = !parent || equalsBytes(header.parentHash, parent.hash())
  assertBlock(isNext, number, 'does not follow the block before it')
  const { transactions } = body
  const isBody = equalsBytes(await rootOf(transactions), header.transactionsTrie)
  assertBlock(isBody, number, 'has other transactions than its header says')
  const { receipts } = toExecuted(store.chain, header, body)
  const bloom = new Bloom()
  for (const receipt of receipts) bloom.or(new Bloom(receipt.logsBloom))
  assertBlock(equalsBytes(bloom.bitvector, header.logsBloom), number, 'has other logs')
  const gasUsed = receipts.at(-1)?.cumulativeGasUsed ?? 0n
  // That of the genesis block is whatever the file says.
  assertBlock(number === 0 || gasUsed === header.gasUsed, number, 'has receipts of other gas')
  for (const [position, raw] of transactions.entries()) {
    const place = store.tables.places.get(store.chain.common.customCrypto.keccak256!(raw))
    const isIndexed = place?.[0] === number && place[1] === position
    assertBlock(isIndexed, number, `transaction ${position} is not in the index`)
  }
  return header
}

/**
 * Walks the chain from its first block to the head, and all of the state after that.
 *
 * @param onProgress - told the number of each block
 * @returns how many blocks, and nodes of the state, there are
 * @throws the first fault
 */
export async function checkDatabase(
  store: Store,
  onProgress: (number: number) => void = () => {},
): Promise<{ blocks: number; nodes: number }> {
  const { head, safe, finalized } = store.getForkchoice()
  const [first] = store.tables.canonical.getKeys({ limit: 1 })
  if (!head || !first) throw new Error('there is no chain in this database')
  const start = Buffer.from(first).readUIntBE(0, first.length)
  const end = Number(store.header(head)?.number ?? -1)
  if (end < 0) throw new Error(`the head ${head} is missing`)
  let parent: BlockHeader | undefined
  for (let number = start; number <= end; number++) {
    parent = await checkBlock(store, number, parent)
    onProgress(number)
  }
  for (const [label, hash] of Object.entries({ head, safe, finalized })) {
    const number = hash && store.header(hash)?.number
    const isOnChain = number !== undefined && store.getCanonicalHash(Number(number)) === hash
    if (hash && !isOnChain) throw new Error(`the ${label} block ${hash} is not on the chain`)
  }
  const above = store.tables.canonical.get(toNumberKey(end + 1))
  if (above) throw new Error(`block ${end + 1} is in the index, above the head`)
  const { keccak256 } = store.chain.common.customCrypto
  const root = hexToBytes(bytesToHex(parent!.stateRoot))
  // As they are on disk.
  const nodes = { get: store.tables.nodes.read }
  return { blocks: end - start + 1, nodes: await checkState(nodes, root, keccak256!) }
}
