#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { program } from 'commander'
import { readJSON } from './files.mjs'

// Before the rest is loaded, for a wrong version may lack what is imported from it.
const { default: check } = await import('check-dependencies')
const packageDir = fileURLToPath(new URL('..', import.meta.url))
const { depsWereOk, error } = await check({ packageDir, scopeList: ['dependencies'] })
if (!depsWereOk) program.error(error.join('\n'), { exitCode: 2 })

const { createChain, createWitnessState, executeBlock } = await import('ethereumjs-op')
const { createAllocState, createGenesis, headerFromJSON, headerToJSON } = await import(
  'ethereumjs-op/blockchain'
)
const { createCrypto } = await import('ethereumjs-op/crypto')

const customCrypto = await createCrypto()

/** @throws if a header is not as expected; the message names the first field that differs */
function compare(header, expected) {
  for (const [name, value] of Object.entries(header)) {
    const wanted = expected[name] ?? value
    if (value !== wanted) throw new Error(`${name} is ${value} but should be ${wanted}`)
  }
}

/** Executes the block of a block file on the state in the file. @throws if it is not as expected */
async function verifyBlock(file) {
  const chain = createChain(file.config ?? {}, { customCrypto })
  const { preAlloc, preimages, payloadAttributes: attributes } = file
  const parent = headerFromJSON(chain, file.parentHeader)
  const state = preAlloc
    ? await createAllocState(chain.common, preAlloc)
    : createWitnessState(chain.common, parent.stateRoot, preimages)
  const getBlockHash = (ancestor) => file.ancestorHashes?.[`${ancestor}`]
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const json = headerToJSON(header)
  const hash = file.expectedBlockHash ?? file.derivedBlockHash
  const isKnown = hash || file.expected?.stateRoot
  if (!isKnown) throw new Error('the file does not say what to expect')
  if (json.hash !== hash) compare(json, { ...file.expected, ...file.expectedHeader, hash })
  const { fork } = chain.rules(header)
  const txs = attributes.transactions.length
  return {
    number: Number(header.number),
    fork,
    hash: json.hash,
    txs,
    gas: Number(header.gasUsed),
  }
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
      const outcome = await verifyBlock(file)
      const { chainId } = file
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

/** Prints the hash of the genesis block of a file, or why it has none. */
async function genesis(path) {
  // If the file cannot be read.
  process.exitCode = 2
  try {
    const file = readJSON(path)
    process.exitCode = 1
    const { header } = await createGenesis(Object(file), { customCrypto })
    console.log(headerToJSON(header).hash)
    process.exitCode = 0
  } catch ({ message }) {
    console.error(`${path}: ${message}`)
  }
}

const EPILOGUE = `
A file is .json or .json.gz. Exit status: 0 as expected, 1 a block differs or cannot be executed,
2 wrong usage or a file that cannot be read.`

program.name('ethereumjs-op').addHelpText('after', EPILOGUE).showHelpAfterError()
program.exitOverride(({ exitCode }) => process.exit(exitCode && 2))
program
  .command('verify <file...>')
  .option('--json', 'one JSON object a line')
  .description('execute blocks and compare the outcome')
  .action(verify)
program.command('genesis <file>').description('print the hash of the genesis block').action(genesis)
await program.parseAsync()
