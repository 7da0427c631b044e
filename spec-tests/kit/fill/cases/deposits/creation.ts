import { bytesToHex, createContractAddress } from 'ethereumjs-op/ethereumjs'
import { createAddressFromString } from 'ethereumjs-op/ethereumjs'
import { BARE, NOBODY, SENDERS, SENDER_BALANCE } from '../../accounts.ts'
import { assemble, deployer } from '../../assemble.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

const EDGES: Fork[] = ['bedrock', 'regolith', 'canyon', 'isthmus', 'karst']

/** Where an account creates with a nonce. */
const createdBy = (from: string, nonce: bigint) =>
  bytesToHex(createContractAddress(createAddressFromString(from), nonce).bytes)

/** Where the account of NOBODY creates with its first nonce. */
const CREATED = createdBy(NOBODY, 0n)

/** Init code that runs a program and leaves so many bytes of zeros as code. */
const leaving = (length: number) => assemble(`${length} 0 RETURN`)

/** Deposits without a recipient. */
export const creation: Topic = {
  path: 'deposits/creation',
  pre: BARE,
  cases: [
    {
      name: 'creates-at-the-nonce-before',
      description:
        'The address comes of the nonce before the deposit; the new contract has nonce 1 and the value',
      rules: ['D-10', 'D-29'],
      async fill(chain) {
        const runtime = assemble('CALLER 0 SSTORE')
        const data = deployer(runtime)
        const fields = { from: NOBODY, to: null, data, mint: 9n, value: 4n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 1 })
        await chain.expectState({
          [NOBODY]: { balance: 5n, nonce: 1n },
          [CREATED]: { balance: 4n, nonce: 1n, code: runtime },
        })
        await chain.block({ transactions: [deposit({ from: NOBODY, to: CREATED })] })
        await chain.expectState({ [CREATED]: { storage: { 0: BigInt(NOBODY) } } })
      },
    },
    {
      name: 'creates-with-a-later-nonce',
      description: 'The sender has nonce 5 already, and creates twice in a block',
      rules: ['D-10', 'D-25', 'D-29'],
      forks: EDGES,
      pre: { [NOBODY]: { nonce: '0x5' } },
      async fill(chain) {
        const fields = { from: NOBODY, to: null, data: deployer('0x5f') }
        await chain.block({ transactions: [deposit(fields), deposit({ ...fields, index: 1 })] })
        await chain.expectState({
          [NOBODY]: { nonce: 7n },
          [createdBy(NOBODY, 5n)]: { code: '0x5f' },
          [createdBy(NOBODY, 6n)]: { code: '0x5f' },
        })
      },
    },
    {
      name: 'init-code-sees-its-place',
      description: 'Init code stores ORIGIN, CALLER, ADDRESS, CALLVALUE, CODESIZE, CALLDATASIZE',
      rules: ['D-11'],
      forks: EDGES,
      async fill(chain) {
        const seen = ['ORIGIN', 'CALLER', 'ADDRESS', 'CALLVALUE', 'CODESIZE', 'CALLDATASIZE']
        const data = assemble(seen.map((name, slot) => `${name} ${slot} SSTORE`).join(' '))
        const fields = { from: NOBODY, to: null, data, mint: 3n, value: 3n, gas: 300_000n }
        await chain.block({ transactions: [deposit(fields)] })
        const [from, to, size] = [BigInt(NOBODY), BigInt(CREATED), BigInt(data.length / 2 - 1)]
        const storage = { 0: from, 1: from, 2: to, 3: 3n, 4: size, 5: 0n }
        await chain.expectState({ [CREATED]: { nonce: 1n, storage } })
      },
    },
    {
      name: 'init-code-reverts',
      description: 'Nothing is created, the value returns, the nonce stays risen',
      rules: ['D-10', 'D-13'],
      forks: EDGES,
      async fill(chain) {
        const data = assemble('1 0 SSTORE 0 0 REVERT')
        const fields = { from: SENDERS[1], to: null, data, mint: 3n, value: 5n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 0 })
        await chain.expectState({
          [SENDERS[1]]: { balance: SENDER_BALANCE + 3n, nonce: 1n },
          [createdBy(SENDERS[1], 0n)]: { exists: false },
        })
      },
    },
    {
      name: 'init-code-halts',
      description: 'As a revert, with all gas',
      rules: ['D-10', 'D-13'],
      forks: EDGES,
      async fill(chain) {
        const fields = { from: SENDERS[1], to: null, data: '0x0c', mint: 3n, value: 5n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 0, gasUsed: 100_000n })
        await chain.expectState({ [SENDERS[1]]: { balance: SENDER_BALANCE + 3n, nonce: 1n } })
      },
    },
    {
      name: 'no-gas-to-keep-the-code',
      description:
        'A byte of code costs 200 gas: with a unit less than that the creation fails with all its gas',
      rules: ['D-13'],
      forks: EDGES,
      async fill(chain, fork) {
        const data = leaving(1000)
        // 53,000; calldata with one zero byte; a word of init code; memory of 32 words; two pushes.
        const zeros = BigInt(data.match(/../g)!.filter((byte) => byte === '00').length)
        const length = BigInt(data.length / 2 - 1)
        const calldata = 16n * (length - zeros) + 4n * zeros
        const initCode = isFrom(fork, 'canyon') ? 2n : 0n
        const needed = 53_000n + calldata + initCode + 98n + 6n + 200_000n
        const fields = { from: NOBODY, to: null, data }
        await chain.block({ transactions: [deposit({ ...fields, gas: needed - 1n })] })
        await chain.expectReceipts({ status: 0, gasUsed: needed - 1n })
        await chain.block({ transactions: [deposit({ ...fields, gas: needed })] })
        await chain.expectReceipts({ status: 1, gasUsed: needed })
        await chain.expectState({
          [CREATED]: { exists: false },
          [createdBy(NOBODY, 1n)]: { code: `0x${'00'.repeat(1000)}` },
        })
      },
    },
    {
      name: 'code-of-24576-bytes',
      description: 'The longest code there may be (EIP-170), and a byte more',
      rules: ['D-13'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      async fill(chain) {
        const fields = { from: NOBODY, to: null, gas: 6_000_000n }
        await chain.block({
          transactions: [24_576, 24_577].map((size) => deposit({ ...fields, data: leaving(size) })),
        })
        await chain.expectReceipts({ status: 1 }, { status: 0, gasUsed: 6_000_000n })
        await chain.expectState({ [NOBODY]: { nonce: 2n } })
      },
    },
    {
      name: 'code-that-starts-with-ef',
      description: 'No code may start with 0xEF (EIP-3541)',
      rules: ['D-13'],
      forks: ['bedrock', 'regolith', 'isthmus', 'karst'],
      async fill(chain) {
        const fields = { from: NOBODY, to: null }
        await chain.block({
          transactions: ['0xef', '0xef0100', '0xfe'].map((code) =>
            deposit({ ...fields, data: deployer(code) }),
          ),
        })
        const failed = { status: 0, gasUsed: 100_000n }
        await chain.expectReceipts(failed, failed, { status: 1 })
      },
    },
    {
      name: 'init-code-of-49153-bytes',
      description:
        'From Canyon on init code has at most 49,152 bytes (EIP-3860); a deposit with more fails with all its gas',
      rules: ['D-09', 'D-14'],
      forks: ['canyon', 'karst'],
      disputed: 'deposit-of-too-much-init-code',
      async fill(chain) {
        const data = `0x${'00'.repeat(49_153)}`
        const fields = { from: NOBODY, to: null, data, gas: 1_000_000n, mint: 1n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 0, gasUsed: 1_000_000n })
        await chain.expectState({ [NOBODY]: { balance: 1n, nonce: 1n } })
      },
    },
    {
      name: 'init-code-of-49153-bytes-before-canyon',
      description: 'Before Canyon init code may be longer',
      rules: ['D-09'],
      forks: ['regolith'],
      async fill(chain) {
        const data = `0x${'00'.repeat(49_153)}`
        const fields = { from: NOBODY, to: null, data, gas: 1_000_000n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 1 })
      },
    },
    {
      name: 'init-code-of-49152-bytes',
      description: 'The longest init code there may be from Canyon on',
      rules: ['D-09'],
      forks: ['karst'],
      async fill(chain) {
        const data = `0x${'00'.repeat(49_152)}`
        const fields = { from: NOBODY, to: null, data, gas: 1_000_000n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectReceipts({ status: 1 })
      },
    },
    {
      name: 'where-a-contract-is',
      description:
        'At the address is code, or a nonce: the creation fails with all its gas, and the nonce rises',
      rules: ['D-10', 'D-13'],
      forks: EDGES,
      pre: { [CREATED]: { code: '0x00' }, [createdBy(NOBODY, 1n)]: { nonce: '0x1' } },
      async fill(chain) {
        const fields = { from: NOBODY, to: null, data: deployer('0x5f') }
        await chain.block({ transactions: [deposit(fields), deposit({ ...fields, index: 1 })] })
        const failed = { status: 0, gasUsed: 100_000n }
        await chain.expectReceipts(failed, failed)
        await chain.expectState({ [NOBODY]: { nonce: 2n }, [CREATED]: { code: '0x00' } })
      },
    },
    {
      name: 'where-ether-is',
      description: 'At the address is ether only: the contract has it, with the value',
      rules: ['D-10'],
      forks: ['bedrock', 'regolith', 'karst'],
      pre: { [CREATED]: { balance: '0x7' } },
      async fill(chain) {
        const fields = { from: NOBODY, to: null, data: deployer('0x5f'), mint: 1n, value: 1n }
        await chain.block({ transactions: [deposit(fields)] })
        await chain.expectState({ [CREATED]: { balance: 8n, nonce: 1n, code: '0x5f' } })
      },
    },
    {
      name: 'init-code-creates',
      description: 'Init code creates with CREATE and CREATE2',
      rules: ['D-10'],
      forks: ['bedrock', 'regolith', 'canyon', 'karst'],
      async fill(chain) {
        const data = assemble('0 0 0 CREATE 0 SSTORE 7 0 0 0 CREATE2 1 SSTORE')
        await chain.block({
          transactions: [deposit({ from: NOBODY, to: null, data, gas: 300_000n })],
        })
        await chain.expectReceipts({ status: 1 })
        const inner = createdBy(CREATED, 1n)
        await chain.expectState({
          [CREATED]: { nonce: 3n, storage: { 0: BigInt(inner) } },
          [inner]: { nonce: 1n },
        })
      },
    },
  ],
}
