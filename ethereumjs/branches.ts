/** Finds the way through headers of which only one chain is canonical. Knows no rollup. */
import type { BlockHeader } from '@ethereumjs/block'
import { type PrefixedHexString as Hex, bytesToHex } from '@ethereumjs/util'
import type { Awaitable } from './state.ts'

/** Where headers are. */
export interface Headers {
  /** Of any block that is kept, by its hash. */
  getHeader(hash: Hex): Awaitable<BlockHeader | undefined>
  /** The hash of the canonical block with this number. */
  getCanonicalHash(number: bigint): Awaitable<Hex | undefined>
}

export const hashOf = (header: BlockHeader): Hex => bytesToHex(header.hash())

async function isCanonical({ getCanonicalHash }: Headers, header: BlockHeader): Promise<boolean> {
  return (await getCanonicalHash(header.number)) === hashOf(header)
}

async function getParent({ getHeader }: Headers, header: BlockHeader): Promise<BlockHeader> {
  const hash = bytesToHex(header.parentHash)
  const parent = await getHeader(hash)
  if (!parent) throw new Error(`the parent ${hash} of block ${header.number} is not kept`)
  return parent
}

/** The blocks of the chain of `head` that are not canonical, oldest first. */
export async function getBranch(headers: Headers, head: BlockHeader): Promise<BlockHeader[]> {
  const branch: BlockHeader[] = []
  for (let block = head; !(await isCanonical(headers, block)); ) {
    branch.push(block)
    block = await getParent(headers, block)
  }
  return branch.reverse()
}

/** The hash of the block with this number on the chain of `head`; undefined above it. */
export async function getAncestorHash(
  headers: Headers,
  head: BlockHeader,
  number: bigint,
): Promise<Hex | undefined> {
  let ancestor = head
  while (ancestor.number > number) {
    if (await isCanonical(headers, ancestor)) {
      const hash = await headers.getCanonicalHash(number)
      // The chain may have changed in between.
      if (await isCanonical(headers, ancestor)) return hash
    }
    ancestor = await getParent(headers, ancestor)
  }
  return ancestor.number === number ? hashOf(ancestor) : undefined
}

/** Whether the block with this hash is on the chain of `head`. */
export async function isOnChain(headers: Headers, head: BlockHeader, hash: Hex): Promise<boolean> {
  const header = await headers.getHeader(hash)
  if (!header) return false
  return (await getAncestorHash(headers, head, header.number)) === hash
}
