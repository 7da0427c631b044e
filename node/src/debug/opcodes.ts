/** What tracers say of an opcode. */
export interface Opcode {
  name: string
  /** Stack items that it takes, and that it leaves in their place. */
  pops: number
  pushes: number
  /** Its gas that does not depend on operands, where EthereumJS counts that as dynamic. */
  fixedGas?: bigint
}

/** First number of a row of opcodes, and the row: name, items taken, items left. */
const ROWS: [number, string][] = [
  [0x00, 'STOP 0 0, ADD 2 1, MUL 2 1, SUB 2 1, DIV 2 1, SDIV 2 1, MOD 2 1, SMOD 2 1'],
  [0x08, 'ADDMOD 3 1, MULMOD 3 1, EXP 2 1, SIGNEXTEND 2 1'],
  [0x10, 'LT 2 1, GT 2 1, SLT 2 1, SGT 2 1, EQ 2 1, ISZERO 1 1, AND 2 1, OR 2 1'],
  [0x18, 'XOR 2 1, NOT 1 1, BYTE 2 1, SHL 2 1, SHR 2 1, SAR 2 1, CLZ 1 1'],
  [0x20, 'KECCAK256 2 1'],
  [0x30, 'ADDRESS 0 1, BALANCE 1 1, ORIGIN 0 1, CALLER 0 1, CALLVALUE 0 1, CALLDATALOAD 1 1'],
  [0x36, 'CALLDATASIZE 0 1, CALLDATACOPY 3 0, CODESIZE 0 1, CODECOPY 3 0, GASPRICE 0 1'],
  [0x3b, 'EXTCODESIZE 1 1, EXTCODECOPY 4 0, RETURNDATASIZE 0 1, RETURNDATACOPY 3 0'],
  [0x3f, 'EXTCODEHASH 1 1, BLOCKHASH 1 1, COINBASE 0 1, TIMESTAMP 0 1, NUMBER 0 1'],
  [0x44, 'DIFFICULTY 0 1, GASLIMIT 0 1, CHAINID 0 1, SELFBALANCE 0 1, BASEFEE 0 1'],
  [0x49, 'BLOBHASH 1 1, BLOBBASEFEE 0 1, SLOTNUM 0 1'],
  [0x50, 'POP 1 0, MLOAD 1 1, MSTORE 2 0, MSTORE8 2 0, SLOAD 1 1, SSTORE 2 0, JUMP 1 0'],
  [0x57, 'JUMPI 2 0, PC 0 1, MSIZE 0 1, GAS 0 1, JUMPDEST 0 0, TLOAD 1 1, TSTORE 2 0, MCOPY 3 0'],
  [0xa0, 'LOG0 2 0, LOG1 3 0, LOG2 4 0, LOG3 5 0, LOG4 6 0'],
  [0xd0, 'DATALOAD 1 1, DATALOADN 0 1, DATASIZE 0 1, DATACOPY 3 0'],
  [0xe0, 'RJUMP 0 0, RJUMPI 1 0, RJUMPV 1 0, CALLF 0 0, RETF 0 0, JUMPF 0 0, DUPN 0 1, SWAPN 0 0'],
  [0xe8, 'EXCHANGE 0 0'],
  [0xec, 'EOFCREATE 4 1'],
  [0xee, 'RETURNCONTRACT 2 0'],
  [0xf0, 'CREATE 3 1, CALL 7 1, CALLCODE 7 1, RETURN 2 0, DELEGATECALL 6 1, CREATE2 4 1'],
  [0xf7, 'RETURNDATALOAD 1 1, EXTCALL 4 1, EXTDELEGATECALL 3 1, STATICCALL 6 1, EXTSTATICCALL 3 1'],
  [0xfd, 'REVERT 2 0, INVALID 0 0, SELFDESTRUCT 1 0'],
]

/** Access to what is warm (EIP-2929) is a fixed part for these, the rest of what is cold is not. */
const WARM_ACCESS = [0x31, 0x3b, 0x3c, 0x3f, 0xf1, 0xf2, 0xf4, 0xfa]

function createTable(): Opcode[] {
  const table = Array.from({ length: 256 }, (_, code): Opcode => {
    if (code >= 0x5f && code <= 0x7f) return { name: `PUSH${code - 0x5f}`, pops: 0, pushes: 1 }
    const place = (code & 0xf) + 1
    if (code >> 4 === 8) return { name: `DUP${place}`, pops: place, pushes: place + 1 }
    if (code >> 4 === 9) return { name: `SWAP${place}`, pops: place + 1, pushes: place + 1 }
    return { name: `opcode 0x${code.toString(16)} not defined`, pops: 0, pushes: 0 }
  })
  for (const [first, row] of ROWS) {
    for (const [index, text] of row.split(', ').entries()) {
      const [name, pops, pushes] = text.split(' ')
      table[first + index] = { name, pops: Number(pops), pushes: Number(pushes) }
    }
  }
  for (const code of WARM_ACCESS) table[code].fixedGas = 100n
  // All gas of an exponentiation and of logs depends on operands for clients that mirror geth.
  for (const code of [0x0a, 0x54, 0x55, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4]) table[code].fixedGas = 0n
  return table
}

/** Opcodes by number, under the names that geth's tracers give them. */
export const OPCODES: Opcode[] = createTable()
