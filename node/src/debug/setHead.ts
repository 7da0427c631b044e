import { StateError } from 'ethereumjs-op'
import {
  JsonRpcError,
  createZeroAddress,
  type PrefixedHexString as Hex,
} from 'ethereumjs-op/ethereumjs'
import type { Method, Methods } from '../rpc/methods.ts'
import { readQuantity } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'

/**
 * Takes the chain back to a block. All above it is canonical no more: its transactions wait again, and
 * labels on it are gone. The blocks themselves stay, so that the engine can choose them again.
 *
 * @throws (-32000) if the block is not below the head, or its state is not kept any more
 */
async function rewind(store: Store, number: bigint): Promise<void> {
  const { find, head, after, setForkchoice, getForkchoice } = store
  if (number >= BigInt(head().header.number)) {
    throw new JsonRpcError('not allowed to rewind to a future block', -32000)
  }
  const target = find(Number(number))!
  const { header, state } = after(target)
  try {
    await state.getAccount(createZeroAddress())
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    throw new JsonRpcError(`the state of block ${number} is not kept`, -32000)
  }
  const { safe, finalized } = await getForkchoice()
  const keep = (hash?: Hex) =>
    hash && BigInt(find(hash)?.header.number ?? number + 1n) <= number ? hash : undefined
  const labels = { safe: keep(safe), finalized: keep(finalized) }
  // It is put where it is already, and what is above it goes.
  await setForkchoice({ head: target.header.hash as Hex, ...labels, added: [header] })
}

/**
 * Adds `debug_setHead` to the methods of an engine. It runs while none of these does: the engine would
 * put a block on a chain that is not there any more.
 */
export function addSetHead(engine: Methods, store: Store): Methods {
  const running = new Set<Promise<unknown>>()
  let rewinding: Promise<unknown> = Promise.resolve()

  const wait = (method: Method): Method =>
    async function call(...params) {
      await rewinding
      const result = Promise.resolve(method(...params))
      running.add(result)
      return result.finally(() => running.delete(result))
    }

  async function setHead(value: unknown) {
    const number = readQuantity(value)
    const before = rewinding
    const result = (async () => {
      await before
      await Promise.allSettled(running)
      await rewind(store, number)
    })()
    rewinding = result.catch(() => {})
    await result
    return null
  }

  const methods = Object.entries(engine).map(([name, method]) => [name, wait(method)])
  return { ...Object.fromEntries(methods), debug_setHead: setHead }
}

/** Stands where the engine is not. */
export function refuseSetHead(): never {
  throw new JsonRpcError('debug_setHead is served on the authenticated port only', -32601)
}
