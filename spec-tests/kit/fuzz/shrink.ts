import type { ChainPlan } from './plan.ts'

/** Makes a copy of a value smaller. @returns false if that changes nothing */
type Step<T> = (value: T) => boolean | undefined

/** Steps that leave out parts of a list, first large ones, then single ones from the end. */
function* leaveOut<T, Item>(listOf: (value: T) => Item[] | undefined, of: T): Generator<Step<T>> {
  const length = listOf(of)?.length ?? 0
  for (let size = length; size >= 1; size = Math.floor(size / 2)) {
    for (let start = length - size; start >= 0; start -= size) {
      yield (value) => {
        listOf(value)!.splice(start, size)
        return true
      }
    }
  }
}

/** Steps that leave out each key of an object. */
function* leaveOutKeys<T>(objectOf: (value: T) => object | undefined, of: T): Generator<Step<T>> {
  for (const key of Object.keys(objectOf(of) ?? {})) {
    yield (value) => Reflect.deleteProperty(objectOf(value)!, key)
  }
}

/** Steps that make a plan of a chain smaller, the large ones first. */
function* stepsOf(plan: ChainPlan): Generator<Step<ChainPlan>> {
  yield* leaveOut(({ blocks }) => blocks, plan)
  for (const index of plan.blocks.keys()) {
    yield* leaveOut(({ blocks }) => blocks[index].probes, plan)
    yield* leaveOut(({ blocks }) => blocks[index].transactions, plan)
  }
  yield* leaveOutKeys(({ contracts }) => contracts, plan)
  yield* leaveOutKeys(({ times }) => times, plan)
  for (const address of Object.keys(plan.contracts)) {
    yield* leaveOut(({ contracts }) => contracts[address].program, plan)
    yield* leaveOutKeys(({ contracts }) => contracts[address].storage, plan)
  }
  for (const [index, { transactions }] of plan.blocks.entries()) {
    for (const [place, tx] of transactions.entries()) {
      const fieldsOf = ({ blocks }: ChainPlan) =>
        blocks[index].transactions[place].fields as Record<string, unknown>
      const { data, accessList } = tx.fields as { data?: string; accessList?: unknown[] }
      if (data && data !== '0x') {
        yield (value) => Boolean(Object.assign(fieldsOf(value), { data: '0x' }))
        const half = data.slice(0, 2 + 2 * Math.floor((data.length - 2) / 4))
        yield (value) => Boolean(Object.assign(fieldsOf(value), { data: half }))
      }
      if (accessList) yield* leaveOut((value) => fieldsOf(value).accessList as unknown[], plan)
      if (tx.kind === 'signed') {
        yield* leaveOut((value) => {
          const same = value.blocks[index].transactions[place]
          return same.kind === 'signed' ? same.authorizations : undefined
        }, plan)
      }
      for (const name of ['value', 'mint', 'maxPriorityFeePerGas']) {
        if (fieldsOf(plan)[name]) yield (value) => Reflect.deleteProperty(fieldsOf(value), name)
      }
    }
    yield* leaveOutKeys(({ blocks }) => blocks[index].attributes, plan)
    yield* leaveOutKeys(({ blocks }) => blocks[index].l1, plan)
  }
  yield* leaveOutKeys(({ accounts }) => accounts, plan)
  yield* leaveOutKeys(({ genesis }) => genesis, plan)
  yield* leaveOutKeys(({ optimism }) => optimism, plan)
  yield* leaveOutKeys(({ l1 }) => l1, plan)
}

/**
 * Leaves out of a plan what is not needed.
 *
 * @param isFailing - whether a smaller plan still shows what is wrong; what it throws counts as no
 * @param attempts - how often it is called at most
 * @returns a plan for which it is true, as `plan` itself must be
 */
export async function shrink(
  plan: ChainPlan,
  isFailing: (plan: ChainPlan) => Promise<boolean>,
  attempts = 1000,
): Promise<ChainPlan> {
  let smallest = plan
  let left = attempts
  for (let isSmaller = true; isSmaller && left > 0; ) {
    isSmaller = false
    for (const step of stepsOf(smallest)) {
      if (left-- <= 0) break
      const smaller = structuredClone(smallest)
      if (!step(smaller) || !(await isFailing(smaller).catch(() => false))) continue
      smallest = smaller
      isSmaller = true
      break
    }
  }
  return smallest
}
