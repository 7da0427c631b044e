import { forkchoiceTo } from '../../../run.ts'
import { BARE, SENDERS, word } from '../../accounts.ts'
import type { Fork } from '../../forks.ts'
import type { Topic } from '../../topic.ts'

const FORKS: Fork[] = ['bedrock', 'isthmus', 'karst']
const FEW: Fork[] = ['canyon', 'karst']

const ZERO = word(0)
const UNKNOWN = word(0x1234)

const state = (
  headBlockHash: unknown,
  safeBlockHash: unknown = ZERO,
  finalizedBlockHash: unknown = ZERO,
) => ({
  headBlockHash,
  safeBlockHash,
  finalizedBlockHash,
})

const VALID = { status: 'VALID' } as const
const OFF_CHAIN = { errorCode: -38002 }

/** Heads, labels, and branches. */
export const forkchoice: Topic = {
  path: 'engine/forkchoice',
  cases: [
    {
      name: 'unknown-head',
      description: 'A head that is not known is SYNCING, and the chain stays',
      rules: ['E-26'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        await chain.forkchoice({ status: 'SYNCING' }, forkchoiceTo(UNKNOWN))
        await chain.block()
        await chain.forkchoice({ status: 'SYNCING' }, forkchoiceTo(UNKNOWN))
      },
    },
    {
      name: 'zero-head',
      description: 'The zero hash as head is INVALID, and the chain stays',
      rules: ['E-36'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.forkchoice({ status: 'INVALID' }, forkchoiceTo(ZERO))
      },
    },
    {
      name: 'invalid-head',
      description: 'A head that is known to be invalid is INVALID',
      rules: ['E-29', 'E-35'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        const bad = await chain.altered({ error: 'stateRoot' }, {}, ({ payload }) => {
          payload.stateRoot = word(1)
        })
        await chain.forkchoice({ status: 'INVALID' }, forkchoiceTo(bad.blockHash))
        await chain.block()
      },
    },
    {
      name: 'ancestor-as-head',
      description: 'An ancestor of the head as head is VALID, and the chain stays as it is',
      rules: ['E-39', 'T-12'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        const hashes = [chain.head]
        for (let count = 0; count < 3; count++) {
          await chain.block()
          hashes.push(chain.head)
        }
        for (const hash of [hashes[2], hashes[0], hashes[1]]) {
          await chain.forkchoice(VALID, forkchoiceTo(hash))
        }
      },
    },
    {
      name: 'builds-on-an-ancestor',
      description: 'A block is built on an ancestor of the head, which stays until it is chosen',
      rules: ['E-39', 'E-40', 'S-11', 'T-12'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        for (let count = 0; count < 5; count++) await chain.block()
        for (const parent of [3, 0, -1]) await chain.built({ parent })
      },
    },
    {
      name: 'refused-attributes-on-an-ancestor',
      description: 'Attributes on an ancestor that are refused leave the chain as it is',
      rules: ['E-39', 'E-28', 'T-12'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        for (let count = 0; count < 3; count++) await chain.block()
        const transactions = [{ to: SENDERS[1], nonce: 9n }]
        await chain.refused(-38003, { parent: 0, transactions })
        await chain.refused(-38003, { parent: -1, attributes: { gasLimit: undefined } })
      },
    },
    {
      name: 'deposits-alone-on-an-ancestor',
      description: 'The chain changes when what was built on an ancestor becomes the head',
      rules: ['E-39', 'E-45', 'S-02', 'S-11'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        for (let count = 0; count < 3; count++) await chain.block()
        const transactions = [{ to: SENDERS[1], nonce: 9n }]
        await chain.refused(-38003, { parent: 0, transactions })
        await chain.block({ parent: 0 })
      },
    },
    {
      name: 'to-a-branch-and-back',
      description: 'The chain changes to another branch, and back to the first',
      rules: ['E-45'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        const transactions = [{ to: SENDERS[1], value: 1n }]
        await chain.block({ transactions })
        await chain.block({ transactions })
        await chain.block({ transactions })
        const first = chain.head
        await chain.block({ parent: 0, transactions })
        await chain.block({ transactions })
        const second = chain.head
        await chain.forkchoice(VALID, forkchoiceTo(first))
        await chain.forkchoice(VALID, forkchoiceTo(second))
        await chain.forkchoice(VALID, forkchoiceTo(first))
        await chain.block({ parent: 2, transactions })
      },
    },
    {
      name: 'a-shorter-branch',
      description: 'A branch may be shorter than the one before, and begin at the genesis',
      rules: ['E-45', 'E-40'],
      forks: FORKS,
      pre: BARE,
      async fill(chain) {
        for (let count = 0; count < 6; count++) await chain.block()
        await chain.block({ parent: -1 })
        await chain.block()
      },
    },
    {
      name: 'labels',
      description: 'Labels move with the chain; the safe one may move back; zero leaves them',
      rules: ['E-42', 'E-43'],
      forks: FORKS,
      isAlone: true,
      pre: BARE,
      async fill(chain) {
        const hashes = [chain.head]
        for (let count = 0; count < 4; count++) {
          await chain.block()
          hashes.push(chain.head)
        }
        await chain.forkchoice(VALID, state(hashes[4], hashes[3], hashes[1]))
        await chain.forkchoice(VALID, state(hashes[4], hashes[2], ZERO))
        await chain.forkchoice(VALID, state(hashes[4], ZERO, hashes[2]))
        await chain.forkchoice(VALID, state(hashes[4], hashes[4], hashes[4]))
        await chain.forkchoice(VALID, state(hashes[4]))
        await chain.block()
      },
    },
    {
      name: 'safe-block-unknown',
      description: 'A safe block that is not known is refused, and the chain stays',
      rules: ['E-27'],
      forks: FORKS,
      isAlone: true,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.forkchoice(OFF_CHAIN, state(chain.head, UNKNOWN))
        await chain.block()
      },
    },
    {
      name: 'finalized-block-unknown',
      description: 'A finalized block that is not known is refused, and the chain stays',
      rules: ['E-27'],
      forks: FORKS,
      isAlone: true,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.forkchoice(OFF_CHAIN, state(chain.head, ZERO, UNKNOWN))
        await chain.block()
      },
    },
    {
      name: 'labels-on-another-branch',
      description: 'Labels on another branch than the head are refused',
      rules: ['E-27'],
      forks: FORKS,
      isAlone: true,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.block()
        const other = chain.head
        await chain.block({ parent: 0 })
        await chain.forkchoice(OFF_CHAIN, state(chain.head, other))
        await chain.forkchoice(OFF_CHAIN, state(chain.head, ZERO, other))
        await chain.block()
      },
    },
    {
      name: 'bad-label-with-a-new-head',
      description: 'Where a label is refused, the head is not changed either',
      rules: ['E-27', 'T-47'],
      forks: FORKS,
      isAlone: true,
      disputed: 'bad-label-with-a-new-head',
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.block()
        const other = chain.head
        await chain.block({ parent: 0 })
        await chain.forkchoice(OFF_CHAIN, state(other, UNKNOWN))
        await chain.forkchoice(OFF_CHAIN, state(other, ZERO, UNKNOWN))
      },
    },
    {
      name: 'safe-block-above-the-head',
      description:
        'A safe block on the present chain, but above the given head, is not on its chain',
      rules: ['E-27', 'E-39'],
      forks: FORKS,
      isAlone: true,
      disputed: 'safe-label-off-chain',
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const ancestor = chain.head
        await chain.block()
        await chain.forkchoice(OFF_CHAIN, state(ancestor, chain.head))
        await chain.block()
      },
    },
    {
      name: 'head-below-the-finalized-block',
      description:
        'A head below the finalized block is refused, also where a later call has no label',
      rules: ['E-38', 'E-43'],
      forks: FEW,
      isAlone: true,
      disputed: 'head-below-the-finalized-block',
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const ancestor = chain.head
        await chain.block()
        await chain.forkchoice(VALID, state(chain.head, chain.head, chain.head))
        await chain.forkchoice(OFF_CHAIN, state(ancestor))
        await chain.block()
      },
    },
    {
      name: 'labels-with-attributes',
      description: 'Labels are set in the call that builds, and refused attributes leave them set',
      rules: ['E-43', 'E-28', 'E-30'],
      forks: FORKS,
      isAlone: true,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const { attributes } = chain.attributes()
        await chain.forkchoice(VALID, state(chain.head, chain.head, chain.head), attributes)
        const refused = { ...attributes, gasLimit: undefined }
        await chain.forkchoice({ errorCode: -38003 }, state(chain.head, chain.head), refused)
        await chain.block()
      },
    },
    {
      name: 'malformed',
      description: 'A forkchoice state of another form is a wrong parameter',
      rules: ['E-37'],
      forks: FEW,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        const wrong = { errorCode: -32602 }
        await chain.forkchoice(wrong, state('0x1234'))
        await chain.forkchoice(wrong, state(chain.head, '0x'))
        await chain.forkchoice(wrong, state(chain.head, ZERO, `${ZERO}00`))
        await chain.forkchoice(wrong, state(chain.head, ZERO, 0))
        await chain.forkchoice(wrong, state(chain.head.slice(2)))
        await chain.block()
      },
    },
    {
      name: 'upper-case',
      description: 'Hex may be written in upper case',
      rules: ['E-37'],
      forks: FEW,
      pre: BARE,
      async fill(chain) {
        await chain.block()
        await chain.forkchoice(VALID, forkchoiceTo(`0x${chain.head.slice(2).toUpperCase()}`))
      },
    },
  ],
}
