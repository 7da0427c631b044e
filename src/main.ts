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

/** A parsed JSON file. */
type File = ReturnType<typeof JSON.parse>

const customCrypto = await createCrypto()

/** Executes the block of a block file on the state in the file. @throws if it is not as expected */
async function verifyBlock(file: File) {
  const chain = createChain(file.config, { customCrypto })
  const { parentHeader, preAlloc, preimages, payloadAttributes: attributes } = file
  const [number, timestamp] = [BigInt(parentHeader.number), BigInt(parentHeader.timestamp)]
  const { common } = chain.rules({ number, timestamp })
  const options = { common, skipConsensusFormatValidation: true }
  const parent = createBlockHeaderFromRPC(parentHeader, options)
  const state = preAlloc
    ? await createAllocState(common, preAlloc)
    : createWitnessState(common, parent.stateRoot, preimages)
  const getBlockHash = (ancestor: bigint) => toBytes(file.ancestorHashes?.[`${ancestor}`])
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const json = header.toJSON()
  const [transactionsRoot, receiptsRoot] = [json.transactionsTrie, json.receiptTrie]
  const hash = bytesToHex(header.hash())
  const actual = { ...json, miner: json.coinbase, transactionsRoot, receiptsRoot, hash }
  const expectedHash = file.expectedBlockHash ?? file.derivedBlockHash
  const expected = { ...file.expected, ...file.expectedHeader, hash: expectedHash ?? undefined }
  if (!expectedHash && !file.expected) throw new Error('the file does not say what to expect')
  for (const [name, value] of Object.entries(actual)) {
    if (value === (expected[name] ?? value)) continue
    throw new Error(`${name} is ${value} but should be ${expected[name]}`)
  }
  const txs = attributes.transactions.length
  return {
    number: Number(header.number),
    fork: chain.rules(header).fork,
    hash,
    txs,
    gas: Number(header.gasUsed),
  }
}

/** Runs a command on a file, prints the outcome and returns the exit status. */
async function run(command: string, path: string, asJSON = false) {
  const start = performance.now()
  let file: File
  try {
    const bytes = readFileSync(path)
    file = JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString())
  } catch (error) {
    console.error(`${path} cannot be read: ${(error as Error).message}`)
    return 2
  }
  try {
    if (command === 'genesis') {
      console.log(bytesToHex((await createGenesis(file, { customCrypto })).header.hash()))
      return 0
    }
    const block = await verifyBlock(file)
    const ms = Math.round(performance.now() - start)
    const { fork, hash, number, txs, gas } = block
    if (asJSON)
      console.log(JSON.stringify({ file: path, ok: true, chainId: file.chainId, ...block, ms }))
    else
      console.log(`ok   ${file.chainId} ${number} ${fork} ${hash} ${txs} txs ${gas} gas ${ms} ms`)
    return 0
  } catch (error) {
    const { chainId, blockNumber: number, hardfork: fork } = Object(file)
    const { message } = error as Error
    if (command === 'genesis') console.error(`${path}: ${message}`)
    else if (asJSON)
      console.log(JSON.stringify({ file: path, ok: false, chainId, number, fork, error: message }))
    else console.log(`FAIL ${chainId} ${number} ${fork} ${message}`)
    return 1
  }
}

const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const
try {
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  const [command, ...paths] = positionals
  if (values.help) {
    console.log(USAGE)
  } else {
    const isGenesis = command === 'genesis' && paths.length === 1 && !values.json
    if (!isGenesis && !(command === 'verify' && paths.length > 0))
      throw new Error('wrong arguments')
    const statuses: number[] = []
    for (const path of paths) statuses.push(await run(command, path, values.json))
    const failed = statuses.filter((status) => status > 0).length
    const passed = paths.length - failed
    if (values.json) console.log(JSON.stringify({ passed, failed }))
    else if (!isGenesis) console.log(`${passed} passed, ${failed} failed`)
    process.exitCode = Math.max(...statuses)
  }
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`)
  process.exitCode = 2
}
