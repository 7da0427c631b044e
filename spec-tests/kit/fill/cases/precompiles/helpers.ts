import { bytesToHex, concatBytes } from 'ethereumjs-op/ethereumjs'
import { BARE, CONTRACT, type Pre, bytes, word } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { VectorChain } from '../../chain.ts'
import { deposit } from '../../transactions.ts'

export const precompile = (number: number) => `0x${number.toString(16).padStart(40, '0')}`

/** Bytes of hex one after another. */
export const join = (...parts: string[]) => bytesToHex(concatBytes(...parts.map(bytes)))

/** So many zero bytes. */
export const zeros = (length: number) => `0x${'00'.repeat(length)}`

/**
 * Code that copies what follows three words of its calldata, and calls a precompile with as many bytes
 * of it, or of zeros, as the first word says, and with as much gas as the second says. From the slot on
 * that the third says it stores 1 plus whether that succeeded, how much was returned, and its first
 * word.
 */
export const caller = (number: number): Pre => ({
  ...BARE,
  [CONTRACT]: {
    code: assemble(`
      96 CALLDATASIZE SUB 96 0 CALLDATACOPY
      0 0 0 CALLDATALOAD 0 ${precompile(number)} 32 CALLDATALOAD STATICCALL
      1 ADD 64 CALLDATALOAD SSTORE
      RETURNDATASIZE 64 CALLDATALOAD 1 ADD SSTORE
      0 0 MSTORE RETURNDATASIZE 0 0 RETURNDATACOPY
      0 MLOAD 64 CALLDATALOAD 2 ADD SSTORE`),
  },
})

/** A call of a precompile, and what comes of it. */
export interface Call {
  /** Hex. */
  input?: string
  /** Bytes, with zeros behind the input. */
  size?: number
  gas: bigint | number
  /** Else it fails, with all its gas. */
  isSuccess: boolean
  /** Bytes that are returned. */
  returned?: number
  /** First word of them. */
  output?: bigint | number
}

/** A block with a deposit of so much gas for each call. */
export async function callAll(
  chain: VectorChain,
  calls: Call[],
  depositGas = 15_000_000n,
): Promise<void> {
  const transactions = calls.map(({ input = '0x', size, gas }, index) => {
    const length = size ?? input.length / 2 - 1
    const data = join(word(length), word(BigInt(gas)), word(index * 4), input)
    return deposit({ to: CONTRACT, gas: depositGas, data, index })
  })
  // Each in a block of its own, for one may take nearly all the gas of a block.
  for (const raw of transactions) await chain.block({ transactions: [raw] })
  const storage: Record<number, bigint> = {}
  for (const [index, { isSuccess, returned = 0, output }] of calls.entries()) {
    storage[index * 4] = isSuccess ? 2n : 1n
    storage[index * 4 + 1] = BigInt(returned)
    if (output !== undefined) storage[index * 4 + 2] = BigInt(output)
  }
  await chain.expectState({ [CONTRACT]: { storage } })
}
