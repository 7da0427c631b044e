import { inspect } from 'node:util'
import { createEOACode7702Tx, createFeeMarket1559Tx } from '@ethereumjs/tx'
import {
  type PrefixedHexString,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import t from 'tap'
import { type Alloc, createGenesis } from '../blockchain/index.ts'
import {
  type Chain,
  type ChainConfig,
  type Fork,
  calculateBaseFee,
  createChain,
  createHeader,
  encodeDeposit,
  executeBlock,
} from '../src/index.ts'
import {
  chainAt,
  configAt,
  customCrypto,
  DEPOSITOR,
  L1_BLOCK,
  l1BlockAccount,
  nextAttributes,
  nextBlock,
  noFixtures,
  readFixture,
  rulesAt,
  startChain,
} from './helpers.ts'

/** A time for each fork, ten seconds apart. */
const STAIRS: Record<Exclude<Fork, 'bedrock'>, number> = {
  regolith: 1010,
  canyon: 1020,
  ecotone: 1030,
  fjord: 1040,
  granite: 1050,
  holocene: 1060,
  isthmus: 1070,
  jovian: 1080,
  karst: 1090,
}

/** A chain that climbs {@link STAIRS}. */
const stairs = (): Chain => chainAt('bedrock', STAIRS)

/** A deposit from an account that nobody else uses. */
function deposit(to: string | undefined, opts: { gas?: bigint; data?: Uint8Array } = {}) {
  return encodeDeposit({
    sourceHash: new Uint8Array(32).fill(1),
    from: createAddressFromString(DEPOSITOR),
    to: to === undefined ? undefined : createAddressFromString(to),
    mint: 0n,
    value: 0n,
    gas: opts.gas ?? 1_000_000n,
    isSystemTx: false,
    data: opts.data ?? new Uint8Array(),
  })
}

/** Code that runs `ops`, which leave one word, and logs that word. */
const logging = (ops: string): PrefixedHexString => `0x${ops}60005260206000a000`

const probe = (index: number) => `0x${(0xc0de00 + index).toString(16).padStart(40, '0')}`

/** Each opcode, the fork that brought it, and the word that it must give. */
const OPCODES: [name: string, since: Fork, ops: string, word: bigint][] = [
  ['PREVRANDAO', 'bedrock', '44', BigInt(`0x${'07'.repeat(32)}`)],
  ['CHAINID', 'bedrock', '46', 901n],
  ['PUSH0', 'canyon', '5f', 0n],
  ['TSTORE and TLOAD', 'ecotone', '602a60015d60015c', 42n],
  ['MCOPY', 'ecotone', '602a6040526020604060805e608051', 42n],
  ['BLOBBASEFEE', 'ecotone', '4a', 1n],
  ['BLOBHASH', 'ecotone', '600049', 0n],
  ['CLZ', 'karst', '60011e', 255n],
]

const probes: Alloc = Object.fromEntries(
  OPCODES.map(([, , ops], index) => [probe(index), { balance: '0x0', code: logging(ops) }]),
)

const FORK_NAMES: Fork[] = [
  'bedrock',
  'regolith',
  'canyon',
  'ecotone',
  'fjord',
  'granite',
  'holocene',
  'isthmus',
  'jovian',
  'karst',
]

/** The seconds around every step of {@link STAIRS}, with the fork that must be in force. */
const SECONDS = Object.entries(STAIRS).flatMap(([fork, time]) => {
  const before = FORK_NAMES[FORK_NAMES.indexOf(fork as Fork) - 1]
  return [
    [time - 1, before],
    [time, fork as Fork],
    [time + 1, fork as Fork],
  ] as [number, Fork][]
})

const isSince = (fork: Fork, since: Fork) => FORK_NAMES.indexOf(fork) >= FORK_NAMES.indexOf(since)

t.test(
  'real chains are in each fork from its exact second (H-20, H-30)',
  { skip: noFixtures },
  async (t) => {
    const times: [string, [Fork, number][]][] = [
      [
        'blocks/block-120794432.json.gz',
        [
          ['canyon', 1704992401],
          ['ecotone', 1710374401],
          ['fjord', 1720627201],
          ['granite', 1726070401],
          ['holocene', 1736445601],
          ['isthmus', 1746806401],
          ['jovian', 1764691201],
          ['karst', 1783526401],
        ],
      ],
      [
        'genesis/sepolia-op.json.gz',
        [
          ['canyon', 1699981200],
          ['ecotone', 1708534800],
          ['fjord', 1716998400],
          ['granite', 1723478400],
          ['holocene', 1732633200],
          ['isthmus', 1744905600],
          ['jovian', 1763568001],
          ['karst', 1781712001],
        ],
      ],
    ]
    for (const [path, forks] of times) {
      const chain = createChain(readFixture(path).config)
      let before: Fork = 'regolith'
      for (const [fork, time] of forks) {
        const forkAt = (timestamp: number) =>
          chain.rules({ number: 200_000_000n, timestamp: BigInt(timestamp) }).fork
        t.equal(forkAt(time - 1), before, `${path} ${time - 1}`)
        t.equal(forkAt(time), fork, `${path} ${time}`)
        t.equal(forkAt(time + 1), fork, `${path} ${time + 1}`)
        before = fork
      }
    }
  },
)

t.test(
  'Bedrock is active from its block number on, nothing before (H-01, H-20)',
  { skip: noFixtures },
  async (t) => {
    const chain = createChain(readFixture('blocks/block-120794432.json.gz').config)
    const timestamp = 1686068903n
    t.throws(() => chain.rules({ number: 105235062n, timestamp }), /105235062.*Bedrock/)
    t.equal(chain.rules({ number: 105235063n, timestamp }).fork, 'regolith')
    t.equal(chain.rules({ number: 105235064n, timestamp }).fork, 'regolith')
  },
)

t.test('a block before Bedrock is not executed, Bedrock’s block is (H-01)', async (t) => {
  const config = { ...configAt('canyon'), bedrockBlock: 5 }
  const chain = createChain(config, { customCrypto })
  const parentAt = (number: bigint) =>
    createHeader(chainAt('canyon'), { number, timestamp: 1000n, gasLimit: 30_000_000n })
  const { state } = await startChain(chainAt('canyon'), {})
  const stateRoot = await state.getStateRoot()
  const attributes = nextAttributes({ chain: chainAt('canyon'), parent: parentAt(3n) }, [])
  const tooEarly = executeBlock({ chain, state, parent: parentAt(3n), attributes })
  await t.rejects(tooEarly, /block [34] is older than Bedrock/)
  const parent = createHeader(chainAt('canyon'), {
    number: 5n,
    timestamp: 1000n,
    gasLimit: 30_000_000n,
    baseFeePerGas: 1_000_000_000n,
    stateRoot,
  })
  const { header } = await executeBlock({ chain, state, parent, attributes })
  t.equal(header.number, 6n)
})

t.test('every fork starts at its exact second, with all before it active (H-20)', (t) => {
  const chain = stairs()
  for (const [second, fork] of SECONDS) {
    const rules = chain.rules({ number: 1n, timestamp: BigInt(second) })
    t.equal(rules.fork, fork, `${second}`)
    for (const other of FORK_NAMES) {
      t.equal(rules.isActive(other), isSince(fork, other), `${other} at ${second}`)
    }
  }
  t.equal(chain.rules({ number: 1n, timestamp: 0n }).fork, 'bedrock')
  t.equal(chain.rules({ number: 1n, timestamp: 2n ** 64n - 1n }).fork, 'karst')
  t.end()
})

t.test('forks may start in the same second, also at genesis (H-20)', (t) => {
  const chain = chainAt('canyon', { ecotone: 50, fjord: 50, granite: 50, holocene: 51 })
  const forkAt = (timestamp: bigint) => chain.rules({ number: 0n, timestamp }).fork
  t.equal(forkAt(0n), 'canyon')
  t.equal(forkAt(49n), 'canyon')
  t.equal(forkAt(50n), 'granite')
  t.equal(forkAt(51n), 'holocene')
  t.end()
})

t.test(
  'opcodes work from their fork’s first block on, not one second before ' +
    '(H-01, H-03, H-05, H-12, I-12)',
  async (t) => {
    const test = await startChain(stairs(), probes)
    for (const [second, fork] of SECONDS) {
      const transactions = OPCODES.map((_, index) => deposit(probe(index)))
      const { receipts } = await nextBlock(test, transactions, { timestamp: second })
      for (const [index, [name, since, , word]] of OPCODES.entries()) {
        const { status, logs } = receipts[index]
        t.equal(status, isSince(fork, since) ? 1 : 0, `${name} at ${second} (${fork})`)
        if (status === 1) t.equal(BigInt(bytesToHex(logs[0][2])), word, `${name} at ${second}`)
      }
    }
  },
)

t.test('deposits show what changes in each fork’s first block (H-02…H-14)', async (t) => {
  const [coinbaseReader, eoa] = [probe(100), probe(101)]
  // COINBASE BALANCE POP STOP
  const alloc: Alloc = { [coinbaseReader]: { balance: '0x0', code: '0x41315000' } }
  const test = await startChain(stairs(), alloc)
  const precompile = (address: number) => `0x${address.toString(16).padStart(40, '0')}`
  const modulusOf1025Bytes = hexToBytes(`0x${'00'.repeat(64)}${'0401'.padStart(64, '0')}`)
  const since = (fork: Fork, time: Fork, before: unknown, after: unknown) =>
    isSince(fork, time) ? after : before
  for (const [second, fork] of SECONDS) {
    const { receipts } = await nextBlock(
      test,
      [
        deposit(eoa, { gas: 50_000n }),
        deposit(coinbaseReader),
        deposit(undefined, { data: new Uint8Array(49_153), gas: 400_000n }),
        deposit(precompile(0x0a)),
        deposit(precompile(0x100)),
        deposit(eoa, { data: new Uint8Array(1000).fill(1) }),
        deposit(precompile(0x0b)),
        deposit(precompile(0x05), { data: modulusOf1025Bytes }),
        deposit(precompile(0x05), { gas: 21_300n }),
        deposit(precompile(0x05), { gas: 21_600n }),
      ],
      { timestamp: second },
    )
    const at = `at ${second} (${fork})`
    const [plain, warm, long, kzg, p256, calldata, bls, modulus, gas300, gas600] = receipts
    t.equal(plain.gasUsed, since(fork, 'regolith', 50_000n, 21_000n), `deposit gas ${at}`)
    t.equal(plain.depositNonce === undefined, fork === 'bedrock', `deposit nonce ${at}`)
    t.equal(plain.depositReceiptVersion, since(fork, 'canyon', undefined, 1), `version ${at}`)
    if (fork === 'bedrock') continue
    // EIP-3651: 21000 + COINBASE 2 + BALANCE 2600 or 100 + POP 2
    t.equal(warm.gasUsed, since(fork, 'canyon', 23_604n, 21_104n), `coinbase ${at}`)
    t.equal(long.status, since(fork, 'canyon', 1, 0), `EIP-3860 ${at}`)
    t.equal(kzg.status, since(fork, 'ecotone', 1, 0), `KZG without input ${at}`)
    const p256Gas = since(fork, 'karst', 24_450n, 27_900n)
    t.equal(p256.gasUsed, since(fork, 'fjord', 21_000n, p256Gas), `P256VERIFY ${at}`)
    t.equal(calldata.gasUsed, since(fork, 'isthmus', 37_000n, 61_000n), `EIP-7623 ${at}`)
    t.equal(bls.status, since(fork, 'isthmus', 1, 0), `BLS12-381 without input ${at}`)
    t.equal(modulus.status, since(fork, 'karst', 1, 0), `EIP-7823 (H-13) ${at}`)
    t.equal(gas300.status, since(fork, 'karst', 1, 0), `EIP-7883 (H-14) ${at}`)
    t.equal(gas600.status, 1, `600 gas for MODEXP ${at}`)
  }
})

t.test('Delta and PectraBlobSchedule change nothing (H-04, H-09)', async (t) => {
  const config = configAt('canyon', { ecotone: 1005 })
  const ignored = { deltaTime: 1003, pectraBlobScheduleTime: 1004 }
  const hashes: string[][] = []
  for (const chainConfig of [config, { ...config, ...ignored }]) {
    const test = await startChain(createChain(chainConfig, { customCrypto }), probes)
    const blocks: string[] = []
    for (let timestamp = 1001; timestamp <= 1006; timestamp++) {
      const { header } = await nextBlock(test, [deposit(probe(2))], { timestamp })
      blocks.push(bytesToHex(header.hash()))
    }
    hashes.push(blocks)
  }
  t.equal(hashes[0].length, 6)
  t.same(hashes[1], hashes[0])
})

/** A funded sender, and a type 4 and a type 2 transaction of it. */
const SENDER = '0x1a642f0e3c3af545e7acbd38b07251b3990914f1'
const senderAlloc: Alloc = {
  [SENDER]: { balance: '0xde0b6b3a7640000' },
  [L1_BLOCK]: l1BlockAccount({}),
}
const [type4, type2] = (() => {
  const privateKey = new Uint8Array(32).fill(1)
  const { common } = rulesAt('isthmus')
  const fields = { to: DEPOSITOR, maxFeePerGas: 2_000_000_000n, gasLimit: 100_000n } as const
  const zero = { chainId: '0x0', nonce: '0x0', yParity: '0x0' } as const
  const authorization = { ...zero, address: DEPOSITOR, r: '0x1', s: '0x1' } as const
  return [
    createEOACode7702Tx({ ...fields, authorizationList: [authorization] }, { common })
      .sign(privateKey)
      .serialize(),
    createFeeMarket1559Tx(fields, { common }).sign(privateKey).serialize(),
  ]
})()

t.test('transaction types come with their forks (H-01, H-05, H-10, R-03)', async (t) => {
  const run = async (fork: Fork, raw: Uint8Array) => {
    const test = await startChain(chainAt(fork), senderAlloc)
    const { receipts } = await nextBlock(test, [deposit(DEPOSITOR), raw])
    return receipts[1].type
  }
  for (const fork of FORK_NAMES) {
    t.equal(await run(fork, type2), 2, `type 2 in ${fork}`)
    if (isSince(fork, 'isthmus')) t.equal(await run(fork, type4), 4, `type 4 in ${fork}`)
    else await t.rejects(run(fork, type4), /^transaction 1: .*7702/, `type 4 in ${fork}`)
  }
})

t.test('a type 4 transaction is valid from the first Isthmus second on (H-10)', async (t) => {
  const chain = chainAt('holocene', { isthmus: 1005 })
  const at = async (timestamp: number) =>
    nextBlock(await startChain(chain, senderAlloc), [type4], { timestamp })
  await t.rejects(at(1004), /^transaction 0: .*7702/)
  t.equal((await at(1005)).receipts[0].type, 4)
  t.equal((await at(1006)).receipts[0].type, 4)
})

t.test(
  'a Karst genesis without Ethereum fork times has Osaka’s rules (H-24, T-31)',
  { skip: noFixtures },
  async (t) => {
    const file = readFixture('genesis/sepolia-devnet-2-sepolia-devnet-2.json.gz')
    const { shanghaiTime, cancunTime, pragueTime, osakaTime, ...config } = file.config
    t.same([shanghaiTime, cancunTime, pragueTime, osakaTime], [0, 0, 0, 0], 'were in the file')
    const genesis = await createGenesis({ ...file, config }, { customCrypto })
    t.equal(bytesToHex(genesis.header.hash()), file._expected.hash)
    const { chain, state, header: parent } = genesis
    // Init code: CLZ of 1, logged.
    const data = hexToBytes(logging('60011e'))
    const attributes = nextAttributes({ chain, parent }, [deposit(undefined, { data })])
    const { receipts } = await executeBlock({ chain, state, parent, attributes })
    t.equal(receipts[0].status, 1)
    t.equal(BigInt(bytesToHex(receipts[0].logs[0][2])), 255n)
  },
)

t.test('Ethereum’s later forks never start on their own (H-24)', async (t) => {
  // Mainnet reached Osaka in December 2025; this Jovian block is in the year 2100.
  const timestamp = 4_102_444_800n
  const test = await startChain(chainAt('jovian'), probes, { timestamp: timestamp - 2n })
  const { header, receipts } = await nextBlock(test, [deposit(probe(7))], { timestamp })
  t.equal(receipts[0].status, 0, 'CLZ')
  t.equal(header.raw().length, 21)
  const old = await startChain(chainAt('bedrock'), probes, { timestamp: timestamp - 2n })
  const block = await nextBlock(old, [deposit(probe(2))], { timestamp })
  t.equal(block.receipts[0].status, 0, 'PUSH0')
  t.equal(block.header.raw().length, 16)
})

t.test('a block of more than 10 MiB is valid in Karst (H-16, X-17)', async (t) => {
  const test = await startChain(chainAt('karst'), {})
  const large = deposit(probe(101), { data: new Uint8Array(10_600_000), gas: 110_000_000n })
  t.ok(large.length > 10 * 2 ** 20)
  const { header, receipts } = await nextBlock(test, [large], { gasLimit: 120_000_000n })
  t.equal(receipts[0].status, 1)
  // 21000 + 10 gas for each zero byte (EIP-7623)
  t.equal(header.gasUsed, 106_021_000n)
})

t.test(
  'the gas limit of a block is what the attributes say, at any fork (H-17, H-18)',
  async (t) => {
    for (const fork of ['jovian', 'karst'] as const) {
      const test = await startChain(chainAt(fork), {})
      for (const gasLimit of [30_000_000n, 85_370_657n, 30_000_000n]) {
        const { header } = await nextBlock(test, [deposit(probe(101))], { gasLimit })
        t.equal(header.gasLimit, gasLimit)
        t.equal(header.excessBlobGas, 0n)
      }
    }
  },
)

t.test('base fee parameters are the chain’s own (H-22, H-28)', { skip: noFixtures }, (t) => {
  const nextBaseFee = (config: ChainConfig, timestamp: bigint) => {
    const chain = createChain(config)
    const rules = chain.rules({ number: 1n, timestamp })
    const parent = createHeader(chain, {
      timestamp,
      gasLimit: 30_000_000n,
      gasUsed: 30_000_000n,
      baseFeePerGas: 1_000_000_000n,
    })
    return calculateBaseFee(chain, parent, rules)
  }
  const [op, world] = ['sepolia-op', 'mainnet-worldchain'].map(
    (name) => readFixture(`genesis/${name}.json.gz`).config,
  )
  // 10⁹ · (1 + (elasticity − 1) / denominator) of a full block
  t.equal(nextBaseFee(op, 1699981199n), 1_100_000_000n, 'elasticity 6, denominator 50')
  t.equal(nextBaseFee(op, 1699981200n), 1_020_000_000n, 'elasticity 6, denominator 250')
  t.equal(nextBaseFee(world, 1721826000n), 1_036_000_000n, 'elasticity 10, denominator 250')
  t.end()
})

t.test('refuses a config that contradicts itself, naming the field (H-21…H-23, T-45)', (t) => {
  const karst = configAt('karst')
  const without = (config: ChainConfig, key: string) =>
    Object.fromEntries(Object.entries(config).filter(([name]) => name !== key))
  const optimism = { eip1559Elasticity: 6, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 }
  const timeOf = (fork: string, time: unknown) => ({ ...karst, [`${fork}Time`]: time })
  const refused: [string, ChainConfig, RegExp][] = [
    ['no chainId', without(karst, 'chainId'), /chainId/],
    ['chainId 0', { ...karst, chainId: 0 }, /chainId/],
    ['no bedrockBlock', without(karst, 'bedrockBlock'), /bedrockBlock/],
    ['bedrockBlock −1', { ...karst, bedrockBlock: -1 }, /bedrockBlock/],
    ['bedrockBlock 0.5', { ...karst, bedrockBlock: 0.5 }, /bedrockBlock/],
    ['no optimism', without(karst, 'optimism'), /optimism|eip1559/],
    ['optimism null', { ...karst, optimism: null }, /optimism|eip1559/],
    ['empty optimism', { ...karst, optimism: {} }, /eip1559/],
    ...Object.keys(optimism).flatMap((name): [string, ChainConfig, RegExp][] => {
      // The name in full: one is the beginning of another.
      const names = new RegExp(`${name}\\b`)
      const set = (value: unknown) => ({ ...karst, optimism: { ...optimism, [name]: value } })
      return [
        [`no ${name}`, { ...karst, optimism: without(optimism, name) }, names],
        [`${name} 0`, set(0), names],
        [`${name} −1`, set(-1), names],
        [`${name} 1.5`, set(1.5), names],
        [`${name} null`, set(null), names],
      ]
    }),
    [
      'no Canyon denominator although Canyon will come',
      {
        ...configAt('regolith', { canyon: 5000 }),
        optimism: without(optimism, 'eip1559DenominatorCanyon'),
      },
      /eip1559DenominatorCanyon/,
    ],
    ['Shanghai later than Canyon', { ...karst, shanghaiTime: 1 }, /shanghaiTime/],
    ['Cancun later than Ecotone', { ...karst, cancunTime: 1 }, /cancunTime/],
    ['Prague later than Isthmus', { ...karst, pragueTime: 1 }, /pragueTime/],
    ['Osaka later than Karst', { ...karst, osakaTime: 1 }, /osakaTime/],
    ['Shanghai without Canyon', { ...configAt('regolith'), shanghaiTime: 0 }, /shanghaiTime/],
    ['Cancun without Ecotone', { ...configAt('canyon'), cancunTime: 0 }, /cancunTime/],
    ['Prague without Isthmus', { ...configAt('holocene'), pragueTime: 0 }, /pragueTime/],
    ['Osaka without Karst', { ...configAt('jovian'), osakaTime: 0 }, /osakaTime/],
    [
      'Shanghai before Canyon',
      { ...configAt('regolith', { canyon: 9 }), shanghaiTime: 0 },
      /shanghaiTime/,
    ],
    ['a fork after Karst (H-19)', { ...karst, lagoonTime: 5000 }, /lagoonTime/],
    ['Interop', { ...karst, interopTime: 5000 }, /interopTime/],
    ['Amsterdam', { ...karst, amsterdamTime: 5000 }, /amsterdamTime/],
    ['Bedrock by time', { ...karst, bedrockTime: 5000 }, /bedrockTime/],
    ['a spelling mistake', { ...without(karst, 'karstTime'), kartsTime: 0 }, /kartsTime/],
    ['a spelling mistake in the past', { ...karst, gratineTime: 0 }, /gratineTime/],
  ]
  const forks = FORK_NAMES.slice(1)
  for (const [index, fork] of forks.entries()) {
    for (const time of [-1, 0.5, NaN, 'soon']) {
      refused.push([`${fork}Time ${time}`, timeOf(fork, time), new RegExp(`${fork}Time`)])
    }
    const next = forks[index + 1]
    if (next === undefined) continue
    refused.push([`${next} without ${fork}`, timeOf(fork, undefined), new RegExp(`${next}Time`)])
    refused.push([`${next} with ${fork} null`, timeOf(fork, null), new RegExp(`${next}Time`)])
    refused.push([`${next} before ${fork}`, timeOf(fork, 7), new RegExp(`${next}Time`)])
  }
  for (const [name, config, message] of refused) {
    t.throws(() => createChain(config, { customCrypto }), { message }, name)
  }
  t.end()
})

t.test('a fork time is a number, nothing that JavaScript takes for one (H-21, T-45)', (t) => {
  // JavaScript makes 0, 1 or 7 of these: a fork at genesis where none was meant.
  for (const time of ['0', '7', '0x0', '', ' ', true, false, [], [7]]) {
    for (const fork of FORK_NAMES.slice(1)) {
      const config = { ...configAt('karst'), [`${fork}Time`]: time }
      const message = new RegExp(`${fork}Time`)
      const name = `${fork}Time ${inspect(time)}`
      t.throws(() => createChain(config, { customCrypto }), { message }, name)
    }
  }
  t.end()
})

t.test('nothing that is no number stands for another one (H-21, H-22, T-45)', (t) => {
  const karst = configAt('karst')
  const { optimism } = karst as { optimism: ChainConfig }
  for (const value of [null, '', ' ', true, false, []]) {
    const refuses = (key: string, config: ChainConfig) => {
      const message = new RegExp(`${key}\\b`)
      const name = `${key} ${inspect(value)}`
      t.throws(() => createChain(config, { customCrypto }), { message }, name)
    }
    for (const key of ['chainId', 'bedrockBlock']) refuses(key, { ...karst, [key]: value })
    for (const key of Object.keys(optimism)) {
      refuses(key, { ...karst, optimism: { ...optimism, [key]: value } })
    }
  }
  t.end()
})

t.test('accepts what does not matter to execution (H-04, H-09, H-23…H-25)', (t) => {
  const at = (config: ChainConfig, timestamp: bigint) =>
    createChain(config, { customCrypto }).rules({ number: 0n, timestamp }).fork
  const { optimism, ...jovian } = configAt('jovian', { karst: 5 })
  const accepted: [string, ChainConfig][] = [
    ['Delta and PectraBlobSchedule', { deltaTime: 3, pectraBlobScheduleTime: 4 }],
    ['Delta and PectraBlobSchedule null', { deltaTime: null, pectraBlobScheduleTime: null }],
    ['equal twins', { shanghaiTime: 0, cancunTime: 0, pragueTime: 0, osakaTime: 5 }],
    ['some twins', { cancunTime: 0 }],
    ['null twins', { shanghaiTime: null, osakaTime: null }],
    ['forks without a time', { lagoonTime: null, interopTime: null, amsterdamTime: undefined }],
    ['a blob schedule', { blobSchedule: { cancun: { target: 3, max: 6 } } }],
    ['Ethereum’s block numbers', { homesteadBlock: 0, londonBlock: 0, mergeNetsplitBlock: 0 }],
    ['difficulty', { terminalTotalDifficulty: 0, terminalTotalDifficultyPassed: true }],
  ]
  for (const [name, fields] of accepted) {
    const config = { ...jovian, optimism, ...fields }
    t.equal(at(config, 4n), 'jovian', name)
    t.equal(at(config, 5n), 'karst', name)
  }
  t.equal(at({ ...jovian, optimism, karstTime: null }, 5n), 'jovian', 'Karst null')
  const { eip1559DenominatorCanyon: _, ...before } = optimism as Record<string, number>
  const regolith = { ...configAt('regolith'), optimism: before }
  t.equal(at(regolith, 5n), 'regolith', 'no Canyon, no Canyon denominator')
  t.equal(at({ ...regolith, canyonTime: null }, 5n), 'regolith', 'the same with Canyon null')
  t.end()
})

t.test('a blob schedule is never used (H-25)', async (t) => {
  const blobSchedule = {
    cancun: { target: 1, max: 2, baseFeeUpdateFraction: 1 },
    prague: { target: 1, max: 2, baseFeeUpdateFraction: 1 },
  }
  for (const fork of ['ecotone', 'isthmus', 'karst'] as const) {
    const hashes = new Set<string>()
    for (const config of [configAt(fork), { ...configAt(fork), blobSchedule }]) {
      const test = await startChain(createChain(config, { customCrypto }), probes)
      const { header, receipts } = await nextBlock(test, [deposit(probe(5))])
      t.equal(BigInt(bytesToHex(receipts[0].logs[0][2])), 1n, 'BLOBBASEFEE')
      t.equal(header.excessBlobGas, 0n)
      hashes.add(bytesToHex(header.hash()))
    }
    t.equal(hashes.size, 1)
  }
})
