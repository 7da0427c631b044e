#!/usr/bin/env node
/** Searches for differences between this project, op-geth and op-revm: `npm run fuzz`. */
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { FORKS } from 'ethereumjs-op'
import { InvalidArgumentError, Option, program } from 'commander'
import { startWitnesses } from '../confirm/confirm.ts'
import { Reference, findPrograms } from '../confirm/references.ts'
import type { Fork } from '../fill/forks.ts'
import { type SearchResult, search } from './search.ts'

interface Options {
  seconds: number
  seed: number
  count?: number
  out: string
  first?: Fork
  last?: Fork
  jobs: number
  /** Set in the processes that search. */
  share?: [number, number]
}

function readNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

function readFork(text: string): Fork {
  const fork = FORKS.find((name) => name === text)
  if (!fork) throw new InvalidArgumentError(`It must be one of ${FORKS.join(', ')}.`)
  return fork
}

const readShare = (text: string) => text.split('/').map(Number)

const NOTHING: SearchResult = {
  chains: 0,
  blocks: 0,
  transactions: 0,
  refused: 0,
  listed: {},
  findings: 0,
  ownTime: 0,
  waitTime: 0,
}

/** Altered calls before each block. */
const PROBES = 12

/** Adds the options that both searches have. */
const withOptions = (name: string, description: string) =>
  program
    .command(name)
    .description(description)
    .option('--seconds <number>', 'how long to search', readNumber, 60)
    .option('--seed <number>', 'from which everything follows', readNumber, 1)
    .option('--count <number>', 'end after so many chains', readNumber)
    .option('--out <folder>', 'where to save what is found', 'found')
    .option('--first <fork>', 'with which all chains start', readFork)
    .option('--last <fork>', 'which chains reach at most', readFork)
    .option('--jobs <number>', 'processes that search', readNumber, availableParallelism())
    .addOption(new Option('--share <part>').argParser(readShare).hideHelp())

const report = (line: string) => console.error(line)
const perSecond = (count: number, ms: number) => (count / (ms / 1000)).toFixed(1)

/** Adds what a process has found to the sum of all. */
function add(sum: SearchResult, part: SearchResult) {
  const { listed, ...counts } = part
  for (const name of Object.keys(counts) as (keyof typeof counts)[]) sum[name] += counts[name]
  for (const [heading, count] of Object.entries(listed)) {
    sum.listed[heading] = (sum.listed[heading] ?? 0) + count
  }
}

/** Searches in as many processes as told. Which chains there are does not depend on their number. */
async function searchInProcesses(jobs: number): Promise<SearchResult> {
  const sum: SearchResult = { ...NOTHING, listed: {} }
  const parts = Array.from({ length: jobs }, async (_, index) => {
    const args = [...process.argv.slice(2), '--share', `${index}/${jobs}`]
    const child = fork(fileURLToPath(import.meta.url), args)
    let part: SearchResult | undefined
    child.on('message', (message) => {
      part = message as SearchResult
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    if (part) return add(sum, part)
    report(`a process of the search ended with ${code}`)
    sum.findings++
  })
  await Promise.all(parts)
  return sum
}

async function run(witnesses: Reference[], options: Options, probes = 0) {
  const names = witnesses.map(({ name }) => name)
  if (names.length === 0) {
    console.log('Skipped: this machine has not the tools to build the references.')
    return
  }
  if (options.share) {
    process.send!(await search(witnesses, { ...options, probes, report }))
    for (const witness of witnesses) witness.close()
    return
  }
  const start = Date.now()
  const result = await searchInProcesses(options.jobs)
  const time = Date.now() - start
  const { chains, blocks, transactions, refused, listed, findings, ownTime, waitTime } = result
  for (const [heading, count] of Object.entries(listed)) console.log(`listed ${count}: ${heading}`)
  console.log(
    `${names.join(' and ')}: ${chains} chains, ${blocks} payloads, ` +
      `${transactions} transactions, ${refused} forkchoices, ${findings} not explained; ` +
      `${perSecond(chains, time)} chains/s, ${ownTime} ms here, ${waitTime} ms waiting, ` +
      `${options.jobs} processes`,
  )
  process.exitCode = findings > 0 ? 1 : 0
}

withOptions('chains', 'Random chains through this project, op-geth and op-revm.').action(
  async (options: Options) => {
    const { 'op-revm': revm, ...others } = findPrograms()
    const witnesses = startWitnesses(others)
    // What DISPUTED.md lists for Karst would hide everything else there.
    if (revm) witnesses.push(new Reference('op-revm', revm, ['--corrected']))
    await run(witnesses, options)
  },
)

withOptions('engine', 'Altered calls of the Engine API to this project and to op-geth.').action(
  async (options: Options) => {
    const { 'op-geth': geth } = findPrograms()
    const witnesses = geth ? startWitnesses({ 'op-geth': geth }) : []
    await run(witnesses, { last: 'jovian', ...options }, PROBES)
  },
)

await program.parseAsync()
