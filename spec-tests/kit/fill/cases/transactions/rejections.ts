import { BARE, BASE_FEE_VAULT, CONTRACT, NOBODY, SENDERS, SENDER_BALANCE } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { type SignedFields, delegationTo, deposit, signed } from '../../transactions.ts'

const EDGES: Fork[] = ['bedrock', 'regolith', 'isthmus', 'karst']
const ENDS: Fork[] = ['bedrock', 'jovian', 'karst']

/** A transaction that no block holds. */
function refused(
  name: string,
  description: string,
  rules: string[],
  tx: SignedFields | string,
  forks: Fork[] = ENDS,
  rest: Partial<Case> = {},
): Case {
  return {
    name,
    description,
    rules,
    forks,
    fill: (chain) => chain.invalid(name.replaceAll('-', ' '), { transactions: [tx] }),
    ...rest,
  }
}

const plain = { to: NOBODY, gasLimit: 21_000n, value: 1n }

/** Signed transactions that make their block invalid, and the nearest that do not. */
export const rejections: Topic = {
  path: 'transactions/rejections',
  pre: BARE,
  cases: [
    refused('nonce-too-high', 'The nonce is the next but one', ['E-14'], { ...plain, nonce: 1 }),
    {
      name: 'nonce-too-low',
      description: 'The nonce was used in the block before, or earlier in the same block',
      rules: ['E-14'],
      forks: EDGES,
      async fill(chain) {
        const first = { ...plain, nonce: 0 }
        await chain.invalid('nonce too low', { transactions: [first, { ...first, value: 2n }] })
        await chain.block({ transactions: [first] })
        await chain.invalid('nonce too low', { transactions: [first] })
      },
    },
    {
      name: 'nonce-after-a-deposit',
      description: 'A deposit of the sender in the same block raises the nonce that is needed',
      rules: ['D-10', 'E-14'],
      forks: EDGES,
      async fill(chain) {
        const first = deposit({ from: SENDERS[0], to: NOBODY })
        await chain.invalid('nonce too low', { transactions: [first, { ...plain, nonce: 0 }] })
        await chain.block({ transactions: [first, { ...plain, nonce: 1 }] })
      },
    },
    refused(
      'greatest-nonce',
      'No transaction may have the nonce 2⁶⁴ - 1 (EIP-2681), though the account has it',
      ['E-14'],
      { ...plain, nonce: 2n ** 64n - 1n },
      ENDS,
      { pre: { [SENDERS[0]]: { balance: '0xde0b6b3a7640000', nonce: '0xffffffffffffffff' } } },
    ),
    {
      name: 'greatest-nonce-but-one',
      description: 'The nonce 2⁶⁴ - 2 is the last that can be used',
      rules: ['E-14'],
      forks: ['bedrock', 'karst'],
      pre: { [SENDERS[0]]: { balance: '0xde0b6b3a7640000', nonce: '0xfffffffffffffffe' } },
      async fill(chain) {
        await chain.block({ transactions: [{ ...plain, nonce: 2n ** 64n - 2n }] })
        await chain.expectState({ [SENDERS[0]]: { nonce: 2n ** 64n - 1n } })
      },
    },
    refused('no-account', 'The sender has no account', ['F-03'], { ...plain, sender: 3 }, ENDS, {
      pre: { [SENDERS[3]]: { balance: '0x0' } },
    }),
    refused(
      'value-above-balance',
      'The value is all that the sender has, and nothing is left for gas',
      ['F-03'],
      { ...plain, value: SENDER_BALANCE },
    ),
    refused('value-of-256-bits', 'Value and gas together have more than 256 bits', ['F-03'], {
      ...plain,
      value: 2n ** 256n - 1n,
    }),
    refused(
      'price-of-256-bits',
      'The highest price times the gas limit has more than 256 bits',
      ['F-03'],
      { ...plain, maxFeePerGas: 2n ** 256n - 1n, maxPriorityFeePerGas: 0n },
    ),
    {
      name: 'price-and-base-fee',
      description: 'A price of exactly the base fee will do, and a wei less will not, in each type',
      rules: ['F-03', 'F-05'],
      forks: EDGES,
      async fill(chain) {
        // What the next block has, too, for it does not depend on what is in it.
        const [, sibling] = [await chain.block(), await chain.block()]
        const baseFee = BigInt(sibling.baseFeePerGas as string)
        const transactions = (price: bigint): SignedFields[] => [
          { ...plain, type: 0, gasPrice: price },
          { ...plain, type: 1, gasPrice: price },
          { ...plain, type: 2, maxFeePerGas: price },
          { ...plain, type: 2, maxFeePerGas: price, maxPriorityFeePerGas: price },
        ]
        const parent = 0
        for (const tx of transactions(baseFee - 1n)) {
          await chain.invalid('price below the base fee', { transactions: [tx], parent })
        }
        await chain.block({ transactions: transactions(baseFee), parent })
        const all = transactions(baseFee).map(() => ({ status: 1, gasUsed: 21_000n }))
        await chain.expectReceipts(...all)
      },
    },
    refused('tip-above-the-cap', 'The tip is a wei more than the highest price', ['F-05'], {
      ...plain,
      maxFeePerGas: 10n ** 10n,
      maxPriorityFeePerGas: 10n ** 10n + 1n,
    }),
    refused('intrinsic-gas', 'One gas less than 21,000', ['D-09'], { ...plain, gasLimit: 20_999n }),
    refused(
      'intrinsic-gas-of-calldata',
      'One gas less than for 21,000 and two bytes',
      ['D-09'],
      { ...plain, gasLimit: 21_019n, data: '0x0001' },
      ['bedrock', 'holocene'],
    ),
    refused(
      'intrinsic-gas-of-an-access-list',
      'One gas less than for an address at 2,400 and a slot at 1,900',
      ['D-09'],
      {
        ...plain,
        type: 1,
        gasLimit: 25_299n,
        accessList: [{ address: NOBODY, storageKeys: [`0x${'00'.repeat(32)}`] }],
      },
    ),
    refused('intrinsic-gas-of-a-creation', 'One gas less than 53,000', ['D-09'], {
      gasLimit: 52_999n,
      to: null,
    }),
    {
      name: 'calldata-floor',
      description:
        'From Isthmus on the gas limit is at least the floor of the calldata (EIP-7623), and at least this is used',
      rules: ['H-10', 'F-06'],
      forks: ['holocene', 'isthmus', 'karst'],
      async fill(chain, fork) {
        const data = `0x${'11'.repeat(100)}`
        const [standard, floor] = [22_600n, 25_000n]
        const short = { transactions: [{ ...plain, data, gasLimit: floor - 1n }] }
        const isIsthmus = isFrom(fork, 'isthmus')
        if (isIsthmus) await chain.invalid('below the floor', short)
        else await chain.block(short)
        await chain.block({ transactions: [{ ...plain, data, gasLimit: floor }] })
        await chain.expectReceipts({ status: 1, gasUsed: isIsthmus ? floor : standard })
      },
    },
    {
      name: 'gas-limit-of-the-block',
      description: 'The gas limit of a transaction is at most what the block has left',
      rules: ['D-15', 'X-14'],
      forks: ['bedrock', 'regolith', 'isthmus'],
      async fill(chain) {
        const fields = { hasL1Attributes: false, attributes: { gasLimit: '0x186a0' } }
        const transactions = (gasLimit: bigint) => [{ ...plain }, { ...plain, gasLimit }]
        await chain.block({ ...fields, transactions: transactions(79_000n) })
        await chain.refused(-38003, { ...fields, transactions: transactions(79_001n) })
      },
    },
    {
      name: 'init-code-size',
      description: 'From Canyon on init code has at most 49,152 bytes (EIP-3860)',
      rules: ['H-03'],
      forks: ['canyon'],
      async fill(chain) {
        const data = `0x${'00'.repeat(49_153)}`
        const transactions = [{ to: null, data, gasLimit: 1_000_000n }]
        await chain.refused(-38003, { transactions })
        await chain.block()
      },
    },
    {
      name: 'gas-cap-of-karst',
      description: 'From Karst on the gas limit is at most 2²⁴ (EIP-7825)',
      rules: ['H-15', 'R-15'],
      forks: ['jovian', 'karst'],
      async fill(chain, fork) {
        const most = 2n ** 24n
        const above = { transactions: [{ ...plain, gasLimit: most + 1n }] }
        if (isFrom(fork, 'karst')) await chain.invalid('above the cap', above)
        else await chain.block(above)
        await chain.block({ transactions: [{ ...plain, gasLimit: most }] })
      },
    },
    ...[0, 1, 2].map((type) =>
      refused(
        `chain-id-of-another-chain-in-type-${type}`,
        'The transaction is signed for the chain 10',
        ['E-14'],
        { ...plain, type, chainId: 10 },
      ),
    ),
    refused('chain-id-0', 'The chain id of a typed transaction is 0', ['E-14'], {
      ...plain,
      type: 2,
      chainId: 0,
    }),
    {
      name: 'sender-with-code',
      description:
        'The sender has code (EIP-3607), of which a delegation is no exception before Isthmus',
      rules: ['D-08', 'R-03'],
      forks: ['bedrock', 'isthmus', 'karst'],
      pre: {
        [SENDERS[1]]: { balance: '0xde0b6b3a7640000', code: '0x00' },
        [SENDERS[2]]: { balance: '0xde0b6b3a7640000', code: `${delegationTo(CONTRACT)}00` },
      },
      async fill(chain) {
        await chain.invalid('sender has code', { transactions: [{ ...plain, sender: 1 }] })
        await chain.invalid('sender has code', { transactions: [{ ...plain, sender: 2 }] })
        await chain.block({ transactions: [plain] })
      },
    },
    {
      name: 'sender-with-a-delegation',
      description: 'From Isthmus on an account that delegates may send (EIP-7702)',
      rules: ['R-03', 'H-10'],
      forks: ['isthmus', 'jovian', 'karst'],
      pre: { [SENDERS[1]]: { balance: '0xde0b6b3a7640000', code: delegationTo(CONTRACT) } },
      async fill(chain) {
        await chain.block({ transactions: [{ ...plain, sender: 1 }] })
        await chain.expectReceipts({ status: 1, gasUsed: 21_000n })
      },
    },
    {
      name: 'one-bad-among-good-ones',
      description: 'A transaction that is invalid is not left out: there is no such block',
      rules: ['E-14', 'T-10'],
      forks: EDGES,
      async fill(chain) {
        const bad = signed({ ...plain, sender: 1, nonce: 7 })
        await chain.invalid('a nonce', { transactions: [plain, bad, plain] })
        await chain.block({ transactions: [plain, plain] })
        await chain.expectState({ [NOBODY]: { balance: 2n }, [BASE_FEE_VAULT]: { exists: true } })
      },
    },
  ],
}
