/** Completes EthereumJS, for any chain: a state over trie nodes from anywhere, or over a witness. */
import type { Common, StateManagerInterface } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import {
  type Account,
  Address,
  type BytesLike,
  type PrefixedHexString as Hex,
  KECCAK256_RLP_S,
  MapDB,
  bytesToHex,
  equalsBytes,
  hexToBytes,
  toBytes,
} from '@ethereumjs/util'
import { putAll } from './trie.ts'

/**
 * State, or the hash of an ancestor, could not be read, so nothing is known about the block that
 * needed it. The state object that threw this must not be used again.
 */
export class StateError extends Error {}

/** What may be there at once or by a promise. */
export type Awaitable<T> = T | Promise<T>

/** An account of any copy of EthereumJS: classes of two copies differ by their private fields. */
export type AnyAccount = Pick<Account, keyof Account>

/** A state manager of any copy of EthereumJS 10, with what executing a block needs of it. */
export interface AnyState
  extends Omit<StateManagerInterface, 'getAccount' | 'putAccount' | 'shallowCopy'> {
  getAccount(address: Address): Promise<AnyAccount | undefined>
  putAccount(address: Address, account?: AnyAccount): Promise<void>
}

/** Trie nodes and code by their keccak256 (64 hex digits): a `Map`, say. */
export interface Nodes {
  /** @param isCode - whether code is asked for, not a node; few need to know */
  get(hash: string, isCode?: boolean): Awaitable<Uint8Array | undefined>
}

/**
 * The nodes as EthereumJS wants them. It takes a missing one for an absent account, so a miss must
 * throw. It asks for code with a prefix, without which code 0x80 would be taken for the empty trie.
 */
class NodeDB extends MapDB<string, Uint8Array> {
  readonly #nodes: Nodes
  /** What has been read: EthereumJS writes it back with the changes of a block. */
  readonly #read = new WeakSet<Uint8Array>()

  constructor(nodes: Nodes) {
    super()
    this.#nodes = nodes
  }

  override async get(key: string) {
    // As EthereumJS says it. Of undefined it would make a deletion, and delete the code 0x80.
    if (`0x${key}` === KECCAK256_RLP_S) throw new Error('Missing node in DB')
    const hash = key.slice(-64)
    const added = this._database.get(hash)
    if (added) return added
    const found = this.#nodes.get(hash, key.length > 64)
    // Most stores answer at once, and a promise would cost more than they do.
    const value = found === undefined || found instanceof Uint8Array ? found : await found
    if (!value) throw new StateError(`state is incomplete: no trie node or code 0x${hash}`)
    this.#read.add(value)
    return value
  }

  override async put(key: string, value: Uint8Array) {
    if (!this.#read.has(value)) this._database.set(key.slice(-64), value)
  }

  override shallowCopy() {
    return this
  }
}

/** A new value in a trie; without one, or with that of nothing, there is none any more. */
interface Change {
  key: Uint8Array
  rlp?: Uint8Array
}

/**
 * EthereumJS state that keeps the changes of a block in its caches and writes them when the
 * outermost checkpoint commits. It resolves no more nodes than a witness holds. What the caches
 * know of accounts, slots and code serves the next blocks too.
 */
export class State extends MerkleStateManager {
  /**
   * New trie nodes and code by hash, for the caller to keep; they are read before `nodes`. After one
   * block there are hardly any that its state does not consist of.
   */
  readonly added: Map<string, Uint8Array>
  #flushes = 0

  /**
   * @param nodes - what the state consists of at first
   * @param root - 32 bytes; the empty state if it is left out
   */
  constructor(common: Common, nodes: Nodes = new Map(), root?: Uint8Array) {
    const db = new NodeDB(nodes)
    // Views are bytes as they are; the default is hex.
    const trie = new MerklePatriciaTrie({
      common,
      db,
      root,
      useKeyHashing: true,
      valueEncoding: 'view',
    })
    super({ common, trie, caches: new Caches() })
    this.added = db._database
  }

  /** The original writes each slot through, which needs siblings that a witness lacks. */
  protected override async _writeContractStorage() {}

  /** In the original nobody hears of an error in here, and the call never returns. */
  protected override async _modifyContractStorage(
    ...[address, account, modify]: Parameters<MerkleStateManager['_modifyContractStorage']>
  ) {
    const trie = this._getStorageTrie(address, account)
    await new Promise<void>((resolve) => modify(trie, resolve))
    this._storageTries[bytesToHex(address.bytes).slice(2)] = trie
    await this.putAccount(address, Object.assign(account, { storageRoot: trie.root() }))
  }

  /** Whether an account is known not to be in the trie, so that it need not be deleted there. */
  protected isAbsent(_address: Hex): boolean {
    return false
  }

  /** Writes changes to a trie, the deletions last, so that none needs a node that all together do not. */
  async #write(trie: MerklePatriciaTrie, changes: Change[]) {
    const puts: [Uint8Array, Uint8Array][] = []
    const deleted: Uint8Array[] = []
    for (const { key, rlp } of changes) {
      if (rlp && rlp[0] !== 0x80) puts.push([key, rlp])
      else deleted.push(key)
    }
    await putAll(trie, puts, this.added)
    for (const key of deleted) await trie.del(key)
  }

  /** As the original, which changes tries for one key after the other. */
  override async flush() {
    const { account: accounts, storage, code } = this._caches!
    // Tries of accounts that were deleted and created anew would have the old root.
    this._storageTries = {}
    for (const [owner, item] of code!.flush()) {
      const account = await this.getAccount(new Address(hexToBytes(`0x${owner}`)))
      if (account && item.code) await this._getCodeDB().put(account.codeHash, item.code)
    }
    const slots = new Map<string, Change[]>()
    for (const [owner, slot, rlp] of storage!.flush()) {
      const changes = slots.get(owner) ?? []
      changes.push({ key: hexToBytes(`0x${slot}`), rlp })
      slots.set(owner, changes)
    }
    for (const [owner, changes] of slots) {
      const address = new Address(hexToBytes(`0x${owner}`))
      const account = await this.getAccount(address)
      if (!account) continue
      const trie = this._getStorageTrie(address, account)
      await this.#write(trie, changes)
      const storageRoot = trie.root()
      const isChange = !equalsBytes(storageRoot, account.storageRoot)
      if (isChange) await this.modifyAccountFields(address, { storageRoot })
    }
    const changes: Change[] = []
    for (const [owner, { accountRLP: rlp }] of accounts!.flush()) {
      const isGone = !rlp && this.isAbsent(`0x${owner}`)
      if (!isGone) changes.push({ key: hexToBytes(`0x${owner}`), rlp })
    }
    await this.#write(this._trie, changes)
    // The caches only grow on their own, so after some blocks they start anew: without a checkpoint to
    // go back to, they hold nothing that the trie does not.
    if (++this.#flushes % 64 === 0 && this._checkpointCount === 0) this._caches!.clear()
  }
}

/**
 * The storage root of an account; takes a final state.
 *
 * @param before - what it was before the last block, if that is known. It still is where the account
 * cannot be read: had the block changed it, it could
 */
export async function readStorageRoot(state: AnyState, address: Address, before?: Uint8Array) {
  try {
    return (await state.getAccount(address))?.storageRoot
  } catch (error) {
    if (before && error instanceof StateError) return before
    throw error
  }
}

/** Trie nodes and contract code in hex, by their keccak256 in hex. */
export type Preimages = Record<string, `0x${string}`>

/**
 * A state over a witness: what the preimages do not hold cannot be read.
 *
 * @param common - of the chain, for its keccak256
 * @param stateRoot - 32 bytes; the root of the state before the block
 * @throws {StateError} if a preimage does not have the hash that it is filed under
 */
export function createWitnessState(common: Common, stateRoot: BytesLike, preimages: Preimages) {
  const nodes = Object.entries(preimages).map(([key, preimage]) => {
    const value = hexToBytes(preimage)
    const hash = bytesToHex(common.customCrypto.keccak256!(value))
    if (hash !== key) throw new StateError(`preimage ${key} hashes to ${hash}`)
    return [hash.slice(2), value] as const
  })
  return new State(common, new Map(nodes), toBytes(stateRoot))
}
