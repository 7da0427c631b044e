/** Whether all of a state is there. */
import type { Nodes } from 'ethereumjs-op'
import { bytesToUnprefixedHex } from 'ethereumjs-op/ethereumjs'
import { type Reference, EMPTY_TRIE, referencesOf } from './walk.ts'

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
  const name = bytesToUnprefixedHex(root)
  const seen = new Set<string>()
  const open: Reference[] = name === EMPTY_TRIE ? [] : [{ hash: name, kind: 'account' }]
  for (let item = open.pop(); item; item = open.pop()) {
    const { hash, kind } = item
    // Accounts and slots may have the same nodes, of which different things follow.
    const key = `${kind} ${hash}`
    if (seen.has(key)) continue
    seen.add(key)
    const value = await nodes.get(hash)
    const what = kind === 'code' ? 'code' : `a node of ${kind}s`
    if (!value) throw new Error(`state ${name}: ${what} ${hash} is missing`)
    if (bytesToUnprefixedHex(keccak256(value)) !== hash)
      throw new Error(`state ${name}: ${what} ${hash} is damaged`)
    open.push(...referencesOf(value, kind))
  }
  return seen.size
}
