import { keccak_256 } from '@noble/hashes/sha3.js'
import { decodeSigned } from 'ethereumjs-op'
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import { type PrefixedHexString as Hex, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { readBlockId, readFlag, readHash } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'

/** Blocks, transactions and receipts. */
export function createBlockMethods(store: Store): Methods {
  const { find, findByTransaction, after, head } = store

  /** A block with its transactions, or only their hashes. */
  function getBlock(block: BlockJSON | undefined, isFull: boolean) {
    if (!block) return null
    const { header, transactions } = block
    const body = { uncles: [], withdrawals: header.withdrawalsRoot && [] }
    const hashes = transactions.map(({ hash }) => hash)
    return { ...header, ...body, transactions: isFull ? transactions : hashes }
  }

  /** A transaction that waits, in which what the block would tell is null. */
  function findPending(hash: Hex) {
    const [found] = store.pending
      .getRange()
      .filter(({ value: raw }) => bytesToHex(keccak_256(raw)) === hash)
    if (!found) return undefined
    const tx = decodeSigned(after(head()).rules, found.value)
    const { maxFeePerGas } = tx as { maxFeePerGas?: bigint }
    const { gasLimit: gas, data: input, gasPrice = maxFeePerGas, ...fields } = tx.toJSON()
    const place = { blockHash: null, blockNumber: null, transactionIndex: null }
    return { ...fields, ...place, hash, from: tx.getSenderAddress(), gas, gasPrice, input }
  }

  function findTransaction(value: unknown) {
    const hash = readHash(value)
    const block = findByTransaction(hash)
    return block ? block.transactions.find((tx) => tx.hash === hash) : findPending(hash)
  }

  function findReceipt(value: unknown) {
    const hash = readHash(value)
    return findByTransaction(hash)?.receipts.find((it) => it.transactionHash === hash)
  }

  return {
    eth_blockNumber: () => head().header.number,
    eth_getBlockByNumber: (id, isFull) => getBlock(find(readBlockId(id)), readFlag(isFull)),
    eth_getBlockByHash: (hash, isFull) => getBlock(find(readHash(hash)), readFlag(isFull)),
    eth_getBlockReceipts: (id) => find(readBlockId(id))?.receipts,
    eth_getTransactionByHash: findTransaction,
    eth_getTransactionReceipt: findReceipt,
  }
}
