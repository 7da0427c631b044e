import { RLP } from '@ethereumjs/rlp'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import {
  type Address,
  bytesToUnprefixedHex,
  concatBytes,
  createAddressFromString,
} from '@ethereumjs/util'
import { hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import {
  type Fork,
  State,
  StateError,
  calculateBaseFee,
  createHeader,
  encodeDeposit,
  encodeExtraData,
  executeBlock,
} from '../src/index.ts'
import { chainAt, nextAttributes, nextBlock, rulesAt, startChain } from './helpers.ts'

const FROM = createAddressFromString('0x00000000000000000000000000000000000000a1')
const TARGET = createAddressFromString('0x00000000000000000000000000000000000c0de0')
const OTHER = createAddressFromString('0x00000000000000000000000000000000000c0de1')

const deposit = (
  to: Address | undefined,
  opts: { data?: Uint8Array; mint?: bigint; value?: bigint; gas?: bigint } = {},
) =>
  encodeDeposit({
    sourceHash: new Uint8Array(32),
    from: FROM,
    to,
    mint: opts.mint ?? 0n,
    value: opts.value ?? 0n,
    gas: opts.gas ?? 1_000_000n,
    isSystemTx: false,
    data: opts.data ?? new Uint8Array(),
  })

// MSTORE(0, 0xef00) and create from its last two bytes; CREATE2 has salt 0.
const CREATE_EF00 = {
  create: '61ef00600052' + '6002601e6000f0',
  create2: '61ef00600052' + '60006002601e6000f5',
}

for (const fork of ['bedrock', 'canyon', 'ecotone', 'isthmus', 'karst'] as Fork[]) {
  t.test(`initcode that starts with 0xEF00 fails like any invalid code in ${fork}`, async (t) => {
    for (const [name, code] of Object.entries(CREATE_EF00)) {
      // Stores what was created, in slot 0.
      const alloc = { [TARGET.toString()]: { nonce: '0x1', code: `0x${code}60005500` } }
      const chain = await startChain(chainAt(fork), alloc as never)
      const { receipts } = await nextBlock(chain, [deposit(TARGET)])
      t.equal(receipts[0].status, 1, name)
      const creator = await chain.state.getAccount(TARGET)
      t.equal(creator?.nonce, 2n, `${name} raised the nonce`)
      if (fork !== 'bedrock') t.ok(receipts[0].gasUsed > 900_000n, `${name} lost 63/64 of its gas`)
    }
  })
}

t.test('a contract whose code is 0x80 is not the empty trie', async (t) => {
  // MSTORE8(0, 0x80), RETURN(0, 1)
  const data = hexToBytes('0x608060005360016000f3')
  // SLOAD(1) of an account without storage
  const chain = await startChain(chainAt('ecotone'), {
    [OTHER.toString()]: { nonce: '0x1', code: '0x60015460005500' },
  })
  const first = await nextBlock(chain, [deposit(undefined, { data })])
  const created = first.receipts[0].contractAddress!
  t.equal(bytesToUnprefixedHex(await chain.state.getCode(created)), '80')
  const { receipts } = await nextBlock(chain, [deposit(OTHER), deposit(created)])
  t.equal(receipts[0].status, 1, 'reading an empty storage still works')
  t.equal(receipts[1].status, 0, 'the code runs: DUP1 on an empty stack fails')
})

const CALLED = createAddressFromString('0x00000000000000000000000000000000000c0de2')

// Call CALLED with 5,000 gas and store the result in slot 0.
const called = `73${bytesToUnprefixedHex(CALLED.bytes)}611388`
const CALL_CALLED = {
  call: `60006000600060006000${called}f160005500`,
  callcode: `60006000600060006000${called}f260005500`,
  delegatecall: `6000600060006000${called}f460005500`,
  staticcall: `6000600060006000${called}fa60005500`,
}

/** Gas of a deposit to TARGET that calls CALLED, which has this code. */
async function gasOfCall(fork: Fork, op: keyof typeof CALL_CALLED, code: string) {
  const chain = await startChain(chainAt(fork), {
    [TARGET.toString()]: { nonce: '0x1', code: `0x${CALL_CALLED[op]}` },
    [CALLED.toString()]: { nonce: '0x1', code: `0x${code}` },
    [OTHER.toString()]: { nonce: '0x1', code: '0x00' },
  } as never)
  const { receipts } = await nextBlock(chain, [deposit(TARGET)])
  t.equal(receipts[0].status, 1)
  return receipts[0].gasUsed
}

const DELEGATION = `ef0100${bytesToUnprefixedHex(OTHER.bytes)}`

t.test(
  'code that begins like a delegation is none unless it has 23 bytes (EIP-7702)',
  async (t) => {
    // 2,600 for the access, 5,000 lost to the invalid opcode 0xEF, 2,200 to store 0 in a slot with 0.
    const failed = { call: 30_824n, callcode: 30_824n, delegatecall: 30_821n, staticcall: 30_821n }
    for (const [op, gas] of Object.entries(failed) as ['call', bigint][]) {
      for (const code of ['ef0100', DELEGATION.slice(0, 44), `${DELEGATION}00`, 'ef', 'ef00']) {
        t.equal(await gasOfCall('isthmus', op, code), gas, `${op} ${code} in isthmus`)
      }
      t.equal(await gasOfCall('ecotone', op, DELEGATION), gas, `${op} of a delegation in ecotone`)
      // Twice 2,600 for the access, 22,100 to store 1.
      t.equal(await gasOfCall('isthmus', op, DELEGATION), gas + 17_500n, `${op} of a delegation`)
    }
  },
)

t.test('a transaction to code that only begins like a delegation runs that code', async (t) => {
  for (const code of ['ef0100', DELEGATION.slice(0, 44), `${DELEGATION}00`, DELEGATION]) {
    const chain = await startChain(chainAt('isthmus'), {
      [TARGET.toString()]: { nonce: '0x1', code: `0x${code}` },
      [OTHER.toString()]: { nonce: '0x1', code: '0x00' },
    } as never)
    const { receipts } = await nextBlock(chain, [deposit(TARGET)])
    const [status, gasUsed] = code === DELEGATION ? [1, 21_000n] : [0, 1_000_000n]
    t.equal(receipts[0].status, status, code)
    t.equal(receipts[0].gasUsed, gasUsed, code)
  }
})

t.test('EXTCODESIZE and EXTCODECOPY give all code that starts with 0xEF', async (t) => {
  const other = `73${bytesToUnprefixedHex(OTHER.bytes)}`
  // MSTORE(0, 2^256 - 1), EXTCODECOPY(OTHER, 1, 1, 30); slots: EXTCODESIZE, MLOAD(0)
  const target = `${other}3b600055${'7f'}${'ff'.repeat(32)}600052601e60016001${other}3c600051600155`
  for (const [code, size, copied] of [
    ['ef00', '02', '00'],
    ['ef0001aabbcc', '06', '0001aabbcc'],
    [DELEGATION, '17', DELEGATION.slice(2)],
    ['ef'.repeat(40), '28', 'ef'.repeat(30)],
  ]) {
    const chain = await startChain(chainAt('isthmus'), {
      [TARGET.toString()]: { nonce: '0x1', code: `0x${target}00` },
      [OTHER.toString()]: { nonce: '0x1', code: `0x${code}` },
    } as never)
    await nextBlock(chain, [deposit(TARGET)])
    const slot = async (number: number) => {
      const key = concatBytes(new Uint8Array(31), Uint8Array.of(number))
      return bytesToUnprefixedHex(await chain.state.getStorage(TARGET, key))
    }
    t.equal(await slot(0), size, `size of ${code}`)
    t.equal(await slot(1), `ff${copied.padEnd(60, '0')}ff`, `copy of ${code}`)
  }
})

/** Executes a deposit to TARGET on a state that lacks the node or code with this hash. */
async function executeWithout(
  alloc: Parameters<typeof startChain>[1],
  lost: (state: State) => Promise<Uint8Array>,
  fork: Fork = 'ecotone',
) {
  const chain = chainAt(fork)
  const { state, parent } = await startChain(chain, alloc)
  const nodes = new Map(state.added)
  const { common } = rulesAt(fork)
  t.ok(nodes.delete(bytesToUnprefixedHex(await lost(state))), 'it was there')
  const rest = new State(common, nodes, parent.stateRoot)
  const attributes = nextAttributes({ chain, parent }, [deposit(TARGET, { mint: 1n })])
  return executeBlock({ chain, state: rest, parent, attributes })
}

t.test('SSTORE without gas does not read the slot (EIP-2200)', async (t) => {
  // TARGET sends 0 wei and 2,300 gas to OTHER, which stores 1 in slot 0.
  const call = `60006000600060006000${'73'}${bytesToUnprefixedHex(OTHER.bytes)}6108fcf1`
  const alloc = (gas: string) => ({
    [TARGET.toString()]: { nonce: '0x1', code: `0x${call.replace('6108fc', gas)}00` },
    [OTHER.toString()]: { nonce: '0x1', code: '0x600160005500', storage: { '0x05': '0x05' } },
  })
  const storageRoot = async (state: State) => (await state.getAccount(OTHER))!.storageRoot
  const { receipts } = await executeWithout(alloc('6108fc') as never, storageRoot)
  t.equal(receipts[0].status, 1)
  const error = await executeWithout(alloc('61ffff') as never, storageRoot).catch((e) => e)
  t.ok(error instanceof StateError, 'with gas it does')
})

for (const fork of ['ecotone', 'isthmus', 'karst'] as Fork[]) {
  t.test(`a call without gas does not read what it calls in ${fork} (EIP-2929)`, async (t) => {
    // TARGET sends 1 wei and 2,300 gas to OTHER, which calls CALLED, or sends it with all gas.
    const call = (gas: string) =>
      `60006000600060006001${'73'}${bytesToUnprefixedHex(OTHER.bytes)}${gas}f100`
    const alloc = (gas: string) => ({
      [TARGET.toString()]: { nonce: '0x1', balance: '0x1', code: `0x${call(gas)}` },
      [OTHER.toString()]: { nonce: '0x1', code: `0x${CALL_CALLED.delegatecall}` },
      [CALLED.toString()]: { nonce: '0x1', code: '0x600160005500' },
    })
    const codeHash = async (state: State) => (await state.getAccount(CALLED))!.codeHash
    const { receipts } = await executeWithout(alloc('6000') as never, codeHash, fork)
    t.equal(receipts[0].status, 1)
    const error = await executeWithout(alloc('5a') as never, codeHash, fork).catch((e) => e)
    t.ok(error instanceof StateError, 'with gas it does')
  })
}

t.test('SELFDESTRUCT without gas does not read who gets the rest (EIP-2929)', async (t) => {
  // TARGET calls OTHER with some gas, which destroys itself in favour of CALLED.
  const heir = bytesToUnprefixedHex(CALLED.bytes)
  const call = `6000600060006000600073${bytesToUnprefixedHex(OTHER.bytes)}`
  const alloc = (gas: number) => ({
    [TARGET.toString()]: { nonce: '0x1', code: `0x${call}61${gas.toString(16)}f100` },
    [OTHER.toString()]: { nonce: '0x1', balance: '0x1', code: `0x73${heir}ff` },
    [CALLED.toString()]: { balance: '0xbeefbeef' },
  })
  const leaf = async (state: State) => {
    const nodes = [...state.added]
    const [hash] = nodes.find(([, node]) => bytesToUnprefixedHex(node).includes('84beefbeef'))!
    return hexToBytes(`0x${hash}`)
  }
  // PUSH20, what it costs at least, and a cold account.
  for (const gas of [5_002, 5_003, 7_602]) {
    const { receipts } = await executeWithout(alloc(gas), leaf)
    t.equal(receipts[0].status, 1, `${gas} gas`)
  }
  const error = await executeWithout(alloc(7_603), leaf).catch((e) => e)
  t.ok(error instanceof StateError, 'with gas it does')
})

t.test('EXTCODEHASH does not load the code', async (t) => {
  const alloc = {
    [TARGET.toString()]: {
      nonce: '0x1',
      code: `0x73${bytesToUnprefixedHex(OTHER.bytes)}3f60005500`,
    },
    [OTHER.toString()]: { nonce: '0x1', code: '0x600160005500' },
  }
  const codeHash = async (state: State) => (await state.getAccount(OTHER))!.codeHash
  const { receipts } = await executeWithout(alloc, codeHash)
  t.equal(receipts[0].status, 1)
})

t.test(
  'EXTCODEHASH is 0 for an absent account and the hash of nothing for one without code',
  async (t) => {
    const hashOf = (address: Address, slot: string) =>
      `73${bytesToUnprefixedHex(address.bytes)}3f60${slot}55`
    const funded = createAddressFromString('0x00000000000000000000000000000000000000f1')
    const chain = await startChain(chainAt('ecotone'), {
      [TARGET.toString()]: {
        nonce: '0x1',
        code: `0x${hashOf(OTHER, '01')}${hashOf(funded, '02')}00`,
      },
      [funded.toString()]: { balance: '0x1' },
    })
    await nextBlock(chain, [deposit(TARGET)])
    const slot = async (number: number) => {
      const key = concatBytes(new Uint8Array(31), Uint8Array.of(number))
      return bytesToUnprefixedHex(await chain.state.getStorage(TARGET, key))
    }
    t.equal(await slot(1), '')
    t.equal(await slot(2), 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  },
)

t.test('an empty string in place of an empty access list is refused', async (t) => {
  const { common } = rulesAt('ecotone')
  const data = { chainId: 901, gasLimit: 21_000n, maxFeePerGas: 10n ** 10n, to: OTHER }
  const raw = createFeeMarket1559Tx(data, { common }).sign(new Uint8Array(32).fill(1)).serialize()
  const fields = RLP.decode(raw.subarray(1)) as Uint8Array[]
  fields[8] = new Uint8Array()
  const changed = concatBytes(Uint8Array.of(2), RLP.encode(fields))
  const chain = await startChain(chainAt('ecotone'), {})
  await t.rejects(nextBlock(chain, [changed]), {
    message: 'transaction 0: not in canonical encoding',
  })
})

t.test('eip1559Params have 8 bytes and minBaseFee its own place (B-06, B-10)', async (t) => {
  const [holocene, jovian] = [rulesAt('holocene'), rulesAt('jovian')]
  const params = '0x000000fa00000006' as const
  t.throws(() => encodeExtraData(holocene, { minBaseFee: params }), /eip1559Params/)
  t.throws(() => encodeExtraData(holocene, { eip1559Params: params, minBaseFee: 0n }), /extraData/)
  t.throws(() => encodeExtraData(jovian, { eip1559Params: params }), /extraData/)
  t.throws(
    () => encodeExtraData(jovian, { eip1559Params: `${params}0000000000000001` }),
    /eip1559Params/,
  )
  t.throws(() => encodeExtraData(jovian, { minBaseFee: 2n ** 127n }), /eip1559Params/)
  t.throws(
    () => encodeExtraData(jovian, { eip1559Params: params, minBaseFee: 2n ** 64n }),
    /minBaseFee 18446744073709551616 /,
  )
})

t.test(
  'an empty parent with a gas limit below the elasticity keeps its base fee (B-03)',
  async (t) => {
    const chain = chainAt('canyon')
    const rules = rulesAt('canyon')
    const parent = createHeader(chain, {
      number: 1n,
      timestamp: 1n,
      gasLimit: 5n,
      baseFeePerGas: 7n,
    })
    t.equal(calculateBaseFee(chain, parent, rules), 7n)
  },
)
