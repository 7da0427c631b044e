/**
 * Executes all real blocks with the project's cryptography and with EthereumJS's default, in turn,
 * and prints Mgas/s of both, the ratio and the slowest block. Then executes 200 blocks in a row and
 * prints the heap before and after.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { createBlockHeaderFromRPC } from '@ethereumjs/block'
import { bytesToHex, toBytes } from '@ethereumjs/util'
import { createChain, createCrypto, createWitnessState, executeBlock } from '../dist/index.js'

const folder = `${process.env.OP_FIXTURES ?? '../shared/fixtures'}/blocks`
const rounds = Number(process.env.ROUNDS ?? 2)
let names = []
try {
  names = readdirSync(folder).filter((name) => name.endsWith('.json.gz'))
} catch {
  console.log(`no blocks at ${folder}: nothing to measure`)
  process.exit()
}
const files = names.map((name) => JSON.parse(gunzipSync(readFileSync(`${folder}/${name}`))))
const fast = await createCrypto()

/** Seconds that a block takes, without parsing its file. */
async function run(file, customCrypto) {
  const chain = createChain(file.config, { customCrypto })
  const { number, timestamp } = file.parentHeader
  const { common } = chain.rules({ number: BigInt(number), timestamp: BigInt(timestamp) })
  const options = { common, skipConsensusFormatValidation: true }
  const parent = createBlockHeaderFromRPC(file.parentHeader, options)
  const state = createWitnessState(common, parent.stateRoot, file.preimages)
  const getBlockHash = (ancestor) => toBytes(file.ancestorHashes?.[`${ancestor}`])
  const attributes = file.payloadAttributes
  const start = performance.now()
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const seconds = (performance.now() - start) / 1000
  const hash = bytesToHex(header.hash())
  const expected = file.expectedBlockHash ?? file.derivedBlockHash
  if (hash !== expected) throw new Error(`${file.blockNumber}: ${hash} instead of ${expected}`)
  return { seconds, gas: Number(header.gasUsed) }
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]
const variants = {
  'customCrypto of this project': fast,
  'default EthereumJS cryptography': undefined,
}
const times = Object.keys(variants).map(() => files.map(() => []))
const gas = []
for (let round = 0; round <= rounds; round++) {
  for (const [index, file] of files.entries()) {
    for (const [variant, crypto] of Object.values(variants).entries()) {
      const result = await run(file, crypto)
      gas[index] = result.gas
      // The first round warms up.
      if (round > 0) times[variant][index].push(result.seconds)
    }
  }
}
const totalGas = gas.reduce((a, b) => a + b, 0)
const medians = times.map((variant) => variant.map(median))
const totals = medians.map((variant) => variant.reduce((a, b) => a + b, 0))
console.log(
  `${files.length} blocks, ${(totalGas / 1e6).toFixed(1)} Mgas, medians of ${rounds} rounds`,
)
for (const [variant, name] of Object.keys(variants).entries()) {
  const slowest = medians[variant].indexOf(Math.max(...medians[variant]))
  const speed = (totalGas / totals[variant] / 1e6).toFixed(2)
  const seconds = medians[variant][slowest].toFixed(2)
  console.log(`${name}: ${speed} Mgas/s, slowest block ${files[slowest].blockNumber} ${seconds} s`)
}
console.log(`ratio: ${(totals[1] / totals[0]).toFixed(2)}`)

const heap = () => {
  globalThis.gc?.()
  return (process.memoryUsage().heapUsed / 2 ** 20).toFixed(1)
}
const small = files.filter((_, index) => gas[index] < 2_000_000)
const before = heap()
for (let index = 0; index < 200; index++) await run(small[index % small.length], fast)
console.log(`heap before 200 blocks ${before} MB, after ${heap()} MB`)
