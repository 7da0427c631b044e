/** Which vectors show which rule, which implementations agree, and the page that says so. */
import type { Rule, Section } from '../rules.ts'
import type { Vector } from '../vector.ts'
import type { Reasons } from './reasons.ts'

/** Implementations beside this project, by their names in `_info.witnesses`. */
export const WITNESSES = ['op-geth', 'op-revm'] as const

/** What a witness can say of a vector; longer ones first, where one begins like another. */
const VERDICTS = ['agrees in part', 'agrees', 'differs', 'not asked'] as const

/** `silent`: it has not been asked yet. */
type Verdict = (typeof VERDICTS)[number] | 'silent'

/** A vector and where it is. */
export interface Named {
  /** `deposits/mint/a-reverting-deposit-keeps-its-mint[karst]`. */
  name: string
  vector: Vector
}

/** What there is to judge. */
export interface Evidence {
  sections: Section[]
  vectors: Named[]
  /** Names of forks as in a genesis file, oldest first. */
  forks: readonly string[]
  /** Why a rule of consensus has no vector. */
  reasons: Reasons
  /** Tests that cite a rule, by its id. */
  tests: Map<string, string[]>
}

/** In the order of the page. */
const SHOWN: Verdict[] = ['agrees', 'agrees in part', 'differs', 'not asked', 'silent']

const verdictOf = ({ vector }: Named, witness: string): Verdict => {
  const words = vector._info.witnesses[witness] ?? ''
  return VERDICTS.find((verdict) => words.startsWith(verdict)) ?? 'silent'
}

const capitalize = (name: string) => name[0].toUpperCase() + name.slice(1)

/** Each fork and the next: the transitions that must be in vectors. */
const transitions = (forks: readonly string[]) =>
  forks.slice(1).map((fork, index) => ({
    fork,
    name: `${capitalize(forks[index])}To${capitalize(fork)}`,
  }))

/** Vectors in whose chain a fork follows another at its time. */
const crossing = (vectors: Named[], name: string) =>
  vectors.filter(({ vector }) => vector.network.replace(/AtTime\d+/g, '').includes(name))

/** Whether a valid block is before a fork's beginning, and two are from there on. */
function isWhole({ vector }: Named, fork: string): boolean {
  const start = Number(vector.config[`${fork}Time`])
  const valid = vector.engineNewPayloads.filter(
    ({ validationError, errorCode, status }) => !validationError && !errorCode && !status,
  )
  const times = valid.map(({ params }) => Number((params[0] as { timestamp: string }).timestamp))
  return times.some((time) => time < start) && times.filter((time) => time >= start).length > 1
}

/** Ids by whose vectors a rule is shown: its own, or for a trap also those that it names. */
const shownBy = ({ id, text }: Rule): string[][] => {
  const [, names] = id[0] === 'T' ? (/\(([A-Z]-\d\d(?:, [A-Z]-\d\d)*)\)$/.exec(text) ?? []) : []
  return names ? [[id], names.split(', ')] : [[id]]
}

/** What keeps the vectors from showing the rules; empty if nothing does. */
export function findGaps({ sections, vectors, forks, reasons }: Evidence): string[] {
  const rules = sections.flatMap((section) => section.rules)
  const known = new Set(rules.map(({ id }) => id))
  const shown = new Set(vectors.flatMap(({ vector }) => vector._info.rules))
  const gaps: string[] = []
  for (const { name, vector } of vectors) {
    for (const id of vector._info.rules) {
      if (!known.has(id)) gaps.push(`${name} cites ${id}, which is not in RULES.md`)
    }
    const isDisputed = vector._info.disputed !== undefined
    for (const witness of WITNESSES) {
      const differs = verdictOf({ name, vector }, witness) === 'differs'
      if (differs && !isDisputed) gaps.push(`${name}: ${witness} differs, and it is not disputed`)
    }
  }
  for (const rule of rules) {
    const isShown = shownBy(rule).some((ids) => ids.every((id) => shown.has(id)))
    const hasReason = rule.id in reasons
    if (rule.class === 'consensus' && !isShown && !hasReason) gaps.push(`${rule.id} has no vector`)
    if (isShown && hasReason) gaps.push(`${rule.id} has a vector, and a reason why it has none`)
  }
  for (const id of Object.keys(reasons)) {
    if (!known.has(id)) gaps.push(`${id} has a reason, but is not in RULES.md`)
  }
  for (const { fork, name } of transitions(forks)) {
    const isShown = crossing(vectors, name).some((named) => isWhole(named, fork))
    if (!isShown) gaps.push(`no vector has blocks before, at and after the beginning of ${fork}`)
  }
  return gaps
}

/** Cases that a table names before it only counts. */
const MAX_NAMES = 3

/** Names of vectors, those of one case in one with their number. */
function shorten(vectors: Named[]): string {
  const cases = new Map<string, number>()
  for (const { name } of vectors) {
    const [base] = name.split('[')
    cases.set(base, (cases.get(base) ?? 0) + 1)
  }
  const names = [...cases].map(([base, count]) => (count > 1 ? `${base} ×${count}` : base))
  const rest = names.length - MAX_NAMES
  return [...names.slice(0, MAX_NAMES), ...(rest > 0 ? [`${rest} more`] : [])].join(', ')
}

/** `12, 3 in part, 1 differs`: with how many vectors a witness agrees. */
function agreement(vectors: Named[], witness: string): string {
  const count = (wanted: Verdict) =>
    vectors.filter((named) => verdictOf(named, witness) === wanted).length
  const [inPart, differs] = [count('agrees in part'), count('differs')]
  const exceptions = [inPart && `${inPart} in part`, differs && `${differs} differ`]
  return [count('agrees'), ...exceptions].filter((part) => part !== 0).join(', ') || '0'
}

const table = (head: string[], align: string[], rows: (string | number)[][]) =>
  [head, align, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** Counts by a key, in the order of their first appearance. */
function countBy<T>(items: T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1)
  return counts
}

/** The page COMPLIANCE.md. */
export function renderCompliance({ sections, vectors, forks, reasons, tests }: Evidence): string {
  const byRule = new Map<string, Named[]>()
  for (const named of vectors) {
    for (const id of named.vector._info.rules) byRule.set(id, [...(byRule.get(id) ?? []), named])
  }
  const rules = sections.flatMap((section) => section.rules)
  const classes = [...countBy(rules, (rule) => rule.class)].map(([name, count]) => {
    const members = rules.filter((rule) => rule.class === name)
    const isShown = (rule: Rule) => shownBy(rule).some((ids) => ids.every((id) => byRule.has(id)))
    const shown = members.filter(isShown).length
    const explained = members.filter((rule) => !isShown(rule) && rule.id in reasons).length
    return [name, count, shown, explained, count - shown - explained]
  })
  const says = WITNESSES.map((witness) => {
    const counts = countBy(vectors, (named) => verdictOf(named, witness))
    return [witness, ...SHOWN.map((verdict) => counts.get(verdict) ?? 0)]
  })
  const topics = [...countBy(vectors, ({ name }) => name.split('/')[0])].sort()
  const crossings = transitions(forks).map(({ name }) => {
    const crossed = crossing(vectors, name)
    return [name.replace(/(.)To([A-Z])/, '$1 → $2'), crossed.length, shorten(crossed)]
  })
  const shownTables = sections.map(({ letter, title, rules }) => {
    const rows = rules
      .filter(({ id }) => byRule.has(id))
      .map(({ id }) => {
        const own = byRule.get(id) ?? []
        const agreements = WITNESSES.map((witness) => agreement(own, witness))
        return [id, own.length, ...agreements, shorten(own)]
      })
    if (rows.length === 0) return ''
    const head = ['rule', 'vectors', ...WITNESSES, 'names']
    return `### ${letter}: ${title}\n\n${table(head, ['---', '---:', '---:', '---:', '---'], rows)}\n\n`
  })
  const missing = rules
    .filter(({ id }) => !byRule.has(id))
    .map((rule) => {
      const [, others = []] = shownBy(rule)
      const isElsewhere = others.length > 0 && others.every((id) => byRule.has(id))
      const files = (tests.get(rule.id) ?? []).map((name) => name.replace('.test.ts', ''))
      const places = [
        ...(isElsewhere ? [`vectors of ${others.join(', ')}`] : []),
        ...(files.length > 0 ? [`tests: ${files.join(', ')}`] : []),
      ]
      return [rule.id, rule.class, reasons[rule.id] ?? places.join('; ')]
    })
  const disputed = vectors.filter(({ vector }) => vector._info.disputed !== undefined)
  return `# Compliance

Written by \`npm run compliance\` from [RULES.md](RULES.md) and the vectors; the tests fail when it is stale, when a
rule of consensus has neither a vector nor a reason, or when a fork's beginning is in no vector. This project gives the expected
answer to every vector. What op-geth and op-revm say was recorded by \`npm run confirm\`: the columns count the
vectors with which they agree, *in part* where they have no answer to some of its questions, as op-revm, which executes and
has no Engine API; they were not asked about forks that they do not have.

${vectors.length} vectors, ${disputed.length} of them disputed (see [DISPUTED.md](DISPUTED.md)):
${topics.map(([topic, count]) => `${count} ${topic}`).join(', ')}.

${table(['class', 'rules', 'with vectors', 'with a reason', 'neither'], ['---', '---:', '---:', '---:', '---:'], classes)}

${table(['witness', ...SHOWN], ['---', ...SHOWN.map(() => '---:')], says)}

## Forks that begin within a chain

${table(['transition', 'vectors', 'names'], ['---', '---:', '---'], crossings)}

## Rules with vectors

${shownTables.join('')}## Rules without vectors

Traps are shown by the vectors of the rules that they are about, other rules of class \`consensus\` have a reason.
What is not of that class is shown by this project's tests, as vectors hold no calls but those of the Engine API.

${table(['rule', 'class', 'why, or where it is tested'], ['---', '---', '---'], missing)}
`
}
