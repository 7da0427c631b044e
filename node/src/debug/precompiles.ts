import { bytesToBigInt } from 'ethereumjs-op/ethereumjs'

/** Prime of the field of bn254, whose coordinates are below it. */
const BN254_PRIME = 21888242871839275222246405745257275088696311157297823662689037894645226208583n

/** Bytes of input that contracts for bn254 read as coordinates; the third takes any number of pairs. */
const COORDINATES = new Map([
  ['06', 128],
  ['07', 64],
  ['08', Infinity],
])

/** Length of the input of BLAKE2F. */
const BLAKE_LENGTH = 213

const WORDS = new Map([
  ['kzg commitment does not match versioned hash', 'mismatched versioned hash'],
  ['kzg proof invalid', 'error verifying kzg proof'],
  ['kzg inputs invalid', 'error verifying kzg proof'],
  ['input is empty', 'invalid input length'],
])

/** Whether a coordinate in the input is beyond the field. */
function isBeyondField(input: Uint8Array, length: number): boolean {
  const end = Math.min(input.length, length)
  for (let start = 0; start < end; start += 32) {
    // What is missing at the end is zeros.
    const word = new Uint8Array(32)
    word.set(input.subarray(start, Math.min(start + 32, end)))
    if (bytesToBigInt(word) >= BN254_PRIME) return true
  }
  return false
}

/**
 * The words of geth for why a precompiled contract failed, as far as EthereumJS tells.
 *
 * @param error - in the words of EthereumJS
 * @param digits - the last two of its address
 */
export function explainPrecompile(error: string, digits: string, input: Uint8Array): string {
  if (error === 'out of gas') return error
  const length = COORDINATES.get(digits)
  if (length !== undefined) {
    if (error === 'invalid input length') return 'bad elliptic curve pairing size'
    const isBeyond = isBeyondField(input, length)
    return isBeyond ? 'invalid fp.Element encoding' : 'point is not on curve'
  }
  if (digits === '09') {
    return input.length === BLAKE_LENGTH ? 'invalid final flag' : 'invalid input length'
  }
  return WORDS.get(error) ?? error
}
