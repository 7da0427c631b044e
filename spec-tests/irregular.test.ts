import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import {
  type PrefixedHexString,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  generateAddress2,
  hexToBytes,
  setLengthLeft,
  toBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import { type Alloc, createGenesis } from '../blockchain/index.ts'
import { FORKS, type Fork, decodeDeposit, encodeDeposit } from '../src/index.ts'
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
  l1BlockAccount,
  nextBlock,
  noFixtures,
  readFixture,
  startChain,
} from './helpers.ts'

type Hex = PrefixedHexString

const CREATE2_DEPLOYER = '0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2'
const CREATE2_DEPLOYER_HASH = '0xb0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2'
const BEACON_ROOTS = '0x000f3df6d732807ef1319fb7b8bb8522d0beac02'
const HISTORY_STORAGE = '0x0000f90827f1c53a10cb7a02335b175320002935'
const SYSTEM_ADDRESS = '0xfffffffffffffffffffffffffffffffffffffffe'
const MESSAGE_PASSER = '0x4200000000000000000000000000000000000016'
/** sha256 of nothing. */
const NO_REQUESTS = '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

const SENDER = '0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0'
const OTHER = '0x00000000000000000000000000000000000b0b01'
const CONTRACT = '0xc0de000000000000000000000000000000000001'
const PRIVATE_KEY = new Uint8Array(32).fill(0x45)
const SIGNER = '0xe0da1edcea030875cd0f199d96eb70f6ab78faf2'

const deposit = (to = OTHER, data = '0x', gas = 200_000n) =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: createAddressFromString(SENDER),
    to: createAddressFromString(to),
    mint: 0n,
    value: 0n,
    gas,
    isSystemTx: false,
    data: hexToBytes(data as Hex),
  })

/** The deposit that deploys the contract of EIP-4788, and that of EIP-2935. */
const [deployBeaconRoots, deployHistory]: Uint8Array[] = noFixtures
  ? []
  : [/beacon block roots/, /EIP-2935/].map((intent) => {
      const { transactions } = readFixture('vectors/upgrade_txs.json')
      return hexToBytes(transactions.find((tx: { intent: string }) => intent.test(tx.intent)).raw)
    })

/** What the init code of those deposits returns: all but its first 9 bytes. */
const deployed = (raw: Uint8Array): Alloc[string] => ({
  balance: '0x0',
  nonce: '0x1',
  code: bytesToHex(decodeDeposit(raw).data.subarray(9)),
})

type WithState = Pick<TestChain, 'state'>

const word = (value: bigint | number) =>
  setLengthLeft(toBytes(`0x${value.toString(16).padStart(64, '0')}`), 32)
const account = ({ state }: WithState, address: string) =>
  state.getAccount(createAddressFromString(address))
const code = async ({ state }: WithState, address: string) =>
  bytesToHex(await state.getCode(createAddressFromString(address)))
const slot = async ({ state }: WithState, address: string, index: bigint | number) =>
  bytesToHex(await state.getStorage(createAddressFromString(address), word(index)))

const contract = (code: Hex, storage: Record<Hex, Hex> = {}): Alloc[string] => ({
  balance: '0x0',
  nonce: '0x1',
  code,
  storage,
})

const start = (fork: Fork, alloc: Alloc = {}) => startChain(chainAt(fork), alloc)

const FROM_ECOTONE = FORKS.slice(FORKS.indexOf('ecotone'))
const FROM_ISTHMUS = FORKS.slice(FORKS.indexOf('isthmus'))

/** A transfer of 1 wei to OTHER with a tip of `tip` wei per gas. */
function signedTransfer({ chain, parent }: TestChain, nonce: bigint, tip = 0n) {
  const { common } = chain.rules({ number: parent.number + 1n, timestamp: parent.timestamp + 2n })
  const fees = { maxFeePerGas: 2n * 10n ** 9n, maxPriorityFeePerGas: tip, gasLimit: 21_000n }
  const to = createAddressFromString(OTHER)
  const tx = createFeeMarket1559Tx({ chainId: CHAIN_ID, nonce, to, value: 1n, ...fees }, { common })
  return tx.sign(PRIVATE_KEY).serialize()
}

const funded: Alloc = { [SIGNER]: { balance: '0xde0b6b3a7640000' } }

const codeHash = async (test: WithState, address: string) =>
  bytesToHex(keccak_256(hexToBytes((await code(test, address)) as Hex)))

t.test('the create2deployer appears in the block at exactly canyonTime (I-02)', async (t) => {
  const test = await startChain(chainAt('regolith', { canyon: 1004 }), {})
  await nextBlock(test, [deposit()])
  t.equal(await account(test, CREATE2_DEPLOYER), undefined, 'not a block before')
  const { header } = await nextBlock(test, [deposit()])
  t.equal(header.timestamp, 1004n)
  t.equal(await codeHash(test, CREATE2_DEPLOYER), CREATE2_DEPLOYER_HASH)
  t.equal((await code(test, CREATE2_DEPLOYER)).length, 2 + 2 * 1584)
  t.match(await account(test, CREATE2_DEPLOYER), { nonce: 0n, balance: 0n })
})

t.test('no block at canyonTime, no create2deployer (I-02, T-28)', async (t) => {
  const test = await startChain(chainAt('regolith', { canyon: 1003 }), {})
  for (const timestamp of [1002n, 1004n, 1006n]) {
    const { header } = await nextBlock(test, [deposit()], { timestamp })
    t.equal(await account(test, CREATE2_DEPLOYER), undefined, `at ${timestamp}`)
    t.equal(test.chain.rules(header).fork, timestamp < 1003n ? 'regolith' : 'canyon')
  }
})

t.test('a chain that starts with Canyon has only what its genesis has (I-02)', async (t) => {
  const genesisIsCanyon = await startChain(chainAt('regolith', { canyon: 1000 }), {})
  for (const test of [genesisIsCanyon, await start('canyon'), await start('karst')]) {
    for (const _ of [1, 2]) await nextBlock(test, [deposit()])
    t.equal(await account(test, CREATE2_DEPLOYER), undefined)
  }
})

t.test('the create2deployer comes with Canyon only, not with a later fork (I-02)', async (t) => {
  const test = await startChain(chainAt('canyon', { ecotone: 1002, fjord: 1004 }), {})
  for (const _ of [1, 2]) await nextBlock(test, [deposit()])
  t.equal(await account(test, CREATE2_DEPLOYER), undefined)
})

t.test(
  'the create2deployer comes even where Ecotone begins in the same block (I-02)',
  async (t) => {
    const test = await startChain(chainAt('regolith', { canyon: 1002, ecotone: 1002 }), {})
    await nextBlock(test, [deposit()])
    t.equal(await codeHash(test, CREATE2_DEPLOYER), CREATE2_DEPLOYER_HASH)
  },
)

t.test('the create2deployer keeps balance, nonce and storage of its address (I-02)', async (t) => {
  const storage = { [bytesToHex(word(1))]: bytesToHex(word(2)) }
  const alloc: Alloc = { [CREATE2_DEPLOYER]: { balance: '0x5', nonce: '0x3', storage } }
  for (const old of ['0x', '0xfe'] as const) {
    alloc[CREATE2_DEPLOYER].code = old
    const test = await startChain(chainAt('regolith', { canyon: 1002 }), alloc)
    await nextBlock(test, [deposit()])
    t.equal(await codeHash(test, CREATE2_DEPLOYER), CREATE2_DEPLOYER_HASH)
    t.match(await account(test, CREATE2_DEPLOYER), { nonce: 3n, balance: 5n })
    t.equal(await slot(test, CREATE2_DEPLOYER, 1), '0x02')
  }
})

t.test('the create2deployer deploys in the block that it appears in (I-01, I-02)', async (t) => {
  const salt = new Uint8Array(32).fill(9)
  const initCode = hexToBytes('0x60016000f3')
  // deploy(0, salt, initCode)
  const head = [word(0), salt, word(96), word(5), initCode, new Uint8Array(27)]
  const data = bytesToHex(concatBytes(hexToBytes('0x66cfa057'), ...head))
  const address = bytesToHex(generateAddress2(hexToBytes(CREATE2_DEPLOYER), salt, initCode))
  const test = await startChain(chainAt('regolith', { canyon: 1004 }), {})
  const before = await nextBlock(test, [deposit(CREATE2_DEPLOYER, data)])
  t.equal(before.receipts[0].status, 1, 'nobody there')
  t.equal(await account(test, address), undefined)
  const canyon = await nextBlock(test, [deposit(CREATE2_DEPLOYER, data)])
  t.equal(canyon.receipts[0].status, 1)
  t.equal(await code(test, address), '0x00')
  t.equal((await account(test, CREATE2_DEPLOYER))!.nonce, 1n, 'the nonce of its CREATE2')
  const after = await nextBlock(test, [deposit(CREATE2_DEPLOYER, data)])
  t.equal(after.receipts[0].status, 0, 'there already')
  t.equal((await account(test, CREATE2_DEPLOYER))!.nonce, 1n)
})

t.test(
  'the beacon roots contract is told the parent’s root (I-01, EIP-4788)',
  { skip: noFixtures },
  async (t) => {
    for (const fork of FROM_ECOTONE) {
      const test = await start(fork, { [BEACON_ROOTS]: deployed(deployBeaconRoots) })
      t.equal(
        await codeHash(test, BEACON_ROOTS),
        '0xf57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c',
      )
      for (const [timestamp, byte] of [
        [1002n, 0x42],
        [9193n, 0x43],
        [9200n, 0x44],
      ] as const) {
        const root = new Uint8Array(32).fill(byte)
        const { header } = await nextBlock(test, [deposit()], {
          timestamp,
          parentBeaconBlockRoot: root,
        })
        t.equal(bytesToHex(header.parentBeaconBlockRoot!), bytesToHex(root))
        t.equal(BigInt(await slot(test, BEACON_ROOTS, timestamp % 8191n)), timestamp, fork)
        t.equal(await slot(test, BEACON_ROOTS, (timestamp % 8191n) + 8191n), bytesToHex(root))
        t.equal(header.gasUsed, 21_000n, 'no gas of the block')
      }
      // 1002 and 9193 have the same place.
      t.equal(await slot(test, BEACON_ROOTS, 1002n), '0x23e9')
      t.equal(await account(test, SYSTEM_ADDRESS), undefined, 'the caller leaves no trace')
      t.match(await account(test, BEACON_ROOTS), { nonce: 1n, balance: 0n })
    }
  },
)

t.test(
  'the history contract is told the parent’s hash (I-01, I-04, EIP-2935)',
  { skip: noFixtures },
  async (t) => {
    for (const fork of FROM_ISTHMUS) {
      const alloc = { [HISTORY_STORAGE]: deployed(deployHistory) }
      const header = { number: 8190n }
      const test = await startChain(chainAt(fork), alloc, { header })
      t.equal(
        await codeHash(test, HISTORY_STORAGE),
        '0x6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d',
      )
      const hashes = []
      for (const place of [8190n, 0n, 1n]) {
        hashes.push(bytesToHex(test.parent.hash()))
        const { header } = await nextBlock(test, [deposit()])
        t.equal(await slot(test, HISTORY_STORAGE, place), hashes.at(-1), `${fork} ${header.number}`)
        t.equal(header.gasUsed, 21_000n)
      }
      t.equal(new Set(hashes).size, 3)
      t.equal(await slot(test, HISTORY_STORAGE, 2n), '0x', 'and nothing else')
      t.equal(await account(test, SYSTEM_ADDRESS), undefined)
    }
  },
)

t.test('transactions find root and hash already there (I-01)', { skip: noFixtures }, async (t) => {
  // sstore(0, beaconRoots(timestamp)) sstore(1, history(number - 1)), both by staticcall
  const beacon = `42600052602060006020600073${BEACON_ROOTS.slice(2)}5afa50600051600055`
  const history = `60014303600052602060006020600073${HISTORY_STORAGE.slice(2)}5afa50600051600155`
  const alloc = {
    [BEACON_ROOTS]: deployed(deployBeaconRoots),
    [HISTORY_STORAGE]: deployed(deployHistory),
    [CONTRACT]: contract(`0x${beacon}${history}`),
  }
  const test = await start('isthmus', alloc)
  const hash = bytesToHex(test.parent.hash())
  const parentBeaconBlockRoot = new Uint8Array(32).fill(0x42)
  const { receipts } = await nextBlock(test, [deposit(CONTRACT)], { parentBeaconBlockRoot })
  t.equal(receipts[0].status, 1)
  t.equal(await slot(test, CONTRACT, 0), bytesToHex(parentBeaconBlockRoot))
  t.equal(await slot(test, CONTRACT, 1), hash)
})

t.test('nobody but the system sets root and hash (I-01)', { skip: noFixtures }, async (t) => {
  const alloc = {
    [BEACON_ROOTS]: deployed(deployBeaconRoots),
    [HISTORY_STORAGE]: deployed(deployHistory),
  }
  const test = await start('karst', alloc)
  const hash = bytesToHex(test.parent.hash())
  const data = `0x${'66'.repeat(32)}`
  const txs = [deposit(BEACON_ROOTS, data), deposit(HISTORY_STORAGE, data)]
  const { receipts } = await nextBlock(test, txs)
  t.same(
    receipts.map(({ status }) => status),
    [0, 0],
  )
  t.equal(await slot(test, BEACON_ROOTS, 1002 + 8191), '0x')
  t.equal(await slot(test, HISTORY_STORAGE, 0), hash)
})

/** Stores CALLER, ORIGIN, CALLVALUE + 1, CALLDATASIZE, the calldata and GAS. */
const SPY: Hex = '0x336000553260015534600101600255366003556000356004555a60055500'

t.test(
  'the system calls with 30 million gas, 32 bytes and no wei (I-01, I-03, I-04)',
  async (t) => {
    const test = await start('isthmus', {
      [BEACON_ROOTS]: contract(SPY),
      [HISTORY_STORAGE]: contract(SPY),
    })
    const parentHash = bytesToHex(test.parent.hash())
    const parentBeaconBlockRoot = new Uint8Array(32).fill(0x42)
    const { header } = await nextBlock(test, [deposit()], { parentBeaconBlockRoot })
    for (const [address, data] of [
      [BEACON_ROOTS, bytesToHex(parentBeaconBlockRoot)],
      [HISTORY_STORAGE, parentHash],
    ]) {
      t.equal(await slot(test, address, 0), SYSTEM_ADDRESS, 'CALLER')
      t.equal(await slot(test, address, 1), SYSTEM_ADDRESS, 'ORIGIN')
      t.equal(await slot(test, address, 2), '0x01', 'CALLVALUE')
      t.equal(await slot(test, address, 3), '0x20', 'CALLDATASIZE')
      t.equal(await slot(test, address, 4), data, 'calldata')
      // Five new slots of 22,100 and, up to GAS, other opcodes of 37.
      t.equal(BigInt(await slot(test, address, 5)), 30_000_000n - 110_537n, 'GAS')
    }
    t.equal(header.gasUsed, 21_000n)
    t.equal(await account(test, SYSTEM_ADDRESS), undefined)
  },
)

t.test('the block’s gas limit does not limit the system’s calls (I-03, I-04)', async (t) => {
  const alloc = { [BEACON_ROOTS]: contract(SPY), [HISTORY_STORAGE]: contract(SPY) }
  const test = await start('karst', alloc)
  const { header } = await nextBlock(test, [deposit(OTHER, '0x', 21_000n)], { gasLimit: 21_000n })
  t.equal(header.gasUsed, 21_000n)
  for (const address of [BEACON_ROOTS, HISTORY_STORAGE])
    t.equal(await slot(test, address, 3), '0x20')
})

t.test('a system call that fails changes nothing and the block goes on (I-03, I-04)', async (t) => {
  for (const end of ['60006000fd', 'fe']) {
    const failing = contract(`0x6001600055${end}`)
    const test = await start('isthmus', { [BEACON_ROOTS]: failing, [HISTORY_STORAGE]: failing })
    const { receipts } = await nextBlock(test, [deposit()])
    t.equal(receipts[0].status, 1)
    for (const address of [BEACON_ROOTS, HISTORY_STORAGE])
      t.equal(await slot(test, address, 0), '0x')
  }
})

t.test('what the system touched is cold for the first transaction (I-01)', async (t) => {
  // balance of both contracts, 2605 each
  const touch = [BEACON_ROOTS, HISTORY_STORAGE].map((address) => `73${address.slice(2)}3150`)
  const alloc = {
    [BEACON_ROOTS]: contract(SPY),
    [HISTORY_STORAGE]: contract(SPY),
    [CONTRACT]: contract(`0x${touch.join('')}`),
  }
  const test = await start('isthmus', alloc)
  const { receipts } = await nextBlock(test, [deposit(CONTRACT)])
  t.equal(receipts[0].gasUsed, 26_210n)
})

t.test(
  'a slot that the system wrote counts as it is for a transaction’s refund (I-01)',
  async (t) => {
    // The system sets the slot; others clear it.
    const clear: Hex = `0x73${SYSTEM_ADDRESS.slice(2)}3314602057600060005500`
    const padded = `${clear}${'00'.repeat(0x20 - (clear.length - 2) / 2)}5b6001600055` as Hex
    const test = await start('ecotone', { [BEACON_ROOTS]: contract(padded) })
    const { receipts } = await nextBlock(test, [deposit(BEACON_ROOTS)])
    t.equal(receipts[0].status, 1)
    // push20 3, caller 2, eq 3, push1 3, jumpi 10, pushes 6, sstore 5000; refund 4800
    t.equal(receipts[0].gasUsed, 21_000n + 27n + 5000n - 4800n)
    t.equal(await slot(test, BEACON_ROOTS, 0), '0x')
  },
)

t.test(
  'system contracts that are not deployed yet are passed over in silence (I-03, I-04)',
  async (t) => {
    for (const fork of FORKS) {
      const test = await start(fork)
      const root = test.parent.stateRoot
      const onlyTx = await startChain(chainAt('regolith'), {})
      await nextBlock(onlyTx, [deposit()])
      const { header } = await nextBlock(test, [deposit()])
      for (const address of [BEACON_ROOTS, HISTORY_STORAGE, SYSTEM_ADDRESS]) {
        t.equal(await account(test, address), undefined, `${fork} ${address}`)
      }
      t.not(bytesToHex(header.stateRoot), bytesToHex(root))
      t.equal(
        bytesToHex(header.stateRoot),
        bytesToHex(onlyTx.parent.stateRoot),
        'the state is that of the deposit alone',
      )
    }
  },
)

t.test('wei at the address of a system contract stay there (I-03, I-04)', async (t) => {
  const alloc: Alloc = { [BEACON_ROOTS]: { balance: '0x5' }, [HISTORY_STORAGE]: { nonce: '0x2' } }
  const test = await start('karst', alloc)
  await nextBlock(test, [deposit()])
  t.match(await account(test, BEACON_ROOTS), { nonce: 0n, balance: 5n })
  t.match(await account(test, HISTORY_STORAGE), { nonce: 2n, balance: 0n })
})

t.test('before their forks the system calls nobody (I-03, I-04)', async (t) => {
  const alloc = { [BEACON_ROOTS]: contract(SPY), [HISTORY_STORAGE]: contract(SPY) }
  for (const fork of FORKS) {
    const test = await start(fork, alloc)
    await nextBlock(test, [deposit()])
    const expected = [FROM_ECOTONE, FROM_ISTHMUS].map((forks) =>
      forks.includes(fork) ? '0x20' : '0x',
    )
    const sizes = [await slot(test, BEACON_ROOTS, 3), await slot(test, HISTORY_STORAGE, 3)]
    t.same(sizes, expected, fork)
  }
})

t.test(
  'the beacon roots contract is deployed in Ecotone’s first block and called from the next (I-03, T-29)',
  { skip: noFixtures },
  async (t) => {
    const test = await startChain(chainAt('canyon', { ecotone: 1004 }), {})
    await nextBlock(test, [deposit()])
    const first = new Uint8Array(32).fill(0x42)
    const activation = await nextBlock(test, [deposit(), deployBeaconRoots], {
      parentBeaconBlockRoot: first,
    })
    t.equal(activation.header.timestamp, 1004n)
    t.same(
      activation.receipts.map(({ status }) => status),
      [1, 1],
    )
    t.equal(activation.receipts[1].contractAddress!.toString(), BEACON_ROOTS)
    const deployer = '0x0b799c86a49deeb90402691f1041aa3af2d3c875'
    t.equal((await account(test, deployer))!.nonce, 1n)
    const contract = await account(test, BEACON_ROOTS)
    t.match(contract, { nonce: 1n, balance: 0n })
    t.equal(bytesToHex(contract!.storageRoot), EMPTY_ROOT, 'not called')
    await nextBlock(test, [deposit()], { parentBeaconBlockRoot: new Uint8Array(32).fill(0x43) })
    t.equal(await slot(test, BEACON_ROOTS, 1006), '0x03ee')
    t.equal(await slot(test, BEACON_ROOTS, 1006 + 8191), `0x${'43'.repeat(32)}`)
    t.equal(await slot(test, BEACON_ROOTS, 1004 + 8191), '0x')
  },
)

t.test(
  'the history contract is deployed in Isthmus’s first block and called from the next (I-04)',
  { skip: noFixtures },
  async (t) => {
    const test = await startChain(chainAt('holocene', { isthmus: 1004 }), {})
    await nextBlock(test, [deposit()])
    const activation = await nextBlock(test, [deposit(), deployHistory])
    t.equal(activation.header.timestamp, 1004n)
    t.same(
      activation.receipts.map(({ status }) => status),
      [1, 1],
    )
    t.equal(activation.receipts[1].contractAddress!.toString(), HISTORY_STORAGE)
    const contract = await account(test, HISTORY_STORAGE)
    t.equal(bytesToHex(contract!.storageRoot), EMPTY_ROOT, 'not called')
    const hash = bytesToHex(activation.header.hash())
    const next = await nextBlock(test, [deposit()])
    t.equal(await slot(test, HISTORY_STORAGE, 2), hash)
    t.equal(await slot(test, HISTORY_STORAGE, 1), '0x')
    const nextHash = bytesToHex(next.header.hash())
    await nextBlock(test, [deposit()])
    t.equal(await slot(test, HISTORY_STORAGE, 3), nextHash)
  },
)

t.test(
  'where anybody deployed it before, the deposit deploys another one (I-05)',
  { skip: noFixtures },
  async (t) => {
    const alloc: Alloc = {
      [BEACON_ROOTS]: deployed(deployBeaconRoots),
      '0x0b799c86a49deeb90402691f1041aa3af2d3c875': { nonce: '0x1' },
    }
    const test = await startChain(chainAt('canyon', { ecotone: 1002 }), alloc)
    const parentBeaconBlockRoot = new Uint8Array(32).fill(0x42)
    const { receipts } = await nextBlock(test, [deployBeaconRoots], { parentBeaconBlockRoot })
    t.equal(receipts[0].status, 1)
    const useless = receipts[0].contractAddress!.toString()
    t.match(useless, /^0xe3ae1ae5.*353b$/)
    t.equal(await code(test, useless), await code(test, BEACON_ROOTS))
    t.equal(await slot(test, useless, 1002 + 8191), '0x')
    t.equal(
      await slot(test, BEACON_ROOTS, 1002 + 8191),
      bytesToHex(parentBeaconBlockRoot),
      'the first one is called in the activation block',
    )
  },
)

t.test(
  'the contracts of EIP-7002 and EIP-7251 are not called, logs are no requests (I-06)',
  async (t) => {
    const queues = [
      '0x00000961ef480eb55e80d19ad83579a64c007002',
      '0x0000bbddc7ce488642fb579f8b00f3a590007251',
    ]
    const l1DepositContract = '0x00000000219ab540356cbb839cbe05303d7705fa'
    // Returns 32 bytes, which would be a request; logs DepositEvent without its data.
    const queue = contract('0x6001600055600160005260206000f3')
    const event = '649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5'
    for (const fork of FORKS) {
      const alloc: Alloc = { [l1DepositContract]: contract(`0x7f${event}60006000a1`) }
      for (const address of queues) alloc[address] = queue
      const test = await start(fork, alloc)
      const { header, receipts } = await nextBlock(test, [deposit(l1DepositContract)])
      t.match(receipts[0], { status: 1 })
      t.equal(receipts[0].logs.length, 1, fork)
      for (const address of queues) t.equal(await slot(test, address, 0), '0x', address)
      const requestsHash = header.requestsHash && bytesToHex(header.requestsHash)
      t.equal(requestsHash, FROM_ISTHMUS.includes(fork) ? NO_REQUESTS : undefined)
    }
  },
)

t.test('withdrawals are refused and there is no reward (I-07)', async (t) => {
  const withdrawal = { index: '0x0', validatorIndex: '0x0', address: OTHER, amount: '0x1' }
  for (const fork of FORKS) {
    const test = await start(fork)
    await t.rejects(
      nextBlock(test, [deposit()], { withdrawals: [withdrawal] }),
      { message: /withdrawals/ },
      fork,
    )
    const fresh = await start(fork)
    const withdrawals = FORKS.indexOf(fork) < 2 ? undefined : []
    const { header } = await nextBlock(fresh, [deposit()], { withdrawals })
    t.equal(await account(fresh, OTHER), undefined)
    t.equal(await account(fresh, COINBASE), undefined, 'no reward')
    const root = header.withdrawalsRoot && bytesToHex(header.withdrawalsRoot)
    if (!FROM_ISTHMUS.includes(fork))
      t.equal(root, FORKS.indexOf(fork) < 2 ? undefined : EMPTY_ROOT)
  }
})

t.test('wei in the message passer stay there and are not in its storage root (I-11)', async (t) => {
  for (const fork of FROM_ISTHMUS) {
    const storage = { [bytesToHex(word(1))]: bytesToHex(word(2)) }
    const alloc: Alloc = {
      [MESSAGE_PASSER]: { ...contract('0x00', storage), balance: '0x5' },
      [SENDER]: { balance: '0x9' },
    }
    const test = await start(fork, alloc)
    const { storageRoot } = (await account(test, MESSAGE_PASSER))!
    const raw = encodeDeposit({ ...decodeDeposit(deposit(MESSAGE_PASSER)), value: 9n })
    const { header } = await nextBlock(test, [raw])
    t.equal((await account(test, MESSAGE_PASSER))!.balance, 14n)
    t.equal(bytesToHex(header.withdrawalsRoot!), bytesToHex(storageRoot))
    t.not(bytesToHex(storageRoot), EMPTY_ROOT)
  }
})

t.test('BLOBBASEFEE is 1 and BLOBHASH 0, whatever the DA footprint was (I-12)', async (t) => {
  // sstore(0, blobbasefee) sstore(1, blobhash(0)) sstore(2, blobhash(5))
  const nonzero = { [bytesToHex(word(1))]: bytesToHex(word(9)) }
  const alloc = { [CONTRACT]: contract('0x4a60005560004960015560054960025500', nonzero) }
  for (const fork of FORKS) {
    const hasFootprint = FORKS.indexOf(fork) >= FORKS.indexOf('jovian')
    const header = hasFootprint ? { blobGasUsed: 25_000_000n } : {}
    const test = await startChain(chainAt(fork), alloc, { header })
    const block = await nextBlock(test, [deposit(CONTRACT)])
    if (!FROM_ECOTONE.includes(fork)) {
      t.equal(block.receipts[0].status, 0, `${fork} has no such opcodes`)
      continue
    }
    t.equal(block.receipts[0].status, 1, fork)
    t.equal(await slot(test, CONTRACT, 0), '0x01', `${fork} BLOBBASEFEE`)
    t.equal(await slot(test, CONTRACT, 1), '0x', `${fork} BLOBHASH`)
    t.equal(await slot(test, CONTRACT, 2), '0x')
    t.equal(block.header.excessBlobGas, 0n)
    t.equal(block.header.blobGasUsed, 0n)
  }
})

const VAULTS = [BASE_FEE_VAULT, L1_FEE_VAULT, OPERATOR_FEE_VAULT, COINBASE]

t.test('fees of zero wei bring no vault into being, others do (I-13)', async (t) => {
  for (const fork of FORKS) {
    const free = await start(fork, funded)
    const { header } = await nextBlock(free, [deposit(), signedTransfer(free, 0n)])
    for (const vault of VAULTS.slice(1)) {
      t.equal(await account(free, vault), undefined, `${fork} ${vault}`)
    }
    t.equal((await account(free, BASE_FEE_VAULT))!.balance, 21_000n * header.baseFeePerGas!)
    const l1Block = l1BlockAccount({
      l1BaseFee: 10n ** 9n,
      scalar: 1_000_000n,
      baseFeeScalar: 1_000_000n,
      operatorFeeConstant: 77n,
    })
    const paid = await start(fork, { ...funded, [L1_BLOCK]: l1Block })
    const block = await nextBlock(paid, [deposit(), signedTransfer(paid, 0n, 3n)])
    t.equal((await account(paid, COINBASE))!.balance, 63_000n)
    t.equal((await account(paid, L1_FEE_VAULT))!.balance, block.receipts[1].l1Fee)
    t.ok(block.receipts[1].l1Fee! > 0n)
    const operatorFee = FROM_ISTHMUS.includes(fork) ? 77n : undefined
    t.equal((await account(paid, OPERATOR_FEE_VAULT))?.balance, operatorFee)
  }
})

// op-geth would touch and so delete them; a minimal witness may lack the vault of a fee that is 0.
// No live chain has a vault without code.
t.test('a fee of zero wei leaves an empty vault of the genesis file alone (I-13)', async (t) => {
  // Geth-style genesis files may list empty accounts, which then exist.
  for (const fork of ['bedrock', 'isthmus', 'karst'] as const) {
    const alloc: Alloc = { ...funded }
    for (const vault of VAULTS.slice(1)) alloc[vault] = { balance: '0x0' }
    const test = await start(fork, alloc)
    for (const vault of VAULTS.slice(1)) t.ok(await account(test, vault), 'is there')
    await nextBlock(test, [deposit(), signedTransfer(test, 0n)])
    for (const vault of [L1_FEE_VAULT, OPERATOR_FEE_VAULT]) {
      t.equal((await account(test, vault))?.balance, 0n, `${fork} ${vault}`)
    }
    t.equal(await account(test, COINBASE), undefined, 'unlike the coinbase, as on Ethereum')
  }
})

const isFromJovian = (fork: Fork) => FORKS.indexOf(fork) >= FORKS.indexOf('jovian')

t.test(
  'the first block of Jovian and of Karst holds deposits only, any other may hold more (I-10, I-14)',
  async (t) => {
    for (const [index, fork] of FORKS.entries()) {
      if (index === 0) continue
      const begin = () => startChain(chainAt(FORKS[index - 1], { [fork]: 1004 }), funded)
      const test = await begin()
      const before = await nextBlock(test, [deposit(), signedTransfer(test, 0n)])
      t.equal(before.header.timestamp, 1002n)
      t.equal(before.receipts[1].status, 1, `before ${fork}`)
      const activation = [deposit(), signedTransfer(test, 1n)]
      if (isFromJovian(fork)) {
        const message = new RegExp(`transaction 1 .*${fork}`)
        await t.rejects(nextBlock(test, activation), { message }, `in ${fork}'s first block`)
      } else {
        const { receipts } = await nextBlock(test, activation)
        t.equal(receipts[1].status, 1, `in ${fork}'s first block`)
      }
      const again = await begin()
      await nextBlock(again, [deposit()])
      const { header } = await nextBlock(again, [deposit(), deposit()])
      t.equal(again.chain.rules(header).fork, fork)
      t.equal(header.timestamp, 1004n)
      const next = await nextBlock(again, [deposit(), signedTransfer(again, 0n)])
      t.equal(next.receipts[1].status, 1, `in ${fork}'s second block`)
    }
  },
)

t.test(
  'the first block of a fork is that whose parent is older, whenever it is (I-14)',
  async (t) => {
    for (const fork of ['jovian', 'karst'] as const) {
      const older = FORKS[FORKS.indexOf(fork) - 1]
      for (const [time, timestamp] of [
        [1001, 1002n],
        [1002, 1002n],
        [1002, 1012n],
      ] as const) {
        const test = await startChain(chainAt(older, { [fork]: time }), funded)
        await t.rejects(
          nextBlock(test, [deposit(), signedTransfer(test, 0n)], { timestamp }),
          { message: /transaction 1 .*(jovian|karst)/ },
          `${fork} at ${time}, block at ${timestamp}`,
        )
      }
      const second = await startChain(chainAt(older, { [fork]: 1003 }), funded)
      const { receipts } = await nextBlock(second, [deposit(), signedTransfer(second, 0n)])
      t.equal(receipts[1].status, 1, 'a second before')
      const genesis = await startChain(chainAt(older, { [fork]: 1000 }), funded)
      const block = await nextBlock(genesis, [deposit(), signedTransfer(genesis, 0n)])
      t.equal(block.receipts[1].status, 1, `${fork} at genesis`)
    }
  },
)

t.test(
  'where several forks begin at once their first block holds deposits only (I-14)',
  async (t) => {
    for (const times of [
      { jovian: 1002, karst: 1002 },
      { isthmus: 1002, jovian: 1002 },
      { isthmus: 1002, jovian: 1002, karst: 1002 },
    ]) {
      const fork = 'isthmus' in times ? 'holocene' : 'isthmus'
      const test = await startChain(chainAt(fork, times), funded)
      await t.rejects(
        nextBlock(test, [deposit(), signedTransfer(test, 0n)]),
        { message: /transaction 1 .*(jovian|karst)/ },
        JSON.stringify(times),
      )
      const again = await startChain(chainAt(fork, times), funded)
      await nextBlock(again, [deposit()])
      const next = await nextBlock(again, [deposit(), signedTransfer(again, 0n)])
      t.equal(next.receipts[1].status, 1)
    }
  },
)

t.test(
  'the system contracts of a real Karst genesis work from its first block (I-01, I-03, I-04)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('genesis/sepolia-devnet-2-sepolia-devnet-2.json.gz')
    const { chain, header: parent, state } = await createGenesis(file, { customCrypto })
    t.equal(bytesToHex(parent.hash()), file._expected.hash)
    const test = { chain, parent, state }
    t.equal(await codeHash(test, CREATE2_DEPLOYER), CREATE2_DEPLOYER_HASH, 'from its genesis')
    const root = new Uint8Array(32).fill(0x42)
    const { header } = await nextBlock(test, [deposit()], { parentBeaconBlockRoot: root })
    const place = header.timestamp % 8191n
    t.equal(BigInt(await slot(test, BEACON_ROOTS, place)), header.timestamp)
    t.equal(await slot(test, BEACON_ROOTS, place + 8191n), bytesToHex(root))
    t.equal(await slot(test, HISTORY_STORAGE, 0), file._expected.hash)
  },
)
