/**
 * Counts the lines that the budget counts and writes LINES_OF_CODE.md.
 *
 * Counted: code lines of src/**\/*.ts by cloc, after the formatter, plus every added and removed
 * line of every patch. A code line over 100 columns, also of a patch, is refused unless it is a lone
 * hex literal, and so are formatter-ignore comments and eval. The formatter gives each statement a line.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
export const LIMIT = 1000

/**
 * Code lines by cloc of files that only op-geth has, at commit 7b56c7315 of October 2024 (Holocene).
 * Its other changes are spread over files of geth.
 */
const OP_GETH = {
  'create2deployer.ts': 25, // consensus/misc/create2deployer.go
  'deposit.ts': 64, // core/types/deposit_tx.go
  'fees.ts': 325, // core/types/rollup_cost.go
}

/** What each file is about. */
const CONCERNS = {
  'chain.ts': 'forks and chain rules',
  'create2deployer.ts': 'create2deployer code (data)',
  'crypto.ts': 'default cryptography',
  'deposit.ts': 'deposit transaction: codec',
  'engine.ts': 'Engine API',
  'execute.ts': 'block and transaction execution, receipts',
  'fees.ts': 'L1 data fee, operator fee, DA footprint',
  'genesis.ts': 'genesis block',
  'header.ts': 'base fee, extraData',
  'index.ts': 'public API',
  'json.ts': 'blocks in JSON, parameters',
  'main.ts': 'command line: verify, genesis',
  'opcodes.ts': 'corrections to EthereumJS',
  'precompiles.ts': 'precompiles',
  'state.ts': 'state over a node store or witness',
}

const ls = (folder, ending) =>
  existsSync(`${root}${folder}`)
    ? readdirSync(`${root}${folder}`, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith(ending))
        .sort()
    : []

/** Code and comment lines by file, by cloc. */
function cloc(...paths) {
  const bin = `${root}node_modules/cloc/lib/cloc`
  const args = [bin, '--json', '--by-file', '--quiet', ...paths]
  const { header, SUM, ...files } = JSON.parse(
    execFileSync('perl', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28 }) || '{}',
  )
  return { files, sum: SUM ?? { code: 0, comment: 0 } }
}

/** Breaches of the rules that keep the count honest, each as `file:line: what`. */
export function breaches() {
  const found = []
  for (const name of ls('src', '.ts')) {
    const lines = readFileSync(`${root}src/${name}`, 'utf8').split('\n')
    for (const [index, line] of lines.entries()) {
      const where = `src/${name}:${index + 1}`
      const code = line.trim()
      const isComment = /^(\/\/|\/?\*)/.test(code)
      if (/(biome|prettier)-ignore/.test(code)) found.push(`${where}: formatter-ignore comment`)
      if (isComment) continue
      if (line.length > 100 && !/^'(0x)?[0-9a-f]+'$/i.test(code)) found.push(`${where}: too long`)
      if (/\beval\(|new Function\(/.test(code)) found.push(`${where}: eval`)
    }
  }
  for (const name of ls('patches', '.patch')) {
    const lines = readFileSync(`${root}patches/${name}`, 'utf8').split('\n')
    for (const [index, line] of lines.entries()) {
      // The sign of an added line is not part of it.
      if (line[0] === '+' && line.length > 101) found.push(`patches/${name}:${index + 1}: too long`)
    }
  }
  return found
}

/** Added plus removed lines of a patch. */
function patchLines(name) {
  const lines = readFileSync(`${root}patches/${name}`, 'utf8').split('\n')
  return lines.filter((line) => /^[-+]/.test(line) && !/^(---|\+\+\+) /.test(line)).length
}

/** Counts everything; the page is made from the result alone. */
export function count() {
  const src = cloc('src')
  const rows = ls('src', '.ts').map((name) => ({
    file: `src/${name}`,
    concern: CONCERNS[name] ?? '',
    lines: src.files[`src/${name}`]?.code ?? 0,
    opGeth: OP_GETH[name] ?? 'spread',
  }))
  for (const name of ls('patches', '.patch')) {
    rows.push({ file: `patches/${name}`, concern: 'patch', lines: patchLines(name), opGeth: '' })
  }
  const others = ['crypto', 'examples', 'spec-tests', 'scripts', 'benchmarks'].map((folder) => ({
    folder,
    lines: ls(folder, '').some((name) => /\.(ts|mjs)$/.test(name)) ? cloc(folder).sum.code : 0,
  }))
  const reused = ['block', 'common', 'evm', 'mpt', 'rlp', 'statemanager', 'tx', 'util', 'vm']
  const upstream = cloc(...reused.map((name) => `node_modules/@ethereumjs/${name}/src`)).sum.code
  const total = rows.reduce((sum, { lines }) => sum + lines, 0)
  const node = cloc('examples/node').sum.code
  return { rows, total, comments: src.sum.comment, node, others, upstream }
}

/** The page LINES_OF_CODE.md. */
export function render({ rows, total, comments, node, others, upstream }) {
  const table = rows.map(
    ({ file, concern, lines, opGeth }) => `| \`${file}\` | ${concern} | ${lines} | ${opGeth} |`,
  )
  const rest = others.map(({ folder, lines }) => `| \`${folder}/\` | ${lines} |`)
  return `# Lines of code

Written by \`npm run loc\`; the tests fail when it is stale, when a rule is broken or when the total
reaches ${LIMIT}.

Counted is every line of \`src/**/*.ts\` that is neither blank nor only comment, by cloc, after the
formatter (width 100), plus every added and every removed line of every patch in \`patches/\`.

| file | concern | lines | op-geth |
| --- | --- | ---: | ---: |
${table.join('\n')}
| **total** | limit ${LIMIT} | **${total}** | |

The limit is for what makes an Ethereum client an OP Stack client: execution, and the Engine API that
op-node drives. The node in \`examples/node\` adds what any Ethereum node has and EthereumJS has not as
a library: HTTP with tokens, a database, a pool, the \`eth_*\` methods. It is outside the limit, and has
**${node}** lines. With it the total is **${total + node}**. The fast cryptography in \`crypto/\` serves any
EthereumJS application and is outside the limit too.

Not counted:

| what | lines |
| --- | ---: |
| comments in \`src/\` | ${comments} |
${rest.join('\n')}
| EthereumJS packages that are relied on | ${upstream} |

The column op-geth has the code lines of the file that is only op-geth's and about the same concern
(October 2024, commit 7b56c7315); its other changes are spread over files of geth. op-geth's whole difference from geth was 1,333 added lines at Bedrock and 4,063 at
Holocene, of which transaction type, receipts, fees, state transition and base fee alone are 513 and
1,076; op-revm with alloy-op-evm has 2,331, and kona's executor 802 on top of those. They cover
execution as this project does; op-geth's whole difference also what it changes in the node, but not geth's own.
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = count()
  writeFileSync(`${root}LINES_OF_CODE.md`, render(result))
  const problems = breaches()
  for (const problem of problems) console.error(problem)
  console.log(`${result.total} lines of at most ${LIMIT - 1}`)
  if (problems.length > 0 || result.total >= LIMIT) process.exitCode = 1
}
