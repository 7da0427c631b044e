import {
  type Address,
  JsonRpcError,
  type PrefixedHexString as Hex,
  bigIntMin,
  createZeroAddress,
  equalsBytes,
} from 'ethereumjs-op/ethereumjs'
import { readAddress, readBytes, readHash, readList, readQuantity } from '../rpc/params.ts'
import { readFields, readUint64, refuse } from './fields.ts'

/** Most entries of an access list, slots of one of them, and authorizations. */
const MAX_LIST = 10_000

/** An address that is warm from the start, with slots that are (EIP-2930). */
export interface AccessListEntry {
  address: Address
  storageKeys: Hex[]
}

/** What an account signed to act by the code of another (EIP-7702). */
export interface Authorization {
  /** 0 for any chain. */
  chainId: bigint
  address: Address
  nonce: bigint
  yParity: bigint
  r: bigint
  s: bigint
}

/** A call or a creation as it can be run: a transaction without a signature. */
export interface Message {
  from: Address
  /** Absent for a creation. */
  to?: Address
  /** Looked at only where nonces are checked. */
  nonce?: bigint
  /** Wei. */
  value: bigint
  /** The gas limit that was asked for. */
  gas?: bigint
  /** Wei per gas that are paid, 0 where no price was given. */
  gasPrice: bigint
  /** Wei per gas. */
  maxFeePerGas: bigint
  /** Wei per gas. */
  maxPriorityFeePerGas: bigint
  /** Whether the price came as one number. */
  isLegacy: boolean
  data: Uint8Array
  /** Absent where the caller gave none. */
  accessList?: AccessListEntry[]
  authorizationList?: Authorization[]
}

const readEntry = (value: unknown): AccessListEntry => {
  const { address, storageKeys = [] } = readFields(value, 'accessList', {
    address: readAddress,
    storageKeys: (keys) => readList(keys, readHash, MAX_LIST),
  })
  if (!address) throw new JsonRpcError('accessList.address is missing', -32602)
  return { address, storageKeys }
}

const readAuthorization = (value: unknown): Authorization => {
  const fields = readFields(value, 'authorizationList', {
    chainId: readQuantity,
    address: readAddress,
    nonce: readUint64,
    yParity: readUint64,
    // Some libraries give both.
    v: readQuantity,
    r: readQuantity,
    s: readQuantity,
  })
  const { chainId, address, nonce, yParity = fields.v, r, s } = fields
  const numbers = { chainId, nonce, yParity, r, s }
  for (const [name, field] of Object.entries({ ...numbers, address })) {
    if (field === undefined) throw new JsonRpcError(`authorizationList.${name} is missing`, -32602)
  }
  return { ...numbers, address } as Authorization
}

const NO_BLOBS = 'blobs are not supported on this chain'

const READERS = {
  from: readAddress,
  to: readAddress,
  gas: readUint64,
  gasPrice: readQuantity,
  maxFeePerGas: readQuantity,
  maxPriorityFeePerGas: readQuantity,
  value: readQuantity,
  nonce: readUint64,
  data: readBytes,
  input: readBytes,
  accessList: (list: unknown) => readList(list, readEntry, MAX_LIST),
  authorizationList: (list: unknown) => readList(list, readAuthorization, MAX_LIST),
  chainId: readQuantity,
  // Libraries send it; the other fields say as much.
  type: readUint64,
  // web3.js adds these, whatever the chain; `chainId` is what counts.
  chain: (name: unknown) => name,
  hardfork: (name: unknown) => name,
  networkId: readQuantity,
  maxFeePerBlobGas: refuse(NO_BLOBS),
  blobVersionedHashes: refuse(NO_BLOBS),
  blobs: refuse(NO_BLOBS),
  commitments: refuse(NO_BLOBS),
  proofs: refuse(NO_BLOBS),
}

/**
 * Reads a call as wallets write it. Without price fields it costs nothing.
 *
 * @param chainId - of this chain
 * @param baseFee - wei per gas in the block where it runs
 * @throws (-32602) if a field does not have its form, or is not supported
 * @throws (-32000) if fields contradict each other, or the chain
 */
export function readCall(request: unknown, chainId: bigint, baseFee: bigint): Message {
  const fields = readFields(request, 'call', READERS)
  const { gasPrice, data, input, maxFeePerGas = 0n, maxPriorityFeePerGas = 0n } = fields
  const hasCap = fields.maxFeePerGas !== undefined || fields.maxPriorityFeePerGas !== undefined
  if (gasPrice !== undefined && hasCap) {
    const both = 'both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified'
    throw new JsonRpcError(both, -32000)
  }
  if (fields.chainId !== undefined && fields.chainId !== chainId) {
    const values = `(have=${fields.chainId}, want=${chainId})`
    throw new JsonRpcError(`chainId does not match node's ${values}`, -32000)
  }
  if (data && input && !equalsBytes(data, input)) {
    const hint = 'Please use "input" to pass transaction call data'
    throw new JsonRpcError(`both "data" and "input" are set and not equal. ${hint}`, -32000)
  }
  const isFree = maxFeePerGas === 0n && maxPriorityFeePerGas === 0n
  const effective = isFree ? 0n : bigIntMin(maxPriorityFeePerGas + baseFee, maxFeePerGas)
  return {
    from: fields.from ?? createZeroAddress(),
    to: fields.to,
    nonce: fields.nonce,
    value: fields.value ?? 0n,
    gas: fields.gas,
    gasPrice: gasPrice ?? effective,
    maxFeePerGas: gasPrice ?? maxFeePerGas,
    maxPriorityFeePerGas: gasPrice ?? maxPriorityFeePerGas,
    isLegacy: gasPrice !== undefined,
    data: input ?? data ?? new Uint8Array(),
    accessList: fields.accessList,
    authorizationList: fields.authorizationList,
  }
}
