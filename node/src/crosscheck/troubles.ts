import { type Logger, createRepeatFilter } from '../logger.ts'

/** Why the watchman cannot go on, by what cannot; it tries again. */
export class Troubles {
  readonly #current = new Map<string, string>()
  readonly #isNews = createRepeatFilter()
  readonly #log: Logger
  readonly #onChange: () => void

  constructor(log: Logger, onChange: () => void) {
    this.#log = log
    this.#onChange = onChange
  }

  /** The first of them. */
  get first(): string | undefined {
    return this.#current.values().next().value
  }

  set(what: string, text: string): void {
    const isChange = this.#current.get(what) !== text
    this.#current.set(what, text)
    // The same of another block is said already.
    const kind = text.replace(/0x\w+|\d+/g, '')
    if (isChange && this.#isNews(`${what} ${kind}`) !== undefined) {
      this.#log.warn({ reason: text }, 'the watchman cannot go on')
    }
    if (isChange) this.#onChange()
  }

  clear(what: string): void {
    if (!this.#current.delete(what)) return
    this.#log.info({}, 'the watchman goes on')
    this.#onChange()
  }
}
