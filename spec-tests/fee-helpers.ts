import { type FeeMarketEIP1559TxData, createFeeMarket1559Tx } from '@ethereumjs/tx'
import { createAddressFromPrivateKey, createAddressFromString } from '@ethereumjs/util'
import { type Alloc, createAllocState } from '../blockchain/index.ts'
import {
  type Fork,
  type Receipt,
  type State,
  FORKS,
  encodeDeposit,
  flzCompressLen,
  l1Fees,
  readL1Block,
} from '../src/index.ts'
import {
  type JSONValue,
  type TestChain,
  BASE_FEE_VAULT,
  CHAIN_ID,
  COINBASE,
  DEPOSITOR,
  L1_BLOCK,
  L1_FEE_VAULT,
  OPERATOR_FEE_VAULT,
  chainAt,
  l1BlockAccount,
  nextBlock,
  rulesAt,
  startChain,
} from './helpers.ts'

/** Fee parameters by their names in L1Block. */
export type FeeParameters = Parameters<typeof l1BlockAccount>[0]

export const GWEI = 10n ** 9n
export const ETHER = 10n ** 18n

/** Private key of {@link SENDER}. */
export const KEY = new Uint8Array(32).fill(1)
export const SENDER = `${createAddressFromPrivateKey(KEY)}`
export const RECIPIENT = '0x00000000000000000000000000000000000000aa'
/** Runs PUSH1 0, PUSH1 0, REVERT. */
export const REVERTER = '0x00000000000000000000000000000000000000bb'
/** Runs INVALID, which uses all gas. */
export const HALTER = '0x00000000000000000000000000000000000000cc'
/** Clears its slot 0. */
export const CLEARER = '0x00000000000000000000000000000000000000dd'

/** The parameters of the golden vector (F-40), and of the operator fee's (F-26). */
export const GOLDEN: FeeParameters = {
  l1BaseFee: 1_000_000_000n,
  overhead: 50n,
  scalar: 7_000_000n,
  blobBaseFee: 10_000_000n,
  baseFeeScalar: 2n,
  blobBaseFeeScalar: 3n,
  operatorFeeScalar: 1439103868n,
  operatorFeeConstant: 1256417826609331460n,
  daFootprintGasScalar: 400n,
}

/** Rules of each fork. */
export const RULES = Object.fromEntries(FORKS.map((fork) => [fork, rulesAt(fork)]))

/** True if `fork` is `first` or a later one. */
export const isFrom = (fork: Fork, first: Fork) => FORKS.indexOf(fork) >= FORKS.indexOf(first)

/** The forks from `first` to before `end`, or all others. */
export const forks = (first: Fork, end?: Fork) =>
  FORKS.slice(FORKS.indexOf(first), end && FORKS.indexOf(end))

/** What the library reads from an L1Block with these slots. */
export async function read(fork: Fork, account: Alloc[string]) {
  const state = await createAllocState(RULES[fork].common, { [L1_BLOCK]: account })
  return readL1Block(state, RULES[fork])
}

/** The fees of `raw` in a block of `fork` with these parameters. */
export const feesAt = async (fork: Fork, parameters: FeeParameters, raw: Uint8Array) =>
  l1Fees(await read(fork, l1BlockAccount(parameters)), RULES[fork], raw)

/** Gas of calldata, counted byte by byte (F-20…F-22). */
export function calldataGas(raw: Uint8Array): bigint {
  let gas = 0n
  for (const byte of raw) gas += byte === 0 ? 4n : 16n
  return gas
}

/** The L1 fee as the specification of each fork writes it down (F-20…F-24). */
export function expectedL1Fee(fork: Fork, p: FeeParameters, raw: Uint8Array): bigint {
  const price =
    16n * (p.l1BaseFee ?? 0n) * (p.baseFeeScalar ?? 0n) +
    (p.blobBaseFee ?? 0n) * (p.blobBaseFeeScalar ?? 0n)
  const estimate = 836500n * BigInt(flzCompressLen(raw)) - 42585600n
  if (isFrom(fork, 'fjord')) {
    return ((estimate > 100_000_000n ? estimate : 100_000_000n) * price) / 1_000_000_000_000n
  }
  if (isFrom(fork, 'ecotone')) return (calldataGas(raw) * price) / 16_000_000n
  const gas = calldataGas(raw) + (fork === 'bedrock' ? 68n * 16n : 0n) + (p.overhead ?? 0n)
  return (gas * (p.l1BaseFee ?? 0n) * (p.scalar ?? 0n)) / 1_000_000n
}

/** The operator fee as the specification of each fork writes it down (F-26, F-27). */
export function expectedOperatorFee(fork: Fork, p: FeeParameters, gas: bigint): bigint {
  const [scalar, constant] = [p.operatorFeeScalar ?? 0n, p.operatorFeeConstant ?? 0n]
  if (isFrom(fork, 'jovian')) return gas * scalar * 100n + constant
  return isFrom(fork, 'isthmus') ? (gas * scalar) / 1_000_000n + constant : 0n
}

/** Some bytes that FastLZ makes `size` bytes of: literals, then perhaps a run of zeroes. */
export function bytesOfFlzSize(size: number): Uint8Array {
  for (const zeroes of [0, 20]) {
    for (let literals = 0; literals <= size; literals++) {
      let seed = 1
      const raw = Uint8Array.from({ length: literals + zeroes }, (_, index) => {
        seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
        return index < literals ? seed >>> 24 : 0
      })
      if (flzCompressLen(raw) === size) return raw
    }
  }
  throw new Error(`no bytes of FastLZ size ${size}`)
}

/** The names of fees that a receipt has (F-41…F-47). */
export const FEE_FIELDS = [
  'l1GasPrice',
  'l1GasUsed',
  'l1Fee',
  'l1FeeScalar',
  'l1BlobBaseFee',
  'l1BaseFeeScalar',
  'l1BlobBaseFeeScalar',
  'operatorFeeScalar',
  'operatorFeeConstant',
  'daFootprintGasScalar',
  'blobGasUsed',
] as const

/** The fee fields that are in a receipt. */
export const feeFields = (receipt: Partial<Receipt>) =>
  Object.fromEntries(
    FEE_FIELDS.filter((name) => receipt[name] !== undefined).map((name) => [name, receipt[name]]),
  )

/** A deposit as of the L1 attributes, or what the overrides make of it. */
export const deposit = (overrides: Partial<Parameters<typeof encodeDeposit>[0]> = {}) =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: createAddressFromString(DEPOSITOR),
    to: createAddressFromString(L1_BLOCK),
    mint: 0n,
    value: 0n,
    gas: 1_000_000n,
    isSystemTx: false,
    data: new Uint8Array(),
    ...overrides,
  })

/** A signed transfer, or what the overrides make of it. */
export function transaction(overrides: FeeMarketEIP1559TxData = {}, key = KEY): Uint8Array {
  const data: FeeMarketEIP1559TxData = {
    chainId: CHAIN_ID,
    nonce: 0,
    maxFeePerGas: 3n * GWEI,
    maxPriorityFeePerGas: GWEI / 2n,
    gasLimit: 100_000n,
    to: RECIPIENT,
    ...overrides,
  }
  return createFeeMarket1559Tx(data, { common: RULES.jovian.common }).sign(key).serialize()
}

/** The accounts of a test chain: a rich sender, contracts, vaults. */
export const allocWith = (parameters: FeeParameters, balance = 100n * ETHER): Alloc => ({
  [L1_BLOCK]: l1BlockAccount(parameters),
  [SENDER]: { balance: `0x${balance.toString(16)}` },
  [REVERTER]: { code: '0x60006000fd' },
  [HALTER]: { code: '0xfe' },
  [CLEARER]: { code: '0x600060005500', storage: { '0x00': '0x01' } },
  [BASE_FEE_VAULT]: { balance: '0x1', code: '0x00' },
  [L1_FEE_VAULT]: { balance: '0x2', code: '0x00' },
  [OPERATOR_FEE_VAULT]: { balance: '0x3', code: '0x00' },
  [COINBASE]: { balance: '0x4', code: '0x00' },
})

/** A parent that used its target of gas, so that the base fee stays at 1 gwei. */
export const start = (fork: Fork, alloc: Alloc, times: Partial<Record<Fork, number>> = {}) =>
  startChain(chainAt(fork, times), alloc, { header: { gasUsed: 5_000_000n } })

/** Wei of an account, 0 if it does not exist. */
export const balanceOf = async (state: State, address: string) =>
  (await state.getAccount(createAddressFromString(address)))?.balance ?? 0n

/** All accounts whose balance the tests can change. */
const PARTIES = {
  sender: SENDER,
  recipient: RECIPIENT,
  coinbase: COINBASE,
  baseFeeVault: BASE_FEE_VAULT,
  l1FeeVault: L1_FEE_VAULT,
  operatorFeeVault: OPERATOR_FEE_VAULT,
  depositor: DEPOSITOR,
  l1Block: L1_BLOCK,
}

type Balances = Record<keyof typeof PARTIES, bigint>

/** The balance of each party. */
export async function balances(state: State) {
  const entries = Object.entries(PARTIES).map(async ([name, address]) => [
    name,
    await balanceOf(state, address),
  ])
  return Object.fromEntries(await Promise.all(entries)) as Balances
}

/** Executes a block; tells what each party then has more than before. */
export async function settle(test: TestChain, transactions: Uint8Array[]) {
  const before = await balances(test.state)
  const block = await nextBlock(test, transactions)
  const after = await balances(test.state)
  const deltas = Object.fromEntries(
    Object.entries(after).map(([name, wei]) => [name, wei - before[name as keyof Balances]]),
  ) as Balances
  return { ...block, deltas }
}

/** Sum of amounts. */
export const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n)

/** Parameters as the vectors spell them. */
export const parameters = (json: JSONValue): FeeParameters =>
  Object.fromEntries(Object.entries(json ?? {}).map(([name, value]) => [name, BigInt(`${value}`)]))
