import type { StateManagerInterface } from '@ethereumjs/common'
import { bigIntMax, bytesToBigInt, createAddressFromString } from '@ethereumjs/util'
import { intToBytes, setLengthLeft } from '@ethereumjs/util'
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
    bytesToBigInt(await state.getStorage(L1_BLOCK, setLengthLeft(intToBytes(index), 32)))
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
  const limit = data.length - 13
  const read24 = (at: number) => data[at] | (data[at + 1] << 8) | (data[at + 2] << 16)
  const bucket = (sequence: number) => Math.imul(2654435769, sequence) >>> 19
  const literals = (run: number) => 33 * (run >> 5) + (run & 31 ? (run & 31) + 1 : 0)
  let [size, anchor, position] = [0, 0, 2]
  while (position < limit - 1) {
    const sequence = read24(position)
    const candidate = positions[bucket(sequence)]
    positions[bucket(sequence)] = position
    position++
    if (position - candidate > 8192 || sequence !== read24(candidate)) continue
    size += literals(position - 1 - anchor)
    // Bytes that match behind the first three. Like the original, starts again after one more.
    const [a, b, end] = [candidate + 3, position + 2, limit + 9]
    let same = 0
    while (b + same < end - 1 && data[a + same] === data[b + same]) same++
    size += 3 * Math.floor(same / 262) + (same % 262 >= 6 ? 3 : 2)
    anchor = b + same
    for (position = anchor - 2; position < anchor; position++) {
      positions[bucket(read24(position))] = position
    }
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
  const zeroes = raw.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0)
  const calldataGas = BigInt(16 * raw.length - 12 * zeroes)
  // Bedrock adds a signature of 68 bytes, although `raw` is signed.
  const signatureGas = isActive('regolith') ? 0n : 68n * 16n
  const legacyGas = calldataGas + signatureGas + (legacy?.overhead ?? 0n)
  // Bytes ×10⁶: until Fjord a sixteenth of the calldata gas, then estimated with FastLZ.
  const estimate = 836_500n * BigInt(flzCompressLen(raw)) - 42_585_600n
  const size = isActive('fjord') ? bigIntMax(100_000_000n, estimate) : calldataGas * 62_500n
  const price = 16n * l1GasPrice * l1BaseFeeScalar + l1BlobBaseFee * l1BlobBaseFeeScalar
  const legacyFee = (legacyGas * l1GasPrice * (legacy?.scalar ?? 0n)) / 1_000_000n
  const operatorFeeScalar = unpack(operator, 64n)
  const operatorFeeConstant = unpack(operator, 0n, 64)
  const daFootprintGasScalar = unpack(operator, 96n, 16)
  const blobGasUsed = (size / 1_000_000n) * daFootprintGasScalar
  return {
    l1GasPrice,
    l1GasUsed: legacy ? legacyGas : (size * 16n) / 1_000_000n,
    l1Fee: legacy ? legacyFee : (size * price) / 1_000_000_000_000n,
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
