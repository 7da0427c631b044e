import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, concatBytes, utf8ToBytes } from 'ethereumjs-op/ethereumjs'
import {
  type L1Storage,
  L1_BLOCK,
  type Pre,
  SENDERS,
  SENDER_BALANCE,
  bytes,
  l1Block,
} from '../../accounts.ts'

/** Bytes that no compression makes shorter. */
export function noise(length: number, seed = 'noise'): string {
  const parts: Uint8Array[] = []
  for (let index = 0; index * 32 < length; index++) {
    parts.push(keccak_256(utf8ToBytes(`${seed} ${index}`)))
  }
  return bytesToHex(concatBytes(...parts).subarray(0, length))
}

/** The same bytes again and again. */
export const repeat = (hex: string, times: number) => `0x${hex.repeat(times)}`

/** Data of every kind: short, long, of zeros, without any, regular and not. */
export const DATA = [
  '0x',
  '0x00',
  '0xff',
  repeat('00', 500),
  repeat('01', 500),
  repeat('0102030405060708', 60),
  noise(300),
  `${noise(100)}${'00'.repeat(100)}${noise(100).slice(2)}`,
]

const hex = (value: bigint) => `0x${value.toString(16)}`

/** L1Block that has these fee parameters whatever the attributes say, and rich senders. */
export const fixedFees = (values: L1Storage, balance = SENDER_BALANCE): Pre => ({
  [L1_BLOCK]: { ...l1Block(values), code: '0x00' },
  ...Object.fromEntries(SENDERS.map((sender) => [sender, { balance: hex(balance) }])),
})

/** Gas of bytes as calldata: 4 for a zero, 16 for another. */
export const calldataGas = (raw: string) =>
  bytes(raw).reduce((gas, byte) => gas + (byte === 0 ? 4n : 16n), 0n)

/** What an account has, as in a genesis. */
export const withBalance = (balance: bigint) => ({ balance: hex(balance) })
