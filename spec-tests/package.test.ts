/** The packages as embedders and operators meet them: packed, and installed outside of this repository. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { relative, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { FIXTURES, noFixtures } from './helpers.ts'
import { findFiles } from './kit/files.ts'

/** Runs a command to its end, for two minutes at most. */
function run(cwd: string, command: string, ...args: string[]) {
  const result = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: 120_000 })
  return { ...result, output: `${result.stdout}${result.stderr}` }
}

const noRegistry =
  run('.', 'npm', 'ping', '--fetch-retries=0', '--fetch-timeout=10000').status === 0
    ? false
    : 'npm cannot reach a registry'

const folder = mkdtempSync(resolve(tmpdir(), 'ethereumjs-op-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** Makes a project of an embedder, with these packages installed. */
function createProject(name: string, ...packages: string[]) {
  const path = resolve(folder, name)
  mkdirSync(path)
  writeFileSync(`${path}/package.json`, JSON.stringify({ private: true, type: 'module' }))
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline']
  const { status, output } = run(path, 'npm', 'install', ...quiet, ...packages)
  if (status !== 0) throw new Error(output)
  return path
}

/** Packs a package: not by npm run prepare, which builds anew under the feet of other tests. */
function pack(...args: string[]) {
  const options = ['--ignore-scripts', '--json', '--pack-destination', folder]
  const [{ filename, files, size }] = JSON.parse(
    run('.', 'npm', 'pack', ...options, ...args).stdout,
  )
  const paths: string[] = files.map(({ path }: { path: string }) => path)
  return { tarball: resolve(folder, filename), paths, size: Number(size) }
}
const packed = pack()
const packedNode = pack('-w', 'node')
const packedSpecTests = pack('-w', 'spec-tests')
const FILES = packed.paths
const TARBALL = packed.tarball

/** The package alone, as it is unpacked. */
const installed = resolve(folder, 'package')
run(folder, 'tar', '-xzf', TARBALL)

const { version: VERSION } = JSON.parse(readFileSync('node/package.json', 'utf8'))

/** Of examples/genesis.json. */
const GENESIS_HASH = '0x8e33730a0f2e34d7accc74b70665314a6d970f59e9711ea45d478dad9f95e1de'

/** A block with signed transactions; its hash is in its file. */
const BLOCK = `${FIXTURES}/blocks/block-121049889.json.gz`

/** Block 1 of examples/genesis.json with one deposit; examples/engine.mjs builds the same. */
const BLOCK_1 = '0x90e4af3c9ccbc511a54fe7e55922584981969d460b819efd89ea2b757783c5d8'

t.test('what package.json and README.md point at is in the package', async (t) => {
  const { exports } = JSON.parse(readFileSync(`${installed}/package.json`, 'utf8'))
  const entries: Record<string, string>[] = Object.values(exports)
  const targets = entries.flatMap((entry) => Object.values(entry))
  t.equal(targets.length, 8)
  for (const target of targets) t.ok(FILES.includes(target.replace('./', '')), target)

  const readme = readFileSync(`${installed}/README.md`, 'utf8')
  const links = [...readme.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link)
  const relative = links.filter((link) => !/^\w+:/.test(link))
  t.ok(relative.includes('patches/README.md'))
  for (const link of relative) t.ok(existsSync(resolve(installed, link)), link)
})

t.test('the package of the node has what it points at, and only that', async (t) => {
  const { exports, bin } = JSON.parse(readFileSync('node/package.json', 'utf8'))
  for (const target of [...Object.values<string>(exports['.']), bin['ethereumjs-op']])
    t.ok(packedNode.paths.includes(target.replace('./', '')), target)
  const others = packedNode.paths.filter((path) => !/^(dist|src)\//.test(path))
  t.same(others.sort(), [
    'CROSSCHECK.md',
    'LICENSE',
    'METHODS.md',
    'README.md',
    'ethereumjs-op.service',
    'package.json',
  ])
  t.ok(packedNode.paths.includes('dist/genesis.json'))
  const { dependencies } = JSON.parse(readFileSync('node/package.json', 'utf8'))
  const sources = packedNode.paths.filter((path) => /^dist\/.+\.js$/.test(path))
  const imported = sources.flatMap((path) =>
    [
      ...readFileSync(`node/${path}`, 'utf8').matchAll(
        /(?:from |import\()'((?:@[\w-]+\/)?[\w-]+)(?=['/])/g,
      ),
    ]
      .map(([, name]) => name)
      .filter((name) => !isBuiltin(name)),
  )
  t.ok(imported.includes('lmdb') && imported.includes('@hono/node-server'))
  for (const name of new Set(imported))
    t.hasProp(dependencies, name, `${name} is installed with it`)
})

t.test(
  'the package of the spec tests has all vectors, and runs by npx',
  { skip: noRegistry },
  async (t) => {
    const { paths, tarball, size } = packedSpecTests
    t.ok(size < 16_000_000, `${size} bytes`)
    const others = paths.filter((path) => !/^(dist|vectors|examples)\//.test(path))
    for (const path of ['LICENSE', 'README.md', 'package.json']) t.ok(others.includes(path), path)
    // Both are for a checkout alone.
    t.notOk(paths.some((path) => /\.test\.ts$|dist\/(fill|confirm|fuzz)/.test(path)))
    const project = createProject('spec-tests', TARBALL, tarball)
    const all = findFiles('spec-tests/vectors').map((path) => relative('spec-tests', path))
    t.same(paths.filter((path) => path.startsWith('vectors/')).sort(), all.sort())
    const { status, stdout, output } = run(project, 'npx', 'op-spec-test', '--shard', '1/20')
    t.equal(status, 0, output)
    t.match(stdout, /^TAP version 14\n1\.\.\d+\nok 1 - /)
    t.match(stdout, /\n# [1-9]\d* passed, 0 failed, \d+ disputed\n$/)
    t.equal(run(project, 'npx', 'op-spec-test', '--help').status, 0)
  },
)

t.test('each packed package has its licence in THIRD_PARTY_LICENSES.md', async (t) => {
  const page = readFileSync(`${installed}/THIRD_PARTY_LICENSES.md`, 'utf8')
  const manifests = FILES.filter((path) =>
    /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path),
  )
  t.ok(manifests.length >= 30, `${manifests.length} packages`)
  for (const path of manifests) {
    const { name, version, license } = JSON.parse(readFileSync(resolve(installed, path), 'utf8'))
    t.ok(page.includes(`- ${name} ${version} (${license})\n`), path)
  }
  // Each list of packages is above a text.
  t.equal(page.match(/^- .+\n\n````text\n\S/gm)?.length, page.match(/\n\n````text\n/g)?.length)
  t.match(page, /- mcl-wasm .+\n\n````text\nCopyright \(c\) 2015 MITSUNARI Shigeo/)
  const { status, output } = run('.', process.execPath, 'scripts/licenses.mjs', '--check')
  t.equal(status, 0, output)
})

t.test('mcl is packed once, and all of it in less than 9.5 MB', async (t) => {
  t.equal(FILES.filter((path) => path.endsWith('/mcl_c.js')).length, 1)
  t.ok(packed.size < 9_500_000, `${packed.size} bytes`)
})

const NODENEXT = { module: 'nodenext', moduleResolution: 'nodenext' }
const BUNDLER = { module: 'esnext', moduleResolution: 'bundler' }

/** Oldest first. Without `skipLibCheck` also the declarations of EthereumJS are compiled. */
const COMPILERS = [
  // `Uint8Array` is no generic type before 5.7, but declarations of EthereumJS want one.
  { version: '5.4.5', modules: [NODENEXT], skipLibCheck: true },
  { version: '5.7.2', modules: [NODENEXT, BUNDLER], skipLibCheck: false },
  { version: 'latest', modules: [NODENEXT, BUNDLER], skipLibCheck: false },
]

const CONSUMERS = ['engine.ts', 'execute.ts', 'libraries.ts']

t.test('installed by npm', { skip: noRegistry }, async (t) => {
  const compilers = createProject(
    'compilers',
    ...COMPILERS.map(({ version }) => `typescript-${version}@npm:typescript@${version}`),
  )

  /** Compiles consumers of a project by all compilers for all modules, last by the newest one. */
  function compile(t: Test, project: string, files: string[]) {
    for (const file of files) cpSync(`spec-tests/consumers/${file}`, `${project}/${file}`)
    for (const { version, modules, skipLibCheck } of COMPILERS) {
      for (const module of modules) {
        const options = { target: 'es2022', strict: true, skipLibCheck, outDir: 'out', ...module }
        const config = { compilerOptions: options, files }
        writeFileSync(`${project}/tsconfig.json`, JSON.stringify(config))
        const tsc = `${compilers}/node_modules/typescript-${version}/bin/tsc`
        rmSync(`${project}/out`, { recursive: true, force: true })
        const { status, output } = run(project, process.execPath, tsc)
        t.equal(output, '', `TypeScript ${version}, ${module.moduleResolution}`)
        t.equal(status, 0)
      }
    }
    t.same(
      readdirSync(`${project}/out`),
      files.map((file) => file.replace('.ts', '.js')),
    )
  }

  /** Runs a script in a project. @returns what it prints as JSON */
  function evaluate(t: Test, project: string, script: string) {
    writeFileSync(`${project}/script.mjs`, script)
    const { status, stdout, stderr } = run(project, process.execPath, 'script.mjs')
    t.equal(status, 0, stderr)
    return JSON.parse(stdout)
  }

  const readGenesis = `
    import { readFileSync } from 'node:fs'
    const genesis = JSON.parse(readFileSync('genesis.json', 'utf8'))`

  t.test('in an empty folder', async (t) => {
    const project = createProject('empty', TARBALL)
    const root = `${project}/node_modules/ethereumjs-op`
    t.notOk(existsSync(`${project}/node_modules/@ethereumjs`), 'no EthereumJS is beside it')
    cpSync(`${root}/examples/genesis.json`, `${project}/genesis.json`)

    t.test('the examples of its README run as printed', async (t) => {
      const readme = readFileSync(`${root}/README.md`, 'utf8')
      const [first, second] = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code)
      writeFileSync(`${project}/second.mjs`, second)
      const { stdout, stderr } = run(project, process.execPath, 'second.mjs')
      t.match(stdout, /status: 'VALID'/, stderr)
      if (noFixtures) return t.comment(noFixtures)
      writeFileSync(`${project}/first.mjs`, first)
      const { status, output } = run(project, process.execPath, 'first.mjs', BLOCK)
      t.equal(output, 'true 3\n')
      t.equal(status, 0)
    })

    t.test('examples/engine.mjs of the package runs', async (t) => {
      const { output } = run(project, process.execPath, `${root}/examples/engine.mjs`)
      t.equal(output, `block 1 ${BLOCK_1}\n`)
    })

    t.test('TypeScript that uses it compiles and runs', async (t) => {
      compile(t, project, CONSUMERS)
      const engine = evaluate(
        t,
        project,
        `${readGenesis}
        import { drive } from './out/engine.js'
        console.log(JSON.stringify(await drive(genesis)))`,
      )
      t.strictSame(engine, {
        statuses: ['VALID', 'VALID'],
        blockHash: BLOCK_1,
        head: BLOCK_1,
        // E-06, E-07: versions for earlier forks.
        codes: Array(9).fill(-38005),
        missing: ['engine_exchangeCapabilities'],
        client: 'EJ',
      })

      const libraries = evaluate(
        t,
        project,
        `${readGenesis}
        import { begin, open } from './out/libraries.js'
        const text = (_, value) => (typeof value === 'bigint' ? Number(value) : value)
        console.log(JSON.stringify([await begin(genesis), await open(genesis)], text))`,
      )
      const [{ hashes, roots, nodes }, { head, status, numbers }] = libraries
      const [hash] = hashes
      t.match(hash, /^0x[0-9a-f]{64}$/)
      t.strictSame(hashes, [hash, hash, hash])
      t.equal(roots[0], roots[1])
      t.ok(nodes[0] > 10 && nodes[0] === nodes[1])
      t.strictSame({ head, status, numbers }, { head: hash, status: 'VALID', numbers: [0, 0] })

      if (noFixtures) return t.comment(noFixtures)
      const [block, late, lost] = evaluate(
        t,
        project,
        `
        import { readFileSync } from 'node:fs'
        import { gunzipSync } from 'node:zlib'
        import { execute, judge } from './out/execute.js'
        const file = JSON.parse(gunzipSync(readFileSync('${BLOCK}')))
        const lost = { ...file, preimages: {} }
        const outcomes = [
          { ...await execute(file), expected: file.expectedBlockHash },
          await judge(file, { timestamp: '0x0' }),
          await judge(lost, {}),
        ]
        console.log(JSON.stringify(outcomes))`,
      )
      t.equal(block.hash, block.expected)
      t.strictSame(block.statuses, [1, 1, 1])
      t.match(late, /^invalid: timestamp 0 must be later than \d+$/)
      t.match(lost, /^unknown: state is incomplete: no trie node or code 0x[0-9a-f]{64}$/)
    })
  })

  t.test('with the package of the node, in an empty folder', async (t) => {
    const project = createProject('node', TARBALL, packedNode.tarball)
    const bin = `${project}/node_modules/.bin/ethereumjs-op`
    t.ok(existsSync(`${project}/node_modules/secp256k1/package.json`), 'native ecrecover')

    const npx = run(project, 'npx', '--no-install', 'ethereumjs-op', '--version')
    t.match(npx, { status: 0, stdout: `${VERSION}\n` })
    t.match(run(project, bin, '--help').stdout, /node \[options\]/)
    t.equal(run(project, bin, 'genesis', '--example', 'genesis.json').status, 0)
    const genesis = run(project, bin, 'genesis', 'genesis.json')
    // Without native ecrecover there would be a warning.
    t.strictSame([genesis.stdout, genesis.stderr], [`${GENESIS_HASH}\n`, ''])

    /** Runs a command until it prints something, and ends it. @returns what it printed */
    async function runUntil(says: RegExp, ...args: string[]) {
      const child = spawn(bin, args, { cwd: project })
      let output = ''
      let isRunning = true
      const exited = once(child, 'close').finally(() => {
        isRunning = false
      })
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data) => {
          const isNew = !says.test(output)
          output += data
          // Once: a second one would end it at once.
          if (isNew && says.test(output)) child.kill('SIGTERM')
        })
      }
      const timer = setTimeout(() => isRunning && child.kill('SIGKILL'), 120_000)
      const [code, signal] = await exited
      clearTimeout(timer)
      return { code, signal, output }
    }
    const free = ['--engine-port=0', '--deposit-port=0']
    const dev = await runUntil(/block 1 /, 'dev', '--port=0', ...free)
    t.match(dev, { code: 0, signal: null, output: /block 1 0x[0-9a-f]{64} 1 transaction/ })
    const ports = ['--http.port=0', '--authrpc.port=0', '--log.format=json']
    const flags = ['--genesis=genesis.json', '--datadir=data', ...ports]
    const node = await runUntil(new RegExp(GENESIS_HASH), 'node', ...flags)
    t.equal(node.code, 0, node.output)
    t.ok(existsSync(`${project}/data`), 'the database is kept')

    if (noFixtures) return t.comment(noFixtures)
    const verified = run(project, bin, 'verify', BLOCK)
    t.equal(verified.status, 0, verified.output)
  })

  t.test('beside EthereumJS 10.1.2, its headers, states and databases can be passed', async (t) => {
    const packages = ['block', 'common', 'mpt', 'statemanager', 'util', 'vm']
    const own = packages.map((name) => `@ethereumjs/${name}@10.1.2`)
    // EthereumJS declares types by @types/debug, which it does not install.
    const project = createProject('own', TARBALL, ...own, '@types/debug@4.1.13')
    for (const name of packages) {
      const manifest = `${project}/node_modules/@ethereumjs/${name}/package.json`
      t.equal(JSON.parse(readFileSync(manifest, 'utf8')).version, '10.1.2', name)
    }
    cpSync('examples/genesis.json', `${project}/genesis.json`)
    compile(t, project, ['own.ts'])
    const outcomes = evaluate(
      t,
      project,
      `${readGenesis}
      import { executeAll, openOwn } from './out/own.js'
      console.log(JSON.stringify([await executeAll(genesis), await openOwn(genesis)]))`,
    )
    t.strictSame(outcomes, [Array(6).fill(BLOCK_1), 'VALID'])
  })
})
