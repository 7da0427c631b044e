import {
  Account,
  type Address,
  type EVM,
  JsonRpcError,
  type StateManagerInterface,
  hexToBytes,
  toChecksumAddress,
} from 'ethereumjs-op/ethereumjs'
import { readAddress, readBytes, readHash, readObject, readQuantity } from '../rpc/params.ts'
import { type Read, readFields, readUint64, refuse } from './fields.ts'

/** Most accounts, and slots of one of them. */
const MAX_ENTRIES = 10_000

function readEntries(value: unknown): [string, unknown][] {
  const entries = Object.entries(readObject(value))
  if (entries.length <= MAX_ENTRIES) return entries
  throw new JsonRpcError(`there are more than ${MAX_ENTRIES} entries`, -32602)
}

const readSlots = (value: unknown) =>
  readEntries(value).map(([key, word]) => ({
    key: hexToBytes(readHash(key)),
    word: hexToBytes(readHash(word)),
  }))

const ACCOUNT_READERS = {
  nonce: readUint64,
  code: readBytes,
  balance: readQuantity,
  state: readSlots,
  stateDiff: readSlots,
  movePrecompileToAddress: readAddress,
}

/** What an account is to have in place of what it has. */
export interface AccountOverride extends Read<typeof ACCOUNT_READERS> {
  address: Address
}

/** Reads overrides of accounts, in the order of their addresses. @throws (-32602) */
export function readStateOverrides(value: unknown): AccountOverride[] {
  return readEntries(value ?? {})
    .map(([key, account]) => {
      const address = readAddress(key)
      return { address, ...readFields(account ?? {}, `state override ${address}`, ACCOUNT_READERS) }
    })
    .sort((a, b) => (a.address.toString() < b.address.toString() ? -1 : 1))
}

const unsupported = (field: string) =>
  refuse(`block override "${field}" is not supported for this RPC method`, -32000)

const NO_DIFFICULTY = 'blocks have no difficulty; "prevRandao" is what its opcode gives'

const BLOCK_READERS = {
  number: readUint64,
  time: readUint64,
  gasLimit: readUint64,
  feeRecipient: readAddress,
  prevRandao: (value: unknown) => hexToBytes(readHash(value)),
  baseFeePerGas: readQuantity,
  blobBaseFee: readQuantity,
  // Names that these fields had before.
  coinbase: readAddress,
  random: (value: unknown) => hexToBytes(readHash(value)),
  baseFee: readQuantity,
  difficulty: refuse(NO_DIFFICULTY),
}

/** What a block is to have in place of what it has. */
export interface BlockOverride {
  number?: bigint
  /** Seconds. */
  time?: bigint
  gasLimit?: bigint
  feeRecipient?: Address
  /** 32 bytes. */
  prevRandao?: Uint8Array
  /** Wei per gas. */
  baseFeePerGas?: bigint
  /** Wei per blob gas. */
  blobBaseFee?: bigint
  /** 32 bytes; only of simulated blocks. */
  beaconRoot?: Uint8Array
}

/**
 * Reads overrides of a block.
 *
 * @param isBlock - whether a whole block is simulated, which has more fields than what calls see
 * @throws (-32602, -32000)
 */
export function readBlockOverride(value: unknown, isBlock = false): BlockOverride {
  const readNone = (list: unknown) => {
    if (Array.isArray(list) && list.length === 0) return []
    throw new JsonRpcError('withdrawals are not supported on this chain', -32602)
  }
  const fields = readFields(value ?? {}, 'block override', {
    ...BLOCK_READERS,
    beaconRoot: isBlock ? (root: unknown) => hexToBytes(readHash(root)) : unsupported('beaconRoot'),
    withdrawals: isBlock ? readNone : unsupported('withdrawals'),
  })
  const { coinbase, random, baseFee, withdrawals, difficulty, ...override } = fields
  return {
    ...override,
    feeRecipient: override.feeRecipient ?? coinbase,
    prevRandao: override.prevRandao ?? random,
    baseFeePerGas: override.baseFeePerGas ?? baseFee,
  }
}

/** Overrides one account, apart from precompiles. */
async function overrideAccount(state: StateManagerInterface, override: AccountOverride) {
  const { address, nonce, code, balance, stateDiff } = override
  const fields = [nonce, code, balance, override.state, stateDiff]
  // Else an empty account would come into being.
  if (fields.every((field) => field === undefined)) return
  const account = (await state.getAccount(address)) ?? new Account()
  account.nonce = nonce ?? account.nonce
  account.balance = balance ?? account.balance
  await state.putAccount(address, account)
  if (code) await state.putCode(address, code)
  if (override.state) await state.clearStorage(address)
  for (const { key, word } of [...(override.state ?? []), ...(stateDiff ?? [])]) {
    await state.putStorage(address, key, word)
  }
}

/**
 * Overrides accounts. An address that is overridden is no precompile any more; what was one may have
 * moved.
 *
 * @throws (-32000) if overrides contradict each other
 */
export async function overrideState(
  evm: EVM,
  state: StateManagerInterface,
  overrides: AccountOverride[],
): Promise<void> {
  const precompiles = new Map(evm.precompiles)
  const overridden = new Set(overrides.map(({ address }) => address.toString()))
  const nameOf = (address: Address) => toChecksumAddress(address.toString())
  const fail = (reason: string): never => {
    throw new JsonRpcError(reason, -32000)
  }
  for (const override of overrides) {
    const { address, movePrecompileToAddress: target } = override
    const key = address.toString().slice(2)
    const precompile = precompiles.get(key)
    if (target) {
      if (!precompile) return fail(`account ${nameOf(address)} is not a precompile`)
      const isTaken = overridden.has(target.toString())
      if (isTaken) fail(`account ${nameOf(target)} is already overridden`)
      precompiles.set(target.toString().slice(2), precompile)
    }
    if (precompile) precompiles.delete(key)
    if (override.state && override.stateDiff) {
      fail(`account ${nameOf(address)} has both 'state' and 'stateDiff'`)
    }
    await overrideAccount(state, override)
  }
  evm['_precompiles'] = precompiles
}
