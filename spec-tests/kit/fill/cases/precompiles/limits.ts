import type { Fork } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { callAll, caller } from './helpers.ts'

/** A limit on the input of a precompile. */
interface Limit {
  name: string
  rules: string[]
  precompile: number
  /** Bytes of an element. */
  unit: number
  /** Bytes of the result. */
  returned: number
  /** Gas for so many elements. */
  gas(count: bigint): bigint
  /** The most elements, by fork. */
  most: Partial<Record<Fork, number>>
}

const LIMITS: Limit[] = [
  {
    name: 'bn254-pairing',
    rules: ['P-04', 'P-05', 'P-06', 'T-33'],
    precompile: 0x08,
    unit: 192,
    returned: 32,
    gas: (count) => 45_000n + 34_000n * count,
    most: { granite: 586, holocene: 586, isthmus: 586, jovian: 427, karst: 300 },
  },
  {
    name: 'bls12-381-g1-msm',
    rules: ['P-07', 'P-12'],
    precompile: 0x0c,
    unit: 160,
    returned: 128,
    gas: (count) => (12_000n * count * 519n) / 1000n,
    most: { isthmus: 3211, jovian: 1806, karst: 1806 },
  },
  {
    name: 'bls12-381-g2-msm',
    rules: ['P-08', 'P-12'],
    precompile: 0x0e,
    unit: 288,
    returned: 256,
    gas: (count) => (22_500n * count * 524n) / 1000n,
    most: { isthmus: 1696, jovian: 968, karst: 968 },
  },
  {
    name: 'bls12-381-pairing',
    rules: ['P-09', 'P-12'],
    precompile: 0x0f,
    unit: 384,
    returned: 32,
    gas: (count) => 37_700n + 32_600n * count,
    most: { isthmus: 612, jovian: 408, karst: 408 },
  },
]

const cases = LIMITS.map(
  ({ name, rules, precompile, unit, returned, gas, most }): Case => ({
    name,
    description:
      'Points at infinity: as many as there may be succeed with exactly their gas; without a unit of it, with a byte or with a point more the call fails with all gas',
    rules,
    forks: Object.keys(most) as Fork[],
    pre: caller(precompile),
    async fill(chain, fork) {
      const count = most[fork]!
      const size = count * unit
      const needed = gas(BigInt(count))
      // The pairing of nothing but points at infinity is 1.
      const output = returned === 32 ? 1n : 0n
      const calls = [
        { size, gas: needed, isSuccess: true, returned, output },
        { size, gas: needed - 1n, isSuccess: false },
        { size: size + 1, gas: needed + 100_000n, isSuccess: false },
      ]
      const isDisputed = precompile === 0x08 && fork === 'karst'
      const more = isDisputed ? 428 : count + 1
      calls.push({ size: more * unit, gas: gas(BigInt(more)), isSuccess: false })
      await callAll(chain, calls, fork === 'karst' ? 16_000_000n : 29_000_000n)
    },
  }),
)

/** How much input precompiles take. */
export const limits: Topic = {
  path: 'precompiles/limits',
  cases: [
    ...cases,
    {
      name: 'bn254-pairing-before-granite',
      description: 'Before Granite only gas limits the pairing',
      rules: ['P-04'],
      forks: ['bedrock', 'fjord'],
      pre: caller(0x08),
      async fill(chain) {
        const gas = 45_000n + 34_000n * 700n
        const call = { size: 700 * 192, gas, isSuccess: true, returned: 32, output: 1 }
        await callAll(chain, [call], 29_000_000n)
      },
    },
    {
      name: 'bn254-pairing-of-301-points',
      description: 'At Karst the pairing takes 300 pairs of points, and fails with one more',
      rules: ['P-06', 'T-33'],
      forks: ['karst'],
      disputed: 'bn254-pairing-input-in-karst',
      pre: caller(0x08),
      async fill(chain) {
        const gas = 45_000n + 34_000n * 301n
        await callAll(chain, [{ size: 301 * 192, gas, isSuccess: false }])
      },
    },
  ],
}
