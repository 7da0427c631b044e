/** Blocks that are built behind the answer of the call that wants them. Knows no rollup. */
import type { PrefixedHexString as Hex } from '@ethereumjs/util'
import { JsonRpcError } from 'jsonrpc-lite'
import { LRUCache } from 'lru-cache'
import type { Awaitable } from './state.ts'

/** Builds that are kept for `engine_getPayload`, as many as geth keeps. */
const MAX_BUILDS = 10

/** Encoded transactions, each of which joins a block if it can. */
export type Candidates = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** How a block is built; see {@link Builds.start}. */
export interface BuildSteps<T> {
  /** Builds it, and asks for the first candidate when all else has run. */
  run(candidates: Candidates): Promise<T>
  /** What could be in it, apart from what must be. */
  select(): Awaitable<Candidates | undefined>
}

/** Builds by payload id. Only the newest takes candidates, so that none is in the way of another. */
export class Builds<T> {
  readonly #results = new LRUCache<Hex, Promise<T>>({ max: MAX_BUILDS })
  #newest?: Hex

  /**
   * Starts a build, unless it is there already, and ends the one before it, which keeps what it has.
   * Resolves as soon as all has run that must be in the block.
   *
   * @throws what is thrown until then; afterwards it is `get` that throws
   */
  async start(id: Hex, { run, select }: BuildSteps<T>): Promise<void> {
    if (this.#results.has(id)) return
    this.#newest = id
    const isNewest = () => this.#newest === id
    const results = this.#results
    await new Promise<unknown>((resolve, reject) => {
      async function* choose() {
        resolve(id)
        for await (const candidate of (await select()) ?? []) {
          if (!isNewest()) return
          yield candidate
        }
      }
      const result = run(choose())
      results.set(id, result)
      // Where it has resolved already this does nothing, except that the error has a handler.
      result.then(resolve, reject)
    }).catch((error) => {
      results.delete(id)
      throw error
    })
  }

  /**
   * What came out of a build. Waits for its end, unlike geth, whose answer lacks what has not run yet:
   * so what is in a block does not depend on how soon it is asked for.
   *
   * @throws (-38001) if there is none with this id, (-32602) if it is no text; what went wrong behind
   * the answer, after which nothing is left of it
   */
  async get(id: Hex): Promise<T> {
    const isId = typeof id === 'string'
    if (!isId) throw new JsonRpcError('payloadId must be 8 bytes in hex', -32602)
    const result = this.#results.get(id)
    if (!result) throw new JsonRpcError(`payload ${id} is not known`, -38001)
    return result.catch((error) => {
      this.#results.delete(id)
      throw error
    })
  }
}
