import type { Common } from '@ethereumjs/common'
import { type CustomPrecompile, getActivePrecompiles } from '@ethereumjs/evm'
import type { Fork } from './chain.ts'

/** Longest input in bytes that a precompile takes, with the fork that set it (P-04…P-09, P-12). */
const MAX_INPUT_BYTES: Record<string, Partial<Record<Fork, number>>> = {
  '08': { granite: 112_687, jovian: 81_984, karst: 57_600 },
  '0c': { isthmus: 513_760, jovian: 288_960 },
  '0e': { isthmus: 488_448, jovian: 278_784 },
  '0f': { isthmus: 235_008, jovian: 156_672 },
}

/**
 * The precompiles of a fork, with what differs from its Ethereum rule set.
 *
 * @see https://specs.optimism.io/protocol/precompiles.html
 */
export function customPrecompiles(common: Common, isActive: (fork: Fork) => boolean) {
  return [...getActivePrecompiles(common)].map(([address, original]): CustomPrecompile => {
    const limits = Object.entries(MAX_INPUT_BYTES[address.slice(38)] ?? {})
    const limit = limits.findLast(([fork]) => isActive(fork as Fork))?.[1] ?? Infinity
    // Gas that P256VERIFY costs less by RIP-7212, until Jovian, than by EIP-7951 (P-02, P-03).
    const discount = address.endsWith('0100') && !isActive('karst') ? 3_450n : 0n
    const run: typeof original = async (input) => {
      // What is too long is given no gas, of which it fails; all gas counts as used.
      const extraGas = input.data.length > limit ? -input.gasLimit : discount
      const result = await original({ ...input, gasLimit: input.gasLimit + extraGas })
      return { ...result, executionGasUsed: result.executionGasUsed - extraGas }
    }
    return { address: `0x${address}`, function: run }
  })
}
