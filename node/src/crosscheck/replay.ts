/** Asks this client what op-node asked the main client, and compares what both answer. */
import {
  type Chain,
  type PayloadAttributes,
  type PayloadParams,
  attributesOfHeader,
  headerOfPayload,
} from 'ethereumjs-op'
import { headerToJSON } from 'ethereumjs-op/blockchain'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { LRUCache } from 'lru-cache'
import type { Store } from '../store/store.ts'
import type { Endpoint } from '../verify/endpoint.ts'
import type { Alarms, Finding } from './alarms.ts'
import type { Claim } from './claim.ts'
import { recordEvidence } from './evidence.ts'
import { type Answer, type AnsweredCall, fieldsOf, hashIn, numberIn } from './exchange.ts'
import { describeAnswer, judge, readOutcome } from './judge.ts'
import type { Memory } from './memory.ts'
import { paramsOf } from './vector.ts'

/** Builds whose ids are remembered, and payloads whose numbers are. */
const MAX_BUILDS = 64
const MAX_NUMBERS = 1_024

/** Methods that say something of blocks; their versions. */
const REPLAYED = /^engine_(newPayload|forkchoiceUpdated|getPayload)V(\d)$/

/** What replaying needs. */
export interface ReplayOptions {
  store: Store
  memory: Memory
  alarms: Alarms
  endpoint?: Endpoint
  /** Whether nothing is executed, since the chain cannot be followed. */
  isSampled: boolean
  /** What this client answers; never throws. */
  callOwn(method: string, params: unknown[]): Promise<Answer>
  /** Called where clients differ in a way that is listed. */
  onHarmless(name: string, why: string, about: object): void
  /** Called when this client could answer. */
  onJudged(): void
  /** Called with each head that the main client takes. */
  onHead(hash: Hex, number?: number): void
}

/** A build of the main client, which was ordered here as well. */
interface Build {
  /** Here. */
  id: Hex
  /** Whether the same must come out. */
  isDetermined: boolean
  parentHash: Hex
  attributes: PayloadAttributes
}

/** A payload as `engine_newPayload` takes it. */
interface SentPayload {
  version: number
  params: unknown[]
}

/** The header that a payload claims, where it is one. */
function readHeader(chain: Chain, params: unknown[]) {
  const [payload, versionedHashes, parentBeaconBlockRoot, executionRequests] = params
  const others = { versionedHashes, parentBeaconBlockRoot, executionRequests }
  try {
    return headerOfPayload(chain, { ...fieldsOf(payload), ...others } as unknown as PayloadParams)
  } catch {
    return undefined
  }
}

/** The hash and number of the payload in an answer to `engine_getPayload`. */
function readBuilt(result: unknown) {
  const envelope = fieldsOf(result)
  const payload = fieldsOf(envelope.executionPayload ?? envelope)
  return { payload, hash: hashIn(payload.blockHash), beaconRoot: envelope.parentBeaconBlockRoot }
}

/** Replays calls, one after the other. @returns what replays one */
export function createReplay(options: ReplayOptions) {
  const { store, memory, alarms, endpoint, isSampled, callOwn, onHarmless, onJudged } = options
  const { chain } = store
  const builds = new LRUCache<string, Build>({ max: MAX_BUILDS })
  const numbers = new LRUCache<Hex, number>({ max: MAX_NUMBERS })

  function noteHarmless(name: string, why: string, call: AnsweredCall, own: Answer) {
    const answers = { main: describeAnswer(call.answer), own: describeAnswer(own) }
    onHarmless(name, why, { method: call.method, ...answers })
  }

  /** What there is to say of a payload that differs. */
  function describePayload(params: unknown[]) {
    const { blockHash, parentHash, blockNumber, transactions } = fieldsOf(params[0])
    const hash = hashIn(blockHash)
    const number = numberIn(blockNumber)
    const header = readHeader(chain, params)
    const fields = header && { ...headerToJSON(header), hash }
    const parent = hashIn(parentHash)
    const gather = async () => {
      const before = parent && store.find(parent)
      if (!before || !header) throw new Error(`the block before, ${parentHash}, is not here`)
      const attributes = { ...attributesOfHeader(header), transactions: transactions as Hex[] }
      return recordEvidence(store, before, attributes)
    }
    const block = hash && number !== undefined ? { number, hash } : undefined
    const name = block ? `block ${number} ${hash}` : 'a payload'
    return { block, name, fields: fields as Claim['header'], gather }
  }

  /** Rings about a payload that one of the clients takes and the other does not. */
  function raisePayload(call: AnsweredCall, kind: Finding['kind'], own: Answer, sent: SentPayload) {
    const { method, answer } = call
    const { block, name, fields, gather } = describePayload(sent.params)
    const isBuilt = method.startsWith('engine_getPayload')
    const isTaken = isBuilt || readOutcome(answer).verdict === 'VALID'
    const { validationError } = fieldsOf(own.result)
    const said = isBuilt ? 'builds it' : `says ${describeAnswer(answer)}`
    alarms.raise({
      kind,
      key: block?.hash ?? JSON.stringify([method, sent.params]),
      block,
      summary: `${name}: the main client ${said}; here: ${describeAnswer(own)}`,
      claim: { verdict: isTaken ? 'VALID' : 'INVALID', header: fields },
      method,
      params: call.params,
      answers: { main: answer, own },
      gather,
      disputed: {
        ...sent,
        invalid: validationError ? `${validationError}` : undefined,
        description: `${name}, which one client takes and another refuses`,
      },
    })
  }

  async function onNewPayload(call: AnsweredCall, version: number) {
    const { method, params, answer } = call
    const { blockHash, parentHash, blockNumber } = fieldsOf(params[0])
    const [hash, parent, number] = [hashIn(blockHash), hashIn(parentHash), numberIn(blockNumber)]
    if (hash && number !== undefined) numbers.set(hash, number)
    if (isSampled || (hash && memory.isRejected(hash))) return
    const isTaken = readOutcome(answer).verdict === 'VALID'
    if (hash && parent && memory.isRejected(parent)) {
      // What follows a disputed block has no state here; as a head it is checked by itself.
      if (isTaken) memory.reject(hash)
      return
    }
    const own = await callOwn(method, params)
    const judgement = judge(call, own)
    if (judgement.type !== 'fault') onJudged()
    if (judgement.type === 'harmless') noteHarmless(judgement.name, judgement.why, call, own)
    if (judgement.type !== 'difference') return
    if (isTaken && hash && readOutcome(own).verdict !== 'VALID') memory.reject(hash)
    raisePayload(call, judgement.kind, own, { version, params })
  }

  /** Whether a client refuses a label because it does not have the block. */
  async function isLabelUnknown(state: Record<string, unknown>, isOwn: boolean): Promise<boolean> {
    for (const label of [state.safeBlockHash, state.finalizedBlockHash]) {
      const hash = hashIn(label)
      if (!hash || BigInt(hash) === 0n) continue
      if (isOwn) {
        if (!store.header(hash)) return true
      } else if (endpoint && (await endpoint.call('eth_getBlockByHash', hash, false)) === null) {
        return true
      }
    }
    return false
  }

  /** Notes under which id this client builds what the main client builds. */
  function noteBuild(call: AnsweredCall, own: Answer, head: Hex) {
    const attributes = call.params[1] as PayloadAttributes
    const [mainId, id] = [call.answer, own].map(({ result }) => fieldsOf(result).payloadId)
    if (typeof mainId !== 'string' || typeof id !== 'string') return
    const isDetermined = fieldsOf(attributes).noTxPool === true
    builds.set(mainId, { id: id as Hex, isDetermined, parentHash: head, attributes })
  }

  async function replayForkchoice(call: AnsweredCall, head: Hex) {
    const { method, params, answer } = call
    const [state, given] = [fieldsOf(params[0]), params[1]]
    // Without the pool of the main client the rest of a block is not known here.
    const attributes = given == null ? given : { ...fieldsOf(given), noTxPool: true }
    const own = await callOwn(method, [state, attributes])
    const judgement = judge(call, own)
    if (judgement.type === 'fault') return
    onJudged()
    noteBuild(call, own, head)
    if (judgement.type !== 'harmless' && judgement.type !== 'difference') return
    const isOwnRefusal = own.error?.code === -38002
    const isLabel = isOwnRefusal || answer.error?.code === -38002
    if (isLabel && (await isLabelUnknown(state, isOwnRefusal))) return
    if (judgement.type === 'harmless') {
      return noteHarmless(judgement.name, judgement.why, call, own)
    }
    const parent = store.find(head)
    const answers = `the main client: ${describeAnswer(answer)}; here: ${describeAnswer(own)}`
    const isBuild = given != null && parent !== undefined
    alarms.raise({
      kind: judgement.kind,
      key: JSON.stringify([method, params]),
      block: parent && { number: Number(parent.header.number), hash: head },
      summary: `${method} on ${head}: ${answers}`,
      claim: { verdict: readOutcome(answer).verdict === 'VALID' ? 'VALID' : 'INVALID' },
      method,
      params,
      answers: { main: answer, own },
      ...(isBuild && {
        gather: () => recordEvidence(store, parent, attributes as unknown as PayloadAttributes),
      }),
    })
  }

  async function onForkchoice(call: AnsweredCall) {
    const head = hashIn(fieldsOf(call.params[0]).headBlockHash)
    if (!head) return
    if (!isSampled && !memory.isRejected(head)) await replayForkchoice(call, head)
    const isHead = readOutcome(call.answer).verdict === 'VALID'
    if (isHead) options.onHead(head, numbers.get(head))
  }

  async function onGetPayload(call: AnsweredCall, version: number) {
    const { method, params, answer } = call
    const { payload, hash, beaconRoot } = readBuilt(answer.result)
    const parent = hashIn(payload.parentHash)
    // A build may be gone there as well as here.
    if (isSampled || !hash || !parent) return
    if (memory.isRejected(parent) || memory.isRejected(hash)) return
    const build = builds.get(`${params[0]}`)
    const own = build?.isDetermined ? await callOwn(method, [build.id]) : undefined
    const ownHash = readBuilt(own?.result).hash
    if (ownHash === hash) return
    const putVersion = Math.min(Math.max(version, 2), 4)
    const sent = { version: putVersion, params: paramsOf(putVersion, payload, beaconRoot) }
    const put = await callOwn(`engine_newPayloadV${putVersion}`, sent.params)
    const isRefused = readOutcome(put).verdict === 'INVALID'
    if (isRefused) memory.reject(hash)
    if (build && own && ownHash) raiseBuild(call, build, { own, ownHash, put, sent })
    else if (isRefused) raisePayload(call, 'status', put, sent)
  }

  /** Rings about a payload that is another one here, of the same attributes. */
  function raiseBuild(
    { method, params, answer }: AnsweredCall,
    { parentHash, attributes }: Build,
    built: { own: Answer; ownHash: Hex; put: Answer; sent: SentPayload },
  ) {
    const { own, ownHash, put, sent } = built
    const { block, name, fields } = describePayload(sent.params)
    const parent = store.find(parentHash)
    const { validationError } = fieldsOf(put.result)
    alarms.raise({
      kind: 'payload',
      key: `${fields?.hash ?? JSON.stringify(sent.params)}`,
      block,
      summary: `${name}: the main client builds it, but of these attributes comes ${ownHash}`,
      claim: { verdict: 'VALID', header: fields },
      method,
      params,
      answers: { main: answer, own },
      gather: async () => {
        if (!parent) throw new Error(`the block before, ${parentHash}, is not here`)
        return recordEvidence(store, parent, attributes)
      },
      disputed: {
        ...sent,
        invalid: validationError ? `${validationError}` : undefined,
        description: `${name}, which one client builds, and another one of the same attributes`,
      },
    })
  }

  return async function replay(call: AnsweredCall): Promise<void> {
    const [, name, digit] = REPLAYED.exec(call.method) ?? []
    if (name === 'newPayload') await onNewPayload(call, Number(digit))
    if (name === 'forkchoiceUpdated') await onForkchoice(call)
    if (name === 'getPayload') await onGetPayload(call, Number(digit))
  }
}
