/** The JSON of Ethereum's Engine API, which EthereumJS has not as a library. Knows no rollup. */
import type { Common } from '@ethereumjs/common'
import type { PrefixedHexString as Hex } from '@ethereumjs/util'
import { JsonRpcError } from 'jsonrpc-lite'

export type { Hex }

/** Head and labels as the consensus client wants them, 32 bytes each; zero leaves a label as it is. */
export interface ForkchoiceState {
  headBlockHash: Hex
  safeBlockHash: Hex
  finalizedBlockHash: Hex
}

/** What is known of a payload, or of the head of a forkchoice. */
export interface PayloadStatus {
  status: 'VALID' | 'INVALID' | 'SYNCING'
  latestValidHash: Hex | null
  /** The rule that is broken, with the values. */
  validationError: string | null
}

/** Writes a status. */
export const createStatus = (
  status: PayloadStatus['status'],
  latestValidHash: Hex | null = null,
  validationError: string | null = null,
): PayloadStatus => ({ status, latestValidHash, validationError })

/** The answer of `engine_forkchoiceUpdated`. */
export interface ForkchoiceUpdated {
  payloadStatus: PayloadStatus
  /** Eight bytes, if there were attributes. */
  payloadId: Hex | null
}

/** Contents of blobs; see {@link PayloadEnvelope}. */
export interface BlobsBundle {
  commitments: Hex[]
  proofs: Hex[]
  blobs: Hex[]
}

/** The answer of `engine_getPayload` from version 2 on. */
export interface PayloadEnvelope<Payload> {
  executionPayload: Payload
  /** Wei that go to the fee recipient. */
  blockValue: Hex
  /** From version 3 on, as the next. */
  blobsBundle?: BlobsBundle
  shouldOverrideBuilder?: boolean
  /** From version 4 on. */
  executionRequests?: Hex[]
}

/** The answer of `engine_getClientVersionV1` is a list of these. */
export interface ClientVersion {
  /** Two letters. */
  code: string
  name: string
  version: string
  /** Four bytes in hex. */
  commit: string
}

/** The form of a value in JSON. */
export interface Form {
  description: string
  fits(value: unknown): boolean
}

/** Bytes in hex: `length` of them, or any number. */
export const bytes = (length?: number): Form => ({
  description: `${length ?? 'any number of'} bytes in hex`,
  fits: (value) =>
    typeof value === 'string' &&
    /^0x[0-9a-fA-F]*$/.test(value) &&
    (length === undefined ? value.length % 2 === 0 : value.length === 2 + 2 * length),
})

/** A number in hex. */
export const quantity = (bits: number): Form => ({
  description: `a number of at most ${bits} bits in hex without leading zeros`,
  fits: (value) =>
    typeof value === 'string' &&
    value.length <= 2 + bits / 4 &&
    /^0x(0|[1-9a-fA-F][0-9a-fA-F]*)$/.test(value),
})

/** A list of values of one form. */
export const list = ({ description, fits }: Form): Form => ({
  description: `a list, each item ${description}`,
  fits: (value) => Array.isArray(value) && value.every(fits),
})

export const HASH: Form = bytes(32)
export const UINT64: Form = quantity(64)
export const BOOLEAN: Form = {
  description: 'a boolean',
  fits: (value) => typeof value === 'boolean',
}
export const NUMBER: Form = {
  description: `a number, or ${UINT64.description}`,
  fits: (value) => UINT64.fits(value) || (Number.isSafeInteger(value) && Number(value) >= 0),
}
const OBJECT: Form = { description: 'an object', fits: (value) => value instanceof Object }

/** What is said of a field of an object. */
export interface Field extends Form {
  /** Ethereum's hardfork from which it must be there, and before which it must not. */
  from?: string
  /** It may be absent or null. */
  isOptional?: boolean
}

/** Fields by name. */
export type Fields = Record<string, Field>

export const FORKCHOICE_STATE_FIELDS: Fields = {
  headBlockHash: HASH,
  safeBlockHash: HASH,
  finalizedBlockHash: HASH,
}

/** A type and what is asked for (EIP-7685). */
const REQUEST: Form = {
  description: 'bytes in hex, at least two',
  fits: (value) => bytes().fits(value) && String(value).length >= 6,
}

/** Of a payload, with the further parameters of `engine_newPayload`. */
export const PAYLOAD_FIELDS: Fields = {
  parentHash: HASH,
  feeRecipient: bytes(20),
  stateRoot: HASH,
  receiptsRoot: HASH,
  logsBloom: bytes(256),
  prevRandao: HASH,
  blockNumber: UINT64,
  gasLimit: UINT64,
  gasUsed: UINT64,
  timestamp: UINT64,
  extraData: bytes(),
  baseFeePerGas: quantity(256),
  blockHash: HASH,
  transactions: list(bytes()),
  withdrawals: { ...list(OBJECT), from: 'shanghai' },
  blobGasUsed: { ...UINT64, from: 'cancun' },
  excessBlobGas: { ...UINT64, from: 'cancun' },
  versionedHashes: { ...list(HASH), from: 'cancun' },
  parentBeaconBlockRoot: { ...HASH, from: 'cancun' },
  executionRequests: { ...list(REQUEST), from: 'prague' },
}

export const ATTRIBUTES_FIELDS: Fields = {
  timestamp: UINT64,
  prevRandao: HASH,
  suggestedFeeRecipient: bytes(20),
  withdrawals: { ...list(OBJECT), from: 'shanghai' },
  parentBeaconBlockRoot: { ...HASH, from: 'cancun' },
}

/** Ethereum's hardforks that the versions of a method are for, version 1 first. */
const VERSIONS = {
  forkchoiceUpdated: [['paris'], ['paris', 'shanghai'], ['cancun', 'prague', 'osaka']],
  newPayload: [['paris'], ['paris', 'shanghai'], ['cancun'], ['prague', 'osaka']],
  getPayload: [['paris'], ['paris', 'shanghai'], ['cancun'], ['prague'], ['osaka']],
}

/** @throws (-38005) if a version of a method is for other hardforks */
export function checkVersion(method: keyof typeof VERSIONS, version: number, common: Common): void {
  const hardfork = common.hardfork()
  if (VERSIONS[method][version - 1].includes(hardfork)) return
  throw new JsonRpcError(`${method}V${version} is not for blocks of ${hardfork}`, -38005)
}

/**
 * Checks the fields of an object.
 *
 * @param common - of its time
 * @param code - of the error where a field is missing in a fork, or there before it
 * @throws (-32602) if a field does not have its form; the message names it
 */
export function checkFields(
  name: string,
  value: unknown,
  fields: Fields,
  common?: Common,
  code = -32602,
): void {
  for (const [key, { description, fits, from, isOptional = false }] of Object.entries(fields)) {
    const field: unknown = Object(value)[key]
    const isDue = !from || !common || common.gteHardfork(from)
    if (from && isDue !== (field != null)) {
      const problem = isDue ? 'is missing' : 'is not allowed'
      throw new JsonRpcError(`${name}.${key} ${problem} in a block of ${common?.hardfork()}`, code)
    }
    if (fits(field) || (field == null && (isOptional || !isDue))) continue
    const text = `${JSON.stringify(field)}`.slice(0, 100)
    throw new JsonRpcError(`${name}.${key} must be ${description}, got ${text}`, -32602)
  }
}

/**
 * Makes what runs calls one after the other. Their errors come out as `JsonRpcError`: those that are
 * none have the code -32603, and themselves as `cause`.
 */
export function createQueue() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(call: () => T | Promise<T>): Promise<T> => {
    const result = last.then(call).catch((error) => {
      if (error instanceof JsonRpcError) throw error
      const fault = new JsonRpcError(`internal error: ${error?.message ?? error}`, -32603)
      throw Object.assign(fault, { cause: error })
    })
    last = result.catch(() => {})
    return result
  }
}
