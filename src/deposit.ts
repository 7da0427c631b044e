import { RLP } from '@ethereumjs/rlp'
import { Address, bytesToBigInt, concatBytes, equalsBytes, intToBytes } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'

/** EIP-2718 type byte of a deposit transaction. */
export const DEPOSIT_TYPE = 0x7e

/**
 * Hash that makes a deposit unique, keccak256(bytes32(domain) ‖ keccak256(preimage)) (D-05).
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
 * @throws if a field is missing, too long or not minimal, or bytes trail (D-02)
 * @see https://specs.optimism.io/protocol/deposits.html#the-deposited-transaction-type
 */
export function decodeDeposit(raw: Uint8Array) {
  if (raw[0] !== DEPOSIT_TYPE) throw new Error(`transaction type ${raw[0]} is not a deposit`)
  const fields = RLP.decode(raw.subarray(1)) as Uint8Array[]
  const isFlat = Array.isArray(fields) && fields.length === 8 && !fields.some(Array.isArray)
  if (!isFlat) throw new Error(`deposit has ${fields.length} fields, not 8, or a list in one`)
  const [sourceHash, sender, recipient, , , , , data] = fields
  const lengths = fields.map((field) => field.length)
  const isTooLong = lengths[3] > 32 || lengths[4] > 32 || lengths[5] > 8
  if (isTooLong || lengths[0] !== 32) throw new Error(`deposit has fields of ${lengths} bytes`)
  const from = new Address(sender)
  const to = recipient.length > 0 ? new Address(recipient) : undefined
  const [mint, value, gas] = fields.slice(3, 6).map((field) => bytesToBigInt(field))
  const tx = { sourceHash, from, to, mint, value, gas, isSystemTx: fields[6].length > 0, data }
  if (!equalsBytes(encodeDeposit(tx), raw)) throw new Error('deposit is not in canonical encoding')
  return tx
}

/**
 * A deposit transaction: forced by L1, unsigned, its gas bought there.
 *
 * - `sourceHash`: 32 bytes, unique per deposit
 * - `from`: the sender, never recovered; may be a contract or the zero address (D-04)
 * - `to`: absent for a contract creation
 * - `mint`: wei created on L2 for `from`, kept even if the deposit fails
 * - `value`: wei sent to the recipient
 * - `gas`: gas limit of 64 bits
 * - `isSystemTx`: before Regolith takes no gas from the block; after, makes it fail (D-18, D-20)
 */
export type DepositTx = ReturnType<typeof decodeDeposit>
