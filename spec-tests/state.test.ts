import { createBlockHeaderFromRPC } from '@ethereumjs/block'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import {
  type PrefixedHexString,
  bytesToHex,
  createAddressFromString,
  generateAddress2,
  hexToBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import { type Alloc, createAllocState } from '../blockchain/index.ts'
import {
  type Fork,
  State,
  StateError,
  createChain,
  createWitnessState,
  encodeDeposit,
  executeBlock,
} from '../src/index.ts'
import {
  DEPOSITOR,
  type JSONValue,
  L1_BLOCK,
  type TestChain,
  chainAt,
  customCrypto,
  executeFixture,
  l1BlockAccount,
  nextAttributes,
  nextBlock,
  noFixtures,
  readFixture,
  rulesAt,
  startChain,
} from './helpers.ts'

type Test = Pick<typeof t, 'equal' | 'fail' | 'match' | 'ok'>

const word = (value: number | bigint) => value.toString(16).padStart(64, '0')
const slot = (value: number | bigint): PrefixedHexString => `0x${word(value)}`

/** A deposit from {@link DEPOSITOR}. */
const deposit = (to: string | undefined, data: string = '0x', value = 0n, gas = 1_000_000n) =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: createAddressFromString(DEPOSITOR),
    to: to === undefined ? undefined : createAddressFromString(to),
    mint: value,
    value,
    gas,
    isSystemTx: false,
    data: hexToBytes(data as PrefixedHexString),
  })

/** The state root is that of a state which consists of these accounts. */
async function hasState(t: Test, root: Uint8Array, alloc: Alloc, name: string) {
  const state = await createAllocState(rulesAt('karst').common, alloc)
  t.equal(bytesToHex(root), bytesToHex(await state.getStateRoot()), name)
}

/**
 * A chain on which nothing of the state has been read: as after a restart, or on a witness. What was
 * read stays in memory, so that it is read in another way.
 */
async function startCold(...args: Parameters<typeof startChain>) {
  const test = await startChain(...args)
  await test.state.setStateRoot(test.parent.stateRoot)
  return test
}
const STARTS = { warm: startChain, cold: startCold }

/** Executes the block of a file without one preimage: it must be named, unless nobody needs it. */
async function withoutPreimage(t: Test, file: JSONValue, hash: string) {
  const { [hash]: _, ...preimages } = file.preimages
  try {
    const block = await executeFixture({ ...file, preimages })
    t.equal(block.hash, file.expectedBlockHash, `${hash} is not needed`)
    return 0
  } catch (error) {
    if (!(error instanceof StateError)) {
      t.fail(`${hash} is missing: ${error}`)
      return 0
    }
    t.match(error.message, hash.slice(2), 'the error names what is missing')
    return 1
  }
}

t.test(
  'without any one preimage a block ends in a StateError that names it',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('blocks/block-120794432.json.gz')
    const hashes = Object.keys(file.preimages)
    t.equal(hashes.length, 79)
    let needed = 0
    for (const hash of hashes) needed += await withoutPreimage(t, file, hash)
    t.ok(needed >= 51, `${needed} are needed`)
    t.equal((await executeFixture(file)).hash, file.expectedBlockHash, 'with all of them')
  },
)

t.test(
  'the same with signed transactions, whose execution must not hide it',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('blocks/block-121049889.json.gz')
    const hashes = Object.keys(file.preimages).filter((_, index) => index % 10 === 0)
    let needed = 0
    for (const hash of hashes) needed += await withoutPreimage(t, file, hash)
    t.ok(needed >= 28, `${needed} of ${hashes.length} are needed`)
  },
)

t.test(
  'without any preimage, or on another root, there is no state',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('blocks/block-120794432.json.gz')
    const { stateRoot } = file.parentHeader
    const elsewhere = `0x${'11'.repeat(32)}`
    for (const [changes, root] of [
      [{ preimages: {} }, stateRoot],
      [{ parentHeader: { ...file.parentHeader, stateRoot: elsewhere } }, elsewhere],
    ]) {
      const error = await executeFixture({ ...file, ...changes }).catch((error) => error)
      t.ok(error instanceof StateError)
      t.match(error.message, root)
    }
  },
)

t.test('the code of a contract cannot be missing', { skip: noFixtures }, async (t) => {
  const file = readFixture('blocks/block-120794432.json.gz')
  // How solc begins: a proxy and what is behind it.
  const codes = Object.entries<string>(file.preimages).filter(([, bytes]) =>
    bytes.startsWith('0x60806040'),
  )
  t.ok(codes.length >= 2, `${codes.length} codes`)
  let needed = 0
  for (const [hash] of codes) needed += await withoutPreimage(t, file, hash)
  t.ok(needed >= 2, `${needed} are needed`)
})

t.test(
  'a preimage with one byte changed is refused, named by its key',
  { skip: noFixtures },
  (t) => {
    const { preimages, parentHeader } = readFixture('blocks/block-120794432.json.gz')
    const { common } = rulesAt('ecotone')
    const root = hexToBytes(parentHeader.stateRoot)
    const refuses = (key: string, value: PrefixedHexString, name: string) => {
      try {
        createWitnessState(common, root, { ...preimages, [key]: value })
        t.fail(`${name}: accepted`)
      } catch (error) {
        t.ok(error instanceof StateError, name)
        t.match((error as Error).message, key, name)
      }
    }
    t.ok(createWitnessState(common, root, preimages), 'unchanged')
    for (const [index, [key, preimage]] of Object.entries<PrefixedHexString>(preimages).entries()) {
      const bytes = hexToBytes(preimage)
      bytes[(index * 31) % bytes.length] ^= 1 << (index % 8)
      refuses(key, bytesToHex(bytes), 'changed')
      if (index > 3) continue
      refuses(key, `${preimage}00`, 'a byte more')
      refuses(key, '0x', 'no bytes')
    }
    refuses(`0x${'00'.repeat(32)}`, '0x01', 'one more')
    t.end()
  },
)

t.test(
  'two real blocks in a row on one state have their hashes',
  { skip: noFixtures },
  async (t) => {
    const files = ['109279679', '109279680'].map((number) =>
      readFixture(`blocks/block-${number}.json.gz`),
    )
    const preimages = { ...files[0].preimages, ...files[1].preimages }
    const first = await executeFixture({ ...files[0], preimages })
    t.equal(first.hash, files[0].expectedBlockHash)
    const { chain, state, header: parent } = first
    const { payloadAttributes: attributes, ancestorHashes } = files[1]
    const getBlockHash = (number: bigint) => hexToBytes(ancestorHashes[`${number}`])
    const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
    t.equal(bytesToHex(header.hash()), files[1].expectedBlockHash)
  },
)

t.test(
  'blocks that are executed at the same time do not disturb each other',
  { skip: noFixtures },
  async (t) => {
    const files = ['120794432', '121049889'].map((number) =>
      readFixture(`blocks/block-${number}.json.gz`),
    )
    const chain = createChain(files[0].config, { customCrypto })
    t.same(files[1].config, files[0].config, 'blocks of one chain')
    const run = async ({ parentHeader, preimages, payloadAttributes: attributes }: JSONValue) => {
      const { common } = chain.rules({
        number: BigInt(parentHeader.number),
        timestamp: BigInt(parentHeader.timestamp),
      })
      const opts = { common, skipConsensusFormatValidation: true }
      const parent = createBlockHeaderFromRPC(parentHeader, opts)
      const state = createWitnessState(common, parent.stateRoot, preimages)
      const { header } = await executeBlock({ chain, state, parent, attributes })
      return bytesToHex(header.hash())
    }
    const hashes = await Promise.all([...files, ...files, files[0]].map(run))
    const expected = files.map((file) => file.expectedBlockHash)
    t.same(hashes, [...expected, ...expected, expected[0]])
  },
)

/** Stores its second word of input in the slot that the first names. */
const STORER = '0x6020356000355500'
const CONTRACT = '0x00000000000000000000000000000000000c0de0'
const OTHER = '0x00000000000000000000000000000000000c0de1'
const EOA = '0x00000000000000000000000000000000000e0a00'
const pair = (index: number, value: number) => `0x${word(index)}${word(value)}`
const store = (index: number, value: number, to = CONTRACT) => deposit(to, pair(index, value))

const slots = (values: Record<number, number>) =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [slot(+key), slot(value)]))
const storer = (values: Record<number, number>): Alloc[string] => {
  return { balance: '0x0', nonce: '0x1', code: STORER, storage: slots(values) }
}

/** The account of the depositor after so many deposits. */
const depositor = (deposits: number): Alloc => ({
  [DEPOSITOR]: { balance: '0x0', nonce: `0x${deposits.toString(16)}` },
})

t.test('slots that are set and cleared in one block leave what is left', async (t) => {
  type Slots = Record<number, number>
  const cases: [name: string, before: Slots, pairs: [number, number][], after: Slots][] = [
    ['set', {}, [[1, 5]], { 1: 5 }],
    ['set to zero', {}, [[1, 0]], {}],
    ['cleared', { 1: 5, 2: 6 }, [[1, 0]], { 2: 6 }],
    [
      'all cleared',
      { 1: 5, 2: 6, 3: 7 },
      [
        [3, 0],
        [1, 0],
        [2, 0],
      ],
      {},
    ],
    ['the only one cleared', { 1: 5 }, [[1, 0]], {}],
    [
      'set and cleared',
      { 2: 6 },
      [
        [1, 5],
        [1, 0],
      ],
      { 2: 6 },
    ],
    [
      'cleared and set',
      { 1: 5 },
      [
        [1, 0],
        [1, 7],
      ],
      { 1: 7 },
    ],
    [
      'cleared and restored',
      { 1: 5 },
      [
        [1, 0],
        [1, 5],
      ],
      { 1: 5 },
    ],
    [
      'changed and restored',
      { 1: 5 },
      [
        [1, 6],
        [1, 5],
      ],
      { 1: 5 },
    ],
    [
      'one for another',
      { 1: 5 },
      [
        [1, 0],
        [2, 5],
      ],
      { 2: 5 },
    ],
    [
      'all cleared, one set',
      { 1: 5, 2: 6 },
      [
        [1, 0],
        [2, 0],
        [2, 1],
      ],
      { 2: 1 },
    ],
  ]
  for (const fork of ['regolith', 'karst'] as const) {
    for (const [name, before, pairs, after] of cases) {
      const expected = { ...depositor(pairs.length), [CONTRACT]: storer(after) }
      const transactions = pairs.map(([index, value]) => store(index, value))
      for (const [kind, start] of Object.entries(STARTS)) {
        const test = await start(chainAt(fork), { [CONTRACT]: storer(before) })
        const { header } = await nextBlock(test, transactions)
        await hasState(t, header.stateRoot, expected, `${name} in ${fork}, ${kind}`)
      }
    }
  }
})

t.test('many blocks on one state object, with many slots of two contracts', async (t) => {
  const model: Record<string, Record<number, number>> = { [CONTRACT]: {}, [OTHER]: {} }
  for (let index = 0; index < 40; index++) model[CONTRACT][index] = index + 1
  const alloc = () => ({ [CONTRACT]: storer(model[CONTRACT]), [OTHER]: storer(model[OTHER]) })
  const test = await startChain(chainAt('holocene'), alloc())
  let [random, deposits] = [1, 0]
  const next = (below: number) => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
    return (random >> 8) % below
  }
  for (let block = 1; block <= 12; block++) {
    const transactions: Uint8Array[] = []
    for (let index = 0; index < 12; index++) {
      const contract = next(3) > 0 ? CONTRACT : OTHER
      const key = next(40)
      // Most of the first writes clear.
      const value = block < 9 && next(4) > 0 ? 0 : next(250) + 1
      transactions.push(store(key, value, contract))
      if (value === 0) delete model[contract][key]
      else model[contract][key] = value
    }
    deposits += transactions.length
    if (block % 3 === 0) await test.state.setStateRoot(test.parent.stateRoot)
    const { header } = await nextBlock(test, transactions)
    const expected = { ...alloc(), ...depositor(deposits) }
    await hasState(t, header.stateRoot, expected, `block ${block}`)
  }
})

const SENDER = '0x1a642f0e3c3af545e7acbd38b07251b3990914f1'
/** A transaction of {@link SENDER} that pays nothing, on a chain without fees. */
const signed = (fork: Fork, nonce: number, to: string, data = '0x', value = 0n) =>
  createFeeMarket1559Tx(
    {
      nonce,
      to: to as PrefixedHexString,
      data: data as PrefixedHexString,
      value,
      gasLimit: 1_000_000n,
    },
    { common: rulesAt(fork).common },
  )
    .sign(new Uint8Array(32).fill(1))
    .serialize()

t.test('each transaction has its own original values of slots (D-19, T-36)', async (t) => {
  // 21000, 4 or 16 gas for each byte of input, 12 for the code, and the write:
  // 22100 for 0 → 1, 5000 for 1 → 2 and for 2 → 0, of which 4800 are refunded.
  const writes: [value: number, gasUsed: bigint][] = [
    [1, 43_392n],
    [2, 26_292n],
    [0, 21_480n],
    [1, 43_392n],
    [1, 23_492n],
    [0, 21_480n],
    [0, 23_480n],
  ]
  const expected = writes.map(([, gasUsed]) => gasUsed)
  const alloc: Alloc = {
    [CONTRACT]: storer({}),
    [SENDER]: { balance: '0x0' },
    [L1_BLOCK]: l1BlockAccount({}),
  }
  for (const fork of ['regolith', 'ecotone'] as const) {
    const header = { baseFeePerGas: 0n }
    const kinds = {
      deposits: writes.map(([value]) => store(1, value)),
      signed: writes.map(([value], nonce) => signed(fork, nonce, CONTRACT, pair(1, value))),
      both: writes.map(([value], index) =>
        index % 2 ? signed(fork, (index - 1) / 2, CONTRACT, pair(1, value)) : store(1, value),
      ),
    }
    for (const [name, transactions] of Object.entries(kinds)) {
      for (const [kind, start] of Object.entries(STARTS)) {
        const test = await start(chainAt(fork), alloc, { header })
        const { receipts } = await nextBlock(test, transactions)
        const gasUsed = receipts.map((receipt) => receipt.gasUsed)
        t.same(gasUsed, expected, `${name} in one block in ${fork}, ${kind}`)
      }
    }
    const test = await startChain(chainAt(fork), alloc, { header })
    for (const [index, transaction] of kinds.signed.entries()) {
      const { receipts } = await nextBlock(test, [transaction])
      t.equal(receipts[0].gasUsed, expected[index], `${index} in its own block in ${fork}`)
    }
  }
})

const BENEFICIARY = '0x00000000000000000000000000000000000bebe0'
/** Without input: reads slot 1 and destroys itself. With input: like {@link STORER}. */
const RUNTIME = `36601e576001545073${BENEFICIARY.slice(2)}ff5b6020356000355500`
/** Stores 7 more than is in slot 1 in slot 2, and makes {@link RUNTIME} the code. */
const INIT = `0x60015460070160025560278060146000396000f3${RUNTIME}`
/** Creates a contract from its input, with CREATE2 and salt 0. */
const FACTORY = '0x00000000000000000000000000000000000fac70'
const FACTORY_CODE = '0x366000600037600036600034f5'
/** Calls {@link FACTORY} with its input, then reverts. */
const REVERTER = '0x00000000000000000000000000000000000fac71'
const REVERTER_CODE = `0x36600060003760006000366000600073${FACTORY.slice(2)}5af160006000fd`
/** Calls the contract without input, which destroys it, then reverts. */
const RESCUER = '0x00000000000000000000000000000000000fac72'
/** Calls the contract twice: without input, which destroys it; then with input and 4 wei. */
const TWICE = '0x0000000000000000000000000000000000002222'

const create2 = (from: string, init: string) =>
  bytesToHex(
    generateAddress2(
      hexToBytes(from as PrefixedHexString),
      new Uint8Array(32),
      hexToBytes(init as PrefixedHexString),
    ),
  )
/** Where {@link FACTORY} puts {@link INIT}. */
const PHOENIX = create2(FACTORY, INIT)

const call = (value: string, inputLength: string) =>
  `60006000${inputLength}6000${value}73${PHOENIX.slice(2)}5af150`
const tools = (factoryNonce = 1, twice = 4): Alloc => ({
  [FACTORY]: { balance: '0x0', nonce: `0x${factoryNonce}`, code: `${FACTORY_CODE}00` },
  [REVERTER]: { balance: '0x0', nonce: '0x1', code: REVERTER_CODE },
  [RESCUER]: { balance: '0x0', nonce: '0x1', code: `0x${call('6000', '6000')}60006000fd` },
  [TWICE]: {
    balance: `0x${twice}`,
    nonce: '0x1',
    code: `0x${call('6000', '6000')}${call('6004', '6040')}00`,
  },
})
/** The contract, by its slots. */
const phoenix = (values: Record<number, number>, balance = 0): Alloc => ({
  [PHOENIX]: {
    balance: `0x${balance}`,
    nonce: '0x1',
    code: `0x${RUNTIME}`,
    storage: slots(values),
  },
})
const inherited = (wei: number): Alloc => ({ [BENEFICIARY]: { balance: `0x${wei}` } })

type Step = [to: string, data?: string, value?: number]
const kill: Step = [PHOENIX]
const pay = (value: number): Step => [PHOENIX, '0x', value]
const create = (value = 0): Step => [FACTORY, INIT, value]
const write = (index: number, value: number): Step => [PHOENIX, pair(index, value)]

/** Runs the steps in one block, as deposits and as signed transactions; then one more block. */
async function tells(
  t: Test,
  fork: Fork,
  name: string,
  before: Alloc,
  steps: Step[],
  after: Alloc,
) {
  const paid = steps.reduce((sum, [, , value = 0]) => sum + value, 0)
  // Where the contract is, it then has 33 in slot 1.
  const contract = after[PHOENIX]?.code ? after[PHOENIX] : undefined
  const later: Alloc = contract
    ? { [PHOENIX]: { ...contract, storage: { ...contract.storage, [slot(1)]: slot(33) } } }
    : {}
  const deposits = steps.map(([to, data, value = 0]) => deposit(to, data, BigInt(value)))
  const expected = { ...tools(), ...after, ...depositor(steps.length) }
  const end = { ...expected, ...later, ...depositor(steps.length + 1) }

  const l1Block = { [L1_BLOCK]: l1BlockAccount({}) }
  const rich = { [SENDER]: { balance: `0x${paid.toString(16)}` } as const }
  const header = { baseFeePerGas: 0n }
  const alloc = { ...tools(), ...before, ...l1Block, ...rich }
  const transactions = steps.map(([to, data, value = 0], nonce) =>
    signed(fork, nonce, to, data, BigInt(value)),
  )
  const poor = { [SENDER]: { balance: '0x0', nonce: `0x${steps.length.toString(16)}` } as const }
  const signedEnd = { ...tools(), ...after, ...l1Block, ...poor }

  for (const [kind, start] of Object.entries(STARTS)) {
    const test = await start(chainAt(fork), { ...tools(), ...before })
    const first = await nextBlock(test, deposits)
    await hasState(t, first.header.stateRoot, expected, `${name} in ${fork}, ${kind}`)
    if (kind === 'cold') await test.state.setStateRoot(first.header.stateRoot)
    const second = await nextBlock(test, [store(1, 33, PHOENIX)])
    await hasState(t, second.header.stateRoot, end, `${name} in ${fork}, ${kind}, then a block`)
    const signedTest = await start(chainAt(fork), alloc, { header })
    const block = await nextBlock(signedTest, transactions)
    await hasState(t, block.header.stateRoot, signedEnd, `${name} in ${fork}, ${kind}, signed`)
  }
}

t.test(
  'a contract that is destroyed leaves nothing to who comes after it in the block',
  async (t) => {
    t.equal(hexToBytes(`0x${RUNTIME}`).length, 0x27)
    const alive = phoenix({ 1: 5, 9: 9 }, 3)
    const f2 = { [FACTORY]: tools(2)[FACTORY] }
    const f3 = { [FACTORY]: tools(3)[FACTORY] }
    const stories: [name: string, before: Alloc, steps: Step[], after: Alloc][] = [
      ['destroyed', alive, [kill], inherited(3)],
      ['destroyed and called', alive, [kill, kill], inherited(3)],
      [
        'destroyed and paid',
        alive,
        [kill, pay(4)],
        { ...inherited(3), [PHOENIX]: { balance: '0x4' } },
      ],
      ['written and destroyed', alive, [write(1, 8), write(2, 1), kill], inherited(3)],
      [
        'destroyed and created',
        alive,
        [kill, create()],
        { ...inherited(3), ...phoenix({ 2: 7 }), ...f2 },
      ],
      [
        'written, destroyed and created',
        alive,
        [write(1, 8), write(3, 1), kill, create()],
        { ...inherited(3), ...phoenix({ 2: 7 }), ...f2 },
      ],
      [
        'destroyed, paid and created with wei',
        alive,
        [kill, pay(4), create(2)],
        { ...inherited(3), ...phoenix({ 2: 7 }, 6), ...f2 },
      ],
      [
        'destroyed, created and written',
        alive,
        [kill, create(), write(9, 1), write(2, 0)],
        { ...inherited(3), ...phoenix({ 9: 1 }), ...f2 },
      ],
      [
        'destroyed, created, written and destroyed',
        alive,
        [kill, create(1), write(1, 1), write(9, 0), kill],
        { ...inherited(4), ...f2 },
      ],
      [
        'destroyed and created twice',
        alive,
        [kill, create(), write(1, 4), kill, create()],
        { ...inherited(3), ...phoenix({ 2: 7 }), ...f3 },
      ],
      ['destroyed, created in vain', alive, [kill, [REVERTER, INIT]], inherited(3)],
      [
        'destroyed, created in vain and created',
        alive,
        [kill, [REVERTER, INIT], create(), write(9, 2)],
        { ...inherited(3), ...phoenix({ 2: 7, 9: 2 }), ...f2 },
      ],
      [
        'destroyed, created, written, created in vain and written',
        alive,
        [kill, create(), write(9, 2), [REVERTER, INIT], write(8, 1)],
        { ...inherited(3), ...phoenix({ 2: 7, 8: 1, 9: 2 }), ...f2 },
      ],
      ['destroyed in vain', alive, [[RESCUER], write(8, 1)], phoenix({ 1: 5, 8: 1, 9: 9 }, 3)],
      [
        'written, destroyed in vain and written',
        alive,
        [write(1, 4), [RESCUER], write(8, 1), create()],
        { ...phoenix({ 1: 4, 8: 1, 9: 9 }, 3), ...f2 },
      ],
      ['created in vain', {}, [[REVERTER, INIT], write(1, 4)], {}],
      ['created', {}, [create(1)], { ...phoenix({ 2: 7 }, 1), ...f2 }],
      ['created although it is there', alive, [create()], { ...alive, ...f2 }],
      [
        'created, written, destroyed',
        {},
        [create(1), write(1, 5), kill],
        { ...inherited(1), ...f2 },
      ],
      [
        'created, written, destroyed, created',
        {},
        [create(), write(1, 5), kill, create()],
        { ...phoenix({ 2: 7 }), ...f3 },
      ],
      [
        'paid while it is being destroyed, which burns the wei',
        alive,
        [[TWICE]],
        { ...inherited(3), [TWICE]: tools(1, 0)[TWICE] },
      ],
    ]
    for (const [name, before, steps, after] of stories) {
      await tells(t, 'regolith', name, before, steps, after)
    }
  },
)

t.test('a contract that is destroyed leaves nothing to the next blocks either', async (t) => {
  for (const fork of ['regolith', 'canyon'] as const) {
    const blocks: [Step, Alloc][] = [
      [write(3, 3), phoenix({ 1: 5, 3: 3, 9: 9 }, 3)],
      [kill, inherited(3)],
      [create(), { ...inherited(3), ...phoenix({ 2: 7 }), ...tools(2) }],
      [write(9, 1), { ...inherited(3), ...phoenix({ 2: 7, 9: 1 }), ...tools(2) }],
      [write(2, 0), { ...inherited(3), ...phoenix({ 9: 1 }), ...tools(2) }],
      [kill, { ...inherited(3), ...tools(2) }],
      [pay(4), { ...inherited(3), [PHOENIX]: { balance: '0x4' }, ...tools(2) }],
      [create(1), { ...inherited(3), ...phoenix({ 2: 7 }, 5), ...tools(3) }],
    ]
    for (const [kind, start] of Object.entries(STARTS)) {
      const test = await start(chainAt(fork), { ...tools(), ...phoenix({ 1: 5, 9: 9 }, 3) })
      for (const [index, [[to, data, value = 0], after]] of blocks.entries()) {
        if (kind === 'cold') await test.state.setStateRoot(test.parent.stateRoot)
        const { header } = await nextBlock(test, [deposit(to, data, BigInt(value))])
        const expected = { ...tools(), ...after, ...depositor(index + 1) }
        await hasState(t, header.stateRoot, expected, `block ${index + 1} in ${fork}, ${kind}`)
      }
    }
  }
})

t.test(
  'from Ecotone only a contract of the same transaction is destroyed (H-05, EIP-6780)',
  async (t) => {
    const alive = phoenix({ 1: 5, 9: 9 }, 3)
    const empty = phoenix({ 1: 5, 9: 9 })
    const f2 = { [FACTORY]: tools(2)[FACTORY] }
    const f3 = { [FACTORY]: tools(3)[FACTORY] }
    // Stores 1 in slot 1 and destroys itself, in its creation.
    const suicidal = `0x600160015573${BENEFICIARY.slice(2)}ff`
    const stories: [name: string, before: Alloc, steps: Step[], after: Alloc][] = [
      ['not destroyed', alive, [kill], { ...empty, ...inherited(3) }],
      [
        'not destroyed, paid',
        alive,
        [kill, [TWICE]],
        { ...phoenix({ 1: 5, 9: 9 }, 4), ...inherited(3), [TWICE]: tools(1, 0)[TWICE] },
      ],
      ['in the way of its creation', alive, [kill, create()], { ...empty, ...inherited(3), ...f2 }],
      [
        'created and not destroyed',
        {},
        [create(1), kill],
        { ...phoenix({ 2: 7 }), ...inherited(1), ...f2 },
      ],
      ['destroyed in creation', {}, [[FACTORY, suicidal, 2]], { ...inherited(2), ...f2 }],
      [
        'destroyed in creation twice',
        {},
        [
          [FACTORY, suicidal, 2],
          [FACTORY, suicidal, 3],
        ],
        { ...inherited(5), ...f3 },
      ],
    ]
    for (const fork of ['ecotone', 'isthmus'] as const) {
      for (const [name, before, steps, after] of stories) {
        await tells(t, fork, name, before, steps, after)
      }
    }
  },
)

t.test(
  'accounts without nonce, wei and code do not exist after they were touched (EIP-161)',
  async (t) => {
    for (const fork of ['regolith', 'karst'] as const) {
      const vacant: Alloc = { [EOA]: { balance: '0x0' } }
      const paid: Alloc = { [EOA]: { balance: '0x1' } }
      const run = async (
        alloc: Alloc,
        transactions: Uint8Array[],
        expected: Alloc,
        name: string,
      ) => {
        const test = await startChain(chainAt(fork), alloc)
        const { header } = await nextBlock(test, transactions)
        const all = { ...expected, ...depositor(transactions.length) }
        await hasState(t, header.stateRoot, all, `${name} in ${fork}`)
      }
      const touch = deposit(EOA)
      await run({}, [touch], {}, 'nothing is created by a call without value')
      await run(vacant, [touch], {}, 'an empty account is deleted by a call without value')
      await run(vacant, [deposit(OTHER)], vacant, 'but not by a call to another')
      await run({}, [deposit(EOA, '0x', 1n)], paid, 'created by a payment')
      await run(paid, [touch], paid, 'one that has something stays')
      const precompile = '0x0000000000000000000000000000000000000004'
      await run({}, [deposit(precompile)], {}, 'a precompile is not created')
    }
  },
)

t.test('a block of nothing but failures changes nonces only (D-13, D-14)', async (t) => {
  // Stores 1 in slot 1, then reverts or runs an invalid opcode.
  for (const end of ['60006000fd', 'fe']) {
    const alloc: Alloc = {
      [CONTRACT]: { balance: '0x0', nonce: '0x1', code: `0x6001600155${end}` },
    }
    const test = await startChain(chainAt('karst'), alloc)
    const transactions = [deposit(CONTRACT), deposit(CONTRACT), deposit(EOA, '0x', 0n, 20_999n)]
    const { header, receipts } = await nextBlock(test, transactions)
    t.same(
      receipts.map(({ status }) => status),
      [0, 0, 0],
    )
    await hasState(t, header.stateRoot, { ...alloc, ...depositor(3) }, end)
  }
})

/** Stores in slot n the hash of the block with the number that is the nth word of input, n < 3. */
const HASHER = '0x60003540600055602035406001556040354060025500'
const ask = (a: number, b: number, c: number) =>
  deposit(CONTRACT, `0x${word(a)}${word(b)}${word(c)}`)

/** A chain whose parent block is number 300. */
const chainOf300 = () =>
  startChain(
    chainAt('karst'),
    { [CONTRACT]: { balance: '0x0', nonce: '0x1', code: HASHER } },
    { header: { number: 300n } },
  )

/** Executes a block on such a chain, and tells what it stored and for which hashes it asked. */
async function blockHashes(
  test: TestChain,
  transactions: Uint8Array[],
  getBlockHash?: Parameters<typeof executeBlock>[0]['getBlockHash'],
) {
  const attributes = nextAttributes(test, transactions)
  await executeBlock({ ...test, attributes, getBlockHash })
  const address = createAddressFromString(CONTRACT)
  const values: string[] = []
  for (let index = 0; index < 3; index++) {
    const value = await test.state.getStorage(address, hexToBytes(slot(index)))
    values.push(value.length === 0 ? '0x' : bytesToHex(value))
  }
  return values
}

t.test('BLOCKHASH gives the hashes of 256 ancestors, and asks for no others', async (t) => {
  const test = await chainOf300()
  const asked: bigint[] = []
  const hashOf = (number: bigint) => new Uint8Array(32).fill(Number(number % 255n) + 1)
  const getBlockHash = (number: bigint) => {
    asked.push(number)
    return hashOf(number)
  }
  // The block is number 301; 45 is the oldest of 256.
  const parentHash = bytesToHex(test.parent.hash())
  const first = await blockHashes(test, [ask(300, 299, 45)], getBlockHash)
  t.same(first, [parentHash, bytesToHex(hashOf(299n)), bytesToHex(hashOf(45n))])
  t.same(asked, [299n, 45n])
  const none = await blockHashes(await chainOf300(), [ask(44, 301, 302)], () => {
    throw new Error('asked')
  })
  t.same(none, ['0x', '0x', '0x'], 'zero for any other')
  const known = await blockHashes(await chainOf300(), [ask(300, 300, 300)])
  t.same(known, [parentHash, parentHash, parentHash], 'the parent’s is always known')
})

t.test('an ancestor’s hash that is not known is a StateError, not a zero', async (t) => {
  const failures: [string, Parameters<typeof executeBlock>[0]['getBlockHash']][] = [
    ['no function', undefined],
    ['undefined', () => undefined],
    ['undefined later', async () => undefined],
    ['an empty hash', () => new Uint8Array()],
    ['a short hash', () => new Uint8Array(31)],
  ]
  for (const [name, getBlockHash] of failures) {
    const test = await chainOf300()
    const error = await blockHashes(test, [ask(300, 250, 300)], getBlockHash).catch(
      (error) => error,
    )
    t.ok(error instanceof StateError, name)
    t.match(error.message, /250/, name)
  }
  const test = await chainOf300()
  const hash = new Uint8Array(32).fill(9)
  const values = await blockHashes(test, [ask(250, 300, 250)], async () => hash)
  t.equal(values[0], bytesToHex(hash), 'a promise of one')
})

t.test('a state object takes blocks of one fork after the other', async (t) => {
  const chain = chainAt('bedrock', {
    regolith: 1002,
    canyon: 1004,
    ecotone: 1006,
    fjord: 1008,
    granite: 1010,
    holocene: 1012,
    isthmus: 1014,
    jovian: 1016,
    karst: 1018,
  })
  const test = await startChain(chain, { [CONTRACT]: storer({}) })
  const deployer = '0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2'
  for (let block = 1; block <= 10; block++) {
    const { header } = await nextBlock(test, [store(block, block)])
    if (block === 1) t.equal(chain.rules(header).fork, 'regolith')
    if (block === 9) t.equal(chain.rules(header).fork, 'karst')
    t.equal(bytesToHex(header.stateRoot), bytesToHex(await test.state.getStateRoot()))
  }
  const code = await test.state.getCode(createAddressFromString(deployer))
  const expected = {
    ...depositor(10),
    [CONTRACT]: storer({ 1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8, 9: 9, 10: 10 }),
    [deployer]: { balance: '0x0', code: bytesToHex(code) } as const,
  }
  t.equal(code.length, 1584)
  await hasState(t, test.parent.stateRoot, expected, 'all blocks')
})

t.test('the caches of a state object stay small over many blocks, and lose no write', async (t) => {
  const test = await startChain(chainAt('karst'), { [CONTRACT]: storer({}) })
  const blocks = 100
  let largest = 0
  for (let block = 1; block <= blocks; block++) {
    const recipient = `0x${block.toString(16).padStart(40, 'a')}`
    await nextBlock(test, [store(block, block), deposit(recipient, '0x', BigInt(block))])
    largest = Math.max(largest, test.state['_caches']!.account!.size())
  }
  // Each block touches two accounts more, and flushes at least once.
  t.ok(largest < 100, `at most ${largest} accounts in the cache`)
  for (let block = 1; block <= blocks; block++) {
    const address = createAddressFromString(`0x${block.toString(16).padStart(40, 'a')}`)
    t.equal((await test.state.getAccount(address))?.balance, BigInt(block), `balance ${block}`)
    const key = hexToBytes(slot(block))
    const value = await test.state.getStorage(createAddressFromString(CONTRACT), key)
    t.equal(bytesToHex(value), `0x${block.toString(16).padStart(2, '0')}`, `slot ${block}`)
  }
})

/** Changes a slot and deploys code. */
const CHANGES = [store(1, 6), deposit(undefined, '0x608060005360016000f3')]

t.test('a state reads nodes and keeps new ones apart, in added', async (t) => {
  const alloc = { [CONTRACT]: storer({ 1: 5 }), [OTHER]: storer({ 2: 6 }) }
  const test = await startChain(chainAt('karst'), alloc)
  const base = test.state.added
  const before = new Map(base)
  const { common } = test.chain
  test.state = new State(common, base, test.parent.stateRoot)
  const { added } = test.state
  t.equal(added.size, 0)
  const { header } = await nextBlock(test, CHANGES)
  t.strictSame(base, before, 'what was read stays')
  t.ok(added.size > 0)
  for (const hash of added.keys()) t.notOk(base.has(hash), `${hash} is new`)
  for (const [hash, value] of added) t.equal(hash, bytesToHex(keccak_256(value)).slice(2))
  t.ok(added.has(bytesToHex(header.stateRoot).slice(2)), 'the new root')
  t.ok(added.has(bytesToHex(keccak_256(Uint8Array.of(0x80))).slice(2)), 'the new code')
  // Nothing but the two maps is needed to go on, here without the old state.
  const rest = new State(common, new Map([...base, ...added]), header.stateRoot)
  const value = await rest.getStorage(createAddressFromString(CONTRACT), hexToBytes(slot(1)))
  t.strictSame(value, Uint8Array.of(6))
  const only = new State(common, new Map(added), header.stateRoot)
  const untouched = only.getStorage(createAddressFromString(OTHER), hexToBytes(slot(2)))
  await t.rejects(untouched, { message: /state is incomplete/ })
})
