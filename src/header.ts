import type { BlockHeader } from '@ethereumjs/block'
import {
  type Address,
  bigIntToBytes,
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  setLengthLeft,
} from '@ethereumjs/util'
import type { Chain, Rules } from './chain.ts'

/**
 * What the consensus client dictates about a block; everything else follows from execution.
 *
 * @see https://specs.optimism.io/protocol/exec-engine.html#extended-payloadattributesv1
 */
export interface PayloadAttributes {
  /** Seconds. */
  timestamp: bigint
  /** 32 bytes: the header's `mixHash` and the PREVRANDAO opcode. */
  prevRandao: Uint8Array
  /** The header's coinbase. Any address is valid. */
  suggestedFeeRecipient: Address
  /** The block's gas limit, used as it is: no 1/1024 rule on OP chains (B-14). */
  gasLimit: bigint
  /** EIP-2718 encodings, in order; all of them must be valid. */
  transactions: Uint8Array[]
  /** May be empty, nothing else. */
  withdrawals?: unknown[]
  /** 32 bytes; from Ecotone. */
  parentBeaconBlockRoot?: Uint8Array
  /** 8 bytes: denominator and elasticity, 32 bits each, both 0 for the config's; from Holocene. */
  eip1559Params?: Uint8Array
  /** Wei, 64 bits; from Jovian. */
  minBaseFee?: bigint
}

/** What `extraData` says about the base fee of the next block. `minBaseFee` is 0 before Jovian. */
export interface BaseFeeParameters {
  denominator: bigint
  elasticity: bigint
  minBaseFee: bigint
}

/** 32- or 64-bit big-endian. */
const uint = (value: bigint, bytes: number) => setLengthLeft(bigIntToBytes(value), bytes)

/** Version byte and length of `extraData`: Jovian appends the minimum base fee (B-05, B-09). */
const extraDataFormat = (rules: Rules) =>
  rules.isActive('jovian') ? { version: 1, length: 17 } : { version: 0, length: 9 }

/**
 * Encodes the header's `extraData` for the given attributes (B-05…B-10).
 *
 * @throws if an attribute is missing, out of place or out of range
 * @see https://specs.optimism.io/protocol/holocene/exec-engine.html#eip1559params-encoding
 */
export function encodeExtraData(
  rules: Rules,
  { eip1559Params, minBaseFee }: Pick<PayloadAttributes, 'eip1559Params' | 'minBaseFee'>,
): Uint8Array {
  const { fork, eip1559 } = rules
  if ((minBaseFee !== undefined) !== rules.isActive('jovian')) {
    throw new Error(`minBaseFee is ${minBaseFee ?? 'missing'} in a ${fork} block`)
  }
  if (!rules.isActive('holocene')) {
    if (eip1559Params !== undefined) throw new Error(`eip1559Params in a ${fork} block`)
    return new Uint8Array()
  }
  if (eip1559Params?.length !== 8) {
    throw new Error(`eip1559Params must be 8 bytes, got ${eip1559Params?.length ?? 'none'}`)
  }
  const unset = eip1559Params.every((byte) => byte === 0)
  const denominator = unset ? eip1559.denominator : bytesToBigInt(eip1559Params.subarray(0, 4))
  const elasticity = unset ? eip1559.elasticity : bytesToBigInt(eip1559Params.subarray(4))
  const extraData = concatBytes(
    Uint8Array.of(extraDataFormat(rules).version),
    uint(denominator, 4),
    uint(elasticity, 4),
    minBaseFee === undefined ? new Uint8Array() : uint(minBaseFee, 8),
  )
  decodeExtraData(rules, extraData)
  return extraData
}

/**
 * Decodes the `extraData` of a header under the rules of that header (B-05, B-08, B-09).
 *
 * @throws if version or length are not the fork's, or denominator or elasticity are zero
 */
export function decodeExtraData(rules: Rules, extraData: Uint8Array): BaseFeeParameters {
  const { version, length } = extraDataFormat(rules)
  if (!rules.isActive('holocene')) {
    if (extraData.length === 0) return { ...rules.eip1559, minBaseFee: 0n }
    throw new Error(`extraData ${bytesToHex(extraData)} must be empty before Holocene`)
  }
  const denominator = bytesToBigInt(extraData.subarray(1, 5))
  const elasticity = bytesToBigInt(extraData.subarray(5, 9))
  const formatted = extraData.length === length && extraData[0] === version
  if (!formatted || denominator === 0n || elasticity === 0n) {
    const wanted = `${length} bytes of version ${version} with non-zero parameters`
    throw new Error(`extraData ${bytesToHex(extraData)} must be ${wanted}`)
  }
  return { denominator, elasticity, minBaseFee: bytesToBigInt(extraData.subarray(9)) }
}

/**
 * The base fee in wei per gas of the block after `parent` (B-01…B-04, B-11).
 *
 * @param timestamp - of the new block: chooses the Canyon denominator, while the parent's own
 * rules say whether its `extraData` holds parameters
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#minimum-base-fee
 */
export function calculateBaseFee(chain: Chain, parent: BlockHeader, timestamp: bigint): bigint {
  const rules = chain.rules(parent)
  const { denominator, elasticity, minBaseFee } = rules.isActive('holocene')
    ? decodeExtraData(rules, parent.extraData)
    : { ...chain.rules({ number: parent.number + 1n, timestamp }).eip1559, minBaseFee: 0n }
  const footprint = rules.isActive('jovian') ? parent.blobGasUsed! : 0n
  const gasMetered = footprint > parent.gasUsed ? footprint : parent.gasUsed
  const parentBaseFee = parent.baseFeePerGas!
  const target = parent.gasLimit / elasticity
  const surplus = gasMetered - target
  // Two nested floor divisions of a non-negative number, and at least 1 upwards (EIP-1559).
  const size = surplus < 0n ? -surplus : surplus
  const change = size === 0n ? 0n : (parentBaseFee * size) / target / denominator
  const up = change === 0n && surplus > 0n ? 1n : change
  const baseFee = surplus > 0n ? parentBaseFee + up : parentBaseFee - change
  return baseFee > minBaseFee ? baseFee : minBaseFee
}
