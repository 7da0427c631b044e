import { bigIntMax, bytesToBigInt, createAddressFromString } from '@ethereumjs/util'
import type { AnyState } from '../ethereumjs/state.ts'
import type { Rules } from './chain.ts'

const L1_BLOCK = createAddressFromString('0x4200000000000000000000000000000000000015')

/** Fee parameters of a block, from the L1Block predeploy. Slots stay packed as they are there. */
export interface L1Block {
  /** Base fee of L1 in wei per gas. */
  l1GasPrice: bigint
  /** Blob base fee of L1 in wei per gas; 0 before Ecotone. */
  l1BlobBaseFee: bigint
  /** Slot 3, with the scalars of both base fees (×10⁶); 0 before Ecotone. */
  scalars: bigint
  /** Slot 8, with operator fee and DA footprint parameters; 0 before Isthmus. */
  operator: bigint
  /** Where the parameters of Ecotone are unset: overhead in L1 gas, and the scalar ×10⁶. */
  legacy?: { overhead: bigint; scalar: bigint }
}

/** What a signed transaction pays for its data on L1, by the names of receipts in JSON-RPC. */
export interface L1Fees {
  /** Base fee of L1 in wei per gas. */
  l1GasPrice: bigint
  /** Gas that the data takes on L1, by estimation. */
  l1GasUsed: bigint
  /** Wei that go to the L1 fee vault. */
  l1Fee: bigint
  /** Decimal, until Ecotone's parameters are set. */
  l1FeeScalar?: string
  /** These four from Ecotone's parameters on; scalars ×10⁶. */
  l1BlobBaseFee?: bigint
  l1BaseFeeScalar?: bigint
  l1BlobBaseFeeScalar?: bigint
  /** Where an operator fee is set: scalar ×10⁶, and wei. */
  operatorFeeScalar?: bigint
  operatorFeeConstant?: bigint
  /** From Jovian: gas a byte of DA footprint, and the whole footprint in gas (F-30, F-31). */
  daFootprintGasScalar?: bigint
  blobGasUsed?: bigint
}

/** The field of `bits` bits in a packed slot that ends `offset` bits above its low end. */
const unpack = (slot: bigint, offset: bigint, bits = 32) => BigInt.asUintN(bits, slot >> offset)

/**
 * Reads the fee parameters, and no slot that the fork does not define (F-34). For the moment when the
 * first signed transaction of a block runs, thus after the L1 attributes deposit; they then hold for
 * the whole block (F-07).
 *
 * @see https://specs.optimism.io/protocol/l1-attributes.html
 */
export async function readL1Block(state: AnyState, rules: Rules): Promise<L1Block> {
  const slot = async (index: number) =>
    bytesToBigInt(await state.getStorage(L1_BLOCK, new Uint8Array(32).fill(index, 31)))
  const isEcotone = rules.isActive('ecotone')
  const scalars = isEcotone ? await slot(3) : 0n
  const l1BlobBaseFee = isEcotone ? await slot(7) : 0n
  const operator = rules.isActive('isthmus') ? await slot(8) : 0n
  // Before Ecotone, or in it before its parameters are set (F-23).
  const isLegacy = unpack(scalars, 64n, 64) === 0n && l1BlobBaseFee === 0n
  const legacy = isLegacy ? { overhead: await slot(5), scalar: await slot(6) } : undefined
  return { l1GasPrice: await slot(1), l1BlobBaseFee, scalars, operator, legacy }
}

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
  let size = 0
  let anchor = 0
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
    positions[bucket(anchor - 2)] = anchor - 2
    positions[bucket(anchor - 1)] = anchor - 1
    position = anchor - 1
  }
  return size + literals(data.length - anchor)
}

/**
 * Bytes ×10⁶ that a transaction is estimated to take on L1, from Fjord on.
 *
 * @param raw - the full signed EIP-2718 encoding (F-02)
 */
export const estimateDASize = (raw: Uint8Array): bigint =>
  bigIntMax(100_000_000n, 836_500n * BigInt(flzCompressLen(raw)) - 42_585_600n)

/**
 * What a signed transaction pays for its data on L1 (F-20…F-24), and the rest of its receipt's fee
 * fields (F-41…F-47).
 *
 * @param raw - the full signed EIP-2718 encoding (F-02)
 * @see https://specs.optimism.io/protocol/exec-engine.html#l1-cost-fees-l1-fee-vault
 */
export function l1Fees(l1Block: L1Block, { isActive }: Rules, raw: Uint8Array): L1Fees {
  const { l1GasPrice, l1BlobBaseFee, scalars, operator, legacy } = l1Block
  const l1BaseFeeScalar = unpack(scalars, 96n)
  const l1BlobBaseFeeScalar = unpack(scalars, 64n)
  // Where Ecotone's parameters are unset, the price of blobs is 0.
  const { overhead = 0n, scalar = l1BaseFeeScalar } = legacy ?? {}
  const price = 16n * l1GasPrice * scalar + l1BlobBaseFee * l1BlobBaseFeeScalar
  // Bedrock adds a signature of 68 bytes at 16 gas, although `raw` is signed.
  const dataGas = raw.reduce((gas, byte) => gas + (byte ? 16 : 4), isActive('regolith') ? 0 : 1088)
  // Until Fjord a byte is a sixteenth of the calldata gas.
  const calldataSize = (BigInt(dataGas) + overhead) * 62_500n
  const daSize = isActive('fjord') ? estimateDASize(raw) : 0n
  const size = isActive('fjord') && !legacy ? daSize : calldataSize
  const operatorFeeScalar = unpack(operator, 64n)
  const operatorFeeConstant = unpack(operator, 0n, 64)
  const hasOperatorFee = operatorFeeScalar > 0n || operatorFeeConstant > 0n
  const daFootprintGasScalar = unpack(operator, 96n, 16)
  const blobGasUsed = (daSize / 1_000_000n) * daFootprintGasScalar
  return {
    l1GasPrice,
    l1GasUsed: (size * 16n) / 1_000_000n,
    l1Fee: (size * price) / 1_000_000_000_000n,
    ...(legacy && { l1FeeScalar: String(Number(legacy.scalar) / 1e6) }),
    ...(!legacy && { l1BlobBaseFee, l1BaseFeeScalar, l1BlobBaseFeeScalar }),
    ...(hasOperatorFee && { operatorFeeScalar, operatorFeeConstant }),
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
