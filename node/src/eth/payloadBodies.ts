import type { BlockJSON } from 'ethereumjs-op/blockchain'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { readHash, readList, readQuantity } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'

/** Most bodies in an answer, as op-geth has it. */
const MAX_BODIES = 1_024

const toBody = (block?: BlockJSON) =>
  block ? { transactions: block.raw, withdrawals: block.header.withdrawalsRoot ? [] : null } : null

/** @throws (-38004) */
function checkCount(count: bigint | number): void {
  if (count > MAX_BODIES) throw new JsonRpcError(`requested count too large: ${count}`, -38004)
}

/**
 * Adds to the methods of an engine those that give bodies of blocks, which need the store alone. Both
 * versions are the same, for L2 has no block access lists, as op-geth has them.
 */
export function addPayloadBodies(engine: Methods, { find, head }: Store): Methods {
  /** Bodies in the order of the hashes; null where there is no such block. */
  function getByHash(value: unknown) {
    if (Array.isArray(value)) checkCount(value.length)
    return readList(value, (hash) => toBody(find(readHash(hash))), MAX_BODIES)
  }

  /** Bodies of the chain from a number on, up to the head. */
  function getByRange(first: unknown, length: unknown) {
    const start = readQuantity(first)
    const count = readQuantity(length)
    if (start === 0n || count === 0n) {
      const range = `start: ${start} count: ${count}`
      throw new JsonRpcError(`invalid start or count, ${range}`, -32602)
    }
    checkCount(count)
    const newest = Number(head().header.number)
    const last = Math.min(Number(start + count - 1n), newest)
    const bodies = []
    for (let number = Number(start); number <= last; number++) bodies.push(toBody(find(number)))
    return bodies
  }

  const bodies: Methods = {}
  for (const version of [1, 2]) {
    bodies[`engine_getPayloadBodiesByHashV${version}`] = getByHash
    bodies[`engine_getPayloadBodiesByRangeV${version}`] = getByRange
  }
  const exchangeCapabilities = async () => [
    ...((await engine.engine_exchangeCapabilities()) as string[]),
    ...Object.keys(bodies),
  ]
  return { ...engine, ...bodies, engine_exchangeCapabilities: exchangeCapabilities }
}
