import { getMerkleStateProof } from '@ethereumjs/statemanager'
import {
  Account,
  bigIntMin,
  bytesToHex,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import { setLengthLeft, toBytes } from '@ethereumjs/util'
import { z } from 'zod'
import { calculateBaseFee } from './header.ts'
import { type BlockJSON, type JSONObject, encode } from './json.ts'
import type { Node } from './node.ts'
import { breathe } from './opcodes.ts'
import type { Pool } from './pool.ts'
import { ADDRESS, DATA, HASH, type Methods, QUANTITY, RPCError, method } from './rpc.ts'

/** Wei per gas that senders are advised to pay the sequencer, as op-geth does. */
const SUGGESTED_TIP = 1_000_000n

/** Most gas of a simulated call. */
const MAX_CALL_GAS = 50_000_000n

/** Most logs in an answer. */
const MAX_LOGS = 10_000

/** Most blocks in a fee history. */
const MAX_FEE_HISTORY = 1_024

/** A block by hash, number or label, also as EIP-1898 has it; `pending` is `latest` (J-20). */
const BLOCK = z
  .union([
    HASH,
    QUANTITY.transform(Number),
    z.enum(['latest', 'safe', 'finalized']),
    z.literal('pending').transform(() => 'latest'),
    z.literal('earliest').transform(() => 0),
    z.object({ blockHash: HASH }).transform(({ blockHash }) => blockHash),
    z.object({ blockNumber: QUANTITY }).transform(({ blockNumber }) => Number(blockNumber)),
  ])
  .default('latest')

/** A storage slot: 32 bytes, or a number. */
const SLOT = z
  .union([HASH, QUANTITY])
  .transform((slot) => setLengthLeft(toBytes(slot as bigint), 32))

/** A call as wallets write it. Fees and nonce do not matter to it. */
const CALL = z
  .object({
    from: ADDRESS.default(`0x${'00'.repeat(20)}`),
    to: ADDRESS.nullish(),
    value: QUANTITY.default(0n),
    gas: QUANTITY.optional(),
    data: DATA.optional(),
    input: DATA.optional(),
  })
  .transform(({ from, to, value, gas, data, input }) => ({
    from: createAddressFromString(from),
    to: to ? createAddressFromString(to) : undefined,
    value,
    gas,
    data: hexToBytes(input ?? data ?? '0x'),
  }))

/** A number of blocks; some clients write it in decimal. */
const COUNT = z.union([z.int().min(1), QUANTITY.transform(Number)])

const oneOrMore = <T extends z.ZodType>(schema: T) =>
  z.union([schema.transform((item) => [item]), z.array(schema)])

const FILTER = z.object({
  fromBlock: BLOCK,
  toBlock: BLOCK,
  blockHash: HASH.optional(),
  address: oneOrMore(ADDRESS).nullish(),
  topics: z.array(oneOrMore(HASH).nullable()).default([]),
})

/** The methods that wallets, explorers and the other parts of the OP Stack call. */
export function createEth(node: Node, pool: Pool): Methods {
  const { chain, store } = node

  /** @throws if there is no such block; op-node looks for these words (J-02) */
  function blockOf(id: string | number) {
    const block = store.find(id)
    if (!block) throw new RPCError(-32000, `block not found: ${id}`)
    return block
  }

  async function accountAt(address: string, id: string | number) {
    const { state } = node.after(blockOf(id))
    return (await state.getAccount(createAddressFromString(address))) ?? new Account()
  }

  /** A block with its transactions, or only their hashes. */
  function toBlock(id: string | number, isFull: boolean) {
    const block = store.find(id)
    if (!block) return null
    const { header, size, transactions } = block
    const withdrawals = header.withdrawalsRoot && []
    const list = isFull ? transactions : transactions.map(({ hash }) => hash)
    return { ...header, size, uncles: [], withdrawals, transactions: list }
  }

  const ofTransaction = (list: 'transactions' | 'receipts', name: string) => (hash: string) =>
    store.findByTransaction(hash)?.[list].find((item) => item[name] === hash)

  /** Runs a call. @throws with the data of a revert */
  async function call(request: z.output<typeof CALL>, id: string | number) {
    const gas = bigIntMin(request.gas ?? MAX_CALL_GAS, MAX_CALL_GAS)
    const outcome = await node.call(blockOf(id), { ...request, gas })
    if (outcome.error === 'revert') {
      throw new RPCError(3, 'execution reverted', bytesToHex(outcome.returnValue))
    }
    if (outcome.error) throw new RPCError(-32000, outcome.error)
    return outcome
  }

  /** The least gas with which a call succeeds, to within 1/64. */
  async function estimateGas(request: z.output<typeof CALL>, id: string | number) {
    const block = blockOf(id)
    const limit = BigInt(block.header.gasLimit)
    let high = bigIntMin(request.gas ?? limit, limit)
    const { gasUsed } = await call({ ...request, gas: high }, id)
    const isEnough = async (gas: bigint) => !(await node.call(block, { ...request, gas })).error
    if (await isEnough(gasUsed)) return encode(gasUsed)
    let low = gasUsed
    while ((high - low) * 64n > high) {
      const middle = bigIntMin((low + high) / 2n, low * 2n)
      if (await isEnough(middle)) high = middle
      else low = middle
    }
    return encode(high)
  }

  async function getLogs(filter: z.output<typeof FILTER>) {
    const { address, topics, blockHash } = filter
    const [first, last] = [blockHash ?? filter.fromBlock, blockHash ?? filter.toBlock].map((id) =>
      Number(blockOf(id).header.number),
    )
    const isWanted = (log: JSONObject) => {
      const of = log.topics as string[]
      return (
        (!address || address.includes(log.address as never)) &&
        topics.every((wanted, index) => !wanted || wanted.includes(of[index] as never))
      )
    }
    const logs: JSONObject[] = []
    for (let number = first; number <= last; number++) {
      await breathe()
      const { receipts } = blockOf(blockHash ?? number)
      logs.push(...receipts.flatMap((receipt) => receipt.logs as JSONObject[]).filter(isWanted))
      if (logs.length > MAX_LOGS) throw new RPCError(-32005, `more than ${MAX_LOGS} logs`)
    }
    return logs
  }

  const nextBaseFee = (block: BlockJSON) => {
    const { header, rules } = node.after(block)
    return calculateBaseFee(chain, header, rules)
  }

  function feeHistory(count: number, id: string | number) {
    const newest = blockOf(id)
    const last = Number(newest.header.number)
    const first = Math.max(last - Math.min(count, MAX_FEE_HISTORY) + 1, 0)
    const blocks = Array.from({ length: last - first + 1 }, (_, index) => blockOf(first + index))
    const baseFees = blocks.map(({ header }) => header.baseFeePerGas)
    const gasUsedRatio = blocks.map(
      ({ header }) => Number(header.gasUsed) / Number(header.gasLimit),
    )
    const oldestBlock = encode(first)
    return { oldestBlock, baseFeePerGas: [...baseFees, encode(nextBaseFee(newest))], gasUsedRatio }
  }

  return {
    eth_chainId: method([], () => encode(chain.chainId)),
    net_version: method([], () => String(chain.chainId)),
    web3_clientVersion: method([], () => 'ethereumjs-op'),
    eth_syncing: method([], () => false),
    eth_accounts: method([], () => []),
    eth_blockNumber: method([], () => node.head().header.number),
    eth_getBlockByNumber: method([BLOCK, z.boolean().default(false)], toBlock),
    eth_getBlockByHash: method([HASH, z.boolean().default(false)], toBlock),
    eth_getBlockReceipts: method([BLOCK], (id) => store.find(id)?.receipts),
    eth_getTransactionByHash: method([HASH], ofTransaction('transactions', 'hash')),
    eth_getTransactionReceipt: method([HASH], ofTransaction('receipts', 'transactionHash')),
    eth_getBalance: method([ADDRESS, BLOCK], async (address, id) =>
      encode((await accountAt(address, id)).balance),
    ),
    eth_getTransactionCount: method([ADDRESS, BLOCK], async (address, id) =>
      encode((await accountAt(address, id)).nonce),
    ),
    eth_getCode: method([ADDRESS, BLOCK], async (address, id) =>
      encode(await node.after(blockOf(id)).state.getCode(createAddressFromString(address))),
    ),
    eth_getStorageAt: method([ADDRESS, SLOT, BLOCK], async (address, slot, id) => {
      const value = await node
        .after(blockOf(id))
        .state.getStorage(createAddressFromString(address), slot)
      return encode(setLengthLeft(value, 32))
    }),
    eth_getProof: method([ADDRESS, z.array(SLOT), BLOCK], (address, slots, id) =>
      getMerkleStateProof(node.after(blockOf(id)).state, createAddressFromString(address), slots),
    ),
    eth_call: method([CALL, BLOCK], async (request, id) =>
      encode((await call(request, id)).returnValue),
    ),
    eth_estimateGas: method([CALL, BLOCK], estimateGas),
    eth_gasPrice: method([], () => encode(nextBaseFee(node.head()) + SUGGESTED_TIP)),
    eth_maxPriorityFeePerGas: method([], () => encode(SUGGESTED_TIP)),
    eth_feeHistory: method([COUNT, BLOCK, z.unknown()], feeHistory),
    eth_getLogs: method([FILTER], getLogs),
    eth_sendRawTransaction: method([DATA], async (raw) => encode(await pool.add(hexToBytes(raw)))),
    miner_setMaxDASize: method([QUANTITY, QUANTITY], (transaction, block) => {
      Object.assign(pool.maxDASize, { transaction, block })
      return true
    }),
  }
}
