import type { ChainConfig } from '../src/index.ts'
import type { Genesis } from './genesis.ts'

/** A chain whose config is known without its genesis file. */
export interface KnownChain {
  name: string
  config: ChainConfig
  /** The day on which it left the registry, where it did: later forks of it are not known. */
  until?: string
}

/** Where {@link CHAINS} comes from. */
export const CHAINS_SOURCE =
  'ethereum-optimism/superchain-registry 8336d2ae of 2026-08-04; Base as it was before 0d9aefc4 of 2026-04-27'

/** Activations that most chains share, in seconds. */
const MAINNET = {
  regolithTime: 0,
  canyonTime: 1704992401,
  ecotoneTime: 1710374401,
  fjordTime: 1720627201,
  graniteTime: 1726070401,
  holoceneTime: 1736445601,
  isthmusTime: 1746806401,
  jovianTime: 1764691201,
  karstTime: 1783526401,
}

const SEPOLIA = {
  regolithTime: 0,
  canyonTime: 1699981200,
  ecotoneTime: 1708534800,
  fjordTime: 1716998400,
  graniteTime: 1723478400,
  holoceneTime: 1732633200,
  isthmusTime: 1744905600,
  jovianTime: 1763568001,
  karstTime: 1781712001,
}

/** What most chains have. */
const OPTIMISM = {
  eip1559Elasticity: 6,
  eip1559Denominator: 50,
  eip1559DenominatorCanyon: 250,
}

/** An entry of the registry, where it is not as most are. */
interface Entry {
  name: string
  chainId: number
  bedrockBlock?: number
  times: Record<string, number | undefined>
  optimism?: Record<string, number>
  until?: string
}

const ENTRIES: Entry[] = [
  {
    name: 'OP Mainnet',
    chainId: 10,
    bedrockBlock: 105235063,
    times: MAINNET,
  },
  {
    name: 'Unichain',
    chainId: 130,
    times: { ...MAINNET, canyonTime: 0, ecotoneTime: 0, fjordTime: 0, graniteTime: 0 },
  },
  {
    name: 'World Chain',
    chainId: 480,
    times: {
      ...MAINNET,
      canyonTime: 0,
      ecotoneTime: 0,
      fjordTime: 1721826000,
      graniteTime: 1727780400,
      holoceneTime: 1738238400,
      isthmusTime: 1764072000,
      jovianTime: 1777593600,
      karstTime: undefined,
    },
    optimism: { eip1559Elasticity: 10, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 },
  },
  {
    name: 'Soneium',
    chainId: 1868,
    times: {
      ...MAINNET,
      canyonTime: 0,
      ecotoneTime: 0,
      fjordTime: 0,
      graniteTime: 0,
      holoceneTime: 1738573200,
    },
  },
  {
    name: 'Base',
    chainId: 8453,
    times: { ...MAINNET, karstTime: undefined },
    until: '2026-04-27',
  },
  {
    name: 'Mode',
    chainId: 34443,
    times: MAINNET,
  },
  {
    name: 'Ink',
    chainId: 57073,
    times: {
      ...MAINNET,
      canyonTime: 0,
      ecotoneTime: 0,
      fjordTime: 0,
      graniteTime: 0,
      holoceneTime: 1742396400,
    },
    optimism: { eip1559Elasticity: 6, eip1559Denominator: 250, eip1559DenominatorCanyon: 250 },
  },
  {
    name: 'Zora',
    chainId: 7777777,
    times: MAINNET,
  },
  {
    name: 'OP Sepolia Testnet',
    chainId: 11155420,
    times: SEPOLIA,
  },
  {
    name: 'Unichain Sepolia Testnet',
    chainId: 1301,
    times: {
      ...SEPOLIA,
      canyonTime: 0,
      ecotoneTime: 0,
      fjordTime: 0,
      graniteTime: 0,
      holoceneTime: 1734559200,
    },
  },
  {
    name: 'World Chain Sepolia Testnet',
    chainId: 4801,
    times: {
      ...SEPOLIA,
      canyonTime: 0,
      ecotoneTime: 0,
      fjordTime: 1721739600,
      graniteTime: 1726570800,
      holoceneTime: 1737633600,
      isthmusTime: 1761825600,
      jovianTime: 1777161600,
      karstTime: undefined,
    },
    optimism: { eip1559Elasticity: 10, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 },
  },
  {
    name: 'Soneium Testnet Minato',
    chainId: 1946,
    times: {
      ...SEPOLIA,
      canyonTime: 0,
      ecotoneTime: 0,
      fjordTime: 1730106000,
      graniteTime: 1730106000,
      holoceneTime: 1734685200,
    },
  },
  {
    name: 'Base Sepolia Testnet',
    chainId: 84532,
    times: { ...SEPOLIA, karstTime: undefined },
    optimism: { eip1559Elasticity: 10, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 },
    until: '2026-04-27',
  },
  {
    name: 'Mode Testnet',
    chainId: 919,
    times: { ...SEPOLIA, canyonTime: 1703203200 },
  },
  {
    name: 'Ink Sepolia',
    chainId: 763373,
    times: SEPOLIA,
  },
  {
    name: 'Zora Sepolia Testnet',
    chainId: 999999999,
    times: SEPOLIA,
  },
]

/** Chains by their id. Times are those of the registry on its day: a later fork is not in it. */
export const CHAINS: ReadonlyMap<number, KnownChain> = new Map(
  ENTRIES.map(({ name, chainId, bedrockBlock = 0, times, optimism = OPTIMISM, until }) => {
    const config = { chainId, bedrockBlock, ...times, optimism }
    return [chainId, { name, config, until }]
  }),
)

/**
 * A genesis file without accounts, in place of that of a chain of which only the config is known. Its
 * block is another than that of the chain, so no block can be executed on it, but it has the rules.
 */
export function createConfigGenesis(config: ChainConfig): Genesis {
  return { config, alloc: {}, number: config.bedrockBlock ?? 0 }
}
