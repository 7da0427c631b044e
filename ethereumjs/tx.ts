/** Signed transactions of any chain, with errors of which each says that the transaction is at fault. */
import type { Block } from '@ethereumjs/block'
import type { Common } from '@ethereumjs/common'
import {
  type EIP7702CompatibleTx,
  type TypedTransaction,
  createTxFromRLP,
  getCalldataFloorGas,
} from '@ethereumjs/tx'
import {
  Account,
  Address,
  EthereumJSError,
  bigIntMax,
  bytesToHex,
  equalsBytes,
} from '@ethereumjs/util'
import type { VM } from '@ethereumjs/vm'
import { InvalidBlockError, assertRule, decodeStrictly } from './errors.ts'

/**
 * Decodes a transaction, strictly, and recovers its sender.
 *
 * @throws {InvalidBlockError} if it is not in canonical encoding, or its signature is not valid
 */
export function decodeTx(raw: Uint8Array, common: Common): TypedTransaction {
  const tx = decodeStrictly(() => createTxFromRLP(raw, { common, freeze: false }))
  const { accessList = [], authorizationList = [] } = tx as EIP7702CompatibleTx
  const keys = accessList.map(([, storageKeys]) => storageKeys)
  const lists = [accessList, authorizationList, ...keys, ...authorizationList]
  const items = [accessList.map(([address]) => address), ...keys, ...authorizationList].flat()
  // A list where bytes belong, or the reverse, would be encoded back as it was.
  const isFlat = lists.every(Array.isArray) && !items.some(Array.isArray)
  assertRule(isFlat && equalsBytes(tx.serialize(), raw), 'not in canonical encoding')
  const sender = recoverSender(tx, common)
  // Both are asked several times, and the original encodes, or hashes without `customCrypto`, each time.
  Object.freeze(Object.assign(tx, { getSenderAddress: () => sender, serialize: () => raw }))
  return tx
}

/** @throws {InvalidBlockError} if the signature is not valid */
function recoverSender(tx: TypedTransaction, { customCrypto }: Common): Address {
  try {
    const publicKey = tx.getSenderPublicKey()
    return new Address(customCrypto.keccak256!(publicKey).subarray(12))
  } catch (error) {
    throw error instanceof EthereumJSError ? new InvalidBlockError('signature is not valid') : error
  }
}

/** Most wei per gas that the sender pays. */
export const maxFeeOf = (tx: TypedTransaction): bigint =>
  'maxFeePerGas' in tx ? tx.maxFeePerGas : tx.gasPrice

/**
 * All that may be wrong with a transaction in a block. `runTx` has these checks too, but there an
 * error may as well be one of the state.
 *
 * @param gasLeft - gas of the block that no transaction has taken yet
 * @param cost - wei that the sender must have
 * @throws {InvalidBlockError}
 */
export async function validateTx(
  { stateManager, common }: VM,
  { header }: Block,
  tx: TypedTransaction,
  gasLeft: bigint,
  cost: bigint,
): Promise<void> {
  const { nonce, gasLimit } = tx
  const from = tx.getSenderAddress()
  const sender = (await stateManager.getAccount(from)) ?? new Account()
  assertRule(nonce === sender.nonce, `nonce is ${nonce}, but that of ${from} is ${sender.nonce}`)
  if (sender.isContract()) {
    const code = await stateManager.getCode(from)
    const isDelegation = code.length === 23 && bytesToHex(code).startsWith('0xef0100')
    const isSender = isDelegation && common.isActivatedEIP(7702)
    assertRule(isSender, `sender ${from} is a contract (EIP-3607)`)
  }
  const baseFee = header.baseFeePerGas!
  const maxFee = maxFeeOf(tx)
  assertRule(maxFee >= baseFee, `maximum fee ${maxFee} is below the base fee ${baseFee}`)
  assertRule(
    sender.balance >= cost,
    `${from} has ${sender.balance} wei, but may have to pay ${cost}`,
  )
  assertRule(gasLimit <= gasLeft, `gas limit ${gasLimit} exceeds the ${gasLeft} left`)
  const minimum = bigIntMax(tx.getIntrinsicGas(), getCalldataFloorGas(tx))
  assertRule(gasLimit >= minimum, `gas limit ${gasLimit} is below intrinsic gas ${minimum}`)
}
