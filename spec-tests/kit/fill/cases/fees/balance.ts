import {
  BASE_FEE_VAULT,
  L1_FEE_VAULT,
  type L1Storage,
  NOBODY,
  OPERATOR_FEE_VAULT,
  SENDERS,
  SEQUENCER_FEE_VAULT,
} from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { type SignedFields, signed } from '../../transactions.ts'
import { calldataGas, fixedFees, withBalance } from './helpers.ts'

const ERAS: Fork[] = ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus', 'jovian', 'karst']

const L1: L1Storage = {
  baseFee: 10n ** 12n,
  overhead: 100n,
  scalar: 1_000_000n,
  blobBaseFee: 1_000n,
  baseFeeScalar: 1_000_000n,
  blobBaseFeeScalar: 3n,
  operatorFeeScalar: 5_000_000n,
  operatorFeeConstant: 12_345n,
  daFootprintGasScalar: 400n,
}

/** Transactions of SENDERS[3], of more gas than they need, at a price above the base fee. */
const TRANSACTIONS: Record<string, SignedFields> = {
  'a-legacy-transaction': { type: 0, gasPrice: 2n * 10n ** 9n },
  'a-dynamic-fee-transaction': { type: 2, maxFeePerGas: 5n * 10n ** 9n, maxPriorityFeePerGas: 7n },
}

/** All that the transaction can cost, in wei, by the words of the specification. */
function costOf(fork: Fork, fields: SignedFields): bigint {
  const gas = BigInt(fields.gasLimit!)
  const calldata = calldataGas(signed(fields))
  const bedrock = isFrom(fork, 'regolith') ? 0n : 68n * 16n
  // 16 · 10¹² · 10⁶ + 1000 · 3; the transaction is small, so that from Fjord on it is 100 bytes.
  const price = 16n * 10n ** 18n + 3_000n
  let cost = BigInt(fields.value!) + gas * BigInt(fields.maxFeePerGas ?? fields.gasPrice!)
  if (isFrom(fork, 'fjord')) cost += (100n * price) / 10n ** 6n
  else if (isFrom(fork, 'ecotone')) cost += (calldata * price) / 16_000_000n
  else cost += (calldata + bedrock + 100n) * 10n ** 12n
  if (isFrom(fork, 'jovian')) cost += gas * 500_000_000n + 12_345n
  else if (isFrom(fork, 'isthmus')) cost += gas * 5n + 12_345n
  return cost
}

const cases = Object.entries(TRANSACTIONS).flatMap(([name, rest]): Case[] => {
  const fields = { sender: 3, to: NOBODY, gasLimit: 50_000n, value: 17n, ...rest }
  const pre = (fork: Fork, less: bigint) => ({
    pre: { ...fixedFees(L1), [SENDERS[3]]: withBalance(costOf(fork, fields) - less) },
  })
  return [
    {
      name: `just-enough-for-${name}`,
      description:
        'The sender has exactly value, gas limit at the highest price, L1 fee and operator fee for the gas limit',
      rules: ['F-03', 'F-05'],
      forks: ERAS,
      chain: (fork) => pre(fork, 0n),
      async fill(chain) {
        await chain.block({ transactions: [fields] })
        await chain.expectReceipts({ status: 1, gasUsed: 21_000n })
      },
    },
    {
      name: `one-wei-too-little-for-${name}`,
      description: 'The sender has a wei less than that: no block holds the transaction',
      rules: ['F-03'],
      forks: ERAS,
      chain: (fork) => pre(fork, 1n),
      fill: (chain) => chain.invalid('not enough ether', { transactions: [fields] }),
    },
  ]
})

/** What senders must have, and where it goes. */
export const balance: Topic = {
  path: 'fees/balance',
  cases: [
    ...cases,
    {
      name: 'the-fee-of-l1-is-not-there',
      description: 'The sender could pay for all but the fee of L1',
      rules: ['F-03'],
      forks: ['bedrock', 'ecotone', 'fjord', 'karst'],
      pre: { ...fixedFees(L1), [SENDERS[3]]: withBalance(50_000n * 10n ** 10n) },
      async fill(chain) {
        const transactions = [{ sender: 3, to: NOBODY, gasLimit: 50_000n }]
        await chain.invalid('not enough ether', { transactions })
      },
    },
    {
      name: 'vaults',
      description:
        'Tip to the coinbase, base fee to its vault, fees of L1 and operator to theirs: what the senders lose',
      rules: ['B-13', 'F-05', 'I-11'],
      forks: ERAS,
      pre: fixedFees(L1),
      async fill(chain, fork) {
        const payload = await chain.block({
          transactions: [
            { to: NOBODY, gasLimit: 21_000n, maxPriorityFeePerGas: 10n ** 9n, value: 3n },
            { sender: 1, to: NOBODY, gasLimit: 90_000n, type: 0, gasPrice: 2n * 10n ** 9n },
          ],
        })
        const baseFee = BigInt(payload.baseFeePerGas as string)
        await chain.expectState({
          [BASE_FEE_VAULT]: { balance: 42_000n * baseFee },
          [SEQUENCER_FEE_VAULT]: {
            balance: 21_000n * 10n ** 9n + 21_000n * (2n * 10n ** 9n - baseFee),
          },
          ...(!isFrom(fork, 'isthmus') && { [OPERATOR_FEE_VAULT]: { exists: false } }),
        })
        let lost = -3n
        for (const sender of SENDERS) lost += 10n ** 21n - (await chain.balanceOf(sender))
        const vaults = [BASE_FEE_VAULT, SEQUENCER_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT]
        for (const vault of vaults) lost -= await chain.balanceOf(vault)
        chain.expect('what is lost', lost, 0n)
      },
    },
    {
      name: 'odd-coinbase',
      description: 'The coinbase is the sender, then each of the vaults',
      rules: ['F-05', 'X-04'],
      forks: ['bedrock', 'canyon', 'isthmus', 'karst'],
      pre: fixedFees(L1),
      async fill(chain) {
        const vaults = [SENDERS[0], BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT]
        for (const suggestedFeeRecipient of vaults) {
          await chain.block({
            transactions: [{ to: NOBODY, maxPriorityFeePerGas: 10n ** 8n, gasLimit: 60_000n }],
            attributes: { suggestedFeeRecipient },
          })
        }
      },
    },
    {
      name: 'a-transaction-to-a-vault',
      description: 'A vault is sent ether in the transaction whose fee it gets',
      rules: ['F-05'],
      forks: ['bedrock', 'ecotone', 'isthmus', 'karst'],
      pre: fixedFees(L1),
      async fill(chain) {
        const vaults = [BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT, SEQUENCER_FEE_VAULT]
        await chain.block({ transactions: vaults.map((to) => ({ to, value: 1n })) })
      },
    },
    {
      name: 'the-second-cannot-pay',
      description: 'Two transactions of one sender, who has the fees of one and a half',
      rules: ['F-03'],
      forks: ['regolith', 'isthmus', 'karst'],
      chain: (fork) => {
        const fields = { ...TRANSACTIONS['a-legacy-transaction'], gasLimit: 50_000n, value: 17n }
        const cost = costOf(fork, { ...fields, sender: 3, to: NOBODY })
        return { pre: { ...fixedFees(L1), [SENDERS[3]]: withBalance(cost + 100_000n) } }
      },
      async fill(chain) {
        const fields = {
          ...TRANSACTIONS['a-legacy-transaction'],
          sender: 3,
          to: NOBODY,
          gasLimit: 50_000n,
          value: 17n,
        }
        await chain.invalid('not enough ether', { transactions: [fields, fields] })
        await chain.block({ transactions: [fields] })
      },
    },
  ],
}
