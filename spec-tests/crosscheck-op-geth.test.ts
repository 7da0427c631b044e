/** The watchman of `crosscheck` beside op-geth, where that has been built. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createCrypto } from '../crypto/index.ts'
import { createChecker } from '../node/dist/crosscheck/checker.js'
import { runCase } from '../node/dist/crosscheck/caseFile.js'
import type { Alarm } from '../node/dist/crosscheck/types.js'
import { SILENT } from '../node/dist/logger.js'
import { makeFolder, tapEngine } from './crosscheck-helpers.ts'
import { DEPOSITOR, type JSONValue, L1_BLOCK } from './helpers.ts'
import {
  CallError,
  type Head,
  type Hex,
  type JSONObject,
  type TestNode,
  createDriver,
  genesisAt,
  transfer,
  userDeposit,
} from './node-helpers.ts'
import {
  createChains,
  noOpGeth,
  noRandomChains,
  serveOpGeth,
  startOpGeth,
} from './op-geth-execution.ts'

/** Random blocks that are compared. */
const BLOCKS = Number(process.env.BLOCKS ?? 500)

/** Of the random chains. */
const SEED = Number(process.env.SEED ?? 1)

const opGeth = noOpGeth ? undefined : startOpGeth()
t.teardown(() => opGeth?.close())

const url = opGeth ? await serveOpGeth(t, opGeth) : ''

/** op-geth on a chain, as the driver of the tests calls it. */
async function openChain(genesis: JSONObject) {
  await opGeth!.build(genesis, [])
  const call = async (method: string, ...params: JSONValue[]): Promise<JSONValue> => {
    try {
      return await opGeth!.call(method, ...params)
    } catch (error) {
      throw new CallError(method, { code: -32000, message: (error as Error).message })
    }
  }
  const node = { call } as unknown as TestNode
  const { hash, number, timestamp } = await call('eth_getBlockByNumber', '0x0', false)
  return { node, root: { blockHash: hash, blockNumber: number, timestamp } as Head }
}

/** A watchman in this thread, and what it rings about. */
async function openChecker(genesis: JSONObject) {
  const alarms: Alarm[] = []
  const lines: string[] = []
  const error = (fields: object, message: string) => {
    lines.push(`${message} ${JSON.stringify(fields)}`)
  }
  const checker = await createChecker({
    genesis,
    datadir: makeFolder(t),
    cases: makeFolder(t),
    eth: url,
    log: { ...SILENT, error },
    onAlarm: async (alarm) => {
      alarms.push(alarm)
    },
  })
  let last: Promise<void> = Promise.resolve()
  const note: Parameters<typeof tapEngine>[1] = (exchange) => {
    last = last.then(() => checker.check(exchange))
  }
  const idle = async () => {
    await last
    await checker.idle()
  }
  return { checker, alarms, lines, note, idle }
}

/** Bytes of calldata of L1 attributes, in their formats. */
const ATTRIBUTES_LENGTHS = [260, 164, 176, 178]

/** Whether op-node could have made a payload: its first transaction is the L1 attributes. */
async function isDerived(node: TestNode, { blockHash }: Head): Promise<boolean> {
  const { transactions } = await node.call('eth_getBlockByHash', blockHash, true)
  const [{ from, to, input } = {} as JSONValue] = transactions
  const isSystem = from === DEPOSITOR && to === L1_BLOCK
  return isSystem && ATTRIBUTES_LENGTHS.includes(input.length / 2 - 1)
}

t.test(
  `${BLOCKS} random blocks of op-geth are compared without an alarm`,
  { skip: noRandomChains },
  async (t) => {
    const counts = { chains: 0, blocks: 0, refused: 0, same: 0, notDerived: 0, rung: 0 }
    const disputed: Record<string, number> = {}
    for (const { id, genesis, blocks } of createChains(SEED)) {
      const { node, root } = await openChain(genesis)
      const { checker, alarms, lines, note, idle } = await openChecker(genesis)
      const engine = tapEngine(node, note)
      const driver = createDriver(genesis)
      let head = root
      let built = 0
      const derived = new Set<Hex>()
      for (const attributes of blocks) {
        try {
          const envelope = await driver.build(engine, head, attributes)
          await driver.insert(engine, envelope)
          await driver.choose(engine, envelope.executionPayload)
          head = envelope.executionPayload
          if (await isDerived(node, head)) derived.add(head.blockHash)
          built++
        } catch (error) {
          if (!(error instanceof CallError)) throw error
          counts.refused++
          break
        }
      }
      await idle()
      const progress = checker.progress()
      // Fees and nonces of others are no rule, and op-geth has them from the first calldata.
      const rung = alarms.filter(({ block }) => !block || derived.has(block.hash as Hex))
      t.strictSame(rung, [], `${id}: no alarm`)
      t.ok(alarms.every(({ kind }) => kind === 'block'))
      t.strictSame(lines, [], `${id}: no fault`)
      t.equal(progress.same, built - alarms.length, `${id}: ${built} blocks`)
      for (const [name, count] of Object.entries(progress.disputed)) {
        disputed[name] = (disputed[name] ?? 0) + count
      }
      await checker.close()
      counts.chains++
      counts.blocks += built
      counts.same += progress.same
      counts.notDerived += built - derived.size
      counts.rung += alarms.length
      if (counts.blocks >= BLOCKS) break
    }
    t.comment(JSON.stringify({ ...counts, disputed }))
    t.ok(counts.same >= 0.95 * BLOCKS, 'nearly all are derived')
  },
)

/** Ethereum's forks before the merge, of which geth wants to be told. */
const OLD_FORKS =
  'homestead eip150 eip155 eip158 byzantium constantinople petersburg istanbul berlin london'

/** A genesis of Jovian as geth reads it. */
function toGeth(genesis: JSONObject): JSONObject {
  const blocks = Object.fromEntries(OLD_FORKS.split(' ').map((fork) => [`${fork}Block`, 0]))
  const times = { shanghaiTime: 0, cancunTime: 0, pragueTime: 0 }
  const merge = { terminalTotalDifficulty: 0, terminalTotalDifficultyPassed: true }
  return { ...genesis, config: { ...genesis.config, ...blocks, ...times, ...merge } }
}

/** Verifies signatures on P-256, at another price from Karst on. */
const P256VERIFY: Hex = '0x0000000000000000000000000000000000000100'

t.test('the price of P256VERIFY in Karst is found, once', { skip: noOpGeth }, async (t) => {
  const genesis = toGeth(genesisAt('jovian'))
  const { node, root } = await openChain(genesis)
  const karst = { ...genesis, config: genesisAt('karst').config }
  const { checker, alarms, note, idle } = await openChecker(karst)
  const engine = tapEngine(node, note)
  const driver = createDriver(genesis)
  let head = root
  const extend = async (transactions: Hex[]) => {
    head = (await driver.extend(engine, head, transactions)).executionPayload
  }
  await extend([userDeposit(0), transfer(0, 0)])
  await idle()
  t.strictSame(alarms, [])
  const data: Hex = `0x${'00'.repeat(160)}`
  await extend([transfer(1, 0, { to: P256VERIFY, value: 0n, gasLimit: 100_000n, data })])
  const disputed = head
  await extend([transfer(0, 1)])
  await extend([transfer(0, 2)])
  await idle()
  t.equal(alarms.length, 1, JSON.stringify(alarms))
  const [{ block, summary, caseFile }] = alarms
  t.same(block, { number: 2, hash: disputed.blockHash })
  t.match(summary, /receipt 1 gasUsed is "0x\w+", but "0x\w+" is claimed/)
  t.match(summary, /account 0x\w{40} balance is "0x\w+", but "0x\w+" is claimed/)
  const file = JSON.parse(readFileSync(caseFile!, 'utf8'))
  t.ok(file.case.mainWitness, 'with the witness of op-geth')
  t.ok(file.case.vector, 'with a vector')
  const outcome = await runCase(file, await createCrypto())
  t.match(outcome, { isReproduced: true, isSame: true })
  const { checked, trouble } = checker.progress()
  t.equal(trouble, undefined)
  t.equal(checked?.hash, head.blockHash, 'blocks after it are checked by themselves')
  await checker.close()
})
