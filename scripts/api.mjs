/**
 * Writes what each entry point exports to etc/*.api.md, so that a change of the API shows in its diff.
 * With `--check` fails instead where such a report is stale. Fails in any case on `any`, and on what a
 * signature mentions and nobody can import by that name. Reads the declarations in dist/.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'

const root = fileURLToPath(new URL('..', import.meta.url))
const isCheck = process.argv.includes('--check')

/** Constants of which a type takes nothing but the names. */
const KEPT_INSIDE = ['FORKS_ON']

const { name, exports } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** Settings of API Extractor for the report of an entry point. */
const configure = (types, reportFileName) =>
  ExtractorConfig.prepare({
    packageJsonFullPath: `${root}package.json`,
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: `${root}${types}`,
      compiler: { tsconfigFilePath: `${root}tsconfig.build.json` },
      apiReport: {
        enabled: true,
        reportFolder: `${root}etc/`,
        reportTempFolder: `${root}.tap/api/`,
        reportFileName,
      },
      newlineKind: 'lf',
    },
  })

/** Names that a report exports. */
const exportedNames = (report) =>
  [
    ...report.matchAll(/^export (?:\{|abstract class|class|const|function|interface|type) (\w+)/gm),
  ].map(([, symbol]) => symbol)

/**
 * Writes a report.
 *
 * @returns its text, and what it mentions without exporting it
 */
function extract(types, file) {
  const forgotten = []
  mkdirSync(`${root}etc`, { recursive: true })
  const { apiReportChanged } = Extractor.invoke(configure(types, file), {
    localBuild: !isCheck,
    messageCallback: (message) => {
      // No other message is about names: comments may lack, and releases have no stages.
      if (message.messageId === 'ae-forgotten-export') {
        forgotten.push(/The symbol "(\w+)"/.exec(message.text)[1])
      }
      if (message.logLevel !== 'error') message.handled = true
      message.logLevel = message.logLevel === 'error' ? 'error' : 'none'
    },
  })
  if (apiReportChanged) console.error(`etc/${file} ${isCheck ? 'is stale: npm run api' : 'is new'}`)
  if (apiReportChanged && isCheck) process.exitCode = 1
  const path = `${root}.tap/api/${file}`
  return { report: readFileSync(existsSync(path) ? path : `${root}etc/${file}`, 'utf8'), forgotten }
}

const results = Object.entries(exports).map(([entry, { types }]) => {
  const file = `${entry === '.' ? name : entry.slice(2)}.api.md`
  return { file, ...extract(types, file) }
})

const exported = new Set(results.flatMap(({ report }) => exportedNames(report)))
for (const { file, report, forgotten } of results) {
  const problems = []
  for (const symbol of forgotten) {
    // A module under a name is no type; what is taken from it must be exported.
    const members = [...report.matchAll(new RegExp(`\\b${symbol}\\.(\\w+)`, 'g'))]
    const names = members.length > 0 ? members.map(([, member]) => member) : [symbol]
    for (const mentioned of names) {
      if (exported.has(mentioned) || KEPT_INSIDE.includes(mentioned)) continue
      problems.push(`mentions ${mentioned}, which is not exported`)
    }
  }
  for (const line of report.split('\n')) {
    if (/\bany\b/.test(line.replace(/\/\/.*/, ''))) problems.push(`has any in ${line.trim()}`)
  }
  for (const problem of new Set(problems)) console.error(`etc/${file} ${problem}`)
  if (problems.length > 0) process.exitCode = 1
}
