import { p256 } from '@noble/curves/nist.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, utf8ToBytes } from 'ethereumjs-op/ethereumjs'
import { word } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { type Call, callAll, caller, join, zeros } from './helpers.ts'

/** Order of the group. */
const N = p256.Point.Fn.ORDER
const KEY = new Uint8Array(32).fill(7)
const HASH = keccak_256(utf8ToBytes('a message'))

const { r, s } = p256.Signature.fromBytes(p256.sign(HASH, KEY, { prehash: false }))
const { x, y } = p256.Point.fromBytes(p256.getPublicKey(KEY)).toAffine()
const [hash, publicX, publicY] = [bytesToHex(HASH), word(x), word(y)]

const input = (...parts: (string | bigint)[]) =>
  join(...parts.map((part) => (typeof part === 'string' ? part : word(part))))

const VALID = input(hash, r, s, publicX, publicY)

/** Inputs that are no valid signature: the call succeeds, and returns nothing. */
const INVALID: Record<string, string> = {
  nothing: '0x',
  short: VALID.slice(0, -2),
  long: `${VALID}00`,
  hash: input(word(1), r, s, publicX, publicY),
  'r is 0': input(hash, 0n, s, publicX, publicY),
  's is 0': input(hash, r, 0n, publicX, publicY),
  'r is the order': input(hash, N, s, publicX, publicY),
  's is the order': input(hash, r, N, publicX, publicY),
  's plus the order': s + N < 2n ** 256n ? input(hash, r, s + N, publicX, publicY) : zeros(160),
  swapped: input(hash, s, r, publicX, publicY),
  'not on the curve': input(hash, r, s, publicX, y + 1n),
  'the point at infinity': input(hash, r, s, 0n, 0n),
  'y of the other point': input(hash, r, s, publicX, p256.Point.Fp.ORDER - y),
  'x is not below the prime': input(hash, r, s, p256.Point.Fp.ORDER, publicY),
}

const FORKS: Fork[] = ['fjord', 'granite', 'isthmus', 'jovian', 'karst']
const priceOf = (fork: Fork) => (isFrom(fork, 'karst') ? 6_900n : 3_450n)

/** The precompile 0x100. */
export const p256Verify: Topic = {
  path: 'precompiles/p256',
  cases: [
    {
      name: 'valid-signatures',
      description:
        'A valid signature gives 1, also with the other s; it costs 3,450 gas, from Karst on 6,900, and fails with a unit less',
      rules: ['H-06', 'P-02', 'P-03', 'T-32'],
      forks: FORKS,
      pre: caller(0x100),
      async fill(chain, fork) {
        const gas = priceOf(fork)
        const success = { isSuccess: true, returned: 32, output: 1 }
        await callAll(chain, [
          { input: VALID, gas, ...success },
          { input: input(hash, r, N - s, publicX, publicY), gas, ...success },
          { input: VALID, gas: gas - 1n, isSuccess: false },
          { input: VALID, gas: 0, isSuccess: false },
        ])
      },
    },
    {
      name: 'invalid-signatures',
      description: 'What is no valid signature succeeds without output, for the same gas',
      rules: ['P-02', 'P-03'],
      forks: ['fjord', 'jovian', 'karst'],
      pre: caller(0x100),
      async fill(chain, fork) {
        const calls = Object.values(INVALID).map(
          (data): Call => ({ input: data, gas: priceOf(fork), isSuccess: true }),
        )
        await callAll(chain, calls)
      },
    },
    {
      name: 'not-before-fjord',
      description: 'Before Fjord the address has no code: calls succeed without gas and output',
      rules: ['H-06', 'P-02'],
      forks: ['bedrock', 'ecotone'],
      pre: caller(0x100),
      async fill(chain) {
        await callAll(chain, [{ input: VALID, gas: 0, isSuccess: true }])
      },
    },
  ],
}
