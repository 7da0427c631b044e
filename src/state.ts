import type { Common } from '@ethereumjs/common'
import { MerklePatriciaTrie } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import { Caches, MerkleStateManager } from '@ethereumjs/statemanager'
import {
  type Address,
  type BatchDBOp,
  bytesToHex,
  bytesToUnprefixedHex,
  createAddressFromString,
  type DB,
  equalsBytes,
  KECCAK256_RLP_S,
  unprefixedHexToBytes,
  ValueEncoding,
} from '@ethereumjs/util'
import { keccak256 } from './crypto.ts'
import { parseBytes } from './json.ts'

/**
 * The state could not be read, so nothing is known about the block that needed it. The state
 * object that threw this must not be used again.
 */
export class StateError extends Error {}

/** Gives the trie node or contract code with this keccak256 (64 hex digits), if there is one. */
export type NodeReader = (hash: string) => Uint8Array | undefined

/** Hash-addressed trie nodes and code: reads from below, keeps what is written in memory. */
class NodeStore implements DB<string, Uint8Array> {
  readonly written = new Map<string, Uint8Array>()
  private readonly read: NodeReader

  constructor(read: NodeReader) {
    this.read = read
  }

  /** EthereumJS takes a missing node for an absent account, so a miss must throw. */
  async get(hash: string) {
    const value = this.written.get(hash) ?? this.read(hash)
    if (value !== undefined || `0x${hash}` === KECCAK256_RLP_S) return value
    throw new StateError(`state is incomplete: no trie node or code 0x${hash}`)
  }

  async put(hash: string, value: Uint8Array) {
    this.written.set(hash, value)
  }

  async batch(operations: BatchDBOp<string, Uint8Array>[]) {
    for (const operation of operations) {
      if (operation.type === 'put') this.written.set(operation.key, operation.value)
    }
  }

  /** Nodes are shared between tries and blocks: nothing is ever deleted. */
  async del() {}

  async open() {}

  shallowCopy() {
    return this
  }
}

/** Brings a trie entry to `value`, deleting it where that is null; costs a read if it is there. */
async function update(trie: MerklePatriciaTrie, key: Uint8Array, value: Uint8Array | null) {
  const current = await trie.get(key)
  if (value === null) {
    if (current !== null) await trie.del(key)
  } else if (current === null || !equalsBytes(current, value)) {
    await trie.put(key, value)
  }
}

const putsFirst = <T extends { value: Uint8Array | null }>(changes: T[]): T[] => [
  ...changes.filter(({ value }) => value !== null),
  ...changes.filter(({ value }) => value === null),
]

/**
 * EthereumJS state that keeps a block's changes in its caches and writes each account and slot
 * once, when the outermost checkpoint commits. It resolves no more nodes than a witness holds.
 */
export class State extends MerkleStateManager {
  /** Nodes and code that this state added, by hash (64 hex digits). */
  readonly written: Map<string, Uint8Array>

  constructor(opts: { common: Common; stateRoot?: Uint8Array; read: NodeReader }) {
    const nodes = new NodeStore(opts.read)
    const trie = new MerklePatriciaTrie({
      db: nodes,
      valueEncoding: ValueEncoding.Bytes,
      useKeyHashing: true,
      common: opts.common,
      root: opts.stateRoot,
    })
    super({ common: opts.common, trie, caches: new Caches(), prefixCodeHashes: false })
    this.written = nodes.written
  }

  /** The original also writes through to the trie, which needs siblings that a witness lacks. */
  override async putStorage(address: Address, key: Uint8Array, value: Uint8Array): Promise<void> {
    const start = value.findIndex((byte) => byte !== 0)
    const unpadded = start < 0 ? new Uint8Array() : value.subarray(start)
    this._caches!.storage!.put(address, key, RLP.encode(unpadded))
  }

  /** The original leaves the storage trie behind for an account that is created anew. */
  override async deleteAccount(address: Address): Promise<void> {
    await super.deleteAccount(address)
    delete this._storageTries[bytesToUnprefixedHex(keccak256(this.common, address.bytes))]
  }

  /**
   * Writes what changed, and before anything is deleted: a deletion can then only need nodes that
   * the change itself needs. The original also rewrites what was only read.
   */
  override async flush(): Promise<void> {
    const { account: accounts, code: codes, storage: slots } = this._caches!
    for (const [, { code }] of codes!.flush()) {
      if (code) await this._getCodeDB().put(keccak256(this.common, code), code)
    }
    const changedSlots = slots!.flush().map(([address, key, value]) => {
      const changed = value?.length && value[0] !== 0x80 ? value : null
      return { address: createAddressFromString(`0x${address}`), key, value: changed }
    })
    for (const { address, key, value } of putsFirst(changedSlots)) {
      const account = await this.getAccount(address)
      if (!account) continue
      const trie = this._getStorageTrie(address, account)
      await update(trie, unprefixedHexToBytes(key), value)
      account.storageRoot = trie.root()
      await this.putAccount(address, account)
    }
    const changedAccounts = accounts!.flush().map(([key, { accountRLP }]) => {
      return { key, value: accountRLP ?? null }
    })
    for (const { key, value } of putsFirst(changedAccounts)) {
      await update(this._trie, unprefixedHexToBytes(key), value)
    }
  }
}

/**
 * A state over a witness: whatever the preimages do not hold cannot be read.
 *
 * @param chain - the chain, for its cryptography
 * @param stateRoot - 32 bytes; the root of the state before the block
 * @param preimages - trie nodes and contract code in hex, by their keccak256 in hex
 * @throws if a preimage is not hex or does not have the hash that it is filed under
 */
export function createWitnessState(
  common: Common,
  stateRoot: Uint8Array,
  preimages: Record<string, string>,
): State {
  const nodes = new Map<string, Uint8Array>()
  for (const [key, preimage] of Object.entries(preimages)) {
    const value = parseBytes(preimage, `preimage ${key}`)
    const hash = bytesToHex(keccak256(common, value))
    if (hash !== key.toLowerCase()) throw new Error(`preimage ${key} hashes to ${hash}`)
    nodes.set(hash.slice(2), value)
  }
  return new State({ common, stateRoot, read: (hash) => nodes.get(hash) })
}
