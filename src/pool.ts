import { Capability, type TypedTransaction, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, type PrefixedHexString, bigIntMax, bigIntMin, hexToBytes } from '@ethereumjs/util'
import { decodeSigned } from './execute.ts'
import { flzCompressLen, l1Fees, operatorFee, readL1Block } from './fees.ts'
import type { BlockJSON } from './json.ts'
import type { Node } from './node.ts'

/** Longest transaction in bytes. */
const MAX_SIZE = 131_072

/** Gas that the L1 attributes deposit may need. */
const L1_INFO_GAS = 70_000n

/** Most transactions in the pool. */
const MAX_TRANSACTIONS = 4_096

/** Most bytes of transactions from the pool in a block (S-17). */
const MAX_BLOCK_BYTES = 7_388_608

/** Longest time in milliseconds that filling a block takes (S-09). */
const MAX_BUILD_TIME = 1_000

/** Most wei per gas that a transaction pays in all, and of that to the sequencer. */
function feeCaps(tx: TypedTransaction) {
  if ('gasPrice' in tx) return { maxFee: tx.gasPrice, maxTip: tx.gasPrice }
  return { maxFee: tx.maxFeePerGas, maxTip: tx.maxPriorityFeePerGas }
}

/** Most wei that a transaction pays on L2. */
const maxCost = (tx: TypedTransaction) => tx.value + tx.gasLimit * feeCaps(tx).maxFee

/** Least gas limit of a transaction. */
const intrinsicGas = (tx: TypedTransaction) =>
  bigIntMax(tx.getIntrinsicGas(), getCalldataFloorGas(tx))

/** Signed transactions that wait for a block. */
export function createPool(node: Node) {
  /** By sender and nonce. */
  const transactions = new Map<string, TypedTransaction>()
  /** Most bytes of compressed data in a transaction and in a block; 0 for no limit (S-06). */
  const maxDASize = { transaction: 0n, block: 0n }

  /** Takes a transaction in. @returns its hash @throws if it could not be in a block */
  async function add(raw: Uint8Array) {
    if (raw.length > MAX_SIZE) throw new Error(`oversized data: ${raw.length} bytes`)
    const { header, rules, state } = node.after(node.head())
    const tx = decodeSigned(rules, raw)
    const isProtected = tx.supports(Capability.EIP155ReplayProtection)
    if (!isProtected) throw new Error('only replay-protected (EIP-155) transactions are allowed')
    const [least, most] = [intrinsicGas(tx), header.gasLimit - L1_INFO_GAS]
    if (tx.gasLimit < least) throw new Error(`intrinsic gas too low: ${tx.gasLimit} < ${least}`)
    if (tx.gasLimit > most) throw new Error(`exceeds block gas limit: ${tx.gasLimit} > ${most}`)
    const from = tx.getSenderAddress()
    const { nonce, balance } = (await state.getAccount(from)) ?? new Account()
    if (tx.nonce < nonce) throw new Error(`nonce too low: ${tx.nonce} < ${nonce}`)
    const l1Block = await readL1Block(state, rules)
    const cost = maxCost(tx) + l1Fees(l1Block, rules, raw).l1Fee
    const total = cost + operatorFee(l1Block, rules, tx.gasLimit)
    if (balance < total) throw new Error(`insufficient funds: balance ${balance}, cost ${total}`)
    const replaced = transactions.get(`${from} ${tx.nonce}`)
    if (replaced && 10n * feeCaps(tx).maxFee < 11n * feeCaps(replaced).maxFee) {
      throw new Error('replacement transaction underpriced')
    }
    if (!replaced && transactions.size >= MAX_TRANSACTIONS) throw new Error('txpool is full')
    transactions.set(`${from} ${tx.nonce}`, tx)
    return tx.hash()
  }

  /** The nonce of an account after its transactions in the pool. */
  function nextNonce(address: string, nonce: bigint) {
    let next = nonce
    while (transactions.has(`${address} ${next}`)) next++
    return next
  }

  /** Encoded transactions for a block, best tip first, those of an account in order (S-03). */
  function* candidates(baseFee: bigint) {
    const end = performance.now() + MAX_BUILD_TIME
    const lowest = new Map<string, bigint>()
    const byNonce = [...transactions.values()].sort((a, b) => Number(a.nonce - b.nonce))
    const ranked = byNonce.map((tx) => {
      const [from, { maxFee, maxTip }] = [`${tx.getSenderAddress()}`, feeCaps(tx)]
      const own = bigIntMin(maxFee - baseFee, maxTip)
      // A transaction cannot come before those that it waits for.
      const tip = bigIntMin(own, lowest.get(from) ?? own)
      lowest.set(from, tip)
      return { raw: tx.serialize(), tip }
    })
    let [bytes, compressed] = [0, 0n]
    for (const { raw, tip } of ranked.sort((a, b) => Number(b.tip - a.tip))) {
      if (tip < 0n || performance.now() > end) return
      const size = BigInt(flzCompressLen(raw))
      const isLarge = (limit: bigint, total: bigint) => limit > 0n && total > limit
      if (isLarge(maxDASize.transaction, size) || isLarge(maxDASize.block, compressed + size))
        continue
      if (bytes + raw.length > MAX_BLOCK_BYTES) continue
      bytes += raw.length
      compressed += size
      yield raw
    }
  }

  /** Follows a new head: forgets what can no longer run, takes back what left the chain (E-41). */
  async function update(dropped: BlockJSON[]) {
    const { state } = node.after(node.head())
    for (const [key, tx] of transactions) {
      const { nonce, balance } = (await state.getAccount(tx.getSenderAddress())) ?? new Account()
      if (nonce > tx.nonce || balance < maxCost(tx)) transactions.delete(key)
    }
    for (const raw of dropped.flatMap((block) => block.raw)) {
      await add(hexToBytes(raw as PrefixedHexString)).catch(() => {})
    }
  }

  return { add, candidates, maxDASize, nextNonce, update }
}

/** The pool of a node. */
export type Pool = ReturnType<typeof createPool>
