import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import type { Hex } from 'viem'
import { getContractAddress, pad, toHex } from 'viem'
import { createStore } from '../node/dist/store/store.js'
import { createEth } from '../node/dist/eth/index.js'
import type { JSONValue } from './helpers.ts'
import {
  ACCOUNTS,
  BOX_BYTECODE,
  DEV_CHAIN_ID,
  deposit,
  devGenesis,
  startDevnet,
} from './node-helpers-eth.ts'

const GWEI = 10n ** 9n
const UNKNOWN: Hex = `0x${'ab'.repeat(32)}`
const [ALICE, BOB, CAROL, DAVE, EVE, FRANK] = ACCOUNTS
const lower = (address: string) => address.toLowerCase() as Hex
const hashOf = (raw: Hex) => bytesToHex(keccak_256(hexToBytes(raw)))

/** Signs a transfer of `account` to Bob, of type 2 unless `tx` says otherwise. */
function sign(account: (typeof ACCOUNTS)[number], tx: JSONValue = {}): Promise<Hex> {
  const type = tx.type ?? 'eip1559'
  const caps =
    type === 'legacy'
      ? { gasPrice: 2n * GWEI }
      : { maxFeePerGas: 2n * GWEI, maxPriorityFeePerGas: 10n ** 6n }
  const common = { chainId: DEV_CHAIN_ID, nonce: 0, gas: 21_000n, to: BOB.address }
  return account.signTransaction({ type, ...common, ...caps, ...tx })
}

/** One chain for all tests: block 1 has a contract of Alice, a transfer, and one without a chain. */
const net = await startDevnet(t)
const { rpc, refusal } = net
const created = lower(getContractAddress({ from: ALICE.address, nonce: 0n }))
const raws = [
  await sign(ALICE, { to: undefined, gas: 300_000n, data: BOX_BYTECODE }),
  await sign(BOB, { value: 3n }),
  await sign(CAROL, { type: 'legacy', chainId: undefined }),
]
const block = await net.mine({ transactions: raws, noTxPool: true })

t.test('what is in a block is found by its number, label or hash, and by index', async (t) => {
  for (const [by, id] of [
    ['Number', '0x1'],
    ['Number', 'latest'],
    ['Hash', block.hash],
  ]) {
    t.equal(await rpc(`eth_getBlockTransactionCountBy${by}`, id), '0x4')
    t.equal(await rpc(`eth_getUncleCountByBlock${by}`, id), '0x0')
    t.equal(await rpc(`eth_getUncleByBlock${by}AndIndex`, id, '0x0'), null)
    for (const [index, tx] of block.transactions.entries())
      t.strictSame(await rpc(`eth_getTransactionByBlock${by}AndIndex`, id, toHex(index)), tx)
    t.equal(await rpc(`eth_getTransactionByBlock${by}AndIndex`, id, '0x4'), null)
    for (const [index, raw] of raws.entries())
      t.equal(await rpc(`eth_getRawTransactionByBlock${by}AndIndex`, id, toHex(index + 1)), raw)
    t.equal(await rpc(`eth_getRawTransactionByBlock${by}AndIndex`, id, '0x4'), '0x')
    const { size, transactions, uncles, withdrawals, ...header } = block
    t.strictSame(await rpc(`eth_getHeaderBy${by}`, id), header)
  }
  for (const method of ['eth_getBlockTransactionCountBy', 'eth_getUncleCountByBlock']) {
    t.equal(await rpc(`${method}Number`, '0xffff'), null)
    t.equal(await rpc(`${method}Hash`, UNKNOWN), null)
  }
  t.equal(await rpc('eth_getHeaderByHash', UNKNOWN), null)
  t.equal(await rpc('eth_getTransactionByBlockNumberAndIndex', '0xffff', '0x0'), null)
  t.equal((await refusal('eth_getTransactionByBlockNumberAndIndex', '0x1', 'x')).code, -32602)
})

t.test('the encoding of a transaction is given by its hash, of an unknown one none', async (t) => {
  for (const raw of raws) t.equal(await rpc('eth_getRawTransactionByHash', hashOf(raw)), raw)
  const deposited = await rpc('eth_getRawTransactionByHash', block.transactions[0].hash)
  t.equal(hashOf(deposited), block.transactions[0].hash)
  t.equal(await rpc('eth_getRawTransactionByHash', UNKNOWN), '0x')
})

t.test('a transaction without replay protection has no chain id', (t) => {
  const [, { chainId }, , unprotected] = block.transactions
  t.equal(chainId, '0x385')
  t.notOk('chainId' in unprotected)
  t.match(unprotected, { type: '0x0', v: /^0x1[bc]$/, hash: hashOf(raws[2]) })
  t.end()
})

t.test('the small methods', async (t) => {
  t.equal(await rpc('net_listening'), true)
  t.equal(await rpc('net_peerCount'), '0x0')
  const hello = '0x68656c6c6f20776f726c64'
  const hash = '0x47173285a8d7341e5e972fc677286384f802f8ef42a5ec5f03bbfa254cb01fad'
  t.equal(await rpc('web3_sha3', hello), hash)
  t.equal(await rpc('eth_blobBaseFee'), '0x1')
  t.strictSame(await rpc('eth_pendingTransactions'), [])
  const { code, message } = await refusal('eth_config')
  t.equal(code, -32601)
  t.match(message, /eth_config is not supported/)
})

t.test('null is as good as nothing where something may be absent', async (t) => {
  t.equal(await rpc('eth_getTransactionCount', ALICE.address, null), '0x1')
  t.strictSame((await rpc('eth_getBlockByNumber', null, null)).transactions.length, 4)
  t.equal((await rpc('eth_feeHistory', 1, null, null)).oldestBlock, '0x1')
  const none = { fromBlock: null, toBlock: null, blockHash: null, address: null, topics: null }
  t.strictSame(await rpc('eth_getLogs', none), [])
  t.strictSame(await rpc('eth_getLogs', { topics: [null, [null, UNKNOWN]] }), [])
  t.strictSame((await rpc('eth_getProof', ALICE.address, null, null)).storageProof, [])
  t.equal(await rpc('eth_getStorageAt', created, '0x0', { blockHash: block.hash }), pad('0x0'))
})

t.test('an error says which value has what wrong', async (t) => {
  const wrong: [method: string, params: unknown[], message: string][] = [
    ['eth_getBalance', ['0x12', 'latest'], '"0x12" is not an address'],
    ['eth_getBalance', [], 'a parameter is not bytes in hex'],
    ['eth_getBlockByHash', ['0x1', false], '"0x1" is not 32 bytes in hex'],
    ['eth_getBlockByNumber', ['newest', false], '"newest" is not a number in hex'],
    ['eth_getBlockByNumber', ['latest', 1], '1 is not true or false'],
    [
      'eth_getBalance',
      [ALICE.address, { blockHash: UNKNOWN, blockNumber: '0x1' }],
      `{"blockHash":"${UNKNOWN}… is not a block: its hash or its number, not both`,
    ],
    [
      'eth_getStorageAt',
      [created, '0xgg', 'latest'],
      '"0xgg" is not a storage key of at most 32 bytes in hex',
    ],
  ]
  for (const [method, params, message] of wrong) {
    const error = await refusal(method, ...params)
    t.strictSame([error.code, error.message], [-32602, `invalid argument: ${message}`])
  }
})

t.test('the pool says in geth’s words why it takes nothing', async (t) => {
  const nonce = 1
  const gas = 50_000n
  const wrong: [raw: Hex, message: string][] = [
    [
      await sign(ALICE, { nonce, chainId: 10 }),
      'invalid sender: invalid chain id for signer: have 10 want 901',
    ],
    [
      await sign(ALICE, { nonce, type: 'legacy', chainId: 10 }),
      'invalid sender: invalid chain id for signer: have 10 want 901',
    ],
    [await sign(ALICE), 'nonce too low: next nonce 1, tx nonce 0'],
    [await sign(ALICE, { nonce: 65 }), 'nonce too high: next nonce 1, tx nonce 65'],
    [
      await sign(ALICE, { nonce, gas: 20_999n }),
      'intrinsic gas too low: gas 20999, minimum needed 21000',
    ],
    [
      await sign(ALICE, { nonce, gas: 25_000n, data: `0x${'11'.repeat(200)}` }),
      'insufficient gas for floor data gas cost: gas 25000, minimum needed 29000',
    ],
    [
      await sign(ALICE, { nonce, gas: 16_777_217n }),
      'transaction gas limit too high (cap: 16777216, tx: 16777217)',
    ],
    [
      await sign(ALICE, { nonce, gas, to: undefined, data: `0x${'00'.repeat(49_153)}` }),
      'max initcode size exceeded: code size 49153 limit 49152',
    ],
    ['0x7dc0', 'transaction type not supported'],
    ['0x03c0', 'transaction type not supported'],
    [
      await sign(CAROL, { nonce: 1, type: 'legacy', chainId: undefined }),
      'only replay-protected (EIP-155) transactions allowed over RPC',
    ],
    [
      `${(await sign(ALICE, { nonce })).slice(0, -64)}${'ff'.repeat(32)}` as Hex,
      'invalid sender: invalid transaction v, r, s values',
    ],
  ]
  for (const [raw, message] of wrong) {
    const error = await refusal('eth_sendRawTransaction', raw)
    t.strictSame([error.code, error.message], [-32000, message])
  }
  const balance = BigInt(await rpc('eth_getBalance', ALICE.address, 'latest'))
  const poor = await sign(ALICE, { nonce, value: balance })
  const { message } = await refusal('eth_sendRawTransaction', poor)
  const [, cost, overshot] =
    /^insufficient funds for gas \* price \+ value: balance \d+, tx cost (\d+), overshot (\d+)$/.exec(
      message,
    ) ?? []
  t.equal(BigInt(cost) - BigInt(overshot), balance)
  t.ok(BigInt(overshot) > 21_000n * 2n * GWEI, 'with the fees of L1')
})

t.test(
  'a waiting transaction is known, and replaced for a tenth more of both prices',
  async (t) => {
    const fee = (maxFeePerGas: bigint, maxPriorityFeePerGas: bigint) =>
      sign(DAVE, { maxFeePerGas, maxPriorityFeePerGas })
    const first = await fee(2_000_000_000n, 1_000_000n)
    t.equal(await rpc('eth_sendRawTransaction', first), hashOf(first))
    t.equal((await refusal('eth_sendRawTransaction', first)).message, 'already known')
    const tooCheap: [fee: bigint, tip: bigint][] = [
      [2_000_000_000n, 1_000_000n - 1n],
      [2_200_000_000n, 1_099_999n],
      [2_199_999_999n, 1_100_000n],
      [4_000_000_000n, 1_000_000n],
    ]
    for (const prices of tooCheap) {
      const { message } = await refusal('eth_sendRawTransaction', await fee(...prices))
      t.equal(message, 'replacement transaction underpriced', `${prices}`)
    }
    const better = await fee(2_200_000_000n, 1_100_000n)
    t.equal(await rpc('eth_sendRawTransaction', better), hashOf(better))
    t.equal(await rpc('eth_getTransactionByHash', hashOf(first)), null)
    t.equal(await rpc('eth_getRawTransactionByHash', hashOf(better)), better)
    t.match(await rpc('eth_getTransactionByHash', hashOf(better)), {
      ...{ blockHash: null, blockNumber: null, blockTimestamp: null, transactionIndex: null },
      ...{ from: lower(DAVE.address), gasPrice: '0x83215600', maxFeePerGas: '0x83215600' },
      ...{ chainId: '0x385', type: '0x2', accessList: [], yParity: /^0x[01]$/ },
    })
  },
)

t.test('the pool shows what could be in the next block, and what waits for more', async (t) => {
  const gapped = await sign(EVE, { nonce: 2, to: undefined, gas: 60_000n, data: '0x00' })
  const ready = await sign(EVE)
  for (const raw of [gapped, ready]) await rpc('eth_sendRawTransaction', raw)
  const pool = (method: string, ...params: unknown[]) => net.engine(`txpool_${method}`, ...params)
  t.strictSame(await pool('status'), { pending: '0x2', queued: '0x1' })
  const [readyJSON, gappedJSON] = [
    await rpc('eth_getTransactionByHash', hashOf(ready)),
    await rpc('eth_getTransactionByHash', hashOf(gapped)),
  ]
  const own = { pending: { 0: readyJSON }, queued: { 2: gappedJSON } }
  t.strictSame(await pool('contentFrom', lower(EVE.address)), own)
  t.strictSame(await pool('contentFrom', FRANK.address), { pending: {}, queued: {} })
  const { pending, queued } = await pool('content')
  t.strictSame(Object.keys(pending).sort(), [DAVE.address, EVE.address].sort())
  t.strictSame(pending[EVE.address], own.pending)
  t.strictSame(queued, { [EVE.address]: own.queued })
  t.strictSame((await pool('inspect')).queued, {
    [EVE.address]: { 2: 'contract creation: 0 wei + 60000 gas × 2000000000 wei' },
  })
  t.equal(
    (await pool('inspect')).pending[EVE.address][0],
    `${BOB.address}: 0 wei + 21000 gas × 2000000000 wei`,
  )
})

t.test('who sends and waits gets the receipt, and keeps nobody waiting', async (t) => {
  const raw = await sign(FRANK, { value: 5n })
  const answer = rpc('eth_sendRawTransactionSync', raw, 60_000)
  while (!(await rpc('eth_getTransactionByHash', hashOf(raw)))) {}
  const mined = await net.mine()
  const receipt = await answer
  t.match(receipt, { transactionHash: hashOf(raw), blockHash: mined.hash, status: '0x1' })
  t.strictSame(receipt, await rpc('eth_getTransactionReceipt', hashOf(raw)))
})

t.test('who sends and waits in vain is told the hash', async (t) => {
  const raw = await sign(FRANK, { nonce: 1 })
  const { code, message, data } = await refusal('eth_sendRawTransactionSync', raw, 50)
  t.equal(code, 4)
  const text = "The transaction was added to the transaction pool but wasn't processed in 50ms"
  t.equal(message, text)
  t.equal(data, hashOf(raw))
  t.match(await rpc('eth_getTransactionByHash', hashOf(raw)), { blockHash: null })
  t.equal((await refusal('eth_sendRawTransactionSync', raw, 50)).message, 'already known')
  t.equal((await refusal('eth_sendRawTransactionSync', raw, -1)).code, -32602)
})

t.test('what waits of a sender must be covered by its balance together', async (t) => {
  const GRACE = ACCOUNTS[6]
  const balance = BigInt(await rpc('eth_getBalance', GRACE.address, 'latest'))
  const send = async (nonce: number, tenths: bigint, percent = 100n) => {
    const [maxFeePerGas, maxPriorityFeePerGas] = [2n * GWEI, 10n ** 6n].map(
      (price) => (price * percent) / 100n,
    )
    const value = (balance * tenths) / 10n
    return rpc(
      'eth_sendRawTransaction',
      await sign(GRACE, { nonce, value, maxFeePerGas, maxPriorityFeePerGas }),
    ).catch((error) => error.message)
  }
  const hash = /^0x[0-9a-f]{64}$/
  const refuses = async (sent: Promise<string>, name: string) => {
    const words = new RegExp(`queued cost (\\d+), ${name} (-?\\d+), overshot (\\d+)$`)
    const message = await sent
    t.match(message, `insufficient funds for gas * price + value: balance ${balance}, queued`)
    const [, spent, added, over] = words.exec(message) ?? []
    t.equal(BigInt(spent) + BigInt(added) - BigInt(over), balance)
  }
  t.match(await send(0, 6n), hash)
  await refuses(send(1, 6n), 'tx cost')
  await refuses(send(7, 6n), 'tx cost')
  t.match(await send(1, 3n), hash, 'both are covered')
  await refuses(send(1, 5n, 110n), 'tx bumped')
  t.match(await send(0, 2n, 110n), hash, 'a replacement costs what it costs more')
  t.match(await send(1, 6n, 110n), hash)
  await refuses(send(0, 6n, 121n), 'tx bumped')
  t.match(await send(3, 9n, 110n), /queued cost/, 'a later one counts with those before it')
  await net.mine()
  t.equal(await rpc('eth_getTransactionCount', GRACE.address, 'latest'), '0x2')
})

t.test('a proof names keys as they were asked: 32 bytes, or else a number', async (t) => {
  const long = pad('0x1')
  const keys = ['0x0', '0x01', '2', '', long, long.slice(2), `0x0${'0'.repeat(60)}a`]
  const { storageProof } = await rpc('eth_getProof', created, keys, 'latest')
  const named = storageProof.map(({ key }: JSONValue) => key)
  t.strictSame(named, ['0x0', '0x1', '0x2', '0x0', long, long, '0xa'])
  const tooMany = Array.from({ length: 1_025 }, () => '0x0')
  t.equal((await refusal('eth_getProof', created, tooMany, 'latest')).code, -32602)
})

t.test('several slots of several accounts are read at once', async (t) => {
  const requests = { [created]: [pad('0x0'), pad('0x1')], [lower(BOB.address)]: [pad('0x0')] }
  const zero = pad('0x0')
  t.strictSame(await rpc('eth_getStorageValues', requests, 'latest'), {
    [created]: [zero, zero],
    [lower(BOB.address)]: [zero],
  })
  t.equal((await refusal('eth_getStorageValues', {}, 'latest')).code, -32602)
  const many = { [created]: Array.from({ length: 1_000 }, () => zero), [BOB.address]: [] as Hex[] }
  many[BOB.address] = many[created]
  t.equal((await refusal('eth_getStorageValues', many, 'latest')).code, -38026)
})

t.test('a fee history is cut to what there is, and its percentiles ascend', async (t) => {
  const top = Number(await rpc('eth_blockNumber'))
  for (const count of ['0x0', 0])
    t.strictSame(await rpc('eth_feeHistory', count, 'latest', []), {
      oldestBlock: '0x0',
      gasUsedRatio: null,
    })
  const history = await rpc('eth_feeHistory', '0x5000', 'latest', [])
  t.equal(history.oldestBlock, '0x0')
  t.equal(history.gasUsedRatio.length, top + 1)
  t.notOk('reward' in history)
  t.strictSame(
    history.baseFeePerBlobGas,
    Array.from({ length: top + 2 }, () => '0x1'),
  )
  t.strictSame(
    history.blobGasUsedRatio,
    Array.from({ length: top + 1 }, () => 0),
  )
  const wrong: [percentiles: unknown, message: string][] = [
    [[50, 10], '#0:50.000000 >= #1:10.000000'],
    [[10, 10], '#0:10.000000 >= #1:10.000000'],
    [[100.5], '100.500000'],
    [[-1], '-1.000000'],
    [Array.from({ length: 101 }, (_, index) => index / 2), 'over the query limit 100'],
  ]
  for (const [percentiles, message] of wrong) {
    const error = await refusal('eth_feeHistory', 1, 'latest', percentiles)
    const expected = `invalid reward percentile: ${message}`
    t.strictSame([error.code, error.message], [-32000, expected])
  }
  t.equal((await refusal('eth_feeHistory', 1, 'latest', ['50'])).code, -32602)
  t.equal(
    (await refusal('eth_feeHistory', 1, '0xffff', [])).message,
    `request beyond head block: requested 65535, head ${top}`,
  )
})

t.test('ranges of logs that cannot be are refused in geth’s words', async (t) => {
  const wrong: [filter: object, code: number, message: string][] = [
    [{ fromBlock: '0x1', toBlock: '0x0' }, -32602, 'invalid block range params'],
    [{ fromBlock: 'latest', toBlock: '0x0' }, -32602, 'invalid block range params'],
    [{ fromBlock: '0xffff' }, -32602, 'invalid block range params'],
    [
      { fromBlock: '0x0', toBlock: '0xffff' },
      -32602,
      'block range extends beyond current head block',
    ],
    [{ toBlock: 'pending' }, -32602, 'pending logs are not supported'],
    [{ toBlock: 'safe' }, -32000, 'safe header not found'],
    [{ blockHash: UNKNOWN }, -32000, 'unknown block'],
    [
      { blockHash: UNKNOWN, toBlock: '0x1' },
      -32602,
      'cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other',
    ],
    [{ topics: [null, null, null, null, null] }, -32602, 'exceed max topics'],
    [
      { address: Array.from({ length: 1_001 }, () => BOB.address) },
      -32602,
      'exceed max addresses or topics per search position',
    ],
  ]
  for (const [filter, code, message] of wrong) {
    const error = await refusal('eth_getLogs', filter)
    t.strictSame([error.code, error.message], [code, message])
  }
})

t.test('after a full block the advised tip is a tenth above its median', async (t) => {
  t.equal(await rpc('eth_maxPriorityFeePerGas'), '0xf4240')
  // All of its gas is burnt by an invalid opcode.
  const burn = deposit(DAVE.address, undefined, { data: '0xfe', gas: 900_000n })
  const fees = (tip: bigint) => ({ maxFeePerGas: 3n * GWEI, maxPriorityFeePerGas: tip })
  const signed = [5_000_000n, 7_000_000n, 6_000_000n].map((tip, index) =>
    sign(ACCOUNTS[7 + index], fees(tip)),
  )
  const transactions = [burn, ...(await Promise.all(signed))]
  const gasLimit = toHex(1_050_000)
  await net.mine({ transactions, noTxPool: true, attributes: { gasLimit } })
  t.equal(await rpc('eth_maxPriorityFeePerGas'), toHex(5_500_000))
  const [, next] = (await rpc('eth_feeHistory', 1, 'latest')).baseFeePerGas
  t.equal(await rpc('eth_gasPrice'), toHex(BigInt(next) + 5_500_000n))
})

t.test('before blobs have a price there is none', async (t) => {
  const store = await createStore({ genesis: devGenesis('canyon'), datadir: t.testdir() })
  t.teardown(() => store.close())
  const eth = createEth(store)
  t.equal(await eth.eth_blobBaseFee(), null)
  const history = (await eth.eth_feeHistory(1, 'latest')) as JSONValue
  t.strictSame(history.baseFeePerBlobGas, ['0x0', '0x0'])
})
