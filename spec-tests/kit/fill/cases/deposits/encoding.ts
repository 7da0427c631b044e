import { type NestedUint8Array, RLP, bytesToHex, concatBytes } from 'ethereumjs-op/ethereumjs'
import { BARE, SENDERS, bytes, word } from '../../accounts.ts'
import { assemble } from '../../assemble.ts'
import type { Case, Topic } from '../../topic.ts'
import { deposit } from '../../transactions.ts'

/** A deposit of which every field has a value. */
const WHOLE = deposit({
  from: SENDERS[1],
  to: SENDERS[2],
  mint: 300n,
  value: 200n,
  data: '0x616263',
})

/** Places of the fields. */
const [SOURCE_HASH, FROM, TO, MINT, VALUE, GAS, IS_SYSTEM_TX, DATA] = [0, 1, 2, 3, 4, 5, 6, 7]

/** The deposit with its list of fields changed, and encoded again without any checks. */
function change(alter: (fields: NestedUint8Array) => void): string {
  const fields = RLP.decode(bytes(WHOLE).subarray(1)) as NestedUint8Array
  alter(fields)
  return bytesToHex(concatBytes(Uint8Array.of(0x7e), RLP.encode(fields)))
}

/** The deposit with one field in other bytes. */
const put = (place: number, hex: string) =>
  change((fields) => {
    fields[place] = bytes(hex)
  })

/** The deposit with a length of its list in one byte more than needed: 0xf8 and up become 0xf900…. */
function withLongLength(): string {
  const body = bytes(WHOLE).subarray(3)
  return bytesToHex(concatBytes(Uint8Array.of(0x7e, 0xf9, 0, body.length), body))
}

/** Encodings that are not those of a deposit, by what is wrong. */
const MALFORMED: Record<string, string> = {
  'no-fields-at-all': '0x7e',
  'an-empty-list': '0x7ec0',
  'a-string-for-a-list': '0x7e80',
  'a-byte-behind': `${WHOLE}00`,
  'a-byte-missing': WHOLE.slice(0, -2),
  'seven-fields': change((fields) => fields.pop()),
  'nine-fields': change((fields) => fields.push(new Uint8Array())),
  'a-list-for-data': change((fields) => {
    fields[DATA] = []
  }),
  'a-source-hash-of-31-bytes': put(SOURCE_HASH, `0x${'11'.repeat(31)}`),
  'a-source-hash-of-33-bytes': put(SOURCE_HASH, `0x${'11'.repeat(33)}`),
  'no-sender': put(FROM, '0x'),
  'a-sender-of-19-bytes': put(FROM, `0x${'11'.repeat(19)}`),
  'a-recipient-of-19-bytes': put(TO, `0x${'11'.repeat(19)}`),
  'a-recipient-of-21-bytes': put(TO, `0x${'11'.repeat(21)}`),
  'a-zero-before-the-mint': put(MINT, '0x0007'),
  'a-mint-of-one-zero-byte': put(MINT, '0x00'),
  'a-mint-of-33-bytes': put(MINT, `0x${'11'.repeat(33)}`),
  'a-zero-before-the-value': put(VALUE, '0x0007'),
  'a-zero-before-the-gas': put(GAS, '0x00c350'),
  'a-gas-limit-of-nine-bytes': put(GAS, '0x010000000000000000'),
  'a-system-flag-of-2': put(IS_SYSTEM_TX, '0x02'),
  'a-system-flag-of-one-zero-byte': put(IS_SYSTEM_TX, '0x00'),
  'a-length-in-too-many-bytes': withLongLength(),
}

const refusals = Object.entries(MALFORMED).map(
  ([name, raw]): Case => ({
    name: `refused-with-${name}`,
    description: `A deposit with ${name.replaceAll('-', ' ')} is no deposit: no block holds it`,
    rules: ['D-01', 'D-02'],
    forks: ['jovian'],
    fill: (chain) => chain.invalid('no deposit', { transactions: [raw] }),
  }),
)

/** How deposits are encoded. */
export const encoding: Topic = {
  path: 'deposits/encoding',
  pre: BARE,
  cases: [
    {
      name: 'all-fields',
      description: 'A deposit of which every field has a value moves what it mints',
      rules: ['D-01', 'D-03'],
      async fill(chain) {
        await chain.block({ transactions: [WHOLE] })
        await chain.expectReceipts({ status: 1 })
      },
    },
    {
      name: 'no-recipient-is-a-creation',
      description: 'An empty recipient creates a contract; the zero address is a recipient',
      rules: ['D-02'],
      forks: ['bedrock', 'regolith', 'karst'],
      async fill(chain) {
        const zero = `0x${'00'.repeat(20)}`
        const fields = { from: SENDERS[1], value: 1n, mint: 1n }
        await chain.block({
          transactions: [deposit({ ...fields, to: null }), deposit({ ...fields, to: zero })],
        })
        await chain.expectReceipts({ status: 1 }, { status: 1 })
        await chain.expectState({ [zero]: { balance: 1n } })
      },
    },
    {
      name: 'longest-fields',
      description:
        'Value and gas limit of as many bytes as there may be: the deposit fails for want of ether or does not fit, and is well formed',
      rules: ['D-02', 'D-14', 'D-15'],
      forks: ['regolith', 'jovian', 'karst'],
      async fill(chain) {
        const most = deposit({ from: SENDERS[1], to: SENDERS[2], value: 2n ** 256n - 1n })
        await chain.block({ transactions: [most] })
        await chain.expectReceipts({ status: 0 })
        const gas = deposit({ from: SENDERS[1], to: SENDERS[2], gas: 2n ** 64n - 1n })
        await chain.invalid('the block has less gas', { transactions: [gas] })
      },
    },
    {
      name: 'source-hash-is-not-checked',
      description:
        'Any source hash will do, and the same deposit twice in a block runs twice: derivation alone looks at it',
      rules: ['D-05'],
      forks: ['bedrock', 'regolith', 'isthmus', 'karst'],
      async fill(chain) {
        const odd = deposit({ sourceHash: word(0), from: SENDERS[1], to: SENDERS[2], mint: 5n })
        await chain.block({ transactions: [odd, odd] })
        const balance = 1000n * 10n ** 18n + 10n
        await chain.expectState({ [SENDERS[1]]: { nonce: 2n, balance } })
      },
    },
    {
      name: 'data-of-one-byte',
      description: 'Data of one byte below 0x80 is its own encoding, and reaches the contract',
      rules: ['D-01', 'D-02'],
      forks: ['bedrock', 'regolith', 'karst'],
      pre: { [SENDERS[3]]: { code: assemble('0 CALLDATALOAD 0 SSTORE CALLDATASIZE 1 SSTORE') } },
      async fill(chain) {
        const data = ['0x', '0x00', '0x7f', '0x80']
        for (const [index, value] of data.entries()) {
          await chain.block({ transactions: [deposit({ to: SENDERS[3], data: value, index })] })
        }
        const storage = { 0: 0x80n << 248n, 1: 1n }
        await chain.expectState({ [SENDERS[3]]: { storage } })
      },
    },
    ...refusals,
    {
      name: 'refused-with-a-value-of-33-bytes',
      description: 'A deposit whose value has more than 256 bits is no deposit',
      rules: ['D-01', 'D-02'],
      forks: ['jovian', 'karst'],
      disputed: 'deposit-value-above-256-bits',
      fill: (chain) => {
        const raw = put(VALUE, `0x01${'00'.repeat(32)}`)
        return chain.invalid('no deposit', { transactions: [raw] })
      },
    },
  ],
}
