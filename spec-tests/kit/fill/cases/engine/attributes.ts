import { forkchoiceTo } from '../../../run.ts'
import { BARE, CONTRACT, SENDERS, word } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** Attributes that are refused, each on its own, after which a block can be built all the same. */
function refused(fields: {
  name: string
  description: string
  rules: string[]
  forks: Fork[]
  code: number
  all: Record<string, unknown>[]
  version?: string
  disputed?: string
}): Case {
  const { code, all, version, ...rest } = fields
  return {
    ...rest,
    pre: BARE,
    async fill(chain) {
      await chain.block()
      for (const attributes of all) await chain.refused(code, { attributes }, version)
      await chain.block()
    },
  }
}

const WITHDRAWAL = { index: '0x0', validatorIndex: '0x0', address: SENDERS[0], amount: '0x1' }

const ROOT = { parentBeaconBlockRoot: word(11) }

/** Bytes that are no transaction. */
const GARBAGE = ['0x', '0x00', '0x7e', '0x7ec0', '0xff', '0x02', '0x02c0', '0xc0', '0xdeadbeef']

/** Forced transactions that are signed well, but cannot run. */
const INVALID = {
  'a nonce too high': { nonce: 1n },
  'a nonce too low': { nonce: -1n },
  'more value than there is': { value: 10n ** 21n },
  'a fee below the base fee': { maxFeePerGas: 1n },
  'a tip above the fee': { maxFeePerGas: 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n + 1n },
  'too little gas': { gasLimit: 20_999n },
  'more gas than the block has': { gasLimit: 30_000_001n },
  'another chain': { chainId: 902n },
}

/** What attributes of each fork have, and what is said of others. */
export const attributes: Topic = {
  path: 'engine/attributes',
  cases: [
    refused({
      name: 'withdrawals-missing',
      description: 'From Canyon on `withdrawals` must be there',
      rules: ['R-09', 'E-08', 'E-13'],
      forks: ['canyon', 'ecotone', 'isthmus', 'karst'],
      code: -38003,
      all: [{ withdrawals: undefined }, { withdrawals: null }],
    }),
    refused({
      name: 'withdrawals-too-early',
      description: 'Before Canyon `withdrawals` must not be there',
      rules: ['R-09', 'E-08'],
      forks: ['bedrock', 'regolith'],
      code: -38003,
      all: [{ withdrawals: [] }],
    }),
    refused({
      name: 'withdrawals-too-early-in-version-1',
      description: 'In version 1 what a fork does not have is a wrong parameter',
      rules: ['R-09', 'E-08', 'E-01'],
      forks: ['bedrock', 'regolith'],
      version: '1',
      code: -32602,
      all: [{ withdrawals: [] }, ROOT],
    }),
    refused({
      name: 'withdrawals-not-empty',
      description: 'There are no withdrawals on L2',
      rules: ['R-08', 'E-28'],
      forks: ['canyon', 'ecotone', 'isthmus', 'karst'],
      code: -38003,
      all: [{ withdrawals: [WITHDRAWAL] }],
    }),
    refused({
      name: 'beacon-root-missing',
      description: 'From Ecotone on `parentBeaconBlockRoot` must be there',
      rules: ['R-09', 'E-08', 'X-12'],
      forks: ['ecotone', 'isthmus', 'karst'],
      code: -38003,
      all: [{ parentBeaconBlockRoot: undefined }, { parentBeaconBlockRoot: null }],
    }),
    refused({
      name: 'beacon-root-too-early',
      description: 'Before Ecotone `parentBeaconBlockRoot` must not be there',
      rules: ['R-09', 'E-08', 'X-12'],
      forks: ['bedrock', 'canyon'],
      code: -38003,
      all: [ROOT],
    }),
    refused({
      name: 'gas-limit-missing',
      description: 'Nothing is built without `gasLimit`',
      rules: ['R-07', 'E-28', 'T-11'],
      forks: ['bedrock', 'ecotone', 'jovian', 'karst'],
      code: -38003,
      all: [{ gasLimit: undefined }, { gasLimit: null }],
    }),
    refused({
      name: 'timestamp-not-after-the-parent',
      description: 'A time that is not after that of the parent is refused',
      rules: ['R-11', 'E-28'],
      forks: ['bedrock', 'canyon', 'ecotone', 'isthmus', 'karst'],
      code: -38003,
      all: [{ timestamp: '0x3ea' }, { timestamp: '0x3e9' }],
    }),
    refused({
      name: 'malformed',
      description: 'What has another form than its field is a wrong parameter',
      rules: ['E-37', 'E-13'],
      forks: ['bedrock', 'jovian', 'karst'],
      code: -32602,
      all: [
        { timestamp: '0x' },
        { timestamp: '0x10000000000000000' },
        { prevRandao: `0x${'11'.repeat(31)}` },
        { prevRandao: undefined },
        { suggestedFeeRecipient: '0x1234' },
        { suggestedFeeRecipient: undefined },
        { noTxPool: 'yes' },
        { transactions: '0x' },
        { transactions: ['0x0'] },
        { transactions: [1] },
        { gasLimit: 'many' },
        { gasLimit: '0x10000000000000000' },
      ],
    }),
    {
      name: 'unknown-fields',
      description: 'Fields that no fork has are passed over',
      rules: ['E-13'],
      forks: ['bedrock', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.block({ attributes: { targetGasLimit: '0x1', somethingElse: [1] } })
      },
    },
    {
      name: 'without-transactions',
      description:
        'Before Jovian a block may be empty, whether `transactions` is [], null or missing',
      rules: ['E-13', 'E-15'],
      forks: ['bedrock', 'canyon', 'holocene', 'isthmus'],
      pre: BARE,
      async fill(chain) {
        for (const transactions of [[], null, undefined]) {
          const { gasUsed } = await chain.block({ attributes: { transactions } })
          chain.expect('gasUsed', gasUsed, '0x0')
        }
      },
    },
    {
      name: 'without-a-deposit-first',
      description: 'From Jovian on a block begins with a deposit',
      rules: ['S-08', 'D-37', 'E-28'],
      forks: ['jovian', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.refused(-38003, { hasL1Attributes: false })
        const transactions = [{ to: SENDERS[1] }]
        await chain.refused(-38003, { hasL1Attributes: false, transactions })
        await chain.block({ transactions })
      },
    },
    {
      name: 'with-the-pool',
      description:
        'Without `noTxPool`, and with an empty pool, a block has the forced transactions',
      rules: ['E-14', 'E-16', 'E-23'],
      forks: ['bedrock', 'ecotone', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain) {
        const transactions = [{ to: SENDERS[1], value: 1n }]
        const ids = new Set<string>()
        for (const noTxPool of [undefined, null, false, true]) {
          ids.add(await chain.built({ transactions, attributes: { noTxPool } }))
        }
        chain.expect('different ids', ids.size, 2)
        await chain.block({ transactions })
      },
    },
    {
      name: 'deposits-only-after-a-refusal',
      description:
        'After an invalid transaction the same attributes with deposits alone make a valid block',
      rules: ['S-01', 'S-02', 'E-28', 'T-10', 'T-11'],
      forks: ['bedrock', 'holocene', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain) {
        const first = deposit({ to: CONTRACT, mint: 1n })
        for (let count = 0; count < 2; count++) {
          await chain.refused(-38003, { transactions: [first, { to: SENDERS[1], nonce: 7n }] })
          await chain.block({ transactions: [first] })
        }
      },
    },
    {
      name: 'garbage-among-the-transactions',
      description: 'What is no transaction makes attributes and payload invalid',
      rules: ['E-14', 'E-28', 'R-04'],
      forks: ['bedrock', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.block()
        for (const raw of GARBAGE) await chain.refused(-38003, { transactions: [raw] })
        for (const raw of GARBAGE) {
          await chain.altered({ error: `transaction ${raw}` }, {}, ({ payload }) => {
            payload.transactions.push(raw)
          })
        }
        await chain.block()
      },
    },
    {
      name: 'invalid-transactions',
      description: 'A forced transaction that cannot run makes attributes and payload invalid',
      rules: ['E-14', 'E-28', 'S-01', 'T-10'],
      forks: ['bedrock', 'ecotone', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.block({ transactions: [{ to: SENDERS[1] }] })
        for (const [reason, change] of Object.entries(INVALID)) {
          // The next nonce is 1.
          const nonce = 1n + ((change as { nonce?: bigint }).nonce ?? 0n)
          const tx = { to: SENDERS[1], gasLimit: 21_000n, ...change, nonce }
          await chain.invalid(reason, { transactions: [tx] })
        }
        await chain.block({ transactions: [{ to: SENDERS[1] }] })
      },
    },
    {
      name: 'payload-ids',
      description: 'Attributes that differ in any field have different ids, the same have the same',
      rules: ['E-23', 'E-24', 'E-25', 'E-30', 'T-41'],
      forks: ['bedrock', 'canyon', 'ecotone', 'holocene', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain, fork) {
        await chain.block()
        const all: Record<string, unknown>[] = [
          {},
          { timestamp: '0x3ed' },
          { prevRandao: word(1) },
          { suggestedFeeRecipient: CONTRACT },
          { gasLimit: '0x1c9c381' },
          { noTxPool: false },
        ]
        if (isFrom(fork, 'ecotone')) all.push({ parentBeaconBlockRoot: word(1) })
        if (isFrom(fork, 'holocene')) all.push({ eip1559Params: '0x000000fa00000006' })
        if (isFrom(fork, 'jovian')) all.push({ minBaseFee: 1 })
        const ids = new Set<string>()
        for (const given of all) ids.add(await chain.built({ attributes: given }))
        ids.add(await chain.built({ transactions: [deposit({ to: CONTRACT })] }))
        ids.add(await chain.built({ parent: -1 }))
        chain.expect('different ids', ids.size, all.length + 2)
        await chain.built()
        await chain.built()
        await chain.block()
      },
    },
    {
      name: 'payload-ids-of-version-1',
      description: 'The first byte of an id is the version of forkchoiceUpdated',
      rules: ['E-23', 'E-01'],
      forks: ['bedrock', 'regolith'],
      pre: BARE,
      async fill(chain) {
        for (const version of ['1', '2']) {
          const id = await chain.built({}, version)
          chain.expect('first byte', id.slice(2, 4), `0${version}`)
        }
        await chain.block()
      },
    },
    {
      name: 'of-an-unknown-head',
      description: 'Attributes do not matter where the head is not known',
      rules: ['E-26'],
      forks: ['bedrock', 'ecotone', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const { attributes: given } = chain.attributes()
        for (const some of [null, given]) {
          await chain.forkchoice({ status: 'SYNCING' }, forkchoiceTo(word(0x1234)), some)
        }
        await chain.block()
      },
    },
    {
      name: 'refused-ones-of-an-unknown-head',
      description: 'Attributes of which nothing could be built do not matter there either',
      rules: ['E-26'],
      forks: ['bedrock', 'ecotone', 'karst'],
      disputed: 'invalid-attributes-of-an-unknown-head',
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const { attributes: given } = chain.attributes({ attributes: { gasLimit: undefined } })
        await chain.forkchoice({ status: 'SYNCING' }, forkchoiceTo(word(0x1234)), given)
        await chain.block()
      },
    },
  ],
}
