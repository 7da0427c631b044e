import { readFileSync } from 'node:fs'
import { bytesToHex, hexToBytes, privateToAddress } from 'ethereumjs-op/ethereumjs'
import type { VectorAccount } from '../vector.ts'
import { type Fork, isFrom } from './forks.ts'

/** Accounts by address, of which a case gives only what matters. */
export type Pre = Record<string, Partial<VectorAccount>>

export const DEPOSITOR = '0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001'
export const L1_BLOCK = '0x4200000000000000000000000000000000000015'
export const MESSAGE_PASSER = '0x4200000000000000000000000000000000000016'
export const SEQUENCER_FEE_VAULT = '0x4200000000000000000000000000000000000011'
export const BASE_FEE_VAULT = '0x4200000000000000000000000000000000000019'
export const L1_FEE_VAULT = '0x420000000000000000000000000000000000001a'
export const OPERATOR_FEE_VAULT = '0x420000000000000000000000000000000000001b'
export const BEACON_ROOTS = '0x000f3df6d732807ef1319fb7b8bb8522d0beac02'
export const HISTORY = '0x0000f90827f1c53a10cb7a02335b175320002935'

const KEY_COUNT = 4

/** Private keys of the accounts that have ether: 1, 2, 3, … */
export const KEYS = Array.from({ length: KEY_COUNT }, (_, index) => {
  const key = new Uint8Array(32)
  key[31] = index + 1
  return key
})

/** Addresses of {@link KEYS}. */
export const SENDERS = KEYS.map((key) => bytesToHex(privateToAddress(key)))

/** Where cases put their contracts. */
export const CONTRACT = '0xc0de000000000000000000000000000000000001'
export const CONTRACT2 = '0xc0de000000000000000000000000000000000002'

/** 32 bytes in hex, as keys and values of storage. */
export const word = (value: bigint | number): `0x${string}` =>
  `0x${BigInt(value).toString(16).padStart(64, '0')}`

/** The genesis file of the local chain, which has the code of predeploys. */
const EXAMPLE = new URL('../../../examples/genesis.json', import.meta.url)
const { alloc } = JSON.parse(readFileSync(EXAMPLE, 'utf8')) as { alloc: Pre }

/** The code of a predeploy. */
function codeOf(address: string): string {
  const code = alloc[address]?.code
  if (!code) throw new Error(`${EXAMPLE.pathname} has no code at ${address}`)
  return code
}

/** Fee parameters of L1 in the storage of L1Block before the first block. */
export interface L1Storage {
  /** Wei per gas. */
  baseFee?: bigint
  /** Gas. */
  overhead?: bigint
  scalar?: bigint
  /** Wei per blob gas. */
  blobBaseFee?: bigint
  baseFeeScalar?: bigint
  blobBaseFeeScalar?: bigint
  operatorFeeScalar?: bigint
  operatorFeeConstant?: bigint
  daFootprintGasScalar?: bigint
}

/** L1Block, whose code takes the attributes of every fork, with these values in its storage (F-34). */
export function l1Block(values: L1Storage = {}): VectorAccount {
  const { baseFee = 0n, overhead = 0n, scalar = 0n, blobBaseFee = 0n } = values
  const { baseFeeScalar = 0n, blobBaseFeeScalar = 0n } = values
  const { operatorFeeScalar = 0n, operatorFeeConstant = 0n, daFootprintGasScalar = 0n } = values
  const slots: Record<number, bigint> = {
    1: baseFee,
    3: (baseFeeScalar << 96n) | (blobBaseFeeScalar << 64n),
    5: overhead,
    6: scalar,
    7: blobBaseFee,
    8: (daFootprintGasScalar << 96n) | (operatorFeeScalar << 64n) | operatorFeeConstant,
  }
  const storage: Record<string, string> = {}
  for (const [slot, value] of Object.entries(slots)) {
    if (value !== 0n) storage[word(Number(slot))] = word(value)
  }
  return { balance: '0x0', nonce: '0x1', code: codeOf(L1_BLOCK), storage }
}

/** Fills in what an account does not say. */
function completeAccount(account: Partial<VectorAccount>): VectorAccount {
  return { balance: '0x0', nonce: '0x0', code: '0x', storage: {}, ...account }
}

/** What every chain has: ether for {@link SENDERS}, and the contracts that its fork relies on. */
export function createPre(fork: Fork, extra: Pre = {}): Record<string, VectorAccount> {
  const pre: Pre = { [L1_BLOCK]: l1Block() }
  for (const sender of SENDERS) pre[sender] = { balance: '0x3635c9adc5dea00000' }
  const one = { [word(1)]: word(1) }
  pre[MESSAGE_PASSER] = { nonce: '0x1', code: '0x00', storage: one }
  if (isFrom(fork, 'ecotone')) pre[BEACON_ROOTS] = { nonce: '0x1', code: codeOf(BEACON_ROOTS) }
  if (isFrom(fork, 'isthmus')) pre[HISTORY] = { nonce: '0x1', code: codeOf(HISTORY) }
  const complete: Record<string, VectorAccount> = {}
  for (const [address, account] of Object.entries({ ...pre, ...extra })) {
    complete[address.toLowerCase()] = completeAccount(account)
  }
  return complete
}

/** A key as bytes. */
export const keyOf = (index: number): Uint8Array => KEYS[index]

/** Bytes of hex, whose type does not matter. */
export const bytes = (hex: string) => hexToBytes(hex as `0x${string}`)
