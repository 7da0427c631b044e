import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from 'ethereumjs-op/ethereumjs'
import { BARE, CONTRACT, bytes, word } from '../../accounts.ts'
import { assemble, measure } from '../../assemble.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'
import { type Call, callAll, caller, join, precompile, zeros } from './helpers.ts'

/** The commitment to the polynomial 0, and every proof about it: the point at infinity. */
const INFINITY = `0xc0${'00'.repeat(47)}`
const BLS_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n

/** `0x01` and the end of the hash of a commitment. */
function versionedHash(commitment: string): string {
  const hash = sha256(bytes(commitment))
  hash[0] = 1
  return bytesToHex(hash)
}

const evaluation = (z: bigint, y: bigint) =>
  join(versionedHash(INFINITY), word(z), word(y), INFINITY, INFINITY)

/** Precompiles that all forks have, with an input and its gas. */
const FIRST: [name: string, number: number, input: string, gas: bigint, returned: number][] = [
  ['ecrecover', 1, zeros(128), 3_000n, 0],
  ['sha-256', 2, zeros(33), 84n, 32],
  ['ripemd-160', 3, zeros(33), 840n, 32],
  ['identity', 4, zeros(33), 21n, 33],
  ['bn254-add', 6, zeros(128), 150n, 64],
  ['bn254-multiplication', 7, zeros(96), 6_000n, 64],
  ['bn254-pairing-of-nothing', 8, '0x', 45_000n, 32],
  ['blake2f', 9, join('0x0000000c', zeros(208), '0x01'), 12n, 64],
]

const first = FIRST.map(
  ([name, number, input, gas, returned]): Case => ({
    name,
    description: 'It succeeds with exactly its gas, as on Ethereum, and fails with a unit less',
    rules: ['H-01', 'P-13'],
    forks: ['bedrock', 'karst'],
    pre: caller(number),
    fill: (chain) =>
      callAll(chain, [
        { input, gas, isSuccess: true, returned },
        { input, gas: gas - 1n, isSuccess: false },
      ]),
  }),
)

/** Precompiles of EIP-2537 without a limit. */
const BLS: [name: string, number: number, size: number, gas: bigint, returned: number][] = [
  ['bls12-381-g1-add', 0x0b, 256, 375n, 128],
  ['bls12-381-g1-msm-of-one', 0x0c, 160, 12_000n, 128],
  ['bls12-381-g2-add', 0x0d, 512, 600n, 256],
  ['bls12-381-g2-msm-of-one', 0x0e, 288, 22_500n, 256],
  ['bls12-381-pairing-of-one', 0x0f, 384, 70_300n, 32],
  ['bls12-381-map-fp-to-g1', 0x10, 64, 5_500n, 128],
  ['bls12-381-map-fp2-to-g2', 0x11, 128, 23_800n, 256],
]

const bls = BLS.map(
  ([name, number, size, gas, returned]): Case => ({
    name,
    description:
      'It is there from Isthmus on, with the gas of EIP-2537; before that the address has no code',
    rules: number === 0x0c ? ['P-07'] : number === 0x0e ? ['P-08'] : ['P-10'],
    forks: ['holocene', 'isthmus', 'karst'],
    pre: caller(number),
    fill: (chain, fork) =>
      callAll(
        chain,
        isFrom(fork, 'isthmus')
          ? [
              { size, gas, isSuccess: true, returned },
              { size, gas: gas - 1n, isSuccess: false },
              { size: size - 1, gas, isSuccess: false },
              { size: 0, gas: 100_000n, isSuccess: false },
            ]
          : [{ size, gas: 0, isSuccess: true }],
      ),
  }),
)

const WARM: Fork[] = ['bedrock', 'canyon', 'ecotone', 'fjord', 'holocene', 'isthmus', 'karst']

/** Addresses around those of precompiles. */
const AROUND = [0x01, 0x09, 0x0a, 0x0b, 0x0c, 0x11, 0x12, 0xff, 0x100, 0x101]

/** The last precompile of the low addresses. */
const lastOf = (fork: Fork) =>
  isFrom(fork, 'isthmus') ? 0x11 : isFrom(fork, 'ecotone') ? 0x0a : 0x09

/** Precompiles that have no file of their own. */
export const others: Topic = {
  path: 'precompiles/others',
  cases: [
    ...first,
    ...bls,
    {
      name: 'point-evaluation',
      description:
        'It is there from Ecotone on, although blobs are not: proofs about the polynomial 0 succeed for 50,000 gas; wrong ones fail',
      rules: ['H-05', 'P-01'],
      forks: ['canyon', 'ecotone', 'isthmus', 'karst'],
      pre: caller(0x0a),
      async fill(chain, fork) {
        const input = evaluation(5n, 0n)
        if (!isFrom(fork, 'ecotone')) return callAll(chain, [{ input, gas: 0, isSuccess: true }])
        const gas = 50_000n
        const calls: Call[] = [
          // The number of field elements in a blob.
          { input, gas, isSuccess: true, returned: 64, output: 4096 },
          { input, gas: gas - 1n, isSuccess: false },
          { input: evaluation(5n, 1n), gas, isSuccess: false },
          { input: evaluation(BLS_MODULUS - 1n, 0n), gas, isSuccess: true, returned: 64 },
          { input: evaluation(BLS_MODULUS, 0n), gas, isSuccess: false },
          { input: evaluation(5n, BLS_MODULUS), gas, isSuccess: false },
          { input: input.slice(0, -2), gas, isSuccess: false },
          { input: `${input}00`, gas, isSuccess: false },
          { input: `0x02${input.slice(4)}`, gas, isSuccess: false },
        ]
        return callAll(chain, calls)
      },
    },
    {
      name: 'warm-in-deposits',
      description: 'Exactly the precompiles of the fork are warm when a deposit starts',
      rules: ['P-13', 'T-30'],
      forks: WARM,
      pre: {
        ...BARE,
        [CONTRACT]: { code: assemble(measure(AROUND.map((number) => `${number} BALANCE`))) },
      },
      async fill(chain, fork) {
        await chain.block({ transactions: [deposit({ to: CONTRACT, gas: 500_000n })] })
        await chain.expectState({ [CONTRACT]: { storage: warmth(fork) } })
      },
    },
    {
      name: 'warm-in-signed-transactions',
      description: 'Exactly the precompiles of the fork are warm when a signed transaction starts',
      rules: ['P-13', 'T-30'],
      forks: WARM,
      pre: {
        ...BARE,
        [CONTRACT]: { code: assemble(measure(AROUND.map((number) => `${number} BALANCE`))) },
      },
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: CONTRACT, gasLimit: 500_000n }] })
        await chain.expectState({ [CONTRACT]: { storage: warmth(fork) } })
      },
    },
    {
      name: 'signed-transactions-to-precompiles',
      description: 'Precompiles are recipients of signed transactions, with data and value',
      rules: ['P-02', 'P-03', 'P-13'],
      forks: ['bedrock', 'fjord', 'isthmus', 'karst'],
      pre: BARE,
      async fill(chain) {
        const numbers = [2, 4, 9, 0x0a, 0x0b, 0x100]
        await chain.block({
          transactions: numbers.map((number) => ({ to: precompile(number), value: 1n })),
        })
      },
    },
  ],
}

/** Gas of looking at each address: 100 if it is warm, else 2,600, and 7 around it. */
function warmth(fork: Fork): Record<number, bigint> {
  const isWarm = (number: number) =>
    number <= lastOf(fork) || (number === 0x100 && isFrom(fork, 'fjord'))
  return Object.fromEntries(AROUND.map((number, slot) => [slot, isWarm(number) ? 107n : 2607n]))
}
