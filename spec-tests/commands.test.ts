import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { resolve } from 'node:path'
import t from 'tap'
import { FIXTURES, noFixtures } from './helpers.ts'

t.test('the example of the README runs as printed', { skip: noFixtures }, async (t) => {
  const [, example] = /```js\n([\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ?? []
  t.ok(example.split('\n').filter((line) => line !== '' && !line.startsWith('//')).length <= 20)
  // An empty folder into which the package is installed, with its dependencies beside it.
  const folder = t.testdir({ 'example.mjs': example })
  const modules = resolve(folder, 'node_modules')
  mkdirSync(modules)
  symlinkSync(resolve('.'), resolve(modules, 'ethereumjs-op'))
  symlinkSync(resolve('node_modules/@ethereumjs'), resolve(modules, '@ethereumjs'))
  const block = `${FIXTURES}/blocks/block-121049889.json.gz`
  const options = { cwd: folder, encoding: 'utf8' } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs', block], options)
  t.equal(stderr, '')
  t.equal(stdout, 'true 3\n')
  t.equal(status, 0)
})
