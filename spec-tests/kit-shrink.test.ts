/** The search for differences: it follows from its seed, and makes what it finds small. */
import t from 'tap'
import { randomChain } from './kit/fuzz/chains.ts'
import { findListed } from './kit/fuzz/known.ts'
import { type ChainPlan, fillPlan } from './kit/fuzz/plan.ts'
import { changeValue, randomProbe } from './kit/fuzz/probes.ts'
import { Random } from './kit/fuzz/random.ts'
import { shrink } from './kit/fuzz/shrink.ts'
import { checkVector } from './kit/vector.ts'

const plan = (seed: number): ChainPlan => randomChain(new Random(seed), `chain ${seed}`)

/** All values of transactions in a plan. */
const valuesOf = ({ blocks }: ChainPlan) =>
  blocks.flatMap(({ transactions }) => transactions.map(({ fields }) => fields.value))

t.test('a chain and its vector follow from the seed', async (t) => {
  t.strictSame(plan(5), plan(5))
  t.notSame(plan(5), plan(6))
  t.strictSame(await fillPlan(plan(5)), await fillPlan(plan(5)))
})

t.test('random chains and altered calls are vectors in the right form', async (t) => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = new Random(seed)
    const chain = randomChain(random, `chain ${seed}`)
    for (const block of chain.blocks) block.probes = random.list(4, () => randomProbe(random))
    const vector = checkVector(JSON.parse(JSON.stringify(await fillPlan(chain))), chain.name)
    const calls = vector.engineNewPayloads.length + (vector.engineForkchoiceUpdates?.length ?? 0)
    t.ok(calls >= chain.blocks.length, `chain ${seed}`)
  }
})

t.test('what is not needed to show a difference is left out', async (t) => {
  const seed = [...Array(50).keys()].find((seed) => valuesOf(plan(seed)).includes(10n ** 15n))!
  const large = plan(seed)
  const isFailing = async (smaller: ChainPlan) => valuesOf(smaller).includes(10n ** 15n)
  const small = await shrink(large, isFailing)
  t.equal(small.blocks.length, 1)
  t.strictSame(valuesOf(small), [10n ** 15n])
  t.strictSame(small.contracts, {})
  t.strictSame(small.accounts, {})
  t.strictSame(small.times, {})
  t.notSame(large.contracts, {}, 'the plan itself stays')
})

t.test('a plan of which nothing can be left out stays, and so does one at the limit', async (t) => {
  const large = plan(3)
  t.strictSame(await shrink(large, async () => false), large)
  let calls = 0
  const never = async () => {
    calls++
    throw new Error('cannot be filled')
  }
  t.strictSame(await shrink(large, never, 7), large)
  t.equal(calls, 7)
})

t.test('fields are changed in the ways that calls can be wrong', async (t) => {
  t.equal(changeValue('0x1f', 'more'), '0x20')
  t.equal(changeValue('0x1f', 'zero'), '0x0')
  t.equal(changeValue('0x1f', 'leading zero'), '0x01f')
  t.equal(changeValue('0xabcd', 'shorter'), '0xab')
  t.equal(changeValue('0xab', 'flipped'), '0xa0')
  t.equal(changeValue(`0x${'ab'.repeat(32)}`, 'more'), `0x${'ab'.repeat(31)}a0`)
  t.strictSame(changeValue(['0x'], 'longer'), ['0x', '0x'])
  t.equal(changeValue('0x1', 'absent'), undefined)
})

t.test('a difference counts as listed only for its client and its kind', async (t) => {
  const vector = await fillPlan({ ...plan(1), fork: 'isthmus', times: {}, blocks: [] })
  const heading = (client: 'op-geth' | 'op-revm', said: string) =>
    findListed(client, said, vector)?.heading
  const said = 'payload 0: INVALID (system tx not supported: address 0x00)'
  t.equal(heading('op-geth', said), 'system-deposit-after-regolith')
  t.equal(heading('op-revm', said), undefined)
  t.equal(heading('op-geth', 'payload 0: INVALID (invalid gas used)'), undefined)
  t.equal(heading('op-geth', 'payload 0: VALID'), undefined)
})
