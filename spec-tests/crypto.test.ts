import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { type EVMBLSInterface, NobleBLS, NobleBN254, createEVM } from '@ethereumjs/evm'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import {
  type PrefixedHexString,
  SECP256K1_ORDER,
  bigIntToBytes,
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  ecrecover,
  hexToBytes,
  privateToPublic,
  setLengthLeft,
} from '@ethereumjs/util'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bn254 } from '@noble/curves/bn254.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import fc from 'fast-check'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { type Crypto, createCrypto, createEarlyCrypto } from '../crypto/index.ts'
import { type Crypto as ChainCrypto, createChain } from '../src/index.ts'
import { allocWith, deposit, transaction } from './fee-helpers.ts'
import {
  FIXTURES,
  configAt,
  customCrypto,
  executeFixture,
  nextBlock,
  noFixtures,
  readFixture,
  startChain,
} from './helpers.ts'

const word = (value: bigint) => setLengthLeft(bigIntToBytes(value), 32)
const words = (...values: bigint[]) => concatBytes(...values.map(word))

/** Bytes that look random but are the same each time. */
function noise(length: number, seed = 1): Uint8Array {
  let state = seed
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  })
}

/** The result in hex; nothing and an error are the same failure. */
function outcome(run: () => Uint8Array): string {
  try {
    return bytesToHex(run()).replace(/^0x$/, 'failed')
  } catch {
    return 'failed'
  }
}

t.test('keccak256 of well-known inputs', (t) => {
  const { keccak256 } = customCrypto
  const hash = (text: string) => bytesToHex(keccak256(new TextEncoder().encode(text)))
  t.equal(hash(''), '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  t.equal(hash('abc'), '0x4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45')
  const emptyTrie = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
  t.equal(bytesToHex(keccak256(Uint8Array.of(0x80))), emptyTrie)
  t.end()
})

t.test('keccak256 is that of EthereumJS at every length', (t) => {
  const { keccak256 } = customCrypto
  const lengths = [
    ...Array.from({ length: 301 }, (_, length) => length),
    // About where the WebAssembly's buffer ends.
    ...[16_383, 16_384, 16_385, 32_768, 32_769, 100_003, 1_000_000],
  ]
  const differing = lengths.filter((length) => {
    const message = noise(length, length)
    return bytesToHex(keccak256(message)) !== bytesToHex(keccak_256(message))
  })
  t.strictSame(differing, [])
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), (message) => {
        return outcome(() => keccak256(message)) === outcome(() => keccak_256(message))
      }),
      { numRuns: 200 },
    ),
  )
  t.end()
})

t.test('keccak256 shares no memory with its input or other results', (t) => {
  const { keccak256 } = customCrypto
  const message = noise(100)
  const hashes = [keccak256(message), keccak256(noise(200)), keccak256(new Uint8Array())]
  const copies = hashes.map((hash) => bytesToHex(hash))
  t.strictSame(message, noise(100), 'input')
  for (const hash of hashes) t.equal(hash.length, 32)
  hashes[0].fill(0)
  t.equal(bytesToHex(keccak256(message)), copies[0])
  t.strictSame(
    hashes.slice(1).map((hash) => bytesToHex(hash)),
    copies.slice(1),
  )
  // A view into a larger buffer.
  const view = concatBytes(noise(7, 3), message, noise(9, 4)).subarray(7, 107)
  t.equal(bytesToHex(keccak256(view)), copies[0])
  t.end()
})

t.test('two sets of cryptography do not disturb each other', async (t) => {
  const other = await createCrypto()
  const messages = Array.from({ length: 50 }, (_, index) => noise(index * 7, index))
  const hashes = await Promise.all(
    messages.map(async (message, index) => {
      const { keccak256 } = index % 2 ? other : customCrypto
      await null
      return bytesToHex(keccak256(message))
    }),
  )
  t.strictSame(
    hashes,
    messages.map((message) => bytesToHex(keccak_256(message))),
  )
})

/** Keys, with what they sign and how. */
const signatures = Array.from({ length: 12 }, (_, index) => {
  const key = keccak_256(Uint8Array.of(index))
  const tx = createFeeMarket1559Tx({ nonce: index, gasLimit: 21_000n }).sign(key)
  const [r, s] = [tx.r!, tx.s!]
  return { hash: tx.getHashedMessageToSign(), v: tx.v!, r, s, publicKey: privateToPublic(key) }
})

t.test('a public key is recovered from each valid signature', (t) => {
  const recover = customCrypto.ecrecover
  for (const { hash, v, r, s, publicKey } of signatures) {
    t.equal(bytesToHex(recover(hash, v, word(r), word(s))), bytesToHex(publicKey))
    t.equal(bytesToHex(recover(hash, v + 27n, word(r), word(s))), bytesToHex(publicKey), '27, 28')
    const eip155 = v + 35n + 2n * 10n
    t.equal(bytesToHex(recover(hash, eip155, word(r), word(s), 10n)), bytesToHex(publicKey), '155')
    // Without leading zeroes.
    const [shortR, shortS] = [bigIntToBytes(r), bigIntToBytes(s)]
    t.equal(bytesToHex(recover(hash, v, shortR, shortS)), bytesToHex(publicKey), 'short')
    const high = SECP256K1_ORDER - s
    t.equal(bytesToHex(recover(hash, 1n - v, word(r), word(high))), bytesToHex(publicKey), 'high s')
    const other = recover(hash, 1n - v, word(r), word(s))
    t.equal(other.length, 64)
    t.not(bytesToHex(other), bytesToHex(publicKey), 'other v')
  }
  t.equal(new Set(signatures.map(({ v }) => v)).size, 2, 'both parities')
  t.end()
})

t.test('nothing is recovered from an invalid signature', (t) => {
  const [{ hash, v, r, s }] = signatures
  const n = SECP256K1_ORDER
  const invalid: Record<string, [bigint, bigint, bigint, bigint?]> = {
    'r 0': [v, 0n, s],
    's 0': [v, r, 0n],
    'both 0': [v, 0n, 0n],
    'r n': [v, n, s],
    'r n + 1': [v, n + 1n, s],
    's n': [v, r, n],
    's n + 1': [v, r, n + 1n],
    'r of all ones': [v, 2n ** 256n - 1n, s],
    's of all ones': [v, r, 2n ** 256n - 1n],
    // 5 is no x coordinate on the curve.
    'r 5': [v, 5n, s],
    'v 2': [2n, r, s],
    'v 3': [3n, r, s],
    'v 26': [26n, r, s],
    'v 29': [29n, r, s],
    'v 30': [30n, r, s],
    'v of another chain': [v + 35n + 2n * 11n, r, s, 10n],
    'v 27 where a chain ID is asked for': [27n, r, s, 10n],
  }
  for (const recover of [customCrypto.ecrecover, ecrecover]) {
    for (const [name, [v, r, s, chainId]] of Object.entries(invalid))
      t.throws(() => recover(hash, v, word(r), word(s), chainId), name)
  }
  t.end()
})

/** What a signature's numbers are drawn from: anything, and what is near the bounds. */
const scalar = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }),
  fc.bigInt({ min: 0n, max: 9n }),
  fc.bigInt({ min: SECP256K1_ORDER - 3n, max: SECP256K1_ORDER + 3n }),
  fc.bigInt({ min: SECP256K1_ORDER / 2n - 2n, max: SECP256K1_ORDER / 2n + 2n }),
)

/** Recovery's arguments, in hex or decimal: valid, random and at the bounds. */
const recoveries = [
  ...signatures.flatMap(({ hash, v, r, s }) =>
    [v, 1n - v, v + 27n, v + 2n, v + 29n, v - 2n, 2n ** 256n - 1n].map((v) => [hash, v, r, s]),
  ),
  ...fc.sample(
    fc.tuple(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.bigInt({ min: -1n, max: 30n }),
      scalar,
      scalar,
    ),
    { numRuns: 150, seed: 1 },
  ),
].map(([hash, v, r, s]) => [bytesToHex(hash as Uint8Array), `${v}`, `${r}`, `${s}`] as const)

const recoveredBy = (recover: typeof ecrecover) =>
  recoveries.map(([hash, v, r, s]) =>
    outcome(() => recover(hexToBytes(hash), BigInt(v), word(BigInt(r)), word(BigInt(s)))),
  )

t.test('public key recovery is that of EthereumJS for any input', (t) => {
  const recovered = recoveredBy(customCrypto.ecrecover)
  t.strictSame(recovered, recoveredBy(ecrecover))
  t.ok(recovered.filter((key) => key === 'failed').length > 30)
  t.ok(recovered.filter((key) => key.length === 130).length > 30)
  // More bytes than a number has, or none.
  const [{ hash, v, r, s }] = signatures
  for (const part of [new Uint8Array(), new Uint8Array(33), concatBytes(word(r), word(0n))]) {
    for (const recover of [customCrypto.ecrecover, ecrecover]) {
      t.equal(
        outcome(() => recover(hash, v, part, word(s))),
        'failed',
      )
      t.equal(
        outcome(() => recover(hash, v, word(r), part)),
        'failed',
      )
    }
  }
  t.end()
})

/** Makes the native package look missing, as on a platform for which it has no binary. */
const WITHOUT_NATIVE = `--import=data:text/javascript,${encodeURIComponent(`
import { register } from 'node:module'
const hook = \`export const resolve = (name, context, next) => {
  if (name.startsWith('secp256k1')) throw new Error('no binary')
  return next(name, context)
}\`
register('data:text/javascript,' + encodeURIComponent(hook))`)}`

const runNode = (...args: string[]) => {
  const options = { encoding: 'utf8', maxBuffer: 2 ** 26 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  return { status, stdout, warnings: stderr.split('\n').filter(Boolean) }
}

t.test('without native code there is one warning, and the same keys', async (t) => {
  const path = resolve(t.testdir(), 'recover.mjs')
  writeFileSync(
    path,
    `import { createCrypto } from '${pathToFileURL(resolve('dist/crypto/index.js'))}'
    const [{ ecrecover }] = await Promise.all([createCrypto(), createCrypto()])
    await createCrypto()
    const word = (value) => Buffer.from(BigInt(value).toString(16).padStart(64, '0'), 'hex')
    const keys = ${JSON.stringify(recoveries)}.map(([hash, v, r, s]) => {
      try {
        const message = Buffer.from(hash.slice(2), 'hex')
        return '0x' + Buffer.from(ecrecover(message, BigInt(v), word(r), word(s))).toString('hex')
      } catch {
        return 'failed'
      }
    })
    console.log(JSON.stringify(keys))`,
  )
  const without = runNode(WITHOUT_NATIVE, path)
  t.equal(without.warnings.length, 1)
  t.match(without.warnings[0], /^ecrecover .* without native secp256k1: no binary$/)
  t.strictSame(JSON.parse(without.stdout), recoveredBy(ecrecover))
  const native = runNode(path)
  t.strictSame(JSON.parse(native.stdout), recoveredBy(ecrecover))
})

t.test('without native code a real block has its hash', { skip: noFixtures }, async (t) => {
  const file = `${FIXTURES}/blocks/block-120794432.json.gz`
  const { status, stdout, warnings } = runNode(WITHOUT_NATIVE, 'scripts/verify.mjs', '.', file)
  t.equal(status, 0)
  t.match(JSON.parse(stdout), { ok: true, number: 120794432 })
  t.equal(warnings.length, 1)
})

/** Order of bn254's field of coordinates, and of its group. */
const P = 21888242871839275222246405745257275088696311157297823662689037894645226208583n
const N = 21888242871839275222246405745257275088548364400416034343698204186575808495617n

/** The generator of G2, imaginary parts first as in EIP-197. */
const G2 = [
  0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2n,
  0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6edn,
  0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975bn,
  0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daan,
]

const noble = new NobleBN254()
const wasm = customCrypto.bn254

/** Both implementations have the same outcome; tells it. */
function same(t: Test, name: string, operation: 'add' | 'mul' | 'pairing', input: Uint8Array) {
  const actual = outcome(() => wasm[operation](input))
  t.equal(
    actual,
    outcome(() => noble[operation](input)),
    name,
  )
  return actual
}

/** The point `scalar`·G1 as two coordinates; both 0 at infinity. */
function multiple(scalar: bigint): [bigint, bigint] {
  const result = noble.mul(concatBytes(words(1n, 2n, scalar), new Uint8Array(32)))
  return [bytesToBigInt(result.subarray(0, 32)), bytesToBigInt(result.subarray(32))]
}

const random = (index: number) => bytesToBigInt(noise(32, index + 99))

/** Points that are none: off the curve, or on it with a coordinate that is not reduced. */
const NO_POINTS: Record<string, [bigint, bigint]> = {
  'off the curve': [1n, 1n],
  'x 0 only': [0n, 1n],
  'y 0 only': [1n, 0n],
  'y negative beyond the field': [1n, P + 2n],
  'x beyond the field': [P + 1n, 2n],
  'zero as the order': [P, P],
  'x the order': [P, 0n],
  'all ones': [2n ** 256n - 1n, 2n ** 256n - 1n],
}

t.test('bn254 addition in WebAssembly is that of EthereumJS', (t) => {
  for (let index = 0; index < 12; index++) {
    const [a, b] = [multiple(random(2 * index)), multiple(random(2 * index + 1))]
    const result = same(t, `random ${index}`, 'add', words(...a, ...b))
    t.equal(result, bytesToHex(wasm.add(words(...b, ...a))), 'commutes')
  }
  const [x, y] = multiple(random(77))
  const infinity: PrefixedHexString = `0x${'00'.repeat(64)}`
  t.equal(same(t, 'infinity twice', 'add', new Uint8Array(128)), infinity)
  t.equal(same(t, 'infinity first', 'add', words(0n, 0n, x, y)), bytesToHex(words(x, y)))
  t.equal(same(t, 'infinity last', 'add', words(x, y, 0n, 0n)), bytesToHex(words(x, y)))
  t.equal(same(t, 'doubling', 'add', words(1n, 2n, 1n, 2n)), bytesToHex(words(...multiple(2n))))
  t.equal(same(t, 'inverse', 'add', words(x, y, x, P - y)), infinity)
  for (const [name, point] of Object.entries(NO_POINTS)) {
    t.equal(same(t, `${name}, first`, 'add', words(...point, x, y)), 'failed')
    t.equal(same(t, `${name}, last`, 'add', words(x, y, ...point)), 'failed')
    t.equal(same(t, `${name} and infinity`, 'add', words(...point, 0n, 0n)), 'failed')
  }
  t.end()
})

t.test('bn254 multiplication in WebAssembly is that of EthereumJS', (t) => {
  // The precompile always passes 128 bytes, of which the last 32 mean nothing.
  const input = (x: bigint, y: bigint, scalar: bigint, rest = 0n) => words(x, y, scalar, rest)
  const infinity: PrefixedHexString = `0x${'00'.repeat(64)}`
  const edges = [0n, 1n, 2n, N - 1n, N, N + 1n, 2n * N, P, 2n ** 255n, 2n ** 256n - 1n]
  const [x, y] = multiple(random(55))
  for (const scalar of [...edges, ...[1, 2, 3, 4, 5, 6].map(random)]) {
    const result = same(t, `generator times ${scalar}`, 'mul', input(1n, 2n, scalar))
    t.equal(result === infinity, scalar % N === 0n, 'infinity only where it must be')
    same(t, `point times ${scalar}`, 'mul', input(x, y, scalar))
    t.equal(same(t, `infinity times ${scalar}`, 'mul', input(0n, 0n, scalar)), infinity)
  }
  const trailing = [0n, 1n, 2n ** 256n - 1n].map((rest) =>
    same(t, `trailing ${rest}`, 'mul', input(x, y, 7n, rest)),
  )
  t.equal(new Set(trailing).size, 1)
  for (const [name, point] of Object.entries(NO_POINTS)) {
    for (const scalar of [0n, 1n, N, random(9)])
      t.equal(same(t, `${name} times ${scalar}`, 'mul', input(...point, scalar)), 'failed')
  }
  t.end()
})

t.test('bn254 pairing in WebAssembly is that of EthereumJS', (t) => {
  const [yes, no] = [1n, 0n].map((value) => bytesToHex(word(value)))
  const pairing = (name: string, ...values: bigint[]) => same(t, name, 'pairing', words(...values))
  t.equal(pairing('nothing'), yes)
  t.equal(pairing('infinities', 0n, 0n, 0n, 0n, 0n, 0n), yes)
  t.equal(pairing('infinity of G1', 0n, 0n, ...G2), yes)
  t.equal(pairing('infinity of G2', 1n, 2n, 0n, 0n, 0n, 0n), yes)
  t.equal(pairing('generators', 1n, 2n, ...G2), no)
  t.equal(pairing('generators and inverse', 1n, 2n, ...G2, 1n, P - 2n, ...G2), yes)
  const negative = [G2[0], G2[1], P - G2[2], P - G2[3]]
  t.equal(pairing('inverse of G2', 1n, 2n, ...G2, 1n, 2n, ...negative), yes)
  for (const index of [1, 2, 3]) {
    const [a, b] = [random(index), random(index + 50)]
    const pairs = [a, b, N - ((a + b) % N)].flatMap((scalar) => [...multiple(scalar), ...G2])
    t.equal(pairing(`three that cancel ${index}`, ...pairs), yes)
    t.equal(pairing(`two that do not ${index}`, ...pairs.slice(0, 12)), no)
  }
  for (const [name, point] of Object.entries(NO_POINTS)) {
    t.equal(pairing(`G1 ${name}`, ...point, ...G2), 'failed')
    t.equal(pairing(`G1 ${name}, with infinity`, ...point, 0n, 0n, 0n, 0n), 'failed')
    t.equal(pairing(`G1 ${name}, last`, 1n, 2n, ...G2, ...point, ...G2), 'failed')
  }
  const noPoints: Record<string, bigint[]> = {
    'off the curve': [1n, 1n, 1n, 1n],
    'of wrong order of its parts': [G2[1], G2[0], G2[3], G2[2]],
    // On the curve, but not in the group.
    'of another group': [
      0n,
      1n,
      0x2351dcdda257b62181cbd745dfee16d5fdf4eb185bbcf33c20a0fe6eaa9cb4a3n,
      0x7fb3d558dafafb6bf6dd326a5fefe0beca3f9ac3bd999a390d504fad34b0b8cn,
    ],
    'beyond the field, 1': [G2[0] + P, G2[1], G2[2], G2[3]],
    'beyond the field, 2': [G2[0], G2[1] + P, G2[2], G2[3]],
    'beyond the field, 3': [G2[0], G2[1], G2[2] + P, G2[3]],
    'beyond the field, 4': [G2[0], G2[1], G2[2], G2[3] + P],
    'zero as the order': [P, P, P, P],
    'partly 0': [0n, 0n, 0n, 1n],
    'all ones': [1n, 1n, 1n, 1n].map((one) => 2n ** 256n - one),
  }
  for (const [name, point] of Object.entries(noPoints)) {
    t.equal(pairing(`G2 ${name}`, 1n, 2n, ...point), 'failed')
    t.equal(pairing(`G2 ${name}, with infinity`, 0n, 0n, ...point), 'failed')
  }
  t.end()
})

t.test('bn254 multiplication and pairing take hundreds of inputs in a row', (t) => {
  const pairs = Array.from({ length: 300 }, () => words(1n, 2n, ...G2, 1n, P - 2n, ...G2))
  t.equal(
    outcome(() => wasm.pairing(concatBytes(...pairs))),
    bytesToHex(word(1n)),
  )
  // A Buffer's slices share its memory.
  const buffer = Buffer.from(pairs[0])
  t.equal(
    outcome(() => wasm.pairing(buffer)),
    bytesToHex(word(1n)),
  )
  t.strictSame(new Uint8Array(buffer), pairs[0], 'input is as it was')
  const odd = concatBytes(...pairs.slice(0, 20), words(1n, 2n, ...G2))
  t.equal(
    outcome(() => wasm.pairing(odd)),
    bytesToHex(word(0n)),
  )
  let sum: Uint8Array = words(0n, 0n)
  for (let index = 0; index < 300; index++) sum = wasm.add(concatBytes(sum, words(1n, 2n)))
  t.strictSame(sum, words(...multiple(300n)))
  t.end()
})

t.test('bn254 pairing gives the same when it remembers points, and after it forgot them', (t) => {
  const [yes, no] = [1n, 0n].map((value) => bytesToHex(word(value)))
  const multiples = Array.from({ length: 100 }, (_, index) => {
    const { x, y } = bn254.G2.Point.BASE.multiply(BigInt(index + 1)).toAffine()
    const [a, b] = multiple(BigInt(index + 1))
    return { q: [x.c1, x.c0, y.c1, y.c0], p: [a, b], negative: [a, P - b] }
  })
  t.strictSame(multiples[0].q, G2)
  const invalid = words(1n, 2n, G2[1], G2[0], G2[3], G2[2])
  // More points than are remembered, twice; every second time the one before comes again.
  for (const [index, { q, negative }] of [...multiples, ...multiples].entries()) {
    const before = multiples[(index % 100 || 1) - 1]
    const pairs = words(1n, 2n, ...q, ...negative, ...G2)
    t.equal(bytesToHex(wasm.pairing(pairs)), yes, `${index}: e(G1, k·G2) = e(k·G1, G2)`)
    const wrong = words(1n, 2n, ...before.q, ...negative, ...G2)
    const isSame = before.q === q
    t.equal(bytesToHex(wasm.pairing(wrong)), isSame ? yes : no, `${index}: not of another k`)
    if (index % 20 === 0) same(t, `${index}: as EthereumJS`, 'pairing', pairs)
    // What is no point never becomes one by being asked for again.
    if (index % 20 === 1) t.equal(same(t, `${index}: no point`, 'pairing', invalid), 'failed')
  }
  t.end()
})

t.test('bn254 pairing of real inputs', { skip: noFixtures }, (t) => {
  const { bn256Pairing } = readFixture('vectors/precompiles.json')
  let count = 0
  for (const { input, expected, source } of bn256Pairing) {
    if (!input) continue
    count++
    t.equal(same(t, source, 'pairing', hexToBytes(input)), expected, source)
    // One bit makes it fail, wherever it is.
    for (const at of [31, 95, 383]) {
      const bytes = hexToBytes(input)
      bytes[at] ^= 1
      t.not(same(t, `${source} bit in byte ${at}`, 'pairing', bytes), expected)
    }
  }
  t.equal(count, 2)
  t.end()
})

/** Order of BLS12-381's field of coordinates, and of its group. */
const BLS_P =
  0x1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaabn
const BLS_N = bls12_381.fields.Fr.ORDER

const field = (value: bigint) => setLengthLeft(bigIntToBytes(value), 64)
const fields = (...values: bigint[]) => concatBytes(...values.map(field))

/** Multiples of the generators as EIP-2537 encodes them; infinity is all zeroes. */
const blsG1 = (scalar: bigint) => {
  const { x, y } = bls12_381.G1.Point.BASE.multiply(scalar).toAffine()
  return fields(x, y)
}
const blsG2 = (scalar: bigint) => {
  const { x, y } = bls12_381.G2.Point.BASE.multiply(scalar).toAffine()
  return fields(x.c0, x.c1, y.c0, y.c1)
}

/** On the curves, but outside the groups: found by trying x = 0, 1, 2 … for a square. */
const outsideG1 = () => {
  const { Fp } = bls12_381.fields
  for (let x = 0n; ; x++) {
    const square = Fp.create(x ** 3n + 4n)
    if (!Fp.eql(Fp.pow(square, (BLS_P - 1n) / 2n), 1n)) continue
    const point = bls12_381.G1.Point.fromAffine({ x, y: Fp.sqrt(square) })
    if (!point.isTorsionFree()) return fields(x, Fp.sqrt(square))
  }
}
const outsideG2 = () => {
  const { Fp2 } = bls12_381.fields
  for (let c0 = 1n; ; c0++) {
    const x = Fp2.fromBigTuple([c0, 1n])
    try {
      const y = Fp2.sqrt(Fp2.add(Fp2.mul(Fp2.sqr(x), x), Fp2.fromBigTuple([4n, 4n])))
      const point = bls12_381.G2.Point.fromAffine({ x, y })
      if (!point.isTorsionFree()) return fields(x.c0, x.c1, y.c0, y.c1)
    } catch {
      // No square: the next one.
    }
  }
}

const nobleBLS = new NobleBLS()

/** Both implementations of BLS12-381 have the same outcome; tells it. */
function sameBLS(t: Test, operation: Exclude<keyof EVMBLSInterface, 'init'>, input: Uint8Array) {
  const actual = outcome(() => customCrypto.bls[operation](input))
  const expected = outcome(() => nobleBLS[operation](input))
  t.equal(actual, expected, `${operation} ${bytesToHex(input).slice(0, 200)}`)
  return actual
}

const blsScalars = Array.from(
  { length: 4 },
  (_, index) => (random(index + 300) % (BLS_N - 1n)) + 1n,
)
const [a, b, c, d] = blsScalars

/** Points that can be added, and ones that cannot. */
const G1_POINTS = [
  blsG1(1n),
  blsG1(a),
  blsG1(b),
  blsG1(BLS_N - a),
  new Uint8Array(128),
  outsideG1(),
]
const G2_POINTS = [
  blsG2(1n),
  blsG2(c),
  blsG2(d),
  blsG2(BLS_N - c),
  new Uint8Array(256),
  outsideG2(),
]
const [NO_G1, NO_G2] = [128, 256].map((length) => {
  const valid = length === 128 ? G1_POINTS[1] : G2_POINTS[1]
  const halves = Array.from({ length: length / 64 }, (_, index) => index * 64)
  const number = (at: number) => bytesToBigInt(valid.subarray(at, at + 64))
  const changed = (at: number, value: bigint) =>
    concatBytes(valid.subarray(0, at), field(value), valid.subarray(at + 64))
  return [
    ...halves.map((at) => changed(at, number(at) ^ 1n)),
    ...halves.map((at) => changed(at, 0n)),
    ...halves.map((at) => changed(at, BLS_P)),
    ...halves.map((at) => changed(at, number(at) + BLS_P)),
    fields(...halves.map(() => BLS_P)),
    fields(...halves.map(() => 2n ** 384n - 1n)),
    setLengthLeft(Uint8Array.of(1), length),
  ]
})

t.test('BLS12-381 addition in WebAssembly is that of EthereumJS', (t) => {
  for (const [operation, points, noPoints] of [
    ['addG1', G1_POINTS, NO_G1],
    ['addG2', G2_POINTS, NO_G2],
  ] as const) {
    for (const first of points) {
      for (const second of points) {
        t.not(sameBLS(t, operation, concatBytes(first, second)), 'failed', 'also outside the group')
      }
    }
    for (const noPoint of noPoints) {
      t.equal(sameBLS(t, operation, concatBytes(noPoint, points[0])), 'failed')
      t.equal(sameBLS(t, operation, concatBytes(points[1], noPoint)), 'failed')
      t.equal(
        sameBLS(t, operation, concatBytes(noPoint, new Uint8Array(points[0].length))),
        'failed',
      )
    }
  }
  t.end()
})

t.test('BLS12-381 multiplication in WebAssembly is that of EthereumJS', (t) => {
  const edges = [0n, 1n, 2n, BLS_N - 1n, ...blsScalars]
  for (const [operation, points, noPoints] of [
    ['msmG1', G1_POINTS, NO_G1],
    ['msmG2', G2_POINTS, NO_G2],
  ] as const) {
    const group = points.slice(0, 5)
    for (const point of [group[1], group[4]]) {
      for (const edge of edges)
        t.not(sameBLS(t, operation, concatBytes(point, word(edge))), 'failed')
    }
    for (const count of [2, 3, 5, 17]) {
      const pairs = Array.from({ length: count }, (_, index) =>
        concatBytes(group[index % 5], word(edges[(index * 3) % edges.length])),
      )
      t.not(sameBLS(t, operation, concatBytes(...pairs)), 'failed', `${count} pairs`)
    }
    for (const noPoint of [...noPoints, points[5]]) {
      for (const edge of [0n, 1n, a])
        t.equal(sameBLS(t, operation, concatBytes(noPoint, word(edge))), 'failed')
      const last = concatBytes(points[1], word(a), noPoint, word(b))
      t.equal(sameBLS(t, operation, last), 'failed', 'the last one')
    }
  }
  t.end()
})

t.test('BLS12-381 scalars may be beyond the order', (t) => {
  for (const [operation, point] of [
    ['msmG1', G1_POINTS[1]],
    ['msmG2', G2_POINTS[1]],
  ] as const) {
    for (const [scalar, reduced] of [
      [BLS_N, 0n],
      [BLS_N + 1n, 1n],
      [2n * BLS_N + 5n, 5n],
      [2n ** 256n - 1n, (2n ** 256n - 1n) % BLS_N],
    ]) {
      const results = [scalar, reduced].map((scalar) =>
        sameBLS(t, operation, concatBytes(point, word(scalar))),
      )
      t.equal(results[0], results[1])
      t.not(results[0], 'failed')
    }
  }
  t.end()
})

t.test('BLS12-381 pairing in WebAssembly is that of EthereumJS', (t) => {
  const [yes, no] = [1n, 0n].map((value) => bytesToHex(word(value)))
  const pairing = (...parts: Uint8Array[]) => sameBLS(t, 'pairingCheck', concatBytes(...parts))
  const [g1, g2, inverse] = [blsG1(1n), blsG2(1n), blsG1(BLS_N - 1n)]
  const [infinity1, infinity2] = [new Uint8Array(128), new Uint8Array(256)]
  t.equal(pairing(g1, g2), no)
  t.equal(pairing(g1, g2, inverse, g2), yes)
  t.equal(pairing(infinity1, infinity2), yes)
  t.equal(pairing(infinity1, g2), yes)
  t.equal(pairing(g1, infinity2), yes)
  t.equal(pairing(g1, infinity2, g1, g2, infinity1, g2), no)
  t.equal(pairing(blsG1(a), blsG2(c), blsG1(BLS_N - ((a * c) % BLS_N)), g2), yes)
  t.equal(pairing(blsG1(a), blsG2(c), blsG1(b), g2), no)
  for (const noPoint of [...NO_G1, outsideG1()]) {
    t.equal(pairing(noPoint, g2), 'failed')
    t.equal(pairing(noPoint, infinity2), 'failed')
    t.equal(pairing(g1, g2, noPoint, g2), 'failed')
  }
  for (const noPoint of [...NO_G2, outsideG2()]) {
    t.equal(pairing(g1, noPoint), 'failed')
    t.equal(pairing(infinity1, noPoint), 'failed')
  }
  t.end()
})

t.test('BLS12-381 maps in WebAssembly are those of EthereumJS', (t) => {
  const valid = [0n, 1n, 2n, BLS_P - 1n, (BLS_P - 1n) / 2n, ...[7, 8, 9].map((i) => random(i))]
  for (const value of valid) {
    t.not(sameBLS(t, 'mapFPtoG1', field(value)), 'failed')
    t.not(sameBLS(t, 'mapFP2toG2', fields(value, BLS_P - 1n - value)), 'failed')
  }
  for (const value of [BLS_P, BLS_P + 1n, 2n ** 384n - 1n]) {
    t.equal(sameBLS(t, 'mapFPtoG1', field(value)), 'failed')
    t.equal(sameBLS(t, 'mapFP2toG2', fields(value, 1n)), 'failed')
    t.equal(sameBLS(t, 'mapFP2toG2', fields(1n, value)), 'failed')
  }
  t.end()
})

/** Signature and address that the tests of other clients use for the precompile. */
const RECOVERY = {
  hash: 0x456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3n,
  v: 28n,
  r: 0x9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608n,
  s: 0x4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852adan,
  address: 0x7156526fbd7a3c72969b54f64e42c10fbb768c8an,
}

t.test('a chain recovers, adds, multiplies and pairs alike with any cryptography', async (t) => {
  const calls = [1, 6, 7, 8].map((precompile) => {
    const [address, status, output] = [precompile, 2 * precompile, 2 * precompile + 1].map(
      (byte) => `60${byte.toString(16).padStart(2, '0')}`,
    )
    // With 100,000 gas and its calldata; stores the status and the first word of the output.
    const call = `6020610200366000${address}620186a0fa${status}55`
    return `${call}61020051${output}55600061020052`
  })
  const code: PrefixedHexString = `0x366000600037${calls.join('')}00`
  const { hash, v, r, s, address } = RECOVERY
  const inputs = [words(hash, v, r, s), words(1n, 2n, 1n, 2n), words(1n, 2n, ...G2)]
  const contracts = inputs.map((_, index) =>
    createAddressFromString(`0x${'ee'.repeat(19)}0${index}`),
  )
  const run = async (crypto?: ChainCrypto) => {
    const chain = createChain(configAt('karst'), { customCrypto: crypto })
    const codes = contracts.map((contract) => [`${contract}`, { code }])
    const test = await startChain(chain, { ...allocWith({}), ...Object.fromEntries(codes) })
    const raws = inputs.map((data, nonce) =>
      transaction({ nonce, data, to: contracts[nonce], gasLimit: 2_000_000n }),
    )
    const { header, receipts } = await nextBlock(test, [deposit(), ...raws])
    for (const { status } of receipts) t.equal(status, 1)
    const slot = async (index: number, number: number) =>
      bytesToBigInt(await test.state.getStorage(contracts[index], word(BigInt(number))))
    return { hash: bytesToHex(header.hash()), slot }
  }
  const { slot, ...custom } = await run(customCrypto)
  for (const [index, precompile, status, output] of [
    [0, 1, 1n, address],
    [0, 6, 0n, 0n],
    [0, 7, 0n, 0n],
    [0, 8, 0n, 0n],
    [1, 1, 1n, 0n],
    [1, 6, 1n, 0x030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3n],
    [1, 7, 1n, 1n],
    [1, 8, 0n, 0n],
    [2, 8, 1n, 0n],
  ] as const) {
    t.equal(await slot(index, 2 * precompile), status, `input ${index}, precompile ${precompile}`)
    t.equal(await slot(index, 2 * precompile + 1), output, `input ${index}, its output`)
  }
  const { bn254, bls, ...functions } = customCrypto
  for (const crypto of [undefined, {}, { bn254 }, { bls }, functions])
    t.equal((await run(crypto)).hash, custom.hash)
})

t.test(
  'a real block has its hash with the default cryptography',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('blocks/block-10211000.json.gz')
    t.equal((await executeFixture(file, {})).hash, file.expectedBlockHash)
    t.equal((await executeFixture(file, customCrypto)).hash, file.expectedBlockHash)
  },
)

t.test('it serves an EVM that knows no rollup', async (t) => {
  const { bn254, bls } = customCrypto
  const common = new Common({ chain: Mainnet, hardfork: Hardfork.Prague, customCrypto })
  const evm = await createEVM({ common, bls })
  Object.assign(evm, { _bn254: bn254 })
  t.equal(evm['_bls'], bls)
  const { hash, v, r, s, address } = RECOVERY
  for (const [precompile, data, expected] of [
    ['01', words(hash, v, r, s), word(address)],
    ['06', words(1n, 2n, 1n, 2n), words(...multiple(2n))],
    ['0b', concatBytes(blsG1(a), blsG1(1n)), blsG1(a + 1n)],
  ] as const) {
    const to = createAddressFromString(`0x${precompile.padStart(40, '0')}`)
    const { execResult } = await evm.runCall({ to, data, gasLimit: 100_000n })
    t.equal(bytesToHex(execResult.returnValue), bytesToHex(expected), precompile)
  }
})

t.test('bn254 leaves inputs as they are, in a Buffer too', (t) => {
  const infinityOfG2 = words(0n, 0n, 0n, 0n)
  const inputs = {
    add: words(1n, 2n, ...multiple(5n)),
    mul: words(1n, 2n, random(3), 0n),
    pairing: concatBytes(words(1n, 2n), infinityOfG2),
  }
  for (const operation of ['add', 'mul', 'pairing'] as const) {
    const input = inputs[operation]
    const result = bytesToHex(noble[operation](input))
    const buffer = Buffer.from(input)
    const results = [input, buffer].map((input) => wasm[operation](input))
    for (const each of results) t.equal(bytesToHex(each), result, operation)
    t.strictSame(new Uint8Array(buffer), input, `${operation}, Buffer`)
    // Results share no memory with each other or what comes later.
    results[0].fill(0xff)
    t.equal(bytesToHex(results[1]), result, `${operation}, the other result`)
    t.equal(bytesToHex(wasm[operation](input)), result, `${operation}, once more`)
  }
  t.end()
})

t.test('cryptography can be created again, and what there was stays in order', async (t) => {
  const inputs = [
    ['add', words(1n, 2n, 1n, 2n)],
    ['mul', words(1n, 2n, random(1), 0n)],
    ['pairing', words(1n, 2n, ...G2, 1n, P - 2n, ...G2)],
    ['pairing', words(1n, 2n, ...G2)],
  ] as const
  const outcomes = ({ bn254 }: Crypto) =>
    inputs.map(([operation, input]) => outcome(() => bn254[operation](input)))
  const expected = inputs.map(([operation, input]) => outcome(() => noble[operation](input)))
  t.strictSame(outcomes(customCrypto), expected, 'before')
  const again = await createCrypto()
  t.strictSame(outcomes(again), expected, 'new')
  t.strictSame(outcomes(customCrypto), expected, 'old')
})

t.test('curves give the same before, while and after they are loaded', async (t) => {
  const { bn254, bls, keccak256, ecrecover, loadCurves } = await createEarlyCrypto()
  t.strictSame([keccak256, ecrecover], [customCrypto.keccak256, customCrypto.ecrecover])
  const onBN254 = [
    ['mul', words(1n, 2n, random(1), 0n)],
    ['pairing', words(1n, 2n, ...G2, 1n, P - 2n, ...G2)],
    ['add', words(1n, 1n, 1n, 2n)],
  ] as const
  const noPoint = new Uint8Array(256).fill(1)
  const infinity = new Uint8Array(256)
  const outcomes = () => [
    ...onBN254.map(([operation, input]) => outcome(() => bn254[operation](input))),
    outcome(() => bls.addG1(infinity)),
    outcome(() => bls.addG1(noPoint)),
  ]
  const expected = [
    ...onBN254.map(([operation, input]) => outcome(() => noble[operation](input))),
    outcome(() => nobleBLS.addG1(infinity)),
    'failed',
  ]
  t.strictSame(expected.slice(1, 3), [bytesToHex(word(1n)), 'failed'])
  t.strictSame(outcomes(), expected, 'before')
  const loading = loadCurves()
  t.strictSame(outcomes(), expected, 'while')
  await loading
  t.strictSame(outcomes(), expected, 'after')
  t.not(bn254.add, customCrypto.bn254.add)
})
