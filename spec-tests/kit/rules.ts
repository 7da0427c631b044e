/** Reads RULES.md, and finds what a text cites of it. */

/** What is wrong with RULES.md; the message has the line. */
export class RulesError extends Error {
  override name = 'RulesError'
}

/**
 * What can show a rule: `consensus` a vector, `engine` a call of the Engine API, `rpc` another call;
 * `other` is configuration, the consensus client's, or advice.
 */
export const RULE_CLASSES = ['consensus', 'engine', 'rpc', 'other'] as const

/** A line of RULES.md. */
export interface Rule {
  /** `F-20`. */
  id: string
  text: string
  /** The fork from which it holds, and perhaps the one that ends it. */
  since: string
  class: (typeof RULE_CLASSES)[number]
  source: string
}

/** A letter of RULES.md with its rules. */
export interface Section {
  letter: string
  /** `fees`. */
  title: string
  rules: Rule[]
}

const ROW = /^\| ([A-Z]-\d\d) \| (.+) \| (.+) \| (.+) \| (.+) \|$/

/**
 * The sections of RULES.md.
 *
 * @throws {RulesError} if a line is no rule, stands twice, out of order or under another letter
 */
export function parseRules(page: string): Section[] {
  const sections: Section[] = []
  let last = ''
  for (const [index, line] of page.split('\n').entries()) {
    const [, letter, title] = /^## ([A-Z]): (.+)$/.exec(line) ?? []
    if (letter) sections.push({ letter, title, rules: [] })
    if (!/^\|\s*[A-Z]-\d/.test(line)) continue
    const where = `line ${index + 1}`
    const [row, id, text, since, kind, source] = ROW.exec(line) ?? []
    if (!row) throw new RulesError(`${where}: not | id | rule | since | class | source |`)
    const ruleClass = RULE_CLASSES.find((name) => name === kind)
    if (!ruleClass) throw new RulesError(`${where}: ${id} has the class ${kind}`)
    const section = sections.at(-1)
    if (section?.letter !== id[0]) throw new RulesError(`${where}: ${id} is under another letter`)
    if (section.rules.length > 0 && id <= last)
      throw new RulesError(`${where}: ${id} after ${last}`)
    section.rules.push({ id, text, since, class: ruleClass, source })
    last = id
  }
  if (sections.length === 0) throw new RulesError('no rules')
  return sections
}

/** `F-20…F-24`, also without the second letter. */
const RANGE = /\b([A-Z])-(\d\d)\s*(?:…|\.\.|–)\s*(?:[A-Z]-)?(\d\d)\b/g

/** Ids that a text names, of a range both ends. */
export function namedRules(text: string): Set<string> {
  const named = new Set(text.match(/\b[A-Z]-\d\d\b/g))
  for (const [, letter, , to] of text.matchAll(RANGE)) named.add(`${letter}-${to}`)
  return named
}

/** Those of `ids` that a text names, or that lie in a range that it names. */
export function citedRules(text: string, ids: string[]): Set<string> {
  const named = namedRules(text)
  const cited = new Set(ids.filter((id) => named.has(id)))
  for (const [, letter, from, to] of text.matchAll(RANGE)) {
    for (const id of ids) {
      if (id[0] === letter && id.slice(2) >= from && id.slice(2) <= to) cited.add(id)
    }
  }
  return cited
}
