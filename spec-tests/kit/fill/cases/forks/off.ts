import { BARE, CONTRACT, SENDERS } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'

const WITHDRAWAL_REQUESTS = '0x00000961ef480eb55e80d19ad83579a64c007002'
const CONSOLIDATION_REQUESTS = '0x0000bbddc7ce488642fb579f8b00f3a590007251'
const DEPOSIT_CONTRACT = '0x00000000219ab540356cbb839cbb05303d7705fa'

/** keccak256 of `DepositEvent(bytes,bytes,bytes,bytes,bytes)`. */
const DEPOSIT_EVENT = '0x649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5'

/** Stores the block's number, as any call would show. */
const NOTICING = { nonce: '0x1', code: assemble('NUMBER 0 SSTORE') }

/** What of Ethereum's forks OP chains leave out. */
export const off: Topic = {
  path: 'forks/off',
  cases: [
    {
      name: 'request-contracts-are-not-called',
      description: 'Contracts at the addresses of EIP-7002 and 7251 are not called after a block',
      rules: ['I-06', 'X-09'],
      forks: ['holocene', 'isthmus', 'karst'],
      pre: { ...BARE, [WITHDRAWAL_REQUESTS]: NOTICING, [CONSOLIDATION_REQUESTS]: NOTICING },
      async fill(chain) {
        await chain.block({ transactions: [{ to: SENDERS[1] }] })
        await chain.expectState({
          [WITHDRAWAL_REQUESTS]: { storage: { 0: 0n } },
          [CONSOLIDATION_REQUESTS]: { storage: { 0: 0n } },
        })
      },
    },
    {
      name: 'logs-of-the-deposit-contract-are-not-read',
      description: 'A log like that of the deposit contract of L1, though malformed, matters not',
      rules: ['I-06', 'X-09'],
      forks: ['isthmus', 'karst'],
      pre: {
        ...BARE,
        [DEPOSIT_CONTRACT]: { nonce: '0x1', code: assemble(`${DEPOSIT_EVENT} 32 0 LOG1`) },
      },
      async fill(chain) {
        await chain.block({ transactions: [{ to: DEPOSIT_CONTRACT }] })
        await chain.expectReceipts({ status: 1, logs: 1 })
      },
    },
    {
      name: 'excess-blob-gas-stays-0',
      description: 'No formula of EIP-4844, 7691 or 7918 makes `excessBlobGas` other than 0',
      rules: ['H-17', 'X-11', 'T-25'],
      forks: ['ecotone', 'isthmus', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain, fork) {
        for (let count = 0; count < 2; count++) {
          const transactions = Array.from({ length: 10 }, () => ({ to: SENDERS[1] }))
          const { excessBlobGas, blobGasUsed } = await chain.block({ transactions })
          chain.expect('excessBlobGas', excessBlobGas, '0x0')
          // Ten times 100 bytes of 400 gas.
          chain.expect('blobGasUsed', blobGasUsed, isFrom(fork, 'jovian') ? '0x61a80' : '0x0')
        }
      },
    },
    {
      name: 'no-block-reward',
      description: 'Nobody is paid for a block without transactions that pay',
      rules: ['I-07'],
      forks: ['bedrock', 'canyon', 'karst'],
      pre: BARE,
      async fill(chain) {
        const attributes = { suggestedFeeRecipient: CONTRACT }
        await chain.block({ attributes })
        await chain.expectState({ [CONTRACT]: { exists: false } })
      },
    },
  ],
}
