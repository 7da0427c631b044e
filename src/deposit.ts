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
 * @throws if it is none, a field is missing, too long or not minimal, or bytes trail (D-02)
 * @see https://specs.optimism.io/protocol/deposits.html#the-deposited-transaction-type
 */
export function decodeDeposit(raw: Uint8Array) {
  const fields = RLP.decode(raw.subarray(1)) as Uint8Array[]
  const isFlat = fields.length === 8 && fields.every((field) => field instanceof Uint8Array)
  if (!isFlat) throw new Error(`deposit has ${fields.length} fields, not 8, or a list in one`)
  const [sourceHash, from, to, , , , system, data] = fields
  const [mint, value, gas] = fields.slice(3, 6).map((field) => bytesToBigInt(field))
  const isWrong = (mint | value) >> 256n || gas >> 64n || sourceHash.length !== 32
  if (isWrong) throw new Error(`deposit has fields of ${fields.map(({ length }) => length)} bytes`)
  const parties = { from: new Address(from), to: to.length > 0 ? new Address(to) : undefined }
  const tx = { sourceHash, ...parties, mint, value, gas, isSystemTx: system.length > 0, data }
  if (!equalsBytes(encodeDeposit(tx), raw)) throw new Error('not a deposit in canonical encoding')
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
