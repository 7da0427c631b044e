import { BARE, CONTRACT, SENDERS, word } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { type SignedFields, authorize } from '../../transactions.ts'

const SOME: Fork[] = ['bedrock', 'ecotone', 'isthmus', 'karst']

/** A transaction that no fork has, or that only forks from one on have. */
const typeCase = (fields: {
  name: string
  description: string
  rules: string[]
  forks: Fork[]
  tx: () => SignedFields | string
  isValid: (fork: Fork) => boolean
}): Case => {
  const { tx, isValid, ...rest } = fields
  return {
    ...rest,
    pre: BARE,
    async fill(chain, fork) {
      const transactions = [tx()]
      if (isValid(fork)) await chain.block({ transactions })
      else await chain.invalid('the type of a transaction', { transactions })
      await chain.block({ transactions: [{ to: SENDERS[1], sender: 3 }] })
    },
  }
}

/** Nothing but the byte of a type and an empty list. */
const ofType = (type: string) => () => `0x${type}c0`

const BLOB: SignedFields = {
  type: 3,
  to: SENDERS[1],
  maxFeePerBlobGas: 1n,
  blobVersionedHashes: [`0x01${'00'.repeat(31)}`],
}

/** Types of transactions. */
export const types: Topic = {
  path: 'forks/types',
  cases: [
    typeCase({
      name: 'legacy-without-a-chain-id',
      description: 'A legacy transaction signed without a chain id is valid in a block',
      rules: ['R-12'],
      forks: ['bedrock', 'karst'],
      tx: () => ({ type: 0, chainId: 0n, to: SENDERS[1] }),
      isValid: () => true,
    }),
    typeCase({
      name: 'legacy',
      description: 'A legacy transaction is valid',
      rules: ['H-01'],
      forks: ['bedrock', 'karst'],
      tx: () => ({ type: 0, to: SENDERS[1] }),
      isValid: () => true,
    }),
    typeCase({
      name: 'access-list',
      description: 'A transaction with an access list (EIP-2930) is valid',
      rules: ['H-01'],
      forks: ['bedrock', 'karst'],
      tx: () => ({
        type: 1,
        to: SENDERS[1],
        accessList: [{ address: CONTRACT, storageKeys: [word(1), word(2)] }],
      }),
      isValid: () => true,
    }),
    {
      name: 'blob',
      description: 'A payload with a blob transaction is invalid at every fork',
      rules: ['R-01', 'H-05'],
      forks: SOME,
      pre: BARE,
      async fill(chain) {
        const { attributes } = chain.attributes({ transactions: [BLOB] })
        await chain.altered({ error: 'a blob transaction' }, {}, ({ payload }) => {
          payload.transactions = attributes.transactions as string[]
        })
        await chain.block()
      },
    },
    {
      name: 'blob-in-attributes',
      description: 'Nothing is built of attributes with a blob transaction',
      rules: ['R-01', 'E-28'],
      forks: SOME,
      disputed: 'blob-transaction-in-attributes',
      pre: BARE,
      async fill(chain) {
        await chain.refused(-38003, { transactions: [BLOB] })
        await chain.block()
      },
    },
    typeCase({
      name: 'set-code',
      description: 'A transaction that sets code (EIP-7702) is valid from Isthmus on',
      rules: ['R-03', 'H-10'],
      forks: ['bedrock', 'holocene', 'isthmus', 'karst'],
      tx: () => ({
        type: 4,
        to: SENDERS[1],
        gasLimit: 200_000n,
        authorizationList: [authorize(2, { address: CONTRACT })],
      }),
      isValid: (fork) => isFrom(fork, 'isthmus'),
    }),
    ...['05', '50', '7d', '7f'].map((type) =>
      typeCase({
        name: `type-${type}`,
        description: `There is no transaction of type 0x${type}`,
        rules: ['R-04'],
        forks: ['bedrock', 'karst'],
        tx: ofType(type),
        isValid: () => false,
      }),
    ),
  ],
}
