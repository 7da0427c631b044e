/**
 * Counts what other clients of the OP Stack have, for LINES_OF_CODE.md, and writes others.json.
 * Run it when they have a new version:
 *
 *   go mod download github.com/ethereum-optimism/op-geth@v1.101702.3
 *   go mod download github.com/ethereum/go-ethereum@v1.17.2
 *   git clone --no-checkout https://github.com/ethereum-optimism/optimism
 *   node scripts/others.mjs optimism && npm run loc
 *
 * Both by cloc: of op-geth code lines that are added to or changed in geth; of Rust crates all code
 * lines of `src`, without test modules and files. Versions and dates are in the constants below.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The module, and the one that it changes: the version that version/version.go there names. */
const OP_GETH = {
  path: 'github.com/ethereum-optimism/op-geth',
  version: 'v1.101702.3',
  date: '2026-08-31',
}
const GETH = { path: 'github.com/ethereum/go-ethereum', version: 'v1.17.2', date: '2026-03-30' }

/** With Karst. */
const OPTIMISM = { commit: '484be19f69054f74bc736b5df229e896e338d9a3', date: '2026-04-28' }

/** Folders of crates in the repository `optimism`. */
const CRATES = {
  'op-revm': 'rust/op-revm',
  'alloy-op-evm': 'rust/alloy-op-evm',
  'kona-executor': 'rust/kona/crates/proof/executor',
  'op-reth, execution': [
    'rust/op-reth/crates/chainspec',
    'rust/op-reth/crates/consensus',
    'rust/op-reth/crates/evm',
    'rust/op-reth/crates/hardforks',
    'rust/op-reth/crates/primitives',
  ],
  'op-reth, payloads and RPC': ['rust/op-reth/crates/payload', 'rust/op-reth/crates/rpc'],
}

const run = (command, ...args) =>
  execFileSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
    stdio: ['ignore', 'pipe', 'pipe'],
  })

const cloc = (...args) =>
  JSON.parse(run('perl', `${ROOT}node_modules/cloc/lib/cloc`, '--json', '--quiet', ...args))

/** Where Go keeps a module. */
const moduleOf = ({ path, version }) =>
  join(run('go', 'env', 'GOMODCACHE').trim(), `${path}@${version}`)

/** Code lines that differ, by file; generated files are marked. */
function countOpGeth() {
  const [geth, opGeth] = [moduleOf(GETH), moduleOf(OP_GETH)]
  const options = ['--by-file', '--include-lang=Go', '--not-match-f=_test\\.go$']
  const { added, modified, removed } = cloc('--diff', ...options, geth, opGeth)
  const files = {}
  for (const [kind, counts] of Object.entries({ added, modified, removed })) {
    for (const [path, { code }] of Object.entries(counts)) {
      if (code === 0) continue
      const name = path.replace(`${geth}/`, '').replace(`${opGeth}/`, '')
      files[name] ??= { added: 0, modified: 0, removed: 0 }
      files[name][kind] += code
    }
  }
  for (const [name, counts] of Object.entries(files)) {
    // A file that is only geth's has nothing that op-geth would have written.
    const text = counts.added + counts.modified > 0 ? readFileSync(`${opGeth}/${name}`, 'utf8') : ''
    if (/^\/\/ Code generated/m.test(text)) counts.isGenerated = true
  }
  return Object.fromEntries(Object.entries(files).sort())
}

/** A Rust file without its test modules, which end it. */
const withoutTests = (text) =>
  text.split(/^#\[cfg\((all\()?(any\()?test\b.*\)\]\n(pub )?mod \w+ \{/m)[0]

/** Code lines of crates at the commit. */
function countCrates(repository) {
  const git = (...args) => run('git', '-C', repository, ...args)
  const counts = {}
  for (const [name, folders] of Object.entries(CRATES)) {
    const folder = mkdtempSync(join(tmpdir(), 'crates-'))
    const listed = git('ls-tree', '-r', '--name-only', OPTIMISM.commit, ...[folders].flat())
    for (const path of listed.split('\n')) {
      if (
        !/\/src\/.*\.rs$/.test(path) ||
        /(^|\/)(tests?|test_utils|proptests|benches)(\/|\.rs$)/.test(path)
      )
        continue
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), withoutTests(git('show', `${OPTIMISM.commit}:${path}`)))
    }
    counts[name] = cloc('--include-lang=Rust', folder).SUM.code
    rmSync(folder, { recursive: true })
  }
  return counts
}

const [repository] = process.argv.slice(2)
if (!repository) throw new Error('usage: node scripts/others.mjs CLONE_OF_OPTIMISM')
const result = {
  counted: new Date().toISOString().slice(0, 10),
  opGeth: { ...OP_GETH, geth: GETH, files: countOpGeth() },
  optimism: { ...OPTIMISM, crates: countCrates(repository) },
}
// A file a line, where it fits.
const text = JSON.stringify(result, null, 2).replace(
  /\{\n\s+("added[^}]*?)\s+\}/g,
  (_, fields) => `{ ${fields.replace(/\n\s+/g, ' ')} }`,
)
const path = `${ROOT}scripts/others.json`
writeFileSync(path, `${text}\n`)
run(`${ROOT}node_modules/.bin/biome`, 'format', '--write', path)
