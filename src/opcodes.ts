import { type EVM, EVMError } from '@ethereumjs/evm'
import { bytesToBigInt, createAddressFromBigInt, setLengthLeft, toBytes } from '@ethereumjs/util'

/**
 * Corrects three opcodes of EthereumJS 10.1.3 on this EVM.
 *
 * - SSTORE reads the slot before it finds that gas is short; EXTCODEHASH loads the code. Clients do
 *   neither, so a minimal witness holds neither slot nor code.
 * - CREATE and CREATE2 push 0 for initcode that starts with 0xEF00, as if EOF were active. It is
 *   not: the nonce rises and the gas is lost to the invalid opcode 0xEF.
 */
export function correctOpcodes(evm: EVM) {
  const opcodes = evm['_opcodeMap']
  const { gasHandler } = opcodes[0x55]
  opcodes[0x55].gasHandler = async (runState, gas, common) => {
    // EIP-2200
    if (runState.interpreter.getGasLeft() <= 2_300n) throw new EVMError('out of gas')
    return gasHandler(runState, gas, common)
  }
  opcodes[0x3f].opHandler = async ({ stack, stateManager }) => {
    const address = createAddressFromBigInt(BigInt.asUintN(160, stack.pop()))
    const account = await stateManager.getAccount(address)
    stack.push(!account || account.isEmpty() ? 0n : bytesToBigInt(account.codeHash))
  }
  for (const number of [0xf0, 0xf5]) {
    const { opHandler } = opcodes[number]
    opcodes[number].opHandler = async (runState, common) => {
      const { stack, memory, interpreter, messageGasLimit } = runState
      const [value, offset, length, salt] = stack.peek(number === 0xf0 ? 3 : 4)
      await opHandler(runState, common)
      const initCode = memory.read(Number(offset), Number(length), true)
      if (initCode[0] !== 0xef || initCode[1] !== 0) return
      // Nothing was created, only 0 pushed.
      stack.pop()
      const saltBytes = salt === undefined ? undefined : setLengthLeft(toBytes(salt), 32)
      stack.push(await interpreter.create(messageGasLimit!, value, initCode, saltBytes))
    }
  }
}
