import { type Common, Hoodi } from '@ethereumjs/common'
import type { EVMOpts } from '@ethereumjs/evm'
import { createCommon } from '../ethereumjs/common.ts'
import { type Crypto, completeCrypto } from '../ethereumjs/crypto.ts'
import { assertRule } from '../ethereumjs/errors.ts'
import { createPrecompiles } from './precompiles.ts'

/**
 * The OP Stack forks in order, by the Ethereum rule set that they run on. Ethereum's forks never
 * activate on their own: each comes with the first OP fork of its row (H-24).
 *
 * @see https://specs.optimism.io/protocol/superchain-upgrades.html
 */
const FORKS_ON = {
  paris: ['bedrock', 'regolith'],
  shanghai: ['canyon'],
  cancun: ['ecotone', 'fjord', 'granite', 'holocene'],
  prague: ['isthmus', 'jovian'],
  osaka: ['karst'],
} as const

/**
 * What of Prague and Osaka OP chains leave out: requests from the execution layer (6110, 7002, 7251)
 * but not their header field, blob schedules (7594, 7691, 7892, 7918), a block size cap (7934).
 *
 * @see https://specs.optimism.io/protocol/isthmus/exec-engine.html
 * @see https://specs.optimism.io/protocol/karst/overview.html
 */
const OMITTED_EIPS = [6110, 7002, 7251, 7594, 7691, 7892, 7918, 7934]

/** Name of an OP Stack fork. */
export type Fork = (typeof FORKS_ON)[keyof typeof FORKS_ON][number]

/** All forks, oldest first. */
export const FORKS: Fork[] = Object.values(FORKS_ON).flat()

/** Fork times that mean nothing to execution (H-04, H-09). */
const IGNORED_TIMES = ['deltaTime', 'pectraBlobScheduleTime']

/** The `config` section of a geth-style genesis file. What is in it is checked by `createChain`. */
export interface ChainConfig {
  chainId?: number
  /** Number of the first block of these rules. */
  bedrockBlock?: number
  /** `eip1559Elasticity`, `eip1559Denominator`, from Canyon `eip1559DenominatorCanyon` (H-21, H-22). */
  optimism?: Record<string, unknown>
  /** Activation times `regolithTime` … `karstTime` in seconds, and what else the file has. */
  [name: string]: unknown
}

/** Parameters of the base fee. */
export interface EIP1559Params {
  elasticity: bigint
  denominator: bigint
  /** Wei per gas; 0 before Jovian. */
  minBaseFee: bigint
}

/** The rules of one fork on one chain. */
export interface Rules {
  fork: Fork
  /** True for this fork and all before it. */
  isActive(fork: Fork): boolean
  /** EVM parameters and cryptography, shared by all blocks of the fork. */
  common: Common
  evmOpts: EVMOpts
  /** In force until Holocene moves the parameters to `extraData`. */
  eip1559: EIP1559Params
  /** First byte of `extraData`; empty before Holocene. */
  extraDataVersion: Uint8Array
}

/** An OP chain: its rules at any point of its history. */
export interface Chain {
  /** For states and tries, which are the same under all rules. */
  common: Common
  /** Seconds; `Infinity` if Canyon is not scheduled. */
  canyonTime: number
  /** Rules by timestamp in seconds (H-20). @throws {InvalidBlockError} if `number` is before Bedrock's */
  rules(block: { timestamp: bigint; number?: bigint }): Rules
}

/** @throws if `value` is not an integer of at least `least` */
function readInteger(value: unknown, name: string, least: number): number {
  if (Number.isSafeInteger(value) && Number(value) >= least) return Number(value)
  throw new Error(`config ${name} must be an integer of at least ${least}, got ${value}`)
}

/**
 * Times in the order of {@link FORKS}. Refuses what clients could read differently: times of unknown
 * forks, and times of Ethereum's forks that are not those of their OP forks (H-23, T-45).
 */
function readForkTimes(config: ChainConfig): number[] {
  const times = [0]
  for (const fork of FORKS.slice(1)) {
    const time = config[`${fork}Time`]
    times.push(time == null ? Infinity : readInteger(time, `${fork}Time`, times.at(-1)!))
  }
  for (const [key, time] of Object.entries(config)) {
    if (!key.endsWith('Time') || time == null || IGNORED_TIMES.includes(key)) continue
    const name = key.replace('Time', '')
    const fork = FORKS_ON[name as keyof typeof FORKS_ON]?.[0] ?? name
    if (time !== times[FORKS.indexOf(fork)]) throw new Error(`config ${key} ${time} fits no fork`)
  }
  return times
}

/** What {@link createChain} can be told beyond the config. */
export interface ChainOptions {
  /** Faster than pure JavaScript, such as that of `ethereumjs-op/crypto`. */
  customCrypto?: Crypto
}

/**
 * Reads the rules of a chain from its config.
 *
 * @throws if the config is not an OP chain's or contradicts itself; the message names the field
 */
export function createChain(config: ChainConfig, opts: ChainOptions = {}): Chain {
  const times = readForkTimes(config)
  const bedrockBlock = readInteger(config.bedrockBlock, 'bedrockBlock', 0)
  // All forks until Paris at block 0 and no DAO, whose header checks would strike at its number.
  const chain = { ...Hoodi, chainId: readInteger(config.chainId, 'chainId', 1) }
  const customCrypto = completeCrypto(opts.customCrypto)
  const { bn254, bls } = customCrypto
  // Without `optimism` it is no OP chain (H-22).
  const parameter = (name: string) => BigInt(readInteger(config.optimism?.[name], name, 1))

  const forks = FORKS.filter((_, index) => times[index] < Infinity).map((fork): Rules => {
    const isActive = (other: Fork) => FORKS.indexOf(other) <= FORKS.indexOf(fork)
    const [hardfork] = Object.entries(FORKS_ON).findLast(([, [first]]) => isActive(first))!
    // RIP-7212 is EIP-7951 at another price (P-02).
    const eips = isActive('fjord') ? [7951] : []
    const common = createCommon({ chain, hardfork, eips, customCrypto }, OMITTED_EIPS)
    const customPrecompiles = createPrecompiles(common, isActive)
    const elasticity = parameter('eip1559Elasticity')
    const denominator = parameter(`eip1559Denominator${isActive('canyon') ? 'Canyon' : ''}`)
    const eip1559 = { elasticity, denominator, minBaseFee: 0n }
    const evmOpts = { common, customPrecompiles, bn254, bls }
    const version = isActive('jovian') ? [1] : isActive('holocene') ? [0] : []
    return { fork, isActive, common, evmOpts, eip1559, extraDataVersion: Uint8Array.from(version) }
  })
  const rules: Chain['rules'] = ({ timestamp, number = BigInt(bedrockBlock) }) => {
    assertRule(number >= bedrockBlock, `block ${number} is older than Bedrock`)
    return forks.findLast((_, index) => times[index] <= timestamp)!
  }
  return { common: forks[0].common, canyonTime: times[FORKS.indexOf('canyon')], rules }
}
