import type { AddressInfo } from 'node:net'
import type { ChainConfig } from './chain.ts'
import { createEngine } from './engine.ts'
import { createEth } from './eth.ts'
import { createNode } from './node.ts'
import { createPool } from './pool.ts'
import { listen } from './rpc.ts'

/** Where a server listens; port 0 takes any that is free. */
export type Endpoint = { addr: string; port: number }

/**
 * Starts a node that op-node can drive.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @param opts.datadir - folder of the database; without it nothing is kept
 * @param opts.http - where `eth_*` is served to everyone
 * @param opts.authrpc - where `engine_*` and `eth_*` are served to holders of the secret
 * @param opts.secret - 32 bytes
 * @param opts.log - takes a line per event
 * @throws if the database is of another chain, or a port is taken
 */
export async function startNode(opts: {
  genesis: ChainConfig
  datadir?: string
  http: Endpoint
  authrpc: Endpoint
  secret: Uint8Array
  log?: (text: string) => void
}) {
  const { http, authrpc, secret, log = () => {} } = opts
  const node = await createNode(opts)
  const pool = createPool(node)
  const eth = createEth(node, pool)
  const engine = createEngine(node, pool, log)
  const servers = [
    await listen(eth, http.addr, http.port),
    await listen({ ...eth, ...engine }, authrpc.addr, authrpc.port, secret),
  ]
  const [httpPort, authPort] = servers.map((server) => (server.address() as AddressInfo).port)
  /** Stops listening, and closes the database when the last write has ended. */
  const close = async () => {
    for (const server of servers) server.close()
    await node.close()
  }
  return { httpPort, authPort, close }
}
