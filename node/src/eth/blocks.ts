import type { BlockJSON } from 'ethereumjs-op/blockchain'
import type { Methods } from '../rpc/methods.ts'
import { readBlockId, readCount, readFlag, readHash } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'

/** Answers for a block, which may not be there. */
type Answer = (block: BlockJSON | undefined, ...params: unknown[]) => unknown

/** A block with its transactions, or only their hashes. */
function getBlock(block: BlockJSON | undefined, isFull: unknown) {
  const wantsAll = readFlag(isFull)
  if (!block) return null
  const { header, transactions } = block
  const body = { uncles: [], withdrawals: header.withdrawalsRoot && [] }
  return { ...header, ...body, transactions: wantsAll ? transactions : hashesOf(block) }
}

const hashesOf = ({ transactions }: BlockJSON) => transactions.map(({ hash }) => hash)

/** The header of a block, without the size of its body. */
export function getHeader(block: BlockJSON | undefined) {
  if (!block) return null
  const { size, ...header } = block.header
  return header
}

/** Blocks have no uncles, so no index is that of one. */
function getUncle(_block: BlockJSON | undefined, index: unknown) {
  readCount(index)
  return null
}

/** Blocks, headers, and what can be asked of a block by its number as well as by its hash. */
export function createBlockMethods({ find, head }: Store): Methods {
  /** A method for blocks by number or label, and one for blocks by hash, in place of a star. */
  const byEither = (name: string, answer: Answer): Methods => ({
    [name.replace('*', 'Number')]: (id, ...params) => answer(find(readBlockId(id)), ...params),
    [name.replace('*', 'Hash')]: (hash, ...params) => answer(find(readHash(hash)), ...params),
  })
  return {
    eth_blockNumber: () => head().header.number,
    ...byEither('eth_getBlockBy*', getBlock),
    ...byEither('eth_getHeaderBy*', getHeader),
    ...byEither('eth_getBlockTransactionCountBy*', (block) => block?.transactions.length),
    ...byEither('eth_getUncleCountByBlock*', (block) => block && 0),
    ...byEither('eth_getUncleByBlock*AndIndex', getUncle),
    ...byEither(
      'eth_getTransactionByBlock*AndIndex',
      (block, index) => block?.transactions[readCount(index)],
    ),
    // Nothing is no bytes for geth.
    ...byEither(
      'eth_getRawTransactionByBlock*AndIndex',
      (block, index) => block?.raw[readCount(index)] ?? '0x',
    ),
    eth_getBlockReceipts: (id) => find(readBlockId(id))?.receipts,
  }
}
