import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Genesis } from 'ethereumjs-op/blockchain'
import { readJSON } from '../files.ts'
import type { KeptGenesis } from '../store/genesis.ts'
import { checkDatabase, readStats } from '../store/inspect.ts'
import { listOldBlocks } from '../store/old.ts'
import { SCHEMA, readSchema } from '../store/schema.ts'
import { type Store, createStore, openStore } from '../store/store.ts'
import { openTables } from '../store/tables.ts'
import { importBlocks, listBlocks, readBlockFile, writeBlockFile } from '../store/transfer.ts'

/** Flags of `db`. */
export interface DBFlags {
  /** Folder of the database. */
  datadir: string
  /** For `import` into an empty folder: geth-style genesis file. */
  genesis?: string
  /** For `export`: numbers of the first and last block, by default all. */
  first?: string
  last?: string
}

const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MB`

/** What the database in a folder was made with. @throws if there is none, or of another schema */
function readKept(datadir: string) {
  if (!existsSync(join(datadir, 'chain.mdb'))) throw new Error(`${datadir} has no database`)
  const tables = openTables(datadir)
  const kept = tables.index.get('genesis') as KeptGenesis | undefined
  const schema = readSchema(tables)
  if (!kept || schema === undefined) throw new Error(`${datadir} has a database without a chain`)
  return { tables, kept, schema }
}

/** Opens a database as it is, for reading. */
async function openExisting(datadir: string): Promise<Store> {
  const { tables, kept, schema } = readKept(datadir)
  await tables.root.close()
  if (schema !== SCHEMA)
    throw new Error(
      `${datadir} has schema ${schema}, not ${SCHEMA}; only its blocks can be exported`,
    )
  return openStore({ config: kept.config, datadir })
}

/** Prints tables, bytes, blocks and labels. */
async function printStats({ datadir }: DBFlags) {
  const store = await openExisting(datadir)
  try {
    const { tables, ...stats } = readStats(store)
    for (const [name, { entries, bytes }] of Object.entries(tables)) {
      console.log(
        `${name.padEnd(10)} ${`${entries}`.padStart(10)} ${megabytes(bytes).padStart(12)}`,
      )
    }
    const total = Object.values(tables).reduce((sum, { bytes }) => sum + bytes, 0)
    console.log(`${'all'.padEnd(10)} ${''.padStart(10)} ${megabytes(total).padStart(12)}`)
    for (const [name, value] of Object.entries(stats)) console.log(`${name} ${value ?? 'none'}`)
  } finally {
    await store.close()
  }
}

/** Prints how many blocks and nodes are whole. @throws the first fault */
async function check({ datadir }: DBFlags) {
  const store = await openExisting(datadir)
  try {
    const { blocks, nodes } = await checkDatabase(store)
    console.log(`${blocks} blocks and ${nodes} nodes of the last state are whole`)
  } finally {
    await store.close()
  }
}

/** Writes the blocks of the chain to a file, also those of an older database. */
async function exportFile({ datadir, first = '1', last }: DBFlags, path: string) {
  const { tables, schema } = readKept(datadir)
  const range = [first, last ?? `${Number.MAX_SAFE_INTEGER}`].map(Number)
  if (!range.every(Number.isSafeInteger)) throw new Error('--first and --last are block numbers')
  if (schema === 1) {
    try {
      await writeBlockFile(path, listOldBlocks(tables.root, range[0], range[1]))
    } finally {
      await tables.root.close()
    }
    return console.log(`wrote ${path}`)
  }
  await tables.root.close()
  const store = await openExisting(datadir)
  try {
    const end = Math.min(range[1], Number(store.head().header.number))
    await writeBlockFile(path, listBlocks(store, range[0], end))
    console.log(`wrote blocks ${range[0]} to ${end} to ${path}`)
  } finally {
    await store.close()
  }
}

/** Executes the blocks of a file on top of what is in a folder. */
async function importFile({ datadir, genesis }: DBFlags, path: string) {
  if (!genesis) throw new Error('--genesis FILE is missing')
  const store = await createStore({ genesis: readJSON(genesis) as Genesis, datadir })
  try {
    const count = await importBlocks(store, readBlockFile(path), (number) => {
      if (number % 1_000 === 0) console.log(`block ${number}`)
    })
    console.log(`executed ${count} blocks, the head is ${Number(store.head().header.number)}`)
  } finally {
    await store.close()
  }
}

/** What `db` can do; `export` and `import` take the path of a file. */
const ACTIONS: Record<string, (flags: DBFlags, path: string) => Promise<void>> = {
  stats: printStats,
  check,
  export: exportFile,
  import: importFile,
}

/**
 * Looks into a database, or moves its blocks. Prints what it finds, or what is wrong and sets exit
 * status 1. `stats`, `check` and `export` may be used while a node runs; `import` takes the lock.
 *
 * @param action - stats, check, export or import
 * @param path - of the file of export and import, which is compressed by gzip
 */
export async function runDB(action: string, flags: DBFlags, path = ''): Promise<void> {
  try {
    if (!Object.hasOwn(ACTIONS, action)) throw new Error(`db can ${Object.keys(ACTIONS)}`)
    const isPathDue = action === 'export' || action === 'import'
    if (isPathDue !== (path !== '')) throw new Error(`db ${action}: which file?`)
    await ACTIONS[action](flags, path)
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
