import { BARE, CONTRACT, word } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

const CREATE2_DEPLOYER = '0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2'
const CODE_HASH = 0xb0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2n
const CODE_SIZE = 1584n

/** Stores size and hash of the create2deployer's code. */
const WATCHING = {
  ...BARE,
  [CONTRACT]: {
    code: assemble(
      `${CREATE2_DEPLOYER} EXTCODESIZE 0 SSTORE ${CREATE2_DEPLOYER} EXTCODEHASH 1 SSTORE`,
    ),
  },
}

const watch = { transactions: [deposit({ to: CONTRACT })] }

/** What the first transaction of a block has seen. */
const seen = (size: bigint, hash: bigint) => ({ [CONTRACT]: { storage: { 0: size, 1: hash } } })

/** The create2deployer, which Canyon puts into the state. */
export const create2deployer: Topic = {
  path: 'system/create2deployer',
  cases: [
    {
      name: 'appears-at-canyon-time',
      description:
        'The block at exactly canyonTime has the code before its first transaction, the one before it not',
      rules: ['I-01', 'I-02'],
      forks: ['bedrock', 'regolith'],
      chain: (fork) => ({
        pre: WATCHING,
        times: fork === 'bedrock' ? { regolith: 1004, canyon: 1004 } : { canyon: 1004 },
      }),
      async fill(chain) {
        await chain.block(watch)
        await chain.expectState(seen(0n, 0n))
        await chain.block(watch)
        await chain.expectState(seen(CODE_SIZE, CODE_HASH))
        await chain.expectState({ [CREATE2_DEPLOYER]: { nonce: 0n, balance: 0n } })
        await chain.block(watch)
        await chain.expectState(seen(CODE_SIZE, CODE_HASH))
      },
    },
    {
      name: 'is-put-over-an-account',
      description:
        'An account that is there already keeps nonce, balance and storage, not its code',
      rules: ['I-02'],
      forks: ['regolith'],
      times: { canyon: 1004 },
      pre: {
        ...WATCHING,
        [CREATE2_DEPLOYER]: {
          balance: '0x7',
          nonce: '0x3',
          code: '0x600160025500',
          storage: { [word(5)]: word(6) },
        },
      },
      async fill(chain) {
        await chain.block({ transactions: [{ to: CREATE2_DEPLOYER }] })
        await chain.block(watch)
        await chain.expectState(seen(CODE_SIZE, CODE_HASH))
        const storage = { 2: 1n, 5: 6n }
        await chain.expectState({ [CREATE2_DEPLOYER]: { nonce: 3n, balance: 7n, storage } })
      },
    },
    {
      name: 'does-not-appear-without-a-block-at-canyon-time',
      description: 'Where no block has exactly canyonTime, the code does not appear',
      rules: ['I-02', 'T-28'],
      forks: ['regolith'],
      disputed: 'create2deployer-without-a-block-at-canyon-time',
      times: { canyon: 1003 },
      pre: WATCHING,
      async fill(chain) {
        for (let count = 0; count < 3; count++) {
          await chain.block(watch)
          await chain.expectState(seen(0n, 0n))
        }
      },
    },
    {
      name: 'appears-once-on-a-chain-of-one-second',
      description: 'On a chain with a block a second the code is set once, and may be used at once',
      rules: ['I-02', 'T-28'],
      forks: ['regolith'],
      times: { canyon: 1002 },
      pre: WATCHING,
      async fill(chain) {
        await chain.block({ ...watch, step: 1 })
        await chain.expectState(seen(0n, 0n))
        for (let count = 0; count < 2; count++) {
          await chain.block({ ...watch, step: 1 })
          await chain.expectState(seen(CODE_SIZE, CODE_HASH))
        }
      },
    },
    {
      name: 'is-not-in-a-chain-that-starts-at-canyon',
      description:
        'Where Canyon is there from the genesis on, the code is only what the genesis has',
      rules: ['I-02'],
      forks: ['canyon', 'karst'],
      pre: WATCHING,
      async fill(chain) {
        await chain.block(watch)
        await chain.expectState(seen(0n, 0n))
      },
    },
  ],
}
