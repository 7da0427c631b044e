import { BARE, CONTRACT, NOBODY, NOBODY2, SENDERS, SENDER_BALANCE, word } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { type Fork, forks, isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

const EDGES: Fork[] = ['bedrock', 'regolith', 'canyon', 'isthmus', 'karst']

/** Before Regolith a deposit uses all its gas, whatever it does (D-17). */
const gasUsed = (fork: Fork, after: bigint, before = 100_000n) =>
  isFrom(fork, 'regolith') ? after : before

/** Deposits that fail stay in their block. */
export const failures: Topic = {
  path: 'deposits/failures',
  pre: BARE,
  cases: [
    {
      name: 'a-reverting-deposit-keeps-its-mint',
      description:
        'The call of a deposit reverts: value, storage and log are undone, what it mints stays, its nonce rises, and from Regolith on it uses the gas until then',
      rules: ['D-07', 'D-13', 'D-17'],
      pre: { [CONTRACT]: { code: assemble('1 0 SSTORE 0 0 LOG0 0 0 REVERT') } },
      async fill(chain, fork) {
        const fields = { from: SENDERS[1], to: CONTRACT, mint: 7n, value: 3n }
        await chain.block({ transactions: [deposit(fields)] })
        // 21,000; four PUSH1 at 3, a new slot at 22,100, LOG0 at 375, two PUSH1 at 3.
        const gas = gasUsed(fork, 21_000n + 12n + 22_100n + 375n + 6n)
        await chain.expectReceipts({ status: 0, gasUsed: gas, logs: 0 })
        await chain.expectState({
          [SENDERS[1]]: { balance: SENDER_BALANCE + 7n, nonce: 1n },
          [CONTRACT]: { balance: 0n, storage: { 0: 0n } },
        })
        await chain.block({ transactions: [{ sender: 1, to: SENDERS[2], value: 1n }] })
      },
    },
    {
      name: 'a-halting-deposit-uses-all-its-gas',
      description: 'An invalid instruction: as a revert, with all gas',
      rules: ['D-07', 'D-13'],
      forks: EDGES,
      pre: { [CONTRACT]: { code: assemble('1 0 SSTORE 0 0 LOG0 INVALID') } },
      async fill(chain) {
        const fields = { from: SENDERS[1], to: CONTRACT, mint: 7n, value: 3n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n, logs: 0 })
        await chain.expectState({
          [SENDERS[1]]: { balance: SENDER_BALANCE + 7n, nonce: 1n },
          [CONTRACT]: { balance: 0n, storage: { 0: 0n } },
        })
      },
    },
    {
      name: 'a-deposit-runs-out-of-gas',
      description: 'A loop without end',
      rules: ['D-13'],
      forks: EDGES,
      pre: { [CONTRACT]: { code: assemble('JUMPDEST 0 JUMP') } },
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: SENDERS[1], to: CONTRACT })] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({ [SENDERS[1]]: { nonce: 1n } })
      },
    },
    {
      name: 'one-gas-too-little-for-its-code',
      description: 'A deposit that needs 26,006 gas has exactly this, then a unit less',
      rules: ['D-13', 'D-17'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      pre: { [CONTRACT]: { code: assemble('2 0 SSTORE'), storage: { [word(0)]: word(1) } } },
      async fill(chain) {
        // 21,000; two PUSH1; a slot that changes at 2,100 and 2,900.
        const gas = 21_000n + 6n + 5_000n
        const deposits = [gas, gas - 1n].map((gas) => deposit({ to: CONTRACT, gas }))
        await chain.block({ transactions: deposits.slice(1) })
        await chain.expectReceipts({ status: 0, gasUsed: gas - 1n })
        await chain.block({ transactions: deposits.slice(0, 1) })
        await chain.expectReceipts({ status: 1, gasUsed: gas })
        await chain.expectState({ [CONTRACT]: { storage: { 0: 2n } } })
      },
    },
    {
      name: 'less-than-the-intrinsic-gas',
      description: 'A call needs 21,000 gas, else it fails before it runs',
      rules: ['D-09', 'D-14'],
      forks: EDGES,
      async fill(chain) {
        const fields = { from: SENDERS[1], to: NOBODY, mint: 7n, value: 3n }
        await chain.block({ transactions: [deposit({ ...fields, gas: 20_999n })] })
        await chain.expectReceipts({ status: 0, gasUsed: 20_999n })
        await chain.expectState({
          [SENDERS[1]]: { balance: SENDER_BALANCE + 7n, nonce: 1n },
          [NOBODY]: { exists: false },
        })
        await chain.block({ transactions: [deposit({ ...fields, gas: 0n })] })
        await chain.expectReceipts({ status: 0, gasUsed: 0n })
        await chain.block({ transactions: [deposit({ ...fields, gas: 21_000n })] })
        await chain.expectReceipts({ status: 1, gasUsed: 21_000n })
      },
    },
    {
      name: 'less-than-the-intrinsic-gas-of-calldata',
      description: 'Calldata needs 4 gas for a zero byte and 16 for another',
      rules: ['D-09', 'D-14'],
      forks: ['bedrock', 'regolith', 'canyon', 'holocene'],
      async fill(chain) {
        const fields = { from: SENDERS[1], to: NOBODY, mint: 7n, value: 3n, data: '0x0001' }
        await chain.block({ transactions: [deposit({ ...fields, gas: 21_019n })] })
        await chain.expectReceipts({ status: 0, gasUsed: 21_019n })
        await chain.block({ transactions: [deposit({ ...fields, gas: 21_020n })] })
        await chain.expectReceipts({ status: 1, gasUsed: 21_020n })
      },
    },
    {
      name: 'less-than-the-intrinsic-gas-of-a-creation',
      description:
        'A creation needs 53,000 gas and what its init code costs: 16 a byte, from Canyon on 2 a word',
      rules: ['D-09', 'D-14', 'D-21'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone', 'isthmus', 'karst'],
      async fill(chain, fork) {
        const fields = { from: SENDERS[1], to: null, data: '0x5050' }
        const needed = 53_000n + 32n + (isFrom(fork, 'canyon') ? 2n : 0n)
        // The init code itself, POP on an empty stack, halts.
        await chain.block({
          transactions: [
            deposit({ ...fields, gas: needed - 1n }),
            deposit({ ...fields, gas: needed + 5n, data: '0x5b5b' }),
          ],
        })
        await chain.expectReceipts({ status: 0, gasUsed: needed - 1n }, { status: 1 })
        await chain.expectState({ [SENDERS[1]]: { nonce: 2n } })
      },
    },
    {
      name: 'less-than-the-calldata-floor',
      description:
        'From Isthmus on a deposit needs 10 gas for each token of its calldata (EIP-7623), else it fails; before it does not',
      rules: ['D-09', 'D-14', 'D-19'],
      forks: ['holocene', 'isthmus', 'jovian', 'karst'],
      async fill(chain, fork) {
        const isIsthmus = isFrom(fork, 'isthmus')
        const fields = { from: SENDERS[1], to: NOBODY, data: `0x${'11'.repeat(100)}`, value: 1n }
        // 400 tokens.
        const [floor, standard] = [25_000n, 22_600n]
        await chain.block({ transactions: [deposit({ ...fields, gas: floor - 1n })] })
        await chain.expectReceipts(
          isIsthmus ? { status: 0, gasUsed: floor - 1n } : { status: 1, gasUsed: standard },
        )
        await chain.block({ transactions: [deposit({ ...fields, gas: floor })] })
        await chain.expectReceipts({ status: 1, gasUsed: isIsthmus ? floor : standard })
        await chain.block({ transactions: [deposit({ ...fields, gas: 100_000n })] })
        await chain.expectReceipts({ status: 1, gasUsed: isIsthmus ? floor : standard })
      },
    },
    {
      name: 'no-ether-for-the-value',
      description: 'The sender does not exist and mints nothing: it fails, and has nonce 1 then',
      rules: ['D-14', 'D-10'],
      forks: EDGES,
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: NOBODY, to: NOBODY2, value: 1n })] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({ [NOBODY]: { balance: 0n, nonce: 1n } })
      },
    },
    {
      name: 'no-ether-for-the-value-of-a-creation',
      description: 'A creation whose sender lacks the value fails before it runs: the nonce rises',
      rules: ['D-14', 'D-21', 'T-03'],
      forks: ['regolith', 'canyon', 'isthmus', 'jovian', 'karst'],
      async fill(chain) {
        await chain.block({
          transactions: [deposit({ from: NOBODY, to: null, value: 1n, mint: 0n })],
        })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({ [NOBODY]: { nonce: 1n } })
      },
    },
    {
      name: 'no-ether-for-the-value-of-a-creation-before-regolith',
      description: 'As after Regolith: the nonce rises',
      rules: ['D-14', 'D-21', 'T-03'],
      forks: ['bedrock'],
      disputed: 'creation-without-funds-before-regolith',
      async fill(chain) {
        await chain.block({ transactions: [deposit({ from: NOBODY, to: null, value: 1n })] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({ [NOBODY]: { nonce: 1n } })
      },
    },
    {
      name: 'refunds-of-a-reverting-deposit',
      description: 'A deposit that clears a slot and reverts is refunded nothing',
      rules: ['D-13', 'D-19'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      pre: {
        [CONTRACT]: { code: assemble('0 0 SSTORE 0 0 REVERT'), storage: { [word(0)]: word(1) } },
      },
      async fill(chain, fork) {
        await chain.block({ transactions: [deposit({ to: CONTRACT })] })
        await chain.expectReceipts({ status: 0, gasUsed: gasUsed(fork, 21_000n + 5_012n) })
        await chain.expectState({ [CONTRACT]: { storage: { 0: 1n } } })
      },
    },
    {
      name: 'what-a-failing-deposit-destroys-stays',
      description: 'A contract destroys itself in a call of a deposit that then halts',
      rules: ['D-13'],
      forks: ['bedrock', 'regolith', 'canyon', 'ecotone', 'karst'],
      pre: {
        [CONTRACT]: { balance: '0x5', code: assemble('CALLER SELFDESTRUCT') },
        [NOBODY]: { code: assemble(`0 0 0 0 0 ${CONTRACT} GAS CALL INVALID`) },
      },
      async fill(chain) {
        await chain.block({ transactions: [deposit({ to: NOBODY })] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({ [CONTRACT]: { balance: 5n, code: '0x33ff' } })
      },
    },
    {
      name: 'many-failures-in-one-block',
      description: 'Deposits fail in every way between others that succeed; nonces count them all',
      rules: ['D-10', 'D-13', 'D-14', 'D-16'],
      forks: forks('regolith'),
      pre: {
        [CONTRACT]: { code: assemble('0 CALLDATALOAD 0 SSTORE 0 0 REVERT') },
        [NOBODY]: { code: assemble('NUMBER 0 SSTORE') },
      },
      async fill(chain) {
        const from = SENDERS[1]
        await chain.block({
          transactions: [
            deposit({ from, to: NOBODY }),
            deposit({ from, to: CONTRACT, mint: 1n }),
            deposit({ from, to: NOBODY, gas: 20_999n, mint: 2n }),
            deposit({ from, to: null, data: '0xfe', mint: 4n }),
            deposit({ from, to: NOBODY2, value: 10n ** 30n, mint: 8n }),
            deposit({ from, to: NOBODY2, value: 16n, mint: 16n }),
            { sender: 1, nonce: 6n, to: NOBODY2, value: 1n },
          ],
        })
        const statuses = [1, 0, 0, 0, 0, 1, 1]
        await chain.expectReceipts(...statuses.map((status) => ({ status })))
        await chain.expectState({ [from]: { nonce: 7n }, [NOBODY2]: { balance: 17n } })
      },
    },
  ],
}
