import { forkchoiceTo } from '../../../run.ts'
import { BARE, SENDERS } from '../../accounts.ts'
import { type Fork, isFrom } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'

const DISPUTED = 'wrong-method-version'

/** The parameters beside the payload that a version of `engine_newPayload` has. */
const PARAMS: Record<string, number> = { 1: 1, 2: 1, 3: 3, 4: 4 }

/** A payload of a fork by another version. */
const newPayload = (fork: Fork, version: string, disputed?: string): Case => ({
  name: `new-payload-v${version}`,
  description: `Version ${version} of newPayload is not for blocks of ${fork}`,
  rules: ['E-08', 'E-09'],
  forks: [fork],
  disputed,
  pre: BARE,
  async fill(chain) {
    await chain.altered({ errorCode: -38005, newPayloadVersion: version }, {}, ({ params }) => {
      const more = [[], `0x${'0b'.repeat(32)}`, []]
      for (let index = params.length; index < PARAMS[version]; index++) params.push(more[index - 1])
      params.length = PARAMS[version]
    })
    await chain.block()
  },
})

/** Attributes of a fork by another version. */
const forkchoiceUpdated = (fork: Fork, version: string, disputed?: string): Case => ({
  name: `forkchoice-updated-v${version}`,
  description: `Version ${version} of forkchoiceUpdated is not for attributes of ${fork}`,
  rules: ['E-08'],
  forks: [fork],
  disputed,
  pre: BARE,
  async fill(chain) {
    await chain.refused(-38005, {}, version)
    await chain.block()
  },
})

/** Which version of a method is for which fork. */
export const versions: Topic = {
  path: 'engine/versions',
  cases: [
    {
      name: 'of-each-fork',
      description: 'Blocks are built and imported by the versions that op-node uses for their fork',
      rules: ['E-01', 'E-02', 'E-03', 'E-04', 'E-05', 'E-20', 'S-10'],
      pre: BARE,
      async fill(chain, fork) {
        const payload = await chain.block({ transactions: [{ to: SENDERS[1] }] })
        const has = (name: string) => payload[name] !== undefined
        chain.expect('withdrawals', has('withdrawals'), isFrom(fork, 'canyon'))
        chain.expect('blobGasUsed', has('blobGasUsed'), isFrom(fork, 'ecotone'))
        chain.expect('withdrawalsRoot', has('withdrawalsRoot'), isFrom(fork, 'isthmus'))
        await chain.built()
      },
    },
    {
      name: 'without-attributes',
      description: 'Without attributes every version of forkchoiceUpdated is right at every fork',
      rules: ['E-06', 'E-07'],
      forks: ['bedrock', 'canyon', 'ecotone', 'isthmus', 'karst'],
      pre: BARE,
      async fill(chain) {
        for (let count = 0; count < 2; count++) {
          for (const version of ['1', '2', '3']) {
            const state = forkchoiceTo(chain.head)
            await chain.forkchoice({ status: 'VALID' }, state, null, { version })
          }
          await chain.block()
        }
      },
    },
    {
      name: 'version-1-of-new-payload',
      description: 'Payloads of Bedrock and Regolith can also come by version 1',
      rules: ['E-01', 'E-09'],
      forks: ['bedrock', 'regolith'],
      pre: BARE,
      async fill(chain) {
        const judgement = { isValid: true, newPayloadVersion: '1' }
        await chain.altered(judgement, { transactions: [{ to: SENDERS[1] }] })
        await chain.block()
      },
    },
    newPayload('bedrock', '3', DISPUTED),
    newPayload('bedrock', '4', DISPUTED),
    newPayload('canyon', '1', DISPUTED),
    newPayload('canyon', '3', DISPUTED),
    newPayload('canyon', '4', DISPUTED),
    newPayload('ecotone', '1', DISPUTED),
    newPayload('ecotone', '2', DISPUTED),
    newPayload('ecotone', '4'),
    newPayload('isthmus', '2', DISPUTED),
    newPayload('isthmus', '3'),
    newPayload('jovian', '3'),
    newPayload('karst', '3'),
    forkchoiceUpdated('bedrock', '3', DISPUTED),
    forkchoiceUpdated('canyon', '1', DISPUTED),
    forkchoiceUpdated('canyon', '3', DISPUTED),
    forkchoiceUpdated('ecotone', '1', DISPUTED),
    forkchoiceUpdated('ecotone', '2', DISPUTED),
    forkchoiceUpdated('isthmus', '1', DISPUTED),
    forkchoiceUpdated('isthmus', '2', DISPUTED),
    forkchoiceUpdated('karst', '2', DISPUTED),
  ],
}
