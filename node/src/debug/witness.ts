import {
  InvalidBlockError,
  type PayloadAttributes,
  type PayloadAttributesJSON,
  RecordingState,
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

/** What fault proofs ask of an execution client: all that a block reads, and no more. */
export function createWitnessMethods(store: Store, { blockOf }: Lookup): Methods {
  const { chain } = store

  /** Executes the block after `parent` with these attributes. @returns it, and its witness */
  async function record(parent: BlockJSON, attributes: PayloadAttributes) {
    const { header, getBlockHash, ...place } = store.after(parent)
    const state = new RecordingState(chain.common, store.nodes, header.stateRoot)
    let lowest = header.number
    const noteBlock = (number: bigint) => {
      if (number < lowest) lowest = number
      return getBlockHash?.(number)
    }
    const opts = { ...place, state, parent: header, attributes, getBlockHash: noteBlock }
    const block = await executeBlock(opts)
    // The oldest first, as op-reth has them. The one whose hash was asked for is among them.
    const headers = [header]
    while (headers[0].number > lowest) {
      const [{ parentHash, number }] = headers
      const ancestor = store.header(bytesToHex(parentHash))
      if (!ancestor) throw new Error(`block ${number - 1n} is not in the database`)
      headers.unshift(ancestor)
    }
    return { block, witness: state.toWitness(headers.map((ancestor) => ancestor.serialize())) }
  }

  /** @throws (-32000) if no block follows, or the state is not kept */
  async function recordOrRefuse(parent: BlockJSON, attributes: PayloadAttributes) {
    try {
      return await record(parent, attributes)
    } catch (error) {
      if (error instanceof InvalidBlockError) {
        throw new JsonRpcError(`no valid block follows: ${error.message}`, -32000)
      }
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
