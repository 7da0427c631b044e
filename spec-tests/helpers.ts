import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { BlockHeader } from '@ethereumjs/block'
import type { Test } from 'tap'
import type { BytesLike, PrefixedHexString } from '@ethereumjs/util'
import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import { type Alloc, createAllocState, headerFromJSON } from '../blockchain/index.ts'
import { createCrypto } from '../crypto/index.ts'
import {
  type Chain,
  type ChainConfig,
  type Crypto,
  FORKS,
  type Fork,
  InvalidBlockError,
  type PayloadAttributes,
  type State,
  createChain,
  createHeader,
  createWitnessState,
  executeBlock,
} from '../src/index.ts'

/** Where the shared real data is. */
export const FIXTURES = resolve(process.env.OP_FIXTURES ?? '../shared/fixtures')

/** Reason to skip a test that needs the shared data, or false where the data is there. */
export const noFixtures = existsSync(FIXTURES) ? false : `no fixtures at ${FIXTURES}`

/** A parsed .json or .json.gz file of the shared data. */
export function readFixture(path: string) {
  const bytes = readFileSync(resolve(FIXTURES, path))
  return JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString())
}

/** What helpers need of a test. */
type Asserts = Pick<Test, 'fail' | 'match' | 'notMatch'>

/** Parsed JSON of unknown shape. */
export type JSONValue = ReturnType<typeof JSON.parse>

/** One set of fast cryptography for a whole test file. */
export const customCrypto = await createCrypto()

export const CHAIN_ID = 901

/** Config of a chain on which `fork` and all before are active from time 0; `times` adds others. */
export function configAt(fork: Fork, times: Partial<Record<Fork, number>> = {}): ChainConfig {
  const config: Record<string, unknown> = {
    chainId: CHAIN_ID,
    bedrockBlock: 0,
    optimism: { eip1559Elasticity: 6, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 },
  }
  for (const active of FORKS.slice(1, FORKS.indexOf(fork) + 1)) config[`${active}Time`] = 0
  for (const [name, time] of Object.entries(times)) config[`${name}Time`] = time
  return config
}

/** See {@link configAt}. */
export const chainAt = (fork: Fork, times?: Partial<Record<Fork, number>>): Chain =>
  createChain(configAt(fork, times), { customCrypto })

/** Rules of `fork`. */
export const rulesAt = (fork: Fork) => chainAt(fork).rules({ number: 1n, timestamp: 0n })

export const DEPOSITOR = '0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001'
export const L1_BLOCK = '0x4200000000000000000000000000000000000015'
export const BASE_FEE_VAULT = '0x4200000000000000000000000000000000000019'
export const L1_FEE_VAULT = '0x420000000000000000000000000000000000001a'
export const OPERATOR_FEE_VAULT = '0x420000000000000000000000000000000000001b'
export const COINBASE = '0x4200000000000000000000000000000000000011'

const word = (value: bigint): PrefixedHexString => `0x${value.toString(16).padStart(64, '0')}`

/** An L1Block predeploy with these fee parameters in its storage (F-34) and no code that matters. */
export function l1BlockAccount(p: {
  l1BaseFee?: bigint
  overhead?: bigint
  scalar?: bigint
  blobBaseFee?: bigint
  baseFeeScalar?: bigint
  blobBaseFeeScalar?: bigint
  operatorFeeScalar?: bigint
  operatorFeeConstant?: bigint
  daFootprintGasScalar?: bigint
}): Alloc[string] {
  const slot3 = ((p.baseFeeScalar ?? 0n) << 96n) | ((p.blobBaseFeeScalar ?? 0n) << 64n)
  const slot8 =
    ((p.daFootprintGasScalar ?? 0n) << 96n) |
    ((p.operatorFeeScalar ?? 0n) << 64n) |
    (p.operatorFeeConstant ?? 0n)
  const slots = { 1: p.l1BaseFee, 3: slot3, 5: p.overhead, 6: p.scalar, 7: p.blobBaseFee, 8: slot8 }
  const storage: Record<PrefixedHexString, PrefixedHexString> = {}
  for (const [slot, value] of Object.entries(slots)) storage[word(BigInt(slot))] = word(value ?? 0n)
  return { balance: '0x0', nonce: '0x1', code: '0x00', storage }
}

/** A parent header and the state under it, from which blocks can be executed. */
export interface TestChain {
  chain: Chain
  state: State
  parent: BlockHeader
}

/**
 * A chain of one block with this alloc. The parent is block 0 at `timestamp` with a gas limit of
 * 30 million, a base fee of 1 gwei unless `header` says otherwise, and `extraData` of its fork.
 */
export async function startChain(
  chain: Chain,
  alloc: Alloc,
  opts: { timestamp?: bigint; header?: Record<string, unknown> } = {},
): Promise<TestChain> {
  const position = { number: 0n, timestamp: opts.timestamp ?? 1000n }
  const rules = chain.rules(position)
  const state = await createAllocState(chain.common, alloc)
  const holocene = rules.isActive('holocene') ? '0x00000000fa00000006' : '0x'
  const extraData = rules.isActive('jovian') ? '0x01000000fa000000060000000000000000' : holocene
  const parent = createHeader(chain, {
    ...position,
    gasLimit: 30_000_000n,
    baseFeePerGas: 1_000_000_000n,
    extraData,
    stateRoot: await state.getStateRoot(),
    ...opts.header,
  })
  return { chain, state, parent }
}

/** Attributes of the block after `parent`, complete for its fork. */
export function nextAttributes(
  { chain, parent }: Pick<TestChain, 'chain' | 'parent'>,
  transactions: BytesLike[],
  overrides: Partial<PayloadAttributes> = {},
): PayloadAttributes {
  const timestamp = BigInt((overrides.timestamp ?? parent.timestamp + 2n) as bigint)
  const rules = chain.rules({ number: parent.number + 1n, timestamp })
  return {
    timestamp,
    prevRandao: new Uint8Array(32).fill(7),
    suggestedFeeRecipient: hexToBytes(COINBASE),
    gasLimit: 30_000_000n,
    transactions,
    parentBeaconBlockRoot: rules.isActive('ecotone') ? new Uint8Array(32) : undefined,
    eip1559Params: rules.isActive('holocene') ? new Uint8Array(8) : undefined,
    minBaseFee: rules.isActive('jovian') ? 0n : undefined,
    ...overrides,
  }
}

/** Executes the next block on a {@link TestChain}; the chain then continues from it. */
export async function nextBlock(
  test: TestChain,
  transactions: BytesLike[],
  overrides: Partial<PayloadAttributes> = {},
) {
  const attributes = nextAttributes(test, transactions, overrides)
  const { chain, state, parent } = test
  const block = await executeBlock({ chain, state, parent, attributes })
  test.parent = block.header
  return block
}

/** Executes the block of a block file on the state in the file. */
export async function executeFixture(file: JSONValue, crypto: Crypto | undefined = customCrypto) {
  const chain = createChain(file.config, { customCrypto: crypto })
  const parent = headerFromJSON(chain, file.parentHeader)
  const state = file.preAlloc
    ? await createAllocState(chain.common, file.preAlloc)
    : createWitnessState(chain.common, parent.stateRoot, file.preimages)
  const getBlockHash = (ancestor: bigint) => {
    const hash = file.ancestorHashes?.[`${ancestor}`]
    return hash && hexToBytes(hash)
  }
  const attributes: PayloadAttributes = file.payloadAttributes
  const block = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  return { ...block, chain, parent, state, attributes, hash: bytesToHex(block.header.hash()) }
}

/** How JavaScript and EthereumJS say that a program is wrong. */
const INTERNALS =
  /Cannot (read|convert|destructure|mix|access)|undefined is not|is not (a function|iterable|an object)|invalid integer|allowTruncate|this\.|=>|\breturn\b|\[object/

/** A block is refused: an InvalidBlockError gives the reason in words of the rules. */
export function isRefusal(t: Asserts, error: unknown, reason: RegExp, name: string) {
  if (!(error instanceof InvalidBlockError)) return t.fail(`${name}: ${error}`)
  t.notMatch(error.message, INTERNALS, `${name}: nothing of JavaScript`)
  return t.match(error.message, reason, name)
}

/** What a promise rejects with, if it does. */
export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  )

/** Runs the command line program, which `npm test` has built, in a process of its own. */
export function runCLI(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['node/dist/bin.js', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  return { status, stdout, stderr, lines: stdout.trimEnd().split('\n') }
}
