// node scripts/verify-default.mjs DIR FILE...: executes real blocks with the package built in DIR
// and the cryptography of EthereumJS, in pure JavaScript.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'

const [directory, ...paths] = process.argv.slice(2)
const library = await import(pathToFileURL(join(directory, 'dist/src/index.js')))
// The same copies of EthereumJS as the library has.
const modules = createRequire(pathToFileURL(join(directory, 'dist/src/index.js')))
const load = (name) => import(pathToFileURL(modules.resolve(name).replace('/cjs/', '/esm/')))
const { createBlockHeaderFromRPC } = await load('@ethereumjs/block')
const { bytesToHex, toBytes } = await load('@ethereumjs/util')

const start = performance.now()
for (const path of paths) {
  const file = JSON.parse(gunzipSync(readFileSync(path)))
  const chain = library.createChain(file.config)
  const { number, timestamp } = file.parentHeader
  const { common } = chain.rules({ number: BigInt(number), timestamp: BigInt(timestamp) })
  const options = { common, skipConsensusFormatValidation: true }
  const parent = createBlockHeaderFromRPC(file.parentHeader, options)
  const state = library.createWitnessState(common, parent.stateRoot, file.preimages)
  const getBlockHash = (ancestor) => toBytes(file.ancestorHashes?.[`${ancestor}`])
  const attributes = file.payloadAttributes
  const { header } = await library.executeBlock({ chain, state, parent, attributes, getBlockHash })
  const expected = file.expectedBlockHash ?? file.derivedBlockHash
  if (bytesToHex(header.hash()) === expected) continue
  console.log(`FAIL ${file.blockNumber} ${bytesToHex(header.hash())}`)
  process.exitCode = 1
}
console.log(`${paths.length} blocks in ${Math.round(performance.now() - start)} ms`)
