/** The tables of a database, and how a block gets into them. Nothing here knows what a block is. */
import { join } from 'node:path'
import { type Database, type RootDatabase, open } from 'lmdb'
import { noteBlock, readCollection } from './collection.ts'
import { type NodeEntries, type NodeStore, type NodeTables, createNodes } from './nodes.ts'

/** Bytes of a block number in keys: it sorts as the number, and blocks that are near lie together. */
const NUMBER_BYTES = 6

/** The highest number that a block can have here. */
export const MAX_NUMBER = 2 ** (8 * NUMBER_BYTES) - 1

/** A block as it is written. */
export interface BlockRecord {
  number: number
  /** 32 bytes. */
  hash: Uint8Array
  header: Uint8Array
  body: Uint8Array
}

/** Where a transaction of the chain is: number of its block, and position in there. */
export type Place = [number: number, position: number]

/** The tables of {@link openTables}. */
export interface Tables extends NodeTables {
  root: RootDatabase
  /** Reads and writes two of the tables. */
  nodes: NodeStore
  /** Numbers of all blocks by hash. */
  numbers: Database<Buffer, Uint8Array>
  /** Of all blocks, by number and hash, see {@link toBlockKey}. */
  headers: Database<Buffer, Uint8Array>
  bodies: Database<Buffer, Uint8Array>
  /** Hashes of the blocks of the chain by number. */
  canonical: Database<Buffer, Uint8Array>
  /** Where the transactions of the chain are, by hash. */
  places: Database<Place, Uint8Array>
  /**
   * Labels and their blocks' hashes, what the database was made with, limits of the pool, and how far
   * old states are deleted, see collection.ts.
   */
  index: Database
  pending: Database<Uint8Array, [string, number]>
}

/** Opens the database in a folder. Threads can share it. */
export function openTables(datadir: string): Tables {
  const root = open({ path: join(datadir, 'chain.mdb'), compression: true })
  const binary = { encoding: 'binary', keyEncoding: 'binary' } as const
  const openBytes = (name: string, threshold: number) =>
    root.openDB<Buffer, Uint8Array>({ name, ...binary, compression: { threshold } })
  const openPlain = <T>(name: string, encoding: 'binary' | 'msgpack') =>
    root.openDB<T, Uint8Array>({ name, keyEncoding: 'binary', encoding, compression: false })
  const index = root.openDB({ name: 'index' })
  const nodeTables = {
    nodePlaces: openPlain<Buffer>('node places', 'binary'),
    nodeRecords: openPlain<Buffer>('node records', 'binary'),
  }
  return {
    root,
    ...nodeTables,
    nodes: createNodes(nodeTables, () => readCollection(index).cut),
    numbers: openPlain<Buffer>('numbers', 'binary'),
    headers: openBytes('headers', 256),
    bodies: openBytes('bodies', 256),
    canonical: openPlain<Buffer>('canonical', 'binary'),
    places: openPlain<Place>('places', 'msgpack'),
    index,
    pending: root.openDB<Uint8Array, [string, number]>({
      name: 'pending',
      encoding: 'binary',
      compression: false,
    }),
  }
}

export function toNumberKey(number: number): Buffer {
  const key = Buffer.alloc(NUMBER_BYTES)
  key.writeUIntBE(number, 0, NUMBER_BYTES)
  return key
}

export const fromNumberKey = (key: Buffer): number => key.readUIntBE(0, NUMBER_BYTES)

/** Key of a block: its number, and its hash. */
export const toBlockKey = (number: Buffer, hash: Uint8Array): Buffer =>
  Buffer.concat([number, hash])

/** Writes a block and what its state adds, within a transaction. */
export function writeBlock(tables: Tables, block: BlockRecord, nodes: NodeEntries): void {
  const number = toNumberKey(block.number)
  const key = toBlockKey(number, block.hash)
  if (!tables.numbers.doesExist(block.hash)) {
    noteBlock(tables.index, `0x${Buffer.from(block.hash).toString('hex')}`)
  }
  tables.nodes.put(nodes)
  tables.headers.putSync(key, block.header as Buffer)
  tables.bodies.putSync(key, block.body as Buffer)
  tables.numbers.putSync(block.hash, number)
}
