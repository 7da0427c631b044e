import type { Common } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import type { Address, PrefixedHexString } from '@ethereumjs/util'
import { bytesToUnprefixedHex, createAddressFromString, hexToBytes } from '@ethereumjs/util'
import { KECCAK256_RLP_S, MapDB, unpadBytes, unprefixedHexToBytes } from '@ethereumjs/util'
import { ValueEncoding } from '@ethereumjs/util'

/**
 * The state could not be read, so nothing is known about the block that needed it. The state
 * object that threw this must not be used again.
 */
export class StateError extends Error {}

/**
 * Trie nodes and contract code by their keccak256 (64 hex digits). EthereumJS asks for code with a
 * prefix, without which code 0x80 would be taken for the empty trie. Nothing is ever deleted.
 */
class NodeStore extends MapDB<string, Uint8Array> {
  /** EthereumJS takes a missing node for an absent account, so a miss must throw. */
  override async get(key: string) {
    if (`0x${key}` === KECCAK256_RLP_S) return undefined
    const value = await super.get(key.slice(-64))
    if (value) return value
    throw new StateError(`state is incomplete: no trie node or code 0x${key.slice(-64)}`)
  }

  override async put(key: string, value: Uint8Array) {
    await super.put(key.slice(-64), value)
  }

  override async del() {}

  override shallowCopy() {
    return this
  }
}

/**
 * EthereumJS state that keeps the changes of a block in its caches and writes them when the
 * outermost checkpoint commits. It resolves no more nodes than a witness holds.
 */
export class State extends MerkleStateManager {
  readonly nodes: Map<string, Uint8Array>

  /** @param nodes - trie nodes and code by hash (64 hex digits); new ones are added */
  constructor(common: Common, nodes = new Map<string, Uint8Array>(), root?: Uint8Array) {
    const db = new NodeStore(nodes)
    const valueEncoding = ValueEncoding.Bytes
    const trie = new MerklePatriciaTrie({ common, db, root, valueEncoding, useKeyHashing: true })
    super({ common, trie, caches: new Caches() })
    this.nodes = nodes
  }

  /** The original also writes through to the trie, which needs siblings that a witness lacks. */
  override async putStorage(address: Address, key: Uint8Array, value: Uint8Array) {
    this._caches!.storage!.put(address, key, RLP.encode(unpadBytes(value)))
  }

  /** Deletes slots last, so that no deletion needs a node that the block as a whole does not. */
  override async flush() {
    // Tries of accounts that were deleted and created anew would have the old root.
    this._storageTries = {}
    const isDeletion = (rlp?: Uint8Array) => Number(rlp === undefined || rlp[0] === 0x80)
    const slots = this._caches!.storage!.flush()
    for (const [owner, slot, rlp] of slots.sort((a, b) => isDeletion(a[2]) - isDeletion(b[2]))) {
      const address = createAddressFromString(`0x${owner}`)
      const account = await this.getAccount(address)
      if (!account) continue
      const trie = this._getStorageTrie(address, account)
      await trie.put(unprefixedHexToBytes(slot), isDeletion(rlp) ? null : rlp!)
      account.storageRoot = trie.root()
      await this.putAccount(address, account)
    }
    await super.flush()
  }
}

/** Trie nodes and contract code in hex, by their keccak256 in hex. */
export type Preimages = Record<string, PrefixedHexString>

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
    const hash = bytesToUnprefixedHex(common.customCrypto.keccak256!(value))
    if (`0x${hash}` !== key) throw new StateError(`preimage ${key} hashes to 0x${hash}`)
    nodes.set(hash, value)
  }
  return new State(common, nodes, stateRoot)
}
