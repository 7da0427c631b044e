import { sourceHash } from 'ethereumjs-op'
import { bytesToHex, utf8ToBytes } from 'ethereumjs-op/ethereumjs'
import {
  BEACON_ROOTS,
  HISTORY,
  L1_BLOCK,
  SENDERS,
  createPre,
  l1Block,
  word,
} from '../../accounts.ts'
import { assemble, deployer } from '../../assemble.ts'
import type { Fork } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { type DepositFields, deposit } from '../../transactions.ts'

const ZERO = `0x${'00'.repeat(20)}`
const GAS_PRICE_ORACLE = '0x420000000000000000000000000000000000000f'

/** Where L1Block's proxy has its first implementation. */
const OLD_L1_BLOCK = '0xc0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d30015'

/** Slot of the implementation behind a proxy (ERC-1967). */
const IMPLEMENTATION = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc'

/** A proxy that the zero address can upgrade: `upgradeTo(address)`, and else a call of what is behind. */
const PROXY = (() => {
  const upgrade = assemble(`4 CALLDATALOAD ${IMPLEMENTATION} SSTORE STOP`)
  const decide = '0 CALLDATALOAD 0xe0 SHR 0x3659cfe6 EQ CALLER ISZERO AND'
  const forward = `CALLDATASIZE 0 0 CALLDATACOPY 0 0 CALLDATASIZE 0 ${IMPLEMENTATION} SLOAD GAS DELEGATECALL`
  const finish = 'RETURNDATASIZE 0 0 RETURNDATACOPY'
  const end = (target: number) => `:60${target.toString(16).padStart(2, '0')} JUMPI`
  const length = (code: string) => (code.length - 2) / 2
  const build = (toUpgrade: number, toReturn: number) => {
    const head = assemble(
      `${decide} ${end(toUpgrade)} ${forward} ${finish} ${end(toReturn)} RETURNDATASIZE 0 REVERT`,
    )
    const returning = assemble('JUMPDEST RETURNDATASIZE 0 RETURN')
    const parts = [head, returning, assemble('JUMPDEST'), upgrade].map((code) => code.slice(2))
    return {
      code: `0x${parts.join('')}`,
      toReturn: length(head),
      toUpgrade: length(head) + length(returning),
    }
  }
  const { toUpgrade, toReturn } = build(0, 0)
  return build(toUpgrade, toReturn).code
})()

const L1_BLOCK_CODE = l1Block().code

/** Code of the contracts of EIP-4788 and EIP-2935. */
const { [BEACON_ROOTS]: beaconRoots, [HISTORY]: history } = createPre('isthmus')

/** Init code of those two, as their EIPs have it. */
const systemInitcode = (code: string) =>
  `0x60${((code.length - 2) / 2).toString(16)}8060095f395ff3${code.slice(2)}`

/** An upgrade deposit, whose source hash comes from what it is for (D-05). */
const upgrade = (intent: string, fields: DepositFields) =>
  deposit({ to: null, ...fields, sourceHash: bytesToHex(sourceHash(2, utf8ToBytes(intent))) })

/** The call that gives a proxy a new implementation. */
const upgradeTo = (intent: string, proxy: string, implementation: string) =>
  upgrade(intent, {
    from: ZERO,
    to: proxy,
    gas: 50_000n,
    data: `0x3659cfe6${'00'.repeat(12)}${implementation.slice(2)}`,
  })

/** The deposits of a fork, and the address at which it puts L1Block. */
interface Upgrade {
  before: Fork
  fork: Fork
  deposits: string[]
  /** Of L1Block; none if it stays. */
  implementation?: string
}

const deployL1Block = (fork: string, from: string) =>
  // The code of each fork is here the one of today, which takes the calls of all.
  upgrade(`${fork}: L1 Block Deployment`, {
    from,
    gas: 2_000_000n,
    data: deployer(L1_BLOCK_CODE),
  })

const setFork = (fork: string, selector: string) =>
  upgrade(`${fork}: Gas Price Oracle Set ${fork}`, {
    to: GAS_PRICE_ORACLE,
    gas: 90_000n,
    data: selector,
  })

const ECOTONE_L1_BLOCK = '0x07dbe8500fc591d1852b76fee44d5a05e13097ff'
const ISTHMUS_L1_BLOCK = '0xff256497d61dcd71a9e9ff43967c13fde1f72d12'
const JOVIAN_L1_BLOCK = '0x3ba4007f5c922fbb33c454b41ea7a1f11e83df2c'

const UPGRADES: Upgrade[] = [
  {
    before: 'canyon',
    fork: 'ecotone',
    implementation: ECOTONE_L1_BLOCK,
    deposits: [
      deployL1Block('Ecotone', '0x4210000000000000000000000000000000000000'),
      upgradeTo('Ecotone: L1 Block Proxy Update', L1_BLOCK, ECOTONE_L1_BLOCK),
      setFork('Ecotone', '0x22b90ab3'),
      upgrade('Ecotone: beacon block roots contract deployment', {
        from: '0x0b799c86a49deeb90402691f1041aa3af2d3c875',
        gas: 250_000n,
        data: systemInitcode(beaconRoots.code),
      }),
    ],
  },
  {
    before: 'ecotone',
    fork: 'fjord',
    deposits: [
      upgradeTo('Fjord: Gas Price Oracle Proxy Update', GAS_PRICE_ORACLE, ECOTONE_L1_BLOCK),
      setFork('Fjord', '0x8e98b106'),
    ],
  },
  {
    before: 'holocene',
    fork: 'isthmus',
    implementation: ISTHMUS_L1_BLOCK,
    deposits: [
      deployL1Block('Isthmus', '0x4210000000000000000000000000000000000003'),
      upgradeTo('Isthmus: L1 Block Proxy Update', L1_BLOCK, ISTHMUS_L1_BLOCK),
      setFork('Isthmus', '0x291b0383'),
      upgrade('Isthmus: EIP-2935 Contract Deployment', {
        from: '0x3462413af4609098e1e27a490f554f260213d685',
        gas: 250_000n,
        data: systemInitcode(history.code),
      }),
    ],
  },
  {
    before: 'isthmus',
    fork: 'jovian',
    implementation: JOVIAN_L1_BLOCK,
    deposits: [
      deployL1Block('Jovian', '0x4210000000000000000000000000000000000006'),
      upgradeTo('Jovian: L1 Block Proxy Update', L1_BLOCK, JOVIAN_L1_BLOCK),
      setFork('Jovian', '0xb3d72079'),
    ],
  },
]

/** Predeploys behind proxies. */
const PRE = {
  [L1_BLOCK]: {
    nonce: '0x1',
    code: PROXY,
    storage: { [IMPLEMENTATION]: word(BigInt(OLD_L1_BLOCK)) },
  },
  [OLD_L1_BLOCK]: { nonce: '0x1', code: L1_BLOCK_CODE },
  [GAS_PRICE_ORACLE]: { nonce: '0x1', code: PROXY },
}

const upgradeCase = ({ before, fork, deposits, implementation }: Upgrade): Case => ({
  name: `to-${fork}`,
  description: `The deposits with which op-node upgrades predeploys in the first block of ${fork}, with short contracts`,
  rules: [
    'I-08',
    'D-04',
    'D-05',
    'F-07',
    ...(fork === 'ecotone' ? ['I-03'] : []),
    ...(fork === 'isthmus' ? ['I-04'] : []),
  ],
  forks: [before],
  times: { [fork]: 1004 } as Case['times'],
  pre: PRE,
  l1: { operatorFeeScalar: 1_000_000n, operatorFeeConstant: 7n },
  async fill(chain) {
    const transactions = [{ to: SENDERS[1], value: 1n }]
    await chain.block({ transactions })
    await chain.block({ transactions: deposits })
    await chain.expectReceipts(...deposits.map(() => ({ status: 1 })))
    if (implementation) {
      const storage = { [IMPLEMENTATION]: BigInt(implementation) }
      await chain.expectState({ [L1_BLOCK]: { storage }, [implementation]: { nonce: 1n } })
    }
    await chain.block({ transactions })
    const parent = BigInt(chain.head)
    await chain.block({ transactions })
    if (fork === 'ecotone') {
      await chain.expectState({
        [BEACON_ROOTS]: { storage: { 1004: 0n, 1006: 1006n, 1008: 1008n } },
      })
    }
    if (fork === 'isthmus') {
      const storage = { 1: 0n, 3: parent }
      await chain.expectState({ [HISTORY]: { storage } })
    }
  },
})

/** Upgrade deposits. */
export const upgrades: Topic = {
  path: 'transitions/upgrades',
  cases: UPGRADES.map(upgradeCase),
}
