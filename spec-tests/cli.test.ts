import { gzipSync } from 'node:zlib'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { FIXTURES, type JSONValue, noFixtures, readFixture, runCLI } from './helpers.ts'

const BLOCK = `${FIXTURES}/blocks/block-120794432.json.gz`

const write = (folder: string, name: string, content: unknown) => {
  const path = resolve(folder, name)
  const bytes =
    content instanceof Uint8Array || typeof content === 'string' ? content : JSON.stringify(content)
  writeFileSync(path, bytes)
  return path
}

t.test('verify prints a line for each block and one for all', { skip: noFixtures }, async (t) => {
  const { status, lines, stderr } = runCLI('verify', BLOCK)
  t.equal(status, 0)
  t.equal(stderr, '')
  t.match(
    lines[0],
    /^ok {3}10 120794432 ecotone 0xc037066dfa979f84bda99016623d1bd4d2168e7a54dfe95b0948b56eda50a2bb 1 txs 43851 gas \d+ ms$/,
  )
  t.same(lines.slice(1), ['1 passed, 0 failed'])
})

t.test('verify reads .json as well as .json.gz', { skip: noFixtures }, async (t) => {
  const path = write(t.testdir(), 'block.json', readFixture('blocks/block-120794432.json.gz'))
  t.equal(runCLI('verify', path).status, 0)
})

t.test('verify --json prints an object a line', { skip: noFixtures }, async (t) => {
  const { status, lines } = runCLI('verify', '--json', BLOCK)
  t.equal(status, 0)
  t.match(JSON.parse(lines[0]), {
    file: BLOCK,
    chainId: 10,
    number: 120794432,
    ok: true,
    fork: 'ecotone',
    hash: '0xc037066dfa979f84bda99016623d1bd4d2168e7a54dfe95b0948b56eda50a2bb',
    txs: 1,
    gas: 43851,
    ms: Number,
  })
  t.same(JSON.parse(lines[1]), { passed: 1, failed: 0 })
})

/** Ways to spoil a block file, with what the FAIL line must say and where it says it. */
const SPOILED: [what: string, spoil: (file: JSONValue) => unknown, says: RegExp][] = [
  [
    'another expected hash',
    (file) => ({ ...file, expectedHeader: undefined, expectedBlockHash: `0x${'11'.repeat(32)}` }),
    /^FAIL 10 120794432 ecotone hash is 0xc03706\S+ but should be 0x1111\S+$/,
  ],
  [
    'another expected header',
    (file) => {
      const stateRoot = `0x${'22'.repeat(32)}`
      const expectedHeader = { ...file.expectedHeader, stateRoot, gasUsed: '0x1' }
      return { ...file, expectedHeader, expectedBlockHash: `0x${'11'.repeat(32)}` }
    },
    /^FAIL 10 120794432 ecotone stateRoot is 0xa1e920\S+ but should be 0x2222\S+$/,
  ],
  [
    'no expectation at all',
    (file) => ({ ...file, expectedHeader: undefined, expectedBlockHash: null }),
    /does not say what to expect/,
  ],
  [
    'an empty expectation',
    (file) => ({ ...file, expectedHeader: undefined, expectedBlockHash: null, expected: {} }),
    /does not say what to expect/,
  ],
  [
    'a witness without one node',
    ({ preimages, ...file }) => {
      const { [file.parentHeader.stateRoot]: _, ...rest } = preimages
      return { ...file, preimages: rest }
    },
    /no trie node or code 0xa0b24abb13d6149947247a8817517971bb8d213de1e23225e2b20d36a5b6427c/,
  ],
  [
    'a witness with one byte changed',
    (file) => {
      const [[key, value]] = Object.entries<string>(file.preimages)
      const changed = value.slice(0, -1) + (value.endsWith('0') ? '1' : '0')
      return { ...file, preimages: { ...file.preimages, [key]: changed } }
    },
    /preimage 0x00212a9db08b693fec90fc2df485aa56ba72ed267760447d1dffec9c3afe8de0 hashes to 0x/,
  ],
  ['no witness', (file) => ({ ...file, preimages: undefined }), /^FAIL 10 120794432 ecotone .+/],
  ['no parent header', (file) => ({ ...file, parentHeader: undefined }), /^FAIL 10 120794432 .+/],
  ['an undecodable transaction', (file) => spoilTransaction(file, '0x02c0'), /transaction 1: /],
  [
    'a transaction of no known type',
    (file) => spoilTransaction(file, '0x55'),
    /transaction 1: .*85/,
  ],
  [
    'a transaction of another chain',
    (file) =>
      // EIP-155 transaction for chain 1 (https://eips.ethereum.org/EIPS/eip-155).
      spoilTransaction(
        file,
        '0xf86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83',
      ),
    /transaction 1: .*(chain id|V 37)/,
  ],
  [
    'a deposit with a field missing',
    (file) => spoilTransaction(file, '0x7ec78080808080'),
    /transaction 1: /,
  ],
  [
    'a deposit with seven fields',
    (file) => spoilTransaction(file, '0x7ec780808080808080'),
    /transaction 1: deposit has 7 fields/,
  ],
  [
    'a missing fork time',
    (file) => ({
      ...file,
      config: { ...file.config, canyonTime: undefined, shanghaiTime: undefined },
    }),
    /config ecotoneTime .*Infinity|config .*canyonTime/,
  ],
  [
    'extraData of the wrong form in the parent',
    (file) => ({
      ...file,
      config: {
        ...file.config,
        fjordTime: 1710374401,
        graniteTime: 1710374401,
        holoceneTime: 1710374401,
      },
      payloadAttributes: { ...file.payloadAttributes, eip1559Params: '0x0000000000000000' },
    }),
    /extraData 0x \(.*\) is not valid in a holocene block/,
  ],
  [
    'attributes without a gas limit',
    (file) => ({ ...file, payloadAttributes: { ...file.payloadAttributes, gasLimit: undefined } }),
    /gasLimit undefined/,
  ],
]

const spoilTransaction = (file: JSONValue, raw: string) => ({
  ...file,
  payloadAttributes: {
    ...file.payloadAttributes,
    transactions: [...file.payloadAttributes.transactions, raw],
  },
})

t.test(
  'verify says what is wrong with a spoiled block and exits 1',
  { skip: noFixtures },
  async (t) => {
    const folder = t.testdir()
    const file = readFixture('blocks/block-120794432.json.gz')
    const paths = SPOILED.map(([, spoil], index) => write(folder, `${index}.json`, spoil(file)))
    const { status, lines, stderr } = runCLI('verify', ...paths)
    t.equal(status, 1)
    t.equal(stderr, '', 'no stack trace')
    for (const [index, [what, , says]] of SPOILED.entries()) {
      t.match(lines[index], /^FAIL /, what)
      t.match(lines[index], says, what)
    }
    t.same(lines.slice(SPOILED.length), [`0 passed, ${SPOILED.length} failed`])
  },
)

t.test(
  'files that cannot be read exit 2, and the others are still verified',
  { skip: noFixtures },
  async (t) => {
    const folder = t.testdir()
    const gz = gzipSync(JSON.stringify(readFixture('blocks/block-120794432.json.gz')))
    const unreadable = [
      write(folder, 'truncated.json.gz', gz.subarray(0, gz.length >> 1)),
      write(folder, 'truncated.json', '{"config": {'),
      write(folder, 'empty.json', ''),
      write(folder, 'text.json', 'not JSON'),
      resolve(folder, 'missing.json'),
      folder,
    ]
    const { status, stderr, lines } = runCLI('verify', ...unreadable, BLOCK)
    t.equal(status, 2)
    for (const path of unreadable)
      t.ok(
        lines.find((line) => line.startsWith(`FAIL ${path} `)),
        path,
      )
    t.equal(stderr, '', 'no stack trace')
    t.match(lines[6], /^ok {3}10 120794432/)
    t.same(lines.slice(7), ['1 passed, 6 failed'])
  },
)

t.test('of JSON that is not a block file nothing is known', async (t) => {
  const folder = t.testdir()
  const contents = [
    'null',
    '[]',
    '1',
    '"text"',
    '{}',
    '{"config":{}}',
    '{"config":null,"parentHeader":null}',
  ]
  const paths = contents.map((content, index) => write(folder, `${index}.json`, content))
  const { status, lines, stderr } = runCLI('verify', ...paths)
  t.equal(status, 2)
  t.equal(stderr, '')
  for (const [index, content] of contents.entries())
    t.ok(lines[index].startsWith(`FAIL ${paths[index]} `), content)
  const failed = JSON.parse(runCLI('verify', '--json', paths[4]).lines[0])
  t.match(failed, { file: paths[4], ok: false, error: /config bedrockBlock/ })
})

t.test('genesis prints the hash and nothing else', { skip: noFixtures }, async (t) => {
  const { status, stdout, stderr } = runCLI('genesis', `${FIXTURES}/genesis/mainnet-zora.json.gz`)
  t.equal(status, 0)
  t.equal(stdout, '0x47555a45a1af8d4728ca337a1e48375a83919b1ea16591e070a07388b7364e29\n')
  t.equal(stderr, '')
})

t.test(
  'genesis refuses a contradictory file with exit status 1',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('genesis/sepolia-devnet-2-sepolia-devnet-2.json.gz')
    const folder = t.testdir()
    const spoiled: [unknown, RegExp][] = [
      [
        { ...file, config: { ...file.config, isthmusTime: undefined } },
        /(jovian|prague|isthmus)Time/,
      ],
      [{ ...file, config: { ...file.config, pragueTime: 5 } }, /pragueTime/],
      [{ ...file, config: { ...file.config, optimism: undefined } }, /optimism|eip1559/],
      [
        { ...file, extraData: '0x424544524f434b' },
        /extraData 0x424544524f434b \(.*\) is not valid in a karst block/,
      ],
      [
        { ...file, alloc: { '0x1234': { balance: '0x1' } } },
        /genesis alloc 0x1234 is not an address/,
      ],
      [{ ...file, timestamp: 'soon' }, /genesis timestamp must be a number of 64 bits, got "soon"/],
      [{ ...file, stateHash: `0x${'11'.repeat(32)}` }, /genesis stateHash is not supported/],
      [{ ...file, config: {} }, /config bedrockBlock must be an integer/],
      [{}, /genesis alloc is missing/],
      [null, /genesis alloc is missing/],
    ]
    for (const [index, [content, says]] of spoiled.entries()) {
      const path = write(folder, `${index}.json`, content)
      const { status, stdout, stderr } = runCLI('genesis', path)
      t.equal(status, 1)
      t.equal(stdout, '')
      t.match(stderr, says)
      t.ok(stderr.startsWith(`${path}: `), 'the file is named')
      t.notMatch(stderr, /\n {4}at /, 'no stack trace')
    }
  },
)

t.test('genesis of a file that cannot be read exits 2 and names it', async (t) => {
  const folder = t.testdir()
  for (const path of [write(folder, 'text.json', 'not JSON'), resolve(folder, 'missing.json')]) {
    const { status, stdout, stderr } = runCLI('genesis', path)
    t.equal(status, 2)
    t.equal(stdout, '')
    t.ok(stderr.startsWith(`${path}: `), stderr)
    t.notMatch(stderr, /\n {4}at /, 'no stack trace')
  }
})

t.test('wrong usage exits 2 and says what is wrong', async (t) => {
  const calls = [
    ['verify'],
    ['genesis'],
    ['genesis', 'a', 'b'],
    ['execute', 'a'],
    ['verify', '--fast', 'a'],
    ['genesis', '--json', 'a'],
    ['genesis', 'a', '--example'],
    ['dev', 'folder'],
    ['dev', '--block-time', '0'],
  ]
  for (const args of calls) {
    const { status, stdout, stderr } = runCLI(...args)
    t.equal(status, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, /^error: [^\n]+\n$/, 'in one line')
  }
  const nothing = runCLI()
  t.equal(nothing.status, 2)
  t.match(nothing.stderr, /Usage: ethereumjs-op/)
  const { status, stdout } = runCLI('--help')
  t.equal(status, 0)
  t.match(stdout, /Usage: ethereumjs-op/)
})
