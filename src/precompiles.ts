import type { Common } from '@ethereumjs/common'
import { type CustomPrecompile, EVMError, getActivePrecompiles } from '@ethereumjs/evm'
import type { Fork } from './chain.ts'

/** Longest input in bytes that a precompile takes, with the fork that set it (P-04…P-09, P-12). */
const MAX_INPUT_BYTES: Record<string, Partial<Record<Fork, number>>> = {
  '08': { granite: 112_687, jovian: 81_984, karst: 57_600 },
  '0c': { isthmus: 513_760, jovian: 288_960 },
  '0e': { isthmus: 488_448, jovian: 278_784 },
  '0f': { isthmus: 235_008, jovian: 156_672 },
}

/** Gas of P256VERIFY by EIP-7951, and by RIP-7212 until Jovian (P-02, P-03). */
const [EIP_7951_GAS, RIP_7212_GAS] = [6_900n, 3_450n]

/**
 * The precompiles of a fork that differ from those of its Ethereum rule set.
 *
 * @see https://specs.optimism.io/protocol/precompiles.html
 */
export function customPrecompiles(common: Common, isActive: (fork: Fork) => boolean) {
  const exceptionError = new EVMError(EVMError.errorMessages.OUT_OF_GAS)
  const custom: CustomPrecompile[] = []
  for (const [address, original] of getActivePrecompiles(common)) {
    const limits = Object.entries(MAX_INPUT_BYTES[address.slice(38)] ?? {})
    const maxInput = limits.findLast(([fork]) => isActive(fork as Fork))?.[1]
    const isRIP7212 = address.endsWith('0100') && !isActive('karst')
    if (maxInput === undefined && !isRIP7212) continue
    const run: typeof original = async (input) => {
      const { data, gasLimit } = input
      if (data.length > (maxInput ?? data.length) || (isRIP7212 && gasLimit < RIP_7212_GAS)) {
        return { executionGasUsed: gasLimit, returnValue: new Uint8Array(), exceptionError }
      }
      const result = await original({ ...input, gasLimit: isRIP7212 ? EIP_7951_GAS : gasLimit })
      return isRIP7212 ? { ...result, executionGasUsed: RIP_7212_GAS } : result
    }
    custom.push({ address: `0x${address}`, function: run })
  }
  return custom
}
