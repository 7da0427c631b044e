import { BARE, CONTRACT, NOBODY, SENDERS } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { forks } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** Where deposits stand in a block. */
export const blocks: Topic = {
  path: 'deposits/blocks',
  pre: BARE,
  cases: [
    {
      name: 'a-deposit-after-a-signed-transaction',
      description: 'The execution layer lets deposits stand anywhere behind the first one',
      rules: ['D-36'],
      async fill(chain) {
        await chain.block({
          transactions: [
            { sender: 0, to: NOBODY, value: 1n },
            deposit({ from: SENDERS[1], to: NOBODY, value: 2n }),
            { sender: 0, to: NOBODY, value: 4n },
          ],
        })
        await chain.expectState({ [NOBODY]: { balance: 7n } })
      },
    },
    {
      name: 'no-transaction-at-all',
      description: 'Before Jovian a block without any transaction is valid',
      rules: ['D-37'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone', 'fjord', 'holocene', 'isthmus'],
      async fill(chain) {
        await chain.block({ hasL1Attributes: false })
      },
    },
    {
      name: 'no-transaction-at-all-from-jovian',
      description: 'From Jovian on the first transaction must be a deposit, so there must be one',
      rules: ['D-37', 'F-32'],
      forks: ['jovian', 'karst'],
      async fill(chain) {
        await chain.invalid('no deposit', { hasL1Attributes: false })
      },
    },
    {
      name: 'a-signed-transaction-first',
      description: 'Before Jovian a block may begin with a signed transaction',
      rules: ['D-36'],
      forks: ['bedrock', 'regolith', 'ecotone', 'isthmus'],
      async fill(chain) {
        const transactions = [
          { sender: 0, to: NOBODY, value: 1n },
          deposit({ from: SENDERS[1], to: NOBODY, value: 2n }),
        ]
        await chain.block({ hasL1Attributes: false, transactions })
        await chain.expectState({ [NOBODY]: { balance: 3n } })
      },
    },
    {
      name: 'a-signed-transaction-first-from-jovian',
      description: 'From Jovian on a block begins with a deposit',
      rules: ['D-36', 'D-37'],
      forks: ['jovian', 'karst'],
      async fill(chain) {
        const transactions = [
          { sender: 0, to: NOBODY, value: 1n },
          deposit({ from: SENDERS[1], to: NOBODY, value: 2n }),
        ]
        await chain.invalid('no deposit', { hasL1Attributes: false, transactions })
      },
    },
    {
      name: 'another-deposit-first',
      description: 'Before Jovian nothing looks at what the first deposit is',
      rules: ['D-36'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone', 'isthmus'],
      async fill(chain) {
        const transactions = [deposit({ from: SENDERS[1], to: NOBODY, value: 2n })]
        await chain.block({ hasL1Attributes: false, transactions })
      },
    },
    {
      name: 'another-deposit-first-from-jovian',
      description:
        'The first deposit is not the L1 attributes: the DA footprint takes its scalar from storage',
      rules: ['D-37', 'F-32'],
      forks: ['jovian', 'karst'],
      disputed: 'jovian-first-deposit',
      async fill(chain) {
        const transactions = [
          deposit({ from: SENDERS[1], to: NOBODY, value: 2n }),
          { sender: 0, to: NOBODY, value: 1n },
        ]
        await chain.block({ hasL1Attributes: false, transactions })
      },
    },
    {
      name: 'only-another-deposit-from-jovian',
      description: 'The only transaction is a deposit that is not the L1 attributes',
      rules: ['D-37', 'F-32'],
      forks: ['jovian', 'karst'],
      disputed: 'jovian-first-deposit',
      async fill(chain) {
        const transactions = [deposit({ from: SENDERS[1], to: NOBODY, value: 2n })]
        await chain.block({ hasL1Attributes: false, transactions })
      },
    },
    {
      name: 'a-hundred-deposits',
      description: 'A block of many deposits, each of which changes what the next one sees',
      rules: ['D-10', 'D-16'],
      forks: ['regolith', 'karst'],
      pre: { [CONTRACT]: { code: assemble('0 SLOAD 1 ADD 0 SSTORE') } },
      async fill(chain) {
        const transactions = [...Array(100).keys()].map((index) =>
          deposit({ from: SENDERS[index % 4], to: CONTRACT, index }),
        )
        await chain.block({ transactions })
        await chain.expectState({ [CONTRACT]: { storage: { 0: 100n } } })
      },
    },
    {
      name: 'attributes-twice',
      description: 'A second L1 attributes deposit in a block runs as well',
      rules: ['D-05', 'D-06'],
      forks: forks('regolith'),
      async fill(chain) {
        const { attributes } = chain.attributes()
        const [first] = attributes.transactions as string[]
        await chain.block({ transactions: [first] })
        await chain.expectReceipts({ status: 1 }, { status: 1 })
      },
    },
  ],
}
