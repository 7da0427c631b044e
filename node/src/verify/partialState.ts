import { State } from 'ethereumjs-op'
import {
  type Account,
  type Address,
  type Common,
  type PrefixedHexString as Hex,
  KECCAK256_NULL,
  KECCAK256_RLP,
  bytesToHex,
  bytesToUnprefixedHex,
  equalsBytes,
} from 'ethereumjs-op/ethereumjs'

/** Slots, 32 bytes each, by the address of their account; both in hex. */
export type Keys = Map<Hex, Set<Hex>>

/** Adds slots of an account, or the account alone. */
export function addKeys(keys: Keys, address: Hex, slots: Iterable<Hex> = []) {
  const known = keys.get(address) ?? new Set()
  for (const slot of slots) known.add(slot)
  keys.set(address, known)
}

/** What is known of a state so far. */
export interface PartOfState {
  /** Trie nodes and code by hash. */
  nodes: Map<string, Uint8Array>
  /** What can be read; also what is proven not to exist. */
  keys: Keys
}

/** What more is needed. */
export interface Missing {
  keys: Keys
  /** Accounts whose code is not there. */
  codes: Set<Hex>
  /** Whether a node was read that no proof has held so far. */
  hasNode: boolean
  /** What may have been deleted: where that is so, nodes beside it are read. */
  deleted: { accounts: Set<Hex>; slots: Keys }
}

/** @param keys - what is missing so far */
export const createMissing = (keys: Keys): Missing => ({
  keys,
  codes: new Set(),
  hasNode: false,
  deleted: { accounts: new Set(), slots: new Map() },
})

/** A read outside of what is known; execution went on, but its outcome has no meaning. */
export class IncompleteError extends Error {
  override name = 'IncompleteError'
}

/**
 * A state of which only a part is known. A read of something else is noted and answered as if nothing
 * were there, so that one execution finds much of what it needs; it ends with an error all the same.
 */
export class PartialState extends State {
  readonly missing: Missing = createMissing(new Map())
  readonly #part: PartOfState

  constructor(common: Common, part: PartOfState, root: Uint8Array) {
    const miss = () => {
      this.missing.hasNode = true
      return undefined
    }
    super(common, { get: (hash) => part.nodes.get(hash) ?? miss() }, root)
    this.#part = part
  }

  /** Whether something was read that is not known. */
  get isIncomplete(): boolean {
    const { keys, codes } = this.missing
    return keys.size > 0 || codes.size > 0
  }

  override async getAccount(address: Address): Promise<Account | undefined> {
    const isChanged = this._caches?.account?.get(address) !== undefined
    const key = address.toString()
    if (isChanged || this.#part.keys.has(key)) return super.getAccount(address)
    addKeys(this.missing.keys, key)
    return undefined
  }

  override async getStorage(address: Address, slot: Uint8Array): Promise<Uint8Array> {
    const isChanged = this._caches?.storage?.get(address, slot) !== undefined
    const account = isChanged ? undefined : await this.getAccount(address)
    const isEmpty = !account || equalsBytes(account.storageRoot, KECCAK256_RLP)
    const [key, name] = [address.toString(), bytesToHex(slot)]
    const isKnown = this.#part.keys.get(key)?.has(name)
    if (isChanged || isEmpty || isKnown) return super.getStorage(address, slot)
    addKeys(this.missing.keys, key, [name])
    return new Uint8Array()
  }

  override async getCode(address: Address): Promise<Uint8Array> {
    const isChanged = this._caches?.code?.get(address) !== undefined
    const account = isChanged ? undefined : await this.getAccount(address)
    const hash = account?.codeHash ?? KECCAK256_NULL
    const isEmpty = equalsBytes(hash, KECCAK256_NULL)
    const isKnown = this.#part.nodes.has(bytesToUnprefixedHex(hash))
    if (isChanged || isEmpty || isKnown) return super.getCode(address)
    this.missing.codes.add(address.toString())
    return new Uint8Array()
  }

  override async putStorage(address: Address, slot: Uint8Array, value: Uint8Array): Promise<void> {
    const isZero = value.every((byte) => byte === 0)
    if (isZero) addKeys(this.missing.deleted.slots, address.toString(), [bytesToHex(slot)])
    return super.putStorage(address, slot, value)
  }

  override async deleteAccount(address: Address): Promise<void> {
    this.missing.deleted.accounts.add(address.toString())
    return super.deleteAccount(address)
  }

  /** Nothing is written that follows from a read of what is not known. */
  override async flush(): Promise<void> {
    if (this.isIncomplete) throw new IncompleteError('the state is not complete')
    return super.flush()
  }
}
