#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { createBlockHeaderFromRPC } from '@ethereumjs/block'
import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import { createAllocState, createChain, createCrypto, createGenesis } from './index.ts'
import { createWitnessState, executeBlock } from './index.ts'

const USAGE = `usage: ethereumjs-op verify [--json] FILE...   execute blocks and compare the outcome
       ethereumjs-op genesis FILE             print the hash of the genesis block
FILE is .json or .json.gz. Exit status: 0 as expected, 1 a block differs or cannot be executed,
2 wrong usage or a file that cannot be read.`

/** A parsed JSON file. */
type File = ReturnType<typeof JSON.parse>

const customCrypto = await createCrypto()

/** Reads .json or .json.gz; says so and sets the exit status where it cannot. */
function readFile(path: string): File {
  try {
    const bytes = readFileSync(path)
    return JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
  } catch (error) {
    process.exitCode = 2
    console.error(`${path} cannot be read: ${(error as Error).message}`)
  }
}

/** Executes the block of a block file on the state in the file; throws if it is not as expected. */
async function verifyBlock(file: File) {
  const chain = createChain(file.config, { customCrypto })
  const { parentHeader, payloadAttributes: attributes, preAlloc, preimages, ancestorHashes } = file
  const { number, timestamp } = parentHeader
  const { common } = chain.rules({ number: BigInt(number), timestamp: BigInt(timestamp) })
  const parentOpts = { common, skipConsensusFormatValidation: true }
  const parent = createBlockHeaderFromRPC(parentHeader, parentOpts)
  const witness = () => createWitnessState(common, parent.stateRoot, preimages)
  const state = preAlloc ? await createAllocState(common, preAlloc) : witness()
  const getBlockHash = (ancestor: bigint) => {
    const hash = ancestorHashes?.[`${ancestor}`]
    return hash && hexToBytes(hash)
  }
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const hash = bytesToHex(header.hash())
  const json = header.toJSON()
  const [transactionsRoot, receiptsRoot] = [json.transactionsTrie, json.receiptTrie]
  const actual = { ...json, transactionsRoot, receiptsRoot, miner: json.coinbase, hash }
  const expectedHash = file.expectedBlockHash ?? file.derivedBlockHash
  if (!expectedHash && !file.expected) throw new Error('the file does not say what to expect')
  const expected = {
    ...file.expected,
    ...file.expectedHeader,
    ...(expectedHash && { hash: expectedHash }),
  }
  for (const [name, value] of Object.entries(actual)) {
    if (value === (expected[name] ?? value)) continue
    throw new Error(`${name} is ${value} but should be ${expected[name]}`)
  }
  const { fork } = chain.rules(header)
  return { fork, hash, txs: attributes.transactions.length, gas: Number(header.gasUsed) }
}

/** Verifies block files, printing a line for each and one for all. */
async function verify(paths: string[], asJSON: boolean) {
  const results = { passed: 0, failed: 0 }
  for (const path of paths) {
    const file = readFile(path)
    const { chainId, blockNumber: number, hardfork } = file ?? {}
    const start = performance.now()
    const failure = (error: Error) => ({ fork: hardfork, error: error.message })
    const result =
      file === undefined ? { error: 'cannot be read' } : await verifyBlock(file).catch(failure)
    const ms = Math.round(performance.now() - start)
    const ok = !('error' in result)
    results[ok ? 'passed' : 'failed']++
    if (asJSON) console.log(JSON.stringify({ file: path, chainId, number, ok, ...result, ms }))
    else if ('error' in result) console.log(`FAIL ${chainId} ${number} ${hardfork} ${result.error}`)
    else
      console.log(
        `ok   ${chainId} ${number} ${result.fork} ${result.hash} ${result.txs} txs ${result.gas} gas ${ms} ms`,
      )
  }
  console.log(
    asJSON ? JSON.stringify(results) : `${results.passed} passed, ${results.failed} failed`,
  )
  if (results.failed > 0) process.exitCode ??= 1
}

/** Prints the hash of the genesis block of a file. */
async function genesis(path: string) {
  const file = readFile(path)
  if (file === undefined) return
  try {
    const { header } = await createGenesis(file, { customCrypto })
    console.log(bytesToHex(header.hash()))
  } catch (error) {
    process.exitCode = 1
    console.error(`${path}: ${(error as Error).message}`)
  }
}

/** Runs the command line; the exit status is 0 unless something sets it. */
async function main() {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [command, ...paths] = positionals
  if (values.help) console.log(USAGE)
  else if (command === 'verify' && paths.length > 0) await verify(paths, values.json === true)
  else if (command === 'genesis' && paths.length === 1 && !values.json) await genesis(paths[0])
  else throw new Error(command ? `wrong arguments for ${command}` : 'a command is missing')
}

await main().catch((error: Error) => {
  console.error(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
})
