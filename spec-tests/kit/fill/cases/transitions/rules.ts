import { BARE, CONTRACT, SENDERS } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Fork } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { authorize, deposit } from '../../transactions.ts'

const transfer = { to: SENDERS[1], value: 1n }

/** A payload of the first block of a fork that has the extraData of another. */
const wrongExtraData = (before: Fork, fork: Fork, old: string): Case => ({
  name: `to-${fork}-with-the-extra-data-of-before`,
  description: `The first block of ${fork} has the extraData of its own fork, and the one before it not yet`,
  rules: ['B-05', 'B-08', 'B-09', 'B-15', 'H-20'],
  forks: [before],
  times: { [fork]: 1004 } as Case['times'],
  pre: BARE,
  async fill(chain) {
    const jovian = `0x01000000fa00000006${'00'.repeat(8)}`
    const own = fork === 'jovian' ? jovian : '0x00000000fa00000006'
    await chain.altered({ error: 'extraData' }, {}, ({ payload }) => {
      payload.extraData = own
    })
    await chain.block()
    await chain.altered({ error: 'extraData' }, {}, ({ payload }) => {
      payload.extraData = old
    })
    await chain.block()
  },
})

/** Signed transactions in the first block of a fork. */
const activation = (before: Fork, fork: Fork, isRefused: boolean): Case => ({
  name: `to-${fork}-with-a-signed-transaction`,
  description: `The first block of ${fork} ${isRefused ? 'holds deposits only' : 'may hold signed transactions'}`,
  rules: isRefused ? ['I-14', 'T-46', 'E-28'] : ['I-10'],
  forks: [before],
  times: { [fork]: 1004 } as Case['times'],
  pre: BARE,
  disputed: fork === 'karst' ? 'signed-transaction-in-the-first-karst-block' : undefined,
  async fill(chain) {
    await chain.block({ transactions: [transfer] })
    if (isRefused) {
      await chain.invalid('a signed transaction', { transactions: [transfer] })
      const both = [deposit({ to: CONTRACT }), transfer]
      await chain.invalid('a signed transaction after a deposit', { transactions: both })
      await chain.block({ transactions: [deposit({ to: CONTRACT })] })
    } else await chain.block({ transactions: [transfer] })
    await chain.block({ transactions: [transfer] })
  },
})

/** A transaction that is valid in one of two forks only. */
const becomes = (fields: {
  name: string
  description: string
  rules: string[]
  before: Fork
  fork: Fork
  isValidBefore: boolean
  tx: () => object
}): Case => {
  const { before, fork, isValidBefore, tx, ...rest } = fields
  return {
    ...rest,
    forks: [before],
    times: { [fork]: 1004 } as Case['times'],
    pre: BARE,
    async fill(chain) {
      const transactions = [{ gasLimit: 500_000n, ...tx() }]
      const isAlone = fork === 'karst'
      if (isValidBefore) await chain.block({ transactions })
      else {
        await chain.invalid('too early', { transactions })
        await chain.block()
      }
      if (isAlone) await chain.block()
      if (isValidBefore) await chain.invalid('too late', { transactions })
      else await chain.block({ transactions })
      await chain.block()
    },
  }
}

/** What becomes valid or invalid with the first block of a fork. */
export const transitionRules: Topic = {
  path: 'transitions/rules',
  cases: [
    wrongExtraData('granite', 'holocene', '0x'),
    wrongExtraData('isthmus', 'jovian', '0x00000000fa00000006'),
    activation('regolith', 'canyon', false),
    activation('canyon', 'ecotone', false),
    activation('ecotone', 'fjord', false),
    activation('fjord', 'granite', false),
    activation('granite', 'holocene', false),
    activation('holocene', 'isthmus', false),
    activation('isthmus', 'jovian', true),
    activation('jovian', 'karst', true),
    becomes({
      name: 'set-code-transaction-at-isthmus',
      description: 'A transaction of type 4 is valid from the first Isthmus block on',
      rules: ['R-03', 'H-10', 'H-20'],
      before: 'holocene',
      fork: 'isthmus',
      isValidBefore: false,
      tx: () => ({
        type: 4,
        to: SENDERS[1],
        authorizationList: [authorize(2, { address: CONTRACT })],
      }),
    }),
    becomes({
      name: 'calldata-floor-at-isthmus',
      description: 'Gas below the floor of EIP-7623 is enough until the first Isthmus block',
      rules: ['H-10', 'H-20'],
      before: 'holocene',
      fork: 'isthmus',
      isValidBefore: true,
      tx: () => ({ to: SENDERS[1], data: `0x${'11'.repeat(500)}`, gasLimit: 30_000n }),
    }),
    becomes({
      name: 'transaction-gas-cap-at-karst',
      description: 'More than 2^24 gas is valid until the first Karst block',
      rules: ['H-15', 'R-15', 'H-20'],
      before: 'jovian',
      fork: 'karst',
      isValidBefore: true,
      tx: () => ({ to: SENDERS[1], gasLimit: 2n ** 24n + 1n }),
    }),
    {
      name: 'canyon-denominator-in-its-first-block',
      description: 'The base fee of the first Canyon block has the Canyon denominator already',
      rules: ['B-02', 'T-26'],
      forks: ['regolith'],
      times: { canyon: 1006 },
      genesis: { gasUsed: '0x4c4b40' },
      pre: { ...BARE, [CONTRACT]: { code: assemble('INVALID') } },
      async fill(chain) {
        const fields = {
          hasL1Attributes: false,
          transactions: [deposit({ to: CONTRACT, gas: 30_000_000n })],
        }
        const fees = ['1000000000', '1100000000', '1122000000']
        for (const fee of fees) {
          const { baseFeePerGas } = await chain.block(fields)
          chain.expect('baseFeePerGas', `${BigInt(`${baseFeePerGas}`)}`, fee)
        }
      },
    },
    {
      name: 'holocene-parameters-after-its-first-block',
      description:
        'The first Holocene block has a base fee by the config; its extraData makes that of the second',
      rules: ['B-04', 'T-26'],
      forks: ['granite'],
      times: { holocene: 1004 },
      genesis: { gasUsed: '0x4c4b40' },
      pre: { ...BARE, [CONTRACT]: { code: assemble('INVALID') } },
      async fill(chain) {
        const fields = {
          hasL1Attributes: false,
          transactions: [deposit({ to: CONTRACT, gas: 30_000_000n })],
        }
        const attributes = { eip1559Params: '0x0000000800000002' }
        const blocks = [fields, { ...fields, attributes }, fields]
        const fees = ['1000000000', '1020000000', '1147500000']
        for (const [index, block] of blocks.entries()) {
          const { baseFeePerGas } = await chain.block(block)
          chain.expect('baseFeePerGas', `${BigInt(`${baseFeePerGas}`)}`, fees[index])
        }
      },
    },
    {
      name: 'jovian-minimum-after-its-first-block',
      description:
        'The first Jovian block has no minimum base fee yet; its extraData has that of the second',
      rules: ['B-11', 'T-26'],
      forks: ['isthmus'],
      times: { jovian: 1004 },
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const attributes = { minBaseFee: 5_000_000_000 }
        const { baseFeePerGas } = await chain.block({ attributes })
        chain.expect('first', BigInt(`${baseFeePerGas}`) < 1_000_000_000n, true)
        const second = await chain.block()
        chain.expect('second', second.baseFeePerGas, '0x12a05f200')
        // The parent's extraData has the minimum 0 again.
        const third = await chain.block()
        chain.expect('third', BigInt(`${third.baseFeePerGas}`) < 5_000_000_000n, true)
      },
    },
  ],
}
