/**
 * Counts the lines that the budget counts and writes LINES_OF_CODE.md.
 *
 * Counted: code lines of src/**\/*.ts by cloc, after the formatter, plus every added and removed
 * line of every patch. A code line over 100 columns, also of a patch, is refused unless it is a lone
 * hex literal, and so are formatter-ignore comments, eval and declarations of several names by a list.
 * The formatter gives each statement a line. Outside src/ nothing may be decided that is OP's.
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
  'block.ts': 'executing and building a block',
  'chain.ts': 'forks and chain rules',
  'context.ts': 'what transactions run in',
  'create2deployer.ts': 'create2deployer code (data)',
  'deposit.ts': 'deposit transaction: codec',
  'engine.ts': 'Engine API: forkchoice, payloads, builds',
  'fees.ts': 'L1 data fee, operator fee, DA footprint',
  'header.ts': 'header: attributes, base fee, extraData',
  'index.ts': 'public API',
  'payload.ts': 'Engine API: payloads, attributes, payload ids',
  'precompiles.ts': 'precompiles',
  'receipt.ts': 'receipts',
  'runDeposit.ts': 'running a deposit',
  'runSigned.ts': 'signed transactions: fees around them',
  'system.ts': 'before the first transaction',
}

/** Code that is not counted, and why it is not OP's. */
const OUTSIDE = {
  ethereumjs:
    'what EthereumJS has wrong or lacks for any chain: state over nodes or a witness, opcodes, strict transactions, JSON of the Engine API',
  crypto: 'fast cryptography for any EthereumJS application',
  blockchain: 'genesis files, JSON-RPC objects, and a store over `@ethereumjs/blockchain`',
  'node/src': 'the standard half of a client: HTTP, database, pool, `eth_*`, command line',
}

/** What must not be decided outside `src/`: names of forks, fees, deposits and their addresses. */
const OP_WORDS = new RegExp(
  [
    'bedrock|regolith|canyon|ecotone|fjord|granite|holocene|isthmus|jovian|karst',
    'l1Fee|l1GasUsed|l1GasPrice|l1BaseFee|l1Blob|operatorFee|daFootprint|836_?500|42_?585_?600',
    'sourceHash|isSystemTx|depositNonce|depositReceipt|depositVersion|\\bmint\\b|0x7e\\b|\\b126\\b',
    'eip1559Params|eip1559Denominator|eip1559Elasticity|minBaseFee|extraDataVersion',
    '0x4200000000000000|0x13b0d85ccb8bf860',
  ].join('|'),
  'gi',
)

/** Where such a word may be all the same, and why: it is passed through, and nothing follows from it. */
const ALLOWED = {
  'node/src/dev/contracts.ts': {
    words: ['0x4200000000000000', '0x13b0d85ccb8bf860', 'L1Fee', 'OperatorFee'],
    why: 'names of contracts in the genesis of the local chain, for its first screen',
  },
  'node/src/dev/screen.ts': {
    words: ['mint'],
    why: 'the first screen of the local chain shows how to ask its sequencer for a deposit',
  },
  'node/src/dev/sequencer.ts': {
    words: [
      'sourceHash',
      'mint',
      'isSystemTx',
      '0x4200000000000000',
      'eip1559Params',
      'minBaseFee',
    ],
    why: 'the local chain plays op-node and L1, whose attributes and deposits these are; the client takes them over the Engine API as from any op-node',
  },
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
      if (/^(const|let) \[.+\] = \[/.test(code)) found.push(`${where}: packed declaration`)
    }
  }
  for (const folder of Object.keys(OUTSIDE)) {
    for (const name of ls(folder, 's').filter((file) => /\.(ts|mjs)$/.test(file))) {
      const path = `${folder}/${name}`
      const isAllowed = (word) => ALLOWED[path]?.words.includes(word)
      // Comments may speak of rollups; their lines stay, for the numbers.
      const code = readFileSync(`${root}${path}`, 'utf8')
        .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
        .replace(/^\s*\/\/.*$/gm, '')
      for (const [index, line] of code.split('\n').entries()) {
        const words = (line.match(OP_WORDS) ?? []).filter((word) => !isAllowed(word))
        for (const word of words) found.push(`${path}:${index + 1}: ${word} belongs in src/`)
      }
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
  const lines = (folder) =>
    ls(folder, '').some((name) => /\.(ts|mjs)$/.test(name)) ? cloc(folder).sum.code : 0
  const outside = Object.entries(OUTSIDE).map(([folder, what]) => ({
    folder,
    what,
    lines: lines(folder),
  }))
  const others = ['examples', 'spec-tests', 'scripts', 'benchmarks'].map((folder) => ({
    folder,
    lines: lines(folder),
  }))
  const reused = ['block', 'common', 'evm', 'mpt', 'rlp', 'statemanager', 'tx', 'util', 'vm']
  const upstream = cloc(...reused.map((name) => `node_modules/@ethereumjs/${name}/src`)).sum.code
  const total = rows.reduce((sum, { lines }) => sum + lines, 0)
  return { rows, total, comments: src.sum.comment, outside, others, upstream }
}

/** The page LINES_OF_CODE.md. */
export function render({ rows, total, comments, outside, others, upstream }) {
  const table = rows.map(
    ({ file, concern, lines, opGeth }) => `| \`${file}\` | ${concern} | ${lines} | ${opGeth} |`,
  )
  const beside = outside.map(({ folder, what, lines }) => `| \`${folder}/\` | ${what} | ${lines} |`)
  const allowed = Object.entries(ALLOWED).map(
    ([file, { words, why }]) => `| \`${file}\` | ${words.join(', ')} | ${why} |`,
  )
  const sum = outside.reduce((total, { lines }) => total + lines, 0)
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

## What is counted, and what is not

The promise is about a difference: fewer than ${LIMIT} lines turn an Ethereum client made of EthereumJS into
an OP Stack client. So \`src/\` is all that an Ethereum client would not have, execution and Engine API, and
nothing else is. Whoever wants the whole client needs more, because EthereumJS is a set of libraries and
no client: a state that executes from a witness, corrections of its EVM, the JSON of an Engine API, a
database, a server. That is outside, in four folders, **${sum}** lines in all, so the whole is **${total + sum}**.
None of it may know that there are rollups: the tests fail if a name of a fork, of a fee of the OP Stack,
of a deposit's field or one of its addresses is in the code there, except where the second table says why.
What corrects and completes EthereumJS itself (\`ethereumjs/\`) is needed to execute any chain from a
witness, Ethereum's too, and \`src/\` runs on it: whoever counts it with \`src/\` gets **${total + outside[0].lines}**.

| folder | what it is | lines |
| --- | --- | ---: |
${beside.join('\n')}

${allowed.length > 0 ? `| file | words of the OP Stack | why |\n| --- | --- | --- |\n${allowed.join('\n')}\n` : ''}
Neither in the total nor in these:

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
