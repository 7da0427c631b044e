/** The watchman of `crosscheck` beside a real node, straight and with one fault at a time. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { HARMLESS } from '../node/dist/crosscheck/harmless.js'
import type { Alarm } from '../node/dist/crosscheck/types.js'
import {
  type TestAnswer,
  alarmsWhile,
  honest,
  inReceipts,
  makeFolder,
  plusOne,
  startScene,
  tapEngine,
  verifyCase,
  watch,
} from './crosscheck-helpers.ts'
import type { JSONValue } from './helpers.ts'
import { createInProcess } from './kit/inProcess.ts'
import { runVector } from './kit/run.ts'
import { checkVector, parseFile } from './kit/vector.ts'
import { type Envelope, type Hex, rehash, toWord, userDeposit } from './node-helpers.ts'

const flip = (hex: Hex): Hex => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}` as Hex
const VALID = (hash: Hex) => ({ status: 'VALID', latestValidHash: hash, validationError: null })

/** Blocks of the test in which nothing is wrong. */
const BLOCKS = Number(process.env.BLOCKS ?? 2_000)

const scene = await startScene(t)
const { genesis, driver, node, fault, eth } = scene
const watchman = await watch(t, genesis, { eth })
const engine = tapEngine(node, watchman.note, (...call) => fault.engine(...call))
const extend = () => scene.extend(engine)
const alarmsOf = (act: () => Promise<unknown>, from = watchman) => alarmsWhile(from, act)

t.afterEach(() => Object.assign(fault, { engine: honest, eth: honest }))

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
  const { status, output } = verifyCase(caseFile!)
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

const receiptFaults = {
  'the gas of a receipt': {
    change: (receipts: JSONValue) => {
      receipts[2].gasUsed = plusOne(receipts[2].gasUsed)
    },
    difference: /receipt 2 gasUsed is "0x5208", but "0x5209" is claimed/,
  },
  'a log that is left out': {
    change: (receipts: JSONValue) => receipts[3].logs.pop(),
    difference: /receipt 3 logs count is 2, but 1 is claimed/,
  },
  'a fee of L1 that is off by one': {
    change: (receipts: JSONValue) => {
      receipts[3].l1Fee = plusOne(receipts[3].l1Fee)
    },
    difference: /receipt 3 l1Fee is "0x\w+", but "0x\w+" is claimed/,
  },
}

for (const [name, { change, difference }] of Object.entries(receiptFaults)) {
  t.test(`${name} is found in the block that has it, once`, async (t) => {
    const number = Number(scene.head.blockNumber) + 1
    fault.eth = inReceipts(number, change)
    const alarms = await alarmsOf(() => extend())
    checkAlarm(t, alarms, { kind: 'block', number, summary: difference, output: difference })
    // op-node repeats itself.
    const later = await alarmsOf(async () => {
      await driver.choose(engine, scene.head)
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
  const [before, count] = [scene.head, scene.sent]
  const alarms = await alarmsOf(() => extend())
  const difference = /header stateRoot is "0x\w+", but "0x\w+" is claimed/
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
  scene.head = before
  scene.sent = count
})

t.test('an invalid block that the main client takes is found, once', async (t) => {
  const built = await scene.buildNext(engine)
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
    output: /header gasUsed is "0x\w+", but "0x\w+" is claimed/,
  })
  const later = await alarmsOf(async () => {
    await driver.insert(engine, forged)
    await scene.accept(built, engine)
  })
  t.same(later, [], 'not again when it comes again')
  t.equal(watchman.progress().checked?.hash, scene.head.blockHash)
})

t.test('a valid block that the main client refuses is found', async (t) => {
  const built = await scene.buildNext(node)
  const { blockNumber } = built.executionPayload
  const latestValidHash = scene.head.blockHash
  fault.engine = () => ({ result: { status: 'INVALID', latestValidHash, validationError: 'why?' } })
  checkAlarm(t, await alarmsOf(() => driver.insert(engine, built)), {
    kind: 'status',
    number: Number(blockNumber),
    summary: /the main client says INVALID \(why\?\).*; here: VALID/,
    output: /the main client says INVALID of 0x\w+, computed here: block 0x\w+ follows/,
  })
})

t.test('attributes that one client refuses are found by the code', async (t) => {
  fault.engine = () => ({ error: { code: -38003, message: 'why?' } })
  const alarms = await alarmsOf(() => scene.buildNext(engine).catch(() => {}))
  checkAlarm(t, alarms, {
    kind: 'error',
    number: Number(scene.head.blockNumber),
    summary: /the main client: error -38003 \(why\?\); here: VALID/,
    output: /the main client says INVALID, computed here: block 0x\w+ follows/,
  })
})

t.test('what both refuse is no alarm', async (t) => {
  const alarms = await alarmsOf(async () => {
    const built = await scene.buildNext(engine)
    const gasUsed = plusOne(built.executionPayload.gasUsed)
    t.equal((await driver.insert(engine, await rehash(built, { gasUsed }))).status, 'INVALID')
    const attributes = { ...scene.nextAttributes(), gasLimit: null }
    await t.rejects(driver.build(engine, scene.head, attributes), { code: -38003 })
    const label = { safe: { blockHash: `0x${'77'.repeat(32)}` as Hex } }
    await t.rejects(driver.choose(engine, scene.head, label), { code: -38002 })
  })
  t.same(alarms, [])
  t.equal(watchman.progress().trouble, undefined)
})

t.test('a refusal with another code is counted, not rung', async (t) => {
  fault.engine = () => ({ error: { code: -32602, message: 'why?' } })
  const attributes = { ...scene.nextAttributes(), gasLimit: null }
  const alarms = await alarmsOf(() => driver.build(engine, scene.head, attributes).catch(() => {}))
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
  t.equal(watchman.progress().checked?.hash, scene.head.blockHash, 'and it goes on')
  t.equal(watchman.progress().trouble, undefined)
})

t.test('calls in batches are compared as well', async (t) => {
  const { executionPayload, parentBeaconBlockRoot } = await scene.buildNext(node)
  const params = [executionPayload, [], parentBeaconBlockRoot, []]
  const request = JSON.stringify([
    { id: 'a', method: 'eth_chainId' },
    { id: 'b', method: 'engine_newPayloadV4', params: [{ ...executionPayload, logsBloom: '0x' }] },
    { id: 'c', method: 'engine_newPayloadV4', params },
  ])
  const prevRandao = toWord(7)
  const other = await driver.build(node, scene.head, { ...scene.nextAttributes(), prevRandao })
  const otherParams = [other.executionPayload, ...params.slice(1)]
  const answers = [
    { id: 'c', result: { status: 'VALID', latestValidHash: executionPayload.blockHash } },
    { id: 'b', error: { code: -32602, message: 'no bloom' } },
    { id: 'd', result: { status: 'INVALID', latestValidHash: scene.head.blockHash } },
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
  const fork = scene.head
  const { same } = watchman.progress()
  const branch = async (length: number, randao: number) => {
    for (let number = 0; number < length; number++) {
      const overrides = { prevRandao: toWord(randao) }
      const envelope = await driver.extend(engine, scene.head, [userDeposit(number)], overrides)
      scene.head = envelope.executionPayload
    }
  }
  const alarms = await alarmsOf(async () => {
    await branch(64, 1)
    scene.head = fork
    await branch(65, 2)
  })
  t.same(alarms, [])
  const progress = watchman.progress()
  t.equal(progress.checked?.hash, scene.head.blockHash)
  t.ok(progress.same >= same + 65, `${progress.same - same} blocks more`)
  t.equal(progress.trouble, undefined)
})

t.test('an alarm rings though its case file cannot be written', async (t) => {
  const cases = join(makeFolder(t), 'a-file')
  writeFileSync(cases, '')
  const late = await watch(t, genesis, { eth, cases })
  fault.eth = inReceipts(Number(scene.head.blockNumber), (receipts) => receipts[1].logs.push({}))
  const alarms = await alarmsOf(() => driver.choose(tapEngine(node, late.note), scene.head), late)
  t.match(alarms, [{ kind: 'block', caseError: /a-file/, caseFile: undefined }])
  t.equal(alarms.length, 1)
  t.equal(
    late.progress().same,
    Number(scene.head.blockNumber) - 1,
    'it began late, and checked all',
  )
})

t.test(`${BLOCKS} honest blocks are compared without an alarm`, async (t) => {
  const { same } = watchman.progress()
  const start = performance.now()
  const alarms = await alarmsOf(async () => {
    for (let number = 0; number < BLOCKS; number++) await extend()
  })
  t.comment(`${Math.round(performance.now() - start)} ms`)
  t.same(alarms, [])
  const progress = watchman.progress()
  const number = Number(scene.head.blockNumber)
  t.strictSame(progress.checked, { number, hash: scene.head.blockHash })
  const { behind, waiting, trouble } = progress
  t.strictSame([behind, waiting, trouble], [0, 0, undefined])
  // On a slow machine calls may have to go; their blocks are compared all the same.
  t.equal(progress.same - same, BLOCKS)
})

t.test('DISPUTED.md has every kind that is counted and not rung', async (t) => {
  const page = readFileSync(new URL('DISPUTED.md', import.meta.url), 'utf8')
  const [, section] = /\n## In crosscheck\n(.*?)\n## /s.exec(page)!
  for (const { name } of HARMLESS)
    t.ok(section.includes(`| ${name} |`) || section.includes(`| [${name}]`), name)
})
