/**
 * How references and further checks call this project: cases as JSON in, what came out as JSON. The
 * program that compares it with other clients names this file.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createGenesis, encode, headerToJSON } from '../dist/blockchain/index.js'
import { createCrypto } from '../dist/crypto/index.js'
import { createEngine, executeBlock } from '../dist/src/index.js'

const customCrypto = await createCrypto()

/**
 * Builds the blocks of a case, a geth-style genesis and the attributes of each block.
 *
 * @returns genesisHash, and for each block what came out of it, or `error`, which ends the case
 */
export async function runCase({ genesis, blocks }) {
  const { chain, header, state } = await createGenesis(genesis, { customCrypto })
  const genesisHash = headerToJSON(header).hash
  const result = { genesisHash, blocks: [] }
  const hashes = { 0: genesisHash }
  const getBlockHash = (number) => hashes[Number(number)]
  let parent = header
  for (const attributes of blocks) {
    try {
      const executed = await executeBlock({ chain, state, parent, attributes, getBlockHash })
      parent = executed.header
      const { hash, stateRoot, receiptsRoot } = headerToJSON(parent)
      const gasUsed = Number(parent.gasUsed)
      result.blocks.push({
        hash,
        stateRoot,
        receiptsRoot,
        gasUsed,
        baseFee: `${parent.baseFeePerGas}`,
      })
      hashes[Number(parent.number)] = hash
    } catch (error) {
      result.blocks.push({ error: error.message.slice(0, 300) })
      break
    }
  }
  return result
}

/**
 * Starts a node on a genesis.
 *
 * @returns `call(method, params)`, which gives `{ result }` or `{ error: { code, message } }`, and `close`
 */
export async function startEngine(genesis) {
  const { createStore } = await import('../node/dist/store/store.js')
  const { createEth } = await import('../node/dist/eth/index.js')
  const datadir = mkdtempSync(join(tmpdir(), 'differential-'))
  const store = await createStore({ genesis, datadir })
  const methods = { ...createEth(store), ...createEngine(store) }
  const call = async (method, params) => {
    try {
      if (!Object.hasOwn(methods, method)) {
        throw Object.assign(new Error('no such method'), { code: -32601 })
      }
      return { result: encode(await methods[method](...params)) ?? null }
    } catch ({ message, code }) {
      return { error: { code: Number.isInteger(code) ? code : -32000, message } }
    }
  }
  const close = async () => {
    await store.close()
    rmSync(datadir, { recursive: true, force: true })
  }
  return { call, close }
}
