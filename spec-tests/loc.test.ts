import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'

// cloc is a Perl program; without Perl nothing can be said.
const noPerl = spawnSync('perl', ['-v']).status === 0 ? false : 'no perl on this machine'

t.test('the line budget holds and LINES_OF_CODE.md is up to date', { skip: noPerl }, async (t) => {
  const { LIMIT, breaches, count, render } = await import('../scripts/loc.mjs')
  const result = count()
  t.ok(result.total < LIMIT, `${result.total} lines, fewer than ${LIMIT}`)
  t.same(breaches(), [], 'no rule is broken')
  t.equal(readFileSync('LINES_OF_CODE.md', 'utf8'), render(result), 'npm run loc was run')
})

t.test('every source file has a concern of its own', { skip: noPerl }, async (t) => {
  const { count } = await import('../scripts/loc.mjs')
  for (const { file, concern } of count().rows) t.not(concern, '', file)
})
