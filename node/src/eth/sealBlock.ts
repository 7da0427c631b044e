import { createHeader, measureSigned, readL1Block, readWithdrawalsRoot } from 'ethereumjs-op'
import { headerToJSON } from 'ethereumjs-op/blockchain'
import {
  Bloom,
  type BlockHeader,
  type Common,
  type Log,
  MerklePatriciaTrie,
  RLP,
  type TypedTransaction,
  bytesToHex,
  concatBytes,
} from 'ethereumjs-op/ethereumjs'
import type { Place as Parent } from '../store/store.ts'
import { REVERTED, describeRevert } from './revert.ts'
import { type UnsignedTransaction, transactionToFields } from './unsigned.ts'
import type { TracedLog } from './transfers.ts'
import type { Outcome } from './transition.ts'

/** Code of an error of the EVM in a simulated block. */
const VM_ERROR = -32015

/** A call that ran in a simulated block. */
export interface SimulatedCall {
  tx: UnsignedTransaction
  outcome: Outcome
  /** With transfers of ether, if these were wanted. */
  logs: TracedLog[]
  /** Whether it had less gas than it wanted. */
  isCapped: boolean
}

function createBloom(common: Common, logs: Log[]): Uint8Array {
  const bloom = new Bloom(undefined, common)
  for (const item of logs.flatMap(([address, topics]) => [address, ...topics])) bloom.add(item)
  return bloom.bitvector
}

async function indexedRoot(common: Common, values: Uint8Array[]): Promise<Uint8Array> {
  const trie = new MerklePatriciaTrie({ common })
  for (const [index, value] of values.entries()) await trie.put(RLP.encode(index), value)
  return trie.root()
}

function encodeReceipts(common: Common, calls: SimulatedCall[]): Uint8Array[] {
  let cumulativeGas = 0n
  return calls.map(({ tx, outcome }) => {
    const { error, logs, gasUsed } = outcome
    cumulativeGas += gasUsed
    const fields = [error ? 0 : 1, cumulativeGas, createBloom(common, logs), logs]
    return concatBytes(Uint8Array.from(tx.type ? [tx.type] : []), RLP.encode(fields))
  })
}

/** What transactions take of a block besides gas, where a fork counts it. */
async function measureBlobGas(
  { state, chain }: Parent,
  header: BlockHeader,
  calls: SimulatedCall[],
) {
  const rules = chain.rules(header)
  let sum = 0n
  if (calls.length === 0) return sum
  const l1Block = await readL1Block(state, rules)
  for (const { tx } of calls) {
    const { value, maxFeePerGas } = tx.message
    const unsigned = { serialize: () => tx.raw, value, gasLimit: tx.gas, maxFeePerGas }
    const { fees } = measureSigned(rules, l1Block, unsigned as unknown as TypedTransaction)
    sum += fees.blobGasUsed ?? 0n
  }
  return sum
}

/** Why a call failed. Without a prototype it is written as it is, with codes that are numbers. */
function errorToJSON({ outcome, isCapped }: SimulatedCall) {
  const { error, isRevert, returnValue } = outcome
  if (!error) return undefined
  if (isRevert) {
    const data = bytesToHex(returnValue)
    return { __proto__: null, message: describeRevert(returnValue), code: REVERTED, data }
  }
  const cap = isCapped ? " (gas limit was capped by the RPC server's global gas cap)" : ''
  return { __proto__: null, message: `${error}${cap}`, code: VM_ERROR }
}

function callToJSON(call: SimulatedCall, place: object) {
  const { outcome, logs } = call
  const { error, gasUsed, maxUsedGas, returnValue } = outcome
  return {
    returnData: error ? new Uint8Array() : returnValue,
    logs: logs.map((log) => ({ ...log, ...place, removed: false })),
    gasUsed,
    maxUsedGas,
    status: error ? 0 : 1,
    error: errorToJSON(call),
  }
}

/**
 * Completes a simulated block.
 *
 * @param begun - its header before its calls ran
 * @param hasFullTransactions - whether it holds its transactions, or only the hashes
 */
export async function sealBlock(
  base: Parent,
  begun: BlockHeader,
  calls: SimulatedCall[],
  hasFullTransactions: boolean,
) {
  const { chain, state } = base
  const rules = chain.rules(begun)
  const { common } = rules
  const raw = calls.map(({ tx }) => tx.raw)
  const logs = calls.flatMap(({ outcome }) => outcome.logs)
  const blobGasUsed = await measureBlobGas(base, begun, calls)
  const header = createHeader(chain, {
    ...begun,
    // First, for it makes the state final.
    stateRoot: await state.getStateRoot(),
    withdrawalsRoot: (await readWithdrawalsRoot(rules, state)) ?? begun.withdrawalsRoot,
    transactionsTrie: await indexedRoot(common, raw),
    receiptTrie: await indexedRoot(common, encodeReceipts(common, calls)),
    logsBloom: createBloom(common, logs),
    gasUsed: calls.reduce((sum, { outcome }) => sum + outcome.gasUsed, 0n),
    blobGasUsed: begun.blobGasUsed === undefined ? undefined : blobGasUsed,
  })
  const body = raw.map((tx) => (tx[0] < 0x80 ? tx : RLP.decode(tx)))
  const isWithdrawing = header.withdrawalsRoot !== undefined
  const size = RLP.encode([header.raw(), body, [], ...(isWithdrawing ? [[]] : [])]).length
  const blockHash = bytesToHex(header.hash())
  const block = { blockHash, blockNumber: header.number, blockTimestamp: header.timestamp }
  const transactions = calls.map(({ tx }, transactionIndex) => {
    if (!hasFullTransactions) return tx.hash
    const fields = transactionToFields(tx, common.chainId(), header.baseFeePerGas!)
    return { ...fields, ...block, transactionIndex }
  })
  const json = {
    ...headerToJSON(header),
    size,
    uncles: [],
    withdrawals: isWithdrawing ? [] : undefined,
    transactions,
    calls: calls.map((call, transactionIndex) =>
      callToJSON(call, { ...block, transactionHash: call.tx.hash, transactionIndex }),
    ),
  }
  return { header, json }
}
