import t from 'tap'
import { createEncoder, decode } from '../node/dist/store/delta.js'
import { createRandom } from './node-helpers-faults.ts'

const random = createRandom()
t.comment(`SEED=${random.seed}`)
const bytes = (length: number) => Uint8Array.from({ length }, () => random.below(256))

/** The value with other bytes in some places. */
function change(value: Uint8Array, runs: number): Uint8Array {
  const changed = value.slice()
  for (let run = 0; run < runs; run++) changed.set(bytes(32), random.below(value.length - 32))
  return changed
}

/** Records as a database has them. */
function openRecords() {
  const records = new Map<number, Uint8Array>()
  const isThere = (place: number, record: Uint8Array) =>
    Buffer.compare(records.get(place) ?? new Uint8Array(), record) === 0
  const encode = createEncoder(isThere)
  const put = (place: number, value: Uint8Array, cut = 0) => {
    records.set(place, encode(value, place, cut))
    return records.get(place)!.length
  }
  const get = (place: number) => decode(records.get(place)!, place, (at) => records.get(at))
  return { records, put, get }
}

t.test('what was written is read, whatever it is', async (t) => {
  const { put, get } = openRecords()
  const values: Uint8Array[] = []
  for (let place = 0; place < 3_000; place++) {
    const old = values[random.below(values.length)]
    const isNew = !old || old.length < 33 || random.below(3) === 0
    const value = isNew ? bytes(random.below(700)) : change(old, random.below(5))
    values.push(value)
    put(place, value)
  }
  const wrong = values.filter((value, place) => Buffer.compare(get(place)!, value) !== 0)
  t.equal(wrong.length, 0)
})

t.test('a node that is like one before takes little', async (t) => {
  const { put, get } = openRecords()
  const value = bytes(532)
  t.equal(put(1, value), 533)
  // Far apart, at both ends, and next to a byte that stays.
  for (const offset of [0, 200, 300, 499, 500]) {
    const changed = value.slice()
    for (let index = 0; index < 32; index++) changed[offset + index] ^= 0xff
    t.ok(put(2, changed) <= 5 + 2 * 3 + 32, `a change at ${offset}`)
    t.same(get(2), changed)
  }
})

t.test('nothing refers to what will not be there', async (t) => {
  const { records, put, get } = openRecords()
  const value = bytes(532)
  put(10, value)
  t.equal(put(11, change(value, 1), 11), 533, 'a record before the cut')
  // The transaction failed, and another thread took its place.
  records.set(10, new Uint8Array([0, ...bytes(532)]))
  records.delete(11)
  const next = change(value, 1)
  t.equal(put(12, next), 533, 'a record that is another now')
  t.same(get(12), next)
  const { length } = records.get(12)!
  t.equal(length, 533)
  put(13, change(next, 1))
  records.delete(12)
  t.equal(get(13), undefined, 'a reader is told of a record that is missing')
})
