/**
 * How a trie node is written down: whole, or as what differs from one of the same length. From block
 * to block most of a node stays, and what is new are hashes, which do not compress.
 */

/** First byte of a record: the value follows; or the distance to another record, then runs. */
const WHOLE = 0
const DELTA = 1

/** Bytes before the runs of a delta. */
const HEADER = 5

/** Lengths between which something is gained, and found (see {@link samplesOf}). */
const MIN_LENGTH = 40
const MAX_LENGTH = 600

/** Equal bytes that are cheaper repeated than skipped. */
const MAX_GAP = 2

/** Places where a value is looked at to find one like it; of a branch node, three children. */
const SAMPLES = 3

/** Most samples that are remembered, about 10 MB. */
const MAX_SAMPLES = 50_000

/** A record that is written whole. */
interface Base {
  place: number
  value: Uint8Array
}

/** Six bytes at each of some places of a value, as numbers. */
function samplesOf(value: Uint8Array): number[] {
  const view = new DataView(value.buffer, value.byteOffset, value.length)
  const samples: number[] = []
  for (let index = 0; index < SAMPLES; index++) {
    const offset = 4 + Math.floor(((value.length - 10) * index) / SAMPLES)
    samples.push(view.getUint32(offset) * 2 ** 16 + view.getUint16(offset + 4))
  }
  return samples
}

const toWhole = (value: Uint8Array): Uint8Array => {
  const record = new Uint8Array(1 + value.length)
  record[0] = WHOLE
  record.set(value, 1)
  return record
}

/** A delta of at most half of the value's length: `skip, length, bytes…` for each run. */
function toDelta({ place, value: base }: Base, value: Uint8Array, at: number) {
  const distance = at - place
  if (base.length !== value.length || distance >= 2 ** 32) return undefined
  const record = new Uint8Array(HEADER + (value.length >> 1))
  record[0] = DELTA
  new DataView(record.buffer).setUint32(1, distance)
  let length = HEADER
  let end = 0
  for (let index = 0; index < value.length; ) {
    if (base[index] === value[index]) {
      index++
      continue
    }
    const start = index
    let last = index
    while (index < value.length && index - last <= MAX_GAP && index - start < 255) {
      if (base[index] !== value[index]) last = index
      index++
    }
    // A skip has one byte, so a longer one has empty runs.
    let skip = start - end
    end = last + 1
    const needed = 2 * Math.floor(skip / 255) + 2 + end - start
    if (length + needed > record.length) return undefined
    for (; skip >= 255; skip -= 255) {
      record[length] = 255
      length += 2
    }
    record[length] = skip
    record[length + 1] = end - start
    record.set(value.subarray(start, end), length + 2)
    length += 2 + end - start
    index = end
  }
  return record.subarray(0, length)
}

/**
 * Writes values down, with a memory for what they could be like.
 *
 * @param isThere - whether a record still is what is remembered of it
 * @returns what makes the record of a value that will be at a place; it may refer to records from `cut`
 * on, for others will be deleted before it
 */
export function createEncoder(
  isThere: (place: number, record: Uint8Array) => boolean,
): (value: Uint8Array, place: number, cut: number) => Uint8Array {
  const bases = new Map<number, Base>()
  return (value, place, cut) => {
    const whole = toWhole(value)
    if (value.length < MIN_LENGTH || value.length > MAX_LENGTH) return whole
    const samples = samplesOf(value)
    for (const sample of samples) {
      const base = bases.get(sample)
      if (!base || base.place < cut) continue
      const delta = toDelta(base, value, place)
      // A transaction may have failed, or the record may have been deleted.
      if (delta && isThere(base.place, toWhole(base.value))) return delta
    }
    if (bases.size > MAX_SAMPLES) bases.clear()
    for (const sample of samples) bases.set(sample, { place, value })
    return whole
  }
}

/**
 * Reads a record.
 *
 * @param find - the record at a place, which may overwrite what it gave before
 * @returns a value of its own; undefined if the record that it refers to is not there any more
 */
export function decode(
  record: Uint8Array,
  place: number,
  find: (place: number) => Uint8Array | undefined,
): Uint8Array | undefined {
  if (record[0] === WHOLE) return new Uint8Array(record.subarray(1))
  const view = new DataView(record.buffer, record.byteOffset, record.length)
  const distance = view.getUint32(1)
  const runs = record.slice(HEADER)
  const base = find(place - distance)
  // Deltas are of whole records only, so that reading takes two look-ups at most.
  if (base?.[0] !== WHOLE) return undefined
  const value = new Uint8Array(base.subarray(1))
  let at = 0
  for (let offset = 0; offset < runs.length; ) {
    at += runs[offset]
    const length = runs[offset + 1]
    value.set(runs.subarray(offset + 2, offset + 2 + length), at)
    at += length
    offset += 2 + length
  }
  return value
}
