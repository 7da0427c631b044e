import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import { type PrefixedHexString, bytesToHex, createAddressFromString } from '@ethereumjs/util'
import { hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import type { Alloc } from '../blockchain/index.ts'
import {
  type DepositTx,
  FORKS,
  type Fork,
  createChain,
  createWitnessState,
  decodeDeposit,
  encodeDeposit,
} from '../src/index.ts'
import {
  BASE_FEE_VAULT,
  CHAIN_ID,
  COINBASE,
  L1_BLOCK,
  L1_FEE_VAULT,
  OPERATOR_FEE_VAULT,
  type TestChain,
  chainAt,
  customCrypto,
  executeFixture,
  l1BlockAccount,
  nextBlock,
  noFixtures,
  readFixture,
  rulesAt,
  startChain,
} from './helpers.ts'

type Hex = PrefixedHexString

/** The account of the well-known contract addresses 0xcd23… for nonce 0, 0x343c… for nonce 1, … */
const SENDER = '0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0'
const CREATED = [
  '0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d',
  '0x343c43a37d37dff08ae8c4a11544c718abb4fcf8',
  '0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91',
  '0xfffd933a0bc612844eaf0c6fe3e5b8e9b6c1d19c',
]
const OTHER = '0x00000000000000000000000000000000000b0b01'
const CONTRACT = '0xc0de000000000000000000000000000000000001'
const DELEGATE = '0xc0de000000000000000000000000000000000002'
const PRIVATE_KEY = new Uint8Array(32).fill(0x45)
const SIGNER = '0xe0da1edcea030875cd0f199d96eb70f6ab78faf2'
const ZERO = `0x${'00'.repeat(20)}`

type Fields = Partial<Omit<DepositTx, 'from' | 'to' | 'data'>> & {
  from?: string
  to?: string | null
  data?: string
}

/** A deposit of 100,000 gas from SENDER to OTHER; `to: null` creates a contract. */
const deposit = ({ from = SENDER, to = OTHER, data = '0x', ...fields }: Fields = {}) =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: createAddressFromString(from),
    to: to === null ? undefined : createAddressFromString(to),
    mint: 0n,
    value: 0n,
    gas: 100_000n,
    isSystemTx: false,
    data: hexToBytes(data as Hex),
    ...fields,
  })

const start = (fork: Fork, alloc: Alloc = {}) => startChain(chainAt(fork), alloc)

/** One block with these deposits on a new chain. */
async function run(fork: Fork, alloc: Alloc, ...transactions: Uint8Array[]) {
  const test = await start(fork, alloc)
  const block = await nextBlock(test, transactions)
  const gas = block.receipts.map(({ gasUsed }) => gasUsed)
  return { ...test, ...block, gas, receipt: block.receipts[0] }
}

type WithState = Pick<TestChain, 'state'>

const account = ({ state }: WithState, address: string) =>
  state.getAccount(createAddressFromString(address))
const balance = async (test: WithState, address: string) =>
  (await account(test, address))?.balance ?? 0n
const nonce = async (test: WithState, address: string) => (await account(test, address))?.nonce
const code = async ({ state }: WithState, address: string) =>
  bytesToHex(await state.getCode(createAddressFromString(address)))
const slot = async ({ state }: WithState, address: string, index: number) => {
  const key = new Uint8Array(32)
  key[31] = index
  return bytesToHex(await state.getStorage(createAddressFromString(address), key))
}

const word = (hex: string): Hex => `0x${hex.replace(/^0x/, '').padStart(64, '0')}`
const contract = (code: Hex, storage: Record<Hex, Hex> = {}): Alloc[string] => ({
  balance: '0x0',
  nonce: '0x1',
  code,
  storage,
})

/** 20 million gas, of which a call to an account without code needs 21,000. */
const big = (fields: Fields = {}) => deposit({ gas: 20_000_000n, ...fields })

const [BEFORE_REGOLITH, FROM_REGOLITH] = [FORKS.slice(0, 1), FORKS.slice(1)]
const FROM_CANYON = FORKS.slice(2)
const FROM_ISTHMUS = FORKS.slice(FORKS.indexOf('isthmus'))

t.test(
  'a real user deposit runs as on OP Mainnet (D-07, D-10, D-25, D-27)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('blocks/block-109279675.json.gz')
    const chain = createChain(file.config, { customCrypto })
    const { common } = chain.rules({
      number: BigInt(file.blockNumber),
      timestamp: BigInt(file.payloadAttributes.timestamp),
    })
    const before = {
      state: createWitnessState(common, hexToBytes(file.parentHeader.stateRoot), file.preimages),
    }
    const deposits = file.payloadAttributes.transactions
      .slice(0, 2)
      .map((raw: Hex) => decodeDeposit(hexToBytes(raw)))
    const nonces = []
    for (const { from } of deposits) nonces.push(await nonce(before, from.toString()))
    const block = await executeFixture(file)
    t.equal(block.hash, file.expectedBlockHash)
    for (const [index, { from }] of deposits.entries()) {
      const receipt = block.receipts[index]
      t.equal(receipt.status, 1)
      t.equal(receipt.depositNonce, nonces[index], 'the nonce before')
      t.equal(receipt.depositReceiptVersion, undefined, 'Regolith')
      t.equal(await nonce(block, from.toString()), nonces[index]! + 1n, 'the nonce after')
    }
    t.equal(block.receipts[1].logs.length > 0, true, 'the bridge logs')
  },
)

t.test(
  'a real deposit-only block leaves the fee vaults alone (D-06, D-12)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('states/optv-simple_deposit-v1.json.gz')
    const block = await executeFixture(file)
    t.equal(bytesToHex(block.header.stateRoot), file.expected.stateRoot)
    for (const vault of [BASE_FEE_VAULT, L1_FEE_VAULT, COINBASE]) {
      const entry = file.preAlloc[vault] ?? file.preAlloc[vault.slice(2)]
      t.equal(await balance(block, vault), BigInt(entry?.balance ?? 0), vault)
    }
  },
)

t.test('a deposit needs no signature: from may be anyone (D-04, D-08)', async (t) => {
  for (const fork of FORKS) {
    const alloc = {
      [CONTRACT]: { ...contract('0x00'), balance: '0x7' },
      [ZERO]: { balance: '0x7' },
    } as Alloc
    for (const [from, nonceAfter] of [
      [CONTRACT, 2n],
      [ZERO, 1n],
      [SENDER, 1n],
    ] as const) {
      const value = from === SENDER ? 0n : 7n
      const test = await run(fork, alloc, deposit({ from, value }))
      t.equal(test.receipt.status, 1, `${fork} from ${from}`)
      t.equal(await nonce(test, from), nonceAfter)
      t.equal(await balance(test, OTHER), value)
    }
  }
})

t.test('a deposit mints before it transfers (D-07)', async (t) => {
  for (const fork of FORKS) {
    const test = await run(fork, {}, deposit({ mint: 1000n, value: 600n }))
    t.equal(test.receipt.status, 1, fork)
    t.equal(await balance(test, SENDER), 400n)
    t.equal(await balance(test, OTHER), 600n)
    t.equal(await nonce(test, SENDER), 1n)
  }
})

t.test('a deposit to its own sender keeps what it mints (D-07, D-10)', async (t) => {
  const test = await run('karst', {}, deposit({ to: SENDER, mint: 1000n, value: 1000n }))
  t.equal(test.receipt.status, 1)
  t.equal(await balance(test, SENDER), 1000n)
  t.equal(await nonce(test, SENDER), 1n)
})

t.test('minted wei are new: no log, and nobody else has less (D-39, D-12)', async (t) => {
  const test = await run('karst', { [OTHER]: { balance: '0x5' } }, deposit({ mint: 1000n }))
  t.same(test.receipt.logs, [])
  t.equal(bytesToHex(test.header.logsBloom), `0x${'00'.repeat(256)}`)
  t.equal(await balance(test, SENDER), 1000n)
  t.equal(await balance(test, OTHER), 5n)
})

t.test('more than 128 bits can be minted (D-40)', async (t) => {
  const mint = 2n ** 200n
  const test = await run('karst', {}, deposit({ mint, value: mint - 1n }))
  t.equal(test.receipt.status, 1)
  t.equal(await balance(test, SENDER), 1n)
  t.equal(await balance(test, OTHER), mint - 1n)
})

t.test('a call without wei leaves no account behind (D-07, I-13)', async (t) => {
  for (const fork of FORKS) {
    const test = await run(fork, {}, deposit())
    t.equal(await account(test, OTHER), undefined, fork)
    t.same(test.gas, fork === 'bedrock' ? [100_000n] : [21_000n])
  }
})

t.test(
  'a deposit runs as ORIGIN and CALLER from, with GASPRICE 0 and the base fee (D-11)',
  async (t) => {
    // sstore(0, origin) sstore(1, caller) sstore(2, gasprice) sstore(3, basefee)
    // sstore(4, callvalue) sstore(5, calldatasize) sstore(6, coinbase) sstore(7, gaslimit)
    const store: Hex = '0x32600055336001553a600255486003553460045536600555416006554560075500'
    const alloc = { [CONTRACT]: contract(store, { [word('2')]: word('99') }) }
    for (const fork of FORKS) {
      const tx = deposit({ to: CONTRACT, gas: 500_000n, mint: 9n, value: 4n, data: '0x112233' })
      const test = await run(fork, alloc, tx)
      t.equal(test.receipt.status, 1, fork)
      t.equal(await slot(test, CONTRACT, 0), SENDER, 'ORIGIN')
      t.equal(await slot(test, CONTRACT, 1), SENDER, 'CALLER')
      t.equal(await slot(test, CONTRACT, 2), '0x', 'GASPRICE')
      t.equal(BigInt(await slot(test, CONTRACT, 3)), test.header.baseFeePerGas, 'BASEFEE')
      t.ok(test.header.baseFeePerGas! > 900_000_000n, 'is not zero')
      t.equal(BigInt(await slot(test, CONTRACT, 4)), 4n, 'CALLVALUE')
      t.equal(BigInt(await slot(test, CONTRACT, 5)), 3n, 'CALLDATASIZE')
      t.equal(await slot(test, CONTRACT, 6), COINBASE, 'COINBASE')
      t.equal(BigInt(await slot(test, CONTRACT, 7)), 30_000_000n, 'GASLIMIT of the block')
    }
  },
)

/** `pop(balance(address))` and a stop: 5 gas and the access. */
const touch = (address: string): Hex => `0x73${address.slice(2)}315000`

t.test(
  'warm are from, to, precompiles and, from Canyon, the coinbase; nothing else (D-11)',
  async (t) => {
    const [warm, cold] = [21_105n, 23_605n]
    for (const fork of FROM_REGOLITH) {
      const expected: [string, string, bigint][] = [
        ['from', SENDER, warm],
        ['to', CONTRACT, warm],
        ['precompile', `0x${'00'.repeat(19)}09`, warm],
        ['coinbase', COINBASE, fork === 'regolith' ? cold : warm],
        ['another', OTHER, cold],
        ['vault', BASE_FEE_VAULT, cold],
        ['KZG', `0x${'00'.repeat(19)}0a`, FORKS.indexOf(fork) >= 3 ? warm : cold],
        ['P256', `0x${'00'.repeat(18)}0100`, FORKS.indexOf(fork) >= 4 ? warm : cold],
        ['BLS', `0x${'00'.repeat(19)}11`, FORKS.indexOf(fork) >= 7 ? warm : cold],
      ]
      for (const [name, address, gas] of expected) {
        const alloc = { [CONTRACT]: contract(touch(address)) }
        const test = await run(fork, alloc, deposit({ to: CONTRACT }))
        t.same(test.gas, [gas], `${fork} ${name}`)
      }
    }
  },
)

t.test('what one deposit warmed is cold for the next (D-11)', async (t) => {
  // sload(1), balance(0xb0b01)
  const alloc = { [CONTRACT]: contract(`0x60015450${touch(OTHER).slice(2)}`) }
  const txs = [deposit({ to: CONTRACT }), deposit({ to: CONTRACT, from: OTHER })]
  const test = await run('karst', alloc, ...txs, deposit({ to: CONTRACT }))
  // 21000, sload 2105, balance 2605 or, where it is the sender's, 105
  t.same(test.gas, [25_710n, 23_210n, 25_710n])
})

t.test('transient storage ends with the deposit (D-11)', async (t) => {
  // sstore(0, tload(0)) tstore(0, 1)
  const alloc = { [CONTRACT]: contract('0x60005c600055600160005d00') }
  const test = await run('karst', alloc, deposit({ to: CONTRACT }), deposit({ to: CONTRACT }))
  t.same(
    test.receipts.map(({ status }) => status),
    [1, 1],
  )
  t.equal(await slot(test, CONTRACT, 0), '0x')
})

t.test('the original value of a slot is that before the deposit (D-19)', async (t) => {
  // sstore(0, calldatasize)
  const alloc = { [CONTRACT]: contract('0x3660005500') }
  const txs = ['0x01', '0x', '0x0101'].map((data) => deposit({ to: CONTRACT, data }))
  const test = await run('granite', alloc, ...txs)
  // Created: 22100; cleared: 5000 with 4800 refunded; created again. 5 for the rest, 16 a byte.
  t.same(test.gas, [43_121n, 21_205n, 43_137n])
  t.equal(await slot(test, CONTRACT, 0), '0x02')
})

t.test('a deposit pays no fee of any kind, and nobody earns one (D-12)', async (t) => {
  const vaults = [BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT, COINBASE]
  const l1Block = l1BlockAccount({
    l1BaseFee: 10n ** 10n,
    overhead: 188n,
    scalar: 684_000n,
    blobBaseFee: 10n ** 9n,
    baseFeeScalar: 5227n,
    blobBaseFeeScalar: 1_014_213n,
    operatorFeeScalar: 10_000_000n,
    operatorFeeConstant: 10n ** 12n,
    daFootprintGasScalar: 400n,
  })
  for (const fork of FORKS) {
    const alloc: Alloc = { [L1_BLOCK]: l1Block, [SENDER]: { balance: '0x64' } }
    alloc[CONTRACT] = contract('0x6001600055')
    for (const vault of vaults) alloc[vault] = { balance: '0x5', nonce: '0x1' }
    const txs = [deposit({ value: 100n }), deposit({ to: CONTRACT }), deposit({ value: 1n })]
    const test = await run(fork, alloc, ...txs)
    t.same(
      test.receipts.map(({ status }) => status),
      [1, 1, 0],
      fork,
    )
    t.equal(await balance(test, SENDER), 0n, 'no gas bought, none refunded')
    for (const vault of vaults) t.equal(await balance(test, vault), 5n, vault)
    for (const { l1Fee, operatorFeeScalar, blobGasUsed } of test.receipts) {
      t.same([l1Fee, operatorFeeScalar, blobGasUsed], [undefined, undefined, undefined])
    }
    const none = FORKS.indexOf(fork) >= FORKS.indexOf('ecotone') ? 0n : undefined
    t.equal(test.header.blobGasUsed, none, 'nor a DA footprint')
  }
})

t.test('the sender’s nonce grows by one, whatever happens (D-10, D-13, D-14)', async (t) => {
  const alloc = { [SENDER]: { nonce: '0x5' }, [CONTRACT]: contract('0xfe') } as Alloc
  for (const fork of FORKS) {
    const outcomes: [string, Fields, number][] = [
      ['call', {}, 1],
      ['halting call', { to: CONTRACT }, 0],
      ['creation', { to: null }, 1],
      ['halting creation', { to: null, data: '0xfe' }, 0],
      ['reverting creation', { to: null, data: '0x60006000fd' }, 0],
      ['too little gas', { gas: 20_999n }, 0],
      ['too little gas for a creation', { to: null, gas: 52_999n }, 0],
      ['too many wei', { value: 1n }, 0],
      ['too many wei for a creation', { to: null, value: 1n }, 0],
    ]
    for (const [name, fields, status] of outcomes) {
      const test = await run(fork, alloc, deposit(fields))
      t.equal(test.receipt.status, status, `${fork} ${name}`)
      t.equal(await nonce(test, SENDER), 6n, `${fork} nonce after ${name}`)
    }
  }
})

t.test('a deposit creates a contract at the address of its nonce before (D-10)', async (t) => {
  // Deploys one zero byte, and a contract that stores its own address while it is created.
  const data = '0x3060005560016000f3'
  for (const fork of FORKS) {
    const test = await run(
      fork,
      { [SENDER]: { nonce: '0x1', balance: '0x64' } },
      deposit({ to: null, data, value: 7n }),
      deposit({ to: null, data, mint: 8n, value: 9n }),
    )
    t.same(
      test.receipts.map(({ status }) => status),
      [1, 1],
      fork,
    )
    for (const [index, address] of [CREATED[1], CREATED[2]].entries()) {
      t.equal(await code(test, address), '0x00')
      t.equal(await slot(test, address, 0), address)
      t.equal(await nonce(test, address), 1n, 'EIP-161')
      t.equal(await balance(test, address), index === 0 ? 7n : 9n)
    }
    t.equal(await nonce(test, SENDER), 3n)
    t.equal(await balance(test, SENDER), 92n)
  }
})

t.test('a creation where a contract is fails with all its gas (D-10, D-13)', async (t) => {
  const alloc = { [CREATED[0]]: contract('0x00') }
  const test = await run('karst', alloc, deposit({ to: null, data: '0x00', mint: 3n, value: 2n }))
  t.match(test.receipt, { status: 0, gasUsed: 100_000n })
  t.equal(await nonce(test, SENDER), 1n)
  t.equal(await balance(test, SENDER), 3n)
  t.equal(await code(test, CREATED[0]), '0x00')
})

// sstore(0, 1), log0(0, 0), then revert or an invalid opcode.
const REVERTS: Hex = '0x600160005560006000a060006000fd'
const HALTS: Hex = '0x600160005560006000a0fe'

t.test(
  'a deposit that reverts loses state and logs, keeps mint and nonce, and pays what it used (D-13)',
  async (t) => {
    for (const fork of FROM_REGOLITH) {
      const alloc = { [CONTRACT]: contract(REVERTS) }
      const test = await run(fork, alloc, deposit({ to: CONTRACT, mint: 50n, value: 20n }))
      // 21000, six pushes 18, sstore 22100, log0 375
      t.match(test.receipt, { status: 0, gasUsed: 43_493n, logs: [] }, fork)
      t.equal(test.receipt.logs.length, 0)
      t.equal(await balance(test, SENDER), 50n)
      t.equal(await balance(test, CONTRACT), 0n)
      t.equal(await nonce(test, SENDER), 1n)
      t.equal(await slot(test, CONTRACT, 0), '0x')
    }
  },
)

t.test('a deposit that halts does the same with all its gas (D-13, T-02)', async (t) => {
  for (const fork of FROM_REGOLITH) {
    const alloc = { [CONTRACT]: contract(HALTS) }
    const test = await run(fork, alloc, deposit({ to: CONTRACT, mint: 50n, value: 20n }))
    t.match(test.receipt, { status: 0, gasUsed: 100_000n }, fork)
    t.equal(test.receipt.logs.length, 0)
    t.equal(bytesToHex(test.header.logsBloom), `0x${'00'.repeat(256)}`)
    t.equal(await balance(test, SENDER), 50n)
    t.equal(await nonce(test, SENDER), 1n)
    t.equal(await slot(test, CONTRACT, 0), '0x')
  }
})

t.test('a deposit that runs out of gas has used all of it (D-13)', async (t) => {
  const alloc = { [CONTRACT]: contract(REVERTS) }
  const enough = await run('karst', alloc, deposit({ to: CONTRACT, gas: 43_493n }))
  t.match(enough.receipt, { status: 0, gasUsed: 43_493n })
  const alloc2 = { [CONTRACT]: contract('0x6001600055') }
  const test = await run('karst', alloc2, deposit({ to: CONTRACT, gas: 43_105n }))
  t.match(test.receipt, { status: 0, gasUsed: 43_105n })
  t.equal(await slot(test, CONTRACT, 0), '0x')
  const exact = await run('karst', alloc2, deposit({ to: CONTRACT, gas: 43_106n }))
  t.match(exact.receipt, { status: 1, gasUsed: 43_106n })
  t.equal(await slot(exact, CONTRACT, 0), '0x01')
})

t.test(
  'a deposit whose value exceeds the balance stays in the block and keeps its mint (D-14)',
  async (t) => {
    for (const fork of FORKS) {
      const alloc = { [SENDER]: { balance: '0x5', nonce: '0x3' } } as Alloc
      const test = await run(fork, alloc, deposit({ mint: 10n, value: 16n }), deposit())
      t.match(test.receipt, { status: 0, gasUsed: 100_000n }, fork)
      t.equal(test.receipt.logs.length, 0)
      t.equal(await balance(test, SENDER), 15n)
      t.equal(await account(test, OTHER), undefined)
      t.equal(await nonce(test, SENDER), 5n)
      t.equal(test.receipts[1].status, 1, 'the next deposit of the sender runs')
      const exact = await run(fork, alloc, deposit({ mint: 10n, value: 15n }))
      t.equal(exact.receipt.status, 1)
      t.equal(await balance(exact, SENDER), 0n)
    }
  },
)

t.test('a failed deposit makes its sender’s account (D-14)', async (t) => {
  const test = await run('karst', {}, deposit({ value: 1n }), deposit({ from: OTHER, gas: 1n }))
  t.same(test.gas, [100_000n, 1n])
  t.match(await account(test, SENDER), { nonce: 1n, balance: 0n })
  t.match(await account(test, OTHER), { nonce: 1n, balance: 0n })
})

t.test('a creation that fails before the EVM has a nonce all the same (D-21)', async (t) => {
  // T-03
  for (const fork of FORKS) {
    const tx = deposit({ to: null, data: '0x60016000f3', mint: 6n, value: 7n })
    const test = await run(fork, {}, tx)
    t.match(test.receipt, { status: 0, gasUsed: 100_000n }, fork)
    t.match(await account(test, SENDER), { nonce: 1n, balance: 6n })
    t.equal(await account(test, CREATED[0]), undefined)
  }
})

t.test('a deposit with less than the intrinsic gas fails (D-09, D-14)', async (t) => {
  for (const fork of FORKS) {
    const zeroes = `0x${'00'.repeat(33)}`
    // From Canyon, two words of init code cost 2 gas each.
    const creation = FROM_CANYON.includes(fork) ? 53_136n : 53_132n
    const least: [string, Fields, bigint][] = [
      ['call', {}, 21_000n],
      ['calldata', { data: '0x0011002200330044' }, FROM_ISTHMUS.includes(fork) ? 21_200n : 21_080n],
      ['creation', { to: null }, 53_000n],
      ['creation with init code', { to: null, data: zeroes }, creation],
    ]
    for (const [name, fields, gas] of least) {
      const enough = await run(fork, {}, deposit({ ...fields, gas, mint: 1n }))
      t.match(enough.receipt, { status: 1, gasUsed: gas }, `${fork} ${name}`)
      const less = await run(fork, {}, deposit({ ...fields, gas: gas - 1n, mint: 1n }))
      t.match(less.receipt, { status: 0, gasUsed: gas - 1n }, `${fork} ${name} with 1 gas less`)
      t.match(await account(less, SENDER), { nonce: 1n, balance: 1n })
    }
  }
})

t.test('init code of more than 49,152 bytes fails, from Canyon on (D-09, D-14)', async (t) => {
  const creation = (length: number) =>
    deposit({ to: null, data: `0x${'00'.repeat(length)}`, gas: 1_000_000n, mint: 1n })
  for (const fork of ['bedrock', 'regolith', 'canyon', 'karst'] as const) {
    const longest = await run(fork, {}, creation(49_152))
    t.equal(longest.receipt.status, 1, `${fork} 49152 bytes`)
    const longer = await run(fork, {}, creation(49_153))
    const isValid = !FROM_CANYON.includes(fork)
    t.equal(longer.receipt.status, isValid ? 1 : 0, `${fork} 49153 bytes`)
    if (!isValid) t.equal(longer.receipt.gasUsed, 1_000_000n)
    t.match(await account(longer, SENDER), { nonce: 1n, balance: 1n })
    t.equal(await nonce(longer, CREATED[0]), isValid ? 1n : undefined)
  }
})

t.test('a deposit that the block has no gas for makes it invalid (D-15)', async (t) => {
  for (const fork of FORKS) {
    const fits = await run(fork, {}, deposit({ gas: 30_000_000n }))
    t.equal(fits.receipt.status, 1, fork)
    const tooMuch = deposit({ gas: 30_000_001n })
    const message = /transaction 0: gas limit 30000001 exceeds the 30000000 left/
    await t.rejects(run(fork, {}, tooMuch), { message }, `${fork} 1 gas more`)
    const hopeless = deposit({ gas: 30_000_001n, value: 1n })
    await t.rejects(run(fork, {}, hopeless), { message }, `${fork} although it would fail`)
    const second = deposit({ gas: 29_979_001n })
    const left = fork === 'bedrock' ? 29_900_000 : 29_979_000
    await t.rejects(
      run(fork, {}, deposit(), second),
      { message: new RegExp(`transaction 1: .*exceeds the ${left} left`) },
      `${fork} as the second`,
    )
  }
  const endless = deposit({ gas: 2n ** 64n - 1n })
  await t.rejects(run('karst', {}, endless), { message: /exceeds the 30000000 left/ })
})

t.test('gas that a deposit does not use is for the next, from Regolith on (D-16)', async (t) => {
  const alloc = { [CONTRACT]: contract(REVERTS), [DELEGATE]: contract('0xfe') }
  for (const fork of FROM_REGOLITH) {
    const test = await run(fork, alloc, big(), big({ to: CONTRACT }), big())
    t.same(test.gas, [21_000n, 43_493n, 21_000n], fork)
    t.equal(test.header.gasUsed, 85_493n)
    const used: [string, Fields][] = [
      ['halts', { to: DELEGATE }],
      ['has too many wei', { value: 1n }],
      ['has too much init code', { to: null, data: `0x${'00'.repeat(49_153)}` }],
    ]
    for (const [name, fields] of fork === 'regolith' ? used.slice(0, 2) : used) {
      const message = /transaction 1: gas limit 20000000 exceeds the 10000000 left/
      await t.rejects(run(fork, alloc, big(fields), big()), { message }, `${fork} one that ${name}`)
    }
  }
})

t.test('before Regolith a deposit uses all its gas (D-17)', async (t) => {
  const alloc = {
    [CONTRACT]: contract(REVERTS),
    [DELEGATE]: contract('0x600060005500', { [word('0')]: word('1') }),
  }
  for (const fork of BEFORE_REGOLITH) {
    const outcomes: [string, Fields, number][] = [
      ['success', {}, 1],
      ['success with a refund', { to: DELEGATE }, 1],
      ['revert', { to: CONTRACT }, 0],
      ['failure', { value: 1n }, 0],
    ]
    for (const [name, fields, status] of outcomes) {
      const test = await run(fork, alloc, deposit(fields), deposit({ gas: 70_000n }))
      t.equal(test.receipt.status, status, name)
      t.same(test.gas, [100_000n, 70_000n], name)
      t.equal(test.header.gasUsed, 170_000n)
      const message = /transaction 1: gas limit 20000000 exceeds the 10000000 left/
      await t.rejects(run(fork, alloc, big(fields), big()), { message }, name)
    }
  }
})

t.test('before Regolith a system transaction takes no gas from the block (D-18)', async (t) => {
  // T-37: not when it fails either.
  const alloc = { [CONTRACT]: contract(REVERTS), [DELEGATE]: contract('0x6001600055') }
  const system = (fields: Fields) =>
    deposit({ gas: 150_000_000n, isSystemTx: true, mint: 1n, ...fields })
  const outcomes: [string, Fields, number][] = [
    ['success', { to: DELEGATE }, 1],
    ['revert', { to: CONTRACT }, 0],
    ['failure', { value: 2n }, 0],
  ]
  for (const [name, fields, status] of outcomes) {
    const test = await run('bedrock', alloc, system(fields), deposit({ gas: 30_000_000n }))
    t.equal(test.receipt.status, status, name)
    t.same(test.gas, [0n, 30_000_000n], name)
    t.equal(test.receipt.cumulativeGasUsed, 0n)
    t.equal(test.header.gasUsed, 30_000_000n)
    t.equal(await nonce(test, SENDER), 2n)
    t.equal(await balance(test, SENDER), 1n)
    t.equal(await slot(test, DELEGATE, 0), status ? '0x01' : '0x')
  }
})

t.test('from Regolith a system transaction fails with all its gas (D-20)', async (t) => {
  for (const fork of FROM_REGOLITH) {
    const alloc = { [CONTRACT]: contract('0x6001600055') }
    const system = deposit({ to: CONTRACT, isSystemTx: true, mint: 5n, gas: 1_000_000n })
    // What it takes from the block is gone, as in op-reth; op-geth refuses the block.
    const test = await run(fork, alloc, system, deposit({ gas: 29_000_000n }))
    t.same(
      test.receipts.map(({ status }) => status),
      [0, 1],
      fork,
    )
    t.same(test.gas, [1_000_000n, 21_000n])
    t.equal(test.header.gasUsed, 1_021_000n)
    t.equal(await slot(test, CONTRACT, 0), '0x')
    t.match(await account(test, SENDER), { nonce: 2n, balance: 5n })
    t.equal(test.receipts[1].depositNonce, 1n)
    const message = /transaction 1: gas limit 29000001 exceeds the 29000000 left/
    const more = deposit({ gas: 29_000_001n })
    await t.rejects(run(fork, alloc, system, more), { message }, fork)
  }
})

t.test(
  'a system transaction of more gas than the block has makes it invalid (D-20, X-14)',
  async (t) => {
    const tx = (gas: bigint) => deposit({ isSystemTx: true, gas })
    const most = await run('regolith', {}, tx(30_000_000n))
    t.equal(most.header.gasUsed, 30_000_000n)
    for (const fork of ['regolith', 'karst'] as const) {
      const message = /transaction 0: gas limit 30000001 exceeds the 30000000 left/
      await t.rejects(run(fork, {}, tx(30_000_001n)), { message }, fork)
    }
  },
)

t.test('a deposit is refunded for slots it clears, at most a fifth (D-19)', async (t) => {
  const storage = { [word('0')]: word('1'), [word('1')]: word('1') }
  // 21000 and 5006 a slot, minus 4800 a slot or a fifth.
  const one = { [CONTRACT]: contract('0x600060005500', storage) }
  const two = { [CONTRACT]: contract('0x6000600055600060015500', storage) }
  for (const fork of FROM_REGOLITH) {
    const first = await run(fork, one, deposit({ to: CONTRACT }))
    t.match(first.receipt, { status: 1, gasUsed: 21_206n }, fork)
    const second = await run(fork, two, deposit({ to: CONTRACT }))
    t.match(second.receipt, { status: 1, gasUsed: 24_810n }, `${fork} a fifth`)
  }
})

t.test('a deposit that reverts is refunded nothing (D-13, D-19)', async (t) => {
  const clearAndRevert = contract('0x600060005560006000fd', { [word('0')]: word('1') })
  const test = await run('karst', { [CONTRACT]: clearAndRevert }, deposit({ to: CONTRACT }))
  t.match(test.receipt, { status: 0, gasUsed: 26_012n })
  t.equal(await slot(test, CONTRACT, 0), '0x01')
})

t.test('from Isthmus a deposit pays the floor for its calldata (D-09, D-19)', async (t) => {
  const data = `0x${'ff'.repeat(100)}`
  const long = `0x${'ff'.repeat(300)}`
  const clear = { [CONTRACT]: contract('0x600060005500', { [word('0')]: word('1') }) }
  const revert = { [CONTRACT]: contract('0x60006000fd') }
  for (const fork of FROM_REGOLITH) {
    const hasFloor = FROM_ISTHMUS.includes(fork)
    const call = await run(fork, {}, deposit({ data }))
    t.match(call.receipt, { status: 1, gasUsed: hasFloor ? 25_000n : 22_600n }, fork)
    const exact = await run(fork, {}, deposit({ data, gas: 25_000n }))
    t.equal(exact.receipt.status, 1)
    const less = await run(fork, {}, deposit({ data, gas: 24_999n }))
    const gasUsed = hasFloor ? 24_999n : 22_600n
    t.match(less.receipt, { status: hasFloor ? 0 : 1, gasUsed }, `${fork} below the floor`)
    const refunded = await run(fork, clear, deposit({ to: CONTRACT, data: long }))
    const floor = hasFloor ? 33_000n : 26_006n
    t.match(refunded.receipt, { status: 1, gasUsed: floor }, `${fork} after the refund`)
    const reverted = await run(fork, revert, deposit({ to: CONTRACT, data: long }))
    const gas = hasFloor ? 33_000n : 25_806n
    t.match(reverted.receipt, { status: 0, gasUsed: gas }, `${fork} after a revert`)
  }
})

t.test('the floor is what a block loses to a deposit (D-16, D-19)', async (t) => {
  const first = deposit({ data: `0x${'ff'.repeat(100)}` })
  const test = await run('karst', {}, first, deposit({ gas: 29_975_000n }))
  t.equal(test.header.gasUsed, 46_000n)
  const tooMuch = deposit({ gas: 29_975_001n })
  await t.rejects(run('karst', {}, first, tooMuch), { message: /exceeds the 29975000 left/ })
})

const delegation = (to: string): Hex => `0xef0100${to.slice(2)}`

t.test('a deposit to a delegated account runs its delegate’s code, warm (D-22)', async (t) => {
  for (const fork of FROM_ISTHMUS) {
    // sstore(0, address) sstore(1, balance of the delegate)
    const delegateCode: Hex = `0x3060005573${DELEGATE.slice(2)}3160015500`
    const alloc: Alloc = {
      [CONTRACT]: contract(delegation(DELEGATE)),
      [DELEGATE]: { ...contract(delegateCode), balance: '0x63' },
    }
    const test = await run(fork, alloc, deposit({ to: CONTRACT, mint: 3n, value: 3n }))
    // 21000, two new slots 44200, address 2, pushes 9, balance of a warm account 100
    t.match(test.receipt, { status: 1, gasUsed: 65_311n }, fork)
    t.equal(await slot(test, CONTRACT, 0), CONTRACT, 'in the context of the account')
    t.equal(await slot(test, CONTRACT, 1), '0x63')
    t.equal(await slot(test, DELEGATE, 0), '0x')
    t.equal(await balance(test, CONTRACT), 3n)
  }
})

t.test('before Isthmus a delegation is invalid code (D-22)', async (t) => {
  const alloc = { [CONTRACT]: contract(delegation(DELEGATE)), [DELEGATE]: contract('0x00') }
  const test = await run('holocene', alloc, deposit({ to: CONTRACT }))
  t.match(test.receipt, { status: 0, gasUsed: 100_000n })
})

t.test('a delegation is followed once, and to a precompile does nothing (D-22)', async (t) => {
  const toItself = { [CONTRACT]: contract(delegation(CONTRACT)) }
  const twice = await run('karst', toItself, deposit({ to: CONTRACT }))
  t.match(twice.receipt, { status: 0, gasUsed: 100_000n })
  const toIdentity = { [CONTRACT]: contract(delegation(`0x${'00'.repeat(19)}04`)) }
  const test = await run('karst', toIdentity, deposit({ to: CONTRACT }))
  t.match(test.receipt, { status: 1, gasUsed: 21_000n })
  const toNobody = { [CONTRACT]: contract(delegation(OTHER)) }
  const none = await run('karst', toNobody, deposit({ to: CONTRACT }))
  t.match(none.receipt, { status: 1, gasUsed: 21_000n })
})

t.test('a deposit from a delegated account runs (D-22)', async (t) => {
  const alloc: Alloc = {
    [SENDER]: { balance: '0x9', nonce: '0x4', code: delegation(DELEGATE) },
    [DELEGATE]: contract('0xfe'),
    [CONTRACT]: contract('0x3360005500'),
  }
  for (const fork of FROM_ISTHMUS) {
    const test = await run(fork, alloc, deposit({ to: CONTRACT, value: 9n }))
    t.equal(test.receipt.status, 1, fork)
    t.equal(await slot(test, CONTRACT, 0), SENDER)
    t.match(await account(test, SENDER), { nonce: 5n, balance: 0n })
    t.equal(await code(test, SENDER), delegation(DELEGATE), 'and keeps its delegation')
  }
})

t.test('the cap on a transaction’s gas is not for deposits (D-23, H-15)', async (t) => {
  for (const gas of [16_777_216n, 16_777_217n, 30_000_000n]) {
    const test = await run('karst', {}, deposit({ gas, mint: 1n, value: 1n }))
    t.match(test.receipt, { status: 1, gasUsed: 21_000n }, `${gas}`)
    t.equal(await balance(test, OTHER), 1n)
  }
  // Burns more than the cap: keccak256 of 2 MiB in a loop would take long, INVALID is quick.
  const alloc = { [CONTRACT]: contract('0xfe') }
  const test = await run('karst', alloc, deposit({ to: CONTRACT, gas: 20_000_000n }))
  t.match(test.receipt, { status: 0, gasUsed: 20_000_000n })
  // gas() is not capped either: sstore(0, gas)
  const gasAlloc = { [CONTRACT]: contract('0x5a60005500') }
  const gas = await run('karst', gasAlloc, deposit({ to: CONTRACT, gas: 29_000_000n }))
  t.equal(BigInt(await slot(gas, CONTRACT, 0)), 28_978_998n)
})

t.test('a contract that a deposit destroys is gone, until Ecotone (D-07)', async (t) => {
  // selfdestruct(0xb0b01)
  const alloc: Alloc = {
    [CONTRACT]: {
      ...contract(`0x73${OTHER.slice(2)}ff`, { [word('0')]: word('1') }),
      balance: '0x9',
    },
  }
  for (const fork of ['bedrock', 'canyon', 'ecotone', 'karst'] as const) {
    const test = await run(fork, alloc, deposit({ to: CONTRACT }))
    t.equal(test.receipt.status, 1, fork)
    t.equal(await balance(test, OTHER), 9n)
    const isGone = fork === 'bedrock' || fork === 'canyon'
    t.equal(await nonce(test, CONTRACT), isGone ? undefined : 1n)
    t.equal(await slot(test, CONTRACT, 0), isGone ? '0x' : '0x01')
    const creation = deposit({ to: null, data: `0x73${OTHER.slice(2)}ff`, mint: 4n, value: 4n })
    const created = await run(fork, {}, creation)
    t.equal(created.receipt.status, 1)
    t.equal(await account(created, CREATED[0]), undefined, `${fork} created and destroyed`)
    t.equal(await balance(created, OTHER), 4n)
  }
})

t.test('a deposit that fails destroys nothing (D-13)', async (t) => {
  // A call to DELEGATE, which destroys itself, and then INVALID.
  const call: Hex = `0x6000600060006000600073${DELEGATE.slice(2)}5af1fe`
  const alloc = { [CONTRACT]: contract(call), [DELEGATE]: contract(`0x73${OTHER.slice(2)}ff`) }
  const test = await run('canyon', alloc, deposit({ to: CONTRACT }))
  t.equal(test.receipt.status, 0)
  t.equal(await nonce(test, DELEGATE), 1n)
})

const signedTransfer = (fork: Fork, nonce: bigint) => {
  const { common } = rulesAt(fork)
  const fees = { maxFeePerGas: 2n * 10n ** 9n, maxPriorityFeePerGas: 0n, gasLimit: 21_000n }
  const to = createAddressFromString(OTHER)
  const tx = createFeeMarket1559Tx({ chainId: CHAIN_ID, nonce, to, value: 1n, ...fees }, { common })
  return tx.sign(PRIVATE_KEY).serialize()
}

t.test('a deposit may follow a signed transaction (D-36)', async (t) => {
  for (const fork of FORKS) {
    const alloc = { [SIGNER]: { balance: '0xde0b6b3a7640000' } } as Alloc
    const signed = signedTransfer(fork, 0n)
    // A failed deposit from the signer takes the nonce that its next transaction had.
    const failed = deposit({ from: SIGNER, gas: 1n })
    const test = await run(fork, alloc, deposit(), signed, failed, deposit())
    t.same(
      test.receipts.map(({ type }) => type),
      [0x7e, 2, 0x7e, 0x7e],
      fork,
    )
    t.same(
      test.receipts.map(({ status }) => status),
      [1, 1, 0, 1],
    )
    t.equal(await nonce(test, SIGNER), 2n)
    t.equal(await balance(test, OTHER), 1n)
    await t.rejects(
      run(fork, alloc, deposit(), failed, signed),
      { message: /transaction 2: .*nonce/ },
      'nonces are checked for signed transactions only',
    )
  }
})

t.test('a block without any transaction is invalid from Jovian on (D-37)', async (t) => {
  for (const fork of FORKS) {
    if (FORKS.indexOf(fork) >= FORKS.indexOf('jovian')) {
      await t.rejects(run(fork, {}), { message: /deposit/ }, fork)
    } else {
      const test = await run(fork, {})
      t.equal(test.header.gasUsed, 0n, fork)
    }
  }
})

t.test(
  'a block that starts with a signed transaction is invalid from Jovian on (D-36, D-37)',
  async (t) => {
    const alloc = { [SIGNER]: { balance: '0xde0b6b3a7640000' } } as Alloc
    for (const fork of ['jovian', 'karst'] as const) {
      const signed = signedTransfer(fork, 0n)
      await t.rejects(run(fork, alloc, signed), { message: /deposit/ }, fork)
      await t.rejects(run(fork, alloc, signed, deposit()), { message: /deposit/ }, fork)
    }
    const isthmus = await run('isthmus', alloc, signedTransfer('isthmus', 0n))
    t.equal(isthmus.receipt.status, 1)
  },
)

t.test('a deposit that is not in its only encoding makes the block invalid (D-02)', async (t) => {
  const raw = deposit()
  const malformed: [string, Uint8Array, RegExp][] = [
    ['a byte behind it', Uint8Array.from([...raw, 0]), /^transaction 1: /],
    ['a byte less', raw.subarray(0, -1), /^transaction 1: /],
    ['nothing but the type', Uint8Array.of(0x7e), /^transaction 1: deposit has 0 fields/],
  ]
  for (const fork of ['bedrock', 'karst'] as const) {
    for (const [name, bytes, message] of malformed) {
      await t.rejects(run(fork, {}, deposit(), bytes), { message }, `${fork} ${name}`)
    }
  }
})

t.test('two deposits of the same bytes both run (D-05, D-10)', async (t) => {
  const tx = deposit({ mint: 1n, value: 1n })
  const test = await run('karst', {}, tx, tx)
  t.same(
    test.receipts.map(({ depositNonce }) => depositNonce),
    [0n, 1n],
  )
  t.equal(await balance(test, OTHER), 2n)
})
