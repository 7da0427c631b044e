import { BARE, SENDERS, word } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Payload } from '../../payloadHash.ts'
import type { Case, Topic } from '../../topic.ts'

const FORKS: Fork[] = ['bedrock', 'ecotone', 'jovian', 'karst']
const FEW: Fork[] = ['bedrock', 'isthmus', 'karst']

const MALFORMED = -32602

/** A field that is not there, or there too early. */
const presence = (fields: {
  name: string
  description: string
  rules: string[]
  forks: Fork[]
  disputed?: string
  change: (payload: Payload) => void
}): Case => {
  const { change, ...rest } = fields
  return {
    ...rest,
    pre: BARE,
    async fill(chain) {
      const judgement = { errorCode: MALFORMED, isRehashed: false }
      await chain.altered(judgement, {}, ({ payload }) => change(payload))
      await chain.block()
    },
  }
}

/** Parameters beside the payload. */
const parameter = (
  name: string,
  index: number,
  values: unknown[],
  forks: Fork[],
  error?: string,
  disputed?: string,
): Case => ({
  name,
  description: `Parameter ${index} of newPayload is ${values.map((value) => JSON.stringify(value) ?? 'missing').join(' or ')}`,
  rules: error ? ['R-13'] : ['E-03', 'E-04', 'E-08', 'E-37'],
  forks,
  disputed,
  pre: BARE,
  async fill(chain) {
    for (const value of values) {
      const judgement = error ? { error } : { errorCode: MALFORMED }
      await chain.altered({ ...judgement, isRehashed: false }, {}, ({ params }) => {
        if (value === undefined) params.length = index
        else params[index] = value
      })
    }
    await chain.block()
  },
})

const WRONG_NUMBERS = ['0x', '1', 'abc', '0x01', '0xg', '0x10000000000000000', null]
const WRONG_HASHES = ['0x', '0x1234', `0x${'11'.repeat(33)}`, 'x', null]

/** How payloads are judged apart from what is in their block. */
export const payloads: Topic = {
  path: 'engine/payloads',
  cases: [
    {
      name: 'known',
      description: 'A payload that is known is VALID again',
      rules: ['E-34'],
      forks: FEW,
      pre: BARE,
      async fill(chain) {
        const first = await chain.block()
        const again = { isValid: true, isRehashed: false, latestValid: first.blockHash }
        await chain.altered(again, { parent: -1 }, ({ payload }) => {
          Object.assign(payload, first)
        })
        await chain.block()
      },
    },
    {
      name: 'unknown-parent',
      description: 'A payload whose parent is not known is SYNCING',
      rules: ['E-33'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const judgement = { status: 'SYNCING', latestValid: 'none' } as const
        await chain.altered(judgement, {}, ({ payload }) => {
          payload.parentHash = word(0x1234)
        })
        await chain.block()
      },
    },
    {
      name: 'invalid-again',
      description: 'A payload that is invalid stays invalid',
      rules: ['E-35', 'E-32'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const judgement = { error: 'stateRoot', latestValid: 'parent' }
        const bad = await chain.altered(judgement, {}, ({ payload }) => {
          payload.stateRoot = word(1)
        })
        for (let count = 0; count < 3; count++) {
          await chain.altered(judgement, {}, ({ payload }) => Object.assign(payload, bad))
        }
        await chain.block()
      },
    },
    {
      name: 'descendants-of-an-invalid-block',
      description:
        'What descends from an invalid block is invalid, and the latest valid hash is that of the last valid ancestor',
      rules: ['E-35', 'E-32'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const ancestor = chain.head
        let last = await chain.altered(
          { error: 'gasUsed', latestValid: ancestor },
          {},
          ({ payload }) => {
            payload.gasUsed = '0x5209'
          },
        )
        for (let count = 0; count < 2; count++) {
          const parent = last
          const judgement = { error: 'links to an invalid block', latestValid: ancestor }
          last = await chain.altered(judgement, {}, ({ payload }) => {
            payload.parentHash = parent.blockHash
            payload.blockNumber = `0x${(BigInt(`${parent.blockNumber}`) + 1n).toString(16)}`
            payload.timestamp = `0x${(BigInt(`${parent.timestamp}`) + 2n).toString(16)}`
          })
        }
        await chain.block()
      },
    },
    {
      name: 'not-on-the-head',
      description: 'Payloads on any known block are judged, not only those on the head',
      rules: ['E-45', 'E-32'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        for (let count = 0; count < 3; count++) await chain.block()
        for (const parent of [1, -1]) {
          const judgement = { error: 'stateRoot', latestValid: 'parent' }
          await chain.altered(judgement, { parent }, ({ payload }) => {
            payload.stateRoot = word(2)
          })
        }
        await chain.block()
      },
    },
    presence({
      name: 'withdrawals-missing',
      description: 'From Canyon on a payload has `withdrawals`',
      rules: ['X-06', 'E-08', 'E-20'],
      forks: ['canyon', 'ecotone', 'isthmus', 'karst'],
      change: (payload) => Reflect.deleteProperty(payload, 'withdrawals'),
    }),
    presence({
      name: 'withdrawals-null',
      description: 'From Canyon on the `withdrawals` of a payload are not null',
      rules: ['X-06', 'E-08', 'E-20'],
      forks: ['canyon', 'karst'],
      change: (payload) => {
        payload.withdrawals = null
      },
    }),
    presence({
      name: 'withdrawals-too-early',
      description: 'Before Canyon a payload has no `withdrawals`',
      rules: ['X-06', 'E-08'],
      forks: ['bedrock', 'regolith'],
      change: (payload) => {
        payload.withdrawals = []
      },
    }),
    presence({
      name: 'blob-gas-used-missing',
      description: 'From Ecotone on a payload has `blobGasUsed`',
      rules: ['X-10', 'E-08'],
      forks: ['ecotone', 'isthmus', 'jovian', 'karst'],
      change: (payload) => Reflect.deleteProperty(payload, 'blobGasUsed'),
    }),
    presence({
      name: 'excess-blob-gas-missing',
      description: 'From Ecotone on a payload has `excessBlobGas`',
      rules: ['X-10', 'E-08'],
      forks: ['ecotone', 'isthmus', 'karst'],
      change: (payload) => Reflect.deleteProperty(payload, 'excessBlobGas'),
    }),
    presence({
      name: 'blob-gas-used-too-early',
      description: 'Before Ecotone a payload has no `blobGasUsed`',
      rules: ['X-10', 'E-08'],
      forks: ['bedrock', 'canyon'],
      change: (payload) => {
        payload.blobGasUsed = '0x0'
      },
    }),
    presence({
      name: 'withdrawals-root-missing',
      description: 'From Isthmus on a payload has `withdrawalsRoot`',
      rules: ['R-14', 'E-20'],
      forks: ['isthmus', 'jovian', 'karst'],
      disputed: 'withdrawals-root-out-of-place',
      change: (payload) => Reflect.deleteProperty(payload, 'withdrawalsRoot'),
    }),
    presence({
      name: 'withdrawals-root-too-early',
      description: 'Before Isthmus a payload has no `withdrawalsRoot`',
      rules: ['R-14', 'E-20'],
      forks: ['bedrock', 'canyon', 'ecotone', 'holocene'],
      disputed: 'withdrawals-root-out-of-place',
      change: (payload) => {
        payload.withdrawalsRoot =
          '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'
      },
    }),
    parameter('blob-hashes-missing', 1, [undefined, null], ['ecotone', 'isthmus', 'karst']),
    parameter('beacon-root-missing', 2, [undefined, null], ['ecotone', 'isthmus', 'karst']),
    parameter('requests-missing', 3, [undefined, null], ['isthmus', 'jovian', 'karst']),
    parameter(
      'blob-hashes-not-empty',
      1,
      [[`0x01${'00'.repeat(31)}`]],
      ['ecotone', 'isthmus', 'jovian', 'karst'],
      'blob hashes',
    ),
    parameter('requests-not-empty', 3, [['0x01ab']], ['isthmus', 'jovian', 'karst'], 'requests'),
    parameter('request-without-data', 3, [['0x00'], ['0x']], ['isthmus', 'karst']),
    {
      name: 'logs-bloom-of-another-length',
      description: 'A bloom filter that has not 256 bytes is a wrong parameter',
      rules: ['E-37'],
      forks: ['bedrock', 'jovian'],
      disputed: 'logs-bloom-of-another-length',
      pre: BARE,
      async fill(chain) {
        for (const logsBloom of ['0x', '0x1234', `0x${'00'.repeat(257)}`]) {
          const judgement = { errorCode: MALFORMED, isRehashed: false }
          await chain.altered(judgement, {}, ({ payload }) => {
            payload.logsBloom = logsBloom
          })
        }
        await chain.block()
      },
    },
    {
      name: 'malformed',
      description: 'A payload with a field of another form is a wrong parameter',
      rules: ['E-37'],
      forks: ['bedrock', 'jovian'],
      pre: BARE,
      async fill(chain, fork) {
        const numbers = ['blockNumber', 'gasLimit', 'gasUsed', 'timestamp']
        if (isFrom(fork, 'ecotone')) numbers.push('blobGasUsed')
        const hashes = ['parentHash', 'stateRoot', 'receiptsRoot', 'prevRandao', 'blockHash']
        hashes.push('feeRecipient')
        const wrong: [string, unknown][] = [
          ...WRONG_NUMBERS.map((value): [string, unknown] => ['gasUsed', value]),
          ...WRONG_HASHES.map((value): [string, unknown] => ['stateRoot', value]),
          ...numbers.map((name): [string, unknown] => [name, '0x01']),
          ...hashes.map((name): [string, unknown] => [name, '0x1234']),
          ['baseFeePerGas', `0x1${'00'.repeat(32)}`],
          ['extraData', '0x0'],
          ['extraData', null],
          ['transactions', null],
          ['transactions', '0x'],
          ['transactions', ['0x0']],
          ['transactions', ['abc']],
        ]
        const judgement = { errorCode: MALFORMED, isRehashed: false }
        for (const [name, value] of wrong) {
          await chain.altered(judgement, {}, ({ payload }) => {
            Object.assign(payload, { [name]: value })
          })
        }
        for (const name of [...numbers, ...hashes, 'logsBloom', 'extraData', 'transactions']) {
          await chain.altered(judgement, {}, ({ payload }) => {
            Reflect.deleteProperty(payload, name)
          })
        }
        for (const value of [null, [], 'payload', 1]) {
          await chain.altered(judgement, {}, ({ params }) => {
            params[0] = value
          })
        }
        await chain.block({ transactions: [{ to: SENDERS[1] }] })
      },
    },
  ],
}
