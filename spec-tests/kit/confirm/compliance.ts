#!/usr/bin/env node
/** Writes COMPLIANCE.md: `npm run compliance`, or with `--check` says what is stale or missing. */
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { program } from 'commander'
import { FORKS } from 'ethereumjs-op'
import { findFiles, readText } from '../files.ts'
import { citedRules, parseRules } from '../rules.ts'
import { checkVector, parseFile } from '../vector.ts'
import { type Evidence, type Named, findGaps, renderCompliance } from './coverage.ts'
import { UNCITED, WITHOUT_VECTOR } from './reasons.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = `${ROOT}COMPLIANCE.md`

/** All vectors below a folder. @throws {VectorError} if one has a wrong form */
function readVectors(folder: string): Named[] {
  return findFiles(folder).flatMap((path) =>
    Object.entries(parseFile(readText(path), path)).map(([name, value]) => ({
      name,
      vector: checkVector(value, name),
    })),
  )
}

/** Files of tests by the rules that they cite. */
function readTests(ids: string[]): Map<string, string[]> {
  const tests = new Map<string, string[]>()
  const files = readdirSync(ROOT).filter((name) => name.endsWith('.test.ts'))
  for (const name of files.sort()) {
    for (const id of citedRules(readFileSync(`${ROOT}${name}`, 'utf8'), ids)) {
      tests.set(id, [...(tests.get(id) ?? []), name])
    }
  }
  return tests
}

/** What there is to judge. @throws if a file cannot be read, or is none */
function readEvidence(): Evidence {
  const sections = parseRules(readFileSync(`${ROOT}RULES.md`, 'utf8'))
  const ids = sections.flatMap(({ rules }) => rules.map(({ id }) => id))
  return {
    sections,
    vectors: readVectors(`${ROOT}vectors`),
    forks: FORKS,
    reasons: WITHOUT_VECTOR,
    tests: readTests(ids.filter((id) => !(id in UNCITED))),
  }
}

program
  .description('Write which vectors show which rule, and which implementations agree.')
  .option('--check', 'write nothing, and fail if the page is stale or a rule is not shown')
  .action(({ check }: { check?: boolean }) => {
    try {
      const evidence = readEvidence()
      const gaps = findGaps(evidence)
      const page = renderCompliance({ ...evidence, reasons: { ...UNCITED, ...WITHOUT_VECTOR } })
      if (!check) writeFileSync(PAGE, page)
      else if (!existsSync(PAGE) || readFileSync(PAGE, 'utf8') !== page) {
        gaps.push('COMPLIANCE.md is stale: npm run compliance')
      }
      for (const gap of gaps) console.error(gap)
      console.log(`${evidence.vectors.length} vectors, ${gaps.length} gaps`)
      process.exitCode = gaps.length > 0 ? 1 : 0
    } catch (error) {
      console.error((error as Error).message)
      process.exitCode = 1
    }
  })
program.parse()
