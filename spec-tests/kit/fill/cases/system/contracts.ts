import {
  BARE,
  BASE_FEE_VAULT,
  BEACON_ROOTS,
  CONTRACT,
  HISTORY,
  L1_FEE_VAULT,
  OPERATOR_FEE_VAULT,
  SENDERS,
  SEQUENCER_FEE_VAULT,
  word,
} from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Fork } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

const SYSTEM = '0xfffffffffffffffffffffffffffffffffffffffe'

/** Stores who calls with what, how much gas there is, and the block's number. */
const NOTICING = {
  nonce: '0x1',
  code: assemble(
    'GAS 0 SSTORE CALLER 1 SSTORE 0 CALLDATALOAD 2 SSTORE CALLDATASIZE 3 SSTORE NUMBER 4 SSTORE ORIGIN 5 SSTORE GASPRICE 6 SSTORE',
  ),
}

const root = (byte: string) => ({ parentBeaconBlockRoot: `0x${byte.repeat(32)}` })

/** A system contract that cannot do what it should: the block is valid all the same. */
const failing = (name: string, address: string, code: string, forks: Fork[]): Case => ({
  name,
  description:
    'Where the contract at the place of a system contract fails, its call changes nothing',
  rules: address === HISTORY ? ['I-04'] : ['I-03'],
  forks,
  disputed: address === HISTORY ? 'failing-history-contract' : undefined,
  pre: { ...BARE, [address]: { nonce: '0x1', code: assemble(code) } },
  async fill(chain) {
    await chain.block()
    await chain.expectState({ [address]: { nonce: 1n, storage: { 0: 0n } } })
  },
})

/** Contracts that are called before the first transaction, and accounts with a part in fees. */
export const contracts: Topic = {
  path: 'system/contracts',
  cases: [
    {
      name: 'beacon-roots',
      description:
        'Before its first transaction a block stores its beacon root in the contract of EIP-4788, which transactions can read',
      rules: ['I-01', 'I-03', 'X-12'],
      forks: ['ecotone', 'isthmus', 'karst'],
      pre: {
        ...BARE,
        // Asks for the root at this time.
        [CONTRACT]: {
          code: assemble(
            `TIMESTAMP 0 MSTORE 32 32 32 0 ${BEACON_ROOTS} GAS STATICCALL 0 SSTORE 32 MLOAD 1 SSTORE`,
          ),
        },
      },
      async fill(chain) {
        for (const [index, byte] of ['11', '22', '00'].entries()) {
          await chain.block({ transactions: [deposit({ to: CONTRACT })], attributes: root(byte) })
          const value = BigInt(`0x${byte.repeat(32)}`)
          const place = (1002 + 2 * index) % 8191
          const storage = { [place]: BigInt(1002 + 2 * index), [place + 8191]: value }
          await chain.expectState({
            [CONTRACT]: { storage: { 0: 1n, 1: value } },
            [BEACON_ROOTS]: { nonce: 1n, storage },
            [SYSTEM]: { exists: false },
          })
        }
      },
    },
    {
      name: 'beacon-roots-wrap-around',
      description: 'The place of a root is its time modulo 8,191',
      rules: ['I-03'],
      forks: ['ecotone', 'karst'],
      pre: BARE,
      async fill(chain) {
        await chain.block({ step: 8191, attributes: root('33') })
        await chain.block({ step: 8191, attributes: root('44') })
        const value = BigInt(root('44').parentBeaconBlockRoot)
        await chain.expectState({ [BEACON_ROOTS]: { storage: { 1000: 17_382n, 9191: value } } })
      },
    },
    {
      name: 'beacon-roots-call',
      description: 'The call comes from 0xff…fe with 30,000,000 gas, whatever the gas limit is',
      rules: ['I-03'],
      forks: ['ecotone', 'karst'],
      pre: { ...BARE, [BEACON_ROOTS]: NOTICING },
      async fill(chain) {
        const { gasUsed } = await chain.block({
          attributes: { ...root('55'), gasLimit: '0x1e8480' },
        })
        chain.expect('gasUsed is below 30,000', BigInt(`${gasUsed}`) < 30_000n, true)
        const value = BigInt(root('55').parentBeaconBlockRoot)
        const caller = BigInt(SYSTEM)
        const storage = { 0: 29_999_998n, 1: caller, 2: value, 3: 32n, 4: 1n, 5: caller, 6: 0n }
        await chain.expectState({ [BEACON_ROOTS]: { storage }, [SYSTEM]: { exists: false } })
      },
    },
    {
      name: 'no-beacon-roots-before-ecotone',
      description: 'Before Ecotone the contract is not called, even if it is there',
      rules: ['I-03'],
      forks: ['bedrock', 'canyon'],
      pre: { ...BARE, [BEACON_ROOTS]: NOTICING },
      async fill(chain) {
        await chain.block()
        await chain.expectState({ [BEACON_ROOTS]: { storage: { 4: 0n } } })
      },
    },
    {
      name: 'beacon-roots-missing',
      description: 'Where the contract is missing, nothing happens and no account appears',
      rules: ['I-03', 'T-29'],
      forks: ['canyon'],
      times: { ecotone: 1002 },
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.block()
        await chain.expectState({ [BEACON_ROOTS]: { exists: false }, [SYSTEM]: { exists: false } })
      },
    },
    {
      name: 'beacon-roots-with-ether-and-no-code',
      description: 'An account without code at that address stays as it is',
      rules: ['I-03', 'T-29'],
      forks: ['ecotone', 'karst'],
      pre: { ...BARE, [BEACON_ROOTS]: { balance: '0x5' } },
      async fill(chain) {
        await chain.block()
        await chain.expectState({ [BEACON_ROOTS]: { balance: 5n, nonce: 0n } })
      },
    },
    failing('beacon-roots-that-revert', BEACON_ROOTS, '1 0 SSTORE 0 0 REVERT', [
      'ecotone',
      'karst',
    ]),
    failing('beacon-roots-that-spend-all-gas', BEACON_ROOTS, '1 0 SSTORE INVALID', [
      'ecotone',
      'karst',
    ]),
    failing('history-that-reverts', HISTORY, '1 0 SSTORE 0 0 REVERT', ['isthmus', 'karst']),
    {
      name: 'history',
      description:
        'Before its first transaction a block stores the hash of its parent in the contract of EIP-2935, as BLOCKHASH gives it',
      rules: ['I-01', 'I-04'],
      forks: ['isthmus', 'jovian', 'karst'],
      pre: {
        ...BARE,
        // Asks for the hash of the parent, in both ways.
        [CONTRACT]: {
          code: assemble(
            `1 NUMBER SUB 0 MSTORE 32 32 32 0 ${HISTORY} GAS STATICCALL 0 SSTORE 32 MLOAD 1 SSTORE 1 NUMBER SUB BLOCKHASH 2 SSTORE`,
          ),
        },
      },
      async fill(chain) {
        for (let number = 1; number < 4; number++) {
          const parent = BigInt(chain.head)
          await chain.block({ transactions: [deposit({ to: CONTRACT })] })
          await chain.expectState({
            [CONTRACT]: { storage: { 0: 1n, 1: parent, 2: parent } },
            [HISTORY]: { nonce: 1n, storage: { [number - 1]: parent } },
            [SYSTEM]: { exists: false },
          })
        }
      },
    },
    {
      name: 'history-call',
      description: 'The call comes from 0xff…fe with 30,000,000 gas',
      rules: ['I-04'],
      forks: ['isthmus', 'karst'],
      pre: { ...BARE, [HISTORY]: NOTICING },
      async fill(chain) {
        const parent = BigInt(chain.head)
        await chain.block()
        const caller = BigInt(SYSTEM)
        const storage = { 0: 29_999_998n, 1: caller, 2: parent, 3: 32n, 4: 1n, 5: caller, 6: 0n }
        await chain.expectState({ [HISTORY]: { storage } })
      },
    },
    {
      name: 'no-history-before-isthmus',
      description: 'Before Isthmus the contract is not called, even if it is there',
      rules: ['I-04'],
      forks: ['ecotone', 'holocene'],
      pre: { ...BARE, [HISTORY]: NOTICING },
      async fill(chain) {
        await chain.block()
        await chain.expectState({ [HISTORY]: { storage: { 4: 0n } } })
      },
    },
    {
      name: 'history-missing',
      description: 'Where the contract is missing, nothing happens and no account appears',
      rules: ['I-04', 'T-29'],
      forks: ['holocene'],
      times: { isthmus: 1002 },
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.block()
        await chain.expectState({ [HISTORY]: { exists: false }, [SYSTEM]: { exists: false } })
      },
    },
    {
      name: 'fees-of-nothing-create-no-vault',
      description: 'Vaults that are paid 0 wei do not appear, and those that are paid do',
      rules: ['I-13', 'B-13', 'I-11'],
      forks: ['bedrock', 'ecotone', 'isthmus', 'karst'],
      pre: BARE,
      async fill(chain) {
        const { baseFeePerGas } = await chain.block({ transactions: [{ to: SENDERS[1] }] })
        await chain.expectState({
          [BASE_FEE_VAULT]: { balance: BigInt(`${baseFeePerGas}`) * 21_000n, nonce: 0n },
          [L1_FEE_VAULT]: { exists: false },
          [OPERATOR_FEE_VAULT]: { exists: false },
          [SEQUENCER_FEE_VAULT]: { exists: false },
        })
        const tip = { maxPriorityFeePerGas: 3n, gasLimit: 21_000n }
        await chain.block({ transactions: [{ to: SENDERS[1], ...tip }] })
        await chain.expectState({ [SEQUENCER_FEE_VAULT]: { balance: 63_000n } })
      },
    },
    {
      name: 'predeploys-are-contracts-like-others',
      description:
        'Ether in L2ToL1MessagePasser stays there, and vaults run their code when called',
      rules: ['I-11'],
      forks: ['bedrock', 'karst'],
      pre: { ...BARE, [BASE_FEE_VAULT]: { nonce: '0x1', code: assemble('CALLVALUE 1 SSTORE') } },
      async fill(chain) {
        const passer = '0x4200000000000000000000000000000000000016'
        const transactions = [
          { to: passer, value: 9n },
          { to: BASE_FEE_VAULT, value: 4n },
        ]
        await chain.block({ transactions })
        await chain.block()
        await chain.expectState({
          [passer]: { balance: 9n, storage: { [word(1)]: 1n } },
          [BASE_FEE_VAULT]: { storage: { 1: 4n } },
        })
      },
    },
  ],
}
