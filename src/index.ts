export * from './chain.ts'
export { createCrypto } from './crypto.ts'
export * from './deposit.ts'
export {
  type ExecuteBlockOpts,
  type ExecutedBlock,
  encodeReceipt,
  executeBlock,
  InvalidBlockError,
  type Receipt,
} from './execute.ts'
export * from './fees.ts'
export * from './genesis.ts'
export * from './header.ts'
export * from './json.ts'
export { createWitnessState, State, StateError } from './state.ts'
