#!/usr/bin/env node
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { type PrefixedHexString, bytesToHex, hexToBytes, toBytes } from '@ethereumjs/util'
import { createAllocState, createChain, createCrypto, createGenesis } from './index.ts'
import { createWitnessState, executeBlock } from './index.ts'
import { difference, headerFromJSON, headerToJSON } from './json.ts'
import { startNode } from './start.ts'

const USAGE = `usage: ethereumjs-op verify [--json] FILE...   execute blocks and compare the outcome
       ethereumjs-op genesis FILE             print the hash of the genesis block
FILE is .json or .json.gz. Exit status: 0 as expected, 1 a block differs or cannot be executed,
2 wrong usage or a file that cannot be read.`

const customCrypto = await createCrypto()

/** A parsed JSON file. */
type File = ReturnType<typeof JSON.parse>

/** Executes the block of a block file on the state in the file. @throws if it is not as expected */
async function verifyBlock(file: File) {
  const chain = createChain(file.config, { customCrypto })
  const { preAlloc, preimages, payloadAttributes: attributes, expectedHeader } = file
  const parent = headerFromJSON(chain, file.parentHeader)
  const { common } = chain.rules(parent)
  const witness = () => createWitnessState(common, parent.stateRoot, preimages)
  const state = preAlloc ? await createAllocState(common, preAlloc) : witness()
  const getBlockHash = (ancestor: bigint) => toBytes(file.ancestorHashes?.[`${ancestor}`])
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const expectedHash = file.expectedBlockHash ?? file.derivedBlockHash ?? undefined
  const isKnown = expectedHash || file.expected?.stateRoot
  if (!isKnown) throw new Error('the file does not say what to expect')
  const [actual, expected] = [headerToJSON(header), { ...file.expected, ...expectedHeader }]
  const wrong = difference(actual, { ...expected, hash: expectedHash })
  if (wrong && actual.hash !== expectedHash) throw new Error(wrong)
  const [txs, gas] = [attributes.transactions.length, Number(header.gasUsed)]
  const { fork } = chain.rules(header)
  return { number: Number(header.number), fork, hash: actual.hash, txs, gas }
}

/** Runs a command on a file and prints the outcome. @returns the exit status */
async function run(command: string, path: string, asJSON = false) {
  const start = performance.now()
  let [status, about] = [2, {}]
  const print = (text: string, json: object) =>
    console.log(asJSON ? JSON.stringify({ file: path, ...json }) : text)
  try {
    const file = readJSON(path)
    status = 1
    if (command === 'genesis') {
      const { header } = await createGenesis(file, { customCrypto })
      console.log(bytesToHex(header.hash()))
      return 0
    }
    const { chainId, blockNumber, hardfork } = Object(file)
    about = { chainId, number: blockNumber, fork: hardfork }
    const { number, fork, hash, txs, gas } = await verifyBlock(file)
    const ms = Math.round(performance.now() - start)
    const text = `ok   ${chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`
    print(text, { ok: true, chainId, number, fork, hash, txs, gas, ms })
    return 0
  } catch (error) {
    const { message } = error as Error
    const json = { ok: false, ...about, error: message }
    const subject = Object.values(about).filter(Boolean).join(' ') || path
    if (command === 'genesis') console.error(`${path}: ${message}`)
    else print(`FAIL ${subject} ${message}`, json)
    return status
  }
}

/** Reads a file, which may be compressed. */
function readJSON(path: string): File {
  const bytes = readFileSync(path)
  return JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
}

/** The secret in a file, which is created if there is none. @throws if it is not 32 bytes in hex */
function readSecret(path: string) {
  if (!existsSync(path)) writeFileSync(path, randomBytes(32).toString('hex'), { mode: 0o600 })
  const text = readFileSync(path, 'utf8')
    .trim()
    .replace(/^(0x)?/, '0x')
  if (!/^0x[0-9a-f]{64}$/i.test(text)) throw new Error(`${path} must hold 32 bytes in hex`)
  return hexToBytes(text as PrefixedHexString)
}

/** Runs a node until a signal ends the process. */
async function runNode(flags: Record<string, string | boolean | undefined>) {
  const endpoint = (name: string) => ({
    addr: `${flags[`${name}.addr`]}`,
    port: Number(flags[`${name}.port`]),
  })
  const { datadir } = flags as Record<string, string>
  if (datadir) mkdirSync(datadir, { recursive: true })
  const secret = readSecret(String(flags['authrpc.jwtsecret']))
  const node = await startNode({
    genesis: readJSON(String(flags.genesis)),
    datadir,
    http: endpoint('http'),
    authrpc: endpoint('authrpc'),
    secret,
    log: console.log,
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, node.close)
}

/** The command line. @throws if it is used in a wrong way */
async function main() {
  const string = { type: 'string' } as const
  const options = {
    json: { type: 'boolean' },
    help: { type: 'boolean' },
    genesis: string,
    datadir: string,
    'http.addr': { ...string, default: '127.0.0.1' },
    'http.port': { ...string, default: '8545' },
    'authrpc.addr': { ...string, default: '127.0.0.1' },
    'authrpc.port': { ...string, default: '8551' },
    'authrpc.jwtsecret': { ...string, default: 'jwtsecret' },
  } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [command, ...paths] = positionals
  if (values.help) return console.log(USAGE)
  if (command === 'node') return runNode(values)
  const isGenesis = command === 'genesis' && paths.length === 1 && !values.json
  const isUsage = isGenesis || (command === 'verify' && paths.length > 0)
  if (!isUsage) throw new Error('wrong arguments')
  const statuses: number[] = []
  for (const path of paths) statuses.push(await run(command, path, values.json))
  process.exitCode = Math.max(...statuses)
  if (isGenesis) return
  const passed = statuses.filter((status) => status === 0).length
  const failed = statuses.length - passed
  console.log(
    values.json ? JSON.stringify({ passed, failed }) : `${passed} passed, ${failed} failed`,
  )
}

await main().catch((error: Error) => {
  console.error(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
})
