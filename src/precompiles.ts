import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import {
  type CustomPrecompile,
  EVMError,
  getActivePrecompiles,
  type PrecompileFunc,
} from '@ethereumjs/evm'
import type { Fork, Rules } from './chain.ts'

/** Longest input in bytes that a precompile takes from a fork on (P-04…P-09). */
const INPUT_LIMITS: [since: Fork, address: string, bytes: number][] = [
  ['granite', '08', 112_687],
  ['isthmus', '0c', 513_760],
  ['isthmus', '0e', 488_448],
  ['isthmus', '0f', 235_008],
  ['jovian', '08', 81_984],
  ['jovian', '0c', 288_960],
  ['jovian', '0e', 278_784],
  ['jovian', '0f', 156_672],
  ['karst', '08', 57_600],
]

const P256VERIFY = '0100'

/** Gas of P256VERIFY from Fjord to Jovian (RIP-7212); EIP-7951 doubles it in Karst (P-02, P-03). */
const P256VERIFY_GAS = 3_450n

const outOfGas = (gasLimit: bigint) => ({
  executionGasUsed: gasLimit,
  returnValue: new Uint8Array(),
  exceptionError: new EVMError(EVMError.errorMessages.OUT_OF_GAS),
})

/**
 * The precompiles of a fork that differ from those of its Ethereum rule set.
 *
 * @see https://specs.optimism.io/protocol/precompiles.html
 */
export function customPrecompiles(common: Common, isActive: Rules['isActive']): CustomPrecompile[] {
  const key = (address: string) => address.padStart(40, '0')
  const ethereum = getActivePrecompiles(common)
  const custom = new Map<string, PrecompileFunc>()
  for (const [since, address, bytes] of INPUT_LIMITS) {
    const original = ethereum.get(key(address))
    if (original === undefined || !isActive(since)) continue
    custom.set(address, (input) =>
      input.data.length > bytes ? outOfGas(input.gasLimit) : original(input),
    )
  }
  if (isActive('fjord') && !isActive('karst')) {
    const osaka = getActivePrecompiles(new Common({ chain: Mainnet, hardfork: Hardfork.Osaka }))
    const verify = osaka.get(key(P256VERIFY))!
    custom.set(P256VERIFY, async (input) =>
      input.gasLimit < P256VERIFY_GAS
        ? outOfGas(input.gasLimit)
        : { ...(await verify({ ...input, gasLimit: 6_900n })), executionGasUsed: P256VERIFY_GAS },
    )
  }
  return [...custom].map(([address, run]) => ({ address: `0x${key(address)}`, function: run }))
}
