import type { Common, GethGenesisAlloc } from '@ethereumjs/common'
import { type PrefixedHexString, hexToBytes, setLengthLeft, toBytes } from '@ethereumjs/util'
import { type ChainConfig, createChain } from './chain.ts'
import { createHeader, getWithdrawalsRoot } from './execute.ts'
import { decodeExtraData } from './header.ts'
import { type Nodes, State } from './state.ts'

/**
 * Accounts by address, as in the `alloc` section of a geth-style genesis file: numbers and bytes in
 * hex, storage with keys and values of up to 32 bytes.
 */
export type Alloc = Record<string, Partial<GethGenesisAlloc[string]>>

/**
 * A state that consists of these accounts. Slots with the value zero do not exist.
 *
 * @param nodes - takes the trie nodes and code
 */
export async function createAllocState(common: Common, alloc: Alloc, nodes?: Nodes) {
  const word = (hex: string) => setLengthLeft(hexToBytes(hex as PrefixedHexString), 32)
  const accounts = Object.entries(alloc).map(([address, { balance, code, nonce, storage }]) => {
    const slots = Object.entries(storage ?? {}).map((slot) => slot.map(word))
    return [address.replace(/^(0x)?/, '0x'), [balance, code, slots, nonce]]
  })
  const state = new State(common, nodes)
  await state.generateCanonicalGenesis(Object.fromEntries(accounts))
  return state
}

/** See {@link createGenesis}. */
type Options = Parameters<typeof createChain>[1] & { nodes?: Nodes }

/**
 * Computes state and header of block 0 from a geth-style genesis file (B-08, X-08).
 *
 * @param opts.customCrypto - see {@link createChain}
 * @param opts.nodes - see {@link createAllocState}
 * @throws if the config contradicts itself or a field has a wrong form
 */
export async function createGenesis(genesis: ChainConfig, opts: Options = {}) {
  const { config, alloc, timestamp, extraData, nonce } = genesis as Record<string, never>
  const chain = createChain(config, opts)
  const rules = chain.rules({ number: 0n, timestamp: BigInt(timestamp) })
  if (rules.isActive('holocene')) decodeExtraData(rules, toBytes(extraData))
  const state = await createAllocState(rules.common, alloc, opts.nodes)
  const stateRoot = await state.getStateRoot()
  const withdrawalsRoot = await getWithdrawalsRoot(rules, state)
  const computed = { nonce: setLengthLeft(toBytes(nonce), 8), stateRoot, withdrawalsRoot }
  const header = createHeader(rules, { baseFeePerGas: 10n ** 9n, ...genesis, ...computed })
  return { chain, header, state }
}
