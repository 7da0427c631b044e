import {
  type PrefixedHexString,
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  hexToBytes,
  setLengthLeft,
} from '@ethereumjs/util'
import t from 'tap'
import type { Alloc } from '../blockchain/index.ts'
import {
  type Fork,
  createContext,
  decodeDeposit,
  flzCompressLen,
  l1Fees,
  operatorFee,
  readL1Block,
} from '../src/index.ts'
import {
  type FeeParameters,
  GOLDEN,
  GWEI,
  RECIPIENT,
  RULES,
  SENDER,
  allocWith,
  calldataGas,
  deposit,
  expectedL1Fee,
  feeFields,
  forks,
  isFrom,
  settle,
  start,
  sum,
  transaction,
} from './fee-helpers.ts'
import {
  type JSONValue,
  type TestChain,
  L1_BLOCK,
  nextBlock,
  noFixtures,
  readFixture,
} from './helpers.ts'

/** Slot of a proxy with the address of its implementation (EIP-1967). */
const IMPLEMENTATION = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'
const GAS_PRICE_ORACLE = '0x420000000000000000000000000000000000000f'
/** Slot of the oracle with a byte for each fork that it knows to be active, Ecotone's lowest. */
const ORACLE_FORKS: PrefixedHexString = `0x${'00'.repeat(32)}`

/** Genesis files by the fork whose contracts they hold; Base's has those of Bedrock. */
const GENESIS = {
  bedrock: 'sepolia-op',
  base: 'mainnet-base',
  ecotone: 'mainnet-worldchain',
  fjord: 'mainnet-automata',
  holocene: 'mainnet-settlus-mainnet',
  karst: 'sepolia-devnet-2-sepolia-devnet-2',
}

/** Accounts of real genesis files by address, read once. */
const genesisAccounts = new Map<string, Map<string, Alloc[string]>>()

/** The predeploys at these addresses with their implementations, as in a real genesis file. */
function realContracts(name: string, ...addresses: string[]): Alloc {
  if (!genesisAccounts.has(name)) {
    const { alloc } = readFixture(`genesis/${name}.json.gz`)
    const accounts = Object.entries<Alloc[string]>(alloc).map(([address, account]) => {
      return [address.toLowerCase().replace(/^(0x)?/, '0x'), account] as const
    })
    genesisAccounts.set(name, new Map(accounts))
  }
  const accounts = genesisAccounts.get(name)!
  const proxies = addresses.map((address) => [address, accounts.get(address)!] as const)
  const implementations = proxies.map(([, { storage }]) => {
    const address = `0x${storage![IMPLEMENTATION].slice(26)}`
    return [address, accounts.get(address)!] as const
  })
  return Object.fromEntries([...proxies, ...implementations])
}

/** A chain of `fork` with the L1Block and the oracle of a real genesis file, and a sender. */
const startReal = (fork: Fork, name: string, alloc: Alloc = {}) => {
  const contracts = noFixtures ? {} : realContracts(name, L1_BLOCK, GAS_PRICE_ORACLE)
  return start(fork, { ...allocWith({}), ...contracts, ...alloc })
}

const slot = async ({ state }: TestChain, index: number) =>
  bytesToBigInt(
    await state.getStorage(
      createAddressFromString(L1_BLOCK),
      setLengthLeft(Uint8Array.of(index), 32),
    ),
  )

/** The parameters that fees of the next transaction depend on, under their names in receipts. */
async function parametersOf({ state, parent, chain }: TestChain) {
  const rules = chain.rules(parent)
  const { l1Fee, l1GasUsed, ...fields } = l1Fees(
    await readL1Block(state, rules),
    rules,
    new Uint8Array(),
  )
  return { ...fields, overhead: fields.l1FeeScalar ? l1GasUsed : undefined }
}

const uint = (value: bigint | number | string, bytes: number) =>
  BigInt(value)
    .toString(16)
    .padStart(2 * bytes, '0')

/** Packed calldata of the L1 attributes, of a length by its fork (F-36). */
function packedAttributes(fork: 'ecotone' | 'isthmus' | 'jovian', p: FeeParameters): Uint8Array {
  const [selector, length] = {
    ecotone: ['440a5e20', 164],
    isthmus: ['098999be', 176],
    jovian: ['3db6be2b', 178],
  }[fork] as [string, number]
  const fields = [
    selector,
    uint(p.baseFeeScalar ?? 0n, 4),
    uint(p.blobBaseFeeScalar ?? 0n, 4),
    uint(5, 8),
    uint(1_700_000_000, 8),
    uint(20_000_000, 8),
    uint(p.l1BaseFee ?? 0n, 32),
    uint(p.blobBaseFee ?? 0n, 32),
    'ab'.repeat(32),
    uint('0x6887246668a3b87f54deb3b94ba47a6f63f32985', 32),
    uint(p.operatorFeeScalar ?? 0n, 4),
    uint(p.operatorFeeConstant ?? 0n, 8),
    uint(p.daFootprintGasScalar ?? 0n, 2),
  ]
  return hexToBytes(`0x${fields.join('')}`).subarray(0, length)
}

t.test(
  'attributes set the parameters in the real L1Block (F-34…F-38)',
  { skip: noFixtures },
  async (t) => {
    const { vectors, selectors, lengths } = readFixture('vectors/l1_attributes.json')
    t.equal(vectors.length, 10)
    const contracts: Record<string, [Fork[], string[]]> = {
      bedrock: [forks('bedrock', 'ecotone'), [GENESIS.bedrock, GENESIS.base]],
      ecotone: [forks('ecotone', 'isthmus'), [GENESIS.ecotone, GENESIS.fjord, GENESIS.karst]],
      isthmus: [['isthmus'], [GENESIS.karst]],
      jovian: [['jovian', 'karst'], [GENESIS.karst]],
    }
    for (const vector of vectors) {
      const data = hexToBytes(vector.calldata)
      t.equal(bytesToHex(data.subarray(0, 4)), selectors[vector.fork])
      t.equal(data.length, lengths[vector.fork])
      const raw = vector.depositTx ? hexToBytes(vector.depositTx) : deposit({ data })
      const { expected } = vector
      const [eras, names] = contracts[vector.fork]
      for (const fork of eras) {
        // A system transaction is one of Bedrock (D-06).
        if (decodeDeposit(raw).isSystemTx && fork !== 'bedrock') continue
        for (const name of names) {
          const test = await startReal(fork, name)
          const { receipts } = await nextBlock(test, [raw])
          const label = `${fork} ${name} ${vector.source}`
          t.equal(receipts[0].status, 1, label)
          const operator =
            BigInt(expected.operatorFeeScalar ?? 0) + BigInt(expected.operatorFeeConstant ?? 0)
          const footprint = BigInt(expected.daFootprintGasScalar ?? 0)
          t.strictSame(
            await parametersOf(test),
            {
              l1GasPrice: BigInt(expected.baseFee),
              ...(vector.fork === 'bedrock' && { l1FeeScalar: `${Number(expected.scalar) / 1e6}` }),
              ...(vector.fork !== 'bedrock' && {
                l1BlobBaseFee: BigInt(expected.blobBaseFee),
                l1BaseFeeScalar: BigInt(expected.baseFeeScalar),
                l1BlobBaseFeeScalar: BigInt(expected.blobBaseFeeScalar),
              }),
              ...(operator > 0n && {
                operatorFeeScalar: BigInt(expected.operatorFeeScalar),
                operatorFeeConstant: BigInt(expected.operatorFeeConstant),
              }),
              ...(vector.fork === 'jovian' && {
                daFootprintGasScalar: footprint,
                blobGasUsed: 100n * footprint,
              }),
              overhead:
                vector.fork === 'bedrock'
                  ? BigInt(expected.overhead) + (fork === 'bedrock' ? 1088n : 0n)
                  : undefined,
            },
            label,
          )
          if (expected.number) {
            const time = (await slot(test, 0)) >> 64n
            t.equal(BigInt.asUintN(64, await slot(test, 0)), BigInt(expected.number), 'number')
            t.equal(time, BigInt(expected.time), 'time')
            const sequence = BigInt.asUintN(64, await slot(test, 3))
            t.equal(sequence, BigInt(expected.sequenceNumber), 'sequence number')
          }
          if (expected.blockHash) t.equal(await slot(test, 2), BigInt(expected.blockHash), 'hash')
          if (expected.batcher) t.equal(await slot(test, 4), BigInt(expected.batcher), 'batcher')
        }
      }
    }
  },
)

t.test('only the depositor sets them (D-06, F-35)', { skip: noFixtures }, async (t) => {
  const { vectors } = readFixture('vectors/l1_attributes.json')
  for (const [fork, name] of [
    ['bedrock', GENESIS.bedrock],
    ['ecotone', GENESIS.ecotone],
    ['isthmus', GENESIS.karst],
    ['jovian', GENESIS.karst],
  ] as const) {
    const { calldata } = vectors.find((vector: JSONValue) => vector.fork === fork)
    const data = hexToBytes(calldata)
    const test = await startReal(fork, name)
    const before = await parametersOf(test)
    const from = createAddressFromString(SENDER)
    const { receipts } = await nextBlock(test, [
      deposit({ to: createAddressFromString(RECIPIENT) }),
      deposit({ from, data }),
      transaction({ nonce: 1, to: L1_BLOCK, data, gasLimit: 500_000n }),
    ])
    t.strictSame(
      receipts.map(({ status }) => status),
      [1, 0, 0],
      fork,
    )
    t.strictSame(await parametersOf(test), before, `${fork} parameters`)
  }
})

t.test('malformed attributes make no block invalid (F-48)', { skip: noFixtures }, async (t) => {
  const { errors } = readFixture('vectors/l1_attributes.json')
  t.equal(errors.length, 4)
  // Solidity's decoder reverts; the later setters read zeroes behind the end of their calldata.
  const outcomes: Record<string, [Fork, string, number, bigint]> = {
    '0x015d8eb9dead': ['regolith', GENESIS.bedrock, 0, 0xba15b67n],
    '0x440a5e20dead': ['ecotone', GENESIS.fjord, 1, 0n],
    '0x098999bedead': ['isthmus', GENESIS.karst, 1, 0n],
    '0x': ['isthmus', GENESIS.karst, 0, 0n],
  }
  for (const { calldata } of errors) {
    const [fork, name, status, l1GasPrice] = outcomes[calldata]
    const test = await startReal(fork, name)
    const { receipts } = await nextBlock(test, [deposit({ data: hexToBytes(calldata) })])
    t.equal(receipts[0].status, status, `${calldata} status`)
    t.strictSame(feeFields(receipts[0]), {}, `${calldata} fields`)
    const fields = await parametersOf(test)
    t.equal(fields.l1GasPrice, l1GasPrice, `${calldata} l1GasPrice`)
    if (status === 1) t.equal(fields.l1BaseFeeScalar, 0xdead0000n, `${calldata} l1BaseFeeScalar`)
  }
})

t.test(
  'the attributes of a block hold for its own transactions (F-07)',
  { skip: noFixtures },
  async (t) => {
    const test = await startReal('karst', GENESIS.karst)
    for (const nonce of [0, 1, 2]) {
      const p = {
        l1BaseFee: BigInt(nonce + 1) * GWEI,
        blobBaseFee: BigInt(nonce + 5),
        baseFeeScalar: 1368n,
        blobBaseFeeScalar: 810949n,
        operatorFeeScalar: 100n + BigInt(nonce),
        operatorFeeConstant: 7n * BigInt(nonce),
        daFootprintGasScalar: 400n + BigInt(nonce),
      }
      const raw = transaction({ nonce })
      const attributes = deposit({ data: packedAttributes('jovian', p) })
      const { receipts, deltas, header } = await settle(test, [attributes, raw])
      t.equal(receipts[0].status, 1)
      t.equal(receipts[1].l1GasPrice, p.l1BaseFee)
      t.equal(deltas.l1FeeVault, expectedL1Fee('karst', p, raw))
      t.equal(deltas.operatorFeeVault, 2_100_000n * p.operatorFeeScalar + p.operatorFeeConstant)
      t.equal(header.blobGasUsed, 100n * p.daFootprintGasScalar)
      t.equal(sum(Object.values(deltas)), 0n)
    }
  },
)

t.test(
  'activation blocks with attributes of the fork before (F-23, F-28, F-37, T-18)',
  { skip: noFixtures },
  async (t) => {
    const { vectors } = readFixture('vectors/l1_attributes.json')
    // Ecotone's, with an L1Block that does not know Ecotone yet.
    const bedrock = vectors.find((vector: JSONValue) => vector.fork === 'bedrock')
    for (const fork of ['ecotone', 'fjord'] as const) {
      const first = await startReal(fork, GENESIS.bedrock)
      const raw = transaction()
      const data = hexToBytes(bedrock.calldata)
      const { receipts } = await nextBlock(first, [deposit({ data }), raw])
      const gas = calldataGas(raw) + 188n
      t.strictSame(
        feeFields(receipts[1]),
        {
          l1GasPrice: 10419034451n,
          l1GasUsed: gas,
          l1Fee: (gas * 10419034451n * 684_000n) / 1_000_000n,
          l1FeeScalar: '0.684',
        },
        fork,
      )
    }
    // Isthmus's: no operator fee yet.
    const p = { ...GOLDEN, baseFeeScalar: 1368n, blobBaseFeeScalar: 810949n }
    for (const name of [GENESIS.fjord, GENESIS.holocene, GENESIS.karst]) {
      const second = await startReal('isthmus', name)
      const raw = transaction()
      const attributes = deposit({ data: packedAttributes('ecotone', p) })
      const { receipts, deltas } = await settle(second, [attributes, raw])
      t.equal(receipts[0].status, 1)
      t.equal(deltas.operatorFeeVault, 0n, 'no operator fee')
      t.equal(deltas.l1FeeVault, expectedL1Fee('isthmus', p, raw))
      t.notOk('operatorFeeScalar' in feeFields(receipts[1]))
      t.notOk('operatorFeeConstant' in feeFields(receipts[1]))
    }
    // Jovian's, deposits only (F-32).
    const third = await startReal('jovian', GENESIS.karst)
    const attributes = deposit({ data: packedAttributes('isthmus', GOLDEN) })
    const { header, receipts } = await nextBlock(third, [attributes])
    t.equal(receipts[0].status, 1)
    t.equal(header.blobGasUsed, 0n)
  },
)

/** Calls a function of the oracle on a copy of the state; the 32-byte result. */
async function askOracle({ state, chain, parent }: TestChain, selector: string, argument: string) {
  const { vm } = await createContext(parent, { chain, state })
  const { execResult } = await vm.evm.runCall({
    to: createAddressFromString(GAS_PRICE_ORACLE),
    data: hexToBytes(`0x${selector}${argument}`),
    gasLimit: 2n ** 40n,
  })
  if (execResult.exceptionError) throw new Error(`${execResult.exceptionError.error}`)
  return bytesToBigInt(execResult.returnValue)
}

/** getL1Fee(bytes) */
const oracleL1Fee = (test: TestChain, data: Uint8Array) => {
  const padded = new Uint8Array(Math.ceil(data.length / 32) * 32)
  padded.set(data)
  const argument = uint(32, 32) + uint(data.length, 32) + bytesToHex(padded).slice(2)
  return askOracle(test, '49948e0e', argument)
}

/** Transactions of a real block and inputs of the FastLZ vectors. */
const samples = (maxLength: number) => {
  const { transactions } = readFixture('blocks/block-121135704.json.gz').payloadAttributes
  const { asserted, parityInputs } = readFixture('vectors/flz.json')
  return [...transactions, ...[...asserted, ...parityInputs].map(({ input }: JSONValue) => input)]
    .map((raw: PrefixedHexString) => hexToBytes(raw))
    .filter(({ length }) => length <= maxLength)
}

t.test(
  'the GasPriceOracle of each era computes the same L1 fee (F-20…F-25, F-40)',
  { skip: noFixtures },
  async (t) => {
    const p = { ...GOLDEN, baseFeeScalar: 1368n, blobBaseFeeScalar: 810949n }
    const bedrock = readFixture('vectors/l1_attributes.json').vectors[0]
    const eras = [
      ['bedrock', GENESIS.bedrock, hexToBytes(bedrock.calldata)],
      ['ecotone', GENESIS.ecotone, packedAttributes('ecotone', p)],
      ['fjord', GENESIS.fjord, packedAttributes('ecotone', p)],
      ['karst', GENESIS.karst, packedAttributes('jovian', p)],
    ] as const
    for (const [fork, name, data] of eras) {
      const test = await startReal(fork, name)
      await nextBlock(test, [deposit({ data })])
      const l1Block = await readL1Block(test.state, RULES[fork])
      // FastLZ in the EVM takes its time.
      const inputs = isFrom(fork, 'fjord') ? samples(400).slice(-6) : samples(1200).slice(-12)
      for (const input of inputs) {
        // The oracle adds the 68 bytes of a signature, which Bedrock also adds to signed bytes.
        const signature = new Uint8Array(fork === 'bedrock' ? 0 : 68).fill(1)
        const signed = concatBytes(input, signature)
        const fee = await oracleL1Fee(test, input)
        if (isFrom(fork, 'fjord')) {
          const size = 836500n * BigInt(flzCompressLen(input) + 68) - 42585600n
          const price = 16n * GWEI * 1368n + 10_000_000n * 810949n
          const least = size > 100_000_000n ? size : 100_000_000n
          t.equal(fee, (least * price) / 10n ** 12n, `${fork} ${input.length} bytes`)
        } else {
          t.equal(fee, l1Fees(l1Block, RULES[fork], signed).l1Fee, `${fork} ${input.length} bytes`)
        }
      }
    }
  },
)

t.test(
  'FastLZ in Solidity makes the same lengths (F-25, T-21)',
  { skip: noFixtures },
  async (t) => {
    const test = await startReal('karst', GENESIS.karst)
    // With a price of 10¹² the fee is the size ×10⁶.
    const p = { l1BaseFee: 62_500_000_000n, baseFeeScalar: 1n }
    await nextBlock(test, [deposit({ data: packedAttributes('jovian', p) })])
    let seed = 7
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
      return (seed >>> 8) % below
    }
    // Enough to be above the smallest size.
    const prefix = Uint8Array.from({ length: 110 }, () => random(256))
    for (const alphabet of [2, 4, 16, 256]) {
      for (const length of [0, 150]) {
        const rest = Uint8Array.from({ length }, () => random(alphabet))
        const data = concatBytes(prefix, rest, prefix.subarray(10, 40), Uint8Array.of(1, 2, 3))
        const size = (await oracleL1Fee(test, data)) + 42585600n
        t.equal(size % 836500n, 0n)
        t.equal(size / 836500n - 68n, BigInt(flzCompressLen(data)), `${alphabet}, ${length} bytes`)
      }
    }
  },
)

t.test(
  'the GasPriceOracle computes the same operator fee (F-26, F-27, F-40)',
  { skip: noFixtures },
  async (t) => {
    const contracts = realContracts(GENESIS.karst, GAS_PRICE_ORACLE)
    for (const fork of ['isthmus', 'jovian', 'karst'] as const) {
      const oracle = contracts[GAS_PRICE_ORACLE]
      // In the real file all of its forks are active.
      t.equal(BigInt(oracle.storage![ORACLE_FORKS]), 0x1010101n)
      const active: PrefixedHexString = fork === 'isthmus' ? '0x010101' : '0x01010101'
      const storage = { ...oracle.storage, [ORACLE_FORKS]: active }
      const test = await startReal(fork, GENESIS.karst, {
        [GAS_PRICE_ORACLE]: { ...oracle, storage },
      })
      const data = packedAttributes(fork === 'isthmus' ? 'isthmus' : 'jovian', GOLDEN)
      await nextBlock(test, [deposit({ data })])
      const l1Block = await readL1Block(test.state, RULES[fork])
      for (const gas of [0n, 1n, 1618n, 21_000n, 999_999n, 30_000_000n, 2n ** 64n - 1n]) {
        const fee = operatorFee(l1Block, RULES[fork], gas)
        t.equal(await askOracle(test, '275aedd2', uint(gas, 32)), fee, `${fork} ${gas}`)
      }
    }
  },
)
