import { type PrefixedHexString as Hex, JsonRpcError, bytesToHex } from 'ethereumjs-op/ethereumjs'
import { addTransaction } from '../admit.ts'
import { Later, type Methods } from '../rpc/methods.ts'
import { readBytes, readCount, readHash } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { WaitingRoom } from './waiting.ts'

/** Milliseconds until a transaction must be in a block, unless the sender says otherwise, and at most. */
const WAIT = 20_000
const MAX_WAIT = 60_000

/** Words of geth. */
const NOT_PROCESSED = "The transaction was added to the transaction pool but wasn't processed in"

/** Most senders that wait for a block at once. */
const MAX_WAITING = 1_000

const toText = (ms: number) => (ms < 1_000 ? `${ms}ms` : `${ms / 1_000}s`)

/** Transactions and receipts by hash, and sending them. */
export function createTransactionMethods(store: Store, room: WaitingRoom): Methods {
  const { findByTransaction, events } = store
  let waiting = 0

  function findTransaction(value: unknown) {
    const hash = readHash(value)
    const block = findByTransaction(hash)
    if (block) return block.transactions.find((tx) => tx.hash === hash)
    const raw = room.find(hash)
    return raw && room.toJSON(raw)
  }

  /** The encoding of a transaction; of one that is not there no bytes, as geth has it. */
  function findRaw(value: unknown) {
    const hash = readHash(value)
    const block = findByTransaction(hash)
    if (!block) return room.find(hash) ?? '0x'
    return block.raw[block.transactions.findIndex((tx) => tx.hash === hash)]
  }

  const findReceipt = (hash: Hex) =>
    findByTransaction(hash)?.receipts.find((it) => it.transactionHash === hash)

  /** The receipt of a transaction once a block has it. @throws (4) if none has it in time */
  async function waitForReceipt(hash: Hex, ms: number) {
    waiting++
    let stop = () => {}
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        // Of several threads, this one may still see the database as it was before.
        const look = () => {
          try {
            store.index.resetReadTxn()
            const receipt = findReceipt(hash)
            if (receipt) resolve(receipt)
          } catch (error) {
            reject(error)
          }
        }
        stop = events.listen(({ type }) => type === 'head' && setImmediate(look))
        look()
        const fail = () => reject(new JsonRpcError(`${NOT_PROCESSED} ${toText(ms)}`, 4, hash))
        timer = setTimeout(fail, ms)
        timer.unref()
      })
    } finally {
      waiting--
      clearTimeout(timer)
      stop()
    }
  }

  async function sendAndWait(raw: unknown, timeout: unknown) {
    const ms = Math.min(readCount(timeout ?? 0) || WAIT, MAX_WAIT)
    if (waiting >= MAX_WAITING) throw new JsonRpcError('too many wait for a block', -32005)
    const hash = bytesToHex(await addTransaction(store, readBytes(raw)))
    return new Later(waitForReceipt(hash, ms))
  }

  return {
    eth_getTransactionByHash: findTransaction,
    eth_getRawTransactionByHash: findRaw,
    eth_getTransactionReceipt: (hash) => findReceipt(readHash(hash)),
    eth_sendRawTransaction: (raw) => addTransaction(store, readBytes(raw)),
    eth_sendRawTransactionSync: sendAndWait,
    // As geth has it these are the transactions of the node's own accounts, of which there are none.
    eth_pendingTransactions: () => [],
  }
}
