import type { EVMBN254Interface } from '@ethereumjs/evm'
import { concatBytes, setLengthLeft } from '@ethereumjs/util'
import createModule from 'mcl-wasm/dist/mcl_c.js'

/** mcl's number for the curve, and the sizes that it is compiled for, which it checks. */
const [BN_SNARK1, COMPILED_SIZES] = [4, 46]

/** Bytes of a coordinate in mcl's memory; points have two or four, and one or two for z. */
const FP_BYTES = 48

/**
 * The precompiles 0x06 to 0x08 by mcl in WebAssembly, in an instance of its own, for another one has
 * BLS12-381. Inputs have the lengths that EthereumJS passes: 128 bytes, or pairs of 192.
 *
 * @see https://eips.ethereum.org/EIPS/eip-196
 * @see https://eips.ethereum.org/EIPS/eip-197
 */
export async function createBN254(): Promise<EVMBN254Interface> {
  const mcl = await createModule({})
  mcl._mclBn_init(BN_SNARK1, COMPILED_SIZES)
  mcl._mclBn_verifyOrderG2(1)
  // Each has room for the largest, a pairing's twelve coordinates.
  const [p, q, product, factor, word] = [0, 1, 2, 3, 4].map(() => mcl._malloc(12 * FP_BYTES))
  const load = (bytes: Uint8Array) => mcl.HEAP8.set(bytes, word)
  /** Puts a point to `to`, from big-endian words in this order. @throws if it is not in the group */
  const read = (group: 'G1' | 'G2', to: number, input: Uint8Array, order: number[]) => {
    mcl[`_mclBn${group}_clear`](to)
    if (!input.some(Boolean)) return
    for (const [index, at] of order.entries()) {
      load(input.slice(32 * at, 32 * at + 32).reverse())
      const isInField = mcl._mclBnFp_deserialize(to + index * FP_BYTES, word, 32)
      if (!isInField) throw new Error(`coordinate ${at} is beyond the field`)
    }
    mcl._mclBnFp_setInt32(to + order.length * FP_BYTES, 1)
    if (!mcl[`_mclBn${group}_isValid`](to)) throw new Error(`not a point of ${group}`)
  }
  const readG1 = (to: number, input: Uint8Array) => read('G1', to, input, [0, 1])
  const write = () => {
    mcl._mclBnG1_normalize(p, p)
    if (mcl._mclBnG1_isZero(p)) return new Uint8Array(64)
    const words = [p, p + FP_BYTES].map((coordinate) => {
      mcl._mclBnFp_serialize(word, 32, coordinate)
      return Uint8Array.from(mcl.HEAP8.subarray(word, word + 32)).reverse()
    })
    return concatBytes(...words)
  }
  return {
    add: (input) => {
      readG1(p, input.subarray(0, 64))
      readG1(q, input.subarray(64, 128))
      mcl._mclBnG1_add(p, p, q)
      return write()
    },
    mul: (input) => {
      readG1(p, input.subarray(0, 64))
      load(input.subarray(64, 96))
      mcl._mclBnFr_setBigEndianMod(q, word, 32)
      mcl._mclBnG1_mul(p, p, q)
      return write()
    },
    pairing: (input) => {
      mcl._mclBnGT_setInt32(product, 1)
      for (let at = 0; at < input.length; at += 192) {
        readG1(p, input.subarray(at, at + 64))
        read('G2', q, input.subarray(at + 64, at + 192), [1, 0, 3, 2])
        mcl._mclBn_millerLoop(factor, p, q)
        mcl._mclBnGT_mul(product, product, factor)
      }
      mcl._mclBn_finalExp(product, product)
      return setLengthLeft(Uint8Array.of(mcl._mclBnGT_isOne(product)), 32)
    },
  }
}
