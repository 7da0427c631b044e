import {
  createAccessList2930Tx,
  createEOACode7702Tx,
  createFeeMarket1559Tx,
  createLegacyTx,
} from '@ethereumjs/tx'
import {
  type PrefixedHexString,
  createAddressFromString,
  eoaCode7702SignAuthorization,
  hexToBytes,
} from '@ethereumjs/util'
import t from 'tap'
import type { Alloc } from '../blockchain/index.ts'
import { FORKS, flzCompressLen } from '../src/index.ts'
import {
  type FeeParameters,
  CLEARER,
  GOLDEN,
  GWEI,
  HALTER,
  KEY,
  RECIPIENT,
  REVERTER,
  RULES,
  SENDER,
  allocWith,
  balanceOf,
  balances,
  bytesOfFlzSize,
  calldataGas,
  deposit,
  expectedL1Fee,
  expectedOperatorFee,
  feeFields,
  forks,
  isFrom,
  settle,
  start,
  sum,
  transaction,
} from './fee-helpers.ts'
import {
  BASE_FEE_VAULT,
  L1_BLOCK,
  L1_FEE_VAULT,
  OPERATOR_FEE_VAULT,
  l1BlockAccount,
  nextBlock,
} from './helpers.ts'

t.test('an empty transaction is invalid and a deposit pays nothing (F-01)', async (t) => {
  const p = { l1BaseFee: 1000n, overhead: 1000n, scalar: 1000n }
  const test = await start('regolith', allocWith(p))
  const { receipts, deltas } = await settle(test, [deposit({ data: hexToBytes('0xfacade') })])
  t.strictSame(feeFields(receipts[0]), {})
  t.strictSame(
    Object.values(deltas),
    Object.values(deltas).map(() => 0n),
  )
  await t.rejects(settle(test, [deposit(), new Uint8Array()]))
})

t.test('who pays what to whom, to the wei, in each fork (F-03, F-05, B-13)', async (t) => {
  const value = 12345n
  for (const fork of FORKS) {
    const test = await start(fork, allocWith(GOLDEN))
    const raw = transaction({ value })
    const { header, receipts, deltas } = await settle(test, [deposit(), raw])
    t.equal(header.baseFeePerGas, GWEI, fork)
    t.equal(receipts[1].status, 1)
    t.equal(receipts[1].gasUsed, 21_000n)
    const l1Fee = expectedL1Fee(fork, GOLDEN, raw)
    const isthmus = isFrom(fork, 'isthmus') ? 1256417826639552641n : 0n
    const operator = isFrom(fork, 'jovian') ? 1259439944732131460n : isthmus
    t.equal(receipts[1].l1Fee, l1Fee)
    const gas = 21_000n * GWEI
    t.strictSame(
      deltas,
      {
        sender: -(value + gas + gas / 2n + l1Fee + operator),
        recipient: value,
        coinbase: gas / 2n,
        baseFeeVault: gas,
        l1FeeVault: l1Fee,
        operatorFeeVault: operator,
        depositor: 0n,
        l1Block: 0n,
      },
      `${fork} balances`,
    )
    t.equal(sum(Object.values(deltas)), 0n, `${fork} sum`)
  }
})

t.test('fees of many transactions add up, also where parties coincide (F-05)', async (t) => {
  // The sender is the coinbase, a vault is the recipient.
  const test = await start('jovian', allocWith(GOLDEN))
  const raws = [
    transaction({ nonce: 0, to: BASE_FEE_VAULT, value: 5n }),
    transaction({ nonce: 1, to: L1_FEE_VAULT, value: 6n, data: bytesOfFlzSize(500) }),
    transaction({ nonce: 2, to: OPERATOR_FEE_VAULT, value: 7n, maxPriorityFeePerGas: 0n }),
    transaction({ nonce: 3, to: undefined, value: 8n, maxPriorityFeePerGas: 2n * GWEI }),
  ]
  const before = await balances(test.state)
  const { receipts } = await nextBlock(test, [deposit({ mint: 99n }), ...raws], {
    suggestedFeeRecipient: hexToBytes(SENDER as PrefixedHexString),
  })
  const after = await balances(test.state)
  const [, ...signed] = receipts
  t.strictSame(
    signed.map(({ status }) => status),
    [1, 1, 1, 1],
  )
  const gas = sum(signed.map(({ gasUsed }) => gasUsed))
  const l1Fee = sum(raws.map((raw) => expectedL1Fee('jovian', GOLDEN, raw)))
  const operator = sum(signed.map((r) => expectedOperatorFee('jovian', GOLDEN, r.gasUsed)))
  t.equal(after.baseFeeVault - before.baseFeeVault, 5n + gas * GWEI)
  t.equal(after.l1FeeVault - before.l1FeeVault, 6n + l1Fee)
  t.equal(after.operatorFeeVault - before.operatorFeeVault, 7n + operator)
  t.equal(before.sender - after.sender, 26n + gas * GWEI + l1Fee + operator)
  const created = signed[3].contractAddress
  t.equal(await balanceOf(test.state, `${created}`), 8n)
  // All there is, with what the deposit minted.
  t.equal(sum(Object.values(after)) + 8n - sum(Object.values(before)), 99n)
})

t.test('with 1 wei less than the most it can cost, a transaction is invalid (F-03)', async (t) => {
  const value = 1000n
  const [gasLimit, maxFeePerGas] = [50_000n, 2n * GWEI]
  const { common } = RULES.bedrock
  const legacy = createLegacyTx(
    { nonce: 0, gasLimit, gasPrice: maxFeePerGas, value, to: RECIPIENT },
    { common },
  )
  const raws = {
    legacy: legacy.sign(KEY).serialize(),
    dynamic: transaction({ gasLimit, maxFeePerGas, maxPriorityFeePerGas: 1n, value }),
  }
  for (const fork of ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus', 'jovian'] as const) {
    for (const [type, raw] of Object.entries(raws)) {
      const l1Fee = expectedL1Fee(fork, GOLDEN, raw)
      const operator = expectedOperatorFee(fork, GOLDEN, gasLimit)
      const most = gasLimit * maxFeePerGas + value + l1Fee + operator
      const exact = await start(fork, allocWith(GOLDEN, most))
      const { receipts } = await nextBlock(exact, [deposit(), raw])
      t.equal(receipts[1].status, 1, `${fork} ${type} with exactly enough`)
      const price = type === 'legacy' ? maxFeePerGas : GWEI + 1n
      const cost =
        21_000n * price + value + l1Fee + expectedOperatorFee(fork, GOLDEN, receipts[1].gasUsed)
      t.equal(await balanceOf(exact.state, SENDER), most - cost, `${fork} ${type} rest`)
      const short = await start(fork, allocWith(GOLDEN, most - 1n))
      await t.rejects(nextBlock(short, [deposit(), raw]), `${fork} ${type} with 1 wei less`)
    }
  }
})

t.test('a sender without an account or without the L1 fee alone is invalid (F-03)', async (t) => {
  for (const fork of ['regolith', 'fjord', 'jovian'] as const) {
    const raw = transaction({}, new Uint8Array(32).fill(2))
    const test = await start(fork, allocWith(GOLDEN))
    await t.rejects(nextBlock(test, [deposit(), raw]), `${fork} no account`)
    const poor = await start(fork, allocWith(GOLDEN, 1n))
    await t.rejects(nextBlock(poor, [deposit(), transaction()]), `${fork} 1 wei`)
  }
})

t.test('what a transaction does has no influence on its L1 fee (F-04)', async (t) => {
  for (const fork of FORKS) {
    const test = await start(fork, allocWith(GOLDEN))
    const raws = [REVERTER, HALTER, RECIPIENT, undefined].map((to, nonce) =>
      transaction({ nonce, to: to as PrefixedHexString }),
    )
    const { receipts, deltas } = await settle(test, [deposit(), ...raws])
    t.strictSame(
      receipts.slice(1).map(({ status, gasUsed }) => [status, gasUsed]),
      [
        [0, 21_006n],
        [0, 100_000n],
        [1, 21_000n],
        [1, 53_000n],
      ],
      fork,
    )
    const expected = raws.map((raw) => expectedL1Fee(fork, GOLDEN, raw))
    t.strictSame(
      receipts.slice(1).map(({ l1Fee }) => l1Fee),
      expected,
      fork,
    )
    t.equal(deltas.l1FeeVault, sum(expected), fork)
    t.equal(sum(Object.values(deltas)), 0n, fork)
    if (isFrom(fork, 'fjord')) t.strictSame(new Set(expected), new Set([3_203_000n]), fork)
  }
})

t.test(
  'operator and base fee are charged on gas after refund and floor (F-06, T-07)',
  async (t) => {
    for (const fork of ['isthmus', 'jovian', 'karst'] as const) {
      const test = await start(fork, allocWith(GOLDEN))
      // Refund of 4800 for the cleared slot.
      const clearing = await settle(test, [deposit(), transaction({ to: CLEARER })])
      t.equal(clearing.receipts[1].gasUsed, 21_206n, `${fork} refund`)
      // 1000 non-zero bytes: 37,000 gas as it was, 61,000 by EIP-7623.
      test.parent = (await start(fork, {})).parent
      const data = new Uint8Array(1000).fill(1)
      const heavy = await settle(test, [deposit(), transaction({ nonce: 1, data })])
      t.equal(heavy.receipts[1].gasUsed, 61_000n, `${fork} floor`)
      for (const { receipts, deltas, header } of [clearing, heavy]) {
        const { gasUsed } = receipts[1]
        t.equal(
          deltas.operatorFeeVault,
          expectedOperatorFee(fork, GOLDEN, gasUsed),
          `${fork} vault`,
        )
        t.equal(deltas.baseFeeVault, gasUsed * header.baseFeePerGas!, `${fork} base fee vault`)
        t.equal(sum(Object.values(deltas)), 0n, `${fork} sum`)
      }
    }
  },
)

t.test('deposits pay no fee and get none back (F-01, D-12, T-06)', async (t) => {
  for (const fork of ['regolith', 'ecotone', 'isthmus', 'jovian', 'karst'] as const) {
    const test = await start(fork, allocWith(GOLDEN))
    const from = createAddressFromString(SENDER)
    const calls = [RECIPIENT, REVERTER, HALTER, CLEARER].map((to) =>
      deposit({ from, to: createAddressFromString(to), gas: 200_000n }),
    )
    const { receipts, deltas, header } = await settle(test, [deposit(), ...calls])
    t.equal(receipts.length, 5)
    for (const receipt of receipts) t.strictSame(feeFields(receipt), {}, `${fork} fields (F-48)`)
    for (const [name, delta] of Object.entries(deltas)) t.equal(delta, 0n, `${fork} ${name}`)
    if (isFrom(fork, 'ecotone')) t.equal(header.blobGasUsed, 0n, `${fork} footprint (F-30)`)
  }
})

t.test('the L1 fee counts the whole signed encoding of every type (F-02)', async (t) => {
  const base = { nonce: 0, gasLimit: 100_000n, to: RECIPIENT } as const
  const { common } = RULES.karst
  const accessList = [{ address: L1_BLOCK, storageKeys: [`0x${'00'.repeat(32)}`] }] as const
  const authorization = eoaCode7702SignAuthorization(
    { chainId: '0x385', address: REVERTER, nonce: '0x0' },
    new Uint8Array(32).fill(9),
  )
  const transactions = [
    createLegacyTx({ ...base, gasPrice: 2n * GWEI }, { common }),
    createAccessList2930Tx(
      { ...base, nonce: 1, gasPrice: 2n * GWEI, accessList: [...accessList] as never },
      { common },
    ),
    createFeeMarket1559Tx(
      { ...base, nonce: 2, maxFeePerGas: 2n * GWEI, data: bytesOfFlzSize(300) },
      { common },
    ),
    createEOACode7702Tx(
      { ...base, nonce: 3, maxFeePerGas: 2n * GWEI, authorizationList: [authorization] },
      { common },
    ),
  ]
  const signed = transactions.map((tx) => tx.sign(KEY).serialize())
  t.strictSame(
    signed.map((raw) => raw[0]),
    [0xf8, 1, 2, 4],
  )
  for (const fork of ['isthmus', 'jovian'] as const) {
    const test = await start(fork, allocWith(GOLDEN))
    const { receipts, deltas } = await settle(test, [deposit(), ...signed])
    const expected = signed.map((raw) => expectedL1Fee(fork, GOLDEN, raw))
    t.strictSame(
      receipts.slice(1).map(({ l1Fee }) => l1Fee),
      expected,
      fork,
    )
    t.ok(expected[2] > expected[1], 'not all of them of the smallest size')
    t.equal(deltas.l1FeeVault, sum(expected), fork)
  }
  // Before Fjord each byte counts.
  const test = await start('ecotone', allocWith(GOLDEN))
  const { receipts } = await settle(test, [deposit(), ...signed.slice(0, 3)])
  const gas = signed.slice(0, 3).map(calldataGas)
  t.strictSame(
    receipts.slice(1).map(({ l1GasUsed }) => l1GasUsed),
    gas,
  )
})

t.test(
  'parameters hold for a block from its first signed transaction on (F-07, T-49)',
  async (t) => {
    // This L1Block stores the second word of its calldata under the first.
    const setter = (p: FeeParameters): Alloc[string] => ({
      ...l1BlockAccount(p),
      code: '0x602035600035550000',
    })
    const set = (slot: number, value: bigint) =>
      hexToBytes(`0x${slot.toString(16).padStart(64, '0')}${value.toString(16).padStart(64, '0')}`)
    for (const fork of FORKS) {
      const alloc = { ...allocWith(GOLDEN), [L1_BLOCK]: setter(GOLDEN) }
      const test = await start(fork, alloc)
      const slot8 = (scalar: bigint, constant: bigint, footprint: bigint) =>
        (footprint << 96n) | (scalar << 64n) | constant
      // Deposits of this block change the parameters before the first signed transaction reads them.
      const deposits = [
        deposit({ data: set(1, 5n * GWEI) }),
        deposit({ data: set(8, slot8(10n, 20n, 30n)) }),
      ]
      const raws = [
        // Then a transaction changes them again.
        transaction({ nonce: 0, to: L1_BLOCK, data: set(1, 9n * GWEI) }),
        transaction({ nonce: 1, to: L1_BLOCK, data: set(8, slot8(100n, 200n, 300n)) }),
        transaction({ nonce: 2 }),
      ]
      const first = await settle(test, [...deposits, ...raws])
      const p = {
        ...GOLDEN,
        l1BaseFee: 5n * GWEI,
        operatorFeeScalar: 10n,
        operatorFeeConstant: 20n,
        daFootprintGasScalar: 30n,
      }
      for (const [index, raw] of raws.entries()) {
        const receipt = first.receipts[2 + index]
        t.equal(receipt.status, 1, fork)
        t.equal(receipt.l1Fee, expectedL1Fee(fork, p, raw), `${fork} l1Fee ${index}`)
        t.equal(receipt.l1GasPrice, 5n * GWEI, `${fork} l1GasPrice ${index}`)
        if (isFrom(fork, 'isthmus')) t.equal(receipt.operatorFeeConstant, 20n, `${fork} operator`)
        if (isFrom(fork, 'jovian')) t.equal(receipt.daFootprintGasScalar, 30n, `${fork} footprint`)
      }
      const operator = first.receipts
        .slice(2)
        .map(({ gasUsed }) => expectedOperatorFee(fork, p, gasUsed))
      t.equal(first.deltas.operatorFeeVault, sum(operator), `${fork} operator fees`)
      // The next block reads what the last one left.
      const raw = transaction({ nonce: 3 })
      const second = await settle(test, [deposit(), raw])
      const next = {
        ...GOLDEN,
        l1BaseFee: 9n * GWEI,
        operatorFeeScalar: 100n,
        operatorFeeConstant: 200n,
        daFootprintGasScalar: 300n,
      }
      t.equal(second.receipts[1].l1Fee, expectedL1Fee(fork, next, raw), `${fork} next block`)
      t.equal(
        second.deltas.operatorFeeVault,
        expectedOperatorFee(fork, next, 21_000n),
        `${fork} next block's operator fee`,
      )
    }
  },
)

t.test('the formula changes with the first second of a fork (H-20, F-20…F-28)', async (t) => {
  const raw = transaction({ data: bytesOfFlzSize(300) })
  const gas = calldataGas(raw)
  const boundaries = [
    ['regolith', gas + 50n + 1088n, gas + 50n],
    ['ecotone', gas + 50n, gas],
    ['fjord', gas, ((836500n * BigInt(flzCompressLen(raw)) - 42585600n) * 16n) / 1_000_000n],
  ] as const
  for (const [fork, before, after] of boundaries) {
    const previous = FORKS[FORKS.indexOf(fork) - 1]
    for (const [timestamp, l1GasUsed] of [
      [1003n, before],
      [1004n, after],
      [1005n, after],
    ]) {
      const test = await start(previous, allocWith(GOLDEN), { [fork]: 1004 })
      const { receipts } = await nextBlock(test, [deposit(), raw], { timestamp })
      const era = timestamp < 1004n ? previous : fork
      t.equal(receipts[1].l1GasUsed, l1GasUsed, `${fork} at 1004, block at ${timestamp}`)
      t.equal(receipts[1].l1Fee, expectedL1Fee(era, GOLDEN, raw), `${fork}, ${timestamp}`)
    }
  }
  for (const timestamp of [1003n, 1004n]) {
    const test = await start('holocene', allocWith(GOLDEN), { isthmus: 1004 })
    const before = await balanceOf(test.state, OPERATOR_FEE_VAULT)
    const { receipts } = await nextBlock(test, [deposit(), raw], { timestamp })
    const after = await balanceOf(test.state, OPERATOR_FEE_VAULT)
    const era = timestamp < 1004n ? 'holocene' : 'isthmus'
    const expected = expectedOperatorFee(era, GOLDEN, receipts[1].gasUsed)
    t.equal(after - before, expected, `isthmus at 1004, block at ${timestamp}`)
  }
  // The first Jovian block takes no signed transaction (F-32); the second has the new formula.
  const test = await start('isthmus', allocWith(GOLDEN), { jovian: 1004 })
  const last = await settle(test, [deposit(), raw])
  t.equal(
    last.deltas.operatorFeeVault,
    expectedOperatorFee('isthmus', GOLDEN, last.receipts[1].gasUsed),
  )
  await t.rejects(nextBlock({ ...test }, [deposit(), transaction({ nonce: 1 })]), 'F-32')
})

t.test('from the block after its first, Jovian charges a hundredfold (F-27, F-32)', async (t) => {
  const test = await start('isthmus', allocWith(GOLDEN), { jovian: 1002 })
  const first = await settle(test, [deposit()])
  t.equal(first.header.blobGasUsed, 0n)
  const second = await settle(test, [deposit(), transaction()])
  t.equal(second.deltas.operatorFeeVault, 1259439944732131460n)
  t.equal(second.header.blobGasUsed, 40_000n)
})

t.test('fee fields of a receipt in each fork (F-41…F-47)', async (t) => {
  for (const fork of FORKS) {
    const test = await start(fork, allocWith(GOLDEN))
    const raw = transaction()
    const { receipts } = await nextBlock(test, [deposit(), raw])
    const gas = calldataGas(raw)
    const common = { l1GasPrice: GWEI, l1Fee: expectedL1Fee(fork, GOLDEN, raw) }
    const legacyGas = gas + 50n + (fork === 'bedrock' ? 1088n : 0n)
    const legacy = { ...common, l1GasUsed: legacyGas, l1FeeScalar: '7' }
    const ecotone = {
      ...common,
      l1GasUsed: isFrom(fork, 'fjord') ? 1600n : gas,
      l1BlobBaseFee: 10_000_000n,
      l1BaseFeeScalar: 2n,
      l1BlobBaseFeeScalar: 3n,
    }
    const operator = { operatorFeeScalar: 1439103868n, operatorFeeConstant: 1256417826609331460n }
    const footprint = { daFootprintGasScalar: 400n, blobGasUsed: 40_000n }
    t.strictSame(
      feeFields(receipts[1]),
      {
        ...(isFrom(fork, 'ecotone') ? ecotone : legacy),
        ...(isFrom(fork, 'isthmus') && operator),
        ...(isFrom(fork, 'jovian') && footprint),
      },
      fork,
    )
    t.strictSame(feeFields(receipts[0]), {}, `${fork} deposit`)
  }
})

t.test('each transaction has its own fees, the same at each execution (F-49, T-19)', async (t) => {
  const raws = [300, 200, 600].map((size, nonce) =>
    transaction({ nonce, data: bytesOfFlzSize(size) }),
  )
  const run = async () => {
    const test = await start('jovian', allocWith(GOLDEN))
    return (await nextBlock(test, [deposit(), ...raws])).receipts.slice(1)
  }
  const receipts = await run()
  t.strictSame((await run()).map(feeFields), receipts.map(feeFields))
  t.strictSame(
    receipts.map(({ l1Fee }) => l1Fee),
    raws.map((raw) => expectedL1Fee('jovian', GOLDEN, raw)),
  )
  t.equal(new Set(receipts.map(({ l1Fee }) => l1Fee)).size, 3)
})

t.test(
  'the DA footprint is the sum of sizes rounded down one by one (F-30, F-31, X-10)',
  async (t) => {
    for (const fork of ['jovian', 'karst'] as const) {
      const test = await start(fork, allocWith({ ...GOLDEN, daFootprintGasScalar: 7n }))
      const raws = [400, 401, 402, 0].map((size, nonce) =>
        transaction({ nonce, data: bytesOfFlzSize(size) }),
      )
      const scaled = raws
        .slice(0, 3)
        .map((raw) => 836500n * BigInt(flzCompressLen(raw)) - 42585600n)
      const sizes = [...scaled.map((size) => size / 1_000_000n), 100n]
      t.ok(sum(sizes) < (sum(scaled) + 100_000_000n) / 1_000_000n, 'the fractions matter')
      const data = new Uint8Array(1000).fill(3)
      const { header, receipts } = await nextBlock(test, [deposit({ data }), deposit(), ...raws])
      t.strictSame(
        receipts.map(({ blobGasUsed }) => blobGasUsed),
        [undefined, undefined, ...sizes.map((size) => size * 7n)],
        fork,
      )
      t.equal(header.blobGasUsed, sum(sizes) * 7n, fork)
      t.equal(header.excessBlobGas, 0n, fork)
      t.equal(header.gasUsed, sum(receipts.map(({ gasUsed }) => gasUsed)), `${fork} (T-23)`)
    }
  },
)

t.test('the DA footprint scalar is used as it is, also 0 (F-33)', async (t) => {
  const { daFootprintGasScalar, ...unset } = GOLDEN
  t.equal(daFootprintGasScalar, 400n)
  const test = await start('jovian', allocWith(unset))
  const { header, receipts } = await nextBlock(test, [deposit(), transaction()])
  t.equal(header.blobGasUsed, 0n)
  t.equal(receipts[1].blobGasUsed, 0n)
  t.equal(receipts[1].daFootprintGasScalar, 0n)
})

t.test('before Jovian no transaction has a footprint (X-10)', async (t) => {
  for (const fork of forks('bedrock', 'jovian')) {
    const test = await start(fork, allocWith(GOLDEN))
    const { header } = await nextBlock(test, [deposit(), transaction()])
    t.equal(header.blobGasUsed, isFrom(fork, 'ecotone') ? 0n : undefined, fork)
  }
})

t.test('a footprint above the gas limit makes the block invalid (X-16)', async (t) => {
  for (const fork of ['jovian', 'karst'] as const) {
    const raws = [transaction({ nonce: 0 }), transaction({ nonce: 1 })]
    const run = async (gasLimit: bigint) => {
      const test = await start(fork, allocWith({ ...GOLDEN, daFootprintGasScalar: 65_535n }))
      return nextBlock(test, [deposit(), ...raws], { gasLimit })
    }
    const { header } = await run(13_107_000n)
    t.equal(header.blobGasUsed, 13_107_000n, `${fork} exactly the limit`)
    t.equal(header.gasUsed < 100_000n, true)
    await t.rejects(run(13_106_999n), `${fork} one more than the limit`)
  }
})
