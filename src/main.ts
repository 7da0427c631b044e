#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'

// Only now, for a wrong version may lack what is imported from it.
checkVersions()
const { createBlockHeaderFromRPC } = await import('@ethereumjs/block')
const { bytesToHex, toBytes } = await import('@ethereumjs/util')
const { createAllocState, createChain, createCrypto, createGenesis } = await import('./index.ts')
const { createWitnessState, executeBlock } = await import('./index.ts')

const USAGE = `usage: ethereumjs-op verify [--json] FILE...   execute blocks and compare the outcome
       ethereumjs-op genesis FILE             print the hash of the genesis block
FILE is .json or .json.gz. Exit status: 0 as expected, 1 a block differs or cannot be executed,
2 wrong usage or a file that cannot be read.`

const customCrypto = await createCrypto()

/**
 * Ends the process if a package of EthereumJS is not exactly the version that this is made for.
 *
 * @throws if one is missing or damaged
 */
function checkVersions() {
  const read = (path: string, base: string) => JSON.parse(`${readFileSync(new URL(path, base))}`)
  const { dependencies } = read('../package.json', import.meta.url)
  for (const name of Object.keys(dependencies).filter((key) => key.startsWith('@ethereumjs/'))) {
    const { version } = read('../../package.json', import.meta.resolve(name))
    if (version === dependencies[name]) continue
    console.error(`${name} is ${version}, but only ${dependencies[name]} is supported`)
    process.exit(2)
  }
}

/** Executes the block of a block file on the state in the file. @throws if it is not as expected */
async function verifyBlock(file: ReturnType<typeof JSON.parse>) {
  const chain = createChain(file.config, { customCrypto })
  const { parentHeader, preAlloc, preimages, payloadAttributes: attributes } = file
  const [number, timestamp] = [BigInt(parentHeader.number), BigInt(parentHeader.timestamp)]
  const { common } = chain.rules({ number, timestamp })
  const options = { common, skipConsensusFormatValidation: true }
  const parent = createBlockHeaderFromRPC(parentHeader, options)
  const witness = () => createWitnessState(common, parent.stateRoot, preimages)
  const state = preAlloc ? await createAllocState(common, preAlloc) : witness()
  const getBlockHash = (ancestor: bigint) => toBytes(file.ancestorHashes?.[`${ancestor}`])
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const [json, hash] = [header.toJSON(), bytesToHex(header.hash())]
  const [transactionsRoot, receiptsRoot] = [json.transactionsTrie, json.receiptTrie]
  const actual = { ...json, miner: json.coinbase, transactionsRoot, receiptsRoot, hash }
  const expectedHash = file.expectedBlockHash ?? file.derivedBlockHash
  const isKnown = expectedHash || file.expected?.stateRoot
  if (!isKnown) throw new Error('the file does not say what to expect')
  const expected = { ...file.expected, ...file.expectedHeader, hash: expectedHash }
  const differs = ([name, value]: [string, unknown]) => value !== (expected[name] ?? value)
  const [name, value] = Object.entries(hash === expectedHash ? {} : actual).find(differs) ?? []
  if (name) throw new Error(`${name} is ${value} but should be ${expected[name]}`)
  const { fork } = chain.rules(header)
  const [txs, gas] = [attributes.transactions.length, Number(header.gasUsed)]
  return { chainId: file.chainId, number: Number(header.number), fork, hash, txs, gas }
}

/** Prints text or, with --json, an object. */
type Print = (text: string, json: object) => void

/** Runs a command on a file and prints the outcome. @returns the exit status */
async function run(command: string, path: string, print: Print) {
  const start = performance.now()
  let file: ReturnType<typeof JSON.parse>
  try {
    const bytes = readFileSync(path)
    file = JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
    if (command === 'genesis') {
      const { header } = await createGenesis(file, { customCrypto })
      console.log(bytesToHex(header.hash()))
      return 0
    }
    const { chainId, number, fork, hash, txs, gas } = await verifyBlock(file)
    const ms = Math.round(performance.now() - start)
    const text = `ok   ${chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`
    print(text, { file: path, ok: true, chainId, number, fork, hash, txs, gas, ms })
    return 0
  } catch (thrown) {
    const { message: error } = thrown as Error
    const { chainId, blockNumber: number, hardfork: fork } = Object(file)
    const subject = [chainId, number, fork].filter(Boolean).join(' ') || path
    if (command === 'genesis') console.error(`${path}: ${error}`)
    else print(`FAIL ${subject} ${error}`, { file: path, ok: false, chainId, number, fork, error })
    return file === undefined ? 2 : 1
  }
}

/** The command line. @throws if it is used in a wrong way */
async function main() {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [command, ...paths] = positionals
  if (values.help) return console.log(USAGE)
  const isGenesis = command === 'genesis' && paths.length === 1 && !values.json
  const isUsage = isGenesis || (command === 'verify' && paths.length > 0)
  if (!isUsage) throw new Error('wrong arguments')
  const print: Print = (text, json) => console.log(values.json ? JSON.stringify(json) : text)
  const statuses: number[] = []
  for (const path of paths) statuses.push(await run(command, path, print))
  process.exitCode = Math.max(...statuses)
  const failed = statuses.filter((status) => status > 0).length
  const passed = paths.length - failed
  if (!isGenesis) print(`${passed} passed, ${failed} failed`, { passed, failed })
}

await main().catch((error: Error) => {
  console.error(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
})
