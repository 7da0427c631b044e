import { getMerkleStateProof } from '@ethereumjs/statemanager'
import { Account, bigIntMin, bytesToHex, createAddressFromString } from '@ethereumjs/util'
import { setLengthLeft, toBytes } from '@ethereumjs/util'
import { calculateBaseFee, readBytes, readHash, readQuantity } from 'ethereumjs-op'
import { JsonRpcError } from 'jsonrpc-lite'
import { addTransaction, setLimits } from './pool.mjs'

/** Wei per gas that senders are advised to pay the sequencer, as op-geth does. */
const SUGGESTED_TIP = 1_000_000n

/** Most gas of a simulated call, as op-geth has it. */
const MAX_CALL_GAS = 50_000_000n

/** Most logs in an answer. */
const MAX_LOGS = 10_000

/** What labels are called in the index; `pending` is the head (J-20). */
const LABELS = { pending: 'latest', latest: 'latest', safe: 'safe', finalized: 'finalized' }

function invalid(value, form) {
  throw new JsonRpcError(`${JSON.stringify(value)} is not ${form}`, -32602)
}

function readAddress(value) {
  const bytes = readBytes(value)
  return bytes.length === 20
    ? createAddressFromString(bytesToHex(bytes))
    : invalid(value, 'an address')
}

/** A block by hash, number or label, also as EIP-1898 has it. */
function readBlockId(id = 'latest') {
  if (id instanceof Object) return readBlockId(id.blockHash ?? id.blockNumber)
  if (id === 'earliest') return 0
  if (Object.hasOwn(LABELS, id)) return LABELS[id]
  return `${id}`.length === 66 ? readHash(id) : Number(readQuantity(id))
}

const readSlot = (slot) => setLengthLeft(toBytes(readQuantity(slot)), 32)

/** A list of what may be one thing, several, or nothing in particular. */
const readSome = (value, read) => (value == null ? undefined : [value].flat().map(read))

/** A call as wallets write it. It pays nothing for gas, like a deposit. */
function readCall(request, mostGas) {
  const { from, to, value = '0x0', gas, data = '0x', input = data } = Object(request)
  return {
    sourceHash: new Uint8Array(32),
    from: readAddress(from ?? `0x${'00'.repeat(20)}`),
    to: to == null ? undefined : readAddress(to),
    mint: 0n,
    value: readQuantity(value),
    gas: gas == null ? mostGas : bigIntMin(readQuantity(gas), mostGas),
    isSystemTx: false,
    data: readBytes(input),
  }
}

/** The methods that wallets, explorers and the other parts of the OP Stack call. */
export function createEth(store) {
  const { chain, chainId, find, findByTransaction, after } = store
  const head = () => find('latest')

  /** @throws if there is no such block; op-node looks for these words (J-02) */
  function blockOf(id) {
    const block = find(readBlockId(id))
    if (block) return block
    throw new JsonRpcError(`block not found: ${JSON.stringify(id)}`, -32000)
  }

  const stateOf = (id) => after(blockOf(id)).state

  const accountOf = async (address, id) =>
    (await stateOf(id).getAccount(readAddress(address))) ?? new Account()

  /** A block with its transactions, or only their hashes. */
  function getBlock(block, isFull) {
    if (!block) return null
    const { header, transactions } = block
    const body = { uncles: [], withdrawals: header.withdrawalsRoot && [] }
    const hashes = transactions.map(({ hash }) => hash)
    return { ...header, ...body, transactions: isFull ? transactions : hashes }
  }

  const findTransaction = (hash) =>
    findByTransaction(readHash(hash))?.transactions.find((tx) => tx.hash === readHash(hash))

  const findReceipt = (hash) =>
    findByTransaction(readHash(hash))?.receipts.find((it) => it.transactionHash === readHash(hash))

  /** Runs a call. @throws if it fails, with the data of a revert */
  async function call(tx, id) {
    const { error, returnValue, gasUsed } = await store.call(blockOf(id), tx)
    if (!error) return { returnValue, gasUsed }
    if (error !== 'revert') throw new JsonRpcError(error, -32000)
    throw new JsonRpcError('execution reverted', 3, bytesToHex(returnValue))
  }

  /** The least gas with which a call succeeds, or up to 1/64 more. */
  async function estimateGas(request, id) {
    const tx = readCall(request, BigInt(blockOf(id).header.gasLimit))
    let [high, { gasUsed: low }] = [tx.gas, await call(tx, id)]
    const isEnough = async (gas) => !(await store.call(blockOf(id), { ...tx, gas })).error
    if (await isEnough(low)) return low
    while ((high - low) * 64n > high) {
      const middle = bigIntMin((low + high) / 2n, low * 2n)
      if (await isEnough(middle)) high = middle
      else low = middle
    }
    return high
  }

  /** The logs of a range of blocks that match a filter. */
  function getLogs(filter) {
    const { fromBlock, toBlock, blockHash, address, topics = [] } = Object(filter)
    const blocks = [fromBlock, toBlock].map((id) => blockOf(blockHash ?? id))
    const [first, last] = blocks.map(({ header }) => Number(header.number))
    const addresses = readSome(address, (item) => `${readAddress(item)}`)
    const wanted = topics.map((topic) => readSome(topic, readHash))
    const isIn = (list, value) => !list?.length || list.includes(value)
    const logs = []
    for (let number = first; number <= last; number++) {
      const { receipts } = blockHash ? blocks[0] : find(number)
      const all = receipts.flatMap((receipt) => receipt.logs)
      const isMatch = (log) => wanted.every((list, index) => isIn(list, log.topics[index]))
      logs.push(...all.filter((log) => isIn(addresses, log.address) && isMatch(log)))
      if (logs.length > MAX_LOGS) throw new JsonRpcError(`more than ${MAX_LOGS} logs`, -32005)
    }
    return logs
  }

  function gasPrice() {
    const { header, rules } = after(head())
    return calculateBaseFee(chain, header, rules) + SUGGESTED_TIP
  }

  return {
    eth_chainId: () => chainId,
    net_version: () => `${chainId}`,
    web3_clientVersion: () => 'ethereumjs-op',
    eth_syncing: () => false,
    eth_accounts: () => [],
    eth_blockNumber: () => head().header.number,
    eth_getBlockByNumber: (id, isFull) => getBlock(find(readBlockId(id)), isFull),
    eth_getBlockByHash: (hash, isFull) => getBlock(find(readHash(hash)), isFull),
    eth_getBlockReceipts: (id) => find(readBlockId(id))?.receipts,
    eth_getTransactionByHash: findTransaction,
    eth_getTransactionReceipt: findReceipt,
    eth_getBalance: async (address, id) => (await accountOf(address, id)).balance,
    eth_getTransactionCount: async (address, id) => (await accountOf(address, id)).nonce,
    eth_getCode: (address, id) => stateOf(id).getCode(readAddress(address)),
    eth_getStorageAt: async (address, slot, id) =>
      setLengthLeft(await stateOf(id).getStorage(readAddress(address), readSlot(slot)), 32),
    eth_getProof: (address, slots, id) =>
      getMerkleStateProof(stateOf(id), readAddress(address), slots.map(readSlot)),
    eth_call: async (request, id) => (await call(readCall(request, MAX_CALL_GAS), id)).returnValue,
    eth_estimateGas: estimateGas,
    eth_gasPrice: gasPrice,
    eth_maxPriorityFeePerGas: () => SUGGESTED_TIP,
    eth_getLogs: getLogs,
    eth_sendRawTransaction: (raw) => addTransaction(store, readBytes(raw)),
    miner_setMaxDASize: (ofTransaction, ofBlock) =>
      setLimits(store, readQuantity(ofTransaction), readQuantity(ofBlock)),
  }
}
