import type { Common } from '@ethereumjs/common'
import { type CustomPrecompile, EVMError, getActivePrecompiles } from '@ethereumjs/evm'
import type { Fork } from './chain.ts'

/** Longest input in bytes that a precompile takes, by the fork that set it (P-04…P-09, P-12). */
const MAX_INPUT_BYTES: Record<string, Partial<Record<Fork, number>>> = {
  '08': { granite: 112_687, jovian: 81_984, karst: 57_600 },
  '0c': { isthmus: 513_760, jovian: 288_960 },
  '0e': { isthmus: 488_448, jovian: 278_784 },
  '0f': { isthmus: 235_008, jovian: 156_672 },
}

/** Gas of P256VERIFY: 3,450 by RIP-7212, until 6,900 by EIP-7951 with Karst (P-02, P-03). */
const RIP7212_DISCOUNT = 6_900n - 3_450n

/**
 * The precompiles of a fork, with what differs from its Ethereum rule set.
 *
 * @see https://specs.optimism.io/protocol/precompiles.html
 */
export function createPrecompiles(common: Common, isActive: (fork: Fork) => boolean) {
  return [...getActivePrecompiles(common)].map(([digits, original]): CustomPrecompile => {
    const limits = Object.entries(MAX_INPUT_BYTES[digits.slice(38)] ?? {})
    const limit = limits.findLast(([fork]) => isActive(fork as Fork))?.[1] ?? Infinity
    const discount = digits.endsWith('0100') && !isActive('karst') ? RIP7212_DISCOUNT : 0n
    const run: typeof original = async (input) => {
      const { data, gasLimit } = input
      if (data.length > limit) {
        const exceptionError = new EVMError('out of gas')
        return { exceptionError, executionGasUsed: gasLimit, returnValue: new Uint8Array() }
      }
      const result = await original({ ...input, gasLimit: gasLimit + discount })
      return { ...result, executionGasUsed: result.executionGasUsed - discount }
    }
    return { address: `0x${digits}`, function: run }
  })
}
