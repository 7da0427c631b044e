import { concatBytes, hexToBytes } from '@ethereumjs/util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { flzCompressLen } from '../src/index.ts'
import { noFixtures, readFixture } from './helpers.ts'

/**
 * The loops of FastLZ level 1 as the C original and op-geth have them (F-25), in unsigned 32-bit
 * arithmetic and without any shortcut, so that it shares no idea with the library's function.
 */
function referenceLength(input: Uint8Array): number {
  const u32 = (value: number) => value >>> 0
  const table = new Uint32Array(8192)
  let n = 0
  const u24 = (i: number) => u32(input[i] | (input[i + 1] << 8) | (input[i + 2] << 16))
  const hash = (v: number) => u32(u32(Math.imul(2654435769, v)) >>> 19) & 0x1fff
  const compare = (p: number, q: number, end: number) => {
    let l = 0
    for (let e = u32(end - q); l < e; l++) if (input[p + l] !== input[q + l]) e = 0
    return l
  }
  const literals = (run: number) => {
    n += 0x21 * Math.floor(run / 0x20)
    const rest = run % 0x20
    if (rest !== 0) n += rest + 1
  }
  const match = (length: number) => {
    const l = length - 1
    n += 3 * Math.floor(l / 262)
    n += l % 262 >= 6 ? 3 : 2
  }
  const setNextHash = (ip: number) => {
    table[hash(u24(ip))] = ip
    return ip + 1
  }
  let anchor = 0
  const limit = input.length < 13 ? 0 : u32(input.length - 13)
  for (let ip = anchor + 2; ip < limit; ) {
    let r = 0
    for (;;) {
      const s = u24(ip)
      const h = hash(s)
      r = table[h]
      table[h] = ip
      const distance = u32(ip - r)
      if (ip >= limit) break
      ip++
      if (distance <= 0x1fff && s === u24(r)) break
    }
    if (ip >= limit) break
    ip--
    if (ip > anchor) literals(ip - anchor)
    const length = compare(r + 3, ip + 3, limit + 9)
    match(length)
    ip = setNextHash(setNextHash(ip + length))
    anchor = ip
  }
  literals(input.length - anchor)
  return n
}

/** Bytes among which hardly any three in a row come twice; none do in the first thousand. */
function noise(length: number): Uint8Array {
  let seed = 1
  return Uint8Array.from({ length }, () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed >>> 24
  })
}

const isSame = (data: Uint8Array) => flzCompressLen(data) === referenceLength(data)

/** Whatever the library and the reference disagree on. */
const differing = (inputs: Uint8Array[]) => inputs.filter((data) => !isSame(data))

/** The library and the reference agree on whatever this generates. */
const agree = (t: Test, name: string, inputs: fc.Arbitrary<Uint8Array>) =>
  t.doesNotThrow(() => fc.assert(fc.property(inputs, isSame), { numRuns: 500 }), name)

/** 0, 1, … `last` */
const upTo = (last: number) => Array.from({ length: last + 1 }, (_, index) => index)

t.test(
  'FastLZ has the lengths that op-geth and op-revm assert (F-25, T-21)',
  { skip: noFixtures },
  (t) => {
    const { asserted, parityInputs } = readFixture('vectors/flz.json')
    t.equal(asserted.length, 8)
    t.equal(parityInputs.length, 4)
    for (const { source, input, expectedLen } of asserted) {
      t.equal(flzCompressLen(hexToBytes(input)), expectedLen, source)
      t.equal(referenceLength(hexToBytes(input)), expectedLen, `reference: ${source}`)
    }
    for (const { source, input, computedLen } of parityInputs) {
      t.equal(flzCompressLen(hexToBytes(input)), computedLen, source)
    }
    t.end()
  },
)

t.test('FastLZ lengths by hand (F-25)', (t) => {
  t.equal(flzCompressLen(new Uint8Array()), 0)
  // A run of literals costs 33 bytes per 32 and one more than its rest.
  for (const [length, expected] of [
    [1, 2],
    [12, 13],
    [13, 14],
    [31, 32],
    [32, 33],
    [33, 35],
    [63, 65],
    [64, 66],
    [227, 235],
  ])
    t.equal(flzCompressLen(noise(length)), expected, `${length} literals`)
  // What repeats is found only where 13 more bytes follow.
  t.equal(flzCompressLen(new Uint8Array(15)), 16, 'too short for a match')
  t.equal(flzCompressLen(new Uint8Array(1000).fill(1)), 21)
  t.end()
})

t.test('FastLZ of every short input is that of the reference (F-25, T-21)', (t) => {
  const inputs = upTo(40).flatMap((length) => [
    new Uint8Array(length),
    new Uint8Array(length).fill(0xff),
    Uint8Array.from({ length }, (_, index) => index % 2),
    Uint8Array.from({ length }, (_, index) => index % 3),
    noise(length),
  ])
  t.same(differing(inputs), [])
  agree(t, 'random', fc.uint8Array({ maxLength: 20 }))
  const bits = fc.array(fc.nat(1), { maxLength: 40 }).map((array) => Uint8Array.from(array))
  agree(t, 'zeroes and ones', bits)
  t.end()
})

t.test('FastLZ takes matches up to a distance of 8191 and no further (F-25)', (t) => {
  const chunk = Uint8Array.from([251, 1, 252, 2, 253, 3, 254, 4, 255, 5])
  const tail = noise(20)
  const inputs = upTo(20).map((index) => {
    const filler = noise(8180 + index - chunk.length + 50).subarray(50)
    return concatBytes(Uint8Array.of(7, 7), chunk, filler, chunk, tail)
  })
  t.same(differing(inputs), [])
  const at = (distance: number) => {
    const filler = new Uint8Array(distance - chunk.length)
    return flzCompressLen(concatBytes(Uint8Array.of(7, 7), chunk, filler, chunk, tail))
  }
  // Ten more literals, less the three bytes of their match.
  t.equal(at(8192) - at(8191), 7)
  t.equal(at(8193) - at(8192), 0)
  t.end()
})

t.test('FastLZ cost of a match steps at 9 and every 262 bytes (F-25)', (t) => {
  const runs = upTo(1100).map((length) =>
    concatBytes(noise(40), new Uint8Array(length).fill(9), noise(30)),
  )
  t.same(differing(runs), [])
  const chunk = noise(800)
  const copies = upTo(800).map((length) =>
    concatBytes(chunk, Uint8Array.of(0, 0), chunk.subarray(0, length), noise(14)),
  )
  t.same(differing(copies), [])
  t.end()
})

t.test('FastLZ finds no match in the last 13 bytes (F-25)', (t) => {
  const chunk = noise(60)
  const inputs = upTo(60).flatMap((length) =>
    upTo(16).map((rest) =>
      concatBytes(chunk, chunk.subarray(0, length), noise(rest + 99).subarray(99)),
    ),
  )
  t.same(differing(inputs), [])
  t.end()
})

t.test('FastLZ of random inputs up to 20 kB is that of the reference (F-25, T-21)', (t) => {
  const bytes = (max: number, maxLength: number) =>
    fc.array(fc.nat(max), { maxLength, size: 'max' }).map((array) => Uint8Array.from(array))
  agree(t, 'random', fc.uint8Array({ maxLength: 400, size: 'max' }))
  // Many matches, many of them overlapping.
  agree(t, 'two different bytes', bytes(1, 600))
  agree(t, 'four different bytes', bytes(3, 600))
  const words = fc
    .array(fc.tuple(fc.nat(31), fc.uint8Array({ minLength: 32, maxLength: 32 })), { maxLength: 60 })
    .map((array) => concatBytes(...array.map(([zeroes, word]) => word.fill(0, 0, zeroes))))
  agree(t, 'words of mostly zeroes, like calldata', words)
  const pool = noise(12_000)
  const piece = fc
    .tuple(fc.nat(11_000), fc.oneof(fc.nat(20), fc.nat(700), fc.nat(4000)))
    .map(([from, length]) => pool.subarray(from, from + length))
  const pieces = fc
    .array(piece, { minLength: 1, maxLength: 40, size: 'max' })
    .map((array) => concatBytes(...array).subarray(0, 20_000))
  agree(t, 'pieces of the same bytes in any order, some more than 8191 apart', pieces)
  const long = [noise(20_000), new Uint8Array(20_000), pool.map((byte) => byte & 3)]
  t.same(differing(long), [])
  t.end()
})
