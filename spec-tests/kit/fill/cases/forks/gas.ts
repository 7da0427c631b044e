import { BARE, CONTRACT, CONTRACT2, SENDERS, word } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import { isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** A contract that stores the gas which an instruction with its operands takes, and 4 for itself. */
const measuring = (program: string) => `GAS ${program} POP GAS SWAP1 SUB`

const code = (program: string) => ({ ...BARE, [CONTRACT]: { code: assemble(program) } })

/** Calls a precompile, and stores 1 plus whether that succeeds. */
const calling = (address: number, gas: number, size: number, before = '') =>
  `${before} 0 0 ${size} 0 ${address} ${gas} STATICCALL 1 ADD 0 SSTORE`

/** A call of a precompile that succeeds in some forks. */
const callCase = (
  fields: Pick<Case, 'name' | 'description' | 'rules' | 'forks'>,
  program: string,
  succeeds: (fork: string) => boolean,
): Case => ({
  ...fields,
  pre: code(program),
  async fill(chain, fork) {
    await chain.block({ transactions: [{ to: CONTRACT, gasLimit: 300_000n }] })
    await chain.expectState({ [CONTRACT]: { storage: { 0: succeeds(fork) ? 2n : 1n } } })
  },
})

const isKarst = (fork: string) => fork === 'karst'

/** What things cost, and limits of size. */
export const gas: Topic = {
  path: 'forks/gas',
  cases: [
    {
      name: 'warm-coinbase',
      description: 'The coinbase is warm from Canyon on (EIP-3651)',
      rules: ['H-03', 'T-30'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      pre: code(`${measuring('COINBASE BALANCE')} 0 SSTORE`),
      async fill(chain, fork) {
        const transactions = [{ to: CONTRACT }]
        await chain.block({ transactions, attributes: { suggestedFeeRecipient: CONTRACT2 } })
        const cost = isFrom(fork, 'canyon') ? 106n : 2606n
        await chain.expectState({ [CONTRACT]: { storage: { 0: cost } } })
      },
    },
    {
      name: 'warm-precompiles',
      description:
        'Precompiles are warm in the forks that have them: 0x0a from Ecotone, 0x100 from Fjord, 0x0b and 0x11 from Isthmus; 0x12 never',
      rules: ['P-13', 'T-30', 'H-05', 'H-06', 'H-10'],
      forks: ['canyon', 'ecotone', 'fjord', 'holocene', 'isthmus', 'karst'],
      pre: code(
        [0x09, 0x0a, 0x0100, 0x0b, 0x11, 0x12]
          .map((address, slot) => `${measuring(`${address} BALANCE`)} ${slot} SSTORE`)
          .join(' '),
      ),
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: CONTRACT, gasLimit: 300_000n }] })
        const cost = (isWarm: boolean) => (isWarm ? 107n : 2607n)
        const isIsthmus = isFrom(fork, 'isthmus')
        const storage = {
          0: cost(true),
          1: cost(isFrom(fork, 'ecotone')),
          2: cost(isFrom(fork, 'fjord')),
          3: cost(isIsthmus),
          4: cost(isIsthmus),
          5: cost(false),
        }
        await chain.expectState({ [CONTRACT]: { storage } })
      },
    },
    {
      name: 'initcode-of-49152-bytes',
      description: 'CREATE with initcode of the greatest size takes 2 gas a word from Canyon on',
      rules: ['H-03'],
      forks: ['regolith', 'canyon', 'karst'],
      pre: code('49152 0 0 CREATE POP'),
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: CONTRACT, gasLimit: 200_000n }] })
        const words = isFrom(fork, 'canyon') ? 3072n : 0n
        // 21,000, three pushes and POP of 11, memory of 9,216, CREATE of 32,000.
        await chain.expectReceipts({ status: 1, gasUsed: 62_227n + words })
      },
    },
    {
      name: 'initcode-of-49153-bytes',
      description: 'CREATE with more initcode than 49,152 bytes fails from Canyon on (EIP-3860)',
      rules: ['H-03'],
      forks: ['regolith', 'canyon', 'karst'],
      pre: code('49153 0 0 CREATE 1 0 SSTORE'),
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: CONTRACT, gasLimit: 200_000n }] })
        await chain.expectReceipts({ status: isFrom(fork, 'canyon') ? 0 : 1 })
      },
    },
    {
      name: 'transaction-with-49153-bytes-of-initcode',
      description:
        'A signed transaction that creates from more than 49,152 bytes is invalid from Canyon on',
      rules: ['H-03'],
      forks: ['canyon'],
      pre: BARE,
      async fill(chain) {
        const tx = { data: `0x${'00'.repeat(49_153)}`, gasLimit: 500_000n }
        await chain.invalid('initcode', { transactions: [tx] })
      },
    },
    {
      name: 'code-of-24577-bytes',
      description: 'A contract has at most 24,576 bytes of code in all forks (EIP-170)',
      rules: ['H-01'],
      forks: ['bedrock', 'karst'],
      pre: BARE,
      async fill(chain) {
        const transactions = [24_576, 24_577].map((size) => ({
          data: assemble(`${size} 0 RETURN`),
          gasLimit: 6_000_000n,
        }))
        await chain.block({ transactions })
        await chain.expectReceipts({ status: 1 }, { status: 0, gasUsed: 6_000_000n })
      },
    },
    {
      name: 'calldata-floor',
      description: 'Calldata costs at least 10 gas a token from Isthmus on (EIP-7623)',
      rules: ['H-10'],
      forks: ['holocene', 'isthmus', 'karst'],
      pre: BARE,
      async fill(chain, fork) {
        const data = `0x${'11'.repeat(500)}`
        await chain.block({ transactions: [{ to: SENDERS[1], data }] })
        await chain.expectReceipts({ gasUsed: isFrom(fork, 'isthmus') ? 41_000n : 29_000n })
        const small = { to: SENDERS[1], data, gasLimit: 40_999n }
        if (isFrom(fork, 'isthmus')) await chain.invalid('floor', { transactions: [small] })
        else await chain.block({ transactions: [small] })
      },
    },
    {
      name: 'refund',
      description: 'At most a fifth of the gas is refunded in all forks (EIP-3529)',
      rules: ['H-01'],
      forks: ['bedrock', 'karst'],
      pre: {
        ...BARE,
        [CONTRACT]: {
          code: assemble('0 1 SSTORE 0 2 SSTORE'),
          storage: { [word(1)]: word(1), [word(2)]: word(1) },
        },
      },
      async fill(chain) {
        await chain.block({ transactions: [{ to: CONTRACT }] })
        // 21,000, twice 5,000 and two pushes of 3; a fifth of 31,012 is less than twice 4,800.
        await chain.expectReceipts({ status: 1, gasUsed: 31_012n - 6_202n })
      },
    },
    {
      name: 'transaction-gas-of-2-24',
      description: 'A signed transaction may have 2^24 gas, and from Karst on no more (EIP-7825)',
      rules: ['H-15', 'R-15'],
      forks: ['jovian', 'karst'],
      pre: BARE,
      async fill(chain, fork) {
        await chain.block({ transactions: [{ to: SENDERS[1], gasLimit: 2n ** 24n }] })
        const transactions = [{ to: SENDERS[1], gasLimit: 2n ** 24n + 1n }]
        if (isKarst(fork)) await chain.invalid('gas limit above 2^24', { transactions })
        else await chain.block({ transactions })
      },
    },
    {
      name: 'deposit-gas-above-2-24',
      description: 'A deposit may have more than 2^24 gas, and its call gets it (H-15, T-34)',
      rules: ['H-15', 'D-23', 'T-34'],
      forks: ['jovian', 'karst'],
      // op-revm gives its first frame no more than 2^24.
      disputed: (fork) => (isKarst(fork) ? 'deposit-gas-above-2-24' : undefined),
      pre: code('GAS 24 SHR 0 SSTORE'),
      async fill(chain) {
        await chain.block({ transactions: [deposit({ to: CONTRACT, gas: 2n ** 24n + 100_000n })] })
        await chain.expectState({ [CONTRACT]: { storage: { 0: 1n } } })
      },
    },
    callCase(
      {
        name: 'modexp-of-1025-bytes',
        description: 'MODEXP with a modulus longer than 1,024 bytes fails from Karst on (EIP-7823)',
        rules: ['H-13'],
        forks: ['jovian', 'karst'],
      },
      calling(5, 200_000, 96, '1025 64 MSTORE'),
      (fork) => !isKarst(fork),
    ),
    callCase(
      {
        name: 'modexp-of-1024-bytes',
        description: 'MODEXP with a modulus of 1,024 bytes works in all forks',
        rules: ['H-13'],
        forks: ['jovian', 'karst'],
      },
      calling(5, 200_000, 96, '1024 64 MSTORE'),
      () => true,
    ),
    callCase(
      {
        name: 'modexp-with-300-gas',
        description: 'MODEXP of nothing costs 200 gas, from Karst on 500 (EIP-7883)',
        rules: ['H-14'],
        forks: ['jovian', 'karst'],
      },
      calling(5, 300, 0),
      (fork) => !isKarst(fork),
    ),
    callCase(
      {
        name: 'modexp-with-500-gas',
        description: 'MODEXP of nothing can be paid with 500 gas in all forks',
        rules: ['H-14'],
        forks: ['jovian', 'karst'],
      },
      calling(5, 500, 0),
      () => true,
    ),
    callCase(
      {
        name: 'p256verify-with-3450-gas',
        description: 'P256VERIFY costs 3,450 gas from Fjord on and 6,900 from Karst on',
        rules: ['H-06', 'H-12', 'T-32'],
        forks: ['ecotone', 'fjord', 'jovian', 'karst'],
      },
      calling(0x100, 3450, 160),
      (fork) => !isKarst(fork),
    ),
    callCase(
      {
        name: 'p256verify-with-3449-gas',
        description: 'P256VERIFY is no precompile until Fjord: a call with any gas succeeds',
        rules: ['H-06', 'H-12'],
        forks: ['ecotone', 'fjord', 'jovian', 'karst'],
      },
      calling(0x100, 3449, 160),
      (fork) => fork === 'ecotone',
    ),
    callCase(
      {
        name: 'p256verify-with-6900-gas',
        description: 'P256VERIFY can be paid with 6,900 gas in all forks',
        rules: ['H-12', 'T-32'],
        forks: ['jovian', 'karst'],
      },
      calling(0x100, 6900, 160),
      () => true,
    ),
  ],
}
