import { createHash } from 'node:crypto'
import { type Genesis, createGenesis } from 'ethereumjs-op/blockchain'
import { bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Store } from './store.ts'

/** What the index keeps of the genesis file that a database was made with. */
export interface KeptGenesis {
  /** SHA-256 of the file's contents. */
  content: string
  hash: string
  config: Record<string, unknown>
}

/**
 * In what fields two configs differ, as text. A time of which neither is reached is no difference:
 * such a fork may still be moved.
 *
 * @param now - timestamp of the head in seconds
 */
function compareConfigs(
  old: Record<string, unknown>,
  given: Record<string, unknown>,
  now: bigint,
): string {
  const names = new Set([...Object.keys(old), ...Object.keys(given)])
  const toText = (value: unknown) => JSON.stringify(value) ?? 'absent'
  const isAhead = (time: unknown) => time == null || (typeof time === 'number' && time > now)
  return [...names]
    .filter((name) => !name.endsWith('Time') || !isAhead(old[name]) || !isAhead(given[name]))
    .map((name) => ({ name, before: toText(old[name]), now: toText(given[name]) }))
    .filter(({ before, now }) => before !== now)
    .map(({ name, before, now }) => `${name} ${before}, not ${now}`)
    .join('; ')
}

/**
 * Begins a chain in an empty database. In any other checks that it is the chain of this file, for
 * which the genesis state is not computed again as long as the file says the same. A config that moves
 * forks which the head has not reached is stored in place of the old one.
 *
 * @param genesis - contents of a geth-style genesis file
 * @param datadir - folder of the database, for the message of an error
 * @throws if the database is of another chain; the message says what differs
 */
export async function beginChain(store: Store, genesis: Genesis, datadir: string): Promise<void> {
  const { chain, index, begin } = store
  const content = createHash('sha256').update(JSON.stringify(genesis)).digest('hex')
  const kept = index.get('genesis') as KeptGenesis | undefined
  if (kept?.content === content) return
  const { customCrypto } = chain.common
  const { header, state } = await createGenesis(genesis, { customCrypto })
  const hash = bytesToHex(header.hash())
  if (!kept) {
    const block = { header, transactions: [], receipts: [] }
    begin(block, state.added, { content, hash, config: genesis.config })
    return
  }
  // The same hash means the same state, though another notation.
  if (kept.hash !== hash)
    throw new Error(`${datadir} has the genesis block ${kept.hash}, not ${hash}`)
  const { timestamp } = store.head().header
  const difference = compareConfigs(kept.config, { ...genesis.config }, BigInt(timestamp))
  if (difference) throw new Error(`${datadir} was made with config ${difference}`)
  index.putSync('genesis', { content, hash, config: genesis.config })
}
