/** The settings of the command line: by flag, environment and file, and where they are written down. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import t from 'tap'
import { DEV_SETTINGS, NODE_SETTINGS } from '../node/dist/config.js'
import { readJSON } from '../node/dist/files.js'
import { addSettings, describeOption } from '../node/dist/flags.js'
import { findDatadir } from '../node/dist/settings.js'
import { createStore } from '../node/dist/store/store.js'
import { runCLI } from './helpers.ts'

/** What a command is told by flags, environment and a config file; or the error, in one line. */
function read(args: string[], env: Record<string, string> = {}, settings = NODE_SETTINGS) {
  let outcome: Record<string, unknown> = {}
  const command = new Command('node')
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .configureHelp({ optionDescription: describeOption })
  addSettings(command, settings, { prefix: 'ETHEREUMJS_OP_' }).action((values) => {
    outcome = values
  })
  Object.assign(process.env, env)
  try {
    command.parse(args, { from: 'user' })
    return outcome
  } catch (error) {
    return { error: (error as Error).message }
  } finally {
    for (const name of Object.keys(env)) delete process.env[name]
  }
}

const PORT = 'ETHEREUMJS_OP_HTTP_PORT'

t.test('a flag has precedence over the environment, the file, and the default', async (t) => {
  const folder = t.testdir({ 'c.json': '{"http.port": 3, "http": {"addr": "::1"}, "ws": true}' })
  const config = `--config=${folder}/c.json`
  t.equal(read([])['http.port'], 8545)
  t.match(read([config]), { 'http.port': 3, 'http.addr': '::1', ws: true, 'ws.port': 8546 })
  t.match(read([config], { [PORT]: '2', ETHEREUMJS_OP_WS: 'false' }), { 'http.port': 2, ws: false })
  t.match(read([config, '--http.port=1'], { [PORT]: '2' }), { 'http.port': 1, 'http.addr': '::1' })
  // A file that says what a default says, too, gives way to the environment.
  writeFileSync(`${folder}/d.json`, '{"http.port": 8545}')
  t.equal(read([`--config=${folder}/d.json`], { [PORT]: '2' })['http.port'], 2)
  t.equal(read([], { ETHEREUMJS_OP_CONFIG: `${folder}/c.json` })['http.port'], 3)
})

t.test('every setting of the node is an environment variable and a key of the file', async (t) => {
  const values: Record<string, string> = {
    'http.api': 'debug',
    'ws.api': 'txpool',
    'log.level': 'error',
    'log.format': 'json',
    'state.history': '256',
    'rpc.gascap': '100000',
    'rpc.evmtimeout': '1m30s',
  }
  const folder = t.testdir({})
  for (const { name, value } of NODE_SETTINGS) {
    if (name === 'network') continue
    const text = values[name] ?? (value ? '7' : 'true')
    const variable = `ETHEREUMJS_OP_${name.toUpperCase().replaceAll('.', '_')}`
    const byFlag = read([`--${name}=${text}`])
    t.not(`${byFlag[name]}`, `${read([])[name]}`, name)
    t.strictSame(read([], { [variable]: text }), byFlag, variable)
    writeFileSync(`${folder}/c.json`, JSON.stringify({ [name]: text }))
    const { config, ...byFile } = read([`--config=${folder}/c.json`])
    t.strictSame(byFile, byFlag, `${name} in a file`)
  }
})

t.test('a time is written as in geth', (t) => {
  const timeOf = (text: string) => read([`--rpc.evmtimeout=${text}`])['rpc.evmtimeout']
  t.equal(read([])['rpc.evmtimeout'], 5_000)
  for (const [text, milliseconds] of Object.entries({
    '5s': 5_000,
    '1m30s': 90_000,
    '500ms': 500,
    '1.5s': 1_500,
    0: 0,
  })) {
    t.equal(timeOf(text), milliseconds, text)
  }
  for (const text of ['5', '-5s', 's', '5 s', '5d', '']) {
    t.match(read([`--rpc.evmtimeout=${text}`]).error, /duration as 5s/, text)
  }
  for (const text of ['0', '20999', '1000000001', '0x10']) {
    t.match(read([`--rpc.gascap=${text}`]).error, /whole number from 21000 to 1000000000/, text)
  }
  t.end()
})

t.test('a config file may be TOML, with sections', async (t) => {
  const text = 'dev = true\n[http]\nport = 1\napi = ["eth", "debug"]\n[log]\nformat = "json"\n'
  const folder = t.testdir({ 'c.toml': text })
  t.match(read([`--config=${folder}/c.toml`]), {
    dev: true,
    'http.port': 1,
    'http.api': ['eth', 'debug'],
    'log.format': 'json',
  })
})

t.test('what a config file has wrong is named with the file', async (t) => {
  const cases: [name: string, content: string, says: string][] = [
    ['unknown.json', '{"http": {"prot": 1}}', "there is no setting 'http.prot'"],
    ['unknown.toml', '[http]\nprot = 1', "there is no setting 'http.prot'"],
    ['itself.json', '{"config": "other.json"}', "there is no setting 'config'"],
    ['value.json', '{"http.port": 65536}', "'http.port' is invalid. It must be a whole number"],
    ['object.json', '{"genesis": null}', "'genesis' is invalid. It must be text, a number"],
    ['date.toml', 'genesis = 2025-01-01', "'genesis' is invalid. It must be text, a number"],
    ['namespace.toml', 'http.api = ["eth", "foo"]', "There is no namespace 'foo'"],
    ['list.json', '[]', 'a config file is an object of settings'],
    ['text.json', 'http', 'JSON'],
    ['broken.toml', 'a = 1\n[http', 'broken.toml:2:'],
    ['c.yaml', 'a: 1', 'a config file is .json or .toml'],
  ]
  for (const [name, content, says] of cases) {
    const path = join(t.testdir({ [name]: content }), name)
    const { error } = read([`--config=${path}`])
    t.match(error, says, name)
    t.match(error, `error: ${path}`, name)
    t.notMatch(error, '\n', `${name}: one line`)
  }
  const path = join(t.testdir({}), 'missing.toml')
  t.equal(read([`--config=${path}`]).error, `error: ${path}: there is no such file`)
})

t.test('what cannot be is refused with a reason', async (t) => {
  const cases: [args: string[], says: RegExp][] = [
    [['--network', 'op-mainnet'], /Public chains cannot be synced.*--genesis/],
    [['--network=base'], /Public chains cannot be synced.*--genesis/],
    [['--http.api', 'eth,foo'], /There is no namespace 'foo'; there are debug, eth/],
    [['--ws.api', 'engine'], /engine is served on the port for op-node only/],
    [['--authrpc.port', '1e3'], /--authrpc\.port.*'1e3' is invalid.*from 0 to 65535/],
    [['--ws=yes'], /'yes' is invalid. It must be true or false/],
    [['--log.level=loud'], /It must be one of debug, info, warn, error, silent/],
    [['--datadir='], /--datadir.*It is empty/],
  ]
  for (const [args, says] of cases) t.match(read(args).error, says, args.join(' '))
  t.match(read([], { [PORT]: 'x' }).error, `'x' from env '${PORT}' is invalid`)
})

t.test('db finds the data of a node by the same file and environment', async (t) => {
  const folder = t.testdir({})
  const datadir = join(folder, 'data')
  const genesis = resolve('examples/genesis.json')
  const store = await createStore({ genesis: readJSON(genesis) as never, datadir })
  await store.close()
  const config = join(folder, 'c.json')
  writeFileSync(config, JSON.stringify({ datadir, genesis, http: { port: 1 }, ws: true }))
  const run = (args: string[], env = {}) =>
    spawnSync(process.execPath, ['node/dist/bin.js', 'db', ...args], {
      env: { PATH: process.env.PATH, HOME: folder, ...env },
      encoding: 'utf8',
    })
  t.match(run(['stats']).stderr, `${join(folder, '.local')}`, 'the default is elsewhere')
  for (const { status, stdout } of [
    run(['stats', '--config', config]),
    run(['stats'], { ETHEREUMJS_OP_CONFIG: config }),
    run(['stats'], { ETHEREUMJS_OP_DATADIR: datadir }),
    run(['stats', '--datadir', datadir], { ETHEREUMJS_OP_DATADIR: '/nowhere' }),
  ]) {
    t.equal(status, 0)
    t.match(stdout, /^canonical +1 /m)
  }
  const blocks = join(folder, 'blocks.gz')
  t.equal(run(['export', blocks, '--config', config]).status, 0)
  t.match(run(['import', blocks], { ETHEREUMJS_OP_DATADIR: datadir }).stderr, '--genesis FILE')
  t.match(run(['import', blocks, '--config', config]).stdout, 'executed 0 blocks')
  writeFileSync(config, '{"datadri": "x"}')
  const { status, stderr } = run(['stats', '--config', config])
  t.equal(status, 2)
  t.equal(stderr, `error: ${config}: there is no setting 'datadri'\n`)
})

t.test('data are kept where the system keeps data', async (t) => {
  t.equal(findDatadir('linux', {}, '/home/u'), '/home/u/.local/share/ethereumjs-op')
  t.equal(findDatadir('linux', { XDG_DATA_HOME: '/x' }, '/home/u'), '/x/ethereumjs-op')
  t.equal(
    findDatadir('linux', { XDG_DATA_HOME: 'x' }, '/home/u'),
    '/home/u/.local/share/ethereumjs-op',
  )
  t.equal(findDatadir('darwin', {}, '/U/u'), '/U/u/Library/Application Support/ethereumjs-op')
  t.match(findDatadir('win32', { LOCALAPPDATA: '/l' }, '/u'), /^\/l.ethereumjs-op$/)
})

t.test('node/README.md and --help have every setting', async (t) => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/flags.mjs', '--check'])
  t.equal(status, 0, `${stderr}`)
  const { stdout: ofNode } = runCLI('node', '--help')
  for (const { name } of NODE_SETTINGS) t.match(ofNode, new RegExp(`^  --${name} `, 'm'))
  const { stdout: ofDev } = runCLI('dev', '--help')
  for (const { name } of DEV_SETTINGS) t.match(ofDev, new RegExp(`^  --${name} `, 'm'))
})

t.test('help loads neither EthereumJS nor a database', async (t) => {
  const coverage = t.testdir({})
  const env = { ...process.env, NODE_V8_COVERAGE: coverage }
  for (const args of [['--help'], ['--version'], ['node', '--help']])
    t.equal(spawnSync(process.execPath, ['node/dist/bin.js', ...args], { env }).status, 0)
  const files = readdirSync(coverage)
  t.equal(files.length, 3)
  for (const file of files) {
    const text = readFileSync(`${coverage}/${file}`, 'utf8')
    t.match(text, 'dist/bin.js')
    t.notMatch(text, /@ethereumjs|lmdb|mcl-wasm|hash-wasm|node\/dist\/node\.js|\/pino\//)
  }
})

/** Values of an instruction of the Dockerfile, with lines that go on joined. */
function instructions(name: string) {
  const text = readFileSync('node/Dockerfile', 'utf8').replaceAll(/\\\n\s*/g, '')
  return [...text.matchAll(new RegExp(`^${name} (.+)$`, 'gm'))].map(([, value]) => value)
}

t.test('the Dockerfile copies what exists, and what is not left out of the context', async (t) => {
  const sent = readFileSync('node/Dockerfile.dockerignore', 'utf8').split('\n')
  const copies = instructions('COPY').map((value) => value.split(' '))
  const fromHere = copies.filter(([first]) => !first.startsWith('--from'))
  t.ok(fromHere.length >= 10)
  for (const paths of fromHere) {
    for (const path of paths.slice(0, -1)) {
      t.ok(existsSync(path), path)
      t.ok(sent.includes(`!${path}`), `${path} is sent`)
    }
  }
  const built = copies.filter(([first]) => first.startsWith('--from'))
  for (const [, path] of built) t.ok(existsSync(path.replace('/app', '.')), path)
  t.strictSame(instructions('USER'), ['node'])
  t.strictSame(instructions('VOLUME'), ['/data'])
  t.strictSame(instructions('EXPOSE'), ['8545 8546 8551 6060'])
  const [health] = instructions('HEALTHCHECK')
  t.match(health, 'node/healthcheck.mjs')
  // Each variable in it is one of a setting.
  const [variables] = instructions('ENV')
  const names = variables.split(' ').map((assignment) => assignment.split('=')[0])
  const help = runCLI('node', '--help').stdout + runCLI('dev', '--help').stdout
  const own = names.filter((name) => name.startsWith('ETHEREUMJS_OP_'))
  t.equal(own.length, 5)
  for (const name of own) t.match(help, name)
})

t.test('the unit for systemd is valid, and its flags and variables exist', async (t) => {
  const unit = readFileSync('node/ethereumjs-op.service', 'utf8')
  const [, command] = /^ExecStart=\S+ (\w+) /m.exec(unit) ?? []
  const { stdout } = runCLI(command, '--help')
  const flags = [...(/^ExecStart=.*$/m.exec(unit)?.[0] ?? '').matchAll(/ (--[\w.]+)/g)]
  t.strictSame(
    flags.map(([, flag]) => flag),
    ['--config'],
  )
  for (const [name] of unit.matchAll(/ETHEREUMJS_OP_\w+/g)) t.match(stdout, name)
  const path = join(t.testdir({}), 'ethereumjs-op.service')
  writeFileSync(path, unit.replace('/usr/local/bin/ethereumjs-op', process.execPath))
  const { error, status, stderr } = spawnSync('systemd-analyze', ['verify', path])
  if (error) return t.comment('no systemd here')
  t.equal(`${stderr}`, '')
  t.equal(status, 0)
})

t.test('the health check ends by what the node answers', async (t) => {
  let answer = 200
  const server = createServer((_, response) => response.writeHead(answer).end('{}'))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as { port: number }
  const check = async () => {
    const env = { ...process.env, [PORT]: `${port}` }
    const child = spawn(process.execPath, ['node/healthcheck.mjs'], { env })
    const [code] = await once(child, 'close')
    return code
  }
  t.equal(await check(), 0)
  answer = 503
  t.equal(await check(), 1)
  server.close()
  await once(server, 'close')
  t.equal(await check(), 1, 'nobody listens')
})

t.test('git ignores what the READMEs make one create', async (t) => {
  const files = ['jwt.hex', 'data/chain.mdb', 'genesis.json']
  for (const page of ['README.md', 'node/README.md', 'examples/README.md']) {
    const created = readFileSync(page, 'utf8').matchAll(/ > ([\w.]+\.(?:txt|json|hex))$/gm)
    files.push(...[...created].map(([, name]) => name))
  }
  t.ok(files.includes('hash.txt') && files.includes('deposited.json'))
  const { error, stdout } = spawnSync('git', ['check-ignore', ...new Set(files)])
  if (error || !existsSync(resolve('.git'))) return t.comment('no checkout of git')
  t.strictSame(`${stdout}`.trim().split('\n').sort(), [...new Set(files)].sort())
})
