import { Common, Mainnet } from '@ethereumjs/common'
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
 * What Prague and Osaka mean on OP chains: no requests from the execution layer (6110, 7002, 7251)
 * but their header field (7685), no blob schedule (7691, 7892, 7918), no block size cap (7934).
 *
 * @see https://specs.optimism.io/protocol/isthmus/exec-engine.html
 * @see https://specs.optimism.io/protocol/karst/overview.html
 */
const customHardforks = {
  prague: { eips: [2537, 2935, 7623, 7685, 7702] },
  osaka: { eips: [7823, 7825, 7883, 7939, 7951] },
}

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

/** Times in the order of {@link FORKS}; refuses what clients could read differently (H-23, T-45). */
function readForkTimes(config: ChainConfig): number[] {
  const times = FORKS.map((fork) => (config[`${fork}Time`] ?? Infinity) as number)
  times[0] = 0
  for (const [index, time] of times.entries()) {
    const earliest = times[index - 1] ?? 0
    if (time === Infinity || (Number.isSafeInteger(time) && time >= earliest)) continue
    throw new Error(`config ${FORKS[index]}Time ${time} must be an integer of at least ${earliest}`)
  }
  for (const [key, time] of Object.entries(config)) {
    if (!key.endsWith('Time') || time == null || IGNORED_TIMES.includes(key)) continue
    const fork = FORKS_ON[key.slice(0, -4) as keyof typeof FORKS_ON]?.[0] ?? key.slice(0, -4)
    if (FORKS.indexOf(fork as Fork) > 0 && time === config[`${fork}Time`]) continue
    throw new Error(`config ${key} ${time} is not known or not the same as ${fork}Time`)
  }
  return times
}

/**
 * Reads the rules of a chain from its config.
 *
 * @param opts.customCrypto - see {@link createCrypto}; without it, slower pure JavaScript
 * @throws if the config is not an OP chain's or contradicts itself; the message names the field
 */
export function createChain(config: ChainConfig, opts: { customCrypto?: Crypto } = {}) {
  const { optimism } = Object(config)
  if (!optimism) throw new Error('config optimism is missing: not an OP chain')
  const read = (json: ChainConfig, name: string, least: number) => {
    const value = json[name] as number
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new Error(`config ${name} must be an integer of at least ${least}, got ${json[name]}`)
  }
  const forkTimes = readForkTimes(config)
  const [bedrockBlock, chainId] = [read(config, 'bedrockBlock', 0), read(config, 'chainId', 1)]
  // A number at which the header checks of mainnet would strike is never reached.
  const blockOf = (name: string) => (name === 'dao' ? null : 0)
  const hardforks = Mainnet.hardforks.map(({ name }) => ({ name, block: blockOf(name) }))
  const chain = { ...Mainnet, chainId, hardforks, customHardforks }
  const customCrypto = opts.customCrypto ?? defaultCrypto()
  const { bn254 } = customCrypto
  const base = new Common({ chain, customCrypto })
  const elasticity = BigInt(read(optimism, 'eip1559Elasticity', 1))
  const createRules = (fork: Fork) => {
    /** True where `other` is active: it is this fork or an older one. */
    const isActive = (other: Fork): boolean => FORKS.indexOf(fork) >= FORKS.indexOf(other)
    /** EVM parameters and cryptography, shared by all blocks of the fork. */
    const common = base.copy()
    common.setHardfork(Object.entries(FORKS_ON).findLast(([, [first]]) => isActive(first))![0])
    // The EVM asks for EIPs at nearly every opcode; the original scans an array.
    const eips = new Set(common['_activatedEIPsCache'])
    // RIP-7212 is EIP-7951 at another price (P-02).
    if (isActive('fjord')) eips.add(7951)
    common.isActivatedEIP = (eip) => eips.has(eip)
    const denominatorName = isActive('canyon') ? 'eip1559DenominatorCanyon' : 'eip1559Denominator'
    const denominator = BigInt(read(optimism, denominatorName, 1))
    /** In force until Holocene moves the parameters to `extraData`. */
    const eip1559 = { elasticity, denominator, minBaseFee: 0n }
    /** First byte of `extraData`, which before Holocene is empty. */
    const extraDataVersion = isActive('jovian') ? 1 : isActive('holocene') ? 0 : undefined
    const precompiles = customPrecompiles(common, isActive)
    return { fork, isActive, common, precompiles, bn254, eip1559, extraDataVersion }
  }
  const forks = FORKS.filter((_, index) => forkTimes[index] < Infinity).map(createRules)
  /** Rules of the block with this number and timestamp (H-20). @throws if older than Bedrock */
  const rules = ({ number, timestamp }: { number: bigint; timestamp: bigint }) => {
    if (number < bedrockBlock) throw new Error(`block ${number} is older than Bedrock`)
    return forks.findLast((_, index) => forkTimes[index] <= timestamp)!
  }
  return { chainId, canyonTime: forkTimes[FORKS.indexOf('canyon')], rules }
}

/** An OP chain: its rules at any point of its history. */
export type Chain = ReturnType<typeof createChain>

/** The rules of one fork on one chain. */
export type Rules = ReturnType<Chain['rules']>
