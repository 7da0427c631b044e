/**
 * node scripts/verify.mjs [--default] DIR FILE...: executes real blocks with the package built in DIR,
 * with the fast cryptography or, by --default, with that of EthereumJS in pure JavaScript. Prints a
 * line of JSON for each block. Exit status: 0 if all have their hashes, otherwise 1.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { default: { type: 'boolean' } },
})
const [directory, ...paths] = positionals
const load = (name) => import(pathToFileURL(resolve(join(directory, 'dist', name, 'index.js'))))
const { createChain, createWitnessState, executeBlock } = await load('src')
const { headerFromJSON, headerToJSON } = await load('blockchain')
const { createCrypto } = await load('crypto')

const customCrypto = values.default ? undefined : await createCrypto()
for (const path of paths) {
  const start = performance.now()
  const file = JSON.parse(gunzipSync(readFileSync(path)))
  const chain = createChain(file.config, { customCrypto })
  const parent = headerFromJSON(chain, file.parentHeader)
  const state = createWitnessState(chain.common, parent.stateRoot, file.preimages)
  const getBlockHash = (ancestor) => file.ancestorHashes?.[`${ancestor}`]
  const { payloadAttributes: attributes, chainId, blockNumber: number } = file
  const block = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const { hash } = headerToJSON(block.header)
  const { fork } = chain.rules(block.header)
  const ok = hash === (file.expectedBlockHash ?? file.derivedBlockHash)
  const txs = block.transactions.length
  const ms = Math.round(performance.now() - start)
  console.log(JSON.stringify({ ok, chainId, number, fork, hash, txs, ms }))
  if (!ok) process.exitCode = 1
}
