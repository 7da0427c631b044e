import {
  type PrefixedHexString,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
  utf8ToBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import { createGenesis } from '../blockchain/index.ts'
import { type PayloadAttributes, encodeDeposit, sourceHash } from '../src/index.ts'
import {
  DEPOSITOR,
  type JSONValue,
  L1_BLOCK,
  OPERATOR_FEE_VAULT,
  type TestChain,
  customCrypto,
  nextBlock,
  noFixtures,
  readFixture,
} from './helpers.ts'

type Hex = PrefixedHexString
type Tester = Pick<typeof t, 'equal' | 'same'>

const ZERO = `0x${'00'.repeat(20)}`
const GAS_PRICE_ORACLE = '0x420000000000000000000000000000000000000f'
const CREATE2_DEPLOYER = '0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2'
const BEACON_ROOTS = '0x000f3df6d732807ef1319fb7b8bb8522d0beac02'
const HISTORY_STORAGE = '0x0000f90827f1c53a10cb7a02335b175320002935'
const CREATE2_DEPLOYER_HASH = '0xb0550b5b431e30d38000efb7107aaa0ade03d48a7198a140edda9d27134468b2'
const BEACON_ROOTS_HASH = '0xf57acd40259872606d76197ef052f3d35588dadf919ee1f0e3cb9b62d3f4b02c'
const HISTORY_STORAGE_HASH = '0x6e49e66782037c0555897870e29fa5e552daf4719552131a0abce779daec0a5d'

/** Slot of the implementation behind an ERC-1967 proxy. */
const IMPLEMENTATION = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'

/**
 * What each upgrade leaves behind, from the specification: proxies with their new implementation
 * and its code hash.
 *
 * @see https://specs.optimism.io/protocol/ecotone/derivation.html
 * @see https://specs.optimism.io/protocol/fjord/derivation.html
 * @see https://specs.optimism.io/protocol/isthmus/derivation.html
 */
const UPGRADES: Record<string, [proxy: string, implementation: string, codeHash: string][]> = {
  ecotone: [
    [
      L1_BLOCK,
      '0x07dbe8500fc591d1852b76fee44d5a05e13097ff',
      '0xc88a313aa75dc4fbf0b6850d9f9ae41e04243b7008cf3eadb29256d4a71c1dfd',
    ],
    [
      GAS_PRICE_ORACLE,
      '0xb528d11cc114e026f138fe568744c6d45ce6da7a',
      '0x8b71360ea773b4cfaf1ae6d2bd15464a4e1e2e360f786e475f63aeaed8da0ae5',
    ],
  ],
  fjord: [
    [
      GAS_PRICE_ORACLE,
      '0xa919894851548179a0750865e7974da599c0fac7',
      '0xa88fa50a2745b15e6794247614b5298483070661adacb8d32d716434ed24c6b2',
    ],
  ],
  isthmus: [
    [
      L1_BLOCK,
      '0xff256497d61dcd71a9e9ff43967c13fde1f72d12',
      '0x8e3fe7a416d3e5f3b7be74ddd4e7e58e516fa3f80b67c6d930e3cd7297da4a4b',
    ],
    [
      GAS_PRICE_ORACLE,
      '0x93e57a196454cb919193fa9946f14943cf733845',
      '0x4d195a9d7caf9fb6d4beaf80de252c626c853afd5868c4f4f8d19c9d301c2679',
    ],
    [
      OPERATOR_FEE_VAULT,
      '0x4fa2be8cd41504037f1838bce3bcc93bc68ff537',
      '0x57dc55c9c09ca456fa728f253fe7b895d3e6aae0706104935fe87c7721001971',
    ],
  ],
}

const account = ({ state }: TestChain, address: string) =>
  state.getAccount(createAddressFromString(address))
const codeHash = async ({ state }: TestChain, address: string) =>
  bytesToHex(keccak_256(await state.getCode(createAddressFromString(address))))
const slot = async ({ state }: TestChain, address: string, key: Hex) =>
  bytesToHex(await state.getStorage(createAddressFromString(address), hexToBytes(key)))
const word = (index: number): Hex => `0x${index.toString(16).padStart(64, '0')}`

/** The calldata of a real L1 attributes deposit. */
const calldata = (fork: string, number: number): Hex => {
  const { vectors } = readFixture('vectors/l1_attributes.json')
  return vectors.filter((vector: JSONValue) => vector.fork === fork)[number].calldata
}

const call = (from: string, to: string, data: Hex, intent = 'a call') =>
  encodeDeposit({
    sourceHash: sourceHash(2, utf8ToBytes(intent)),
    from: createAddressFromString(from),
    to: createAddressFromString(to),
    mint: 0n,
    value: 0n,
    gas: 1_000_000n,
    isSystemTx: false,
    data: hexToBytes(data),
  })

const attributes = (data: Hex) => call(DEPOSITOR, L1_BLOCK, data)

const upgradeDeposits = (fork: string): Hex[] =>
  readFixture('vectors/upgrade_txs.json')
    .transactions.filter((tx: JSONValue) => tx.fork === fork)
    .map((tx: JSONValue) => tx.raw)

/** The first block of a fork, with all that an OP chain has in it; every deposit must succeed. */
async function activate(t: Tester, test: TestChain, fork: string, time: number, data: Hex) {
  const overrides: Partial<PayloadAttributes> = { timestamp: BigInt(time) }
  if (fork !== 'canyon') overrides.parentBeaconBlockRoot = new Uint8Array(32).fill(time & 255)
  const transactions = [attributes(data), ...upgradeDeposits(fork).map((raw) => hexToBytes(raw))]
  const block = await nextBlock(test, transactions, overrides)
  t.equal(test.chain.rules(block.header).fork, fork)
  const status = block.receipts.map((receipt) => receipt.status)
  t.same(
    status,
    Array.from(transactions, () => 1),
    `${fork} succeeds`,
  )
  for (const [proxy, implementation, hash] of UPGRADES[fork] ?? []) {
    t.equal(await slot(test, proxy, IMPLEMENTATION), implementation, `${fork} ${proxy}`)
    t.equal(await codeHash(test, implementation), hash, `${fork} ${implementation}`)
    t.equal((await account(test, implementation))!.nonce, 1n)
  }
  return block
}

t.test(
  'real upgrade deposits turn the Regolith genesis of Base into an Isthmus chain (D-04, I-02…I-04, I-08)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('genesis/mainnet-base.json.gz')
    const { config } = file
    const { chain, header: parent, state } = await createGenesis(file, { customCrypto })
    t.equal(bytesToHex(parent.hash()), file._expected.hash)
    const test = { chain, parent, state }

    // The block before Canyon's first is Regolith's.
    const bedrock = attributes(calldata('bedrock', 0))
    const regolith = await nextBlock(test, [bedrock], { timestamp: BigInt(config.canyonTime - 2) })
    t.match(regolith.receipts[0], { status: 1, depositNonce: 0n })
    t.equal(await account(test, CREATE2_DEPLOYER), undefined)
    t.equal(BigInt(await slot(test, L1_BLOCK, word(1))), 10_419_034_451n, 'l1BaseFee')
    t.equal(BigInt(await slot(test, L1_BLOCK, word(5))), 188n, 'overhead')
    t.equal(BigInt(await slot(test, L1_BLOCK, word(6))), 684_000n, 'scalar')

    await activate(t, test, 'canyon', config.canyonTime, calldata('bedrock', 0))
    t.equal(await codeHash(test, CREATE2_DEPLOYER), CREATE2_DEPLOYER_HASH)
    t.match(await account(test, CREATE2_DEPLOYER), { nonce: 0n, balance: 0n })

    // The first block of a fork still has the attributes of the fork before it (F-37).
    const { ecotoneTime, fjordTime, isthmusTime } = config
    await activate(t, test, 'ecotone', ecotoneTime, calldata('bedrock', 0))
    t.equal(await codeHash(test, BEACON_ROOTS), BEACON_ROOTS_HASH)
    const place = ecotoneTime % 8191
    t.equal(await slot(test, BEACON_ROOTS, word(place)), '0x', 'not called yet')
    t.equal((await account(test, ZERO))!.nonce, 2n, 'the sender of the proxy updates')
    const setEcotone = call(DEPOSITOR, GAS_PRICE_ORACLE, '0x22b90ab3')
    const ecotone = await nextBlock(test, [attributes(calldata('ecotone', 0)), setEcotone], {
      parentBeaconBlockRoot: new Uint8Array(32).fill(0x42),
    })
    t.same(
      ecotone.receipts.map(({ status }) => status),
      [1, 0],
      'once only',
    )
    t.equal(BigInt(await slot(test, BEACON_ROOTS, word(place + 2))), BigInt(ecotoneTime + 2))
    t.equal(await slot(test, BEACON_ROOTS, word(place + 2 + 8191)), `0x${'42'.repeat(32)}`)
    const scalars = BigInt(await slot(test, L1_BLOCK, word(3)))
    t.equal(scalars, (1368n << 96n) | (810_949n << 64n) | 5n, 'scalars and sequence number')
    t.equal(BigInt(await slot(test, L1_BLOCK, word(1))), 10_445_852_825n, 'l1BaseFee')
    t.equal(BigInt(await slot(test, L1_BLOCK, word(7))), 1n, 'l1BlobBaseFee')

    await activate(t, test, 'fjord', fjordTime, calldata('ecotone', 2))
    t.equal(BigInt(await slot(test, L1_BLOCK, word(1))), 1_055_991_687n)
    t.equal((await account(test, ZERO))!.nonce, 3n)

    await activate(t, test, 'isthmus', isthmusTime, calldata('ecotone', 2))
    t.equal(await codeHash(test, HISTORY_STORAGE), HISTORY_STORAGE_HASH)
    t.equal(await slot(test, L1_BLOCK, word(8)), '0x', 'no operator fee yet')
    t.equal((await account(test, ZERO))!.nonce, 6n)
    const { number } = test.parent
    const hash = bytesToHex(test.parent.hash())
    t.equal(await slot(test, HISTORY_STORAGE, word(Number(number) - 1)), '0x', 'not called yet')
    const isthmus = await nextBlock(test, [attributes(calldata('isthmus', 0))])
    t.equal(isthmus.receipts[0].status, 1)
    t.equal(await slot(test, HISTORY_STORAGE, word(Number(number))), hash)
    const slot8 = BigInt(await slot(test, L1_BLOCK, word(8)))
    t.equal(slot8, (43_981n << 64n) | 56_506n, 'operatorFeeScalar and operatorFeeConstant')

    // Each block had one attributes deposit, and three upgrades and the test one more call.
    t.equal((await account(test, DEPOSITOR))!.nonce, 11n)
    t.equal(isthmus.receipts[0].depositNonce, 10n)
  },
)

t.test(
  'Ecotone upgrades a real chain that starts with Canyon (D-04, I-02, I-03, I-08)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('genesis/sepolia-dev-0-oplabs-devnet-0.json.gz')
    const { chain, header: parent, state } = await createGenesis(file, { customCrypto })
    t.equal(bytesToHex(parent.hash()), file._expected.hash)
    const test = { chain, parent, state }
    const deployer = file.alloc[CREATE2_DEPLOYER] ?? file.alloc[CREATE2_DEPLOYER.slice(2)]
    t.equal(bytesToHex(keccak_256(hexToBytes(deployer.code))), CREATE2_DEPLOYER_HASH)
    await activate(t, test, 'ecotone', file.config.ecotoneTime, calldata('bedrock', 0))
    t.equal(await codeHash(test, BEACON_ROOTS), BEACON_ROOTS_HASH)
    t.equal(await codeHash(test, CREATE2_DEPLOYER), CREATE2_DEPLOYER_HASH)
    const { receipts } = await nextBlock(test, [attributes(calldata('ecotone', 0))])
    t.equal(receipts[0].status, 1)
  },
)

t.test(
  'upgrade deposits that run a second time deploy elsewhere and set nothing twice (I-05, I-08)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('genesis/sepolia-dev-0-oplabs-devnet-0.json.gz')
    const { chain, header: parent, state } = await createGenesis(file, { customCrypto })
    const test = { chain, parent, state }
    await activate(t, test, 'ecotone', file.config.ecotoneTime, calldata('bedrock', 0))
    const again = upgradeDeposits('ecotone').map((raw) => hexToBytes(raw))
    const { receipts } = await nextBlock(test, [attributes(calldata('ecotone', 0)), ...again])
    t.same(
      receipts.map(({ status }) => status),
      [1, 1, 1, 1, 1, 0, 1],
      'only setEcotone fails',
    )
    t.match(receipts[6].contractAddress!.toString(), /^0xe3ae1ae5.*353b$/)
    t.equal(await codeHash(test, BEACON_ROOTS), BEACON_ROOTS_HASH)
  },
)
