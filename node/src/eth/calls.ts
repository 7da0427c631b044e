import type { DepositTx } from 'ethereumjs-op'
import { JsonRpcError, bigIntMin, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import {
  readAddress,
  readBytes,
  readHash,
  readList,
  readObject,
  readQuantity,
} from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

/** Most gas of a simulated call, as op-geth has it. */
const MAX_CALL_GAS = 50_000_000n

/** Gas of an address and a slot in an access list (EIP-2930), and of an authorization (EIP-7702). */
const ADDRESS_GAS = 2_400
const SLOT_GAS = 1_900
const AUTHORIZATION_GAS = 25_000

/** Gas that lists in a call cost. What they do to the call is not simulated. */
function readListsGas(request: unknown): bigint {
  const { accessList, authorizationList } = readObject(request)
  const slots = readList(accessList ?? [], (entry) =>
    readList(readObject(entry).storageKeys, readHash),
  )
  const authorizations = readList(authorizationList ?? [], readObject)
  const listGas = slots.length * ADDRESS_GAS + slots.flat().length * SLOT_GAS
  return BigInt(listGas + authorizations.length * AUTHORIZATION_GAS)
}

/** A call as wallets write it. It pays nothing for gas, like a deposit. */
function readCall(request: unknown, mostGas: bigint): DepositTx {
  const { from, to, value = '0x0', gas, data = '0x', input = data } = readObject(request)
  return {
    sourceHash: new Uint8Array(32),
    from: readAddress(from ?? `0x${'00'.repeat(20)}`),
    to: to == null ? undefined : readAddress(to),
    mint: 0n,
    value: readQuantity(value),
    gas: gas == null ? mostGas : bigIntMin(readQuantity(gas), mostGas),
    isSystemTx: false,
    data: readBytes(input),
  }
}

/** Simulated calls. */
export function createCallMethods(store: Store, { blockOf }: Lookup): Methods {
  /** Runs a call. @throws if it fails, with the data of a revert */
  async function call(tx: DepositTx, id: unknown) {
    const { error, returnValue, gasUsed } = await store.call(blockOf(id), tx)
    if (!error) return { returnValue, gasUsed }
    if (error === 'revert') throw new JsonRpcError('execution reverted', 3, bytesToHex(returnValue))
    // Wallets know geth's words.
    const isPoor = error === 'insufficient balance'
    throw new JsonRpcError(isPoor ? 'insufficient funds for transfer' : error, -32000)
  }

  /** The least gas with which a call succeeds, or up to 1/64 more; lists come on top. */
  async function estimateGas(request: unknown, id: unknown) {
    const block = blockOf(id)
    const tx = readCall(request, BigInt(block.header.gasLimit))
    const extra = readListsGas(request)
    let { gasUsed: low } = await call(tx, id)
    let high = tx.gas
    const isEnough = async (gas: bigint) => !(await store.call(block, { ...tx, gas })).error
    if (await isEnough(low)) return low + extra
    while ((high - low) * 64n > high) {
      const middle = bigIntMin((low + high) / 2n, low * 2n)
      if (await isEnough(middle)) high = middle
      else low = middle
    }
    return high + extra
  }

  return {
    eth_call: async (request, id) => (await call(readCall(request, MAX_CALL_GAS), id)).returnValue,
    eth_estimateGas: estimateGas,
  }
}
