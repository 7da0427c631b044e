/** The watchman of `crosscheck` beside a real node, straight and with one fault at a time. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Alarm, Exchange } from '../node/dist/crosscheck/types.js'
import {
  type Alter,
  type TestAnswer,
  makeFolder,
  openFaultProxy,
  spawnWatchman,
  tapEngine,
  watch,
} from './crosscheck-helpers.ts'
import type { JSONValue } from './helpers.ts'
import { createInProcess } from './kit/inProcess.ts'
import { runVector } from './kit/run.ts'
import { checkVector, parseFile } from './kit/vector.ts'
import {
  type Envelope,
  type Head,
  type Hex,
  createDriver,
  genesisAt,
  genesisHead,
  rehash,
  spawnNode,
  toWord,
  transfer,
  userDeposit,
  withContracts,
} from './node-helpers.ts'

const BIN = fileURLToPath(new URL('../node/dist/bin.js', import.meta.url))

/** Blocks of the test in which nothing is wrong. */
const BLOCKS = Number(process.env.BLOCKS ?? 50)

/** Stores the number of the block, and logs twice. */
const LOGGER: Hex = '0x00000000000000000000000000000000000000c1'
/** Verifies signatures on P-256. */
const P256VERIFY: Hex = '0x0000000000000000000000000000000000000100'
const genesis = withContracts(genesisAt('karst'), {
  [LOGGER]: { code: '0x43600055436000526020600060026000a260206000a0602060002000' },
})
const driver = createDriver(genesis)
const node = await spawnNode(genesis)
t.teardown(() => node.stop())

const honest: Alter = (_, answer) => answer
/** What is wrong with the main client. */
const fault = { engine: honest, eth: honest }
const eth = await openFaultProxy(t, node.url, (...call) => fault.eth(...call))
const watchman = await watch(t, genesis, { eth })
const engine = tapEngine(node, watchman.note, (...call) => fault.engine(...call))

let head: Head = await genesisHead(node)
let sent = 0

t.afterEach(() => Object.assign(fault, { engine: honest, eth: honest }))

/** Attributes of the next block: a deposit, a transfer, a call that logs. */
function nextAttributes() {
  const call = { to: LOGGER, value: 0n, gasLimit: 200_000n }
  const transactions = [userDeposit(sent), transfer(0, sent), transfer(1, sent, call)]
  return driver.attributesAfter(head, transactions)
}

const buildNext = (on = engine) => driver.build(on, head, nextAttributes())

/** Makes a block the head. */
async function accept(envelope: Envelope, on = engine) {
  await driver.insert(on, envelope)
  await driver.choose(on, envelope.executionPayload)
  head = envelope.executionPayload
  sent++
}

/** Adds a block to the chain of the main client, as op-node does. */
const extend = async (on = engine) => accept(await buildNext(on), on)

const flip = (hex: Hex): Hex => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}` as Hex
const plusOne = (hex: Hex): Hex => `0x${(BigInt(hex) + 1n).toString(16)}`
const VALID = (hash: Hex) => ({ status: 'VALID', latestValidHash: hash, validationError: null })

/** Alarms that ring while something is done, and until all is compared. */
async function alarmsOf(act: () => Promise<unknown>, from = watchman): Promise<Alarm[]> {
  await from.idle()
  const before = from.alarms.length
  await act()
  await from.idle()
  return from.alarms.slice(before)
}

/** Runs a case file by the command. */
function verify(path: string) {
  const env = { ...process.env, NODE_OPTIONS: '' }
  const args = [BIN, 'verify', path]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  return { status, output: `${stdout}${stderr}` }
}

/** Checks that one alarm has rung, and that its case file shows the same. @returns the file */
function checkAlarm(
  t: Test,
  alarms: Alarm[],
  expected: { kind: string; number: number; summary: RegExp; output: RegExp },
): JSONValue {
  t.equal(alarms.length, 1, `one alarm: ${JSON.stringify(alarms)}`)
  const [{ id, kind, block, summary, caseFile }] = alarms
  t.same([kind, block?.number], [expected.kind, expected.number])
  t.match(summary, expected.summary)
  t.equal(caseFile, join(watchman.cases, `${id}.json`))
  const { status, output } = verify(caseFile!)
  t.equal(status, 1)
  t.match(output, expected.output)
  t.match(output, / reproduced: /)
  return JSON.parse(readFileSync(caseFile!, 'utf8'))
}

t.test('before anything happens nothing is checked', async (t) => {
  const { checked, behind, same, trouble } = watchman.progress()
  t.strictSame(
    { checked, behind, same, trouble },
    { checked: undefined, behind: 0, same: 0, trouble: undefined },
  )
})

t.test(`${BLOCKS} honest blocks are compared without an alarm`, async (t) => {
  const start = performance.now()
  const alarms = await alarmsOf(async () => {
    for (let number = 0; number < BLOCKS; number++) await extend()
  })
  t.comment(`${Math.round(performance.now() - start)} ms`)
  t.same(alarms, [])
  const { checked, behind, same, waiting, dropped, disputed, trouble } = watchman.progress()
  t.strictSame(checked, { number: BLOCKS, hash: head.blockHash })
  t.strictSame([behind, same, waiting, dropped, trouble], [0, BLOCKS, 0, 0, undefined])
  t.strictSame(disputed, {})
})

/** Alters the receipts of a block. */
const inReceipts =
  (number: number, change: (receipts: JSONValue) => void): Alter =>
  (method, answer) => {
    const isIt =
      method === 'eth_getBlockReceipts' && Number(answer.result?.[0].blockNumber) === number
    if (isIt) change(answer.result)
    return answer
  }

const receiptFaults = {
  'the gas of a receipt': {
    change: (receipts: JSONValue) => {
      receipts[2].gasUsed = plusOne(receipts[2].gasUsed)
    },
    difference: /receipt 2 gasUsed is "0x5208" here, "0x5209" there/,
  },
  'a log that is left out': {
    change: (receipts: JSONValue) => receipts[3].logs.pop(),
    difference: /receipt 3 logs count is 2 here, 1 there/,
  },
  'a fee of L1 that is off by one': {
    change: (receipts: JSONValue) => {
      receipts[3].l1Fee = plusOne(receipts[3].l1Fee)
    },
    difference: /receipt 3 l1Fee is "0x\w+" here, "0x\w+" there/,
  },
}

for (const [name, { change, difference }] of Object.entries(receiptFaults)) {
  t.test(`${name} is found in the block that has it, once`, async (t) => {
    const number = Number(head.blockNumber) + 1
    fault.eth = inReceipts(number, change)
    const alarms = await alarmsOf(() => extend())
    checkAlarm(t, alarms, { kind: 'block', number, summary: difference, output: difference })
    // op-node repeats itself.
    const later = await alarmsOf(async () => {
      await driver.choose(engine, head)
      await extend()
    })
    t.same(later, [], 'and the next is right')
    t.equal(watchman.progress().behind, 0)
  })
}

t.test('another state root with a hash that fits is found in its payload, once', async (t) => {
  const payload = (answer: TestAnswer) => answer.result.executionPayload
  let forged: Envelope | undefined
  fault.engine = async (method, answer, [first]) => {
    if (method.startsWith('engine_getPayload')) {
      forged = await rehash(answer.result, { stateRoot: flip(payload(answer).stateRoot) })
      return { result: forged }
    }
    const hash = forged?.executionPayload.blockHash
    if (hash && first.blockHash === hash) return { result: VALID(hash) }
    return hash && first.headBlockHash === hash
      ? { result: { payloadStatus: VALID(hash), payloadId: null } }
      : answer
  }
  const [before, count] = [head, sent]
  const alarms = await alarmsOf(() => extend())
  const difference = /header stateRoot is "0x\w+" here, "0x\w+" there/
  const number = Number(before.blockNumber) + 1
  const expected = { kind: 'payload', number, summary: difference, output: difference }
  const file = parseFile(JSON.stringify(checkAlarm(t, alarms, expected)), 'the case')
  const [[name, content]] = Object.entries(file)
  const vector = checkVector(content, name)
  t.equal(vector.engineNewPayloads.length, number, 'a vector has the chain since its genesis')
  const client = await (await createInProcess()).open(vector)
  await t.resolves(runVector(client, vector), 'this client is of the same opinion')
  await client.close()
  // op-node gives up the block.
  head = before
  sent = count
})

t.test('an invalid block that the main client takes is found, once', async (t) => {
  const built = await buildNext()
  const { gasUsed, blockNumber } = built.executionPayload
  const forged = await rehash(built, { gasUsed: plusOne(gasUsed) })
  const hash = forged.executionPayload.blockHash
  fault.engine = (_, answer, [{ blockHash }]) =>
    blockHash === hash ? { result: VALID(hash) } : answer
  const alarms = await alarmsOf(() => driver.insert(engine, forged))
  checkAlarm(t, alarms, {
    kind: 'status',
    number: Number(blockNumber),
    summary: /INVALID \(gasUsed is 0x\w+ but should be 0x\w+\)/,
    output: /header gasUsed is "0x\w+" here, "0x\w+" there/,
  })
  const later = await alarmsOf(async () => {
    await driver.insert(engine, forged)
    await accept(built)
  })
  t.same(later, [], 'not again when it comes again')
  t.equal(watchman.progress().checked?.hash, head.blockHash)
})

t.test('a valid block that the main client refuses is found', async (t) => {
  const built = await buildNext(node)
  const { blockNumber } = built.executionPayload
  const latestValidHash = head.blockHash
  fault.engine = () => ({ result: { status: 'INVALID', latestValidHash, validationError: 'why?' } })
  checkAlarm(t, await alarmsOf(() => driver.insert(engine, built)), {
    kind: 'status',
    number: Number(blockNumber),
    summary: /the main client: INVALID \(why\?\).*; here: VALID/,
    output: /the main client says INVALID of 0x\w+, computed here: block 0x\w+ follows/,
  })
})

t.test('attributes that one client refuses are found by the code', async (t) => {
  fault.engine = () => ({ error: { code: -38003, message: 'why?' } })
  const alarms = await alarmsOf(() => buildNext().catch(() => {}))
  checkAlarm(t, alarms, {
    kind: 'error',
    number: Number(head.blockNumber),
    summary: /the main client: error -38003 \(why\?\); here: VALID/,
    output: /the main client says INVALID, computed here: block 0x\w+ follows/,
  })
})

t.test('what both refuse is no alarm', async (t) => {
  const alarms = await alarmsOf(async () => {
    const built = await buildNext()
    const gasUsed = plusOne(built.executionPayload.gasUsed)
    t.equal((await driver.insert(engine, await rehash(built, { gasUsed }))).status, 'INVALID')
    const attributes = { ...nextAttributes(), gasLimit: null }
    await t.rejects(driver.build(engine, head, attributes), { code: -38003 })
    const label = { safe: { blockHash: `0x${'77'.repeat(32)}` as Hex } }
    await t.rejects(driver.choose(engine, head, label), { code: -38002 })
  })
  t.same(alarms, [])
  t.equal(watchman.progress().trouble, undefined)
})

t.test('a refusal with another code is counted, not rung', async (t) => {
  fault.engine = () => ({ error: { code: -32602, message: 'why?' } })
  const attributes = { ...nextAttributes(), gasLimit: null }
  const alarms = await alarmsOf(() => driver.build(engine, head, attributes).catch(() => {}))
  t.same(alarms, [])
  t.strictSame(watchman.progress().disputed, { 'another-refusal': 1 })
  t.match(watchman.lines.join('\n'), /clients differ, harmlessly {"kind":"another-refusal"/)
})

t.test('nonsense, time-outs and errors of the main client are no alarm', async (t) => {
  const bodies = ['', 'null', '{', '[]', '[1,null]', '{"id":1}', '"engine_newPayloadV4"', '1e999']
  const method = 'engine_newPayloadV4'
  const odd = { blockHash: 1, parentHash: {}, timestamp: [] }
  const calls = [null, [], [null], [{}], [[]], ['0x'], [odd]]
  const requests = calls.map((params) => JSON.stringify({ id: 1, method, params }))
  const deep = `{"id":1,"method":"${method}","params":${'['.repeat(5_000)}${']'.repeat(5_000)}}`
  const toStatus = (status: unknown) => JSON.stringify({ id: 1, result: { status } })
  const failed = JSON.stringify({ id: 1, error: { code: -32000, message: 'busy' } })
  const responses = ['{"id":1,"result":null}', failed, toStatus(7), toStatus('SYNCING')]
  const alarms = await alarmsOf(async () => {
    for (const request of [...bodies, ...requests, deep]) {
      for (const response of [...bodies, ...responses, undefined]) {
        watchman.note({ number: 1, at: 1, request, response, failure: 'a time-out' })
      }
    }
    await extend()
  })
  t.same(alarms, [])
  t.equal(watchman.progress().checked?.hash, head.blockHash, 'and it goes on')
  t.equal(watchman.progress().trouble, undefined)
})

t.test('calls in batches are compared as well', async (t) => {
  const { executionPayload, parentBeaconBlockRoot } = await buildNext(node)
  const params = [executionPayload, [], parentBeaconBlockRoot, []]
  const request = JSON.stringify([
    { id: 'a', method: 'eth_chainId' },
    { id: 'b', method: 'engine_newPayloadV4', params: [{ ...executionPayload, logsBloom: '0x' }] },
    { id: 'c', method: 'engine_newPayloadV4', params },
  ])
  const prevRandao = toWord(7)
  const other = await driver.build(node, head, { ...nextAttributes(), prevRandao })
  const otherParams = [other.executionPayload, ...params.slice(1)]
  const answers = [
    { id: 'c', result: { status: 'VALID', latestValidHash: executionPayload.blockHash } },
    { id: 'b', error: { code: -32602, message: 'no bloom' } },
    { id: 'd', result: { status: 'INVALID', latestValidHash: head.blockHash } },
  ]
  const requests = [
    ...JSON.parse(request),
    { id: 'd', method: 'engine_newPayloadV4', params: otherParams },
  ]
  const alarms = await alarmsOf(async () => {
    const texts = { request: JSON.stringify(requests), response: JSON.stringify(answers) }
    watchman.note({ number: 1, at: 1, ...texts })
  })
  t.match(alarms, [{ kind: 'status', block: { hash: other.executionPayload.blockHash } }])
  t.equal(alarms.length, 1)
})

t.test('a reorg of 64 blocks is followed without an alarm', async (t) => {
  const fork = head
  const { same } = watchman.progress()
  const branch = async (length: number, randao: number) => {
    for (let number = 0; number < length; number++) {
      const overrides = { prevRandao: toWord(randao) }
      const envelope = await driver.extend(engine, head, [userDeposit(number)], overrides)
      head = envelope.executionPayload
    }
  }
  const alarms = await alarmsOf(async () => {
    await branch(64, 1)
    head = fork
    await branch(65, 2)
  })
  t.same(alarms, [])
  const progress = watchman.progress()
  t.equal(progress.checked?.hash, head.blockHash)
  t.ok(progress.same >= same + 65, `${progress.same - same} blocks more`)
  t.equal(progress.trouble, undefined)
})

t.test('an alarm rings though its case file cannot be written', async (t) => {
  const cases = join(makeFolder(), 'a-file')
  writeFileSync(cases, '')
  const late = await watch(t, genesis, { eth, cases })
  fault.eth = inReceipts(Number(head.blockNumber), (receipts) => receipts[1].logs.push({}))
  const alarms = await alarmsOf(() => driver.choose(tapEngine(node, late.note), head), late)
  t.match(alarms, [{ kind: 'block', caseError: /a-file/, caseFile: undefined }])
  t.equal(alarms.length, 1)
  t.equal(late.progress().same, Number(head.blockNumber) - 1, 'it began late, and checked all')
})

t.test('more than can wait is dropped, and its blocks are caught up with', async (t) => {
  await watchman.idle()
  const { dropped } = watchman.progress()
  const exchanges: Exchange[] = []
  const silent = tapEngine(node, (exchange) => exchanges.push(exchange))
  for (let number = 0; number < 3; number++) await extend(silent)
  const [{ request }] = exchanges
  for (const exchange of exchanges) watchman.note(exchange)
  for (let number = 0; number < 3_000; number++) {
    watchman.note({ number, at: 1, request: request.replace('"id":1', '"id":2'), response: '{}' })
  }
  t.ok(watchman.progress().waiting <= 1_028, `${watchman.progress().waiting} wait`)
  t.ok(watchman.progress().dropped >= dropped + 1_900)
  await extend()
  await watchman.idle()
  const progress = watchman.progress()
  t.equal(progress.checked?.hash, head.blockHash)
  t.equal(progress.waiting, 0)
})

t.test(
  'with a sample each Nth block is checked, from the witness of the main client',
  async (t) => {
    const sampled = await watch(t, genesis, { eth, sample: 3 })
    const tapped = tapEngine(node, sampled.note)
    await extend(tapped)
    while (Number(head.blockNumber) % 3 !== 2) await extend(tapped)
    await sampled.idle()
    const number = Number(head.blockNumber) + 1
    fault.eth = inReceipts(number, (receipts) => {
      receipts[2].gasUsed = plusOne(receipts[2].gasUsed)
    })
    const alarms = await alarmsOf(() => extend(tapped), sampled)
    t.match(alarms, [{ kind: 'block', block: { number, hash: head.blockHash } }])
    const { status, output } = verify(alarms[0].caseFile!)
    t.equal(status, 1)
    t.match(output, / reproduced: .* receipt 2 gasUsed is "0x5208" here, "0x5209" there/)
    fault.eth = inReceipts(number + 1, (receipts) => receipts.pop())
    t.same(await alarmsOf(() => extend(tapped), sampled), [], 'the next is not looked at')
    t.equal(sampled.progress().checked?.number, number + 1)
  },
)

t.test('without a state and without --eth it says that it cannot go on', async (t) => {
  const blind = await watch(t, genesis)
  const tapped = tapEngine(node, blind.note)
  await extend(tapped)
  await blind.idle()
  const { trouble, checked, behind } = blind.progress()
  t.match(trouble, /^block \d+ cannot be checked: the state before it is not here, and no --eth/)
  t.strictSame([checked, behind], [undefined, Number(head.blockNumber)])
  await extend(tapped)
  await blind.idle()
  t.equal(blind.lines.filter((line) => /cannot go on/.test(line)).length, 1, 'once')
  t.same(blind.alarms, [])
})

t.test('a watchman that is killed skips no block and rings no alarm twice', async (t) => {
  const options = { genesis, eth, datadir: makeFolder(), cases: makeFolder() }
  const first = spawnWatchman(t, options)
  const gas = (receipts: JSONValue) => {
    receipts[1].gasUsed = plusOne(receipts[1].gasUsed)
  }
  await extend(tapEngine(node, first.note))
  const early = Number(head.blockNumber) + 1
  fault.eth = inReceipts(early, gas)
  await extend(tapEngine(node, first.note))
  await first.until(({ alarms, progress }) => alarms.length === 1 && progress?.behind === 0)
  for (let number = 0; number < 5; number++) await extend(tapEngine(node, first.note))
  await first.kill()
  // Nobody looks at this one.
  const late = Number(head.blockNumber) + 1
  fault.eth = (...call) =>
    inReceipts(late, gas)(call[0], inReceipts(early, gas)(...call) as TestAnswer, call[2])
  for (let number = 0; number < 3; number++) await extend(node)
  const second = spawnWatchman(t, options)
  await extend(tapEngine(node, second.note))
  await second.until(({ progress }) => progress?.checked?.hash === head.blockHash)
  t.match(first.alarms, [{ block: { number: early } }])
  t.match(second.alarms, [{ kind: 'block', block: { number: late } }])
  t.equal(second.alarms.length, 1)
  await second.kill()
})

t.test(
  'a main client with other rules is found, and what follows is checked by itself',
  async (t) => {
    // P256VERIFY has another price from Karst on.
    const other = { ...genesis, config: genesisAt('jovian').config }
    const outdated = await spawnNode(other)
    const own = await watch(t, genesis, { eth: outdated.url })
    const tapped = tapEngine(outdated, own.note)
    const opNode = createDriver(other)
    let at = await genesisHead(outdated)
    const add = async (transactions: Hex[]) => {
      at = (await opNode.extend(tapped, at, transactions)).executionPayload
    }
    const verification = {
      to: P256VERIFY,
      value: 0n,
      gasLimit: 100_000n,
      data: `0x${'00'.repeat(160)}` as Hex,
    }
    await add([transfer(0, 0)])
    const alarms = await alarmsOf(() => add([transfer(1, 0, verification)]), own)
    t.match(alarms, [{ block: { number: 2, hash: at.blockHash } }])
    t.match(alarms[0].summary, /receipt 1 gasUsed is "0x\w+" here, "0x\w+" there/)
    t.match(alarms[0].summary, /account 0x\w{40} balance is "0x\w+" here, "0x\w+" there/)
    t.match(verify(alarms[0].caseFile!).output, / reproduced: /)
    const later = await alarmsOf(async () => {
      await add([transfer(0, 1)])
      await add([transfer(0, 2)])
    }, own)
    t.same(later, [])
    t.equal(own.progress().checked?.hash, at.blockHash)
    t.equal(own.progress().trouble, undefined)
    await outdated.stop()
  },
)
