import { createHash } from 'node:crypto'
import { bytesToHex } from '@ethereumjs/util'
import { createGenesis } from 'ethereumjs-op/blockchain'

/** In what fields two configs differ, as text. */
function compareConfigs(old, given) {
  const names = new Set([...Object.keys(old), ...Object.keys(given)])
  const toText = (value) => JSON.stringify(value) ?? 'absent'
  return [...names]
    .map((name) => ({ name, before: toText(old[name]), now: toText(given[name]) }))
    .filter(({ before, now }) => before !== now)
    .map(({ name, before, now }) => `${name} ${before}, not ${now}`)
    .join('; ')
}

/**
 * Begins a chain in an empty database. In any other checks that it is the chain of this file, for
 * which the genesis state is not computed again as long as the file says the same.
 *
 * @param genesis - contents of a geth-style genesis file
 * @param datadir - folder of the database, for the message of an error
 * @throws if the database is of another chain; the message says what differs
 */
export async function beginChain(store, genesis, datadir) {
  const { chain, index, transact, putBlock, setForkchoice } = store
  const content = createHash('sha256').update(JSON.stringify(genesis)).digest('hex')
  const kept = index.get('genesis')
  if (kept?.content === content) return
  const { customCrypto } = chain.common
  const { header, state } = await createGenesis(genesis, { customCrypto })
  const hash = bytesToHex(header.hash())
  if (!kept) {
    transact(() => {
      putBlock({ header, transactions: [], receipts: [] }, state.added)
      setForkchoice({ head: hash, added: [header] })
      index.putSync('genesis', { content, hash, config: genesis.config })
    })
    return
  }
  // The same hash means the same state, though another notation.
  if (kept.hash !== hash)
    throw new Error(`${datadir} has the genesis block ${kept.hash}, not ${hash}`)
  const difference = compareConfigs(kept.config, genesis.config)
  if (difference) throw new Error(`${datadir} was made with config ${difference}`)
}
