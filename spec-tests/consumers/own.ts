/** What an embedder writes who has an EthereumJS already, of another version. */
import { createBlockHeader } from '@ethereumjs/block'
import { Common, Mainnet } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { MerkleStateManager } from '@ethereumjs/statemanager'
import { MapDB, type PrefixedHexString, bytesToHex, hexToBytes } from '@ethereumjs/util'
import { type PayloadAttributes, createChain, createEngine, executeBlock } from 'ethereumjs-op'
import { type Genesis, createBackend, createGenesis } from 'ethereumjs-op/blockchain'

/** A deposit of 1 ether to 0x…aa. */
const DEPOSIT: PrefixedHexString =
  '0x7ef85aa000000000000000000000000000000000000000000000000000000000000000009400000000000000000000000000000000000000aa9400000000000000000000000000000000000000aa880de0b6b3a7640000808252088080'

/** The state of a genesis file in a state manager of their own. */
async function createOwnState(genesis: Genesis, common: Common) {
  const { header, state } = await createGenesis(genesis)
  const db = new MapDB<string, string>()
  for (const [hash, node] of state.added) {
    const hex = bytesToHex(node).slice(2)
    await db.put(hash, hex)
    // They ask for code with this prefix.
    await db.put(`63${hash}`, hex)
  }
  const trie = new MerklePatriciaTrie({ common, db, root: header.stateRoot, useKeyHashing: true })
  return new MerkleStateManager({ common, trie })
}

/** Hashes of the block after genesis, from each form of the parent and of the transactions. */
export async function executeAll(genesis: Genesis) {
  const common = new Common({ chain: Mainnet, hardfork: 'prague' })
  const chain = createChain(genesis.config ?? {})
  const { header } = await createGenesis(genesis)
  const data = header.toJSON()
  const own = createBlockHeader(data, { common, skipConsensusFormatValidation: true })
  const attributes: PayloadAttributes = {
    timestamp: header.timestamp + 2n,
    prevRandao: new Uint8Array(32),
    suggestedFeeRecipient: hexToBytes('0x4200000000000000000000000000000000000011'),
    parentBeaconBlockRoot: new Uint8Array(32),
    gasLimit: header.gasLimit,
    eip1559Params: new Uint8Array(8),
    minBaseFee: 0n,
  }
  const hashes: string[] = []
  for (const parent of [own, own.toJSON(), data]) {
    for (const raw of [DEPOSIT, hexToBytes(DEPOSIT)]) {
      const state = await createOwnState(genesis, common)
      const contents = { ...attributes, transactions: [raw] }
      const block = await executeBlock({ chain, state, parent, attributes: contents })
      hashes.push(bytesToHex(block.header.hash()))
    }
  }
  return hashes
}

/** The Engine API over a database of their own. */
export async function openOwn(genesis: Genesis) {
  const backend = await createBackend({ genesis, db: new MapDB() })
  const { head } = await backend.getForkchoice()
  const state = { headBlockHash: head, safeBlockHash: head, finalizedBlockHash: head }
  return (await createEngine(backend).engine_forkchoiceUpdatedV3(state)).payloadStatus.status
}
