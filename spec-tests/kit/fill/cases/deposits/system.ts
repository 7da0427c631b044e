import { BARE, CONTRACT, NOBODY, NOBODY2, SENDERS, SENDER_BALANCE } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { forks } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** Deposits that are marked as system transactions. */
export const system: Topic = {
  path: 'deposits/system',
  pre: BARE,
  cases: [
    {
      name: 'the-l1-attributes-take-no-gas',
      description:
        'Before Regolith the L1 attributes deposit is a system transaction: its 150 million gas are not counted',
      rules: ['D-06', 'D-18'],
      forks: ['bedrock'],
      async fill(chain) {
        await chain.block()
        await chain.expectReceipts({ status: 1, gasUsed: 0n })
      },
    },
    {
      name: 'a-system-transaction-takes-no-gas',
      description:
        'A user’s deposit that is so marked, of more gas than the block has, and after one that takes all',
      rules: ['D-18'],
      forks: ['bedrock'],
      pre: { [CONTRACT]: { code: assemble('GAS 0 SSTORE') } },
      async fill(chain) {
        const all = deposit({ from: SENDERS[1], to: NOBODY, gas: 30_000_000n })
        const system = { from: SENDERS[1], isSystemTx: true, to: CONTRACT, gas: 40_000_000n }
        await chain.block({ transactions: [all, deposit({ ...system, mint: 2n, value: 1n })] })
        await chain.expectReceipts({ gasUsed: 30_000_000n }, { status: 1, gasUsed: 0n })
        await chain.expectState({
          [CONTRACT]: { balance: 1n, storage: { 0: 40_000_000n - 21_002n } },
        })
      },
    },
    {
      name: 'failing-system-transactions-before-regolith',
      description:
        'They revert, halt, lack ether or intrinsic gas: each fails, and is counted no gas',
      rules: ['D-13', 'D-14', 'D-18', 'T-37'],
      forks: ['bedrock'],
      disputed: 'failing-system-deposit-before-regolith',
      pre: { [CONTRACT]: { code: assemble('0 0 REVERT') } },
      async fill(chain) {
        const system = { from: NOBODY, isSystemTx: true, mint: 1n }
        await chain.block({
          transactions: [
            deposit({ ...system, to: CONTRACT }),
            deposit({ ...system, to: null, data: '0xfe' }),
            deposit({ ...system, to: NOBODY2, value: 100n }),
            deposit({ ...system, to: NOBODY2, gas: 20_999n }),
          ],
        })
        const failed = { status: 0, gasUsed: 0n }
        await chain.expectReceipts(failed, failed, failed, failed)
        await chain.expectState({ [NOBODY]: { balance: 4n, nonce: 4n } })
      },
    },
    {
      name: 'a-system-transaction-after-regolith',
      description:
        'It fails before it runs, with all its gas, and stays in the block with what it mints',
      rules: ['D-20'],
      forks: forks('regolith'),
      disputed: 'system-deposit-after-regolith',
      async fill(chain) {
        const fields = { from: SENDERS[1], to: NOBODY, mint: 7n, value: 3n, isSystemTx: true }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({
          [SENDERS[1]]: { balance: SENDER_BALANCE + 7n, nonce: 1n },
          [NOBODY]: { exists: false },
        })
      },
    },
  ],
}
