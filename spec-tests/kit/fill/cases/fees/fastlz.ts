import { NOBODY } from '../../accounts.ts'
import type { Case, Topic } from '../../topic.ts'
import { fixedFees, noise, repeat } from './helpers.ts'

/** Data by what it does to the compression. */
const DATA: [name: string, description: string, data: string[]][] = [
  [
    'around-the-least-size',
    'Noise that makes transactions of the size from which on they pay more than the least',
    [...Array(24).keys()].map((more) => noise(48 + more)),
  ],
  [
    'short',
    'Fewer than 16 bytes more each time: the end of the input, where nothing is matched',
    [...Array(16).keys()].map((length) => repeat('07', length)),
  ],
  [
    'literal-runs',
    'Noise whose length is around multiples of 32, at which a run of literals begins anew',
    [...Array(40).keys()].map((more) => noise(150 + more)),
  ],
  [
    'long-matches',
    'One byte repeated around 262 and 264 times and their multiples, at which a match begins anew',
    [...Array(14).keys()].flatMap((more) => [
      `${noise(140)}${'00'.repeat(256 + more)}`,
      `${noise(140)}${'00'.repeat(518 + more)}`,
    ]),
  ],
  [
    'periods',
    'Patterns of 1 to 20 bytes',
    [...Array(20).keys()].map((index) => repeat(noise(index + 1).slice(2), 40)),
  ],
  [
    'words',
    'Calldata as contracts have it: words with many zeros before them',
    [1, 2, 3, 5, 9].map((count) =>
      repeat(`${'00'.repeat(12)}${noise(20).slice(2)}${'00'.repeat(31)}01`, count),
    ),
  ],
]

/** 8,191 bytes are the greatest distance of a match. */
const distances = [8188, 8190, 8191, 8192, 8193, 8196].map(
  (distance) => `${noise(distance)}${noise(distance).slice(2, 202)}`,
)

const cases = DATA.map(
  ([name, description, data]): Case => ({
    name,
    description,
    rules: ['F-24', 'F-25', 'T-21'],
    forks: ['fjord', 'karst'],
    pre: fixedFees({
      baseFee: 10n ** 9n,
      blobBaseFee: 1n,
      baseFeeScalar: 1_000_000n,
      daFootprintGasScalar: 400n,
    }),
    async fill(chain) {
      await chain.block({
        transactions: data.map((data) => ({ to: NOBODY, gasLimit: 500_000n, data })),
      })
    },
  }),
)

const COMMON = cases[0]

/** The estimation of what a transaction takes when it is compressed. */
export const fastlz: Topic = {
  path: 'fees/fastlz',
  cases: [
    ...cases,
    {
      ...COMMON,
      name: 'distances',
      description: 'Noise that repeats after 8,188 to 8,196 bytes: above 8,191 it is no match',
      forks: ['jovian'],
      async fill(chain) {
        await chain.block({
          transactions: distances.map((data) => ({ to: NOBODY, gasLimit: 1_000_000n, data })),
        })
      },
    },
    {
      ...COMMON,
      name: '100-kilobytes-of-noise',
      description: 'A transaction of nearly the greatest size that pools take',
      forks: ['fjord'],
      async fill(chain) {
        const data = noise(100_000)
        await chain.block({ transactions: [{ to: NOBODY, gasLimit: 5_000_000n, data }] })
      },
    },
    {
      ...COMMON,
      name: '30-kilobytes-of-zeros',
      description: 'A long transaction that compresses to little',
      forks: ['karst'],
      async fill(chain) {
        const data = repeat('00', 30_000)
        await chain.block({ transactions: [{ to: NOBODY, gasLimit: 5_000_000n, data }] })
      },
    },
  ],
}
