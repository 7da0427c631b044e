#!/usr/bin/env node
// A node: node node/main.mjs --genesis FILE --datadir DIR; --help lists all flags.
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hexToBytes } from '@ethereumjs/util'
import { InvalidArgumentError, program } from 'commander'
import { readJSON } from './files.mjs'
import { startNode } from './start.mjs'

/** The secret in a file, which is created if there is none. @throws if it is not 32 bytes in hex */
function readSecret(path) {
  if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600 })
  const digits = readFileSync(path, 'utf8').trim().replace(/^0x/, '')
  if (!/^[0-9a-f]{64}$/i.test(digits)) throw new Error(`${path} must hold 32 bytes in hex`)
  return hexToBytes(`0x${digits}`)
}

function readPort(text) {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new InvalidArgumentError('a port is a number up to 65535')
}

program
  .name('node node/main.mjs')
  .description('an OP Stack execution client for op-node')
  .requiredOption('--genesis <file>', 'geth-style genesis.json or .json.gz')
  .option('--datadir <folder>', 'where blocks and states are kept; without it nothing is kept')
  .option('--http.addr <host>', 'where eth_* is served to everyone', '127.0.0.1')
  .option('--http.port <port>', '0 takes any that is free', readPort, 8545)
  .option('--http.api <names>', 'what is served there; miner is for op-batcher', 'eth,net,web3')
  .option('--authrpc.addr <host>', 'where op-node calls', '127.0.0.1')
  .option('--authrpc.port <port>', '0 takes any that is free', readPort, 8551)
  .option('--authrpc.jwtsecret <file>', '32 bytes in hex; created if missing', 'jwtsecret')
  .exitOverride(({ exitCode }) => process.exit(exitCode && 2))
  .parse()

const flags = program.opts()
const endpoint = (name) => ({ addr: flags[`${name}.addr`], port: flags[`${name}.port`] })
try {
  if (flags.datadir) mkdirSync(flags.datadir, { recursive: true })
  const starting = startNode({
    genesis: readJSON(flags.genesis),
    datadir: flags.datadir,
    http: { ...endpoint('http'), api: flags['http.api'].split(',') },
    authrpc: endpoint('authrpc'),
    secret: readSecret(flags['authrpc.jwtsecret']),
    log: console.log,
  })
  // From now on, for the ports are open before both are known to be.
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, async () => (await starting).close())
  const { httpPort, authPort } = await starting
  console.log(`eth_* on port ${httpPort}, engine_* on port ${authPort}`)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
