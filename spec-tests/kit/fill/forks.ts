import { FORKS } from 'ethereumjs-op'

/** A fork by its name in a genesis file. */
export type Fork = (typeof FORKS)[number]

/** Forks of Ethereum that a fork brings with it, by their keys in a genesis file. */
const ETHEREUM: Partial<Record<Fork, string>> = {
  canyon: 'shanghaiTime',
  ecotone: 'cancunTime',
  isthmus: 'pragueTime',
  karst: 'osakaTime',
}

/** Blocks of Ethereum's forks before the merge, all of which OP chains have from the start. */
const BLOCKS = [
  'homesteadBlock',
  'eip150Block',
  'eip155Block',
  'eip158Block',
  'byzantiumBlock',
  'constantinopleBlock',
  'petersburgBlock',
  'istanbulBlock',
  'muirGlacierBlock',
  'berlinBlock',
  'londonBlock',
  'arrowGlacierBlock',
  'grayGlacierBlock',
  'mergeNetsplitBlock',
  'bedrockBlock',
]

export const CHAIN_ID = 901

/** Times in seconds by fork. */
export type ForkTimes = Partial<Record<Fork, number>>

/** Whether a fork is `other` or after it. */
export const isFrom = (fork: Fork, other: Fork) => FORKS.indexOf(fork) >= FORKS.indexOf(other)

/** Forks from one to another, both included. */
export const forks = (from: Fork = FORKS[0], to: Fork = FORKS[FORKS.length - 1]) =>
  FORKS.slice(FORKS.indexOf(from), FORKS.indexOf(to) + 1)

/** The `config` of a chain that starts with `fork`, as op-geth reads it; `times` adds later forks. */
export function configAt(fork: Fork, times: ForkTimes = {}) {
  const config: Record<string, unknown> = { chainId: CHAIN_ID }
  for (const name of BLOCKS) config[name] = 0
  const all: ForkTimes = { ...times }
  for (const active of FORKS.slice(1, FORKS.indexOf(fork) + 1)) all[active] = 0
  for (const name of FORKS.slice(1)) {
    const time = all[name]
    if (time === undefined) continue
    config[`${name}Time`] = time
    const ethereum = ETHEREUM[name]
    if (ethereum) config[ethereum] = time
  }
  return {
    ...config,
    chainId: CHAIN_ID,
    terminalTotalDifficulty: 0,
    terminalTotalDifficultyPassed: true,
    optimism: { eip1559Elasticity: 6, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 },
  }
}

const capitalize = (fork: Fork) => fork[0].toUpperCase() + fork.slice(1)

/** The `network` of a vector: `Isthmus`, or `IsthmusToJovianAtTime1004`. */
export function networkName(fork: Fork, times: ForkTimes = {}): string {
  const later = Object.entries(times) as [Fork, number][]
  return [
    capitalize(fork),
    ...later.map(([name, time]) => `To${capitalize(name)}AtTime${time}`),
  ].join('')
}

/** Versions of the methods of the Engine API for blocks of a fork. */
export function versionsOf(fork: Fork) {
  const newPayload = isFrom(fork, 'isthmus') ? '4' : isFrom(fork, 'ecotone') ? '3' : '2'
  return {
    newPayload,
    forkchoiceUpdated: isFrom(fork, 'ecotone') ? '3' : '2',
    getPayload: isFrom(fork, 'karst') ? '5' : newPayload,
  }
}
