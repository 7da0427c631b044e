import { type BlockHeader, createBlockHeader } from '@ethereumjs/block'
import type { Common, CustomCrypto } from '@ethereumjs/common'
import { bigIntToBytes, setLengthLeft } from '@ethereumjs/util'
import { type Chain, createChain, type GenesisConfig } from './chain.ts'
import { MESSAGE_PASSER } from './execute.ts'
import { decodeExtraData } from './header.ts'
import { parseBytes, parseQuantity } from './json.ts'
import { State } from './state.ts'

/** Accounts by address, as in the `alloc` section of a geth-style genesis file. */
export type Alloc = Record<
  string,
  {
    balance?: string | number
    nonce?: string | number
    code?: string
    storage?: Record<string, string>
  }
>

/** A geth-style genesis file: chain config, header fields and accounts. */
export interface Genesis {
  config: GenesisConfig
  alloc: Alloc
  /** `timestamp`, `gasLimit`, `extraData` …, under their JSON names. */
  [field: string]: unknown
}

/** geth writes numbers in a genesis file as hex, decimal string or JSON number. */
const natural = (value: unknown, name: string, bits = 64) =>
  typeof value === 'string' && /^\d{1,78}$/.test(value)
    ? parseQuantity(`0x${BigInt(value).toString(16)}`, name, bits)
    : parseQuantity(value, name, bits)

/**
 * A complete state that consists of these accounts. Slots with the value zero do not exist.
 *
 * @throws if a value is not hex or too long; the message names account and field
 */
export async function createAllocState(common: Common, alloc: Alloc): Promise<State> {
  const state = new State({ common, read: () => undefined })
  const accounts: Record<string, unknown[]> = {}
  for (const [key, { balance = 0, nonce = 0, code = '0x', storage = {} }] of Object.entries(
    alloc,
  )) {
    const address = key.startsWith('0x') ? key : `0x${key}`
    parseBytes(address, 'alloc address', 20)
    const word = (value: string) =>
      setLengthLeft(bigIntToBytes(parseQuantity(value, `${address} storage`, 256)), 32)
    accounts[address] = [
      natural(balance, `${address} balance`, 256),
      code === '0x' ? undefined : parseBytes(code, `${address} code`),
      Object.entries(storage).map((slot) => slot.map(word)),
      natural(nonce, `${address} nonce`),
    ]
  }
  await state.generateCanonicalGenesis(accounts)
  return state
}

/**
 * Computes state and header of block 0 from a geth-style genesis file (B-08, X-08).
 *
 * @throws if the config contradicts itself or a field has a wrong form; the message names it
 */
export async function createGenesis(
  genesis: Genesis,
  opts: { customCrypto?: CustomCrypto } = {},
): Promise<{ chain: Chain; header: BlockHeader; state: State }> {
  const chain = createChain(genesis.config, opts)
  const quantity = (name: string, fallback?: number) =>
    natural(genesis[name] ?? fallback, `genesis.${name}`)
  const bytes = (name: string, length: number) =>
    genesis[name] === undefined
      ? new Uint8Array(length)
      : parseBytes(genesis[name], `genesis.${name}`, length)
  const position = { number: quantity('number', 0), timestamp: quantity('timestamp') }
  const rules = chain.rules(position)
  const extraData = parseBytes(genesis.extraData ?? '0x', 'genesis.extraData')
  if (rules.isActive('holocene')) decodeExtraData(rules, extraData)
  const state = await createAllocState(rules.common, genesis.alloc)
  const messagePasser = rules.isActive('isthmus')
    ? await state.getAccount(MESSAGE_PASSER)
    : undefined
  const header = createBlockHeader(
    {
      ...position,
      extraData,
      parentHash: bytes('parentHash', 32),
      coinbase: bytes('coinbase', 20),
      mixHash: bytes('mixHash', 32),
      nonce: setLengthLeft(bigIntToBytes(quantity('nonce', 0)), 8),
      difficulty: quantity('difficulty'),
      gasLimit: quantity('gasLimit'),
      gasUsed: quantity('gasUsed', 0),
      baseFeePerGas: quantity('baseFeePerGas', 1_000_000_000),
      stateRoot: await state.getStateRoot(),
      withdrawalsRoot: messagePasser?.storageRoot,
    },
    { common: rules.common, skipConsensusFormatValidation: true },
  )
  return { chain, header, state }
}
