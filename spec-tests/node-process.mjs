// Runs a node for a test. Standard input gives the options of `startNode` as a line of JSON; the
// answer is a line of JSON with the ports. The node closes on SIGTERM, or when standard input ends.
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { createLog, startNode } from '../node/dist/node.js'

const lines = createInterface({ input: process.stdin })
lines.once('line', async (line) => {
  const { genesis, datadir, secret, logFile, ...others } = JSON.parse(line)
  const authrpc = { addr: '127.0.0.1', port: 0 }
  const http = { ...authrpc, api: ['eth', 'net', 'web3', 'miner', 'debug'] }
  const destination = { write: (text) => appendFileSync(logFile, text) }
  const log = logFile && createLog({ format: 'json', level: 'debug', destination })
  const opts = { genesis, datadir, http, authrpc, secret: Buffer.from(secret, 'hex'), log }
  const { close, ...ports } = await startNode({ ...opts, ...others })
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
  console.log(JSON.stringify(ports))
})
