import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import {
  type PrefixedHexString,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import type { Alloc } from '../blockchain/index.ts'
import { FORKS, type Fork, type Receipt, encodeDeposit, encodeReceipt } from '../src/index.ts'
import {
  type JSONValue,
  chainAt,
  executeFixture,
  nextBlock,
  noFixtures,
  readFixture,
  startChain,
} from './helpers.ts'

type Hex = PrefixedHexString

const SENDER = '0x6ac7ea33f8831ea9dcc53393aaa88b25a785dbf0'
/** Where SENDER creates with nonce 0 and 2. */
const CREATED = {
  0: '0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d',
  2: '0xf778b86fa74e846c4f0a1fbd1335fe81c00a0c91',
}
const OTHER = '0x00000000000000000000000000000000000b0b01'
const CONTRACT = '0xc0de000000000000000000000000000000000001'
const REVERTING = '0xc0de000000000000000000000000000000000002'
const BEEF = `0x${'00'.repeat(30)}beef` as const
const NO_BLOOM: Hex = `0x${'00'.repeat(256)}`

const deposit = (to: string | null, fields: { gas?: bigint; value?: bigint; from?: string } = {}) =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: createAddressFromString(fields.from ?? SENDER),
    to: to === null ? undefined : createAddressFromString(to),
    mint: 0n,
    value: fields.value ?? 0n,
    gas: fields.gas ?? 100_000n,
    isSystemTx: false,
    data: new Uint8Array(),
  })

/** Logs the data 0x0100ff with the topics 0 and 0xbeef; and the same, and then reverts. */
const log: Hex = '0x620100ff60005261beef60006003601da2'
const alloc: Alloc = {
  [SENDER]: { nonce: '0x2' },
  [CONTRACT]: { nonce: '0x1', code: log },
  [REVERTING]: { nonce: '0x1', code: `${log}60006000fd` },
}

/** The logs of a contract with the code {@link log}, as in RLP. */
const logsOf = (address: string) => [
  [hexToBytes(address as Hex), [new Uint8Array(32), hexToBytes(BEEF)], hexToBytes('0x0100ff')],
]

/** The filter with these items: three bits each. */
function bloom(...items: Hex[]) {
  const filter = new Uint8Array(256)
  for (const item of items) {
    const hash = keccak_256(hexToBytes(item))
    for (const at of [0, 2, 4]) {
      const bit = ((hash[at] << 8) | hash[at + 1]) & 2047
      filter[255 - (bit >> 3)] |= 1 << (bit & 7)
    }
  }
  return filter
}

/** Root of the receipts whose encodings, type byte apart, are the lists of these fields. */
async function receiptsRoot(...leaves: Parameters<typeof RLP.encode>[0][]) {
  const trie = new MerklePatriciaTrie()
  for (const [index, fields] of leaves.entries()) {
    await trie.put(RLP.encode(index), concatBytes(Uint8Array.of(0x7e), RLP.encode(fields)))
  }
  return bytesToHex(trie.root())
}

/** A chain on which Bedrock, Regolith, Canyon and Ecotone begin two seconds after each other. */
const crossing = () =>
  startChain(chainAt('bedrock', { regolith: 1004, canyon: 1006, ecotone: 1008 }), alloc)

const fromVector = ({ type, status, ...json }: JSONValue) => ({
  ...json,
  type: Number(type),
  status: Number(status),
  cumulativeGasUsed: BigInt(json.cumulativeGasUsed),
  logsBloom: hexToBytes(json.logsBloom ?? NO_BLOOM),
  logs: json.logs.map(({ address, topics, data }: Record<string, Hex> & { topics: Hex[] }) => [
    hexToBytes(address),
    topics.map((topic) => hexToBytes(topic)),
    hexToBytes(data),
  ]),
  depositNonce: json.depositNonce == null ? undefined : BigInt(json.depositNonce),
  depositReceiptVersion: json.depositReceiptVersion ?? undefined,
})

t.test('receipts encode as in other implementations (D-24)', { skip: noFixtures }, (t) => {
  const [legacy, regolith, canyon, bedrock] = readFixture('vectors/receipts_rlp.json')
  t.equal(bytesToHex(encodeReceipt(fromVector(legacy.receipt))), legacy.rlp, 'legacy')
  for (const { source, rlp, receipt } of [regolith, canyon]) {
    t.equal(bytesToHex(RLP.encode(encodeReceipt(fromVector(receipt)))), rlp, source)
  }
  // With a state root in the place of the status.
  const status = hexToBytes(bedrock.receipt.postState) as unknown as number
  const receipt = { ...fromVector(bedrock.receipt), status }
  t.equal(bytesToHex(encodeReceipt(receipt)), bedrock.rlp, bedrock.source)
  t.end()
})

t.test('a deposit receipt has the nonce and the version where they are set (D-24)', (t) => {
  const receipt = {
    type: 0x7e,
    status: 1,
    cumulativeGasUsed: 46_913n,
    logsBloom: new Uint8Array(256),
    logs: [],
  }
  const body = `0182b741b90100${NO_BLOOM.slice(2)}c0`
  const encode = (tail: Partial<Receipt>) =>
    bytesToHex(encodeReceipt({ ...receipt, ...tail } as Receipt))
  t.equal(encode({}), `0x7ef90108${body}`)
  t.equal(encode({ depositNonce: 0n }), `0x7ef90109${body}80`, 'nonce 0 is there')
  t.equal(encode({ depositNonce: 4_012_991n }), `0x7ef9010c${body}833d3bbf`)
  t.equal(
    encode({ depositNonce: 4_012_991n, depositReceiptVersion: 1 }),
    `0x7ef9010d${body}833d3bbf01`,
  )
  t.end()
})

t.test(
  'a real receipts root between Regolith and Canyon has no deposit nonces in it (D-27, T-01)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('blocks/block-109279675.json.gz')
    const { receipts, header, hash } = await executeFixture(file)
    t.equal(hash, file.expectedBlockHash)
    t.ok(receipts[0].depositNonce! > 0n && receipts[1].depositNonce! > 0n, 'receipts have them')
    const root = async (encode: (receipt: Receipt) => Uint8Array) => {
      const trie = new MerklePatriciaTrie()
      for (const [index, receipt] of receipts.entries()) {
        await trie.put(RLP.encode(index), encode(receipt))
      }
      return bytesToHex(trie.root())
    }
    const actual = bytesToHex(header.receiptTrie)
    t.equal(await root(({ depositNonce, ...receipt }) => encodeReceipt(receipt)), actual)
    t.not(await root(encodeReceipt), actual)
  },
)

t.test(
  'a real receipts root after Canyon has nonce and version in it (D-24…D-27)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('blocks/block-120794432.json.gz')
    const { receipts, header, hash } = await executeFixture(file)
    t.equal(hash, file.expectedBlockHash)
    t.equal(receipts.length, 1)
    const { status, gasUsed, depositNonce, depositReceiptVersion } = receipts[0]
    t.match({ status, depositReceiptVersion }, { status: 1, depositReceiptVersion: 1 })
    // The nonce of the depositor is the number of blocks since Bedrock.
    t.equal(depositNonce, 120_794_432n - 105_235_064n + 1n)
    const fields = [1, gasUsed, new Uint8Array(256), [], depositNonce!, 1]
    t.equal(bytesToHex(header.receiptTrie), await receiptsRoot(fields))
  },
)

t.test(
  'nonce and version appear at exactly their forks, and in the root (D-24…D-27)',
  async (t) => {
    const test = await crossing()
    const expected: [Fork, bigint, bigint | undefined, number | undefined, unknown[]][] = [
      ['bedrock', 100_000n, undefined, undefined, []],
      ['regolith', 22_173n, 3n, undefined, []],
      ['canyon', 22_173n, 4n, 1, [4, 1]],
      ['ecotone', 22_173n, 5n, 1, [5, 1]],
    ]
    for (const [fork, gas, depositNonce, depositReceiptVersion, tail] of expected) {
      const { header, receipts } = await nextBlock(test, [deposit(CONTRACT)])
      t.equal(test.chain.rules(header).fork, fork)
      const [receipt] = receipts
      t.equal(receipt.type, 0x7e)
      t.equal(receipt.status, 1)
      t.equal(receipt.depositNonce, depositNonce, `${fork} nonce`)
      t.equal(receipt.depositReceiptVersion, depositReceiptVersion, `${fork} version`)
      t.equal(receipt.gasUsed, gas)
      const filter = bloom(CONTRACT, `0x${'00'.repeat(32)}`, BEEF)
      const fields = [1, gas, filter, logsOf(CONTRACT)]
      t.equal(
        bytesToHex(header.receiptTrie),
        await receiptsRoot([...fields, ...(tail as number[])]),
        `${fork} root`,
      )
    }
  },
)

t.test('the first nonce of an account is in receipt and root (D-25, D-27)', async (t) => {
  const test = await startChain(chainAt('canyon'), {})
  const { header, receipts } = await nextBlock(test, [deposit(OTHER), deposit(OTHER)])
  t.same(
    receipts.map((receipt) => receipt.depositNonce),
    [0n, 1n],
  )
  const root = await receiptsRoot(
    [1, 21_000, new Uint8Array(256), [], 0, 1],
    [1, 42_000, new Uint8Array(256), [], 1, 1],
  )
  t.equal(bytesToHex(header.receiptTrie), root)
})

t.test('the nonce in a receipt is that before the deposit, failed or not (D-25)', async (t) => {
  // After it, it would be one too many (T-04).
  for (const fork of FORKS.slice(1)) {
    const test = await startChain(chainAt(fork), alloc)
    const txs = [
      deposit(OTHER),
      deposit(OTHER, { value: 1n }),
      deposit(REVERTING),
      deposit(OTHER, { from: OTHER }),
      deposit(null),
      deposit(OTHER, { gas: 20_000n }),
    ]
    const { header, receipts } = await nextBlock(test, txs)
    t.same(
      receipts.map(({ status }) => status),
      [1, 0, 0, 1, 1, 0],
      fork,
    )
    t.same(
      receipts.map(({ depositNonce }) => depositNonce),
      [2n, 3n, 4n, 0n, 5n, 6n],
    )
    let total = 0n
    for (const { gasUsed, cumulativeGasUsed } of receipts) {
      total += gasUsed
      t.equal(cumulativeGasUsed, total)
    }
    t.equal(header.gasUsed, total)
  }
})

t.test('a receipt names the contract that the deposit created (D-29)', async (t) => {
  const test = await crossing()
  const bedrock = await nextBlock(test, [deposit(null), deposit(OTHER)])
  t.equal(bedrock.receipts[0].contractAddress!.toString(), CREATED[0], 'before Regolith: nonce 0')
  t.equal(await test.state.getAccount(createAddressFromString(CREATED[0])), undefined)
  const actual = await test.state.getAccount(createAddressFromString(CREATED[2]))
  t.equal(actual!.nonce, 1n, 'although the contract is elsewhere')
  t.equal(bedrock.receipts[1].contractAddress, undefined)
  for (const fork of FORKS.slice(1)) {
    const from = await startChain(chainAt(fork), alloc)
    const { receipts } = await nextBlock(from, [deposit(null), deposit(OTHER)])
    t.equal(receipts[0].contractAddress!.toString(), CREATED[2], fork)
    t.equal((await from.state.getAccount(createAddressFromString(CREATED[2])))!.nonce, 1n)
    t.equal(receipts[1].contractAddress, undefined)
  }
})

t.test(
  'logs of deposits are in the block’s filter, those of failed ones are not (D-30)',
  async (t) => {
    for (const fork of FORKS) {
      const test = await startChain(chainAt(fork), alloc)
      const { header, receipts } = await nextBlock(test, [deposit(CONTRACT), deposit(OTHER)])
      const filter = bloom(CONTRACT, `0x${'00'.repeat(32)}`, BEEF)
      t.equal(bytesToHex(header.logsBloom), bytesToHex(filter), fork)
      t.equal(bytesToHex(receipts[0].logsBloom), bytesToHex(filter))
      t.equal(bytesToHex(receipts[1].logsBloom), NO_BLOOM)
      t.same(
        receipts[0].logs.map(([address, topics, data]) => [
          bytesToHex(address),
          topics.map((topic) => bytesToHex(topic)),
          bytesToHex(data),
        ]),
        [[CONTRACT, [`0x${'00'.repeat(32)}`, BEEF], '0x0100ff']],
      )
      const failed = await startChain(chainAt(fork), alloc)
      const reverted = await nextBlock(failed, [deposit(REVERTING)])
      t.equal(reverted.receipts[0].status, 0)
      t.same(reverted.receipts[0].logs, [])
      t.equal(bytesToHex(reverted.receipts[0].logsBloom), NO_BLOOM)
      t.equal(bytesToHex(reverted.header.logsBloom), NO_BLOOM, `${fork} reverted`)
    }
  },
)

t.test(
  'the filter of a block is that of all its receipts (D-30, X-15)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('states/optv-storage_clear-v1.json.gz')
    const { header, receipts } = await executeFixture(file)
    t.equal(bytesToHex(header.logsBloom), file.expected.logsBloom)
    const all = new Uint8Array(256)
    for (const { logsBloom } of receipts) for (const i of all.keys()) all[i] |= logsBloom[i]
    t.equal(bytesToHex(header.logsBloom), bytesToHex(all))
  },
)

t.test(
  'the receipt of the encoding bug has the leaf of one without a nonce (D-27)',
  { skip: noFixtures },
  async (t) => {
    const { receipt: vector } = readFixture('vectors/receipts_rlp.json')[4]
    const receipt = fromVector(vector)
    t.equal(receipt.depositNonce, 1234n)
    const items = vector.logs.flatMap((log: JSONValue) => [log.address, ...log.topics])
    // A chain whose deposit has these two logs and this nonce: a call to one contract, which calls
    // the other one.
    const emit = `620100ff60005261beef61dead6003601da2`
    const first = vector.logs[0].address
    const second = vector.logs[1].address
    const call = `60006000600060006000${`61${second.slice(38)}`}5af1`
    const chain = chainAt('regolith', { canyon: 1004 })
    const test = await startChain(chain, {
      [SENDER]: { nonce: '0x4d2' },
      [first]: { nonce: '0x1', code: `0x${emit}${call}` },
      [second]: { nonce: '0x1', code: `0x${emit}` },
    })
    const regolith = await nextBlock(test, [deposit(first)])
    const [{ status, gasUsed, logs, depositNonce }] = regolith.receipts
    t.equal(status, 1)
    t.equal(depositNonce, 1234n)
    // In the order of the stack, 0xdead is the first topic.
    t.same(RLP.encode(logs), RLP.encode(receipt.logs))
    const fields = [status, gasUsed, bloom(...items), receipt.logs]
    t.equal(bytesToHex(regolith.header.receiptTrie), await receiptsRoot(fields))
    const canyon = await nextBlock(test, [deposit(first)])
    t.equal(
      bytesToHex(canyon.header.receiptTrie),
      await receiptsRoot([...fields, 1235, 1]),
      'not from Canyon on',
    )
  },
)
