import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Client } from './client.ts'
import { type Counts, countResults } from './report.ts'
import type { Result } from './suite.ts'

const TITLE = `# Results

What clients make of the vectors, written by \`op-spec-test --results\`. A section is replaced when the same
client is run again. *Disputed* are vectors marked so, in which the client has something else; each is
explained in [DISPUTED.md](DISPUTED.md).
`

/** A run of a client. */
export interface Run {
  /** Name and version. */
  client: string
  /** How it was run, without paths. */
  how: string
  results: Result[]
  /** Wall time. */
  seconds: number
}

/** What a client calls itself, or undefined. */
export async function identify(client: Client): Promise<string | undefined> {
  const self = { code: 'OS', name: 'op-spec-test', version: '0', commit: '0x00000000' }
  const { result } = await client.call('engine_getClientVersionV1', [self])
  const [first] = Array.isArray(result) ? result : []
  if (first?.name && first.version) return `${first.name} ${first.version}`
  const { result: version } = await client.call('web3_clientVersion', [])
  return typeof version === 'string' ? version : undefined
}

/** Text in a cell of a table. */
const cell = (text: string) => text.replace(/[|<]/g, '\\$&')

const row = (name: string, { passed, failed, disputed }: Counts) =>
  `| ${name} | ${passed + failed + disputed} | ${passed} | ${failed} | ${disputed} |`

function toSection({ client, how, results, seconds }: Run): string {
  const ran = results.filter(({ verdict }) => verdict !== 'skipped')
  const topics = [...new Set(ran.map(({ name }) => name.split('/')[0]))].sort()
  const rows = topics.map((topic) =>
    row(cell(topic), countResults(ran.filter(({ name }) => name.split('/')[0] === topic))),
  )
  const list = (verdict: string) =>
    ran
      .filter((result) => result.verdict === verdict)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, reason = '' }) => `- \`${name}\`: ${cell(reason)}`)
  const part = (title: string, lines: string[]) =>
    lines.length === 0 ? [] : ['', `${title}:`, '', ...lines]
  return [
    `## ${client}`,
    '',
    `${how}; ${Math.round(seconds)} s.`,
    '',
    '| topic | vectors | passed | failed | disputed |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows,
    row('**all**', countResults(ran)),
    ...part('Failed', list('failed')),
    ...part('Disputed', list('disputed')),
    '',
  ].join('\n')
}

/** Writes a run into a page with a section for each client. */
export function writeResults(path: string, run: Run) {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : TITLE
  const [title, ...sections] = text.split(/^(?=## )/m)
  const others = sections.filter((section) => !section.startsWith(`## ${run.client}\n`))
  const parts = [...others, `${toSection(run)}\n`].map((section) => `${section.trimEnd()}\n`)
  writeFileSync(path, [`${title.trimEnd()}\n`, ...parts.sort()].join('\n'))
}
