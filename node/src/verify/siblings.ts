/**
 * Nodes that proofs do not hold. Where the last but one child of a branch goes, the branch goes as well,
 * and the child that stays must be read, though nobody has asked for a key below it.
 */
import {
  type BranchMPTNode,
  ExtensionMPTNode,
  LeafMPTNode,
  type MPTNode,
  bytesToUnprefixedHex,
  decodeMPTNode,
  decodeRawMPTNode,
} from 'ethereumjs-op/ethereumjs'

type Keccak = (bytes: Uint8Array) => Uint8Array

/** Digits of a path for which a key is searched by trying: 16 times as long for each. */
const MAX_SEARCHED = 5

/** A node that is referred to, but not known. */
export interface Sibling {
  /** Hex digits from the root of its trie. */
  path: string
  hash: string
}

const toText = (nibbles: number[]) => nibbles.map((nibble) => nibble.toString(16)).join('')

/**
 * Nodes that must be read when keys are deleted.
 *
 * @param nodes - by hash: those on the paths of the keys
 * @param root - hash of the root of a trie
 * @param keys - their hashes, 64 hex digits each
 */
export function findSiblings(
  nodes: Map<string, Uint8Array>,
  root: Uint8Array,
  keys: string[],
): Sibling[] {
  const found: Sibling[] = []
  /** Whether nothing stays of what a reference stands for. */
  const isGone = (reference: unknown, path: string): boolean => {
    const isBytes = reference instanceof Uint8Array
    const encoded = isBytes ? nodes.get(bytesToUnprefixedHex(reference)) : undefined
    if (isBytes && !encoded) return false
    const node: MPTNode = encoded
      ? decodeMPTNode(encoded)
      : decodeRawMPTNode(reference as Uint8Array[])
    if (node instanceof LeafMPTNode) return keys.includes(path + toText(node.key()))
    if (node instanceof ExtensionMPTNode) return isGone(node.value(), path + toText(node.key()))
    const staying: [path: string, child: unknown][] = []
    for (const [nibble, child] of (node as BranchMPTNode).getChildren()) {
      const below = path + nibble.toString(16)
      const isOnPath = keys.some((key) => key.startsWith(below))
      if (!isOnPath || !isGone(child, below)) staying.push([below, child])
    }
    const [[below, child] = ['', undefined]] = staying
    if (staying.length === 1 && child instanceof Uint8Array) {
      const hash = bytesToUnprefixedHex(child)
      if (!nodes.has(hash)) found.push({ path: below, hash })
    }
    return staying.length === 0
  }
  isGone(root, '')
  return found
}

/**
 * Keys whose hashes begin with these digits, as far as the search does not take too long.
 *
 * @param length - of a key in bytes: 20 for an address, 32 for a slot
 */
export function findKeys(keccak: Keccak, paths: string[], length: number): Uint8Array[] {
  const open = new Set(paths.filter((path) => path.length <= MAX_SEARCHED))
  const keys: Uint8Array[] = []
  const lengths = [...new Set([...open].map((path) => path.length))]
  const most = 64 * 16 ** Math.max(0, ...lengths)
  for (let tried = 0; open.size > 0 && tried < most; tried++) {
    const key = new Uint8Array(length)
    new DataView(key.buffer).setUint32(length - 4, tried)
    const digits = bytesToUnprefixedHex(keccak(key).subarray(0, MAX_SEARCHED))
    for (const size of lengths) if (open.delete(digits.slice(0, size))) keys.push(key)
  }
  return keys
}

/**
 * Nodes as they were before they were merged with what is above them: from a proof after the block,
 * each leaf and extension with a shorter path.
 */
export function* unmerge(encoded: Uint8Array): Generator<Uint8Array> {
  const node = decodeMPTNode(encoded)
  if (!(node instanceof LeafMPTNode || node instanceof ExtensionMPTNode)) return
  const key = node.key()
  for (let cut = 1; cut <= key.length; cut++) {
    const rest = key.slice(cut)
    if (node instanceof LeafMPTNode) yield new LeafMPTNode(rest, node.value()).serialize()
    else if (rest.length > 0) yield new ExtensionMPTNode(rest, node.value()).serialize()
  }
}
