import {
  type EVMBLSInterface,
  type EVMBN254Interface,
  MCLBLS,
  NobleBLS,
  NobleBN254,
} from '@ethereumjs/evm'
import { calculateSigRecovery, concatBytes, ecrecover, setLengthLeft } from '@ethereumjs/util'
import { createKeccak } from 'hash-wasm'

/**
 * Cryptography of an EthereumJS application, with the results of EthereumJS's own. It is a
 * `customCrypto` for `Common`. The curves are for the EVM, which takes one of them as an option:
 *
 * ```ts
 * const customCrypto = await createCrypto()
 * const common = new Common({ chain: Mainnet, customCrypto })
 * const evm = await createEVM({ common, bls: customCrypto.bls })
 * // EthereumJS 10.1.3 replaces what its option `bn254` says.
 * Object.assign(evm, { _bn254: customCrypto.bn254 })
 * ```
 */
export interface Crypto {
  /** Keccak-256 of a message of any length, in 32 bytes. */
  keccak256: (message: Uint8Array) => Uint8Array

  /**
   * The public key, in 64 bytes without prefix, of who signed a hash of 32 bytes. `r` and `s` are
   * big-endian, of at most 32 bytes. `v` is 0 or 1 or 27 or 28, and with a `chainId` 0 or 1 or what
   * EIP-155 makes of them.
   *
   * @throws if `v`, `r` or `s` is out of range, or no key has the signature
   * @see https://eips.ethereum.org/EIPS/eip-155
   */
  ecrecover: (
    hash: Uint8Array,
    v: bigint,
    r: Uint8Array,
    s: Uint8Array,
    chainId?: bigint,
  ) => Uint8Array

  /**
   * The precompiles 0x06 to 0x08: addition, multiplication and pairing on bn254.
   *
   * @see https://eips.ethereum.org/EIPS/eip-196
   * @see https://eips.ethereum.org/EIPS/eip-197
   */
  bn254: EVMBN254Interface

  /**
   * The precompiles 0x0b to 0x11: addition, multiplication, pairing and mapping on BLS12-381.
   *
   * @see https://eips.ethereum.org/EIPS/eip-2537
   */
  bls: EVMBLSInterface
}

/** What is used of libsecp256k1, from a package without types. */
interface Secp256k1 {
  /**
   * The public key that signed `hash`, in 65 bytes with prefix or compressed in 33.
   *
   * @param signature - r and s in 64 bytes
   * @param recovery - parity of y of the point of which r is the x, plus 2 for an x beyond the order
   * @throws if there is none
   */
  ecdsaRecover(
    signature: Uint8Array,
    recovery: number,
    hash: Uint8Array,
    isCompressed: boolean,
  ): Uint8Array
}

async function createKeccak256(): Promise<Crypto['keccak256']> {
  const keccak = await createKeccak(256)
  return (message) => keccak.init().update(message).digest('binary')
}

/** Recovery by libsecp256k1, or by EthereumJS with a warning where there is no binary of it. */
async function createEcrecover(): Promise<Crypto['ecrecover']> {
  let native: Partial<Secp256k1>
  try {
    // A string to the compiler, as there are no types. For browsers package.json maps it to an empty
    // module: there is nothing that could be installed, so nothing to warn of.
    native = (await import('secp256k1/bindings.js' as string)).default
  } catch (error) {
    const { message } = error as Error
    console.warn(`ecrecover takes 25 times as long without native secp256k1: ${message}`)
    return ecrecover
  }
  const { ecdsaRecover } = native
  if (!ecdsaRecover) return ecrecover
  return (hash, v, r, s, chainId) => {
    const recovery = calculateSigRecovery(v, chainId)
    // The library would take 2 and 3, for an x beyond the order, which Ethereum has not.
    if (recovery !== 0n && recovery !== 1n) throw new Error(`signature's v is ${v}`)
    const signature = concatBytes(setLengthLeft(r, 32), setLengthLeft(s, 32))
    return ecdsaRecover(signature, Number(recovery), hash, false).subarray(1)
  }
}

async function createBN254(): Promise<EVMBN254Interface> {
  return (await import('./bn254.ts')).createBN254()
}

async function createBLS(): Promise<EVMBLSInterface> {
  const { default: mcl } = await import('mcl-wasm')
  await mcl.init(mcl.BLS12_381)
  const bls = new MCLBLS(mcl)
  bls.init()
  return bls
}

/** What creates something at the first call, and gives the same to all. */
function once<T>(create: () => Promise<T>): () => Promise<T> {
  let created: Promise<T> | undefined
  return () => (created ??= create())
}

const loadBase = once(async () => ({
  keccak256: await createKeccak256(),
  ecrecover: await createEcrecover(),
}))
const loadBN254 = once(createBN254)
const loadBLS = once(createBLS)

/**
 * Keccak-256, bn254 and BLS12-381 in WebAssembly, several times as fast as the JavaScript that
 * EthereumJS uses by default, in browsers too; ecrecover by libsecp256k1 where the optional package
 * `secp256k1` has a binary for the platform. There is one for the whole process, created by the first
 * call. Warns once on Node.js where there is no binary.
 *
 * @throws if there is no WebAssembly
 */
export const createCrypto: () => Promise<Crypto> = once(async () => ({
  ...(await loadBase()),
  bn254: await loadBN254(),
  bls: await loadBLS(),
}))

/** A curve that is still to come. */
interface Late<T> {
  /** Answers in JavaScript until it is loaded, which its first use begins. */
  curve: T
  load(): Promise<void>
}

function createLate<T extends object>(reference: T, create: () => Promise<T>): Late<T> {
  let current = reference
  const load = once(async () => {
    // Where it cannot be loaded, the reference goes on.
    current = await create().catch(() => reference)
  })
  const get = (_: T, name: string) => {
    // Each EVM asks for it, whether it will need the curve or not.
    if (name === 'init') return () => {}
    return (...input: unknown[]) => {
      void load()
      const method: unknown = Reflect.get(current, name)
      return Reflect.apply(method as () => unknown, current, input)
    }
  }
  return { curve: new Proxy(reference, { get }), load }
}

/** {@link Crypto} whose curves are still to come. */
export interface EarlyCrypto extends Crypto {
  /** Loads the curves, which takes a tenth of a second; the first use of a curve loads that alone. */
  loadCurves(): Promise<void>
}

/**
 * As {@link createCrypto}, for programs that must start fast: bn254 and BLS12-381 are computed in
 * JavaScript, with the same results, until they are loaded, or for ever if they cannot be.
 *
 * @throws if there is no WebAssembly
 */
export const createEarlyCrypto: () => Promise<EarlyCrypto> = once(async () => {
  const bn254 = createLate<EVMBN254Interface>(new NobleBN254(), loadBN254)
  const bls = createLate<EVMBLSInterface>(new NobleBLS(), loadBLS)
  const loadCurves = async () => {
    await Promise.all([bn254.load(), bls.load()])
  }
  return { ...(await loadBase()), bn254: bn254.curve, bls: bls.curve, loadCurves }
})
