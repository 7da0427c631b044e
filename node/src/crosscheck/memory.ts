import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'
import type { Store } from '../store/store.ts'
import type { Alarm } from './types.ts'

/** A block by number and hash. */
export interface BlockRef {
  number: number
  hash: Hex
}

/** What is kept over restarts. */
interface Kept {
  checked?: BlockRef
  /** What was checked before it, newest last. */
  recent: BlockRef[]
  /** Keys of alarms that have been heard, oldest first: hashes of blocks, where they are about one. */
  rung: string[]
  /** Alarms that have not been heard yet. */
  unheard: { key: string; alarm: Alarm }[]
  /** Blocks that the main client takes and this one refuses, and those that follow them. */
  rejected: Hex[]
}

/** Where it is in the database. */
const KEY = 'crosscheck'

/** Checked blocks that are remembered, so that after a reorg the common ancestor is found. */
const MAX_RECENT = 256

/** Alarms and refused blocks that are remembered. */
const MAX_KEYS = 4_096

/** What the watchman remembers, also when the process is killed. */
export class Memory {
  readonly #store: Store
  readonly #kept: Kept
  readonly #byHash: Map<Hex, BlockRef>

  constructor(store: Store) {
    this.#store = store
    const none: Kept = { recent: [], rung: [], unheard: [], rejected: [] }
    this.#kept = (store.index.get(KEY) as Kept | undefined) ?? none
    this.#byHash = new Map(this.#kept.recent.map((block) => [block.hash, block]))
  }

  /** The newest block that needs no further check. */
  get checked(): BlockRef | undefined {
    return this.#kept.checked
  }

  /** Whether a block is among the last that were checked. */
  isChecked(hash: Hex): boolean {
    return this.#byHash.has(hash)
  }

  /** Notes that a block needs no further check. It may replace others of its number and above. */
  setChecked(block: BlockRef): void {
    const kept = this.#kept
    const recent = kept.recent.filter(({ number }) => number < block.number)
    kept.recent = [...recent, block].slice(-MAX_RECENT)
    this.#byHash.clear()
    for (const one of kept.recent) this.#byHash.set(one.hash, one)
    kept.checked = block
    void this.#save()
  }

  /** Alarms that have not been heard: after a crash they ring again. */
  get unheard(): { key: string; alarm: Alarm }[] {
    return [...this.#kept.unheard]
  }

  /** Notes an alarm before it rings, together with how far all is checked. @returns whether it is new */
  addAlarm(key: string, alarm: Alarm): boolean {
    const { rung, unheard } = this.#kept
    if (rung.includes(key) || unheard.some((one) => one.key === key)) return false
    this.#kept.unheard = [...unheard, { key, alarm }]
    void this.#save()
    return true
  }

  /** Notes that an alarm has been heard. Only then does it not ring again: rather twice than never. */
  async setRung(key: string): Promise<void> {
    this.#kept.unheard = this.#kept.unheard.filter((one) => one.key !== key)
    this.#kept.rung = [...this.#kept.rung, key].slice(-MAX_KEYS)
    await this.#save()
  }

  /** Whether a block cannot be executed here, since this client refuses it or one before it. */
  isRejected(hash: Hex): boolean {
    return this.#kept.rejected.includes(hash)
  }

  reject(hash: Hex): void {
    if (this.isRejected(hash)) return
    this.#kept.rejected = [...this.#kept.rejected, hash].slice(-MAX_KEYS)
    void this.#save()
  }

  /** Several in a row become one write; what cannot be written now is written with the next. */
  #save(): Promise<boolean> {
    return this.#store.index.put(KEY, this.#kept).catch(() => false)
  }
}
