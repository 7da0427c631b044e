/** An endpoint of JSON-RPC that nobody trusts. Runs in browsers as well. */
import PQueue from 'p-queue'
import pRetry, { AbortError } from 'p-retry'
import { within } from '../within.ts'
import { EndpointError } from './errors.ts'

/** How an endpoint is called. */
export interface EndpointOptions {
  /** Requests at a time. */
  concurrency?: number
  /** Requests a second. */
  rate?: number
  /** Calls in one request. */
  batchSize?: number
  /** Tries after the first where it is unreachable, slow or busy. */
  retries?: number
  /** Milliseconds until a request counts as lost. */
  timeout?: number
  /** Milliseconds before the second try; each further one takes twice as long. */
  backoff?: number
}

/** A method and its parameters. */
export interface Call {
  method: string
  params: unknown[]
}

/** An error of JSON-RPC: the endpoint has answered, but not with a result. */
export interface CallFailure {
  code: number
  message: string
}

/** What comes of a call: one of both. */
export interface CallOutcome {
  result?: unknown
  error?: CallFailure
}

/** Bytes of an answer after which it is not read on. */
const MAX_ANSWER = 2 ** 27

/** Statuses of HTTP with which a later try may fare better. */
const TRANSIENT = [408, 425, 429, 500, 502, 503, 504]

/** Codes of JSON-RPC for too many requests, as endpoints use them. */
const BUSY = [-32005, 429]

/** Statuses of HTTP with which gateways refuse a method, often without JSON. */
const REFUSALS = [401, 403, 404, 405, 501]

/** Codes of JSON-RPC for a method that there is not, and words for it with other codes. */
const NO_METHOD = [-32601, -32004, ...REFUSALS]
const NO_METHOD_TEXT =
  /method\b.*\b(not (found|available|supported|allowed|enabled|whitelisted)|does not exist|disabled|unknown)|(unsupported|unknown|no such) method/i

/** Code of JSON-RPC for answers to a batch that are too long together, as geth has it. */
const TOO_LONG = -32003

/** A batch is refused that smaller ones may not be. */
class BatchError extends Error {}

/** Whether an error says that there is no such method, not that this call of it fails. */
const isNoMethod = ({ code, message }: CallFailure) =>
  NO_METHOD.includes(code) || NO_METHOD_TEXT.test(message)

/** A URL as it may be shown: keys are in paths and queries as well as in front of hosts. */
export function redact(url: string): string {
  const { protocol, host, pathname, search } = new URL(url)
  return `${protocol}//${host}${pathname === '/' && !search ? '' : '/…'}`
}

/** What of an error helps: fetch hides it in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause, name } = error as Error
  if (name === 'TimeoutError') return 'it does not answer in time'
  const { message: inner, code } = Object(cause) as { message?: string; code?: string }
  return inner || code || message
}

/** The text of an answer. @throws {AbortError} if it is too large */
async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let size = 0
  const reader = response.body?.getReader()
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    size += part.value.length
    if (size > MAX_ANSWER) {
      await reader?.cancel()
      throw new AbortError(`an answer has more than ${MAX_ANSWER} bytes`)
    }
    text += decoder.decode(part.value, { stream: true })
  }
  return text + decoder.decode()
}

/** An outcome of JSON-RPC. @throws if it is none */
function readOutcome(answer: unknown): CallOutcome {
  const { result, error } = Object(answer) as { result?: unknown; error?: unknown }
  if (result !== undefined && error == null) return { result }
  const { code, message } = Object(error) as Partial<CallFailure>
  if (typeof code === 'number') return { error: { code, message: `${message}`.slice(0, 300) } }
  throw new Error(
    `an answer is neither a result nor an error: ${JSON.stringify(answer)?.slice(0, 100)}`,
  )
}

export class Endpoint {
  /** The URL without what may be secret. */
  readonly name: string
  /** Requests that were sent. */
  requests = 0
  /** Methods that it has not, as it has said. */
  readonly #lacking = new Set<string>()
  readonly #url: string
  readonly #headers: Record<string, string>
  readonly #queue: PQueue
  /** Calls in one request, as far as it takes them. */
  #batchSize: number
  readonly #options: Required<Omit<EndpointOptions, 'rate'>>

  /** @throws if it is no URL of HTTP */
  constructor(url: string, options: EndpointOptions = {}) {
    const limits = { concurrency: 4, batchSize: 100 }
    const patience = { retries: 5, timeout: 30_000, backoff: 500 }
    this.#options = { ...limits, ...patience, ...options }
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new EndpointError('--rpc takes a URL of http or https')
    }
    const { username, password } = new URL(url)
    this.#headers = { 'content-type': 'application/json' }
    const bare = new URL(url)
    if (username || password) {
      const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
      this.#headers.authorization = `Basic ${btoa(text)}`
      bare.username = ''
      bare.password = ''
    }
    this.#url = bare.href
    this.name = redact(url)
    const { concurrency, batchSize } = this.#options
    this.#batchSize = batchSize
    const intervalCap = options.rate ?? Infinity
    this.#queue = new PQueue({ concurrency, intervalCap, interval: 1000 })
  }

  /** Whether it has said that it has no such method. */
  lacks(method: string): boolean {
    return this.#lacking.has(method)
  }

  /** @throws {EndpointError} if it gives no result */
  async call(method: string, ...params: unknown[]): Promise<unknown> {
    const [{ result, error }] = await this.attempt([{ method, params }])
    if (error) throw new EndpointError(`${this.name}: ${method}: ${error.message} (${error.code})`)
    return result
  }

  /** Results of several calls. @throws {EndpointError} if one gives none */
  async batch(calls: Call[]): Promise<unknown[]> {
    const outcomes = await this.attempt(calls)
    return outcomes.map(({ result, error }, index) => {
      const { method } = calls[index]
      if (!error) return result
      throw new EndpointError(`${this.name}: ${method}: ${error.message} (${error.code})`)
    })
  }

  /** Outcomes of several calls, in few requests. @throws {EndpointError} if there is no answer */
  async attempt(calls: Call[]): Promise<CallOutcome[]> {
    const batchSize = this.#batchSize
    const parts: Call[][] = []
    for (let at = 0; at < calls.length; at += batchSize) parts.push(calls.slice(at, at + batchSize))
    const outcomes = await Promise.all(parts.map((part) => this.#try(part)))
    return outcomes.flat()
  }

  async #try(calls: Call[]): Promise<CallOutcome[]> {
    const { retries, backoff: minTimeout } = this.#options
    try {
      const send = () => this.#queue.add(() => this.#send(calls), { throwOnTimeout: true })
      return await pRetry(send, { retries, minTimeout, factor: 2 })
    } catch (error) {
      if (!(error instanceof BatchError)) {
        throw new EndpointError(`${this.name}: ${reasonOf(error)}`)
      }
      // From now on at most so many, which halves until it will do.
      this.#batchSize = Math.min(this.#batchSize, Math.ceil(calls.length / 2))
      return this.attempt(calls)
    }
  }

  /** Sends one request. @throws {AbortError} where another try is of no use */
  async #send(calls: Call[]): Promise<CallOutcome[]> {
    this.requests++
    const requests = calls.map((call, id) => ({ jsonrpc: '2.0', id, ...call }))
    const [single] = requests
    const content = JSON.stringify(calls.length === 1 ? single : requests)
    const { status, pause, text } = await within(this.#options.timeout, (signal) =>
      this.#exchange(content, signal),
    ).catch((error) => {
      throw error instanceof AbortError ? error : new Error(reasonOf(error))
    })
    if (TRANSIENT.includes(status)) {
      if (pause > 0 && pause <= 60) await new Promise((end) => setTimeout(end, 1000 * pause))
      throw new Error(`it answers with status ${status}`)
    }
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      const message = `status ${status} and no JSON, but ${JSON.stringify(text.slice(0, 60))}`
      if (!REFUSALS.includes(status)) throw new AbortError(message)
      return this.#note(calls, { code: status, message })
    }
    return this.#readOutcomes(calls, body)
  }

  /** Posts something, and reads what comes back where that is an answer. */
  async #exchange(body: string, signal: AbortSignal) {
    const response = await fetch(this.#url, {
      method: 'POST',
      headers: this.#headers,
      body,
      signal,
    })
    const { status, headers } = response
    const text = TRANSIENT.includes(status) ? '' : await readBody(response)
    return { status, text, pause: Number(headers.get('retry-after')) }
  }

  /** One outcome for all calls. */
  #note(calls: Call[], error: CallFailure): CallOutcome[] {
    if (calls.length === 1 && isNoMethod(error)) this.#lacking.add(calls[0].method)
    return calls.map(() => ({ error }))
  }

  #readOutcomes(calls: Call[], body: unknown): CallOutcome[] {
    const answers: unknown[] = Array.isArray(body) ? body : [body]
    const byId = new Map(answers.map((answer) => [Object(answer).id as unknown, answer]))
    // One error in place of all: batches are refused, or are too large.
    if (calls.length > 1 && !Array.isArray(body)) {
      const { error } = readOutcome(body)
      const text = `it refuses ${calls.length} calls in a request: ${error?.message}`
      throw new AbortError(new BatchError(text))
    }
    return calls.map(({ method }, id) => {
      const answer = byId.get(id)
      if (answer === undefined) throw new AbortError(`no answer to ${method}`)
      const outcome = readOutcome(answer)
      const { error } = outcome
      if (error && BUSY.includes(error.code)) throw new Error(error.message)
      if (error?.code === TOO_LONG && calls.length > 1) {
        throw new AbortError(new BatchError(error.message))
      }
      if (error && isNoMethod(error)) this.#lacking.add(method)
      return outcome
    })
  }
}
