import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type Logger, createRepeatFilter } from '../logger.ts'
import { type Call, parseCalls } from './calls.ts'
import { type Outcome, contradict, decide, movesChain, readOutcome } from './decide.ts'
import {
  type EngineClient,
  EngineFailure,
  type Message,
  type Reply,
  dropHeaders,
} from './engines.ts'
import type { Alarm } from './types.ts'

/** Builds whose ids are remembered. */
const MAX_BUILDS = 100

/** What would make answers unreadable here. */
const ENCODING = new Set(['accept-encoding'])

/** A build that op-node has ordered. */
interface Build {
  /** Its id at each engine, where that has started it. */
  ids: (string | undefined)[]
  /** Whether the pool has no part in it, so that all engines must come to the same block. */
  isForced: boolean
}

/** See {@link createMajority}. */
export interface MajorityOptions {
  /** In the order of preference. */
  engines: EngineClient[]
  log: Logger
  /** Hears when two engines cannot both be right. */
  onAlarm(alarm: Alarm): void
}

/** Reads an answer as far as is needed to compare it. */
function readReply(
  method: string,
  { status, body }: Reply,
): { outcome: Outcome; answer?: unknown } {
  if (status !== 200) return { outcome: { type: 'failure', reason: `HTTP status ${status}` } }
  try {
    const answer: unknown = JSON.parse(body.toString())
    // Of what does not move the chain it is enough that it is an answer.
    const isPlain = Array.isArray(answer) && !movesChain(method)
    const neutral: Outcome = { type: 'neutral', says: 'results' }
    return { outcome: isPlain ? neutral : readOutcome(method, answer), answer }
  } catch {
    return { outcome: { type: 'failure', reason: 'its answer is not JSON' } }
  }
}

/** A request about a build as another engine knows it. */
function translate(message: Message, from: string, to: string): Message {
  const text = message.body.toString().replace(JSON.stringify(from), JSON.stringify(to))
  return { ...message, body: Buffer.from(text) }
}

const toText = (outcome?: Outcome) =>
  outcome?.type === 'failure' ? `no answer: ${outcome.reason}` : (outcome?.says ?? 'nothing')

/** Asks several engines, and gives the answer on which most agree. */
export function createMajority({ engines, log, onAlarm }: MajorityOptions) {
  const builds = new LRUCache<string, Build>({ max: MAX_BUILDS })
  const isNews = createRepeatFilter()

  /** The same request for each engine, with its own id of the build; nothing for one that has none. */
  function messagesOf(message: Message, build: Build | undefined, id: string) {
    const plain = { ...message, headers: dropHeaders(message.headers, ENCODING) }
    return engines.map((_, index) => {
      if (!build) return plain
      const own = build.ids[index]
      return own === undefined ? undefined : translate(plain, id, own)
    })
  }

  /** Says when engines differ, and rings where one must be wrong. */
  function compare(call: Call, outcomes: Outcome[], isForced: boolean) {
    const opinions = outcomes.filter(({ type }) => type === 'opinion')
    const says = [...new Set(opinions.map(toText))]
    const failed = outcomes.filter(({ type }) => type === 'failure')
    const answers = Object.fromEntries(
      engines.map(({ name }, index) => [name, toText(outcomes[index])]),
    )
    const isBuilt = says.some((text) => text.startsWith('payload '))
    const isOdd = failed.length > 0 || (says.length > 1 && (isForced || !isBuilt))
    const repeated = isOdd ? isNews(`${call.method} ${JSON.stringify(answers)}`) : undefined
    if (repeated !== undefined) {
      log.warn({ method: call.method, answers, repeated }, 'the engines differ')
    }
    const isWrong = opinions.some((one) => opinions.some((other) => contradict(one, other)))
    if (!isWrong || (isBuilt && !isForced)) return
    const { blockHash, headBlockHash, blockNumber } = Object(call.params[0]) as Record<
      string,
      unknown
    >
    const hash = blockHash ?? headBlockHash
    const subject = `${call.method} ${hash ?? call.params[0]} ${says.sort()}`
    const id = createHash('sha256').update(subject).digest('hex').slice(0, 16)
    const text = engines.map(({ name }, index) => `${name}: ${toText(outcomes[index])}`).join(', ')
    onAlarm({
      id: `engines-${id}`,
      at: Date.now(),
      kind: 'engines',
      block:
        blockNumber === undefined ? undefined : { number: Number(blockNumber), hash: `${hash}` },
      summary: `${call.method}: ${text}`,
      caseError:
        'the engines differ among themselves; the watchman writes a case if it differs, too',
    })
  }

  /**
   * Asks all, and resolves as soon as nothing that is still to come could change the answer.
   *
   * @throws {EngineFailure} if nobody answers
   */
  async function ask(message: Message): Promise<Reply> {
    const parsed = parseCalls(message.body)
    const call = parsed?.isBatch ? undefined : parsed?.calls[0]
    const method = call?.method ?? ''
    const [first, attributes] = call?.params ?? []
    const isFetch = /^engine_getPayloadV\d+$/.test(method)
    const known = isFetch ? builds.get(`${first}`) : undefined
    const messages = messagesOf(message, known, `${first}`)
    const order: Build | undefined =
      attributes != null && /^engine_forkchoiceUpdatedV/.test(method)
        ? { ids: [], isForced: Object(attributes).noTxPool === true }
        : undefined
    const outcomes: (Outcome | undefined)[] = engines.map(() => undefined)
    const replies: Reply[] = []

    async function askOne(index: number) {
      const own = messages[index]
      if (!own) {
        outcomes[index] = { type: 'failure', reason: 'it has not started this build' }
        return
      }
      try {
        const reply = await engines[index].send(own)
        const { outcome, answer } = readReply(method, reply)
        if (order) order.ids[index] = Object(Object(answer).result).payloadId ?? undefined
        replies[index] = reply
        outcomes[index] = outcome
      } catch (error) {
        outcomes[index] = { type: 'failure', reason: (error as Error).message }
      }
    }

    return new Promise((resolve, reject) => {
      let isDecided = false
      function look() {
        if (isDecided) return
        const decision = decide({ mode: 'majority', isHalted: false, method, outcomes })
        if (decision.type === 'answer') {
          isDecided = true
          const given = order?.ids[decision.from]
          if (order && given !== undefined) builds.set(given, order)
          resolve(replies[decision.from])
        } else if (decision.type === 'failure') {
          isDecided = true
          const reasons = outcomes.map(
            (outcome, index) => `${engines[index].name}: ${toText(outcome)}`,
          )
          reject(new EngineFailure(`no engine answers: ${reasons.join(', ')}`))
        }
      }
      const asked = engines.map((_, index) => askOne(index).then(look))
      const compareAll = () => {
        if (!call || !movesChain(method)) return
        compare(call, outcomes as Outcome[], known?.isForced ?? order?.isForced ?? false)
      }
      Promise.all(asked)
        .then(compareAll)
        .catch(({ message: error }: Error) => log.error({ error }, 'engines cannot be compared'))
    })
  }
  return { ask }
}
