import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Genesis } from 'ethereumjs-op/blockchain'
import { hexToBytes } from 'ethereumjs-op/ethereumjs'
import { pino } from 'pino'
import { readJSON } from '../files.ts'
import { startNode } from '../node.ts'

/** The secret in a file, which is created if there is none. @throws if it is not 32 bytes in hex */
function readSecret(path: string): Uint8Array {
  if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600 })
  const digits = readFileSync(path, 'utf8').trim().replace(/^0x/, '')
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw new Error(`${path} must hold 32 bytes in hex`)
  return hexToBytes(`0x${digits}`)
}

function readPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new Error('a port is a number up to 65535')
}

/** Runs a node until it is told to stop. */
export async function runNode(flags: Record<string, string>): Promise<void> {
  const endpoint = (name: string) => ({
    addr: flags[`${name}.addr`],
    port: readPort(flags[`${name}.port`]),
  })
  try {
    const { datadir } = flags
    if (datadir) mkdirSync(datadir, { recursive: true })
    const starting = startNode({
      genesis: readJSON(flags.genesis) as Genesis,
      datadir,
      http: { ...endpoint('http'), api: flags['http.api'].split(',') },
      authrpc: endpoint('authrpc'),
      secret: readSecret(flags['authrpc.jwtsecret']),
      log: pino(),
    })
    // From now on, for the ports are open before both are known to be.
    for (const name of ['SIGINT', 'SIGTERM']) {
      process.once(name, async () => (await starting).close())
    }
    const { httpPort, authPort } = await starting
    console.log(`eth_* on port ${httpPort}, engine_* on port ${authPort}`)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
}
