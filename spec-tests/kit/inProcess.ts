import { createBackend, encode, headerToJSON } from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'
import { type Hex, JsonRpcError, createEngine, createHeader } from 'ethereumjs-op'
import { type Answer, type Client, type Clients, genesisOf } from './client.ts'
import type { Vector } from './vector.ts'

type Methods = Record<string, (...params: unknown[]) => Promise<unknown>>

/** This project's engine in memory, on the genesis of a vector. */
async function createClient(
  vector: Vector,
  customCrypto: Awaited<ReturnType<typeof createCrypto>>,
) {
  const backend = await createBackend({ genesis: genesisOf(vector), customCrypto })
  const engine = createEngine(backend) as unknown as Methods
  const getBlockByNumber = async (tag: unknown) => {
    const { head } = await backend.getForkchoice()
    const hash = tag === 'latest' ? head : await backend.getCanonicalHash(BigInt(tag as Hex))
    const data = hash && (await backend.getHeader(hash))
    return data ? headerToJSON(createHeader(backend.chain, data)) : null
  }
  const methods: Methods = { ...engine, eth_getBlockByNumber: getBlockByNumber }
  const call = async (method: string, params: unknown[]): Promise<Answer> => {
    const run = Object.hasOwn(methods, method) && methods[method]
    if (!run) return { error: { code: -32601, message: `there is no method ${method}` } }
    try {
      return { result: encode(await run(...params)) }
    } catch (error) {
      if (!(error instanceof JsonRpcError)) throw error
      return { error: { code: error.code, message: error.message } }
    }
  }
  return { call, close: async () => {} }
}

/** Clients that are this project's engine in the same process. */
export async function createInProcess(): Promise<Clients> {
  const customCrypto = await createCrypto()
  let last: { hash: string; client: Client } | undefined
  return {
    name: 'ethereumjs-op in process',
    open: async (vector) => {
      const { hash } = vector.genesisBlockHeader
      if (last?.hash !== hash) last = { hash, client: await createClient(vector, customCrypto) }
      return last.client
    },
    close: async () => {},
  }
}
