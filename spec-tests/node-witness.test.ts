/** Witnesses that a node gives for the blocks of its chain: each executes its block, and holds no more. */
import { bytesToHex } from '@ethereumjs/util'
import t from 'tap'
import { encodeDeployData, encodeFunctionData, getContractAddress, keccak256, toHex } from 'viem'
import { type ClaimedBlock, createGenesis, readBlock } from '../blockchain/index.ts'
import { type Chain, type ExecutionWitness, createChain } from '../src/index.ts'
import { type JSONValue, customCrypto } from './helpers.ts'
import {
  ACCOUNTS,
  BOX_ABI,
  BOX_BYTECODE,
  DEV_CHAIN_ID,
  GENESIS_TIME,
  MESSAGE_PASSER,
  deposit,
  devGenesis,
  startDevnet,
} from './node-helpers-eth.ts'
import { noOpGeth, startOpGeth } from './op-geth-execution.ts'
import { executeFrom, findUnneeded } from './witness-helpers.ts'

type Hex = `0x${string}`

const BLOCKS = 100

/** Seconds between blocks. */
const BLOCK_TIME = 2

const [ALICE, BOB] = ACCOUNTS
const BOX = getContractAddress({ from: ALICE.address, nonce: 0n })

/** The blocks in which forks begin: nothing but deposits may be there. */
const FORKS: Record<string, number> = {
  fjord: 10,
  granite: 20,
  holocene: 30,
  isthmus: 50,
  jovian: 70,
}
const times = Object.fromEntries(
  Object.entries(FORKS).map(([fork, number]) => [fork, GENESIS_TIME + BLOCK_TIME * number]),
)
const genesis = devGenesis('ecotone', times)
const net = await startDevnet(t, genesis)
const chain: Chain = createChain(genesis.config, { customCrypto })

let nonce = 0
const sign = (tx: JSONValue) => {
  const fees = { maxFeePerGas: 2n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 6n }
  const common = { type: 'eip1559', chainId: DEV_CHAIN_ID, nonce: nonce++, gas: 300_000n }
  return ALICE.signTransaction({ ...common, ...fees, ...tx })
}
const box = (functionName: string, ...args: unknown[]) =>
  encodeFunctionData({ abi: BOX_ABI, functionName, args } as never)
const newcomer = (number: number): Hex => `0x${number.toString(16).padStart(40, 'ab')}`
const byte = (number: number) => number.toString(16).padStart(2, '0')

/** What happens in blocks, in turn. */
const TRAFFIC: ((number: number) => Promise<Hex> | Hex)[] = [
  (number) => sign({ to: BOX, data: box('set', BigInt(number)) }),
  // A slot that is deleted.
  () => sign({ to: BOX, data: box('set', 0n) }),
  (number) => sign({ to: newcomer(number), value: 1n }),
  () => sign({ to: BOX, data: box('fail', 'no') }),
  (number) => sign({ to: BOX, data: box('nest', BigInt(number % 5)) }),
  (number) => deposit(BOB.address, newcomer(number), { mint: 7n, value: 3n }),
  // Stores the hash of an earlier block in its creation: BLOCKHASH(NUMBER - n).
  (number) => sign({ data: `0x60${byte(1 + ((7 * number) % 100))}430340600055` }),
  // Destroys itself in its own creation, in favour of one who may not exist.
  (number) => sign({ data: `0x73${newcomer(1_000 + number).slice(2)}ff`, value: 2n }),
  // Reads the balance of one who does not exist, and code that does.
  (number) => sign({ data: `0x73${newcomer(2_000 + number).slice(2)}31506000600060006000` }),
  () => sign({ data: `0x73${BOX.slice(2)}3b600055` }),
  () => sign({ to: MESSAGE_PASSER, value: 1n }),
]

/** Ethereum's forks as well, which op-geth does not derive from those of the OP Stack. */
const blockForks = ['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople']
blockForks.push('petersburg', 'istanbul', 'muirGlacier', 'berlin', 'london', 'mergeNetsplit')
const gethConfig = {
  ...Object.fromEntries(blockForks.map((fork) => [`${fork}Block`, 0])),
  terminalTotalDifficulty: 0,
  shanghaiTime: 0,
  cancunTime: 0,
  pragueTime: times.isthmus,
  ...genesis.config,
}

const isUpgrade = (number: number) => Object.values(FORKS).includes(number)
const deploy = encodeDeployData({ abi: BOX_ABI, bytecode: BOX_BYTECODE } as never)
const headers: JSONValue[] = [await net.rpc('eth_getBlockByNumber', '0x0', false)]
for (let number = 1; number <= BLOCKS; number++) {
  const transactions: Hex[] = number === 1 ? [await sign({ data: deploy, gas: 2_000_000n })] : []
  if (number > 1 && !isUpgrade(number)) {
    for (let place = 0; place < number % 6; place++) {
      transactions.push(await TRAFFIC[(5 * number + 3 * place) % TRAFFIC.length](number))
    }
  }
  headers.push(await net.mine({ transactions, noTxPool: true }))
}

const claims: ClaimedBlock[] = []
const witnesses: ExecutionWitness[] = []
const raws: Hex[] = []

t.test(`${BLOCKS} blocks execute, each from its own witness alone`, async (t) => {
  for (let number = 1; number <= BLOCKS; number++) {
    const id = toHex(number)
    raws[number] = await net.rpc('debug_getRawBlock', id)
    witnesses[number] = await net.rpc('debug_executionWitness', id)
    claims[number] = await readBlock(chain, raws[number])
    t.equal(claims[number].hash, headers[number].hash)
    const { hash, absent } = await executeFrom(chain, claims[number], witnesses[number])
    t.equal(hash, headers[number].hash, `block ${number}`)
    t.equal(absent.size, 0)
  }
  const kinds = new Set(
    headers.flatMap(({ transactions = [] }) => transactions.map((tx: JSONValue) => tx.type)),
  )
  t.strictSame([...kinds].sort(), ['0x2', '0x7e'])
  const reach = Math.max(...witnesses.slice(1).map(({ headers }) => headers.length))
  t.ok(reach > 50, `BLOCKHASH reached back ${reach} blocks`)
})

t.test(
  'op-geth executes them from the same witnesses, without a state',
  { skip: noOpGeth },
  async (t) => {
    const opGeth = startOpGeth()
    t.teardown(() => opGeth.close())
    for (let number = 1; number <= BLOCKS; number++) {
      const outcome = await opGeth.execute(gethConfig, raws[number], witnesses[number])
      const { stateRoot, receiptsRoot } = headers[number]
      t.match(outcome, { stateRoot, receiptsRoot }, `block ${number}`)
    }
  },
)

/** The attributes of which a block was made. */
function attributesOf(number: number): JSONValue {
  const { timestamp, mixHash, miner, parentBeaconBlockRoot, gasLimit, extraData } = headers[number]
  const minBaseFee = extraData.length > 20 ? Number(`0x${extraData.slice(20)}`) : undefined
  return {
    timestamp,
    prevRandao: mixHash,
    suggestedFeeRecipient: miner,
    withdrawals: [],
    parentBeaconBlockRoot,
    transactions: claims[number].transactions.map((raw) => bytesToHex(raw)),
    noTxPool: true,
    gasLimit,
    eip1559Params: extraData.length > 2 ? `0x${extraData.slice(4, 20)}` : undefined,
    minBaseFee,
  }
}

const sorted = ({ state, codes, headers }: ExecutionWitness) => ({
  state: [...(state as Hex[])].sort(),
  codes: [...(codes as Hex[])].sort(),
  headers,
})

t.test('debug_executePayload gives the same for the same attributes', async (t) => {
  for (let number = 1; number <= BLOCKS; number++) {
    const { parentHash } = headers[number]
    const witness = await net.rpc('debug_executePayload', parentHash, attributesOf(number))
    t.strictSame(sorted(witness), sorted(witnesses[number]), `block ${number}`)
  }
})

t.test('a witness holds nothing that is not read', async (t) => {
  for (let number = 5; number <= BLOCKS; number += 10) {
    const unneeded = await findUnneeded(chain, claims[number], witnesses[number])
    // From Isthmus on this account is read for the header, which its parent's header can stand for.
    const parent = toHex(number - 1)
    const { accountProof } = await net.rpc('eth_getProof', MESSAGE_PASSER, [], parent)
    const more = unneeded.filter((node) => !accountProof.includes(node))
    t.strictSame(more, [], `block ${number}`)
    const entries = [...(witnesses[number].state as Hex[]), ...(witnesses[number].codes as Hex[])]
    t.equal(new Set(entries).size, entries.length, 'nor anything twice')
  }
})

t.test('the form is that of op-reth: headers in RLP, oldest first, and keys', async (t) => {
  const { headers: encoded, keys } = witnesses[BLOCKS]
  t.equal(keccak256(encoded.at(-1) as Hex), headers[BLOCKS].parentHash)
  for (const [index, header] of encoded.entries()) {
    const number = BLOCKS - encoded.length + index
    t.equal(keccak256(header as Hex), headers[number].hash)
  }
  t.ok((keys as Hex[]).includes(MESSAGE_PASSER), 'from Isthmus on the header needs this account')
  t.ok((keys as Hex[]).every((key) => [42, 66].includes(key.length)))
})

t.test('a block is named by number, label or hash', async (t) => {
  const wanted = witnesses[BLOCKS]
  const { hash } = headers[BLOCKS]
  for (const id of ['latest', toHex(BLOCKS), hash, { blockHash: hash }]) {
    t.strictSame(await net.rpc('debug_executionWitness', id), wanted, JSON.stringify(id))
  }
  t.strictSame(await net.rpc('debug_executionWitnessByBlockHash', hash), wanted)
})

t.test('nodes and code of a witness are also given one by one', async (t) => {
  const { state, codes } = witnesses[2]
  for (const node of state as Hex[]) {
    t.equal(await net.rpc('debug_dbGet', keccak256(node)), node)
  }
  for (const code of codes as Hex[]) {
    t.equal(await net.rpc('debug_dbGet', `0x63${keccak256(code).slice(2)}`), code)
  }
})

t.test('raw parts are those of the block', async (t) => {
  const number = 17
  const { hash, transactions } = headers[number]
  const header = await net.rpc('debug_getRawHeader', hash)
  t.equal(keccak256(header), hash)
  const receipts: Hex[] = await net.rpc('debug_getRawReceipts', toHex(number))
  t.equal(receipts.length, transactions.length)
  for (const [index, tx] of transactions.entries()) {
    const raw = bytesToHex(claims[number].transactions[index])
    t.equal(await net.rpc('debug_getRawTransaction', tx.hash), raw)
    t.equal(keccak256(raw), tx.hash)
  }
})

t.test('what has no witness is refused with a reason', async (t) => {
  const unknown = `0x${'ab'.repeat(32)}`
  const { parentHash } = headers[BLOCKS]
  const attributes = attributesOf(BLOCKS)
  const refusals: [method: string, params: unknown[], code: number, message: RegExp][] = [
    ['debug_executionWitness', ['0x0'], -32000, /^genesis has no witness$/],
    ['debug_executionWitness', ['0x999'], -32000, /^block not found: 2457$/],
    ['debug_executionWitness', [unknown], -32000, /^block not found: 0xabab/],
    ['debug_executionWitness', ['soon'], -32602, /"soon" is not a number in hex$/],
    ['debug_executionWitness', [17], -32602, /17 is not a block$/],
    ['debug_executionWitnessByBlockHash', ['latest'], -32602, /"latest" is not 32 bytes in hex$/],
    ['debug_executePayload', [], -32602, /is not 32 bytes in hex$/],
    ['debug_executePayload', [unknown, attributes], -32000, /^block not found: 0xabab/],
    ['debug_executePayload', [parentHash], -32602, /a parameter is not an object$/],
    ['debug_executePayload', [parentHash, {}], -32602, /a parameter is not a number in hex$/],
    [
      'debug_executePayload',
      [parentHash, { ...attributes, timestamp: headers[BLOCKS - 1].timestamp }],
      -32000,
      /^no valid block follows: timestamp \d+ must be later than \d+$/,
    ],
    [
      'debug_executePayload',
      [parentHash, { ...attributes, transactions: [...attributes.transactions, '0x02c0'] }],
      -32000,
      /^no valid block follows: transaction \d+: cannot be decoded/,
    ],
    [
      'debug_executePayload',
      [parentHash, { ...attributes, gasLimit: undefined }],
      -32000,
      /^no valid block follows: gasLimit undefined must be there/,
    ],
    [
      'debug_executePayload',
      [parentHash, { ...attributes, gasLimit: '0x7270e01' }],
      -32000,
      /^gasLimit 120000001 is neither within twice .* nor within --rpc.gascap: at most 120000000$/,
    ],
    [
      'debug_executePayload',
      [parentHash, { ...attributes, prevRandao: '0x12' }],
      -32602,
      /^attributes.prevRandao must be /,
    ],
  ]
  for (const [method, params, code, message] of refusals) {
    const refusal = await net.refusal(method, ...params)
    t.match(refusal.message, message)
    t.equal(refusal.code, code, refusal.message)
  }
})

t.test('a payload that takes longer than --rpc.evmtimeout is aborted', async (t) => {
  const calls = { gasCap: 50_000_000, evmTimeout: 1 }
  const slow = await startDevnet(t, genesis, undefined, { calls })
  const loop = deposit(BOB.address, undefined, { gas: 10_000_000n, data: '0x5b600056' })
  const transactions = [attributesOf(1).transactions[0], loop]
  const attributes = { ...attributesOf(1), transactions }
  const refusal = await slow.refusal('debug_executePayload', headers[0].hash, attributes)
  t.match(refusal, { code: -32000, message: 'execution aborted (timeout = 1ms)' })
  t.equal(await slow.rpc('eth_blockNumber'), '0x0', 'the node goes on')
})

t.test('the chain of the test is what its genesis says', async (t) => {
  const { header } = await createGenesis(genesis, { customCrypto })
  t.equal(bytesToHex(header.hash()), headers[0].hash)
  t.match(headers[1], { parentHash: headers[0].hash })
})
