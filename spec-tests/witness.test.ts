/** Standard execution witnesses: made here, read back, in files, and with lies in them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RLP } from '@ethereumjs/rlp'
import {
  type PrefixedHexString as Hex,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import { blockToJSON, createAllocState, readBlock } from '../blockchain/index.ts'
import { verifyWitnessFile } from '../node/dist/verify/witnessFile.js'
import {
  type ExecutionWitness,
  InvalidBlockError,
  RecordingState,
  StateError,
  createChain,
  decodeHeader,
  encodeHeaderFields,
  readWitness,
} from '../src/index.ts'
import {
  type JSONValue,
  chainAt,
  customCrypto,
  executeFixture,
  failureOf,
  noFixtures,
  readFixture,
  runCLI,
} from './helpers.ts'

/** Blocks of the fixtures. */
const BLOCKS = [
  10211000, 107728767, 109279675, 109279676, 109279677, 109279678, 109279679, 109279680, 120794432,
  121049889, 121065789, 121135704, 132795025, 132797000, 22884230, 22886311, 26207960, 26207962,
  26208384, 37312300,
]

/** That which is lied about, and another. */
const [LIED, OTHER] = [121049889, 120794432]

const readBlockFile = (number: number) => readFixture(`blocks/block-${number}.json.gz`)
const hashOf = (hex: Hex) => bytesToHex(keccak_256(hexToBytes(hex)))
const byHash = (list: Hex[]) => Object.fromEntries(list.map((entry) => [hashOf(entry), entry]))

/** Whether a preimage is a trie node: a list of 2 or 17 items. */
function isNode(preimage: Hex): boolean {
  try {
    const items = RLP.decode(preimage)
    return Array.isArray(items) && (items.length === 2 || items.length === 17)
  } catch {
    return false
  }
}

/** A file with a standard witness, entries of which are lists. */
interface StandardFile {
  block: JSONValue
  witness: { state: Hex[]; codes: Hex[]; headers: JSONValue[] }
  config: JSONValue
}

/** Makes one of a block file: the block as JSON-RPC has it, the header in RLP. */
async function toStandard(number: number): Promise<StandardFile> {
  const file = readBlockFile(number)
  const { header, transactions } = blockToJSON(await executeFixture(file))
  const preimages = Object.values<Hex>(file.preimages)
  const witness = {
    state: preimages.filter(isNode),
    codes: preimages.filter((preimage) => !isNode(preimage)),
    headers: [bytesToHex(encodeHeaderFields(file.parentHeader))],
  }
  return { block: { ...header, transactions, uncles: [] }, witness, config: file.config }
}

/** The same: the block in RLP, entries by their hashes, the header an object, and no config but its id. */
function inOtherForm({ block, witness }: StandardFile, file: JSONValue): JSONValue {
  const header = RLP.decode(encodeHeaderFields(block))
  const body = file.payloadAttributes.transactions.map((hex: Hex) => {
    const raw = hexToBytes(hex)
    return raw[0] < 0x80 ? raw : RLP.decode(raw)
  })
  const [state, codes] = [byHash(witness.state), byHash(witness.codes)]
  return {
    block: bytesToHex(RLP.encode([header, body, []] as never)),
    witness: { state, codes, headers: [file.parentHeader] },
    chainId: file.chainId,
  }
}

const withFixtures = { skip: noFixtures }

t.test('verify executes every real block from a standard witness', withFixtures, async (t) => {
  const folder = t.testdir()
  const paths: string[] = []
  for (const [index, number] of BLOCKS.entries()) {
    const standard = await toStandard(number)
    const file = index % 2 === 0 ? standard : inOtherForm(standard, readBlockFile(number))
    paths.push(join(folder, `${number}.json`))
    writeFileSync(paths[index], JSON.stringify(file))
  }
  const { status, lines, stderr } = runCLI('verify', '--json', ...paths)
  t.equal(stderr, '')
  const unknown: number[] = []
  for (const [index, number] of BLOCKS.entries()) {
    const { file, ok, hash, chainId, error, absent } = JSON.parse(lines[index])
    const fixture = readBlockFile(number)
    t.equal(file, paths[index])
    t.equal(absent, undefined, 'the witnesses are complete')
    if (ok) {
      t.equal(hash, fixture.expectedBlockHash ?? fixture.derivedBlockHash)
      t.equal(chainId, fixture.chainId)
    } else {
      unknown.push(number)
      t.match(error, /^the hash of block \d+ is not known$/)
      t.ok(
        fixture.ancestorHashes[/\d+/.exec(error)![0]],
        'its hash is a fixture, its header is not',
      )
    }
  }
  t.strictSame(unknown, [], 'blocks that ask BLOCKHASH for more than the parent')
  t.equal(status, unknown.length > 0 ? 2 : 0)
})

/** The class of an error; that of the built package is another than that of its source. */
const kindOf = (error: unknown) => (error as Error).constructor.name

/** What comes of a file: nothing if it is right. */
const fault = (file: JSONValue) => failureOf(verifyWitnessFile(file, customCrypto))

const flip = (hex: Hex, at = hex.length - 1) =>
  `${hex.slice(0, at)}${hex[at] === '0' ? '1' : '0'}${hex.slice(at + 1)}` as Hex

t.test('of a lie in a witness nothing comes but its name', withFixtures, async (t) => {
  const file = await toStandard(LIED)
  const other = await toStandard(OTHER)
  const { block, witness, config } = file
  const { state, codes, headers } = witness
  const change = (part: object) => ({ ...file, witness: { ...witness, ...part } })
  const root = readBlockFile(LIED).parentHeader.stateRoot
  const atRoot = state.findIndex((node) => hashOf(node) === root)
  const parentHash = hashOf(headers[0])
  const lies: [lie: string, file: JSONValue, error: RegExp][] = [
    [
      'a byte of a node',
      change({ state: state.with(atRoot, flip(state[atRoot])) }),
      new RegExp(`^account 0x\\w{40}: state is incomplete: no trie node or code ${root}$`),
    ],
    [
      'a byte of a node under its hash',
      change({ state: { ...byHash(state), [root]: flip(state[atRoot]) } }),
      new RegExp(`^witness state\\[${root}\\] hashes to 0x\\w{64}$`),
    ],
    [
      'a byte of code',
      change({ codes: codes.with(0, flip(codes[0], 2)) }),
      new RegExp(`^code of 0x\\w{40}: state is incomplete: .* ${hashOf(codes[0])}$`),
    ],
    [
      'a byte of the header',
      change({ headers: [flip(headers[0])] }),
      new RegExp(`^the witness lacks the header of the parent ${parentHash}$`),
    ],
    [
      'the state root in the header',
      change({ headers: [{ ...readBlockFile(LIED).parentHeader, stateRoot: parentHash }] }),
      new RegExp(`^the witness lacks the header of the parent ${parentHash}$`),
    ],
    [
      'a node in place of another',
      change({ state: state.with(atRoot, other.witness.state[0]) }),
      new RegExp(`^account 0x\\w{40}: .* ${root}$`),
    ],
    [
      'the header of another block beside the right one',
      change({ headers: [...headers, ...other.witness.headers] }),
      new RegExp(
        `^witness headers\\[1\\] ${hashOf(other.witness.headers[0])} is no ancestor of the block$`,
      ),
    ],
    [
      'the witness of another block',
      { block, witness: other.witness, config },
      new RegExp(`^the witness lacks the header of the parent ${parentHash}$`),
    ],
    [
      'the state of another block',
      change({ state: other.witness.state }),
      new RegExp(`^account 0x\\w{40}: state is incomplete: .* ${root}$`),
    ],
  ]
  for (const [lie, lying, error] of lies) {
    const thrown = await fault(lying)
    t.equal(kindOf(thrown), 'StateError', `${lie}: nothing is known of the block`)
    t.match((thrown as Error).message, error, lie)
  }
})

t.test(
  'a node or code that is left out is named, or the accounts that it hides',
  withFixtures,
  async (t) => {
    const file = await toStandard(LIED)
    const counts = { named: 0, assumed: 0, unneeded: 0 }
    let assuming: JSONValue
    for (const part of ['state', 'codes'] as const) {
      for (const [index, entry] of file.witness[part].entries()) {
        if (index % 5 > 0) continue
        const rest = file.witness[part].filter((other) => other !== entry)
        const lying = { ...file, witness: { ...file.witness, [part]: rest } }
        const outcome = await verifyWitnessFile(lying, customCrypto).catch((error) => error)
        if (outcome instanceof Error) {
          t.equal(kindOf(outcome), 'StateError')
          t.match(outcome.message, new RegExp(`no trie node or code ${hashOf(entry)}$`))
          counts.named++
        } else {
          t.equal(outcome.hash, file.block.hash, 'the block is right all the same')
          counts[outcome.absent ? 'assumed' : 'unneeded']++
          if (outcome.absent) assuming = lying
        }
      }
    }
    // Of one in eight all that hangs on it is an account that is only read, or none.
    t.strictSame(counts, { named: 51, assumed: 8, unneeded: 2 })
    const path = join(t.testdir(), 'assuming.json')
    writeFileSync(path, JSON.stringify(assuming))
    const { status, lines } = runCLI('verify', path)
    t.equal(status, 0)
    t.match(lines[0], /^ok .* \d+ ms, assumed not to exist: 0x[0-9a-f]{40}( 0x[0-9a-f]{40})*$/)
  },
)

t.test('a wrong block is wrong, whatever its witness', withFixtures, async (t) => {
  const file = await toStandard(LIED)
  const { block } = file
  /** Another header, and the hash that belongs to it. */
  const rehash = (changes: object) => {
    const changed = { ...block, ...changes }
    return { ...changed, hash: bytesToHex(keccak_256(encodeHeaderFields(changed))) }
  }
  const gasUsed = flip(block.gasUsed)
  const stateRoot = flip(block.stateRoot)
  const [first, ...others] = block.transactions
  const lies: [lie: string, block: JSONValue, kind: string, error: string][] = [
    [
      'the state root',
      rehash({ stateRoot }),
      'MismatchError',
      `header stateRoot is "${block.stateRoot}", but "${stateRoot}" is claimed`,
    ],
    [
      'two fields of the header',
      rehash({ gasUsed, stateRoot }),
      'MismatchError',
      `header stateRoot is "${block.stateRoot}", but "${stateRoot}" is claimed; header gasUsed is "${block.gasUsed}", but "${gasUsed}" is claimed`,
    ],
    [
      'its hash',
      { ...block, hash: stateRoot },
      'InvalidBlockError',
      `the header of block ${LIED} hashes to ${block.hash}, not to ${stateRoot}`,
    ],
    [
      'the hash of a transaction',
      { ...block, transactions: [{ ...first, hash: stateRoot }, ...others] },
      'InvalidBlockError',
      `transaction 0 of block ${LIED} hashes to ${first.hash}, not to ${stateRoot}`,
    ],
    [
      'a transaction that is left out',
      { ...block, transactions: others },
      'InvalidBlockError',
      `transactionsRoot of the header is ${block.transactionsRoot}, but that of its 2 transactions is`,
    ],
  ]
  for (const [lie, lying, kind, error] of lies) {
    const thrown = await fault({ ...file, block: lying })
    t.equal(kindOf(thrown), kind, lie)
    t.ok((thrown as Error).message.startsWith(error), `${lie}: ${thrown}`)
  }
})

t.test(
  'a file that is no block with its witness is refused by the name of what is wrong',
  withFixtures,
  async (t) => {
    const file = await toStandard(LIED)
    const { block, witness, config } = file
    const part = (changes: object) => ({ ...file, witness: { ...witness, ...changes } })
    const { timestamp: _, ...noTime } = block
    const first = { ...block.transactions[0], value: 'much' }
    const list = RLP.encode([RLP.decode(encodeHeaderFields(block)), []] as never)
    const deep = JSON.parse(`${'['.repeat(10_000)}${']'.repeat(10_000)}`)
    const bad: [file: JSONValue, error: string | RegExp][] = [
      [{ block, config }, 'the file has a block, but no witness'],
      [{ witness, config }, 'the file has a witness, but no block'],
      [
        { block, witness },
        /^the file has neither config nor chainId: give config, .*, or one of 10, /,
      ],
      [{ block, witness, chainId: 5 }, /^the file has chainId 5: give config/],
      [{ block, witness, chainId: '10' }, /^the file has chainId "10": give config/],
      [{ ...file, chainId: 5 }, 'the file has chainId 5, but its config has 10'],
      [{ ...file, config: 'mainnet' }, 'the file has config "mainnet", which is no object'],
      [{ ...file, config: {} }, /^config /],
      [{ ...file, block: null }, 'no block: null'],
      [{ ...file, block: '0x' }, 'no block: "0x"'],
      [{ ...file, block: '0xc0' }, 'the block has not the parts of one'],
      [{ ...file, block: bytesToHex(list) }, 'the block has not the parts of one'],
      [{ ...file, block: `0x${'ff'.repeat(9)}` }, /^the block is no RLP: /],
      [{ ...file, block: deep }, 'no block: a list of 1'],
      [{ ...file, block: noTime }, 'a header has no timestamp'],
      [{ ...file, block: { ...block, number: deep } }, 'a header has number a list of 1'],
      [{ ...file, block: { ...block, miner: '0x1234' } }, 'a header has miner "0x1234"'],
      [
        { ...file, block: { ...block, transactions: [block.transactions[0].hash] } },
        `transaction 0 of block ${LIED} is not whole: "${block.transactions[0].hash}"`,
      ],
      [
        { ...file, block: { ...block, transactions: undefined } },
        `block ${LIED} has transactions undefined`,
      ],
      [
        { ...file, block: { ...block, transactions: [{ ...first, type: '0x2' }] } },
        new RegExp(`^transaction 0 of block ${LIED} cannot be read: `),
      ],
      [
        { ...file, block: { ...block, transactions: [{ ...first, hash: deep }] } },
        `transaction 0 of block ${LIED} has hash a list of 1`,
      ],
      [{ ...file, witness: null }, 'the witness has no state: undefined'],
      [part({ state: 5 }), 'the witness has no state: 5'],
      [part({ state: [5] }), 'witness state[0] is 5'],
      [part({ state: ['0xzz'] }), 'witness state[0] is "0xzz"'],
      [part({ state: ['0x123'] }), 'witness state[0] is "0x123"'],
      [part({ state: { node: '0x00' } }), /^witness state\[node\] hashes to 0xbc36789e/],
      [part({ state: [deep] }), 'witness state[0] is a list of 1'],
      [part({ codes: undefined }), 'the witness has no codes: undefined'],
      [part({ codes: 'none' }), 'the witness has no codes: "none"'],
      [part({ headers: undefined }), 'the witness has no headers: undefined'],
      [part({ headers: [] }), /^the witness lacks the header of the parent 0x/],
      [part({ headers: {} }), 'the witness has no headers: an object'],
      [part({ headers: [7] }), 'witness headers[0] is 7'],
      [part({ headers: ['0xc0'] }), 'a header has 0 fields: "0xc0"'],
      [part({ headers: [{}] }), 'a header has no parentHash'],
      [part({ state: [`0x${'00'.repeat(2 ** 23)}`] }), /^account 0x\w{40}: state is incomplete: /],
    ]
    for (const [index, [lying, error]] of bad.entries()) {
      const thrown = (await fault(lying)) as Error
      t.match(kindOf(thrown), /^(State)?Error$/, `${index}: nothing is known: ${thrown}`)
      if (typeof error === 'string') t.equal(thrown.message, error)
      else t.match(thrown.message, error)
      t.ok(thrown.message.length < 500, 'in a line')
    }
  },
)

t.test(
  'verify: 1 for a wrong block, 2 where nothing is known, never ok',
  withFixtures,
  async (t) => {
    const folder = t.testdir()
    const { block, witness, config } = await toStandard(LIED)
    const write = (name: string, content: object) => {
      const path = join(folder, name)
      writeFileSync(path, JSON.stringify(content))
      return path
    }
    const right = write('right.json', { block, witness, config })
    const wrong = write('wrong.json', {
      block: { ...block, hash: `0x${'11'.repeat(32)}` },
      witness,
      config,
    })
    const lacking = write('lacking.json', { block, witness: { ...witness, state: [] }, config })
    const strange = write('strange.json', { block: { number: {} }, chainId: { toString: 1 } })
    t.equal(runCLI('verify', right).status, 0)
    const unknown = runCLI('verify', right, lacking, strange)
    t.equal(unknown.status, 2)
    t.match(
      unknown.lines[0],
      new RegExp(`^ok   10 ${LIED} ecotone ${block.hash} 3 txs \\d+ gas \\d+ ms$`),
    )
    t.match(
      unknown.lines[1],
      new RegExp(`^FAIL 10 ${LIED} account 0x\\w{40}: state is incomplete: `),
    )
    t.match(unknown.lines[2], `FAIL ${strange} the file has chainId an object: give config`)
    t.equal(unknown.lines[3], '1 passed, 2 failed')
    const all = runCLI('verify', lacking, wrong)
    t.equal(all.status, 1)
    t.match(all.lines[1], new RegExp(`^FAIL 10 ${LIED} the header of block ${LIED} hashes to 0x`))
    t.equal(all.stderr, '')
  },
)

t.test(
  'headers are read from RLP as from JSON, and only in their form',
  withFixtures,
  async (t) => {
    const { parentHeader } = readBlockFile(37312300)
    const raw = encodeHeaderFields(parentHeader)
    t.equal(bytesToHex(keccak_256(raw)), readBlockFile(37312300).parentHash)
    t.equal(bytesToHex(decodeHeader(raw).stateRoot as Uint8Array), parentHeader.stateRoot)
    const { blobGasUsed: _, ...gap } = parentHeader
    t.throws(() => encodeHeaderFields(gap), new StateError('a header has no blobGasUsed'))
    const fields = RLP.decode(raw) as Uint8Array[]
    const decode = async (bytes: Uint8Array) => decodeHeader(bytes)
    const bad: [fields: unknown[], error: string][] = [
      [fields.slice(0, 14), 'a header has 14 fields'],
      [[...fields, fields[0]], 'a header has 22 fields'],
      [fields.with(3, fields[3].subarray(1)), 'a header has stateRoot "0x'],
      [fields.with(8, hexToBytes('0x0001')), 'a header has number "0x0001"'],
      [(fields as unknown[]).with(12, []), 'a header has a list for extraData'],
    ]
    for (const [changed, error] of bad) {
      const thrown = await failureOf(decode(RLP.encode(changed as never)))
      t.ok(thrown instanceof StateError && thrown.message.startsWith(error), `${thrown}`)
    }
    t.match(await failureOf(decode(hexToBytes('0xf8'))), { message: /^a header is no RLP: / })
  },
)

const [RICH, POOR, NOBODY] = ['aa', 'bb', 'cc'].map((byte) => `0x${byte.repeat(20)}`)
/** Fields of a header that are hashes. */
const HASHES = ['parentHash', 'sha3Uncles', 'transactionsRoot', 'receiptsRoot', 'mixHash']
const SLOT = `0x${'00'.repeat(31)}07` as Hex
const ALLOC = {
  [RICH]: { balance: '0x5', nonce: '0x1', code: '0x600160005500', storage: { [SLOT]: '0x2a' } },
  [POOR]: { balance: '0x1' },
  ...Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [
      `0x${`${index + 10}`.repeat(20)}`,
      { balance: '0x9', code: '0x00' },
    ]),
  ),
}

t.test('a RecordingState gives what was read, once, and no more', async (t) => {
  const { common } = chainAt('isthmus')
  const full = await createAllocState(common, ALLOC)
  const root = await full.getStateRoot()
  const nodes = new Map([...full.added].map(([hash, value]) => [hash, value]))
  const record = () => new RecordingState(common, nodes, root)
  const address = createAddressFromString

  const idle = record()
  t.strictSame(idle.toWitness([]), { state: [], codes: [], keys: [], headers: [] })
  await idle.getStateRoot()
  t.strictSame(idle.toWitness([]).state, [bytesToHex(nodes.get(bytesToHex(root).slice(2))!)])

  const state = record()
  await state.getAccount(address(POOR))
  await state.getAccount(address(NOBODY))
  t.strictSame(state.toWitness([]).codes, [])
  t.strictSame(state.toWitness([]).keys, [POOR, NOBODY], 'also of an account that is absent')
  const { size } = state
  await state.getAccount(address(POOR))
  t.equal(state.size, size, 'what is read again counts once')
  t.equal(bytesToHex(await state.getStorage(address(RICH), hexToBytes(SLOT))), '0x2a')
  await state.getCode(address(RICH))
  await state.getCode(address(RICH))
  const header = hexToBytes('0xc0')
  const witness = state.toWitness([header])
  t.strictSame(witness.codes, ['0x600160005500'])
  t.strictSame(witness.keys, [POOR, NOBODY, RICH, SLOT], 'slots follow their account')
  t.strictSame(witness.headers, ['0xc0'])
  const entries = [...(witness.state as Hex[]), ...(witness.codes as Hex[])]
  t.equal(
    state.size,
    entries.reduce((sum, entry) => sum + hexToBytes(entry).length, 0),
  )
  t.equal(new Set(entries).size, entries.length, 'nothing is there twice')
  t.ok(entries.length < nodes.size / 2, `${entries.length} of ${nodes.size}`)

  const parent: Record<string, string> = {
    ...Object.fromEntries(HASHES.map((name) => [name, `0x${'00'.repeat(32)}`])),
    ...{ miner: NOBODY, logsBloom: `0x${'00'.repeat(256)}`, nonce: `0x${'00'.repeat(8)}` },
    ...{ difficulty: '0x0', number: '0x7', gasLimit: '0x1', gasUsed: '0x0', timestamp: '0x9' },
    ...{ stateRoot: bytesToHex(root), extraData: '0x' },
  }
  const hash = bytesToHex(keccak_256(encodeHeaderFields(parent)))
  const given = { ...witness, headers: [parent] } as ExecutionWitness
  const again = readWitness(common, hash, given)
  t.equal((await again.state.getAccount(address(POOR)))?.balance, 1n)
  t.equal(await again.state.getAccount(address(NOBODY)), undefined, 'its absence is proven')
  t.equal(bytesToHex(await again.state.getStorage(address(RICH), hexToBytes(SLOT))), '0x2a')
  t.equal(again.absent.size, 0)
  t.equal(bytesToHex((await again.getBlockHash(7n)) as Uint8Array), hash)
  t.equal(bytesToHex((await again.getBlockHash(6n)) as Uint8Array), parent.parentHash)
  t.equal(await again.getBlockHash(5n), undefined)

  const unread = address(`0x${'10'.repeat(20)}`)
  const message = /^account 0x1010(10){18}: state is incomplete: no trie node or code 0x\w{64}$/
  await t.rejects(readWitness(common, hash, given).state.getAccount(unread), { message })
  const assuming = readWitness(common, hash, given, { assumeAbsent: true })
  t.equal(await assuming.state.getAccount(unread), undefined)
  t.strictSame([...assuming.absent], [`${unread}`], 'what is assumed is named')
})

t.test('a state whose nodes cannot be read is no witness', async (t) => {
  const { common } = chainAt('isthmus')
  const full = await createAllocState(common, ALLOC)
  const get = () => {
    throw new StateError('the state is not kept')
  }
  const state = new RecordingState(common, { get }, await full.getStateRoot())
  await t.rejects(state.getAccount(createAddressFromString(POOR)), /the state is not kept/)
  await t.rejects(state.getStateRoot(), /the state is not kept/)
  const empty = new RecordingState(
    common,
    new Map(),
    await (await createAllocState(common, {})).getStateRoot(),
  )
  await empty.getStateRoot()
  t.strictSame(empty.toWitness([]).state, [], 'the empty state has no root node')
})

t.test('a block with a body that is not its own is no valid block', withFixtures, async (t) => {
  const file = readBlockFile(LIED)
  const chain = createChain(file.config)
  const { block } = await toStandard(LIED)
  const header = RLP.decode(encodeHeaderFields(block))
  const body = file.payloadAttributes.transactions.map((hex: Hex) => hexToBytes(hex))
  const encode = (...parts: unknown[]) => bytesToHex(RLP.encode(parts as never))
  t.equal((await readBlock(chain, encode(header, body, [], []))).hash, block.hash)
  const bad: [parts: unknown[], kind: typeof StateError][] = [
    [[header, body, [header], []], InvalidBlockError],
    [[header, body, [], [[]]], InvalidBlockError],
    [[header, body.slice(1), [], []], InvalidBlockError],
    [[header, body, [], [], []], StateError],
    [[[header], body, [], []], StateError],
  ]
  for (const [parts, kind] of bad) {
    t.ok((await failureOf(readBlock(chain, encode(...parts)))) instanceof kind)
  }
})
