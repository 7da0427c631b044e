/** Runs all benchmarks, prints their tables, and writes results.json, blocks.svg and the README. */
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, platform } from 'node:os'
import { startAnvil } from './anvil.mjs'
import { NAMES, blockTables, measureBlocks, summarize } from './blocks.mjs'
import { CLOCK, blockPaths, isLate, medians, startVariants, startWorker, table } from './common.mjs'
import { plotBlocks } from './plot.mjs'
import { WORKLOADS } from './workloads.mjs'

const paths = blockPaths()
const pathOf = (number) =>
  paths.find((path) => path.endsWith(`block-${number}.json.gz`)) ?? paths[0]
const start = performance.now()
const log = (text) => console.error(`${((performance.now() - start) / 1000).toFixed(0)} s: ${text}`)

/** Every workload on all engines in turn: one round to warm up, three that count, one if late. */
async function measureWorkloads({ patched, unpatched, stock }, anvil) {
  const run = (worker, name, isStock) => worker.call('./execute.mjs', 'runWorkload', name, isStock)
  const engines = {
    patched: (name) => run(patched, name, false),
    unpatched: (name) => run(unpatched, name, false),
    stock: (name) => run(stock, name, true),
    ...(anvil && { anvil: (name) => anvil.run(WORKLOADS[name]()) }),
  }
  const rows = []
  for (const name of Object.keys(WORKLOADS)) {
    const gas = new Set()
    const times = Object.fromEntries(Object.keys(engines).map((engine) => [engine, []]))
    for (let round = 0; round < (isLate(270) ? 2 : 4); round++) {
      for (const [engine, execute] of Object.entries(engines)) {
        const time = await execute(name)
        gas.add(time.gas)
        if (round > 0) times[engine].push(time)
      }
    }
    if (gas.size > 1) throw new Error(`${name}: engines differ about gas: ${[...gas]}`)
    const results = Object.entries(times).map(([engine, values]) => [engine, medians(values)])
    rows.push({ name, gas: [...gas][0], ...Object.fromEntries(results) })
  }
  return rows
}

/** Blocks of growing gas, then 500 transfers on growing states; the largest only if there is time. */
async function measureGrowth() {
  const worker = startWorker()
  const [gas, states] = [[], []]
  for (const mgas of [1, 5, 10, 20, 40, 60]) {
    if (isLate(500)) break
    gas.push(await worker.call('./growth.mjs', 'timeBlock', mgas))
  }
  for (const size of [1e3, 1e4, 1e5, isLate(440) ? 3e5 : 1e6]) {
    if (isLate(520)) break
    states.push(await worker.call('./growth.mjs', 'timeOnState', size))
  }
  worker.stop()
  return { gas, states }
}

/** Memory over 1,000 blocks, of both kinds at once: here time does not count. */
async function measureHeap() {
  const [one, other] = [startWorker(), startWorker()]
  const small = [...Array(8).fill(120794432), 121049889, 10211000].map(pathOf)
  const [blocks, chain] = await Promise.all([
    one.call('./growth.mjs', 'heapOfBlocks', small, 1000),
    other.call('./growth.mjs', 'heapOfChain', 1000),
  ])
  for (const worker of [one, other]) worker.stop()
  return { blocks, chain }
}

/** The goals of the project, what this run says about them, and whether they are met. */
function judge({ blocks, heap }) {
  const [patched, unpatched, stock] = summarize(blocks)
  const growth = Math.max(heap.blocks.growth, heap.chain.growth)
  const scaled = 6.7 * patched.ratios[0]
  const goals = [
    ['total against stock', '≥ 4 ×', patched.ratios[0], patched.ratios[0] >= 4],
    ['Mgas/s where stock does 6.7, thus 6.7 × the ratio', '≥ 25', scaled, scaled >= 25],
    [`Mgas/s here, where stock does ${stock.speed.toFixed(1)}`, '', patched.speed, undefined],
    ['slowest real block, seconds', '< 1', patched.slowest[CLOCK], patched.slowest[CLOCK] < 1],
    ['unpatched against stock', '≥ 1.5 ×', unpatched.ratios[0], unpatched.ratios[0] >= 1.5],
    ['memory over 1,000 blocks, MB', '< 50', growth, growth < 50],
  ]
  return goals.map(([goal, must, value, isMet]) => ({ goal, must, value, isMet }))
}

const { workers, stop } = startVariants()
const anvil = await startAnvil().catch((error) => log(`without anvil: ${error.message}`))
const readJSON = (path) => JSON.parse(readFileSync(path, 'utf8'))
const results = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus()[0].model}, ${availableParallelism()} cores, ${platform()}`,
  load: loadavg()[0],
  versions: {
    node: process.version,
    'ethereumjs-op': readJSON('package.json').version,
    '@ethereumjs/evm': readJSON('node_modules/@ethereumjs/evm/package.json').version,
    anvil: anvil?.version.replace('anvil/v', '') ?? 'not for this platform',
  },
  clock: CLOCK,
}
try {
  log('real blocks')
  results.blocks = await measureBlocks(workers)
  log('workloads')
  results.workloads = await measureWorkloads(workers, anvil)
  log('steps')
  results.steps = await workers.patched.call('./micro.mjs', 'measureSteps', pathOf(132797000))
} finally {
  stop()
  anvil?.stop()
}
log('memory')
results.heap = await measureHeap()
log('growth')
results.growth = await measureGrowth()
results.goals = judge(results)
results.seconds = Math.round((performance.now() - start) / 1000)

const speed = (row, engine) => row[engine] && row.gas / 1e6 / row[engine][CLOCK]
const ms = (time) => time && time[CLOCK] * 1000
const { goals, blocks, workloads, steps, growth, heap, versions } = results
const clock = CLOCK === 'cpu' ? 'by processor time' : 'by the clock'
const text = `${results.date}, ${results.machine}, load ${results.load.toFixed(1)} at the start; ${Object.entries(
  versions,
)
  .map((pair) => pair.join(' '))
  .join(', ')}. All times ${clock}. The run took ${results.seconds} s.

### Goals

${table(
  ['goal', 'must', 'here', 'met'],
  goals.map(({ goal, must, value, isMet }) => [
    ...[goal, must, value],
    isMet === undefined ? '' : isMet ? 'yes' : 'no',
  ]),
)}

### Real blocks

Medians of ${blocks.rounds} rounds.

${blockTables(blocks)}

![Mgas/s of each real block](blocks.svg)

### Workloads against native code

${table(
  ['Mgas/s', 'Mgas', NAMES.patched, 'unpatched', 'stock runBlock', '× stock', 'anvil', 'anvil ×'],
  workloads.map((row) => [
    ...[row.name, row.gas / 1e6],
    ...['patched', 'unpatched', 'stock'].map((engine) => speed(row, engine)),
    ...[row.stock[CLOCK] / row.patched[CLOCK], speed(row, 'anvil')],
    row.anvil && row.patched[CLOCK] / row.anvil[CLOCK],
  ]),
)}

### Steps

${table(
  ['step', 'microseconds', 'for each'],
  steps.map(({ name, microseconds, unit }) => [name, microseconds, unit]),
)}

### Growth

${table(
  ['Mgas of the block', 'ms', 'ms per Mgas'],
  growth.gas.map((row) => [row.gas / 1e6, ms(row), ms(row) / (row.gas / 1e6)]),
)}

${table(
  ['accounts', 'trie nodes', 's to build', 'ms for 500 transfers'],
  growth.states.map((row) => [row.size, row.nodes, row.build, ms(row)]),
)}

### Memory

${table(
  ['MB', 'before', 'after', 'growth'],
  [
    ['1,000 real blocks, each on its witness', ...values(heap.blocks)],
    ['1,000 consecutive blocks on one state, without its trie nodes', ...values(heap.chain)],
  ],
)}`

/** The cells of a row about memory. */
function values({ before, growth: more }) {
  return [before, before + more, more]
}

console.log(text)
writeFileSync('benchmarks/results.json', `${JSON.stringify(results, undefined, 2)}\n`)
writeFileSync('benchmarks/blocks.svg', plotBlocks(blocks, `${results.date}, ${clock}`))
const readme = readFileSync('benchmarks/README.md', 'utf8')
const [before, after] = [readme.split('<!-- results -->')[0], readme.split('<!-- end -->')[1]]
writeFileSync(
  'benchmarks/README.md',
  `${before}<!-- results -->\n\n${text}\n\n<!-- end -->${after}`,
)
log('done')
