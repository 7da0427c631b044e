import {
  type PrefixedHexString,
  bytesToHex,
  hexToBytes,
  setLengthLeft,
  toBytes,
} from '@ethereumjs/util'
import t from 'tap'
import type { Alloc } from '../blockchain/index.ts'
import { type Fork, FORKS, flzCompressLen, l1Fees, operatorFee } from '../src/index.ts'
import {
  type FeeParameters,
  FEE_FIELDS,
  GOLDEN,
  RULES,
  bytesOfFlzSize,
  expectedL1Fee,
  feeFields,
  feesAt,
  forks,
  isFrom,
  parameters,
  read,
  transaction,
} from './fee-helpers.ts'
import { type JSONValue, l1BlockAccount, noFixtures, readFixture } from './helpers.ts'

t.test('fees of all vectors (F-20…F-24, F-40, F-42)', { skip: noFixtures }, async (t) => {
  const { l1Fee } = readFixture('vectors/l1_fee.json')
  // Of what is no signed transaction, op-revm says 0. They never reach the formula (F-01).
  const vectors = l1Fee.filter(({ note }: JSONValue) => !/empty -> 0|deposit -> 0/.test(note ?? ''))
  t.equal(vectors.length, 18)
  t.equal(l1Fee.length, 20)
  for (const { source, fork, rawTx, params, expected } of vectors) {
    const eras: Fork[] =
      fork === 'ecotone-first-block' ? forks('ecotone') : [fork === 'canyon' ? 'regolith' : fork]
    for (const era of eras) {
      const fees = await feesAt(era, parameters(params ?? { blobBaseFee: 1 }), hexToBytes(rawTx))
      if (expected.l1Fee) t.equal(fees.l1Fee, BigInt(expected.l1Fee), `${era} l1Fee, ${source}`)
      const gas = expected.l1GasUsed ?? expected.dataGas
      if (gas) t.equal(fees.l1GasUsed, BigInt(gas), `${era} l1GasUsed, ${source}`)
    }
    if (expected.fastLzSize) t.equal(flzCompressLen(hexToBytes(rawTx)), expected.fastLzSize)
    if (expected.estimatedDASize) {
      const fees = await feesAt('jovian', { daFootprintGasScalar: 1n }, hexToBytes(rawTx))
      t.equal(fees.blobGasUsed, BigInt(expected.estimatedDASize), `DA size, ${source}`)
    }
  }
})

t.test('Fjord fees by FastLZ size (F-24, F-42, T-22)', { skip: noFixtures }, async (t) => {
  const { fjordByFastLzSize } = readFixture('vectors/l1_fee.json')
  t.equal(fjordByFastLzSize.length, 2)
  for (const { source, params, fastLzSizes, expected } of fjordByFastLzSize) {
    for (const size of fastLzSizes) {
      for (const fork of forks('fjord')) {
        const fees = await feesAt(fork, parameters(params), bytesOfFlzSize(size))
        t.equal(fees.l1Fee, BigInt(expected.l1Fee), `${fork} size ${size} l1Fee, ${source}`)
        t.equal(fees.l1GasUsed, BigInt(expected.l1GasUsed), `${fork} size ${size} l1GasUsed`)
      }
    }
  }
})

t.test(
  'the smallest size from Fjord is 100 bytes: up to a FastLZ size of 170 (F-24)',
  async (t) => {
    // A price of 10¹² makes the fee the size ×10⁶.
    const p = { l1BaseFee: 62_500_000_000n, baseFeeScalar: 1n, daFootprintGasScalar: 1n }
    for (const [size, expected] of [
      [0, 100_000_000n],
      [60, 100_000_000n],
      [170, 100_000_000n],
      [171, 100_455_900n],
      [172, 101_292_400n],
      [1000, 793_914_400n],
    ] as const) {
      const fees = await feesAt('jovian', p, bytesOfFlzSize(size))
      t.equal(fees.l1Fee, expected, `size ${size}`)
      t.equal(fees.l1GasUsed, (expected * 16n) / 1_000_000n)
      t.equal(fees.blobGasUsed, expected / 1_000_000n)
    }
  },
)

t.test('operator fees of all vectors (F-26, F-27)', { skip: noFixtures }, async (t) => {
  const { operatorFee: vectors } = readFixture('vectors/l1_fee.json')
  t.equal(vectors.length, 6)
  for (const vector of vectors) {
    const { fork, operatorFeeScalar, operatorFeeConstant, gas, gasLimit, gasUsed } = vector
    const p = parameters({ operatorFeeScalar, operatorFeeConstant })
    const l1Block = await read(fork, l1BlockAccount(p))
    const fee = (amount: string) => operatorFee(l1Block, RULES[fork], BigInt(amount))
    if (vector.expected) t.equal(fee(gas), BigInt(vector.expected), `${fork}, ${vector.source}`)
    else t.equal(fee(gasLimit) - fee(gasUsed), BigInt(vector.expectedRefund), vector.source)
  }
})

t.test('operator fee of each fork (F-26, F-27, F-28)', async (t) => {
  for (const fork of FORKS) {
    const l1Block = await read(fork, l1BlockAccount(GOLDEN))
    const isthmus = isFrom(fork, 'isthmus') ? 1256417826611659930n : 0n
    const expected = isFrom(fork, 'jovian') ? 1256650673615173860n : isthmus
    t.equal(operatorFee(l1Block, RULES[fork], 1618n), expected, fork)
    const unset = await read(fork, l1BlockAccount({}))
    t.equal(operatorFee(unset, RULES[fork], 1618n), 0n, `${fork} unset`)
  }
  // Rounds down before it adds the constant.
  const p = { operatorFeeScalar: 1n, operatorFeeConstant: 7n }
  const l1Block = await read('isthmus', l1BlockAccount(p))
  t.equal(operatorFee(l1Block, RULES.isthmus, 999_999n), 7n)
  t.equal(operatorFee(l1Block, RULES.isthmus, 1_000_000n), 8n)
  t.equal(operatorFee(l1Block, RULES.jovian, 999_999n), 99_999_907n)
})

t.test('fees have as many digits as they need (F-29, T-42)', async (t) => {
  const [u16, u32, u64, u256] = [16n, 32n, 64n, 256n].map((bits) => 2n ** bits - 1n)
  const p = {
    operatorFeeScalar: u32,
    operatorFeeConstant: u64,
    daFootprintGasScalar: u16,
    l1BaseFee: u256,
    blobBaseFee: u256,
    baseFeeScalar: u32,
    blobBaseFeeScalar: u32,
    overhead: u256,
    scalar: u256,
  }
  const isthmus = operatorFee(await read('isthmus', l1BlockAccount(p)), RULES.isthmus, u64)
  t.equal(isthmus, 79246609239891303067154n)
  t.equal(isthmus.toString(2).length, 77)
  const jovian = operatorFee(await read('jovian', l1BlockAccount(p)), RULES.jovian, u64)
  t.equal(jovian, 7922816249600206095627652694115n)
  t.equal(jovian.toString(2).length, 103)
  const raw = bytesOfFlzSize(171)
  for (const fork of FORKS) {
    const fees = await feesAt(fork, p, raw)
    t.equal(fees.l1Fee, expectedL1Fee(fork, p, raw), fork)
    t.equal(fees.l1GasPrice, u256)
  }
  t.equal((await feesAt('jovian', p, raw)).blobGasUsed, 100n * 65535n)
})

t.test('each parameter comes from its own bytes of its slot (F-34, T-08)', async (t) => {
  const word = (number: number): PrefixedHexString => `0x${number.toString(16).padStart(64, '0')}`
  const account = (slots: Record<number, PrefixedHexString>): Alloc[string] => ({
    storage: Object.fromEntries(Object.entries(slots).map(([n, value]) => [word(+n), value])),
  })
  const filled = (digits: string): PrefixedHexString => `0x${digits.repeat(8)}`
  const packed = {
    // Unused, sequence number and all else that must not be read as a parameter: 11…
    0: filled('11111111'),
    1: filled('a1b2c3d4'),
    2: filled('11111111'),
    3: `0x${'1'.repeat(32)}${'00000558'}${'000c5fc5'}${'1'.repeat(16)}`,
    4: filled('11111111'),
    5: filled('b1b2c3d4'),
    6: word(684_000),
    7: filled('d1b2c3d4'),
    8: `0x${'1'.repeat(36)}${'0190'}${'55c6d6bc'}${'116f69b3a0f3e104'}`,
  } as Record<number, PrefixedHexString>
  const raw = Uint8Array.of(1)
  const fieldsAt = async (fork: Fork) => {
    const { l1Fee, ...fields } = l1Fees(await read(fork, account(packed)), RULES[fork], raw)
    t.type(l1Fee, 'bigint')
    return fields
  }
  const legacy = {
    l1GasPrice: BigInt(filled('a1b2c3d4')),
    l1GasUsed: BigInt(filled('b1b2c3d4')) + 16n,
    l1FeeScalar: '0.684',
  }
  const bedrock = { ...legacy, l1GasUsed: legacy.l1GasUsed + 1088n }
  t.strictSame(await fieldsAt('bedrock'), bedrock, 'bedrock')
  for (const fork of forks('regolith', 'ecotone')) t.strictSame(await fieldsAt(fork), legacy, fork)
  const ecotone = {
    l1GasPrice: BigInt(filled('a1b2c3d4')),
    l1GasUsed: 16n,
    l1BlobBaseFee: BigInt(filled('d1b2c3d4')),
    l1BaseFeeScalar: 1368n,
    l1BlobBaseFeeScalar: 810949n,
  }
  t.strictSame(await fieldsAt('ecotone'), ecotone, 'ecotone')
  const fjord = { ...ecotone, l1GasUsed: 1600n }
  for (const fork of forks('fjord', 'isthmus')) t.strictSame(await fieldsAt(fork), fjord, fork)
  const [operatorFeeScalar, operatorFeeConstant] = [0x55c6d6bcn, 0x116f69b3a0f3e104n]
  const isthmus = { ...fjord, operatorFeeScalar, operatorFeeConstant }
  t.strictSame(await fieldsAt('isthmus'), isthmus, 'isthmus')
  const jovian = { ...isthmus, daFootprintGasScalar: 400n, blobGasUsed: 40_000n }
  for (const fork of forks('jovian')) t.strictSame(await fieldsAt(fork), jovian, fork)
})

t.test('until its parameters are set, Ecotone has the Regolith formula (F-23, T-20)', async (t) => {
  const raw = hexToBytes('0xfa00ca00de')
  const old = { l1BaseFee: 1000n, overhead: 2000n, scalar: 3_000_000n }
  const regolith = await feesAt('regolith', old, raw)
  t.equal(regolith.l1Fee, (56n + 2000n) * 1000n * 3n)
  for (const fork of forks('ecotone')) {
    const fees = await feesAt(fork, old, raw)
    t.equal(fees.l1Fee, regolith.l1Fee, fork)
    t.equal(fees.l1GasUsed, 2056n, fork)
    t.equal(fees.l1FeeScalar, '3', `${fork} l1FeeScalar`)
    t.notOk('l1BlobBaseFee' in feeFields(fees), `${fork} l1BlobBaseFee`)
  }
  // Any one of the three makes it Ecotone's.
  for (const [p, fjord] of [
    [{ blobBaseFee: 1n }, 0n],
    [{ baseFeeScalar: 625n }, 1000n],
    [{ blobBaseFeeScalar: 1n }, 0n],
  ] as const) {
    for (const fork of forks('ecotone')) {
      const fees = await feesAt(fork, { ...old, ...p }, raw)
      t.equal(fees.l1Fee, isFrom(fork, 'fjord') ? fjord : (56n * fjord) / 1600n, `${fork} set`)
      t.notOk('l1FeeScalar' in feeFields(fees), `${fork} set`)
    }
  }
})

t.test('only the eight bytes of the scalars say whether they are set (F-23)', async (t) => {
  const slot3 = (digits: string): Alloc[string] => {
    const account = l1BlockAccount({ l1BaseFee: 1000n, overhead: 2000n, scalar: 3_000_000n })
    const key: PrefixedHexString = `0x${'3'.padStart(64, '0')}`
    return { ...account, storage: { ...account.storage, [key]: `0x${digits}` } }
  }
  const fieldsAt = async (fork: Fork, digits: string) => {
    const { l1GasUsed, l1FeeScalar } = l1Fees(
      await read(fork, slot3(digits)),
      RULES[fork],
      Uint8Array.of(1),
    )
    return { l1GasUsed, l1FeeScalar }
  }
  const unset = { l1GasUsed: 2016n, l1FeeScalar: '3' }
  for (const fork of forks('ecotone')) {
    const sequenceNumber = `${'0'.repeat(48)}${'f'.repeat(16)}`
    t.strictSame(await fieldsAt(fork, sequenceNumber), unset, `${fork} not the sequence number`)
    const unused = `${'f'.repeat(32)}${'0'.repeat(32)}`
    t.strictSame(await fieldsAt(fork, unused), unset, `${fork} not the unused bytes`)
  }
})

t.test('a receipt has both operator fee fields, or none where both are 0 (F-46)', async (t) => {
  const raw = transaction()
  const present = async (fork: Fork, p: FeeParameters) => {
    const { operatorFeeScalar, operatorFeeConstant } = await feesAt(fork, p, raw)
    return [operatorFeeScalar, operatorFeeConstant]
  }
  for (const fork of forks('isthmus')) {
    const { operatorFeeScalar, operatorFeeConstant, ...none } = GOLDEN
    t.strictSame(await present(fork, none), [undefined, undefined], `${fork} none`)
    t.strictSame(
      await present(fork, { ...none, operatorFeeScalar }),
      [operatorFeeScalar, 0n],
      `${fork} scalar`,
    )
    t.strictSame(
      await present(fork, { ...none, operatorFeeConstant }),
      [0n, operatorFeeConstant],
      `${fork} constant`,
    )
  }
})

t.test('l1FeeScalar is a decimal string (F-44)', async (t) => {
  for (const [scalar, expected] of [
    [684_000n, '0.684'],
    [1_000_000n, '1'],
    [7_000_000n, '7'],
    [1_500_000n, '1.5'],
    [240_000n, '0.24'],
    [1000n, '0.001'],
    [0n, '0'],
  ] as const)
    t.equal((await feesAt('regolith', { scalar }, hexToBytes('0x01'))).l1FeeScalar, expected)
})

t.test('what real receipts tell can be computed (F-41…F-47)', { skip: noFixtures }, async (t) => {
  const captures = readFixture('vectors/real_receipts.json')
  t.equal(captures.length, 6)
  const big = (hex: string | undefined) => BigInt(hex ?? 0)
  const compare = async (
    fork: Fork,
    capture: JSONValue,
    raw: Uint8Array,
    p: FeeParameters = {},
  ) => {
    const { receipt, source } = capture
    const fees = await feesAt(
      fork,
      {
        l1BaseFee: big(receipt.l1GasPrice),
        blobBaseFee: big(receipt.l1BlobBaseFee),
        baseFeeScalar: big(receipt.l1BaseFeeScalar),
        blobBaseFeeScalar: big(receipt.l1BlobBaseFeeScalar),
        operatorFeeScalar: big(receipt.operatorFeeScalar),
        operatorFeeConstant: big(receipt.operatorFeeConstant),
        daFootprintGasScalar: big(receipt.daFootprintGasScalar),
        ...p,
      },
      raw,
    )
    const actual = Object.fromEntries(
      Object.entries(feeFields(fees)).map(([name, value]) => [
        name,
        typeof value === 'bigint' ? `0x${value.toString(16)}` : value,
      ]),
    )
    const expected = Object.fromEntries(
      FEE_FIELDS.filter((name) => name in receipt).map((name) => [name, receipt[name]]),
    )
    // Base's node reports fields on deposits too, but no fee.
    if (receipt.type === '0x7e') expected.l1Fee = actual.l1Fee
    t.strictSame(actual, expected, source)
    return fees
  }
  const [jovian, base, baseOther, granite, isthmus, regolith] = captures
  // Where the transaction is not known, any of that size must do.
  await compare('jovian', jovian, bytesOfFlzSize(120))
  await compare('jovian', base, hexToBytes(base.rawTransaction))
  await compare('jovian', baseOther, bytesOfFlzSize(188))
  await compare('granite', granite, bytesOfFlzSize(120))
  await compare('isthmus', isthmus, bytesOfFlzSize(120))
  const l1Block = await read(
    'isthmus',
    l1BlockAccount({ operatorFeeScalar: 0x12cn, operatorFeeConstant: 0x190n }),
  )
  const fee = operatorFee(l1Block, RULES.isthmus, BigInt(isthmus.receipt.gasUsed))
  t.equal(fee, BigInt(isthmus.expectedOperatorFee))
  // 188 of overhead, and 3976 = 248·16 + 2·4 of data.
  const raw = setLengthLeft(new Uint8Array(248).fill(1), 250)
  await compare('regolith', regolith, raw, { overhead: 188n, scalar: 684_000n })
})

t.test(
  'transactions of the vectors are what they are said to be (F-02)',
  { skip: noFixtures },
  (t) => {
    const { l1Fee } = readFixture('vectors/l1_fee.json')
    let known = 0
    for (const { rawTx, txHash, l1AttributesTx, l1AttributesTxHash } of l1Fee) {
      const hash = (raw: string) =>
        bytesToHex(RULES.karst.common.customCrypto.keccak256!(toBytes(raw as PrefixedHexString)))
      if (txHash) known++
      if (txHash) t.equal(hash(rawTx), txHash)
      if (l1AttributesTx) t.equal(hash(l1AttributesTx), l1AttributesTxHash)
    }
    t.equal(known, 3)
    t.end()
  },
)
