import {
  KECCAK256_NULL,
  KECCAK256_RLP,
  RLP,
  bytesToUnprefixedHex as toHash,
  equalsBytes,
} from 'ethereumjs-op/ethereumjs'

/** What RLP holds. */
type Item = Uint8Array | Item[]

/** A trie node, or code; of storage or of accounts, which hold roots of storage and hashes of code. */
export interface Reference {
  /** 64 hex digits. */
  hash: string
  kind: 'account' | 'slot' | 'code'
}

/** The hash of the trie without anything in it, of which there is no node. */
export const EMPTY_TRIE = toHash(KECCAK256_RLP)

/** What the account in a leaf refers to. */
function* referencesOfAccount(rlp: Uint8Array): Generator<Reference> {
  const [, , storageRoot, codeHash] = RLP.decode(rlp) as Uint8Array[]
  if (!equalsBytes(storageRoot, KECCAK256_RLP)) {
    yield { hash: toHash(storageRoot), kind: 'slot' }
  }
  if (!equalsBytes(codeHash, KECCAK256_NULL)) yield { hash: toHash(codeHash), kind: 'code' }
}

/** What a decoded node refers to; it may hold small nodes itself. */
function* referencesOfItems(items: Item[], kind: Reference['kind']): Generator<Reference> {
  const isBranch = items.length === 17
  const [path, value] = items as [Uint8Array, Uint8Array]
  if (!isBranch && path[0] >= 0x20) {
    if (kind === 'account') yield* referencesOfAccount(value)
    return
  }
  for (const child of isBranch ? items.slice(0, 16) : items.slice(1)) {
    if (Array.isArray(child)) yield* referencesOfItems(child, kind)
    else if (child.length === 32) yield { hash: toHash(child), kind }
  }
}

/** What a node refers to. @throws if it is none */
export const referencesOf = (node: Uint8Array, kind: Reference['kind']): Iterable<Reference> =>
  kind === 'code' ? [] : referencesOfItems(RLP.decode(node) as Item[], kind)
