import { type EVM, EVMError } from '@ethereumjs/evm'
import { Address, bigIntToAddressBytes, bigIntToBytes } from '@ethereumjs/util'
import { bytesToBigInt, setLengthLeft } from '@ethereumjs/util'

/** Longest time in milliseconds that execution keeps everything else from running. */
const TIME_SLICE = 20

let resumed = 0

/** Lets the other work of the process run, where execution has taken its time slice. */
export async function breathe() {
  if (performance.now() - resumed < TIME_SLICE) return
  await new Promise((resolve) => setTimeout(resolve))
  resumed = performance.now()
}

/** Below this much gas SSTORE fails (EIP-2200). */
const SSTORE_SENTRY_GAS = 2300n

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
  const [sstore, extcodehash] = [opcodes[0x55], opcodes[0x3f]]
  const sstoreGas = sstore.gasHandler as (...args: unknown[]) => Promise<bigint>
  sstore.gasHandler = async (runState, gas, common) => {
    const isShort = runState.interpreter.getGasLeft() <= SSTORE_SENTRY_GAS
    if (isShort) throw new EVMError(EVMError.errorMessages.OUT_OF_GAS)
    return sstoreGas(runState, gas, common)
  }
  extcodehash.opHandler = async ({ stack, stateManager }) => {
    const address = new Address(bigIntToAddressBytes(stack.pop(), false))
    const account = await stateManager.getAccount(address)
    stack.push(!account || account.isEmpty() ? 0n : bytesToBigInt(account.codeHash))
  }
  // No loop goes without a JUMPDEST.
  const jumpdest = opcodes[0x5b]
  const opcodeInfo = { ...jumpdest.opcodeInfo, isAsync: true }
  opcodes[0x5b] = { ...jumpdest, opcodeInfo, opHandler: breathe }
  for (const number of [0xf0, 0xf5]) {
    const [opcode, items] = [opcodes[number], number === 0xf0 ? 3 : 4]
    const original = opcode.opHandler
    opcode.opHandler = async (runState, common) => {
      const { stack, memory, interpreter } = runState
      const [value, offset, length, salt] = stack.peek(items)
      const isTooLong = common.isActivatedEIP(3860) && length > common.param('maxInitCodeSize')
      const start = isTooLong || length < 2n ? [] : memory.read(Number(offset), 2)
      const isEOF = start[0] === 0xef && start[1] === 0
      if (!isEOF || interpreter.isStatic()) return original(runState, common)
      stack.popN(items)
      const gasLimit = runState.messageGasLimit!
      runState.messageGasLimit = undefined
      const initCode = memory.read(Number(offset), Number(length))
      const saltBytes = salt === undefined ? undefined : setLengthLeft(bigIntToBytes(salt), 32)
      stack.push(await interpreter.create(gasLimit, value, initCode, saltBytes))
    }
  }
}
