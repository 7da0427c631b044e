import type { BlockHeader } from '@ethereumjs/block'
import type { Common } from '@ethereumjs/common'
import {
  type PrefixedHexString as Hex,
  bigIntToBytes,
  bytesToHex,
  isHexString,
  setLengthLeft,
  toBytes,
} from '@ethereumjs/util'
import { State } from '../ethereumjs/state.ts'
import {
  type Chain,
  type ChainConfig,
  type ChainOptions,
  createChain,
  createGenesisHeader,
} from '../src/index.ts'

/** A number as geth reads it: text in hex or decimal, or a number of JSON. */
export type Numeric = string | number

/** An account of a genesis file. */
export interface AllocAccount {
  /** Wei. */
  balance?: Numeric
  nonce?: Numeric
  /** Hex. */
  code?: string
  /** Values by slot, both in hex, of up to 32 bytes; those that are zero do not exist. */
  storage?: Record<string, string>
}

/** Accounts by address, with or without `0x`: the `alloc` section of a geth-style genesis file. */
export type Alloc = Record<string, AllocAccount>

/** A geth-style genesis file. Its other fields are those of a header, or are ignored. */
export interface Genesis {
  config?: ChainConfig
  alloc?: Alloc
  timestamp?: Numeric
  gasLimit?: Numeric
  /** Wei per gas. */
  baseFeePerGas?: Numeric
  extraData?: string
  [name: string]: unknown
}

/** A genesis block, and the chain that it begins. */
export interface GenesisBlock {
  chain: Chain
  header: BlockHeader
  /** All of it is in `added`, to be kept. */
  state: State
}

/** @throws if it is not a number of at most `bits` bits */
function readNumber(value: unknown, name: string, bits = 64): bigint {
  const isText = typeof value === 'string' && /^(0x[0-9a-f]+|[0-9]+)$/i.test(value)
  const isNumber = isText || (Number.isSafeInteger(value) && Number(value) >= 0)
  const number = isNumber ? BigInt(value as Numeric) : -1n
  if (number >= 0n && number >> BigInt(bits) === 0n) return number
  throw new Error(`genesis ${name} must be a number of ${bits} bits, got ${JSON.stringify(value)}`)
}

/** Bytes in hex, with or without `0x`. @throws if it is something else, or longer than `most` bytes */
function readHex(value: unknown, name: string, most: number): Uint8Array {
  const hex = `${value}`.replace(/^(0x)?/i, '0x')
  const isRight = typeof value === 'string' && isHexString(hex) && hex.length % 2 === 0
  if (isRight && hex.length <= 2 + 2 * most) return toBytes(hex as Hex)
  throw new Error(
    `genesis ${name} must be up to ${most} bytes in hex, got ${JSON.stringify(value)}`,
  )
}

/**
 * A state that consists of these accounts.
 *
 * @param common - of the chain, for its keccak256
 * @returns the state, of which all is in `added`
 * @throws if a field has a wrong form; the message names it
 */
export async function createAllocState(common: Common, alloc: Alloc): Promise<State> {
  const accounts: Record<string, unknown[]> = {}
  for (const [key, { balance = 0, nonce = 0, code = '0x', storage }] of Object.entries(alloc)) {
    const name = `alloc ${key}`
    const word = (hex: string) => setLengthLeft(readHex(hex, `${name} storage`, 32), 32)
    const slots = Object.entries(storage ?? {}).map((slot) => slot.map(word))
    const address = readHex(key, name, 20)
    if (address.length !== 20) throw new Error(`genesis ${name} is not an address of 20 bytes`)
    accounts[bytesToHex(address)] = [
      readNumber(balance, `${name} balance`, 256),
      readHex(code, `${name} code`, Infinity),
      slots,
      readNumber(nonce, `${name} nonce`),
    ]
  }
  const state = new State(common)
  await state.generateCanonicalGenesis(accounts)
  return state
}

/** Fields of the header that are numbers of 64 bits, and those that are bytes, with their lengths. */
const NUMBERS = ['number', 'timestamp', 'gasLimit', 'gasUsed', 'excessBlobGas', 'blobGasUsed']
const BYTES = { parentHash: 32, mixHash: 32, coinbase: 20, extraData: Infinity }

/**
 * Computes state and header of block 0 from a geth-style genesis file (B-08, X-08).
 *
 * @throws if the config contradicts itself, or a field is missing or has a wrong form; the message
 * names it
 */
export async function createGenesis(
  genesis: Genesis,
  opts: ChainOptions = {},
): Promise<GenesisBlock> {
  const { config, alloc, stateHash, nonce = 0, baseFeePerGas = 1e9, difficulty = 0 } = genesis
  if (stateHash != null) throw new Error('genesis stateHash is not supported, only alloc is')
  if (!alloc) throw new Error('genesis alloc is missing')
  const fields: Record<string, bigint | Uint8Array> = {
    nonce: setLengthLeft(bigIntToBytes(readNumber(nonce, 'nonce')), 8),
    baseFeePerGas: readNumber(baseFeePerGas, 'baseFeePerGas', 256),
    difficulty: readNumber(difficulty, 'difficulty', 256),
  }
  for (const name of NUMBERS) {
    if (genesis[name] != null) fields[name] = readNumber(genesis[name], name)
  }
  for (const [name, length] of Object.entries(BYTES)) {
    if (genesis[name] != null) fields[name] = readHex(genesis[name], name, length)
  }
  const chain = createChain(config ?? {}, opts)
  const state = await createAllocState(chain.common, alloc)
  const header = await createGenesisHeader(chain, state, fields)
  return { chain, header, state }
}
