import { secp256k1 } from '@noble/curves/secp256k1.js'
import { type NestedUint8Array, RLP, bytesToHex, concatBytes } from 'ethereumjs-op/ethereumjs'
import { BARE, CONTRACT, NOBODY, bytes, word } from '../../accounts.ts'
import type { Fork } from '../../forks.ts'
import type { Case, Topic } from '../../topic.ts'
import { authorize, signed } from '../../transactions.ts'

const N = secp256k1.Point.Fn.ORDER
const FORKS: Fork[] = ['bedrock', 'jovian', 'karst']

const plain = { to: NOBODY, gasLimit: 60_000n, value: 300n, nonce: 0 }
const LEGACY = signed({ ...plain, type: 0 })
const ACCESS = signed({
  ...plain,
  type: 1,
  accessList: [{ address: CONTRACT, storageKeys: [word(1)] }],
})
const DYNAMIC = signed({ ...plain, type: 2 })

/** The transaction with its list of fields changed, and encoded again without any checks. */
function change(raw: string, alter: (fields: NestedUint8Array) => void): string {
  const all = bytes(raw)
  const type = all[0] < 0x80 ? all.subarray(0, 1) : new Uint8Array()
  const fields = RLP.decode(all.subarray(type.length)) as NestedUint8Array
  alter(fields)
  return bytesToHex(concatBytes(type, RLP.encode(fields)))
}

/** The transaction with some of its last fields in other bytes: `v`, `r` and `s` by place from the end. */
const resign = (raw: string, values: Record<number, string>) =>
  change(raw, (fields) => {
    for (const [place, hex] of Object.entries(values))
      fields[fields.length - Number(place)] = bytes(hex)
  })

/** s and y of the other signature that stands for the same, without canonical form. */
function withHighS(raw: string): string {
  return change(raw, (fields) => {
    const [v, , s] = fields.slice(-3) as Uint8Array[]
    fields[fields.length - 1] = bytes(word(N - BigInt(bytesToHex(s))))
    fields[fields.length - 3] = v.length === 0 ? Uint8Array.of(1) : new Uint8Array()
  })
}

const empty = '0x'
const [V, R, S] = [3, 2, 1]

/** Encodings that no transaction has, by what is wrong. */
const MALFORMED: Record<string, string> = {
  'no-bytes-behind-the-type': '0x02',
  'an-empty-list': '0x02c0',
  'an-empty-legacy-list': '0xc0',
  'a-type-of-5': `0x05${DYNAMIC.slice(4)}`,
  'a-type-of-0': `0x00${LEGACY.slice(2)}`,
  'a-type-of-0x7d': `0x7d${DYNAMIC.slice(4)}`,
  'a-type-of-0x7f': `0x7f${DYNAMIC.slice(4)}`,
  'a-string-around-it': bytesToHex(RLP.encode(bytes(DYNAMIC))),
  'a-byte-behind': `${DYNAMIC}00`,
  'a-byte-behind-a-legacy-one': `${LEGACY}00`,
  'a-byte-missing': DYNAMIC.slice(0, -2),
  'a-field-missing': change(DYNAMIC, (fields) => fields.pop()),
  'a-field-too-many': change(DYNAMIC, (fields) => fields.push(new Uint8Array())),
  'a-field-missing-of-a-legacy-one': change(LEGACY, (fields) => fields.pop()),
  'a-zero-before-the-value': signed({
    ...plain,
    change: (fields) => {
      fields[6] = bytes('0x00012c')
    },
  }),
  'a-nonce-of-one-zero-byte': signed({
    ...plain,
    change: (fields) => {
      fields[1] = bytes('0x00')
    },
  }),
  'a-recipient-of-19-bytes': signed({
    ...plain,
    change: (fields) => {
      fields[5] = bytes(`0x${'11'.repeat(19)}`)
    },
  }),
  'a-gas-limit-of-nine-bytes': signed({ ...plain, gasLimit: 2n ** 64n }),
  'a-value-of-33-bytes': signed({ ...plain, value: 2n ** 256n }),
  'a-slot-of-31-bytes': signed({
    ...plain,
    type: 1,
    accessList: [{ address: CONTRACT, storageKeys: [`0x${'11'.repeat(31)}`] }],
  }),
  'an-access-list-that-is-a-string': signed({
    ...plain,
    type: 1,
    change: (fields) => {
      fields[7] = bytes('0x')
    },
  }),
  'an-address-of-21-bytes-in-the-access-list': signed({
    ...plain,
    type: 1,
    accessList: [{ address: `0x${'11'.repeat(21)}`, storageKeys: [] }],
  }),
  'a-list-for-data': signed({
    ...plain,
    change: (fields) => {
      fields[7] = []
    },
  }),
  'r-of-0': resign(DYNAMIC, { [R]: empty }),
  's-of-0': resign(DYNAMIC, { [S]: empty }),
  'r-of-the-order': resign(DYNAMIC, { [R]: word(N) }),
  's-above-half-the-order': withHighS(DYNAMIC),
  'a-parity-of-2': resign(DYNAMIC, { [V]: '0x02' }),
  'a-parity-of-27': resign(DYNAMIC, { [V]: '0x1b' }),
  'v-of-0-in-a-legacy-one': resign(LEGACY, { [V]: empty }),
  'v-of-29-in-a-legacy-one': resign(LEGACY, { [V]: '0x1d' }),
  'no-signature': resign(DYNAMIC, { [V]: empty, [R]: empty, [S]: empty }),
  'no-signature-in-a-legacy-one': resign(LEGACY, { [V]: empty, [R]: empty, [S]: empty }),
  'r-that-is-no-point': resign(DYNAMIC, { [R]: word(5n) }),
}

const refusals = Object.entries(MALFORMED).map(
  ([name, raw]): Case => ({
    name: `refused-with-${name}`,
    description: `What has ${name.replaceAll('-', ' ')} is no transaction: no block holds it`,
    rules: name.includes('type') ? ['R-01', 'R-04'] : ['E-14'],
    forks: name.includes('type') ? FORKS : ['jovian'],
    fill: (chain) => chain.invalid('no transaction', { transactions: [raw] }),
  }),
)

/** How signed transactions are encoded. */
export const encoding: Topic = {
  path: 'transactions/encoding',
  pre: BARE,
  cases: [
    {
      name: 'all-types',
      description:
        'A legacy transaction, also without chain id, one with an access list, one with a tip',
      rules: ['H-01', 'R-12'],
      async fill(chain) {
        const fields = { to: NOBODY, value: 1n, gasLimit: 60_000n }
        const accessList = [{ address: CONTRACT, storageKeys: [word(1), word(2)] }]
        await chain.block({
          transactions: [
            { ...fields, type: 0 },
            { ...fields, type: 0, chainId: 0 },
            { ...fields, type: 1, accessList },
            { ...fields, type: 2, accessList, maxPriorityFeePerGas: 10n ** 6n },
          ],
        })
        const listed = { status: 1, gasUsed: 27_200n }
        const plain = { status: 1, gasUsed: 21_000n }
        await chain.expectReceipts(plain, plain, listed, listed)
        await chain.expectState({ [NOBODY]: { balance: 4n } })
      },
    },
    {
      name: 'set-code-before-isthmus',
      description: 'Type 4 is no transaction before Isthmus',
      rules: ['R-03'],
      forks: ['bedrock', 'ecotone', 'holocene'],
      async fill(chain) {
        const authorizationList = [authorize(1, { address: CONTRACT })]
        const tx = { type: 4, to: NOBODY, gasLimit: 100_000n, authorizationList }
        await chain.invalid('type 4', { transactions: [tx] })
      },
    },
    {
      name: 'low-r-and-s',
      description: 'The transactions that the malformed ones come from are valid',
      rules: ['H-01'],
      forks: FORKS,
      async fill(chain) {
        for (const [index, raw] of [LEGACY, ACCESS, DYNAMIC].entries()) {
          await chain.block({ transactions: [raw], parent: -1, step: index + 1 })
          await chain.expectReceipts({ status: 1 })
        }
      },
    },
    ...refusals,
  ],
}
