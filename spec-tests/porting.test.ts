import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import t from 'tap'
import { countFunction, countVectors, renderPorting } from '../scripts/porting.mjs'

const PAGE = readFileSync('PORTING.md', 'utf8')

/** Matches of all groups of a pattern. */
const matches = (pattern: RegExp) => [...PAGE.matchAll(pattern)].map(([, ...groups]) => groups)

t.test('functions and vectors have the counts that PORTING.md says', async (t) => {
  t.equal(renderPorting(PAGE), PAGE, 'npm run porting was run')
  t.ok(matches(/`\w+` \(`src\/([\w./]+)`,\s\d+ lines?\)/g).length > 20)
  t.notMatch(PAGE, /\(0 vectors\)/)
})

t.test('files, folders, scripts and headings that PORTING.md names are there', async (t) => {
  for (const [path] of matches(/`(src\/\w+\.ts|spec-tests\/[\w./-]*)`/g)) {
    t.ok(existsSync(path), path)
  }
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  for (const [name] of matches(/`?npm run ([\w:-]+)/g)) t.ok(name in scripts, `npm run ${name}`)
  for (const [path] of matches(/\]\(([\w./-]+)\)/g)) t.ok(existsSync(path), path)
  // As GitHub makes anchors of headings.
  const anchors = matches(/^#+ (.+)$/gm).map(([heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\w -]/g, '')
      .replace(/ /g, '-'),
  )
  for (const [anchor] of matches(/\]\(#([\w-]+)\)/g)) t.ok(anchors.includes(anchor), anchor)
})

t.test('each step says all there is to say', async (t) => {
  const steps = PAGE.split(/^## (?=\d+\. )/m).slice(1)
  t.equal(steps.length, 11)
  const parts = ['A standard client**', 'What changes.**', 'Functions.**', 'Rules.**']
  for (const step of steps) {
    const [title] = step.split('\n')
    for (const part of parts) t.ok(step.includes(`**${part}`), `${title}: ${part}`)
    t.match(step, /\*\*Mistakes others made\.\*\*|Vectors\.\*\*/, title)
  }
})

t.test('every folder of vectors is in the order of work, and in a step', async (t) => {
  // What only searches have found is of no step.
  const folders = readdirSync('spec-tests/vectors').filter((name) => name !== 'disputed')
  for (const name of folders) {
    const path = `spec-tests/vectors/${name}`
    t.match(PAGE, new RegExp(`^\\|.*\`${path}\``, 'm'), `${path} in the order of work`)
    t.match(PAGE, new RegExp(`\`${path}\` \\(\\d+ vectors?\\)`), `${path} in a step`)
  }
})

/** Where the sources of other clients are on this machine, if they are. */
function findSources(): Record<string, string | undefined> {
  const { stdout } = spawnSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' })
  const opGeth = `${stdout?.trim()}/github.com/ethereum-optimism/op-geth@v1.101702.3`
  const registry = `${process.env['CARGO_HOME'] ?? `${homedir()}/.cargo`}/registry/src`
  const [index = ''] = existsSync(registry) ? readdirSync(registry) : []
  const paths = {
    'op-geth': opGeth,
    'op-revm': `${registry}/${index}/op-revm-20.0.0`,
    'alloy-op-evm': `${registry}/${index}/alloy-op-evm-0.32.0`,
  }
  return Object.fromEntries(Object.entries(paths).filter(([, path]) => existsSync(path)))
}

/** `A`, `B` and `C` (op-geth `file`) */
const THEIRS = /((?:`\w+`(?:,\s|\sand\s)?)+)\s\((op-geth|op-revm|alloy-op-evm)\s+`([\w./-]+)`\)/g

t.test('functions of op-geth and op-revm are in the files that PORTING.md names', async (t) => {
  const sources = findSources()
  const named = matches(THEIRS)
  t.ok(named.length > 20, `${named.length} places`)
  for (const [names, client, file] of named) {
    const folder = sources[client]
    if (!folder) {
      t.comment(`${client} is not on this machine: ${names} not looked up`)
      continue
    }
    const text = readFileSync(`${folder}/${file}`, 'utf8')
    for (const [, name] of names.matchAll(/`(\w+)`/g)) {
      const declaration = new RegExp(`(func (\\([^)]*\\) )?|fn )${name}[(<]`)
      t.match(text, declaration, `${name} in ${client} ${file}`)
    }
  }
})

t.test('a function is counted without comments and blank lines, in any file', async (t) => {
  t.equal(countFunction('src/fees.ts', 'operatorFee'), 4)
  t.equal(countFunction('src/deposit.ts', 'isDeposit'), 1)
  t.throws(() => countFunction('src/fees.ts', 'noSuchFee'), {
    message: 'src/fees.ts has no function noSuchFee',
  })
  t.throws(() => countVectors('spec-tests/vectors/none'), {
    message: 'there is no spec-tests/vectors/none',
  })
})
