import { Block, type BlockHeader } from '@ethereumjs/block'
import type { VM } from '@ethereumjs/vm'
import type { AnyState } from '../ethereumjs/state.ts'
import { type GetBlockHash, createVM } from '../ethereumjs/vm.ts'
import type { Chain, Rules } from './chain.ts'

/** Where a block executes. */
export interface ContextOptions {
  chain: Chain
  /** Any state of EthereumJS. */
  state: AnyState
  /** For BLOCKHASH. Without it only the parent's hash is known. */
  getBlockHash?: GetBlockHash
}

/** What transactions and simulated calls run in. */
export interface Context {
  vm: VM
  /** Has a header and no transactions. */
  block: Block
  rules: Rules
}

/** Makes the context of the block with this header. */
export async function createContext(header: BlockHeader, opts: ContextOptions): Promise<Context> {
  const rules = opts.chain.rules(header)
  const vm = await createVM(header, opts.state, rules.evmOpts, opts.getBlockHash)
  return { vm, block: new Block(header), rules }
}
