/** `ethereumjs-op crosscheck` as a whole: op-node, the command, a main client that may be faulty. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { inReceipts, plusOne, startScene, verifyCase } from './crosscheck-helpers.ts'
import {
  openFaultyMain,
  send,
  SECRET,
  spawnCrosscheck,
  toBody,
  until,
} from './crosscheck-proxy-helpers.ts'
import type { JSONValue } from './helpers.ts'
import { CallError, type TestNode, rehash } from './node-helpers.ts'

const scene = await startScene(t)
const { genesis, driver, node, fault, eth } = scene

/** Changes what the main client answers to op-node. */
let alter = (_method: string, answer: JSONValue, _params: JSONValue[]): JSONValue => answer
const honest = alter
const url = await openFaultyMain(t, node, (...call) => alter(...call))

const folder = t.testdir({
  'genesis.json': JSON.stringify(genesis),
  secret: Buffer.from(SECRET).toString('hex'),
  'engine-secret': Buffer.from(node.secret).toString('hex'),
})
const datadir = join(folder, 'data')
const args = [
  ...[`--genesis=${folder}/genesis.json`, `--datadir=${datadir}`, `--eth=${eth}`],
  ...[`--engine=${url}`, `--engine.jwtsecret=${folder}/engine-secret`],
  ...[`--authrpc.jwtsecret=${folder}/secret`, '--log.format=json'],
]

/** What op-node calls. */
const through = (port: number): TestNode => ({
  ...node,
  async call(method: string, ...params: JSONValue[]) {
    const { result, error } = (await send(port, toBody(method, params))).json()
    if (error) throw new CallError(method, error)
    return result
  },
})

type Crosscheck = Awaited<ReturnType<typeof spawnCrosscheck>>

const isAt = (crosscheck: Crosscheck, hash: string) => async () =>
  (await crosscheck.health()).body.watchman?.checked?.hash === hash

/** Waits for an alarm, and runs its case again. @returns it */
async function findAlarm(crosscheck: Crosscheck, count: number): Promise<JSONValue> {
  await until(async () => (await crosscheck.health()).body.open === count, `alarm ${count}`)
  const { status, body } = await crosscheck.health()
  return { status, alarm: body.alarms.at(-1) }
}

t.test('what a faulty client says is found, also after kill -9', async (t) => {
  const first = await spawnCrosscheck(t, args)
  const engine = through(first.port)
  for (let number = 0; number < 10; number++) await scene.extend(engine)
  await until(isAt(first, scene.head.blockHash), 'ten blocks are the same')
  t.match(await first.health(), { status: 200, body: { open: 0, watchman: { same: 10 } } })

  const number = Number(scene.head.blockNumber) + 1
  fault.eth = inReceipts(number, (receipts) => {
    receipts[3].l1Fee = plusOne(receipts[3].l1Fee)
  })
  await scene.extend(engine)
  const found = await findAlarm(first, 1)
  t.match(found, { status: 503, alarm: { kind: 'block', block: { number } } })
  const { status, output } = verifyCase(found.alarm.caseFile)
  t.equal(status, 1)
  t.match(output, / reproduced: .* receipt 3 l1Fee is /)

  // op-node goes on while nobody watches.
  await first.kill('SIGKILL')
  for (let count = 0; count < 3; count++) await scene.extend(node)
  const second = await spawnCrosscheck(t, args)
  const again = through(second.port)
  await scene.extend(again)
  await until(isAt(second, scene.head.blockHash), 'no block is skipped')
  t.equal((await second.health()).body.open, 1, 'the alarm is still open, and no other')

  const built = await scene.buildNext(again)
  const gasUsed = plusOne(built.executionPayload.gasUsed)
  const forged = await rehash(built, { gasUsed })
  const { blockHash } = forged.executionPayload
  alter = (_, answer, [{ blockHash: given }]) =>
    given === blockHash
      ? {
          ...answer,
          result: { status: 'VALID', latestValidHash: blockHash, validationError: null },
        }
      : answer
  t.equal((await driver.insert(again, forged)).status, 'VALID', 'op-node hears the main client')
  const { alarm } = await findAlarm(second, 2)
  t.match(alarm, { kind: 'status', block: { hash: blockHash } })
  t.ok(existsSync(alarm.caseFile))
  t.match(verifyCase(alarm.caseFile).output, / reproduced: .* header gasUsed is /)
  t.ok(JSON.parse(readFileSync(alarm.caseFile, 'utf8')).case.vector, 'with a vector')
  alter = honest
  await scene.accept(built, again)
  await until(isAt(second, scene.head.blockHash), 'the right block is compared')
  t.equal((await second.health()).body.open, 2)
  t.match(await second.kill('SIGTERM'), { code: 0 })
})
