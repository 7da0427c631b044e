import type { Vector } from '../vector.ts'
import { type ChainFields, VectorChain } from './chain.ts'
import { type Fork, forks } from './forks.ts'

/** A case, of which a vector is made for each of its forks. */
export interface Case extends Omit<ChainFields, 'fork'> {
  /** In lower case with dashes, as it is to be read in a list. */
  name: string
  /** What must hold, and how the vector shows it. */
  description: string
  /** Ids of RULES.md. */
  rules: string[]
  /** Forks that chains start with; else all. */
  forks?: Fork[]
  /** A heading of DISPUTED.md, where clients differ. */
  disputed?: string
  /** Further fields of the chain that depend on its fork. */
  chain?(fork: Fork): Omit<ChainFields, 'fork'>
  /** Makes the blocks. */
  fill(chain: VectorChain, fork: Fork): Promise<void>
}

/** Cases that come into one file. */
export interface Topic {
  /** Folder and name of the file, without ending: `deposits/mint`. */
  path: string
  cases: Case[]
}

/** Makes the vectors of a case, by their names. */
export async function fillCase(topic: Topic, test: Case): Promise<Record<string, Vector>> {
  const vectors: Record<string, Vector> = {}
  for (const fork of test.forks ?? forks()) {
    const name = `${topic.path}/${test.name}[${fork}]`
    const { times, pre, genesis, optimism, l1, isAlone } = test
    const common = { times, pre, genesis, optimism, l1, isAlone }
    const chain = await VectorChain.create(name, { ...common, ...test.chain?.(fork), fork })
    await test.fill(chain, fork)
    const { description, rules, disputed } = test
    vectors[name] = chain.finish({ description, rules, ...(disputed && { disputed }) })
  }
  return vectors
}
