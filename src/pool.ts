import { Capability, type TypedTransaction, getCalldataFloorGas } from '@ethereumjs/tx'
import { Account, bigIntMax, bigIntMin, hexToBytes } from '@ethereumjs/util'
import { decodeSigned } from './execute.ts'
import { l1Fees, operatorFee, readL1Block } from './fees.ts'
import type { BlockJSON } from './json.ts'
import type { Node } from './node.ts'

/** Longest transaction in bytes. */
const MAX_SIZE = 131_072

/** Gas that is left to the L1 attributes deposit. */
const L1_INFO_GAS = 70_000n

/** Most transactions in the pool. */
const MAX_TRANSACTIONS = 4_096

/** Longest time in milliseconds that filling a block takes (S-09). */
const MAX_BUILD_TIME = 1_000

/** Most wei per gas that a transaction pays. */
const maxFee = (tx: TypedTransaction) => ('gasPrice' in tx ? tx.gasPrice : tx.maxFeePerGas)

/** Most wei that a transaction pays on L2. */
const maxCost = (tx: TypedTransaction) => tx.value + tx.gasLimit * maxFee(tx)

/** Signed transactions that wait for a block. */
export function createPool(node: Node) {
  /** By sender and nonce. */
  const transactions = new Map<string, TypedTransaction>()

  /** Takes a transaction in. @returns its hash @throws if it could not be in a block */
  async function add(raw: Uint8Array) {
    const { header, rules, state } = node.after(node.head())
    const check = (isRight: boolean, message: string) => {
      if (!isRight) throw new Error(message)
    }
    check(raw.length <= MAX_SIZE, `oversized data: ${raw.length} bytes`)
    const tx = decodeSigned(rules, raw)
    const isProtected = tx.type > 0 || tx.supports(Capability.EIP155ReplayProtection)
    check(isProtected, 'only replay-protected (EIP-155) transactions are allowed')
    const [least, most] = [
      bigIntMax(tx.getIntrinsicGas(), getCalldataFloorGas(tx)),
      header.gasLimit - L1_INFO_GAS,
    ]
    check(tx.gasLimit >= least, `intrinsic gas too low: ${tx.gasLimit} < ${least}`)
    check(tx.gasLimit <= most, `exceeds block gas limit: ${tx.gasLimit} > ${most}`)
    const from = tx.getSenderAddress()
    const { nonce, balance } = (await state.getAccount(from)) ?? new Account()
    check(tx.nonce >= nonce, `nonce too low: ${tx.nonce} < ${nonce}`)
    const l1Block = await readL1Block(state, rules)
    const l2Cost = maxCost(tx) + operatorFee(l1Block, rules, tx.gasLimit)
    const cost = l2Cost + l1Fees(l1Block, rules, raw).l1Fee
    check(balance >= cost, `insufficient funds: balance ${balance} < cost ${cost}`)
    const key = `${from} ${tx.nonce}`
    const replaced = transactions.get(key)
    check(
      !replaced || 10n * maxFee(tx) >= 11n * maxFee(replaced),
      'replacement transaction underpriced',
    )
    check(!!replaced || transactions.size < MAX_TRANSACTIONS, 'txpool is full')
    transactions.set(key, tx)
    return tx.hash()
  }

  /** Encoded transactions for a block, best tip first, those of a sender in order (S-03). */
  function* candidates(baseFee: bigint) {
    const end = performance.now() + MAX_BUILD_TIME
    const lowest = new Map<string, bigint>()
    const payable = [...transactions.values()].filter((tx) => maxFee(tx) >= baseFee)
    const ranked = payable
      .sort((a, b) => Number(a.nonce - b.nonce))
      .map((tx) => {
        const [from, own] = [`${tx.getSenderAddress()}`, tx.getEffectivePriorityFee(baseFee)]
        // A transaction cannot come before those that it waits for.
        const tip = bigIntMin(own, lowest.get(from) ?? own)
        lowest.set(from, tip)
        return { raw: tx.serialize(), tip }
      })
    for (const { raw } of ranked.sort((a, b) => Number(b.tip - a.tip))) {
      if (performance.now() > end) return
      yield raw
    }
  }

  /** Follows a new head: forgets what cannot run, takes back what left the chain (E-41). */
  async function update(dropped: BlockJSON[]) {
    const { state } = node.after(node.head())
    for (const [key, tx] of transactions) {
      const { nonce, balance } = (await state.getAccount(tx.getSenderAddress())) ?? new Account()
      if (tx.nonce < nonce || balance < maxCost(tx)) transactions.delete(key)
    }
    for (const raw of dropped.flatMap((block) => block.raw))
      await add(hexToBytes(raw)).catch(() => {})
  }

  return { add, candidates, update }
}

/** The pool of a node. */
export type Pool = ReturnType<typeof createPool>
