/**
 * EthereumJS itself: the patched copies that this package brings, for those who build on it, so that
 * their classes are the same. Entry point `ethereumjs-op/ethereumjs`.
 */
export * from '@ethereumjs/block'
export * from '@ethereumjs/common'
export * from '@ethereumjs/evm'
export * from '@ethereumjs/mpt'
export * from '@ethereumjs/rlp'
export * from '@ethereumjs/statemanager'
export * from '@ethereumjs/tx'
export * from '@ethereumjs/util'
export * from '@ethereumjs/vm'
export { JsonRpcError } from 'jsonrpc-lite'
// Names that two of them have.
export type { Proof, StorageProof } from '@ethereumjs/common'
export type { NestedUint8Array } from '@ethereumjs/rlp'
export { hexToBytes } from '@ethereumjs/util'
