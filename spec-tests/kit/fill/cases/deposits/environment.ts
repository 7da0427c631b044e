import {
  BARE,
  CONTRACT,
  CONTRACT2,
  DEPOSITOR,
  L1_BLOCK,
  NOBODY,
  NOBODY2,
  SENDERS,
  SEQUENCER_FEE_VAULT,
  word,
} from '../../accounts.ts'
import { assemble, measure } from '../../assemble.ts'
import { CHAIN_ID, isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** Stores what each of these instructions gives, from slot 0 on. */
const seeing = (names: string[]) =>
  assemble(names.map((name, slot) => `${name} ${slot} SSTORE`).join(' '))

const SEEN = [
  'ORIGIN',
  'CALLER',
  'GASPRICE',
  'BASEFEE',
  'COINBASE',
  'NUMBER',
  'TIMESTAMP',
  'GASLIMIT',
  'CHAINID',
  'CALLVALUE',
  'CALLDATASIZE',
  'PREVRANDAO',
]

/** A warm account costs 100 gas, a cold one 2,600; with it PUSH20 or PUSH2, POP and GAS. */
const [WARM, COLD] = [107n, 2607n]

/** Stores the gas of looking at each of these addresses, from a slot on. */
const looking = (addresses: string[], first = 0) =>
  measure(
    addresses.map((address) => `${address} BALANCE`),
    first,
  )

/** What code sees that a deposit calls. */
export const environment: Topic = {
  path: 'deposits/environment',
  pre: BARE,
  cases: [
    {
      name: 'instructions',
      description:
        'ORIGIN and CALLER are the sender, GASPRICE is 0 although BASEFEE is not; the rest is of the block',
      rules: ['D-11', 'X-03', 'X-04'],
      pre: { [CONTRACT]: { code: seeing(SEEN) } },
      async fill(chain) {
        const payload = await chain.block({
          transactions: [deposit({ from: NOBODY, to: CONTRACT, gas: 500_000n, data: '0x0102' })],
        })
        await chain.expectReceipts({ status: 1 })
        const { baseFeePerGas, prevRandao } = payload as Record<string, string>
        const storage = {
          0: NOBODY,
          1: NOBODY,
          2: 0n,
          3: baseFeePerGas,
          4: SEQUENCER_FEE_VAULT,
          5: 1n,
          6: 1002n,
          7: 30_000_000n,
          8: CHAIN_ID,
          9: 0n,
          10: 2n,
          11: prevRandao,
        }
        await chain.expectState({ [CONTRACT]: { storage } })
      },
    },
    {
      name: 'blob-instructions',
      description: 'From Ecotone on BLOBBASEFEE is 1 and BLOBHASH 0; before it they halt',
      rules: ['D-11', 'I-12', 'H-05'],
      forks: ['canyon', 'ecotone', 'isthmus', 'karst'],
      pre: {
        [CONTRACT]: { code: assemble('BLOBBASEFEE 0 SSTORE') },
        [CONTRACT2]: { code: assemble('0 BLOBHASH 1 ADD 0 SSTORE') },
      },
      async fill(chain, fork) {
        await chain.block({
          transactions: [deposit({ to: CONTRACT }), deposit({ to: CONTRACT2 })],
        })
        const status = isFrom(fork, 'ecotone') ? 1 : 0
        await chain.expectReceipts({ status }, { status })
        const storage = { 0: BigInt(status) }
        await chain.expectState({ [CONTRACT]: { storage }, [CONTRACT2]: { storage } })
      },
    },
    {
      name: 'push0',
      description: 'PUSH0 halts before Canyon',
      rules: ['H-03'],
      forks: ['regolith', 'canyon', 'karst'],
      pre: { [CONTRACT]: { code: assemble('1 PUSH0 SSTORE') } },
      async fill(chain, fork) {
        await chain.block({ transactions: [deposit({ to: CONTRACT })] })
        await chain.expectReceipts({ status: isFrom(fork, 'canyon') ? 1 : 0 })
      },
    },
    {
      name: 'clz',
      description: 'CLZ halts before Karst (EIP-7939)',
      rules: ['H-12', 'H-24'],
      forks: ['jovian', 'karst'],
      pre: { [CONTRACT]: { code: assemble('1 CLZ 0 SSTORE 0 CLZ 1 SSTORE') } },
      async fill(chain, fork) {
        await chain.block({ transactions: [deposit({ to: CONTRACT })] })
        const isKarst = isFrom(fork, 'karst')
        await chain.expectReceipts({ status: isKarst ? 1 : 0 })
        const storage = isKarst ? { 0: 255n, 1: 256n } : { 0: 0n, 1: 0n }
        await chain.expectState({ [CONTRACT]: { storage } })
      },
    },
    {
      name: 'gas-at-the-start',
      description: 'The code has the gas limit less 21,000 and the calldata',
      rules: ['D-09', 'D-11'],
      forks: ['bedrock', 'regolith', 'isthmus', 'karst'],
      pre: { [CONTRACT]: { code: assemble('GAS 0 SSTORE') } },
      async fill(chain) {
        const fields = { to: CONTRACT, gas: 100_000n, data: '0x00000101' }
        await chain.block({ transactions: [deposit(fields)] })
        const gas = 100_000n - 21_000n - 40n - 2n
        await chain.expectState({ [CONTRACT]: { storage: { 0: gas } } })
      },
    },
    {
      name: 'warm-addresses',
      description:
        'Sender, recipient and precompiles are warm, from Canyon on also the coinbase (EIP-3651); L1Block, the depositor and others are cold',
      rules: ['D-11', 'T-30'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone', 'isthmus', 'karst'],
      pre: {
        [CONTRACT]: {
          code: assemble(
            looking([
              NOBODY,
              CONTRACT,
              SEQUENCER_FEE_VAULT,
              L1_BLOCK,
              DEPOSITOR,
              '0x0000000000000000000000000000000000000001',
            ]),
          ),
        },
      },
      async fill(chain, fork) {
        await chain.block({
          transactions: [deposit({ from: NOBODY, to: CONTRACT, gas: 500_000n })],
        })
        const coinbase = isFrom(fork, 'canyon') ? WARM : COLD
        const storage = { 0: WARM, 1: WARM, 2: coinbase, 3: COLD, 4: COLD, 5: WARM }
        await chain.expectState({ [CONTRACT]: { storage } })
      },
    },
    {
      name: 'warmth-ends-with-the-deposit',
      description: 'An account and a slot that a deposit reads are cold for the next one',
      rules: ['D-11'],
      forks: ['bedrock', 'regolith', 'karst'],
      pre: { [CONTRACT]: { code: assemble(measure([`${NOBODY2} BALANCE`, '9 SLOAD'])) } },
      async fill(chain) {
        const transactions = [0, 1].map((index) => deposit({ to: CONTRACT, index }))
        await chain.block({ transactions })
        // A cold slot costs 2,100.
        await chain.expectState({ [CONTRACT]: { storage: { 0: COLD, 1: 2107n } } })
      },
    },
    {
      name: 'a-created-contract-is-warm',
      description: 'Init code looks at its own address, which is warm',
      rules: ['D-11'],
      forks: ['bedrock', 'regolith', 'karst'],
      async fill(chain) {
        const data = assemble(measure(['ADDRESS BALANCE', 'CALLER BALANCE']))
        await chain.block({ transactions: [deposit({ from: SENDERS[1], to: null, data })] })
        await chain.expectReceipts({ status: 1 })
      },
    },
    {
      name: 'transient-storage-ends-with-the-deposit',
      description: 'What TSTORE keeps is gone for the next deposit of the block',
      rules: ['D-11', 'H-05'],
      forks: ['ecotone', 'karst'],
      pre: {
        [CONTRACT]: { code: assemble('5 TLOAD NUMBER SLOAD ADD 1 ADD NUMBER SSTORE 7 5 TSTORE') },
      },
      async fill(chain) {
        const transactions = [0, 1].map((index) => deposit({ to: CONTRACT, index }))
        await chain.block({ transactions })
        await chain.expectState({ [CONTRACT]: { storage: { 1: 2n } } })
      },
    },
    {
      name: 'original-values-are-those-before-the-deposit',
      description:
        'Two deposits change a slot: for the second the original value is what the first left (EIP-2200)',
      rules: ['D-11', 'D-19'],
      forks: ['regolith', 'karst'],
      pre: {
        [CONTRACT]: { code: assemble('0 CALLDATALOAD 0 SSTORE'), storage: { [word(0)]: word(1) } },
      },
      async fill(chain) {
        const set = (value: number) => deposit({ to: CONTRACT, data: word(value) })
        await chain.block({ transactions: [set(2), set(1), set(0), set(3)] })
        // 21,000; calldata of 31 zero bytes and one other; three instructions before SSTORE.
        const base = 21_000n + 31n * 4n + 16n + 9n
        const changed = { gasUsed: base + 5_000n }
        const cleared = { gasUsed: base - 12n + 5_000n - 4_800n }
        await chain.expectReceipts(changed, changed, cleared, { gasUsed: base + 22_100n })
      },
    },
    {
      name: 'block-hashes',
      description: 'A deposit reads the hash of the block before, and of none that is not there',
      rules: ['D-11'],
      forks: ['bedrock', 'isthmus', 'karst'],
      pre: {
        [CONTRACT]: {
          code: assemble(
            '1 NUMBER SUB BLOCKHASH 0 SSTORE NUMBER BLOCKHASH 1 ADD 1 SSTORE 0 BLOCKHASH 2 SSTORE',
          ),
        },
      },
      async fill(chain) {
        const genesis = chain.head
        const { blockHash } = await chain.block()
        await chain.block({ transactions: [deposit({ to: CONTRACT })] })
        await chain.expectState({ [CONTRACT]: { storage: { 0: blockHash, 1: 1n, 2: genesis } } })
      },
    },
  ],
}
