import { BARE, CONTRACT, NOBODY, NOBODY2, SENDERS, word } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** Clears the slots 1…5. */
const CLEARING = assemble([1, 2, 3, 4, 5].map((slot) => `0 ${slot} SSTORE`).join(' '))
const FIVE = Object.fromEntries([1, 2, 3, 4, 5].map((slot) => [word(slot), word(1)]))

/** 20 million gas, of which a call to an account without code needs 21,000. */
const big = (index = 0) => deposit({ from: SENDERS[1], to: NOBODY, gas: 20_000_000n, index })

/** What deposits take from the gas of their block. */
export const gas: Topic = {
  path: 'deposits/gas',
  pre: BARE,
  cases: [
    {
      name: 'used-gas-of-a-transfer',
      description: 'Before Regolith a deposit uses all gas that it has, then what it needs',
      rules: ['D-16', 'D-17', 'D-19', 'X-14'],
      async fill(chain, fork) {
        await chain.block({
          transactions: [deposit({ from: SENDERS[1], to: NOBODY, gas: 70_000n })],
        })
        const gasUsed = isFrom(fork, 'regolith') ? 21_000n : 70_000n
        await chain.expectReceipts({ status: 1, gasUsed })
      },
    },
    {
      name: 'refund-for-cleared-slots',
      description:
        'Clearing five slots is refunded 4,800 gas each, at most a fifth of what was used; before Regolith nothing is',
      rules: ['D-17', 'D-19', 'T-36'],
      forks: ['bedrock', 'regolith', 'canyon', 'isthmus', 'karst'],
      pre: { [CONTRACT]: { code: CLEARING, storage: FIVE } },
      async fill(chain, fork) {
        await chain.block({ transactions: [deposit({ to: CONTRACT })] })
        const spent = 21_000n + 5n * (6n + 5_000n)
        const gasUsed = isFrom(fork, 'regolith') ? spent - spent / 5n : 100_000n
        await chain.expectReceipts({ status: 1, gasUsed })
      },
    },
    {
      name: 'refund-and-calldata-floor',
      description:
        'From Isthmus on a deposit uses at least the floor of its calldata, also after a refund (EIP-7623)',
      rules: ['D-09', 'D-19'],
      forks: ['holocene', 'isthmus', 'karst'],
      pre: { [CONTRACT]: { code: CLEARING, storage: FIVE } },
      async fill(chain, fork) {
        const data = `0x${'22'.repeat(600)}`
        await chain.block({ transactions: [deposit({ to: CONTRACT, data })] })
        const spent = 21_000n + 600n * 16n + 5n * (6n + 5_000n)
        const floor = 21_000n + 600n * 4n * 10n
        const refunded = spent - 24_000n > spent - spent / 5n ? spent - 24_000n : spent - spent / 5n
        const isFloor = isFrom(fork, 'isthmus') && floor > refunded
        await chain.expectReceipts({ status: 1, gasUsed: isFloor ? floor : refunded })
      },
    },
    {
      name: 'the-floor-counts-for-the-block',
      description:
        'A deposit takes the floor of its calldata from the gas of the block; the next may have the rest, and not a unit more',
      rules: ['D-15', 'D-16', 'D-19'],
      forks: ['isthmus'],
      async fill(chain) {
        const data = `0x${'22'.repeat(1000)}`
        const floor = 21_000n + 40_000n
        const first = deposit({ to: NOBODY, data, gas: 100_000n })
        const rest = 1_000_000n - floor
        const second = (gas: bigint) => deposit({ to: NOBODY, gas })
        const fields = { hasL1Attributes: false, attributes: { gasLimit: '0xf4240' } }
        await chain.invalid('the block has less gas', {
          ...fields,
          transactions: [first, second(rest + 1n)],
        })
        await chain.block({ ...fields, transactions: [first, second(rest)] })
      },
    },
    {
      name: 'unused-gas-is-for-the-next',
      description:
        'Two deposits of 20 million gas each in a block of 30 million: from Regolith on what the first does not use is left for the second',
      rules: ['D-15', 'D-16'],
      forks: ['regolith', 'canyon', 'isthmus', 'karst'],
      async fill(chain) {
        await chain.block({ transactions: [big(), big(1)] })
        await chain.expectReceipts({ gasUsed: 21_000n }, { gasUsed: 21_000n })
      },
    },
    {
      name: 'unused-gas-is-lost-before-regolith',
      description: 'Two deposits of 20 million gas each do not fit into a block of 30 million',
      rules: ['D-15', 'D-17'],
      forks: ['bedrock'],
      disputed: 'deposit-gas-before-regolith',
      async fill(chain) {
        await chain.invalid('the block has less gas', { transactions: [big(), big(1)] })
        await chain.block({ transactions: [big()] })
        await chain.expectReceipts({ gasUsed: 20_000_000n })
      },
    },
    {
      name: 'a-failed-deposit-returns-no-gas',
      description:
        'A deposit with 20 million gas fails before it runs: it uses all of them, and a second one does not fit',
      rules: ['D-14', 'D-15', 'D-16'],
      forks: ['regolith', 'canyon', 'isthmus', 'karst'],
      async fill(chain) {
        const poor = deposit({ from: NOBODY2, to: NOBODY, value: 1n, gas: 20_000_000n })
        await chain.invalid('the block has less gas', { transactions: [poor, big()] })
        await chain.block({ transactions: [big(), poor] })
        await chain.expectReceipts({ gasUsed: 21_000n }, { status: 0, gasUsed: 20_000_000n })
      },
    },
    {
      name: 'all-the-gas-of-the-block',
      description: 'A deposit may have the whole gas limit of its block, and not a unit more',
      rules: ['D-15'],
      forks: ['regolith', 'canyon', 'ecotone', 'isthmus'],
      async fill(chain) {
        const fields = { hasL1Attributes: false, attributes: { gasLimit: '0x2faf080' } }
        const all = (gas: bigint) => deposit({ from: SENDERS[1], to: NOBODY, gas })
        await chain.invalid('the block has less gas', {
          ...fields,
          transactions: [all(50_000_001n)],
        })
        await chain.block({ ...fields, transactions: [all(50_000_000n)] })
      },
    },
    {
      name: 'a-deposit-above-2-to-the-24-gas',
      description:
        'The cap on the gas of a transaction at Karst (EIP-7825) is not for deposits, neither for what their code has',
      rules: ['D-08', 'D-23', 'H-15', 'T-34'],
      forks: ['jovian', 'karst'],
      pre: { [CONTRACT]: { code: assemble('GAS 0 SSTORE') } },
      async fill(chain) {
        const gas = 2n ** 24n + 1n
        await chain.block({ transactions: [deposit({ to: CONTRACT, gas })] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({ [CONTRACT]: { storage: { 0: gas - 21_002n } } })
      },
    },
    {
      name: 'code-with-above-2-to-the-24-gas',
      description: 'The code that a deposit of 20 million gas calls has all of it but 21,000',
      rules: ['D-23', 'H-15', 'T-34'],
      forks: ['karst'],
      disputed: 'deposit-gas-above-2-24',
      pre: { [CONTRACT]: { code: assemble('GAS 0 SSTORE') } },
      async fill(chain) {
        await chain.block({ transactions: [deposit({ to: CONTRACT, gas: 20_000_000n })] })
        await chain.expectState({ [CONTRACT]: { storage: { 0: 20_000_000n - 21_002n } } })
      },
    },
    {
      name: 'a-deposit-that-uses-above-2-to-the-24-gas',
      description: 'A deposit of 20 million gas that halts has used all of it, also at Karst',
      rules: ['D-13', 'D-23', 'T-34'],
      forks: ['jovian', 'karst'],
      pre: { [CONTRACT]: { code: assemble('INVALID') } },
      async fill(chain) {
        await chain.block({ transactions: [deposit({ to: CONTRACT, gas: 20_000_000n })] })
        await chain.expectReceipts({ status: 0, gasUsed: 20_000_000n })
      },
    },
    {
      name: 'gas-of-the-block-with-all-kinds',
      description: 'Deposits and signed transactions share the gas of the block, which is all used',
      rules: ['D-15', 'D-16', 'X-14'],
      forks: ['regolith', 'isthmus', 'karst'],
      async fill(chain) {
        const mint = { transactions: [deposit({ from: SENDERS[1], to: NOBODY, mint: 1n })] }
        // The first attributes fill slots, which costs more.
        await chain.block()
        const payload = await chain.block(mint)
        const used = BigInt(payload.gasUsed as string)
        // The gas limit leaves just enough for the second transaction.
        const limit = (gas: bigint) => ({ gasLimit: `0x${gas.toString(16)}` })
        const transactions = [
          deposit({ from: SENDERS[1], to: NOBODY, mint: 1n }),
          { sender: 0, to: NOBODY, gasLimit: 800_000n },
          { sender: 0, to: NOBODY, gasLimit: 1_000_000n },
        ]
        const total = used + 21_000n + 1_000_000n
        await chain.invalid('the block has less gas', {
          transactions,
          attributes: limit(total - 1n),
        })
        await chain.block({ transactions, attributes: limit(total) })
      },
    },
  ],
}
