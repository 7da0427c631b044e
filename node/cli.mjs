#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { program } from 'commander'

// Before the rest is loaded, for a wrong version may lack what is imported from it.
const { default: check } = await import('check-dependencies')
const packageDir = fileURLToPath(new URL('..', import.meta.url))
const { depsWereOk, error } = await check({ packageDir, scopeList: ['dependencies'] })
if (!depsWereOk) program.error(error.join('\n'), { exitCode: 2 })

const client = await import('./index.ts')

const customCrypto = await client.createCrypto()

/** Reads a JSON file, which may be compressed. */
function readJSON(path) {
  const bytes = readFileSync(path)
  return JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
}

/** Executes the block of a block file on the state in the file. @throws if it is not as expected */
async function verifyBlock(file) {
  const chain = client.createChain(file.config, { customCrypto })
  const { preAlloc, preimages, payloadAttributes: attributes } = file
  const parent = client.headerFromJSON(chain, file.parentHeader)
  const { common } = chain.rules(parent)
  const state = preAlloc
    ? await client.createAllocState(common, preAlloc)
    : client.createWitnessState(common, parent.stateRoot, preimages)
  const getBlockHash = (ancestor) => file.ancestorHashes?.[`${ancestor}`]
  const { header } = await client.executeBlock({ chain, state, parent, attributes, getBlockHash })
  const json = client.headerToJSON(header)
  const hash = file.expectedBlockHash ?? file.derivedBlockHash
  const isKnown = hash || file.expected?.stateRoot
  if (!isKnown) throw new Error('the file does not say what to expect')
  if (json.hash !== hash) client.compare(json, { ...file.expected, ...file.expectedHeader, hash })
  const { fork } = chain.rules(header)
  const [txs, gas] = [attributes.transactions.length, Number(header.gasUsed)]
  return { number: Number(header.number), fork, hash: json.hash, txs, gas }
}

/** Executes the blocks of files and prints the outcome of each. */
async function verify(paths, { json }) {
  const print = (text, object) => console.log(json ? JSON.stringify(object) : text)
  const statuses = []
  for (const path of paths) {
    const start = performance.now()
    let file
    try {
      file = readJSON(path)
      const [{ chainId }, outcome] = [file, await verifyBlock(file)]
      const { number, fork, hash, txs, gas } = outcome
      const ms = Math.round(performance.now() - start)
      const text = `ok   ${chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`
      print(text, { file: path, ok: true, chainId, ...outcome, ms })
      statuses.push(0)
    } catch (thrown) {
      const { message: error } = thrown
      const { chainId, blockNumber: number, hardfork: fork } = Object(file)
      const subject = [chainId, number, fork].filter(Boolean).join(' ') || path
      print(`FAIL ${subject} ${error}`, { file: path, ok: false, chainId, number, fork, error })
      statuses.push(file === undefined ? 2 : 1)
    }
  }
  process.exitCode = Math.max(...statuses)
  const failed = statuses.filter(Boolean).length
  const passed = statuses.length - failed
  print(`${passed} passed, ${failed} failed`, { passed, failed })
}

/** Prints the hash of the genesis block of a file. @throws if it has none */
async function genesis(path) {
  const file = readJSON(path)
  process.exitCode = 1
  const { header } = await client.createGenesis(file, { customCrypto })
  console.log(client.headerToJSON(header).hash)
  process.exitCode = 0
}

const EPILOGUE = `
A file is .json or .json.gz. Exit status: 0 as expected, 1 a block differs or cannot be executed,
2 wrong usage or a file that cannot be read.`

program.name('ethereumjs-op').addHelpText('after', EPILOGUE).showHelpAfterError()
program.exitOverride(({ exitCode }) => process.exit(exitCode && 2))
const verifying = program.command('verify <file...>').option('--json', 'one JSON object a line')
verifying.description('execute blocks and compare the outcome').action(verify)
const computing = program.command('genesis <file>').action(genesis)
computing.description('print the hash of the genesis block')
process.exitCode = 2
await program.parseAsync().catch(({ message }) => console.error(message))
