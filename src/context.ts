import { Block, type BlockHeader } from '@ethereumjs/block'
import type { StateManagerInterface } from '@ethereumjs/common'
import { EVM, EVMMockBlockchain } from '@ethereumjs/evm'
import { type BytesLike, toBytes } from '@ethereumjs/util'
import { type VM, createVM } from '@ethereumjs/vm'
import type { Chain, Rules } from './chain.ts'
import { correctOpcodes } from '../ethereumjs/opcodes.ts'
import { StateError } from '../ethereumjs/state.ts'

/** Where a block executes. */
export interface ContextOptions {
  chain: Chain
  /** Any state of EthereumJS. */
  state: StateManagerInterface
  /** For BLOCKHASH: 32 bytes, or hex. Without it only the parent's hash is known. */
  getBlockHash?(number: bigint): BytesLike | undefined | Promise<BytesLike | undefined>
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
  const { chain, state: stateManager, getBlockHash } = opts
  const rules = chain.rules(header)
  const getBlock = async (id: number) => {
    const isParent = BigInt(id) === header.number - 1n
    const hash = isParent ? header.parentHash : toBytes(await getBlockHash?.(BigInt(id)))
    if (hash.length !== 32) throw new StateError(`the hash of block ${id} is not known`)
    return { hash: () => hash }
  }
  const blockchain = Object.assign(new EVMMockBlockchain(), { getBlock })
  // Each EVM listens to its Common for ever.
  const common = rules.common.copy()
  const evm = new EVM({ ...rules.evmOpts, common, stateManager, blockchain })
  correctOpcodes(evm)
  return { vm: await createVM({ common, stateManager, evm }), block: new Block(header), rules }
}

/** Ends a transaction: deletes empty accounts, forgets warm addresses and original values. */
export async function finalizeTx({ evm, stateManager }: VM): Promise<void> {
  await evm.journal.cleanup()
  stateManager.originalStorageCache.clear()
}
