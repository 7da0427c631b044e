import { NOBODY, SENDERS } from '../../accounts.ts'
import type { Fork } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'
import { DATA, fixedFees, noise } from './helpers.ts'

const FROM_JOVIAN: Fork[] = ['jovian', 'karst']

/** Storage and attributes with the same scalar. */
const scalar = (daFootprintGasScalar: bigint) => ({
  l1: { daFootprintGasScalar },
  pre: fixedFees({ daFootprintGasScalar }),
})

const limit = (gas: bigint) => ({ gasLimit: `0x${gas.toString(16)}` })

/** Small transactions, which count 100 bytes each. */
const small = (count: number) =>
  [...Array(count).keys()].map((index) => ({ sender: index % 4, to: NOBODY, gasLimit: 21_000n }))

/** What transactions take of data availability, from Jovian on. */
export const footprint: Topic = {
  path: 'fees/footprint',
  cases: [
    {
      name: 'of-small-transactions',
      description: 'Three small transactions take 100 bytes each, at 400 gas a byte',
      rules: ['F-30', 'F-32', 'X-10', 'X-11', 'T-23'],
      forks: FROM_JOVIAN,
      ...scalar(400n),
      async fill(chain) {
        const payload = await chain.block({ transactions: small(3) })
        chain.expect('blobGasUsed', payload.blobGasUsed, '0x1d4c0')
      },
    },
    {
      name: 'not-of-deposits',
      description: 'Deposits take nothing, however long they are',
      rules: ['F-30'],
      forks: FROM_JOVIAN,
      ...scalar(400n),
      async fill(chain) {
        const data = noise(2000)
        const payload = await chain.block({
          transactions: [deposit({ from: SENDERS[1], to: NOBODY, data, gas: 200_000n })],
        })
        chain.expect('blobGasUsed', payload.blobGasUsed, '0x0')
      },
    },
    {
      name: 'of-data-of-every-kind',
      description: 'Each transaction is rounded down to bytes on its own',
      rules: ['F-30', 'F-31', 'X-11'],
      forks: FROM_JOVIAN,
      ...scalar(7n),
      async fill(chain) {
        const transactions = DATA.map((data) => ({ to: NOBODY, gasLimit: 60_000n, data }))
        for (let more = 0; more < 6; more++) {
          transactions.push({ to: NOBODY, gasLimit: 100_000n, data: noise(400 + more) })
        }
        await chain.block({ transactions })
      },
    },
    {
      name: 'scalar-0',
      description: 'With a scalar of 0 nothing takes anything',
      rules: ['F-30', 'F-33'],
      forks: FROM_JOVIAN,
      ...scalar(0n),
      async fill(chain) {
        const payload = await chain.block({ transactions: small(2) })
        chain.expect('blobGasUsed', payload.blobGasUsed, '0x0')
      },
    },
    {
      name: 'greatest-scalar',
      description: 'With a scalar of 65,535 four small transactions fit into 30 million gas',
      rules: ['F-30', 'X-16'],
      forks: FROM_JOVIAN,
      ...scalar(65_535n),
      async fill(chain) {
        const payload = await chain.block({ transactions: small(4) })
        chain.expect('blobGasUsed', BigInt(payload.blobGasUsed as string), 26_214_000n)
      },
    },
    {
      name: 'exactly-the-gas-limit',
      description: 'Three transactions of a million each fill a block of three million gas',
      rules: ['F-30', 'X-16'],
      forks: FROM_JOVIAN,
      ...scalar(10_000n),
      async fill(chain) {
        const payload = await chain.block({
          transactions: small(3),
          attributes: limit(3_000_000n),
        })
        chain.expect('blobGasUsed', BigInt(payload.blobGasUsed as string), 3_000_000n)
        // Built in a greater block, so that nothing else is wrong.
        await chain.altered({ error: 'DA footprint' }, { transactions: small(3) }, (call) => {
          call.payload.gasLimit = '0x2dc6bf'
        })
      },
    },
    {
      name: 'too-much-in-attributes',
      description: 'Nothing is built of transactions whose footprint is more than the gas limit',
      rules: ['F-30', 'X-16'],
      forks: FROM_JOVIAN,
      disputed: 'da-footprint-of-forced-transactions',
      ...scalar(65_535n),
      async fill(chain) {
        await chain.refused(-38003, { transactions: small(5) })
        await chain.block()
      },
    },
    {
      name: 'wrong-in-the-payload',
      description: 'blobGasUsed of a payload is a unit off, or 0',
      rules: ['F-30', 'X-16'],
      forks: FROM_JOVIAN,
      ...scalar(400n),
      async fill(chain) {
        for (const wrong of ['0x9c41', '0x9c3f', '0x0']) {
          await chain.altered({ error: 'blobGasUsed' }, { transactions: small(1) }, (call) => {
            call.payload.blobGasUsed = wrong
          })
        }
      },
    },
    {
      name: 'base-fee-after-it',
      description:
        'The base fee of the next block follows the footprint where that is more than the gas used (26,214,000 in place of little gas)',
      rules: ['B-11', 'F-30', 'T-24'],
      forks: FROM_JOVIAN,
      ...scalar(65_535n),
      async fill(chain) {
        const first = await chain.block({ transactions: small(4) })
        const second = await chain.block()
        // Target 5,000,000: base fee · (1 + (26,214,000 - 5,000,000) / 5,000,000 / 250).
        const before = BigInt(first.baseFeePerGas as string)
        const rise = (before * 21_214_000n) / 5_000_000n / 250n
        chain.expect('base fee', BigInt(second.baseFeePerGas as string), before + rise)
        await chain.block()
      },
    },
    {
      name: 'not-before-jovian',
      description: 'Before Jovian blobGasUsed is 0, whatever the scalar',
      rules: ['X-10'],
      forks: ['ecotone', 'isthmus'],
      ...scalar(65_535n),
      async fill(chain) {
        const payload = await chain.block({ transactions: small(6) })
        chain.expect('blobGasUsed', payload.blobGasUsed, '0x0')
      },
    },
  ],
}
