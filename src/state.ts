import type { Common } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import { Address, KECCAK256_RLP_S, MapDB, bytesToHex, hexToBytes } from '@ethereumjs/util'

/**
 * The state could not be read, so nothing is known about the block that needed it. The state
 * object that threw this must not be used again.
 */
export class StateError extends Error {}

/**
 * Trie nodes and contract code by their keccak256 (64 hex digits). EthereumJS asks for code with a
 * prefix, without which code 0x80 would be taken for the empty trie.
 */
class NodeStore extends MapDB<string, Uint8Array> {
  /** EthereumJS takes a missing node for an absent account, so a miss must throw. */
  override async get(key: string) {
    // As EthereumJS says it. Of undefined it would make a deletion, and delete the code 0x80.
    if (`0x${key}` === KECCAK256_RLP_S) throw new Error('Missing node in DB')
    const value = await super.get(key.slice(-64))
    if (value) return value
    throw new StateError(`state is incomplete: no trie node or code 0x${key.slice(-64)}`)
  }

  override async put(key: string, value: Uint8Array) {
    await super.put(key.slice(-64), value)
  }

  override shallowCopy() {
    return this
  }
}

/** After so many flushes the caches start anew, for on their own they only grow. */
const MAX_FLUSHES = 64

/**
 * EthereumJS state that keeps the changes of a block in its caches and writes them when the
 * outermost checkpoint commits. It resolves no more nodes than a witness holds. What the caches
 * know of accounts, slots and code serves the next blocks too.
 */
export class State extends MerkleStateManager {
  #flushes = 0

  /** @param nodes - trie nodes and code by hash (64 hex digits); new ones are added */
  constructor(common: Common, nodes = new Map<string, Uint8Array>(), root?: Uint8Array) {
    const opts = { common, db: new NodeStore(nodes), root, useKeyHashing: true }
    // Views are bytes as they are; the default is hex.
    const trie = new MerklePatriciaTrie({ ...opts, valueEncoding: 'view' })
    super({ common, trie, caches: new Caches() })
  }

  /** The original writes each slot through, which needs siblings that a witness lacks. */
  protected override async _writeContractStorage() {}

  /** Deletes slots last, so that no deletion needs a node that the block as a whole does not. */
  override async flush() {
    // Tries of accounts that were deleted and created anew would have the old root.
    this._storageTries = {}
    const isDeletion = (rlp?: Uint8Array) => Number(rlp === undefined || rlp[0] === 0x80)
    const slots = this._caches!.storage!.flush()
    for (const [owner, slot, rlp] of slots.sort((a, b) => isDeletion(a[2]) - isDeletion(b[2]))) {
      const address = new Address(hexToBytes(`0x${owner}`))
      const account = await this.getAccount(address)
      if (!account) continue
      const trie = this._getStorageTrie(address, account)
      await trie.put(hexToBytes(`0x${slot}`), isDeletion(rlp) ? null : rlp!)
      await this.modifyAccountFields(address, { storageRoot: trie.root() })
    }
    await super.flush()
    // Without a checkpoint to go back to, the caches hold nothing that the trie does not.
    this.#flushes++
    if (this.#flushes % MAX_FLUSHES === 0 && this._checkpointCount === 0) this._caches!.clear()
  }
}

/** Trie nodes and contract code in hex, by their keccak256 in hex. */
export type Preimages = Record<string, `0x${string}`>

/**
 * A state over a witness: what the preimages do not hold cannot be read.
 *
 * @param stateRoot - 32 bytes; the root of the state before the block
 * @throws if a preimage does not have the hash that it is filed under
 */
export function createWitnessState(common: Common, stateRoot: Uint8Array, preimages: Preimages) {
  const nodes = new Map<string, Uint8Array>()
  for (const [key, preimage] of Object.entries(preimages)) {
    const value = hexToBytes(preimage)
    const hash = bytesToHex(common.customCrypto.keccak256!(value))
    if (hash !== key) throw new StateError(`preimage ${key} hashes to ${hash}`)
    nodes.set(hash.slice(2), value)
  }
  return new State(common, nodes, stateRoot)
}
