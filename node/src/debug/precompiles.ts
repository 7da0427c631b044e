import { bytesToBigInt } from 'ethereumjs-op/ethereumjs'

/** Prime of the field of bn254. */
const BN254_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583n

/** Last two digits of the addresses of contracts for bn254. */
const ADD = '06'
const MULTIPLY = '07'
const PAIRING = '08'
const BLAKE = '09'

/** Bytes of a pair of points, and gas of a pairing check and of each pair (EIP-1108). */
const PAIR_BYTES = 192
const PAIRING_GAS = 45_000
const PAIR_GAS = 34_000

/** Bytes of a point on the curve, and of a coordinate. */
const POINT_BYTES = 64
const WORD_BYTES = 32

/** Length of the input of BLAKE2F. */
const BLAKE_BYTES = 213

const WORDS = new Map([
  ['kzg commitment does not match versioned hash', 'mismatched versioned hash'],
  ['kzg proof invalid', 'error verifying kzg proof'],
  ['kzg inputs invalid', 'error verifying kzg proof'],
  ['input is empty', 'invalid input length'],
])

const BEYOND_FIELD = 'invalid fp.Element encoding'
const OFF_CURVE = 'point is not on curve'

/** Words of the input; what is missing at its end is zeros. */
function readWords(input: Uint8Array, start: number, count: number): bigint[] {
  const bytes = new Uint8Array(count * WORD_BYTES)
  bytes.set(input.subarray(start, start + bytes.length))
  const starts = Array.from({ length: count }, (_, index) => index * WORD_BYTES)
  return starts.map((at) => bytesToBigInt(bytes.subarray(at, at + WORD_BYTES)))
}

const isBeyondField = (word: bigint) => word >= BN254_PRIME

function explainPoint(input: Uint8Array, start: number): string | undefined {
  const [x, y] = readWords(input, start, 2)
  if (isBeyondField(x) || isBeyondField(y)) return BEYOND_FIELD
  const isOnCurve = (y * y - x * x * x - 3n) % BN254_PRIME === 0n
  return isOnCurve || (x === 0n && y === 0n) ? undefined : OFF_CURVE
}

/** The first fault of points in the order in which they are read. */
function explainPoints(input: Uint8Array, digits: string): string {
  if (digits !== PAIRING) {
    const starts = digits === ADD ? [0, POINT_BYTES] : [0]
    return starts.map((start) => explainPoint(input, start)).find(Boolean) ?? OFF_CURVE
  }
  for (let start = 0; start < input.length; start += PAIR_BYTES) {
    const problem = explainPoint(input, start)
    if (problem) return problem
    // The second one is on another curve.
    if (readWords(input, start + POINT_BYTES, 4).some(isBeyondField)) return BEYOND_FIELD
  }
  return OFF_CURVE
}

/**
 * The words of geth for why a precompiled contract failed, as far as EthereumJS tells.
 *
 * @param error - in the words of EthereumJS
 * @param digits - the last two of its address
 * @param gas - that it had
 */
export function explainPrecompile(
  error: string,
  digits: string,
  input: Uint8Array,
  gas: bigint,
): string {
  if (error === 'out of gas') return error
  if (digits === PAIRING && error === 'invalid input length') {
    const needed = PAIRING_GAS + PAIR_GAS * Math.floor(input.length / PAIR_BYTES)
    return gas < needed ? 'out of gas' : 'bad elliptic curve pairing size'
  }
  if ([ADD, MULTIPLY, PAIRING].includes(digits)) return explainPoints(input, digits)
  if (digits === BLAKE) {
    return input.length === BLAKE_BYTES ? 'invalid final flag' : 'invalid input length'
  }
  return WORDS.get(error) ?? error
}
