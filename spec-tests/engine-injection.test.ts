import t from 'tap'
import type { Backend } from '../src/index.ts'
import { type TestEngine, startEngine } from './engine-helpers.ts'
import {
  type Envelope,
  type Head,
  createDriver,
  genesisAt,
  transfer,
  userDeposit,
} from './node-helpers.ts'

const GENESIS = genesisAt('karst')
const driver = createDriver(GENESIS)

/** What is wrong with a dependency. */
const FAULTS: Record<string, () => never | Promise<never>> = {
  TypeError: () => {
    throw new TypeError('x is not a function')
  },
  RangeError: () => {
    throw new RangeError('Maximum call stack size exceeded')
  },
  'a rejected promise': () => Promise.reject(new Error('disk I/O error')),
}

type Method = 'nodes.get' | Exclude<keyof Backend, 'chain' | 'nodes'>

/** Methods of a backend that the engine calls. */
const METHODS: Method[] = [
  'nodes.get',
  'getHeader',
  'getCanonicalHash',
  'getForkchoice',
  'setForkchoice',
  'putBlock',
  'selectTransactions',
]

/** A backend of which one call fails: the `at`th of a method, counted from when `at` is set. */
class Saboteur {
  method?: Method
  at = 0
  fault = FAULTS.TypeError
  /** Calls by method. */
  readonly calls = new Map<Method, number>()

  wrap(backend: Backend): Backend {
    const sabotage = <T extends unknown[], R>(name: Method, original: (...params: T) => R) => {
      return (...params: T) => {
        const calls = (this.calls.get(name) ?? 0) + 1
        this.calls.set(name, calls)
        if (name === this.method && calls === this.at) return this.fault() as R
        return original(...params)
      }
    }
    const pool = [transfer(1, 0)].map((raw) => Uint8Array.from(Buffer.from(raw.slice(2), 'hex')))
    return {
      chain: backend.chain,
      nodes: { get: sabotage('nodes.get', (hash) => backend.nodes.get(hash)) },
      getHeader: sabotage('getHeader', (hash) => backend.getHeader(hash)),
      getCanonicalHash: sabotage('getCanonicalHash', (n) => backend.getCanonicalHash(n)),
      getForkchoice: sabotage('getForkchoice', () => backend.getForkchoice()),
      setForkchoice: sabotage('setForkchoice', (update) => backend.setForkchoice(update)),
      putBlock: sabotage('putBlock', (block, nodes) => backend.putBlock(block, nodes)),
      selectTransactions: sabotage('selectTransactions', () => pool),
    }
  }

  reset(method?: Method, at = 0, fault = FAULTS.TypeError) {
    this.calls.clear()
    this.method = method
    this.at = at
    this.fault = fault
  }
}

/** A call of the engine, on a chain where its dependencies are all in use. */
interface Scenario {
  engine: TestEngine
  saboteur: Saboteur
  call(): Promise<unknown>
}

/** Which of so many calls fail: all, or some of many. */
const pick = (count: number) => [
  ...new Set(Array.from({ length: 6 }, (_, index) => Math.ceil(((index + 1) * count) / 6))),
]

/** Starts an engine on a chain of two blocks, with a sibling of the second, and labels. */
async function prepare() {
  const saboteur = new Saboteur()
  const engine = await startEngine(GENESIS, undefined, (backend) => saboteur.wrap(backend))
  const { node, root } = engine
  const first = await driver.extend(node, root, [transfer(0, 0), userDeposit(0)])
  const second = await driver.extend(node, first.executionPayload, [transfer(0, 1)])
  const sibling = await driver.build(
    node,
    first.executionPayload,
    driver.attributesAfter(first.executionPayload, [], { prevRandao: `0x${'33'.repeat(32)}` }),
  )
  const labels = { safe: first.executionPayload, finalized: first.executionPayload }
  await driver.choose(node, second.executionPayload, labels)
  return { engine, saboteur, first, second, sibling }
}

/** A payload that the engine does not know yet, on top of a block. */
async function strange(ancestors: Envelope[], parent: Head): Promise<Envelope> {
  const elsewhere = await startEngine(GENESIS)
  for (const block of ancestors) await driver.insert(elsewhere.node, block)
  const attributes = driver.attributesAfter(parent, [userDeposit(1)])
  return driver.build(elsewhere.node, parent, attributes)
}

const SCENARIOS: Record<string, () => Promise<Scenario>> = {
  'engine_newPayload of a good block': async () => {
    const { engine, saboteur, first, sibling } = await prepare()
    // On a branch, so that ancestors must be looked for.
    const block = await strange([first, sibling], sibling.executionPayload)
    return { engine, saboteur, call: () => driver.insert(engine.node, block) }
  },
  'engine_newPayload of a block whose parent is not known': async () => {
    const { engine, saboteur, first, second } = await prepare()
    const middle = await strange([first, second], second.executionPayload)
    const block = await strange([first, second, middle], middle.executionPayload)
    return { engine, saboteur, call: () => driver.insert(engine.node, block) }
  },
  'a reorganization': async () => {
    const { engine, saboteur, first, sibling } = await prepare()
    const labels = { safe: first.executionPayload }
    const call = () => driver.choose(engine.node, sibling.executionPayload, labels)
    return { engine, saboteur, call }
  },
  'a build with transactions that wait': async () => {
    const { engine, saboteur, second } = await prepare()
    const head = second.executionPayload
    const attributes = driver.attributesAfter(head, [userDeposit(2)], { noTxPool: false })
    // What goes wrong behind the answer of the forkchoice is told to who fetches the payload.
    return { engine, saboteur, call: () => driver.build(engine.node, head, attributes) }
  },
}

for (const [name, start] of Object.entries(SCENARIOS)) {
  t.test(`${name}: a fault of the backend is -32603 and no verdict`, async (t) => {
    const undisturbed = await start()
    undisturbed.saboteur.reset()
    const right = await undisturbed.call()
    const calls = [...undisturbed.saboteur.calls]
    t.ok(calls.length > 0, `calls ${calls.map(([method, count]) => `${method} ${count}`)}`)
    for (const [method, count] of calls) {
      for (const at of pick(count)) {
        for (const [fault, act] of Object.entries(FAULTS)) {
          const { engine, saboteur, call } = await start()
          const before = await engine.backend.getForkchoice()
          saboteur.reset(method, at, act)
          const error = await call().then(
            (answer) => ({ answer }),
            (thrown) => thrown,
          )
          const where = `${fault} in call ${at} of ${method}`
          t.equal(error.code, -32603, `${where}: ${JSON.stringify(error.answer ?? error.message)}`)
          t.ok(error.cause instanceof Error, `${where}: the fault is the cause`)
          if (!name.startsWith('a build')) {
            t.strictSame(await engine.backend.getForkchoice(), before, `${where}: nothing moved`)
          }
          // Nothing is remembered: the same call works once the cause is gone.
          saboteur.reset()
          t.strictSame(await call(), right, `${where}: again`)
        }
      }
    }
  })
}

t.test('every method of a backend is called in some scenario', async (t) => {
  const seen = new Set<Method>()
  for (const start of Object.values(SCENARIOS)) {
    const { saboteur, call } = await start()
    saboteur.reset()
    await call()
    for (const method of saboteur.calls.keys()) seen.add(method)
  }
  t.strictSame([...seen].sort(), [...METHODS].sort())
})
