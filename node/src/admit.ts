// What the pool takes in. The words of its errors are geth's, which wallets know.
import {
  InvalidBlockError,
  type L1Block,
  type Rules,
  decodeSigned,
  measureSigned,
  readL1Block,
} from 'ethereumjs-op'
import {
  Account,
  Capability,
  JsonRpcError,
  type TypedTransaction,
  bytesToHex,
  equalsBytes,
  getCalldataFloorGas,
} from 'ethereumjs-op/ethereumjs'
import { decode, isFull, makeRoom, maxFeeOf } from './pool.ts'
import type { Store } from './store/store.ts'

/** Longest transaction in bytes. */
const MAX_BYTES = 131_072

/** Most transactions of one sender that wait. */
const MAX_OF_SENDER = 64

/** Gas that is left to the L1 attributes deposit. */
const L1_INFO_GAS = 70_000n

/** Percent of its prices that a transaction must offer to replace another. */
const REPLACEMENT_PERCENT = 110n

/** What prices depend on. */
interface Priced {
  rules: Rules
  l1Block: L1Block
}

function refuse(message: string): never {
  throw new JsonRpcError(message, -32000)
}

/** @throws what senders are told, unless it is right */
function check(isRight: boolean, message: string) {
  if (!isRight) refuse(message)
}

/** Most wei per gas that goes to who builds the block. */
const maxTipOf = (tx: TypedTransaction): bigint =>
  'maxPriorityFeePerGas' in tx ? tx.maxPriorityFeePerGas : maxFeeOf(tx)

const wrongChain = (have: bigint | string, want: bigint) =>
  `invalid sender: invalid chain id for signer: have ${have} want ${want}`

/** What EthereumJS says of a transaction by itself, and what geth does. */
const MESSAGES: [words: RegExp, message: (found: string[], chainId: bigint) => string][] = [
  [/type not supported|ID \d+ unknown/, () => 'transaction type not supported'],
  [/EIP-\d+ not enabled/, ([rule]) => `transaction type not supported: ${rule} on this chain yet`],
  [/derived chain ID (\d+)/, ([, have], chainId) => wrongChain(have, chainId)],
  [/EIP155-based V (\d+)/, ([, v], chainId) => wrongChain((BigInt(v) - 35n) / 2n, chainId)],
  [
    /gas limit (\d+) exceeds the maximum allowed by EIP-7825/,
    ([, gas]) => `transaction gas limit too high (cap: ${2 ** 24}, tx: ${gas})`,
  ],
  [
    /initcode size .* is (\d+) while the max is (\d+)/,
    ([, size, most]) => `max initcode size exceeded: code size ${size} limit ${most}`,
  ],
  [
    /total fee must be the larger of the two/,
    () => 'max priority fee per gas higher than max fee per gas',
  ],
  [/authorization list is empty/, () => 'set code tx must have at least one authorization tuple'],
  [
    /signature|\b[rs]\b.*leading zeroes/i,
    () => 'invalid sender: invalid transaction v, r, s values',
  ],
]

/** Reads a transaction. @throws what its sender is told */
function read(rules: Rules, raw: Uint8Array, chainId: bigint): TypedTransaction {
  try {
    return decodeSigned(rules, raw)
  } catch (error) {
    if (!(error instanceof InvalidBlockError)) throw error
    for (const [words, message] of MESSAGES) {
      const found = words.exec(error.message)
      if (found) refuse(message(found, chainId))
    }
    refuse(error.message)
  }
}

/**
 * What a sender's transactions cost together that wait for nothing but their turn, in wei, and the one
 * with `nonce` among them. As in op-geth those behind a gap do not count. There are at most
 * {@link MAX_OF_SENDER}.
 *
 * @param next - nonce of the account
 */
function sumCosts({ pending }: Store, place: Priced, from: string, next: bigint, nonce: bigint) {
  const { rules, l1Block } = place
  const [start, end] = [next, next + BigInt(MAX_OF_SENDER)].map(Number)
  let due = start
  let spent = 0n
  let replaced: bigint | undefined
  for (const { key, value } of pending.getRange({ start: [from, start], end: [from, end] })) {
    const tx = key[1] === due ? decode(rules, value) : undefined
    if (!tx) break
    const { cost } = measureSigned(rules, l1Block, tx)
    spent += cost
    if (key[1] === Number(nonce)) replaced = cost
    due++
  }
  return { spent, replaced }
}

/** Whether a transaction offers enough more than the one whose place it would take, as in geth. */
function isReplacement(tx: TypedTransaction, old: TypedTransaction): boolean {
  const isEnough = (price: bigint, oldPrice: bigint) =>
    price > oldPrice && price >= (oldPrice * REPLACEMENT_PERCENT) / 100n
  return isEnough(maxFeeOf(tx), maxFeeOf(old)) && isEnough(maxTipOf(tx), maxTipOf(old))
}

/**
 * Takes a transaction into the pool, in place of one with its sender and nonce.
 *
 * @returns its hash
 * @throws if it waits already, or could not be in a block
 */
export async function addTransaction(store: Store, raw: Uint8Array): Promise<Uint8Array> {
  const { chain, head, after, pending } = store
  check(
    raw.length <= MAX_BYTES,
    `oversized data: transaction size ${raw.length}, limit ${MAX_BYTES}`,
  )
  const place = after(head())
  const { header, rules, state } = place
  const tx = read(rules, raw, chain.common.chainId())
  const isProtected = tx.type > 0 || tx.supports(Capability.EIP155ReplayProtection)
  check(isProtected, 'only replay-protected (EIP-155) transactions allowed over RPC')
  const from = tx.getSenderAddress()
  const key: [string, number] = [`${from}`, Number(tx.nonce)]
  const waiting = pending.get(key)
  check(!waiting || !equalsBytes(waiting, raw), 'already known')
  const most = header.gasLimit - L1_INFO_GAS
  check(tx.gasLimit <= most, `exceeds block gas limit: ${tx.gasLimit} > ${most}`)
  const gas = `gas ${tx.gasLimit}, minimum needed`
  const least = tx.getIntrinsicGas()
  check(tx.gasLimit >= least, `intrinsic gas too low: ${gas} ${least}`)
  const floor = getCalldataFloorGas(tx)
  check(tx.gasLimit >= floor, `insufficient gas for floor data gas cost: ${gas} ${floor}`)
  const { nonce, balance } = (await state.getAccount(from)) ?? new Account()
  check(tx.nonce >= nonce, `nonce too low: next nonce ${nonce}, tx nonce ${tx.nonce}`)
  const isNear = tx.nonce < nonce + BigInt(MAX_OF_SENDER)
  check(isNear, `nonce too high: next nonce ${nonce}, tx nonce ${tx.nonce}`)
  const l1Block = await readL1Block(state, rules)
  const { cost, fees } = measureSigned(rules, l1Block, tx)
  const { blobGasUsed: footprint = 0n } = fees
  const checkFunds = (need: bigint, costs: string) => {
    const overshot = `balance ${balance}, ${costs}, overshot ${need - balance}`
    check(balance >= need, `insufficient funds for gas * price + value: ${overshot}`)
  }
  checkFunds(cost, `tx cost ${cost}`)
  const { spent, replaced: old } = sumCosts(store, { rules, l1Block }, key[0], nonce, tx.nonce)
  const added = cost - (old ?? 0n)
  const name = old === undefined ? 'tx cost' : 'tx bumped'
  checkFunds(spent + added, `queued cost ${spent}, ${name} ${added}`)
  check(footprint <= header.gasLimit, `DA footprint ${footprint} exceeds block gas limit`)
  const replaced = decode(rules, waiting)
  check(!replaced || isReplacement(tx, replaced), 'replacement transaction underpriced')
  if (isFull(pending)) await makeRoom(store, place)
  await pending.put(key, raw)
  store.events.emit({ type: 'pending', hash: bytesToHex(tx.hash()) })
  return tx.hash()
}
