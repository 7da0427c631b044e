/** What a client says of a block, against what is computed. */
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import type { Difference } from '../verify/rpcBlock.ts'
import { findDifferences } from './differences.ts'

/** What the main client says of a block. */
export interface Claim {
  /** Whether it takes the block, or the attributes of which one is to be built. */
  verdict: 'VALID' | 'INVALID'
  /** With the hash that it gives. */
  header?: Record<string, unknown> & { hash?: Hex }
  /** As JSON-RPC writes them. */
  transactions?: unknown[]
  receipts?: unknown[]
}

/** Names of what lies in a block and repeats its hash, which differs where anything does. */
const REPEATS_HASH = / blockHash$/

/** What the claim has otherwise than it was computed: header first, then receipts and transactions. */
export function compareClaim(block: BlockJSON, claim: Claim): Difference[] {
  const { header, receipts, transactions } = claim
  const inHeader = findDifferences(block.header, header, 'header')
  const inBody = [
    ...findDifferences(block.receipts, receipts, 'receipt'),
    ...findDifferences(block.transactions, transactions, 'transaction'),
  ]
  if (inHeader.length === 0) return inBody
  return [...inHeader, ...inBody.filter(({ where }) => !REPEATS_HASH.test(where))]
}
