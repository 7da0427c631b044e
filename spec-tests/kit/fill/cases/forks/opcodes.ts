import { BARE, CONTRACT, CONTRACT2, SENDERS, word } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'

/** A contract that stores in slot 0 what a program leaves on the stack. */
const storing = (program: string) => ({
  ...BARE,
  [CONTRACT]: { code: assemble(`${program} 0 SSTORE`) },
})

/** An instruction that only forks from `first` on have. */
interface Instruction {
  name: string
  first: Fork
  forks: Fork[]
  rules: string[]
  program: string
  /** What the program leaves. */
  value: bigint
  description: string
}

const INSTRUCTIONS: Instruction[] = [
  {
    name: 'push0',
    first: 'canyon',
    forks: ['bedrock', 'regolith', 'canyon', 'karst'],
    rules: ['H-03'],
    program: 'PUSH0 9 ADD',
    value: 9n,
    description: 'PUSH0 (EIP-3855) is there from Canyon on',
  },
  {
    name: 'transient-storage',
    first: 'ecotone',
    forks: ['canyon', 'ecotone', 'karst'],
    rules: ['H-05'],
    program: '7 5 TSTORE 5 TLOAD 6 TLOAD ADD',
    value: 7n,
    description: 'TLOAD and TSTORE (EIP-1153) are there from Ecotone on',
  },
  {
    name: 'mcopy',
    first: 'ecotone',
    forks: ['canyon', 'ecotone', 'karst'],
    rules: ['H-05'],
    program: '0x1234 0 MSTORE 32 0 64 MCOPY 64 MLOAD',
    value: 0x1234n,
    description: 'MCOPY (EIP-5656) is there from Ecotone on',
  },
  {
    name: 'blobhash',
    first: 'ecotone',
    forks: ['canyon', 'ecotone', 'isthmus', 'karst'],
    rules: ['I-12', 'H-05'],
    program: '0 BLOBHASH 1 ADD',
    value: 1n,
    description: 'BLOBHASH is there from Ecotone on and gives 0: no transaction has blobs',
  },
  {
    name: 'blobbasefee',
    first: 'ecotone',
    forks: ['canyon', 'ecotone', 'holocene', 'isthmus', 'jovian', 'karst'],
    rules: ['I-12', 'H-05', 'H-17'],
    program: 'BLOBBASEFEE',
    value: 1n,
    description: 'BLOBBASEFEE (EIP-7516) is there from Ecotone on and always 1',
  },
  {
    name: 'clz',
    first: 'karst',
    forks: ['isthmus', 'jovian', 'karst'],
    rules: ['H-12'],
    program: '0x0100 CLZ',
    value: 247n,
    description: 'CLZ (EIP-7939) is there from Karst on',
  },
]

const instructionCase = (instruction: Instruction): Case => {
  const { name, first, program, value, description, rules, forks } = instruction
  return {
    name,
    description,
    rules,
    forks,
    pre: storing(program),
    async fill(chain, fork) {
      const isThere = isFrom(fork, first)
      await chain.block({ transactions: [{ to: CONTRACT }] })
      await chain.expectReceipts({ status: isThere ? 1 : 0 })
      await chain.expectState({ [CONTRACT]: { storage: { 0: isThere ? value : 0n } } })
    },
  }
}

/** Bytes that stand for no instruction: those of proposals, as 0x4b SLOTNUM, 0xe0 RJUMP, 0xf8 EXTCALL. */
const UNASSIGNED = ['21', '4b', 'a5', 'b0', 'd0', 'e0', 'e6', 'ec', 'ef', 'f6', 'f7', 'f8', 'fc']

/** Which instructions a fork has, and what they give on L2. */
export const opcodes: Topic = {
  path: 'forks/opcodes',
  cases: [
    ...INSTRUCTIONS.map(instructionCase),
    {
      name: 'prevrandao',
      description: 'Instruction 0x44 gives the `prevRandao` of the attributes, from Bedrock on',
      rules: ['H-01', 'X-03'],
      forks: ['bedrock', 'canyon', 'isthmus', 'karst'],
      pre: storing('PREVRANDAO'),
      async fill(chain) {
        for (const prevRandao of [word(0x77), word(2n ** 255n), word(0)]) {
          await chain.block({ transactions: [{ to: CONTRACT }], attributes: { prevRandao } })
          await chain.expectState({ [CONTRACT]: { storage: { 0: BigInt(prevRandao) } } })
        }
      },
    },
    {
      name: 'coinbase',
      description: 'COINBASE gives the `suggestedFeeRecipient`, which may be any address',
      rules: ['X-04'],
      forks: ['bedrock', 'canyon', 'karst'],
      pre: storing('COINBASE'),
      async fill(chain) {
        for (const address of [CONTRACT2, `0x${'00'.repeat(20)}`, CONTRACT, SENDERS[0]]) {
          const attributes = { suggestedFeeRecipient: address }
          const tip = { maxPriorityFeePerGas: 1_000_000n }
          await chain.block({ transactions: [{ to: CONTRACT, ...tip }], attributes })
          await chain.expectState({ [CONTRACT]: { storage: { 0: BigInt(address) } } })
        }
      },
    },
    {
      name: 'block-values',
      description: 'NUMBER, TIMESTAMP, GASLIMIT, BASEFEE and CHAINID give what the header has',
      rules: ['H-01', 'H-18'],
      forks: ['bedrock', 'karst'],
      pre: {
        ...BARE,
        [CONTRACT]: {
          code: assemble(
            'NUMBER 0 SSTORE TIMESTAMP 1 SSTORE GASLIMIT 2 SSTORE BASEFEE 3 SSTORE CHAINID 4 SSTORE',
          ),
        },
      },
      async fill(chain) {
        const transactions = [{ to: CONTRACT, gasLimit: 200_000n }]
        const attributes = { gasLimit: '0x5f5e100' }
        const { baseFeePerGas } = await chain.block({ transactions, attributes })
        const storage = { 0: 1n, 1: 1002n, 2: 100_000_000n, 3: BigInt(`${baseFeePerGas}`), 4: 901n }
        await chain.expectState({ [CONTRACT]: { storage } })
      },
    },
    {
      name: 'unassigned',
      description: 'Instructions of proposals that no fork has taken over stop with all gas spent',
      rules: ['H-12', 'H-10'],
      forks: ['bedrock', 'isthmus', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain) {
        const transactions = UNASSIGNED.map((code) => ({ data: `0x600060006000${code}` }))
        await chain.block({ transactions })
        const failed = { status: 0, gasUsed: 100_000n }
        await chain.expectReceipts(...transactions.map(() => failed))
      },
    },
    {
      name: 'code-that-begins-with-ef',
      description: 'No contract with code that begins with 0xEF is created (EIP-3541)',
      rules: ['H-01'],
      forks: ['bedrock', 'karst'],
      pre: BARE,
      async fill(chain) {
        // Returns one byte.
        const returning = (byte: number) => assemble(`${byte} 0 MSTORE8 1 0 RETURN`)
        const transactions = [{ data: returning(0xef) }, { data: returning(0xee) }]
        await chain.block({ transactions })
        await chain.expectReceipts({ status: 0 }, { status: 1 })
      },
    },
    {
      name: 'selfdestruct',
      description:
        'SELFDESTRUCT moves the balance and, until Ecotone (EIP-6780), deletes the account',
      rules: ['H-05'],
      forks: ['bedrock', 'canyon', 'ecotone', 'karst'],
      pre: {
        ...BARE,
        [CONTRACT]: {
          code: assemble(`${CONTRACT2} SELFDESTRUCT`),
          balance: '0x5',
          storage: { [word(1)]: word(1) },
        },
      },
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: CONTRACT }] })
        await chain.expectState({
          [CONTRACT]: { exists: isFrom(fork, 'ecotone'), balance: 0n },
          [CONTRACT2]: { balance: 5n },
        })
        await chain.block({ transactions: [{ to: CONTRACT, value: 2n }] })
        await chain.expectState({ [CONTRACT2]: { balance: isFrom(fork, 'ecotone') ? 7n : 5n } })
      },
    },
    {
      name: 'selfdestruct-to-itself',
      description: 'A contract that names itself loses its ether until Ecotone, and then keeps it',
      rules: ['H-05'],
      forks: ['canyon', 'ecotone', 'karst'],
      pre: { ...BARE, [CONTRACT]: { code: assemble('ADDRESS SELFDESTRUCT'), balance: '0x5' } },
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: CONTRACT }] })
        await chain.expectState({ [CONTRACT]: { balance: isFrom(fork, 'ecotone') ? 5n : 0n } })
      },
    },
    {
      name: 'selfdestruct-in-the-creating-transaction',
      description:
        'A contract that is gone in the transaction that creates it is gone in all forks',
      rules: ['H-05'],
      forks: ['canyon', 'ecotone', 'karst'],
      pre: BARE,
      async fill(chain) {
        const data = assemble(`1 1 SSTORE ${CONTRACT2} SELFDESTRUCT`)
        await chain.block({ transactions: [{ data, value: 3n, gasLimit: 200_000n }] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({ [CONTRACT2]: { balance: 3n } })
      },
    },
  ],
}
