import { createDebugMethods } from '../debug/index.ts'
import { addTransaction, setLimits } from '../pool.ts'
import type { Methods } from '../rpc/methods.ts'
import { readBytes, readQuantity } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import { createBlockMethods } from './blocks.ts'
import { createCallMethods } from './calls.ts'
import { createLookup } from './context.ts'
import { createFeeMethods } from './fees.ts'
import { createFilterMethods } from './filters.ts'
import { createLogMethods } from './logs.ts'
import { createSimulateMethods } from './simulate.ts'
import { createStateMethods } from './state.ts'
import { createTxPoolMethods } from './txpool.ts'

/** The methods that wallets, explorers and the other parts of the OP Stack call. */
export function createEth(store: Store): Methods {
  const chainId = Number(store.chain.common.chainId())
  const lookup = createLookup(store)
  return {
    eth_chainId: () => chainId,
    net_version: () => `${chainId}`,
    web3_clientVersion: () => 'ethereumjs-op',
    eth_syncing: () => false,
    eth_accounts: () => [],
    ...createBlockMethods(store),
    ...createStateMethods(store, lookup),
    ...createCallMethods(store, lookup),
    ...createFeeMethods(store, lookup),
    ...createLogMethods(store, lookup),
    ...createFilterMethods(store, lookup),
    ...createSimulateMethods(store, lookup),
    ...createTxPoolMethods(store),
    ...createDebugMethods(store, lookup),
    eth_sendRawTransaction: (raw) => addTransaction(store, readBytes(raw)),
    miner_setMaxDASize: (ofTransaction, ofBlock) =>
      setLimits(store, readQuantity(ofTransaction), readQuantity(ofBlock)),
  }
}
