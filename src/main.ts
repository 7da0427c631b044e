#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { program } from 'commander'

// Before the rest is loaded, for a wrong version may lack what is imported from it.
const { default: check } = await import('check-dependencies' as string)
const packageDir = fileURLToPath(new URL('..', import.meta.url))
const { depsWereOk, error } = await check({ packageDir, scopeList: ['dependencies'] })
if (!depsWereOk) program.error(error.join('\n'), { exitCode: 2 })

const { bytesToHex, toBytes } = await import('@ethereumjs/util')
const { createAllocState, createChain, createCrypto, createGenesis } = await import('./index.ts')
const { createWitnessState, executeBlock } = await import('./index.ts')
const { compare, headerFromJSON, headerToJSON } = await import('./json.ts')

const customCrypto = await createCrypto()

/** Reads a JSON file, which may be compressed. */
function readJSON(path: string): ReturnType<typeof JSON.parse> {
  const bytes = readFileSync(path)
  return JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
}

/** Executes the block of a block file on the state in the file. @throws if it is not as expected */
async function verifyBlock(file: ReturnType<typeof JSON.parse>) {
  const chain = createChain(file.config, { customCrypto })
  const { preAlloc, preimages, payloadAttributes: attributes } = file
  const parent = headerFromJSON(chain, file.parentHeader)
  const { common } = chain.rules(parent)
  const state = preAlloc
    ? await createAllocState(common, preAlloc)
    : createWitnessState(common, parent.stateRoot, preimages)
  const getBlockHash = (ancestor: bigint) => toBytes(file.ancestorHashes?.[`${ancestor}`])
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const [json, hash] = [headerToJSON(header), file.expectedBlockHash ?? file.derivedBlockHash]
  const isKnown = hash || file.expected?.stateRoot
  if (!isKnown) throw new Error('the file does not say what to expect')
  if (json.hash !== hash) compare(json, { ...file.expected, ...file.expectedHeader, hash })
  const [txs, gas] = [attributes.transactions.length, Number(header.gasUsed)]
  return {
    number: Number(header.number),
    fork: chain.rules(header).fork,
    hash: json.hash,
    txs,
    gas,
  }
}

/** Executes the blocks of files and prints the outcome of each. */
async function verify(paths: string[], flags: { json?: boolean }) {
  const print = (text: string, json: object) =>
    console.log(flags.json ? JSON.stringify(json) : text)
  let [passed, failed] = [0, 0]
  for (const path of paths) {
    const start = performance.now()
    let file: ReturnType<typeof JSON.parse>
    try {
      file = readJSON(path)
      const outcome = await verifyBlock(file)
      const [{ chainId }, { number, fork, hash, txs, gas }] = [file, outcome]
      const ms = Math.round(performance.now() - start)
      const text = `ok   ${chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`
      print(text, { file: path, ok: true, chainId, ...outcome, ms })
      passed++
    } catch (thrown) {
      const { message: error } = thrown as Error
      const { chainId, blockNumber: number, hardfork: fork } = Object(file)
      const subject = [chainId, number, fork].filter(Boolean).join(' ') || path
      print(`FAIL ${subject} ${error}`, { file: path, ok: false, chainId, number, fork, error })
      process.exitCode = Math.max(Number(process.exitCode ?? 0), file === undefined ? 2 : 1)
      failed++
    }
  }
  print(`${passed} passed, ${failed} failed`, { passed, failed })
}

/** Prints the hash of the genesis block. */
async function genesis(path: string) {
  const { header } = await createGenesis(readJSON(path), { customCrypto })
  console.log(bytesToHex(header.hash()))
}

program.name('ethereumjs-op').exitOverride(({ exitCode }) => process.exit(exitCode && 2))
program.addHelpText('after', '\nFILE is .json or .json.gz. Exit status: 0 as expected, 1 ….')
const files = program.command('verify').description('execute blocks and compare the outcome')
files.argument('<files...>').option('--json', 'one JSON object a line').action(verify)
const file = program.command('genesis').description('print the hash of the genesis block')
file.argument('<file>').action(genesis)
await program.parseAsync()
