import { CONTRACT, SENDERS } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

const REVERTING = { [CONTRACT]: { code: assemble('0 0 REVERT') } }

/** Deposits that fail stay in their block. */
export const failures: Topic = {
  path: 'deposits/failures',
  cases: [
    {
      name: 'a-reverting-deposit-keeps-its-mint',
      description:
        'The call of a deposit reverts: its value goes back, what it mints stays, and its nonce rises',
      rules: ['D-14', 'D-15'],
      pre: REVERTING,
      async fill(chain) {
        const fields = { from: SENDERS[1], to: CONTRACT, mint: 7n, value: 3n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.block({ transactions: [{ sender: 1, to: SENDERS[2], value: 1n }] })
      },
    },
    {
      name: 'a-signed-transaction-with-a-wrong-nonce-is-refused',
      description: 'A forced signed transaction must be valid, else there is no such block',
      rules: ['E-24'],
      async fill(chain) {
        await chain.invalid('nonce', { transactions: [{ nonce: 5n, to: SENDERS[2] }] })
        await chain.block()
        await chain.altered({ error: 'gasUsed' }, {}, ({ payload }) => {
          payload.gasUsed = '0x1'
        })
        await chain.built()
      },
    },
  ],
}
