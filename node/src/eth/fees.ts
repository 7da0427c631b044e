import { calculateBaseFee } from 'ethereumjs-op'
import { type BlockJSON, encode } from 'ethereumjs-op/blockchain'
import { bigIntMax } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { check, readList, readQuantity } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

/** Wei per gas that senders are advised to pay the sequencer, as op-geth does. */
const SUGGESTED_TIP = 1_000_000n

/** Most blocks and percentiles of a fee history, as op-geth has them. */
const MAX_BLOCKS = 1_024
const MAX_PERCENTILES = 100

/** Prices of gas. */
export function createFeeMethods(store: Store, { blockOf }: Lookup): Methods {
  const { chain, find, head, after } = store

  const nextBaseFee = (block: BlockJSON) => {
    const { header, rules } = after(block)
    return calculateBaseFee(chain, header, rules)
  }

  /** What senders paid in past blocks: tips at percentiles of the gas, by price. */
  function feeHistory(count: unknown, newest: unknown, wanted: unknown = []) {
    const number = Number(typeof count === 'number' ? count : readQuantity(count))
    const isFit = Number.isInteger(number) && number > 0 && number <= MAX_BLOCKS
    check(isFit, `a number of blocks up to ${MAX_BLOCKS}`)
    const readPercentile = (value: unknown) => {
      check(typeof value === 'number' && value >= 0 && value <= 100, 'percent')
      return value
    }
    const percentiles = readList(wanted, readPercentile, MAX_PERCENTILES)
    const last = Number(blockOf(newest).header.number)
    const first = Math.max(last - number + 1, 0)
    /** Base fee, part of the gas limit that was used, and tips of a block, which is not kept. */
    const summarize = ({ header, receipts }: BlockJSON) => {
      const { baseFeePerGas, gasUsed, gasLimit } = header
      const paid = receipts.map((receipt) => {
        // A deposit pays nothing, not even the base fee.
        const tip = bigIntMax(BigInt(receipt.effectiveGasPrice) - BigInt(baseFeePerGas!), 0n)
        return { tip, gas: Number(receipt.gasUsed) }
      })
      let sum = 0
      const steps: { tip: bigint; sum: number }[] = []
      for (const { tip, gas } of paid.sort((a, b) => Number(a.tip - b.tip))) {
        sum += gas
        steps.push({ tip, sum })
      }
      const tipAt = (percent: number) =>
        steps.find((step) => step.sum * 100 >= sum * percent)?.tip ?? 0n
      const ratio = Number(gasUsed) / Number(gasLimit)
      return { baseFeePerGas, ratio, reward: percentiles.map(tipAt) }
    }
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const blocks = numbers.map((number) => summarize(find(number)!))
    const baseFees = blocks.map(({ baseFeePerGas }) => baseFeePerGas)
    const history = {
      oldestBlock: first,
      baseFeePerGas: [...baseFees, nextBaseFee(find(last)!)],
      reward: percentiles.length > 0 ? blocks.map(({ reward }) => reward) : undefined,
    }
    // Without a prototype it is not encoded again: its ratios are numbers, unlike all others.
    const gasUsedRatio = blocks.map(({ ratio }) => ratio)
    return { __proto__: null, ...(encode(history) as object), gasUsedRatio }
  }

  return {
    eth_gasPrice: () => nextBaseFee(head()) + SUGGESTED_TIP,
    eth_maxPriorityFeePerGas: () => SUGGESTED_TIP,
    eth_feeHistory: feeHistory,
  }
}
