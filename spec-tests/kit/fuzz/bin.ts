#!/usr/bin/env node
/** Searches for differences between this project, op-geth and op-revm: `npm run fuzz`. */
import { FORKS } from 'ethereumjs-op'
import { InvalidArgumentError, program } from 'commander'
import { startWitnesses } from '../confirm/confirm.ts'
import { Reference, findPrograms } from '../confirm/references.ts'
import type { Fork } from '../fill/forks.ts'
import { search } from './search.ts'

interface Options {
  seconds: number
  seed: number
  count?: number
  out: string
  first?: Fork
  last?: Fork
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

const report = (line: string) => console.error(line)
const perSecond = (count: number, ms: number) => (count / (ms / 1000)).toFixed(1)

async function run(witnesses: Reference[], options: Options, probes = 0) {
  if (witnesses.length === 0) {
    console.log('Skipped: this machine has not the tools to build the references.')
    return
  }
  const start = Date.now()
  const result = await search(witnesses, { ...options, probes, report })
  const time = Date.now() - start
  for (const witness of witnesses) witness.close()
  const { chains, blocks, transactions, refused, listed, findings, ownTime, waitTime } = result
  for (const [heading, count] of Object.entries(listed)) console.log(`listed ${count}: ${heading}`)
  console.log(
    `${witnesses.map(({ name }) => name).join(' and ')}: ${chains} chains, ${blocks} payloads, ` +
      `${transactions} transactions, ${refused} forkchoices, ${findings} not explained; ` +
      `${perSecond(chains, time)} chains/s, ${ownTime} ms here, ${waitTime} ms waiting`,
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
