import { encodeDeposit, sourceHash } from 'ethereumjs-op'
import {
  Common,
  Hoodi,
  type TypedTxData,
  bigIntToBytes,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  createTx,
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

/** The L1 attributes deposit in the form of a fork (D-06…D-09), as hex. */
export function l1AttributesDeposit(fork: Fork, values: Partial<L1Attributes> = {}): string {
  const { sequenceNumber } = { ...L1_ATTRIBUTES, ...values }
  const isRegolith = isFrom(fork, 'regolith')
  return deposit({
    sourceHash: bytesToHex(sourceHash(1, concatBytes(L1_HASH, uint(sequenceNumber, 32)))),
    from: DEPOSITOR,
    to: L1_BLOCK,
    gas: isRegolith ? 1_000_000n : 150_000_000n,
    isSystemTx: !isRegolith,
    data: l1AttributesData(fork, values),
  })
}

/** Accepts every type of transaction, also those that a fork does not know. */
const ANYTHING = new Common({ chain: { ...Hoodi, chainId: CHAIN_ID }, hardfork: 'prague' })

/** Fields of a transaction by EthereumJS's names, and which of the senders signs it. */
export type SignedFields = TypedTxData & { sender?: number }

/** A signed transaction as hex. Where the type is left out it is one of EIP-1559. */
export function signed({ sender = 0, ...fields }: SignedFields): string {
  const type = Number(fields.type ?? 2)
  const price = type < 2 ? { gasPrice: 10n ** 10n } : { maxFeePerGas: 10n ** 10n }
  const defaults = { type, gasLimit: 100_000n, ...(type > 0 && { chainId: CHAIN_ID }), ...price }
  const data = { ...defaults, ...fields } as TypedTxData
  const tx = createTx(data, { common: ANYTHING, allowUnlimitedInitCodeSize: true })
  return bytesToHex(tx.sign(keyOf(sender)).serialize())
}
