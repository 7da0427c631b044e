import { SignJWT } from 'jose'
import pTimeout from 'p-timeout'
import { z } from 'zod'
import { type Answer, type Client, ClientError } from './client.ts'

/** Where a client answers. */
export interface Endpoints {
  /** Of the Engine API. */
  engine: string
  /** For `eth_…`, without a token; else that of the Engine API. */
  eth?: string
  /** 32 bytes, shared with the client. */
  secret: Uint8Array
  /** How long an answer may take, in milliseconds. */
  timeout: number
}

/** Bytes of an answer: the largest of a vector here has less than 1 MB. */
const MAX_ANSWER = 2 ** 26

/** Characters of a text that is no JSON, for the message. */
const MAX_TEXT = 100

const response = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.unknown().optional(),
  result: z.unknown().optional(),
  error: z.looseObject({ code: z.int(), message: z.string() }).nullish(),
})

const show = (text: string) => JSON.stringify(text.slice(0, MAX_TEXT))

/** Why `fetch` failed: the reason is in the cause, or in the first of several. */
function explain(error: unknown, timeout: number): string {
  const { name, message, cause } = error as Error
  if (name === 'TimeoutError') return `no answer in ${timeout / 1000} s`
  if (!(cause instanceof Error)) return message
  const [first] = cause instanceof AggregateError ? cause.errors : [cause]
  return (first as Error).message || message
}

/** The text of an answer. @throws {ClientError} if it is too long */
async function readBody({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    // Leaving the loop closes the connection.
    if (size > MAX_ANSWER) throw new ClientError(`an answer of more than ${MAX_ANSWER} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** @throws {ClientError} if the text is no answer of JSON-RPC to the call with this id */
function parseAnswer(text: string, id: number): Answer {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new ClientError(`the answer is no JSON: ${show(text)}`)
  }
  const { success, data } = response.safeParse(json)
  if (!success) throw new ClientError(`the answer is no JSON-RPC: ${show(text)}`)
  if (data.id !== id) {
    throw new ClientError(`the answer has the id ${show(`${data.id}`)}, the call has ${id}`)
  }
  const { result, error } = data
  if (error) return { error: { code: error.code, message: error.message } }
  if (result === undefined) throw new ClientError('the answer has neither a result nor an error')
  return { result }
}

/** A token for one call: clients take it for 60 seconds from `iat` on. */
const createToken = (secret: Uint8Array) =>
  new SignJWT().setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).setIssuedAt().sign(secret)

/** A client that answers over HTTP. Whatever it answers, and if it does not, there is an error. */
export function createHTTPClient({ engine, eth, secret, timeout }: Endpoints): Client {
  let lastId = 0
  const call = async (method: string, params: unknown[]): Promise<Answer> => {
    const id = ++lastId
    const isOpen = eth !== undefined && method.startsWith('eth_')
    const headers: Record<string, string> = { 'content-type': 'application/json' }
    if (!isOpen) headers.authorization = `Bearer ${await createToken(secret)}`
    const controller = new AbortController()
    const exchange = async () => {
      const answer = await fetch(isOpen ? eth : engine, {
        method: 'POST',
        headers,
        body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
        redirect: 'error',
        signal: controller.signal,
      })
      const text = await readBody(answer)
      if (!answer.ok) throw new ClientError(`HTTP ${answer.status}: ${show(text)}`)
      return parseAnswer(text, id)
    }
    try {
      // Not by the signal alone, which fetch may forget while it reads a body (nodejs/undici#3644).
      return await pTimeout(exchange(), { milliseconds: timeout })
    } catch (error) {
      const reason = error instanceof ClientError ? error.message : explain(error, timeout)
      throw new ClientError(`${method}: ${reason}`)
    } finally {
      controller.abort()
    }
  }
  return { call, close: async () => {} }
}
