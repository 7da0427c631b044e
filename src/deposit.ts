import { RLP } from '@ethereumjs/rlp'
import {
  Address,
  bigIntToUnpaddedBytes,
  bytesToBigInt,
  concatBytes,
  equalsBytes,
  intToBytes,
  setLengthLeft,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'

/** EIP-2718 type byte of a deposit transaction. */
export const DEPOSIT_TYPE = 0x7e

/** What a deposit's `sourceHash` is derived from (D-05). Execution never verifies it. */
export const SOURCE_DOMAIN = {
  user: 0,
  l1Attributes: 1,
  upgrade: 2,
  blockReplacement: 4,
} as const

/**
 * A deposit transaction: included by L1, unsigned, its gas bought on L1.
 *
 * @see https://specs.optimism.io/protocol/deposits.html#the-deposited-transaction-type
 */
export interface DepositTx {
  /** 32 bytes, unique per deposit; see {@link sourceHash}. */
  sourceHash: Uint8Array
  /** The sender. Never recovered from a signature; may be a contract or the zero address (D-04). */
  from: Address
  /** Absent for a contract creation. */
  to?: Address
  /** Wei created on L2 for `from`, kept even if the deposit fails. 0 where nothing is minted. */
  mint: bigint
  /** Wei sent to the recipient. */
  value: bigint
  /** Gas limit (64 bits). */
  gas: bigint
  /** Before Regolith: uses no gas of the block. From Regolith on such a deposit fails (D-20). */
  isSystemTx: boolean
  data: Uint8Array
}

/**
 * Hash that makes a deposit unique: keccak256(bytes32(domain) ‖ keccak256(preimage)).
 *
 * @param domain - one of {@link SOURCE_DOMAIN}
 * @param preimage - user: L1 block hash ‖ bytes32(log index); L1 attributes: L1 block hash ‖
 * bytes32(sequence number); upgrade: the intent as UTF-8; block replacement: the output root
 * @see https://specs.optimism.io/protocol/deposits.html#source-hash-computation
 */
export const sourceHash = (domain: number, preimage: Uint8Array): Uint8Array =>
  keccak_256(concatBytes(setLengthLeft(intToBytes(domain), 32), keccak_256(preimage)))

/** Encodes a deposit as `0x7E ‖ rlp([...])` (D-01, D-02). Its keccak256 is the transaction hash. */
export function encodeDeposit(tx: DepositTx): Uint8Array {
  return concatBytes(
    Uint8Array.of(DEPOSIT_TYPE),
    RLP.encode([
      tx.sourceHash,
      tx.from.bytes,
      tx.to?.bytes ?? new Uint8Array(),
      bigIntToUnpaddedBytes(tx.mint),
      bigIntToUnpaddedBytes(tx.value),
      bigIntToUnpaddedBytes(tx.gas),
      Uint8Array.from(tx.isSystemTx ? [1] : []),
      tx.data,
    ]),
  )
}

/** Field names in encoded order, each with the byte lengths it may have. */
const FIELDS: [name: string, isLength: (length: number) => boolean][] = [
  ['sourceHash', (length) => length === 32],
  ['from', (length) => length === 20],
  ['to', (length) => length === 20 || length === 0],
  ['mint', (length) => length <= 32],
  ['value', (length) => length <= 32],
  ['gas', (length) => length <= 8],
  ['isSystemTx', (length) => length <= 1],
  ['data', () => true],
]

/**
 * Decodes a deposit, strictly: what this accepts, {@link encodeDeposit} gives back byte by byte.
 *
 * @throws if a field is missing, too long or not minimal, or bytes trail (D-02)
 */
export function decodeDeposit(raw: Uint8Array): DepositTx {
  if (raw[0] !== DEPOSIT_TYPE) throw new Error(`not a deposit: transaction type ${raw[0]}`)
  const values = RLP.decode(raw.subarray(1))
  if (!Array.isArray(values) || values.length !== FIELDS.length) {
    throw new Error(`deposit has ${values.length} fields instead of ${FIELDS.length}`)
  }
  const fields = FIELDS.map(([name, isLength], index) => {
    const value = values[index]!
    if (value instanceof Uint8Array && isLength(value.length)) return value
    throw new Error(`deposit field ${name} has a wrong length or is a list`)
  })
  const [hash, from, to, mint, value, gas, isSystemTx, data] = fields as Required<typeof fields>
  const tx: DepositTx = {
    sourceHash: hash!,
    from: new Address(from!),
    to: to!.length > 0 ? new Address(to!) : undefined,
    mint: bytesToBigInt(mint!),
    value: bytesToBigInt(value!),
    gas: bytesToBigInt(gas!),
    isSystemTx: isSystemTx!.length > 0,
    data: data!,
  }
  if (!equalsBytes(encodeDeposit(tx), raw)) throw new Error('deposit is not canonical RLP')
  return tx
}
