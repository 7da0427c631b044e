import {
  BARE,
  CONTRACT,
  NOBODY,
  NOBODY2,
  SENDERS,
  SENDER_BALANCE,
  SEQUENCER_FEE_VAULT,
  ZERO_ADDRESS,
} from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Fork } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** The first, those that changed how deposits end, and the last. */
const EDGES: Fork[] = ['bedrock', 'regolith', 'isthmus', 'karst']

/** What deposits mint, and move. */
export const value: Topic = {
  path: 'deposits/value',
  pre: BARE,
  cases: [
    {
      name: 'mint-comes-before-the-transfer',
      description: 'An account that did not exist mints 10 wei, sends 4 of them, and has nonce 1',
      rules: ['D-04', 'D-07', 'D-10'],
      forks: EDGES,
      async fill(chain) {
        const fields = { from: NOBODY, to: NOBODY2, mint: 10n, value: 4n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectState({
          [NOBODY]: { balance: 6n, nonce: 1n },
          [NOBODY2]: { balance: 4n, nonce: 0n },
        })
      },
    },
    {
      name: 'mint-to-oneself',
      description: 'Sender and recipient are the same account, which keeps what it mints',
      rules: ['D-07', 'D-10'],
      forks: EDGES,
      async fill(chain) {
        const fields = { from: NOBODY, to: NOBODY, mint: 5n, value: 5n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectState({ [NOBODY]: { balance: 5n, nonce: 1n } })
      },
    },
    {
      name: 'mint-is-new-ether',
      description: 'A mint makes no log, and no one else has less: not the vaults either',
      rules: ['D-12', 'D-39', 'F-01'],
      forks: EDGES,
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: SENDERS[1], to: NOBODY, mint: 9n })] })
        await chain.expectReceipts({ status: 1, logs: 0 })
        await chain.expectState({
          [SENDERS[1]]: { balance: SENDER_BALANCE + 9n },
          [SEQUENCER_FEE_VAULT]: { exists: false },
        })
      },
    },
    {
      name: 'mint-of-128-bits',
      description: 'The greatest mint of 128 bits, all of which is sent on',
      rules: ['D-40'],
      forks: ['bedrock', 'regolith', 'karst'],
      async fill(chain) {
        const most = 2n ** 128n - 1n
        await chain.block({
          transactions: [deposit({ from: NOBODY, to: NOBODY2, mint: most, value: most })],
        })
        await chain.expectState({ [NOBODY2]: { balance: most } })
      },
    },
    {
      name: 'mint-above-128-bits',
      description: 'A mint of 129 bits, which no chain can reach: its portal has less ether',
      rules: ['D-40'],
      forks: ['regolith', 'jovian'],
      disputed: 'mint-above-128-bits',
      async fill(chain) {
        await chain.block({
          transactions: [deposit({ from: NOBODY, to: NOBODY2, mint: 1n << 128n })],
        })
        await chain.expectState({ [NOBODY]: { balance: 1n << 128n } })
      },
    },
    {
      name: 'all-the-ether-there-is',
      description: 'A value of exactly balance and mint together is sent',
      rules: ['D-07', 'D-09'],
      forks: EDGES,
      pre: { [NOBODY]: { balance: '0x64' } },
      async fill(chain) {
        const fields = { from: NOBODY, to: NOBODY2, mint: 5n, value: 105n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({ [NOBODY]: { balance: 0n }, [NOBODY2]: { balance: 105n } })
      },
    },
    {
      name: 'one-wei-too-much',
      description: 'A value of a wei more than balance and mint: it fails, the mint stays',
      rules: ['D-09', 'D-14'],
      forks: EDGES,
      pre: { [NOBODY]: { balance: '0x64' } },
      async fill(chain) {
        const fields = { from: NOBODY, to: NOBODY2, mint: 5n, value: 106n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({
          [NOBODY]: { balance: 105n, nonce: 1n },
          [NOBODY2]: { exists: false },
        })
      },
    },
    {
      name: 'nothing-leaves-no-account',
      description: 'A call without wei to an address without account makes none (EIP-161)',
      rules: ['D-07'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: SENDERS[1], to: NOBODY })] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({ [NOBODY]: { exists: false } })
      },
    },
    {
      name: 'a-contract-sees-the-value',
      description: 'Code that the deposit calls has the value already: CALLVALUE and SELFBALANCE',
      rules: ['D-07', 'D-11'],
      forks: ['bedrock', 'regolith', 'karst'],
      pre: {
        [CONTRACT]: { balance: '0x1', code: assemble('CALLVALUE 0 SSTORE SELFBALANCE 1 SSTORE') },
      },
      async fill(chain) {
        const fields = { from: NOBODY, to: CONTRACT, mint: 8n, value: 7n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectState({ [CONTRACT]: { balance: 8n, storage: { 0: 7n, 1: 8n } } })
      },
    },
    {
      name: 'from-the-zero-address',
      description: 'The zero address is a sender like others, as in upgrade deposits',
      rules: ['D-04', 'D-10'],
      forks: EDGES,
      async fill(chain) {
        const fields = { from: ZERO_ADDRESS, to: NOBODY, mint: 2n, value: 1n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectState({
          [ZERO_ADDRESS]: { balance: 1n, nonce: 1n },
          [NOBODY]: { balance: 1n },
        })
      },
    },
    {
      name: 'minted-ether-pays-for-a-signed-transaction',
      description:
        'An account mints in the block in which it signs: its nonce there counts the deposit',
      rules: ['D-07', 'D-10', 'D-36'],
      forks: EDGES,
      pre: { [SENDERS[3]]: {} },
      async fill(chain) {
        const mint = deposit({ from: SENDERS[3], to: SENDERS[3], mint: 10n ** 18n })
        await chain.block({
          transactions: [mint, { sender: 3, nonce: 1n, to: NOBODY, value: 1n }],
        })
        await chain.expectReceipts({ status: 1 }, { status: 1, gasUsed: 21_000n })
        await chain.expectState({ [SENDERS[3]]: { nonce: 2n }, [NOBODY]: { balance: 1n } })
      },
    },
    {
      name: 'to-the-fee-vault-that-is-coinbase',
      description: 'A deposit may send ether to the coinbase, and come from it',
      rules: ['D-04', 'D-12'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      async fill(chain) {
        const vault = SEQUENCER_FEE_VAULT
        await chain.block({
          transactions: [
            deposit({ from: SENDERS[1], to: vault, value: 5n }),
            deposit({ from: vault, to: NOBODY, value: 3n, mint: 1n }),
          ],
        })
        await chain.expectState({ [vault]: { balance: 3n, nonce: 1n }, [NOBODY]: { balance: 3n } })
      },
    },
  ],
}
