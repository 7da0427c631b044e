import { L1_FEE_VAULT, NOBODY, OPERATOR_FEE_VAULT, l1Block } from '../../accounts.ts'
import { L1_BLOCK } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { l1AttributesDeposit } from '../../transactions.ts'

const ERAS: Fork[] = ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus', 'jovian', 'karst']

/** The L1 attributes deposit, from which fees come. */
export const attributes: Topic = {
  path: 'fees/attributes',
  cases: [
    {
      name: 'those-of-the-block-itself',
      description: 'Fees follow the attributes of their own block: each of three blocks has others',
      rules: ['D-06', 'F-07', 'F-35', 'F-36'],
      forks: ERAS,
      async fill(chain) {
        const transactions = [{ to: NOBODY }]
        await chain.block({ transactions, l1: { baseFee: 10n ** 9n, operatorFeeConstant: 1n } })
        const first = await chain.balanceOf(L1_FEE_VAULT)
        await chain.block({ transactions, l1: { baseFee: 10n ** 12n, operatorFeeScalar: 10n } })
        const second = await chain.balanceOf(L1_FEE_VAULT)
        chain.expect('the second fee is greater', second - first > 100n * first, true)
        await chain.block({ transactions, l1: { baseFee: 0n, blobBaseFee: 0n } })
        await chain.expectState({ [L1_FEE_VAULT]: { balance: second } })
      },
    },
    {
      name: 'changed-between-signed-transactions',
      description:
        'A second attributes deposit stands between two signed transactions: the block keeps the fees of the first',
      rules: ['F-07', 'T-49'],
      forks: ['regolith', 'ecotone', 'fjord', 'isthmus', 'jovian', 'karst'],
      async fill(chain, fork) {
        const tx = { to: NOBODY, type: 0 }
        const l1 = { baseFee: 10n ** 12n, operatorFeeConstant: 5n, operatorFeeScalar: 1_000_000n }
        const second = l1AttributesDeposit(fork, l1)
        await chain.block({ transactions: [tx, second, { ...tx, sender: 1 }] })
        // No operator fee is set in the first.
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance: 0n } })
      },
    },
    {
      name: 'changed-before-signed-transactions',
      description:
        'A second attributes deposit stands before the first signed transaction, which pays by it',
      rules: ['F-07'],
      forks: ['regolith', 'ecotone', 'fjord', 'isthmus', 'jovian', 'karst'],
      async fill(chain, fork) {
        const l1 = { baseFee: 10n ** 12n, operatorFeeConstant: 5n }
        const second = l1AttributesDeposit(fork, l1)
        await chain.block({ transactions: [second, { to: NOBODY }] })
        const isIsthmus = isFrom(fork, 'isthmus')
        await chain.expectState({ [OPERATOR_FEE_VAULT]: { balance: isIsthmus ? 5n : 0n } })
      },
    },
    {
      name: 'none-in-the-block',
      description: 'Without an attributes deposit the fees of the block before hold on',
      rules: ['F-07'],
      forks: ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus'],
      async fill(chain) {
        await chain.block({ l1: { baseFee: 10n ** 10n, operatorFeeConstant: 9n } })
        await chain.block({ transactions: [{ to: NOBODY }], hasL1Attributes: false })
        chain.expect('a fee', (await chain.balanceOf(L1_FEE_VAULT)) > 0n, true)
      },
    },
    {
      name: 'all-fields-at-their-most',
      description: 'Every field of the attributes has all its bits',
      rules: ['F-34', 'F-35', 'F-36', 'F-38'],
      forks: ERAS,
      pre: { [L1_BLOCK]: l1Block() },
      async fill(chain) {
        const [u32, u64, u256] = [32n, 64n, 256n].map((bits) => 2n ** bits - 1n)
        await chain.block({
          l1: {
            number: u64,
            time: u64,
            baseFee: u256,
            sequenceNumber: u64,
            overhead: u256,
            scalar: u256,
            blobBaseFee: u256,
            baseFeeScalar: u32,
            blobBaseFeeScalar: u32,
            operatorFeeScalar: u32,
            operatorFeeConstant: u64,
            daFootprintGasScalar: 65_535n,
          },
        })
        await chain.expectReceipts({ status: 1 })
      },
    },
  ],
}
