import type { State } from 'ethereumjs-op'
import {
  type Address,
  type PrefixedHexString as Hex,
  JsonRpcError,
  getMerkleStateProof,
  setLengthLeft,
} from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { check, readAddress, readHash, readList, readObject, readSlot } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

/** Most slots in a call, as geth has it. */
const MAX_SLOTS = 1_024

const ZERO_HASH = `0x${'00'.repeat(32)}`

/** A key of storage as an answer repeats it: 32 bytes stay as they are, less becomes a number. */
function writeKey(slot: unknown): Hex {
  const digits = `${slot}`.replace(/^0x/i, '').toLowerCase()
  return digits.length > 62
    ? `0x${digits.padStart(64, '0')}`
    : `0x${BigInt(`0x0${digits}`).toString(16)}`
}

async function readStorage(state: State, address: Address, slot: unknown): Promise<Uint8Array> {
  return setLengthLeft(await state.getStorage(address, readSlot(slot)), 32)
}

/** Accounts, code and storage, and their proofs. */
export function createStateMethods(store: Store, { stateOf, accountOf }: Lookup): Methods {
  /** The next nonce; for `pending` after all that waits without a gap. */
  async function getTransactionCount(address: unknown, id: unknown) {
    let { nonce } = await accountOf(address, id)
    const isWaiting = () => store.pending.doesExist([`${readAddress(address)}`, Number(nonce)])
    while (id === 'pending' && isWaiting()) nonce++
    return nonce
  }

  async function getProof(address: unknown, slots: unknown, id: unknown) {
    const keys = readList(slots ?? [], readSlot, MAX_SLOTS)
    const state = stateOf(id)
    const proof = await getMerkleStateProof(state, readAddress(address), keys)
    const storageProof = keys.map((_, index) => {
      // An account that is absent has no slots, which needs no proof.
      const { value = 0, proof: nodes = [] } = proof.storageProof[index] ?? {}
      return { key: writeKey((slots as unknown[])[index]), value: BigInt(value), proof: nodes }
    })
    if (await state.getAccount(readAddress(address))) return { ...proof, storageProof }
    // Geth tells an account that is absent from one that is empty.
    return { ...proof, codeHash: ZERO_HASH, storageHash: ZERO_HASH, storageProof }
  }

  /** Values of several slots of several accounts. */
  async function getStorageValues(requests: unknown, id: unknown) {
    const entries = Object.entries(readObject(requests)).map(([address, keys]) => {
      return { address: readAddress(address), keys: readList(keys, readHash, MAX_SLOTS) }
    })
    const count = entries.reduce((sum, { keys }) => sum + keys.length, 0)
    check(count > 0, 'a request for at least one slot', requests)
    if (count > MAX_SLOTS) throw new JsonRpcError(`too many slots (max ${MAX_SLOTS})`, -38026)
    const state = stateOf(id)
    const values: Record<string, Uint8Array[]> = {}
    for (const { address, keys } of entries) {
      const read: Uint8Array[] = []
      for (const key of keys) read.push(await readStorage(state, address, key))
      values[`${address}`] = read
    }
    return values
  }

  return {
    eth_getBalance: async (address, id) => (await accountOf(address, id)).balance,
    eth_getTransactionCount: getTransactionCount,
    eth_getCode: (address, id) => stateOf(id).getCode(readAddress(address)),
    eth_getStorageAt: (address, slot, id) => readStorage(stateOf(id), readAddress(address), slot),
    eth_getStorageValues: getStorageValues,
    eth_getProof: getProof,
  }
}
