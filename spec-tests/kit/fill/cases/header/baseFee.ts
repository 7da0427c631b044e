import { BARE, CONTRACT, SENDERS, l1Block } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { BlockFields, VectorChain } from '../../chain.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { deposit, l1AttributesData } from '../../transactions.ts'

const GAS_LIMIT = 30_000_000n

/** The contract at CONTRACT spends all gas. */
const BURNING = { ...BARE, [CONTRACT]: { code: assemble('INVALID') } }

/** So that the first block has the base fee of the genesis: a sixth of the gas limit is used. */
const AT_TARGET = { gasUsed: '0x4c4b40' }

const hex = (value: bigint | number) => `0x${value.toString(16)}`

/** `eip1559Params`. */
const params = (denominator: number, elasticity: number) =>
  `0x${[denominator, elasticity].map((part) => part.toString(16).padStart(8, '0')).join('')}`

/** A block with exactly this gas used, in one deposit. */
function using(fork: Fork, gas: bigint, fields: BlockFields = {}): BlockFields {
  // op-geth reads the scalar of the DA footprint in the first deposit.
  const transactions = [deposit({ to: CONTRACT, gas, data: l1AttributesData(fork) })]
  return { hasL1Attributes: false, transactions, ...fields }
}

/** Builds a block and checks its base fee in wei. */
async function expectFee(chain: VectorChain, wei: bigint, fields: BlockFields = {}) {
  const { baseFeePerGas } = await chain.block(fields)
  chain.expect('baseFeePerGas', BigInt(`${baseFeePerGas}`), wei)
}

/** Forks in which something of the base fee changes. */
const FORKS: Fork[] = ['bedrock', 'canyon', 'holocene', 'jovian', 'karst']

/** A block that uses some gas, and the base fee of the one after it. */
function afterBlock(
  name: string,
  description: string,
  gas: bigint,
  fees: { bedrock: bigint; canyon: bigint },
): Case {
  return {
    name,
    description,
    rules: ['B-01', 'B-03', 'B-18'],
    forks: FORKS,
    pre: BURNING,
    genesis: AT_TARGET,
    async fill(chain, fork) {
      await expectFee(chain, 1_000_000_000n, using(fork, gas))
      await expectFee(chain, isFrom(fork, 'canyon') ? fees.canyon : fees.bedrock)
    },
  }
}

/** A chain with a base fee in its genesis, and that of the block after a full or an almost empty one. */
function fromFee(name: string, before: bigint, gas: bigint, after: bigint): Case {
  return {
    name,
    description: `The base fee of ${before} wei becomes ${after} after a block with ${gas} gas`,
    rules: ['B-03', 'B-18'],
    forks: ['canyon', 'karst'],
    pre: BURNING,
    genesis: { ...AT_TARGET, baseFeePerGas: hex(before) },
    async fill(chain, fork) {
      await expectFee(chain, before, using(fork, gas))
      await expectFee(chain, after)
    },
  }
}

/** A chain with other parameters in its config. */
function withConfig(
  name: string,
  optimism: Record<string, number>,
  fees: { bedrock: bigint; canyon: bigint },
): Case {
  return {
    name,
    description: `The parameters of the base fee are those of the config: ${name}`,
    rules: ['B-01', 'B-03'],
    forks: ['regolith', 'canyon', 'granite'],
    pre: BURNING,
    optimism,
    genesis: { gasUsed: hex(GAS_LIMIT / BigInt(optimism.eip1559Elasticity)) },
    async fill(chain, fork) {
      await expectFee(chain, 1_000_000_000n, using(fork, GAS_LIMIT))
      await expectFee(chain, isFrom(fork, 'canyon') ? fees.canyon : fees.bedrock)
    },
  }
}

/** Parameters in the attributes of a full block, and the base fee of the one after it. */
function withParams(name: string, eip1559Params: string, fee: bigint, gas = GAS_LIMIT): Case {
  return {
    name,
    description: `The parameters in a block's extraData hold for the block after it: ${name}`,
    rules: ['B-04', 'B-05', 'B-06', 'H-08'],
    forks: ['holocene', 'jovian', 'karst'],
    pre: BURNING,
    genesis: AT_TARGET,
    async fill(chain, fork) {
      const fields = { attributes: { eip1559Params } }
      await expectFee(chain, 1_000_000_000n, using(fork, gas, fields))
      await expectFee(chain, fee)
    },
  }
}

const JOVIAN: Fork[] = ['jovian', 'karst']

/** The base fee: EIP-1559 with parameters of the config or of the parent's extraData. */
export const baseFee: Topic = {
  path: 'header/base-fee',
  cases: [
    afterBlock('at-the-target', 'A sixth of the gas limit leaves the base fee', 5_000_000n, {
      bedrock: 1_000_000_000n,
      canyon: 1_000_000_000n,
    }),
    afterBlock('one-above-the-target', 'It rises by 1 wei at least', 5_000_001n, {
      bedrock: 1_000_000_004n,
      canyon: 1_000_000_001n,
    }),
    afterBlock('one-below-the-target', 'It falls by nothing where that is rounded', 4_999_999n, {
      bedrock: 999_999_996n,
      canyon: 1_000_000_000n,
    }),
    afterBlock('full', 'It rises by five times a 50th, from Canyon on a 250th', GAS_LIMIT, {
      bedrock: 1_100_000_000n,
      canyon: 1_020_000_000n,
    }),
    afterBlock('almost-empty', 'It falls by a 50th, from Canyon on a 250th, at most', 50_000n, {
      bedrock: 980_200_000n,
      canyon: 996_040_000n,
    }),
    fromFee('rises-from-0', 0n, GAS_LIMIT, 1n),
    fromFee('stays-at-0', 0n, 100_000n, 0n),
    fromFee('rises-from-1', 1n, 5_000_001n, 2n),
    fromFee('does-not-fall-from-249', 249n, 100_000n, 249n),
    fromFee('falls-from-300', 300n, 100_000n, 299n),
    fromFee('of-64-bits', 2n ** 63n, GAS_LIMIT, (2n ** 63n * 51n) / 50n),
    withConfig(
      'elasticity-2',
      { eip1559Elasticity: 2, eip1559Denominator: 8, eip1559DenominatorCanyon: 16 },
      {
        bedrock: 1_125_000_000n,
        canyon: 1_062_500_000n,
      },
    ),
    withConfig(
      'elasticity-10',
      { eip1559Elasticity: 10, eip1559Denominator: 50, eip1559DenominatorCanyon: 50 },
      {
        bedrock: 1_180_000_000n,
        canyon: 1_180_000_000n,
      },
    ),
    withConfig(
      'elasticity-7-which-leaves-a-rest',
      { eip1559Elasticity: 7, eip1559Denominator: 50, eip1559DenominatorCanyon: 250 },
      {
        // 25,714,286 · 10⁹ / 4,285,714 = 6,000,000,466
        bedrock: 1_120_000_009n,
        canyon: 1_024_000_001n,
      },
    ),
    withParams('denominator-8-elasticity-2', params(8, 2), 1_125_000_000n),
    withParams('denominator-1-elasticity-1', params(1, 1), 1_000_000_000n),
    withParams('denominator-1-elasticity-6', params(1, 6), 6_000_000_000n),
    withParams('denominator-1-and-almost-no-gas', params(1, 1), 1_666_667n, 50_000n),
    withParams('greatest-denominator', params(2 ** 32 - 1, 6), 1_000_000_001n),
    withParams('zeros-stand-for-the-config', params(0, 0), 1_020_000_000n),
    {
      name: 'parameters-change-in-every-block',
      description: 'Each block has the base fee that the extraData of its parent makes',
      rules: ['B-04', 'B-07', 'S-12'],
      forks: ['holocene', 'isthmus', 'jovian', 'karst'],
      pre: BURNING,
      genesis: AT_TARGET,
      async fill(chain, fork) {
        const full = (denominator: number, elasticity: number) =>
          using(fork, GAS_LIMIT, {
            attributes: { eip1559Params: params(denominator, elasticity) },
          })
        await expectFee(chain, 1_000_000_000n, full(10, 2))
        await expectFee(chain, 1_100_000_000n, full(0, 0))
        await expectFee(chain, 1_122_000_000n, full(5, 3))
        await expectFee(chain, 1_570_800_000n, full(0, 0))
      },
    },
    {
      name: 'zeros-stand-for-another-config',
      description: 'Zero parameters become the Canyon denominator and elasticity of the config',
      rules: ['B-07', 'T-27'],
      forks: ['holocene', 'jovian'],
      pre: BURNING,
      genesis: AT_TARGET,
      optimism: { eip1559Elasticity: 3, eip1559Denominator: 7, eip1559DenominatorCanyon: 100 },
      async fill(chain, fork) {
        const { extraData } = await chain.block(using(fork, GAS_LIMIT))
        const version = isFrom(fork, 'jovian') ? 1 : 0
        const rest = isFrom(fork, 'jovian') ? '00'.repeat(8) : ''
        chain.expect('extraData', extraData, `0x0${version}0000006400000003${rest}`)
        await expectFee(chain, 1_020_000_000n)
      },
    },
    {
      name: 'of-a-gas-limit-that-changes',
      description: 'The target is that of the gas limit of the parent, whatever the next one is',
      rules: ['B-03', 'B-14', 'H-18'],
      forks: ['bedrock', 'karst'],
      pre: BURNING,
      genesis: AT_TARGET,
      async fill(chain, fork) {
        const limit = (gasLimit: bigint) => ({ attributes: { gasLimit: hex(gasLimit) } })
        await expectFee(chain, 1_000_000_000n, using(fork, 10_000_000n, limit(60_000_000n)))
        await expectFee(chain, 1_000_000_000n, using(fork, 60_000_000n, limit(360_000_000n)))
        await expectFee(chain, 1_000_000_000n, limit(30_000_000n))
      },
    },
    {
      name: 'minimum',
      description: 'The `minBaseFee` of a block is the least that the one after it has',
      rules: ['B-11', 'B-09', 'B-10', 'H-11', 'T-26'],
      forks: JOVIAN,
      pre: BURNING,
      genesis: AT_TARGET,
      async fill(chain, fork) {
        const attributes = { minBaseFee: 2_000_000_000 }
        await expectFee(chain, 1_000_000_000n, using(fork, 5_000_000n, { attributes }))
        await expectFee(chain, 2_000_000_000n, using(fork, 5_000_000n, { attributes }))
        await expectFee(chain, 2_000_000_000n, using(fork, GAS_LIMIT, { attributes }))
        // Above it, it plays no part.
        await expectFee(chain, 2_040_000_000n, using(fork, 50_000n))
        await expectFee(chain, 2_031_921_600n)
      },
    },
    {
      name: 'minimum-of-64-bits',
      description: 'The greatest `minBaseFee` is as good as any other',
      rules: ['B-09', 'B-11'],
      forks: JOVIAN,
      pre: BARE,
      async fill(chain) {
        await chain.altered({ isValid: true }, {}, ({ payload }) => {
          payload.extraData = `0x01000000fa00000006${'ff'.repeat(8)}`
        })
        await expectFee(chain, 2n ** 64n - 1n)
        await chain.block()
      },
    },
    {
      name: 'minimum-of-1-wei',
      description: 'It lifts a base fee of 0',
      rules: ['B-11'],
      forks: JOVIAN,
      pre: BARE,
      genesis: { ...AT_TARGET, baseFeePerGas: '0x0' },
      async fill(chain) {
        await expectFee(chain, 0n, { attributes: { minBaseFee: 1 } })
        await expectFee(chain, 1n)
      },
    },
    {
      name: 'of-the-da-footprint',
      description: 'Where the DA footprint is greater than the gas used, it makes the base fee',
      rules: ['B-11', 'T-23', 'T-24', 'X-11'],
      forks: JOVIAN,
      pre: l1OfScalar(65_535n),
      genesis: AT_TARGET,
      l1: { daFootprintGasScalar: 65_535n },
      async fill(chain) {
        const transactions = [{ to: SENDERS[1] }]
        const { blobGasUsed } = await chain.block({ transactions })
        // 100 bytes
        chain.expect('blobGasUsed', blobGasUsed, hex(6_553_500))
        await expectFee(chain, 1_001_242_800n, { transactions: [...transactions, ...transactions] })
        await expectFee(chain, 1_007_736_460n)
      },
    },
    {
      name: 'of-gas-above-the-da-footprint',
      description: 'Where the gas used is greater than the DA footprint, it makes the base fee',
      rules: ['B-11'],
      forks: JOVIAN,
      pre: { ...l1OfScalar(1n), [CONTRACT]: { code: assemble('INVALID') } },
      genesis: AT_TARGET,
      l1: { daFootprintGasScalar: 1n },
      async fill(chain, fork) {
        const burn = deposit({
          to: CONTRACT,
          gas: 29_000_000n,
          data: l1AttributesData(fork, { daFootprintGasScalar: 1n }),
        })
        const transactions = [burn, { to: SENDERS[1], gasLimit: 21_000n }]
        await expectFee(chain, 1_000_000_000n, { hasL1Attributes: false, transactions })
        await expectFee(chain, 1_019_216_800n)
      },
    },
    {
      name: 'no-block-follows-where-the-gas-target-is-zero',
      description: 'An elasticity above the gas limit: after a block with gas there is no base fee',
      rules: ['B-01', 'B-05'],
      forks: ['holocene', 'jovian', 'karst'],
      disputed: 'no-gas-target',
      pre: BARE,
      async fill(chain) {
        await chain.block({ attributes: { eip1559Params: params(1, 2 ** 32 - 1) } })
        await chain.refused(-38003, {})
      },
    },
  ],
}

/** L1Block of another DA footprint scalar, which forgets what it is told. */
function l1OfScalar(daFootprintGasScalar: bigint) {
  const [address] = Object.keys(BARE)
  return { [address]: { ...l1Block({ daFootprintGasScalar }), code: '0x00' } }
}
