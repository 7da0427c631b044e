import type { Result, Verdict } from './suite.ts'
import { toLine } from './suite.ts'

/** How many cases have each verdict. */
export type Counts = Record<Verdict, number>

export function countResults(results: Result[]): Counts {
  const counts: Counts = { passed: 0, failed: 0, disputed: 0, skipped: 0 }
  for (const { verdict } of results) counts[verdict]++
  return counts
}

/** `3 passed, 0 failed, 1 disputed`. */
export function summarize({ passed, failed, disputed, skipped }: Counts): string {
  const rest = skipped > 0 ? `, ${skipped} skipped (the client has another genesis)` : ''
  return `${passed} passed, ${failed} failed, ${disputed} disputed${rest}`
}

/** Text in a line of TAP, where `#` begins a directive. */
const escapeTAP = (text: string) => toLine(text).replace(/[\\#]/g, '\\$&')

/** A line of TAP 14, and a block with the reason. */
export function toTAP({ name, verdict, reason, disputed, seconds }: Result, number: number) {
  const isOk = verdict === 'passed' || verdict === 'skipped'
  const directive =
    verdict === 'disputed'
      ? ` # TODO disputed: ${escapeTAP(disputed ?? '')}`
      : verdict === 'skipped'
        ? ' # SKIP the client has another genesis'
        : ''
  const line = `${isOk ? 'ok' : 'not ok'} ${number} - ${escapeTAP(name)}${directive}`
  const message = reason === undefined ? [] : [`  message: ${JSON.stringify(reason)}`]
  const block = ['  ---', ...message, `  duration_ms: ${Math.round(seconds * 1000)}`, '  ...']
  return `${[line, ...block].join('\n')}\n`
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** Text in XML, without the characters that it cannot have. */
function escapeXML(text: string): string {
  const allowed = [...toLine(text)].filter((char) => !/[\p{Cs}\uFFFE\uFFFF]/u.test(char))
  return allowed.join('').replace(/[&<>"']/g, (char) => ENTITIES[char])
}

/** The results as JUnit XML. What is disputed is skipped there, for JUnit has no third thing. */
export function toJUnit(results: Result[], suite: string): string {
  const { failed, disputed, skipped } = countResults(results)
  const seconds = results.reduce((sum, result) => sum + result.seconds, 0)
  const cases = results.map(({ name, verdict, reason = '', disputed: why, seconds }) => {
    const [classname] = name.split('/')
    const attributes = `classname="${escapeXML(classname)}" name="${escapeXML(name)}"`
    const open = `    <testcase ${attributes} time="${seconds.toFixed(3)}"`
    if (verdict === 'passed') return `${open}/>`
    const message = verdict === 'disputed' ? `disputed: ${why}: ${reason}` : reason
    const element = verdict === 'failed' ? 'failure' : 'skipped'
    return `${open}>\n      <${element} message="${escapeXML(message)}"/>\n    </testcase>`
  })
  const counts = `tests="${results.length}" failures="${failed}" errors="0"`
  const rest = `skipped="${disputed + skipped}" time="${seconds.toFixed(3)}"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite name="${escapeXML(suite)}" ${counts} ${rest}>`,
    ...cases,
    '  </testsuite>',
    '</testsuites>\n',
  ].join('\n')
}
