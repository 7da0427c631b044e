import { inspect } from 'node:util'
import { Common, Mainnet } from '@ethereumjs/common'
import { RLP } from '@ethereumjs/rlp'
import {
  type TypedTransaction,
  createAccessList2930Tx,
  createBlob4844Tx,
  createEOACode7702Tx,
  createFeeMarket1559Tx,
  createLegacyTx,
} from '@ethereumjs/tx'
import {
  type BytesLike,
  type PrefixedHexString,
  bigIntToUnpaddedBytes,
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  hexToBytes,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import t from 'tap'
import type { Alloc } from '../blockchain/index.ts'
import {
  type Fork,
  FORKS,
  type BlockOptions,
  InvalidBlockError,
  type PayloadAttributes,
  StateError,
  createChain,
  encodeDeposit,
  executeBlock,
} from '../src/index.ts'
import {
  COINBASE,
  DEPOSITOR,
  L1_BLOCK,
  chainAt,
  configAt,
  customCrypto,
  l1BlockAccount,
  nextAttributes,
  failureOf,
  isRefusal,
  nextBlock,
  rulesAt,
  startChain,
} from './helpers.ts'

type Test = Pick<typeof t, 'equal' | 'fail' | 'match' | 'notMatch'>

const KEY = new Uint8Array(32).fill(1)
/** The account of {@link KEY}. */
const SENDER = '0x1a642f0e3c3af545e7acbd38b07251b3990914f1'
const ETHER = 10n ** 18n
const GWEI = 10n ** 9n
/** Order of secp256k1. */
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n

const quantity = (value: bigint): PrefixedHexString => `0x${value.toString(16)}`

/** A sender with `balance` and `nonce`, and an L1Block without fees. */
const allocOf = (account: Partial<Alloc[string]> & { wei?: bigint } = {}): Alloc => {
  const { wei = ETHER, ...rest } = account
  return { [SENDER]: { balance: quantity(wei), ...rest }, [L1_BLOCK]: l1BlockAccount({}) }
}

const deposit = (fields: Partial<Parameters<typeof encodeDeposit>[0]> = {}) =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: createAddressFromString(DEPOSITOR),
    to: createAddressFromString(COINBASE),
    mint: 0n,
    value: 0n,
    gas: 21_000n,
    isSystemTx: false,
    data: new Uint8Array(),
    ...fields,
  })

const plain = { to: COINBASE, gasLimit: 21_000n, value: 1n } as const
const fees = { maxFeePerGas: GWEI, maxPriorityFeePerGas: 1n } as const
const authorization = {
  chainId: '0x0',
  address: COINBASE,
  nonce: '0x0',
  yParity: '0x0',
  r: '0x1',
  s: '0x1',
} as const
const authorizationList = [authorization]
const accessList = [{ address: COINBASE, storageKeys: [`0x${'00'.repeat(32)}`] }] as const

/** Rules that know all types, without a cap on gas limits. */
const { common } = rulesAt('jovian')
const sign = (tx: TypedTransaction) => tx.sign(KEY).serialize()

const legacy = (fields = {}, opts = { common }) =>
  sign(createLegacyTx({ ...plain, gasPrice: GWEI, ...fields }, opts))
const type1 = (fields = {}, opts = { common }) =>
  sign(createAccessList2930Tx({ ...plain, gasPrice: GWEI, ...fields }, opts))
const type2 = (fields = {}, opts = { common }) =>
  sign(createFeeMarket1559Tx({ ...plain, ...fees, ...fields }, opts))
const type4 = (fields = {}, opts = { common }) =>
  sign(
    createEOACode7702Tx(
      { ...plain, ...fees, gasLimit: 100_000n, authorizationList, ...fields },
      opts,
    ),
  )

/** Executes a block with a deposit and then these transactions. */
async function run(
  fork: Fork,
  transactions: BytesLike[],
  alloc: Alloc = allocOf(),
  overrides: Partial<PayloadAttributes> = {},
  chain = chainAt(fork),
) {
  const test = await startChain(chain, alloc)
  return nextBlock(test, [deposit(), ...transactions], overrides)
}

/** The last transaction makes the block invalid: the error says which it is, and why. */
async function refuses(t: Test, name: string, reason: RegExp, ...args: Parameters<typeof run>) {
  const error = await failureOf(run(...args))
  isRefusal(t, error, new RegExp(`^transaction ${args[1].length}: `), `${name}: its index`)
  isRefusal(t, error, reason, name)
}

/** Why bytes are no transaction. */
const ILL_FORMED =
  /cannot be decoded: .|not in canonical encoding|type not supported|signature is not valid|deposit has/

/** The last transaction is valid. */
async function accepts(t: Test, name: string, ...args: Parameters<typeof run>) {
  const { receipts } = await run(...args)
  t.equal(receipts.length, args[1].length + 1, name)
  return receipts[args[1].length]
}

/** The transaction with its list of fields changed, and encoded again without any checks. */
function alter(raw: Uint8Array, change: (fields: RLPInput[]) => void) {
  const type = raw[0] < 0x80 ? raw.subarray(0, 1) : new Uint8Array()
  const fields = RLP.decode(raw.subarray(type.length)) as RLPInput[]
  change(fields)
  return concatBytes(type, RLP.encode(fields as Uint8Array[]))
}
type RLPInput = Uint8Array | RLPInput[]

t.test('transactions of every type are accepted (R-03, R-12)', async (t) => {
  // Common of the time before EIP-155 signs without a chain id.
  const frontier = new Common({ chain: Mainnet, hardfork: 'homestead' })
  const unprotected = legacy({}, { common: frontier })
  const v = (RLP.decode(unprotected) as Uint8Array[])[6][0]
  t.ok(v === 27 || v === 28, `v ${v}`)
  for (const fork of FORKS) {
    t.equal((await accepts(t, `unprotected in ${fork}`, fork, [unprotected])).type, 0)
    t.equal((await accepts(t, `legacy in ${fork}`, fork, [legacy()])).type, 0)
    t.equal((await accepts(t, `type 1 in ${fork}`, fork, [type1()])).type, 1)
    t.equal((await accepts(t, `type 2 in ${fork}`, fork, [type2()])).type, 2)
  }
  for (const fork of ['isthmus', 'jovian', 'karst'] as const) {
    t.equal((await accepts(t, `type 4 in ${fork}`, fork, [type4()])).type, 4)
  }
})

t.test('blob transactions are refused at every fork (R-01)', async (t) => {
  const blobVersionedHashes = [`0x01${'00'.repeat(31)}`] as const
  const fields = { ...plain, ...fees, maxFeePerBlobGas: GWEI, blobVersionedHashes }
  const blob = sign(
    createBlob4844Tx({ ...fields, blobVersionedHashes: [...blobVersionedHashes] }, { common }),
  )
  t.equal(blob[0], 3)
  for (const fork of FORKS) {
    await refuses(t, fork, /type not supported/, fork, [blob])
    await refuses(t, `${fork}, second`, /type not supported/, fork, [type2(), blob])
  }
})

t.test('type 4 is refused before Isthmus (R-03)', async (t) => {
  for (const fork of FORKS.slice(0, FORKS.indexOf('isthmus'))) {
    await refuses(t, fork, /7702/, fork, [type4()])
  }
})

t.test('a type 4 transaction needs authorizations and a recipient (R-03)', async (t) => {
  const without = alter(type4(), (fields) => {
    fields[9] = []
  })
  await refuses(t, 'no authorization', /[Aa]uthorization/, 'isthmus', [without])
  const creation = alter(type4(), (fields) => {
    fields[5] = new Uint8Array()
  })
  await refuses(t, 'no recipient', ILL_FORMED, 'isthmus', [creation])
})

t.test('unknown types are refused (R-01, R-04)', async (t) => {
  const body = type2().subarray(1)
  for (const fork of ['regolith', 'ecotone', 'karst'] as const) {
    for (const type of [0x00, 0x05, 0x06, 0x7c, 0x7d, 0x7f]) {
      const raw = concatBytes(Uint8Array.of(type), body)
      await refuses(t, `0x${type.toString(16)} in ${fork}`, /[Tt]yp.*unknown|type/, fork, [raw])
    }
  }
  // A legacy transaction has no type byte.
  const typed = concatBytes(Uint8Array.of(0), legacy())
  await refuses(t, 'legacy with a type byte', /type|ID 0/i, 'karst', [typed])
})

t.test('a transaction of another chain is refused', async (t) => {
  const other = createChain({ ...configAt('jovian'), chainId: 902 }, { customCrypto })
  const opts = { common: other.rules({ number: 0n, timestamp: 0n }).common }
  for (const [name, build] of Object.entries({ legacy, type1, type2, type4 })) {
    await refuses(t, name, /chain ID.* not matching .*902|EIP155/, 'isthmus', [build({}, opts)])
  }
  for (const build of [type1, type2, type4]) {
    const zero = alter(build(), (fields) => {
      fields[0] = new Uint8Array()
    })
    await refuses(t, 'chain id 0', /chain/i, 'isthmus', [zero])
  }
})

t.test('the nonce must be exactly the sender’s', async (t) => {
  const alloc = allocOf({ nonce: '0x5' })
  await refuses(t, 'too low', /nonce/, 'jovian', [type2({ nonce: 4n })], alloc)
  await refuses(t, 'too high', /nonce/, 'jovian', [type2({ nonce: 6n })], alloc)
  await accepts(t, 'right', 'jovian', [type2({ nonce: 5n }), type2({ nonce: 6n })], alloc)
  await refuses(t, 'twice', /nonce/, 'jovian', [type2({ nonce: 5n }), type2({ nonce: 5n })], alloc)
  const from = createAddressFromString(SENDER)
  await refuses(t, 'after a deposit', /nonce/, 'jovian', [deposit({ from }), type2()])
  await accepts(t, 'counting a deposit', 'jovian', [deposit({ from }), type2({ nonce: 1n })])
  // EIP-2681
  const last = alter(type2(), (fields) => {
    fields[1] = new Uint8Array(8).fill(0xff)
  })
  const exhausted = allocOf({ nonce: '0xffffffffffffffff' })
  await refuses(t, 'the last nonce', /nonce/i, 'jovian', [last], exhausted)
})

t.test('the sender must be able to pay at the fee cap, with the value (F-03)', async (t) => {
  // 21000 gas of 1 gwei, and 1 wei of value
  const cost = 21_000n * GWEI + 1n
  for (const build of [legacy, type1, type2]) {
    for (const fork of ['regolith', 'jovian'] as const) {
      await accepts(t, 'exact', fork, [build()], allocOf({ wei: cost }))
      await refuses(
        t,
        '1 wei short',
        /wei, but .* \d+$/,
        fork,
        [build()],
        allocOf({ wei: cost - 1n }),
      )
    }
  }
  // The base fee is below the cap, at which nobody pays.
  const generous = type2({ maxFeePerGas: 10n * GWEI })
  const capped = 210_000n * GWEI + 1n
  await accepts(t, 'cap', 'jovian', [generous], allocOf({ wei: capped }))
  await refuses(
    t,
    'cap, 1 wei short',
    /wei, but .* \d+$/,
    'jovian',
    [generous],
    allocOf({ wei: capped - 1n }),
  )
  await refuses(t, 'no account', /wei, but .* \d+$/, 'jovian', [type2()], {
    [L1_BLOCK]: l1BlockAccount({}),
  })
  const huge = alter(type2(), (fields) => {
    fields[3] = new Uint8Array(32).fill(0xff)
  })
  await refuses(t, 'more than 256 bits', /MAX_INTEGER/, 'jovian', [huge])
})

t.test('the sender must be able to pay the L1 and operator fees too (F-03)', async (t) => {
  const l1Block = {
    l1BaseFee: 50n * GWEI,
    overhead: 188n,
    scalar: 684_000n,
    blobBaseFee: GWEI,
    baseFeeScalar: 1_368n,
    blobBaseFeeScalar: 810_949n,
    operatorFeeConstant: 1_000_000n,
    operatorFeeScalar: 7n,
  }
  const alloc = (wei: bigint) => ({ ...allocOf({ wei }), [L1_BLOCK]: l1BlockAccount(l1Block) })
  for (const fork of ['bedrock', 'regolith', 'ecotone', 'fjord', 'isthmus', 'jovian'] as const) {
    const { l1Fee } = await accepts(t, `rich in ${fork}`, fork, [type2()], alloc(ETHER))
    // 21000 gas: × 7 / 10⁶ = 0, or × 7 × 100 = 14.7 M, and the constant
    const operator = fork === 'isthmus' ? 1_000_000n : fork === 'jovian' ? 15_700_000n : 0n
    const cost = 21_000n * GWEI + 1n + l1Fee! + operator
    t.ok(l1Fee! > 0n)
    await accepts(t, `exact in ${fork}`, fork, [type2()], alloc(cost))
    const reason = /wei, but .* \d+$/
    const name = `1 wei short in ${fork}`
    await refuses(t, name, reason, fork, [type2()], alloc(cost - 1n))
    await refuses(t, `less than the L1 fee in ${fork}`, reason, fork, [type2()], alloc(l1Fee! - 1n))
    await refuses(t, `nothing in ${fork}`, reason, fork, [type2()], alloc(0n))
  }
})

t.test('a gas limit above the block’s is refused (D-15, X-14)', async (t) => {
  for (const fork of ['bedrock', 'jovian'] as const) {
    // The deposit before it uses 21000.
    const raw = (gasLimit: bigint) => [type2({ gasLimit })]
    const gasLimit = 121_000n
    await accepts(t, 'all that is left', fork, raw(100_000n), allocOf(), { gasLimit })
    await refuses(t, 'more', /gas limit/, fork, raw(100_001n), allocOf(), { gasLimit })
    await refuses(t, 'more than the block’s', /gas limit/, fork, raw(121_001n), allocOf(), {
      gasLimit,
    })
  }
  const most = type2({ gasLimit: 2n ** 64n - 1n, maxFeePerGas: GWEI })
  await refuses(t, '64 bits', /gas limit/, 'jovian', [most], allocOf({ wei: 2n ** 128n }))
})

t.test('a gas limit counts in full until its transaction has run (D-16)', async (t) => {
  const overrides = { gasLimit: 200_000n }
  const two = (gasLimit: bigint) => [type2({ gasLimit: 150_000n }), type2({ nonce: 1n, gasLimit })]
  // 200000 − 21000 − 21000: what the first does not use is there for the second.
  await accepts(t, 'all that is left', 'jovian', two(158_000n), allocOf(), overrides)
  await refuses(t, '1 more', /gas limit/, 'jovian', two(158_001n), allocOf(), overrides)
})

t.test('a deposit that does not fit into the block makes it invalid (D-15)', async (t) => {
  const overrides = { gasLimit: 100_000n }
  for (const fork of FORKS) {
    await accepts(t, `fits in ${fork}`, fork, [deposit({ gas: 79_000n })], allocOf(), overrides)
    const name = `too large in ${fork}`
    await refuses(t, name, /gas limit/, fork, [deposit({ gas: 79_001n })], allocOf(), overrides)
  }
  const most = deposit({ gas: 2n ** 64n - 1n })
  await refuses(t, '64 bits', /gas limit/, 'karst', [most])
})

t.test(
  'from Karst at most 2^24 gas for a signed transaction, not for a deposit (R-15, H-15, T-34)',
  async (t) => {
    const [cap, above] = [2n ** 24n, 2n ** 24n + 1n]
    for (const build of [legacy, type1, type2, type4]) {
      const name = build.name
      await accepts(t, `${name} in Jovian`, 'jovian', [build({ gasLimit: above })])
      await accepts(t, `${name} at the cap`, 'karst', [build({ gasLimit: cap })])
      await refuses(t, `${name} above the cap`, /gas/, 'karst', [build({ gasLimit: above })])
    }
    const { status, gasUsed } = await accepts(t, 'deposit', 'karst', [deposit({ gas: above })])
    t.equal(status, 1)
    t.equal(gasUsed, 21_000n)
    const large = deposit({ gas: 100_000_000n })
    await accepts(t, 'large deposit', 'karst', [large], allocOf(), { gasLimit: 200_000_000n })
    // Exactly at the first Karst second.
    const chain = chainAt('jovian', { karst: 1005 })
    const at = (timestamp: number) => ({ timestamp })
    const raw = [type2({ gasLimit: above })]
    await accepts(t, 'one second before', 'jovian', raw, allocOf(), at(1004), chain)
    const test = await startChain(chain, allocOf())
    await nextBlock(test, [deposit()], at(1005))
    const error = await failureOf(nextBlock(test, [deposit(), ...raw], at(1006)))
    isRefusal(t, error, /^transaction 1: .*gas/, 'one second after')
  },
)

t.test('a fee cap below the base fee is refused', async (t) => {
  // The parent is empty: 10⁹ · (1 − 1 / 250)
  const baseFee = 996_000_000n
  await accepts(t, 'equal', 'jovian', [type2({ maxFeePerGas: baseFee })])
  const reason = /maximum fee 995999999 is below (the )?base fee 996000000/
  await refuses(t, 'type 2', reason, 'jovian', [type2({ maxFeePerGas: baseFee - 1n })])
  for (const build of [legacy, type1]) {
    await accepts(t, 'equal', 'jovian', [build({ gasPrice: baseFee })])
    await refuses(
      t,
      build.name,
      /maximum fee 995999999 is below (the )?base fee 996000000/,
      'jovian',
      [build({ gasPrice: baseFee - 1n })],
    )
  }
  const inverted = alter(type2(), (fields) => {
    fields[2] = bigIntToUnpaddedBytes(GWEI + 1n)
  })
  await refuses(t, 'tip above the cap', /maxPriorityFeePerGas/, 'jovian', [inverted])
})

t.test('intrinsic gas and calldata floor must be covered', async (t) => {
  const reason = /gas limit \d+ is below intrinsic gas/
  for (const fork of ['bedrock', 'regolith', 'karst'] as const) {
    await refuses(t, fork, reason, fork, [type2({ gasLimit: 20_999n })])
    await refuses(t, `no gas in ${fork}`, reason, fork, [type2({ gasLimit: 0n })])
    const creation = { to: undefined, data: '0x00', value: 0n }
    const needed = fork === 'karst' ? 53_006n : 53_004n
    await refuses(t, `creation in ${fork}`, reason, fork, [
      type2({ ...creation, gasLimit: needed - 1n }),
    ])
    await accepts(t, `creation in ${fork}`, fork, [type2({ ...creation, gasLimit: needed })])
    // 2400 for an address, 1900 for a slot
    const listed = (gasLimit: bigint) => [type1({ accessList, gasLimit })]
    await refuses(t, `access list in ${fork}`, reason, fork, listed(25_299n))
    await accepts(t, `access list in ${fork}`, fork, listed(25_300n))
  }
  // 1000 bytes that are not zero: 16 gas each, from Isthmus at least 40 (EIP-7623)
  const data = new Uint8Array(1000).fill(1)
  const calldata = (gasLimit: bigint) => [type2({ data, gasLimit })]
  await refuses(t, 'calldata', reason, 'holocene', calldata(36_999n))
  await accepts(t, 'calldata', 'holocene', calldata(37_000n))
  await refuses(t, 'floor', reason, 'isthmus', calldata(60_999n))
  await accepts(t, 'floor', 'isthmus', calldata(61_000n))
  // 25000 for an authorization
  await refuses(t, 'authorization', reason, 'isthmus', [type4({ gasLimit: 45_999n })])
  await accepts(t, 'authorization', 'isthmus', [type4({ gasLimit: 46_000n })])
})

t.test('init code of a signed transaction is at most 49152 bytes from Canyon (H-03)', async (t) => {
  // Rules that build a transaction without looking at its length.
  const opts = { common: rulesAt('regolith').common }
  const creation = (length: number) => [
    type2({ to: undefined, value: 0n, data: new Uint8Array(length), gasLimit: 600_000n }, opts),
  ]
  await accepts(t, 'before', 'regolith', creation(49_153))
  for (const fork of ['canyon', 'karst'] as const) {
    await accepts(t, fork, fork, creation(49_152))
    await refuses(t, fork, /init ?code/i, fork, creation(49_153))
  }
})

t.test('a sender with code is refused, unless the code is a delegation (EIP-3607)', async (t) => {
  const [code, delegation] = ['0x00', `0xef0100${COINBASE.slice(2)}`]
  for (const fork of FORKS) {
    await refuses(t, `code in ${fork}`, /3607/, fork, [type2()], allocOf({ code }))
    const isthmus = FORKS.indexOf(fork) >= FORKS.indexOf('isthmus')
    const alloc = allocOf({ code: delegation })
    if (isthmus) await accepts(t, `delegation in ${fork}`, fork, [type2()], alloc)
    else await refuses(t, `delegation in ${fork}`, /3607/, fork, [type2()], alloc)
  }
  // A deposit from the same account is fine (D-08).
  const from = createAddressFromString(SENDER)
  const { status } = await accepts(t, 'deposit', 'jovian', [deposit({ from })], allocOf({ code }))
  t.equal(status, 1)
})

t.test('only the canonical encoding of a transaction is accepted', async (t) => {
  const zero = Uint8Array.of(0)
  const padded = (bytes: RLPInput) => concatBytes(zero, bytes as Uint8Array)
  const pad = (raw: Uint8Array, index: number) =>
    alter(raw, (fields) => {
      fields[index] = padded(fields[index])
    })
  const builds = { legacy, type1, type2, type4 }
  // Fields that are integers, and where the recipient, the data and the access list are.
  const layout = {
    legacy: { integers: [0, 1, 2, 4, 6, 7, 8], to: 3, data: 5, accessList: undefined },
    type1: { integers: [0, 1, 2, 3, 5, 8, 9, 10], to: 4, data: 6, accessList: 7 },
    type2: { integers: [0, 1, 2, 3, 4, 6, 9, 10, 11], to: 5, data: 7, accessList: 8 },
    type4: { integers: [0, 1, 2, 3, 4, 6, 10, 11, 12], to: 5, data: 7, accessList: 8 },
  }
  const any = ILL_FORMED
  for (const [name, build] of Object.entries(builds)) {
    const raw = build()
    const { integers, to, data, accessList: list } = layout[name as keyof typeof layout]
    t.same(
      alter(raw, () => {}),
      raw,
      'unaltered',
    )
    for (const index of integers) {
      await refuses(t, `${name} field ${index} padded`, any, 'isthmus', [pad(raw, index)])
      const nested = alter(raw, (fields) => {
        fields[index] = [fields[index]]
      })
      await refuses(t, `${name} field ${index} in a list`, any, 'isthmus', [nested])
    }
    const type = raw[0] < 0x80 ? 1 : 0
    const [head, body] = [raw.subarray(0, type), raw.subarray(type)]
    t.equal(body[0], 0xf8, 'a length of one byte')
    const payload = body.subarray(2)
    const variants: [string, Uint8Array][] = [
      ['a byte behind', concatBytes(raw, zero)],
      ['a transaction behind', concatBytes(raw, raw)],
      ['a length of two bytes', concatBytes(head, Uint8Array.of(0xf9, 0, body[1]), payload)],
      ['the last byte missing', raw.subarray(0, -1)],
      ['a byte string around it', RLP.encode(raw)],
      ['a list around it', concatBytes(head, RLP.encode([RLP.decode(body) as Uint8Array[]]))],
      ['one more field', alter(raw, (fields) => fields.push(new Uint8Array()))],
      ['one field less', alter(raw, (fields) => fields.pop())],
      ['no signature', alter(raw, (fields) => fields.splice(-3))],
      ['an empty signature', alter(raw, (fields) => fields.fill(new Uint8Array(), -3))],
      ['a recipient in a list', alter(raw, (fields) => fields.splice(to, 1, [fields[to]]))],
      ['data in a list', alter(raw, (fields) => fields.splice(data, 1, []))],
    ]
    for (const length of [1, 19, 21, 32]) {
      const recipient = new Uint8Array(length).fill(1)
      variants.push([`to ${length} bytes`, alter(raw, (fields) => fields.splice(to, 1, recipient))])
    }
    const address = new Uint8Array(20).fill(1)
    const lists: [string, RLPInput][] = [
      ['an access list that is a string', Uint8Array.of(1)],
      ['an item that is a string', [address]],
      ['an item without slots', [[address]]],
      ['an item of three', [[address, [], []]]],
      ['an address of 19 bytes', [[address.subarray(1), []]]],
      ['a slot of 31 bytes', [[address, [new Uint8Array(31)]]]],
      ['a slot of 33 bytes', [[address, [new Uint8Array(33)]]]],
      ['slots that are a string', [[address, new Uint8Array(32)]]],
    ]
    for (const [what, value] of lists) {
      if (list === undefined) continue
      variants.push([what, alter(raw, (fields) => fields.splice(list, 1, value))])
    }
    for (const [what, altered] of variants) {
      t.notSame(altered, raw)
      await refuses(t, `${name}: ${what}`, any, 'isthmus', [altered])
    }
  }
})

t.test('authorizations must be of the form that EIP-7702 gives them (R-03)', async (t) => {
  const raw = type4()
  const address = new Uint8Array(20).fill(1)
  const none = new Uint8Array()
  const one = Uint8Array.of(1)
  const valid = [none, address, none, none, one, one]
  // Signed over the bytes as they are, so that nothing but the form is wrong.
  const withTuple = (tuple: RLPInput) =>
    alter(raw, (fields) => {
      fields[9] = [tuple]
      const message = concatBytes(Uint8Array.of(4), RLP.encode(fields.slice(0, -3) as Uint8Array[]))
      const opts = { common, freeze: false }
      const tx = createEOACode7702Tx({ ...plain, ...fees, authorizationList }, opts)
      const { v, r, s } = Object.assign(tx, {
        getHashedMessageToSign: () => keccak_256(message),
      }).sign(KEY)
      const numbers = [v!, r!, s!]
      const encoded = numbers.map((value) => (value === 0n ? none : bigIntToUnpaddedBytes(value)))
      fields.splice(-3, 3, ...encoded)
    })
  const at = (index: number, value: RLPInput) =>
    valid.map((field, i) => (i === index ? value : field))
  // Of no effect, but of the right form.
  const accepted: [string, RLPInput][] = [
    ['as it should be', valid],
    ['another chain', at(0, Uint8Array.of(7))],
    ['the largest chain id', at(0, new Uint8Array(32).fill(0xff))],
    ['the largest nonce', at(2, new Uint8Array(8).fill(0xff))],
    ['the largest parity', at(3, Uint8Array.of(0xff))],
    ['the largest r', at(4, new Uint8Array(32).fill(0xff))],
    ['the largest s', at(5, new Uint8Array(32).fill(0xff))],
    ['r = 0', at(4, none)],
    ['s = 0', at(5, none)],
  ]
  for (const [name, tuple] of accepted) await accepts(t, name, 'isthmus', [withTuple(tuple)])
  const wide = (bytes: number) => concatBytes(one, new Uint8Array(bytes))
  const refused: [string, RLPInput][] = [
    ['no tuple', none],
    ['an empty tuple', []],
    ['five fields', valid.slice(1)],
    ['seven fields', [...valid, none]],
    ['a list in the chain id', at(0, [])],
    ['a list in the nonce', at(2, [one])],
    ['no address', at(1, none)],
    ['an address of 19 bytes', at(1, address.subarray(1))],
    ['an address of 21 bytes', at(1, concatBytes(address, one))],
    ['a chain id of 257 bits', at(0, wide(32))],
    ['a nonce of 65 bits', at(2, wide(8))],
    ['a parity of 9 bits', at(3, wide(1))],
    ['r of 257 bits', at(4, wide(32))],
    ['s of 257 bits', at(5, wide(32))],
    ...[0, 2, 3, 4, 5].flatMap((index): [string, RLPInput][] => [
      [`field ${index} padded`, at(index, Uint8Array.of(0, 1))],
      [`field ${index} zero in a byte`, at(index, Uint8Array.of(0))],
    ]),
  ]
  for (const [name, tuple] of refused) {
    await refuses(t, name, ILL_FORMED, 'isthmus', [withTuple(tuple)])
  }
})

t.test(
  'an encoding that wastes a byte is refused although it has the same hash to sign',
  async (t) => {
    // The value 1 as the string 0x81 01 instead of the byte 01.
    for (const [build, prefix] of [
      [legacy, 0],
      [type2, 1],
    ] as const) {
      const raw = build()
      const at = raw.findIndex((byte, index) => byte === 1 && raw[index - 1] === 0x11 && index > 20)
      t.ok(at > 0, 'the value is behind the recipient')
      const wasteful = concatBytes(raw.subarray(0, at), Uint8Array.of(0x81), raw.subarray(at))
      wasteful[prefix + 1]++
      await accepts(t, 'as it should be', 'jovian', [raw])
      await refuses(t, 'wasteful', ILL_FORMED, 'jovian', [wasteful])
    }
  },
)

t.test('what is no transaction at all is refused', async (t) => {
  const garbage: [string, BytesLike][] = [
    ['nothing', new Uint8Array()],
    ['nothing in hex', '0x'],
    ['an empty string', '0x80'],
    ['an empty list', '0xc0'],
    ['a list of nothing', '0xc3c0c0c0'],
    ['nine empty fields', '0xc9808080808080808080'],
    ['a list that ends early', '0xf86b'],
    ['a length that ends early', '0xf8'],
    ['type 1 alone', '0x01'],
    ['type 2 alone', '0x02'],
    ['type 2 with an empty list', '0x02c0'],
    ['type 4 alone', '0x04'],
    ['type 4 with a string', '0x0480'],
    ['0xff', '0xff'],
    ['0xff…', `0x${'ff'.repeat(100)}`],
    ['0xbf…', `0x${'bf'.repeat(100)}`],
    ['text', bytesToHex(new TextEncoder().encode('hello'))],
    ['zeros', `0x${'00'.repeat(64)}`],
    ['a deposit without fields', '0x7e'],
    ['a deposit of an empty list', '0x7ec0'],
    ['a deposit with a byte behind', concatBytes(deposit(), Uint8Array.of(0))],
    ['a deposit with the last byte missing', deposit().subarray(0, -1)],
  ]
  for (const fork of ['regolith', 'karst'] as const) {
    for (const [name, raw] of garbage)
      await refuses(t, `${name} in ${fork}`, ILL_FORMED, fork, [raw])
  }
})

t.test('invalid signatures are refused', async (t) => {
  const layout = { legacy: 6, type1: 8, type2: 9, type4: 10 }
  const builds = { legacy, type1, type2, type4 }
  for (const crypto of [customCrypto, undefined]) {
    const chain = createChain(configAt('isthmus'), { customCrypto: crypto })
    for (const [name, build] of Object.entries(builds)) {
      const at = layout[name as keyof typeof layout]
      const raw = build()
      const [v, r, s] = (RLP.decode(raw.subarray(name === 'legacy' ? 0 : 1)) as Uint8Array[])
        .slice(at, at + 3)
        .map((bytes) => bytesToBigInt(bytes))
      const signed = (...signature: bigint[]) =>
        alter(raw, (fields) => {
          const encoded = signature.map((value) => bigIntToUnpaddedBytes(value))
          for (const [index, value] of encoded.entries()) {
            fields[at + index] = value.length === 1 && value[0] === 0 ? new Uint8Array() : value
          }
        })
      t.same(signed(v, r, s), raw, 'unaltered')
      // Legacy: 2 · 901 + 35 and + 36
      const flipped = name === 'legacy' ? 3675n - v : 1n - v
      const invalid: [string, Uint8Array][] = [
        ['r = 0', signed(v, 0n, s)],
        ['s = 0', signed(v, r, 0n)],
        ['r and s = 0', signed(v, 0n, 0n)],
        ['s high, which recovers the same sender', signed(flipped, r, N - s)],
        ['s high', signed(v, r, N - s)],
        ['r = n', signed(v, N, s)],
        ['s = n', signed(v, r, N)],
        ['r = 2²⁵⁶ − 1', signed(v, 2n ** 256n - 1n, s)],
        ['r of 33 bytes', signed(v, 2n ** 256n, s)],
        ['s of 33 bytes', signed(v, r, 2n ** 256n)],
        ['r that is on no curve', signed(v, 5n, s)],
      ]
      const vs =
        name === 'legacy'
          ? [0n, 1n, 26n, 29n, 34n, 35n, 36n, 1835n, 1836n, 1839n]
          : [2n, 3n, 27n, 28n, 256n]
      for (const value of vs) invalid.push([`v = ${value}`, signed(value, r, s)])
      for (const [what, altered] of invalid) {
        const label = `${name}, ${what}${crypto ? '' : ', default cryptography'}`
        await refuses(t, label, ILL_FORMED, 'isthmus', [altered], allocOf(), {}, chain)
      }
      // A valid signature, but of somebody without ether.
      const stranger = signed(flipped, r, s)
      await refuses(
        t,
        `${name}, other sender`,
        /wei, but .* \d+$/,
        'isthmus',
        [stranger],
        allocOf(),
        {},
        chain,
      )
    }
  }
})

t.test('DA footprint of a Jovian block is at most its gas limit (X-16, F-30)', async (t) => {
  for (const fork of ['jovian', 'karst'] as const) {
    // 100 bytes × 10000
    const alloc = { ...allocOf(), [L1_BLOCK]: l1BlockAccount({ daFootprintGasScalar: 10_000n }) }
    const one = [type2()]
    const two = [...one, type2({ nonce: 1n })]
    const { header } = await run(fork, one, alloc, { gasLimit: 1_000_000n })
    t.equal(header.blobGasUsed, 1_000_000n)
    t.equal(header.gasUsed, 42_000n)
    const reason = /DA footprint 1000000 exceeds the 999999 left/
    await refuses(t, `one in ${fork}`, reason, fork, one, alloc, { gasLimit: 999_999n })
    await refuses(t, `two in ${fork}`, reason, fork, two, alloc, { gasLimit: 1_999_999n })
    t.equal((await run(fork, two, alloc, { gasLimit: 2_000_000n })).header.blobGasUsed, 2_000_000n)
  }
  const alloc = { ...allocOf(), [L1_BLOCK]: l1BlockAccount({ daFootprintGasScalar: 10_000n }) }
  await accepts(t, 'no limit in Isthmus', 'isthmus', [type2()], alloc, { gasLimit: 42_000n })
})

t.test('from Jovian a deposit comes first (D-36, D-37)', async (t) => {
  const first = async (fork: Fork, transactions: BytesLike[]) =>
    nextBlock(await startChain(chainAt(fork), allocOf()), transactions)
  const refusesFirst = async (name: string, fork: Fork, transactions: BytesLike[]) => {
    const error = await failureOf(first(fork, transactions))
    isRefusal(t, error, /transaction 0 .*deposit/, `${name} in ${fork}`)
  }
  for (const fork of ['jovian', 'karst'] as const) {
    await refusesFirst('no transaction', fork, [])
    await refusesFirst('no deposit', fork, [type2()])
    await refusesFirst('deposit second', fork, [type2(), deposit()])
  }
  for (const fork of ['bedrock', 'isthmus'] as const) {
    t.equal((await first(fork, [])).receipts.length, 0)
    t.equal((await first(fork, [type2(), deposit()])).receipts.length, 2)
  }
})

t.test('the first block of Jovian and Karst has deposits only (I-14, F-32, T-46)', async (t) => {
  const before = { jovian: 'isthmus', karst: 'jovian' } as const
  for (const fork of ['jovian', 'karst'] as const) {
    const chain = chainAt(before[fork], { [fork]: 1005 })
    const at = async (timestamp: number, transactions: BytesLike[]) =>
      nextBlock(await startChain(chain, allocOf()), transactions, { timestamp })
    for (const timestamp of [1005, 1009]) {
      const error = await failureOf(at(timestamp, [deposit(), type2()]))
      isRefusal(t, error, /transaction 1 .*deposit/, `first of ${fork}, at ${timestamp}`)
    }
    t.equal((await at(1005, [deposit(), deposit()])).receipts.length, 2)
    t.equal((await at(1004, [deposit(), type2()])).receipts.length, 2)
    const test = await startChain(chain, allocOf())
    await nextBlock(test, [deposit()], { timestamp: 1005 })
    const second = await nextBlock(test, [deposit(), type2()], { timestamp: 1006 })
    t.equal(second.receipts.length, 2)
  }
  // The forks before let users in (I-10 is for the sequencer).
  for (const [fork, last] of [
    ['canyon', 'regolith'],
    ['holocene', 'granite'],
    ['isthmus', 'holocene'],
  ] as const) {
    const test = await startChain(chainAt(last, { [fork]: 1005 }), allocOf())
    const { receipts } = await nextBlock(test, [deposit(), type2()], { timestamp: 1005 })
    t.equal(receipts.length, 2, fork)
  }
})

/** The attributes make the block invalid: the error names the one that is wrong. */
async function refusesAttributes(
  t: Test,
  fork: Fork,
  name: string,
  overrides: Record<string, unknown>,
  reason: RegExp,
) {
  const block = run(fork, [], allocOf(), overrides as Partial<PayloadAttributes>)
  isRefusal(t, await failureOf(block), reason, `${name} in ${fork}`)
}

t.test('every attribute that the fork needs must be there (R-07, R-09, R-10)', async (t) => {
  const needed: [name: string, since: Fork, reason: RegExp][] = [
    ['gasLimit', 'bedrock', /gasLimit/],
    ['prevRandao', 'bedrock', /prevRandao/],
    ['suggestedFeeRecipient', 'bedrock', /suggestedFeeRecipient/],
    ['parentBeaconBlockRoot', 'ecotone', /parentBeaconBlockRoot/],
    ['eip1559Params', 'holocene', /eip1559Params/],
    ['minBaseFee', 'jovian', /minBaseFee/],
  ]
  for (const fork of FORKS) {
    for (const [name, since, reason] of needed) {
      if (FORKS.indexOf(fork) < FORKS.indexOf(since)) continue
      await refusesAttributes(t, fork, `no ${name}`, { [name]: undefined }, reason)
      await refusesAttributes(t, fork, `${name} null`, { [name]: null }, reason)
    }
  }
  const test = await startChain(chainAt('karst'), allocOf())
  const attributes = { gasLimit: 30_000_000n, transactions: [deposit()] } as PayloadAttributes
  const error = await failureOf(executeBlock({ ...test, attributes }))
  isRefusal(t, error, /timestamp 0/, 'hardly any attribute')
})

t.test('attributes of later forks are refused (R-09, R-10)', async (t) => {
  const late: [name: string, value: unknown, since: Fork, reason: RegExp][] = [
    ['parentBeaconBlockRoot', new Uint8Array(32), 'ecotone', /parentBeaconBlockRoot/],
    ['eip1559Params', new Uint8Array(8), 'holocene', /eip1559Params/],
    ['eip1559Params', hexToBytes('0x000000fa00000006'), 'holocene', /eip1559Params/],
    ['minBaseFee', 0n, 'jovian', /minBaseFee/],
    ['minBaseFee', 1, 'jovian', /minBaseFee/],
  ]
  for (const fork of FORKS) {
    for (const [name, value, since, reason] of late) {
      if (FORKS.indexOf(fork) >= FORKS.indexOf(since)) continue
      await refusesAttributes(t, fork, name, { [name]: value }, reason)
    }
  }
})

t.test('eip1559Params and minBaseFee do not stand for each other (R-09, R-10)', async (t) => {
  const params = '0x000000fa00000006'
  const swapped = { eip1559Params: undefined, minBaseFee: params }
  await refusesAttributes(t, 'holocene', 'swapped', swapped, /eip1559Params 0x, minBaseFee/)
  const joined = { eip1559Params: `${params}0000000000000001`, minBaseFee: undefined }
  await refusesAttributes(t, 'karst', 'joined', joined, /eip1559Params 0x0+fa0+60+1, minBaseFee/)
})

t.test('attributes out of range are refused (R-07, R-10)', async (t) => {
  const wrong: [name: string, values: unknown[]][] = [
    ['prevRandao', [new Uint8Array(31), new Uint8Array(33), '0x']],
    ['suggestedFeeRecipient', [new Uint8Array(19), new Uint8Array(21), '0x']],
    ['parentBeaconBlockRoot', [new Uint8Array(31), new Uint8Array(33), '0x']],
    ['eip1559Params', [new Uint8Array(7), new Uint8Array(9), '0x', '0x00']],
    // Only one of elasticity and denominator is 0.
    ['eip1559Params', ['0x0000000000000006', '0x000000fa00000000']],
    ['transactions', [[[]], [null], [], null, undefined]],
    ['minBaseFee', [2n ** 64n, 2n ** 256n]],
    ['gasLimit', [2n ** 63n, 2n ** 64n]],
  ]
  for (const [name, values] of wrong) {
    const reason = name === 'transactions' ? /transaction 0 / : new RegExp(name)
    for (const value of values) {
      await refusesAttributes(t, 'karst', `${name} ${inspect(value)}`, { [name]: value }, reason)
    }
  }
  const { header } = await run('karst', [], allocOf(), { gasLimit: 2n ** 63n - 1n })
  t.equal(header.gasLimit, 2n ** 63n - 1n)
})

t.test('attributes that are no bytes or numbers at all say nothing about the block', async (t) => {
  const wrong: [name: string, values: unknown[]][] = [
    ['prevRandao', [`0x${'zz'.repeat(32)}`, 'ab']],
    ['suggestedFeeRecipient', [`0x${'zz'.repeat(20)}`, COINBASE.slice(2)]],
    ['parentBeaconBlockRoot', [`0x${'zz'.repeat(32)}`]],
    ['eip1559Params', [`0x${'zz'.repeat(8)}`]],
    ['transactions', [['0xzz'], ['ab'], [{}], 'all', 5]],
    ['minBaseFee', [-1n, -1, 1.5, 'much', '0xzz']],
    ['gasLimit', [-1n, -1, 1.5, Number.NaN, 'much', '0xzz']],
    ['timestamp', [-1n, -1, -(2n ** 64n), 1002.5, Number.NaN, 'soon', '0xzz', '', {}]],
  ]
  for (const [name, values] of wrong) {
    for (const value of values) {
      const test = await startChain(chainAt('karst'), allocOf())
      const attributes = { ...nextAttributes(test, [deposit()]), [name]: value }
      const error = await failureOf(executeBlock({ ...test, attributes } as BlockOptions))
      const isFault = error instanceof Error && !(error instanceof InvalidBlockError)
      t.ok(isFault && !(error instanceof StateError), `${name} ${inspect(value)}: ${error}`)
    }
  }
})

t.test('a timestamp is an integer of 64 bits, after the parent’s (X-02, R-11)', async (t) => {
  const at = async (timestamp: unknown) => {
    const test = await startChain(chainAt('karst'), allocOf())
    const attributes = { ...nextAttributes(test, [deposit()]), timestamp } as PayloadAttributes
    return executeBlock({ ...test, attributes })
  }
  for (const timestamp of [0n, 999n, 1000n, '0x3e8', 2n ** 64n, 2n ** 256n, null, undefined]) {
    const name = `${timestamp}, a ${typeof timestamp}`
    const reason = new RegExp(`timestamp ${BigInt(timestamp ?? 0)} must be later than 1000`)
    isRefusal(t, await failureOf(at(timestamp)), reason, name)
  }
  for (const timestamp of [1001, 1001n, '0x3e9', 2n ** 64n - 1n]) {
    const { header } = await at(timestamp)
    t.equal(header.timestamp, BigInt(timestamp))
  }
})

t.test('withdrawals are refused unless the list is empty (R-08, X-06)', async (t) => {
  const withdrawal = { index: '0x0', validatorIndex: '0x0', address: SENDER, amount: '0x1' }
  for (const fork of FORKS.slice(FORKS.indexOf('canyon'))) {
    const two = [withdrawal, withdrawal]
    await refusesAttributes(t, fork, 'one', { withdrawals: [withdrawal] }, /withdrawals/)
    await refusesAttributes(t, fork, 'two', { withdrawals: two }, /withdrawals/)
    for (const withdrawals of [[], null, undefined]) {
      const { receipts } = await run(fork, [], allocOf(), { withdrawals })
      t.equal(receipts.length, 1)
    }
  }
})

t.test('an invalid transaction does not depend on what comes before or behind it', async (t) => {
  const bad = type2({ nonce: 7n })
  const good = [type2(), type2({ nonce: 1n })]
  await refuses(t, 'third', /nonce/, 'jovian', [...good, bad])
  const test = await startChain(chainAt('jovian'), allocOf())
  const error = await failureOf(nextBlock(test, [deposit(), bad, ...good]))
  isRefusal(t, error, /^transaction 1: .*nonce is 7, .*0x1a642f.* 0/, 'first of three')
})
