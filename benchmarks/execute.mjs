/** Executes real blocks and workloads, in a worker, as this project or as stock EthereumJS does. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { createBlock } from '@ethereumjs/block'
import { Common, Hoodi } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import { createTxFromRLP } from '@ethereumjs/tx'
import { MapDB, bytesToHex, hexToBytes } from '@ethereumjs/util'
import { createVM, runBlock } from '@ethereumjs/vm'
import { createAllocState, headerFromJSON } from '../dist/blockchain/index.js'
import { createCrypto } from '../dist/crypto/index.js'
import * as project from '../dist/src/index.js'
import { timed } from './common.mjs'
import { WORKLOADS, workloadChain } from './workloads.mjs'

const crypto = await createCrypto()
const files = new Map()
const chains = new Map()

/** A chain of this project, made once for a config, as in a node. */
function chainOf(config, isStock) {
  const key = JSON.stringify(config)
  const customCrypto = isStock ? {} : crypto
  if (!chains.has(key)) chains.set(key, project.createChain(config, { customCrypto }))
  return chains.get(key)
}

/** Takes away the look-up of EIPs in a set, so that `Common` scans its array as it does by itself. */
function restoreScan(common) {
  if (!Object.hasOwn(common, 'isActivatedEIP')) return
  const { isActivatedEIP } = common
  common['_activatedEIPsCache'] = common['_activatedEIPsCache'].filter(isActivatedEIP)
  Reflect.deleteProperty(common, 'isActivatedEIP')
}

/** EthereumJS's own state with its caches as they are by default, over a map of trie nodes. */
function createStockState(common, root, preimages = {}) {
  const nodes = new Map()
  for (const [key, preimage] of Object.entries(preimages)) {
    const value = hexToBytes(preimage)
    // As a trie node and, with the prefix that it gives to code, as code.
    for (const prefix of ['', '63']) nodes.set(prefix + key.slice(2), value)
  }
  const opts = { common, db: new MapDB(nodes), root, useKeyHashing: true, valueEncoding: 'view' }
  return new MerkleStateManager({
    common,
    trie: new MerklePatriciaTrie(opts),
    caches: new Caches(),
  })
}

/**
 * Executes a real block on its witness, which is decoded before the clock starts, and compares its
 * hash. Stock means: the same block loop of this project, because EthereumJS knows no deposits, but
 * on EthereumJS's cryptography, state manager and `Common` as they come.
 *
 * @throws if the hash differs; stock also where its state manager needs more than the witness has
 */
export async function runRealBlock(path, isStock) {
  if (!files.has(path)) files.set(path, JSON.parse(gunzipSync(readFileSync(path))))
  const file = files.get(path)
  const chain = chainOf(file.config, isStock)
  const attributes = file.payloadAttributes
  if (isStock) {
    for (const { timestamp } of [file.parentHeader, attributes]) {
      restoreScan(chain.rules({ timestamp: BigInt(timestamp) }).common)
    }
  }
  const parent = headerFromJSON(chain, file.parentHeader)
  const createState = isStock ? createStockState : project.createWitnessState
  const state = createState(chain.rules(parent).common, parent.stateRoot, file.preimages)
  const getBlockHash = (ancestor) => file.ancestorHashes?.[`${ancestor}`]
  const block = { chain, state, parent, attributes, getBlockHash }
  const { result, wall, cpu } = await timed(() => project.executeBlock(block))
  const hash = bytesToHex(result.header.hash())
  const expected = file.expectedBlockHash ?? file.derivedBlockHash
  if (hash !== expected) throw new Error(`${file.blockNumber}: ${hash} instead of ${expected}`)
  const { chainId, blockNumber, hardfork } = file
  const txs = attributes.transactions.length
  const gas = Number(result.header.gasUsed)
  return { chainId, number: blockNumber, fork: hardfork, txs, gas, wall, cpu }
}

/** Executes a workload as one block on a state made anew; `gas` is to be the same everywhere. */
export async function runWorkload(name, isStock) {
  const { alloc, transactions } = WORKLOADS[name]()
  if (isStock) return runStockBlock(alloc, transactions)
  const { config, parentOf, attributesOf } = workloadChain
  const chain = chainOf(config, false)
  const state = await createAllocState(chain.common, alloc)
  const parent = project.createHeader(chain, parentOf(await state.getStateRoot()))
  const block = { chain, state, parent, attributes: attributesOf(transactions) }
  const { result, wall, cpu } = await timed(() => project.executeBlock(block))
  return { gas: Number(result.header.gasUsed), wall, cpu }
}

/** `runBlock` of EthereumJS on Cancun, from raw transactions to the generated header. */
async function runStockBlock(alloc, transactions) {
  const chain = { ...Hoodi, chainId: workloadChain.config.chainId }
  const common = new Common({ chain, hardfork: 'cancun' })
  const stateManager = createStockState(common)
  const accounts = Object.entries(alloc).map(([address, { balance, code, storage }]) => {
    const slots = Object.entries(storage ?? {}).map((slot) => slot.map(hexToBytes))
    return [address, [balance, code, slots]]
  })
  await stateManager.generateCanonicalGenesis(Object.fromEntries(accounts))
  const vm = await createVM({ common, stateManager })
  const { gasLimit, baseFeePerGas } = workloadChain
  const header = { number: 1n, timestamp: 2n, gasLimit, baseFeePerGas }
  const { result, wall, cpu } = await timed(async () => {
    const opts = { common, skipConsensusFormatValidation: true }
    const txs = transactions.map((raw) => createTxFromRLP(hexToBytes(raw), { common }))
    const block = createBlock({ header, transactions: txs }, opts)
    return runBlock(vm, { block, generate: true, skipBlockValidation: true })
  })
  return { gas: Number(result.gasUsed), wall, cpu }
}
