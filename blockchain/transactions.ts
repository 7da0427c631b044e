import type { Common } from '@ethereumjs/common'
import { createTxFromRPC } from '@ethereumjs/tx'
import {
  type PrefixedHexString as Hex,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import { DEPOSIT_TYPE, encodeDeposit } from '../src/index.ts'

/** A transaction in the form of JSON-RPC, of unknown content. */
export type TransactionFields = Record<string, unknown>

/**
 * Encodes a transaction that has the form of JSON-RPC, so that its hash can be compared (D-31).
 *
 * @param common - of the chain, at the block of the transaction
 * @returns its EIP-2718 encoding
 * @throws if a field is missing or has a wrong form
 */
export async function encodeTransaction(
  common: Common,
  fields: TransactionFields,
): Promise<Uint8Array> {
  if (Number(fields.type) !== DEPOSIT_TYPE) {
    // Many clients give both prices where the type has but one of them.
    const { gasPrice, ...rest } = fields
    const json = fields.maxFeePerGas == null ? { ...rest, gasPrice } : rest
    const opts = { common, allowUnlimitedInitCodeSize: true }
    return (await createTxFromRPC(json as never, opts)).serialize()
  }
  const { sourceHash, from, to, mint, value, gas, isSystemTx, input } = fields
  return encodeDeposit({
    sourceHash: hexToBytes(sourceHash as Hex),
    from: createAddressFromString(from as Hex),
    to: to == null ? undefined : createAddressFromString(to as Hex),
    mint: BigInt((mint ?? 0) as Hex),
    value: BigInt(value as Hex),
    gas: BigInt(gas as Hex),
    isSystemTx: isSystemTx === true,
    data: hexToBytes(input as Hex),
  })
}
