/** Writes blocks in a thread of its own. Until they are durable they are read from here. */
import { Worker } from 'node:worker_threads'
import { Packr } from 'msgpackr'
import type { NodeEntries } from './nodes.ts'
import type { BlockRecord } from './tables.ts'

/** Blocks that may wait to be written; then who brings another has to wait. */
const MAX_WAITING = 16

/** What the thread is sent, or 'close'. */
export interface WriteRequest {
  /** After a failure requests of the same round are not written, for they may build on it. */
  round: number
  /** In msgpack: number, hash, header and body of a block, and hashes and nodes by turns. */
  bytes: Uint8Array
}

/** What the thread answers to each request, in order, except to those after a failure. */
export interface WriteAnswer {
  round: number
  error?: string
}

/** A block that waits to be written. */
interface Waiting {
  name: string
  block: BlockRecord
  nodes: NodeEntries
}

/** See {@link createWriter}. */
export interface Writer {
  /** A block that waits, by its hash. */
  find(hash: Uint8Array): BlockRecord | undefined
  /** A node or code of a block that waits. */
  findNode(hash: string): Uint8Array | undefined
  /** Takes a block, which is there from now on. Resolves at once, unless too many wait. */
  write(block: BlockRecord, nodes: NodeEntries): Promise<void>
  /**
   * Resolves when all blocks are durable.
   *
   * @throws what went wrong, once; none of the blocks that waited then is there any more
   */
  settle(): Promise<void>
  /** @throws what went wrong, once */
  check(): void
  close(): Promise<void>
}

const packr = new Packr({ useRecords: false })
const toName = (hash: Uint8Array) => Buffer.from(hash).toString('latin1')

/** What is told of {@link createWriter}. */
export interface WriterOptions {
  /** A block is in the database, and not here any more from now on. */
  onWritten(): void
  /** Blocks that were here are not there at all. */
  onFailed(): void
}

/** @param datadir - folder of the database */
export function createWriter(datadir: string, { onWritten, onFailed }: WriterOptions): Writer {
  const blocks = new Map<string, BlockRecord>()
  const nodes = new Map<string, Uint8Array>()
  let waiting: Waiting[] = []
  let listeners: (() => void)[] = []
  let failure: Error | undefined
  let round = 0
  let thread: Worker | undefined

  function tell() {
    const told = listeners
    listeners = []
    for (const listener of told) listener()
  }

  function fail(message: string) {
    failure = new Error(message)
    round++
    waiting = []
    blocks.clear()
    nodes.clear()
    onFailed()
    tell()
  }

  function finish() {
    const written = waiting.shift()
    if (!written) return
    onWritten()
    if (blocks.get(written.name) === written.block) blocks.delete(written.name)
    for (const [hash, node] of written.nodes) {
      // Another block that waits may have the same.
      if (nodes.get(hash) === node) nodes.delete(hash)
    }
    tell()
  }

  function start(): Worker {
    const started = new Worker(new URL('./writerThread.js', import.meta.url), {
      workerData: datadir,
      // Flags of the program that embeds the node are its own.
      execArgv: [],
    })
    started.on('message', (answer: WriteAnswer) => {
      if (answer.round !== round) return
      if (answer.error === undefined) finish()
      else fail(answer.error)
    })
    // An exit follows.
    started.on('error', ({ message }) => fail(message))
    started.once('exit', () => {
      if (thread !== started) return
      thread = undefined
      if (waiting.length > 0) fail('the thread that writes has ended')
    })
    started.unref()
    return started
  }

  function check() {
    const thrown = failure
    failure = undefined
    if (thrown) throw thrown
  }

  async function waitFor(isOver: () => boolean) {
    while (!isOver()) {
      // The process stays until all is written.
      thread?.ref()
      await new Promise<void>((resolve) => listeners.push(resolve))
      thread?.unref()
    }
    check()
  }

  return {
    find: (hash) => blocks.get(toName(hash)),
    findNode: (hash) => nodes.get(hash),
    async write(block, added) {
      const name = toName(block.hash)
      const kept = [...added]
      blocks.set(name, block)
      for (const [hash, node] of kept) nodes.set(hash, node)
      waiting.push({ name, block, nodes: kept })
      const { number, hash, header, body } = block
      const packed = packr.pack([number, hash, header, body, kept.flat()])
      // What is transferred must not share its memory with anything.
      const bytes = new Uint8Array(packed)
      thread ??= start()
      thread.postMessage({ round, bytes } satisfies WriteRequest, [bytes.buffer])
      if (waiting.length > MAX_WAITING) await waitFor(() => waiting.length <= MAX_WAITING)
    },
    settle: () => waitFor(() => waiting.length === 0),
    check,
    async close() {
      await waitFor(() => waiting.length === 0).catch(() => {})
      if (!thread) return
      const ended = new Promise((resolve) => thread!.once('exit', resolve))
      thread.ref()
      thread.postMessage('close')
      await ended
    },
  }
}
