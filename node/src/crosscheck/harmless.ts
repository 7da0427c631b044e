import { type AnsweredCall, fieldsOf } from './exchange.ts'
import type { Outcome } from './judge.ts'

/** A kind of difference that is known, and says nothing about a block. */
export interface HarmlessKind {
  /** As spec-tests/DISPUTED.md lists it. */
  name: string
  /** Why no block of a chain depends on it. */
  why: string
  fits(main: Outcome, own: Outcome, call: AnsweredCall): boolean
}

const isRefusal = ({ verdict }: Outcome) => verdict === 'INVALID' || verdict === 'error'

/**
 * All that is not an alarm though the answers differ. Each is counted by its name and logged; see
 * spec-tests/DISPUTED.md for what clients do there, and node/METHODS.md for the calls.
 */
export const HARMLESS: HarmlessKind[] = [
  {
    name: 'another-refusal',
    why: 'both refuse, with other codes, or INVALID in place of an error',
    fits: (main, own) =>
      isRefusal(main) && isRefusal(own) && (main.verdict === 'error' || own.verdict === 'error'),
  },
  {
    name: 'valid-ancestor-of-a-refusal',
    why: 'both say INVALID, and one does not say which ancestor is valid',
    fits: (main, own) =>
      main.verdict === 'INVALID' &&
      own.verdict === 'INVALID' &&
      (main.latestValidHash === undefined || own.latestValidHash === undefined),
  },
  {
    name: 'safe-label-off-chain',
    why: 'a label off the chain of the head, which the Engine API refuses; the blocks are compared all the same',
    fits: (main, own) => main.verdict === 'VALID' && own.code === -38002,
  },
  {
    name: 'forced-transactions-with-the-pool',
    why: 'a client may find out behind its answer that a forced transaction cannot be included; its payload is compared',
    fits: (main, own, { params: [, attributes] }) =>
      main.verdict === 'VALID' && own.code === -38003 && fieldsOf(attributes).noTxPool !== true,
  },
]
