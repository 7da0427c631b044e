import { createAddressFromString, hexToBytes } from '@ethereumjs/util'
import { systemCall } from '../ethereumjs/vm.ts'
import type { Chain } from './chain.ts'
import type { Context } from './context.ts'
import { CREATE2_DEPLOYER_CODE } from './create2deployer.ts'

const CREATE2_DEPLOYER = createAddressFromString('0x13b0d85ccb8bf860b6b79af3029fca081ae9bef2')
const BEACON_ROOTS = createAddressFromString('0x000f3df6d732807ef1319fb7b8bb8522d0beac02')
const HISTORY_STORAGE = createAddressFromString('0x0000f90827f1c53a10cb7a02335b175320002935')

/**
 * What happens before the first transaction of a block: the create2deployer at Canyon, the beacon
 * root from Ecotone, the parent's hash from Isthmus (I-01…I-07).
 *
 * @see https://specs.optimism.io/protocol/predeploys.html#create2deployer
 * @see https://eips.ethereum.org/EIPS/eip-4788
 * @see https://eips.ethereum.org/EIPS/eip-2935
 */
export async function beginBlock({ canyonTime }: Chain, { vm, block, rules }: Context) {
  const { parentHash, parentBeaconBlockRoot, timestamp } = block.header
  if (Number(timestamp) === canyonTime) {
    await vm.stateManager.putCode(CREATE2_DEPLOYER, hexToBytes(CREATE2_DEPLOYER_CODE))
  }
  if (parentBeaconBlockRoot) await systemCall(vm, block, BEACON_ROOTS, parentBeaconBlockRoot)
  if (rules.isActive('isthmus')) await systemCall(vm, block, HISTORY_STORAGE, parentHash)
}
