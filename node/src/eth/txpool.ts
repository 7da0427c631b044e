import { toChecksumAddress } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { readAddress } from '../rpc/params.ts'
import type { Waiting, WaitingRoom } from './waiting.ts'

/** What of the pool could be in the next block, and what waits for something before it. */
const split = <T>(waiting: Waiting[], summarize: (part: Waiting[]) => T) => ({
  pending: summarize(waiting.filter(({ isReady }) => isReady)),
  queued: summarize(waiting.filter(({ isReady }) => !isReady)),
})

/** What waits in the pool, as geth tells it: by sender and nonce. */
export function createTxPoolMethods({ list, decode, toJSON }: WaitingRoom): Methods {
  /** A transaction in a line, for people. */
  function describe(raw: Uint8Array): string | undefined {
    const tx = decode(raw)
    if (!tx) return undefined
    const { to, value, gasLimit } = tx
    const price = 'maxFeePerGas' in tx ? tx.maxFeePerGas : tx.gasPrice
    const target = to ? toChecksumAddress(`${to}`) : 'contract creation'
    return `${target}: ${value} wei + ${gasLimit} gas × ${price} wei`
  }

  const byNonce = (write: (raw: Uint8Array) => unknown) => (part: Waiting[]) =>
    Object.fromEntries(part.map(({ nonce, raw }) => [nonce, write(raw)]))

  const bySender = (write: (raw: Uint8Array) => unknown) => (part: Waiting[]) => {
    const groups = new Map<string, Waiting[]>()
    for (const waiting of part) {
      const sender = toChecksumAddress(waiting.from)
      groups.set(sender, [...(groups.get(sender) ?? []), waiting])
    }
    const entries = [...groups].map(([sender, own]) => [sender, byNonce(write)(own)])
    return Object.fromEntries(entries)
  }

  return {
    txpool_status: async () => split(await list(), ({ length }) => length),
    txpool_content: async () => split(await list(), bySender(toJSON)),
    txpool_contentFrom: async (address) =>
      split(await list(readAddress(address).toString()), byNonce(toJSON)),
    txpool_inspect: async () => split(await list(), bySender(describe)),
  }
}
