/** Reads databases of schema 1, which kept blocks as JSON, so that their blocks can be exported. */
import { createChain } from 'ethereumjs-op'
import { type BlockJSON, headerFromJSON } from 'ethereumjs-op/blockchain'
import { hexToBytes } from 'ethereumjs-op/ethereumjs'
import type { RootDatabase } from 'lmdb'
import type { KeptGenesis } from './genesis.ts'
import type { FiledBlock } from './transfer.ts'

/** The blocks of the chain between two numbers. */
export function* listOldBlocks(
  root: RootDatabase,
  first: number,
  last: number,
): Generator<FiledBlock> {
  const index = root.openDB({ name: 'index' })
  const blocks = root.openDB<BlockJSON, string>({ name: 'blocks' })
  const { config } = index.get('genesis') as KeptGenesis
  const chain = createChain(config)
  for (let number = first; number <= last; number++) {
    const block = blocks.get(index.get(number) ?? '')
    if (!block) return
    const header = headerFromJSON(chain, block.header)
    yield [header.raw(), block.raw.map((raw) => hexToBytes(raw))]
  }
}
