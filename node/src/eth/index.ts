import { keccak_256 } from '@noble/hashes/sha3.js'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { createDebugMethods } from '../debug/index.ts'
import { type CallLimits, DEFAULT_LIMITS } from '../options.ts'
import { setLimits } from '../pool.ts'
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
import { createTransactionMethods } from './transactions.ts'
import { createTxPoolMethods } from './txpool.ts'
import { openWaitingRoom } from './waiting.ts'
import { createWatches } from './watch.ts'

/** EIP-7910 tells of forks by Ethereum's names and of a network of peers, neither of which is here. */
function refuseConfig() {
  const reason = 'it has no words for the forks of this chain, which debug_chainConfig gives'
  throw new JsonRpcError(`eth_config is not supported: ${reason}`, -32601)
}

/**
 * The methods that wallets, explorers and the other parts of the OP Stack call.
 *
 * @param limits - of simulated calls
 */
export function createEth(store: Store, limits: CallLimits = DEFAULT_LIMITS): Methods {
  const chainId = Number(store.chain.common.chainId())
  const lookup = createLookup(store)
  const room = openWaitingRoom(store)
  const watches = createWatches(store, room)
  return {
    eth_chainId: () => chainId,
    eth_config: refuseConfig,
    net_version: () => `${chainId}`,
    // It listens for nobody but clients, and whom op-node knows is op-node's.
    net_listening: () => true,
    net_peerCount: () => 0,
    web3_clientVersion: () => 'ethereumjs-op',
    web3_sha3: (data) => keccak_256(readBytes(data)),
    eth_syncing: () => false,
    eth_accounts: () => [],
    ...createBlockMethods(store),
    ...createTransactionMethods(store, room),
    ...createStateMethods(store, lookup),
    ...createCallMethods(store, lookup, limits),
    ...createFeeMethods(store, lookup),
    ...createLogMethods(store),
    ...createFilterMethods(store, watches),
    ...createSimulateMethods(store, lookup, limits),
    ...createTxPoolMethods(room),
    ...createDebugMethods(store, lookup, limits),
    miner_setMaxDASize: (ofTransaction, ofBlock) =>
      setLimits(store, readQuantity(ofTransaction), readQuantity(ofBlock)),
  }
}
