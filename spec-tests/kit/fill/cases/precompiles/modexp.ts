import { word } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { callAll, caller, join } from './helpers.ts'

/** Input of MODEXP with lengths, and all bytes 0xff. */
const ones = (base: number, exponent: number, modulus: number) =>
  join(word(base), word(exponent), word(modulus), `0x${'ff'.repeat(base + exponent + modulus)}`)

/** Gas by lengths of base, exponent and modulus, before Karst (EIP-2565) and then (EIP-7883). */
const PRICES: [base: number, exponent: number, modulus: number, before: bigint, after: bigint][] = [
  // The least.
  [0, 0, 0, 200n, 500n],
  [1, 1, 1, 200n, 500n],
  // 4² · 255 / 3; 16 · 255.
  [32, 32, 32, 1_360n, 4_080n],
  // 5² · 255 / 3; 2 · 5² · 255.
  [33, 32, 33, 2_125n, 12_750n],
  // 5² · (8 + 255) / 3; 2 · 5² · (16 + 255).
  [40, 33, 40, 2_191n, 13_550n],
  // 16² · 7 / 3; 2 · 16² · 7.
  [128, 1, 100, 597n, 3_584n],
  // 8² · (8 · 32 + 255) / 3; 2 · 8² · (16 · 32 + 255).
  [64, 64, 64, 10_901n, 98_176n],
]

const FORKS: Fork[] = ['bedrock', 'jovian', 'karst']

/** The precompile 5. */
export const modexp: Topic = {
  path: 'precompiles/modexp',
  cases: [
    {
      name: 'prices',
      description:
        'Inputs succeed with exactly their gas, by EIP-2565 until Jovian and by EIP-7883 from Karst on, and fail with a unit less',
      rules: ['H-14', 'P-11'],
      forks: FORKS,
      pre: caller(0x05),
      async fill(chain, fork) {
        const calls = PRICES.flatMap(([base, exponent, modulus, before, after]) => {
          const gas = isFrom(fork, 'karst') ? after : before
          const input = ones(base, exponent, modulus)
          return [
            { input, gas, isSuccess: true, returned: modulus },
            { input, gas: gas - 1n, isSuccess: false },
          ]
        })
        await callAll(chain, calls)
      },
    },
    {
      name: 'lengths-of-1024-and-1025',
      description:
        'From Karst on base, exponent and modulus have at most 1,024 bytes each (EIP-7823), else the call fails',
      rules: ['H-13', 'P-11'],
      forks: FORKS,
      pre: caller(0x05),
      async fill(chain, fork) {
        const isSuccess = !isFrom(fork, 'karst')
        const gas = 10_000_000n
        const lengths = (...all: number[]) => join(...all.map((length) => word(length)))
        // The values themselves are zeros: 0 to the power of 0, modulo 0.
        const call = (base: number, exponent: number, modulus: number, succeeds = isSuccess) => ({
          input: lengths(base, exponent, modulus),
          size: 96 + base + exponent + modulus,
          gas,
          isSuccess: succeeds,
          returned: succeeds ? modulus : 0,
        })
        await callAll(chain, [
          call(1024, 1, 1024, true),
          call(1, 1024, 1, true),
          call(1025, 1, 1),
          call(1, 1025, 1),
          call(1, 1, 1025),
          call(1025, 0, 0),
          call(0, 1025, 0),
        ])
      },
    },
    {
      name: 'lengths-that-are-not-there',
      description: 'Lengths of 2²⁵⁶ - 1 cost more gas than there is; less input is filled up',
      rules: ['P-11'],
      forks: FORKS,
      pre: caller(0x05),
      async fill(chain) {
        const most = word(2n ** 256n - 1n)
        const gas = 1_000_000n
        await callAll(chain, [
          { input: join(most, word(1), word(1)), gas, isSuccess: false },
          { input: join(word(1), most, word(1)), gas, isSuccess: false },
          { input: join(word(1), word(1), most), gas, isSuccess: false },
          { input: join(word(1), word(1), word(2), '0x0302'), gas, isSuccess: true, returned: 2 },
          { input: '0x', gas, isSuccess: true },
        ])
      },
    },
  ],
}
