import { BARE, CONTRACT, L1_BLOCK, SENDERS, l1Block } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Fork } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit, l1AttributesData } from '../../transactions.ts'

const FORKS: Fork[] = ['bedrock', 'canyon', 'isthmus', 'karst']

const limit = (gasLimit: bigint) => ({ attributes: { gasLimit: `0x${gasLimit.toString(16)}` } })

/** The greatest DA footprint scalar. */
const SCALED = { [L1_BLOCK]: { ...l1Block({ daFootprintGasScalar: 65_535n }), code: '0x00' } }

/** The gas limit is what the attributes say. */
export const gasLimit: Topic = {
  path: 'header/gas-limit',
  cases: [
    {
      name: 'jumps',
      description: 'The gas limit may rise and fall by any amount from block to block',
      rules: ['B-14', 'H-18', 'E-17', 'T-35'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        await chain.block(limit(85_370_657n))
        await chain.block(limit(30_000_000n))
        await chain.block(limit(1_000_000_000_000n))
        await chain.block(limit(151_000_000n))
      },
    },
    {
      name: 'greatest',
      description: 'The greatest gas limit is 2^63 - 1',
      rules: ['B-14'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        await chain.block(limit(2n ** 63n - 1n))
        await chain.block(limit(30_000_000n))
      },
    },
    {
      name: 'above-the-greatest',
      description: 'No block has a gas limit of 2^63 or more, and nothing is built with it',
      rules: ['B-14', 'E-28'],
      forks: ['bedrock', 'isthmus', 'karst'],
      disputed: 'gas-limit-above-63-bits',
      pre: BARE,
      async fill(chain) {
        await chain.refused(-38003, limit(2n ** 63n))
        await chain.refused(-38003, limit(2n ** 64n - 1n))
        await chain.altered({ error: 'gasLimit' }, {}, ({ payload }) => {
          payload.gasLimit = '0x8000000000000000'
        })
        await chain.block()
      },
    },
    {
      name: 'below-5000',
      description: 'There is no least gas limit: a block without transactions needs no gas',
      rules: ['B-14'],
      forks: ['bedrock', 'canyon', 'isthmus'],
      pre: BARE,
      async fill(chain) {
        await chain.block({ hasL1Attributes: false, ...limit(4_999n) })
        await chain.block({ hasL1Attributes: false, ...limit(0n) })
        await chain.block()
      },
    },
    {
      name: 'exactly-what-is-used',
      description: 'A block may use all of its gas',
      rules: ['B-14', 'D-15'],
      forks: ['regolith', 'jovian', 'karst'],
      pre: { ...BARE, [CONTRACT]: { code: assemble('INVALID') } },
      async fill(chain, fork) {
        const burn = deposit({ to: CONTRACT, gas: 1_000_000n, data: l1AttributesData(fork) })
        const transactions = [burn, { to: SENDERS[1], gasLimit: 21_000n }]
        const fields = { hasL1Attributes: false, transactions }
        const { gasUsed } = await chain.block({ ...fields, ...limit(1_021_000n) })
        chain.expect('gasUsed', gasUsed, '0xf9448')
        await chain.refused(-38003, { ...fields, ...limit(1_020_999n) })
      },
    },
    {
      name: 'exactly-the-da-footprint',
      description: 'The DA footprint of a block may be its gas limit and not more',
      rules: ['X-16', 'F-30', 'X-11'],
      forks: ['jovian', 'karst'],
      pre: SCALED,
      l1: { daFootprintGasScalar: 65_535n },
      async fill(chain) {
        // Twice 100 bytes.
        const transactions = [{ to: SENDERS[1] }, { to: SENDERS[1] }]
        const { blobGasUsed } = await chain.block({ transactions, ...limit(13_107_000n) })
        chain.expect('blobGasUsed', blobGasUsed, '0xc7ff38')
        // The same block, but with less gas.
        await chain.altered({ error: 'DA footprint' }, { transactions }, ({ payload }) => {
          payload.gasLimit = '0xc7ff37'
        })
        await chain.block()
      },
    },
    {
      name: 'attributes-above-the-da-footprint',
      description:
        'Nothing is built of forced transactions whose DA footprint is above the gas limit',
      rules: ['X-16', 'E-28', 'S-01'],
      forks: ['jovian', 'karst'],
      disputed: 'da-footprint-of-forced-transactions',
      pre: SCALED,
      l1: { daFootprintGasScalar: 65_535n },
      async fill(chain) {
        const transactions = [{ to: SENDERS[1] }, { to: SENDERS[1] }]
        await chain.refused(-38003, { transactions, ...limit(13_106_999n) })
        await chain.block({ transactions, ...limit(13_107_000n) })
      },
    },
  ],
}
