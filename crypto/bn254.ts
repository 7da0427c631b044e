import type { EVMBN254Interface } from '@ethereumjs/evm'
import {
  type PrefixedHexString,
  bytesToHex,
  concatBytes,
  hexToBytes,
  setLengthLeft,
} from '@ethereumjs/util'
import { LRUCache } from 'lru-cache'
import {
  CurveType,
  MCLBN_COMPILED_TIME_VAR,
  MCLBN_FR_SIZE,
  MCLBN_G1_SIZE,
  MCLBN_G2_SIZE,
  MCLBN_GT_SIZE,
} from 'mcl-wasm/dist/constants.js'
import createModule from 'mcl-wasm/dist/mcl_c.js'

/** Where a value is in the memory of an instance of mcl. */
type Pointer = number

/**
 * What is used of an instance of mcl: memory, and functions of its C API, which write to what their
 * first parameter points to. A function that can fail returns another number than 0 then.
 *
 * @see https://github.com/herumi/mcl/blob/master/include/mcl/bn.h
 */
interface MCL {
  /** The memory; not to be kept, for it is another object once the memory has grown. */
  readonly HEAP8: Int8Array
  /** Reserves this many bytes. */
  _malloc(size: number): Pointer
  /** Gives back what was reserved. */
  _free(pointer: Pointer): void
  /** Sets the curve of the instance; `version` tells how large the caller takes values to be. */
  _mclBn_init(curve: CurveType, version: number): number
  /** With 1, `G2_setStr` refuses points of the curve that are outside the group. */
  _mclBn_verifyOrderG2(isVerified: 0 | 1): void
  /** Reads a big-endian number of `size` bytes, modulo the order of the group. */
  _mclBnFr_setBigEndianMod(scalar: Pointer, bytes: Pointer, size: number): number
  /** Reads a point; fails if it is not on the curve, or a coordinate not in the field. */
  _mclBnG1_setStr(point: Pointer, bytes: Pointer, size: number, format: number): number
  /** Writes a point, of at most `size` bytes. */
  _mclBnG1_getStr(bytes: Pointer, size: number, point: Pointer, format: number): number
  /** Adds two points. */
  _mclBnG1_add(sum: Pointer, a: Pointer, b: Pointer): void
  /** Multiplies a point by a scalar. */
  _mclBnG1_mul(product: Pointer, point: Pointer, scalar: Pointer): void
  /** Reads a point; fails as that of G1 does. */
  _mclBnG2_setStr(point: Pointer, bytes: Pointer, size: number, format: number): number
  /** Size of a prepared point of G2, in units of 8 bytes. */
  _mclBn_getUint64NumToPrecompute(): number
  /** Does the half of a Miller loop that depends on its point of G2 only. */
  _mclBn_precomputeG2(prepared: Pointer, point: Pointer): void
  /** Does the rest of a Miller loop. */
  _mclBn_precomputedMillerLoop(result: Pointer, pointOfG1: Pointer, prepared: Pointer): void
  /** Sets an element of GT to a small number. */
  _mclBnGT_setInt32(element: Pointer, value: number): void
  /** Multiplies two elements of GT. */
  _mclBnGT_mul(product: Pointer, a: Pointer, b: Pointer): void
  /** Makes a pairing of a Miller loop, or the product of pairings of the product of the loops. */
  _mclBn_finalExp(result: Pointer, loop: Pointer): void
  /** 1 if an element of GT is one, otherwise 0. */
  _mclBnGT_isOne(element: Pointer): number
}

/** mcl's name for points whose coordinates are little-endian, of fixed length and not compressed. */
const EC_AFFINE_SERIALIZE = 4096

/** Bytes of a point of G1 as the precompiles have it: x and y, or all zeroes for infinity. */
const G1_BYTES = 64

/** Bytes of a point of G2: x and y of two coordinates each, imaginary parts first. */
const G2_BYTES = 128

/** Bytes of what is paired, a point of G1 and one of G2. */
const PAIR_BYTES = G1_BYTES + G2_BYTES

/**
 * How many points, and how many pairs, are remembered at most: several times what a verifier has in
 * its key. The points have 25 KB each.
 */
const REMEMBERED = 64

/**
 * Turns a point of the precompiles into one of mcl, or back. They have numbers big-endian and
 * imaginary parts first and mcl has both the other way round, so x and y are reversed as a whole.
 */
function reverseCoordinates(point: Uint8Array): Uint8Array {
  const x = point.subarray(0, point.length / 2)
  const y = point.subarray(point.length / 2)
  return concatBytes(x.toReversed(), y.toReversed())
}

/**
 * The precompiles 0x06, 0x07 and 0x08 by mcl in WebAssembly. Inputs have the lengths that EthereumJS
 * passes: 128 bytes for `add` and `mul`, of which `mul` reads 96, and pairs of 192 for `pairing`.
 * All throw if a point is outside of field, curve or group.
 *
 * The package's own classes share one instance of mcl, which has one curve, and they are those of
 * BLS12-381. This creates an instance of its own, and so has to use the C API underneath the classes.
 *
 * @throws if the package is a build without the curve
 * @see https://eips.ethereum.org/EIPS/eip-196
 * @see https://eips.ethereum.org/EIPS/eip-197
 */
export async function createBN254(): Promise<EVMBN254Interface> {
  // The option that it asks for in addition, random numbers, is for what is not used here.
  const mcl: MCL = await createModule({})
  if (mcl._mclBn_init(CurveType.BN_SNARK1, MCLBN_COMPILED_TIME_VAR) !== 0) {
    throw new Error('mcl-wasm has no bn254')
  }
  mcl._mclBn_verifyOrderG2(1)

  // Room for values during one call, reserved once: nothing of it outlives the call.
  const bytes = mcl._malloc(G2_BYTES)
  const scalar = mcl._malloc(MCLBN_FR_SIZE)
  const g1 = mcl._malloc(MCLBN_G1_SIZE)
  const otherG1 = mcl._malloc(MCLBN_G1_SIZE)
  const g2 = mcl._malloc(MCLBN_G2_SIZE)
  const product = mcl._malloc(MCLBN_GT_SIZE)

  /** Reads a point into `target`, by the function for its group. */
  function read(setStr: MCL['_mclBnG1_setStr'], target: Pointer, point: Uint8Array) {
    mcl.HEAP8.set(reverseCoordinates(point), bytes)
    if (setStr(target, bytes, point.length, EC_AFFINE_SERIALIZE) !== 0) {
      throw new Error('not a point of bn254')
    }
  }

  function writeG1(point: Pointer): Uint8Array {
    mcl._mclBnG1_getStr(bytes, G1_BYTES, point, EC_AFFINE_SERIALIZE)
    return reverseCoordinates(new Uint8Array(mcl.HEAP8.buffer, bytes, G1_BYTES))
  }

  function prepare(point: PrefixedHexString): Pointer {
    read(mcl._mclBnG2_setStr, g2, hexToBytes(point))
    const prepared = mcl._malloc(8 * mcl._mclBn_getUint64NumToPrecompute())
    mcl._mclBn_precomputeG2(prepared, g2)
    return prepared
  }

  const free = (pointer: Pointer) => mcl._free(pointer)

  /** Points of G2, checked and prepared: a verifier pairs with those of its key every time. */
  const points = new LRUCache<PrefixedHexString, Pointer>({
    max: REMEMBERED,
    memoMethod: prepare,
    dispose: free,
  })

  function millerLoop(pair: PrefixedHexString): Pointer {
    const input = hexToBytes(pair)
    read(mcl._mclBnG1_setStr, g1, input.subarray(0, G1_BYTES))
    const prepared = points.memo(bytesToHex(input.subarray(G1_BYTES)))
    const loop = mcl._malloc(MCLBN_GT_SIZE)
    mcl._mclBn_precomputedMillerLoop(loop, g1, prepared)
    return loop
  }

  /** Miller loops by their pairs: one pair of a Groth16 key never changes. */
  const loops = new LRUCache<PrefixedHexString, Pointer>({
    max: REMEMBERED,
    memoMethod: millerLoop,
    dispose: free,
  })

  return {
    add(input) {
      read(mcl._mclBnG1_setStr, g1, input.subarray(0, G1_BYTES))
      read(mcl._mclBnG1_setStr, otherG1, input.subarray(G1_BYTES, 2 * G1_BYTES))
      mcl._mclBnG1_add(g1, g1, otherG1)
      return writeG1(g1)
    },

    mul(input) {
      read(mcl._mclBnG1_setStr, g1, input.subarray(0, G1_BYTES))
      mcl.HEAP8.set(input.subarray(G1_BYTES, G1_BYTES + 32), bytes)
      mcl._mclBnFr_setBigEndianMod(scalar, bytes, 32)
      mcl._mclBnG1_mul(g1, g1, scalar)
      return writeG1(g1)
    },

    pairing(input) {
      mcl._mclBnGT_setInt32(product, 1)
      for (let start = 0; start < input.length; start += PAIR_BYTES) {
        const loop = loops.memo(bytesToHex(input.subarray(start, start + PAIR_BYTES)))
        mcl._mclBnGT_mul(product, product, loop)
      }
      mcl._mclBn_finalExp(product, product)
      return setLengthLeft(Uint8Array.of(mcl._mclBnGT_isOne(product)), 32)
    },
  }
}
