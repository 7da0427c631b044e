import type { Address, EVM, Log } from 'ethereumjs-op/ethereumjs'

/** What a transaction is, as tracers need it before it runs. */
export interface TracedTx {
  from: Address
  /** Absent for a creation. */
  to?: Address
  /** Gas limit. */
  gas: bigint
  /** Of its block. */
  coinbase: Address
  /** Accounts that sign over their code (EIP-7702), as far as their signatures are valid. */
  authorities: Address[]
}

/** An opcode whose gas is known, before it runs. It is valid only until the call with it returns. */
export interface Step {
  pc: number
  code: number
  name: string
  gas: bigint
  cost: bigint
  /** 1 in the code that the transaction calls. */
  depth: number
  address: Address
  /** Top last. */
  stack(): bigint[]
  /** Stack items from the top, of which there are as many as the opcode takes. */
  items: bigint[]
  /** As it is before the opcode makes it longer. */
  memory(): Uint8Array
  memorySize: number
  returnData: Uint8Array
  refund: bigint
  /** Why it does not run, in geth's words. */
  error?: string
}

/** A call, a creation or a self-destruction, as it begins. */
export interface Frame {
  /** Name of the opcode that it comes from. */
  type: string
  /** 0 for what the transaction consists of. */
  depth: number
  from: Address
  /** Of a creation it is not known yet. */
  to?: Address
  input: Uint8Array
  gas: bigint
  /** Absent where none can be sent. */
  value?: bigint
}

/** How a frame ends. */
export interface Exit {
  depth: number
  output: Uint8Array
  gasUsed: bigint
  /** Of a creation that succeeded. */
  createdAddress?: Address
  /** Why it failed, in geth's words. */
  error?: string
}

/** What collects something about one transaction. Only what it has is called. */
export interface Tracer {
  /** Before anything of the transaction changes the state. */
  start?(tx: TracedTx, evm: EVM): Promise<void> | void
  /** What is thrown ends the execution. There is a promise only for an opcode that reads the state. */
  step?(step: Step): Promise<void> | undefined
  enter?(frame: Frame): void
  exit?(exit: Exit): void
  /** @param index - among the logs of the block that stand so far */
  log?(log: Log, index: number): void
  /** After the transaction, when the state is final. @returns the trace */
  end(gasUsed: bigint): Promise<unknown> | unknown
}
