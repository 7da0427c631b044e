import { movesChain } from './decide.ts'

/** A call of JSON-RPC. */
export interface Call {
  method: string
  params: unknown[]
  /** In JSON. */
  id: string
}

/** What op-node has sent. */
export interface Parsed {
  isBatch: boolean
  calls: Call[]
}

function toCall(value: unknown): Call {
  const { method, params, id } = Object(value) as Record<string, unknown>
  return {
    method: typeof method === 'string' ? method : '',
    params: Array.isArray(params) ? params : [],
    id: JSON.stringify(id ?? null),
  }
}

/** Reads what op-node has sent; nothing if it is not JSON. */
export function parseCalls(body: Buffer): Parsed | undefined {
  try {
    const value: unknown = JSON.parse(body.toString())
    return Array.isArray(value)
      ? { isBatch: true, calls: value.map(toCall) }
      : { isBatch: false, calls: [toCall(value)] }
  } catch {
    return undefined
  }
}

/** Whether one of several calls moves the chain. op-node sends such calls alone. */
export const hidesMove = ({ isBatch, calls }: Parsed): boolean =>
  isBatch && calls.some(({ method }) => movesChain(method))

/** Bytes at the start and the end of a request in which the name of its method is looked for. */
const NEAR = 200

/** Most names that are told apart; only holders of the secret can make some up. */
const MAX_NAMES = 100
const names = new Set<string>()

/**
 * The name of the method of a request, for metrics: found without reading all of it. `other` if it is not at
 * either end.
 */
export function nameOf(body: Buffer): string {
  const text = `${body.toString('latin1', 0, NEAR)} ${body.toString('latin1', Math.max(body.length - NEAR, 0))}`
  const [, name] = /"method"\s*:\s*"(\w{1,64})"/.exec(text) ?? []
  if (name === undefined || (names.size >= MAX_NAMES && !names.has(name))) return 'other'
  names.add(name)
  return name
}

/** Whether there is something for the watchman in a request. */
export const isOfEngine = (body: Buffer): boolean => body.includes('"engine_')
