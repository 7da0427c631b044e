import { readFileSync } from 'node:fs'
import { keccak256 } from 'viem'
import t from 'tap'
import type { JSONValue } from './helpers.ts'
import { BOX, CAROL, PLACES, REQUESTS, mineTraced } from './node-debug-chain.ts'
import { deposit, devGenesis, startDevnet } from './node-helpers-eth.ts'

/** What op-geth 1.101702.3 answers for the same block. */
const OP_GETH: JSONValue = JSON.parse(readFileSync('spec-tests/op-geth-traces.json', 'utf8'))

const net = await startDevnet(t, devGenesis('jovian'))
const block = await mineTraced(net)
const hashAt = (place: keyof typeof PLACES) => block.transactions[PLACES[place]].hash

t.test('traces are those of op-geth (D-38, J-15)', async (t) => {
  t.equal(block.hash, OP_GETH.blockHash, 'the block is that which op-geth has traced')
  for (const [name, { place, options }] of Object.entries(REQUESTS)) {
    const wanted = OP_GETH.traces[name]
    if (place) {
      const trace = await net.rpc('debug_traceTransaction', hashAt(place), options)
      t.strictSame(trace, wanted, `${name}: the trace of a transaction is that of op-geth`)
    } else {
      const traces = await net.rpc('debug_traceBlockByHash', block.hash, options)
      t.strictSame(traces, wanted, `${name}: the traces of a block are those of op-geth`)
    }
  }
})

t.test('traced calls are those of op-geth', async (t) => {
  for (const { call, options, answer } of OP_GETH.calls) {
    const trace = await net
      .rpc('debug_traceCall', call, block.hash, options)
      .catch(({ message }) => ({ error: message }))
    t.strictSame(trace, answer, JSON.stringify({ call, options }).slice(0, 200))
  }
  const pending = await net.refusal('debug_traceCall', {}, 'pending')
  t.equal(pending.message, 'tracing on top of pending is not supported')
  const balance = await net.rpc('eth_getBalance', CAROL.address, 'latest')
  const options = { timeout: '1ms', stateOverrides: { [CAROL.address]: { code: '0x5b600056' } } }
  const late = await net.refusal('debug_traceCall', { to: CAROL.address }, 'latest', options)
  t.equal(late.message, 'execution timeout')
  const after = await net.rpc('debug_traceCall', { to: CAROL.address }, 'latest', {
    tracer: 'prestateTracer',
  })
  const account = after[CAROL.address.toLowerCase()]
  t.strictSame(account, { balance, nonce: 2 }, 'a call that was stopped leaves nothing behind')
})

t.test('raw data is that of op-geth (J-09)', async (t) => {
  t.equal(await net.rpc('debug_getRawBlock', '0x1'), OP_GETH.rawBlock)
  t.equal(await net.rpc('debug_getRawHeader', 'latest'), OP_GETH.rawHeader)
  t.strictSame(await net.rpc('debug_getRawReceipts', block.hash), OP_GETH.rawReceipts)
  const raw = await net.rpc('debug_getRawTransaction', hashAt('set'))
  t.equal(keccak256(raw), hashAt('set'))
  t.equal(await net.rpc('debug_getRawTransaction', `0x${'ab'.repeat(32)}`), '0x')
  t.equal((await net.rpc('debug_chainConfig')).chainId, 901)
  t.equal(keccak256(await net.rpc('debug_dbGet', block.stateRoot)), block.stateRoot)
  const code = await net.rpc('eth_getCode', BOX, 'latest')
  t.equal(await net.rpc('debug_dbGet', `0x63${keccak256(code).slice(2)}`), code)
  t.equal((await net.refusal('debug_dbGet', `0x${'ab'.repeat(32)}`)).message, 'not found')
  t.equal((await net.refusal('debug_dbGet', '0x61')).code, -32602)
})

t.test('what cannot be traced is refused with a reason', async (t) => {
  const trace = (options: JSONValue, hash = hashAt('set')) =>
    net.refusal('debug_traceTransaction', hash, options)
  const reasons: [JSONValue, RegExp, number][] = [
    [{ tracer: 'flatTracer' }, /there is no tracer flatTracer, only callTracer, /, -32602],
    [{ tracer: '{ result() {} }' }, /tracers in JavaScript are not supported/, -32602],
    [{ overrides: { shanghaiTime: 0 } }, /there is no option overrides/, -32602],
    [{ tracer: 'callTracer', tracerConfig: { deep: true } }, /there is no option deep/, -32602],
    [{ enableMemory: 'yes' }, /true or false/, -32602],
    [{ limit: -1 }, /a number of bytes/, -32602],
    [{ timeout: 'soon' }, /a duration such as 10s/, -32602],
    [{ disableMemory: false }, /which is so anyway/, -32602],
    [[], /an object/, -32602],
  ]
  for (const [options, message, code] of reasons) {
    const error = await trace(options)
    t.match(error.message, message, JSON.stringify(options))
    t.equal(error.code, code)
  }
  const unknown = await trace({}, `0x${'ab'.repeat(32)}`)
  t.equal(unknown.message, 'transaction not found')
  const genesis = await net.refusal('debug_traceBlockByNumber', '0x0')
  t.equal(genesis.message, 'genesis is not traceable')
})

t.test('options that are null or say what is so anyway count for nothing', async (t) => {
  const former = { tracer: null, timeout: null, disableMemory: true, disableStack: null }
  const trace = await net.rpc('debug_traceTransaction', hashAt('set'), former)
  t.strictSame(trace, OP_GETH.traces.set)
  t.strictSame(await net.rpc('debug_traceTransaction', hashAt('set'), null), OP_GETH.traces.set)
})

t.test('payload bodies are for the consensus client alone (E-49)', async (t) => {
  const raw = await Promise.all(
    block.transactions.map(({ hash }: JSONValue) => net.rpc('debug_getRawTransaction', hash)),
  )
  const body = { transactions: raw, withdrawals: [] }
  const genesis = await net.rpc('eth_getBlockByNumber', '0x0', false)
  for (const version of [1, 2]) {
    const byHash = `engine_getPayloadBodiesByHashV${version}`
    const hashes = [block.hash, `0x${'ab'.repeat(32)}`, genesis.hash]
    const empty = { transactions: [], withdrawals: [] }
    t.strictSame(await net.engine(byHash, hashes), [body, null, empty])
    const byRange = `engine_getPayloadBodiesByRangeV${version}`
    t.strictSame(await net.engine(byRange, '0x1', '0x400'), [body])
    t.strictSame(await net.engine(byRange, '0x2', '0x1'), [])
    t.equal((await net.engine(byRange, '0x0', '0x1').catch((error) => error)).code, -32602)
    t.equal((await net.engine(byRange, '0x1', '0x401').catch((error) => error)).code, -38004)
    const many = Array(1_025).fill(block.hash)
    t.equal((await net.engine(byHash, many).catch((error) => error)).code, -38004)
    t.equal((await net.refusal(byHash, [])).code, -32601)
    t.ok((await net.engine('engine_exchangeCapabilities', [])).includes(byRange))
  }
})

t.test('debug_setHead takes the chain back', async (t) => {
  const first = block.hash
  const second = await net.mine({ safe: first, finalized: first })
  const third = await net.mine({ safe: second.hash, finalized: first })
  const refused = await net.refusal('debug_setHead', '0x1')
  t.match(refused.message, /authenticated port/, 'the public port cannot move the head')
  for (const number of ['0x3', '0x4', '0xffffffffffffffff']) {
    const error = await net.engine('debug_setHead', number).catch((error) => error)
    t.equal(error.message, 'not allowed to rewind to a future block')
  }
  const [answer] = await Promise.all([
    net.engine('debug_setHead', '0x1'),
    net.engine('engine_exchangeCapabilities', []),
  ])
  t.equal(answer, null)
  t.equal(await net.rpc('eth_blockNumber'), '0x1')
  t.equal(await net.rpc('eth_getBlockByNumber', '0x2', false), null)
  t.equal(await net.rpc('eth_getTransactionByHash', third.transactions[0].hash), null)
  t.equal(await net.rpc('eth_getBlockByNumber', 'safe', false).then((it) => it), null)
  t.equal((await net.rpc('eth_getBlockByNumber', 'finalized', false)).hash, first)
  const tx = await net.rpc('eth_getTransactionByHash', hashAt('set'))
  t.equal(tx.blockHash, first, 'what is below stays')
  const other = await net.mine({ l1: { l1BaseFee: 7n } })
  t.equal(other.number, '0x2')
  t.not(other.hash, second.hash)
  t.equal(other.parentHash, first)
  t.equal(await net.rpc('eth_getCode', BOX, 'latest'), await net.rpc('eth_getCode', BOX, '0x1'))
})

t.test('a trace takes no more than it may', async (t) => {
  // Fills 100 KB of memory and loops until its gas is used up.
  const endless = deposit(CAROL.address, undefined, {
    gas: 1_000_000n,
    data: '0x600162018000525b600756',
  })
  const { transactions } = await net.mine({ transactions: [endless], noTxPool: true })
  const { hash } = transactions[1]
  const trace = (options: JSONValue) => net.refusal('debug_traceTransaction', hash, options)
  const large = await trace({ enableMemory: true })
  t.match(large.message, /the trace is longer than 67108864 bytes; trace one transaction/)
  t.equal(large.code, -32003)
  const late = await trace({ timeout: '1ms' })
  t.equal(late.message, 'execution timeout')
  t.equal(late.code, -32000)
  const part = await net.rpc('debug_traceTransaction', hash, { limit: 1, timeout: '5m' })
  t.equal(part.structLogs.length, 1)
  const calls = await net.rpc('debug_traceTransaction', hash, {
    tracer: 'callTracer',
    timeout: '5m',
  })
  t.equal(calls.error, 'out of gas')
  t.equal(calls.gasUsed, '0xf4240')
})
