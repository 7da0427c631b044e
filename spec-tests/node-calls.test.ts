/** Simulated calls over HTTP, as op-geth v1.101702.3 answers them where nothing else is said. */
import { bigIntToUnpaddedBytes, eoaCode7702SignAuthorization, hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import {
  ACCOUNTS,
  type Hex,
  type JSONObject,
  KEYS,
  STRANGER,
  createDriver,
  genesisAt,
  genesisHead,
  refusal,
  spawnNode,
  toAddress,
  toWord,
  withContracts,
} from './node-helpers.ts'

const [ALICE, BOB] = ACCOUNTS
const NOBODY = `0x${'00'.repeat(20)}`

const sstores = Array.from(
  { length: 18 },
  (_, slot) => `600160${slot.toString(16).padStart(2, '0')}55`,
)

/** Returns GASPRICE and BASEFEE. */
const PRICES = toAddress(0xc0)
/** Returns the slot that its data names. */
const READER = toAddress(0xc1)
/** Stores 1 in the slot that its data names. */
const WRITER = toAddress(0xc2)
/** Never ends. */
const LOOP = toAddress(0xc3)
/** Reverts with its data. */
const REVERTER = toAddress(0xc4)
/** Reverts unless GASPRICE is at least BASEFEE. */
const PAID = toAddress(0xc5)
/** Returns NUMBER, TIMESTAMP, PREVRANDAO, COINBASE, GASLIMIT, BLOBBASEFEE, BLOCKHASH of its data. */
const BLOCK = toAddress(0xc6)
/** Writes 18 slots. */
const BUSY = toAddress(0xc7)
/** Reads the balance of the stranger, calls READER, and stores in the slot that its data names. */
const TOUCHER = toAddress(0xc8)
/** Returns GAS. */
const GAS = toAddress(0xc9)

const CODES: Record<Hex, Hex> = {
  [PRICES]: '0x3a60005248602052' + '60406000f3',
  [READER]: '0x6000355460005260206000f3',
  [WRITER]: '0x600160003555',
  [LOOP]: '0x5b600056',
  [REVERTER]: '0x366000600037366000fd',
  [PAID]: '0x483a1015600b57600080fd5b00',
  [BLOCK]: '0x436000524260205244604052416060524560805' + '24a60a052600035' + '4060c05260e06000f3',
  [BUSY]: `0x${sstores.join('')}00`,
  [TOUCHER]: `0x73${'99'.repeat(20)}3150602060006020600060006000${''}73${READER.slice(2)}5af150600160003555`,
  [GAS]: '0x5a60005260206000f3',
} as Record<Hex, Hex>

const storage = { [toWord(1)]: toWord(5) }
const contracts = Object.entries(CODES).map(([address, code]) => [address, { code, storage }])
const genesis = withContracts(genesisAt('karst'), Object.fromEntries(contracts))
const node = await spawnNode(genesis)
t.teardown(() => node.stop())
const head = await createDriver(genesis).extend(node, await genesisHead(node))
const { blockHash, baseFeePerGas } = head.executionPayload
const BASE_FEE = BigInt(baseFeePerGas)

const call = (request: JSONObject, ...rest: unknown[]) =>
  node.callPublic('eth_call', request, rest[0] ?? 'latest', ...rest.slice(1))
const estimate = async (request: JSONObject, ...rest: unknown[]) =>
  Number(await node.callPublic('eth_estimateGas', request, rest[0] ?? 'latest', ...rest.slice(1)))
const words = (...values: (number | bigint)[]) =>
  `0x${values.map((value) => toWord(value).slice(2)).join('')}`

t.test('a call without a price costs nothing and sees no base fee', async (t) => {
  t.equal(await call({ to: PRICES }), words(0, 0))
  t.equal(await call({ to: PRICES, gasPrice: '0x0' }), words(0, 0))
  t.equal(await call({ from: ALICE, to: PRICES, gasPrice: '0x77359400' }), words(2e9, BASE_FEE))
  const capped = { from: ALICE, to: PRICES, maxFeePerGas: '0x77359400' }
  t.equal(await call(capped), words(BASE_FEE, BASE_FEE))
  t.equal(await call({ ...capped, maxPriorityFeePerGas: '0x5' }), words(BASE_FEE + 5n, BASE_FEE))
  t.equal(await call({ to: PAID }), '0x')
  t.equal(await estimate({ to: PAID }), 21_189)
  t.equal(await estimate({ from: ALICE, to: PAID, gasPrice: '0x77359400' }), 21_189)
})

t.test('a call with a price is checked as a transaction', async (t) => {
  const fail = (request: JSONObject) => refusal(call({ to: PRICES, ...request }))
  t.strictSame(await fail({ from: ALICE, gasPrice: '0x1' }), {
    code: -32000,
    reason: `err: max fee per gas less than block base fee: address 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266, maxFeePerGas: 1, baseFee: ${BASE_FEE} (supplied gas 50000000)`,
  })
  t.strictSame(await fail({ gasPrice: '0x77359400' }), {
    code: -32000,
    reason: `err: insufficient funds for gas * price + value: address ${NOBODY} have 0 want 100000000000000000 (supplied gas 50000000)`,
  })
  t.strictSame(await fail({ value: '0x1', gas: '0x7530' }), {
    code: -32000,
    reason: `err: insufficient funds for gas * price + value: address ${NOBODY} have 0 want 1 (supplied gas 30000)`,
  })
  t.strictSame(await fail({ maxPriorityFeePerGas: '0x5' }), {
    code: -32000,
    reason: `err: max priority fee per gas higher than max fee per gas: address ${NOBODY}, maxPriorityFeePerGas: 5, maxFeePerGas: 0 (supplied gas 50000000)`,
  })
  t.strictSame(await fail({ gasPrice: '0x1', maxFeePerGas: '0x1' }), {
    code: -32000,
    reason: 'both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified',
  })
})

t.test('what is not supported, or contradicts itself, is refused', async (t) => {
  const cases: [request: JSONObject, code: number, reason: string][] = [
    [{ chainId: '0x1' }, -32000, "chainId does not match node's (have=1, want=901)"],
    [
      { data: '0x01', input: '0x02' },
      -32000,
      'both "data" and "input" are set and not equal. Please use "input" to pass transaction call data',
    ],
    [{ blobVersionedHashes: [] }, -32602, 'blobs are not supported on this chain'],
    [{ maxFeePerBlobGas: '0x1' }, -32602, 'blobs are not supported on this chain'],
    [{ gasLimit: '0x1' }, -32602, 'call.gasLimit is not supported'],
    [
      { gas: '0x10000000000000000' },
      -32602,
      'invalid argument: call.gas: "0x10000000000000000" is not a number of 64 bits',
    ],
    [{ from: '0x12' }, -32602, 'invalid argument: call.from: "0x12" is not an address'],
    [{ accessList: [{}] }, -32602, 'accessList.address is missing'],
    [{ accessList: [{ address: BOB, slots: [] }] }, -32602, 'accessList.slots is not supported'],
    [{ authorizationList: [{ chainId: '0x0' }] }, -32602, 'authorizationList.nonce is missing'],
    [
      { to: BOB, authorizationList: [] },
      -32000,
      `err: EIP-7702 transaction with empty auth list (sender ${NOBODY}) (supplied gas 50000000)`,
    ],
  ]
  for (const [request, code, reason] of cases) {
    t.strictSame(await refusal(call(request)), { code, reason }, JSON.stringify(request))
  }
  t.equal(await call({ to: PRICES, from: null, value: null, data: null, type: '0x2' }), words(0, 0))
  t.equal(await call({ to: PRICES, data: '0x01', input: '0x01', chainId: '0x385' }), words(0, 0))
  t.equal(await node.callPublic('eth_call', { to: PRICES }, null, null, null), words(0, 0))
})

t.test('the EVM says in the words of geth why a call failed', async (t) => {
  const cases: [code: Hex, reason: string][] = [
    ['0x600056', 'invalid jump destination'],
    ['0xfe', 'invalid opcode: INVALID'],
    ['0x0c', 'invalid opcode: opcode 0xc not defined'],
    ['0x56', 'stack underflow (0 <=> 1)'],
    ['0x600101', 'stack underflow (1 <=> 2)'],
    ['0x8f', 'stack underflow (0 <=> 16)'],
    ['0x9f', 'stack underflow (0 <=> 17)'],
    ['0x6000f1', 'stack underflow (1 <=> 7)'],
    [`0x${'5f'.repeat(1_025)}`, 'stack limit reached 1024 (1023)'],
    ['0x600160003e', 'stack underflow (2 <=> 3)'],
    [('0x600160006000' + '3e') as Hex, 'return data out of bounds'],
    ['0x60ef60005360016000f3', 'invalid code: must not begin with 0xef'],
    ['0x5b600056', 'out of gas'],
  ]
  for (const [data, reason] of cases) {
    const result = call({ data, gas: '0x100000' })
    t.strictSame(await refusal(result), { code: -32000, reason }, data.slice(0, 30))
  }
  const data = `0x${'00'.repeat(49_153)}`
  t.strictSame(await refusal(call({ data })), {
    code: -32000,
    reason: 'err: max initcode size exceeded: code size 49153 limit 49152 (supplied gas 50000000)',
  })
  t.strictSame(await refusal(call({ to: BOB, gas: '0x5207' })), {
    code: -32000,
    reason: 'err: intrinsic gas too low: have 20999, want 21000 (supplied gas 20999)',
  })
})

t.test('a revert says its reason, and has its data', async (t) => {
  const text = Buffer.from('no such luck').toString('hex').padEnd(64, '0')
  const error: Hex = `0x08c379a0${toWord(32).slice(2)}${toWord(12).slice(2)}${text}`
  const panic = (code: number): Hex => `0x4e487b71${toWord(code).slice(2)}`
  const cases: [data: Hex, reason: string][] = [
    ['0x', 'execution reverted'],
    [error, 'execution reverted: no such luck'],
    [panic(0x11), 'execution reverted: arithmetic underflow or overflow'],
    [panic(0x01), 'execution reverted: assert(false)'],
    [panic(0x99), 'execution reverted: unknown panic code: 0x99'],
    // Cut off, too long, of another kind.
    [error.slice(0, 100) as Hex, 'execution reverted'],
    [`0x08c379a0${toWord(32).slice(2)}${toWord(2n ** 255n).slice(2)}`, 'execution reverted'],
    ['0x590a5151', 'execution reverted'],
  ]
  for (const [data, reason] of cases) {
    for (const result of [call({ to: REVERTER, data }), estimate({ to: REVERTER, data })]) {
      t.strictSame(await refusal(result), { code: 3, reason, data }, data.slice(0, 20))
    }
  }
})

t.test('accounts are overridden, for one call', async (t) => {
  const read = (slot: number, override: object) =>
    call({ to: READER, data: toWord(slot) }, 'latest', { [READER]: override })
  t.equal(await read(1, {}), toWord(5))
  t.equal(await read(1, { stateDiff: { [toWord(1)]: toWord(9) } }), toWord(9))
  t.equal(await read(1, { stateDiff: { [toWord(2)]: toWord(9) } }), toWord(5))
  t.equal(await read(1, { state: { [toWord(2)]: toWord(9) } }), toWord(0))
  t.equal(await read(2, { state: { [toWord(2)]: toWord(9) } }), toWord(9))
  t.equal(await read(1, { code: '0x600760005260206000f3' }), toWord(7))
  t.equal(await read(1, { code: '0x' }), '0x')
  t.equal(await read(1, {}), toWord(5), 'and is as it was')
  const send = { from: STRANGER, to: BOB, value: '0x5' }
  t.equal(await call(send, 'latest', { [STRANGER]: { balance: '0x5' } }), '0x')
  t.equal(await estimate(send, 'latest', { [STRANGER]: { balance: '0x5' } }), 21_000)
  t.match(await refusal(call(send)), { reason: /insufficient funds/ })
  // A creation at the sender's nonce: CREATE returns the address that follows from it.
  const create = { to: READER, data: '0x' }
  const code = '0x600060006000f060005260206000f3'
  const created = await call(create, 'latest', { [READER]: { code, nonce: '0x7' } })
  t.equal(created, '0x0000000000000000000000006b9f39c7cf4cc151626546ce1d326a3a6531be05')
})

t.test('a precompile moves, or gives way to code', async (t) => {
  const sha256 = toAddress(2)
  const digest = '0x3a103a4e5729ad68c02a678ae39accfbc0ae208096437401b7ceab63cca0622f'
  const request = { to: STRANGER, data: '0x1234' }
  const moved = { [sha256]: { movePrecompileToAddress: STRANGER } }
  t.equal(await call(request, 'latest', moved), digest)
  t.equal(await call({ ...request, to: sha256 }, 'latest', moved), '0x')
  const code = '0x600760005260206000f3'
  t.equal(await call({ ...request, to: sha256 }, 'latest', { [sha256]: { code } }), toWord(7))
  t.equal(await call({ ...request, to: sha256 }), digest, 'and is as it was')
})

t.test('overrides that are wrong are refused', async (t) => {
  const cases: [override: object, code: number, reason: string | RegExp][] = [
    [{ state: {}, stateDiff: {} }, -32000, /has both 'state' and 'stateDiff'/],
    [{ movePrecompileToAddress: BOB }, -32000, /is not a precompile$/],
    [{ storage: {} }, -32602, /\.storage is not supported$/],
    [{ balance: 'x' }, -32602, /\.balance: .* is not a number in hex$/],
    [{ nonce: '0x10000000000000000' }, -32602, /\.nonce: .* is not a number of 64 bits$/],
    [{ stateDiff: { '0x1': toWord(1) } }, -32602, /\.stateDiff: .* is not 32 bytes in hex$/],
  ]
  for (const [override, code, reason] of cases) {
    const result = await refusal(call({ to: READER }, 'latest', { [READER]: override }))
    t.match(result, { code, reason }, JSON.stringify(override))
  }
  t.match(await refusal(call({ to: READER }, 'latest', { '0x12': {} })), { code: -32602 })
  const block = (override: object) => refusal(call({ to: READER }, 'latest', null, override))
  t.strictSame(await block({ withdrawals: [] }), {
    code: -32000,
    reason: 'block override "withdrawals" is not supported for this RPC method',
  })
  t.strictSame(await block({ beaconRoot: toWord(1) }), {
    code: -32000,
    reason: 'block override "beaconRoot" is not supported for this RPC method',
  })
  t.match(await block({ difficulty: '0x1' }), { code: -32602, reason: /prevRandao/ })
  t.match(await block({ extraData: '0x' }), { code: -32602, reason: /extraData is not supported/ })
})

t.test('a block is overridden, for one call', async (t) => {
  const see = async (override: object, of = 0) => {
    const answer = await call({ to: BLOCK, data: toWord(of) }, 'latest', null, override)
    return answer
      .slice(2)
      .match(/.{64}/g)
      .map((word: string) => BigInt(`0x${word}`))
  }
  const plain = await see({})
  t.equal(plain[0], 1n)
  t.equal(plain[5], 1n, 'blob base fee')
  const genesisHash = BigInt((await node.callPublic('eth_getBlockByNumber', '0x0', false)).hash)
  t.equal(plain[6], genesisHash, 'block hash')
  const overrides = {
    number: '0x64',
    time: '0x77777777',
    prevRandao: toWord(0xabc),
    feeRecipient: BOB,
    gasLimit: '0x1234',
    blobBaseFee: '0x9',
  }
  const expected = [100n, 0x77777777n, 0xabcn, BigInt(BOB), 0x1234n, 9n]
  t.strictSame(await see(overrides), [...expected, genesisHash])
  t.strictSame((await see(overrides, 1))[6], 0n, 'no later block has a hash')
  const { prevRandao: random, feeRecipient: coinbase, ...others } = overrides
  t.strictSame(await see({ ...others, random, coinbase }), [...expected, genesisHash])
  t.strictSame(await see({}), plain, 'and is as it was')
  const priced = { from: ALICE, to: PRICES, gasPrice: '0x7' }
  t.equal(await call(priced, 'latest', null, { baseFeePerGas: '0x7' }), words(7, 7))
})

/** An authorization by Bob for the code of a contract. */
function authorize(address: Hex, nonce: bigint, chainId = 0n) {
  const fields = [chainId, nonce].map((number) => bigIntToUnpaddedBytes(number))
  const list = [fields[0], hexToBytes(address), fields[1]] as const
  const [, , , ...signature] = eoaCode7702SignAuthorization([...list], hexToBytes(KEYS[1]))
  const toQuantity = (bytes: Uint8Array) =>
    `0x${BigInt(`0x0${Buffer.from(bytes).toString('hex')}`).toString(16)}`
  const [yParity, r, s] = signature.map(toQuantity)
  return { chainId: toQuantity(fields[0]), address, nonce: toQuantity(fields[1]), yParity, r, s }
}

t.test('authorizations hold for the call', async (t) => {
  const request = { from: ALICE, to: BOB, data: toWord(1) }
  const read = (...authorizationList: object[]) => call({ ...request, authorizationList })
  t.equal(await read(authorize(READER, 0n)), toWord(0), 'in the storage of Bob')
  t.equal(await read(authorize(READER, 0n, 901n)), toWord(0))
  t.equal(await read(authorize(READER, 1n)), '0x', 'another nonce')
  t.equal(await read(authorize(READER, 0n, 5n)), '0x', 'another chain')
  t.equal(await read(authorize(READER, 0n), authorize(PRICES, 1n)), words(0, 0), 'the last one')
  t.equal(await read(authorize(READER, 0n), authorize(NOBODY as Hex, 1n)), '0x', 'taken back')
  const busy = [authorize(BUSY, 0n)]
  t.equal(await estimate({ from: ALICE, to: BOB, authorizationList: busy }), 447_819)
  t.equal(
    await estimate({ from: ALICE, to: BOB, authorizationList: [authorize(BUSY, 1n)] }),
    46_382,
  )
})

t.test('an access list makes a call cheaper inside, and dearer outside', async (t) => {
  const request = { from: ALICE, to: GAS, gas: '0x186a0' }
  const accessList = [{ address: STRANGER, storageKeys: [toWord(1), toWord(2)] }]
  t.equal(Number(await call(request)), 78_998)
  t.equal(Number(await call({ ...request, accessList })), 78_998 - 2_400 - 2 * 1_900)
  t.equal(await estimate({ from: ALICE, to: BOB, value: '0x1', accessList }), 27_545)
})

t.test('an estimate is at most 1.5 % too high (F-08)', async (t) => {
  t.equal(await estimate({ from: ALICE, to: BOB, value: '0x1' }), 21_000)
  t.equal(await estimate({ to: STRANGER }), 21_000)
  t.equal(await estimate({ from: ALICE, to: BOB, data: `0x${'11'.repeat(100)}` }), 25_340)
  t.equal(await estimate({ from: ALICE, to: WRITER, data: toWord(7) }), 43_626)
  t.equal(await estimate({ from: ALICE, to: BUSY }), 406_164)
})

t.test('an estimate knows the limits of gas', async (t) => {
  const exceeds = (allowance: number) => ({
    code: -32000,
    reason: `gas required exceeds allowance (${allowance})`,
  })
  t.strictSame(await refusal(estimate({ to: LOOP })), exceeds(2 ** 24), 'EIP-7825')
  t.strictSame(await refusal(estimate({ to: LOOP, gas: '0x1312d00' })), exceeds(2 ** 24))
  t.strictSame(await refusal(estimate({ to: WRITER, gas: '0x7530' })), exceeds(30_000))
  const data = toWord(7)
  for (const gas of ['0x0', '0x1', '0x5207']) {
    t.equal(await estimate({ to: WRITER, data, gas }), 43_626, `${gas} is no limit`)
  }
  // One gwei buys no more than this.
  const poor = { from: STRANGER, to: WRITER, data, maxFeePerGas: '0x3b9aca00' }
  const withBalance = (balance: string) => ({ [STRANGER]: { balance } })
  const result = estimate(poor, 'latest', withBalance('0x1b48eb57e000'))
  t.strictSame(await refusal(result), exceeds(30_000))
  t.strictSame(await refusal(estimate({ ...poor, value: '0x1' }, 'latest', withBalance('0x1'))), {
    code: -32000,
    reason: 'insufficient funds for transfer',
  })
})

t.test('an access list is created of all that is not warm anyway', async (t) => {
  const create = (request: JSONObject) => node.callPublic('eth_createAccessList', request, 'latest')
  const request = { from: ALICE, to: TOUCHER, data: toWord(3) }
  const accessList = [
    { address: READER, storageKeys: [toWord(0)] },
    { address: TOUCHER, storageKeys: [toWord(3)] },
    { address: STRANGER, storageKeys: [] },
  ]
  const created = await create(request)
  t.strictSame(created, { accessList, gasUsed: '0xcd14' })
  t.strictSame(await create({ ...request, accessList }), created, 'and stays')
  t.strictSame(await create({ from: ALICE, to: BOB }), { accessList: [], gasUsed: '0x5208' })
  t.strictSame(await create({ from: ALICE, to: REVERTER }), {
    accessList: [],
    error: 'execution reverted',
    gasUsed: '0x5218',
  })
  t.match(await refusal(create({ to: BOB, value: '0x1' })), {
    code: -32000,
    reason: /^failed to apply transaction: .*insufficient funds/,
  })
})

t.test('calls know nothing of each other', async (t) => {
  const read = (value: number) =>
    call({ to: READER, data: toWord(1) }, 'latest', {
      [READER]: { stateDiff: { [toWord(1)]: toWord(value) } },
    })
  const values = Array.from({ length: 40 }, (_, index) => index + 10)
  t.strictSame(await Promise.all(values.map(read)), values.map(toWord))
  // What is written, warm or in transient storage is so for one call.
  for (const _ of [1, 2]) {
    t.equal(await call({ to: WRITER, data: toWord(9) }), '0x')
    t.equal(await call({ to: READER, data: toWord(9) }), toWord(0))
    t.equal(await call({ data: '0x60005c600052600160005d60206000f3' }), toWord(0))
    t.equal(Number(await call({ from: ALICE, to: GAS, gas: '0x186a0' })), 78_998)
    t.match(await refusal(call({ to: REVERTER })), { code: 3 })
  }
  // Slots that were read before are remembered; those that are overridden are not what they were.
  const slot = { to: READER, data: toWord(1) }
  t.equal(await call(slot), toWord(5))
  t.equal(await call(slot, 'latest', { [READER]: { state: {} } }), toWord(0))
  t.equal(await call(slot), toWord(5))
  t.equal(await call({ to: READER, data: toWord(1) }, { blockHash }), toWord(5))
  t.equal(await call({ to: READER, data: toWord(1) }, '0x0'), toWord(5))
})

t.test('gas and time of a call have the limits that the node is told', async (t) => {
  const calls = { gasCap: 40_000_000, evmTimeout: 100 }
  const limited = await spawnNode(genesis, { calls })
  t.teardown(() => limited.stop())
  const ask = (method: string, ...params: unknown[]) => limited.callPublic(method, ...params)
  const gasLeft = Number(await ask('eth_call', { to: GAS, gas: '0x5f5e100' }))
  t.equal(gasLeft, 40_000_000 - 21_000 - 2)
  const loop = { to: LOOP, gas: '0x5f5e100' }
  const timeout = { code: -32000, reason: 'execution aborted (timeout = 100ms)' }
  t.same(await refusal(ask('eth_call', loop)), timeout)
  t.same(await refusal(ask('eth_createAccessList', loop)), timeout)
  const simulated = { blockStateCalls: [{ calls: [{ to: LOOP }] }] }
  t.same(await refusal(ask('eth_simulateV1', simulated)), timeout)
  const small = await spawnNode(genesis, { calls: { gasCap: 100_000, evmTimeout: 0 } })
  t.teardown(() => small.stop())
  const busy = await refusal(small.callPublic('eth_estimateGas', { to: BUSY }))
  t.same(busy, { code: -32000, reason: 'gas required exceeds allowance (100000)' })
  const { gas } = await small.callPublic('debug_traceCall', { to: GAS }, 'latest')
  t.equal(gas, 21_017)
})
