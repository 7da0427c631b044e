import type { Common } from '@ethereumjs/common'
import { type PrefixedHexString, hexToBytes, setLengthLeft, toBytes } from '@ethereumjs/util'
import { type ChainConfig, createChain } from './chain.ts'
import type { Crypto } from './crypto.ts'
import { MESSAGE_PASSER, createHeader } from './execute.ts'
import { decodeExtraData } from './header.ts'
import { State } from './state.ts'

/**
 * Accounts by address, as in the `alloc` section of a geth-style genesis file: `balance`, `nonce`,
 * `code`, all in hex, and `storage` with keys and values of up to 32 bytes.
 */
export type Alloc = Record<
  string,
  Partial<Record<'balance' | 'nonce' | 'code', string>> & { storage?: Record<string, string> }
>

/** A state that consists of these accounts. Slots with the value zero do not exist. */
export async function createAllocState(common: Common, alloc: Alloc): Promise<State> {
  const state = new State(common)
  const word = (hex: string) => setLengthLeft(hexToBytes(hex as PrefixedHexString), 32)
  const accounts = Object.entries(alloc).map(
    ([address, { balance, nonce, code, storage = {} }]) => {
      const slots = Object.entries(storage).map((slot) => slot.map(word))
      return [address.replace(/^(0x)?/, '0x'), [balance, code, slots, nonce]]
    },
  )
  await state.generateCanonicalGenesis(Object.fromEntries(accounts))
  return state
}

/**
 * Computes state and header of block 0 from a geth-style genesis file (B-08, X-08).
 *
 * @throws if the config contradicts itself or a field has a wrong form
 */
export async function createGenesis(
  genesis: Record<string, unknown>,
  opts: { customCrypto?: Crypto } = {},
) {
  const chain = createChain(genesis.config as ChainConfig, opts)
  const { timestamp, extraData, nonce } = genesis as Record<string, PrefixedHexString>
  const rules = chain.rules({ number: 0n, timestamp: BigInt(timestamp) })
  if (rules.isActive('holocene')) decodeExtraData(rules, toBytes(extraData))
  const state = await createAllocState(rules.common, genesis.alloc as Alloc)
  const stateRoot = await state.getStateRoot()
  const messagePasser = rules.isActive('isthmus') && (await state.getAccount(MESSAGE_PASSER))
  const withdrawalsRoot = messagePasser ? messagePasser.storageRoot : undefined
  const computed = { nonce: setLengthLeft(toBytes(nonce), 8), stateRoot, withdrawalsRoot }
  const header = createHeader(rules, { baseFeePerGas: 10n ** 9n, ...genesis, ...computed })
  return { chain, header, state }
}
