import { BASE_FEE_VAULT } from 'ethereumjs-op'
import {
  type Address,
  type EVM,
  type PrefixedHexString as Hex,
  JsonRpcError,
  KECCAK256_NULL,
  type StateManagerInterface,
  bigIntToHex,
  bytesToHex,
  createAddressFromBigInt,
  createContractAddress,
  createContractAddress2,
  createAddressFromString,
  equalsBytes,
  setLengthLeft,
  toBytes,
} from 'ethereumjs-op/ethereumjs'
import type { Budget } from '../budget.ts'
import { readFlags } from '../config.ts'
import { isCall } from '../halts.ts'
import type { Step, TracedTx, Tracer } from '../tracer.ts'

/** An account in a trace; what is empty is left out. It has no prototype: its nonce is a number. */
interface TracedAccount {
  balance?: Hex
  code?: Hex
  codeHash?: Hex
  nonce?: number
  storage?: Record<Hex, Hex>
}

const SLOAD = 0x54
const SSTORE = 0x55
const CREATE = 0xf0
const CREATE2 = 0xf5
const SELFDESTRUCT = 0xff
/** BALANCE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH, SELFDESTRUCT. */
const ACCOUNT_READERS = [0x31, 0x3b, 0x3c, 0x3f, SELFDESTRUCT]

const isReader = (code: number): boolean =>
  [SLOAD, SSTORE, CREATE, CREATE2, ...ACCOUNT_READERS].includes(code) || isCall(code)

/** Bytes of an account in JSON without its code, and of a slot. */
const ACCOUNT_BYTES = 250
const SLOT_BYTES = 140

const FLAGS = ['diffMode', 'disableCode', 'disableStorage', 'includeEmpty'] as const

const ZERO: Hex = `0x${'00'.repeat(32)}`

const toAddress = (item: bigint): Address => createAddressFromBigInt(BigInt.asUintN(160, item))
const toWord = (bytes: Uint8Array): Hex => bytesToHex(setLengthLeft(bytes, 32))

/** What delegates: its target (EIP-7702). */
const delegateOf = (code: Uint8Array): Address | undefined =>
  code.length === 23 && bytesToHex(code).startsWith('0xef0100')
    ? createAddressFromString(bytesToHex(code.subarray(3)))
    : undefined

/** The accounts that a transaction needs as they were before it; or in `diffMode` what it changes. */
export function createPrestateTracer(options: unknown, { spend }: Budget): Tracer {
  const { diffMode, disableCode, disableStorage, includeEmpty } = readFlags(options, FLAGS)
  if (diffMode && includeEmpty) {
    throw new JsonRpcError('cannot use diffMode with includeEmpty', -32000)
  }
  const before = new Map<string, TracedAccount>()
  const empty = new Set<string>()
  const created = new Set<string>()
  const deleted = new Set<string>()
  let state: StateManagerInterface
  let evm: EVM

  async function readAccount(address: Address) {
    const {
      balance = 0n,
      nonce = 0n,
      codeHash = KECCAK256_NULL,
    } = (await state.getAccount(address)) ?? {}
    const isCode = !equalsBytes(codeHash, KECCAK256_NULL)
    const code = isCode ? await state.getCode(address) : new Uint8Array()
    return { balance, nonce, code, codeHash: isCode ? bytesToHex(codeHash) : undefined }
  }

  async function lookUp(address: Address) {
    const key = address.toString()
    if (before.has(key)) return
    const { balance, nonce, code, codeHash } = await readAccount(address)
    const account: TracedAccount = Object.create(null)
    account.balance = bigIntToHex(balance)
    if (code.length > 0 && !disableCode) account.code = bytesToHex(code)
    if (codeHash) account.codeHash = codeHash
    if (nonce > 0n) account.nonce = Number(nonce)
    if (!disableStorage) account.storage = Object.create(null)
    if (balance === 0n && nonce === 0n && code.length === 0) empty.add(key)
    spend(ACCOUNT_BYTES + (account.code?.length ?? 0))
    before.set(key, account)
  }

  async function lookUpSlot(address: Address, item: bigint) {
    const { storage } = before.get(address.toString()) ?? {}
    const slot = toWord(toBytes(item))
    if (!storage || slot in storage) return
    spend(SLOT_BYTES)
    storage[slot] = toWord(await state.getStorage(address, toBytes(slot)))
  }

  async function lookUpDelegate(address: Address) {
    if (!evm.common.isActivatedEIP(7702)) return
    const target = delegateOf(await state.getCode(address))
    if (target) await lookUp(target)
  }

  async function lookUpCreated(address: Address) {
    await lookUp(address)
    created.add(address.toString())
  }

  async function start(tx: TracedTx, ofBlock: EVM) {
    evm = ofBlock
    state = evm.stateManager
    const { nonce = 0n } = (await state.getAccount(tx.from)) ?? {}
    const to = tx.to ?? createContractAddress(tx.from, nonce)
    if (tx.to) await lookUpDelegate(to)
    else created.add(to.toString())
    for (const address of [tx.from, to, tx.coinbase, ...tx.authorities, BASE_FEE_VAULT]) {
      await lookUp(address)
    }
  }

  async function look({ code, items, address, memory }: Step) {
    if (code === SLOAD || code === SSTORE) await lookUpSlot(address, items[0])
    if (ACCOUNT_READERS.includes(code)) await lookUp(toAddress(items[0]))
    if (code === SELFDESTRUCT) {
      const isKept = evm.common.isActivatedEIP(6780) && !created.has(address.toString())
      if (!isKept) deleted.add(address.toString())
    }
    if (isCall(code)) {
      await lookUp(toAddress(items[1]))
      await lookUpDelegate(toAddress(items[1]))
    }
    if (code === CREATE) {
      const { nonce = 0n } = (await state.getAccount(address)) ?? {}
      await lookUpCreated(createContractAddress(address, nonce))
    }
    if (code === CREATE2) {
      const initCode = new Uint8Array(Number(items[2]))
      const start = Number(items[1])
      if (initCode.length > 0) initCode.set(memory().subarray(start, start + initCode.length))
      const salt = setLengthLeft(toBytes(items[3]), 32)
      await lookUpCreated(createContractAddress2(address, salt, initCode))
    }
  }

  /** Takes what did not change out of `before`. @returns what did, as it is now */
  async function compare(): Promise<Record<string, TracedAccount>> {
    const after: Record<string, TracedAccount> = Object.create(null)
    for (const [key, old] of before) {
      if (deleted.has(key)) continue
      const address = createAddressFromString(key)
      const { balance, nonce, code, codeHash } = await readAccount(address)
      const change: TracedAccount = Object.create(null)
      if (bigIntToHex(balance) !== old.balance) change.balance = bigIntToHex(balance)
      let isChanged = change.balance !== undefined || Number(nonce) !== (old.nonce ?? 0)
      if (isChanged && Number(nonce) !== (old.nonce ?? 0) && nonce > 0n)
        change.nonce = Number(nonce)
      if (codeHash !== old.codeHash) {
        isChanged = true
        change.codeHash = codeHash ?? ZERO
        if (!disableCode && code.length > 0) change.code = bytesToHex(code)
      }
      const slots = await compareStorage(address, old.storage ?? {})
      if (Object.keys(slots.changed).length > 0) change.storage = slots.changed
      if (isChanged || slots.isChanged) after[key] = change
      else before.delete(key)
    }
    return after
  }

  async function compareStorage(address: Address, storage: Record<Hex, Hex>) {
    const changed: Record<Hex, Hex> = Object.create(null)
    let isChanged = false
    for (const [slot, value] of Object.entries(storage) as [Hex, Hex][]) {
      const current = toWord(await state.getStorage(address, toBytes(slot)))
      if (value === ZERO || value === current) delete storage[slot]
      if (value === current) continue
      isChanged = true
      if (current !== ZERO) changed[slot] = current
    }
    return { changed, isChanged }
  }

  return {
    start,
    step: (step) => (step.error || !isReader(step.code) ? undefined : look(step)),
    end: async () => {
      const after = diffMode ? await compare() : undefined
      for (const [key, { storage }] of before) {
        if (storage && Object.keys(storage).length === 0) delete before.get(key)!.storage
        if (!includeEmpty && empty.has(key)) before.delete(key)
      }
      const pre = Object.assign(Object.create(null), Object.fromEntries(before))
      return after ? { __proto__: null, post: after, pre } : pre
    },
  }
}
