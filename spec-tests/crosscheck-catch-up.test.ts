/** The watchman of `crosscheck` where it cannot follow call by call: late, behind, killed, sampling. */
import t from 'tap'
import type { Exchange } from '../node/dist/crosscheck/types.js'
import {
  type TestAnswer,
  alarmsWhile,
  honest,
  inReceipts,
  makeFolder,
  plusOne,
  spawnWatchman,
  startScene,
  tapEngine,
  verifyCase,
  watch,
} from './crosscheck-helpers.ts'
import type { JSONValue } from './helpers.ts'
import {
  type Hex,
  createDriver,
  genesisAt,
  genesisHead,
  spawnNode,
  transfer,
} from './node-helpers.ts'

/** Verifies signatures on P-256. */
const P256VERIFY: Hex = '0x0000000000000000000000000000000000000100'

const scene = await startScene(t)
const { genesis, node, fault, eth, extend } = scene

t.afterEach(() => Object.assign(fault, { engine: honest, eth: honest }))

t.test('more than can wait is dropped, and its blocks are caught up with', async (t) => {
  const watchman = await watch(t, genesis, { eth })
  const exchanges: Exchange[] = []
  const silent = tapEngine(node, (exchange) => exchanges.push(exchange))
  for (let number = 0; number < 3; number++) await extend(silent)
  const [{ request }] = exchanges
  for (const exchange of exchanges) watchman.note(exchange)
  for (let number = 0; number < 3_000; number++) {
    watchman.note({ number, at: 1, request: request.replace('"id":1', '"id":2'), response: '{}' })
  }
  t.ok(watchman.progress().waiting <= 1_028, `${watchman.progress().waiting} wait`)
  t.ok(watchman.progress().dropped >= 1_900)
  await extend(tapEngine(node, watchman.note))
  await watchman.idle()
  const progress = watchman.progress()
  t.equal(progress.checked?.hash, scene.head.blockHash)
  t.equal(progress.waiting, 0)
})

t.test(
  'with a sample each Nth block is checked, from the witness of the main client',
  async (t) => {
    const sampled = await watch(t, genesis, { eth, sample: 3 })
    const tapped = tapEngine(node, sampled.note)
    await extend(tapped)
    while (Number(scene.head.blockNumber) % 3 !== 2) await extend(tapped)
    await sampled.idle()
    const number = Number(scene.head.blockNumber) + 1
    fault.eth = inReceipts(number, (receipts) => {
      receipts[2].gasUsed = plusOne(receipts[2].gasUsed)
    })
    const alarms = await alarmsWhile(sampled, () => extend(tapped))
    t.match(alarms, [{ kind: 'block', block: { number, hash: scene.head.blockHash } }])
    const { status, output } = verifyCase(alarms[0].caseFile!)
    t.equal(status, 1)
    t.match(output, / reproduced: .* receipt 2 gasUsed is "0x5208", but "0x5209" is claimed/)
    fault.eth = inReceipts(number + 1, (receipts) => receipts.pop())
    t.same(await alarmsWhile(sampled, () => extend(tapped)), [], 'the next is not looked at')
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
  t.strictSame([checked, behind], [undefined, Number(scene.head.blockNumber)])
  await extend(tapped)
  await blind.idle()
  t.equal(blind.lines.filter((line) => /cannot go on/.test(line)).length, 1, 'once')
  t.same(blind.alarms, [])
})

t.test('a watchman that is killed skips no block and rings no alarm twice', async (t) => {
  const options = { genesis, eth, datadir: makeFolder(t), cases: makeFolder(t) }
  const first = spawnWatchman(t, options)
  const gas = (receipts: JSONValue) => {
    receipts[1].gasUsed = plusOne(receipts[1].gasUsed)
  }
  await extend(tapEngine(node, first.note))
  const early = Number(scene.head.blockNumber) + 1
  fault.eth = inReceipts(early, gas)
  await extend(tapEngine(node, first.note))
  await first.until(({ alarms, progress }) => alarms.length === 1 && progress?.behind === 0)
  for (let number = 0; number < 5; number++) await extend(tapEngine(node, first.note))
  await first.kill()
  // Nobody looks at this one.
  const late = Number(scene.head.blockNumber) + 1
  fault.eth = (...call) =>
    inReceipts(late, gas)(call[0], inReceipts(early, gas)(...call) as TestAnswer, call[2])
  for (let number = 0; number < 3; number++) await extend(node)
  const second = spawnWatchman(t, options)
  await extend(tapEngine(node, second.note))
  await second.until(({ progress }) => progress?.checked?.hash === scene.head.blockHash)
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
    const alarms = await alarmsWhile(own, () => add([transfer(1, 0, verification)]))
    t.match(alarms, [{ block: { number: 2, hash: at.blockHash } }])
    t.match(alarms[0].summary, /receipt 1 gasUsed is "0x\w+", but "0x\w+" is claimed/)
    t.match(alarms[0].summary, /account 0x\w{40} balance is "0x\w+", but "0x\w+" is claimed/)
    t.match(verifyCase(alarms[0].caseFile!).output, / reproduced: /)
    const later = await alarmsWhile(own, async () => {
      await add([transfer(0, 1)])
      await add([transfer(0, 2)])
    })
    t.same(later, [])
    t.equal(own.progress().checked?.hash, at.blockHash)
    t.equal(own.progress().trouble, undefined)
    await outdated.stop()
  },
)
