import { RLP } from '@ethereumjs/rlp'
import { createAddressFromString, concatBytes, hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import { decodeSigned, encodeDeposit, executeBlock } from '../src/index.ts'
import { chainAt, nextAttributes, rulesAt, startChain } from './helpers.ts'

const ADDRESS = hexToBytes(`0x${'aa'.repeat(20)}`)
const SLOT = new Uint8Array(32)
/** As many items as there should be bytes. */
const list = (length: number) => Array.from({ length }, () => new Uint8Array())
const NOTHING = new Uint8Array()
const ONE = Uint8Array.of(1)

/** An encoded transaction of chain 901 with these lists; its signature is no use. */
function encode(type: 1 | 2 | 4, accessList: unknown, authorizationList: unknown = []) {
  const [chainId, gas] = [hexToBytes('0x0385'), hexToBytes('0x0186a0')]
  const fees = type === 1 ? [ONE] : [ONE, ONE]
  const call = [chainId, NOTHING, ...fees, gas, ADDRESS, NOTHING, NOTHING]
  const lists = type === 4 ? [accessList, authorizationList] : [accessList]
  return concatBytes(Uint8Array.of(type), RLP.encode([...call, ...lists, ONE, ONE, ONE] as never))
}

t.test('lists are lists and bytes are bytes in a transaction (R-03, R-04)', async (t) => {
  const rules = rulesAt('isthmus')
  const authorization = [hexToBytes('0x0385'), ADDRESS, NOTHING, NOTHING, ONE, ONE]
  const good: [1 | 2 | 4, unknown, unknown?][] = [
    [1, []],
    [2, [[ADDRESS, []]]],
    [2, [[ADDRESS, [SLOT, SLOT]]]],
    [4, [[ADDRESS, [SLOT]]], [authorization]],
  ]
  for (const shape of good) t.ok(decodeSigned(rules, encode(...shape)), `${shape}`)
  const bad: [1 | 2 | 4, unknown, unknown?][] = [
    [1, NOTHING],
    [2, [[ADDRESS, NOTHING]]],
    [2, [[ADDRESS, [list(32)]]]],
    [1, [[ADDRESS, [SLOT, list(32)]]]],
    [2, [[list(20), []]]],
    [4, [[list(20), [SLOT]]], [authorization]],
    [4, [], [[list(1), ...authorization.slice(1)]]],
    [4, [], [[authorization[0], list(20), ...authorization.slice(2)]]],
    [4, [], [[...authorization.slice(0, 5), list(1)]]],
    [4, [], NOTHING],
  ]
  for (const [index, shape] of bad.entries()) {
    t.throws(() => decodeSigned(rules, encode(...shape)), `${index}`)
  }
})

t.test('a candidate that cannot be in the block leaves no trace (D-34, S-04)', async (t) => {
  const from = createAddressFromString(`0x${'bb'.repeat(20)}`)
  const deposit = { sourceHash: SLOT, from, to: from, mint: 5n, value: 0n, gas: 50_000n }
  const raw = encodeDeposit({ ...deposit, isSystemTx: false, data: NOTHING })
  const build = async (candidates: Uint8Array[]) => {
    const test = await startChain(chainAt('isthmus'), {})
    const attributes = nextAttributes(test, [raw])
    return executeBlock({ ...test, attributes, candidates })
  }
  const alone = await build([])
  const other = encodeDeposit({ ...deposit, mint: 7n, isSystemTx: false, data: NOTHING })
  const spoiled = await build([other, encode(2, [[ADDRESS, [list(32)]]]), NOTHING, encode(2, [])])
  t.equal(spoiled.transactions.length, 1)
  t.same(spoiled.header.hash(), alone.header.hash())
})
