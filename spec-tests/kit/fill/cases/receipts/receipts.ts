import { BARE, CONTRACT, NOBODY, SENDERS, l1Block, L1_BLOCK, ZERO_ADDRESS } from '../../accounts.ts'
import { assemble, deployer } from '../../assemble.ts'
import { isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { authorize, deposit } from '../../transactions.ts'

/** Logs with 4, 3, 1 and no topics. */
const LOGGING = assemble('1 0 MSTORE 7 8 9 10 32 0 LOG4 7 8 9 32 0 LOG3 5 32 0 LOG1 3 29 LOG0')

/** The root of receipts, in each fork. */
export const receipts: Topic = {
  path: 'receipts/receipts',
  pre: { ...BARE, [CONTRACT]: { code: LOGGING } },
  cases: [
    {
      name: 'nonce-and-version-of-deposits',
      description:
        'A sender with nonce 5: from Regolith on receipts have its nonce, which is in the root from Canyon on, with the version 1',
      rules: ['D-24', 'D-25', 'D-26', 'D-27', 'T-01', 'T-04', 'X-15'],
      pre: { [SENDERS[1]]: { nonce: '0x5', balance: '0x64' } },
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: SENDERS[1], to: NOBODY, value: 1n })] })
        await chain.block({ transactions: [deposit({ from: SENDERS[1], to: NOBODY, value: 1n })] })
      },
    },
    {
      name: 'nonces-of-deposits-that-fail',
      description: 'The nonce in the receipt is that before the deposit, however it ends',
      rules: ['D-24', 'D-25', 'D-27', 'T-02', 'T-04'],
      forks: ['bedrock', 'regolith', 'canyon', 'isthmus', 'karst'],
      pre: { [SENDERS[1]]: { nonce: '0x7f', balance: '0x64' } },
      async fill(chain) {
        const from = SENDERS[1]
        await chain.block({
          transactions: [
            deposit({ from, to: null, data: '0xfe' }),
            deposit({ from, to: NOBODY, value: 1000n }),
            deposit({ from, to: NOBODY, gas: 20_000n }),
            deposit({ from, to: CONTRACT }),
            deposit({ from: ZERO_ADDRESS, to: NOBODY }),
          ],
        })
        const statuses = [0, 0, 0, 1, 1]
        await chain.expectReceipts(...statuses.map((status) => ({ status })))
      },
    },
    {
      name: 'logs-of-deposits',
      description: 'Logs with 4, 3, 1 and no topics, in receipt, bloom and bloom of the block',
      rules: ['D-24', 'D-30', 'X-15'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone', 'isthmus', 'karst'],
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: SENDERS[1], to: CONTRACT })] })
        await chain.expectReceipts({ status: 1, logs: 4 })
      },
    },
    {
      name: 'logs-of-all-kinds-of-transactions',
      description:
        'Deposits and signed transactions of every type log; gas adds up in their receipts, whose types differ',
      rules: ['D-24', 'D-30', 'X-14', 'X-15'],
      async fill(chain, fork) {
        const common = { to: CONTRACT, gasLimit: 200_000n }
        const setCode = {
          ...common,
          type: 4,
          authorizationList: [authorize(3, { address: CONTRACT })],
        }
        await chain.block({
          transactions: [
            deposit({ from: SENDERS[1], to: CONTRACT }),
            { ...common, type: 0 },
            { ...common, type: 1 },
            { ...common, type: 2 },
            ...(isFrom(fork, 'isthmus') ? [setCode] : []),
            { to: NOBODY, value: 1n },
          ],
        })
        const logging = { status: 1, logs: 4 }
        await chain.expectReceipts(logging, logging, logging, { status: 1, logs: 0 })
      },
    },
    {
      name: 'failed-transactions-leave-no-logs',
      description: 'A transaction logs and reverts, another logs and halts',
      rules: ['D-13', 'D-24', 'X-15'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      pre: {
        [CONTRACT]: { code: assemble('0 0 LOG0 0 0 REVERT') },
        [NOBODY]: { code: assemble('0 0 LOG0 INVALID') },
      },
      async fill(chain) {
        await chain.block({
          transactions: [
            { to: CONTRACT },
            { to: NOBODY },
            deposit({ from: SENDERS[1], to: CONTRACT }),
            deposit({ from: SENDERS[1], to: NOBODY }),
          ],
        })
        const failed = { status: 0, logs: 0 }
        await chain.expectReceipts(failed, failed, failed, failed)
      },
    },
    {
      name: 'creations',
      description:
        'Contracts that a deposit and a signed transaction create, and log while they do',
      rules: ['D-24', 'D-29', 'T-05', 'X-15'],
      forks: ['bedrock', 'regolith', 'canyon', 'isthmus', 'karst'],
      async fill(chain) {
        const data = `${assemble('0 0 LOG0')}${deployer('0x5f').slice(2)}`
        // What comes before moves the code, so that the end of the init code is deployed.
        await chain.block({
          transactions: [
            deposit({ from: SENDERS[1], to: null, data }),
            { to: null, data, gasLimit: 200_000n },
          ],
        })
        await chain.expectReceipts({ status: 1, logs: 1 }, { status: 1, logs: 1 })
      },
    },
    {
      name: 'a-wrong-receipts-root',
      description: 'A root of receipts that is not theirs, and a bloom without bits, are INVALID',
      rules: ['X-15'],
      forks: ['bedrock', 'regolith', 'canyon', 'isthmus', 'karst'],
      async fill(chain) {
        const fields = { transactions: [deposit({ from: SENDERS[1], to: CONTRACT })] }
        await chain.altered({ error: 'receipts root' }, fields, ({ payload }) => {
          payload.receiptsRoot = `0x${'11'.repeat(32)}`
        })
        await chain.altered({ error: 'logs bloom' }, fields, ({ payload }) => {
          payload.logsBloom = `0x${'00'.repeat(256)}`
        })
        await chain.block(fields)
      },
    },
    {
      name: 'a-system-transaction-counts-no-gas',
      description: 'Before Regolith the gas of the attributes is missing in what adds up',
      rules: ['D-18', 'D-24', 'X-14'],
      forks: ['bedrock'],
      pre: { [L1_BLOCK]: l1Block() },
      async fill(chain) {
        const payload = await chain.block({ transactions: [{ to: NOBODY, value: 1n }] })
        chain.expect('gasUsed', payload.gasUsed, '0x5208')
      },
    },
    {
      name: 'many-receipts',
      description: 'More than 128 receipts, so that the keys of their trie have two bytes',
      rules: ['X-15'],
      forks: ['regolith', 'canyon', 'karst'],
      async fill(chain) {
        const transactions = [...Array(140).keys()].map((index) =>
          deposit({ from: SENDERS[index % 4], to: NOBODY, index, gas: 30_000n }),
        )
        await chain.block({ transactions })
      },
    },
  ],
}
