import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { encodeDeposit, sourceHash } from 'ethereumjs-op'
import {
  type NestedUint8Array,
  RLP,
  bigIntToBytes,
  bigIntToUnpaddedBytes,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  setLengthLeft,
} from 'ethereumjs-op/ethereumjs'
import { DEPOSITOR, L1_BLOCK, bytes, keyOf } from './accounts.ts'
import { CHAIN_ID, type Fork, isFrom } from './forks.ts'

/** A deposit, of which a case gives only what matters. */
export interface DepositFields {
  /** 32 bytes in hex; else one that follows from `index`. */
  sourceHash?: string
  /** Of the log on L1: deposits that are otherwise equal need different ones. */
  index?: number
  from?: string
  /** Null creates a contract. */
  to?: string | null
  /** Wei. */
  mint?: bigint
  /** Wei. */
  value?: bigint
  gas?: bigint
  isSystemTx?: boolean
  /** Hex. */
  data?: string
}

const uint = (value: bigint | number, width: number) =>
  setLengthLeft(bigIntToBytes(BigInt(value)), width)

/** Code of an account that delegates to another (EIP-7702). */
export const delegationTo = (address: string) => `0xef0100${address.slice(2)}`

/** A block of L1, which does not exist. */
const L1_HASH = new Uint8Array(32).fill(0x1b)

/** Encodes a deposit of a user, as hex. */
export function deposit(fields: DepositFields): string {
  const { index = 0, to, from = DEPOSITOR, data = '0x' } = fields
  const { mint = 0n, value = 0n, gas = 100_000n, isSystemTx = false } = fields
  const source = sourceHash(0, concatBytes(L1_HASH, uint(index, 32)))
  const tx = {
    sourceHash: fields.sourceHash ? bytes(fields.sourceHash) : source,
    from: createAddressFromString(from),
    to: to ? createAddressFromString(to) : undefined,
    mint,
    value,
    gas,
    isSystemTx,
    data: bytes(data),
  }
  return bytesToHex(encodeDeposit(tx))
}

/** What a block says of L1. Wei and units as in L1Block. */
export interface L1Attributes {
  number: bigint
  /** Seconds. */
  time: bigint
  baseFee: bigint
  sequenceNumber: bigint
  /** Bedrock to Delta. */
  overhead: bigint
  /** Bedrock to Delta, in millionths. */
  scalar: bigint
  /** From Ecotone, as the next two. */
  blobBaseFee: bigint
  baseFeeScalar: bigint
  blobBaseFeeScalar: bigint
  /** From Isthmus, as the next. */
  operatorFeeScalar: bigint
  operatorFeeConstant: bigint
  /** From Jovian. */
  daFootprintGasScalar: bigint
}

/** Values of OP Mainnet, or like them. */
export const L1_ATTRIBUTES: L1Attributes = {
  number: 5n,
  time: 990n,
  baseFee: 1_000_000_000n,
  sequenceNumber: 0n,
  overhead: 188n,
  scalar: 684_000n,
  blobBaseFee: 1n,
  baseFeeScalar: 5227n,
  blobBaseFeeScalar: 1_014_213n,
  operatorFeeScalar: 0n,
  operatorFeeConstant: 0n,
  daFootprintGasScalar: 400n,
}

/** Calldata of the L1 attributes deposit in the form of a fork (D-10…D-13). */
export function l1AttributesData(fork: Fork, values: Partial<L1Attributes> = {}): string {
  const l1 = { ...L1_ATTRIBUTES, ...values }
  const batcher = uint(0, 32)
  if (!isFrom(fork, 'ecotone')) {
    const place = [uint(l1.number, 32), uint(l1.time, 32), uint(l1.baseFee, 32), L1_HASH]
    const rest = [uint(l1.sequenceNumber, 32), batcher, uint(l1.overhead, 32), uint(l1.scalar, 32)]
    return bytesToHex(concatBytes(bytes('0x015d8eb9'), ...place, ...rest))
  }
  const isJovian = isFrom(fork, 'jovian')
  const isIsthmus = isFrom(fork, 'isthmus')
  const selector = isJovian ? '0x3db6be2b' : isIsthmus ? '0x098999be' : '0x440a5e20'
  const scalars = [uint(l1.baseFeeScalar, 4), uint(l1.blobBaseFeeScalar, 4)]
  const place = [uint(l1.sequenceNumber, 8), uint(l1.time, 8), uint(l1.number, 8)]
  const fees = [uint(l1.baseFee, 32), uint(l1.blobBaseFee, 32)]
  const parts = [bytes(selector), ...scalars, ...place, ...fees, L1_HASH, batcher]
  if (isIsthmus) parts.push(uint(l1.operatorFeeScalar, 4), uint(l1.operatorFeeConstant, 8))
  if (isJovian) parts.push(uint(l1.daFootprintGasScalar, 2))
  return bytesToHex(concatBytes(...parts))
}

/**
 * The L1 attributes deposit (D-06), as hex.
 *
 * @param form - the fork in whose form the calldata is
 * @param fork - of the block
 */
export function l1AttributesDeposit(
  form: Fork,
  values: Partial<L1Attributes> = {},
  fork: Fork = form,
): string {
  const { sequenceNumber } = { ...L1_ATTRIBUTES, ...values }
  const isRegolith = isFrom(fork, 'regolith')
  return deposit({
    sourceHash: bytesToHex(sourceHash(1, concatBytes(L1_HASH, uint(sequenceNumber, 32)))),
    from: DEPOSITOR,
    to: L1_BLOCK,
    gas: isRegolith ? 1_000_000n : 150_000_000n,
    isSystemTx: !isRegolith,
    data: l1AttributesData(form, values),
  })
}

/** A number, or the hex of one. */
type Quantity = bigint | number | string

/** An authorization of EIP-7702, as JSON-RPC has it. */
export interface Authorization {
  chainId: Quantity
  address: string
  nonce: Quantity
  yParity: Quantity
  r: Quantity
  s: Quantity
}

/**
 * A transaction that one of the senders signs, of which a case gives only what matters. Names are those
 * of EthereumJS. Nothing is checked, for cases need what is wrong.
 */
export interface SignedFields {
  /** Index in SENDERS, 0 if left out. */
  sender?: number
  /** EIP-2718 type, 2 if left out. */
  type?: number
  /** 0 in a legacy transaction: signed as before EIP-155. */
  chainId?: Quantity
  nonce?: Quantity
  /** Wei; types 0 and 1. */
  gasPrice?: Quantity
  /** Wei; from type 2 on, as the next. */
  maxPriorityFeePerGas?: Quantity
  maxFeePerGas?: Quantity
  gasLimit?: Quantity
  /** Null creates a contract, as leaving it out does. */
  to?: string | null
  /** Wei. */
  value?: Quantity
  /** Hex. */
  data?: string
  accessList?: readonly { address: string; storageKeys: readonly string[] }[]
  /** Wei; type 3. */
  maxFeePerBlobGas?: Quantity
  blobVersionedHashes?: readonly string[]
  /** Type 4. */
  authorizationList?: readonly Authorization[]
  /** Changes the list of fields before it is signed. */
  change?(fields: NestedUint8Array): void
}

const quantity = (value: Quantity) => bigIntToUnpaddedBytes(BigInt(value))

/** The fields that are signed, in order. */
function unsignedFields(type: number, tx: SignedFields): NestedUint8Array {
  const { chainId = CHAIN_ID, nonce = 0, gasLimit = 100_000, to, value = 0, data = '0x' } = tx
  const { gasPrice = 10n ** 10n, maxPriorityFeePerGas = 0, maxFeePerGas = 10n ** 10n } = tx
  const { accessList = [], maxFeePerBlobGas = 1, blobVersionedHashes = [] } = tx
  const { authorizationList = [] } = tx
  const prices = type < 2 ? [gasPrice] : [maxPriorityFeePerGas, maxFeePerGas]
  const fields: NestedUint8Array = type === 0 ? [] : [quantity(chainId)]
  fields.push(quantity(nonce), ...prices.map(quantity), quantity(gasLimit))
  fields.push(bytes(to ?? '0x'), quantity(value), bytes(data))
  if (type > 0) {
    fields.push(accessList.map((entry) => [bytes(entry.address), entry.storageKeys.map(bytes)]))
  }
  if (type === 3) fields.push(quantity(maxFeePerBlobGas), blobVersionedHashes.map(bytes))
  if (type === 4) {
    const encode = ({ chainId, address, nonce, yParity, r, s }: Authorization) => [
      quantity(chainId),
      bytes(address),
      ...[nonce, yParity, r, s].map(quantity),
    ]
    fields.push(authorizationList.map(encode))
  }
  return fields
}

/** Signs a hash: the parity of y, r and s. */
function sign(hash: Uint8Array, sender: number): [bigint, bigint, bigint] {
  const signature = secp256k1.sign(hash, keyOf(sender), { prehash: false, format: 'recovered' })
  const { r, s, recovery } = secp256k1.Signature.fromBytes(signature, 'recovered')
  return [BigInt(recovery!), r, s]
}

/** EIP-2718 encoding of a list of fields. */
const typed = (type: number, fields: NestedUint8Array) =>
  concatBytes(Uint8Array.from(type > 0 ? [type] : []), RLP.encode(fields))

/** A signed transaction as hex. Where the type is left out it is one of EIP-1559. */
export function signed({ sender = 0, type = 2, change, ...tx }: SignedFields): string {
  const fields = unsignedFields(type, tx)
  change?.(fields)
  const chainId = BigInt(tx.chainId ?? CHAIN_ID)
  const isProtected = type === 0 && chainId > 0n
  const suffix = isProtected ? [quantity(chainId), quantity(0), quantity(0)] : []
  const [yParity, r, s] = sign(keccak_256(typed(type, [...fields, ...suffix])), sender)
  const v = type > 0 ? yParity : isProtected ? chainId * 2n + 35n + yParity : 27n + yParity
  return bytesToHex(typed(type, [...fields, ...[v, r, s].map(quantity)]))
}

/** An authorization of EIP-7702 that one of the senders signs. */
export function authorize(
  sender: number,
  { address, nonce = 0n, chainId = CHAIN_ID }: Partial<Authorization> & { address: string },
): Authorization {
  const fields = [quantity(chainId), bytes(address), quantity(nonce)]
  const [yParity, r, s] = sign(keccak_256(typed(5, fields)), sender)
  return { chainId, address, nonce, yParity, r, s }
}
