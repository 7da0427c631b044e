import { type Backend, createEngine } from 'ethereumjs-op'
import {
  type PrefixedHexString as Hex,
  type JsonRpcError,
  bytesToHex,
} from 'ethereumjs-op/ethereumjs'
import type { Methods } from './rpc/methods.ts'
import type { Store } from './store/store.ts'

/** A call of the Engine API that has been answered. */
export interface EngineCall {
  method: string
  params: unknown[]
  /** Of the payload (VALID, INVALID, SYNCING), `ok` where there is none, or the code of the error. */
  status: string
  /** Why it is INVALID, or the message of the error. */
  reason?: string
  milliseconds: number
}

/** A block that has been executed. */
export interface ExecutedEvent {
  hash: Hex
  gas: number
  txs: number
  /** Whether it was ordered, and not brought. */
  isBuilt: boolean
  /** Milliseconds from the call that brought or ordered it, and to hand it to the database. */
  executionTime: number
  writeTime: number
}

/** Hears what the engine does. */
export interface EngineListener {
  onCall?(call: EngineCall): void
  onBlock?(block: ExecutedEvent): void
}

/** Calls of which it is remembered when they came. */
const MAX_STARTS = 64

/** The block that a call brings, or on which it orders one. */
function subjectOf(method: string, [first, second]: unknown[]): string | undefined {
  const { blockHash, headBlockHash } = Object(first) as Record<string, unknown>
  const isOrder = method.startsWith('engine_forkchoiceUpdated') && second != null
  return method.startsWith('engine_newPayload')
    ? `${blockHash}`.toLowerCase()
    : isOrder
      ? `after ${headBlockHash}`.toLowerCase()
      : undefined
}

/** What an answer says of a payload. */
function statusOf(result: unknown) {
  const { payloadStatus, ...own } = Object(result) as Record<string, Record<string, unknown>>
  const { status = 'ok', validationError } = payloadStatus ?? own
  return { status: `${status}`, reason: validationError ? `${validationError}` : undefined }
}

/** The Engine API over a store, whose work others hear of. */
export function createObservedEngine(store: Store, listeners: EngineListener[]): Methods {
  const starts = new Map<string, number>()

  const putBlock: Backend['putBlock'] = async (block, nodes) => {
    const start = performance.now()
    await store.putBlock(block, nodes)
    const end = performance.now()
    const { header, receipts } = block
    const hash = bytesToHex(header.hash())
    const brought = starts.get(hash)
    const begun = brought ?? starts.get(`after ${bytesToHex(header.parentHash)}`) ?? start
    for (const { onBlock } of listeners) {
      onBlock?.({
        hash,
        gas: Number(header.gasUsed),
        txs: receipts.length,
        isBuilt: brought === undefined,
        executionTime: start - begun,
        writeTime: end - start,
      })
    }
  }

  const engine = createEngine({ ...store, putBlock })
  // The engine checks the form of all that it is sent.
  const methods = Object.entries(engine as unknown as Methods).map(([method, call]) => {
    const observed = async (...params: unknown[]) => {
      const start = performance.now()
      const subject = subjectOf(method, params)
      if (subject) starts.set(subject, start)
      // The oldest goes.
      if (starts.size > MAX_STARTS) starts.delete([...starts.keys()][0])
      const tell = (outcome: { status: string; reason?: string }) => {
        const milliseconds = performance.now() - start
        for (const { onCall } of listeners) onCall?.({ method, params, milliseconds, ...outcome })
      }
      try {
        const result = await call(...params)
        tell(statusOf(result))
        return result
      } catch (error) {
        const { code, message } = error as JsonRpcError
        tell({ status: `${code}`, reason: message })
        throw error
      }
    }
    return [method, observed]
  })
  return Object.fromEntries(methods)
}
