import type { Common } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import { Address, KECCAK256_RLP_S, MapDB, bytesToHex, hexToBytes } from '@ethereumjs/util'

/**
 * The state could not be read, so nothing is known about the block that needed it. The state
 * object that threw this must not be used again.
 */
export class StateError extends Error {}

/** Trie nodes and code by their keccak256 (64 hex digits): a `Map`, or what else has its methods. */
export type Nodes = Pick<Map<string, Uint8Array>, 'get' | 'set'>

/**
 * The nodes as EthereumJS wants them. It takes a missing one for an absent account, so a miss must
 * throw. It asks for code with a prefix, without which code 0x80 would be taken for the empty trie.
 */
function createDB(nodes: Nodes) {
  const get = (key: string) => {
    // As EthereumJS says it. Of undefined it would make a deletion, and delete the code 0x80.
    if (`0x${key}` === KECCAK256_RLP_S) throw new Error('Missing node in DB')
    const value = nodes.get(key.slice(-64))
    if (value) return value
    throw new StateError(`state is incomplete: no trie node or code 0x${key.slice(-64)}`)
  }
  const set = (key: string, value: Uint8Array) => nodes.set(key.slice(-64), value)
  return new MapDB<string, Uint8Array>({ get, set } as Map<string, Uint8Array>)
}

/**
 * EthereumJS state that keeps the changes of a block in its caches and writes them when the
 * outermost checkpoint commits. It resolves no more nodes than a witness holds. What the caches
 * know of accounts, slots and code serves the next blocks too.
 */
export class State extends MerkleStateManager {
  #flushes = 0

  /** @param nodes - what the state consists of; new ones are added, none is deleted */
  constructor(common: Common, nodes: Nodes = new Map(), root?: Uint8Array) {
    // Views are bytes as they are; the default is hex.
    const opts = { useKeyHashing: true, valueEncoding: 'view' } as const
    const trie = new MerklePatriciaTrie({ ...opts, common, db: createDB(nodes), root })
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
    // The caches only grow on their own, so after some blocks they start anew: without a checkpoint to
    // go back to, they hold nothing that the trie does not.
    if (++this.#flushes % 64 === 0 && this._checkpointCount === 0) this._caches!.clear()
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
  const nodes = Object.entries(preimages).map(([key, preimage]) => {
    const value = hexToBytes(preimage)
    const hash = bytesToHex(common.customCrypto.keccak256!(value))
    if (hash !== key) throw new StateError(`preimage ${key} hashes to ${hash}`)
    return [hash.slice(2), value] as const
  })
  return new State(common, new Map(nodes), stateRoot)
}
