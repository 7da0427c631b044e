/** Finds logs in blocks as they are kept: by the bloom first, and without decoding transactions. */
import type { Chain } from 'ethereumjs-op'
import type { HeaderJSON, JSONObject } from 'ethereumjs-op/blockchain'
import { Bloom, bytesToHex, hexToBytes, intToHex } from 'ethereumjs-op/ethereumjs'
import { type Body, type PackedLog, splitTopics } from './codec.ts'

/** What logs are looked for, as `eth_getLogs` has it; bytes in hex, and empty lists fit all. */
export interface LogFilter {
  addresses?: string[]
  /** By their places; a log with fewer topics than there are entries does not fit. */
  topics?: (string[] | undefined)[]
}

/** A filter that is ready for many blocks. */
export interface LogSearch {
  /** Whether a block with this bloom may have logs that fit. */
  isPossible(bloom: Uint8Array): boolean
  isMatch(log: PackedLog): boolean
}

/** Bits that an item sets in a bloom. */
interface Bits {
  place: number
  mask: number
}

const toKey = (bytes: Buffer) => bytes.toString('latin1')

/** Prepares a filter for the blocks of a chain. */
export function createLogSearch({ common }: Chain, filter: LogFilter): LogSearch {
  const { addresses, topics = [] } = filter
  const toItems = (list: string[] = []) => list.map((hex) => hexToBytes(hex as `0x${string}`))
  const bitsOf = (item: Uint8Array): Bits[] => {
    const bloom = new Bloom(undefined, common)
    bloom.add(item)
    return [...bloom.bitvector].map((mask, place) => ({ place, mask })).filter(({ mask }) => mask)
  }
  const lists = [addresses, ...topics].map(toItems)
  const bits = lists.filter((list) => list.length > 0).map((list) => list.map(bitsOf))
  const [addressKeys, ...topicKeys] = lists.map(
    (list) => new Set(list.map((item) => toKey(Buffer.from(item)))),
  )
  const isIn = (keys: Set<string>, bytes: Buffer) => keys.size === 0 || keys.has(toKey(bytes))
  return {
    isPossible: (bloom) =>
      bits.every((list) =>
        list.some((item) => item.every(({ place, mask }) => (bloom[place] & mask) === mask)),
      ),
    isMatch: ([address, ownTopics]) =>
      isIn(addressKeys, address) &&
      ownTopics.length >= 32 * topicKeys.length &&
      topicKeys.every((keys, index) => isIn(keys, ownTopics.subarray(32 * index, 32 * index + 32))),
  }
}

/** The logs of a block that fit, as JSON-RPC has them. */
export function findLogs(
  { common }: Chain,
  { hash: blockHash, number: blockNumber, timestamp: blockTimestamp }: HeaderJSON,
  body: Body,
  { isMatch }: LogSearch,
): JSONObject[] {
  const found: JSONObject[] = []
  let logIndex = -1
  for (const [position, logs] of body.logs) {
    let transactionHash: string | undefined
    for (const log of logs) {
      logIndex++
      if (!isMatch(log)) continue
      const [address, topics, data] = log
      transactionHash ??= bytesToHex(common.customCrypto.keccak256!(body.transactions[position]))
      found.push({
        address: bytesToHex(address),
        topics: splitTopics(topics).map((topic) => bytesToHex(topic)),
        data: bytesToHex(data),
        logIndex: intToHex(logIndex),
        removed: false,
        blockHash: blockHash!,
        blockNumber,
        transactionIndex: intToHex(position),
        transactionHash,
        blockTimestamp,
      })
    }
  }
  return found
}
