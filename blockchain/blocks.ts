import type { BlockHeader } from '@ethereumjs/block'
import { RLP } from '@ethereumjs/rlp'
import {
  type PrefixedHexString as Hex,
  bytesToHex,
  equalsBytes,
  hexToBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  type Chain,
  type HeaderFields,
  InvalidBlockError,
  StateError,
  createHeader,
  decodeHeader,
  encodeHeaderFields,
} from '../src/index.ts'
import { indexedRoot } from '../ethereumjs/trie.ts'
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
  /** EIP-2718 encodings, which are those of the header. */
  transactions: Uint8Array[]
  /** What it says of itself, or the hash of its header. */
  hash: Hex
}

/** A value for an error message. */
const show = (value: unknown) => `${JSON.stringify(value)}`.slice(0, 80)

/** Reads a block in RLP. @throws {StateError} if it is none */
function decodeBlock(chain: Chain, raw: Uint8Array): Omit<ClaimedBlock, 'hash'> {
  let parts: unknown[]
  try {
    parts = RLP.decode(raw) as unknown[]
  } catch (error) {
    throw new StateError(`the block is no RLP: ${(error as Error).message}`)
  }
  const [header, transactions, uncles, withdrawals = []] = parts
  const isBlock = [header, transactions, uncles, withdrawals].every(Array.isArray)
  if (!isBlock) throw new StateError('the block has not the parts of one')
  const body = transactions as (Uint8Array | Uint8Array[])[]
  return {
    header: createHeader(chain, decodeHeader(RLP.encode(header as Uint8Array[]))),
    transactions: body.map((tx) => (tx instanceof Uint8Array ? tx : RLP.encode(tx))),
  }
}

/** Reads a block of JSON-RPC. @throws {StateError} if it is none */
async function blockFromJSON(chain: Chain, json: FullBlock): Promise<Omit<ClaimedBlock, 'hash'>> {
  if (!Array.isArray(json.transactions)) {
    throw new StateError(`the block has no transactions: ${show(json.transactions)}`)
  }
  const header = createHeader(chain, decodeHeader(encodeHeaderFields(json)))
  const { common } = chain.rules(header)
  const transactions: Uint8Array[] = []
  for (const [index, fields] of json.transactions.entries()) {
    const isFull = fields instanceof Object
    if (!isFull) throw new StateError(`transaction ${index} is not whole: ${show(fields)}`)
    let raw: Uint8Array
    try {
      raw = await encodeTransaction(common, fields)
    } catch (error) {
      throw new StateError(`transaction ${index} cannot be read: ${(error as Error).message}`)
    }
    const hash = bytesToHex(keccak_256(raw))
    if (hash !== fields.hash) {
      throw new InvalidBlockError(`transaction ${index} hashes to ${hash}, not to ${fields.hash}`)
    }
    transactions.push(raw)
  }
  return { header, transactions }
}

/**
 * Reads a block that is to be verified by executing it.
 *
 * @param block - RLP in hex (`debug_getRawBlock`), or the form of JSON-RPC with whole transactions
 * @throws {StateError} if it has not the form of a block
 * @throws {InvalidBlockError} if its transactions do not have the hashes or the root that it says
 */
export async function readBlock(chain: Chain, block: Hex | FullBlock): Promise<ClaimedBlock> {
  const isBytes = typeof block === 'string' && /^0x([0-9a-f]{2})+$/i.test(block)
  if (!isBytes && !(block instanceof Object)) throw new StateError(`no block: ${show(block)}`)
  const { header, transactions } = isBytes
    ? decodeBlock(chain, hexToBytes(block))
    : await blockFromJSON(chain, block as FullBlock)
  const root = indexedRoot(chain.common, transactions)
  if (!equalsBytes(root, header.transactionsTrie)) {
    const claimed = bytesToHex(header.transactionsTrie)
    throw new InvalidBlockError(
      `transactionsRoot is ${claimed}, but that of its transactions is ${bytesToHex(root)}`,
    )
  }
  const hash = isBytes ? bytesToHex(header.hash()) : (block as FullBlock).hash
  return { header, transactions, hash }
}
