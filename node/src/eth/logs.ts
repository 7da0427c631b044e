import type { JSONObject } from 'ethereumjs-op/blockchain'
import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { Methods } from '../rpc/methods.ts'
import { check, readAddress, readHash, readList, readObject, readSome } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'

/** Most logs in an answer. */
const MAX_LOGS = 10_000

/** Milliseconds that looking for logs takes. */
const MAX_LOGS_TIME = 5_000

/** Logs of the chain. */
export function createLogMethods({ find }: Store, { blockOf }: Lookup): Methods {
  /** The logs of a range of blocks that match a filter. */
  function getLogs(filter: unknown) {
    const { fromBlock, toBlock, blockHash, address, topics } = readObject(filter)
    check(blockHash == null || (fromBlock ?? toBlock) == null, 'a hash or a range, but not both')
    const blocks = [fromBlock, toBlock].map((id) => blockOf(blockHash ?? id ?? 'latest'))
    const [first, last] = blocks.map(({ header }) => Number(header.number))
    const addresses = readSome(address, (item) => `${readAddress(item)}`)
    const wanted = readList(topics ?? [], (topic) => readSome(topic, readHash))
    const isIn = (list: string[] | undefined, value: unknown) =>
      !list?.length || list.includes(value as string)
    const isMatch = (log: JSONObject) =>
      isIn(addresses, log.address) &&
      wanted.every((list, index) => {
        const logTopics = log.topics as string[]
        return index < logTopics.length && isIn(list, logTopics[index])
      })
    const end = performance.now() + MAX_LOGS_TIME
    const logs: JSONObject[] = []
    for (let number = first; number <= last; number++) {
      const { receipts } = blockHash ? blocks[0] : find(number)!
      logs.push(...receipts.flatMap((receipt) => receipt.logs).filter(isMatch))
      const isTooMuch = logs.length > MAX_LOGS || performance.now() > end
      if (isTooMuch) throw new JsonRpcError(`too much to read up to block ${number}`, -32005)
    }
    return logs
  }

  return { eth_getLogs: getLogs }
}
