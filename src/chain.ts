import { Common, Hoodi } from '@ethereumjs/common'
import { type Crypto, defaultCrypto } from './crypto.ts'
import { customPrecompiles } from './precompiles.ts'

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

/**
 * The `config` section of a geth-style genesis file: `chainId`, `bedrockBlock`, `regolithTime` …
 * `karstTime` in seconds, `optimism` with the EIP-1559 parameters (H-21, H-22).
 */
export type ChainConfig = Record<string, unknown>

/** Fork times that mean nothing to execution (H-04, H-09). */
const IGNORED_TIMES = ['deltaTime', 'pectraBlobScheduleTime']

/** A number of the config. @throws if it is not an integer of at least `least` */
function readInteger(config: unknown, name: string, least: number): number {
  const value = Object(config)[name]
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`config ${name} must be an integer of at least ${least}, got ${value}`)
}

/**
 * Times in the order of {@link FORKS}. Refuses what clients could read differently: times of unknown
 * forks, and times of Ethereum's forks that are not those of their OP forks (H-23, T-45).
 */
function readForkTimes(config: ChainConfig): number[] {
  const times = [0]
  for (const name of FORKS.slice(1).map((fork) => `${fork}Time`)) {
    times.push(config[name] == null ? Infinity : readInteger(config, name, times.at(-1)!))
  }
  for (const [key, time] of Object.entries(config)) {
    if (!key.endsWith('Time') || time == null || IGNORED_TIMES.includes(key)) continue
    const fork = FORKS_ON[key.slice(0, -4) as 'paris']?.[0] ?? (key.slice(0, -4) as Fork)
    if (time !== times[FORKS.indexOf(fork)]) throw new Error(`config ${key} ${time} fits no fork`)
  }
  return times
}

/**
 * Reads the rules of a chain from its config.
 *
 * @param opts.customCrypto - see {@link createCrypto}; without it, slower pure JavaScript
 * @throws if the config is not an OP chain's or contradicts itself; the message names the field
 */
export function createChain(config: ChainConfig = {}, opts: { customCrypto?: Crypto } = {}) {
  const forkTimes = readForkTimes(config)
  const bedrockBlock = readInteger(config, 'bedrockBlock', 0)
  // All forks until Paris at block 0 and no DAO, whose header checks would strike at its number.
  const chain = { ...Hoodi, chainId: readInteger(config, 'chainId', 1) }
  const customCrypto = opts.customCrypto ?? defaultCrypto()
  /** By the names of the EVM's fields, of which one has no option. */
  const curves = { _bn254: customCrypto.bn254, _bls: customCrypto.bls }
  // Without `optimism` it is no OP chain (H-22).
  const parameter = (name: string) => BigInt(readInteger(config.optimism, `eip1559${name}`, 1))
  const forks = FORKS.filter((_, index) => forkTimes[index] < Infinity).map((fork) => {
    /** True where `other` is active: it is this fork or an older one. */
    const isActive = (other: Fork): boolean => FORKS.indexOf(fork) >= FORKS.indexOf(other)
    const [hardfork] = Object.entries(FORKS_ON).findLast(([, [first]]) => isActive(first))!
    // RIP-7212 is EIP-7951 at another price (P-02).
    const added = isActive('fjord') ? [7951] : []
    /** EVM parameters and cryptography, shared by all blocks of the fork. */
    const common = new Common({ chain, hardfork, eips: added, customCrypto })
    // The EVM asks for EIPs at nearly every opcode; the original scans an array.
    const eips = new Set(common['_activatedEIPsCache'].filter((eip) => !OMITTED_EIPS.includes(eip)))
    common.isActivatedEIP = (eip) => eips.has(eip)
    const denominator = parameter(isActive('canyon') ? 'DenominatorCanyon' : 'Denominator')
    /** In force until Holocene moves the parameters to `extraData`. */
    const eip1559 = { elasticity: parameter('Elasticity'), denominator, minBaseFee: 0n }
    /** First byte of `extraData` in hex, or nothing before Holocene. */
    const extraDataVersion = isActive('jovian') ? '01' : isActive('holocene') ? '00' : ''
    const precompiles = customPrecompiles(common, isActive)
    return { fork, isActive, common, precompiles, curves, eip1559, extraDataVersion }
  })
  /** Rules of the block with this number and timestamp (H-20). @throws if older than Bedrock */
  const rules = ({ number, timestamp }: { number: bigint; timestamp: bigint }) => {
    if (number < bedrockBlock) throw new Error(`block ${number} is older than Bedrock`)
    return forks.findLast((_, index) => forkTimes[index] <= timestamp)!
  }
  return { canyonTime: forkTimes[FORKS.indexOf('canyon')], rules }
}

/** An OP chain: its rules at any point of its history. */
export type Chain = ReturnType<typeof createChain>

/** The rules of one fork on one chain. */
export type Rules = ReturnType<Chain['rules']>
