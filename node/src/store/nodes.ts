import type { Database } from 'lmdb'
import { LRUCache } from 'lru-cache'
import { createEncoder, decode } from './delta.ts'

/** Nodes that are kept in memory, of about 400 bytes each. */
const MAX_CACHED = 65_536

/** Bytes of a place: enough for a million nodes a second for nine years. */
const PLACE_BYTES = 6

/** Trie nodes and code by their hashes in hex without 0x. */
export type NodeEntries = Iterable<readonly [hash: string, node: Uint8Array]>

/** How often what was asked of a cache was in it. */
export interface CacheUse {
  hits: number
  misses: number
}

/** Trie nodes and code by their keccak256 (64 hex digits). They satisfy `Nodes` of `State`. */
export interface NodeStore {
  get(hash: string): Uint8Array | undefined
  /** Of `get`. */
  readonly use: CacheUse
  /**
   * Keeps what the state of a block adds; within a transaction. What is there already is written
   * again if it is older than the cut.
   */
  put(added: NodeEntries): void
  /** Takes into memory what will be read soon. */
  remember(added: NodeEntries): void
  /** The place of the next record. */
  next(): number
  /** Writes nodes again that are older than `cut`; within a transaction. */
  copy(hashes: Iterable<string>, cut: number): void
  /** Whether a node is there and not older than `cut`. */
  isSince(hash: string, cut: number): boolean
  /** A node, whose place in the cache it does not take. */
  read(hash: string): Uint8Array | undefined
  /**
   * Forgets where nodes are that are older than `cut`; within a transaction.
   *
   * @param start - where in the table to begin
   * @returns where to go on, if there is more
   */
  forget(cut: number, limit: number, start?: Uint8Array): Uint8Array | undefined
  /** Deletes records below `cut`; within a transaction. @returns how many */
  erase(cut: number, limit: number): number
  /** How many there are, old ones and those written again included. */
  count(): number
  /** Forgets what was read, so that what is deleted is missed at once. */
  clearCache(): void
}

/** The tables of trie nodes and code. */
export interface NodeTables {
  /** Where they are, by hash. */
  nodePlaces: Database<Buffer, Uint8Array>
  /** What they are, by place. */
  nodeRecords: Database<Buffer, Uint8Array>
}

/**
 * Trie nodes and code in two tables. Records are in the order in which they came, so that their pages
 * are full, and what is old is together; the other table says where a node is. Keys of that are whole
 * hashes: whoever writes to storage could make parts of them collide.
 *
 * @param getCut - the place of the first record that will stay when the old ones are deleted; a block
 * writes its nodes behind it, even those that are before
 */
export function createNodes(
  { nodePlaces: places, nodeRecords: records }: NodeTables,
  getCut: () => number,
): NodeStore {
  const cache = new LRUCache<string, Uint8Array>({ max: MAX_CACHED })
  const use: CacheUse = { hits: 0, misses: 0 }

  function toKey(place: number): Buffer {
    const key = Buffer.allocUnsafe(PLACE_BYTES)
    key.writeUIntBE(place, 0, PLACE_BYTES)
    return key
  }
  const toPlace = (key: Buffer) => key.readUIntBE(0, PLACE_BYTES)

  /** The record at a place, which is overwritten when something else is read. */
  function findRecord(place: number): Uint8Array | undefined {
    const found = records.getBinaryFast(toKey(place))
    // Its length is that of what was read, but only for who asks.
    return found && new Uint8Array(found.buffer, found.byteOffset, found.length)
  }
  const isThere = (place: number, record: Uint8Array) => {
    const found = findRecord(place)
    return found !== undefined && Buffer.compare(found, record) === 0
  }
  const encode = createEncoder(isThere)

  function placeOf(hash: string): number | undefined {
    const found = places.getBinaryFast(Buffer.from(hash, 'hex'))
    return found && toPlace(found)
  }

  function next(): number {
    for (const key of records.getKeys({ reverse: true, limit: 1 }))
      return toPlace(key as Buffer) + 1
    return 1
  }

  function read(hash: string): Uint8Array | undefined {
    // Between both look-ups another thread may have copied it and deleted the old record.
    for (let attempt = 0; attempt < 3; attempt++) {
      const place = placeOf(hash)
      if (place === undefined) return undefined
      const record = findRecord(place)
      const value = record && decode(record, place, findRecord)
      if (value) return value
    }
    throw new Error(`the record of trie node 0x${hash} is missing in the database`)
  }

  function write(nodes: NodeEntries, cut: number) {
    let place = next()
    for (const [hash, value] of nodes) {
      const old = placeOf(hash)
      if (old !== undefined && old >= cut) continue
      records.putSync(toKey(place), encode(value, place, cut) as Buffer)
      places.putSync(Buffer.from(hash, 'hex'), toKey(place))
      place++
    }
  }

  function* readAll(hashes: Iterable<string>): Generator<readonly [string, Uint8Array]> {
    for (const hash of hashes) {
      const value = read(hash)
      if (value) yield [hash, value]
    }
  }

  return {
    use,
    get: (hash) => {
      const cached = cache.get(hash)
      if (cached) {
        use.hits++
        return cached
      }
      use.misses++
      const value = read(hash)
      if (value) cache.set(hash, value)
      return value
    },
    put: (added) => write(added, getCut()),
    remember: (added) => {
      for (const [hash, value] of added) cache.set(hash, value)
    },
    next,
    copy: (hashes, cut) => write(readAll(hashes), cut),
    isSince: (hash, cut) => (placeOf(hash) ?? 0) >= cut,
    read,
    forget: (cut, limit, start) => {
      const found = [...places.getRange({ start: start as Buffer, limit: limit + 1 })]
      for (const { key, value } of found.slice(0, limit)) {
        if (toPlace(value) < cut) places.removeSync(key)
      }
      return found[limit]?.key
    },
    erase: (cut, limit) => {
      const keys = [...records.getKeys({ end: toKey(cut), limit })]
      for (const key of keys) records.removeSync(key)
      return keys.length
    },
    clearCache: () => cache.clear(),
    count: () => (records.getStats() as { entryCount: number }).entryCount,
  }
}
