import type { ForkchoiceCall, NewPayload, Vector } from '../vector.ts'
import type { ReferenceName, Said, Verdict } from './references.ts'

/** How long what a client says may be in a vector. */
const MAX_TEXT = 160

/** What comes of a comparison. */
interface Comparison {
  differences: string[]
  /** Reasons why it was not asked about something. */
  notAsked: string[]
  /** How many calls it was asked about. */
  asked: number
}

/** A client's answer in words. */
function describe({ panic, errorCode, status, message }: Said): string {
  if (panic) return `panic: ${panic}`
  const what = errorCode === undefined ? `${status}` : `error ${errorCode}`
  return message ? `${what} (${message})` : what
}

/** The result of a call as far as it is compared. */
function outcomeOf({ errorCode, status }: { errorCode?: number; status?: string }): string {
  // Clients may tell a wrong hash apart, as the first version of the Engine API did.
  const plain = status === 'INVALID_BLOCK_HASH' ? 'INVALID' : status
  return errorCode === undefined ? `${plain}` : `error ${errorCode}`
}

/** What a payload should give. */
function expectedOf({ errorCode, status, validationError }: NewPayload) {
  return { errorCode, status: status ?? (validationError ? 'INVALID' : 'VALID') }
}

function comparePayload(
  call: NewPayload,
  said: Said | undefined,
  where: string,
  found: Comparison,
) {
  if (!said) {
    found.differences.push(`${where}: no answer`)
    return
  }
  const { built } = said
  const { blockHash } = (call.params[0] ?? {}) as { blockHash?: string }
  if (call.payloadAttributes) {
    if (typeof built === 'object' && built.notAsked) found.notAsked.push(built.notAsked)
    else if (built !== blockHash) {
      const text = typeof built === 'object' ? describe(built) : built
      found.differences.push(`${where}: builds ${text}`)
    }
  }
  if (said.notAsked) {
    found.notAsked.push(said.notAsked)
    return
  }
  found.asked++
  const expected = expectedOf(call)
  if (said.panic || outcomeOf(said) !== outcomeOf(expected)) {
    found.differences.push(`${where}: ${describe(said)}`)
  } else if (said.head) {
    found.differences.push(`${where}: as head: ${said.head}`)
  } else if (call.latestValidHash !== undefined && said.latestValidHash !== undefined) {
    if (said.latestValidHash !== call.latestValidHash) {
      found.differences.push(`${where}: latestValidHash ${said.latestValidHash}`)
    }
  }
}

function compareForkchoice(
  call: ForkchoiceCall,
  said: Said | undefined,
  where: string,
  found: Comparison,
) {
  if (!said) {
    found.differences.push(`${where}: no answer`)
    return
  }
  if (said.notAsked) {
    found.notAsked.push(said.notAsked)
    return
  }
  found.asked++
  if (said.panic || outcomeOf(said) !== outcomeOf(call)) {
    found.differences.push(`${where}: ${describe(said)}`)
    return
  }
  if (call.payloadId && said.payloadId && said.payloadId !== call.payloadId) {
    found.differences.push(`${where}: payloadId ${said.payloadId}`)
  }
  if (call.blockHash && said.blockHash !== call.blockHash) {
    found.differences.push(`${where}: builds ${said.blockHash ?? describe(said)}`)
  }
}

/** Whether a vector has a block of Karst or a later fork. */
export function hasKarst({
  config,
  genesisBlockHeader,
  engineNewPayloads,
  ...rest
}: Vector): boolean {
  const { karstTime } = config as { karstTime?: number | null }
  if (karstTime == null) return false
  const attributes = rest.engineForkchoiceUpdates?.map(({ params }) => params[1]) ?? []
  const payloads = engineNewPayloads.map(({ params }) => params[0])
  return [genesisBlockHeader, ...attributes, ...payloads].some((value) => {
    const { timestamp } = (value ?? {}) as { timestamp?: string }
    return Number(timestamp) >= karstTime
  })
}

/** Why a client is not asked about a vector at all. */
export function reasonNotToAsk(name: ReferenceName, vector: Vector): string | undefined {
  return name === 'op-geth' && hasKarst(vector) ? 'op-geth does not know Karst' : undefined
}

/** Codes of errors about the form of a call, which is read before there is anything to execute. */
const FORM_ERRORS = [-32601, -32602, -38005]

/** Compares what a client says to a vector with what the vector says. */
function compareAll(name: ReferenceName, vector: Vector, verdict: Verdict): Comparison {
  const found: Comparison = { differences: [], notAsked: [], asked: 0 }
  const { engineNewPayloads, engineForkchoiceUpdates = [], genesisBlockHeader } = vector
  if (verdict.error) return { ...found, differences: [verdict.error] }
  if (verdict.genesisHash !== genesisBlockHeader.hash) {
    return { ...found, differences: [`genesis ${verdict.genesisHash}`] }
  }
  /** What it says to a call, unless that is for an Engine API, which op-revm has not. */
  const saidTo = (said: Said | undefined, { errorCode }: { errorCode?: number }) => {
    const isForm = name === 'op-revm' && FORM_ERRORS.includes(errorCode ?? 0)
    return isForm ? { notAsked: 'the form of a call' } : said
  }
  for (const [index, call] of engineNewPayloads.entries()) {
    const said = saidTo(verdict.payloads?.[index], call)
    comparePayload(call, said, `payload ${index}`, found)
  }
  for (const [index, call] of engineForkchoiceUpdates.entries()) {
    const said = saidTo(verdict.forkchoiceUpdates?.[index], call)
    compareForkchoice(call, said, `forkchoice ${index}`, found)
  }
  for (const field of ['lastblockhash', 'postStateHash'] as const) {
    const value = verdict[field]
    if (value && value !== vector[field] && found.differences.length === 0) {
      found.differences.push(`${field} ${value}`)
    }
  }
  return found
}

/** What a client has instead, a call each, in their order. */
export const findDifferences = (name: ReferenceName, vector: Vector, verdict: Verdict) =>
  compareAll(name, vector, verdict).differences

/**
 * What `witnesses` says of a client.
 *
 * @returns `agrees`; `agrees in part: ` or `not asked: ` with the reason; `differs: ` with what it has
 */
export function compareVerdict(name: ReferenceName, vector: Vector, verdict: Verdict): string {
  const { differences, notAsked, asked } = compareAll(name, vector, verdict)
  if (differences.length > 0) return shorten(`differs: ${differences.join('; ')}`)
  const [reason] = notAsked
  if (reason && asked === 0) return shorten(`not asked: ${reason}`)
  return reason ? shorten(`agrees in part: ${reason}`) : 'agrees'
}

const shorten = (text: string) =>
  text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text
