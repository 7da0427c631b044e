import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { UNCITED, WITHOUT_VECTOR } from './kit/confirm/reasons.ts'
import { findFiles, readText } from './kit/files.ts'
import { type Rule, citedRules, namedRules, parseRules } from './kit/rules.ts'

const PAGE = readFileSync('spec-tests/RULES.md', 'utf8')
const RULES = parseRules(PAGE).flatMap(({ rules }) => rules)
const IDS = RULES.map(({ id }) => id)

/** What is not written here, or only repeats RULES.md. */
const OTHERS = /(^|\/)(node_modules|dist|vectors|references|\.git|\.tap)$|\/COMPLIANCE\.md$/

/** Files of source and documentation below a folder. */
function textsBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (OTHERS.test(path)) return []
    if (entry.isDirectory()) return textsBelow(path)
    return /\.(ts|mjs|md|patch)$/.test(path) ? [path] : []
  })
}

/** Rules of all vectors, by the file that they are in. */
function rulesOfVectors(): Map<string, string[]> {
  const files = findFiles('spec-tests/vectors').map((path): [string, string[]] => {
    const vectors = Object.values(JSON.parse(readText(path))) as { _info: { rules: string[] } }[]
    return [path, [...new Set(vectors.flatMap(({ _info }) => _info.rules))]]
  })
  return new Map(files)
}

t.test('every citation is of a rule in RULES.md', async (t) => {
  const unknown: string[] = []
  let count = 0
  for (const path of textsBelow('.')) {
    // Ids here are not of rules.
    if (path === 'spec-tests/rules.test.ts' || path === 'spec-tests/compliance.test.ts') continue
    for (const id of namedRules(readFileSync(path, 'utf8'))) {
      count++
      if (!IDS.includes(id)) unknown.push(`${path} cites ${id}`)
    }
  }
  for (const [path, ids] of rulesOfVectors()) {
    for (const id of ids) if (!IDS.includes(id)) unknown.push(`${path} cites ${id}`)
  }
  t.same(unknown, [])
  t.ok(count > 900, `${count} citations`)
})

t.test('a test or a vector cites every rule, or there is a reason', async (t) => {
  const names = readdirSync('spec-tests').filter(
    (name) => /\.test\.ts$/.test(name) && !/^(rules|compliance)\./.test(name),
  )
  const tests = names.map((name) => readFileSync(`spec-tests/${name}`, 'utf8')).join('\n')
  const cited = new Set([...citedRules(tests, IDS), ...[...rulesOfVectors().values()].flat()])
  t.same(
    IDS.filter((id) => !cited.has(id) && !(id in UNCITED)),
    [],
  )
  t.same(
    Object.keys(UNCITED).filter((id) => cited.has(id) || !IDS.includes(id)),
    [],
    'no reason is for a rule that is cited, or for none',
  )
  for (const [id, reason] of Object.entries({ ...UNCITED, ...WITHOUT_VECTOR })) {
    t.ok(reason.length > 4, `${id} ${reason}`)
  }
})

t.test('what RULES.md says in brackets of other rules is of rules that are there', async (t) => {
  t.same(
    [...namedRules(PAGE)].filter((id) => !IDS.includes(id)),
    [],
  )
})

t.test('each rule has a fork, a source, and a line that ends without a full stop', async (t) => {
  const forks = 'Bedrock Regolith Canyon Delta Ecotone Fjord Granite Holocene Isthmus Jovian Karst'
  const isFine = ({ since, source, text }: Rule) => {
    const names = since.split(', ')
    const areForks = names.length <= 2 && names.every((name) => forks.split(' ').includes(name))
    return areForks && source.length > 3 && !text.endsWith('.')
  }
  t.same(
    RULES.filter((rule) => !isFine(rule)),
    [],
  )
})

const rule = (id: string, kind = 'consensus') => `| ${id} | text | Bedrock | ${kind} | EIP-1 |`

t.test('a table of another form is refused, with its line', async (t) => {
  const cases: [page: string, message: string][] = [
    ['', 'no rules'],
    ['## A: a\n| A-01 | text | Bedrock |', 'line 2: not | id | rule | since | class | source |'],
    ['## A: a\n| A-1 | text | Bedrock | consensus | EIP-1 |', 'line 2: not | id'],
    [`## A: a\n${rule('A-01', 'Consensus')}`, 'line 2: A-01 has the class Consensus'],
    [`## A: a\n${rule('B-01')}`, 'line 2: B-01 is under another letter'],
    [rule('A-01'), 'line 1: A-01 is under another letter'],
    [`## A: a\n${rule('A-01')}\n${rule('A-01')}`, 'line 3: A-01 after A-01'],
    [`## A: a\n${rule('A-02')}\n${rule('A-01')}`, 'line 3: A-01 after A-02'],
  ]
  for (const [page, message] of cases) {
    try {
      parseRules(page)
      t.fail(page)
    } catch (error) {
      t.ok((error as Error).message.startsWith(message), (error as Error).message)
    }
  }
})

t.test('ranges cite what lies in them, and name both ends', async (t) => {
  const ids = ['A-01', 'A-02', 'A-05', 'B-03']
  t.same([...citedRules('(A-02…A-05)', ids)], ['A-02', 'A-05'])
  t.same([...citedRules('(A-01…05)', ids)], ['A-01', 'A-05', 'A-02'])
  t.same([...citedRules('A-01..A-03 and B-03', ids)], ['A-01', 'B-03', 'A-02'])
  t.same([...citedRules('UTF-16, ISO-05, A-011, xA-01', ids)], [])
  t.same([...namedRules('A-01…09')], ['A-01', 'A-09'])
})
