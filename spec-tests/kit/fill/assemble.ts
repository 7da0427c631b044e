import { createEVM } from 'ethereumjs-op/ethereumjs'

/** Codes of the EVM's instructions by name. */
const CODES = new Map<string, number>()
for (const [code, { name }] of (await createEVM()).getActiveOpcodes()) CODES.set(name, code)
// Not active in EthereumJS's default, or under another name.
for (const [name, code] of Object.entries({ PUSH0: 0x5f, KECCAK256: 0x20, CLZ: 0x1e })) {
  CODES.set(name, code)
}

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
