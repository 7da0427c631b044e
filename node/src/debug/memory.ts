/** By opcode, where on the stack are start and length of each range of memory that it touches. */
const RANGES: Record<number, [number, number][]> = {
  32: [[0, 1]],
  55: [[0, 2]],
  57: [[0, 2]],
  60: [[1, 3]],
  62: [[0, 2]],
  94: [
    [0, 2],
    [1, 2],
  ],
  160: [[0, 1]],
  161: [[0, 1]],
  162: [[0, 1]],
  163: [[0, 1]],
  164: [[0, 1]],
  240: [[1, 2]],
  241: [
    [3, 4],
    [5, 6],
  ],
  242: [
    [3, 4],
    [5, 6],
  ],
  243: [[0, 1]],
  244: [
    [2, 3],
    [4, 5],
  ],
  245: [[1, 2]],
  250: [
    [2, 3],
    [4, 5],
  ],
  253: [[0, 1]],
}

/** Opcodes that touch a range of fixed length, which begins at the top of the stack. */
const FIXED_RANGES: Record<number, bigint> = { 81: 32n, 82: 32n, 83: 1n }

/** Bytes of memory up to the end of what an opcode touches; `items` are the stack's, top first. */
export function memoryNeed(code: number, items: bigint[]): bigint {
  const length = FIXED_RANGES[code]
  if (length) return items[0] + length
  let most = 0n
  for (const [start, length] of RANGES[code] ?? []) {
    if (items[length] === 0n) continue
    const end = items[start] + items[length]
    if (end > most) most = end
  }
  return most
}
