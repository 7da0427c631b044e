import type { JSONObject } from 'ethereumjs-op/blockchain'
import { type PrefixedHexString as Hex, JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { check, readAddress, readBlockId, readHash, readList, readObject } from '../rpc/params.ts'
import type { BlockId, Store } from '../store/store.ts'

/** Most topics of a log, most addresses, and most topics that may stand in one position. */
const MAX_TOPICS = 4
const MAX_ITEMS = 1_000

/** What logs a client asks for. */
export interface Criteria {
  /** The only block to look at. */
  blockHash?: Hex
  /** Where the range begins and ends, unless there is a hash. */
  from: BlockId
  to: BlockId
  /** None means all. */
  addresses: Hex[]
  /** By position; a list that is empty means all. */
  topics: Hex[][]
}

/** Numbers of the first and the last block of a range. */
export interface Range {
  first: number
  last: number
}

function refuse(message: string, code = -32602): never {
  throw new JsonRpcError(message, code)
}

/** @throws (-32602) with geth's words */
export const refuseRange = (): never => refuse('invalid block range params')

function readEnd(value: unknown): BlockId {
  if (value === 'pending') refuse('pending logs are not supported')
  const isHash = typeof value === 'string' && value.length === 66
  check(!isHash && !(value instanceof Object), 'a number or label of a block', value)
  return readBlockId(value)
}

/** One thing, or several, or nothing in particular, which also a null among them means. */
function readSome<T>(value: unknown, read: (item: unknown) => T): T[] {
  const items = Array.isArray(value) ? value : [value]
  if (items.length > MAX_ITEMS) refuse('exceed max addresses or topics per search position')
  return items.some((item) => item == null) ? [] : items.map(read)
}

/** Reads what `eth_getLogs` and its likes are given. @throws (-32602) with geth's words */
export function readCriteria(value: unknown): Criteria {
  const { fromBlock, toBlock, blockHash, address, topics } = readObject(value)
  if (Array.isArray(topics) && topics.length > MAX_TOPICS) refuse('exceed max topics')
  if (blockHash != null && (fromBlock ?? toBlock) != null)
    refuse('cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other')
  return {
    blockHash: blockHash == null ? undefined : readHash(blockHash),
    from: readEnd(fromBlock),
    to: readEnd(toBlock),
    addresses: readSome(address, (item) => readAddress(item).toString()),
    topics: readList(topics ?? [], (topic) => readSome(topic, readHash)),
  }
}

/** How many things criteria name, which is what they take of memory. */
export const sizeOf = ({ addresses, topics }: Criteria): number =>
  1 + addresses.length + topics.flat().length

/** The blocks that a range means now. @throws (-32602) with geth's words, if it is none */
export function resolveRange({ find, head }: Store, { from, to }: Criteria): Range {
  const top = Number(head().header.number)
  const toNumber = (id: BlockId): number => {
    if (typeof id === 'number') return id
    const block = find(id) ?? refuse(`${id} header not found`, -32000)
    return Number(block.header.number)
  }
  const range = { first: toNumber(from), last: toNumber(to) }
  if (range.first > range.last) refuseRange()
  if (range.last > top) refuse('block range extends beyond current head block')
  return range
}

/** Prepares criteria for many logs. @returns whether a log is of the addresses and topics */
export function createMatcher({ addresses, topics }: Criteria): (log: JSONObject) => boolean {
  const addressSet = new Set<unknown>(addresses)
  const topicSets = topics.map((list) => new Set<unknown>(list))
  return (log) => {
    if (addressSet.size > 0 && !addressSet.has(log.address)) return false
    const logTopics = log.topics as string[]
    if (topicSets.length > logTopics.length) return false
    return topicSets.every((set, index) => set.size === 0 || set.has(logTopics[index]))
  }
}
