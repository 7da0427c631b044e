import type { StateManagerInterface } from '@ethereumjs/common'
import { bigIntMax, bytesToBigInt, createAddressFromString } from '@ethereumjs/util'
import type { Rules } from './chain.ts'

const L1_BLOCK = createAddressFromString('0x4200000000000000000000000000000000000015')

/**
 * Reads the fee parameters from the L1Block predeploy, and no slot that the fork does not define
 * (F-34). For the moment when the first signed transaction of a block runs, thus after the L1
 * attributes deposit; they then hold for the whole block (F-07).
 *
 * @returns `l1GasPrice` and `l1BlobBaseFee` in wei; slots 3 and 8 as they are packed, 0 before their
 * fork; `legacy` with the overhead in L1 gas and the scalar ×10⁶ where those of Ecotone are unset
 * @see https://specs.optimism.io/protocol/l1-attributes.html
 */
export async function readL1Block(state: StateManagerInterface, { isActive }: Rules) {
  const slot = async (index: number) =>
    bytesToBigInt(await state.getStorage(L1_BLOCK, new Uint8Array(32).fill(index, 31)))
  const [scalars, l1BlobBaseFee] = isActive('ecotone') ? [await slot(3), await slot(7)] : [0n, 0n]
  const operator = isActive('isthmus') ? await slot(8) : 0n
  // Before Ecotone, or in it before its parameters are set (F-23).
  const isLegacy = unpack(scalars, 64n, 64) === 0n && l1BlobBaseFee === 0n
  const legacy = isLegacy ? { overhead: await slot(5), scalar: await slot(6) } : undefined
  return { l1GasPrice: await slot(1), l1BlobBaseFee, scalars, operator, legacy }
}

/** The field of `bits` bits in a packed slot that ends `offset` bits above its low end. */
const unpack = (slot: bigint, offset: bigint, bits = 32) => BigInt.asUintN(bits, slot >> offset)

/** Fee parameters of a block. */
export type L1Block = Awaited<ReturnType<typeof readL1Block>>

/**
 * Length in bytes of `data` after FastLZ level 1 compression, without compressing it (F-25).
 *
 * @see https://specs.optimism.io/protocol/fjord/exec-engine.html#fees
 */
export function flzCompressLen(data: Uint8Array): number {
  const positions = new Uint32Array(8192)
  const read24 = (at: number) => data[at] | (data[at + 1] << 8) | (data[at + 2] << 16)
  const bucket = (at: number) => Math.imul(2654435769, read24(at)) >>> 19
  const literals = (run: number) => run + Math.ceil(run / 32)
  let [size, anchor] = [0, 0]
  for (let position = 2; position < data.length - 14; position++) {
    const distance = position - positions[bucket(position)]
    positions[bucket(position)] = position
    if (distance > 8191 || read24(position) !== read24(position - distance)) continue
    size += literals(position - anchor)
    // Like the original, starts again one byte after those that match, which are at least three.
    anchor = position + 3
    while (anchor < data.length - 5 && data[anchor] === data[anchor - distance]) anchor++
    const more = anchor - position - 3
    size += 3 * Math.floor(more / 262) + (more % 262 >= 6 ? 3 : 2)
    for (const at of [anchor - 2, anchor - 1]) positions[bucket(at)] = at
    position = anchor - 1
  }
  return size + literals(data.length - anchor)
}

/**
 * What a signed transaction pays for its data on L1 (F-20…F-24), and the rest of its receipt's fee
 * fields (F-41…F-47). From Jovian, `blobGasUsed` is its DA footprint (F-30, F-31).
 *
 * @param raw - the full signed EIP-2718 encoding (F-02)
 * @see https://specs.optimism.io/protocol/exec-engine.html#l1-cost-fees-l1-fee-vault
 */
export function l1Fees(l1Block: L1Block, { isActive }: Rules, raw: Uint8Array) {
  const { l1GasPrice, l1BlobBaseFee, scalars, operator, legacy } = l1Block
  const [l1BaseFeeScalar, l1BlobBaseFeeScalar] = [unpack(scalars, 96n), unpack(scalars, 64n)]
  // Where Ecotone's parameters are unset, the price of blobs is 0.
  const { overhead = 0n, scalar = l1BaseFeeScalar } = legacy ?? {}
  const price = 16n * l1GasPrice * scalar + l1BlobBaseFee * l1BlobBaseFeeScalar
  // Bedrock adds a signature of 68 bytes at 16 gas, although `raw` is signed.
  const dataGas = raw.reduce((gas, byte) => gas + (byte ? 16 : 4), isActive('regolith') ? 0 : 1088)
  // Bytes ×10⁶: until Fjord a sixteenth of the calldata gas, then estimated with FastLZ.
  const estimate = bigIntMax(100_000_000n, 836_500n * BigInt(flzCompressLen(raw)) - 42_585_600n)
  const size = isActive('fjord') && !legacy ? estimate : (BigInt(dataGas) + overhead) * 62_500n
  const [operatorFeeScalar, operatorFeeConstant] = [unpack(operator, 64n), unpack(operator, 0n, 64)]
  const daFootprintGasScalar = unpack(operator, 96n, 16)
  const blobGasUsed = (estimate / 1_000_000n) * daFootprintGasScalar
  return {
    l1GasPrice,
    l1GasUsed: (size * 16n) / 1_000_000n,
    l1Fee: (size * price) / 1_000_000_000_000n,
    ...(legacy && { l1FeeScalar: String(Number(legacy.scalar) / 1e6) }),
    ...(!legacy && { l1BlobBaseFee, l1BaseFeeScalar, l1BlobBaseFeeScalar }),
    ...(BigInt.asUintN(96, operator) > 0n && { operatorFeeScalar, operatorFeeConstant }),
    ...(isActive('jovian') && { daFootprintGasScalar, blobGasUsed }),
  }
}

/**
 * The operator fee for `gas`, in wei; 0 before Isthmus (F-26, F-27).
 *
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#operator-fee
 */
export function operatorFee({ operator }: L1Block, { isActive }: Rules, gas: bigint): bigint {
  const scaled = gas * unpack(operator, 64n)
  return (isActive('jovian') ? scaled * 100n : scaled / 1_000_000n) + unpack(operator, 0n, 64)
}
