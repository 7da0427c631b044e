import { readFileSync, readdirSync } from 'node:fs'
import t from 'tap'

/** Rows that no test cites, each with its reason. */
export const ELSEWHERE: Record<string, string> = {
  'D-38': 'tracers',
  'I-09': 'a bundle that the consensus client sends; no data of it at hand',
  'B-12': 'op-geth crashes there; the header always has the field',
  'E-30': 'the driver of the tests fails without a payload id, so all of them see one',
  'E-47': 'engine_signalSuperchainV1: op-node no longer calls it',
  'E-49': 'payload bodies: op-node does not call them',
  'J-08': 'debug_executePayload: no witnesses are made yet',
  'J-09': 'debug_dbGet and raw data: no fault proof program runs on it yet',
  'J-12': 'rollup RPC, which op-node answers',
  'J-13': 'needs J-08 or J-09',
  'J-14': 'no peers',
  'J-15': 'tracers and debugging tools',
  'J-16': 'builders',
  'J-18': 'conditional transactions: off by default in op-geth',
  'J-23': 'there is no history before Bedrock',
  'J-24': 'eth_config: no caller in the OP Stack',
  'J-25': 'draft',
  'J-26': 'says what op-node does not call',
}

/** Expands `F-20…F-38`. */
const range = (letter: string, from: number, to: number) =>
  Array.from(
    { length: to - from + 1 },
    (_, index) => `${letter}-${String(from + index).padStart(2, '0')}`,
  )

/** The rows that block execution and the Engine API have to follow. */
const ROWS = [
  ...range('D', 1, 40),
  ...range('F', 1, 7),
  ...range('F', 20, 38),
  ...range('F', 41, 49),
  ...range('B', 1, 15),
  ...range('X', 1, 17),
  ...range('I', 1, 14),
  ...range('P', 1, 13),
  ...range('E', 1, 51),
  ...range('J', 1, 26),
  ...range('R', 1, 15),
  ...range('S', 1, 12),
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
