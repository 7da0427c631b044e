import { bytesToBigInt } from 'ethereumjs-op/ethereumjs'

/** Selectors of `Error(string)` and `Panic(uint256)`. */
const ERROR = 0x08c379a0
const PANIC = 0x4e487b71

/** What the codes of Solidity's panics mean. */
const PANICS: Record<string, string> = {
  0: 'generic panic',
  1: 'assert(false)',
  17: 'arithmetic underflow or overflow',
  18: 'division or modulo by zero',
  33: 'enum overflow',
  34: 'invalid encoded storage byte array accessed',
  49: 'out-of-bounds array access; popping on an empty array',
  50: 'out-of-bounds access of an array or bytesN',
  65: 'out of memory',
  81: 'uninitialized function',
}

/** The reason for a revert that its data gives, if it has the form that Solidity uses. */
export function decodeRevert(data: Uint8Array): string | undefined {
  if (data.length < 36) return undefined
  const view = new DataView(data.buffer, data.byteOffset, data.length)
  const selector = view.getUint32(0)
  const body = data.subarray(4)
  const wordAt = (start: number) =>
    start + 32 <= body.length ? bytesToBigInt(body.subarray(start, start + 32)) : undefined
  if (selector === PANIC) {
    const code = wordAt(0)!
    return PANICS[`${code}`] ?? `unknown panic code: 0x${code.toString(16)}`
  }
  if (selector !== ERROR) return undefined
  const start = wordAt(0)!
  if (start > BigInt(body.length)) return undefined
  const length = wordAt(Number(start))
  const first = Number(start) + 32
  if (length === undefined || length > BigInt(body.length - first)) return undefined
  return new TextDecoder().decode(body.subarray(first, first + Number(length)))
}
