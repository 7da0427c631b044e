import { getMerkleStateProof } from '@ethereumjs/statemanager'
import { Account, bigIntMin, bytesToHex, createAddressFromString } from '@ethereumjs/util'
import { hexToBytes, setLengthLeft, toBytes } from '@ethereumjs/util'
import { JsonRpcError } from 'jsonrpc-lite'
import { z } from 'zod'
import { calculateBaseFee } from './header.ts'
import type { JSONObject } from './json.ts'
import type { BlockId, Node } from './node.ts'
import { breathe } from './opcodes.ts'
import type { Pool } from './pool.ts'
import { ADDRESS, DATA, HASH, type Methods, QUANTITY, method } from './rpc.ts'

/** Wei per gas that senders are advised to pay the sequencer, as op-geth does. */
const SUGGESTED_TIP = 1_000_000n

/** Most gas of a simulated call. */
const MAX_CALL_GAS = 50_000_000n

/** Most logs in an answer. */
const MAX_LOGS = 10_000

const ACCOUNT = ADDRESS.transform((address) => createAddressFromString(address))

/** A storage slot: 32 bytes, or a number. */
const SLOT = z
  .union([HASH, QUANTITY])
  .transform((slot) => setLengthLeft(toBytes(slot as bigint), 32))

/** A block by hash, number or label, also as EIP-1898 has it; `pending` is `latest` (J-20). */
const NUMBER = z.union([
  QUANTITY.transform(Number),
  z.enum(['latest', 'safe', 'finalized']),
  z.literal('pending').transform(() => 'latest'),
  z.literal('earliest').transform(() => 0),
])
const EIP_1898 = z.object({ blockHash: HASH.optional(), blockNumber: NUMBER.optional() })
const BLOCK = z
  .union([HASH, NUMBER, EIP_1898.transform((id) => id.blockHash ?? id.blockNumber ?? 'latest')])
  .default('latest')

/** A call as wallets write it; it pays nothing for gas. */
const CALL = z
  .object({
    from: ACCOUNT.default(createAddressFromString(`0x${'00'.repeat(20)}`)),
    to: ACCOUNT.nullish(),
  })
  .extend({ value: QUANTITY.default(0n), gas: QUANTITY.optional() })
  .extend({ data: DATA.default('0x'), input: DATA.optional() })

const oneOrMore = <T extends z.ZodType>(schema: T) =>
  z.union([schema.transform((item) => [item]), z.array(schema)]).nullish()

const FILTER = z
  .object({ fromBlock: BLOCK, toBlock: BLOCK, blockHash: HASH.optional() })
  .extend({ address: oneOrMore(ADDRESS), topics: z.array(oneOrMore(HASH)).default([]) })

/** The methods that wallets, explorers and the other parts of the OP Stack call. */
export function createEth(node: Node, pool: Pool): Methods {
  const { chainId } = node.chain

  /** @throws if there is no such block; op-node looks for these words (J-02) */
  function blockOf(id: BlockId) {
    const block = node.find(id)
    if (!block) throw new JsonRpcError(`block not found: ${id}`, -32000)
    return block
  }

  const stateAt = (id: BlockId) => node.after(blockOf(id)).state

  const accountAt = async (address: z.output<typeof ACCOUNT>, id: BlockId) =>
    (await stateAt(id).getAccount(address)) ?? new Account()

  /** A block with its transactions, or only their hashes. */
  function getBlock(id: BlockId, isFull: boolean) {
    const { header, transactions } = node.find(id) ?? {}
    if (!header) return null
    const body = { uncles: [], withdrawals: header.withdrawalsRoot && [] }
    return {
      ...header,
      ...body,
      transactions: isFull ? transactions : transactions?.map(({ hash }) => hash),
    }
  }

  const getTransaction = (hash: string) =>
    node.findByTransaction(hash)?.transactions.find((transaction) => transaction.hash === hash)

  const getReceipt = (hash: string) =>
    node.findByTransaction(hash)?.receipts.find((receipt) => receipt.transactionHash === hash)

  const simulate = (request: z.output<typeof CALL>, gas: bigint, id: BlockId) =>
    node.call(blockOf(id), {
      ...request,
      gas,
      to: request.to ?? undefined,
      data: hexToBytes(request.input ?? request.data),
    })

  /** Runs a call. @throws if it fails, with the data of a revert */
  async function call(request: z.output<typeof CALL>, most: bigint, id: BlockId) {
    const outcome = await simulate(request, bigIntMin(request.gas ?? most, most), id)
    if (!outcome.error) return outcome
    if (outcome.error !== 'revert') throw new JsonRpcError(outcome.error, -32000)
    throw new JsonRpcError('execution reverted', 3, bytesToHex(outcome.returnValue))
  }

  /** The least gas with which a call succeeds, or up to 1/64 more. */
  async function estimateGas(request: z.output<typeof CALL>, id: BlockId) {
    let high = BigInt(blockOf(id).header.gasLimit)
    let { gasUsed: low } = await call(request, high, id)
    const isEnough = async (gas: bigint) => !(await simulate(request, gas, id)).error
    if (await isEnough(low)) return low
    while ((high - low) * 64n > high) {
      const middle = bigIntMin((low + high) / 2n, low * 2n)
      if (await isEnough(middle)) high = middle
      else low = middle
    }
    return high
  }

  /** The logs of a range of blocks that match a filter. */
  async function getLogs({
    fromBlock,
    toBlock,
    blockHash,
    address,
    topics,
  }: z.output<typeof FILTER>) {
    const [first, last] = [fromBlock, toBlock].map((id) =>
      Number(blockOf(blockHash ?? id).header.number),
    )
    const isIn = (wanted: string[] | null | undefined, value: string) =>
      !wanted?.length || wanted.includes(value)
    const logs: JSONObject[] = []
    for (let number = first; number <= last; number++) {
      await breathe()
      const all = blockOf(blockHash ?? number).receipts.flatMap(
        (receipt) => receipt.logs as unknown as JSONObject[],
      )
      logs.push(
        ...all.filter(
          (log) =>
            isIn(address, log.address) && topics.every((wanted, i) => isIn(wanted, log.topics[i])),
        ),
      )
      if (logs.length > MAX_LOGS) throw new JsonRpcError(`more than ${MAX_LOGS} logs`, -32005)
    }
    return logs
  }

  function gasPrice() {
    const { header, rules } = node.after(node.head())
    return calculateBaseFee(node.chain, header, rules) + SUGGESTED_TIP
  }

  return {
    eth_chainId: method([], () => chainId),
    net_version: method([], () => `${chainId}`),
    web3_clientVersion: method([], () => 'ethereumjs-op'),
    eth_syncing: method([], () => false),
    eth_accounts: method([], () => []),
    eth_blockNumber: method([], () => node.head().header.number),
    eth_getBlockByNumber: method([NUMBER, z.boolean().default(false)], getBlock),
    eth_getBlockByHash: method([HASH, z.boolean().default(false)], getBlock),
    eth_getBlockReceipts: method([BLOCK], (id) => node.find(id)?.receipts),
    eth_getTransactionByHash: method([HASH], getTransaction),
    eth_getTransactionReceipt: method([HASH], getReceipt),
    eth_getBalance: method([ACCOUNT, BLOCK], async (...at) => (await accountAt(...at)).balance),
    eth_getTransactionCount: method(
      [ACCOUNT, BLOCK],
      async (...at) => (await accountAt(...at)).nonce,
    ),
    eth_getCode: method([ACCOUNT, BLOCK], (address, id) => stateAt(id).getCode(address)),
    eth_getStorageAt: method([ACCOUNT, SLOT, BLOCK], async (address, slot, id) =>
      setLengthLeft(await stateAt(id).getStorage(address, slot), 32),
    ),
    eth_getProof: method([ACCOUNT, z.array(SLOT), BLOCK], (address, slots, id) =>
      getMerkleStateProof(stateAt(id), address, slots),
    ),
    eth_call: method(
      [CALL, BLOCK],
      async (request, id) => (await call(request, MAX_CALL_GAS, id)).returnValue,
    ),
    eth_estimateGas: method([CALL, BLOCK], estimateGas),
    eth_gasPrice: method([], gasPrice),
    eth_maxPriorityFeePerGas: method([], () => SUGGESTED_TIP),
    eth_getLogs: method([FILTER], getLogs),
    eth_sendRawTransaction: method([DATA], (raw) => pool.add(hexToBytes(raw))),
    // Compressed data is not limited here, and callers are told so.
    miner_setMaxDASize: method([QUANTITY, QUANTITY], () => false),
  }
}
