import type { BlockHeader } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import {
  type PrefixedHexString as Hex,
  bytesToHex,
  equalsBytes,
  hexToBytes,
} from '@ethereumjs/util'
import { show } from '../ethereumjs/errors.ts'
import { indexedRoot } from '../ethereumjs/trie.ts'
import { type Chain, type HeaderFields, InvalidBlockError, StateError } from '../src/index.ts'
import { headerFromJSON, headerFromRLP } from './json.ts'
import { encodeTransaction } from './transactions.ts'

/** A block in the form of JSON-RPC, with whole transactions (`eth_getBlockByNumber`). */
export interface FullBlock extends HeaderFields {
  /** What it says that it hashes to. */
  hash: Hex
  transactions: HeaderFields[]
}

/** A block that somebody claims, see {@link readBlock}. */
export interface ClaimedBlock {
  header: BlockHeader
  /** Of the header. */
  hash: Hex
  /** EIP-2718 encodings, which are those of the header. */
  transactions: Uint8Array[]
}

/** A header and transactions that need not fit together. */
type Parts = Omit<ClaimedBlock, 'hash'>

/** @throws {InvalidBlockError} with `violation` unless the parts of a block fit together */
function assertFit(isFit: boolean, violation: string) {
  if (!isFit) throw new InvalidBlockError(violation)
}

/** Reads a block in RLP. @throws {StateError} if it is none */
function decodeBlock(chain: Chain, raw: Uint8Array): Parts {
  let parts: unknown
  try {
    parts = RLP.decode(raw)
  } catch (error) {
    throw new StateError(`the block is no RLP: ${(error as Error).message}`)
  }
  const isBlock =
    Array.isArray(parts) && [3, 4].includes(parts.length) && parts.every(Array.isArray)
  if (!isBlock) throw new StateError('the block has not the parts of one')
  const [header, body, ...empty] = parts as (Uint8Array | Uint8Array[])[][]
  // Uncles, and from Canyon on withdrawals.
  assertFit(!empty.some((part) => part.length > 0), 'the block has uncles or withdrawals')
  return {
    header: headerFromRLP(chain, RLP.encode(header)),
    transactions: body.map((tx) => (tx instanceof Uint8Array ? tx : RLP.encode(tx))),
  }
}

/** Reads a block of JSON-RPC. @throws {StateError} if it is none */
async function blockFromJSON(chain: Chain, json: FullBlock): Promise<Parts> {
  const header = headerFromJSON(chain, json)
  const { number } = header
  const hash = bytesToHex(header.hash())
  const claim = json.hash as unknown
  if (typeof claim !== 'string') throw new StateError(`block ${number} has hash ${show(claim)}`)
  const isSame = hash === claim.toLowerCase()
  assertFit(isSame, `the header of block ${number} hashes to ${hash}, not to ${claim.slice(0, 80)}`)
  if (!Array.isArray(json.transactions)) {
    throw new StateError(`block ${number} has transactions ${show(json.transactions)}`)
  }
  const { common } = chain.rules(header)
  const transactions: Uint8Array[] = []
  for (const [index, fields] of json.transactions.entries()) {
    const name = `transaction ${index} of block ${number}`
    const isFull = fields instanceof Object
    if (!isFull) throw new StateError(`${name} is not whole: ${show(fields)}`)
    const txClaim: unknown = fields.hash
    if (typeof txClaim !== 'string') throw new StateError(`${name} has hash ${show(txClaim)}`)
    const raw = await encodeTransaction(common, fields).catch((error: Error) => {
      throw new StateError(`${name} cannot be read: ${error.message}`)
    })
    const txHash = bytesToHex(common.customCrypto.keccak256!(raw))
    const isSameTx = txHash === txClaim.toLowerCase()
    assertFit(isSameTx, `${name} hashes to ${txHash}, not to ${txClaim.slice(0, 80)}`)
    transactions.push(raw)
  }
  return { header, transactions }
}

/**
 * Reads a block that is to be verified by executing it. Its header, the hashes that it says, and its
 * transactions fit together; what is in the header may still be wrong.
 *
 * @param block - RLP in hex (`debug_getRawBlock`), or the form of JSON-RPC with whole transactions
 * @throws {StateError} if it has not the form of a block
 * @throws {InvalidBlockError} if its parts do not fit together
 */
export async function readBlock(chain: Chain, block: Hex | FullBlock): Promise<ClaimedBlock> {
  const isBytes = typeof block === 'string' && /^0x(?:[0-9a-f]{2})+$/i.test(block)
  const isObject = block instanceof Object && !Array.isArray(block)
  if (!isBytes && !isObject) throw new StateError(`no block: ${show(block)}`)
  const { header, transactions } = isBytes
    ? decodeBlock(chain, hexToBytes(block))
    : await blockFromJSON(chain, block as FullBlock)
  const [claim, root] = [header.transactionsTrie, indexedRoot(chain.common, transactions)]
  const what = `that of its ${transactions.length} transactions is ${bytesToHex(root)}`
  const isSame = equalsBytes(root, claim)
  assertFit(isSame, `transactionsRoot of the header is ${bytesToHex(claim)}, but ${what}`)
  return { header, hash: bytesToHex(header.hash()), transactions }
}
