/** Whether all of a state is there. */
import type { Nodes } from 'ethereumjs-op'
import {
  KECCAK256_NULL,
  KECCAK256_RLP,
  type NestedUint8Array,
  RLP,
  bytesToUnprefixedHex,
  equalsBytes,
} from 'ethereumjs-op/ethereumjs'

/** What is to be read: a trie node of accounts or of slots, or code. */
interface Item {
  hash: Uint8Array
  kind: 'account' | 'slot' | 'code'
}

/** A node in RLP, or a part of one. */
type TrieItem = Uint8Array | NestedUint8Array

/** What an account refers to: its slots and its code. */
function listOfAccount(rlp: Uint8Array): Item[] {
  const [, , root, code] = RLP.decode(rlp) as Uint8Array[]
  const items: Item[] = []
  if (!equalsBytes(root, KECCAK256_RLP)) items.push({ hash: root, kind: 'slot' })
  if (!equalsBytes(code, KECCAK256_NULL)) items.push({ hash: code, kind: 'code' })
  return items
}

/** What a trie node refers to. A reference is a hash, or a node itself where that is shorter. */
function listOfNode(node: TrieItem[], kind: 'account' | 'slot'): Item[] {
  const follow = (child: TrieItem): Item[] => {
    if (Array.isArray(child)) return listOfNode(child, kind)
    return child.length === 32 ? [{ hash: child as Uint8Array, kind }] : []
  }
  if (node.length === 17) return node.slice(0, 16).flatMap(follow)
  const [path, child] = node as [Uint8Array, TrieItem]
  const isLeaf = path[0] >= 0x20
  if (!isLeaf) return follow(child)
  return kind === 'account' ? listOfAccount(child as Uint8Array) : []
}

/**
 * Reads a whole state. It takes memory for the hashes of all its nodes.
 *
 * @param root - 32 bytes
 * @returns how many trie nodes and codes it consists of
 * @throws if one is missing, or is not what its hash says
 */
export async function checkState(
  nodes: Nodes,
  root: Uint8Array,
  keccak256: (bytes: Uint8Array) => Uint8Array,
): Promise<number> {
  const seen = new Set<string>()
  const open: Item[] = equalsBytes(root, KECCAK256_RLP) ? [] : [{ hash: root, kind: 'account' }]
  for (let item = open.pop(); item; item = open.pop()) {
    const name = bytesToUnprefixedHex(item.hash)
    // Accounts and slots may have the same nodes, of which different things follow.
    const key = `${item.kind} ${name}`
    if (seen.has(key)) continue
    seen.add(key)
    const value = await nodes.get(name)
    const what = item.kind === 'code' ? 'code' : `a node of ${item.kind}s`
    if (!value) throw new Error(`state ${bytesToUnprefixedHex(root)}: ${what} ${name} is missing`)
    if (!equalsBytes(keccak256(value), item.hash))
      throw new Error(`state ${bytesToUnprefixedHex(root)}: ${what} ${name} is damaged`)
    if (item.kind !== 'code') open.push(...listOfNode(RLP.decode(value) as TrieItem[], item.kind))
  }
  return seen.size
}
