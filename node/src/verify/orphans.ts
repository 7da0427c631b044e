/** What is in a witness, but does not belong to the state that it is of. */
import {
  type BranchMPTNode,
  ExtensionMPTNode,
  LeafMPTNode,
  bytesToUnprefixedHex,
  createAccountFromRLP,
  decodeMPTNode,
  decodeRawMPTNode,
} from 'ethereumjs-op/ethereumjs'

/** A node that is to be looked at, by its hash, or as it stands in the node above it. */
interface Reference {
  to: string | Uint8Array[]
  /** Whether the leaves below are accounts, not slots. */
  isState: boolean
}

/** What a node leads to, and the hash of code if it is an account. @throws if it is no node */
function readNode(node: Uint8Array | Uint8Array[], isState: boolean) {
  const decoded = node instanceof Uint8Array ? decodeMPTNode(node) : decodeRawMPTNode(node)
  const toReference = (child: unknown): Reference => {
    const isHash = child instanceof Uint8Array
    return { to: isHash ? bytesToUnprefixedHex(child) : (child as Uint8Array[]), isState }
  }
  if (decoded instanceof ExtensionMPTNode) return { references: [toReference(decoded.value())] }
  if (!(decoded instanceof LeafMPTNode)) {
    const children = (decoded as BranchMPTNode).getChildren()
    return { references: children.map(([, child]) => toReference(child)) }
  }
  if (!isState) return { references: [] }
  const { storageRoot, codeHash } = createAccountFromRLP(decoded.value()!)
  const storage = { to: bytesToUnprefixedHex(storageRoot), isState: false }
  return { references: [storage], code: bytesToUnprefixedHex(codeHash) }
}

/**
 * Hashes to which nothing leads from a state root: of what was changed, or is of another state.
 *
 * @param nodes - trie nodes and code by hash
 * @param root - 32 bytes
 */
export function findOrphans(nodes: Map<string, Uint8Array>, root: Uint8Array): Set<string> {
  const orphans = new Set(nodes.keys())
  const open: Reference[] = [{ to: bytesToUnprefixedHex(root), isState: true }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { to, isState } = next
    // Once is enough, also of what refers to itself in circles, which no hash does.
    const isNew = typeof to !== 'string' || orphans.delete(to)
    const node = typeof to === 'string' ? nodes.get(to) : to
    if (!isNew || !node) continue
    try {
      const { references, code } = readNode(node, isState)
      open.push(...references)
      if (code) orphans.delete(code)
    } catch {
      // It leads nowhere.
    }
  }
  return orphans
}
