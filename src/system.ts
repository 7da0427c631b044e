import { type Address, createAddressFromString, hexToBytes } from '@ethereumjs/util'
import type { Chain } from './chain.ts'
import { type Context, finalizeTx } from './context.ts'
import { CREATE2_DEPLOYER_CODE } from './create2deployer.ts'

const CREATE2_DEPLOYER = createAddressFromString('0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2')
const BEACON_ROOTS = createAddressFromString('0x000f3df6d732807ef1319fb7b8bb8522d0beac02')
const HISTORY_STORAGE = createAddressFromString('0x0000f90827f1c53a10cb7a02335b175320002935')
const SYSTEM_ADDRESS = createAddressFromString('0xfffffffffffffffffffffffffffffffffffffffe')

/**
 * Calls a contract as the system does. Where it is not deployed yet there is no code to run, and no
 * account comes into being (I-03, I-04).
 */
async function systemCall({ vm, block }: Context, to: Address, data: Uint8Array) {
  const { evm, stateManager } = vm
  const code = await stateManager.getCode(to)
  const call = { block, caller: SYSTEM_ADDRESS, to, code, data, gasLimit: 30_000_000n }
  await evm.journal.checkpoint()
  const { exceptionError } = await evm.runCode!(call)
  await (exceptionError ? evm.journal.revert() : evm.journal.commit())
  await finalizeTx(vm)
}

/**
 * What happens before the first transaction of a block: the create2deployer at Canyon, the beacon
 * root from Ecotone, the parent's hash from Isthmus (I-01…I-07).
 *
 * @see https://specs.optimism.io/protocol/predeploys.html#create2deployer
 * @see https://eips.ethereum.org/EIPS/eip-4788
 * @see https://eips.ethereum.org/EIPS/eip-2935
 */
export async function beginBlock(chain: Chain, context: Context): Promise<void> {
  const { parentHash, parentBeaconBlockRoot, timestamp } = context.block.header
  if (Number(timestamp) === chain.canyonTime) {
    await context.vm.stateManager.putCode(CREATE2_DEPLOYER, hexToBytes(CREATE2_DEPLOYER_CODE))
  }
  if (parentBeaconBlockRoot) await systemCall(context, BEACON_ROOTS, parentBeaconBlockRoot)
  if (context.rules.isActive('isthmus')) await systemCall(context, HISTORY_STORAGE, parentHash)
}
