/** This project's engine fulfils every vector. */
import t from 'tap'
import { VECTORS } from './kit-helpers.ts'
import { createInProcess } from './kit/inProcess.ts'
import { summarize, countResults } from './kit/report.ts'
import { loadCases, runCases } from './kit/suite.ts'

t.test(
  'every vector passes, also those that are disputed, and every payload is built',
  async (t) => {
    const cases = loadCases([VECTORS])
    const names = new Set(cases.map(({ name }) => name))
    t.equal(names.size, cases.length, 'every vector has a name of its own')
    const results = await runCases(cases, await createInProcess(), { strict: true, build: true })
    for (const { name, verdict, reason } of results)
      if (verdict !== 'passed') t.fail(`${name}: ${reason}`)
    t.equal(results.length, cases.length)
    const counts = countResults(results)
    t.equal(counts.passed, cases.length, summarize(counts))
  },
)

t.test('every vector passes without building', async (t) => {
  const cases = loadCases([VECTORS])
  const results = await runCases(cases, await createInProcess(), { strict: true })
  for (const { name, verdict, reason } of results)
    if (verdict !== 'passed') t.fail(`${name}: ${reason}`)
  t.equal(countResults(results).passed, cases.length)
})
