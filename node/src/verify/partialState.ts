import { State, StateError } from 'ethereumjs-op'
import {
  type Account,
  type Address,
  type Common,
  type PrefixedHexString as Hex,
  bytesToHex,
} from 'ethereumjs-op/ethereumjs'

/** Slots, 32 bytes each, by the address of their account; both in hex. */
export type Keys = Map<Hex, Set<Hex>>

/** Adds slots of an account, or the account alone. */
export function addKeys(keys: Keys, address: Hex, slots: Iterable<Hex> = []) {
  const known = keys.get(address) ?? new Set()
  for (const slot of slots) known.add(slot)
  keys.set(address, known)
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

/** What `read` gives, or what `miss` does where nodes or code are not known. */
async function readOr<T>(read: Promise<T>, miss: () => T): Promise<T> {
  try {
    return await read
  } catch (error) {
    if (error instanceof StateError) return miss()
    throw error
  }
}

/**
 * A state of which only a part is known. A read of something else is noted and answered as if nothing
 * were there, so that one execution finds much of what it needs; it ends with an error all the same.
 */
export class PartialState extends State {
  readonly missing: Missing = createMissing(new Map())
  /** Accounts of which not even this is known, whether they exist. */
  readonly #unknown = new Set<Hex>()

  /** @param nodes - trie nodes and code by hash, as far as they are known */
  constructor(common: Common, nodes: Map<string, Uint8Array>, root: Uint8Array) {
    const miss = () => {
      this.missing.hasNode = true
      return undefined
    }
    super(common, { get: (hash) => nodes.get(hash) ?? miss() }, root)
  }

  /** Whether something was read that is not known. */
  get isIncomplete(): boolean {
    const { keys, codes } = this.missing
    return keys.size > 0 || codes.size > 0
  }

  override async getAccount(address: Address): Promise<Account | undefined> {
    return readOr(super.getAccount(address), () => {
      this.#unknown.add(address.toString())
      addKeys(this.missing.keys, address.toString())
      return undefined
    })
  }

  override async getStorage(address: Address, slot: Uint8Array): Promise<Uint8Array> {
    const miss = () => {
      addKeys(this.missing.keys, address.toString(), [bytesToHex(slot)])
      return new Uint8Array()
    }
    const value = await readOr(super.getStorage(address, slot), miss)
    const isUnknown = value.length === 0 && this.#unknown.has(address.toString())
    return isUnknown ? miss() : value
  }

  override async getCode(address: Address): Promise<Uint8Array> {
    return readOr(super.getCode(address), () => {
      this.missing.codes.add(address.toString())
      return new Uint8Array()
    })
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
