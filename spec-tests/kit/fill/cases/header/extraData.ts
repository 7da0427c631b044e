import { BARE } from '../../accounts.ts'
import type { Judgement } from '../../chain.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'

/** A payload with other `extraData`. */
function refused(name: string, extraData: string, forks: Fork[], rules: string[]): Case {
  return {
    name,
    description: `A payload with extraData ${extraData} is not valid`,
    rules: ['B-15', ...rules],
    forks,
    pre: BARE,
    async fill(chain) {
      const judgement: Judgement = { error: `extraData ${extraData}` }
      await chain.altered(judgement, {}, ({ payload }) => {
        payload.extraData = extraData
      })
      await chain.block()
    },
  }
}

/** Attributes of which no block is built. */
function refusedAttributes(
  name: string,
  attributes: Record<string, unknown>,
  forks: Fork[],
  rules: string[],
  disputed?: string,
): Case {
  return {
    name,
    description: `Attributes with ${JSON.stringify(attributes)} are not valid`,
    rules,
    forks,
    disputed,
    pre: BARE,
    async fill(chain) {
      await chain.refused(-38003, { attributes })
      await chain.block()
    },
  }
}

const BEFORE: Fork[] = ['bedrock', 'granite']
const HOLOCENE: Fork[] = ['holocene', 'isthmus']
const JOVIAN: Fork[] = ['jovian', 'karst']

/** The form of `extraData`, and the attributes that it comes from. */
export const extraData: Topic = {
  path: 'header/extra-data',
  cases: [
    {
      name: 'of-the-attributes',
      description: 'extraData has the parameters of the attributes behind the version of its fork',
      rules: ['B-05', 'B-08', 'B-09', 'S-12'],
      forks: ['bedrock', 'granite', 'holocene', 'isthmus', 'jovian', 'karst'],
      pre: BARE,
      async fill(chain, fork) {
        const isJovian = isFrom(fork, 'jovian')
        const isHolocene = isFrom(fork, 'holocene')
        const first = await chain.block()
        const version = isJovian ? '01' : '00'
        const zero = isJovian ? '00'.repeat(8) : ''
        chain.expect(
          'extraData',
          first.extraData,
          isHolocene ? `0x${version}000000fa00000006${zero}` : '0x',
        )
        const attributes = {
          ...(isHolocene && { eip1559Params: '0xfffffffe00000001' }),
          ...(isJovian && { minBaseFee: 0x123456789abc }),
        }
        const second = await chain.block({ attributes })
        const minimum = isJovian ? '0000123456789abc' : ''
        chain.expect(
          'extraData',
          second.extraData,
          isHolocene ? `0x${version}fffffffe00000001${minimum}` : '0x',
        )
      },
    },
    {
      name: 'of-the-genesis',
      description: 'Before Holocene the genesis may have any extraData',
      rules: ['B-08', 'T-39'],
      forks: BEFORE,
      pre: BARE,
      genesis: { extraData: '0x0123456789abcdef0123456789abcdef' },
      async fill(chain) {
        await chain.block()
      },
    },
    {
      name: 'of-the-genesis-makes-the-first-base-fee',
      description: 'The first block has the base fee that the extraData of the genesis makes',
      rules: ['B-08', 'B-04'],
      forks: ['holocene', 'jovian'],
      chain: (fork) => ({
        pre: BARE,
        genesis: {
          gasUsed: '0x1c9c380',
          extraData: isFrom(fork, 'jovian')
            ? '0x01000000080000000200000000000003e8'
            : '0x000000000800000002',
        },
      }),
      async fill(chain) {
        const { baseFeePerGas } = await chain.block()
        chain.expect('baseFeePerGas', baseFeePerGas, '0x430e2340')
      },
    },
    refused('one-byte', '0x00', BEFORE, ['B-08', 'T-39']),
    refused('of-holocene-too-early', '0x00000000fa00000006', BEFORE, ['B-08']),
    refused('of-33-bytes', `0x${'00'.repeat(33)}`, ['bedrock'], ['X-01', 'B-08']),
    refused('missing', '0x', [...HOLOCENE, ...JOVIAN], ['B-05', 'B-09']),
    refused('of-8-bytes', '0x00000000fa000000', HOLOCENE, ['B-05']),
    refused('of-10-bytes', '0x00000000fa0000000600', HOLOCENE, ['B-05']),
    refused('of-version-1', '0x01000000fa00000006', HOLOCENE, ['B-05']),
    refused('of-jovian-too-early', `0x01000000fa00000006${'00'.repeat(8)}`, HOLOCENE, ['B-05']),
    refused('denominator-0', '0x000000000000000006', HOLOCENE, ['B-05']),
    refused('elasticity-0', '0x00000000fa00000000', HOLOCENE, ['B-05']),
    refused('zeros', '0x000000000000000000', HOLOCENE, ['B-05', 'T-27']),
    refused('of-holocene-too-late', '0x00000000fa00000006', JOVIAN, ['B-09']),
    refused('of-16-bytes', `0x01000000fa00000006${'00'.repeat(7)}`, JOVIAN, ['B-09']),
    refused('of-18-bytes', `0x01000000fa00000006${'00'.repeat(9)}`, JOVIAN, ['B-09']),
    refused('of-version-0', `0x00000000fa00000006${'00'.repeat(8)}`, JOVIAN, ['B-09']),
    refused('of-version-2', `0x02000000fa00000006${'00'.repeat(8)}`, JOVIAN, ['B-09']),
    refused('jovian-denominator-0', `0x010000000000000006${'00'.repeat(8)}`, JOVIAN, ['B-09']),
    refused('jovian-elasticity-0', `0x01000000fa00000000${'00'.repeat(8)}`, JOVIAN, ['B-09']),
    refused('jovian-zeros', `0x01${'00'.repeat(16)}`, JOVIAN, ['B-09', 'T-27']),
    refusedAttributes('parameters-too-early', { eip1559Params: '0x000000fa00000006' }, BEFORE, [
      'B-06',
      'R-10',
      'E-28',
    ]),
    refusedAttributes(
      'parameters-missing',
      { eip1559Params: undefined },
      [...HOLOCENE, ...JOVIAN],
      ['B-06', 'R-10', 'E-28', 'T-11'],
    ),
    refusedAttributes('parameters-null', { eip1559Params: null }, ['holocene'], ['B-06', 'E-28']),
    refusedAttributes(
      'parameters-empty',
      { eip1559Params: '0x' },
      ['holocene', 'jovian'],
      ['B-06'],
    ),
    refusedAttributes('parameters-of-7-bytes', { eip1559Params: '0x000000fa000000' }, HOLOCENE, [
      'B-06',
    ]),
    refusedAttributes(
      'parameters-of-9-bytes',
      { eip1559Params: '0x000000fa0000000600' },
      HOLOCENE,
      ['B-06'],
    ),
    refusedAttributes(
      'parameters-with-denominator-0',
      { eip1559Params: '0x0000000000000006' },
      [...HOLOCENE, ...JOVIAN],
      ['B-07', 'T-27', 'E-28'],
    ),
    refusedAttributes(
      'parameters-with-elasticity-0',
      { eip1559Params: '0x000000fa00000000' },
      [...HOLOCENE, ...JOVIAN],
      ['B-07', 'T-27', 'E-28'],
    ),
    refusedAttributes('minimum-missing', { minBaseFee: undefined }, JOVIAN, [
      'B-10',
      'R-10',
      'S-08',
      'E-28',
    ]),
    refusedAttributes('minimum-null', { minBaseFee: null }, JOVIAN, ['B-10', 'R-10', 'E-28']),
    refusedAttributes(
      'minimum-too-early',
      { minBaseFee: 0 },
      ['granite', 'isthmus'],
      ['B-10', 'R-10'],
      'early-min-base-fee',
    ),
    {
      name: 'minimum-in-hex',
      description: '`minBaseFee` may also be written as the specification has it, in hex',
      rules: ['B-10', 'T-09'],
      forks: JOVIAN,
      disputed: 'min-base-fee-in-hex',
      pre: BARE,
      async fill(chain) {
        await chain.block({ attributes: { minBaseFee: '0x3e8' } })
      },
    },
    {
      name: 'minimum-as-a-number',
      description: '`minBaseFee` is written as a number, as op-node does it',
      rules: ['B-10', 'T-09'],
      forks: JOVIAN,
      pre: BARE,
      async fill(chain) {
        const { extraData } = await chain.block({ attributes: { minBaseFee: 1000 } })
        chain.expect('extraData', extraData, '0x01000000fa0000000600000000000003e8')
      },
    },
  ],
}
