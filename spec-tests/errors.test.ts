import { RLP } from '@ethereumjs/rlp'
import {
  createAccessList2930Tx,
  createEOACode7702Tx,
  createFeeMarket1559Tx,
  createLegacyTx,
} from '@ethereumjs/tx'
import { bytesToHex, concatBytes, createAddressFromString, hexToBytes } from '@ethereumjs/util'
import fc from 'fast-check'
import t from 'tap'
import {
  DEPOSIT_TYPE,
  InvalidBlockError,
  StateError,
  createChain,
  createGenesisHeader,
  decodeDeposit,
  decodeExtraData,
  decodeSigned,
  encodeDeposit,
  encodeExtraData,
  executeBlock,
} from '../src/index.ts'
import {
  GWEI,
  KEY,
  RECIPIENT,
  RULES,
  allocWith,
  deposit,
  start,
  transaction,
} from './fee-helpers.ts'
import {
  configAt,
  customCrypto,
  failureOf,
  isRefusal,
  nextAttributes,
  nextBlock,
} from './helpers.ts'

const ADDRESS = new Uint8Array(20)

/** Access lists and authorizations that have too little, or lists where bytes belong. */
const LACKING: RLPInput[] = [
  [[]],
  [[[]]],
  [ADDRESS],
  [[ADDRESS]],
  [[[], []]],
  [[ADDRESS, [[]]]],
  [[ADDRESS, ADDRESS]],
  [[[], [ADDRESS]]],
  [[[], ADDRESS, [], [], [], []]],
  [Array.from({ length: 6 }, () => [])],
]

/** What RLP encodes: bytes, or lists of such. */
type RLPInput = Uint8Array | RLPInput[]

const { common } = RULES.isthmus
const plain = { to: RECIPIENT, gasLimit: 100_000n, value: 1n } as const
const fees = { maxFeePerGas: 3n * GWEI, maxPriorityFeePerGas: 1n } as const
const accessList = [{ address: RECIPIENT, storageKeys: [`0x${'01'.repeat(32)}`] }] as const
const signature = { yParity: '0x0', r: '0x1', s: '0x1' } as const
const authorizationList = [
  { chainId: '0x0', address: RECIPIENT, nonce: '0x0', ...signature },
] as const

/** A valid transaction of each type. */
const VALID = [
  createLegacyTx({ ...plain, gasPrice: GWEI }, { common }),
  createAccessList2930Tx(
    { ...plain, gasPrice: GWEI, accessList: structuredClone(accessList) as never },
    { common },
  ),
  createFeeMarket1559Tx({ ...plain, ...fees, accessList: accessList as never }, { common }),
  createEOACode7702Tx(
    { ...plain, ...fees, authorizationList: authorizationList as never },
    { common },
  ),
]
  .map((tx) => tx.sign(KEY).serialize())
  .concat(deposit())

const isTyped = (raw: Uint8Array) => raw[0] < 0xc0
const fieldsOf = (raw: Uint8Array) => RLP.decode(isTyped(raw) ? raw.subarray(1) : raw) as RLPInput[]
const withFields = (raw: Uint8Array, fields: RLPInput) =>
  concatBytes(isTyped(raw) ? raw.subarray(0, 1) : new Uint8Array(), RLP.encode(fields as never))

/** Decodes a transaction of any type and encodes it again. */
function recode(raw: Uint8Array): Uint8Array {
  if (raw[0] === DEPOSIT_TYPE) return encodeDeposit(decodeDeposit(raw))
  return decodeSigned(RULES.isthmus, raw).serialize()
}

/** Bytes, or lists of bytes and lists. */
const { item: tree } = fc.letrec<{ item: RLPInput }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(0, 1, 8, 20, 32, 33).map((length) => new Uint8Array(length).fill(length)),
    fc.array(tie('item'), { maxLength: 12 }),
  ),
}))

const valid = fc.constantFrom(...VALID)
const place = fc.noBias(fc.nat())
const at = (where: number, { length }: { length: number }) => where % length

/** Bytes that might be taken for a transaction, by how they are made. */
const HOSTILE: Record<string, fc.Arbitrary<Uint8Array>> = {
  'random bytes': fc.uint8Array({ maxLength: 300 }),
  'a type and random bytes': fc
    .tuple(fc.constantFrom(0, 1, 2, 3, 4, 5, DEPOSIT_TYPE), fc.uint8Array({ maxLength: 300 }))
    .map(([type, bytes]) => concatBytes(Uint8Array.of(type), bytes)),
  'RLP of any shape': fc.tuple(valid, tree).map(([raw, shape]) => withFields(raw, shape)),
  'fields of any shape': fc
    .tuple(valid, fc.array(fc.tuple(place, tree), { minLength: 1, maxLength: 3 }))
    .map(([raw, changes]) => {
      const fields = fieldsOf(raw)
      for (const [where, shape] of changes) fields[at(where, fields)] = shape
      return withFields(raw, fields)
    }),
  'fields too many or too few': fc
    .tuple(valid, place, fc.nat(3), fc.array(tree, { maxLength: 2 }))
    .map(([raw, where, removed, added]) => {
      const fields = fieldsOf(raw)
      fields.splice(at(where, fields), removed, ...added)
      return withFields(raw, fields)
    }),
  'lists instead of bytes': fc.tuple(valid, place).map(([raw, where]) => {
    const fields = fieldsOf(raw)
    const index = at(where, fields)
    const field = fields[index]
    fields[index] =
      field instanceof Uint8Array ? [...field].map((byte) => Uint8Array.of(byte)) : field
    return withFields(raw, fields)
  }),
  'lists of lists that lack something': fc
    .tuple(valid, place, fc.constantFrom(...LACKING))
    .map(([raw, where, shape]) => {
      const fields = fieldsOf(raw)
      fields[at(where, fields)] = shape
      return withFields(raw, fields)
    }),
  'cut off': fc.tuple(valid, place).map(([raw, where]) => raw.subarray(0, at(where, raw))),
  'one byte changed': fc
    .tuple(valid, place, fc.integer({ min: 1, max: 255 }))
    .map(([raw, where, mask]) =>
      raw.map((byte, index) => (index === at(where, raw) ? byte ^ mask : byte)),
    ),
}

t.test('any bytes either are a transaction or give an InvalidBlockError (D-02, R-04)', (t) => {
  for (const raw of VALID) t.strictSame(recode(raw), raw, 'valid')
  for (const [name, bytes] of Object.entries(HOSTILE)) {
    const outcomes = { valid: 0, refused: 0 }
    for (const raw of fc.sample(bytes, { numRuns: 400, seed: 7 })) {
      try {
        const encoded = recode(raw)
        outcomes.valid++
        if (bytesToHex(encoded) !== bytesToHex(raw)) t.fail(`${name}: ${bytesToHex(raw)} changes`)
      } catch (error) {
        outcomes.refused++
        isRefusal(t, error, /./, `${name}: ${bytesToHex(raw)}`)
      }
    }
    t.ok(outcomes.refused > 50, `${name}: ${JSON.stringify(outcomes)}`)
  }
  t.end()
})

t.test('in a block each of them is refused with its index (R-04)', async (t) => {
  for (const [name, bytes] of Object.entries(HOSTILE)) {
    for (const raw of fc.sample(bytes, { numRuns: 20, seed: 8 })) {
      const test = await start('isthmus', allocWith({}))
      const error = await failureOf(nextBlock(test, [deposit(), raw]))
      // A valid one may be left, with another sender or payload.
      if (error) isRefusal(t, error, /^transaction 1: ./, `${name}: ${bytesToHex(raw)}`)
    }
  }
})

const PARAMS = '0x000000fa00000006'

t.test('each function that judges says what is wrong, with the values', async (t) => {
  const test = await start('isthmus', allocWith({}))
  const { chain, state } = test
  const bedrock = createChain({ ...configAt('isthmus'), bedrockBlock: 9 }, { customCrypto })
  const raw = transaction({ nonce: 3 })
  const cases: [name: string, run: () => unknown, reason: RegExp][] = [
    [
      'a block before Bedrock',
      () => bedrock.rules({ number: 8n, timestamp: 0n }),
      /block 8 is older than Bedrock/,
    ],
    [
      'extraData of another version',
      () => decodeExtraData(RULES.karst, hexToBytes('0x00000000fa00000006')),
      /extraData 0x00000000fa00000006 .*karst/,
    ],
    [
      'parameters of no length',
      () => encodeExtraData(RULES.holocene, {}),
      /eip1559Params 0x.* 8 bytes.*holocene/,
    ],
    [
      'a minimum out of range',
      () => encodeExtraData(RULES.jovian, { eip1559Params: PARAMS, minBaseFee: 1n << 64n }),
      /minBaseFee 18446744073709551616.*jovian/,
    ],
    [
      'a blob transaction',
      () => decodeSigned(RULES.karst, Uint8Array.of(3)),
      /type not supported: 3/,
    ],
    [
      'a deposit as a signed transaction',
      () => decodeSigned(RULES.karst, deposit()),
      /type not supported: 126/,
    ],
    ['a deposit of 1 field', () => decodeDeposit(hexToBytes('0x7ec180')), /1 fields, not 8/],
    [
      'a genesis of another fork',
      () => createGenesisHeader(chain, state, { extraData: '0x01' }),
      /extraData 0x01 .*isthmus/,
    ],
    ['a wrong nonce', () => nextBlock(test, [deposit(), raw]), /^transaction 1: nonce is 3, .* 0$/],
  ]
  for (const [name, run, reason] of cases) {
    const error = await failureOf(Promise.resolve().then(run))
    isRefusal(t, error, reason, name)
  }
})

t.test('what cannot be known is no InvalidBlockError (T-50)', async (t) => {
  // BLOCKHASH of block 0 in block 2: the ancestor is asked for.
  const code = '0x60004060005500'
  const contract = `0x${'c0'.repeat(20)}` as const
  const to = createAddressFromString(contract)
  for (const raw of [deposit({ to }), transaction({ to: contract })]) {
    const answers = [undefined, '0x' as const, new Uint8Array(31), Promise.resolve(undefined)]
    for (const answer of answers) {
      const test = await start('isthmus', { ...allocWith({}), [contract]: { code } })
      await nextBlock(test, [deposit()])
      const attributes = nextAttributes(test, [deposit(), raw])
      const error = await failureOf(
        executeBlock({ ...test, attributes, getBlockHash: () => answer }),
      )
      t.ok(error instanceof StateError && !(error instanceof InvalidBlockError), `${error}`)
      t.match((error as Error).message, /hash of block 0/)
    }
  }
})
