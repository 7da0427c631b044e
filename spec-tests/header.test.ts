import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { type BlockHeader, createBlockHeaderFromRPC } from '@ethereumjs/block'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import {
  type BigIntLike,
  type PrefixedHexString,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import t from 'tap'
import { type Alloc, createGenesis } from '../blockchain/index.ts'
import {
  type Chain,
  type Fork,
  calculateBaseFee,
  createChain,
  InvalidBlockError,
  createHeader,
  decodeExtraData,
  encodeDeposit,
  encodeExtraData,
  executeBlock,
} from '../src/index.ts'
import {
  COINBASE,
  DEPOSITOR,
  FIXTURES,
  type JSONValue,
  L1_BLOCK,
  chainAt,
  configAt,
  customCrypto,
  l1BlockAccount,
  nextAttributes,
  nextBlock,
  noFixtures,
  readFixture,
  rulesAt,
  startChain,
} from './helpers.ts'

const MESSAGE_PASSER = '0x4200000000000000000000000000000000000016'
const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
const SHA256_OF_NOTHING = '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Vectors that do not apply, by the end of their source, each with its reason. */
export const SKIPPED_VECTORS: Record<string, string> = {
  'TestCheckOptimismPayload: non-nil withdrawalsRoot pre-Isthmus':
    'what a payload may hold is the Engine API’s; execution computes the field itself',
  'TestCheckOptimismPayload: invalid non-nil withdrawalsRoot post-Holocene':
    'what a payload may hold is the Engine API’s; execution computes the field itself',
  'TestCheckOptimismPayload: invalid nil withdrawals root post-isthmus':
    'what a payload must hold is the Engine API’s; execution computes the field itself',
  'TestCalcBaseFeeJovian: post-Jovian parent with Holocene extraData is not clamped':
    'such a parent is no valid block (B-09); execution refuses it instead of going on',
  'TestValidateMinBaseFeeExtraData 0x0100000000000000000000000000000000':
    'zero parameters are no valid header (B-05, T-27), whatever op-geth’s unit test tolerates',
}

/** Counts what of {@link SKIPPED_VECTORS} was met. */
const skipped = new Set<string>()
const isSkipped = (source: string) => {
  const name = Object.keys(SKIPPED_VECTORS).find((end) => source.endsWith(end))
  if (name !== undefined) skipped.add(name)
  return name !== undefined
}

/** A deposit that is valid in every block: it needs no gas, and fails for that. */
const idleDeposit = encodeDeposit({
  sourceHash: new Uint8Array(32),
  from: createAddressFromString(DEPOSITOR),
  to: createAddressFromString(L1_BLOCK),
  mint: 0n,
  value: 0n,
  gas: 0n,
  isSystemTx: false,
  data: new Uint8Array(),
})

const depositTo = (to: string, data: PrefixedHexString = '0x') =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: createAddressFromString(DEPOSITOR),
    to: createAddressFromString(to),
    mint: 0n,
    value: 0n,
    gas: 200_000n,
    isSystemTx: false,
    data: hexToBytes(data),
  })

/** Base fee of the block after a parent with these fields, in whose fork both blocks are. */
function baseFeeAfter(
  chain: Chain,
  fields: Parameters<typeof createHeader>[1],
  timestamps: [parent: bigint, child: bigint] = [1000n, 1002n],
) {
  const [timestamp, next] = timestamps
  const parent = createHeader(chain, { number: 1n, timestamp, ...fields })
  return calculateBaseFee(chain, parent, chain.rules({ number: 2n, timestamp: next }))
}

t.test('no block follows a parent whose elasticity leaves it no gas target (B-01)', (t) => {
  const extraData = '0x0000000001ffffffff'
  const fields = { gasLimit: 30_000_000n, gasUsed: 21_000n, baseFeePerGas: 7n, extraData } as const
  t.throws(
    () => baseFeeAfter(chainAt('holocene'), fields),
    new InvalidBlockError('elasticity 4294967295 leaves no gas target to the parent'),
  )
  t.equal(baseFeeAfter(chainAt('holocene'), { ...fields, gasUsed: 0n }), 7n)
  t.end()
})

/** All real block files. */
const blockFiles = (): JSONValue[] =>
  readdirSync(resolve(FIXTURES, 'blocks')).map((name) => readFixture(`blocks/${name}`))

/** A header from JSON-RPC under the rules of its fork. */
function realHeader(chain: Chain, json: JSONValue): BlockHeader {
  const { common } = chain.rules({ number: BigInt(json.number), timestamp: BigInt(json.timestamp) })
  return createBlockHeaderFromRPC(json, { common, skipConsensusFormatValidation: true })
}

t.test('real headers have their hashes (X-13)', { skip: noFixtures }, (t) => {
  let headers = 0
  for (const file of blockFiles()) {
    const chain = createChain(file.config)
    const parent = realHeader(chain, file.parentHeader)
    t.equal(bytesToHex(parent.hash()), file.parentHash, `parent of ${file.blockNumber}`)
    headers++
    if (!file.expectedHeader) continue
    const expected = file.expectedBlockHash ?? file.derivedBlockHash
    const header = realHeader(chain, file.expectedHeader)
    t.equal(bytesToHex(header.hash()), expected, `${file.blockNumber}`)
    headers++
  }
  t.ok(headers >= 30, `${headers} headers`)
  t.end()
})

t.test(
  'the base fee of every real header follows from its parent (B-01, B-03, B-04, B-11, H-28)',
  { skip: noFixtures },
  (t) => {
    const headers = new Map<string, BlockHeader>()
    const chains = new Map<BlockHeader, Chain>()
    for (const file of blockFiles()) {
      const chain = createChain(file.config)
      for (const json of [file.parentHeader, file.expectedHeader]) {
        if (!json) continue
        const header = realHeader(chain, json)
        headers.set(bytesToHex(header.hash()), header)
        chains.set(header, chain)
      }
    }
    const forks: Partial<Record<Fork, number>> = {}
    for (const header of headers.values()) {
      const parent = headers.get(bytesToHex(header.parentHash))
      if (parent === undefined) continue
      const chain = chains.get(header)!
      const rules = chain.rules(header)
      const baseFee = calculateBaseFee(chain, parent, rules)
      t.equal(baseFee, header.baseFeePerGas, `${header.number} in ${rules.fork}`)
      forks[rules.fork] = (forks[rules.fork] ?? 0) + 1
    }
    t.same(forks, { regolith: 7, ecotone: 4, holocene: 4, jovian: 1 }, 'pairs in each fork')
    t.end()
  },
)

t.test(
  'the extraData of real headers follows from the attributes (B-05…B-10)',
  { skip: noFixtures },
  (t) => {
    const lengths = new Set<number>()
    for (const file of blockFiles()) {
      if (!file.expectedHeader) continue
      const { timestamp, eip1559Params, minBaseFee } = file.payloadAttributes
      const rules = createChain(file.config).rules({
        number: BigInt(file.blockNumber),
        timestamp: BigInt(timestamp),
      })
      const extraData = encodeExtraData(rules, { eip1559Params, minBaseFee })
      t.equal(bytesToHex(extraData), file.expectedHeader.extraData, `${file.blockNumber}`)
      lengths.add(extraData.length)
    }
    t.same([...lengths].sort(), [0, 17, 9], 'all three forms')
    t.end()
  },
)

t.test('the base fee vectors hold (B-01…B-04, B-11)', { skip: noFixtures }, (t) => {
  for (const vector of readFixture('vectors/basefee_extradata.json').baseFee) {
    if (isSkipped(vector.source)) continue
    const { parent, holocene, jovianParent, postCanyon, elasticity, denominator } = vector
    const fork = jovianParent
      ? 'jovian'
      : holocene
        ? 'holocene'
        : postCanyon
          ? 'canyon'
          : 'regolith'
    // Those that are not to be used are absurd.
    const optimism = {
      eip1559Elasticity: holocene ? 3 : elasticity,
      eip1559Denominator: fork === 'regolith' ? denominator : 7,
      eip1559DenominatorCanyon: fork === 'canyon' ? denominator : 11,
    }
    const chain = createChain({ ...configAt(fork), optimism })
    t.equal(baseFeeAfter(chain, parent), BigInt(vector.expectedBaseFee), vector.source)
  }
  t.end()
})

t.test('the extraData vectors hold (B-05…B-10, T-27)', { skip: noFixtures }, (t) => {
  for (const vector of readFixture('vectors/basefee_extradata.json').extraData) {
    const name = `${vector.source} ${vector.extraData ?? vector.eip1559Params}`
    if (isSkipped(name)) continue
    const { op, eip1559Params, minBaseFee, extraData, expected, defaults } = vector
    const optimism = {
      eip1559Elasticity: defaults?.elasticity ?? 6,
      eip1559Denominator: 7,
      eip1559DenominatorCanyon: defaults?.denominator ?? 250,
    }
    const chain = createChain({
      ...configAt(op.endsWith('Jovian') ? 'jovian' : 'holocene'),
      optimism,
    })
    const rules = chain.rules({ number: 1n, timestamp: 1n })
    const run = () =>
      op.startsWith('encode')
        ? bytesToHex(encodeExtraData(rules, { eip1559Params, minBaseFee }))
        : decodeExtraData(rules, hexToBytes(extraData))
    if (vector.expectedError || vector.valid === false) {
      t.throws(run, { message: /extraData|eip1559Params/ }, name)
    } else if (op.startsWith('encode')) {
      t.equal(run(), expected, name)
    } else {
      const numbers = Object.entries(expected ?? {}).map(([key, value]) => [
        key,
        BigInt(value as number),
      ])
      t.match(run(), Object.fromEntries(numbers), name)
    }
  }
  t.end()
})

t.test(
  'attributes and payloads are accepted as op-geth does (B-06…B-10, R-07, R-08)',
  { skip: noFixtures },
  async (t) => {
    const withdrawal = { index: '0x0', validatorIndex: '0x0', address: COINBASE, amount: '0x1' }
    for (const { source, kind, fork, error, ...fields } of readFixture(
      'vectors/engine_validation.json',
    ).cases) {
      if (isSkipped(source)) continue
      const { withdrawals, extraData, ...attributes } = fields[kind]
      const chain = chainAt(fork)
      const run = async () => {
        if (extraData !== undefined) decodeExtraData(rulesAt(fork), hexToBytes(extraData))
        const test = await startChain(chain, {})
        const defaults = nextAttributes(test, [idleDeposit])
        // Payloads are taken apart by the Engine API, before execution.
        const dictated = kind === 'payload' ? {} : { gasLimit: undefined, eip1559Params: undefined }
        const minBaseFee = kind === 'payload' ? defaults.minBaseFee : undefined
        const list = withdrawals === 'one-element' ? [withdrawal] : withdrawals
        const all = { ...defaults, minBaseFee, ...dictated, ...attributes, withdrawals: list }
        return executeBlock({ ...test, attributes: all })
      }
      if (error === null) {
        const { header, receipts } = await run()
        t.equal(receipts.length, 1, source)
        if (attributes.gasLimit) t.equal(header.gasLimit, 0n)
        if (attributes.eip1559Params) {
          t.equal(bytesToHex(header.extraData.subarray(1, 9)), attributes.eip1559Params)
        }
      } else {
        const message = /withdrawals/.test(error)
          ? /withdrawals/
          : /gasLimit/.test(error)
            ? /gasLimit/
            : /extraData|eip1559Params/
        await t.rejects(run(), { message }, source)
      }
    }
  },
)

t.test('every vector that is skipped is there', { skip: noFixtures }, (t) => {
  t.same([...skipped].sort(), Object.keys(SKIPPED_VECTORS).sort())
  t.end()
})

t.test(
  'headers of real payloads have their hashes (X-05, X-10, X-12, X-13)',
  { skip: noFixtures },
  (t) => {
    const forks: Fork[] = ['regolith', 'canyon', 'ecotone']
    for (const vector of readFixture('vectors/engine_payloads.json').payloads) {
      const { executionPayload: payload, parentBeaconBlockRoot, newPayloadVersion } = vector
      const header = createHeader(chainAt(forks[newPayloadVersion - 1]), {
        ...payload,
        coinbase: payload.feeRecipient,
        receiptTrie: payload.receiptsRoot,
        mixHash: payload.prevRandao,
        number: payload.blockNumber,
        parentBeaconBlockRoot: parentBeaconBlockRoot ?? undefined,
      })
      t.equal(bytesToHex(header.hash()), payload.blockHash, vector.source)
    }
    t.end()
  },
)

t.test(
  'the first Canyon block uses the Canyon denominator already (B-01, B-02, T-26)',
  async (t) => {
    const chain = chainAt('regolith', { canyon: 1005 })
    const header = { gasUsed: 30_000_000n }
    for (const [timestamp, expected] of [
      [1004, 1_100_000_000n],
      [1005, 1_020_000_000n],
      [1006, 1_020_000_000n],
    ] as const) {
      const test = await startChain(chain, {}, { header })
      const block = await nextBlock(test, [], { timestamp })
      t.equal(block.header.baseFeePerGas, expected, `${timestamp}`)
    }
  },
)

t.test('the base fee moves as EIP-1559 says, from the target of the config (B-03)', (t) => {
  const canyon = chainAt('canyon')
  const gasLimit = 30_000_000n
  const cases: [baseFee: bigint, gasUsed: bigint, expected: bigint, name: string][] = [
    [1_000_000_000n, 5_000_000n, 1_000_000_000n, 'gas used is the target'],
    [1_000_000_000n, 5_000_001n, 1_000_000_001n, '0.8 wei more are 1'],
    [1_000_000_000n, 5_000_002n, 1_000_000_001n, '1.6 wei more are 1'],
    [1_000_000_000n, 4_999_999n, 1_000_000_000n, '0.8 wei less are 0'],
    [1_000_000_000n, 4_999_998n, 999_999_999n, '1.6 wei less are 1'],
    [1_000_000_000n, 0n, 996_000_000n, 'an empty block'],
    [1_000_000_000n, 30_000_000n, 1_020_000_000n, 'a full block'],
    [0n, 30_000_000n, 1n, 'from zero'],
    [1n, 5_000_001n, 2n, 'at least 1 wei up'],
    [249n, 0n, 249n, 'no least step down'],
    [250n, 0n, 249n, 'the first step down'],
    [0n, 0n, 0n, 'not below zero'],
    [999n, 30_000_000n, 1_018n, 'rounded down: 19.98'],
  ]
  for (const [baseFeePerGas, gasUsed, expected, name] of cases) {
    t.equal(baseFeeAfter(canyon, { baseFeePerGas, gasUsed, gasLimit }), expected, name)
  }
  // The target itself is rounded down: 30000005 / 6 = 5000000.
  const odd = { baseFeePerGas: 1_000_000_000n, gasLimit: 30_000_005n, gasUsed: 5_000_000n }
  t.equal(baseFeeAfter(canyon, odd), 1_000_000_000n)
  t.end()
})

t.test('a parent whose gas limit gives a target of zero keeps the base fee (B-03)', (t) => {
  // op-geth compares gas used and target before it divides by the target.
  for (const gasLimit of [0n, 5n]) {
    const parent = { baseFeePerGas: 1_000_000_000n, gasUsed: 0n, gasLimit }
    t.equal(baseFeeAfter(chainAt('canyon'), parent), 1_000_000_000n, `${gasLimit}`)
  }
  t.end()
})

t.test(
  'the first Holocene block uses the config, the second the first’s extraData (B-04)',
  async (t) => {
    const chain = chainAt('granite', { holocene: 1005 })
    // Fuller than each target, so that a wrong one would show.
    const header = { gasUsed: 15_000_000n, baseFeePerGas: 1_000_000_000n }
    const test = await startChain(chain, {}, { timestamp: 1003n, header })
    const params = hexToBytes('0x000000640000000a')
    const first = await nextBlock(test, [], { timestamp: 1005, eip1559Params: params })
    t.equal(bytesToHex(first.header.extraData), '0x00000000640000000a')
    // Target 5 M, denominator 250: 10⁹ · (1 + 2 / 250)
    t.equal(first.header.baseFeePerGas, 1_008_000_000n)
    const second = await nextBlock(test, [], { timestamp: 1006 })
    // Empty parent: target 3 M, denominator 100
    t.equal(second.header.baseFeePerGas, 997_920_000n)
    t.equal(bytesToHex(second.header.extraData), '0x00000000fa00000006')
    const third = await nextBlock(test, [], { timestamp: 1007 })
    // The second's parameters are those of the config again.
    t.equal(third.header.baseFeePerGas, 993_928_320n)
  },
)

t.test('zero parameters stand for those of the config; one zero is refused (B-07, T-27)', (t) => {
  const optimism = {
    eip1559Elasticity: 0x01020304,
    eip1559Denominator: 50,
    eip1559DenominatorCanyon: 0xf1f2f3f4,
  }
  const rulesOf = (fork: Fork) =>
    createChain({ ...configAt(fork), optimism }).rules({ number: 1n, timestamp: 0n })
  const encode = (fork: Fork, eip1559Params: PrefixedHexString, minBaseFee?: bigint) =>
    bytesToHex(encodeExtraData(rulesOf(fork), { eip1559Params, minBaseFee }))
  const zero = `0x${'00'.repeat(8)}` as const
  t.equal(encode('holocene', zero), '0x00f1f2f3f401020304')
  t.equal(encode('isthmus', zero), '0x00f1f2f3f401020304')
  t.equal(encode('jovian', zero, 5n), '0x01f1f2f3f4010203040000000000000005')
  t.equal(encode('karst', zero, 2n ** 64n - 1n), '0x01f1f2f3f401020304ffffffffffffffff')
  t.equal(encode('holocene', '0xffffffffffffffff'), '0x00ffffffffffffffff')
  t.equal(encode('holocene', '0x0000000100000001'), '0x000000000100000001')
  for (const params of ['0x0000000000000006', '0x000000fa00000000'] as const) {
    t.throws(() => encode('holocene', params), /extraData|eip1559Params/, params)
    t.throws(() => encode('jovian', params, 0n), /extraData|eip1559Params/, params)
  }
  t.end()
})

t.test('eip1559Params are 8 bytes from Holocene, nothing before (B-06, R-10)', (t) => {
  for (const fork of ['bedrock', 'canyon', 'granite'] as const) {
    const encode = (eip1559Params?: Uint8Array | null) =>
      encodeExtraData(rulesAt(fork), { eip1559Params })
    for (const none of [undefined, null, new Uint8Array()]) t.equal(encode(none).length, 0, fork)
    for (const length of [1, 8, 9]) {
      for (const byte of [0, 1]) {
        const params = new Uint8Array(length).fill(byte)
        t.throws(
          () => encode(params),
          /extraData|eip1559Params/,
          `${length} times ${byte} in ${fork}`,
        )
      }
    }
  }
  for (const fork of ['holocene', 'isthmus', 'jovian', 'karst'] as const) {
    const minBaseFee = fork === 'jovian' || fork === 'karst' ? 0n : undefined
    const encode = (eip1559Params?: Uint8Array | null) =>
      encodeExtraData(rulesAt(fork), { eip1559Params, minBaseFee })
    for (const none of [undefined, null])
      t.throws(() => encode(none), /extraData|eip1559Params/, fork)
    for (const length of [0, 7, 9, 16]) {
      for (const byte of [0, 1]) {
        const params = new Uint8Array(length).fill(byte)
        t.throws(
          () => encode(params),
          /extraData|eip1559Params/,
          `${length} times ${byte} in ${fork}`,
        )
      }
    }
    t.equal(encode(new Uint8Array(8)).length, minBaseFee === undefined ? 9 : 17)
  }
  t.end()
})

t.test('minBaseFee is there from Jovian, never before (B-09, B-10, T-09)', (t) => {
  const eip1559Params = '0x000000fa00000006'
  const encode = (fork: Fork, minBaseFee: BigIntLike | null | undefined) =>
    bytesToHex(encodeExtraData(rulesAt(fork), { eip1559Params, minBaseFee }))
  for (const fork of ['jovian', 'karst'] as const) {
    // A plain JSON number, a quantity in hex, or a bigint.
    for (const value of [1_000_000, '0xf4240', 1_000_000n] as BigIntLike[]) {
      t.equal(encode(fork, value), '0x01000000fa0000000600000000000f4240', `${value}`)
    }
    t.equal(encode(fork, 0), '0x01000000fa000000060000000000000000')
    t.throws(() => encode(fork, undefined), /extraData|eip1559Params/)
    t.throws(() => encode(fork, null), /extraData|eip1559Params/)
  }
  for (const fork of ['holocene', 'isthmus'] as const) {
    t.equal(encode(fork, undefined), '0x00000000fa00000006')
    t.equal(encode(fork, null), '0x00000000fa00000006')
    t.throws(() => encode(fork, 0), /extraData|eip1559Params/)
    t.throws(() => encode(fork, 1n), /extraData|eip1559Params/)
  }
  t.throws(() => encodeExtraData(rulesAt('granite'), { minBaseFee: 0n }), /extraData|eip1559Params/)
  t.end()
})

t.test('extraData of another form is refused in decoding (B-05, B-08, B-09)', (t) => {
  const refused: [Fork, PrefixedHexString][] = [
    ['granite', '0x00'],
    ['granite', '0x00000000fa00000006'],
    ['holocene', '0x'],
    ['holocene', '0x00000000fa000000'],
    ['holocene', '0x00000000fa0000000600'],
    ['holocene', '0x01000000fa00000006'],
    ['holocene', '0x000000000000000006'],
    ['holocene', '0x00000000fa00000000'],
    ['isthmus', '0x01000000fa000000060000000000000000'],
    ['jovian', '0x'],
    ['jovian', '0x00000000fa00000006'],
    ['jovian', '0x00000000fa000000060000000000000000'],
    ['jovian', '0x02000000fa000000060000000000000000'],
    ['jovian', '0x01000000fa0000000600000000000000'],
    ['jovian', '0x01000000fa00000006000000000000000000'],
    ['jovian', '0x0100000000000000060000000000000000'],
    ['jovian', '0x01000000fa000000000000000000000000'],
    ['karst', '0x00000000fa00000006'],
  ]
  for (const [fork, extraData] of refused) {
    const message = `extraData ${extraData} .*is not valid in an? ${fork} block`
    const decode = () => decodeExtraData(rulesAt(fork), hexToBytes(extraData))
    t.throws(decode, { message: new RegExp(message) }, `${fork} ${extraData}`)
  }
  t.match(decodeExtraData(rulesAt('holocene'), hexToBytes('0x00ffffffff01020304')), {
    denominator: 0xffffffffn,
    elasticity: 0x01020304n,
  })
  t.match(decodeExtraData(rulesAt('karst'), hexToBytes('0x01000000fa00000006ffffffffffffffff')), {
    denominator: 250n,
    elasticity: 6n,
    minBaseFee: 2n ** 64n - 1n,
  })
  t.end()
})

t.test('extraData of another form in the parent is refused (B-04, B-15, T-39)', async (t) => {
  const refused: [Fork, PrefixedHexString][] = [
    ['holocene', '0x'],
    ['holocene', '0x01000000fa00000006'],
    ['holocene', '0x000000000000000000'],
    ['jovian', '0x00000000fa00000006'],
    ['jovian', '0x010000000000000000000000000000000000'],
  ]
  for (const [fork, extraData] of refused) {
    const test = await startChain(chainAt(fork), {}, { header: { extraData } })
    await t.rejects(
      nextBlock(test, [idleDeposit]),
      /extraData|eip1559Params/,
      `${fork} ${extraData}`,
    )
  }
  // Before Holocene nobody reads it; a genesis block may hold anything (B-08).
  const header = { extraData: '0x424544524f434b' }
  const test = await startChain(chainAt('granite'), {}, { header })
  t.equal((await nextBlock(test, [])).header.extraData.length, 0)
  const first = await startChain(chainAt('granite', { holocene: 1001 }), {}, { header })
  t.equal((await nextBlock(first, [])).header.extraData.length, 9)
})

t.test(
  'extraData of a genesis block has the form of its fork from Holocene on (B-08)',
  async (t) => {
    const genesis = (fork: Fork, extraData: string) =>
      createGenesis(
        {
          config: configAt(fork),
          alloc: {},
          timestamp: '0x0',
          gasLimit: '0x1c9c380',
          difficulty: '0x0',
          nonce: '0x0',
          extraData,
        },
        { customCrypto },
      )
    t.equal((await genesis('granite', '0x424544524f434b')).header.extraData.length, 7)
    t.equal((await genesis('holocene', '0x00000000fa00000006')).header.extraData.length, 9)
    const jovian = await genesis('jovian', '0x01000000fa000000060000000000000000')
    t.equal(jovian.header.extraData.length, 17)
    t.equal(jovian.header.baseFeePerGas, 1_000_000_000n, 'without one in the file (B-18)')
    await t.rejects(genesis('holocene', '0x424544524f434b'), /extraData|eip1559Params/)
    await t.rejects(genesis('holocene', '0x'), /extraData|eip1559Params/)
    await t.rejects(genesis('holocene', '0x000000000000000000'), /extraData|eip1559Params/)
    await t.rejects(genesis('jovian', '0x00000000fa00000006'), /extraData|eip1559Params/)
    await t.rejects(
      genesis('isthmus', '0x01000000fa000000060000000000000000'),
      /extraData|eip1559Params/,
    )
  },
)

t.test('the first Jovian block is neither clamped nor sees blobGasUsed (B-11, T-26)', async (t) => {
  const chain = chainAt('isthmus', { jovian: 1005 })
  const header = { gasUsed: 5_000_000n, blobGasUsed: 30_000_000n, baseFeePerGas: 1000n }
  const test = await startChain(chain, {}, { header })
  const first = await nextBlock(test, [idleDeposit], { timestamp: 1005, minBaseFee: 5000 })
  t.equal(first.header.baseFeePerGas, 1000n)
  t.equal(bytesToHex(first.header.extraData), '0x01000000fa000000060000000000001388')
  const second = await nextBlock(test, [idleDeposit], { timestamp: 1006, minBaseFee: 0 })
  t.equal(second.header.baseFeePerGas, 5000n, 'clamped to what the parent says')
  const third = await nextBlock(test, [idleDeposit], { timestamp: 1007, minBaseFee: 7000 })
  t.equal(third.header.baseFeePerGas, 4980n, 'no longer clamped')
})

t.test('minBaseFee clamps from below only (B-11)', (t) => {
  const extraData = '0x01000000fa0000000600000000000003e8'
  const after = (baseFeePerGas: bigint, gasUsed: bigint) =>
    baseFeeAfter(chainAt('jovian'), { extraData, baseFeePerGas, gasUsed, gasLimit: 30_000_000n })
  t.equal(after(500n, 5_000_000n), 1000n, 'at target')
  t.equal(after(500n, 30_000_000n), 1000n, 'rising, still below')
  t.equal(after(1000n, 30_000_000n), 1020n, 'rising from it')
  t.equal(after(1003n, 0n), 1000n, 'falling to it: 1003 − 4 = 999')
  t.equal(after(1000n, 0n), 1000n, 'staying')
  t.equal(after(2000n, 0n), 1992n, 'falling above it')
  t.end()
})

t.test('the DA footprint of a Jovian parent counts as gas where it is larger (B-11, T-24)', (t) => {
  const fields = { baseFeePerGas: 1_000_000_000n, gasLimit: 30_000_000n }
  const after = (fork: Fork, gasUsed: bigint, blobGasUsed: bigint) => {
    const extraData =
      fork === 'isthmus' ? '0x00000000fa00000006' : '0x01000000fa000000060000000000000000'
    return baseFeeAfter(chainAt(fork), { ...fields, extraData, gasUsed, blobGasUsed })
  }
  for (const fork of ['jovian', 'karst'] as const) {
    t.equal(after(fork, 5_000_000n, 0n), 1_000_000_000n)
    t.equal(after(fork, 5_000_000n, 4_000_000n), 1_000_000_000n)
    t.equal(after(fork, 5_000_000n, 10_000_000n), 1_004_000_000n)
    t.equal(after(fork, 10_000_000n, 5_000_000n), 1_004_000_000n)
    t.equal(after(fork, 0n, 5_000_000n), 1_000_000_000n)
    t.equal(after(fork, 0n, 30_000_000n), 1_020_000_000n)
  }
  t.equal(after('isthmus', 5_000_000n, 10_000_000n), 1_000_000_000n)
  t.end()
})

const SENDER = '0x1a642f0e3c3af545e7acbd38b07251b3990914f1'
const richAlloc = (l1Block: Parameters<typeof l1BlockAccount>[0]): Alloc => ({
  [SENDER]: { balance: '0xde0b6b3a7640000' },
  [L1_BLOCK]: l1BlockAccount(l1Block),
})

/** A plain transfer of {@link SENDER}, of less than 100 bytes after compression. */
const transfer = (nonce: bigint) =>
  createFeeMarket1559Tx(
    {
      nonce,
      to: COINBASE,
      gasLimit: 21_000n,
      maxFeePerGas: 3_000_000_000n,
      maxPriorityFeePerGas: 7n,
    },
    { common: rulesAt('karst').common },
  )
    .sign(new Uint8Array(32).fill(1))
    .serialize()

t.test(
  'blobGasUsed is the DA footprint, and moves the next base fee (X-10, X-11, B-11, T-25)',
  async (t) => {
    for (const fork of ['jovian', 'karst'] as const) {
      const test = await startChain(chainAt(fork), richAlloc({ daFootprintGasScalar: 60_000n }))
      const { header } = await nextBlock(test, [idleDeposit, transfer(0n)])
      t.equal(header.baseFeePerGas, 996_000_000n)
      t.equal(header.gasUsed, 21_000n)
      // No multiple of a blob's gas, and more than nine blobs: nothing of that matters.
      t.equal(header.blobGasUsed, 6_000_000n)
      t.equal(header.excessBlobGas, 0n)
      const next = await nextBlock(test, [idleDeposit])
      t.equal(next.header.blobGasUsed, 0n)
      t.equal(next.header.excessBlobGas, 0n)
      // (6 M − 5 M) / 5 M / 250
      t.equal(next.header.baseFeePerGas, 996_796_800n)
    }
    const test = await startChain(chainAt('isthmus'), richAlloc({ daFootprintGasScalar: 60_000n }))
    const { header } = await nextBlock(test, [idleDeposit, transfer(0n)])
    t.equal(header.blobGasUsed, 0n, 'not before Jovian')
  },
)

t.test('gas limits jump up and down and set the target (B-14, T-35)', async (t) => {
  for (const fork of ['regolith', 'holocene', 'karst'] as const) {
    const test = await startChain(chainAt(fork), {})
    const limits = [30_000_000n, 85_000_000n, 30_000_000n, 4999n, 2n ** 63n - 1n, 30_000_000n]
    for (const gasLimit of limits) {
      const { header } = await nextBlock(test, [idleDeposit], { gasLimit })
      t.equal(header.gasLimit, gasLimit, `${fork} ${gasLimit}`)
    }
  }
})

t.test('gas used may be the whole gas limit, and is what the receipts say (X-14)', async (t) => {
  const test = await startChain(chainAt('jovian'), richAlloc({}))
  const transactions = [idleDeposit, transfer(0n), depositTo(DEPOSITOR), transfer(1n)]
  const gasLimit = 221_000n
  const { header, receipts } = await nextBlock(test, transactions, { gasLimit })
  t.same(
    receipts.map(({ cumulativeGasUsed }) => cumulativeGasUsed),
    [0n, 21_000n, 42_000n, 63_000n],
  )
  t.equal(header.gasUsed, 63_000n)
  const exact = await nextBlock(test, [idleDeposit, transfer(2n)], { gasLimit: 21_000n })
  t.equal(exact.header.gasUsed, 21_000n)
})

t.test(
  'a block has exactly the header fields of its fork (H-26, X-01, X-05, X-09, X-10, X-12, X-13)',
  async (t) => {
    const times = { regolith: 1010, canyon: 1020, ecotone: 1030, fjord: 1040, granite: 1050 }
    const later = { holocene: 1060, isthmus: 1070, jovian: 1080, karst: 1090 }
    const chain = chainAt('bedrock', { ...times, ...later })
    const test = await startChain(chain, {})
    const root = `0x${'be'.repeat(32)}` as const
    // Up to which second a header has so many fields.
    const expectations: [until: number, fields: number, extraData: number][] = [
      [1020, 16, 0],
      [1030, 17, 0],
      [1060, 20, 0],
      [1070, 20, 9],
      [1080, 21, 9],
      [1100, 21, 17],
    ]
    const seconds = [...Object.values(times), ...Object.values(later)].flatMap((s) => [
      s - 1,
      s,
      s + 1,
    ])
    for (const timestamp of seconds) {
      const [, fields, extraData] = expectations.find(([until]) => timestamp < until)!
      const parentBeaconBlockRoot = timestamp < 1030 ? undefined : root
      const { header } = await nextBlock(test, [idleDeposit], { timestamp, parentBeaconBlockRoot })
      const raw = header.raw()
      t.equal(raw.length, fields, `fields at ${timestamp}`)
      t.equal(header.extraData.length, extraData, `extraData at ${timestamp}`)
      t.same(
        raw.slice(16).map((field) => bytesToHex(field)),
        [EMPTY_ROOT, '0x', '0x', root, SHA256_OF_NOTHING].slice(0, fields - 16),
        `optional fields at ${timestamp}`,
      )
      t.equal(header.difficulty, 0n)
      t.equal(bytesToHex(header.nonce), '0x0000000000000000')
      t.equal(
        bytesToHex(header.uncleHash),
        '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347',
      )
    }
  },
)

t.test('parentBeaconBlockRoot is refused before Ecotone, needed after (X-12, R-09)', async (t) => {
  const chain = chainAt('canyon', { ecotone: 1005 })
  const run = async (timestamp: number, parentBeaconBlockRoot: Uint8Array | null | undefined) =>
    nextBlock(await startChain(chain, {}), [], { timestamp, parentBeaconBlockRoot })
  await t.rejects(run(1004, new Uint8Array(32)), /parentBeaconBlockRoot/)
  await t.rejects(run(1005, undefined), /parentBeaconBlockRoot/)
  await t.rejects(run(1005, null), /parentBeaconBlockRoot/)
  await t.rejects(run(1005, new Uint8Array(31)), /parentBeaconBlockRoot/)
  t.equal((await run(1004, null)).header.parentBeaconBlockRoot, undefined)
  const { header } = await run(1005, new Uint8Array(32))
  t.same(header.parentBeaconBlockRoot, new Uint8Array(32))
})

t.test('timestamps must rise, by any amount (X-02, R-11)', async (t) => {
  const at = async (timestamp: bigint) =>
    nextBlock(await startChain(chainAt('karst'), {}), [idleDeposit], { timestamp })
  await t.rejects(at(999n), /timestamp 999 /)
  await t.rejects(at(1000n), /timestamp 1000 /)
  t.equal((await at(1001n)).header.timestamp, 1001n)
  t.equal((await at(4_102_444_800n)).header.timestamp, 4_102_444_800n, 'far in the future')
})

t.test('number, parentHash, mixHash and coinbase are as dictated (X-03, X-04)', async (t) => {
  const feeRecipients = [COINBASE, `0x${'00'.repeat(20)}`, `0x${'00'.repeat(19)}01`, SENDER]
  for (const suggestedFeeRecipient of [...feeRecipients, `0x${'ff'.repeat(20)}`]) {
    const test = await startChain(chainAt('jovian'), richAlloc({}))
    const { parent } = test
    const prevRandao = `0x${'5a'.repeat(32)}` as const
    const { header } = await nextBlock(test, [idleDeposit, transfer(0n)], {
      suggestedFeeRecipient: suggestedFeeRecipient as PrefixedHexString,
      prevRandao,
    })
    t.equal(header.number, parent.number + 1n)
    t.equal(bytesToHex(header.parentHash), bytesToHex(parent.hash()))
    t.equal(bytesToHex(header.mixHash), prevRandao)
    t.equal(header.coinbase.toString(), suggestedFeeRecipient)
    const miner = await test.state.getAccount(header.coinbase)
    if (suggestedFeeRecipient.startsWith('0xff')) t.equal(miner!.balance, 147_000n, 'the tip')
  }
})

/** Stores its second word of input in the slot that the first names. */
const STORER = '0x602035600035550000'
const slot = (number: number): PrefixedHexString => `0x${number.toString(16).padStart(64, '0')}`
const store = (index: number, value: number) =>
  depositTo(MESSAGE_PASSER, `${slot(index)}${slot(value).slice(2)}` as PrefixedHexString)

/** Roots of storage tries, by what they hold. */
const STORAGE_ROOTS = {
  one: '0xf38f9f63c760d088d7dd04f743619b6291f63beebd8bdf530628f90e9cfa52d7',
  both: '0x4b3c608e99f7edd21e2998f4945ea339fcc663f40787c747f73f97d1fbe99b1a',
  two: '0x5ee6df49d7751b80359dd3821492cde1b0790701283ce2cee8f28162fc64770f',
} as const

/** A message passer with 1 in slot 1. */
const passerAlloc: Alloc = {
  [MESSAGE_PASSER]: { balance: '0x0', code: STORER, storage: { [slot(1)]: slot(1) } },
}

t.test(
  'withdrawalsRoot is the storage root after the block, from Isthmus on (X-05, X-07, T-17)',
  async (t) => {
    const test = await startChain(chainAt('holocene', { isthmus: 1010, jovian: 1020 }), passerAlloc)
    const root = async (timestamp: number, transactions: Uint8Array[]) => {
      const { header } = await nextBlock(test, transactions, { timestamp })
      return bytesToHex(header.withdrawalsRoot!)
    }
    t.equal(await root(1008, [idleDeposit]), EMPTY_ROOT, 'before Isthmus')
    t.equal(await root(1009, [store(2, 5)]), EMPTY_ROOT, 'with a change before Isthmus')
    t.equal(await root(1010, [store(2, 0)]), STORAGE_ROOTS.one, 'changed in the first block')
    t.equal(await root(1011, [idleDeposit]), STORAGE_ROOTS.one, 'untouched')
    t.equal(await root(1012, [store(2, 5)]), STORAGE_ROOTS.both, 'a slot more')
    t.equal(await root(1013, [store(1, 0)]), STORAGE_ROOTS.two, 'a slot less')
    t.equal(await root(1014, [store(2, 0), store(2, 5)]), STORAGE_ROOTS.two, 'away and back')
    t.equal(await root(1020, [store(1, 1)]), STORAGE_ROOTS.both, 'in Jovian')
    t.equal(await root(1021, [store(1, 0), store(2, 0)]), EMPTY_ROOT, 'all slots cleared')
  },
)

t.test(
  'withdrawalsRoot of a chain without a message passer is the empty root (X-07)',
  async (t) => {
    const test = await startChain(chainAt('isthmus'), {})
    const { header } = await nextBlock(test, [])
    t.equal(bytesToHex(header.withdrawalsRoot!), EMPTY_ROOT)
  },
)

t.test(
  'an Isthmus genesis has the storage root of its alloc, zeros skipped (X-08, T-15)',
  async (t) => {
    const genesisAt = (fork: Fork, extraData: string) =>
      createGenesis(
        {
          config: configAt(fork),
          timestamp: '0x0',
          gasLimit: '0x1c9c380',
          difficulty: '0x0',
          nonce: '0x0',
          extraData,
          alloc: {
            '4200000000000000000000000000000000000016': {
              balance: '0x0',
              code: STORER,
              storage: {
                [slot(1)]: slot(1),
                [slot(2)]: slot(5),
                [slot(3)]: slot(0),
                [slot(4)]: '0x00',
              },
            },
          },
        },
        { customCrypto },
      )
    const isthmus = await genesisAt('isthmus', '0x00000000fa00000006')
    t.equal(bytesToHex(isthmus.header.withdrawalsRoot!), STORAGE_ROOTS.both)
    t.equal(bytesToHex(isthmus.header.requestsHash!), SHA256_OF_NOTHING)
    const holocene = await genesisAt('holocene', '0x00000000fa00000006')
    t.equal(bytesToHex(holocene.header.withdrawalsRoot!), EMPTY_ROOT)
    t.equal(holocene.header.requestsHash, undefined)
    const regolith = await genesisAt('regolith', '0x')
    t.equal(regolith.header.withdrawalsRoot, undefined)
  },
)
