import { RLP } from '@ethereumjs/rlp'
import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t, { type Test } from 'tap'
import type { Hex } from 'viem'
import {
  concatHex,
  encodeFunctionData,
  getContractAddress,
  pad,
  parseTransaction,
  toHex,
} from 'viem'
import { FORKS, type Fork } from '../src/index.ts'
import { type JSONValue, noFixtures, readFixture } from './helpers.ts'
import {
  ACCOUNTS,
  BOX_ABI,
  BOX_BYTECODE,
  type BlockOptions,
  CHANGED,
  DEV_CHAIN_ID,
  type Devnet,
  GENESIS_TIME,
  MESSAGE_PASSER,
  deposit,
  devGenesis,
  encodeL1Attributes,
  post,
  startDevnet,
  verifyProof,
} from './node-helpers-eth.ts'

const GWEI = 10n ** 9n
const ZERO_BLOOM = `0x${'00'.repeat(256)}`
const UNKNOWN_HASH: Hex = `0x${'ab'.repeat(32)}`
const [ALICE, BOB, CAROL, DAVE, EVE] = ACCOUNTS
const lower = (address: string) => address.toLowerCase() as Hex

/** Signs a transaction of `account`; of type 2 and to Bob with room for a transfer by default. */
function sign(account: (typeof ACCOUNTS)[number], tx: JSONValue = {}): Promise<Hex> {
  const type = tx.type ?? 'eip1559'
  const caps =
    type === 'legacy' || type === 'eip2930'
      ? { gasPrice: 2n * GWEI }
      : { maxFeePerGas: 2n * GWEI, maxPriorityFeePerGas: 10n ** 6n }
  const common = { chainId: DEV_CHAIN_ID, nonce: 0, gas: 21_000n, to: BOB.address }
  return account.signTransaction({ type, ...common, ...caps, ...tx })
}

const hashOf = (raw: Hex) => bytesToHex(keccak_256(hexToBytes(raw)))

/** Calldata for the test contract. */
const box = (functionName: 'set' | 'fail' | 'refuse' | 'burn' | 'nest', ...args: unknown[]) =>
  encodeFunctionData({ abi: BOX_ABI, functionName, args } as never) as Hex

/** Puts signed transactions into a block, as forced ones; there they must succeed in entering. */
const mine = (net: Devnet, transactions: Hex[], opts: BlockOptions = {}) =>
  net.mine({ transactions, noTxPool: true, ...opts })

/** Fields of a header in the order of its RLP, and the fork from which on they are there. */
const HEADER_FIELDS: [name: string, since: Fork][] = [
  ['parentHash', 'bedrock'],
  ['sha3Uncles', 'bedrock'],
  ['miner', 'bedrock'],
  ['stateRoot', 'bedrock'],
  ['transactionsRoot', 'bedrock'],
  ['receiptsRoot', 'bedrock'],
  ['logsBloom', 'bedrock'],
  ['difficulty', 'bedrock'],
  ['number', 'bedrock'],
  ['gasLimit', 'bedrock'],
  ['gasUsed', 'bedrock'],
  ['timestamp', 'bedrock'],
  ['extraData', 'bedrock'],
  ['mixHash', 'bedrock'],
  ['nonce', 'bedrock'],
  ['baseFeePerGas', 'bedrock'],
  ['withdrawalsRoot', 'canyon'],
  ['blobGasUsed', 'ecotone'],
  ['excessBlobGas', 'ecotone'],
  ['parentBeaconBlockRoot', 'ecotone'],
  ['requestsHash', 'isthmus'],
]

/** Header fields that are numbers: the others are bytes. */
const QUANTITIES = [
  ...['difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp', 'baseFeePerGas'],
  ...['blobGasUsed', 'excessBlobGas'],
]

/** The fields of a header as RLP has them. */
function rawHeader(block: JSONValue, fork: Fork) {
  const isThere = ([, since]: [string, Fork]) => FORKS.indexOf(since) <= FORKS.indexOf(fork)
  return HEADER_FIELDS.filter(isThere).map(([name]) => {
    if (!QUANTITIES.includes(name)) return hexToBytes(block[name])
    return BigInt(block[name])
  })
}

/** The chain of {@link startHistory}: two blocks under each fork, each with a transfer. */
interface History {
  net: Devnet
  blocks: { fork: Fork; index: number; block: JSONValue; signed: Hex[]; attributes: Hex }[]
}

/** Golden parameters of L1 fees (F-40), which give known fees for a known transaction. */
const GOLDEN = {
  l1BaseFee: 1_000_000_000n,
  overhead: 50n,
  scalar: 7_000_000n,
  blobBaseFee: 10_000_000n,
  baseFeeScalar: 2,
  blobBaseFeeScalar: 3,
  daFootprintGasScalar: 400,
}

/** Starts a chain with two blocks under each fork, the first of which activates it. */
async function startHistory(t: Test): Promise<History> {
  const times = FORKS.slice(1).map((fork, index) => [fork, GENESIS_TIME + 6 + 4 * index])
  const net = await startDevnet(t, devGenesis('bedrock', Object.fromEntries(times)))
  const blocks: History['blocks'] = []
  let nonce = 0
  for (const [number, fork] of FORKS.flatMap((fork) => [fork, fork]).entries()) {
    const index = number % 2
    // A block that activates Jovian or Karst holds nothing but deposits (I-14).
    const isDepositsOnly = (fork === 'jovian' || fork === 'karst') && index === 0
    const tx = { type: 'legacy', value: 1n }
    const signed = isDepositsOnly ? [] : [await sign(ALICE, { ...tx, nonce: nonce++ })]
    // The block that activates a fork still has the L1 attributes of the fork before.
    const l1Fork = FORKS[Math.max(FORKS.indexOf(fork) - 1 + index, 0)]
    const block = await mine(net, signed, { l1: GOLDEN, l1Fork })
    const attributes = block.transactions[0].input
    blocks.push({ fork, index, block, signed, attributes })
  }
  return { net, blocks }
}

const history = await startHistory(t)

/** A chain at the newest fork, which the tests below share; none of them needs a certain block. */
const net = await startDevnet(t)

/** Blocks of that chain that nothing changes any more. */
async function deployBoxes() {
  const deploy = { to: undefined, gas: 300_000n, data: BOX_BYTECODE }
  await mine(net, [await sign(CAROL, deploy), await sign(DAVE, deploy)])
  const boxes = [CAROL, DAVE].map(({ address }) =>
    lower(getContractAddress({ from: address, nonce: 0n })),
  )
  const set = (account: typeof CAROL, nonce: number, to: Hex, value: bigint) =>
    sign(account, { nonce, to, gas: 100_000n, data: box('set', value) })
  const blocks = [
    await mine(net, [await set(CAROL, 1, boxes[0], 7n), await set(DAVE, 1, boxes[1], 7n)]),
    await mine(net, [await set(DAVE, 2, boxes[0], 8n)]),
    await mine(net, [deposit(EVE.address, boxes[1], { data: box('set', 9n), gas: 200_000n })]),
    await mine(net, []),
  ]
  return { boxes, blocks }
}

const { boxes, blocks } = await deployBoxes()

t.test('a block has every header field of its fork, and no other (X-13, J-03, J-11)', async (t) => {
  for (const { fork, block, signed, attributes } of history.blocks) {
    const isThere = ([, since]: [string, Fork]) => FORKS.indexOf(since) <= FORKS.indexOf(fork)
    const fields = HEADER_FIELDS.filter(isThere).map(([name]) => name)
    const withdrawals = fields.includes('withdrawalsRoot') ? ['withdrawals'] : []
    const others = ['hash', 'size', 'transactions', 'uncles', ...withdrawals]
    t.strictSame(Object.keys(block).sort(), [...fields, ...others].sort(), fork)
    t.strictSame(block.withdrawals, withdrawals.length > 0 ? [] : undefined, fork)
    t.strictSame(block.uncles, [])
    t.equal(block.sha3Uncles, '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347')
    t.match(block.nonce, /^0x0{16}$/)
    t.equal(block.difficulty, '0x0')
    for (const name of [...QUANTITIES, 'size'])
      if (name in block) t.match(block[name], /^0x(0|[1-9a-f][0-9a-f]*)$/, `${fork} ${name}`)
    const header = rawHeader(block, fork)
    t.equal(bytesToHex(keccak_256(RLP.encode(header))), block.hash, `${fork} hash`)
    // The first transaction is a byte string in the body of the block, the legacy one a list.
    const { sourceHash, gas } = block.transactions[0]
    const from = '0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001'
    const to = '0x4200000000000000000000000000000000000015'
    const first = deposit(from, to, {
      sourceHash: hexToBytes(sourceHash),
      gas: BigInt(gas),
      isSystemTx: fork === 'bedrock',
      data: attributes,
    })
    t.equal(hashOf(first), block.transactions[0].hash, `${fork} hash of the deposit`)
    const body = [hexToBytes(first), ...signed.map((raw) => RLP.decode(hexToBytes(raw)))]
    const whole = [header, body, [], ...(withdrawals.length > 0 ? [[]] : [])]
    t.equal(Number(block.size), RLP.encode(whole as never).length, `${fork} size`)
  }
})

t.test('withdrawalsRoot is the MessagePasser root from Isthmus on (X-05, J-05)', async (t) => {
  for (const { fork, block } of history.blocks) {
    const proof = await history.net.rpc('eth_getProof', MESSAGE_PASSER, [], block.hash)
    await verifyProof(block.stateRoot, proof)
    const isEmptyRoot = FORKS.indexOf(fork) < FORKS.indexOf('isthmus')
    const emptyRoot = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
    const root = isEmptyRoot ? emptyRoot : proof.storageHash
    if (FORKS.indexOf(fork) >= FORKS.indexOf('canyon')) t.equal(block.withdrawalsRoot, root, fork)
  }
})

t.test('the L1 attributes have the deposit fields of their fork (D-31…D-33)', async (t) => {
  for (const [number, { fork, block, attributes }] of history.blocks.entries()) {
    const [isRegolith, isCanyon] = [number >= 2, number >= 4]
    const [tx] = block.transactions
    const receipt = await history.net.rpc('eth_getTransactionReceipt', tx.hash)
    const version = isCanyon ? { depositReceiptVersion: '0x1' } : {}
    const place = { blockHash: block.hash, blockNumber: toHex(number + 1), transactionIndex: '0x0' }
    const from = '0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001'
    const to = '0x4200000000000000000000000000000000000015'
    t.strictSame(
      tx,
      {
        ...place,
        ...version,
        ...{ from, to, type: '0x7e', gas: '0xf4240', gasPrice: '0x0', value: '0x0' },
        ...{ v: '0x0', r: '0x0', s: '0x0', hash: tx.hash, sourceHash: tx.sourceHash },
        input: attributes,
        mint: '0x0',
        blockTimestamp: block.timestamp,
        nonce: isRegolith ? toHex(number) : '0x0',
        ...(!isRegolith && { isSystemTx: true }),
      },
      `${fork} transaction`,
    )
    t.strictSame(
      receipt,
      {
        ...place,
        ...version,
        ...{ from, to, type: '0x7e', transactionHash: tx.hash, contractAddress: null },
        ...{ status: '0x1', effectiveGasPrice: '0x0', logs: [], logsBloom: ZERO_BLOOM },
        gasUsed: receipt.gasUsed,
        cumulativeGasUsed: receipt.gasUsed,
        ...(isRegolith && { depositNonce: toHex(number) }),
      },
      `${fork} receipt`,
    )
    t.equal(Number(receipt.gasUsed) > 21_000, isRegolith, `${fork} gas`)
  }
})

t.test('receipts have the L1 fields of their fork and no other (F-41…F-49)', async (t) => {
  for (const { fork, index, block, signed: raws } of history.blocks) {
    const receipts = await history.net.rpc('eth_getBlockReceipts', block.hash)
    t.equal(receipts.length, 1 + raws.length)
    const [signed] = raws
    if (!signed) continue
    const since = (first: Fork, offset = 0) =>
      2 * FORKS.indexOf(fork) + index >= 2 * FORKS.indexOf(first) + offset
    const receipt = await history.net.rpc('eth_getTransactionReceipt', hashOf(signed))
    t.strictSame(receipts[1], receipt, 'the same from either method (F-49)')
    const bytes = [...hexToBytes(signed)]
    const calldataGas = bytes.reduce((sum, byte) => sum + (byte === 0 ? 4n : 16n), 0n)
    const overhead = since('ecotone', 1) ? 0n : 50n
    const l1GasUsed = calldataGas + (since('regolith') ? 0n : 68n * 16n) + overhead
    const legacyFee = l1GasUsed * 7_000n * 10n ** 6n
    // (2 · 16 · 10⁹ + 3 · 10⁷) · 100 bytes / 10⁶ since Fjord; before, bytes are a 16th of the gas.
    const price = 2n * 16n * 10n ** 9n + 3n * 10n ** 7n
    const ecotoneFee = (calldataGas * price) / 16_000_000n
    const isEcotone = since('ecotone', 1)
    const fee = since('fjord') ? price / 10_000n : isEcotone ? ecotoneFee : legacyFee
    const expected = {
      l1GasPrice: '0x3b9aca00',
      l1GasUsed: since('fjord') ? '0x640' : toHex(l1GasUsed),
      l1Fee: toHex(fee),
      ...(!isEcotone && { l1FeeScalar: '7' }),
      ...(isEcotone && {
        ...{ l1BlobBaseFee: '0x989680', l1BaseFeeScalar: '0x2', l1BlobBaseFeeScalar: '0x3' },
      }),
      // 100 bytes of 400 gas; in the activation block the scalar is not in the attributes yet.
      ...(since('jovian', 1) && { daFootprintGasScalar: '0x190', blobGasUsed: '0x9c40' }),
    }
    const isFee = ([name]: [string, unknown]) => /^l1|Scalar$|operator|blobGasUsed/.test(name)
    const actual = Object.fromEntries(Object.entries(receipt).filter(isFee))
    t.strictSame(actual, expected, `${fork} ${index}`)
    if (since('jovian', 1)) t.equal(block.blobGasUsed, '0x9c40', `${fork} ${index}`)
  }
})

t.test('a real L1FeeScalar is a decimal fraction in quotes (F-44)', async (t) => {
  const net = await startDevnet(t, devGenesis('regolith'))
  const signed = await sign(ALICE)
  const { transactions } = await mine(net, [signed], { l1: { scalar: 684_000n, overhead: 188n } })
  const receipt = await net.rpc('eth_getTransactionReceipt', transactions[1].hash)
  t.equal(receipt.l1FeeScalar, '0.684')
})

t.test(
  'a real L1 attributes deposit reads as on its chain (D-31…D-33)',
  { skip: noFixtures },
  async (t) => {
    const [, real] = readFixture('vectors/real_receipts.json')
    const signed = await sign(ALICE)
    const net = await startDevnet(t)
    const block = await net.mine({ forced: [real.rawTransaction, signed], noTxPool: true })
    const place = { blockHash: block.hash, blockNumber: '0x1', nonce: '0x0' }
    // That chain's client writes one more field, which does not belong to a deposit.
    const { yParity, ...transaction } = real.transaction
    t.equal(yParity, '0x0')
    const blockTimestamp = block.timestamp
    t.strictSame(block.transactions[0], { ...transaction, ...place, blockTimestamp })
    t.strictSame(await net.rpc('eth_getTransactionByHash', transaction.hash), block.transactions[0])
    const [receipt, signedReceipt] = await net.rpc('eth_getBlockReceipts', block.hash)
    const names = Object.keys(real.receipt).filter((name) => !/^l1|^da|^blob/.test(name))
    t.strictSame(Object.keys(receipt).sort(), names.sort())
    for (const name of ['status', 'from', 'to', 'type', 'transactionHash', 'contractAddress'])
      t.equal(receipt[name], real.receipt[name], name)
    for (const name of ['l1BaseFeeScalar', 'l1BlobBaseFee', 'l1BlobBaseFeeScalar', 'l1GasPrice'])
      t.equal(signedReceipt[name], real.receipt[name], name)
    t.equal(signedReceipt.daFootprintGasScalar, real.receipt.daFootprintGasScalar)
  },
)

t.test(
  'a signed receipt has the names of real ones (F-41…F-47)',
  { skip: noFixtures },
  async (t) => {
    const [real] = readFixture('vectors/real_receipts.json')
    const [, receipt] = await net.rpc('eth_getBlockReceipts', blocks[0].hash)
    const names = [...Object.keys(real.receipt), 'logs', 'logsBloom']
    t.strictSame(Object.keys(receipt).sort(), names.sort())
    for (const [name, value] of Object.entries(real.receipt))
      t.equal(typeof receipt[name], typeof value, name)
  },
)

t.test('deposits of users have mint, and a nonce of their sender (D-31, D-33)', async (t) => {
  const net = await startDevnet(t)
  const from = `0x${'aa'.repeat(20)}`
  const to = `0x${'bb'.repeat(20)}`
  const transfer = deposit(from, to, { mint: 5n, value: 3n, gas: 21_000n })
  const create = deposit(from, undefined, { data: BOX_BYTECODE, gas: 300_000n })
  const failing = deposit(from, to, { value: 10n ** 18n, gas: 50_000n })
  const block = await mine(net, [transfer, create, failing])
  const fields = block.transactions
    .slice(1)
    .map(({ mint, nonce, to, value, isSystemTx }: JSONValue) => {
      return { mint, nonce, to, value, isSystemTx }
    })
  const none = { mint: '0x0', isSystemTx: undefined }
  t.strictSame(fields, [
    { ...none, mint: '0x5', nonce: '0x0', to, value: '0x3' },
    { ...none, nonce: '0x1', to: null, value: '0x0' },
    { ...none, nonce: '0x2', to, value: '0xde0b6b3a7640000' },
  ])
  const receipts = (await net.rpc('eth_getBlockReceipts', 'latest')).slice(1)
  t.strictSame(
    receipts.map(({ status }: JSONValue) => status),
    ['0x1', '0x1', '0x0'],
  )
  t.strictSame(
    receipts.map(({ depositNonce }: JSONValue) => depositNonce),
    ['0x0', '0x1', '0x2'],
  )
  const created = lower(getContractAddress({ from: from as Hex, nonce: 1n }))
  t.strictSame(
    receipts.map(({ contractAddress }: JSONValue) => contractAddress),
    [null, created, null],
    'the address is that of the nonce before the deposit (T-05)',
  )
  t.equal(await net.rpc('eth_getBalance', to, 'latest'), '0x3')
  t.not(await net.rpc('eth_getCode', created, 'latest'), '0x')
  t.equal(receipts[2].gasUsed, '0xc350')
})

t.test('signed transactions of each type read as in geth (J-22, F-41…F-47)', async (t) => {
  const net = await startDevnet(t)
  const storageKeys: Hex[] = [`0x${'01'.repeat(32)}`]
  const accessList = [{ address: lower(EVE.address), storageKeys }]
  const authorization = await CAROL.signAuthorization!({
    chainId: DEV_CHAIN_ID,
    address: EVE.address,
    nonce: 0,
  })
  const value = 10n ** 18n
  const raws = [
    await sign(ALICE, { type: 'legacy', value }),
    await sign(ALICE, { type: 'eip2930', nonce: 1, gas: 50_000n, accessList }),
    await sign(ALICE, { nonce: 2, gas: 50_000n, accessList, data: '0xc0de' }),
    await sign(ALICE, {
      type: 'eip7702',
      nonce: 3,
      gas: 100_000n,
      authorizationList: [authorization],
    }),
  ]
  const block = await mine(net, raws)
  t.equal(block.baseFeePerGas, '0x3b5dc100')
  const receipts = (await net.rpc('eth_getBlockReceipts', block.hash)).slice(1)
  let cumulative = BigInt((await net.rpc('eth_getBlockReceipts', block.hash))[0].gasUsed)
  // 46,000 for the last, of which a fifth is refunded because the authority exists (EIP-7702).
  const gasUsed = [21_000n, 25_300n, 25_332n, 36_800n]
  for (const [index, raw] of raws.entries()) {
    const { r, s, yParity, v } = parseTransaction(raw) as JSONValue
    const type = [0, 1, 2, 4][index]
    const price = type < 2 ? 2n * GWEI : 0x3b5dc100n + 10n ** 6n
    const [minimalR, minimalS] = [r, s].map((part) => toHex(BigInt(part)))
    const place = { blockHash: block.hash, blockNumber: '0x1', transactionIndex: toHex(index + 1) }
    const expected = {
      ...place,
      blockTimestamp: block.timestamp,
      hash: hashOf(raw),
      type: toHex(type),
      chainId: '0x385',
      nonce: toHex(index),
      from: lower(ALICE.address),
      to: lower(BOB.address),
      value: type === 0 ? '0xde0b6b3a7640000' : '0x0',
      gas: ['0x5208', '0xc350', '0xc350', '0x186a0'][index],
      gasPrice: toHex(price),
      input: type === 2 ? '0xc0de' : '0x',
      v: toHex(type === 0 ? v : yParity),
      ...{ r: minimalR, s: minimalS },
      ...(type > 0 && { yParity: toHex(yParity), accessList: type < 4 ? accessList : [] }),
      ...(type > 1 && { maxFeePerGas: '0x77359400', maxPriorityFeePerGas: '0xf4240' }),
      ...(type === 4 && {
        authorizationList: [
          {
            chainId: '0x385',
            address: lower(EVE.address),
            nonce: '0x0',
            yParity: toHex(authorization.yParity!),
            r: toHex(BigInt(authorization.r)),
            s: toHex(BigInt(authorization.s)),
          },
        ],
      }),
    }
    t.strictSame(block.transactions[index + 1], expected, `type ${type}`)
    t.strictSame(await net.rpc('eth_getTransactionByHash', hashOf(raw)), expected)
    cumulative += gasUsed[index]
    const receipt = {
      ...place,
      transactionHash: hashOf(raw),
      type: toHex(type),
      status: '0x1',
      from: lower(ALICE.address),
      to: lower(BOB.address),
      contractAddress: null,
      effectiveGasPrice: toHex(price),
      gasUsed: toHex(gasUsed[index]),
      cumulativeGasUsed: toHex(cumulative),
      logs: [],
      logsBloom: ZERO_BLOOM,
      ...{ l1GasPrice: '0x3b9aca00', l1GasUsed: receipts[index].l1GasUsed },
      ...{ l1Fee: receipts[index].l1Fee, l1BlobBaseFee: '0x989680' },
      ...{ l1BaseFeeScalar: '0x146b', l1BlobBaseFeeScalar: '0xf79c5' },
      ...{ daFootprintGasScalar: '0x190', blobGasUsed: receipts[index].blobGasUsed },
    }
    t.strictSame(receipts[index], receipt, `receipt of type ${type}`)
    t.strictSame(await net.rpc('eth_getTransactionReceipt', hashOf(raw)), receipt)
  }
  t.equal(block.gasUsed, toHex(cumulative))
})

t.test('operator fee parameters are in receipts if one is not zero (F-46)', async (t) => {
  for (const [nonce, [operatorFeeScalar, operatorFeeConstant]] of [
    [0, 5n],
    [7, 0n],
    [0, 0n],
  ].entries()) {
    const l1 = {
      operatorFeeScalar: Number(operatorFeeScalar),
      operatorFeeConstant: BigInt(operatorFeeConstant),
    }
    await mine(net, [await sign(BOB, { nonce })], { l1 })
    const [, receipt] = await net.rpc('eth_getBlockReceipts', 'latest')
    const isThere = nonce < 2
    t.equal(receipt.operatorFeeScalar, isThere ? toHex(operatorFeeScalar) : undefined)
    t.equal(receipt.operatorFeeConstant, isThere ? toHex(operatorFeeConstant) : undefined)
  }
})

t.test('contract creations have an address in the receipt even if they fail (J-22)', async (t) => {
  const create = { to: undefined, gas: 300_000n }
  const raws = [
    await sign(ALICE, { ...create, data: BOX_BYTECODE }),
    await sign(ALICE, { ...create, nonce: 1, data: '0xfe' }),
  ]
  const block = await mine(net, raws)
  t.strictSame(
    block.transactions.slice(1).map(({ to }: JSONValue) => to),
    [null, null],
  )
  const receipts = (await net.rpc('eth_getBlockReceipts', 'latest')).slice(1)
  t.strictSame(
    receipts.map(({ status }: JSONValue) => status),
    ['0x1', '0x0'],
  )
  for (const [index, { contractAddress, to }] of receipts.entries()) {
    const expected = lower(getContractAddress({ from: ALICE.address, nonce: BigInt(index) }))
    t.equal(contractAddress, expected)
    t.equal(to, null)
  }
})

t.test('logs say where they are, and are counted over the block (J-22, D-30)', async (t) => {
  const [block] = blocks
  const [, first, second] = await net.rpc('eth_getBlockReceipts', block.hash)
  for (const [index, receipt] of [first, second].entries()) {
    const { blockTimestamp, ...log } = receipt.logs[0]
    t.match(blockTimestamp ?? block.timestamp, block.timestamp)
    t.strictSame(log, {
      address: boxes[index],
      topics: [CHANGED, pad(lower([CAROL, DAVE][index].address)), pad('0x7')],
      data: pad('0x0'),
      blockHash: block.hash,
      blockNumber: block.number,
      transactionHash: block.transactions[index + 1].hash,
      transactionIndex: toHex(index + 1),
      logIndex: toHex(index),
      removed: false,
    })
  }
  const byBloom = BigInt(first.logsBloom) | BigInt(second.logsBloom)
  t.equal(BigInt(block.logsBloom), byBloom)
})

t.test('safe and finalized are unknown before a label is given (J-02, T-38)', async (t) => {
  const net = await startDevnet(t)
  await net.mine()
  for (const label of ['safe', 'finalized']) {
    const answer = await net
      .rpc('eth_getBlockByNumber', label, false)
      .catch(({ message }) => message)
    if (answer !== null) t.match(answer, /block not found|header not found|unknown block/)
    t.match(
      (await net.refusal('eth_getBalance', ALICE.address, label)).message,
      /block not found|header not found|unknown block/,
    )
  }
})

t.test('every tag finds its block (J-02, J-20)', async (t) => {
  const net = await startDevnet(t)
  const mined = [await net.mine(), await net.mine(), await net.mine()]
  const labels = { safeBlockHash: mined[1].hash, finalizedBlockHash: mined[0].hash }
  await net.engine('engine_forkchoiceUpdatedV3', { headBlockHash: mined[2].hash, ...labels }, null)
  const numberOf = async (tag: string) => (await net.rpc('eth_getBlockByNumber', tag, true)).number
  t.equal(await numberOf('earliest'), '0x0')
  t.equal(await numberOf('finalized'), '0x1')
  t.equal(await numberOf('safe'), '0x2')
  t.equal(await numberOf('latest'), '0x3')
  t.equal(await numberOf('0x2'), '0x2')
  t.equal(await net.rpc('eth_blockNumber'), '0x3')
  const latest = await net.rpc('eth_getBlockByNumber', 'latest', true)
  t.strictSame(await net.rpc('eth_getBlockByNumber', 'pending', true), latest)
  t.ok(latest.hash && latest.nonce && latest.miner, 'nothing of it is null')
  t.strictSame(await net.rpc('eth_getBlockByHash', latest.hash, true), latest)
  const transactions = latest.transactions.map(({ hash }: JSONValue) => hash)
  t.strictSame(await net.rpc('eth_getBlockByHash', latest.hash, false), { ...latest, transactions })
  t.equal(await net.engine('eth_blockNumber'), '0x3', 'on the other port too (E-11)')
})

t.test('what is not known is null (J-02, J-22)', async (t) => {
  t.equal(await net.rpc('eth_getBlockByNumber', '0xffffff', true), null)
  t.equal(await net.rpc('eth_getBlockByHash', UNKNOWN_HASH, true), null)
  t.equal(await net.rpc('eth_getBlockReceipts', UNKNOWN_HASH), null)
  t.equal(await net.rpc('eth_getTransactionByHash', UNKNOWN_HASH), null)
  t.equal(await net.rpc('eth_getTransactionReceipt', UNKNOWN_HASH), null)
  for (const block of ['0xffffff', UNKNOWN_HASH, { blockHash: UNKNOWN_HASH }]) {
    const { code, message } = await net.refusal('eth_getBalance', ALICE.address, block)
    t.match(message, /block not found|header not found|unknown block/)
    t.not(code, -32602)
  }
})

t.test('a block can be named as in EIP-1898, and receipts by tag and number (J-07)', async (t) => {
  const [{ hash, number }] = blocks
  const slotAt = (block: unknown) => net.rpc('eth_getStorageAt', boxes[0], '0x0', block)
  const seven = pad('0x7')
  for (const id of [hash, number, { blockHash: hash }, { blockNumber: number }])
    t.equal(await slotAt(id), seven, JSON.stringify(id))
  t.equal(await slotAt({ blockHash: hash, requireCanonical: true }), seven)
  const receipts = await net.rpc('eth_getBlockReceipts', hash)
  t.equal(receipts.length, 3)
  for (const id of [number, { blockHash: hash }, { blockNumber: number }])
    t.strictSame(await net.rpc('eth_getBlockReceipts', id), receipts)
  const { transactions } = await net.rpc('eth_getBlockByNumber', 'latest', false)
  const [latest] = await net.rpc('eth_getBlockReceipts', 'latest')
  t.equal(latest.transactionHash, transactions[0])
})

t.test('a block that left the chain is found by its hash only (J-04, E-45)', async (t) => {
  const net = await startDevnet(t)
  const parent = await net.mine()
  const signed = await sign(ALICE, { value: 5n })
  const dropped = await mine(net, [signed])
  t.equal((await net.rpc('eth_getTransactionReceipt', hashOf(signed))).blockHash, dropped.hash)
  const other = await net.mine({ parent: parent.hash, noTxPool: true })
  t.equal((await net.rpc('eth_getBlockByNumber', '0x2', false)).hash, other.hash)
  t.strictSame(await net.rpc('eth_getBlockByHash', dropped.hash, true), dropped)
  t.equal(await net.rpc('eth_getTransactionReceipt', hashOf(signed)), null)
  const nonceAt = (block: unknown) => net.rpc('eth_getTransactionCount', ALICE.address, block)
  t.equal(await nonceAt({ blockHash: dropped.hash }), '0x1')
  t.equal(await nonceAt({ blockHash: dropped.hash, requireCanonical: false }), '0x1')
  t.equal(await nonceAt('latest'), '0x0')
})

t.test('state of a block that left the chain can be refused (EIP-1898)', async (t) => {
  const net = await startDevnet(t)
  const dropped = await net.mine()
  const { parentHash } = dropped
  await net.mine({ parent: parentHash, l1: { sequenceNumber: 1n } })
  const block = { blockHash: dropped.hash, requireCanonical: true }
  const { message } = await net.refusal('eth_getTransactionCount', ALICE.address, block)
  t.match(message, /canonical/)
})

t.test(
  'proofs lead to the state root, at any block and for what is absent (J-05, J-06)',
  async (t) => {
    const genesis = await net.rpc('eth_getBlockByNumber', 'earliest', false)
    const slots = ['0x0', '0x1', pad('0x2')]
    const named = [...blocks, genesis].flatMap((block) => [
      { block, id: block.hash },
      { block, id: block.number },
      { block, id: { blockHash: block.hash } },
    ])
    for (const { block, id } of named) {
      for (const address of [boxes[0], lower(ALICE.address), `0x${'99'.repeat(20)}`]) {
        const proof = await net.rpc('eth_getProof', address, slots, id)
        t.equal(proof.address.toLowerCase(), address)
        t.strictSame(
          proof.storageProof.map(({ key }: JSONValue) => BigInt(key)),
          [0n, 1n, 2n],
        )
        await t.resolves(verifyProof(block.stateRoot, proof), `${address} ${JSON.stringify(id)}`)
      }
    }
    const valueAt = async (id: unknown) =>
      (await net.rpc('eth_getProof', boxes[0], ['0x0'], id)).storageProof[0].value
    t.equal(await valueAt(blocks[0].hash), '0x7')
    t.equal(await valueAt(blocks[1].number), '0x8')
    t.equal(await valueAt('latest'), '0x8')
    t.equal(await valueAt('earliest'), '0x0')
  },
)

t.test('an absent account has a proof, and hashes of zero as in geth (J-06)', async (t) => {
  const address = `0x${'99'.repeat(20)}`
  const { accountProof, storageProof, ...proof } = await net.rpc(
    'eth_getProof',
    address,
    ['0x0'],
    'latest',
  )
  t.ok(accountProof.length > 0)
  t.strictSame(proof, {
    address,
    balance: '0x0',
    codeHash: `0x${'00'.repeat(32)}`,
    nonce: '0x0',
    storageHash: `0x${'00'.repeat(32)}`,
  })
  t.strictSame(storageProof, [{ key: '0x0', value: '0x0', proof: [] }])
})

t.test('logs are found by range, block, address and topics (J-19, D-30)', async (t) => {
  const [first, second, third] = blocks
  const find = async (filter: unknown) => {
    const logs = await net.rpc('eth_getLogs', filter)
    return logs.map(({ address, topics, blockNumber }: JSONValue) => {
      return [Number(blockNumber) - Number(first.number), boxes.indexOf(address), Number(topics[2])]
    })
  }
  const all = [
    [0, 0, 7],
    [0, 1, 7],
    [1, 0, 8],
    [2, 1, 9],
  ]
  const range = { fromBlock: 'earliest', toBlock: 'latest' }
  const [seven, eight] = [pad('0x7'), pad('0x8')]
  const [carol, dave] = [CAROL, DAVE].map(({ address }) => pad(lower(address)))
  t.strictSame(await find(range), all, 'in order, that of a deposit among them')
  t.strictSame(await find({ fromBlock: second.number, toBlock: third.number }), all.slice(2))
  t.strictSame(await find({ fromBlock: second.number, toBlock: second.number }), [all[2]])
  t.strictSame(await find({ fromBlock: second.number }), all.slice(2), 'up to the latest')
  t.strictSame(await find({}), [], 'the latest block, which has none')
  t.strictSame(await find({ blockHash: first.hash }), all.slice(0, 2))
  t.strictSame(await find({ ...range, address: boxes[0] }), [all[0], all[2]])
  t.strictSame(await find({ ...range, address: [boxes[0].toUpperCase().replace('X', 'x')] }), [
    all[0],
    all[2],
  ])
  t.strictSame(await find({ ...range, address: boxes }), all)
  t.strictSame(await find({ ...range, address: lower(ALICE.address) }), [])
  t.strictSame(await find({ ...range, topics: [CHANGED] }), all)
  t.strictSame(await find({ ...range, topics: [seven] }), [], 'a topic has its place')
  t.strictSame(await find({ ...range, topics: [null, dave] }), [all[1], all[2]])
  t.strictSame(await find({ ...range, topics: [null, null, seven] }), all.slice(0, 2))
  t.strictSame(await find({ ...range, topics: [null, null, [seven, eight]] }), all.slice(0, 3))
  t.strictSame(await find({ ...range, topics: [CHANGED, [carol], eight] }), [])
  t.strictSame(await find({ ...range, topics: [CHANGED, [dave], eight] }), [all[2]])
  t.strictSame(await find({ ...range, topics: [CHANGED, dave, seven, seven] }), [], 'too many')
  t.strictSame(await find({ ...range, address: boxes[1], topics: [null, dave] }), [all[1]])
  t.strictSame(await find({ ...range, topics: [] }), all)
})

t.test('an empty list in a filter for logs takes all, as in geth (J-19)', async (t) => {
  const range = { fromBlock: 'earliest', toBlock: 'latest' }
  t.equal((await net.rpc('eth_getLogs', { ...range, topics: [[]] })).length, 4)
  t.equal((await net.rpc('eth_getLogs', { ...range, address: [] })).length, 4)
})

t.test('logs of a block that is not known are refused (J-19)', async (t) => {
  t.match(
    (await net.refusal('eth_getLogs', { blockHash: UNKNOWN_HASH })).message,
    /unknown block|not found/,
  )
})

t.test('a filter for logs has a block hash or a range, not both (J-19)', async (t) => {
  const { code } = await net.refusal('eth_getLogs', { blockHash: blocks[0].hash, fromBlock: '0x1' })
  t.equal(code, -32602)
})

t.test('state can be read at past blocks (J-19)', async (t) => {
  const before = toHex(Number(blocks[0].number) - 2)
  const at =
    (method: string, ...params: unknown[]) =>
    (block: unknown) =>
      net.rpc(method, ...params, block)
  const value = at('eth_call', { to: boxes[0], data: '0x3fa4f245' })
  t.equal(await value(blocks[0].hash), pad('0x7'))
  t.equal(await value(blocks[1].number), pad('0x8'))
  t.equal(await value(before), '0x', 'there was no contract')
  const code = at('eth_getCode', boxes[0])
  t.equal(await code(before), '0x')
  t.equal((await code('latest')).length, BOX_BYTECODE.length - 24)
  const nonce = at('eth_getTransactionCount', DAVE.address)
  t.equal(await nonce('earliest'), '0x0')
  t.equal(await nonce(blocks[0].number), '0x2')
  t.equal(await nonce(blocks[1].hash), '0x3')
  const balance = at('eth_getBalance', CAROL.address)
  t.equal(await balance('earliest'), '0x21e19e0c9bab2400000')
  t.ok(BigInt(await balance('latest')) < 0x21e19e0c9bab2400000n)
  const slot = (id: string) => at('eth_getStorageAt', boxes[0], id)
  t.equal(await slot('0x0')(blocks[0].number), pad('0x7'))
  t.equal(await slot(pad('0x0'))('latest'), pad('0x8'))
  t.equal(await slot('0x1')('latest'), pad('0x0'), '32 bytes also of an empty slot')
})

t.test('calls see the block in which they run (J-19)', async (t) => {
  // Returns NUMBER.
  const data = '0x4360005260206000f3'
  for (const { number } of blocks) t.equal(await net.rpc('eth_call', { data }, number), pad(number))
  const sum = { from: ALICE.address, to: BOB.address, value: '0x1', gasPrice: '0x0', nonce: '0x5' }
  t.equal(await net.rpc('eth_call', sum, 'latest'), '0x')
  const input = '0x3fa4f245'
  t.equal(await net.rpc('eth_call', { to: boxes[0], input }, 'latest'), pad('0x8'))
  t.equal(await net.rpc('eth_call', { to: boxes[0], input }), pad('0x8'), 'latest is the default')
})

t.test('a call that fails says why (J-19)', async (t) => {
  const refused = await net.refusal('eth_call', { to: boxes[0], data: box('refuse', 5n) }, 'latest')
  t.equal(refused.code, 3)
  t.match(refused.message, /^execution reverted/)
  t.equal(refused.data, concatHex(['0x590a5151', pad('0x5')]))
  const burnt = await net.refusal('eth_call', { to: boxes[0], data: box('burn') }, 'latest')
  t.equal(burnt.code, -32000)
  t.match(burnt.message, /invalid opcode/)
  const poor = { from: `0x${'99'.repeat(20)}`, to: BOB.address, value: '0x1' }
  t.match((await net.refusal('eth_call', poor, 'latest')).message, /insufficient/)
  t.match((await net.refusal('eth_estimateGas', poor)).message, /insufficient/)
  const cheap = { to: boxes[0], data: '0x3fa4f245', gas: '0x5300' }
  t.match((await net.refusal('eth_call', cheap, 'latest')).message, /gas/)
})

t.test('an estimate counts access and authorization lists (J-19)', async (t) => {
  const transfer = { from: ALICE.address, to: BOB.address, value: '0x1' }
  const accessList = [{ address: EVE.address, storageKeys: [pad('0x1'), pad('0x2')] }]
  const authorization = await ALICE.signAuthorization!({
    chainId: DEV_CHAIN_ID,
    address: EVE.address,
    nonce: 1,
  })
  const { chainId, nonce, address, r, s, yParity } = authorization
  const numbers = { chainId: toHex(chainId), nonce: toHex(nonce), yParity: toHex(yParity!) }
  const authorizationList = [{ address, r, s, ...numbers }]
  const estimate = async (more: object) =>
    Number(await net.rpc('eth_estimateGas', { ...transfer, ...more }))
  t.equal(await estimate({}), 21_000)
  const [withList, withAuthorization] = [
    await estimate({ accessList }),
    await estimate({ authorizationList }),
  ]
  t.ok(withList >= 27_200 && withList < 27_900, `${withList}`)
  t.ok(withAuthorization >= 46_000 && withAuthorization < 47_000, `${withAuthorization}`)
})

t.test('the fee history has base fees, one more than blocks, and rewards (J-19)', async (t) => {
  const latest = await net.rpc('eth_getBlockByNumber', 'latest', false)
  const before = await net.rpc('eth_getBlockByNumber', toHex(Number(latest.number) - 1), false)
  for (const count of ['0x2', 2]) {
    const history = await net.rpc('eth_feeHistory', count, 'latest', [50])
    t.equal(history.oldestBlock, before.number)
    t.equal(history.baseFeePerGas.length, 3)
    t.strictSame(history.baseFeePerGas.slice(0, 2), [before.baseFeePerGas, latest.baseFeePerGas])
    const ratios = [before, latest].map(
      ({ gasUsed, gasLimit }) => Number(gasUsed) / Number(gasLimit),
    )
    t.strictSame(history.gasUsedRatio, ratios)
    t.equal(history.reward.length, 2)
    t.match(history.reward[0][0], /^0x/)
  }
  const next = (await net.rpc('eth_feeHistory', '0x1', 'latest', [])).baseFeePerGas[1]
  const mined = await net.mine({ noTxPool: true })
  t.equal(mined.baseFeePerGas, next, 'B-16')
})

t.test(
  'rewards in the fee history are tips by the gas of those who paid them (J-19)',
  async (t) => {
    const net = await startDevnet(t)
    await net.mine()
    const tips = [5n, 2n].map((tip) => tip * 10n ** 6n)
    const raws = [ALICE, BOB].map((account, index) =>
      sign(account, { maxPriorityFeePerGas: tips[index] }),
    )
    const { number } = await mine(net, await Promise.all(raws))
    const [deposit, ...signed] = await net.rpc('eth_getBlockReceipts', number)
    const total = Number(signed[1].cumulativeGasUsed)
    const percentiles = [
      0,
      deposit.gasUsed,
      Number(deposit.gasUsed) + 21_000,
      total - 20_000,
      total,
    ]
    const percents = percentiles.map((gas) => (Number(gas) / total) * 100 - (gas ? 1e-6 : 0))
    const { reward } = await net.rpc('eth_feeHistory', '0x1', number, percents)
    const [high, low] = tips.map((tip) => toHex(tip))
    t.strictSame(reward, [['0x0', '0x0', low, high, high]])
  },
)

t.test('the gas price covers the last base fee, the next, and a tip (J-19)', async (t) => {
  const last = await net.rpc('eth_getBlockByNumber', 'latest', false)
  const [price, tip] = [await net.rpc('eth_gasPrice'), await net.rpc('eth_maxPriorityFeePerGas')]
  t.match(price, /^0x[1-9a-f][0-9a-f]*$/)
  t.match(tip, /^0x[1-9a-f][0-9a-f]*$/)
  const { baseFeePerGas } = await net.mine({ noTxPool: true })
  t.ok(BigInt(price) >= BigInt(baseFeePerGas) + 1n)
  // Otherwise a call at this price could not be simulated on the last block.
  t.ok(BigInt(price) >= BigInt(last.baseFeePerGas) + 1n)
})

t.test(
  'the pool refuses what cannot be in a block, and says why (R-01…R-06, R-12, D-34)',
  async (t) => {
    const net = await startDevnet(t)
    await mine(net, [await sign(ALICE)])
    const { yParity, ...blob } = {
      ...{ type: 'eip4844', maxFeePerBlobGas: 1n, yParity: 0 },
      ...{ blobVersionedHashes: [`0x01${'00'.repeat(31)}`], maxFeePerGas: 2n * GWEI },
    }
    const own = { nonce: 1 }
    const deposited = deposit(ALICE.address, BOB.address)
    const wide = { ...own, gas: 10_000_000n }
    const size = (await sign(ALICE, { ...wide, data: `0x${'11'.repeat(131_000)}` })).length / 2 - 1
    const data: Hex = `0x${'11'.repeat(131_000 + 131_073 - size)}`
    const wrong: [row: string, raw: Hex, message: RegExp][] = [
      ['R-01', await sign(ALICE, { ...own, ...blob }), /transaction type not supported/],
      ['D-34, R-02', deposited, /transaction type not supported/],
      ['R-04', concatHex(['0x7d', '0xc0']), /./],
      ['R-05', await sign(ALICE, { ...wide, data }), /oversized data/],
      [
        'R-12',
        await sign(ALICE, { ...own, type: 'legacy', chainId: undefined }),
        /only replay-protected/,
      ],
      ['R-15', await sign(ALICE, { ...own, gas: 16_777_217n }), /gas limit/],
      ['nonce', await sign(ALICE), /nonce too low/],
      ['gas', await sign(ALICE, { ...own, gas: 20_999n }), /intrinsic gas too low/],
      [
        'floor gas',
        await sign(ALICE, { ...own, gas: 25_000n, data: `0x${'11'.repeat(200)}` }),
        /gas/,
      ],
      ['chain', await sign(ALICE, { ...own, chainId: 10 }), /chain ?id/i],
      ['value', await sign(ALICE, { ...own, value: 10n ** 23n }), /insufficient funds/],
      [
        'initcode',
        await sign(ALICE, { ...wide, to: undefined, data: `0x${'00'.repeat(49_153)}` }),
        /init ?code/i,
      ],
      ['empty', '0x', /./],
      ['no list', '0x02', /./],
      ['cut off', (await sign(ALICE, own)).slice(0, -2) as Hex, /./],
      ['trailing', concatHex([await sign(ALICE, own), '0x00']), /./],
    ]
    for (const [row, raw, message] of wrong) {
      const error = await net.refusal('eth_sendRawTransaction', raw)
      t.match(error.message, message, row)
      t.ok([-32000, -32602, -32003].includes(error.code), `${row}: code ${error.code}`)
    }
    t.equal((await net.refusal('eth_sendRawTransaction', 'x')).code, -32602)
    t.equal((await net.mine()).transactions.length, 1, 'none of them gets into a block')
    const good = await sign(ALICE, own)
    t.equal(await net.rpc('eth_sendRawTransaction', good), hashOf(good))
    t.equal((await net.refusal('eth_sendRawTransaction', good)).message, 'already known')
    const block = await net.mine()
    t.equal(block.transactions[1].hash, hashOf(good))
  },
)

t.test('a transaction as large as allowed, with as much gas, is taken (R-05, R-06)', async (t) => {
  const net = await startDevnet(t, devGenesis('jovian'))
  await net.mine()
  const gas = 60_000_000n - 70_000n
  const tooMuch = await sign(ALICE, { gas: gas + 1n })
  const { message } = await net.refusal('eth_sendRawTransaction', tooMuch)
  t.match(message, /exceeds block gas limit/)
  const size = (await sign(ALICE, { gas, data: `0x${'11'.repeat(131_000)}` })).length / 2 - 1
  const largest = await sign(ALICE, { gas, data: `0x${'11'.repeat(131_000 + 131_072 - size)}` })
  t.equal(largest.length / 2 - 1, 131_072)
  t.equal(await net.rpc('eth_sendRawTransaction', largest), hashOf(largest))
})

t.test('transactions with an authorization list are taken from Isthmus on (R-03)', async (t) => {
  const authorization = await CAROL.signAuthorization!({
    chainId: DEV_CHAIN_ID,
    address: EVE.address,
    nonce: 0,
  })
  const raw = await sign(ALICE, {
    type: 'eip7702',
    gas: 100_000n,
    authorizationList: [authorization],
  })
  const before = await startDevnet(t, devGenesis('holocene'))
  await before.mine()
  t.match((await before.refusal('eth_sendRawTransaction', raw)).message, /not supported|7702/)
  const after = await startDevnet(t, devGenesis('isthmus'))
  await after.mine()
  t.equal(await after.rpc('eth_sendRawTransaction', raw), hashOf(raw))
  t.equal((await after.mine()).transactions[1].hash, hashOf(raw))
  const code = await after.rpc('eth_getCode', CAROL.address, 'latest')
  t.equal(code, concatHex(['0xef0100', lower(EVE.address)]))
})

t.test('the pool wants the L1 fee and the operator fee too, to the wei (F-10)', async (t) => {
  // Of 100 compressed bytes: (16 · 5227 · 10⁹ + 1014213 · 10⁷) · 100 / 10⁶ wei.
  const l1Fee = (16n * 5_227n * 10n ** 9n + 1_014_213n * 10n ** 7n) / 10_000n
  const operatorFee = 21_000n * 3n * 100n + 12_345n
  const cost = 21_000n * 2n * GWEI + 1n
  const l1 = { operatorFeeScalar: 3, operatorFeeConstant: 12_345n }
  const [poor, rich] = [ACCOUNTS[8], ACCOUNTS[9]]
  const funds = { [poor.address]: -1n, [rich.address]: 0n }
  const genesis = devGenesis()
  for (const [address, more] of Object.entries(funds))
    genesis.alloc[lower(address)] = { balance: toHex(cost + l1Fee + operatorFee + more) }
  const net = await startDevnet(t, genesis)
  await net.mine({ l1 })
  const { message } = await net.refusal('eth_sendRawTransaction', await sign(poor, { value: 1n }))
  t.match(message, /insufficient funds/)
  const raw = await sign(rich, { value: 1n })
  t.equal(await net.rpc('eth_sendRawTransaction', raw), hashOf(raw))
  const block = await net.mine({ l1 })
  t.equal(block.transactions[1].hash, hashOf(raw))
  const [, receipt] = await net.rpc('eth_getBlockReceipts', 'latest')
  t.equal(receipt.l1Fee, toHex(l1Fee))
})

t.test('the pending nonce counts what waits in the pool (J-19)', async (t) => {
  const count = (block: string) => net.rpc('eth_getTransactionCount', ACCOUNTS[5].address, block)
  for (const nonce of [0, 1, 3])
    await net.rpc('eth_sendRawTransaction', await sign(ACCOUNTS[5], { nonce }))
  t.equal(await count('pending'), '0x2', 'up to the gap')
  t.equal(await count('latest'), '0x0')
  await net.rpc('eth_sendRawTransaction', await sign(ACCOUNTS[5], { nonce: 2 }))
  t.equal(await count('pending'), '0x4')
  t.equal((await net.mine()).transactions.length, 5)
  t.equal(await count('pending'), '0x4')
  t.equal(await count('latest'), '0x4')
  t.equal(await count('0x0'), '0x0')
})

t.test('what waits in the pool is found by hash, without a block (J-22)', async (t) => {
  const raw = await sign(ACCOUNTS[6])
  await net.rpc('eth_sendRawTransaction', raw)
  t.match(await net.rpc('eth_getTransactionByHash', hashOf(raw)), {
    ...{ blockHash: null, blockNumber: null, transactionIndex: null },
    ...{ hash: hashOf(raw), from: lower(ACCOUNTS[6].address), nonce: '0x0' },
  })
  t.equal(await net.rpc('eth_getTransactionReceipt', hashOf(raw)), null)
  t.equal((await net.mine()).transactions[1].hash, hashOf(raw))
})

t.test('a transaction replaces one of its nonce for a tenth more (J-19)', async (t) => {
  const fee = (maxFeePerGas: bigint, maxPriorityFeePerGas: bigint) =>
    sign(ACCOUNTS[7], { maxFeePerGas, maxPriorityFeePerGas })
  await net.rpc('eth_sendRawTransaction', await fee(2_000_000_000n, 1_000_000n))
  const less = await fee(2_199_999_999n, 1_099_999n)
  t.match((await net.refusal('eth_sendRawTransaction', less)).message, /underpriced/)
  const more = await fee(2_200_000_000n, 1_100_000n)
  t.equal(await net.rpc('eth_sendRawTransaction', more), hashOf(more))
  const { transactions } = await net.mine()
  t.strictSame(
    transactions.slice(1).map(({ hash }: JSONValue) => hash),
    [hashOf(more)],
  )
})

t.test(
  'a limit on DA size keeps larger transactions out, until it is lifted (S-06, J-10)',
  async (t) => {
    const incompressible = Array.from({ length: 100 }, (_, index) => hashOf(toHex(index)))
    const large = await sign(ACCOUNTS[8], { gas: 300_000n, data: concatHex(incompressible) })
    const small = await sign(ACCOUNTS[9])
    for (const raw of [large, small]) await net.rpc('eth_sendRawTransaction', raw)
    const mined = async () =>
      (await net.mine()).transactions.slice(1).map(({ hash }: JSONValue) => hash)
    t.equal(await net.rpc('miner_setMaxDASize', '0x1', '0x0'), true)
    t.strictSame(await mined(), [], 'only deposits')
    t.equal(await net.rpc('miner_setMaxDASize', '0x0', '0x1f4'), true)
    t.strictSame(await mined(), [hashOf(small)], 'a block of 500 bytes')
    t.equal(await net.rpc('miner_setMaxDASize', '0x3e8', '0x0'), true)
    t.strictSame(await mined(), [], 'transactions of 1,000 bytes')
    t.equal(await net.rpc('miner_setMaxDASize', '0x0', '0x0'), true)
    t.strictSame(await mined(), [hashOf(large)])
  },
)

t.test('the node introduces itself (J-01)', async (t) => {
  t.equal(await net.rpc('eth_chainId'), '0x385')
  t.equal(await net.rpc('net_version'), '901')
  t.match(await net.rpc('web3_clientVersion'), /^ethereumjs-op/)
  t.equal(await net.rpc('eth_syncing'), false)
  t.strictSame(await net.rpc('eth_accounts'), [])
})

t.test('answers carry the id of any kind that the request has (E-37)', async (t) => {
  for (const id of [0, 1, -1, 2 ** 53 - 1, 'a', '1', '', 1.5, null]) {
    const { status, text } = await post(net.url, {
      jsonrpc: '2.0',
      id,
      method: 'net_version',
      params: [],
    })
    t.equal(status, 200)
    t.strictSame(JSON.parse(text), { jsonrpc: '2.0', id, result: '901' }, JSON.stringify(id))
  }
  const { text } = await post(net.url, { jsonrpc: '2.0', id: 1, method: 'net_version' })
  t.strictSame(JSON.parse(text), { jsonrpc: '2.0', id: 1, result: '901' }, 'without parameters')
})

t.test('errors have the codes of JSON-RPC (E-37)', async (t) => {
  const codeOf = async (body: string | object) =>
    JSON.parse((await post(net.url, body)).text).error.code
  const request = { jsonrpc: '2.0', id: 1, params: [] }
  t.equal(await codeOf('{'), -32700)
  t.equal(await codeOf('1'), -32600)
  t.equal(await codeOf('[]'), -32600)
  t.equal(await codeOf(request), -32600)
  t.equal(await codeOf({ ...request, id: {}, method: 'eth_chainId' }), -32600)
  t.equal(await codeOf({ ...request, method: 'eth_nothing' }), -32601)
  t.equal(await codeOf({ ...request, method: 'toString' }), -32601)
  t.equal(await codeOf({ ...request, method: 'engine_newPayloadV4' }), -32601, 'not on this port')
  t.equal(await codeOf({ ...request, method: 'eth_getBalance' }), -32602)
  t.equal(await codeOf({ ...request, method: 'eth_getBalance', params: ['0x1', 'latest'] }), -32602)
  t.equal(await codeOf({ ...request, method: 'eth_getBalance', params: {} }), -32602)
  t.equal(
    await codeOf({ ...request, method: 'eth_getBalance', params: [ALICE.address, 'first'] }),
    -32602,
  )
})

t.test(
  'a batch is answered in order, its errors inside, notifications not (J-07, E-12)',
  async (t) => {
    const request = (id: unknown, method: string, ...params: unknown[]) => ({
      jsonrpc: '2.0',
      id,
      method,
      params,
    })
    const hashes = blocks.flatMap(({ transactions }) =>
      transactions.map(({ hash }: JSONValue) => hash),
    )
    const receipts = hashes.map((hash, index) => request(index, 'eth_getTransactionReceipt', hash))
    const { text } = await post(net.url, receipts)
    const answers = JSON.parse(text)
    t.strictSame(
      answers.map(({ id }: JSONValue) => id),
      [...hashes.keys()],
    )
    t.strictSame(
      answers.map(({ result }: JSONValue) => result.transactionHash),
      hashes,
    )
    const { text: mixed } = await post(net.url, [
      request('a', 'eth_chainId'),
      request('b', 'eth_nothing'),
      { jsonrpc: '2.0', method: 'eth_chainId', params: [] },
      7,
      request('c', 'eth_getBalance', 'x'),
      request('d', 'net_version'),
    ])
    const outcomes = JSON.parse(mixed).map(({ id, result, error }: JSONValue) => [
      id,
      result ?? error.code,
    ])
    t.strictSame(outcomes, [
      ['a', '0x385'],
      ['b', -32601],
      [null, -32600],
      ['c', -32602],
      ['d', '901'],
    ])
  },
)

t.test('a notification alone has no answer (E-37)', async (t) => {
  const notification = { jsonrpc: '2.0', method: 'eth_chainId', params: [] }
  for (const body of [notification, [notification, notification]]) {
    const { status, text } = await post(net.url, body)
    t.ok(status === 200 || status === 204, `${status}`)
    t.equal(text, '')
  }
})

t.test('the L1 attributes of the tests have the length of their fork (F-35, F-36)', async (t) => {
  const length = (fork: Fork) => encodeL1Attributes(fork).length / 2 - 1
  t.strictSame(FORKS.map(length), [260, 260, 260, 164, 164, 164, 164, 176, 178, 178])
})
