import type { State } from 'ethereumjs-op'
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import { Account, JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { readAddress, readBlockId } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'

/** What methods of several files need to find. */
export interface Lookup {
  /** @throws (-32000) if there is no such block; op-node looks for these words (J-02) */
  blockOf(id: unknown): BlockJSON
  /** The state after a block. */
  stateOf(id: unknown): State
  accountOf(address: unknown, id: unknown): Promise<Account>
}

export function createLookup({ find, after, getCanonicalHash }: Store): Lookup {
  function blockOf(id: unknown): BlockJSON {
    const key = readBlockId(id)
    const block = find(key)
    if (!block) throw new JsonRpcError(`block not found: ${key}`, -32000)
    const { hash, number } = block.header
    // Asked for rarely, so not looked up for all.
    if (!Object(id).requireCanonical || getCanonicalHash(BigInt(number)) === hash) return block
    throw new JsonRpcError(`block ${hash} is not canonical`, -32000)
  }
  const stateOf = (id: unknown) => after(blockOf(id)).state
  const accountOf = async (address: unknown, id: unknown) =>
    (await stateOf(id).getAccount(readAddress(address))) ?? new Account()
  return { blockOf, stateOf, accountOf }
}
