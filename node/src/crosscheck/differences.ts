import type { Difference } from '../verify/rpcBlock.ts'

/** What is compared: values that came of computing, and what is claimed of them. */
type Pair = [computed: unknown, claimed: unknown]

const isList = (value: unknown): value is unknown[] => Array.isArray(value)
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !isList(value)

const DECIMAL = /^\d+(\.\d+)?(e[+-]?\d+)?$/i

/** Hex is the same in upper and lower case, and a decimal number however it is written. */
function isSame([computed, claimed]: Pair): boolean {
  if (typeof computed !== 'string' || typeof claimed !== 'string') return computed === claimed
  const isDecimal = DECIMAL.test(computed) && DECIMAL.test(claimed)
  if (isDecimal) return Number(computed) === Number(claimed)
  return computed.toLowerCase() === claimed.toLowerCase()
}

/**
 * Finds what is claimed otherwise than it was computed, whatever the order of fields. A field that is
 * not claimed is no difference, for clients leave out what others give.
 *
 * @param where - name of the value, for what is found
 */
export function findDifferences(computed: unknown, claimed: unknown, where: string): Difference[] {
  if (claimed === undefined) return []
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
    return Object.entries(computed).flatMap(([name, value]) =>
      value === undefined ? [] : findDifferences(value, claimed[name], `${where} ${name}`),
    )
  }
  return isSame([computed, claimed]) ? [] : [{ where, computed, claimed }]
}

/** A difference in words. */
export function describeDifference({ where, computed, claimed }: Difference): string {
  const show = (value: unknown) => (JSON.stringify(value) ?? 'absent').slice(0, 140)
  return `${where} is ${show(computed)} here, ${show(claimed)} there`
}
