import { type BlockchainBackend, type Database, createBackend } from '../blockchain/index.ts'
import { type Backend, type Engine, createEngine } from '../src/index.ts'
import { customCrypto } from './helpers.ts'
import type { Head, JSONObject, TestNode } from './node-helpers.ts'

/** An engine over a backend, which can be called as a node over HTTP is. */
export interface TestEngine {
  backend: BlockchainBackend
  node: TestNode
  /** The genesis block. */
  root: Head
}

/**
 * Starts an engine on a database, or in memory.
 *
 * @param wrap - what the engine gets in place of the backend
 */
export async function startEngine(
  genesis: JSONObject,
  db?: Database,
  wrap = (backend: Backend): Backend => backend,
): Promise<TestEngine> {
  const backend = await createBackend({ genesis, db, customCrypto })
  const engine: Engine = createEngine(wrap(backend))
  const call = (method: keyof Engine, ...params: never[]) =>
    (engine[method] as (...params: never[]) => Promise<unknown>)(...params)
  const blockHash = (await backend.getCanonicalHash(0n))!
  const root = { blockHash, blockNumber: '0x0', timestamp: genesis.timestamp }
  return { backend, node: { call } as unknown as TestNode, root }
}
