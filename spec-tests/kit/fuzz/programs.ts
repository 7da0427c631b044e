import { type Fork, isFrom } from '../fill/forks.ts'
import { assemble } from '../fill/assemble.ts'
import type { Random } from './random.ts'

/**
 * A program of the EVM: statements in the words of `assemble`. Each leaves the stack as it was, so that
 * any can be left out.
 */
export type Program = string[]

/** What programs are made of. */
export interface ProgramOptions {
  random: Random
  /** Whose instructions there are. */
  fork: Fork
  /** An address to call or look at. */
  address(): string
}

/** How deep programs that create contracts are nested. */
const MAX_DEPTH = 2

const ARITHMETIC = [
  'ADD',
  'MUL',
  'SUB',
  'DIV',
  'SDIV',
  'MOD',
  'SMOD',
  'EXP',
  'SIGNEXTEND',
  'LT',
  'GT',
]
const BITS = ['SLT', 'SGT', 'EQ', 'AND', 'OR', 'XOR', 'BYTE', 'SHL', 'SHR', 'SAR']
const CONTEXT = ['ADDRESS', 'ORIGIN', 'CALLER', 'CALLVALUE', 'CALLDATASIZE', 'CODESIZE', 'GASPRICE']
const BLOCK = ['COINBASE', 'TIMESTAMP', 'NUMBER', 'GASLIMIT', 'CHAINID', 'SELFBALANCE', 'BASEFEE']
const OTHER = ['RETURNDATASIZE', 'PC', 'MSIZE', 'GAS', 'PREVRANDAO']

/** Addresses of precompiles with a size of input near a limit of some fork, in bytes. */
const LIMITS: [address: string, size: number][] = [
  // Length fields of MODEXP are words, of which zero is the cheapest.
  ['0x05', 96],
  // bn254 pairing: Granite 112,687; Jovian 81,984; Karst 57,600 (P-05…P-07).
  ['0x08', 112_512],
  ['0x08', 112_704],
  ['0x08', 81_984],
  ['0x08', 82_176],
  ['0x08', 57_600],
  ['0x08', 57_792],
  // BLS12-381 multiplications and pairing: Isthmus, then Jovian.
  ['0x0c', 513_760],
  ['0x0c', 288_960],
  ['0x0e', 488_448],
  ['0x0e', 278_784],
  ['0x0f', 235_008],
  ['0x0f', 156_672],
  ['0x0f', 157_056],
]

/** A right signature on P-256: hash, r, s, x, y. */
const P256_INPUT =
  '4cee90eb86eaa050036147a12d49004b6b9c72bd725d39d4785011fe190f0b4d' +
  'a73bd4903f0ce3b639bbbf6e8e80d16931ff4bcf5993d58468e8fb19086e8cac' +
  '36dbcd03009df8c59286b162af3bd7fcc0450c9aa81be5d10d312af6c66b1d60' +
  '4aebd3099c618202fcfe16ae7770b0c49ab5eadf74b754204a3bb6060e44eff3' +
  '7618b065f9832de4ca6ca971a7a1adc826d0f7c00181a5fb2ddf79ae00b4e10e'

/** Puts bytes into memory from `start` on. */
function storeBytes(digits: string, start = 0): string {
  const words = digits.match(/.{1,64}/g) ?? []
  return words
    .map((word, index) => `0x${word.padEnd(64, '0')} ${start + 32 * index} MSTORE`)
    .join(' ')
}

/** Bytes of a program, which are code, as digits. */
export const digitsOf = (program: Program) => assemble(program.join(' ') || ':').slice(2)

/** Code that returns `runtime` as the code of a new contract. */
export function initCode(runtime: Program): string {
  const digits = digitsOf(runtime)
  const size = digits.length / 2
  // The prefix copies what is behind it, and so must know its own length.
  const prefix = (length: number) =>
    assemble(`${size} ${length} 0 CODECOPY ${size} 0 RETURN`).slice(2)
  return prefix(prefix(0).length / 2) + digits
}

/** A statement. */
function statement(options: ProgramOptions, depth: number): string {
  const { random, fork } = options
  const slot = () => random.integer(8)
  const offset = () => 32 * random.integer(6)
  const size = () => random.pick([0, 1, 31, 32, 33, 64, 128, 192, 213, 256])
  const word = () => (random.chance(0.15) ? options.address() : `0x${random.word().toString(16)}`)
  const gas = () =>
    random.pick(['GAS', 'GAS', 'GAS', '0', '700', '2300', '50000', '200000', '0xffffffff'])
  const keep = (value: string) =>
    random.chance(0.7) ? `${value} ${slot()} SSTORE` : `${value} ${offset()} MSTORE`

  const call = () => {
    const name = random.pick(['CALL', 'CALL', 'CALLCODE', 'DELEGATECALL', 'STATICCALL'])
    const hasValue = name === 'CALL' || name === 'CALLCODE'
    const value = hasValue ? random.pick(['0', '0', '1', '1000', '0xde0b6b3a7640000']) : ''
    const memory = `${size()} ${offset()} ${size()} ${offset()}`
    return keep(`${memory} ${value} ${options.address()} ${gas()} ${name}`)
  }
  const create = () => {
    const inner = randomProgram(options, 3, depth + 1)
    const code = random.chance(0.5) ? initCode(inner) : digitsOf(inner)
    const value = random.pick([0, 0, 0, 5])
    const length = code.length / 2
    const salt = random.chance(0.5) ? `${random.integer(3)} ` : ''
    const name = salt ? 'CREATE2' : 'CREATE'
    return `${storeBytes(code)} ${keep(`${salt}${length} 0 ${value} ${name}`)}`
  }
  const loop = () => {
    // The counter's push has two bytes, so that JUMPDEST is 3 behind PC.
    const body = statement(options, depth + 1)
    const again = '1 SWAP1 SUB DUP1 DUP3 3 ADD JUMPI'
    return `PC ${1 + random.integer(6)} JUMPDEST ${body} ${again} POP POP`
  }
  const limit = () => {
    const [address, bytes] = random.pick(LIMITS)
    return keep(`0 0 ${bytes} 0 ${address} GAS STATICCALL`)
  }
  const modexp = () => {
    const length = () => random.pick([0, 1, 32, 33, 64, 1024, 1025, '0xffffffffffffffff'])
    const lengths = `${length()} 0 MSTORE ${length()} 32 MSTORE ${length()} 64 MSTORE`
    const data = `${word()} 96 MSTORE ${word()} 128 MSTORE ${word()} 160 MSTORE`
    return `${lengths} ${data} ${keep(`64 256 ${random.pick([96, 192, 256])} 0 5 ${gas()} STATICCALL`)}`
  }
  const precompile = () => {
    const address = random.pick([1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 256, 257])
    const data = random.list(4, (index) => `${word()} ${32 * index} MSTORE`).join(' ')
    return `${data} ${keep(`64 256 ${size()} 0 ${address} ${gas()} STATICCALL`)} 256 MLOAD ${slot()} SSTORE`
  }
  const p256 = () => {
    const input = random.chance(0.5) ? P256_INPUT : P256_INPUT.replace('4c', '4d')
    return `${storeBytes(input)} ${keep(`32 192 ${random.pick([160, 160, 159, 161])} 0 256 ${gas()} STATICCALL`)} 192 MLOAD ${slot()} SSTORE`
  }

  return random.weighted<string>([
    [5, () => keep(`${word()} ${word()} ${random.pick([...ARITHMETIC, ...BITS])}`)],
    [1, () => keep(`${word()} ${word()} ${word()} ${random.pick(['ADDMOD', 'MULMOD'])}`)],
    [1, () => keep(`${word()} ${random.pick(['ISZERO', 'NOT', 'CALLDATALOAD'])}`)],
    [4, () => keep(random.pick([...CONTEXT, ...BLOCK, ...OTHER]))],
    [5, () => `${word()} ${slot()} SSTORE`],
    [3, () => `${slot()} SLOAD ${offset()} MSTORE`],
    [2, () => `${word()} ${offset()} ${random.pick(['MSTORE', 'MSTORE8'])}`],
    [2, () => keep(`${size()} ${offset()} KECCAK256`)],
    [
      3,
      () => keep(`${options.address()} ${random.pick(['BALANCE', 'EXTCODESIZE', 'EXTCODEHASH'])}`),
    ],
    [1, () => `${size()} ${slot()} ${offset()} ${options.address()} EXTCODECOPY`],
    [2, () => `${size()} ${slot()} ${offset()} ${random.pick(['CALLDATACOPY', 'CODECOPY'])}`],
    [1, () => `RETURNDATASIZE 0 0 RETURNDATACOPY`],
    [1, () => keep(`${random.integer(5)} NUMBER SUB BLOCKHASH`)],
    [
      2,
      () => {
        const topics = random.integer(5)
        return `${random.list(topics, word).join(' ')} ${size()} ${offset()} LOG${topics}`
      },
    ],
    [7, call],
    [depth < MAX_DEPTH ? 4 : 0, create],
    [depth < MAX_DEPTH ? 1 : 0, loop],
    [0.6, () => `${options.address()} SELFDESTRUCT`],
    [
      isFrom(fork, 'ecotone') ? 2 : 0.02,
      () => `${word()} ${slot()} TSTORE ${slot()} TLOAD ${slot()} SSTORE`,
    ],
    [isFrom(fork, 'ecotone') ? 1 : 0.02, () => `${size()} ${offset()} ${offset()} MCOPY`],
    [
      isFrom(fork, 'ecotone') ? 1 : 0.02,
      () => keep(`${random.integer(3)} BLOBHASH BLOBBASEFEE ADD`),
    ],
    [isFrom(fork, 'canyon') ? 1 : 0.05, () => keep(':5f')],
    [isFrom(fork, 'karst') ? 1 : 0.05, () => keep(`${word()} CLZ`)],
    [1, modexp],
    [2, precompile],
    [0.5, p256],
    [0.15, limit],
    [0.3, () => `${size()} ${offset()} ${random.pick(['RETURN', 'REVERT'])}`],
    [0.1, () => random.pick([':fe', ':0c', ':1f', ':ef', '0 JUMP', 'POP', ':fb'])],
  ])
}

/** A program of up to `most` statements. */
export function randomProgram(options: ProgramOptions, most: number, depth = 0): Program {
  const { random } = options
  const program = random.list(1 + random.integer(most), () => statement(options, depth))
  if (random.chance(0.3)) {
    program.push(`${random.pick([0, 32, 64])} 0 ${random.pick(['RETURN', 'RETURN', 'REVERT'])}`)
  }
  return program
}
