import { getMerkleStateProof } from '@ethereumjs/statemanager'
import { Account, bigIntMax, bigIntMin, bytesToHex, setLengthLeft } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { calculateBaseFee, decodeSigned } from 'ethereumjs-op'
import { encode } from 'ethereumjs-op/blockchain'
import { JsonRpcError } from 'jsonrpc-lite'
import {
  check,
  readAddress,
  readBlockId,
  readBytes,
  readFlag,
  readHash,
  readList,
  readObject,
  readQuantity,
  readSlot,
  readSome,
} from './params.mjs'
import { addTransaction, setLimits } from './pool.mjs'

/** Wei per gas that senders are advised to pay the sequencer, as op-geth does. */
const SUGGESTED_TIP = 1_000_000n

/** Most gas of a simulated call, as op-geth has it. */
const MAX_CALL_GAS = 50_000_000n

/** Most logs in an answer. */
const MAX_LOGS = 10_000

/** Milliseconds that looking for logs takes. */
const MAX_LOGS_TIME = 5_000

/** Most blocks and percentiles of a fee history, as op-geth has them. */
const MAX_BLOCKS = 1_024
const MAX_PERCENTILES = 100

/** Gas of an address and a slot in an access list (EIP-2930), and of an authorization (EIP-7702). */
const ADDRESS_GAS = 2_400
const SLOT_GAS = 1_900
const AUTHORIZATION_GAS = 25_000

/** Gas that lists in a call cost. What they do to the call is not simulated. */
function readListsGas({ accessList, authorizationList }) {
  const slots = readList(accessList ?? [], (entry) =>
    readList(readObject(entry).storageKeys, readHash),
  )
  const authorizations = readList(authorizationList ?? [], readObject)
  const listGas = slots.length * ADDRESS_GAS + slots.flat().length * SLOT_GAS
  return BigInt(listGas + authorizations.length * AUTHORIZATION_GAS)
}

/** A call as wallets write it. It pays nothing for gas, like a deposit. */
function readCall(request, mostGas) {
  const { from, to, value = '0x0', gas, data = '0x', input = data } = readObject(request)
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
  const { chain, find, findByTransaction, after } = store
  const chainId = Number(chain.common.chainId())
  const head = () => find('latest')

  /** @throws if there is no such block; op-node looks for these words (J-02) */
  function blockOf(id) {
    const key = readBlockId(id)
    const block = find(key)
    if (!block) throw new JsonRpcError(`block not found: ${key}`, -32000)
    const { hash, number } = block.header
    const isCanonical = find(Number(number))?.header.hash === hash
    if (isCanonical || !Object(id).requireCanonical) return block
    throw new JsonRpcError(`block ${hash} is not canonical`, -32000)
  }

  const stateOf = (id) => after(blockOf(id)).state

  const accountOf = async (address, id) =>
    (await stateOf(id).getAccount(readAddress(address))) ?? new Account()

  /** The next nonce; for `pending` after all that waits without a gap. */
  async function getTransactionCount(address, id) {
    let { nonce } = await accountOf(address, id)
    const isWaiting = () => store.pending.doesExist([`${readAddress(address)}`, Number(nonce)])
    while (id === 'pending' && isWaiting()) nonce++
    return nonce
  }

  async function getProof(address, slots, id) {
    const keys = readList(slots, readSlot)
    const account = await getMerkleStateProof(stateOf(id), readAddress(address), keys)
    const storageProof = keys.map((key, index) => {
      // An account that is absent has no slots, which needs no proof.
      const { value = 0, proof = [] } = account.storageProof[index] ?? {}
      return { key, value: BigInt(value), proof }
    })
    return { ...account, storageProof }
  }

  /** A block with its transactions, or only their hashes. */
  function getBlock(block, isFull) {
    if (!block) return null
    const { header, transactions } = block
    const body = { uncles: [], withdrawals: header.withdrawalsRoot && [] }
    const hashes = transactions.map(({ hash }) => hash)
    return { ...header, ...body, transactions: isFull ? transactions : hashes }
  }

  /** A transaction that waits, in which what the block would tell is null. */
  function findPending(hash) {
    const isIt = ({ value: raw }) => bytesToHex(keccak_256(raw)) === hash
    const [found] = store.pending.getRange().filter(isIt)
    if (!found) return undefined
    const tx = decodeSigned(after(head()).rules, found.value)
    const { gasLimit: gas, data: input, gasPrice = tx.maxFeePerGas, ...fields } = tx.toJSON()
    const place = { blockHash: null, blockNumber: null, transactionIndex: null }
    return { ...fields, ...place, hash, from: tx.getSenderAddress(), gas, gasPrice, input }
  }

  function findTransaction(value) {
    const hash = readHash(value)
    const block = findByTransaction(hash)
    return block ? block.transactions.find((tx) => tx.hash === hash) : findPending(hash)
  }

  const findReceipt = (hash) =>
    findByTransaction(readHash(hash))?.receipts.find((it) => it.transactionHash === readHash(hash))

  /** Runs a call. @throws if it fails, with the data of a revert */
  async function call(tx, id) {
    const { error, returnValue, gasUsed } = await store.call(blockOf(id), tx)
    if (!error) return { returnValue, gasUsed }
    if (error === 'revert') throw new JsonRpcError('execution reverted', 3, bytesToHex(returnValue))
    // Wallets know geth's words.
    const isPoor = error === 'insufficient balance'
    throw new JsonRpcError(isPoor ? 'insufficient funds for transfer' : error, -32000)
  }

  /** The least gas with which a call succeeds, or up to 1/64 more; lists come on top. */
  async function estimateGas(request, id) {
    const block = blockOf(id)
    const tx = readCall(request, BigInt(block.header.gasLimit))
    const extra = readListsGas(request)
    let { gasUsed: low } = await call(tx, id)
    let high = tx.gas
    const isEnough = async (gas) => !(await store.call(block, { ...tx, gas })).error
    if (await isEnough(low)) return low + extra
    while ((high - low) * 64n > high) {
      const middle = bigIntMin((low + high) / 2n, low * 2n)
      if (await isEnough(middle)) high = middle
      else low = middle
    }
    return high + extra
  }

  /** The logs of a range of blocks that match a filter. */
  function getLogs(filter) {
    const { fromBlock, toBlock, blockHash, address, topics } = readObject(filter)
    check(blockHash == null || (fromBlock ?? toBlock) == null, 'a hash or a range, but not both')
    const blocks = [fromBlock, toBlock].map((id) => blockOf(blockHash ?? id ?? 'latest'))
    const [first, last] = blocks.map(({ header }) => Number(header.number))
    const addresses = readSome(address, (item) => `${readAddress(item)}`)
    const wanted = readList(topics ?? [], (topic) => readSome(topic, readHash))
    const isIn = (list, value) => !list?.length || list.includes(value)
    const isMatch = (log) =>
      isIn(addresses, log.address) &&
      wanted.every((list, index) => index < log.topics.length && isIn(list, log.topics[index]))
    const end = performance.now() + MAX_LOGS_TIME
    const logs = []
    for (let number = first; number <= last; number++) {
      const { receipts } = blockHash ? blocks[0] : find(number)
      logs.push(...receipts.flatMap((receipt) => receipt.logs).filter(isMatch))
      const isTooMuch = logs.length > MAX_LOGS || performance.now() > end
      if (isTooMuch) throw new JsonRpcError(`too much to read up to block ${number}`, -32005)
    }
    return logs
  }

  const nextBaseFee = (block) => {
    const { header, rules } = after(block)
    return calculateBaseFee(chain, header, rules)
  }

  /** What senders paid in past blocks: tips at percentiles of the gas, by price. */
  function feeHistory(count, newest, percentiles = []) {
    const number = Number(typeof count === 'number' ? count : readQuantity(count))
    const isFit = Number.isInteger(number) && number > 0 && number <= MAX_BLOCKS
    check(isFit, `a number of blocks up to ${MAX_BLOCKS}`)
    const isPercentile = (value) => typeof value === 'number' && value >= 0 && value <= 100
    readList(percentiles, (value) => check(isPercentile(value), 'percent'), MAX_PERCENTILES)
    const last = Number(blockOf(newest).header.number)
    const first = Math.max(last - number + 1, 0)
    /** Base fee, part of the gas limit that was used, and tips of a block, which is not kept. */
    const summarize = ({ header, receipts }) => {
      const { baseFeePerGas, gasUsed, gasLimit } = header
      const paid = receipts.map((receipt) => {
        // A deposit pays nothing, not even the base fee.
        const tip = bigIntMax(BigInt(receipt.effectiveGasPrice) - BigInt(baseFeePerGas), 0n)
        return { tip, gas: Number(receipt.gasUsed) }
      })
      let sum = 0
      const steps = []
      for (const { tip, gas } of paid.sort((a, b) => Number(a.tip - b.tip))) {
        sum += gas
        steps.push({ tip, sum })
      }
      const tipAt = (percent) => steps.find((step) => step.sum * 100 >= sum * percent)?.tip ?? 0n
      const ratio = Number(gasUsed) / Number(gasLimit)
      return { baseFeePerGas, ratio, reward: percentiles.map(tipAt) }
    }
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index)
    const blocks = numbers.map((number) => summarize(find(number)))
    const baseFees = blocks.map(({ baseFeePerGas }) => baseFeePerGas)
    const history = {
      oldestBlock: first,
      baseFeePerGas: [...baseFees, nextBaseFee(find(last))],
      reward: percentiles.length > 0 ? blocks.map(({ reward }) => reward) : undefined,
    }
    // Without a prototype it is not encoded again: its ratios are numbers, unlike all others.
    const gasUsedRatio = blocks.map(({ ratio }) => ratio)
    return { __proto__: null, ...encode(history), gasUsedRatio }
  }

  return {
    eth_chainId: () => chainId,
    net_version: () => `${chainId}`,
    web3_clientVersion: () => 'ethereumjs-op',
    eth_syncing: () => false,
    eth_accounts: () => [],
    eth_blockNumber: () => head().header.number,
    eth_getBlockByNumber: (id, isFull) => getBlock(find(readBlockId(id)), readFlag(isFull)),
    eth_getBlockByHash: (hash, isFull) => getBlock(find(readHash(hash)), readFlag(isFull)),
    eth_getBlockReceipts: (id) => find(readBlockId(id))?.receipts,
    eth_getTransactionByHash: findTransaction,
    eth_getTransactionReceipt: findReceipt,
    eth_getBalance: async (address, id) => (await accountOf(address, id)).balance,
    eth_getTransactionCount: getTransactionCount,
    eth_getCode: (address, id) => stateOf(id).getCode(readAddress(address)),
    eth_getStorageAt: async (address, slot, id) =>
      setLengthLeft(await stateOf(id).getStorage(readAddress(address), readSlot(slot)), 32),
    eth_getProof: getProof,
    eth_call: async (request, id) => (await call(readCall(request, MAX_CALL_GAS), id)).returnValue,
    eth_estimateGas: estimateGas,
    eth_gasPrice: () => nextBaseFee(head()) + SUGGESTED_TIP,
    eth_maxPriorityFeePerGas: () => SUGGESTED_TIP,
    eth_feeHistory: feeHistory,
    eth_getLogs: getLogs,
    eth_sendRawTransaction: (raw) => addTransaction(store, readBytes(raw)),
    miner_setMaxDASize: (ofTransaction, ofBlock) =>
      setLimits(store, readQuantity(ofTransaction), readQuantity(ofBlock)),
  }
}
