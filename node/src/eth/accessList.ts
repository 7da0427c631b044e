import {
  Account,
  type Address,
  type PrefixedHexString as Hex,
  type InterpreterStep,
  JsonRpcError,
  bytesToHex,
  createAddressFromBigInt,
  createContractAddress,
  setLengthLeft,
  toBytes,
} from 'ethereumjs-op/ethereumjs'
import { recoverAuthority } from './authorizations.ts'
import type { AccessListEntry, Message } from './message.ts'
import type { Place } from './simulator.ts'
import { type Outcome, RefusedMessage, attempt } from './transition.ts'

const SLOAD = 0x54
const SSTORE = 0x55

/** BALANCE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH, SELFDESTRUCT: the address is the first item. */
const READING = [0x31, 0x3b, 0x3c, 0x3f, 0xff]

/** CALL, CALLCODE, DELEGATECALL, STATICCALL: the address is the second item. */
const CALLING = [0xf1, 0xf2, 0xf4, 0xfa]

/** Slots by address, both in hex. */
type Touched = Map<string, Set<Hex>>

function addAddress(touched: Touched, address: Address): Set<Hex> {
  const key = address.toString()
  const slots = touched.get(key) ?? new Set<Hex>()
  touched.set(key, slots)
  return slots
}

const toAddress = (item: bigint) => createAddressFromBigInt(BigInt.asUintN(160, item))

/** Adds what an opcode touches. */
function addStep(touched: Touched, excluded: Set<string>, step: InterpreterStep): void {
  const { stack, address, opcode } = step
  const first = stack.at(-1)
  const second = stack.at(-2)
  const isSlot = opcode.code === SLOAD || opcode.code === SSTORE
  if (isSlot && first !== undefined) {
    addAddress(touched, address).add(bytesToHex(setLengthLeft(toBytes(first), 32)))
  }
  const isCalling = CALLING.includes(opcode.code) && stack.length >= 5
  const item = isCalling ? second : READING.includes(opcode.code) ? first : undefined
  if (item === undefined) return
  const target = toAddress(item)
  if (!excluded.has(target.toString())) addAddress(touched, target)
}

/** A list that is always the same for the same touches. */
const toList = (touched: Touched): AccessListEntry[] =>
  [...touched]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([address, slots]) => ({
      address: toAddress(BigInt(address)),
      storageKeys: [...slots].sort(),
    }))

/** Addresses that cost nothing anyway: of sender, recipient, precompiles and authorizations. */
async function findExcluded({ evm, state, precompiles }: Place, message: Message) {
  const { from, to, nonce, authorizationList = [] } = message
  const sender = (await state.getAccount(from)) ?? new Account()
  const target = to ?? createContractAddress(from, nonce ?? sender.nonce)
  const authorities = authorizationList.map((it) => recoverAuthority(it, evm.common.chainId()))
  const addresses = [from, target, ...authorities].filter((address) => address !== undefined)
  return new Set([
    ...addresses.map((address) => address.toString()),
    ...precompiles.map((digits) => `0x${digits}`),
  ])
}

/** An access list, and how the message ended with it. */
export interface CreatedAccessList {
  accessList: AccessListEntry[]
  outcome: Outcome
}

/**
 * Finds the list of all that a message touches beyond what is warm anyway. With a list it may take
 * another way, so it runs until the list stays as it is.
 *
 * @throws if it cannot run
 */
export async function createAccessList(
  place: Place,
  message: Message,
  gas: bigint,
): Promise<CreatedAccessList> {
  const { events } = place.evm
  const excluded = await findExcluded(place, message)
  const given = (message.accessList ?? []).map(({ address, storageKeys }) => ({
    address: address.toString(),
    storageKeys,
  }))
  const isListed = ({ address, storageKeys }: (typeof given)[number]) =>
    storageKeys.length > 0 || !excluded.has(address)
  let touched: Touched = new Map()
  for (const { address, storageKeys } of given.filter(isListed)) {
    const slots = addAddress(touched, toAddress(BigInt(address)))
    for (const key of storageKeys) slots.add(key)
  }
  while (true) {
    // A contract may touch something else each time.
    place.checkTime()
    const accessList = toList(touched)
    const before = JSON.stringify(accessList)
    touched = new Map(accessList.map((it) => [it.address.toString(), new Set(it.storageKeys)]))
    const listen = (step: InterpreterStep) => addStep(touched, excluded, step)
    events.on('step', listen)
    try {
      const outcome = await attempt(place, { ...message, accessList }, gas)
      if (JSON.stringify(toList(touched)) === before) return { accessList, outcome }
    } catch (error) {
      if (!(error instanceof RefusedMessage)) throw error
      throw new JsonRpcError(`failed to apply transaction: ${error.message}`, -32000)
    } finally {
      events.off('step', listen)
    }
  }
}
