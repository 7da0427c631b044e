export * from './backend.ts'
export * from './chains.ts'
export * from './genesis.ts'
export * from './json.ts'
