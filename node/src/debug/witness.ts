import {
  type ExecutedBlock,
  type ExecutionWitness,
  InvalidBlockError,
  type PayloadAttributes,
  type PayloadAttributesJSON,
  RecordingState,
  type State,
  StateError,
  attributesOfHeader,
  checkAttributes,
  executeBlock,
} from 'ethereumjs-op'
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import { JsonRpcError, type PrefixedHexString as Hex, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Lookup } from '../eth/context.ts'
import type { Methods } from '../rpc/methods.ts'
import { readHash, readObject, readQuantity } from '../rpc/params.ts'
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

/**
 * Executes the block after `parent` with these attributes.
 *
 * @throws {StateError} if the state before it is not kept
 */
export async function recordBlock(
  store: Store,
  parent: BlockJSON,
  attributes: PayloadAttributes,
): Promise<Recording> {
  const { header, getBlockHash, ...place } = store.after(parent)
  const state = new RecordingState(store.chain.common, store.nodes, header.stateRoot)
  const ancestors: Record<string, Hex> = {}
  let lowest = header.number
  const noteBlock = (number: bigint) => {
    if (number < lowest) lowest = number
    const hash = getBlockHash?.(number)
    if (typeof hash === 'string') ancestors[`${number}`] = hash
    return hash
  }
  const opts = { ...place, state, parent: header, attributes, getBlockHash: noteBlock }
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

/** What fault proofs ask of an execution client: all that a block reads, and no more. */
export function createWitnessMethods(store: Store, { blockOf }: Lookup): Methods {
  const { chain } = store

  /** @throws (-32000) if no block follows, or the state is not kept */
  async function recordOrRefuse(parent: BlockJSON, attributes: PayloadAttributes) {
    try {
      const { block, invalid, witness } = await recordBlock(store, parent, attributes)
      if (block) return { block, witness }
      throw new JsonRpcError(`no valid block follows: ${invalid?.message}`, -32000)
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      throw new JsonRpcError(`the state of block ${parent.header.number} is not kept`, -32000)
    }
  }

  async function executionWitness(id: unknown) {
    const given = blockOf(id)
    const { hash, number, parentHash } = given.header
    const parent = store.find(parentHash as Hex)
    if (!parent) throw new JsonRpcError(`block ${number} has no parent here`, -32000)
    const attributes = { ...attributesOfHeader(store.after(given).header), transactions: given.raw }
    const { block, witness } = await recordOrRefuse(parent, attributes)
    const result = bytesToHex(block.header.hash())
    if (result !== hash) throw new Error(`block ${hash} comes out as ${result} now`)
    return witness
  }

  async function executePayload(parentHash: unknown, value: unknown) {
    const parent = blockOf(readHash(parentHash))
    const attributes = readObject(value) as unknown as PayloadAttributesJSON
    const { common } = chain.rules({ timestamp: readQuantity(attributes.timestamp) })
    const version = common.isActivatedEIP(4788) ? 3 : common.isActivatedEIP(4895) ? 2 : 1
    checkAttributes(chain, version, attributes)
    return (await recordOrRefuse(parent, attributes)).witness
  }

  return { debug_executionWitness: executionWitness, debug_executePayload: executePayload }
}
