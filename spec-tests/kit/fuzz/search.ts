import { join } from 'node:path'
import { findDifferences, reasonNotToAsk } from '../confirm/compare.ts'
import { type Witness, askTwice, askWitness } from '../confirm/confirm.ts'
import { writeVectors } from '../files.ts'
import { FillError } from '../fill/chain.ts'
import type { Vector } from '../vector.ts'
import { type ChainOptions, randomChain } from './chains.ts'
import { findListed } from './known.ts'
import { type ChainPlan, fillPlan } from './plan.ts'
import { randomProbe } from './probes.ts'
import { Random } from './random.ts'
import { shrink } from './shrink.ts'

/** How long to search, and where. */
export interface SearchOptions extends ChainOptions {
  seed: number
  /** Ends after so many seconds … */
  seconds: number
  /** … or so many chains. */
  count?: number
  /** Calls that are not as they should be before each block, of which there are so many. */
  probes?: number
  /** Only chains whose number leaves this remainder when divided by so many. */
  share?: [remainder: number, divisor: number]
  /** Folder for what is found. */
  out: string
  /** Told about each finding. */
  report(line: string): void
}

/** What came of a search. */
export interface SearchResult {
  chains: number
  blocks: number
  transactions: number
  /** Blocks that cannot be. */
  refused: number
  /** How often which listed difference was seen. */
  listed: Record<string, number>
  /** Differences that are not listed. */
  findings: number
  /** Milliseconds that this project took, and that were spent waiting for the others. */
  ownTime: number
  waitTime: number
}

/** A difference that is not listed: whose, and what. */
interface Finding {
  client: string
  said: string
}

/** The first difference of a client that is not listed. */
async function findUnlisted(
  witness: Witness,
  vector: Vector,
  listed: Record<string, number>,
): Promise<Finding | undefined> {
  const { name } = witness
  if (reasonNotToAsk(name, vector)) return undefined
  const differences = findDifferences(name, vector, await askTwice(witness, vector))
  for (const said of differences) {
    const kind = findListed(name, said, vector)
    if (!kind) return { client: name, said }
    listed[kind.heading] = (listed[kind.heading] ?? 0) + 1
    // What follows from another state is no difference of its own.
    if (kind.isOfState) return undefined
  }
  return undefined
}

/** Asks all witnesses about a vector at the same time. */
async function judge(vector: Vector, witnesses: Witness[], listed: Record<string, number>) {
  const ask = (witness: Witness) => findUnlisted(witness, vector, listed)
  return (await Promise.all(witnesses.map(ask))).find(Boolean)
}

/** What differs, without numbers and hashes: a smaller plan must not show something else. */
const kindOf = (said: string) => said.split(';')[0].replace(/0x[0-9a-f]*|\d+|…/g, '')

/** Makes what was found small, and saves it. */
async function record(
  plan: ChainPlan,
  finding: Finding,
  witnesses: Witness[],
  opts: SearchOptions,
) {
  const witness = witnesses.find(({ name }) => name === finding.client)!
  const isFailing = async (smaller: ChainPlan) => {
    const found = await judge(await fillPlan(smaller), [witness], {})
    return found !== undefined && kindOf(found.said) === kindOf(finding.said)
  }
  const smallest = await shrink(plan, isFailing)
  const vector = await fillPlan(smallest)
  for (const one of witnesses) {
    vector._info.witnesses[one.name] = await askWitness(one, vector)
  }
  const path = join(opts.out, `${plan.name.replaceAll(' ', '-')}.json`)
  writeVectors(path, { [plan.name]: vector })
  opts.report(`${plan.name}: ${finding.client} ${finding.said}; saved as ${path}`)
}

/**
 * Makes random chains, and compares what this project and the witnesses make of them. Chains follow
 * from the seed and their number only.
 */
export async function search(witnesses: Witness[], opts: SearchOptions): Promise<SearchResult> {
  const { seed, seconds, count = Infinity, share: [first, step] = [0, 1] } = opts
  const result: SearchResult = {
    chains: 0,
    blocks: 0,
    transactions: 0,
    refused: 0,
    listed: {},
    findings: 0,
    ownTime: 0,
    waitTime: 0,
  }
  const end = Date.now() + seconds * 1000
  // While the others run one chain, the next is made.
  let before: { plan: ChainPlan; found: Promise<Finding | undefined> } | undefined
  const finish = async () => {
    if (!before) return
    const { plan, found } = before
    before = undefined
    const finding = await found
    if (!finding) return
    result.findings++
    await record(plan, finding, witnesses, opts)
  }
  for (let index = first; index < count && Date.now() < end; index += step) {
    const start = Date.now()
    const random = new Random(Math.imul(seed, 1_000_003) + index)
    const plan = randomChain(random, `chain ${seed} ${index}`, opts)
    for (const block of plan.blocks) {
      block.probes = random.list(opts.probes ?? 0, () => randomProbe(random))
    }
    const vector = await fillPlan(plan).catch((error) => {
      if (!(error instanceof FillError)) throw error
      opts.report(`${plan.name}: ethereumjs-op contradicts itself: ${error.message}`)
      result.findings++
    })
    const filled = Date.now()
    result.ownTime += filled - start
    await finish()
    result.waitTime += Date.now() - filled
    if (!vector) continue
    result.chains++
    result.blocks += vector.engineNewPayloads.length
    result.refused += vector.engineForkchoiceUpdates?.length ?? 0
    for (const { params } of vector.engineNewPayloads) {
      const payload = params[0] as { transactions?: string[] } | null
      result.transactions += payload?.transactions?.length ?? 0
    }
    before = { plan, found: judge(vector, witnesses, result.listed) }
  }
  await finish()
  return result
}
