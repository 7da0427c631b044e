// Runs a node for a test. Standard input gives the options of `startNode` as a line of JSON; the
// answer is a line of JSON with the ports. The node closes on SIGTERM, or when standard input ends.
import { createInterface } from 'node:readline'
import { startNode } from '../node/dist/node.js'

const lines = createInterface({ input: process.stdin })
lines.once('line', async (line) => {
  const { genesis, datadir, secret } = JSON.parse(line)
  const authrpc = { addr: '127.0.0.1', port: 0 }
  const http = { ...authrpc, api: ['eth', 'net', 'web3', 'miner', 'debug'] }
  const opts = { genesis, datadir, http, authrpc, secret: Buffer.from(secret, 'hex') }
  const { httpPort, authPort, close } = await startNode(opts)
  let closed
  // The process ends by itself, for nothing is left that it could wait for.
  const stop = async () => {
    closed ??= close()
    await closed
    lines.close()
    process.stdin.destroy()
  }
  process.once('SIGTERM', stop)
  lines.once('close', stop)
  console.log(JSON.stringify({ httpPort, authPort }))
})
