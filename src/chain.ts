import { Common, type CustomCrypto, Hardfork, Mainnet } from '@ethereumjs/common'
import type { CustomPrecompile } from '@ethereumjs/evm'
import { defaultKZG } from './crypto.ts'
import { customPrecompiles } from './precompiles.ts'

/**
 * The OP Stack forks in order, each with the Ethereum rule set it runs on.
 * An Ethereum fork never activates on its own: it follows from the OP fork (H-24).
 *
 * @see https://specs.optimism.io/protocol/superchain-upgrades.html
 */
const ETHEREUM_RULES = {
  bedrock: Hardfork.Paris,
  regolith: Hardfork.Paris,
  canyon: Hardfork.Shanghai,
  ecotone: Hardfork.Cancun,
  fjord: Hardfork.Cancun,
  granite: Hardfork.Cancun,
  holocene: Hardfork.Cancun,
  isthmus: Hardfork.Prague,
  jovian: Hardfork.Prague,
  karst: Hardfork.Osaka,
} as const

/** The OP fork that switches on each Ethereum fork after Paris. */
const TWINS = { shanghai: 'canyon', cancun: 'ecotone', prague: 'isthmus', osaka: 'karst' } as const

/**
 * What Prague and Osaka mean on OP chains: no deposits, withdrawals or consolidations from the
 * execution layer (6110, 7002, 7251), no blob schedule (7691, 7892, 7918), no block size cap
 * (7934), but the `requestsHash` header field (7685).
 *
 * @see https://specs.optimism.io/protocol/isthmus/exec-engine.html
 * @see https://specs.optimism.io/protocol/karst/overview.html
 */
const OP_EIPS = {
  prague: { eips: [2537, 2935, 7623, 7685, 7702] },
  osaka: { eips: [7823, 7825, 7883, 7939, 7951] },
}

/** Times that a config may carry without any meaning for the execution layer (H-04, H-09). */
const IGNORED_TIMES = ['deltaTime', 'pectraBlobScheduleTime']

/** Name of an OP Stack fork. */
export type Fork = keyof typeof ETHEREUM_RULES

/** All forks, oldest first. */
export const FORKS = Object.keys(ETHEREUM_RULES) as Fork[]

/** The `config` section of a geth-style genesis file (H-21). Times are in seconds. */
export interface GenesisConfig {
  chainId: number
  /** First block that follows OP rules; older blocks cannot be executed. */
  bedrockBlock?: number
  /** Marks the chain as an OP chain (H-22). */
  optimism?: {
    eip1559Elasticity: number
    eip1559Denominator: number
    /** Replaces `eip1559Denominator` from Canyon on. */
    eip1559DenominatorCanyon?: number
  }
  /** `regolithTime` … `karstTime`, and fields that execution ignores. */
  [key: string]: unknown
}

/** The protocol rules of one fork on one chain. */
export interface Rules {
  /** The newest active fork. */
  fork: Fork
  /** EIP-1559 parameters of the config, which hold until Holocene moves them into `extraData`. */
  eip1559: { elasticity: bigint; denominator: bigint }
  /** EVM parameters and cryptography; shared by all blocks of the fork, never changed. */
  common: Common
  /** Precompiles that differ from those of the Ethereum rule set. */
  precompiles: CustomPrecompile[]
  /** True where `fork` or a newer one is active. */
  isActive(fork: Fork): boolean
}

/** An OP chain: its rules at any point of its history. */
export interface Chain {
  chainId: bigint
  /** Activation time of each scheduled fork, in seconds. */
  forkTimes: Map<Fork, bigint>
  /**
   * Rules for the block with this number and timestamp (H-20).
   *
   * @throws if the block is older than Bedrock
   */
  rules(block: { number: bigint; timestamp: bigint }): Rules
}

const natural = (value: unknown, name: string, least = 0): number => {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  throw new Error(`config.${name} must be an integer of at least ${least}, got ${String(value)}`)
}

/** Reads fork times and refuses configs on which clients could disagree (H-23, T-45). */
function readForkTimes(config: GenesisConfig): Map<Fork, bigint> {
  const times = new Map<Fork, bigint>([['bedrock', 0n]])
  for (const [index, fork] of FORKS.entries()) {
    const value = config[`${fork}Time`] ?? undefined
    if (index === 0 || value === undefined) continue
    const [before, earlier] = [FORKS[index - 1]!, times.get(FORKS[index - 1]!)]
    if (earlier === undefined) throw new Error(`config.${fork}Time is set but ${before}Time is not`)
    const time = BigInt(natural(value, `${fork}Time`))
    if (time < earlier) throw new Error(`config.${fork}Time ${time} is before ${before}Time`)
    times.set(fork, time)
  }
  const known = [...FORKS.map((fork) => `${fork}Time`), ...IGNORED_TIMES]
  for (const [ethereum, fork] of Object.entries(TWINS)) {
    const value = config[`${ethereum}Time`] ?? config[`${fork}Time`]
    if (value === config[`${fork}Time`]) known.push(`${ethereum}Time`)
    else throw new Error(`config.${ethereum}Time ${value} differs from ${fork}Time`)
  }
  for (const [key, value] of Object.entries(config)) {
    if (key.endsWith('Time') && value !== null && !known.includes(key)) {
      throw new Error(`config.${key} is not a fork this client knows`)
    }
  }
  return times
}

/**
 * Reads the chain rules from the `config` of a geth-style genesis file.
 *
 * @param config - the `config` object
 * @param opts.customCrypto - faster cryptography, see {@link createCrypto}
 * @throws if the config is not an OP chain's or contradicts itself; the message names the field
 */
export function createChain(
  config: GenesisConfig,
  opts: { customCrypto?: CustomCrypto } = {},
): Chain {
  const chainId = natural(config.chainId, 'chainId', 1)
  const { optimism } = config
  if (!optimism) throw new Error('config.optimism is missing: not an OP chain')
  const parameter = (name: keyof typeof optimism) =>
    BigInt(natural(optimism[name], `optimism.${name}`, 1))
  const elasticity = parameter('eip1559Elasticity')
  const denominator = parameter('eip1559Denominator')
  const forkTimes = readForkTimes(config)
  const canyonDenominator = forkTimes.has('canyon') ? parameter('eip1559DenominatorCanyon') : 0n
  const bedrockBlock = BigInt(natural(config.bedrockBlock, 'bedrockBlock'))
  const base = new Common({
    chain: {
      ...Mainnet,
      name: `op-${chainId}`,
      chainId,
      bootstrapNodes: [],
      consensus: { type: 'pos', algorithm: 'casper' },
      customHardforks: OP_EIPS,
      hardforks: Mainnet.hardforks.flatMap(({ name, block }) => {
        if (block !== null) return name === Hardfork.Dao ? [] : { name, block: 0 }
        if (!(name in TWINS)) return []
        const time = forkTimes.get(TWINS[name as keyof typeof TWINS])
        return { name, block: null, timestamp: time?.toString() }
      }),
    },
    customCrypto: { ...opts.customCrypto, kzg: opts.customCrypto?.kzg ?? defaultKZG() },
  })
  const createRules = (fork: Fork): Rules => {
    const isActive = (other: Fork) => FORKS.indexOf(fork) >= FORKS.indexOf(other)
    const common = base.copy()
    common.setHardfork(ETHEREUM_RULES[fork])
    // The EVM asks this for nearly every opcode; the original scans an array.
    const eips = new Set(common['_activatedEIPsCache'])
    common.isActivatedEIP = (eip) => eips.has(eip)
    const eip1559 = {
      elasticity,
      denominator: isActive('canyon') ? canyonDenominator : denominator,
    }
    return { fork, eip1559, common, precompiles: customPrecompiles(common, isActive), isActive }
  }
  const rules = new Map([...forkTimes.keys()].map((fork) => [fork, createRules(fork)]))
  const newestFirst = [...forkTimes].reverse()
  return {
    chainId: BigInt(chainId),
    forkTimes,
    rules({ number, timestamp }) {
      if (number < bedrockBlock) throw new Error(`block ${number} is older than Bedrock`)
      return rules.get(newestFirst.find(([, time]) => time <= timestamp)![0])!
    },
  }
}
