/** Corrects the EVM of EthereumJS, for any chain. */
import { type EVM, EVMError } from '@ethereumjs/evm'
import {
  bytesToBigInt,
  createAddressFromBigInt,
  setLengthLeft,
  setLengthRight,
  toBytes,
} from '@ethereumjs/util'

/** The address that a stack item stands for. */
const toAddress = (item: bigint) => createAddressFromBigInt(BigInt.asUintN(160, item))

/**
 * Corrects opcodes of EthereumJS 10.1.3 on this EVM.
 *
 * - SSTORE reads the slot before it finds that gas is short, CALL with value and SELFDESTRUCT the
 *   account, and a call from Isthmus on the code of what it calls; EXTCODEHASH loads the code. Clients
 *   do none of this, so a minimal witness holds neither slot nor account nor code.
 * - CREATE and CREATE2 push 0 for initcode that starts with 0xEF00, as if EOF were active. It is
 *   not: the nonce rises and the gas is lost to the invalid opcode 0xEF. For the same reason
 *   EXTCODESIZE and EXTCODECOPY find no more than these two bytes of such code.
 * - Calls take all code that starts with 0xEF0100 for a delegation. A delegation has 23 bytes
 *   (EIP-7702); any other such code is code, which fails at once.
 *
 * Code that starts with 0xEF can come from a genesis; since London nobody can deploy it (EIP-3541).
 */
export function correctOpcodes(evm: EVM) {
  const opcodes = evm['_opcodeMap']
  // SSTORE
  const sstoreGas = opcodes[0x55].gasHandler
  opcodes[0x55].gasHandler = async (runState, gas, common) => {
    // EIP-2200
    if (runState.interpreter.getGasLeft() <= 2_300n) throw new EVMError('out of gas')
    return sstoreGas(runState, gas, common)
  }
  // SELFDESTRUCT: what it costs at least, before what a new account costs.
  const destructGas = opcodes[0xff].gasHandler
  opcodes[0xff].gasHandler = async (runState, gas, common) => {
    const { interpreter, stack } = runState
    const { bytes } = toAddress(stack.peek()[0])
    const isCold = common.isActivatedEIP(2929) && !interpreter.journal.isWarmedAddress(bytes)
    const least = isCold ? gas + common.param('coldaccountaccessGas') : gas
    if (interpreter.getGasLeft() < least) throw new EVMError('out of gas')
    return destructGas(runState, gas, common)
  }
  // EXTCODESIZE
  opcodes[0x3b].opHandler = async ({ stack, stateManager }) =>
    stack.push(BigInt((await stateManager.getCode(toAddress(stack.pop()))).length))
  // EXTCODECOPY
  opcodes[0x3c].opHandler = async ({ stack, memory, stateManager }) => {
    const code = await stateManager.getCode(toAddress(stack.pop()))
    const [target, start, length] = stack.popN(3).map(Number)
    memory.write(target, length, setLengthRight(code.subarray(start, start + length), length))
  }
  // EXTCODEHASH
  opcodes[0x3f].opHandler = async ({ stack, stateManager }) => {
    const account = await stateManager.getAccount(toAddress(stack.pop()))
    stack.push(!account || account.isEmpty() ? 0n : bytesToBigInt(account.codeHash))
  }
  // CREATE and CREATE2
  for (const number of [0xf0, 0xf5]) {
    opcodes[number].opHandler = async ({ stack, memory, interpreter, messageGasLimit }, common) => {
      const [value, offset, length] = stack.popN(3)
      const salt = number === 0xf5 ? setLengthLeft(toBytes(stack.pop()), 32) : undefined
      // EIP-3860
      const isTooLong = common.isActivatedEIP(3860) && length > common.param('maxInitCodeSize')
      if (isTooLong) throw new EVMError('initcode exceeds max initcode size')
      const initCode = memory.read(Number(offset), Number(length), true)
      stack.push(await interpreter.create(messageGasLimit!, value, initCode, salt))
    }
  }
  // Calls and creations: whatever is thrown while value moves would pass for their failure.
  const runCall = evm.runCall.bind(evm)
  evm.runCall = async (opts) => {
    const result = await runCall(opts)
    const error: unknown = result.execResult.exceptionError
    if (error !== undefined && !(error instanceof EVMError)) throw error
    return result
  }
  // What a call runs, also a transaction's
  const loadCode = evm['_loadCode'].bind(evm)
  evm['_loadCode'] = async (message) => {
    if (!message.code && !evm.getPrecompile(message.codeAddress)) {
      const code = await evm.stateManager.getCode(message.codeAddress)
      // The original takes code that is there already as it is.
      if (code.length !== 23) message.code = code
    }
    await loadCode(message)
  }
  const isDelegating = evm.common.isActivatedEIP(7702)
  const undelegated = isDelegating ? evm.common.copy() : evm.common
  if (isDelegating) {
    undelegated.isActivatedEIP = (eip) => eip !== 7702 && evm.common.isActivatedEIP(eip)
  }
  // CALL: what CALLCODE costs, which looks at no account, comes before what a new account costs.
  const callGas = opcodes[0xf1].gasHandler
  const callCodeGas = opcodes[0xf2].gasHandler
  opcodes[0xf1].gasHandler = async (runState, gas, common) => {
    const [, , value] = runState.stack.peek(3)
    if (value === 0n || runState.interpreter.isStatic()) return callGas(runState, gas, common)
    const total = await callCodeGas(runState, gas, undelegated)
    // What comes again, now that memory has grown and the address is warm, counts once.
    const repeated = await callCodeGas(runState, 0n, undelegated)
    return callGas(runState, total - repeated, common)
  }
  if (!isDelegating) return
  // CALL, CALLCODE, DELEGATECALL and STATICCALL
  for (const number of [0xf1, 0xf2, 0xf4, 0xfa]) {
    const { gasHandler } = opcodes[number]
    opcodes[number].gasHandler = async (runState, gas, common) => {
      const total = await gasHandler(runState, gas, undelegated)
      const code = await evm.stateManager.getCode(toAddress(runState.stack.peek(2)[1]))
      if (code.length !== 23) return total
      const repeated = await gasHandler(runState, 0n, undelegated)
      return gasHandler(runState, total - repeated, common)
    }
  }
}
