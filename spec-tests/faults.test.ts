import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { chmodSync, chownSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { runCLI } from './helpers.ts'
import {
  GENESIS,
  GENESIS_HASH,
  MAIN,
  SENDER,
  accepts,
  attributesOf,
  build,
  createToken,
  endOf,
  importBlock,
  nodeFlags,
  observe,
  post,
  signTransfer,
  spawnCLI,
  spawnNode,
  toBody,
  toForkchoice,
} from './node-helpers-faults.ts'

/** Milliseconds after which a process hangs that should have ended. */
const MAX_END = 60_000

/** Longest time in milliseconds that closing may take, ten times what is usual. */
const MAX_CLOSE = 15_000

/** The genesis file with a chain id that gives another genesis hash through its timestamp. */
function otherGenesis(folder: string) {
  const genesis = JSON.parse(readFileSync(GENESIS, 'utf8'))
  const path = join(folder, 'other.json')
  writeFileSync(path, JSON.stringify({ ...genesis, timestamp: '0x67748581' }))
  return path
}

/** Ends a start that must fail, and checks that it says why and does not print a stack. */
async function failedStart(t: Test, flags: string[], says: RegExp, cwd?: string) {
  const { code, stderr } = await endOf(spawnCLI(flags, { cwd }), MAX_END)
  t.equal(code, 1, 'the process ends with status 1')
  t.match(stderr, says)
  t.notMatch(stderr, /^ {4}at /m, 'no stack trace')
  return stderr
}

t.test('a database of another genesis is refused, with both hashes', async (t) => {
  const folder = t.testdir({})
  const node = await spawnNode(folder)
  t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
  const { flags } = await nodeFlags(folder, { genesis: otherGenesis(folder) })
  const { lines } = runCLI('genesis', otherGenesis(folder))
  const stderr = await failedStart(t, flags, new RegExp(GENESIS_HASH))
  t.match(lines[0], /^0x[0-9a-f]{64}$/)
  t.match(stderr, lines[0])
  // The refusal changed nothing.
  const again = await spawnNode(folder)
  t.equal((await again.call('eth_getBlockByNumber', 'latest', false)).hash, GENESIS_HASH)
  await again.kill('SIGTERM')
})

t.test(
  'a port in use or an unknown address ends the process with an error that names it',
  async (t) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    t.teardown(() => server.close())
    for (const name of ['httpPort', 'authPort']) {
      const folder = t.testdir({})
      const { flags } = await nodeFlags(folder, { [name]: port })
      await failedStart(t, flags, new RegExp(`${port}`))
    }
    for (const name of ['http', 'authrpc']) {
      const { flags } = await nodeFlags(t.testdir({}))
      await failedStart(t, [...flags, `--${name}.addr=256.0.0.1`], /256\.0\.0\.1/)
    }
  },
)

t.test('a genesis file that cannot be used ends the process with an error', async (t) => {
  const genesis = JSON.parse(readFileSync(GENESIS, 'utf8'))
  const write = (name: string, content: string) => {
    const path = join(t.testdirName, name)
    writeFileSync(path, content)
    return path
  }
  t.testdir({ folder: {} })
  const { config, alloc, ...header } = genesis
  const futureFork = { ...genesis, config: { ...config, lagoonTime: 0 } }
  const badAlloc = { ...genesis, alloc: { '0x1234': { balance: '0x0' } } }
  const cases: [name: string, path: string, says: RegExp][] = [
    ['missing', join(t.testdirName, 'missing.json'), /missing\.json.*genesis --example/],
    ['a folder', join(t.testdirName, 'folder'), /EISDIR|folder/],
    ['empty', write('empty.json', ''), /JSON/],
    ['no JSON', write('text.json', 'genesis'), /JSON/],
    ['null', write('null.json', 'null'), /.+/],
    ['a list', write('list.json', '[]'), /.+/],
    ['without config', write('no-config.json', JSON.stringify({ ...header, alloc })), /config/],
    ['with a fork after Karst', write('future.json', JSON.stringify(futureFork)), /lagoon/],
    ['with a bad address', write('alloc.json', JSON.stringify(badAlloc)), /0x1234|address/i],
  ]
  for (const [name, path, says] of cases) {
    await t.test(name, async (t) => {
      const folder = t.testdir({})
      const { flags } = await nodeFlags(folder, { genesis: path })
      await failedStart(t, flags, says)
    })
  }
  await t.test('unreadable', { skip: process.getuid?.() === 0 && 'root reads all' }, async (t) => {
    const path = write('unreadable.json', JSON.stringify(genesis))
    chmodSync(path, 0)
    const { flags } = await nodeFlags(t.testdir({}), { genesis: path })
    await failedStart(t, flags, /EACCES.*unreadable\.json/)
  })
})

t.test('the secret file (E-51)', async (t) => {
  const withSecret = async (folder: string, path: string) => {
    const { flags, authPort } = await nodeFlags(folder)
    const others = flags.filter((flag) => !flag.startsWith('--authrpc.jwtsecret'))
    return { flags: [...others, `--authrpc.jwtsecret=${path}`], authPort }
  }
  await t.test('is created with mode 600, and the node accepts its tokens', async (t) => {
    const folder = t.testdir({})
    const path = join(folder, 'new-secret')
    const { flags, authPort } = await withSecret(folder, path)
    const node = spawnCLI(flags)
    // It is written once all ports are open.
    while (node.isRunning() && !existsSync(path)) await sleep(10)
    t.ok(await accepts(authPort))
    t.equal(statSync(path).mode & 0o777, 0o600)
    const text = readFileSync(path, 'utf8')
    t.match(text, /^(0x)?[0-9a-f]{64}\n?$/)
    const secret = Buffer.from(text.trim().slice(-64), 'hex')
    const headers = { authorization: `Bearer ${createToken({ secret })}` }
    const answer = await post(authPort, toBody('eth_chainId'), headers)
    t.match(answer, { status: 200, text: /"result":"0x385"/ })
    t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
  })
  const hex = 'c0ffee'.repeat(10)
  const accepted = [`${hex}abcd`, `0x${hex}abcd`, `0x${hex}abcd\n`, `  ${hex}ABCD\r\n`]
  await t.test('may have 0x, capitals and white space around it', async (t) => {
    for (const content of accepted) {
      const folder = t.testdir({ secret: content })
      const { flags, authPort } = await withSecret(folder, join(folder, 'own-secret'))
      writeFileSync(join(folder, 'own-secret'), content)
      const node = spawnCLI(flags)
      while (node.isRunning() && !(await accepts(authPort))) await sleep(10)
      const token = createToken({ secret: Buffer.from(`${hex}abcd`, 'hex') })
      const headers = { authorization: `Bearer ${token}` }
      t.equal((await post(authPort, toBody('eth_chainId'), headers)).status, 200)
      await node.kill('SIGKILL')
    }
  })
  const refused = ['', hex, `${hex}abcd00`, `${hex}abcg`, '0x', `0x0x${hex}abcd`, `${hex} abcd`]
  await t.test('is refused if it is not 32 bytes in hex, and is left as it was', async (t) => {
    for (const content of refused) {
      const folder = t.testdir({ 'own-secret': content })
      const path = join(folder, 'own-secret')
      const { flags } = await withSecret(folder, path)
      const stderr = await failedStart(t, flags, /own-secret/)
      t.match(stderr, /32 bytes/, JSON.stringify(content))
      if (hex.length > 8) t.notMatch(stderr, hex, 'the secret is not printed')
      t.equal(readFileSync(path, 'utf8'), content)
    }
  })
  await t.test('in a folder that is not there', async (t) => {
    const folder = t.testdir({})
    const { flags } = await withSecret(folder, join(folder, 'no/such/secret'))
    await failedStart(t, flags, /no\/such\/secret/)
  })
})

t.test('a start that fails leaves nothing behind', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const cases: [name: string, opts: Parameters<typeof nodeFlags>[1]][] = [
    ['the public port is taken', { httpPort: port }],
    ['the authenticated port is taken', { authPort: port }],
    ['the genesis file is missing', { genesis: 'no/such/genesis.json' }],
  ]
  for (const [name, opts] of cases) {
    const folder = t.testdir({})
    const { flags } = await nodeFlags(folder, { ...opts, datadir: join(folder, 'new/data') })
    const others = flags.filter((flag) => !flag.startsWith('--authrpc.jwtsecret'))
    await failedStart(t, others, /^error: [^\n]+\n$/)
    t.same(readdirSync(folder), ['secret'], `${name}: only what was there`)
    // What is there already stays.
    mkdirSync(join(folder, 'new'))
    await failedStart(t, others, /^error: [^\n]+\n$/)
    t.same(readdirSync(join(folder, 'new')), [], name)
  }
})

t.test('without a secret file, it is in the data directory, or printed', async (t) => {
  const folder = t.testdir({})
  const path = join(folder, 'data/jwt.hex')
  const { flags, authPort } = await nodeFlags(folder)
  const own = flags.filter((flag) => !flag.startsWith('--authrpc.jwtsecret'))
  const node = spawnCLI(own)
  while (node.isRunning() && !existsSync(path)) await sleep(10)
  const secret = Buffer.from(readFileSync(path, 'utf8'), 'hex')
  const headers = { authorization: `Bearer ${createToken({ secret })}` }
  t.equal((await post(authPort, toBody('eth_chainId'), headers)).status, 200)
  await node.kill('SIGTERM')
  const again = spawnCLI(own)
  while (again.isRunning() && !(await accepts(authPort))) await sleep(10)
  t.equal((await post(authPort, toBody('eth_chainId'), headers)).status, 200, 'it stays the same')
  await again.kill('SIGTERM')

  const ports = own.filter((flag) => flag.includes('.port='))
  const dev = spawnCLI([...ports, '--dev'], { cwd: folder })
  while (dev.isRunning() && !/secret: \w{64}\n/.test(dev.output.stdout)) await sleep(10)
  const [, hex] = /secret: (\w{64})\n/.exec(dev.output.stdout) ?? []
  const token = createToken({ secret: Buffer.from(hex, 'hex') })
  const answer = await post(authPort, toBody('eth_chainId'), { authorization: `Bearer ${token}` })
  t.match(answer, { status: 200, text: /"result":"0x385"/ })
  await dev.kill('SIGTERM')
  t.same(readdirSync(folder).sort(), ['data', 'secret'], 'nothing is kept')
})

t.test('wrong usage ends with status 2 and says what is wrong', async (t) => {
  const { flags } = await nodeFlags(t.testdir({}))
  const cases: [args: string[], says: RegExp][] = [
    [[...flags, '--no-such-flag'], /--no-such-flag/],
    [[...flags, '--http.prot=1'], /--http\.prot/],
    [[...flags, 'extra'], /extra|arguments/],
    [[...flags, '--http.port=http'], /--http\.port|port/],
    [[...flags, '--http.port=65536'], /65536/],
    [[...flags, '--authrpc.port=-1'], /-1/],
    [[...flags, '--authrpc.port='], /port/],
    [[...flags, '--datadir'], /--datadir/],
    [[...flags, '--dev'], /--dev .*--datadir/],
    [[...flags, '--http.api=eth,foo'], /'foo'/],
    [[...flags, '--network=op-mainnet'], /cannot be synced/],
    [[], /--genesis.*genesis --example/],
  ]
  const ends = await Promise.all(cases.map(([args]) => endOf(spawnCLI(args), MAX_END)))
  for (const [index, { code, stderr }] of ends.entries()) {
    const [args, says] = cases[index]
    const name = `${args.at(-1)}`
    t.equal(code, 2, name)
    t.match(stderr, says, name)
    t.match(stderr, /^error: [^\n]+\n$/, `one line of ${name}`)
  }
})

t.test('--help names every flag of the node and ends with status 0', async (t) => {
  for (const args of [['--help'], ['--genesis=x', '--help']]) {
    const { code, stdout, stderr } = await endOf(spawnCLI(args), MAX_END)
    t.equal(code, 0)
    t.equal(stderr, '')
    for (const flag of ['--genesis', '--datadir', '--http.addr', '--http.port']) {
      t.match(stdout, flag)
    }
    for (const flag of ['--authrpc.addr', '--authrpc.port', '--authrpc.jwtsecret']) {
      t.match(stdout, flag)
    }
  }
})

t.test('miner_* is on the public port only if a flag says so (J-10)', async (t) => {
  const limits = toBody('miner_setMaxDASize', ['0x0', '0x0'])
  const folder = t.testdir({})
  const plain = await spawnNode(folder)
  t.match(JSON.parse((await post(plain.httpPort, limits)).text), { error: { code: -32601 } })
  t.equal(await plain.call('miner_setMaxDASize', '0x0', '0x0'), true, 'on the other port')
  await plain.kill('SIGTERM')
  const { flags, httpPort, authPort } = await nodeFlags(folder)
  const node = spawnCLI([...flags, '--http.api=eth,miner'])
  while (!(await accepts(authPort))) await sleep(10)
  t.match(JSON.parse((await post(httpPort, limits)).text), { result: true })
  const version = await post(httpPort, toBody('net_version', []))
  t.match(JSON.parse(version.text), { error: { code: -32601 } }, 'not in the list')
  await node.kill('SIGTERM')
})

t.test('both ports listen on 127.0.0.1 only, unless told otherwise', async (t) => {
  const node = await spawnNode(t.testdir({}))
  const listening = readFileSync('/proc/net/tcp', 'utf8') + readFileSync('/proc/net/tcp6', 'utf8')
  for (const port of [node.httpPort, node.authPort]) {
    const hex = port.toString(16).toUpperCase().padStart(4, '0')
    const addresses = [...listening.matchAll(new RegExp(`: (\\w+):${hex} \\w+:0000 0A`, 'g'))]
    t.same(
      addresses.map(([, address]) => address),
      ['0100007F'],
    )
  }
  await node.kill('SIGTERM')
})

t.test('SIGINT and SIGTERM close the node with status 0', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    await t.test(`${signal} with idle connections open`, async (t) => {
      const node = await spawnNode(t.testdir({}))
      const sockets = [node.httpPort, node.authPort].map((port) => connect(port, '127.0.0.1'))
      for (const socket of sockets) {
        socket.on('error', () => {})
        await once(socket, 'connect')
      }
      // One has got an answer and is kept alive, the other is within a request.
      const body = toBody('eth_chainId')
      const head = `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n`
      sockets[0].write(`${head}content-type: application/json\r\n\r\n${body}`)
      sockets[1].write(head)
      await once(sockets[0], 'data')
      const start = performance.now()
      const end = await endOf({ ...node, exited: node.kill(signal) }, MAX_END)
      t.match(end, { code: 0, signal: null, stderr: '' })
      const ms = performance.now() - start
      t.ok(ms < MAX_CLOSE, `closed in ${Math.round(ms)} ms`)
    })
  }

  await t.test('SIGTERM while a block is imported', async (t) => {
    const folder = t.testdir({})
    const node = await spawnNode(folder)
    // 2,000 transfers take long enough to be interrupted.
    const transfers = Array.from({ length: 2_000 }, (_, nonce) => signTransfer(nonce))
    const first = await build(node, GENESIS_HASH, attributesOf(1, []))
    t.equal(await importBlock(node, first), 'VALID')
    const head = first.payload.blockHash
    await node.call('engine_forkchoiceUpdatedV3', toForkchoice(head), null)
    const executing = build(node, head, attributesOf(2, transfers)).catch(() => {})
    await sleep(300)
    const start = performance.now()
    const end = await endOf({ ...node, exited: node.kill('SIGTERM') }, MAX_END)
    t.match(end, { code: 0, signal: null, stderr: '' })
    const ms = performance.now() - start
    t.ok(ms < MAX_CLOSE, `closed in ${Math.round(ms)} ms`)
    await executing
    const again = await spawnNode(folder)
    t.equal((await again.call('eth_getBlockByNumber', 'latest', false)).hash, head)
    await again.kill('SIGTERM')
  })

  await t.test('SIGTERM while a call loops', async (t) => {
    const node = await spawnNode(t.testdir({}))
    const loop = toBody('eth_call', [{ data: '0x5b600056' }, 'latest'])
    const calling = post(node.httpPort, loop).catch(() => {})
    await sleep(300)
    const start = performance.now()
    const end = await endOf({ ...node, exited: node.kill('SIGTERM') }, MAX_END)
    t.match(end, { code: 0, signal: null, stderr: '' })
    const ms = performance.now() - start
    t.ok(ms < MAX_CLOSE, `closed in ${Math.round(ms)} ms`)
    await calling
  })
})

/** Uses up the memory of a thread while the file LEAK is there. */
const LEAK = `
import { existsSync } from 'node:fs'
const leak = () => {
  for (const all = []; existsSync(process.env.LEAK); ) all.push(Array(10_000).fill().map(Object))
}
setInterval(leak, 10).unref()
`

const toModule = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`

/** Lets the thread of the public port do that, which takes no flags of the process by itself. */
const LEAKING_THREAD = `
import { syncBuiltinESMExports } from 'node:module'
import threads from 'node:worker_threads'
threads.Worker = class extends threads.Worker {
  constructor(url, options) {
    const execArgv = ['--import', ${JSON.stringify(toModule(LEAK))}]
    super(url, /public/.test(url) ? { ...options, execArgv } : options)
  }
}
syncBuiltinESMExports()
`

t.test('the public port comes back after its thread ran out of memory', async (t) => {
  const folder = t.testdir({})
  const file = join(folder, 'leak')
  const execArgv = ['--import', toModule(LEAKING_THREAD)]
  const node = await spawnNode(folder, { execArgv, env: { LEAK: file } })
  t.teardown(() => node.kill('SIGKILL'))
  const head = await importSome(node)
  const start = performance.now()
  writeFileSync(file, '')
  let latency = 0
  while (!/public port.*memory/.test(node.output.stdout)) {
    const before = performance.now()
    t.equal(await node.call('eth_chainId'), '0x385')
    latency = Math.max(latency, performance.now() - before)
    if (performance.now() - start > 120_000) return t.fail('the thread lives on')
    await sleep(10)
  }
  rmSync(file)
  t.comment(`out of memory in ${performance.now() - start} ms, longest answer ${latency} ms`)
  t.ok(latency < 5_000, 'the engine answers meanwhile')
  while (!(await accepts(node.httpPort))) await sleep(10)
  const body = toBody('eth_getBlockByNumber', ['latest', false])
  const { text } = await post(node.httpPort, body)
  t.equal(JSON.parse(text).result.hash, head, 'the public port answers on the same port')
  const block = await build(node, head, attributesOf(4, []))
  t.equal(await importBlock(node, block), 'VALID')
  t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
  t.equal(node.output.stderr, '')
})

t.test('a node without --datadir leaves nothing in the temporary folder', async (t) => {
  const folder = t.testdir({ temporary: {} })
  const temporary = join(folder, 'temporary')
  const node = await spawnNode(folder, { datadir: null, env: { TMPDIR: temporary } })
  t.equal(await node.call('eth_blockNumber'), '0x0')
  await node.kill('SIGTERM')
  t.same(readdirSync(temporary), [])
})

t.test('a second process on the same folder does not harm the first', async (t) => {
  const folder = t.testdir({})
  const node = await spawnNode(folder)
  const head = await importSome(node)
  const { flags } = await nodeFlags(folder)
  const second = spawnCLI(flags)
  await sleep(2_000)
  await second.kill('SIGKILL')
  const block = await build(node, head, attributesOf(4, []))
  t.equal(await importBlock(node, block), 'VALID')
  const choice = toForkchoice(block.payload.blockHash)
  const { payloadStatus } = await node.call('engine_forkchoiceUpdatedV3', choice, null)
  t.equal(payloadStatus.status, 'VALID')
  t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
})

/** Imports a few blocks. @returns the hash of the head */
async function importSome(node: Awaited<ReturnType<typeof spawnNode>>) {
  let head = GENESIS_HASH
  for (let number = 1; number <= 3; number++) {
    const block = await build(node, head, attributesOf(number, [signTransfer(number - 1)]))
    await importBlock(node, block)
    head = block.payload.blockHash
    await node.call('engine_forkchoiceUpdatedV3', toForkchoice(head), null)
  }
  return head
}

const isRoot = process.getuid?.() === 0
/** A user without rights, to whom no folder belongs. */
const NOBODY = 65_534
const setpriv = spawnSync('setpriv', ['--version']).status === 0
const noUser = isRoot && !setpriv && 'root may write everywhere, and there is no setpriv'

t.test(
  'a database that cannot be written is refused, and is not harmed',
  { skip: noUser },
  async (t) => {
    const folder = t.testdir({})
    const node = await spawnNode(folder)
    const head = await importSome(node)
    await node.kill('SIGTERM')
    const data = join(folder, 'data')
    const files = readdirSync(data).map((name) => join(data, name))
    const contents = files.map((path) => readFileSync(path).toString('base64'))
    for (const path of files) chmodSync(path, 0o444)
    chmodSync(data, 0o555)
    const { flags } = await nodeFlags(folder)
    if (isRoot) chownSync(join(folder, 'secret'), NOBODY, NOBODY)
    const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--']
    const [command, ...rest] = isRoot ? ['setpriv', ...asNobody] : ['env']
    const args = [...rest, process.execPath, MAIN, 'node', ...flags]
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const { code, stderr } = await endOf(observe(child), MAX_END)
    t.type(code, 'number', 'the process ends')
    t.not(code, 0)
    t.match(stderr, /permission denied|read-only|EACCES/i)
    t.notMatch(stderr, /^ {4}at /m, 'no stack trace')
    chmodSync(data, 0o755)
    for (const path of files) chmodSync(path, 0o644)
    t.same(
      files.filter((path) => !path.endsWith('lock')).map((path) => readFileSync(path, 'base64')),
      contents.filter((_, index) => !files[index].endsWith('lock')),
    )
    const again = await spawnNode(folder)
    t.equal((await again.call('eth_getBlockByNumber', 'latest', false)).hash, head)
    await again.kill('SIGTERM')
  },
)

t.test('a database folder that cannot be made ends the process with an error', async (t) => {
  const folder = t.testdir({ file: 'not a folder' })
  const { flags } = await nodeFlags(folder, { datadir: join(folder, 'file/data') })
  await failedStart(t, flags, /file\/data/)
})

t.test('a database file of another kind ends the process, and is not changed', async (t) => {
  const folder = t.testdir({ data: {} })
  const path = join(folder, 'data/chain.mdb')
  const content = 'this is no database. '.repeat(1_000)
  writeFileSync(path, content)
  const { flags } = await nodeFlags(folder)
  const { code, signal, stderr } = await endOf(spawnCLI(flags), MAX_END)
  t.ok(code || signal, `status ${code}, signal ${signal}, ${stderr}`)
  t.equal(readFileSync(path, 'utf8'), content)
})

/** A file system of 4 MB, where one can be mounted. */
function mountSmall(path: string) {
  mkdirSync(path, { recursive: true })
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path]).status === 0
}
const small = mkdtempSync(join(tmpdir(), 'full-disk-'))
const canMount = existsSync('/proc/mounts') && mountSmall(small)
t.teardown(() => {
  if (canMount) spawnSync('umount', ['-l', small])
  rmSync(small, { recursive: true, force: true })
})

t.test('a full disk', { skip: !canMount && 'no file system can be mounted' }, async (t) => {
  const folder = t.testdir({})
  const datadir = join(small, 'data')
  const node = await spawnNode(folder, { datadir })
  let head = GENESIS_HASH
  let failure = ''
  let nonce = 0
  for (let number = 1; !failure && number < 500; number++) {
    // Data that does not compress.
    const random = () => Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('hex')
    const fields = () => ({ data: `0x${random()}`, gasLimit: 3_000_000n })
    const transfers = Array.from({ length: 2 }, () => signTransfer(nonce++, fields()))
    try {
      const block = await build(node, head, attributesOf(number, transfers))
      const status = await importBlock(node, block)
      if (status !== 'VALID') throw new Error(status)
      const hash = block.payload.blockHash
      await node.call('engine_forkchoiceUpdatedV3', toForkchoice(hash), null)
      head = hash
    } catch (error) {
      failure = (error as Error).message
    }
  }
  t.comment(failure)
  t.not(head, GENESIS_HASH, 'some blocks fit')
  if (node.isRunning()) {
    // It may go on: then it says what is wrong, and does not call the block invalid.
    // LMDB calls a write that is cut off an input/output error.
    t.match(failure, /full|no space|ENOSPC|input\/output error/i, 'the caller is told')
    t.match(failure, /-32603 internal error/, 'as a fault of the node (E-37)')
    t.notMatch(failure, /INVALID/)
    t.equal((await node.call('eth_getBlockByNumber', 'latest', false)).hash, head)
    t.match(await node.call('eth_getBalance', SENDER, 'latest'), /^0x/)
    t.equal(await node.call('eth_chainId'), '0x385')
    t.same(await node.kill('SIGTERM'), { code: 0, signal: null })
  } else {
    t.match(node.output.stderr, /full|no space|ENOSPC/i, 'the log says why')
    t.not((await node.exited).code, 0)
  }
  t.notMatch(node.output.stderr, /^ {4}at /m, 'no stack trace')
  // With room again, the node goes on after the last head that it confirmed.
  spawnSync('mount', ['-o', 'remount,size=64m', small])
  const again = await spawnNode(folder, { datadir })
  t.equal((await again.call('eth_getBlockByNumber', 'latest', false)).hash, head)
  const number = Number(await again.call('eth_blockNumber')) + 1
  const block = await build(again, head, attributesOf(number, []))
  t.equal(await importBlock(again, block), 'VALID')
  const choice = toForkchoice(block.payload.blockHash)
  const { payloadStatus } = await again.call('engine_forkchoiceUpdatedV3', choice, null)
  t.equal(payloadStatus.status, 'VALID')
  await again.kill('SIGTERM')
})
