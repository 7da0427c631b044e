import { type PrefixedHexString, bytesToBigInt, hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import { createWitnessState, decodeDeposit, flzCompressLen } from '../src/index.ts'
import {
  type FeeParameters,
  balanceOf,
  expectedL1Fee,
  expectedOperatorFee,
  feeFields,
  sum,
} from './fee-helpers.ts'
import {
  BASE_FEE_VAULT,
  L1_FEE_VAULT,
  OPERATOR_FEE_VAULT,
  executeFixture,
  noFixtures,
  readFixture,
} from './helpers.ts'

/** The value of a field of the packed L1 attributes, from byte `start` to before `end` (F-36). */
const field = (data: Uint8Array, start: number, end: number) =>
  bytesToBigInt(data.subarray(start, end))

/** Parameters from the calldata of the first deposit of a block (F-35, F-36). */
function attributesOf(raw: Uint8Array): FeeParameters {
  const { data } = decodeDeposit(raw)
  if (data.length === 260) {
    return {
      l1BaseFee: field(data, 68, 100),
      overhead: field(data, 196, 228),
      scalar: field(data, 228, 260),
    }
  }
  return {
    baseFeeScalar: field(data, 4, 8),
    blobBaseFeeScalar: field(data, 8, 12),
    l1BaseFee: field(data, 36, 68),
    blobBaseFee: field(data, 68, 100),
    operatorFeeScalar: field(data, 164, 168),
    operatorFeeConstant: field(data, 168, 176),
    daFootprintGasScalar: field(data, 176, 178),
  }
}

t.test(
  'a real Jovian block has the footprint of its transactions (F-30…F-32)',
  { skip: noFixtures },
  (t) => {
    const { parentHeader, parentBlockTransactions, payloadAttributes, expectedHeader } =
      readFixture('blocks/block-37312300.json.gz')
    const footprint = (transactions: PrefixedHexString[]) => {
      const [attributes, ...signed] = transactions.map((raw) => hexToBytes(raw))
      const scalar = attributesOf(attributes).daFootprintGasScalar!
      const sizes = signed.map((raw) => {
        const size = (836500n * BigInt(flzCompressLen(raw)) - 42585600n) / 1_000_000n
        return size > 100n ? size : 100n
      })
      return scalar * sum(sizes)
    }
    t.equal(parentBlockTransactions.length, 18)
    t.equal(footprint(parentBlockTransactions), BigInt(parentHeader.blobGasUsed))
    t.equal(footprint(payloadAttributes.transactions), BigInt(expectedHeader.blobGasUsed))
    t.end()
  },
)

t.test(
  'fees of real blocks end up in the vaults (F-01, F-05, F-07)',
  { skip: noFixtures },
  async (t) => {
    for (const name of ['109279675', '121049889', '10211000', '37312300']) {
      const file = readFixture(`blocks/block-${name}.json.gz`)
      const { header, receipts, state, chain, parent, attributes } = await executeFixture(file)
      const { common } = chain.rules(parent)
      const before = createWitnessState(common, parent.stateRoot, file.preimages)
      const rules = chain.rules(header)
      const raws = attributes.transactions!.map((raw) => hexToBytes(raw as PrefixedHexString))
      const p = attributesOf(raws[0])
      let [l1Fee, base, operator] = [0n, 0n, 0n]
      for (const [index, receipt] of receipts.entries()) {
        if (receipt.type === 0x7e) {
          t.strictSame(feeFields(receipt), {}, `${name} ${index}`)
          continue
        }
        const expected = expectedL1Fee(rules.fork, p, raws[index])
        t.equal(receipt.l1Fee, expected, `${name} ${index}`)
        t.equal(receipt.l1GasPrice, p.l1BaseFee, `${name} ${index}`)
        l1Fee += expected
        base += receipt.gasUsed * header.baseFeePerGas!
        operator += expectedOperatorFee(rules.fork, p, receipt.gasUsed)
      }
      t.ok(l1Fee > 0n)
      const delta = async (address: string) =>
        (await balanceOf(state, address)) - (await balanceOf(before, address))
      t.equal(await delta(L1_FEE_VAULT), l1Fee, `${name} L1FeeVault`)
      t.equal(await delta(BASE_FEE_VAULT), base, `${name} BaseFeeVault`)
      if (operator > 0n)
        t.equal(await delta(OPERATOR_FEE_VAULT), operator, `${name} OperatorFeeVault`)
    }
  },
)
