import { BARE, CONTRACT, SENDERS } from '../../accounts.ts'
import { assemble, measure } from '../../assemble.ts'
import type { BlockFields, VectorChain } from '../../chain.ts'
import { type Fork, type ForkTimes, forks, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { type SignedFields, deposit } from '../../transactions.ts'

const BURNING = '0xc0de0000000000000000000000000000000000ff'

/**
 * What differs between forks: warm addresses (EIP-3651, points 0x0a and 0x0b, P256VERIFY), the price of
 * P256VERIFY and MODEXP.
 */
const PROBE = [
  measure(['COINBASE BALANCE', '0x0a BALANCE', '0x0b BALANCE', '0x0100 BALANCE']),
  '0 0 160 0 0x0100 3450 STATICCALL 1 ADD 4 SSTORE',
  '0 0 0 0 5 300 STATICCALL 1 ADD 5 SSTORE',
].join(' ')

const PRE = {
  ...BARE,
  [CONTRACT]: { code: assemble(PROBE) },
  [BURNING]: { code: assemble('INVALID') },
}

/** Initcode that only later forks can run: PUSH0, TLOAD, CLZ. */
const PROGRAMS = ['0x5f', '0x60005c', '0x60011e']

/** Signed transactions that end otherwise in other forks. */
const SIGNED: SignedFields[] = [
  { to: CONTRACT, gasLimit: 300_000n },
  ...PROGRAMS.map((data) => ({ data })),
  { to: SENDERS[1], data: `0x${'11'.repeat(100)}`, gasLimit: 100_000n },
]

/** The base fee moves, and deposits have nonces; then what is signed. */
const probes = (hasSigned: boolean): BlockFields => ({
  transactions: [
    deposit({ to: BURNING, gas: 20_000_000n, index: 1 }),
    deposit({ to: CONTRACT, gas: 300_000n, from: SENDERS[3], index: 2 }),
    ...(hasSigned ? SIGNED : []),
  ],
})

/** Jovian and Karst begin with deposits only (I-14). */
const isAlone = (fork: Fork) => isFrom(fork, 'jovian')

/** A block that may be the first of a fork. */
async function probe(chain: VectorChain, before: Fork, fields: BlockFields = {}) {
  const fork = chain.forkAt(chain.timestamp + (fields.step ?? 2))
  const payload = await chain.block({ ...probes(!isAlone(fork) || fork === before), ...fields })
  const storage = {
    0: isFrom(fork, 'canyon') ? 106n : 2606n,
    1: isFrom(fork, 'ecotone') ? 107n : 2607n,
    2: isFrom(fork, 'isthmus') ? 107n : 2607n,
    3: isFrom(fork, 'fjord') ? 107n : 2607n,
    4: fork === 'karst' ? 1n : 2n,
    5: fork === 'karst' ? 1n : 2n,
  }
  await chain.expectState({ [CONTRACT]: { storage } })
  return { fork, payload }
}

/** Blocks with the probes, one after the other. */
async function probeAll(chain: VectorChain, start: Fork, steps: number[]) {
  let before = start
  for (const step of steps) before = (await probe(chain, before, { step })).fork
}

const RULES: Partial<Record<Fork, string[]>> = {
  regolith: ['H-02', 'D-25', 'D-27'],
  canyon: ['H-03', 'B-02', 'I-02', 'T-26', 'D-26'],
  ecotone: ['H-05', 'I-03', 'X-10', 'X-12', 'F-37'],
  fjord: ['H-06'],
  granite: ['H-07'],
  holocene: ['H-08', 'B-04', 'B-05', 'T-26'],
  isthmus: ['H-10', 'I-04', 'X-07', 'X-09', 'F-37'],
  jovian: ['H-11', 'B-11', 'X-10', 'T-26', 'F-37'],
  karst: ['H-12', 'H-17', 'T-31'],
}

const previous = (fork: Fork) => forks()[forks().indexOf(fork) - 1]

const name = (fork: Fork) => fork[0].toUpperCase() + fork.slice(1)

/** The block before the first of a fork, that block, and two after it. */
const boundary = (fork: Fork): Case => ({
  name: `to-${fork}`,
  description: `${name(fork)} begins with the block at its time: the one before it, that one and two after it`,
  rules: ['H-20', ...RULES[fork]!],
  forks: [previous(fork)],
  times: { [fork]: 1004 },
  pre: PRE,
  fill: (chain, start) => probeAll(chain, start, [2, 2, 2, 2]),
})

/** No block has exactly the time of the fork. */
const between = (fork: Fork): Case => ({
  name: `to-${fork}-between-two-blocks`,
  description: `${name(fork)} begins with the first block after its time, where none has that time`,
  rules: ['H-20', 'T-28', ...RULES[fork]!],
  forks: [previous(fork)],
  // alloy-op-evm sets the create2deployer there.
  disputed: fork === 'canyon' ? 'create2deployer-without-a-block-at-canyon-time' : undefined,
  times: { [fork]: 1003 },
  pre: PRE,
  fill: (chain, start) => probeAll(chain, start, [2, 2, 2]),
})

/** The fork begins with block 1. */
const first = (fork: Fork): Case => ({
  name: `to-${fork}-at-the-first-block`,
  description: `${name(fork)} begins with the block after the genesis`,
  rules: ['H-20', ...RULES[fork]!],
  forks: [previous(fork)],
  times: { [fork]: 1002 },
  pre: PRE,
  fill: (chain, start) => probeAll(chain, start, [2, 2]),
})

/** Several forks at one time. */
const together = (start: Fork, ...all: Fork[]): Case => ({
  name: `to-${all.join('-and-')}`,
  description: `${all.map(name).join(' and ')} begin with one block`,
  rules: ['H-20', ...all.flatMap((fork) => RULES[fork]!)],
  forks: [start],
  // op-geth looks for the DA footprint scalar in attributes of Isthmus.
  disputed:
    all.includes('isthmus') && all.includes('jovian')
      ? 'isthmus-and-jovian-at-one-time'
      : undefined,
  times: Object.fromEntries(all.map((fork) => [fork, 1004])) as ForkTimes,
  pre: PRE,
  fill: (chain) => probeAll(chain, start, [2, 2, 2]),
})

/** A chain through all forks until one. */
const through = (last: Fork): Case => ({
  name: `through-all-forks-to-${last}`,
  description: 'Two blocks of every fork, from Bedrock on',
  rules: ['H-20', 'H-02', 'H-03', 'H-05', 'H-06', 'H-07', 'H-08', 'H-10', 'H-11'],
  forks: ['bedrock'],
  times: Object.fromEntries(
    forks('regolith', last).map((fork, index) => [fork, 1004 + 4 * index]),
  ) as ForkTimes,
  pre: PRE,
  fill: (chain, start) => probeAll(chain, start, Array(2 * forks('bedrock', last).length).fill(2)),
})

const LATER = forks('regolith')

/** Where one fork ends and the next begins. */
export const transitions: Topic = {
  path: 'transitions/forks',
  cases: [
    ...LATER.map(boundary),
    ...(['canyon', 'ecotone', 'holocene', 'isthmus', 'jovian', 'karst'] as Fork[]).map(between),
    ...LATER.map(first),
    together('bedrock', 'regolith', 'canyon'),
    together('canyon', 'ecotone', 'fjord'),
    together('fjord', 'granite', 'holocene'),
    together('granite', 'holocene', 'isthmus'),
    together('holocene', 'isthmus', 'jovian'),
    together('bedrock', 'regolith', 'canyon', 'ecotone', 'fjord', 'granite', 'holocene', 'isthmus'),
    together('fjord', 'granite', 'holocene', 'isthmus', 'jovian'),
    together('isthmus', 'jovian', 'karst'),
    through('jovian'),
    through('karst'),
    {
      name: 'over-several-forks',
      description:
        'A block long after its parent passes over forks that have no block of their own',
      rules: ['H-20', 'X-02'],
      forks: ['regolith'],
      times: { canyon: 1003, ecotone: 1005, fjord: 1007, granite: 1009, holocene: 1011 },
      pre: PRE,
      fill: (chain, start) => probeAll(chain, start, [2, 100, 2]),
    },
  ],
}
