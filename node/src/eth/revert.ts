import {
  type ExecResult,
  JsonRpcError,
  bytesToBigInt,
  bytesToHex,
  bytesToUtf8,
} from 'ethereumjs-op/ethereumjs'

/** Code of an error that carries the data of a revert. */
export const REVERTED = 3

/** Selectors of Error(string) and Panic(uint256). */
const ERROR = '0x08c379a0'
const PANIC = '0x4e487b71'

/** What the compiler's panics mean, in the words of geth. */
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

/** The text that ABI-encoded data begins with, if there is one. */
function decodeText(data: Uint8Array): string | undefined {
  const readWord = (at: number) => {
    const word = data.subarray(at, at + 32)
    return word.length === 32 ? Number(bytesToBigInt(word)) : Infinity
  }
  const offset = readWord(0)
  const length = readWord(offset)
  const end = offset + 32 + length
  return end <= data.length ? bytesToUtf8(data.subarray(offset + 32, end)) : undefined
}

/** The reason of a revert, if its data says one that compilers write. */
function decodeReason(data: Uint8Array): string | undefined {
  const selector = bytesToHex(data.subarray(0, 4))
  const rest = data.subarray(4)
  if (selector === ERROR) return decodeText(rest)
  if (selector !== PANIC || rest.length < 32) return undefined
  const code = bytesToBigInt(rest.subarray(0, 32))
  return PANICS[`${code}`] ?? `unknown panic code: 0x${code.toString(16)}`
}

/** What is said of a revert, with its reason where there is one. */
export function describeRevert(data: Uint8Array): string {
  const reason = decodeReason(data)
  return reason === undefined ? 'execution reverted' : `execution reverted: ${reason}`
}

/** The error that a revert is answered with. */
export const toRevertError = (data: Uint8Array): JsonRpcError =>
  new JsonRpcError(describeRevert(data), REVERTED, bytesToHex(data))

/** What EthereumJS says, and what geth, whose words wallets know. */
const WORDS: Record<string, string> = {
  revert: 'execution reverted',
  'static state change': 'write protection',
  'create collision': 'contract address collision',
  'invalid bytecode deployed': 'invalid code: must not begin with 0xef',
  'out of range': 'return data out of bounds',
  'insufficient balance': 'insufficient balance for transfer',
  'code store out of gas': 'contract creation code storage out of gas',
  'code size to deposit exceeds maximum code size': 'max code size exceeded',
  'initcode exceeds max initcode size': 'max initcode size exceeded',
}

const RETURNDATACOPY = 0x3e

/** Items that opcodes from one number to another take at least from the stack. */
const STACK_ITEMS: [from: number, to: number, items: number][] = [
  [0x01, 0x07, 2],
  [0x08, 0x09, 3],
  [0x0a, 0x0b, 2],
  [0x10, 0x14, 2],
  [0x15, 0x15, 1],
  [0x16, 0x18, 2],
  [0x19, 0x19, 1],
  [0x1a, 0x1d, 2],
  [0x1e, 0x1e, 1],
  [0x20, 0x20, 2],
  [0x31, 0x31, 1],
  [0x35, 0x35, 1],
  [0x37, 0x37, 3],
  [0x39, 0x39, 3],
  [0x3b, 0x3b, 1],
  [0x3c, 0x3c, 4],
  [0x3e, 0x3e, 3],
  [0x3f, 0x40, 1],
  [0x49, 0x49, 1],
  [0x50, 0x51, 1],
  [0x52, 0x53, 2],
  [0x54, 0x54, 1],
  [0x55, 0x55, 2],
  [0x56, 0x56, 1],
  [0x57, 0x57, 2],
  [0x5c, 0x5c, 1],
  [0x5d, 0x5d, 2],
  [0x5e, 0x5e, 3],
  [0xf0, 0xf0, 3],
  [0xf1, 0xf2, 7],
  [0xf3, 0xf3, 2],
  [0xf4, 0xf4, 6],
  [0xf5, 0xf5, 4],
  [0xfa, 0xfa, 6],
  [0xfd, 0xfd, 2],
  [0xff, 0xff, 1],
]

function countStackItems(opcode: number): number {
  // DUP, SWAP and LOG by their number
  if (opcode >= 0x80 && opcode <= 0x8f) return opcode - 0x7f
  if (opcode >= 0x90 && opcode <= 0x9f) return opcode - 0x8e
  if (opcode >= 0xa0 && opcode <= 0xa4) return opcode - 0x9e
  return STACK_ITEMS.find(([from, to]) => opcode >= from && opcode <= to)?.[2] ?? 0
}

/** Why the EVM ended a call, in the words of geth. */
export function describeError({ exceptionError, runState }: ExecResult): string {
  const error = `${exceptionError!.error}`
  if (error.startsWith('invalid JUMP')) return 'invalid jump destination'
  if (!runState) return WORDS[error] ?? error
  const { code, programCounter, opCode, stack, returnBytes } = runState
  if (error === 'out of gas' && opCode === RETURNDATACOPY && stack.length >= 3) {
    const [, offset, length] = stack.peek(3)
    if (offset + length > returnBytes.length) return 'return data out of bounds'
  }
  if (error === 'stack underflow') {
    return `stack underflow (${stack.length} <=> ${countStackItems(opCode)})`
  }
  // Whatever overflows it adds one item to what may be 1,024.
  if (error === 'stack overflow') return `stack limit reached ${stack.length} (1023)`
  if (error === 'invalid opcode') {
    const opcode = code[programCounter]
    const name = opcode === 0xfe ? 'INVALID' : `opcode 0x${opcode.toString(16)} not defined`
    return `invalid opcode: ${name}`
  }
  return WORDS[error] ?? error
}
