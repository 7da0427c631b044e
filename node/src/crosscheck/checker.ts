/** Replays what op-node asked of the main client on an engine of its own, and compares the answers. */
import { mkdirSync } from 'node:fs'
import { attributesOfHeader, headerOfPayload } from 'ethereumjs-op'
import type { PayloadAttributes, PayloadParams } from 'ethereumjs-op'
import { headerToJSON } from 'ethereumjs-op/blockchain'
import { JsonRpcError, type PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import { LRUCache } from 'lru-cache'
import { createObservedEngine } from '../engine.ts'
import { createRepeatFilter } from '../logger.ts'
import { createStore } from '../store/store.ts'
import { Endpoint } from '../verify/endpoint.ts'
import { type Finding, createAlarms } from './alarms.ts'
import type { Claim } from './claim.ts'
import { recordEvidence } from './evidence.ts'
import {
  type Answer,
  type AnsweredCall,
  fieldsOf,
  hashIn,
  numberIn,
  readCalls,
} from './exchange.ts'
import { Follower } from './follower.ts'
import { describeAnswer, judge, readOutcome } from './judge.ts'
import { type BlockRef, Memory } from './memory.ts'
import { Troubles } from './troubles.ts'
import type { Alarm, Exchange, Progress } from './types.ts'
import { paramsOf } from './vector.ts'
import type { WatchmanOptions } from './watchman.ts'

/** Blocks before the head whose states are kept. */
const STATE_HISTORY = 1_024

/** Builds whose ids are remembered, and payloads whose numbers are. */
const MAX_BUILDS = 64
const MAX_NUMBERS = 1_024

/** How patiently the main client is asked; what it does not answer is asked again later. */
const PATIENCE = { retries: 1, timeout: 10_000, backoff: 200 }

/** Methods that are replayed; others say nothing about blocks. */
const REPLAYED = /^engine_(newPayload|forkchoiceUpdated|getPayload)V(\d)$/

/** See {@link createChecker}. */
export interface CheckerOptions extends Omit<WatchmanOptions, 'onAlarm' | 'onProgress'> {
  /** The alarm counts as heard when this has resolved. */
  onAlarm(alarm: Alarm): void | Promise<void>
  onProgress?(progress: CheckerProgress): void
}

/** What of {@link Progress} is known where exchanges are compared. */
export type CheckerProgress = Pick<Progress, 'checked' | 'same' | 'disputed' | 'trouble'>

/** Compares exchanges, one after the other. */
export interface Checker {
  /** Resolves when an exchange has been compared; never rejects. Not to be called twice at a time. */
  check(exchange: Exchange): Promise<void>
  /** Goes on to a head of which no exchange tells any more. */
  follow(head: BlockRef): void
  progress(): CheckerProgress
  /** Resolves when all is compared, as far as that is possible, and all alarms have been heard. */
  idle(): Promise<void>
  close(): Promise<void>
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

/**
 * Opens the database of the watchman.
 *
 * @throws if it is of another chain, or in use
 */
export async function createChecker(options: CheckerOptions): Promise<Checker> {
  const { genesis, datadir, cases, eth, sample = 1, log, onAlarm, onProgress } = options
  const endpoint = eth === undefined ? undefined : new Endpoint(eth, PATIENCE)
  mkdirSync(datadir, { recursive: true })
  const store = await createStore({ genesis, datadir, stateHistory: STATE_HISTORY })
  const { chain } = store
  const engine = createObservedEngine(store, [])
  const memory = new Memory(store)
  const alarms = createAlarms({ store, genesis, memory, cases, endpoint, log, onAlarm })
  const disputed: Record<string, number> = {}
  const isNews = createRepeatFilter()
  const builds = new LRUCache<string, Build>({ max: MAX_BUILDS })
  const numbers = new LRUCache<Hex, number>({ max: MAX_NUMBERS })
  const progress = (): CheckerProgress => ({
    checked: memory.checked,
    same: follower.same,
    disputed: { ...disputed },
    trouble: troubles.first,
  })
  const onChange = () => onProgress?.(progress())
  const troubles = new Troubles(log, onChange)
  const config = genesis.config ?? {}
  const common = { store, engine, memory, alarms, troubles, log, endpoint, eth }
  const follower = new Follower({ ...common, config, sample, onHarmless, onChange })

  /** What this client answers. */
  async function callOwn(method: string, params: unknown[]): Promise<Answer> {
    try {
      return { result: await engine[method](...params) }
    } catch (error) {
      const {
        code = -32603,
        message,
        stack,
        cause,
      } = error as Error & {
        code?: number
        cause?: Error
      }
      const isAnswer = error instanceof JsonRpcError && code !== -32603
      if (!isAnswer) noteFault(method, message, cause?.stack ?? stack)
      return { error: { code, message } }
    }
  }

  /** A fault of this client says nothing about the other. */
  function noteFault(what: string, message: string, stack?: string) {
    troubles.set('engine', `a fault of the watchman: ${what}: ${message}`)
    if (isNews(`${what} ${message}`) === undefined) return
    log.error({ call: what, error: message, stack }, 'a fault of the watchman')
  }

  function onHarmless(name: string, why: string, about: object) {
    disputed[name] = (disputed[name] ?? 0) + 1
    onChange()
    if (isNews(name) === undefined) return
    log.info({ kind: name, why, ...about }, 'clients differ, harmlessly')
  }

  function noteHarmless(name: string, why: string, call: AnsweredCall, own: Answer) {
    const answers = { main: describeAnswer(call.answer), own: describeAnswer(own) }
    onHarmless(name, why, { method: call.method, ...answers })
  }

  /** The header that a payload claims, where it is one. */
  function readHeader(params: unknown[]) {
    const [payload, versionedHashes, parentBeaconBlockRoot, executionRequests] = params
    const others = { versionedHashes, parentBeaconBlockRoot, executionRequests }
    try {
      return headerOfPayload(chain, { ...fieldsOf(payload), ...others } as unknown as PayloadParams)
    } catch {
      return undefined
    }
  }

  /** What there is to say of a payload that differs. */
  function describePayload(params: unknown[]) {
    const { blockHash, parentHash, blockNumber, transactions } = fieldsOf(params[0])
    const hash = hashIn(blockHash)
    const number = numberIn(blockNumber)
    const header = readHeader(params)
    const fields = header && { ...headerToJSON(header), hash }
    const parent = hashIn(parentHash)
    const gather = async () => {
      const before = parent && store.find(parent)
      if (!before || !header) throw new Error(`the block before, ${parentHash}, is not here`)
      const attributes = { ...attributesOfHeader(header), transactions: transactions as Hex[] }
      return recordEvidence(store, before, attributes)
    }
    const block = hash && number !== undefined ? { number, hash } : undefined
    return { block, fields: fields as Claim['header'], gather }
  }

  /** Rings about an answer to `newPayload`, or about a payload that was built. */
  function raisePayload(
    call: AnsweredCall,
    {
      kind,
      own,
      version,
      params,
    }: {
      kind: Finding['kind']
      own: Answer
      version: number
      params: unknown[]
    },
  ) {
    const { method, answer } = call
    const { block, fields, gather } = describePayload(params)
    const isBuilt = method.startsWith('engine_getPayload')
    const main: Answer = isBuilt ? { result: { status: 'VALID' } } : answer
    const { verdict } = readOutcome(main)
    const { validationError } = fieldsOf(own.result)
    const name = block ? `block ${block.number} ${block.hash}` : 'a payload'
    const said = isBuilt ? 'the main client builds it' : `the main client: ${describeAnswer(main)}`
    alarms.raise({
      kind,
      key: block?.hash ?? JSON.stringify([method, params]),
      block,
      summary: `${name}: ${said}; here: ${describeAnswer(own)}`,
      claim: { verdict: verdict === 'VALID' ? 'VALID' : 'INVALID', header: fields },
      method,
      params: isBuilt ? call.params : params,
      answers: { main: answer, own },
      gather,
      disputed: {
        version,
        params,
        invalid: validationError ? `${validationError}` : undefined,
        description: `Block ${block?.number}, of which one client says ${verdict} and another not`,
      },
    })
  }

  async function onNewPayload(call: AnsweredCall, version: number) {
    const { method, params } = call
    const { blockHash, parentHash, blockNumber } = fieldsOf(params[0])
    const hash = hashIn(blockHash)
    const parent = hashIn(parentHash)
    const number = numberIn(blockNumber)
    if (hash && number !== undefined) numbers.set(hash, number)
    const isTaken = readOutcome(call.answer).verdict === 'VALID'
    // What follows a disputed block has no state here; it is checked by itself.
    if (hash && memory.isRejected(hash)) return
    if (hash && parent && memory.isRejected(parent)) {
      if (isTaken) memory.reject(hash)
      return
    }
    const own = await callOwn(method, params)
    const judgement = judge(call, own)
    if (judgement.type === 'harmless') noteHarmless(judgement.name, judgement.why, call, own)
    if (judgement.type !== 'fault') troubles.clear('engine')
    if (judgement.type !== 'difference') return
    if (isTaken && hash && readOutcome(own).verdict !== 'VALID') memory.reject(hash)
    raisePayload(call, { kind: judgement.kind, own, version, params })
  }

  /** Whether a label that a client refuses is one that it does not have. */
  async function isLabelUnknown(state: Record<string, unknown>, isOwn: boolean): Promise<boolean> {
    for (const label of [state.safeBlockHash, state.finalizedBlockHash]) {
      const hash = hashIn(label)
      if (!hash || BigInt(hash) === 0n) continue
      if (isOwn && !store.header(hash)) return true
      if (isOwn || !endpoint) continue
      if ((await endpoint.call('eth_getBlockByHash', hash, false)) === null) return true
    }
    return false
  }

  async function onForkchoice(call: AnsweredCall) {
    const { params, answer } = call
    const state = fieldsOf(params[0])
    const [, given] = params
    const head = hashIn(state.headBlockHash)
    if (head && !memory.isRejected(head)) await replayForkchoice(call, head, state, given)
    const isHead = head && readOutcome(answer).verdict === 'VALID'
    if (isHead) follower.follow(head, numbers.get(head))
  }

  async function replayForkchoice(
    call: AnsweredCall,
    head: Hex,
    state: Record<string, unknown>,
    given: unknown,
  ) {
    const { method, answer } = call
    // Without a pool of its own the rest of a block is not known here.
    const attributes = given == null ? given : { ...fieldsOf(given), noTxPool: true }
    const own = await callOwn(method, [state, attributes])
    const judgement = judge(call, own)
    if (judgement.type === 'fault') return
    troubles.clear('engine')
    const ids = [fieldsOf(answer.result).payloadId, fieldsOf(own.result).payloadId]
    if (ids.every((id) => typeof id === 'string')) {
      const isDetermined = fieldsOf(given).noTxPool === true
      const build = { isDetermined, parentHash: head, attributes: given as PayloadAttributes }
      builds.set(`${ids[0]}`, { ...build, id: ids[1] as Hex })
    }
    if (judgement.type !== 'harmless' && judgement.type !== 'difference') return
    const isOwnRefusal = own.error?.code === -38002
    const isLabel = isOwnRefusal || answer.error?.code === -38002
    if (isLabel && (await isLabelUnknown(state, isOwnRefusal))) return
    if (judgement.type === 'harmless') {
      return noteHarmless(judgement.name, judgement.why, call, own)
    }
    const number = Number(store.header(head)?.number)
    const parent = store.find(head)
    const isBlock = given != null && parent !== undefined
    const verdict = readOutcome(answer).verdict === 'VALID' ? 'VALID' : 'INVALID'
    alarms.raise({
      kind: judgement.kind,
      key: `${method} ${JSON.stringify(call.params)}`,
      block: Number.isNaN(number) ? undefined : { number, hash: head },
      summary: `${method} on ${head}: the main client: ${describeAnswer(answer)}; here: ${describeAnswer(own)}`,
      claim: { verdict },
      method,
      params: call.params,
      answers: { main: answer, own },
      ...(isBlock && {
        gather: () => recordEvidence(store, parent, attributes as unknown as PayloadAttributes),
      }),
    })
  }

  async function onGetPayload(call: AnsweredCall, version: number) {
    const { method, params, answer } = call
    const envelope = fieldsOf(answer.result)
    const payload = fieldsOf(envelope.executionPayload ?? envelope)
    const hash = hashIn(payload.blockHash)
    const parent = hashIn(payload.parentHash)
    // Its builds may be gone, as they may here.
    if (!hash || !parent || memory.isRejected(parent) || memory.isRejected(hash)) return
    const build = builds.get(`${params[0]}`)
    const own = build?.isDetermined ? await callOwn(method, [build.id]) : undefined
    const ownEnvelope = fieldsOf(own?.result)
    const ownHash = hashIn(fieldsOf(ownEnvelope.executionPayload ?? ownEnvelope).blockHash)
    if (ownHash === hash) return
    const putVersion = Math.min(Math.max(version, 2), 4)
    const putParams = paramsOf(putVersion, payload, envelope.parentBeaconBlockRoot)
    const put = await callOwn(`engine_newPayloadV${putVersion}`, putParams)
    const isRefused = readOutcome(put).verdict === 'INVALID'
    if (isRefused) memory.reject(hash)
    if (!build || !own || !ownHash) {
      if (!isRefused) return
      return raisePayload(call, {
        kind: 'status',
        own: put,
        version: putVersion,
        params: putParams,
      })
    }
    const { block, fields } = describePayload(putParams)
    const parentBlock = store.find(build.parentHash)
    const name = `block ${numberIn(payload.blockNumber)} ${hash}`
    alarms.raise({
      kind: 'payload',
      key: hash,
      block,
      summary: `${name}: the main client builds it, but of these attributes comes ${ownHash}`,
      claim: { verdict: 'VALID', header: fields },
      method,
      params,
      answers: { main: answer, own },
      gather: async () => {
        if (!parentBlock) throw new Error(`the block before, ${build.parentHash}, is not here`)
        return recordEvidence(store, parentBlock, build.attributes)
      },
      disputed: {
        version: putVersion,
        params: putParams,
        invalid: isRefused ? `${fieldsOf(put.result).validationError}` : undefined,
        description: `${name}, which one client builds, and another one of the same attributes`,
      },
    })
  }

  async function replay(call: AnsweredCall) {
    const [, name, digit] = REPLAYED.exec(call.method) ?? []
    if (!name || !Object.hasOwn(engine, call.method)) return
    if (sample > 1) {
      // What is not checked is not executed either.
      const { blockHash, blockNumber } = fieldsOf(call.params[0])
      const [hash, number] = [hashIn(blockHash), numberIn(blockNumber)]
      if (name === 'newPayload' && hash && number !== undefined) numbers.set(hash, number)
      const head = hashIn(fieldsOf(call.params[0]).headBlockHash)
      const isHead = name === 'forkchoiceUpdated' && readOutcome(call.answer).verdict === 'VALID'
      if (isHead && head) follower.follow(head, numbers.get(head))
      return
    }
    if (name === 'newPayload') await onNewPayload(call, Number(digit))
    if (name === 'forkchoiceUpdated') await onForkchoice(call)
    if (name === 'getPayload') await onGetPayload(call, Number(digit))
  }

  async function check(exchange: Exchange) {
    for (const call of readCalls(exchange).calls) {
      try {
        await replay(call)
      } catch (error) {
        const { message, stack } = error as Error
        noteFault(call.method, message, stack)
      }
    }
  }

  async function idle() {
    await follower.idle()
    await alarms.idle()
  }

  async function close() {
    await follower.close()
    await alarms.idle()
    await store.close()
  }

  alarms.resume()
  const follow = ({ hash, number }: BlockRef) => follower.follow(hash, number)
  return { check, follow, progress, idle, close }
}
