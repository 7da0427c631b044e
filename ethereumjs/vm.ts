/** What EthereumJS has not, or not by itself, for executing blocks of any chain. */
import type { Block, BlockHeader } from '@ethereumjs/block'
import type { Common, StateManagerInterface } from '@ethereumjs/common'
import {
  EVM,
  EVMMockBlockchain,
  type EVMOpts,
  type EVMRunCallOpts,
  type ExecResult,
  type Log,
} from '@ethereumjs/evm'
import { type Address, type BytesLike, createAddressFromString, toBytes } from '@ethereumjs/util'
import { Bloom, type VM, createVM as createOriginalVM } from '@ethereumjs/vm'
import { correctOpcodes } from './opcodes.ts'
import { type AnyState, type Awaitable, StateError } from './state.ts'

/** Gives the hash of an ancestor for BLOCKHASH: 32 bytes, or hex. */
export type GetBlockHash = (number: bigint) => Awaitable<BytesLike | undefined>

/**
 * The state as `runTx` must see it. It takes all code that begins like a delegation for one; only 23
 * bytes are (EIP-7702). Of other such code it sees too little to take it for more than code.
 */
const hideLikeness = (state: StateManagerInterface): StateManagerInterface =>
  new Proxy(state, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== 'getCode') return value.bind(target)
      return async (address: Address) => {
        const code = await target.getCode(address)
        return code[0] === 0xef && code.length !== 23 ? code.subarray(0, 1) : code
      }
    },
  })

/**
 * A VM with corrected opcodes, for the block with this header.
 *
 * @param evmOpts - with a Common
 * @param getBlockHash - without it only the parent's hash is known
 */
export async function createVM(
  header: BlockHeader,
  state: AnyState,
  evmOpts: EVMOpts,
  getBlockHash?: GetBlockHash,
): Promise<VM> {
  // It has all methods of ours; the compiler minds private fields of what they give.
  const stateManager = state as StateManagerInterface
  const getBlock = async (id: number) => {
    const isParent = BigInt(id) === header.number - 1n
    const hash = isParent ? header.parentHash : toBytes(await getBlockHash?.(BigInt(id)))
    if (hash.length !== 32) throw new StateError(`the hash of block ${id} is not known`)
    return { hash: () => hash }
  }
  const blockchain = Object.assign(new EVMMockBlockchain(), { getBlock })
  // Each EVM listens to its Common for ever.
  const common = evmOpts.common!.copy()
  const evm = new EVM({ ...evmOpts, common, stateManager, blockchain })
  correctOpcodes(evm)
  return createOriginalVM({ common, stateManager: hideLikeness(stateManager), evm })
}

/**
 * The call or creation that a transaction consists of; its `caller` has paid already. What destroyed
 * itself is deleted.
 *
 * @param warm - what is not cold from the start, besides precompiles (EIP-2929, EIP-3651)
 */
export async function runMessage(
  { evm, common }: VM,
  call: EVMRunCallOpts,
  warm: (Address | undefined)[],
): Promise<ExecResult> {
  for (const address of [...warm, ...evm.precompiles.keys()]) {
    if (address) evm.journal.addAlwaysWarmAddress(address.toString())
  }
  const { execResult } = await evm.runCall({ ...call, skipNonceIncrement: true })
  for (const destroyed of execResult.selfdestruct?.keys() ?? []) {
    if (common.isActivatedEIP(6780) && !execResult.createdAddresses?.has(destroyed)) continue
    await evm.journal.deleteAccount(createAddressFromString(destroyed))
  }
  return execResult
}

/** Ends a transaction: deletes empty accounts, forgets warm addresses and original values. */
export async function finalizeTx({ evm, stateManager }: VM): Promise<void> {
  await evm.journal.cleanup()
  stateManager.originalStorageCache.clear()
}

const SYSTEM_ADDRESS = createAddressFromString('0xfffffffffffffffffffffffffffffffffffffffe')

/**
 * Calls a contract as the system does (EIP-4788, EIP-2935). Where it is not deployed yet there is no
 * code to run, and no account comes into being.
 */
export async function systemCall(vm: VM, block: Block, to: Address, data: Uint8Array) {
  const { evm, stateManager } = vm
  const code = await stateManager.getCode(to)
  const call = { block, caller: SYSTEM_ADDRESS, to, code, data, gasLimit: 30_000_000n }
  await evm.journal.checkpoint()
  const { exceptionError } = await evm.runCode!(call)
  await (exceptionError ? evm.journal.revert() : evm.journal.commit())
  await finalizeTx(vm)
}

/** The 2048-bit filter over the addresses and topics of logs. */
export function createBloom(common: Common, logs: Log[]): Uint8Array {
  const bloom = new Bloom(undefined, common)
  for (const item of logs.flatMap(([address, topics]) => [address, ...topics])) bloom.add(item)
  return bloom.bitvector
}
