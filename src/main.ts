#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { createBlockHeaderFromRPC } from '@ethereumjs/block'
import { bytesToHex, toBytes } from '@ethereumjs/util'
import { createAllocState, createChain, createCrypto, createGenesis } from './index.ts'
import { createWitnessState, executeBlock } from './index.ts'

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
  const expectedHash = file.expectedBlockHash ?? file.derivedBlockHash ?? undefined
  if (!expectedHash && !file.expected) throw new Error('the file does not say what to expect')
  const expected = { ...file.expected, ...file.expectedHeader, hash: expectedHash }
  const differs = ([name, value]: [string, unknown]) => value !== (expected[name] ?? value)
  const [name, value] = Object.entries(actual).find(differs) ?? []
  if (name && hash !== expectedHash) {
    throw new Error(`${name} is ${value} but should be ${expected[name]}`)
  }
  const { fork } = chain.rules(header)
  const [txs, gas] = [attributes.transactions.length, Number(header.gasUsed)]
  return { number: Number(header.number), fork, hash, txs, gas }
}

/** Runs a command on a file. @returns the exit status, and what to print as text or as JSON */
async function run(command: string, path: string) {
  const start = performance.now()
  let [status, subject] = [2, path]
  try {
    const bytes = readFileSync(path)
    const file = JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
    const { chainId, blockNumber, hardfork } = Object(file)
    status = 1
    if (command === 'genesis') {
      const { header } = await createGenesis(file, { customCrypto })
      return { status: 0, text: bytesToHex(header.hash()) }
    }
    subject = `${chainId} ${blockNumber} ${hardfork}`
    const { number, fork, hash, txs, gas } = await verifyBlock(file)
    const ms = Math.round(performance.now() - start)
    const json = { file: path, ok: true, chainId, number, fork, hash, txs, gas, ms }
    const text = `ok   ${chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`
    return { status: 0, text, json }
  } catch (error) {
    const { message } = error as Error
    const json = { file: path, ok: false, error: message }
    return { status, text: `FAIL ${subject} ${message}`, json }
  }
}

/** The command line. @returns the exit status */
async function main() {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [command, ...paths] = positionals
  const isGenesis = command === 'genesis' && paths.length === 1 && !values.json
  const isVerify = command === 'verify' && paths.length > 0
  if (!isGenesis && !isVerify && !values.help) throw new Error('wrong arguments')
  if (values.help) return console.log(USAGE)
  const statuses: number[] = []
  for (const path of paths) {
    const { status, text, json } = await run(command, path)
    statuses.push(status)
    const print = isGenesis && status > 0 ? console.error : console.log
    print(values.json ? JSON.stringify(json) : text)
  }
  const failed = statuses.filter((status) => status > 0).length
  const summary = { passed: paths.length - failed, failed }
  if (values.json) console.log(JSON.stringify(summary))
  else if (isVerify) console.log(`${summary.passed} passed, ${failed} failed`)
  process.exitCode = Math.max(...statuses)
}

await main().catch((error: Error) => {
  console.error(`${error.message}\n\n${USAGE}`)
  process.exitCode = 2
})
