import { readFileSync, readdirSync } from 'node:fs'
import t from 'tap'

/** Rows that no test of the library can cite, each with its reason. */
export const ELSEWHERE: Record<string, string> = {
  'D-31': 'JSON-RPC',
  'D-32': 'JSON-RPC',
  'D-33': 'JSON-RPC',
  'D-34': 'transaction pool',
  'D-35': 'transaction pool',
  'D-28': 'receipts in a database',
  'D-38': 'tracers',
  'I-09': 'a bundle that the consensus client sends; no data of it at hand',
  'B-12': 'op-geth crashes there; the header always has the field',
}

/** Expands `F-20…F-38`. */
const range = (letter: string, from: number, to: number) =>
  Array.from(
    { length: to - from + 1 },
    (_, index) => `${letter}-${String(from + index).padStart(2, '0')}`,
  )

/** The rows that block execution has to follow. */
const ROWS = [
  ...range('D', 1, 30),
  ...range('D', 36, 40),
  ...range('F', 1, 7),
  ...range('F', 20, 38),
  ...range('F', 41, 49),
  ...range('B', 1, 15),
  ...range('X', 1, 17),
  ...range('I', 1, 14),
  ...range('P', 1, 13),
  ...['R-01', 'R-03', 'R-15'],
]

/** Rows that a text cites, ranges included. */
function cited(text: string): Set<string> {
  const rows = new Set(text.match(/\b[A-Z]-\d\d\b/g))
  for (const [, letter, from, to] of text.matchAll(
    /\b([A-Z])-(\d\d)\s*(?:…|\.\.|–)\s*(?:[A-Z]-)?(\d\d)\b/g,
  )) {
    for (const row of range(letter, Number(from), Number(to))) rows.add(row)
  }
  return rows
}

t.test('every row of the rule list is cited by a test', async (t) => {
  const tests = readdirSync('spec-tests').filter(
    (name) => name.endsWith('.test.ts') && name !== 'compliance.test.ts',
  )
  const rows = cited(tests.map((name) => readFileSync(`spec-tests/${name}`, 'utf8')).join('\n'))
  t.same(
    ROWS.filter((row) => !rows.has(row) && !(row in ELSEWHERE)),
    [],
  )
})
