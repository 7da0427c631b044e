import type { BlockHeader } from '@ethereumjs/block'
import { type BigIntLike, bigIntMax, bigIntToBytes, bytesToBigInt } from '@ethereumjs/util'
import { bytesToHex, concatBytes, setLengthLeft } from '@ethereumjs/util'
import type { Chain, Rules } from './chain.ts'

/** First byte and length of `extraData` (B-05, B-08, B-09). */
const extraDataFormat = ({ isActive }: Rules) =>
  isActive('jovian')
    ? { version: 1, length: 17 }
    : isActive('holocene')
      ? { version: 0, length: 9 }
      : { length: 0 }

/**
 * Encodes `extraData`: empty at first, EIP-1559 parameters from Holocene on, the minimum base fee
 * behind them from Jovian on (B-05…B-10).
 *
 * @param eip1559Params - denominator and elasticity, 32 bits each, both 0 for those of the config
 * @param minBaseFee - wei, 64 bits
 * @throws if an argument is missing, out of place or not valid
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#minimum-base-fee-in-block-header
 */
export function encodeExtraData(
  rules: Rules,
  eip1559Params: Uint8Array,
  minBaseFee?: BigIntLike | null,
) {
  const { version } = extraDataFormat(rules)
  const uint = (value: BigIntLike, bytes: number) =>
    setLengthLeft(bigIntToBytes(BigInt(value as bigint)), bytes)
  const isUnset = eip1559Params.length === 8 && eip1559Params.every((byte) => byte === 0)
  const { denominator, elasticity } = rules.eip1559
  const extraData = concatBytes(
    Uint8Array.from(version === undefined ? [] : [version]),
    isUnset ? concatBytes(uint(denominator, 4), uint(elasticity, 4)) : eip1559Params,
    minBaseFee == null ? new Uint8Array() : uint(minBaseFee, 8),
  )
  decodeExtraData(rules, extraData)
  return extraData
}

/**
 * Decodes the `extraData` of a header under that header's own rules (B-05, B-08, B-09).
 *
 * @throws if version or length are not the fork's, or a parameter is zero
 */
export function decodeExtraData(rules: Rules, extraData: Uint8Array) {
  const { version, length } = extraDataFormat(rules)
  const denominator = bytesToBigInt(extraData.subarray(1, 5))
  const elasticity = bytesToBigInt(extraData.subarray(5, 9))
  const isUnset = length > 0 && denominator * elasticity === 0n
  if (extraData[0] !== version || extraData.length !== length || isUnset) {
    throw new Error(`extraData ${bytesToHex(extraData)} is not valid in a ${rules.fork} block`)
  }
  return { denominator, elasticity, minBaseFee: bytesToBigInt(extraData.subarray(9)) }
}

/**
 * The base fee in wei per gas of the block after `parent` (B-01…B-04, B-11).
 *
 * @param rules - of the new block, for the Canyon denominator; Holocene and Jovian look at the
 * parent's
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#minimum-base-fee
 */
export function calculateBaseFee(chain: Chain, parent: BlockHeader, rules: Rules): bigint {
  const parentRules = chain.rules(parent)
  const isHolocene = parentRules.isActive('holocene')
  const parameters = isHolocene ? decodeExtraData(parentRules, parent.extraData) : rules.eip1559
  const footprint = parentRules.isActive('jovian') ? parent.blobGasUsed! : 0n
  const baseFee = parent.baseFeePerGas!
  const target = parent.gasLimit / parameters.elasticity
  const excess = bigIntMax(parent.gasUsed, footprint) - target
  const change = (gas: bigint) => (baseFee * gas) / target / parameters.denominator
  const next = excess > 0n ? baseFee + bigIntMax(change(excess), 1n) : baseFee - change(-excess)
  return bigIntMax(next, parameters.minBaseFee)
}
