/** What of this folder is for those who use the package. */
// For deposits, and for who has no EthereumJS of their own.
export { Address, bytesToHex, createAddressFromString, hexToBytes } from '@ethereumjs/util'
export { JsonRpcError } from 'jsonrpc-lite'
export type { Candidates } from './builds.ts'
export type { Crypto } from './crypto.ts'
export type {
  BlobsBundle,
  ClientVersion,
  ForkchoiceState,
  ForkchoiceUpdated,
  Hex,
  PayloadEnvelope,
  PayloadStatus,
} from './engineApi.ts'
export { InvalidBlockError } from './errors.ts'
export * from './state.ts'
export type { GetBlockHash } from './vm.ts'
export {
  type ExecutionWitness,
  type HeaderFields,
  RecordingState,
  type WitnessContents,
  type WitnessOptions,
  decodeHeader,
  encodeHeaderFields,
  readWitness,
} from './witness.ts'
