import { randomBytes } from 'node:crypto'
import type { Genesis } from 'ethereumjs-op/blockchain'
import type { DevSettings } from '../config.ts'
import { renderScreen } from '../dev/screen.ts'
import { openSequencer } from '../dev/sequencer.ts'
import { makeFolder, readExample } from '../files.ts'
import { MEMORY } from '../settings.ts'
import { type RunningNode, startNode } from '../startNode.ts'
import { explain } from './explain.ts'

/** Where only this machine can reach the engine and deposits, which ask for no signature. */
const LOCAL_ADDR = '127.0.0.1'

/** Runs a local chain until it is told to stop, with a sequencer in the place of op-node. */
export async function runDev(settings: DevSettings): Promise<void> {
  const { addr, port, enginePort, depositPort, blockTime } = settings
  const datadir = settings.datadir === MEMORY ? undefined : settings.datadir
  const genesis = JSON.parse(readExample()) as Genesis
  const secret = randomBytes(32)
  const stop = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => stop.abort())
  // Who reads only the first lines has seen enough.
  process.stdout.on('error', () => stop.abort())
  let undo = () => {}
  let node: RunningNode | undefined
  try {
    if (datadir) undo = makeFolder(datadir)
    const endpoint = { addr, port, api: ['debug', 'eth', 'net', 'rpc', 'txpool', 'web3'] }
    // Any web page may call: pages in development do, and there is nothing of worth.
    const http = { ...endpoint, corsdomain: ['*'] }
    const ws = { ...endpoint, origins: ['*'] }
    const authrpc = { addr: LOCAL_ADDR, port: enginePort }
    node = await startNode({ genesis, datadir, http, ws, authrpc, secret })
    const engineURL = `http://${LOCAL_ADDR}:${node.authPort}`
    const { signal } = stop
    const sequencer = await openSequencer({
      url: engineURL,
      secret,
      blockTime,
      depositPort,
      signal,
    })
    // From here on there is something worth keeping.
    undo = () => {}
    const url = `http://${addr}:${node.httpPort}`
    const depositURL = `http://${LOCAL_ADDR}:${sequencer.depositPort}`
    const wsURL = `ws://${addr}:${node.wsPort}`
    const screen = { genesis, url, wsURL, engineURL, depositURL, datadir, blockTime }
    console.log(renderScreen(screen))
    await sequencer.run()
  } catch (error) {
    console.error(`error: ${explain(error, { ...settings })}`)
    process.exitCode = 1
  }
  await node?.close()
  undo()
  process.exit()
}
