export * from './genesis.ts'
export * from './json.ts'
