import { join } from 'node:path'
import type { NodeSettings } from '../config.ts'
import { makeFolder } from '../files.ts'
import { createLog } from '../log.ts'
import { MEMORY, SECRET_FILE } from '../settings.ts'
import { startNode } from '../startNode.ts'
import { explain } from './explain.ts'
import { findSecret, readGenesis } from './inputs.ts'

/** Runs a node until it is told to stop. */
export async function runNode(settings: NodeSettings): Promise<void> {
  const isKept = !settings.dev && settings.datadir !== MEMORY
  const datadir = isKept ? settings.datadir : undefined
  const endpoint = (name: 'http' | 'ws' | 'authrpc' | 'metrics') => ({
    addr: settings[`${name}.addr`],
    port: settings[`${name}.port`],
  })
  let undo = () => {}
  try {
    const genesis = readGenesis(settings.genesis)
    if (datadir) undo = makeFolder(datadir)
    const path = settings['authrpc.jwtsecret'] ?? (datadir && join(datadir, SECRET_FILE))
    const secret = findSecret(path)
    const http = {
      ...endpoint('http'),
      api: settings['http.api'],
      vhosts: settings['http.vhosts'],
      corsdomain: settings['http.corsdomain'],
    }
    const ws = {
      ...endpoint('ws'),
      api: settings['ws.api'],
      origins: settings['ws.origins'],
    }
    const options = {
      genesis,
      datadir,
      stateHistory: settings['state.history'],
      http,
      ws: settings.ws ? ws : undefined,
      calls: { gasCap: settings['rpc.gascap'], evmTimeout: settings['rpc.evmtimeout'] },
      authrpc: endpoint('authrpc'),
      metrics: settings.metrics ? endpoint('metrics') : undefined,
      maxHeadAge: settings['health.maxage'],
      secret: secret.bytes,
      log: createLog({ level: settings['log.level'], format: settings['log.format'] }),
    }
    const starting = startNode(options)
    // From now on, for the ports are open before both are known to be.
    for (const name of ['SIGINT', 'SIGTERM']) {
      process.once(name, async () => (await starting).close())
    }
    const node = await starting
    try {
      // Only now, so that a start that fails leaves none behind.
      secret.keep()
    } catch (error) {
      await node.close()
      throw error
    }
  } catch (error) {
    undo()
    console.error(`error: ${explain(error, { ...settings })}`)
    process.exit(1)
  }
}
