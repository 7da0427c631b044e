import { Capability, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, bigIntMax } from '@ethereumjs/util'
import { calculateBaseFee, decodeSigned, l1Fees, operatorFee, readL1Block } from 'ethereumjs-op'

/** Longest transaction in bytes, and most transactions that wait. */
const [MAX_BYTES, MAX_PENDING] = [131_072, 4_096]

/** Gas that is left to the L1 attributes deposit. */
const L1_INFO_GAS = 70_000n

/** Longest time in milliseconds that filling a block takes (S-09). */
const MAX_BUILD_TIME = 1_000

/** Most wei per gas that a transaction pays. */
const maxFee = (tx) => ('gasPrice' in tx ? tx.gasPrice : tx.maxFeePerGas)

const check = (isRight, message) => {
  if (!isRight) throw new Error(message)
}

/**
 * Takes a transaction in, in place of one with its sender and nonce.
 *
 * @returns its hash
 * @throws if it could not be in a block
 */
export async function addTransaction({ find, after, pending }, raw) {
  const { header, rules, state } = after(find('latest'))
  check(raw.length <= MAX_BYTES, `oversized data: ${raw.length} bytes`)
  const tx = decodeSigned(rules, raw)
  const isProtected = tx.type > 0 || tx.supports(Capability.EIP155ReplayProtection)
  check(isProtected, 'only replay-protected (EIP-155) transactions are allowed')
  const least = bigIntMax(tx.getIntrinsicGas(), getCalldataFloorGas(tx))
  check(tx.gasLimit >= least, `intrinsic gas too low: ${tx.gasLimit} < ${least}`)
  const most = header.gasLimit - L1_INFO_GAS
  check(tx.gasLimit <= most, `exceeds block gas limit: ${tx.gasLimit} > ${most}`)
  const from = tx.getSenderAddress()
  const { nonce, balance } = (await state.getAccount(from)) ?? new Account()
  check(tx.nonce >= nonce, `nonce too low: ${tx.nonce} < ${nonce}`)
  const l1Block = await readL1Block(state, rules)
  const fees = l1Fees(l1Block, rules, raw).l1Fee + operatorFee(l1Block, rules, tx.gasLimit)
  const cost = tx.value + tx.gasLimit * maxFee(tx) + fees
  check(balance >= cost, `insufficient funds: balance ${balance} < cost ${cost}`)
  const key = [`${from}`, Number(tx.nonce)]
  const replaced = pending.get(key)
  const isBetter = !replaced || 10n * maxFee(tx) >= 11n * maxFee(decodeSigned(rules, replaced))
  check(isBetter, 'replacement transaction underpriced')
  check(replaced || pending.getCount() < MAX_PENDING, 'txpool is full')
  await pending.put(key, raw)
  return tx.hash()
}

/** Encoded transactions for the block after `parent`, best tip first, a sender's in order (S-03). */
export function* rankPending({ chain, pending }, parent, { timestamp }) {
  const end = performance.now() + MAX_BUILD_TIME
  const rules = chain.rules({ number: parent.number + 1n, timestamp: BigInt(timestamp) })
  const baseFee = calculateBaseFee(chain, parent, rules)
  const lowest = new Map()
  const ranked = []
  for (const { key, value: raw } of pending.getRange()) {
    const [from] = key
    const tx = decodeSigned(rules, raw)
    // A transaction cannot come before those that it waits for.
    const tip = maxFee(tx) < baseFee ? -1n : tx.getEffectivePriorityFee(baseFee)
    lowest.set(from, tip < (lowest.get(from) ?? tip) ? tip : (lowest.get(from) ?? tip))
    ranked.push({ raw, tip: lowest.get(from) })
  }
  // Sorting is stable, and the database has the transactions of a sender in order.
  ranked.sort((a, b) => (a.tip > b.tip ? -1 : Number(a.tip < b.tip)))
  for (const { raw, tip } of ranked) {
    if (tip < 0n || performance.now() > end) return
    yield raw
  }
}
