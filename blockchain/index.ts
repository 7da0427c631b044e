export * from './backend.ts'
export * from './genesis.ts'
export * from './json.ts'
