/**
 * Tries of EthereumJS that change for many keys at once. The original encodes, hashes and keeps all
 * nodes of a path anew for each key, most of which are of no use after the next; this does it once.
 */
import type { Common } from '@ethereumjs/common'
import {
  BranchMPTNode,
  ExtensionMPTNode,
  LeafMPTNode,
  type MPTNode,
  type MerklePatriciaTrie,
  type NodeReferenceOrRawMPTNode,
} from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { KECCAK256_RLP, bytesToUnprefixedHex, equalsBytes } from '@ethereumjs/util'

/** A value, and where it belongs. No key is the beginning of another. */
interface Leaf {
  /** Hex digits. */
  key: string
  /** Not empty. */
  value: Uint8Array
}

/** What becomes of nodes. */
interface Sink {
  hash(encoded: Uint8Array): Uint8Array
  /** Keeps a node. */
  put(hash: Uint8Array, encoded: Uint8Array): void
}

const toNibbles = (key: string) => Array.from(key, (digit) => Number.parseInt(digit, 16))

/** Leaves by their digit at `depth`. */
function groupAt(leaves: Leaf[], depth: number): Map<number, Leaf[]> {
  const groups = new Map<number, Leaf[]>()
  for (const leaf of leaves) {
    const nibble = Number.parseInt(leaf.key[depth], 16)
    const group = groups.get(nibble)
    if (group) group.push(leaf)
    else groups.set(nibble, [leaf])
  }
  return groups
}

/** The length of what the keys have in common with `key`. */
function countCommon(leaves: Leaf[], key: string): number {
  let count = key.length
  for (const leaf of leaves) {
    let own = 0
    while (own < count && leaf.key[own] === key[own]) own++
    count = own
  }
  return count
}

/**
 * What stands for a node in that above it: its hash, or where that is longer the node itself.
 *
 * @param old - what stood there before
 */
function refer(
  sink: Sink,
  node: MPTNode,
  old?: NodeReferenceOrRawMPTNode | null,
): NodeReferenceOrRawMPTNode {
  const encoded = node.serialize()
  if (encoded.length < 32) return node.raw() as NodeReferenceOrRawMPTNode
  const hash = sink.hash(encoded)
  const isSame = old instanceof Uint8Array && equalsBytes(hash, old)
  if (!isSame) sink.put(hash, encoded)
  return hash
}

/** A node with these leaves, at least one, of whose keys `depth` digits are above it. */
function createNode(sink: Sink, leaves: Leaf[], depth: number): MPTNode {
  const [{ key, value }] = leaves
  if (leaves.length === 1) return new LeafMPTNode(toNibbles(key.slice(depth)), value)
  const end = countCommon(leaves, key)
  if (end > depth) {
    const below = refer(sink, createNode(sink, leaves, end))
    return new ExtensionMPTNode(toNibbles(key.slice(depth, end)), below as Uint8Array)
  }
  const branch = new BranchMPTNode()
  for (const [nibble, group] of groupAt(leaves, depth)) {
    branch.setBranch(nibble, refer(sink, createNode(sink, group, depth + 1)))
  }
  return branch
}

/** What becomes of a node when these leaves are put there. */
async function putAt(
  trie: MerklePatriciaTrie,
  sink: Sink,
  node: MPTNode,
  leaves: Leaf[],
  depth: number,
): Promise<MPTNode> {
  if (node instanceof BranchMPTNode) {
    for (const [nibble, group] of groupAt(leaves, depth)) {
      const old = node.getBranch(nibble)
      const next = old
        ? await putAt(trie, sink, await trie.lookupNode(old), group, depth + 1)
        : createNode(sink, group, depth + 1)
      node.setBranch(nibble, refer(sink, next, old))
    }
    return node
  }
  const nibbles = node.key()
  const digits = nibbles.map((nibble) => nibble.toString(16)).join('')
  const key = leaves[0].key.slice(0, depth) + digits
  if (node instanceof LeafMPTNode) {
    const isReplaced = leaves.some((leaf) => leaf.key === key)
    const all = isReplaced ? leaves : [...leaves, { key, value: node.value() }]
    return createNode(sink, all, depth)
  }
  const old = node.value()
  const common = countCommon(leaves, key) - depth
  if (common === nibbles.length) {
    const next = await putAt(trie, sink, await trie.lookupNode(old), leaves, depth + common)
    node.value(refer(sink, next, old) as Uint8Array)
    return node
  }
  // A branch where the keys part.
  const rest = nibbles.slice(common + 1)
  const branch = new BranchMPTNode()
  const below = rest.length > 0 ? refer(sink, new ExtensionMPTNode(rest, old)) : old
  branch.setBranch(nibbles[common], below)
  const next = await putAt(trie, sink, branch, leaves, depth + common)
  if (common === 0) return next
  return new ExtensionMPTNode(nibbles.slice(0, common), refer(sink, next) as Uint8Array)
}

/**
 * Puts entries into a trie with hashed keys. It needs no more nodes than those on their paths.
 *
 * @param entries - different keys, with values that are not empty
 * @param nodes - gets the new nodes by hash, 64 hex digits; the trie must find them there
 */
export async function putAll(
  trie: MerklePatriciaTrie,
  entries: [key: Uint8Array, value: Uint8Array][],
  nodes: Map<string, Uint8Array>,
): Promise<void> {
  if (entries.length === 0) return
  const sink: Sink = {
    hash: (encoded) => trie['hash'](encoded),
    put: (hash, encoded) => nodes.set(bytesToUnprefixedHex(hash), encoded),
  }
  const leaves = entries.map(([key, value]) => {
    return { key: bytesToUnprefixedHex(trie['appliedKey'](key)), value }
  })
  const old = trie.root()
  const isEmpty = equalsBytes(old, trie.EMPTY_TRIE_ROOT)
  const root = isEmpty
    ? createNode(sink, leaves, 0)
    : await putAt(trie, sink, await trie.lookupNode(old), leaves, 0)
  const encoded = root.serialize()
  const hash = sink.hash(encoded)
  if (!equalsBytes(hash, old)) sink.put(hash, encoded)
  trie.root(hash)
}

/** Root of the trie that maps each index to its value, without those that are empty. */
export function indexedRoot(common: Common, values: Uint8Array[]): Uint8Array {
  const hash = common.customCrypto.keccak256!
  const leaves: Leaf[] = []
  for (const [index, value] of values.entries()) {
    if (value.length > 0) leaves.push({ key: bytesToUnprefixedHex(RLP.encode(index)), value })
  }
  if (leaves.length === 0) return KECCAK256_RLP
  const root = createNode({ hash, put: () => {} }, leaves, 0)
  return hash(root.serialize())
}
