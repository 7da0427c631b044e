import {
  bytesToHex,
  createAddressFromString,
  createContractAddress,
} from 'ethereumjs-op/ethereumjs'
import { BARE, CONTRACT, CONTRACT2, NOBODY, SENDERS, ZERO_ADDRESS } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Fork } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import {
  type Authorization,
  type SignedFields,
  authorize,
  delegationTo,
  deposit,
} from '../../transactions.ts'

const FORKS: Fork[] = ['isthmus', 'karst']
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

/** A transaction that sets code. */
const setCode = (authorizationList: Authorization[], rest: SignedFields = {}): SignedFields => ({
  type: 4,
  to: NOBODY,
  gasLimit: 300_000n,
  authorizationList,
  ...rest,
})

/** Code that counts calls and says who runs it. */
const COUNTER = assemble('0 SLOAD 1 ADD 0 SSTORE ADDRESS 1 SSTORE')

/** Authorizations that do nothing: the transaction is valid all the same. */
const IGNORED: Record<string, Authorization> = {
  'of-another-chain': authorize(1, { address: CONTRACT, chainId: 10 }),
  'with-a-nonce-too-high': authorize(1, { address: CONTRACT, nonce: 1 }),
  'with-the-greatest-nonce': authorize(1, { address: CONTRACT, nonce: 2n ** 64n - 1n }),
  'with-s-above-half-the-order': {
    ...authorize(1, { address: CONTRACT }),
    s: N - BigInt(authorize(1, { address: CONTRACT }).s),
  },
  'with-a-parity-of-2': { ...authorize(1, { address: CONTRACT }), yParity: 2 },
  'with-r-of-0': { ...authorize(1, { address: CONTRACT }), r: 0 },
}

const ignored = Object.entries(IGNORED).map(
  ([name, authorization]): Case => ({
    name: `ignored-${name}`,
    description: 'The authorization does nothing, and costs 25,000 gas',
    rules: ['R-03', 'H-10'],
    forks: FORKS,
    async fill(chain) {
      await chain.block({ transactions: [setCode([authorization])] })
      await chain.expectReceipts({ status: 1, gasUsed: 46_000n })
      await chain.expectState({ [SENDERS[1]]: { code: '0x', nonce: 0n } })
    },
  }),
)

const created = bytesToHex(createContractAddress(createAddressFromString(SENDERS[1]), 1n).bytes)

/** Transactions of EIP-7702, which L2 has from Isthmus on. */
export const setCodes: Topic = {
  path: 'transactions/setCode',
  pre: { ...BARE, [CONTRACT]: { code: COUNTER } },
  cases: [
    {
      name: 'delegates',
      description:
        'An account delegates and is called in the same transaction: the code runs in it; half of the 25,000 gas is refunded, for the account existed',
      rules: ['R-03', 'H-10'],
      forks: ['isthmus', 'jovian', 'karst'],
      async fill(chain) {
        const list = [authorize(1, { address: CONTRACT })]
        await chain.block({ transactions: [setCode(list, { to: SENDERS[1] })] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({
          [SENDERS[1]]: {
            code: delegationTo(CONTRACT),
            nonce: 1n,
            storage: { 0: 1n, 1: SENDERS[1] },
          },
          [CONTRACT]: { storage: { 0: 0n } },
        })
        await chain.block({
          transactions: [
            { sender: 2, to: SENDERS[1] },
            deposit({ to: SENDERS[1] }),
            { sender: 1, to: SENDERS[1] },
          ],
        })
        await chain.expectState({ [SENDERS[1]]: { nonce: 2n, storage: { 0: 4n } } })
      },
    },
    {
      name: 'chain-id-0',
      description: 'An authorization with chain id 0 is for every chain',
      rules: ['R-03'],
      forks: FORKS,
      async fill(chain) {
        const list = [authorize(1, { address: CONTRACT, chainId: 0 })]
        await chain.block({ transactions: [setCode(list)] })
        await chain.expectState({ [SENDERS[1]]: { code: delegationTo(CONTRACT) } })
      },
    },
    {
      name: 'to-the-zero-address-ends-it',
      description: 'A delegation to the zero address takes the code away',
      rules: ['R-03'],
      forks: FORKS,
      async fill(chain) {
        await chain.block({ transactions: [setCode([authorize(1, { address: CONTRACT })])] })
        const end = authorize(1, { address: ZERO_ADDRESS, nonce: 1 })
        await chain.block({ transactions: [setCode([end])] })
        await chain.expectState({ [SENDERS[1]]: { code: '0x', nonce: 2n } })
      },
    },
    {
      name: 'by-the-sender-itself',
      description: 'The sender delegates itself: its nonce is that after the transaction began',
      rules: ['R-03'],
      forks: FORKS,
      async fill(chain) {
        const list = [authorize(0, { address: CONTRACT, nonce: 1 })]
        await chain.block({ transactions: [setCode(list, { to: SENDERS[0] })] })
        await chain.expectState({
          [SENDERS[0]]: { nonce: 2n, code: delegationTo(CONTRACT), storage: { 0: 1n } },
        })
      },
    },
    {
      name: 'many-in-one-list',
      description:
        'Of two authorizations of an account the last holds; a bad one between is skipped',
      rules: ['R-03'],
      forks: FORKS,
      async fill(chain) {
        const list = [
          authorize(1, { address: CONTRACT }),
          authorize(2, { address: CONTRACT, nonce: 9 }),
          authorize(1, { address: CONTRACT2, nonce: 1 }),
          authorize(3, { address: CONTRACT }),
        ]
        await chain.block({ transactions: [setCode(list)] })
        await chain.expectState({
          [SENDERS[1]]: { code: delegationTo(CONTRACT2), nonce: 2n },
          [SENDERS[2]]: { code: '0x', nonce: 0n },
          [SENDERS[3]]: { code: delegationTo(CONTRACT), nonce: 1n },
        })
      },
    },
    {
      name: 'stays-when-the-call-fails',
      description: 'The call reverts, and the delegation stays',
      rules: ['R-03'],
      forks: FORKS,
      pre: { [CONTRACT2]: { code: assemble('0 0 REVERT') } },
      async fill(chain) {
        const list = [authorize(1, { address: CONTRACT })]
        await chain.block({ transactions: [setCode(list, { to: CONTRACT2 })] })
        await chain.expectReceipts({ status: 0 })
        await chain.expectState({ [SENDERS[1]]: { code: delegationTo(CONTRACT), nonce: 1n } })
      },
    },
    {
      name: 'of-an-account-that-is-not-there',
      description: 'An account without ether and nonce delegates, and is there then: no refund',
      rules: ['R-03'],
      forks: FORKS,
      pre: { [SENDERS[3]]: { balance: '0x0' } },
      async fill(chain) {
        const list = [authorize(3, { address: CONTRACT })]
        await chain.block({ transactions: [setCode(list)] })
        await chain.expectState({ [SENDERS[3]]: { code: delegationTo(CONTRACT), nonce: 1n } })
      },
    },
    {
      name: 'ignored-of-a-contract',
      description: 'An account with other code than a delegation keeps it',
      rules: ['R-03'],
      forks: FORKS,
      pre: { [SENDERS[1]]: { code: '0x5f' } },
      async fill(chain) {
        await chain.block({ transactions: [setCode([authorize(1, { address: CONTRACT })])] })
        await chain.expectReceipts({ status: 1, gasUsed: 46_000n })
        await chain.expectState({ [SENDERS[1]]: { code: '0x5f', nonce: 0n } })
      },
    },
    ...ignored,
    {
      name: 'code-that-a-delegated-account-shows',
      description: 'EXTCODESIZE and EXTCODEHASH of a delegated account are those of the 23 bytes',
      rules: ['R-03'],
      forks: FORKS,
      pre: {
        [SENDERS[1]]: { code: delegationTo(CONTRACT) },
        [CONTRACT2]: {
          code: assemble(
            `${SENDERS[1]} EXTCODESIZE 0 SSTORE ${SENDERS[1]} EXTCODEHASH 1 SSTORE 23 0 0 ${SENDERS[1]} EXTCODECOPY 0 MLOAD 2 SSTORE`,
          ),
        },
      },
      async fill(chain) {
        await chain.block({ transactions: [{ to: CONTRACT2, gasLimit: 200_000n }] })
        const storage = { 0: 23n, 2: BigInt(delegationTo(CONTRACT)) << 72n }
        await chain.expectState({ [CONTRACT2]: { storage } })
      },
    },
    {
      name: 'creation-by-a-delegated-account',
      description:
        'Code that a delegated account runs creates a contract with the nonce of the account',
      rules: ['R-03', 'D-22'],
      forks: FORKS,
      pre: { [CONTRACT2]: { code: assemble('0 0 0 CREATE 0 SSTORE') } },
      async fill(chain) {
        const list = [authorize(1, { address: CONTRACT2 })]
        await chain.block({ transactions: [setCode(list, { to: SENDERS[1] })] })
        const storage = { 0: created }
        await chain.expectState({ [SENDERS[1]]: { nonce: 2n, storage }, [created]: { nonce: 1n } })
      },
    },
    {
      name: 'refused-without-authorizations',
      description: 'The list of authorizations is empty',
      rules: ['R-03'],
      forks: ['isthmus', 'jovian', 'karst'],
      fill: (chain) => chain.invalid('no authorizations', { transactions: [setCode([])] }),
    },
    {
      name: 'refused-as-a-creation',
      description: 'A transaction that sets code has a recipient',
      rules: ['R-03'],
      forks: ['isthmus', 'jovian', 'karst'],
      fill: (chain) =>
        chain.invalid('no recipient', {
          transactions: [setCode([authorize(1, { address: CONTRACT })], { to: null })],
        }),
    },
    {
      name: 'refused-without-gas-for-authorizations',
      description: 'Each authorization needs 25,000 gas beforehand',
      rules: ['R-03', 'D-09'],
      forks: FORKS,
      async fill(chain) {
        const list = [1, 2].map((sender) => authorize(sender, { address: CONTRACT }))
        const tx = (gasLimit: bigint) => ({ transactions: [setCode(list, { gasLimit })] })
        await chain.invalid('intrinsic gas', tx(70_999n))
        await chain.block(tx(71_000n))
      },
    },
    {
      name: 'refused-with-malformed-authorizations',
      description:
        'An address of 19 bytes, a parity of 9 bits, a chain id of 33 bytes, five fields',
      rules: ['R-03'],
      forks: FORKS,
      async fill(chain) {
        const good = authorize(1, { address: CONTRACT })
        const bad: SignedFields[] = [
          setCode([{ ...good, address: `0x${'11'.repeat(19)}` }]),
          setCode([{ ...good, yParity: 256 }]),
          setCode([{ ...good, chainId: 2n ** 256n }]),
          setCode([good], {
            change: (fields) => {
              const [authorization] = fields[9] as Uint8Array[][]
              authorization.pop()
            },
          }),
        ]
        for (const tx of bad) await chain.invalid('authorization', { transactions: [tx] })
      },
    },
  ],
}
