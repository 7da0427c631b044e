import {
  BASE_FEE_VAULT,
  CONTRACT,
  L1_FEE_VAULT,
  type L1Storage,
  NOBODY,
  SENDERS,
} from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { authorize, deposit, signed } from '../../transactions.ts'
import { DATA, calldataGas, fixedFees } from './helpers.ts'

/** The first fork with each formula, and the last. */
const ERAS: Fork[] = ['bedrock', 'regolith', 'ecotone', 'fjord', 'karst']

/** 2^32 - 1. */
const MOST = 0xffff_ffffn

const TYPICAL: L1Storage = {
  baseFee: 30_000_000_001n,
  overhead: 188n,
  scalar: 684_000n,
  blobBaseFee: 7n,
  baseFeeScalar: 5_227n,
  blobBaseFeeScalar: 1_014_213n,
  daFootprintGasScalar: 400n,
}

/** Transactions of every data, in three types. */
const transactions = DATA.map((data, index) => ({
  type: index % 3,
  to: NOBODY,
  gasLimit: 60_000n,
  data,
}))

/** Fee parameters by what is odd about them. */
const PARAMETERS: [name: string, description: string, values: L1Storage][] = [
  ['typical-parameters', 'Fee parameters as they are on OP Mainnet', TYPICAL],
  ['base-fee-0', 'The base fee of L1 is 0', { ...TYPICAL, baseFee: 0n }],
  ['overhead-0', 'No overhead', { ...TYPICAL, overhead: 0n }],
  ['scalar-0', 'The scalar of Bedrock is 0', { ...TYPICAL, scalar: 0n }],
  ['base-fee-scalar-0', 'The scalar of the base fee is 0', { ...TYPICAL, baseFeeScalar: 0n }],
  ['blob-scalar-0', 'The scalar of the blob base fee is 0', { ...TYPICAL, blobBaseFeeScalar: 0n }],
  [
    'fractions-of-a-wei',
    'Fees so small that their fractions matter: they are rounded down once, at the end',
    {
      ...TYPICAL,
      baseFee: 7n,
      overhead: 1n,
      scalar: 31n,
      blobBaseFee: 3n,
      baseFeeScalar: 11n,
      blobBaseFeeScalar: 13n,
    },
  ],
  [
    'fees-of-more-than-64-bits',
    'Scalars of 32 bits and base fees of 100 bits: nothing is computed in 64 or 128 bits',
    {
      baseFee: 2n ** 100n + 1n,
      overhead: 2n ** 33n,
      scalar: MOST,
      blobBaseFee: 2n ** 99n + 3n,
      baseFeeScalar: MOST,
      blobBaseFeeScalar: MOST,
      daFootprintGasScalar: 400n,
    },
  ],
]

const formulas = PARAMETERS.map(
  ([name, description, values]): Case => ({
    name,
    description: `${description}; data of every kind pays its L1 fee`,
    rules: ['F-01', 'F-02', 'F-05', 'F-20', 'F-21', 'F-22', 'F-24', 'F-25', 'F-34', 'T-42'],
    forks: name.includes('overhead') || name.startsWith('scalar') ? ['bedrock', 'canyon'] : ERAS,
    pre: fixedFees(values, 2n ** 200n),
    async fill(chain) {
      await chain.block({ transactions })
    },
  }),
)

/** Wei of the L1 fee before Fjord, by the words of the specification. */
function feeBeforeFjord(fork: Fork, values: L1Storage, raw: string): bigint {
  const { baseFee = 0n, overhead = 0n, scalar = 0n } = values
  const gas = calldataGas(raw)
  if (!isFrom(fork, 'ecotone')) {
    const signature = isFrom(fork, 'regolith') ? 0n : 68n * 16n
    return ((gas + signature + overhead) * baseFee * scalar) / 1_000_000n
  }
  const { blobBaseFee = 0n, baseFeeScalar = 0n, blobBaseFeeScalar = 0n } = values
  const price = 16n * baseFee * baseFeeScalar + blobBaseFee * blobBaseFeeScalar
  return (gas * price) / 16_000_000n
}

/** What signed transactions pay for their data. */
export const l1: Topic = {
  path: 'fees/l1',
  cases: [
    ...formulas,
    {
      name: 'bytes-are-counted',
      description:
        'The fee by hand: zero bytes at 4 gas and others at 16, and before Regolith 68 others more',
      rules: ['F-02', 'F-20', 'F-21', 'F-22'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone'],
      pre: fixedFees(TYPICAL),
      async fill(chain, fork) {
        let fees = 0n
        for (const [nonce, data] of DATA.entries()) {
          const raw = signed({ nonce, to: NOBODY, gasLimit: 60_000n, data })
          fees += feeBeforeFjord(fork, TYPICAL, raw)
          await chain.block({ transactions: [raw] })
          await chain.expectState({ [L1_FEE_VAULT]: { balance: fees } })
        }
      },
    },
    {
      name: 'the-least-size',
      description: 'From Fjord on a small transaction pays for 100 bytes',
      rules: ['F-24', 'T-22'],
      forks: ['fjord', 'isthmus', 'jovian', 'karst'],
      pre: fixedFees(TYPICAL),
      async fill(chain) {
        await chain.block({ transactions: [{ to: NOBODY }] })
        // 100 · (16 · 30,000,000,001 · 5,227 + 7 · 1,014,213) / 10⁶
        await chain.expectState({ [L1_FEE_VAULT]: { balance: 250_896_000_718n } })
      },
    },
    {
      name: 'scalars-0-with-a-blob-base-fee',
      description: 'Both scalars are 0, but not the blob base fee: nothing is paid',
      rules: ['F-23', 'T-20'],
      forks: ['ecotone', 'fjord', 'isthmus', 'karst'],
      pre: fixedFees({ baseFee: 10n ** 9n, blobBaseFee: 7n, daFootprintGasScalar: 400n }),
      async fill(chain) {
        await chain.block({ transactions })
        await chain.expectState({ [L1_FEE_VAULT]: { balance: 0n } })
      },
    },
    {
      name: 'parameters-unset',
      description:
        'Blob base fee and both scalars are 0, as before the first attributes of Ecotone: the formula of Regolith holds, with overhead and scalar from their slots',
      rules: ['F-23', 'T-20'],
      forks: ['ecotone', 'fjord', 'isthmus', 'karst'],
      disputed: 'l1-parameters-unset',
      pre: fixedFees({
        baseFee: 10n ** 9n,
        overhead: 188n,
        scalar: 684_000n,
        daFootprintGasScalar: 400n,
      }),
      async fill(chain) {
        const raw = signed({ to: NOBODY })
        await chain.block({ transactions: [raw] })
        const balance = ((calldataGas(raw) + 188n) * 10n ** 9n * 684_000n) / 1_000_000n
        await chain.expectState({ [L1_FEE_VAULT]: { balance } })
      },
    },
    {
      name: 'scalars-0-with-overhead-and-blob-base-fee',
      description:
        'Both scalars are 0 and the blob base fee is not, with overhead and scalar of Bedrock in their slots: nothing is paid',
      rules: ['F-23', 'T-20'],
      forks: ['ecotone', 'fjord', 'karst'],
      pre: fixedFees({
        baseFee: 10n ** 9n,
        overhead: 188n,
        scalar: 684_000n,
        blobBaseFee: 7n,
        daFootprintGasScalar: 400n,
      }),
      async fill(chain) {
        await chain.block({ transactions: [{ to: NOBODY }] })
        await chain.expectState({ [L1_FEE_VAULT]: { balance: 0n } })
      },
    },
    {
      name: 'a-fee-of-more-than-256-bits',
      description: 'The base fee of L1 is 2²⁵⁶ - 1: no one can pay',
      rules: ['F-03', 'T-42'],
      forks: ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus', 'karst'],
      pre: fixedFees({ ...TYPICAL, baseFee: 2n ** 256n - 1n }, 2n ** 200n),
      async fill(chain) {
        await chain.invalid('not enough ether', { transactions: [{ to: NOBODY }] })
      },
    },
    {
      name: 'independent-of-what-it-does',
      description: 'A transaction that reverts, one that halts and one that succeeds pay the same',
      rules: ['F-04'],
      forks: ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus', 'karst'],
      pre: {
        ...fixedFees(TYPICAL),
        [CONTRACT]: {
          // By the number of the block: stops, reverts, halts.
          code: assemble(
            'NUMBER 2 EQ 15 JUMPI NUMBER 3 EQ 21 JUMPI STOP JUMPDEST 0 0 REVERT JUMPDEST INVALID',
          ),
        },
      },
      async fill(chain, fork) {
        let fees = 0n
        for (const [nonce, status] of [1, 0, 0].entries()) {
          const raw = signed({ nonce, to: CONTRACT })
          // Small ones pay for 100 bytes from Fjord on.
          const isLeast = isFrom(fork, 'fjord')
          fees += isLeast ? 250_896_000_718n : feeBeforeFjord(fork, TYPICAL, raw)
          await chain.block({ transactions: [raw] })
          await chain.expectReceipts({ status })
          await chain.expectState({ [L1_FEE_VAULT]: { balance: fees } })
        }
      },
    },
    {
      name: 'all-types',
      description: 'Type byte, signature, access list and authorizations all count',
      rules: ['F-02'],
      forks: ['ecotone', 'fjord', 'isthmus', 'jovian', 'karst'],
      pre: fixedFees(TYPICAL),
      async fill(chain, fork) {
        const accessList = [{ address: NOBODY, storageKeys: [`0x${'ab'.repeat(32)}`] }]
        const authorizationList = [authorize(3, { address: CONTRACT })]
        const common = { to: NOBODY, gasLimit: 100_000n }
        const all = [
          { ...common, type: 0 },
          { ...common, type: 0, chainId: 0 },
          { ...common, type: 1, accessList },
          { ...common, type: 2, accessList },
          { ...common, type: 4, authorizationList },
        ]
        await chain.block({ transactions: isFrom(fork, 'isthmus') ? all : all.slice(0, 4) })
      },
    },
    {
      name: 'deposits-pay-nothing',
      description: 'No vault gets anything of deposits, whatever the parameters',
      rules: ['D-12', 'F-01', 'T-06'],
      forks: ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus', 'jovian', 'karst'],
      pre: fixedFees({ ...TYPICAL, operatorFeeScalar: MOST, operatorFeeConstant: 10n ** 9n }),
      async fill(chain) {
        const fields = { from: SENDERS[1], to: NOBODY, value: 1n, gas: 100_000n }
        await chain.block({ transactions: [deposit(fields), deposit({ ...fields, to: null })] })
        await chain.expectState({
          [SENDERS[1]]: { balance: 10n ** 21n - 2n },
          [L1_FEE_VAULT]: { exists: false },
          [BASE_FEE_VAULT]: { exists: false },
        })
      },
    },
  ],
}
