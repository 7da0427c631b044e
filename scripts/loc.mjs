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

/** What other clients have, counted by others.mjs. */
const OTHERS = JSON.parse(readFileSync(`${root}scripts/others.json`, 'utf8'))

/** Files of op-geth about the same; what one file has for several here stands at the first of them. */
const OP_GETH = {
  'block.ts': [
    'consensus/beacon/consensus.go',
    'core/block_validator.go',
    'core/state_processor.go',
    'miner/worker.go',
  ],
  'chain.ts': ['params/config.go', 'params/config_op.go', 'params/optimism_feature_toggles.go'],
  'context.ts': ['core/evm.go'],
  'create2deployer.ts': ['consensus/misc/create2deployer.go'],
  'deposit.ts': [
    'core/types/deposit_tx.go',
    'core/types/transaction.go',
    'core/types/transaction_marshalling.go',
    'core/types/transaction_signing.go',
  ],
  'engine.ts': ['eth/catalyst/api.go', 'eth/catalyst/api_optimism.go', 'miner/payload_building.go'],
  'fees.ts': ['core/types/rollup_cost.go'],
  'header.ts': [
    'consensus/misc/eip1559/eip1559.go',
    'consensus/misc/eip1559/eip1559_optimism.go',
    'consensus/misc/eip4844/eip4844.go',
  ],
  'payload.ts': ['beacon/engine/types.go'],
  'precompiles.ts': ['core/vm/contracts.go'],
  'receipt.ts': ['core/types/receipt.go', 'core/types/receipt_opstack.go'],
  'runDeposit.ts': ['core/state_transition.go'],
}

/** Code lines that op-geth adds to files of geth or changes there; some may have none. */
const opGethLines = (files) =>
  files.reduce((sum, file) => {
    const { added, modified } = OTHERS.opGeth.files[file] ?? { added: 0, modified: 0 }
    return sum + added + modified
  }, 0)

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
  'blockchain/chains.ts': {
    words: [
      ...'bedrock regolith canyon Canyon ecotone fjord granite holocene isthmus jovian karst'.split(
        ' ',
      ),
      'eip1559Elasticity',
      'eip1559Denominator',
    ],
    why: 'configs of known chains as the superchain registry has them, which only `createChain` reads',
  },
  'blockchain/transactions.ts': {
    words: ['sourceHash', 'mint', 'isSystemTx'],
    why: 'reads the fields of a deposit from JSON for `encodeDeposit`, which encodes it',
  },
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
    opGeth: OP_GETH[name] ? opGethLines(OP_GETH[name]) : '',
  }))
  for (const name of ls('patches', '.patch')) {
    rows.push({ file: `patches/${name}`, concern: 'patch', lines: patchLines(name), opGeth: '' })
  }
  const lines = (folder) =>
    ls(folder, '').some((name) => /\.(ts|mjs)$/.test(name))
      ? cloc('--exclude-dir=node_modules,dist,vectors', folder).sum.code
      : 0
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
  const { version, date, geth, files } = OTHERS.opGeth
  const { commit, crates } = OTHERS.optimism
  const opGethFiles = Object.entries(OP_GETH).map(
    ([name, paths]) => `| \`${name}\` | ${paths.map((path) => `\`${path}\``).join(', ')} |`,
  )
  const opGethSame = opGethLines(Object.values(OP_GETH).flat())
  const written = Object.keys(files).filter((name) => !files[name].isGenerated)
  const opGethAll = { count: written.length, lines: opGethLines(written) }
  const opGethGenerated = opGethLines(Object.keys(files)) - opGethAll.lines
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

## The same in other clients

The column op-geth above has what op-geth adds or changes in its files about the same, however they are
divided:

| here | op-geth |
| --- | --- |
${opGethFiles.join('\n')}

| client | what is counted | lines |
| --- | --- | ---: |
| this project | \`src/\` and \`patches/\` | ${total} |
| this project | the same with \`ethereumjs/\`, on which it runs | ${total + outside[0].lines} |
| op-geth ${version} | the files of the table above: execution, payloads, Engine API | ${opGethSame} |
| op-geth ${version} | all that it adds to geth ${geth.version} or changes there: ${opGethAll.count} files, also pool, flags, RPC, sync, the list of chains, drafts | ${opGethAll.lines} |
| op-geth ${version} | the same in generated files | ${opGethGenerated} |
| op-revm | the crate: transactions, fees, precompiles over revm | ${crates['op-revm']} |
| alloy-op-evm | the crate: blocks over op-revm | ${crates['alloy-op-evm']} |
| op-reth | chain rules, consensus, execution, primitives over both crates | ${crates['op-reth, execution']} |
| op-reth | payloads, Engine API and RPC | ${crates['op-reth, payloads and RPC']} |
| kona | its executor over both crates | ${crates['kona-executor']} |

Counted by \`node scripts/others.mjs\` on ${OTHERS.counted} with cloc: no comments, blank lines or tests. op-geth
${version} (${date}) and geth ${geth.version} (${geth.date}), on which it says that it stands, are Go modules; op-geth removes next to
nothing of geth. The crates are those of the repository ethereum-optimism/optimism at commit ${commit.slice(0, 9)}
(${OTHERS.optimism.date}), which has Karst; op-geth does not. They hold drafts, too, as op-geth does, and op-reth its own
forms of blocks and transactions. No number has what a client is made from: geth, reth, revm, or here EthereumJS.
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
