import { BARE, MESSAGE_PASSER, SENDERS, word } from '../../accounts.ts'
import type { Judgement } from '../../chain.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Payload } from '../../payloadHash.ts'
import type { Case, Topic } from '../../topic.ts'

const SAME_HASH = { isRehashed: false }

/** A number in hex that is other by `difference`. */
const shifted = (value: unknown, difference: bigint) =>
  `0x${(BigInt(value as string) + difference).toString(16)}`

/** Bytes in hex of which the last bit is another. */
const flipped = (value: unknown) => {
  const text = value as string
  return text.slice(0, -1) + (Number.parseInt(text.slice(-1), 16) ^ 1).toString(16)
}

/** How a field becomes wrong; several ways make several payloads. */
type Change = (payload: Payload) => unknown

interface Wrong {
  /** Of the payload. */
  field: string
  changes: Change[]
  forks: Fork[]
  rules: string[]
  disputed?: string
  judgement?: Judgement
}

const byOne = (field: string): Change[] => [
  (payload) => shifted(payload[field], 1n),
  (payload) => shifted(payload[field], -1n),
]
const bit =
  (field: string): Change =>
  (payload) =>
    flipped(payload[field])

const SOME: Fork[] = ['bedrock', 'canyon', 'ecotone', 'isthmus', 'jovian', 'karst']
const FEW: Fork[] = ['bedrock', 'isthmus', 'karst']

const WRONG: Wrong[] = [
  {
    field: 'stateRoot',
    changes: [bit('stateRoot'), () => word(0)],
    forks: SOME,
    rules: ['X-13'],
  },
  { field: 'receiptsRoot', changes: [bit('receiptsRoot')], forks: SOME, rules: ['X-15'] },
  { field: 'logsBloom', changes: [bit('logsBloom')], forks: FEW, rules: ['X-15'] },
  { field: 'gasUsed', changes: byOne('gasUsed'), forks: SOME, rules: ['X-14'] },
  { field: 'baseFeePerGas', changes: byOne('baseFeePerGas'), forks: FEW, rules: ['B-03'] },
  {
    field: 'gasLimit',
    // Below the gas used.
    changes: [({ gasUsed }) => shifted(gasUsed, -1n)],
    forks: SOME,
    rules: ['B-14'],
  },
  {
    field: 'timestamp',
    // That of the parent, and before it.
    changes: [
      (payload) => shifted(payload.timestamp, -2n),
      (payload) => shifted(payload.timestamp, -3n),
    ],
    forks: SOME,
    rules: ['X-02'],
  },
  {
    field: 'blockNumber',
    changes: byOne('blockNumber'),
    forks: FEW,
    rules: ['X-13'],
  },
  {
    field: 'blobGasUsed',
    changes: [() => '0x1', () => '0x20000'],
    forks: ['ecotone', 'holocene', 'isthmus'],
    rules: ['X-10'],
    disputed: 'blob-gas-used-before-jovian',
  },
  {
    field: 'blobGasUsed',
    changes: [...byOne('blobGasUsed'), () => '0x0', () => '0x20000', () => '0x1c9c381'],
    forks: ['jovian', 'karst'],
    rules: ['X-10', 'X-16'],
  },
  {
    field: 'excessBlobGas',
    changes: [() => '0x1', () => '0x20000'],
    forks: ['ecotone', 'isthmus', 'jovian', 'karst'],
    rules: ['X-10', 'X-11'],
  },
  {
    field: 'withdrawalsRoot',
    changes: [
      bit('withdrawalsRoot'),
      () => '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421',
    ],
    forks: ['isthmus', 'jovian', 'karst'],
    rules: ['X-05', 'X-07'],
  },
  {
    field: 'withdrawals',
    changes: [() => [{ index: '0x0', validatorIndex: '0x0', address: SENDERS[0], amount: '0x1' }]],
    forks: ['canyon', 'ecotone', 'isthmus', 'karst'],
    rules: ['X-06', 'R-08', 'I-07'],
  },
]

/** A payload with one wrong field and the hash that follows from it. */
const wrongCase = ({ field, changes, forks, rules, disputed, judgement }: Wrong): Case => ({
  name: `wrong-${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
  description: `A payload whose ${field} is not what the block makes is INVALID`,
  rules,
  forks,
  disputed,
  pre: BARE,
  async fill(chain) {
    const transactions = [{ to: SENDERS[1], value: 1n }]
    for (const change of changes) {
      const error = judgement ?? { error: `another ${field}` }
      await chain.altered(error, { transactions }, ({ payload }) => {
        payload[field] = change(payload)
      })
    }
    await chain.block({ transactions })
  },
})

/** Every field of a payload that a hash is made of. */
function hashedFields(fork: Fork): string[] {
  const fields = ['stateRoot', 'receiptsRoot', 'logsBloom', 'prevRandao', 'feeRecipient']
  fields.push('parentHash', 'blockNumber', 'gasLimit', 'gasUsed', 'timestamp', 'baseFeePerGas')
  if (isFrom(fork, 'holocene')) fields.push('extraData')
  if (isFrom(fork, 'ecotone')) fields.push('blobGasUsed', 'excessBlobGas')
  if (isFrom(fork, 'isthmus')) fields.push('withdrawalsRoot')
  return fields
}

const NUMBERS = ['blockNumber', 'gasLimit', 'gasUsed', 'timestamp', 'baseFeePerGas']
NUMBERS.push('blobGasUsed', 'excessBlobGas')

/** What each field of a payload must be, and that its hash must fit. */
export const fields: Topic = {
  path: 'header/fields',
  cases: [
    ...WRONG.map(wrongCase).map((test, index, all) => {
      const isSecond = all.findIndex(({ name }) => name === test.name) < index
      return isSecond ? { ...test, name: `${test.name}-of-jovian` } : test
    }),
    {
      name: 'another-hash',
      description:
        'A payload whose hash is not that of its fields is INVALID, whichever field it is',
      rules: ['E-21', 'X-13', 'E-32'],
      forks: SOME,
      pre: BARE,
      async fill(chain, fork) {
        await chain.block()
        const wrong: Judgement = { error: 'blockHash', ...SAME_HASH, latestValid: 'none' }
        for (const field of hashedFields(fork)) {
          await chain.altered(wrong, {}, ({ payload }) => {
            const isNumber = NUMBERS.includes(field)
            payload[field] = isNumber ? shifted(payload[field], 1n) : flipped(payload[field])
          })
        }
        await chain.altered(wrong, {}, ({ payload }) => {
          payload.blockHash = flipped(payload.blockHash)
        })
        await chain.altered(wrong, { transactions: [{ to: SENDERS[1] }] }, ({ payload }) => {
          payload.transactions.pop()
        })
        if (isFrom(fork, 'ecotone')) {
          await chain.altered(wrong, {}, ({ params }) => {
            params[2] = flipped(params[2])
          })
        }
        await chain.block()
      },
    },
    {
      name: 'another-beacon-root',
      description:
        'The beacon root is in the state that EIP-4788 makes, so another makes another block',
      rules: ['X-12', 'I-03'],
      forks: ['ecotone', 'isthmus', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.altered({ error: 'stateRoot' }, {}, ({ params }) => {
          params[2] = word(0)
        })
        await chain.block({ attributes: { parentBeaconBlockRoot: word(0) } })
        await chain.block({ attributes: { parentBeaconBlockRoot: word(2n ** 256n - 1n) } })
      },
    },
    {
      name: 'any-randao-and-fee-recipient',
      description: 'Any `prevRandao` and `feeRecipient` are valid where nothing depends on them',
      rules: ['X-03', 'X-04'],
      forks: ['bedrock', 'isthmus', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.altered({ isValid: true }, {}, ({ payload }) => {
          payload.prevRandao = word(0)
          payload.feeRecipient = `0x${'00'.repeat(20)}`
        })
        await chain.altered({ isValid: true }, {}, ({ payload }) => {
          payload.prevRandao = `0x${'ff'.repeat(32)}`
          payload.feeRecipient = `0x${'ff'.repeat(20)}`
        })
        await chain.block()
      },
    },
    {
      name: 'any-later-time',
      description: 'A block may be one second or years after its parent, and in the future',
      rules: ['X-02'],
      forks: ['bedrock', 'isthmus', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.block({ step: 1 })
        await chain.block({ step: 1 })
        await chain.block({ step: 3_000_000_000 })
      },
    },
    {
      name: 'withdrawals-root-of-the-message-passer',
      description:
        '`withdrawalsRoot` is the storage root of L2ToL1MessagePasser after the block, and the empty root where it has no storage',
      rules: ['X-05', 'X-07', 'I-11', 'T-17'],
      forks: ['holocene', 'isthmus', 'jovian', 'karst'],
      pre: {
        ...BARE,
        // Stores 1 at the block's number.
        [MESSAGE_PASSER]: { nonce: '0x1', code: '0x6001435500', storage: { [word(7)]: word(7) } },
      },
      async fill(chain, fork) {
        const roots = new Set()
        for (const transactions of [[], [{ to: MESSAGE_PASSER }], [], [{ to: MESSAGE_PASSER }]]) {
          const { withdrawalsRoot } = await chain.block({ transactions })
          roots.add(withdrawalsRoot)
        }
        chain.expect('different roots', roots.size, isFrom(fork, 'isthmus') ? 3 : 1)
      },
    },
    {
      name: 'withdrawals-root-of-a-genesis-with-zero-slots',
      description: 'Slots of L2ToL1MessagePasser that the genesis says are 0 are not in its root',
      rules: ['X-08', 'T-15'],
      forks: ['isthmus', 'karst'],
      pre: {
        ...BARE,
        [MESSAGE_PASSER]: {
          nonce: '0x1',
          code: '0x00',
          storage: { [word(1)]: word(1), [word(2)]: word(0) },
        },
      },
      async fill(chain) {
        await chain.block()
      },
    },
    {
      name: 'withdrawals-root-of-a-message-passer-without-storage',
      description: 'Where L2ToL1MessagePasser has no storage, the root is the empty one',
      rules: ['X-05', 'X-08'],
      forks: ['isthmus', 'karst'],
      pre: { ...BARE, [MESSAGE_PASSER]: { nonce: '0x1', code: '0x6001435500' } },
      async fill(chain) {
        const empty = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
        const { withdrawalsRoot } = await chain.block()
        chain.expect('withdrawalsRoot', withdrawalsRoot, empty)
        const second = await chain.block({ transactions: [{ to: MESSAGE_PASSER }] })
        chain.expect('another', second.withdrawalsRoot !== empty, true)
      },
    },
    {
      name: 'withdrawals-root-without-a-message-passer',
      description: 'The root is the empty one too where there is no L2ToL1MessagePasser',
      rules: ['X-05', 'X-08'],
      forks: ['holocene'],
      times: { isthmus: 1004 },
      pre: { ...BARE, [MESSAGE_PASSER]: { balance: '0x1' } },
      async fill(chain) {
        for (let count = 0; count < 3; count++) await chain.block()
      },
    },
  ],
}
