import type { BlockHeader } from '@ethereumjs/block'
import { bigIntMax, bytesToBigInt, bytesToHex, hexToBytes, toBytes } from '@ethereumjs/util'
import type { Chain, Rules } from './chain.ts'
import type { PayloadAttributes } from './execute.ts'

/**
 * Encodes `extraData`: empty at first, EIP-1559 parameters from Holocene on, the minimum base fee
 * behind them from Jovian on (B-05…B-10).
 *
 * @param opts.eip1559Params - denominator and elasticity, 32 bits each, both 0 for the config's
 * @param opts.minBaseFee - wei, 64 bits
 * @throws if a parameter is missing, out of place or not valid
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#minimum-base-fee-in-block-header
 */
export function encodeExtraData(rules: Rules, opts: Partial<PayloadAttributes>): Uint8Array {
  const hex = (value: bigint, digits: number) => value.toString(16).padStart(digits, '0')
  const { denominator, elasticity } = rules.eip1559
  const given = bytesToHex(toBytes(opts.eip1559Params)).slice(2)
  const isMissing = rules.extraDataVersion !== '' && given.length !== 16
  if (isMissing) throw new Error(`eip1559Params 0x${given} must be 8 bytes in ${rules.fork}`)
  const params = /^0{16}$/.test(given) ? hex(denominator, 8) + hex(elasticity, 8) : given
  const minimum = opts.minBaseFee == null ? '' : hex(BigInt(opts.minBaseFee as bigint), 16)
  const extraData = hexToBytes(`0x${rules.extraDataVersion}${params}${minimum}`)
  decodeExtraData(rules, extraData)
  return extraData
}

/**
 * Decodes the `extraData` of a header under that header's own rules (B-05, B-08, B-09).
 *
 * @throws if version or length are not the fork's, or a parameter is zero
 */
export function decodeExtraData({ fork, extraDataVersion }: Rules, extraData: Uint8Array) {
  const hex = bytesToHex(extraData)
  const length = extraDataVersion === '' ? 0 : 9 + 8 * Number(extraDataVersion)
  const denominator = bytesToBigInt(extraData.subarray(1, 5))
  const elasticity = bytesToBigInt(extraData.subarray(5, 9))
  const isUnset = length > 0 && denominator * elasticity === 0n
  const isValid = extraData.length === length && hex.startsWith(`0x${extraDataVersion}`) && !isUnset
  if (!isValid) throw new Error(`extraData ${hex} is not valid in a ${fork} block`)
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
  // Rounds towards 0. Where no gas was used, the target may be 0.
  const change = excess === 0n ? 0n : (baseFee * excess) / target / parameters.denominator
  const next = baseFee + (excess > 0n ? bigIntMax(change, 1n) : change)
  return bigIntMax(next, parameters.minBaseFee)
}
