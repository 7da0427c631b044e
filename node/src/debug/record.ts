/** Executes a block and notes what it reads: its witness. */
import {
  type BlockOptions,
  type ExecutedBlock,
  type ExecutionWitness,
  InvalidBlockError,
  type PayloadAttributes,
  RecordingState,
  type State,
  executeBlock,
} from 'ethereumjs-op'
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import { JsonRpcError, type PrefixedHexString as Hex, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Store } from '../store/store.ts'

/** A block that was executed, and what it read. */
export interface Recording {
  /** Without one no valid block follows, and `invalid` says why. */
  block?: ExecutedBlock
  invalid?: InvalidBlockError
  witness: ExecutionWitness & { keys: Hex[] }
  /** Hashes that BLOCKHASH asked for, by number. */
  ancestors: Record<string, Hex>
  /** The state after the block, where there is one. */
  state: State
}

/** See {@link recordBlock}. */
export interface RecordOptions {
  /** Longest witness in bytes of JSON, which has two digits a byte. */
  maxBytes?: number
  observe?: BlockOptions['observe']
}

/**
 * Executes the block after `parent` with these attributes.
 *
 * @throws {StateError} if the state before it is not kept
 * @throws (-32003) if the witness gets too long
 */
export async function recordBlock(
  store: Store,
  parent: BlockJSON,
  attributes: PayloadAttributes,
  { maxBytes = Infinity, observe }: RecordOptions = {},
): Promise<Recording> {
  const { header, getBlockHash, ...place } = store.after(parent)
  const get = (hash: string) => {
    if (2 * state.size <= maxBytes) return store.nodes.get(hash)
    throw new JsonRpcError(`the witness is longer than ${maxBytes} bytes`, -32003)
  }
  const state = new RecordingState(store.chain.common, { get }, header.stateRoot)
  const ancestors: Record<string, Hex> = {}
  let lowest = header.number
  const noteBlock = (number: bigint) => {
    if (number < lowest) lowest = number
    const hash = getBlockHash?.(number)
    if (typeof hash === 'string') ancestors[`${number}`] = hash
    return hash
  }
  const opts = { ...place, state, parent: header, attributes, getBlockHash: noteBlock, observe }
  let block: ExecutedBlock | undefined
  let invalid: InvalidBlockError | undefined
  try {
    block = await executeBlock(opts)
  } catch (error) {
    if (!(error instanceof InvalidBlockError)) throw error
    invalid = error
  }
  // The oldest first, as op-reth has them. The one whose hash was asked for is among them.
  const headers = [header]
  while (headers[0].number > lowest) {
    const [{ parentHash, number }] = headers
    const ancestor = store.header(bytesToHex(parentHash))
    if (!ancestor) throw new Error(`block ${number - 1n} is not in the database`)
    headers.unshift(ancestor)
  }
  const witness = state.toWitness(headers.map((ancestor) => ancestor.serialize()))
  return { block, invalid, witness, ancestors, state }
}
