import type { ExecResult, Log } from '@ethereumjs/evm'
import { RLP } from '@ethereumjs/rlp'
import type { TypedTransaction } from '@ethereumjs/tx'
import { type Address, concatBytes } from '@ethereumjs/util'
import type { DepositTx } from './deposit.ts'
import type { L1Fees } from './fees.ts'

/** What a transaction by itself determines of its receipt; signed ones have the fees of L1. */
export interface TxResult extends Partial<L1Fees> {
  tx: DepositTx | TypedTransaction
  /** EIP-2718 type. */
  type: number
  /** 1 if it succeeded, 0 if it failed. */
  status: number
  gasUsed: bigint
  logs: Log[]
  /** Of a creation. */
  contractAddress?: Address
  /** The sender's nonce before a deposit, from Regolith (D-25). */
  depositNonce?: bigint
  /** 1 for deposits from Canyon (D-26). */
  depositReceiptVersion?: number
  /** For simulated calls: what was returned, and why it failed in the words of EthereumJS. */
  returnValue: Uint8Array
  error?: string
}

/** Outcome of a transaction; what is not part of consensus has its JSON-RPC name. */
export interface Receipt extends TxResult {
  cumulativeGasUsed: bigint
  /** 256 bytes. */
  logsBloom: Uint8Array
}

/** How a transaction ended: a failed one leaves no logs (D-24). */
export function describeOutcome({ exceptionError, returnValue, logs = [] }: ExecResult) {
  if (!exceptionError) return { status: 1, logs, returnValue }
  return { status: 0, logs: [], returnValue, error: exceptionError.error as string }
}

/**
 * Encodes a receipt; a deposit's with `depositNonce` and `depositReceiptVersion` where set (D-24).
 *
 * @see https://specs.optimism.io/protocol/deposits.html#deposit-receipt
 */
export function encodeReceipt(receipt: Receipt): Uint8Array {
  const { type, status, cumulativeGasUsed, logsBloom, logs } = receipt
  const deposit = [receipt.depositNonce, receipt.depositReceiptVersion]
  const fields = [status, cumulativeGasUsed, logsBloom, logs, ...deposit.filter((v) => v != null)]
  return concatBytes(Uint8Array.from(type ? [type] : []), RLP.encode(fields))
}
