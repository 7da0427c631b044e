/** Reads blocks as they are kept. */
import type { Chain } from 'ethereumjs-op'
import {
  type BlockJSON,
  type HeaderJSON,
  type JSONObject,
  blockToJSON,
  encode,
  headerToJSON,
} from 'ethereumjs-op/blockchain'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  hexToBytes,
} from 'ethereumjs-op/ethereumjs'
import { LRUCache } from 'lru-cache'
import { type Body, bloomOf, decodeBody, decodeHeader, toExecuted } from './codec.ts'
import { type LogSearch, findLogs } from './logs.ts'
import type { CacheUse } from './nodes.ts'
import { type Tables, toBlockKey } from './tables.ts'
import type { Writer } from './writer.ts'

/** Headers that are kept in memory, and blocks in JSON, of which a large one takes megabytes. */
const CACHED_HEADERS = 2_048
const CACHED_BLOCKS = 8

/** A header, and the size of its block in bytes. */
interface SizedHeader {
  header: BlockHeader
  size: number
}

/** Blocks by hash; undefined where there is none. */
export interface Blocks {
  header(hash: Hex): BlockHeader | undefined
  body(hash: Hex): Body | undefined
  /** What is in the body is decoded when it is asked for. */
  find(hash: Hex): BlockJSON | undefined
  logs(hash: Hex, search: LogSearch): JSONObject[] | undefined
  /** Of the caches of headers, and of blocks in JSON. */
  readonly use: Record<'headers' | 'blocks', CacheUse>
  /** Forgets what was read, for some of it is not there any more. */
  clear(): void
}

/** Makes the JSON of a block, of which only what is asked for is computed. */
function toLazyJSON(chain: Chain, { header, size }: SizedHeader, readBody: () => Body): BlockJSON {
  let headerJSON: HeaderJSON | undefined
  let rest: BlockJSON | undefined
  const compute = () => {
    rest ??= blockToJSON(toExecuted(chain, header, readBody()))
    return rest
  }
  return {
    get header() {
      headerJSON ??= encode({ ...headerToJSON(header), size }) as unknown as HeaderJSON
      return headerJSON
    },
    get transactions() {
      return compute().transactions
    },
    get receipts() {
      return compute().receipts
    },
    get raw() {
      return compute().raw
    },
  }
}

/** @param writer - has the blocks that are not in the tables yet */
export function createBlocks(chain: Chain, tables: Tables, writer: Writer): Blocks {
  const headers = new LRUCache<Hex, SizedHeader>({ max: CACHED_HEADERS })
  const blocks = new LRUCache<Hex, BlockJSON>({ max: CACHED_BLOCKS })
  const use = { headers: { hits: 0, misses: 0 }, blocks: { hits: 0, misses: 0 } }

  function read(hash: Hex, part: 'header' | 'body'): Buffer | undefined {
    const bytes = hexToBytes(hash)
    const waiting = writer.find(bytes)
    if (waiting) return waiting[part] as Buffer
    const number = tables.numbers.get(bytes)
    const table = part === 'header' ? tables.headers : tables.bodies
    return number && table.get(toBlockKey(number, bytes))
  }

  function sizedHeader(hash: Hex): SizedHeader | undefined {
    const known = headers.get(hash)
    use.headers[known ? 'hits' : 'misses']++
    if (known) return known
    const record = read(hash, 'header')
    if (!record) return undefined
    const decoded = decodeHeader(chain, record)
    headers.set(hash, decoded)
    return decoded
  }

  function body(hash: Hex): Body | undefined {
    const bytes = read(hash, 'body')
    return bytes && decodeBody(bytes)
  }

  function find(hash: Hex): BlockJSON | undefined {
    const known = blocks.get(hash)
    use.blocks[known ? 'hits' : 'misses']++
    if (known) return known
    const header = sizedHeader(hash)
    if (!header) return undefined
    const json = toLazyJSON(chain, header, () => {
      const found = body(hash)
      if (!found) throw new Error(`block ${hash} is not in the database any more`)
      return found
    })
    blocks.set(hash, json)
    return json
  }

  function logs(hash: Hex, search: LogSearch): JSONObject[] | undefined {
    const record = read(hash, 'header')
    if (!record) return undefined
    if (!search.isPossible(bloomOf(record))) return []
    const { header } = sizedHeader(hash)!
    return findLogs(chain, headerToJSON(header), body(hash)!, search)
  }

  function clear() {
    headers.clear()
    blocks.clear()
  }

  return { header: (hash) => sizedHeader(hash)?.header, body, find, logs, use, clear }
}
