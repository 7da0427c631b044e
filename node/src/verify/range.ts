/** Blocks that are checked, both included. */
export interface Range {
  first: number
  last: number
}

/**
 * Reads `BLOCK`, `FROM..TO` or `latest`, each end a number, in hex or decimal, or `latest`.
 *
 * @param latest - number of the newest block
 * @throws if it is none of these, or goes beyond the newest block
 */
export function readRange(text: string, latest: number): Range {
  const ends = text.split('..')
  if (ends.length > 2) throw new Error(`${text} is neither BLOCK, FROM..TO nor latest`)
  const [first, last = first] = ends.map((end) => {
    if (end === 'latest') return latest
    if (/^(\d{1,15}|0x[0-9a-fA-F]{1,12})$/.test(end)) return Number(end)
    throw new Error(`${text} is neither BLOCK, FROM..TO nor latest`)
  })
  if (first === 0) throw new Error('block 0 has nothing before it: `genesis FILE` prints its hash')
  if (first > last) throw new Error(`${text} ends before it begins`)
  if (last > latest) throw new Error(`block ${last} is not there yet: the latest is ${latest}`)
  return { first, last }
}
