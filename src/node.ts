import { type PrefixedHexString, hexToBytes } from '@ethereumjs/util'
import type { ChainConfig } from './chain.ts'
import { createCrypto } from './crypto.ts'
import { type Message, type PayloadAttributes, createContext } from './execute.ts'
import { executeBlock, runMessage } from './execute.ts'
import { createGenesis } from './genesis.ts'
import { type BlockJSON, blockToJSON, headerFromJSON } from './json.ts'
import { State } from './state.ts'
import { createStore } from './store.ts'

/** Runs tasks one after another; one that fails does not stop the next. */
export function createQueue() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(task: () => T | Promise<T>): Promise<T> => {
    const result = last.then(task)
    last = result.catch(() => {})
    return result
  }
}

/**
 * Opens the database of a chain, or creates it with the genesis block.
 *
 * @param opts.genesis - contents of a geth-style genesis file
 * @param opts.datadir - folder of the database; without it nothing is kept
 * @throws if the database is of another chain
 */
export async function createNode(opts: { genesis: ChainConfig; datadir?: string }) {
  const { genesis, datadir } = opts
  const { chain, ...block0 } = await createGenesis(genesis, { customCrypto: await createCrypto() })
  const [store, genesisBlock] = [createStore(datadir), blockToJSON(block0.header, [], [])]
  const [hash, genesisHash] = [store.hashOf(0), genesisBlock.header.hash]
  if (hash && hash !== genesisHash) {
    throw new Error(`database ${datadir} has the genesis block ${hash}, not ${genesisHash}`)
  }
  if (!hash) {
    store.save(genesisBlock, block0.state.nodes)
    store.setHead(genesisBlock)
  }
  const enqueueCall = createQueue()

  /** The head of the chain. */
  const head = () => store.find('latest')!

  /** The hash of the block with this number among a block and its ancestors. */
  function ancestorHash(block: BlockJSON, number: bigint) {
    let ancestor = block
    while (BigInt(ancestor.header.number) > number && !store.isCanonical(ancestor)) {
      ancestor = store.find(ancestor.header.parentHash)!
    }
    const isFound = BigInt(ancestor.header.number) === number
    const hash = isFound ? ancestor.header.hash : store.hashOf(Number(number))
    return hexToBytes(hash as PrefixedHexString)
  }

  /** What executes after a block: its header, its rules, and a state of its own. */
  function after(block: BlockJSON) {
    const header = headerFromJSON(chain, block.header)
    const rules = chain.rules(header)
    const state = new State(rules.common, store.overlayNodes(), header.stateRoot)
    const getBlockHash = (number: bigint) => ancestorHash(block, number)
    return { header, rules, state, getBlockHash }
  }

  /** Executes the block that follows `parent`, and saves nothing. @throws as executeBlock does */
  async function execute(
    parent: BlockJSON,
    attributes: PayloadAttributes,
    candidates: Iterable<Uint8Array> = [],
  ) {
    const { header, state, getBlockHash } = after(parent)
    const opts = { chain, state, parent: header, attributes, candidates, getBlockHash }
    const executed = await executeBlock(opts)
    const block = blockToJSON(executed.header, executed.transactions, executed.receipts)
    return { block, nodes: state.nodes }
  }

  /** Runs a message at the end of a block; one at a time, and what it changes is lost. */
  const call = (block: BlockJSON, message: Message) =>
    enqueueCall(async () => runMessage(await createContext(after(block)), message))

  return { chain, store, head, after, execute, call }
}

/** A chain with all its blocks and states. */
export type Node = Awaited<ReturnType<typeof createNode>>
