/**
 * Compares each function of the fast cryptography with EthereumJS's default, and prints the time of
 * one call of both and the ratio: medians of rounds in which both take turns. Takes half a minute.
 */
import { readFileSync } from 'node:fs'
import { NobleBLS, NobleBN254 } from '@ethereumjs/evm'
import { bytesToHex, concatBytes, ecrecover, hexToBytes, toBytes } from '@ethereumjs/util'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bn254 } from '@noble/curves/bn254.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { createCrypto } from '../dist/crypto/index.js'

const fast = await createCrypto()
const slow = { keccak256: keccak_256, ecrecover, bn254: new NobleBN254(), bls: new NobleBLS() }
const [ROUNDS, ROUND_MS] = [5, 30]

const word = (value, bytes = 32) =>
  hexToBytes(
    `0x${BigInt(value)
      .toString(16)
      .padStart(2 * bytes, '0')}`,
  )
const scalar = (index) => (2n ** 250n * BigInt(index + 3)) / 997n
const repeat = (count, input) => concatBytes(...Array.from({ length: count }, (_, i) => input(i)))

/** Points of both curves as the precompiles take them. */
const bn1 = (k) => {
  const { x, y } = bn254.G1.Point.BASE.multiply(scalar(k)).toAffine()
  return concatBytes(word(x), word(y))
}
const bn2 = (k) => {
  const { x, y } = bn254.G2.Point.BASE.multiply(scalar(k)).toAffine()
  return concatBytes(word(x.c1), word(x.c0), word(y.c1), word(y.c0))
}
const bls1 = (k) => {
  const { x, y } = bls12_381.G1.Point.BASE.multiply(scalar(k)).toAffine()
  return concatBytes(word(x, 64), word(y, 64))
}
const bls2 = (k) => {
  const { x, y } = bls12_381.G2.Point.BASE.multiply(scalar(k)).toAffine()
  return concatBytes(...[x.c0, x.c1, y.c0, y.c1].map((value) => word(value, 64)))
}

const hash = word(scalar(1))
const signature = secp256k1.sign(hash, word(7), { prehash: false, format: 'recovered' })
const [v, r, s] = [27n + BigInt(signature[0]), signature.slice(1, 33), signature.slice(33)]
const message = (length) => Uint8Array.from({ length }, (_, index) => index * 7)
const pairs = (count, g1, g2) => repeat(count, (k) => concatBytes(g1(k), g2(k + 1)))
const multiples = (count, point) => repeat(count, (k) => concatBytes(point(k), word(scalar(k + 9))))

const benchmarks = {
  ...Object.fromEntries(
    [32, 136, 1024, 100_000].map((length) => {
      const bytes = message(length)
      return [`keccak256, ${length} bytes`, ({ keccak256 }) => keccak256(bytes)]
    }),
  ),
  ecrecover: (crypto) => crypto.ecrecover(hash, v, r, s),
}
for (const [name, field, operation, input] of [
  ['bn254 add', 'bn254', 'add', concatBytes(bn1(1), bn1(2))],
  ['bn254 mul', 'bn254', 'mul', concatBytes(bn1(1), word(scalar(5)), word(0))],
  ['bn254 pairing, 1 pair', 'bn254', 'pairing', pairs(1, bn1, bn2)],
  ['bn254 pairing, 4 pairs', 'bn254', 'pairing', pairs(4, bn1, bn2)],
  ['BLS12-381 G1 add', 'bls', 'addG1', concatBytes(bls1(1), bls1(2))],
  ['BLS12-381 G2 add', 'bls', 'addG2', concatBytes(bls2(1), bls2(2))],
  ['BLS12-381 G1 msm, 1 pair', 'bls', 'msmG1', multiples(1, bls1)],
  ['BLS12-381 G1 msm, 16 pairs', 'bls', 'msmG1', multiples(16, bls1)],
  ['BLS12-381 G2 msm, 1 pair', 'bls', 'msmG2', multiples(1, bls2)],
  ['BLS12-381 G2 msm, 16 pairs', 'bls', 'msmG2', multiples(16, bls2)],
  ['BLS12-381 pairing, 2 pairs', 'bls', 'pairingCheck', pairs(2, bls1, bls2)],
  ['BLS12-381 map to G1', 'bls', 'mapFPtoG1', word(scalar(3), 64)],
  ['BLS12-381 map to G2', 'bls', 'mapFP2toG2', concatBytes(word(9, 64), word(scalar(3), 64))],
])
  benchmarks[name] = (crypto) => crypto[field][operation](input)

/** Milliseconds of one call, from as many as fit into a round. */
function time(run) {
  const start = performance.now()
  let [count, elapsed] = [0, 0]
  for (let step = 1; elapsed < ROUND_MS; step *= 2) {
    for (let index = 0; index < step; index++) run()
    count += step
    elapsed = performance.now() - start
  }
  return elapsed / count
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const versions = { ...dependencies, ...optionalDependencies }
const used = ['hash-wasm', 'secp256k1', 'mcl-wasm']
console.log(used.map((name) => `${name} ${versions[name]}`).join(', '))
console.log('\n| one call | here, µs | default, µs | ratio |\n| --- | ---: | ---: | ---: |')
for (const [name, run] of Object.entries(benchmarks)) {
  const results = [fast, slow].map((crypto) => bytesToHex(toBytes(run(crypto))))
  if (results[0] !== results[1]) throw new Error(`${name}: ${results.join(' instead of ')}`)
  const times = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    times[0].push(time(() => run(fast)))
    times[1].push(time(() => run(slow)))
  }
  const [here, there] = times.map((rounds) => 1000 * median(rounds))
  const cells = [here.toPrecision(3), there.toPrecision(3)].map((value) => Number(value))
  console.log(`| ${name} | ${cells.join(' | ')} | ${(there / here).toFixed(1)} |`)
}
