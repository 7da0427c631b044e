import { type BlockHeader, type HeaderData, createBlockHeader } from '@ethereumjs/block'
import {
  type BigIntLike,
  type BytesLike,
  bigIntMax,
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  setLengthLeft,
  toBytes,
} from '@ethereumjs/util'
import { assertRule } from '../ethereumjs/errors.ts'
import type { Chain, EIP1559Params, Rules } from './chain.ts'

/**
 * What the consensus client dictates about a block. Numbers and bytes may be hex, as in the Engine
 * API; what a fork does not have is absent or null.
 *
 * @see https://specs.optimism.io/protocol/exec-engine.html#extended-payloadattributesv1
 */
export interface PayloadAttributes<Bytes = BytesLike, Quantity = BigIntLike> {
  /** Seconds. */
  timestamp: Quantity
  /** 32 bytes: the header's `mixHash` and the PREVRANDAO opcode. */
  prevRandao: Bytes
  /** 20 bytes: the header's coinbase; any address is valid. */
  suggestedFeeRecipient: Bytes
  /** Must be empty. */
  withdrawals?: unknown[] | null
  /** 32 bytes; from Ecotone. */
  parentBeaconBlockRoot?: Bytes | null
  /** EIP-2718 encodings, in order; all of them must be valid. */
  transactions?: Bytes[] | null
  /** True where nothing but `transactions` may be in the block. */
  noTxPool?: boolean | null
  /** Of the block, used as it is: no 1/1024 rule on OP chains (B-14). */
  gasLimit?: Quantity | null
  /** 8 bytes: denominator and elasticity, both 0 for those of the config; from Holocene. */
  eip1559Params?: Bytes | null
  /** Wei per gas, 64 bits; from Jovian. */
  minBaseFee?: Quantity | number | null
}

const toBigInt = (value: BigIntLike) => bytesToBigInt(toBytes(value))

/** A header under the rules of its fork. @throws if a field has a wrong form */
export function createHeader(chain: Chain, data: HeaderData): BlockHeader {
  const { number = 0, timestamp = 0 } = data
  const rules = chain.rules({ number: toBigInt(number), timestamp: toBigInt(timestamp) })
  return createBlockHeader(data, { common: rules.common, skipConsensusFormatValidation: true })
}

/**
 * Encodes `extraData`: empty at first, EIP-1559 parameters from Holocene on, the minimum base fee
 * behind them from Jovian on (B-05…B-10).
 *
 * @throws {InvalidBlockError} if a parameter is missing, out of place or not valid
 * @see https://specs.optimism.io/protocol/jovian/exec-engine.html#minimum-base-fee-in-block-header
 */
export function encodeExtraData(
  rules: Rules,
  { eip1559Params, minBaseFee }: Pick<PayloadAttributes, 'eip1559Params' | 'minBaseFee'>,
): Uint8Array {
  const { denominator, elasticity } = rules.eip1559
  const uint32 = (value: bigint) => setLengthLeft(toBytes(value), 4)
  const given = toBytes(eip1559Params)
  // The lengths together would not tell which of the two is wrong.
  const length = 8 * rules.extraDataVersion.length
  const isFit = given.length === length && toBigInt(minBaseFee ?? 0) < 1n << 64n
  const claim = `eip1559Params ${bytesToHex(given)}, minBaseFee ${minBaseFee}`
  assertRule(isFit, `${claim} do not have ${length} bytes and 64 bits, as in a ${rules.fork} block`)
  const isZero = length > 0 && !given.some(Boolean)
  const params = isZero ? concatBytes(uint32(denominator), uint32(elasticity)) : given
  const minimum = minBaseFee == null ? new Uint8Array() : setLengthLeft(toBytes(minBaseFee), 8)
  const extraData = concatBytes(rules.extraDataVersion, params, minimum)
  decodeExtraData(rules, extraData)
  return extraData
}

/**
 * Decodes the `extraData` of a header under that header's own rules (B-05, B-08, B-09).
 *
 * @throws {InvalidBlockError} if version or length are not the fork's, or a parameter is zero
 */
export function decodeExtraData(rules: Rules, extraData: Uint8Array): EIP1559Params {
  const [version] = rules.extraDataVersion
  const length = version === undefined ? 0 : 9 + 8 * version
  const denominator = bytesToBigInt(extraData.subarray(1, 5))
  const elasticity = bytesToBigInt(extraData.subarray(5, 9))
  const isFit = extraData.length === length && extraData[0] === version
  const isSet = length === 0 || (denominator > 0n && elasticity > 0n)
  const claim = `extraData ${bytesToHex(extraData)} (version, eip1559Params, minBaseFee)`
  assertRule(isFit && isSet, `${claim} is not valid in a ${rules.fork} block`)
  return { denominator, elasticity, minBaseFee: bytesToBigInt(extraData.subarray(9)) }
}

/**
 * The base fee in wei per gas of the block after `parent` (B-01…B-04, B-11).
 *
 * @param rules - of the new block, for the Canyon denominator; Holocene and Jovian look at the
 * parent's
 * @throws {InvalidBlockError} if the parent's elasticity leaves it no gas target, though it used gas
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
  const hasTarget = target > 0n || excess === 0n
  assertRule(hasTarget, `elasticity ${parameters.elasticity} leaves no gas target to the parent`)
  // Rounds towards 0. Where no gas was used, the target may be 0.
  const change = excess === 0n ? 0n : (baseFee * excess) / target / parameters.denominator
  const next = baseFee + (excess > 0n ? bigIntMax(change, 1n) : change)
  return bigIntMax(next, parameters.minBaseFee)
}

/**
 * The header of the block after `parent`, as far as it is known before execution.
 *
 * @throws {InvalidBlockError} if an attribute is missing, out of place or wrong
 */
export function prepareHeader(chain: Chain, parent: BlockHeader, attributes: PayloadAttributes) {
  const { withdrawals, gasLimit } = attributes
  const timestamp = toBigInt(attributes.timestamp ?? 0)
  const isLater = timestamp > parent.timestamp && timestamp < 1n << 64n
  assertRule(isLater, `timestamp ${timestamp} must be later than ${parent.timestamp}`)
  const isLimit = gasLimit != null && toBigInt(gasLimit) < 1n << 63n
  assertRule(isLimit, `gasLimit ${gasLimit} must be there and below 2^63`)
  assertRule(!withdrawals?.length, `withdrawals has ${withdrawals?.length} entries instead of none`)
  const rules = chain.rules({ timestamp })
  const readBytes = (name: keyof PayloadAttributes, length: number) => {
    const bytes = toBytes(attributes[name] as BytesLike)
    const where = `in a ${rules.fork} block`
    assertRule(
      bytes.length === length,
      `${name} has ${bytes.length} bytes, not ${length}, ${where}`,
    )
    return bytes
  }
  const rootLength = rules.isActive('ecotone') ? 32 : 0
  const root = readBytes('parentBeaconBlockRoot', rootLength)
  return createHeader(chain, {
    number: parent.number + 1n,
    parentHash: parent.hash(),
    timestamp,
    gasLimit,
    coinbase: readBytes('suggestedFeeRecipient', 20),
    mixHash: readBytes('prevRandao', 32),
    extraData: encodeExtraData(rules, attributes),
    baseFeePerGas: calculateBaseFee(chain, parent, rules),
    parentBeaconBlockRoot: rootLength > 0 ? root : undefined,
  })
}
