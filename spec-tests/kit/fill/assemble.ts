import { createEVM } from 'ethereumjs-op/ethereumjs'

/** Codes of the EVM's instructions by name. */
const CODES = new Map<string, number>()
for (const [code, { name, fullName }] of (await createEVM()).getActiveOpcodes()) {
  CODES.set(name, code).set(fullName, code)
}
// Not active in EthereumJS's default, or under another name.
for (const [name, code] of Object.entries({ PUSH0: 0x5f, KECCAK256: 0x20, CLZ: 0x1e })) {
  CODES.set(name, code)
}
for (const index of Array(16).keys()) {
  CODES.set(`DUP${index + 1}`, 0x80 + index).set(`SWAP${index + 1}`, 0x90 + index)
}
for (const topics of Array(5).keys()) CODES.set(`LOG${topics}`, 0xa0 + topics)

/** The shortest push of a number. */
export function push(value: bigint | number | string): string {
  const number = BigInt(value)
  if (number === 0n) return '6000'
  const digits = number.toString(16)
  const even = digits.length % 2 === 0 ? digits : `0${digits}`
  return (0x5f + even.length / 2).toString(16) + even
}

/**
 * Bytes of a program in words that are separated by spaces: names of instructions, numbers, decimal or
 * in hex, which are pushed, and `:` before hex that is taken as it is.
 *
 * @returns hex with `0x`
 * @throws if a word is none of these
 */
export function assemble(program: string): `0x${string}` {
  const parts = program
    .trim()
    .split(/\s+/)
    .map((word) => {
      if (/^(0x[0-9a-f]+|\d+)$/i.test(word)) return push(word)
      if (/^:([0-9a-f]{2})*$/i.test(word)) return word.slice(1)
      const code = CODES.get(word)
      if (code === undefined) throw new Error(`there is no instruction ${word}`)
      return code.toString(16).padStart(2, '0')
    })
  return `0x${parts.join('')}`
}

/** Init code that creates a contract with this code. @param code - hex */
export function deployer(code: string): `0x${string}` {
  const length = push((code.length - 2) / 2)
  const prefix = (offset: number) =>
    assemble(`:${length} DUP1 :60${offset.toString(16).padStart(2, '0')} 0 CODECOPY 0 RETURN`)
  return `${prefix((prefix(0).length - 2) / 2)}${code.slice(2)}` as `0x${string}`
}

/**
 * A program that stores the gas which each of these programs takes, with 2 for POP of what it
 * leaves and 2 for GAS: the first in slot `first`, the others after it.
 */
export const measure = (programs: string[], first = 0): string =>
  programs
    .map((program, index) => `GAS ${program} POP GAS SWAP1 SUB ${first + index} SSTORE`)
    .join(' ')
