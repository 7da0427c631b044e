import type { StateManagerInterface } from '@ethereumjs/common'
import { bytesToBigInt, createAddressFromString, intToBytes, setLengthLeft } from '@ethereumjs/util'
import type { Rules } from './chain.ts'

const L1_BLOCK = createAddressFromString('0x4200000000000000000000000000000000000015')

/**
 * The fee parameters that the L1Block predeploy holds. Which of them exist depends on the fork.
 *
 * @see https://specs.optimism.io/protocol/l1-attributes.html
 */
export interface L1Block {
  /** Wei per L1 gas. */
  l1BaseFee: bigint
  /** `overhead` in L1 gas, `scalar` ×10⁶: before Ecotone, and while Ecotone's are unset (F-23). */
  legacy?: { overhead: bigint; scalar: bigint }
  /** Wei per L1 blob gas; from Ecotone. */
  blobBaseFee: bigint
  /** Multipliers ×10⁶ of 32 bits; from Ecotone. */
  baseFeeScalar: bigint
  blobBaseFeeScalar: bigint
  /** Multiplier of 32 bits; from Isthmus, else 0. */
  operatorFeeScalar: bigint
  /** Wei, 64 bits; from Isthmus, else 0. */
  operatorFeeConstant: bigint
  /** Gas per byte of estimated size, 16 bits; from Jovian, else 0. */
  daFootprintGasScalar: bigint
}

/**
 * Reads the fee parameters from the state, touching only the slots that the fork defines (F-34).
 * To be called when the first signed transaction of a block runs, thus after the L1 attributes
 * deposit, and then used for the whole block (F-07).
 */
export async function readL1Block(state: StateManagerInterface, rules: Rules): Promise<L1Block> {
  const slot = async (index: number) =>
    bytesToBigInt(await state.getStorage(L1_BLOCK, setLengthLeft(intToBytes(index), 32)))
  const ecotone = rules.isActive('ecotone')
  const scalars = ecotone ? await slot(3) : 0n
  const operator = rules.isActive('isthmus') ? await slot(8) : 0n
  const l1Block: L1Block = {
    l1BaseFee: await slot(1),
    blobBaseFee: ecotone ? await slot(7) : 0n,
    baseFeeScalar: BigInt.asUintN(32, scalars >> 96n),
    blobBaseFeeScalar: BigInt.asUintN(32, scalars >> 64n),
    operatorFeeScalar: BigInt.asUintN(32, operator >> 64n),
    operatorFeeConstant: BigInt.asUintN(64, operator),
    daFootprintGasScalar: rules.isActive('jovian') ? BigInt.asUintN(16, operator >> 96n) : 0n,
  }
  const { blobBaseFee, baseFeeScalar, blobBaseFeeScalar } = l1Block
  if (blobBaseFee === 0n && baseFeeScalar === 0n && blobBaseFeeScalar === 0n) {
    l1Block.legacy = { overhead: await slot(5), scalar: await slot(6) }
  }
  return l1Block
}

/**
 * Length in bytes of `data` after FastLZ level 1 compression, without compressing it (F-25).
 *
 * @see https://specs.optimism.io/protocol/fjord/exec-engine.html#fees
 */
export function flzCompressLen(data: Uint8Array): number {
  const positions = new Uint32Array(8192)
  const limit = data.length - 13
  const read24 = (at: number) => data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16)
  const bucket = (sequence: number) => Math.imul(2654435769, sequence) >>> 19
  const literals = (run: number) => 33 * (run >> 5) + (run & 31 ? (run & 31) + 1 : 0)
  let size = 0
  let anchor = 0
  let position = 2
  while (position < limit - 1) {
    const sequence = read24(position)
    const candidate = positions[bucket(sequence)]!
    positions[bucket(sequence)] = position
    if (position - candidate > 8191 || sequence !== read24(candidate)) {
      position++
      continue
    }
    size += literals(position - anchor)
    // The first three bytes match; so may more, up to four bytes before the end.
    let length = 3
    while (position + length < limit + 9 && data[candidate + length] === data[position + length]) {
      length++
    }
    // Like the original, counts the byte that ended the match and starts the next one behind it.
    if (position + length < limit + 9) length++
    const extra = length - 4
    size += 3 * Math.floor(extra / 262) + (extra % 262 >= 6 ? 3 : 2)
    position += length - 3
    positions[bucket(read24(position))] = position
    positions[bucket(read24(position + 1))] = position + 1
    position += 2
    anchor = position
  }
  return size + literals(data.length - anchor)
}

/** Estimated size in bytes ×10⁶ that a transaction takes in a batch on L1; from Fjord (F-24). */
function scaledSize(raw: Uint8Array): bigint {
  const estimate = 836_500n * BigInt(flzCompressLen(raw)) - 42_585_600n
  return estimate > 100_000_000n ? estimate : 100_000_000n
}

/** L1 gas for publishing `raw`: 16 per byte, or 4 where it is zero (EIP-2028). */
function calldataGas(raw: Uint8Array): bigint {
  const zeroes = raw.reduce((count, byte) => (byte === 0 ? count + 1 : count), 0)
  return BigInt(16 * raw.length - 12 * zeroes)
}

/**
 * The L1 data fee of a signed transaction (F-20…F-24).
 *
 * @param raw - the full signed EIP-2718 encoding (F-02)
 * @returns wei, and the L1 gas shown in receipts (F-42)
 * @see https://specs.optimism.io/protocol/exec-engine.html#l1-cost-fees-l1-fee-vault
 */
export function l1Fee(
  l1Block: L1Block,
  rules: Rules,
  raw: Uint8Array,
): { l1GasUsed: bigint; l1Fee: bigint } {
  const { l1BaseFee, legacy, blobBaseFee } = l1Block
  if (legacy) {
    // Bedrock assumed a signature of 68 bytes on top of the already signed transaction.
    const signatureGas = rules.isActive('regolith') ? 0n : 68n * 16n
    const l1GasUsed = calldataGas(raw) + signatureGas + legacy.overhead
    return { l1GasUsed, l1Fee: (l1GasUsed * l1BaseFee * legacy.scalar) / 1_000_000n }
  }
  const price = 16n * l1BaseFee * l1Block.baseFeeScalar + blobBaseFee * l1Block.blobBaseFeeScalar
  if (!rules.isActive('fjord')) {
    const l1GasUsed = calldataGas(raw)
    return { l1GasUsed, l1Fee: (l1GasUsed * price) / 16_000_000n }
  }
  const size = scaledSize(raw)
  return { l1GasUsed: (size * 16n) / 1_000_000n, l1Fee: (size * price) / 1_000_000_000_000n }
}

/**
 * The operator fee for `gas`, in wei; 0 before Isthmus (F-26, F-27).
 *
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#operator-fee
 */
export function operatorFee(l1Block: L1Block, rules: Rules, gas: bigint): bigint {
  const scaled = gas * l1Block.operatorFeeScalar
  const variable = rules.isActive('jovian') ? scaled * 100n : scaled / 1_000_000n
  return variable + l1Block.operatorFeeConstant
}

/**
 * What a signed transaction counts against the block's gas limit for data availability; 0 before
 * Jovian (F-30, F-31).
 *
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#da-footprint-block-limit
 */
export const daFootprint = (l1Block: L1Block, raw: Uint8Array): bigint =>
  l1Block.daFootprintGasScalar === 0n
    ? 0n
    : (scaledSize(raw) / 1_000_000n) * l1Block.daFootprintGasScalar

/** Fee fields of a signed transaction's receipt, under their JSON-RPC names (F-41…F-47). */
export interface FeeFields {
  l1GasPrice: bigint
  l1GasUsed: bigint
  l1Fee: bigint
  /** Decimal fraction such as "0.684"; before Ecotone. */
  l1FeeScalar?: string
  l1BlobBaseFee?: bigint
  l1BaseFeeScalar?: bigint
  l1BlobBaseFeeScalar?: bigint
  operatorFeeScalar?: bigint
  operatorFeeConstant?: bigint
  daFootprintGasScalar?: bigint
  /** The transaction's DA footprint; from Jovian. */
  blobGasUsed?: bigint
}

/** The fee fields of the receipt of the signed transaction `raw`. Not part of consensus. */
export function feeFields(l1Block: L1Block, rules: Rules, raw: Uint8Array): FeeFields {
  const { legacy, operatorFeeScalar, operatorFeeConstant, daFootprintGasScalar } = l1Block
  const fields: FeeFields = { l1GasPrice: l1Block.l1BaseFee, ...l1Fee(l1Block, rules, raw) }
  if (legacy) {
    fields.l1FeeScalar = String(Number(legacy.scalar) / 1e6)
  } else {
    fields.l1BlobBaseFee = l1Block.blobBaseFee
    fields.l1BaseFeeScalar = l1Block.baseFeeScalar
    fields.l1BlobBaseFeeScalar = l1Block.blobBaseFeeScalar
  }
  if (operatorFeeScalar + operatorFeeConstant > 0n) {
    Object.assign(fields, { operatorFeeScalar, operatorFeeConstant })
  }
  if (rules.isActive('jovian')) {
    Object.assign(fields, { daFootprintGasScalar, blobGasUsed: daFootprint(l1Block, raw) })
  }
  return fields
}
