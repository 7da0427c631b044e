import { RLP } from '@ethereumjs/rlp'
import { Address, bytesToBigInt, concatBytes, equalsBytes, intToBytes } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { assertRule, decodeStrictly } from '../ethereumjs/errors.ts'
import type { TxResult } from './receipt.ts'

/** EIP-2718 type byte of a deposit transaction. */
export const DEPOSIT_TYPE = 0x7e

/** A deposit transaction: forced by L1, unsigned, its gas bought there. */
export interface DepositTx {
  /** 32 bytes, unique per deposit. */
  sourceHash: Uint8Array
  /** The sender, never recovered; may be a contract or the zero address (D-04). */
  from: Address
  /** Absent for a contract creation. */
  to?: Address
  /** Wei created on L2 for `from`, kept even if the deposit fails. */
  mint: bigint
  /** Wei sent to the recipient. */
  value: bigint
  /** Gas limit of 64 bits. */
  gas: bigint
  /** Before Regolith takes no gas from the block; after, makes the deposit fail (D-18, D-20). */
  isSystemTx: boolean
  data: Uint8Array
}

/** Tells a deposit from a signed transaction. */
export const isDeposit = (tx: object): tx is DepositTx => 'sourceHash' in tx

/**
 * Hash that makes a deposit unique, keccak256(bytes32(domain) ‖ keccak256(preimage)), 32 bytes (D-05).
 * Execution never verifies it.
 *
 * @param domain - 0 user: preimage is L1 block hash ‖ bytes32(log index); 1 L1 attributes: L1 block
 * hash ‖ bytes32(sequence number); 2 upgrade: the intent in UTF-8; 4 block replacement: the output
 * root, which is not hashed again
 * @see https://specs.optimism.io/protocol/deposits.html#source-hash-computation
 */
export function sourceHash(domain: number, preimage: Uint8Array): Uint8Array {
  const inner = domain === 4 ? preimage : keccak_256(preimage)
  return keccak_256(concatBytes(new Uint8Array(31), intToBytes(domain), inner))
}

/** Encodes a deposit as `0x7E ‖ rlp([…])`, of which its hash is the keccak256 (D-01…D-03). */
export function encodeDeposit(tx: DepositTx): Uint8Array {
  const { sourceHash, from, to, mint, value, gas, isSystemTx, data } = tx
  const fields = [sourceHash, from.bytes, to?.bytes, mint, value, gas, Number(isSystemTx), data]
  return concatBytes(Uint8Array.of(DEPOSIT_TYPE), RLP.encode(fields))
}

/**
 * Decodes a deposit, strictly: what this accepts, {@link encodeDeposit} gives back byte by byte.
 *
 * @throws {InvalidBlockError} if a field is missing, too long or not minimal, or bytes trail (D-02)
 * @see https://specs.optimism.io/protocol/deposits.html#the-deposited-transaction-type
 */
export function decodeDeposit(raw: Uint8Array): DepositTx {
  const fields = decodeStrictly(() => RLP.decode(raw.subarray(1))) as Uint8Array[]
  const isFlat = fields.length === 8 && fields.every((field) => field instanceof Uint8Array)
  assertRule(isFlat, `deposit has ${fields.length} fields, not 8, or a list in one`)
  const [sourceHash, from, to, mint, value, gas, isSystemTx, data] = fields
  const lengths = fields.map(({ length }) => length)
  const isFit = sourceHash.length === 32 && mint.length <= 32 && value.length <= 32
  assertRule(isFit && gas.length <= 8, `deposit has fields of ${lengths} bytes`)
  const tx: DepositTx = {
    sourceHash,
    from: decodeStrictly(() => new Address(from)),
    to: to.length === 0 ? undefined : decodeStrictly(() => new Address(to)),
    mint: bytesToBigInt(mint),
    value: bytesToBigInt(value),
    gas: bytesToBigInt(gas),
    isSystemTx: isSystemTx.length > 0,
    data,
  }
  assertRule(equalsBytes(encodeDeposit(tx), raw), 'deposit is not in canonical encoding')
  return tx
}

/**
 * The fields of a deposit in JSON-RPC, apart from its place in a block: no signature, but what it is
 * made of (D-31).
 *
 * @param receipt - of its execution
 */
export function depositToJSON(tx: DepositTx, receipt: TxResult) {
  const { data: input, to = null, isSystemTx: isSystem, ...fields } = tx
  const { depositNonce: nonce = 0n, depositReceiptVersion } = receipt
  const unsigned = { nonce, gasPrice: 0n, v: 0n, r: 0n, s: 0n, depositReceiptVersion }
  const isSystemTx = isSystem ? true : undefined
  return { ...fields, to, input, isSystemTx, ...unsigned }
}
