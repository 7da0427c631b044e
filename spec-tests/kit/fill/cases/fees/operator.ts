import {
  CONTRACT,
  type L1Storage,
  NOBODY,
  OPERATOR_FEE_VAULT,
  SENDERS,
  SENDER_BALANCE,
  word,
} from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'
import { fixedFees, repeat } from './helpers.ts'

const ERAS: Fork[] = ['isthmus', 'jovian', 'karst']

const FEE: L1Storage = {
  operatorFeeScalar: 1_234_567n,
  operatorFeeConstant: 9_999n,
  daFootprintGasScalar: 400n,
}

/** Wei of the operator fee, by the words of the specification. */
function feeOf(
  fork: Fork,
  gas: bigint,
  { operatorFeeScalar = 0n, operatorFeeConstant = 0n } = FEE,
) {
  const scaled = gas * operatorFeeScalar
  return (isFrom(fork, 'jovian') ? scaled * 100n : scaled / 1_000_000n) + operatorFeeConstant
}

/** The greatest scalar and constant. */
const MOST: L1Storage = {
  operatorFeeScalar: 2n ** 32n - 1n,
  operatorFeeConstant: 2n ** 64n - 1n,
  daFootprintGasScalar: 400n,
}

/** What the operator gets. */
export const operator: Topic = {
  path: 'fees/operator',
  cases: [
    {
      name: 'formula',
      description:
        'Isthmus divides gas · scalar by a million, Jovian multiplies it by a hundred; the constant is added',
      rules: ['F-05', 'F-26', 'F-27', 'F-34'],
      forks: ERAS,
      pre: fixedFees(FEE),
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: NOBODY, gasLimit: 21_000n, value: 1n }] })
        // 21,000 · 1,234,567 = 25,925,907,000
        const isthmus = 25_925n + 9_999n
        const jovian = 2_592_590_700_000n + 9_999n
        const balance = isFrom(fork, 'jovian') ? jovian : isthmus
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance } })
      },
    },
    {
      name: 'not-before-isthmus',
      description: 'The slot of the operator fee says nothing before Isthmus',
      rules: ['F-01', 'F-26'],
      forks: ['ecotone', 'holocene'],
      pre: fixedFees(FEE),
      async fill(chain) {
        await chain.block({ transactions: [{ to: NOBODY, value: 1n }] })
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { exists: false } })
      },
    },
    {
      name: 'unset',
      description: 'With scalar and constant 0 there is no fee, and no account of the vault',
      rules: ['F-28'],
      forks: ERAS,
      pre: fixedFees({ daFootprintGasScalar: 400n }),
      async fill(chain) {
        await chain.block({ transactions: [{ to: NOBODY, value: 1n }] })
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { exists: false } })
      },
    },
    {
      name: 'constant-only',
      description: 'Without a scalar every transaction pays the constant',
      rules: ['F-26', 'F-27'],
      forks: ERAS,
      pre: fixedFees({ operatorFeeConstant: 77n, daFootprintGasScalar: 400n }),
      async fill(chain) {
        await chain.block({ transactions: [{ to: NOBODY }, { sender: 1, to: NOBODY, type: 0 }] })
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance: 154n } })
      },
    },
    {
      name: 'scalar-only',
      description: 'With a scalar of 1 Isthmus rounds down to 0, and Jovian takes 100 wei a gas',
      rules: ['F-26', 'F-27'],
      forks: ERAS,
      pre: fixedFees({ operatorFeeScalar: 1n, daFootprintGasScalar: 400n }),
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: NOBODY, gasLimit: 1_500_000n }] })
        const balance = isFrom(fork, 'jovian') ? 2_100_000n : 0n
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance } })
      },
    },
    {
      name: 'greatest-parameters',
      description: 'Scalar and constant have all their bits: the fee does not fit into 64 bits',
      rules: ['F-29', 'F-34', 'T-08', 'T-42'],
      forks: ERAS,
      pre: fixedFees(MOST),
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: NOBODY, gasLimit: 5_000_000n }] })
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance: feeOf(fork, 21_000n, MOST) } })
      },
    },
    {
      name: 'unused-gas-is-refunded',
      description: 'The fee is paid for the gas limit, and what was not used is given back',
      rules: ['F-03', 'F-05', 'F-06'],
      forks: ERAS,
      pre: fixedFees(FEE),
      async fill(chain, fork) {
        const fields = { gasLimit: 1_000_000n, type: 0, gasPrice: 10n ** 9n }
        const payload = await chain.block({ transactions: [{ ...fields, to: NOBODY }] })
        const fee = feeOf(fork, 21_000n)
        const price = 21_000n * 10n ** 9n
        chain.expect('base fee', BigInt(payload.baseFeePerGas as string) < 10n ** 9n, true)
        await chain.expectState({
          [OPERATOR_FEE_VAULT]: { balance: fee },
          [SENDERS[0]]: { balance: SENDER_BALANCE - price - fee },
        })
      },
    },
    {
      name: 'gas-after-refund',
      description: 'The gas is that after the refund for cleared slots',
      rules: ['F-06', 'T-07'],
      forks: ERAS,
      pre: {
        ...fixedFees(FEE),
        [CONTRACT]: { code: assemble('0 0 SSTORE'), storage: { [word(0)]: word(1) } },
      },
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: CONTRACT }] })
        const gasUsed = 21_000n + 5_006n - 4_800n
        await chain.expectReceipts({ status: 1, gasUsed })
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance: feeOf(fork, gasUsed) } })
      },
    },
    {
      name: 'gas-after-floor',
      description: 'The gas is that of the calldata floor, where this is more',
      rules: ['F-06', 'T-07'],
      forks: ERAS,
      pre: fixedFees(FEE),
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: NOBODY, data: repeat('11', 500) }] })
        const gasUsed = 21_000n + 500n * 40n
        await chain.expectReceipts({ status: 1, gasUsed })
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance: feeOf(fork, gasUsed) } })
      },
    },
    {
      name: 'failing-transactions',
      description: 'One that reverts pays for the gas until then, one that halts for all',
      rules: ['F-05', 'F-06'],
      forks: ERAS,
      pre: { ...fixedFees(FEE), [CONTRACT]: { code: assemble('0 0 REVERT') } },
      async fill(chain, fork) {
        await chain.block({
          transactions: [{ to: CONTRACT }, { to: null, data: '0xfe', gasLimit: 200_000n }],
        })
        const balance = feeOf(fork, 21_006n) + feeOf(fork, 200_000n)
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance } })
      },
    },
    {
      name: 'nothing-for-deposits',
      description: 'A deposit of more gas than it uses pays no fee and is given none back',
      rules: ['D-12', 'F-01', 'T-06'],
      forks: ERAS,
      pre: fixedFees(MOST),
      async fill(chain) {
        await chain.block({
          transactions: [deposit({ from: SENDERS[1], to: NOBODY, gas: 5_000_000n })],
        })
        await chain.expectState({
          [OPERATOR_FEE_VAULT]: { exists: false },
          [SENDERS[1]]: { balance: SENDER_BALANCE },
        })
      },
    },
  ],
}
