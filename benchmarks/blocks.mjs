/**
 * Executes all real blocks with this project patched, with it unpatched, and with stock EthereumJS,
 * in turn. `node benchmarks/blocks.mjs` prints the tables.
 */
import { pathToFileURL } from 'node:url'
import { CLOCK, blockPaths, isLate, medians, startVariants, sum, table } from './common.mjs'

/**
 * Measures every block in every variant, once a round: one to warm up, then `ROUNDS`, or 3. If it gets
 * late there are fewer, and what has no counted round keeps the time of the first.
 *
 * @param workers - a process for each variant
 * @returns a row for each block, with the medians of its times by variant; stock has none for
 * blocks that its state manager cannot execute on a witness
 */
export async function measureBlocks(workers) {
  const [paths, rounds] = [blockPaths(), Number(process.env.ROUNDS ?? 3)]
  const blocks = paths.map(() => ({ times: { patched: [], unpatched: [], stock: [] } }))
  let round = 0
  do {
    for (const [index, path] of paths.entries()) {
      for (const [variant, worker] of Object.entries(workers)) {
        const block = blocks[index]
        if (!block.times[variant] || (round > 0 && isLate(240))) continue
        const isStock = variant === 'stock'
        try {
          const answer = await worker.call('./execute.mjs', 'runRealBlock', path, isStock)
          const { wall, cpu, ...about } = answer
          Object.assign(block, about)
          block.times[variant].push({ wall, cpu })
        } catch (error) {
          if (!isStock) throw error
          block.times[variant] = undefined
        }
      }
    }
  } while (round++ < rounds && !isLate(200))
  const rows = blocks.map(({ times, ...about }) => {
    const measured = Object.entries(times).filter(([, values]) => values)
    const variants = measured.map(([variant, values]) => [
      variant,
      medians(values.length > 1 ? values.slice(1) : values),
    ])
    return { ...about, ...Object.fromEntries(variants) }
  })
  const counted = blocks.map(({ times }) => times.unpatched.length - 1)
  return { rounds: Math.min(...counted), blocks: rows.toSorted((a, b) => a.gas - b.gas) }
}

/** Totals of the variants: over all blocks they can execute, and over those that stock can. */
export function summarize({ blocks }) {
  const common = blocks.filter(({ stock }) => stock)
  const total = (rows, variant, clock) => sum(rows.map((row) => row[variant][clock]))
  const clocks = [CLOCK, CLOCK === 'cpu' ? 'wall' : 'cpu']
  const gas = (rows) => sum(rows.map((row) => row.gas)) / 1e6
  return ['patched', 'unpatched', 'stock'].map((variant) => {
    const rows = blocks.filter((row) => row[variant])
    const slowest = rows.toSorted((a, b) => b[variant][CLOCK] - a[variant][CLOCK])[0]
    return {
      variant,
      blocks: rows.length,
      speed: gas(rows) / total(rows, variant, CLOCK),
      commonSpeed: gas(common) / total(common, variant, CLOCK),
      ratios: clocks.map((clock) => total(common, 'stock', clock) / total(common, variant, clock)),
      slowest: { number: slowest.number, ...slowest[variant] },
    }
  })
}

/** What the tables call the variants. */
export const NAMES = {
  patched: 'ethereumjs-op',
  unpatched: 'ethereumjs-op, unpatched',
  stock: 'stock EthereumJS',
}

/** The totals and the blocks as tables. */
export function blockTables(result) {
  const totals = table(
    ['', 'blocks', 'Mgas/s', 'where stock can', '× stock', 'other clock ×', 'slowest', 's'],
    summarize(result).map(({ variant, blocks, speed, commonSpeed, ratios, slowest }) => [
      ...[NAMES[variant], blocks, speed, commonSpeed, ...ratios],
      ...[`${slowest.number}`, slowest[CLOCK]],
    ]),
  )
  const speed = (row, variant) => row[variant] && row.gas / 1e6 / row[variant][CLOCK]
  const rows = result.blocks.map((row) => [
    ...[`${row.chainId} ${row.number}`, row.fork, row.txs, row.gas / 1e6],
    ...[speed(row, 'patched'), speed(row, 'unpatched'), speed(row, 'stock')],
    ...[row.patched[CLOCK], row.stock && row.stock[CLOCK] / row.patched[CLOCK]],
  ])
  const head = ['block', 'fork', 'txs', 'Mgas', 'Mgas/s', 'unpatched', 'stock', 's', '× stock']
  return `${totals}\n\n${table(head, rows)}`
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  blockPaths()
  const { workers, stop } = startVariants()
  const result = await measureBlocks(workers).finally(stop)
  console.log(`medians of ${result.rounds} rounds\n\n${blockTables(result)}`)
}
