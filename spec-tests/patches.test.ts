import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Common, Mainnet } from '@ethereumjs/common'
import { createEVM } from '@ethereumjs/evm'
import { hexToBytes } from '@ethereumjs/util'
import t from 'tap'
import { FIXTURES, noFixtures } from './helpers.ts'

const { dependencies, scripts } = JSON.parse(readFileSync('package.json', 'utf8'))

/** One entry a patch: its package, the version that it is for, the files that it changes. */
const PATCHES = readdirSync('patches')
  .filter((file) => file !== 'README.md')
  .map((file) => {
    const [, name, version] = /^(@ethereumjs\+\w+)\+([\d.]+)\.patch$/.exec(file) ?? []
    const text = readFileSync(`patches/${file}`, 'utf8')
    const changed = [...text.matchAll(/^diff --git a\/(\S+) b\/(\S+)\nindex (\w+)\.\.(\w+)/gm)]
    const files = changed.map(([, from, to, before, after]) => ({ from, to, before, after }))
    return { file, name: name?.replace('+', '/'), version, text, files }
  })

/** The hash that a patch gives of a file. */
function gitHash(path: string) {
  const bytes = readFileSync(path)
  return createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')
}

/** Outside the repository, so that nothing of its node_modules is found by accident. */
const folder = realpathSync(mkdtempSync(`${tmpdir()}/ethereumjs-op-`))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))

/** The environment of a user's shell: nothing of tap, which slows promises, and nothing of npm. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|tap|_tapjs|node_)/i.test(name)),
)

/** Runs a program as from a user's shell. */
function run(cwd: string, command: string, ...args: string[]) {
  const options = { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 26 } as const
  const { status, stdout, stderr } = spawnSync(command, args, options)
  return { status, stdout, stderr, output: stdout + stderr }
}

/** An empty project with copies of the patched packages, and the patches. */
function copyPatched(name: string) {
  const directory = resolve(folder, name)
  cpSync('patches', `${directory}/patches`, { recursive: true })
  for (const { name } of PATCHES) {
    const path = `node_modules/${name}`
    cpSync(path, `${directory}/${path}`, { recursive: true })
  }
  writeFileSync(`${directory}/package.json`, JSON.stringify({ name: 'copy', version: '1.0.0' }))
  return directory
}

const patchPackage = (directory: string, ...args: string[]) =>
  run(directory, process.execPath, resolve('node_modules/patch-package/index.js'), ...args)

/** A copy of the built package on EthereumJS as published. */
function copyUnpatched(name: string) {
  const directory = resolve(folder, name)
  execFileSync(process.execPath, ['scripts/unpatched.mjs', directory], { env, stdio: 'ignore' })
  return directory
}

const block = (number: number) => `${FIXTURES}/blocks/block-${number}.json.gz`

/** Executes blocks with the package in a folder, in a process of its own. */
function verify(directory: string, ...numbers: number[]) {
  const args = [resolve('scripts/verify.mjs'), directory, ...numbers.map(block)]
  const { status, stdout, stderr } = run(folder, process.execPath, ...args)
  const lines = stdout.trimEnd().split('\n')
  return { status, stderr, blocks: lines.map((line) => JSON.parse(line)) }
}

t.test('each patch is for the exact version that package.json demands', async (t) => {
  t.ok(PATCHES.length > 0)
  for (const { file, name, version, files } of PATCHES) {
    t.equal(version, dependencies[name], file)
    // What is not a patch would change nothing and stop nothing.
    t.ok(files.length > 0, file)
  }
})

t.test('a patch changes files of its package alone, which exist, and adds none', async (t) => {
  for (const { file, name, text, files } of PATCHES) {
    const headers = text.split('\n').filter((line) => /^(diff|---|\+\+\+) /.test(line))
    const expected = files.flatMap(({ from }) => [
      `diff --git a/${from} b/${from}`,
      `--- a/${from}`,
      `+++ b/${from}`,
    ])
    t.same(headers, expected, file)
    t.notMatch(text, /^(new|deleted|old|rename|copy|similarity|GIT binary)/m, file)
    for (const { from } of files) {
      t.ok(from.startsWith(`node_modules/${name}/dist/esm/`), from)
      t.notMatch(from, /\.\./)
    }
  }
})

t.test('each patch applies cleanly, and taken back leaves the published bytes', async (t) => {
  const directory = copyPatched('applies')
  const files = PATCHES.flatMap((patch) => patch.files)
  const matches = (side: 'before' | 'after') => {
    for (const { from, ...hashes } of files) {
      t.ok(gitHash(`${directory}/${from}`).startsWith(hashes[side]), `${from} ${side}`)
    }
  }
  const strict = ['--error-on-fail', '--error-on-warn']
  const back = patchPackage(directory, '--reverse', ...strict)
  t.equal(back.status, 0, back.output)
  matches('before')
  const forward = patchPackage(directory, ...strict)
  t.equal(forward.status, 0, forward.output)
  matches('after')
  for (const { from } of files) {
    t.ok(readFileSync(from).equals(readFileSync(`${directory}/${from}`)), `${from} is installed`)
  }
})

t.test('a patch that does not apply stops npm ci and is named with its version', async (t) => {
  const [{ file, name, version, text }] = PATCHES
  const other = file.replace(version, '9.9.9')
  const damaged: [what: string, file: string, text: string, isOriginal: boolean][] = [
    ['another line in the package', file, text.replace(/^-( +\S)/m, '-$1x'), true],
    ['a truncated patch', file, text.slice(0, text.length >> 1), true],
    ['a patch for another version', other, text, true],
    ['a package that is changed already', file, text, false],
  ]
  const directory = copyPatched('damaged')
  const path = `${directory}/node_modules/${name}`
  patchPackage(directory, '--reverse')
  cpSync(path, `${directory}/original`, { recursive: true })
  const bin = `${directory}/node_modules/.bin`
  symlinkSync(resolve('node_modules/.bin'), bin)
  // The command of this package, with a build that tells that it was reached.
  const build = `node -e "require('fs').writeFileSync('built', '')"`
  const manifest = { name: 'copy', version: '1.0.0', scripts: { prepare: scripts.prepare, build } }
  writeFileSync(`${directory}/package.json`, JSON.stringify(manifest))
  const prepare = (patch?: { file: string; text: string }) => {
    rmSync(`${directory}/patches`, { recursive: true })
    rmSync(`${directory}/built`, { force: true })
    mkdirSync(`${directory}/patches`)
    if (patch) writeFileSync(`${directory}/patches/${patch.file}`, patch.text)
    return run(directory, 'sh', '-c', `PATH="${bin}:$PATH"; ${scripts.prepare}`)
  }
  t.equal(prepare({ file, text }).status, 0, 'the patch as it is')
  t.ok(existsSync(`${directory}/built`), 'is followed by the build')
  for (const [what, file, text, isOriginal] of damaged) {
    rmSync(path, { recursive: true })
    cpSync(`${directory}/original`, path, { recursive: true })
    const [{ files }] = PATCHES
    if (!isOriginal) writeFileSync(`${directory}/${files[0].from}`, 'export {}\n')
    const { status, output } = prepare({ file, text })
    t.not(status, 0, what)
    t.notOk(existsSync(`${directory}/built`), `${what}: nothing is built`)
    t.ok(output.includes(name) && output.includes(file.slice(name.length + 1, -6)), output)
  }
})

// PUSH1 3 JUMP JUMPDEST PUSH0 STOP
const CODE = { code: hexToBytes('0x6003565b5f00'), gasLimit: 100_000n }

t.test('the analysis of a code object follows the hardfork of the EVM', async (t) => {
  const common = new Common({ chain: Mainnet, hardfork: 'paris' })
  const evm = await createEVM({ common })
  for (const hardfork of ['paris', 'shanghai', 'paris']) {
    common.setHardfork(hardfork)
    const { exceptionError } = await evm.runCode(CODE)
    t.equal(exceptionError?.error, hardfork === 'paris' ? 'invalid opcode' : undefined, hardfork)
  }
})

t.test('who listens to steps sees each, even after runs that nobody saw', async (t) => {
  const evm = await createEVM({ common: new Common({ chain: Mainnet, hardfork: 'shanghai' }) })
  const steps: [string, bigint][] = []
  const listen = ({ opcode, gasLeft }: { opcode: { name: string }; gasLeft: bigint }) => {
    steps.push([opcode.name, gasLeft])
  }
  const { executionGasUsed } = await evm.runCode(CODE)
  evm.events.on('step', listen)
  t.equal((await evm.runCode(CODE)).executionGasUsed, executionGasUsed)
  t.same(steps, [
    ['PUSH1', 100_000n],
    ['JUMP', 99_997n],
    ['JUMPDEST', 99_989n],
    ['PUSH0', 99_988n],
    ['STOP', 99_986n],
  ])
  evm.events.off('step', listen)
  t.equal((await evm.runCode(CODE)).executionGasUsed, executionGasUsed)
  t.equal(steps.length, 5)
})

t.test('each patch has rows in patches/README.md, whose lines add up', async (t) => {
  const page = readFileSync('patches/README.md', 'utf8')
  const rows = page
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  const lines = new Map<string, number>()
  for (const [, patch, change, why, count, gain, upstream, until, ...rest] of rows) {
    t.same(rest, [''], change)
    for (const cell of [change, why, gain, until]) t.not(cell, '', `${patch} ${change}`)
    // Each text to send is a section of the page.
    const [, anchor] = /^\[.+\]\(#(.+)\)$/.exec(upstream) ?? []
    const titles = [...page.matchAll(/^### (.+)$/gm)].map(([, title]) => title)
    const anchors = titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    )
    t.ok(anchors.includes(anchor), `${upstream} is one of ${anchors}`)
    const file = patch.replaceAll('`', '')
    lines.set(file, (lines.get(file) ?? 0) + Number(count))
  }
  const counted = PATCHES.map(({ file, text }): [string, number] => {
    const changed = text.split('\n').filter((line) => /^[-+]/.test(line))
    return [file, changed.filter((line) => !/^(---|\+\+\+) /.test(line)).length]
  })
  t.same(Object.fromEntries(lines), Object.fromEntries(counted))
})

/** Small blocks of five forks. All blocks: npm run verify:variants. */
const SMALL = [10211000, 120794432, 121049889, 121135704, 26207960, 22884230]
/** Blocks that spend their time in the interpreter. */
const BUSY = [22886311, 26207962]

const unpatched = copyUnpatched('unpatched')

t.test('real blocks are exact on EthereumJS as published', { skip: noFixtures }, async (t) => {
  for (const { from } of PATCHES.flatMap((patch) => patch.files)) {
    const [here, there] = [from, `${unpatched}/${from}`].map((path) => readFileSync(path))
    t.notOk(here.equals(there), `${from} is not patched there`)
  }
  const { status, stderr, blocks } = verify(unpatched, ...SMALL)
  t.equal(status, 0)
  t.equal(stderr, '')
  t.ok(blocks.length === SMALL.length && blocks.every(({ ok }) => ok))
})

t.test('the packed package, installed', async (t) => {
  // Not npm run prepare, which builds anew under the feet of other tests.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const packed = run(resolve('.'), 'npm', ...pack)
  t.equal(packed.status, 0, packed.stderr)
  const [{ filename, size, files }] = JSON.parse(packed.stdout)
  const paths: string[] = files.map(({ path }: { path: string }) => path)
  const own = paths.filter((path) => !path.startsWith('node_modules/'))

  t.test('has what it needs and nothing else', async (t) => {
    const known =
      /^(dist|blockchain|crypto|etc|ethereumjs|src|patches)\/|^(package\.json|LICENSE|[A-Z_]+\.md)$/
    // What the README links to.
    const linked =
      /^(examples\/(README\.md|engine\.mjs|genesis\.json)|benchmarks\/(README\.md|blocks\.svg)|web\/screenshot\.png)$/
    t.same(
      own.filter((path) => !known.test(path) && !linked.test(path)),
      [],
    )
    for (const folder of ['src', 'crypto', 'blockchain']) {
      t.ok(own.includes(`dist/${folder}/index.js`))
      t.ok(own.includes(`dist/${folder}/index.d.ts`))
      t.ok(own.includes(`${folder}/index.ts`))
    }
    // MPL-2.0: who gets changed files must get the changes.
    for (const { file } of PATCHES) t.ok(own.includes(`patches/${file}`), file)
    for (const name of Object.keys(dependencies)) {
      t.ok(paths.includes(`node_modules/${name}/package.json`), `${name} is in the bundle`)
    }
    t.notOk(paths.some((path) => path.startsWith('node_modules/patch-package/')))
    t.ok(size < 10_000_000, `${size} bytes`)
  })

  /** EthereumJS packages that the user has already; they fail as soon as they are loaded. */
  const same = dependencies['@ethereumjs/evm']
  const OWN: [what: string, own: Record<string, string>][] = [
    ['in an empty folder', {}],
    [
      'beside packages of the same version and of others',
      {
        '@ethereumjs/common': '4.4.0',
        '@ethereumjs/evm': same,
        '@ethereumjs/rlp': same,
        '@ethereumjs/util': '10.1.0',
        '@ethereumjs/vm': same,
      },
    ],
  ]
  for (const [index, [what, own]] of OWN.entries()) {
    t.test(`is complete and patched ${what}`, async (t) => {
      const project = resolve(folder, `project${index}`)
      mkdirSync(project)
      writeFileSync(`${project}/package.json`, JSON.stringify({ dependencies: own }))
      const ownFiles: Record<string, string> = {}
      for (const [name, version] of Object.entries(own)) {
        const path = `${project}/node_modules/${name}`
        mkdirSync(path, { recursive: true })
        const manifest = { name, version, main: 'index.js' }
        ownFiles[`${path}/package.json`] = JSON.stringify(manifest)
        ownFiles[`${path}/index.js`] = `throw new Error('${name} of the user is loaded')\n`
      }
      for (const [path, text] of Object.entries(ownFiles)) writeFileSync(path, text)
      // No network, an empty cache, no scripts: what is not in the bundle comes from nowhere.
      const cache = resolve(folder, `cache${index}`)
      const args = ['install', '--offline', '--ignore-scripts', '--no-audit', '--cache', cache]
      const installed = run(project, 'npm', ...args, resolve(folder, filename))
      t.equal(installed.status, 0, installed.output)
      for (const [path, text] of Object.entries(ownFiles)) {
        t.equal(readFileSync(path, 'utf8'), text, `${path} is untouched`)
      }
      const top = readdirSync(`${project}/node_modules`).filter((name) => !name.startsWith('.'))
      t.same(
        top,
        Object.keys(own).length > 0 ? ['@ethereumjs', 'ethereumjs-op'] : ['ethereumjs-op'],
      )
      const root = `${project}/node_modules/ethereumjs-op`
      for (const { from } of PATCHES.flatMap((patch) => patch.files)) {
        t.ok(readFileSync(from).equals(readFileSync(`${root}/${from}`)), `${from} is patched`)
      }
      if (noFixtures) return t.comment(noFixtures)
      // Coverage lists the files that were loaded.
      const coverage = `${project}/coverage`
      const script = resolve('scripts/verify.mjs')
      const verifying = [process.execPath, script, root, block(120794432)]
      const { status, output } = run(project, 'env', `NODE_V8_COVERAGE=${coverage}`, ...verifying)
      t.equal(status, 0, output)
      const loaded = readdirSync(coverage)
        .flatMap(
          (name): { url: string }[] =>
            JSON.parse(readFileSync(`${coverage}/${name}`, 'utf8')).result,
        )
        .filter(({ url }) => url.startsWith('file:'))
        .map(({ url }) => fileURLToPath(url))
      t.same(
        loaded.filter((path) => path !== script && !path.startsWith(`${root}/`)),
        [],
        'nothing else is loaded',
      )
      for (const { from } of PATCHES.flatMap((patch) => patch.files)) {
        t.ok(loaded.includes(`${root}/${from}`), `${from} is loaded`)
      }
    })
  }

  t.test('verifies real blocks at patched speed', { skip: noFixtures }, async (t) => {
    const packages = [unpatched, `${folder}/project0/node_modules/ethereumjs-op`]
    const times = packages.map(() => BUSY.map(() => Infinity))
    const total = (variant: number) => times[variant].reduce((a, b) => a + b, 0)
    let ratio = 0
    // What another process took away in the first round may be given back in the next.
    for (let round = 0; round < 3 && ratio < 1.3; round++) {
      for (const [variant, directory] of packages.entries()) {
        const { status, blocks } = verify(directory, ...BUSY)
        t.equal(status, 0)
        for (const [index, { ms }] of blocks.entries()) {
          times[variant][index] = Math.min(times[variant][index], ms)
        }
      }
      ratio = total(0) / total(1)
      t.comment(`${total(0)} ms unpatched, ${total(1)} ms installed: ${ratio.toFixed(2)}`)
    }
    t.ok(ratio >= 1.3, `${ratio.toFixed(2)} times as fast as without patches`)
  })
})

t.test('a wrong version of EthereumJS is named before it is loaded', async (t) => {
  const main = `${unpatched}/node/dist/bin.js`
  const genesis = ['genesis', resolve('examples/genesis.json')]
  const right = run(folder, process.execPath, main, ...genesis)
  t.equal(right.status, 0, right.stderr)
  for (const name of Object.keys(dependencies).filter((key) => key.startsWith('@ethereumjs/'))) {
    const path = `${unpatched}/node_modules/${name}`
    const manifest = readFileSync(`${path}/package.json`, 'utf8')
    const { version, ...rest } = JSON.parse(manifest)
    writeFileSync(`${path}/package.json`, JSON.stringify({ ...rest, version: '10.2.0' }))
    // As a version that lacks what is imported from it.
    const index = `${path}/dist/esm/index.js`
    const code = readFileSync(index)
    writeFileSync(index, 'export {}\n')
    const wrong = run(folder, process.execPath, main, ...genesis)
    t.equal(wrong.status, 1, name)
    t.match(wrong.stderr, `${name}: installed: 10.2.0, expected: ${version}\n`)
    t.equal(wrong.stdout, '')
    t.equal(run(folder, process.execPath, main, '--help').status, 0, 'help loads none of it')
    writeFileSync(`${path}/package.json`, '{"name":')
    const damaged = run(folder, process.execPath, main, ...genesis)
    t.not(damaged.status, 0)
    t.match(damaged.stderr, `${path}/package.json`, 'the damaged file is named')
    writeFileSync(`${path}/package.json`, manifest)
    writeFileSync(index, code)
  }
  const path = `${unpatched}/node_modules/@ethereumjs/evm`
  rmSync(path, { recursive: true })
  const missing = run(dirname(path), process.execPath, main, ...genesis)
  t.not(missing.status, 0)
  t.match(missing.stderr, /@ethereumjs\/evm: not installed/)
})
