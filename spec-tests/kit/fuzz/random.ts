/** A sequence of numbers that follows from a seed (Mulberry32), and choices made by it. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to, but not including, 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** An integer from 0 up to, but not including, `limit`. */
  integer(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  chance(probability: number): boolean {
    return this.fraction() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)]
  }

  /** As many of what `create` gives, with its index. */
  list<T>(count: number, create: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => create(index))
  }

  /** Digits of `count` bytes, without 0x. */
  bytes(count: number): string {
    return this.list(count, () => this.integer(256).toString(16).padStart(2, '0')).join('')
  }

  /** One of `makers` by their weights. */
  weighted<T>(makers: readonly (readonly [weight: number, make: () => T])[]): T {
    let left = this.fraction() * makers.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, make] of makers) {
      left -= weight
      if (left < 0) return make()
    }
    return makers[makers.length - 1][1]()
  }

  /** A number of up to 256 bits, most often a small one or one near a power of 2. */
  word(): bigint {
    return this.weighted<bigint>([
      [35, () => BigInt(this.integer(8))],
      [15, () => BigInt(this.integer(300))],
      [10, () => BigInt(32 * this.integer(20))],
      [15, () => 2n ** BigInt(this.integer(256))],
      [15, () => 2n ** BigInt(1 + this.integer(256)) - 1n],
      [10, () => BigInt(`0x${this.bytes(32)}`)],
    ])
  }
}
