/** What somebody says of a block, against what is computed. */
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import type { PrefixedHexString as Hex } from 'ethereumjs-op/ethereumjs'

/** A value that differs. */
export interface Difference {
  /** Path to it, from `header`, `transaction` or `receipt` on. */
  where: string
  computed: unknown
  claimed: unknown
}

/** What is said of a block, as JSON-RPC writes it; what is left out is not compared. */
export interface BlockClaim {
  header?: Record<string, unknown> & { hash?: Hex }
  transactions?: unknown[]
  receipts?: unknown[]
}

/** Fields whose null is a value: no other says anything by it. */
const NULLABLE = ['to', 'contractAddress']

/** Names of what lies in a block and repeats its hash, which differs where anything does. */
const REPEATS_HASH = / blockHash$/

const DECIMAL = /^\d+(\.\d+)?(e[+-]?\d+)?$/i

const isList = (value: unknown): value is unknown[] => Array.isArray(value)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !isList(value)

/** Hex is the same in upper and lower case, and a decimal number however it is written. */
function isSame(computed: unknown, claimed: unknown): boolean {
  if (typeof computed !== 'string' || typeof claimed !== 'string') return computed === claimed
  const isDecimal = DECIMAL.test(computed) && DECIMAL.test(claimed)
  if (isDecimal) return Number(computed) === Number(claimed)
  return computed.toLowerCase() === claimed.toLowerCase()
}

/** Clients leave out what others give, or say null. */
const isGiven = (name: string, claimed: unknown) =>
  claimed === null ? NULLABLE.includes(name) : claimed !== undefined

/**
 * Finds what is claimed otherwise than it was computed, whatever the order of fields.
 *
 * @param where - path to the value, for what is found
 */
function findDifferences(computed: unknown, claimed: unknown, where: string): Difference[] {
  if (isList(computed) && isList(claimed)) {
    if (computed.length !== claimed.length) {
      const counts = { computed: computed.length, claimed: claimed.length }
      return [{ where: `${where} count`, ...counts }]
    }
    return computed.flatMap((item, index) =>
      findDifferences(item, claimed[index], `${where} ${index}`),
    )
  }
  if (isObject(computed) && isObject(claimed)) {
    return Object.entries(computed)
      .filter(([name, value]) => value !== undefined && isGiven(name, claimed[name]))
      .flatMap(([name, value]) => findDifferences(value, claimed[name], `${where} ${name}`))
  }
  return isSame(computed, claimed) ? [] : [{ where, computed, claimed }]
}

/** What the claim has otherwise than it was computed: header first, then receipts and transactions. */
export function compareBlock(block: BlockJSON, claim: BlockClaim): Difference[] {
  const { header = {}, receipts = block.receipts, transactions = block.transactions } = claim
  const inHeader = findDifferences(block.header, header, 'header')
  const inBody = [
    ...findDifferences(block.receipts, receipts, 'receipt'),
    ...findDifferences(block.transactions, transactions, 'transaction'),
  ]
  if (inHeader.length === 0) return inBody
  return [...inHeader, ...inBody.filter(({ where }) => !REPEATS_HASH.test(where))]
}

/** A difference in words. */
export function describeDifference({ where, computed, claimed }: Difference): string {
  const show = (value: unknown) => (JSON.stringify(value) ?? 'absent').slice(0, 140)
  return `${where} is ${show(computed)}, but ${show(claimed)} is claimed`
}
