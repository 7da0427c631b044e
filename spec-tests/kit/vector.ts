/**
 * The format of the vectors: that of `blockchain_test_engine` of the execution-spec-tests, and what the
 * OP Stack adds. README.md of this package describes it for people.
 */
import { z } from 'zod'

/** What is wrong with a file of vectors, or a vector in it; the message names the place. */
export class VectorError extends Error {
  override name = 'VectorError'
}

const hex = z.string().regex(/^0x[0-9a-fA-F]*$/, 'not hex')
const hash = z.string().regex(/^0x[0-9a-f]{64}$/, 'not 32 bytes in lower-case hex')
const address = z.string().regex(/^0x[0-9a-f]{40}$/, 'not an address in lower-case hex')
const version = z.string().regex(/^[1-9]$/, 'not the version of a method')
const count = z.int().nonnegative()
const errorCode = z.int().negative()

const account = z.strictObject({
  /** Wei. */
  balance: hex,
  nonce: hex,
  code: hex,
  /** Values by slot; none is zero. */
  storage: z.record(hex, hex),
})

const newPayload = z.strictObject({
  /** Of `engine_newPayload`. */
  newPayloadVersion: version,
  /** Of `engine_forkchoiceUpdated`, with which a valid payload becomes the head. */
  forkchoiceUpdatedVersion: version,
  /** As they go over the wire. */
  params: z.array(z.unknown()).min(1),
  /** Of which exactly this payload is built. */
  payloadAttributes: z.record(z.string(), z.unknown()).optional(),
  /** Of `engine_getPayload`, where there are attributes. */
  getPayloadVersion: version.optional(),
  /** The payload is INVALID; why, for people. */
  validationError: z.string().min(1).optional(),
  /** Of the answer; compared where it is there. */
  latestValidHash: hash.nullable().optional(),
  /** Neither VALID nor INVALID: the parent is not known. */
  status: z.enum(['SYNCING', 'ACCEPTED']).optional(),
  /** The call fails with this code of JSON-RPC. */
  errorCode: errorCode.optional(),
})

const forkchoiceState = z.looseObject({ headBlockHash: z.unknown() })

const forkchoiceUpdate = z.strictObject({
  /** How many payloads of the vector come before it. */
  after: count,
  forkchoiceUpdatedVersion: version,
  /** The forkchoice state, and attributes or null. */
  params: z.tuple([forkchoiceState, z.record(z.string(), z.unknown()).nullable()]),
  status: z.enum(['VALID', 'INVALID', 'SYNCING']).optional(),
  errorCode: errorCode.optional(),
  /** Eight bytes; compared where it is there. */
  payloadId: hex.optional(),
  /** Of `engine_getPayload`, which then gives a payload with `blockHash`. */
  getPayloadVersion: version.optional(),
  blockHash: hash.optional(),
})

const info = z.strictObject({
  description: z.string().min(1),
  /** Ids of RULES.md. */
  rules: z.array(z.string().regex(/^[A-Z]-\d\d$/, 'not the id of a rule')).min(1),
  /** A heading of DISPUTED.md, where clients differ. */
  disputed: z.string().optional(),
  /** What other clients say: `agrees`, `not asked: …` or `differs: …`. */
  witnesses: z.record(z.string(), z.string()),
})

const vector = z.strictObject({
  _info: info,
  /** The fork, or `IsthmusToJovianAtTime1004`. */
  network: z.string().min(1),
  /** The `config` of a geth-style genesis file. */
  config: z.looseObject({ chainId: z.int().positive() }),
  genesisBlockHeader: z.looseObject({ hash }),
  pre: z.record(address, account),
  engineNewPayloads: z.array(newPayload),
  engineForkchoiceUpdates: z.array(forkchoiceUpdate).optional(),
  /** Of the head at the end. */
  lastblockhash: hash,
  /** State root of the head at the end. */
  postStateHash: hash,
})

/** An account of `pre`. */
export type VectorAccount = z.infer<typeof account>

/** A call of `engine_newPayload`, and what comes of it. Without an expectation it is VALID. */
export type NewPayload = z.infer<typeof newPayload>

/** A call of `engine_forkchoiceUpdated` beside those that make payloads the head. */
export type ForkchoiceCall = z.infer<typeof forkchoiceUpdate>

/** A test: a genesis, calls of the Engine API, and what must come of them. */
export type Vector = z.infer<typeof vector>

/** Vectors by name: what a file holds. */
export type VectorFile = Record<string, Vector>

/** Expectations that exclude each other; the last, VALID, is without any. */
const EXPECTATIONS = ['validationError', 'errorCode', 'status'] as const

/** What the types do not say. @returns what is wrong */
function findContradiction(parsed: Vector): string | undefined {
  for (const [index, call] of parsed.engineNewPayloads.entries()) {
    const given = EXPECTATIONS.filter((name) => call[name] !== undefined)
    if (given.length > 1) return `engineNewPayloads[${index}] has ${given.join(' and ')}`
    if (call.payloadAttributes && !call.getPayloadVersion) {
      return `engineNewPayloads[${index}] has payloadAttributes without getPayloadVersion`
    }
  }
  const { engineNewPayloads, engineForkchoiceUpdates = [] } = parsed
  for (const [index, call] of engineForkchoiceUpdates.entries()) {
    const name = `engineForkchoiceUpdates[${index}]`
    if (call.after > engineNewPayloads.length) return `${name} is after ${call.after} payloads`
    if ((call.status === undefined) === (call.errorCode === undefined)) {
      return `${name} needs either a status or an errorCode`
    }
    if ((call.getPayloadVersion === undefined) !== (call.blockHash === undefined)) {
      return `${name} has only one of getPayloadVersion and blockHash`
    }
  }
  const calls = engineNewPayloads.length + engineForkchoiceUpdates.length
  return calls === 0 ? 'it calls nothing' : undefined
}

/**
 * Checks a vector.
 *
 * @param name - for the message
 * @throws {VectorError} if something is missing, unknown or has a wrong form
 */
export function checkVector(value: unknown, name: string): Vector {
  const { success, data, error } = vector.safeParse(value)
  if (!success) {
    const [issue] = error.issues
    throw new VectorError(`${name}: ${issue.path.join('.') || 'the vector'}: ${issue.message}`)
  }
  const contradiction = findContradiction(data)
  if (contradiction) throw new VectorError(`${name}: ${contradiction}`)
  return data
}

/** A value that stands for a vector, which is not checked yet. */
export type UncheckedFile = Record<string, unknown>

/**
 * Reads the text of a file of vectors, each of which {@link checkVector} checks on its own, so that a
 * bad one does not hide the others.
 *
 * @throws {VectorError} if it is no object in JSON, or an empty one
 */
export function parseFile(text: string, path: string): UncheckedFile {
  let file: unknown
  try {
    file = JSON.parse(text)
  } catch (error) {
    throw new VectorError(`${path}: ${(error as Error).message}`)
  }
  const isObject = typeof file === 'object' && file !== null && !Array.isArray(file)
  if (!isObject) throw new VectorError(`${path}: not an object of vectors by name`)
  const { case: found } = file as { case?: { vector?: UncheckedFile; vectorError?: string } }
  // A case of `ethereumjs-op crosscheck`.
  if (typeof found === 'object' && found !== null) {
    if (found.vector) return found.vector
    throw new VectorError(`${path}: a case without a vector: ${found.vectorError}`)
  }
  if (Object.keys(file as object).length === 0) throw new VectorError(`${path}: no vector in it`)
  return file as UncheckedFile
}
