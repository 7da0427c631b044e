import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { RLP } from '@ethereumjs/rlp'
import {
  type PrefixedHexString,
  bigIntToUnpaddedBytes,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  equalsBytes,
  hexToBytes,
  setLengthLeft,
  utf8ToBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import fc from 'fast-check'
import t from 'tap'
import {
  DEPOSIT_TYPE,
  type DepositTx,
  decodeDeposit,
  encodeDeposit,
  sourceHash,
} from '../src/index.ts'
import {
  DEPOSITOR,
  FIXTURES,
  type JSONValue,
  L1_BLOCK,
  noFixtures,
  readFixture,
} from './helpers.ts'

type Hex = PrefixedHexString

const word = (value: number) => setLengthLeft(bigIntToUnpaddedBytes(BigInt(value)), 32)
const hash = (raw: Uint8Array) => bytesToHex(keccak_256(raw))

/** The fields of a deposit, spelled like those of a vector. */
const toJSON = (tx: DepositTx) => ({
  sourceHash: bytesToHex(tx.sourceHash),
  from: tx.from.toString(),
  to: tx.to?.toString() ?? null,
  mint: `0x${tx.mint.toString(16)}`,
  value: `0x${tx.value.toString(16)}`,
  gas: `0x${tx.gas.toString(16)}`,
  isSystemTx: tx.isSystemTx,
  data: bytesToHex(tx.data),
})

const fromJSON = (json: JSONValue): DepositTx => ({
  sourceHash: hexToBytes(json.sourceHash),
  from: createAddressFromString(json.from),
  to: json.to ? createAddressFromString(json.to) : undefined,
  mint: BigInt(json.mint),
  value: BigInt(json.value),
  gas: BigInt(json.gas),
  isSystemTx: json.isSystemTx,
  data: hexToBytes(json.data),
})

const blockFiles = () =>
  noFixtures
    ? []
    : ['blocks', 'states'].flatMap((folder) =>
        readdirSync(resolve(FIXTURES, folder)).map((name) => readFixture(`${folder}/${name}`)),
      )

t.test(
  'every deposit of a real block decodes and encodes to itself (D-01, D-06)',
  { skip: noFixtures },
  (t) => {
    let users = 0
    for (const { blockNumber, payloadAttributes } of blockFiles()) {
      const deposits: Hex[] = payloadAttributes.transactions.filter((raw: Hex) =>
        raw.startsWith('0x7e'),
      )
      for (const [index, raw] of deposits.entries()) {
        const tx = decodeDeposit(hexToBytes(raw))
        t.equal(bytesToHex(encodeDeposit(tx)), raw, `block ${blockNumber} deposit ${index}`)
        const json = toJSON(tx)
        if (json.from !== DEPOSITOR) {
          users++
          continue
        }
        t.match(
          json,
          { to: L1_BLOCK, mint: '0x0', value: '0x0', gas: '0xf4240', isSystemTx: false },
          `block ${blockNumber} L1 attributes`,
        )
      }
    }
    t.ok(users > 0, `${users} deposits of users`)
    t.end()
  },
)

t.test(
  'every deposit of the vectors has its fields, bytes and hash (D-01…D-03)',
  { skip: noFixtures },
  (t) => {
    const { depositTransactions } = readFixture('vectors/deposits.json')
    t.equal(depositTransactions.length, 5)
    for (const { source, raw, hash: expectedHash, fields } of depositTransactions) {
      const bytes = hexToBytes(raw)
      const { block, ...expected } = fields
      t.same(toJSON(decodeDeposit(bytes)), expected, source)
      t.equal(bytesToHex(encodeDeposit(fromJSON(fields))), raw, `${source} encodes`)
      t.equal(hash(encodeDeposit(decodeDeposit(bytes))), expectedHash, `${source} hash`)
    }
    t.end()
  },
)

t.test(
  'the deposit of a log on L1 has the hash that it had on L2 (D-03, D-05)',
  { skip: noFixtures },
  (t) => {
    const [{ l1Log, ...expected }] = readFixture('vectors/deposits.json').l2HashFromL1Log
    const preimage = concatBytes(hexToBytes(l1Log.blockHash), word(l1Log.logIndex))
    const fields = {
      sourceHash: sourceHash(0, preimage),
      from: createAddressFromString(l1Log.from),
      to: createAddressFromString(l1Log.to),
      mint: 0n,
      value: 0x45n,
      gas: 21_000n,
      isSystemTx: false,
      data: new Uint8Array(),
    }
    t.equal(bytesToHex(fields.sourceHash), expected.sourceHash)
    t.equal(bytesToHex(encodeDeposit(fields)), expected.rawDepositTx)
    t.equal(hash(encodeDeposit(fields)), expected.expectedL2TxHash)
    t.end()
  },
)

t.test(
  'a deposit from JSON-RPC has the bytes and the hash of its block (D-01, D-03)',
  { skip: noFixtures },
  (t) => {
    const { transaction, rawTransaction } = readFixture('vectors/real_receipts.json')[1]
    const tx = decodeDeposit(hexToBytes(rawTransaction))
    t.equal(hash(encodeDeposit(tx)), transaction.hash)
    const { input: data, ...fields } = transaction
    t.equal(bytesToHex(encodeDeposit(fromJSON({ ...fields, data }))), rawTransaction)
    t.equal(tx.data.length, 178, 'Jovian calldata')
    t.end()
  },
)

t.test(
  'every upgrade deposit has its fields, bytes, hash and source hash (D-03…D-05, I-08)',
  { skip: noFixtures },
  (t) => {
    const { transactions, sourceHashVectors } = readFixture('vectors/upgrade_txs.json')
    const counts: Record<string, number> = {}
    for (const { fork, raw, hash: expectedHash, fields, intent } of transactions) {
      counts[fork] = (counts[fork] ?? 0) + 1
      const tx = decodeDeposit(hexToBytes(raw))
      const { dataLength, ...expected } = fields
      t.match(toJSON(tx), expected, intent)
      t.equal(tx.data.length, dataLength, `${intent} data`)
      t.equal(bytesToHex(encodeDeposit(tx)), raw, `${intent} encodes`)
      t.equal(hash(encodeDeposit(tx)), expectedHash, `${intent} hash`)
      const source = bytesToHex(sourceHash(2, utf8ToBytes(intent)))
      t.equal(source, fields.sourceHash, `${intent} source hash`)
    }
    t.same(counts, { ecotone: 6, fjord: 3, isthmus: 8 })
    t.equal(sourceHashVectors.length, 22)
    for (const { intent, sourceHash: expected } of sourceHashVectors) {
      t.equal(bytesToHex(sourceHash(2, utf8ToBytes(intent))), expected, `source of ${intent}`)
    }
    t.end()
  },
)

t.test(
  'the deposits of payload attributes decode and encode to themselves (D-01, D-06)',
  { skip: noFixtures },
  (t) => {
    const { vectors } = readFixture('vectors/payload_id.json')
    t.equal(vectors.length, 2)
    for (const { source, payloadAttributes } of vectors) {
      for (const raw of payloadAttributes.transactions) {
        const tx = decodeDeposit(hexToBytes(raw))
        t.equal(bytesToHex(encodeDeposit(tx)), raw, source)
        t.match(toJSON(tx), {
          sourceHash: '0xdc19cfa777d90980e4875d0a548a881baaa3f83f14d1bc0d3038bc329350e541',
          from: DEPOSITOR,
          to: L1_BLOCK,
          mint: '0x0',
          value: '0x0',
          gas: '0xf4240',
          isSystemTx: false,
          data: /^0x440a5e20/,
        })
      }
    }
    t.end()
  },
)

t.test('source hashes match those of other implementations (D-05)', { skip: noFixtures }, (t) => {
  const vectors = readFixture('vectors/deposits.json').sourceHash
  t.equal(vectors.length, 4)
  for (const { source, domain, l1BlockHash, logIndex, sequenceNumber, expected } of vectors) {
    const preimage = concatBytes(hexToBytes(l1BlockHash), word(logIndex ?? sequenceNumber))
    t.equal(bytesToHex(sourceHash(domain, preimage)), expected, source)
  }
  t.end()
})

t.test('the source hash of an upgrade is that of its intent (D-05)', (t) => {
  t.equal(
    bytesToHex(sourceHash(2, utf8ToBytes('Ecotone: L1 Block Deployment'))),
    '0x877a6077205782ea15a6dc8699fa5ebcec5e0f4389f09cb8eda09488231346f8',
  )
  t.equal(
    bytesToHex(sourceHash(2, utf8ToBytes('Isthmus: EIP-2935 Contract Deployment'))),
    '0xbfb734dae514c5974ddf803e54c1bc43d5cdb4a48ae27e1d9b875a5a150b553a',
  )
  t.end()
})

t.test('the source hash of a block replacement has the output root in it as it is (D-05)', (t) => {
  // TestInvalidatedBlockSource of op-node: the domain, and no second hash.
  const outputRoot = '0x1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8'
  t.equal(
    bytesToHex(sourceHash(4, hexToBytes(outputRoot))),
    '0x4a62bcfa03cf778234ae28fa39c9e0748f11099997b19fef9bb3fffc154fe456',
  )
  t.end()
})

/** A small deposit: its fields as bytes, and the same in the only right encoding. */
const FIELDS: Hex[] = [
  '0x1111111111111111111111111111111111111111111111111111111111111111',
  '0x2222222222222222222222222222222222222222',
  '0x3333333333333333333333333333333333333333',
  '0x04',
  '0x0500',
  '0x5208',
  '0x',
  '0xc0ffee',
]
const HEX = '11'.repeat(32)
const RAW: Hex = `0x7ef857a0${HEX}94${'22'.repeat(20)}94${'33'.repeat(20)}048205008252088083c0ffee`

/** {@link FIELDS} with some of them replaced, in RLP whatever they are. */
const encodeFields = (replace: Record<number, unknown> = {}, count = 8) => {
  const fields = Array.from({ length: count }, (_, i) =>
    i in replace ? replace[i] : hexToBytes(FIELDS[i] ?? '0x'),
  )
  return concatBytes(Uint8Array.of(DEPOSIT_TYPE), RLP.encode(fields as Uint8Array[]))
}

const bytes = (length: number) => new Uint8Array(length).fill(1)

t.test('the encoding of a deposit is the type byte and a list of eight fields (D-01)', (t) => {
  const tx: DepositTx = {
    sourceHash: hexToBytes(FIELDS[0]),
    from: createAddressFromString(FIELDS[1]),
    to: createAddressFromString(FIELDS[2]),
    mint: 4n,
    value: 0x500n,
    gas: 21_000n,
    isSystemTx: false,
    data: hexToBytes('0xc0ffee'),
  }
  t.equal(bytesToHex(encodeDeposit(tx)), RAW)
  t.equal(bytesToHex(encodeFields()), RAW)
  t.same(toJSON(decodeDeposit(hexToBytes(RAW))), toJSON(tx))
  t.equal(
    bytesToHex(encodeDeposit({ ...tx, isSystemTx: true })),
    RAW.replace('82520880', '82520801'),
    'true is 0x01',
  )
  t.equal(decodeDeposit(encodeDeposit({ ...tx, isSystemTx: true })).isSystemTx, true)
  t.equal(
    bytesToHex(encodeDeposit({ ...tx, to: undefined, mint: 0n, value: 0n, gas: 0n })),
    `0x7ef83fa0${HEX}94${'22'.repeat(20)}808080808083c0ffee`,
    'no recipient and no wei are empty',
  )
  t.end()
})

t.test('a missing mint is zero, and a missing recipient is not the zero address (D-02)', (t) => {
  const tx = decodeDeposit(encodeFields({ 2: new Uint8Array(), 3: new Uint8Array() }))
  t.equal(tx.mint, 0n)
  t.equal(tx.to, undefined)
  const toZero = decodeDeposit(encodeFields({ 2: new Uint8Array(20) }))
  t.equal(toZero.to!.toString(), `0x${'00'.repeat(20)}`)
  t.end()
})

t.test('the longest fields decode (D-02, D-40)', (t) => {
  const most = new Uint8Array(32).fill(255)
  const raw = encodeFields({ 3: most, 4: most, 5: most.subarray(0, 8), 7: bytes(200_000) })
  const { mint, value, gas, data } = decodeDeposit(raw)
  t.equal(mint, 2n ** 256n - 1n)
  t.equal(value, 2n ** 256n - 1n)
  t.equal(gas, 2n ** 64n - 1n)
  t.equal(data.length, 200_000)
  t.end()
})

t.test('another transaction type is not a deposit (D-01)', (t) => {
  const body = hexToBytes(RAW).subarray(1)
  for (const type of [0x00, 0x01, 0x02, 0x04, 0x7d, 0x7f, 0xf8]) {
    const message = 'deposit is not in canonical encoding'
    t.throws(() => decodeDeposit(concatBytes(Uint8Array.of(type), body)), { message })
  }
  t.throws(() => decodeDeposit(new Uint8Array()), { message: /deposit has 0 fields/ })
  t.end()
})

t.test('a deposit has eight byte strings (D-02)', (t) => {
  for (const count of [0, 1, 7, 9, 10]) {
    const message = new RegExp(`deposit has ${count} fields`)
    t.throws(() => decodeDeposit(encodeFields({}, count)), { message }, `${count} fields`)
  }
  for (let index = 0; index < 8; index++) {
    for (const list of [[], [bytes(1)], [hexToBytes(FIELDS[index])], [[]]]) {
      t.throws(
        () => decodeDeposit(encodeFields({ [index]: list })),
        { message: /list in one/ },
        `list in place of field ${index}`,
      )
    }
  }
  const asString = RLP.encode(hexToBytes(RAW).subarray(3))
  for (const body of [asString, bytes(1), Uint8Array.of(0x80), Uint8Array.of(0xb8)]) {
    t.throws(() => decodeDeposit(concatBytes(Uint8Array.of(DEPOSIT_TYPE), body)), Error)
  }
  t.throws(() => decodeDeposit(Uint8Array.of(DEPOSIT_TYPE)), Error, 'nothing but the type')
  t.end()
})

t.test('a field of a wrong length is refused (D-02)', (t) => {
  const refused: [number, number[], RegExp][] = [
    [0, [0, 31, 33, 64], /deposit has fields of \d+,20,20,/],
    [1, [0, 1, 19, 21, 32], /address length/i],
    [2, [1, 19, 21, 32], /address length/i],
    [3, [33, 64], /deposit has fields of 32,20,20,(33|64),/],
    [4, [33, 64], /deposit has fields of 32,20,20,1,(33|64),/],
    [5, [9, 32], /deposit has fields of 32,20,20,1,2,(9|32),/],
    [6, [2, 32], /canonical/],
  ]
  for (const [index, lengths, message] of refused) {
    for (const length of lengths) {
      const raw = encodeFields({ [index]: bytes(length) })
      t.throws(() => decodeDeposit(raw), { message }, `field ${index} of ${length} bytes`)
    }
  }
  t.end()
})

t.test('an integer that is not minimal is refused (D-02)', (t) => {
  for (const index of [3, 4, 5]) {
    for (const value of ['0x00', '0x0000', '0x0001', '0x00ff'] as const) {
      const raw = encodeFields({ [index]: hexToBytes(value) })
      t.throws(() => decodeDeposit(raw), { message: /canonical/ }, `field ${index} ${value}`)
    }
  }
  t.end()
})

t.test('isSystemTx is nothing but 0x80 and 0x01 (D-02)', (t) => {
  t.equal(decodeDeposit(encodeFields({ 6: Uint8Array.of(1) })).isSystemTx, true)
  t.equal(decodeDeposit(encodeFields({ 6: new Uint8Array() })).isSystemTx, false)
  for (const value of ['0x00', '0x02', '0x7f', '0x80', '0xff', '0x0001', '0x0100'] as const) {
    const raw = encodeFields({ 6: hexToBytes(value) })
    t.throws(() => decodeDeposit(raw), { message: /canonical/ }, value)
  }
  t.end()
})

t.test('bytes behind or missing from a deposit are refused (D-02)', (t) => {
  const raw = hexToBytes(RAW)
  for (const tail of ['0x00', '0x80', '0xc0', RAW] as const) {
    const longer = concatBytes(raw, hexToBytes(tail))
    t.throws(() => decodeDeposit(longer), Error, `with ${tail} behind`)
  }
  for (let length = 0; length < raw.length; length++) {
    t.throws(() => decodeDeposit(raw.subarray(0, length)), Error, `${length} bytes`)
  }
  t.end()
})

t.test('a length that is not minimal is refused (D-02)', (t) => {
  const variants = {
    'list length in two bytes': RAW.replace('7ef857', '7ef90057'),
    'field length in a byte of its own': RAW.replace(`f857a0${HEX}`, `f858b820${HEX}`),
    'prefix before a small byte': RAW.replace('7ef857', '7ef858').replace('0482', '810482'),
    'false as a zero byte': RAW.replace('82520880', '82520800'),
  }
  for (const [name, raw] of Object.entries(variants)) {
    t.not(raw, RAW, name)
    t.throws(() => decodeDeposit(hexToBytes(raw as Hex)), Error, name)
  }
  t.end()
})

/** Any deposit, with small and large integers and data on both sides of RLP's length limits. */
const uint = (bits: number) =>
  fc.oneof(fc.bigInt({ min: 0n, max: 300n }), fc.bigInt({ min: 0n, max: 2n ** BigInt(bits) - 1n }))
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const address = bytesOf(20).map((value) => createAddressFromString(bytesToHex(value)))
const deposit: fc.Arbitrary<DepositTx> = fc.record({
  sourceHash: bytesOf(32),
  from: address,
  to: fc.option(address, { nil: undefined }),
  mint: uint(256),
  value: uint(256),
  gas: uint(64),
  isSystemTx: fc.boolean(),
  data: fc.oneof(fc.uint8Array({ maxLength: 2 }), fc.uint8Array({ maxLength: 300 })),
})

t.test('a deposit that was encoded decodes to itself (D-01, D-02)', (t) => {
  const property = fc.property(deposit, (tx) => {
    const raw = encodeDeposit(tx)
    const decoded = decodeDeposit(raw)
    t.same(toJSON(decoded), toJSON(tx))
    return raw[0] === 0x7e && equalsBytes(encodeDeposit(decoded), raw)
  })
  fc.assert(property, { numRuns: 300 })
  t.end()
})

/** What a mutation leaves of `raw`. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip'), at: fc.nat(), byte: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('insert'), at: fc.nat(), byte: fc.nat({ max: 255 }) }),
  fc.record({ kind: fc.constant('delete'), at: fc.nat(), byte: fc.constant(0) }),
  fc.record({ kind: fc.constant('cut'), at: fc.nat(), byte: fc.constant(0) }),
)

function mutate(raw: Uint8Array, { kind, at, byte }: { kind: string; at: number; byte: number }) {
  // Most mutations are to hit the structure and not the data, which is at the end.
  const index = at % (at % 2 === 0 ? raw.length : Math.min(raw.length, 100))
  const [head, tail] = [raw.subarray(0, index), raw.subarray(index)]
  if (kind === 'cut') return head
  if (kind === 'delete') return concatBytes(head, tail.subarray(1))
  if (kind === 'insert') return concatBytes(head, Uint8Array.of(byte), tail)
  return concatBytes(head, Uint8Array.of(tail[0] ^ byte), tail.subarray(1))
}

t.test('mutated bytes are refused or are the encoding of another deposit (D-02)', (t) => {
  let [accepted, refused] = [0, 0]
  const property = fc.property(
    deposit,
    fc.array(mutation, { minLength: 1, maxLength: 3 }),
    fc.uint8Array({ maxLength: 2 }),
    (tx, mutations, tail) => {
      const raw = concatBytes(mutations.reduce(mutate, encodeDeposit(tx)), tail)
      let decoded: DepositTx
      try {
        decoded = decodeDeposit(raw)
      } catch {
        refused++
        return true
      }
      accepted++
      return equalsBytes(encodeDeposit(decoded), raw)
    },
  )
  fc.assert(property, { numRuns: 3000 })
  t.ok(accepted > 20 && refused > 1000, `${accepted} accepted, ${refused} refused`)
  t.end()
})

t.test('arbitrary bytes behind the type are refused or encode to themselves (D-02)', (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
    const raw = concatBytes(Uint8Array.of(DEPOSIT_TYPE), body)
    try {
      return equalsBytes(encodeDeposit(decodeDeposit(raw)), raw)
    } catch {
      return true
    }
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 1000 }))
  t.end()
})
