import { SENDERS } from '../../accounts.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** What random search has found; DISPUTED.md tells who does what. */
export const disputedTopics: Topic[] = [
  {
    path: 'disputed/found',
    cases: [
      {
        name: 'highest-timestamp',
        description:
          'A payload at the last second of 64 bits with a signed transaction is judged as any other: what its fork writes into the state by time makes it INVALID from Ecotone on',
        rules: ['E-21'],
        forks: ['bedrock', 'canyon', 'ecotone', 'isthmus', 'jovian'],
        disputed: 'crash-of-the-highest-timestamp',
        async fill(chain) {
          const fields = { transactions: [{ to: SENDERS[1] }] }
          await chain.probePayload(fields, { isRehashed: true }, ({ payload }) => {
            payload.timestamp = '0xffffffffffffffff'
          })
          await chain.block()
        },
      },
      {
        name: 'signed-transaction-between-deposits',
        description: 'The first block of Jovian holds deposits only, wherever a signed one stands',
        rules: ['I-14'],
        forks: ['isthmus'],
        times: { jovian: 1002 },
        disputed: 'signed-transaction-between-deposits-in-the-first-jovian-block',
        async fill(chain) {
          const last = deposit({ to: SENDERS[1] })
          await chain.refused(-38003, { transactions: [{ to: SENDERS[1] }, last] })
          await chain.block({ transactions: [last] })
        },
      },
    ],
  },
]
