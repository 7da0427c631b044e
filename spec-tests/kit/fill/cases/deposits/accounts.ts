import {
  BARE,
  CONTRACT,
  CONTRACT2,
  DEPOSITOR,
  L1_BLOCK,
  NOBODY,
  l1Block,
  SENDERS,
  SENDER_BALANCE,
  SEQUENCER_FEE_VAULT,
  word,
} from '../../accounts.ts'
import { assemble, measure } from '../../assemble.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { delegationTo, deposit } from '../../transactions.ts'

const EDGES: Fork[] = ['bedrock', 'regolith', 'canyon', 'isthmus', 'karst']
const FROM_ISTHMUS: Fork[] = ['isthmus', 'jovian', 'karst']

const precompile = (number: number) => `0x${number.toString(16).padStart(40, '0')}`

/** A deposit to a precompile succeeds and leaves its value there. */
const toPrecompiles: Case = {
  name: 'to-precompiles',
  description:
    'Deposits call SHA-256, identity and, which fails with all gas, BLAKE2b without input',
  rules: ['D-13'],
  forks: ['bedrock', 'regolith', 'karst'],
  async fill(chain) {
    const fields = { from: SENDERS[1], value: 1n, data: '0x01' }
    await chain.block({
      transactions: [2, 4, 9].map((number) => deposit({ ...fields, to: precompile(number) })),
    })
    await chain.expectReceipts({ status: 1 }, { status: 1 }, { status: 0, gasUsed: 100_000n })
    await chain.expectState({
      [precompile(2)]: { balance: 1n },
      [precompile(9)]: { exists: false },
    })
  },
}

/** Senders and recipients that signed transactions do not have, or where something is special. */
export const accounts: Topic = {
  path: 'deposits/accounts',
  pre: BARE,
  cases: [
    {
      name: 'from-a-contract',
      description: 'The sender has code, which no check forbids (EIP-3607), and which does not run',
      rules: ['D-04', 'D-08'],
      forks: EDGES,
      pre: { [CONTRACT]: { balance: '0x7', code: '0xfe', nonce: '0x3' } },
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: CONTRACT, to: NOBODY, value: 7n })] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({
          [CONTRACT]: { balance: 0n, nonce: 4n, code: '0xfe' },
          [NOBODY]: { balance: 7n },
        })
      },
    },
    {
      name: 'a-contract-to-itself',
      description: 'Sender and recipient are the same contract, whose code sees itself as caller',
      rules: ['D-04', 'D-08', 'D-11'],
      forks: ['bedrock', 'regolith', 'karst'],
      pre: { [CONTRACT]: { code: assemble('CALLER ADDRESS EQ 0 SSTORE') } },
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: CONTRACT, to: CONTRACT })] })
        await chain.expectState({ [CONTRACT]: { nonce: 1n, storage: { 0: 1n } } })
      },
    },
    toPrecompiles,
    {
      name: 'to-p256verify',
      description:
        'The address 0x100 is an account without code before Fjord, then costs 3,450 gas, at Karst 6,900',
      rules: ['P-02', 'P-03'],
      forks: ['ecotone', 'fjord', 'jovian', 'karst'],
      async fill(chain, fork) {
        await chain.block({ transactions: [deposit({ to: precompile(0x100) })] })
        const price = isFrom(fork, 'karst') ? 6_900n : isFrom(fork, 'fjord') ? 3_450n : 0n
        await chain.expectReceipts({ status: 1, gasUsed: 21_000n + price })
      },
    },
    {
      name: 'from-a-precompile',
      description: 'A precompile is a sender like others',
      rules: ['D-04', 'D-10'],
      forks: ['bedrock', 'regolith', 'karst'],
      async fill(chain) {
        const from = precompile(4)
        await chain.block({ transactions: [deposit({ from, to: NOBODY, mint: 2n, value: 1n })] })
        await chain.expectState({ [from]: { balance: 1n, nonce: 1n } })
      },
    },
    {
      name: 'to-a-contract-that-destroys-itself',
      description: 'It is gone after the deposit, from Ecotone on only its ether (EIP-6780)',
      rules: ['D-07', 'H-05'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone', 'karst'],
      pre: { [CONTRACT]: { balance: '0x5', code: assemble(`${NOBODY} SELFDESTRUCT`) } },
      async fill(chain, fork) {
        const transactions = [0, 1].map((index) =>
          deposit({ from: SENDERS[1], to: CONTRACT, value: 1n, index }),
        )
        await chain.block({ transactions })
        const stays = isFrom(fork, 'ecotone')
        await chain.expectState(
          stays
            ? { [NOBODY]: { balance: 7n }, [CONTRACT]: { balance: 0n } }
            : { [NOBODY]: { balance: 6n }, [CONTRACT]: { balance: 1n, code: '0x' } },
        )
      },
    },
    {
      name: 'init-code-that-destroys-itself',
      description: 'What a deposit creates and destroys is gone, also after Ecotone',
      rules: ['D-07', 'H-05'],
      forks: ['regolith', 'ecotone', 'karst'],
      async fill(chain) {
        const data = assemble(`${NOBODY} SELFDESTRUCT`)
        const fields = { from: SENDERS[1], to: null, data, mint: 5n, value: 5n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({
          [SENDERS[1]]: { balance: SENDER_BALANCE, nonce: 1n },
          [NOBODY]: { balance: 5n },
        })
      },
    },
    {
      name: 'to-l1block-from-another',
      description: 'L1Block takes attributes from its depositor only: those of a user revert',
      rules: ['D-06', 'D-13'],
      forks: ['bedrock', 'regolith', 'ecotone', 'jovian', 'karst'],
      pre: { [L1_BLOCK]: l1Block() },
      async fill(chain) {
        await chain.block({
          transactions: [
            deposit({ from: SENDERS[1], to: L1_BLOCK, data: '0x440a5e20' }),
            deposit({ from: DEPOSITOR, to: L1_BLOCK, data: '0x12345678' }),
          ],
        })
        await chain.expectReceipts({ status: 0 }, { status: 0 })
      },
    },
    {
      name: 'to-a-delegated-account',
      description:
        'The code of the delegate runs in the account, and delegate and account are warm (EIP-7702)',
      rules: ['D-22'],
      forks: FROM_ISTHMUS,
      pre: {
        [SENDERS[2]]: { code: delegationTo(CONTRACT) },
        [CONTRACT]: {
          code: assemble(
            `ADDRESS 0 SSTORE CALLER 1 SSTORE ${measure([`${CONTRACT} BALANCE`, 'ADDRESS BALANCE'], 2)}`,
          ),
        },
      },
      async fill(chain) {
        const fields = { from: NOBODY, to: SENDERS[2], gas: 200_000n }
        await chain.block({ transactions: [deposit(fields)] })
        const storage = { 0: SENDERS[2], 1: NOBODY, 2: 107n, 3: 106n }
        await chain.expectState({ [SENDERS[2]]: { storage }, [CONTRACT]: { storage: { 0: 0n } } })
      },
    },
    {
      name: 'a-delegation-is-followed-once',
      description:
        'A delegation to a delegated account, to itself and to a precompile: the first two halt, the last does nothing',
      rules: ['D-22'],
      forks: FROM_ISTHMUS,
      pre: {
        [CONTRACT]: { code: assemble('1 0 SSTORE') },
        [SENDERS[1]]: { code: delegationTo(CONTRACT) },
        [SENDERS[2]]: { code: delegationTo(SENDERS[1]) },
        [SENDERS[3]]: { code: delegationTo(SENDERS[3]) },
        [CONTRACT2]: { code: delegationTo(precompile(9)) },
      },
      async fill(chain) {
        await chain.block({
          transactions: [SENDERS[2], SENDERS[3], CONTRACT2].map((to) => deposit({ to })),
        })
        const failed = { status: 0, gasUsed: 100_000n }
        await chain.expectReceipts(failed, failed, { status: 1, gasUsed: 21_000n })
      },
    },
    {
      name: 'from-a-delegated-account',
      description: 'A sender with a delegation sends, and what it delegates to does not run',
      rules: ['D-08', 'D-22'],
      forks: FROM_ISTHMUS,
      pre: {
        [SENDERS[2]]: { code: delegationTo(CONTRACT), balance: '0x9' },
        [CONTRACT]: { code: assemble('0 0 REVERT') },
      },
      async fill(chain) {
        await chain.block({
          transactions: [
            deposit({ from: SENDERS[2], to: NOBODY, value: 4n }),
            deposit({ from: SENDERS[2], to: SENDERS[2], value: 4n }),
          ],
        })
        await chain.expectReceipts({ status: 1 }, { status: 0 })
        await chain.expectState({
          [SENDERS[2]]: { balance: 5n, nonce: 2n, code: delegationTo(CONTRACT) },
        })
      },
    },
    {
      name: 'storage-of-a-destroyed-contract',
      description:
        'A deposit destroys a contract with storage; the next sends it ether: before Ecotone the slot is empty then',
      rules: ['D-07', 'H-05'],
      forks: ['bedrock', 'canyon', 'ecotone', 'karst'],
      pre: {
        [CONTRACT]: { code: assemble('CALLER SELFDESTRUCT'), storage: { [word(3)]: word(4) } },
      },
      async fill(chain, fork) {
        await chain.block({
          transactions: [
            deposit({ from: NOBODY, to: CONTRACT }),
            deposit({ from: SENDERS[1], to: CONTRACT, value: 2n }),
          ],
        })
        const left = isFrom(fork, 'ecotone') ? 4n : 0n
        await chain.expectState({ [CONTRACT]: { storage: { 3: left } } })
      },
    },
    {
      name: 'from-the-coinbase-to-itself',
      description: 'The coinbase of the block sends to itself',
      rules: ['D-04', 'D-12'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      async fill(chain) {
        const vault = SEQUENCER_FEE_VAULT
        const fields = { from: vault, to: vault, mint: 3n, value: 2n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectState({ [vault]: { balance: 3n, nonce: 1n } })
      },
    },
  ],
}
