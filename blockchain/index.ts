export * from './backend.ts'
export * from './blocks.ts'
export * from './genesis.ts'
export * from './json.ts'
