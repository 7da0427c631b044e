import { type EVMBN254Interface, NobleBN254 } from '@ethereumjs/evm'
import { bytesToUnprefixedHex, hexToBytes, setLengthLeft } from '@ethereumjs/util'
import createModule from 'mcl-wasm/dist/mcl_c.js'

/** mcl's number for the curve, and the sizes that it is compiled for, which it checks. */
const [BN_SNARK1, COMPILED_SIZES] = [4, 46]

/** Room for the largest of mcl's values, a pairing: twelve coordinates of 48 bytes. */
const createValue = () => new Uint32Array((12 * 48) / 4)

/** The 32-byte words of an input in hex. */
const split = (input: Uint8Array): string[] => bytesToUnprefixedHex(input).match(/.{64}/g) ?? []

/**
 * The precompiles 0x07 and 0x08 by mcl in WebAssembly, in an instance of its own, for another one has
 * BLS12-381. Inputs have the lengths that EthereumJS passes: 128 bytes, or pairs of 192.
 *
 * @see https://eips.ethereum.org/EIPS/eip-196
 * @see https://eips.ethereum.org/EIPS/eip-197
 */
export async function createBN254(): Promise<EVMBN254Interface> {
  const mcl = await createModule({})
  mcl._mclBn_init(BN_SNARK1, COMPILED_SIZES)
  mcl._mclBn_verifyOrderG2(1)
  /** Calls a function of mcl for its result. @throws if mcl refuses the input */
  const call = (how: string, name: string, ...inputs: unknown[]) => {
    const value = createValue()
    mcl[how](mcl[`_mclBn${name}`], value, ...inputs)
    return value
  }
  /** A point, of which mcl checks field, curve and group; the one at infinity is all zeroes. */
  const point = (group: string, ...words: string[]) => {
    const text = words.every((word) => /^0+$/.test(word)) ? '0' : `1 ${words.join(' ')}`
    return call('callSetInput', `${group}_setStr`, text, 16)
  }
  const encode = (value: Uint32Array) => {
    const [, x = '', y = ''] = mcl.callGetStr(mcl._mclBnG1_getStr, value, 16).split(' ')
    return hexToBytes(`0x${x.padStart(64, '0')}${y.padStart(64, '0')}`)
  }
  // An addition takes as long as passing points to mcl.
  return Object.assign(new NobleBN254(), {
    mul: (input: Uint8Array) => {
      const [x, y] = split(input)
      const scalar = call('callSetInput', 'Fr_setBigEndianMod', input.subarray(64, 96))
      return encode(call('callOp2', 'G1_mul', point('G1', x, y), scalar))
    },
    pairing: (input: Uint8Array) => {
      const words = split(input)
      let product = call('callSetter', 'GT_setInt32', 1)
      for (let at = 0; at < words.length; at += 6) {
        const [x, y, x2, x1, y2, y1] = words.slice(at, at + 6)
        const [p, q] = [point('G1', x, y), point('G2', x1, x2, y1, y2)]
        product = call('callOp2', 'GT_mul', product, call('callOp2', '_millerLoop', p, q))
      }
      const isOne = mcl.callGetter(mcl._mclBnGT_isOne, call('callOp1', '_finalExp', product))
      return setLengthLeft(Uint8Array.of(isOne), 32)
    },
  })
}
