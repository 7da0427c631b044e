/** What an embedder of the other entry points writes. */
import { type Chain, type ExecutedBlock, createChain, createEngine } from 'ethereumjs-op'
import {
  type BlockJSON,
  type Database,
  type Genesis,
  type GenesisBlock,
  type HeaderJSON,
  type JSONValue,
  type StoredBlock,
  blockToJSON,
  createAllocState,
  createBackend,
  createGenesis,
  encode,
  headerFromJSON,
  headerToJSON,
} from 'ethereumjs-op/blockchain'
import { type Crypto, createCrypto } from 'ethereumjs-op/crypto'

/** Block 0 of a genesis file, by fast cryptography, there and back. */
export async function begin(genesis: Genesis) {
  const customCrypto: Crypto = await createCrypto()
  const { chain, header, state }: GenesisBlock = await createGenesis(genesis, { customCrypto })
  const json: HeaderJSON = headerToJSON(header)
  const again = headerToJSON(headerFromJSON(chain, json))
  const other: Chain = createChain(genesis.config ?? {})
  const alloc = await createAllocState(other.common, genesis.alloc ?? {})
  const block: ExecutedBlock = { header, transactions: [], receipts: [] }
  const written: BlockJSON = blockToJSON(block)
  const root: JSONValue = encode(await alloc.getStateRoot())
  return {
    hashes: [json.hash, again.hash, written.header.hash],
    roots: [root, json.stateRoot],
    nodes: [state.added.size, alloc.added.size],
  }
}

/** The Engine API over an EthereumJS database. */
export async function open(genesis: Genesis, db?: Database) {
  const backend = await createBackend({ genesis, db })
  const { head } = await backend.getForkchoice()
  const stored: StoredBlock | undefined = await backend.getBlock(head)
  const state = { headBlockHash: head, safeBlockHash: head, finalizedBlockHash: head }
  const { payloadStatus } = await createEngine(backend).engine_forkchoiceUpdatedV3(state)
  const canonical = await backend.blockchain.getCanonicalHeadHeader()
  return { head, status: payloadStatus.status, numbers: [stored?.header.number, canonical.number] }
}
