import { setImmediate } from 'node:timers/promises'
import {
  type Chain,
  type PayloadAttributesJSON,
  type Rules,
  type State,
  calculateBaseFee,
  decodeSigned,
  estimateDASize,
  measureSigned,
  readL1Block,
} from 'ethereumjs-op'
import {
  Account,
  type BlockHeader,
  type TypedTransaction,
  bigIntMin,
  createAddressFromString,
} from 'ethereumjs-op/ethereumjs'
import type { Database } from 'lmdb'
import type { Place } from './store/store.ts'

/** Encoded transactions by sender and nonce. */
type Pending = Database<Uint8Array, [string, number]>

/** What the pool needs of the database. */
interface Source {
  chain: Chain
  index: Database
  pending: Pending
}

/** The block after which transactions are put, and the state there. */
type Parent = Pick<Place, 'header' | 'state'>

/** A transaction that could be in the next block. */
interface Ranked {
  key: [string, number]
  raw: Uint8Array
  /** Wei per gas. */
  tip: bigint
  footprint: number
}

/** Most bytes of transactions from the pool in a block, which leave a megabyte to deposits (S-17). */
const MAX_BLOCK_BYTES = 7_388_608

/** Most transactions that wait, and most bytes of the database for all. */
const MAX_PENDING = 2_048
const MAX_POOL_BYTES = 2 ** 24

/** Longest time in milliseconds that filling a block takes (S-09). */
const MAX_BUILD_TIME = 1_000

/** Most wei per gas that a transaction pays. */
export const maxFeeOf = (tx: TypedTransaction): bigint =>
  'gasPrice' in tx ? (tx.gasPrice as bigint) : (tx as { maxFeePerGas: bigint }).maxFeePerGas

/** Whether no more may wait. */
export function isFull(pending: Pending): boolean {
  const stats = pending.getStats() as Record<string, number>
  const { entryCount, treeLeafPageCount, overflowPages, pageSize } = stats
  const bytes = (treeLeafPageCount + overflowPages) * pageSize
  return entryCount >= MAX_PENDING || bytes >= MAX_POOL_BYTES
}

/** A transaction of the pool, if the rules have not changed so that it is none any more. */
export function decode(rules: Rules, raw?: Uint8Array): TypedTransaction | undefined {
  try {
    return raw && decodeSigned(rules, raw)
  } catch {
    return undefined
  }
}

/**
 * The transactions that could be in the next block, best tip first, a sender's in order (S-03). What
 * is stale, behind a gap in the nonces, or cannot be paid, is not among them, so those who pay
 * nothing for it do not keep others out.
 *
 * @param place - the state after the last block, and its header
 * @param timestamp - of the next block
 * @param pause - is awaited before each transaction
 */
async function rank(
  { chain, pending }: Source,
  { header, state }: Parent,
  timestamp: bigint,
  pause?: () => Promise<void>,
): Promise<Ranked[]> {
  const rules = chain.rules({ number: header.number + 1n, timestamp })
  const baseFee = calculateBaseFee(chain, header, rules)
  const l1Block = await readL1Block(state, rules)
  const ranked: Ranked[] = []
  let next: { from?: string; nonce: number; balance: bigint; tip?: bigint } = {
    nonce: 0,
    balance: 0n,
  }
  for (const { key, value: raw } of [...pending.getRange()]) {
    await pause?.()
    const [from, nonce] = key
    if (from !== next.from) {
      const account = await state.getAccount(createAddressFromString(from))
      const { nonce, balance } = account ?? new Account()
      next = { from, nonce: Number(nonce), balance }
    }
    const tx = nonce === next.nonce && decode(rules, raw)
    if (!tx || maxFeeOf(tx) < baseFee) continue
    const { cost, fees } = measureSigned(rules, l1Block, tx)
    if (cost > next.balance) continue
    // A transaction cannot come before those that it waits for.
    const own = tx.getEffectivePriorityFee(baseFee)
    const tip = bigIntMin(own, next.tip ?? own)
    next = { from, nonce: nonce + 1, balance: next.balance - cost, tip }
    ranked.push({ key, raw, tip, footprint: Number(fees.blobGasUsed ?? 0n) })
  }
  // Sorting is stable, and the database has the transactions of a sender in order.
  return ranked.sort((a, b) => (a.tip > b.tip ? -1 : Number(a.tip < b.tip)))
}

/** Of those that could be in the next block keeps the best, half of what may wait. */
export async function makeRoom(store: Source, place: Parent) {
  const { pending } = store
  const ranked = await rank(store, place, place.header.timestamp)
  let bytes = 0
  pending.transactionSync(() => {
    pending.clearSync()
    for (const { key, raw } of ranked.slice(0, MAX_PENDING / 2)) {
      bytes += raw.length
      if (bytes < MAX_POOL_BYTES / 2) pending.putSync(key, raw)
    }
  })
}

/** Bytes on L1 for which there is room in a transaction and in a block; 0 is any number (S-06). */
export async function setLimits({ index }: Source, ofTransaction: bigint, ofBlock: bigint) {
  return index.put('limits', [Number(ofTransaction), Number(ofBlock)])
}

/**
 * Encoded transactions for the block after `place`, as many as there is room for. Other calls have
 * their turn between them.
 */
export async function selectPending(
  store: Source,
  place: { header: BlockHeader; state: State },
  { timestamp, gasLimit }: PayloadAttributesJSON,
): Promise<AsyncIterable<Uint8Array>> {
  const ranked = await rank(store, place, BigInt(timestamp), () => setImmediate())
  const limits = (store.index.get('limits') ?? [0, 0]) as number[]
  const [ofTransaction, ofBlock] = limits.map((limit) => limit || Infinity)
  const room = { bytes: MAX_BLOCK_BYTES, daSize: ofBlock, footprint: Number(gasLimit) }
  return fill(ranked, ofTransaction, room)
}

/** Takes what fits (S-06, S-07, S-17), until the time is over. A sender with one too large waits. */
async function* fill(
  ranked: Ranked[],
  maxDASize: number,
  room: { bytes: number; daSize: number; footprint: number },
): AsyncGenerator<Uint8Array> {
  const end = performance.now() + MAX_BUILD_TIME
  const waiting = new Set()
  let { bytes, daSize, footprint } = room
  for (const { key, raw, ...own } of ranked) {
    await setImmediate()
    if (performance.now() > end) return
    const [from] = key
    if (waiting.has(from)) continue
    const maxSize = Math.min(maxDASize, daSize)
    const ownDASize = maxSize < Infinity ? Number(estimateDASize(raw) / 1_000_000n) : 0
    const isSmall = raw.length <= bytes && ownDASize <= maxSize
    if (isSmall && own.footprint <= footprint) {
      // Whether it becomes part of the block is not known here.
      bytes -= raw.length
      daSize -= ownDASize
      footprint -= own.footprint
      yield raw
    } else waiting.add(from)
  }
}
