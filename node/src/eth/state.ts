import { getMerkleStateProof, setLengthLeft } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { readAddress, readList, readSlot } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

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
    const keys = readList(slots, readSlot)
    const account = await getMerkleStateProof(stateOf(id), readAddress(address), keys)
    const storageProof = keys.map((key, index) => {
      // An account that is absent has no slots, which needs no proof.
      const { value = 0, proof = [] } = account.storageProof[index] ?? {}
      return { key, value: BigInt(value), proof }
    })
    return { ...account, storageProof }
  }

  return {
    eth_getBalance: async (address, id) => (await accountOf(address, id)).balance,
    eth_getTransactionCount: getTransactionCount,
    eth_getCode: (address, id) => stateOf(id).getCode(readAddress(address)),
    eth_getStorageAt: async (address, slot, id) =>
      setLengthLeft(await stateOf(id).getStorage(readAddress(address), readSlot(slot)), 32),
    eth_getProof: getProof,
  }
}
