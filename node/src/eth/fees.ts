import { calculateBaseFee } from 'ethereumjs-op'
import { type BlockJSON, encode, headerFromJSON } from 'ethereumjs-op/blockchain'
import { JsonRpcError, bigIntMax, bigIntMin } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { check, readBlockId, readCount, readList } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

/** Least and most wei per gas that senders are advised to pay the sequencer, as op-geth does. */
const MIN_TIP = 1_000_000n
const MAX_TIP = 500_000_000_000n

/** Most blocks and percentiles of a fee history, as op-geth has them. */
const MAX_BLOCKS = 1_024
const MAX_PERCENTILES = 100

/** Percentiles in ascending order. @throws (-32000) as geth does */
function readPercentiles(wanted: unknown): number[] {
  const percentiles = readList(wanted ?? [], (value) => {
    check(typeof value === 'number', 'percent', value)
    return value
  })
  const refuse = (message: string) => {
    throw new JsonRpcError(`invalid reward percentile: ${message}`, -32000)
  }
  if (percentiles.length > MAX_PERCENTILES) refuse(`over the query limit ${MAX_PERCENTILES}`)
  for (const [index, value] of percentiles.entries()) {
    const before = percentiles[index - 1]
    const text = value.toFixed(6)
    if (value < 0 || value > 100) refuse(text)
    if (value <= before) refuse(`#${index - 1}:${before.toFixed(6)} >= #${index}:${text}`)
  }
  return percentiles
}

/** What the transactions of a block paid per gas above the base fee, the cheapest first. */
function readTips({ header, receipts }: BlockJSON) {
  const baseFee = BigInt(header.baseFeePerGas!)
  const paid = receipts.map(({ effectiveGasPrice, gasUsed }) => {
    // A deposit pays nothing, not even the base fee.
    return { tip: bigIntMax(BigInt(effectiveGasPrice) - baseFee, 0n), gas: Number(gasUsed) }
  })
  return paid.sort((a, b) => Number(a.tip - b.tip))
}

/** Tips per gas at percentiles of the gas of a block. */
function findPercentiles(block: BlockJSON, percentiles: number[]): bigint[] {
  const gasUsed = Number(block.header.gasUsed)
  let sum = 0
  const steps = readTips(block).map(({ tip, gas }) => {
    sum += gas
    return { tip, sum }
  })
  const tipAt = (percent: number) => {
    const threshold = Math.floor((gasUsed * percent) / 100)
    return (steps.find((step) => step.sum >= threshold) ?? steps.at(-1))?.tip ?? 0n
  }
  return percentiles.map(tipAt)
}

/** A tip for the block after one: the least, but above the median if that one was full. */
function suggestTip(block: BlockJSON): bigint {
  const { gasUsed, gasLimit } = block.header
  const tips = readTips(block)
  const most = Math.max(0, ...tips.map(({ gas }) => gas))
  if (Number(gasUsed) + most <= Number(gasLimit)) return MIN_TIP
  const { tip: median } = tips[Math.floor(tips.length / 2)]
  return bigIntMin(bigIntMax(median + median / 10n, MIN_TIP), MAX_TIP)
}

/** Prices of gas. */
export function createFeeMethods(store: Store, { blockOf }: Lookup): Methods {
  const { chain, find, head, after } = store

  const nextBaseFee = (block: BlockJSON) => {
    const { header, rules } = after(block)
    return calculateBaseFee(chain, header, rules)
  }

  /** Wei per gas of blobs, which no block holds: nothing before their fork, then the least. */
  const blobFee = ({ header }: BlockJSON) =>
    header.excessBlobGas === undefined ? 0n : headerFromJSON(chain, header).getBlobGasPrice()

  /** What senders paid in past blocks: tips at percentiles of the gas, by price. */
  function feeHistory(count: unknown, newest: unknown, wanted: unknown) {
    const number = Math.min(readCount(count), MAX_BLOCKS)
    const percentiles = readPercentiles(wanted)
    // Without a prototype it is not encoded again: its ratios are numbers, unlike all others.
    if (number === 0) return { __proto__: null, oldestBlock: '0x0', gasUsedRatio: null }
    const id = readBlockId(newest)
    const top = Number(head().header.number)
    const isKnown = typeof id !== 'number' || id <= top
    const beyond = `request beyond head block: requested ${id}, head ${top}`
    if (!isKnown) throw new JsonRpcError(beyond, -32000)
    const newestBlock = blockOf(newest)
    const last = Number(newestBlock.header.number)
    const first = Math.max(last - number + 1, 0)
    const summaries = Array.from({ length: last - first + 1 }, (_, index) => {
      const block = find(first + index)!
      const { baseFeePerGas, gasUsed, gasLimit } = block.header
      return {
        baseFeePerGas,
        blobFee: blobFee(block),
        ratio: Number(gasUsed) / Number(gasLimit),
        reward: percentiles.length > 0 ? findPercentiles(block, percentiles) : [],
      }
    })
    const history = {
      oldestBlock: first,
      reward: percentiles.length > 0 ? summaries.map(({ reward }) => reward) : undefined,
      baseFeePerGas: [
        ...summaries.map(({ baseFeePerGas }) => baseFeePerGas),
        nextBaseFee(newestBlock),
      ],
      // No blobs, so that their price stays.
      baseFeePerBlobGas: [...summaries.map(({ blobFee }) => blobFee), blobFee(newestBlock)],
    }
    return {
      __proto__: null,
      ...(encode(history) as object),
      gasUsedRatio: summaries.map(({ ratio }) => ratio),
      // A block may hold none, and what its header says of blob gas is not about blobs.
      blobGasUsedRatio: summaries.map(() => 0),
    }
  }

  /** A price that the next block takes, and by which calls on the newest block can be simulated. */
  function gasPrice() {
    const block = head()
    const baseFee = bigIntMax(BigInt(block.header.baseFeePerGas!), nextBaseFee(block))
    return baseFee + suggestTip(block)
  }

  return {
    eth_gasPrice: gasPrice,
    eth_maxPriorityFeePerGas: () => suggestTip(head()),
    eth_blobBaseFee: () => (head().header.excessBlobGas === undefined ? null : blobFee(head())),
    eth_feeHistory: feeHistory,
  }
}
