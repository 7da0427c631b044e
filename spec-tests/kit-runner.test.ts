/** The runner of the spec tests: what it reports, and that nothing bad crashes it or passes. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Parser } from 'tap-parser'
import t from 'tap'
import {
  BIN,
  FIXTURE,
  type Handler,
  SECRET,
  runBin,
  running,
  sendJSON,
  serve,
  startBin,
  toCase,
} from './kit-helpers.ts'
import { createInProcess } from './kit/inProcess.ts'
import { toJUnit, toTAP } from './kit/report.ts'
import { type Result, loadCases, runCases } from './kit/suite.ts'
import type { Vector } from './kit/vector.ts'

/** The vectors of these tests in a folder. */
const VECTORS = t.testdir({ 'vectors.json': JSON.stringify(FIXTURE) })

const NAME = 'runner/fixtures/a-wrong-nonce-is-refused[isthmus]'
const VECTOR = FIXTURE[NAME]
const TEXT = JSON.stringify({ [NAME]: VECTOR })

/** This project's node as a command. */
const NODE =
  'exec node node/dist/bin.js node --genesis "{genesis}" --datadir memory --authrpc.port {port} ' +
  '--authrpc.jwtsecret "{jwt}" --http.port 0 --log.level error'

const write = (path: string, content: string | Uint8Array) => {
  writeFileSync(path, content)
  return path
}

/** A copy of the vector with a change. */
function changed(change: (vector: Vector) => void): Vector {
  const copy = structuredClone(VECTOR)
  change(copy)
  return copy
}

/** A test that is read by another parser: its results by name, and what is wrong with the text. */
function parseTAP(text: string) {
  const parser = new Parser({ strict: true })
  const bad: unknown[] = []
  parser.on('extra', (extra) => bad.push(extra))
  const results: Record<string, { ok: boolean; todo?: unknown; skip?: unknown; diag?: object }> = {}
  parser.on('assert', ({ name, ok, todo, skip, diag }) => {
    results[name] = { ok, todo, skip, diag }
  })
  parser.end(text)
  return { results, bad, ok: parser.ok }
}

/** Each is a vector or a file that cannot be run, and what the reason must say. */
const BAD_FILES: [what: string, content: string | Uint8Array, says: RegExp][] = [
  ['an empty file', '', /JSON/],
  ['no JSON', 'vectors', /JSON/],
  ['truncated JSON', TEXT.slice(0, -50), /JSON/],
  ['a truncated .gz', gzipSync(TEXT).subarray(0, 4000), /unexpected end of file/],
  ['a .gz of something else', gzipSync('vectors'), /JSON/],
  ['a spoiled .gz', gzipSync(TEXT).fill(0, 1000, 1100), /./],
  ['300 MB in a small .gz', gzipSync(Buffer.alloc(300_000_000), { level: 1 }), /larger than/],
  ['an array', `[${TEXT}]`, /not an object of vectors/],
  ['null', 'null', /not an object of vectors/],
  ['no vector', '{}', /no vector in it/],
  ['brackets without end', '['.repeat(200_000), /JSON/],
]

/** Each changes a vector so that it cannot be run. */
const BAD_VECTORS: [what: string, change: (vector: Vector) => unknown, says: RegExp][] = [
  ['a number', () => 7, /object/],
  ['null', () => null, /object/],
  ['an unknown field', (vector) => ({ ...vector, extra: 1 }), /extra/],
  [
    'an unknown field of a payload',
    (vector) => Object.assign(vector.engineNewPayloads[0], { gas: 1 }) && vector,
    /engineNewPayloads\.0: .*gas/,
  ],
  ['no genesis', ({ genesisBlockHeader: _, ...rest }) => rest, /genesisBlockHeader/],
  ['no hash at the end', ({ lastblockhash: _, ...rest }) => rest, /lastblockhash/],
  ['a short hash', (vector) => ({ ...vector, lastblockhash: '0x12' }), /lastblockhash: not 32/],
  [
    'no calls',
    (vector) => ({ ...vector, engineNewPayloads: [], engineForkchoiceUpdates: [] }),
    /calls/,
  ],
  [
    'version 0 of a method',
    (vector) => Object.assign(vector.engineNewPayloads[0], { newPayloadVersion: '0' }) && vector,
    /newPayloadVersion: not the version/,
  ],
  [
    'two expectations',
    (vector) => Object.assign(vector.engineNewPayloads[0], { errorCode: -32602 }) && vector,
    /validationError and errorCode/,
  ],
  [
    'a rule that is none',
    (vector) => ({ ...vector, _info: { ...vector._info, rules: ['x'] } }),
    /rule/,
  ],
  [
    'an account without code',
    (vector) => ({ ...vector, pre: { [`0x${'1'.repeat(40)}`]: {} } }),
    /pre/,
  ],
]

t.test('a file or vector that cannot be read is a case that fails with the reason', async (t) => {
  const clients = await createInProcess()
  for (const [what, content, says] of BAD_FILES) {
    const path = write(resolve(t.testdir(), 'vectors.json'), content)
    const [result, ...others] = await runCases(loadCases([path], { filter: /nothing/ }), clients)
    t.match(result, { verdict: 'failed', name: path, reason: says }, what)
    t.same(others, [])
  }
  for (const [what, change, says] of BAD_VECTORS) {
    const file = { bad: change(structuredClone(VECTOR)), good: VECTOR }
    const path = write(resolve(t.testdir(), 'vectors.json'), JSON.stringify(file))
    const results = await runCases(loadCases([path]), clients)
    const byName = Object.fromEntries(results.map((result) => [result.name, result]))
    t.match(byName.bad, { verdict: 'failed', reason: says }, what)
    t.match(byName.good, { verdict: 'passed' }, 'it does not hide the others')
  }
})

/** Vectors of the right form that no client can fulfil. */
const UNFULFILLABLE: [what: string, change: (vector: Vector) => void, says: RegExp][] = [
  [
    'a version of a method that does not exist',
    ({ engineNewPayloads: [call] }) => {
      call.newPayloadVersion = '9'
    },
    /engine_newPayloadV9 fails: -32601/,
  ],
  [
    'a fork name that is no config',
    (vector) => {
      vector.config.optimism = 7
    },
    /./,
  ],
  [
    'a genesis of another hash',
    ({ genesisBlockHeader }) => {
      genesisBlockHeader.hash = `0x${'11'.repeat(32)}`
    },
    /hash of block 0 is "0x\w{64}" but should be "0x1111/,
  ],
]

t.test('a vector that no client can fulfil fails', async (t) => {
  const clients = await createInProcess()
  for (const [what, change, says] of UNFULFILLABLE) {
    const [result] = await runCases([toCase(what, changed(change))], clients)
    t.match(result, { verdict: 'failed', reason: says }, what)
  }
})

const HUNDRED_MB = Buffer.alloc(100_000_000, 'a')
const HUNDRED_MB_GZIP = gzipSync(HUNDRED_MB, { level: 1 })

/** What bad clients do, and what the reason must say. */
const BAD_CLIENTS: [what: string, handle: Handler, says: RegExp][] = [
  ['never answers', () => {}, /no answer in 2 s/],
  ['stops in an answer', (res) => void res.write('{"jsonrpc":"2.0",'), /no answer in 2 s/],
  ['closes the connection', (res) => void res.destroy(), /other side closed|ECONNRESET|terminated/],
  [
    'closes it in an answer',
    (res) => void res.write('{"jsonrpc":', () => res.destroy()),
    /other side closed|ECONNRESET|terminated/,
  ],
  ['answers nothing', (res) => void res.end(), /no JSON: ""/],
  ['answers text', (res) => void res.end('hello'), /no JSON: "hello"/],
  ['answers HTML', (res) => void res.end('<html><body>\nok'), /no JSON: "<html>/],
  ['answers another id', (res, _, answer) => void sendJSON(res, { ...answer, id: 77 }), /id "77"/],
  [
    'answers the id as text',
    (res, { id }, answer) => void sendJSON(res, { ...answer, id: `${id}` }),
    /has the id/,
  ],
  ['answers without id', (res) => void sendJSON(res, { jsonrpc: '2.0', result: 1 }), /has the id/],
  ['answers a list', (res, _, answer) => void sendJSON(res, [answer]), /no JSON-RPC/],
  ['answers a number', (res) => void sendJSON(res, 5), /no JSON-RPC/],
  [
    'answers without a result',
    (res, { id }) => void sendJSON(res, { jsonrpc: '2.0', id }),
    /neither a result nor an error/,
  ],
  [
    'answers an error that is none',
    (res, { id }) => void sendJSON(res, { jsonrpc: '2.0', id, error: 'boom' }),
    /no JSON-RPC/,
  ],
  [
    'answers null',
    (res, { id }) => void sendJSON(res, { jsonrpc: '2.0', id, result: null }),
    / is /,
  ],
  [
    'answers VALID to everything',
    (res, { id }) => {
      const payloadStatus = { status: 'VALID', latestValidHash: null, validationError: null }
      const block = { hash: VECTOR.genesisBlockHeader.hash, ...payloadStatus, payloadStatus }
      sendJSON(res, { jsonrpc: '2.0', id, result: block })
    },
    / is "VALID" but should be /,
  ],
  [
    'answers a status that does not exist',
    (res, { id }) => {
      const result = { hash: VECTOR.genesisBlockHeader.hash, status: 'FINE' }
      sendJSON(res, { jsonrpc: '2.0', id, result })
    },
    /"FINE" but should be/,
  ],
  ['answers 100 MB', (res) => void res.end(HUNDRED_MB), /more than 67108864 bytes/],
  [
    'answers 100 MB compressed',
    (res) => void res.setHeader('content-encoding', 'gzip').end(HUNDRED_MB_GZIP),
    /more than 67108864 bytes/,
  ],
  ['answers brackets', (res) => void res.end('['.repeat(2_000_000)), /no JSON/],
  ['answers HTTP 401', (res) => void res.writeHead(401).end('no token'), /HTTP 401: "no token"/],
  ['answers HTTP 500', (res) => void res.writeHead(500).end(), /HTTP 500: ""/],
  [
    'answers HTTP 500 with a result',
    (res, _, answer) => void sendJSON(Object.assign(res, { statusCode: 500 }), answer),
    /HTTP 500/,
  ],
  [
    'sends somewhere else',
    (res) => void res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    /redirect/,
  ],
  [
    'fails in many lines',
    (res, { id }) => {
      const error = { code: -32000, message: `first\r\nnot ok 2\u2028\x1b[31m# TODO` }
      sendJSON(res, { jsonrpc: '2.0', id, error })
    },
    /^.+ (fails: -32000 first not ok 2 \[31m# TODO|is -32000 but should be -\d+)$/,
  ],
]

for (const [what, handle, says] of BAD_CLIENTS) {
  t.test(`a client that ${what} fails, from its start or later`, async (t) => {
    const timeout = says.source.startsWith('no answer') ? 2000 : 60_000
    for (const from of ['eth_getBlockByNumber', 'engine_newPayload']) {
      let isBad = false
      const { url, close } = await serve(VECTOR, async (res, call, answer) => {
        isBad ||= call.method.startsWith(from)
        if (isBad) await handle(res, call, answer)
        else sendJSON(res, answer)
      })
      const [result] = await runCases([toCase(NAME, VECTOR)], running(url, timeout))
      await close()
      t.equal(result.verdict, 'failed', `${from}: ${result.reason}`)
      t.match(result.reason, says)
      t.match(result.reason, /^[^\p{Cc}\u2028]{1,500}$/u, 'on one line')
    }
  })
}

t.test('a client that cannot be reached fails each vector', async (t) => {
  const { url, close } = await serve(VECTOR)
  await close()
  const cases = Array.from({ length: 9 }, (_, index) => toCase(`${index}`, VECTOR))
  const results = await runCases(cases, running(url))
  t.equal(results.length, 9)
  for (const { verdict, reason } of results.slice(0, 5)) {
    t.equal(verdict, 'failed')
    t.match(reason, /^eth_getBlockByNumber: .*ECONNREFUSED/)
  }
  for (const { verdict, reason } of results.slice(5))
    t.match({ verdict, reason }, { verdict: 'failed', reason: /^not run: 5 times/ })
})

t.test('each call over HTTP has a new token, and a good client passes', async (t) => {
  const { url, headers, close } = await serve(VECTOR)
  t.teardown(close)
  const [result] = await runCases([toCase(NAME, VECTOR)], running(url), { build: true })
  t.match(result, { verdict: 'passed', reason: undefined })
  t.ok(headers.length > 5)
  for (const header of headers) {
    const [, payload] = header.replace('Bearer ', '').split('.')
    const { iat } = JSON.parse(Buffer.from(payload, 'base64url').toString())
    t.ok(Math.abs(iat - Date.now() / 1000) < 60, `${iat}`)
  }
})

t.test('a vector of another genesis than that of a running client is skipped', async (t) => {
  const { url, close } = await serve(VECTOR)
  t.teardown(close)
  const cases = loadCases([VECTORS], { filter: /a-wrong-nonce/ })
  const results = await runCases(cases, running(url))
  const passed = results.filter(({ verdict }) => verdict === 'passed')
  t.same(
    passed.map(({ name }) => name),
    [NAME],
  )
  const skipped = results.filter(({ verdict }) => verdict === 'skipped')
  t.equal(skipped.length, cases.length - 1)
  for (const { reason } of skipped) t.match(reason, /^its genesis is 0x\w{64}, not 0x\w{64}$/)
})

t.test('a disputed vector that differs is counted apart, and with strict has failed', async (t) => {
  const clients = await createInProcess()
  const disputed = changed((vector) => {
    vector._info.disputed = 'a heading'
    vector.postStateHash = `0x${'22'.repeat(32)}`
  })
  const same = changed((vector) => {
    vector._info.disputed = 'a heading'
  })
  const cases = [toCase('differs', disputed), toCase('agrees', same)]
  const verdicts = async (strict: boolean) =>
    (await runCases(cases, clients, { strict })).map(({ verdict }) => verdict)
  t.same(await verdicts(false), ['disputed', 'passed'])
  t.same(await verdicts(true), ['failed', 'passed'])
  const { url, close } = await serve(VECTOR)
  await close()
  const [result] = await runCases(cases, running(url))
  t.equal(result.verdict, 'failed', 'a client that is not there disputes nothing')
})

t.test('shards are all of the vectors, each once', async (t) => {
  const names = (index: number, count: number) =>
    loadCases([VECTORS], { shard: { index, count } }).map(({ name }) => name)
  const all = names(1, 1)
  t.ok(all.length >= 20)
  for (const count of [2, 3, 7]) {
    const parts = Array.from({ length: count }, (_, index) => names(index + 1, count))
    t.same(parts.flat().sort(), [...all].sort())
    const sizes = parts.map(({ length }) => length)
    t.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `${sizes}`)
  }
})

t.test('reports keep what names and reasons have in them', async (t) => {
  const name = `a/b # SKIP \\ <&"'> \u0007\ud800 é`
  const result: Result = { name, verdict: 'failed', reason: ']]> "x" # TODO', seconds: 0.5 }
  const { results, bad, ok } = parseTAP(`TAP version 14\n1..1\n${toTAP(result, 1)}`)
  t.notOk(ok)
  t.same(bad, [])
  const [[readName, read]] = Object.entries(results)
  t.match(readName, /^a\/b # SKIP .* é$/)
  t.match(read, { ok: false, skip: false, todo: false, diag: { message: ']]> "x" # TODO' } })
  const xml = toJUnit([result], 'suite')
  t.match(xml, 'name="a/b # SKIP \\ &lt;&amp;&quot;&apos;&gt;  é"')
  t.match(xml, '<failure message="]]&gt; &quot;x&quot; # TODO"/>')
  t.match(
    xml,
    '<testsuite name="suite" tests="1" failures="1" errors="0" skipped="0" time="0.500">',
  )
})

t.test('op-spec-test passes, and says so in TAP, JUnit and its status', async (t) => {
  const folder = t.testdir()
  const junit = resolve(folder, 'junit.xml')
  const page = resolve(folder, 'RESULTS.md')
  const args = [VECTORS, '--filter', 'wrong-nonce.*(isthmus|jovian)', '--junit', junit]
  const { status, stdout, stderr } = await runBin(...args, '--results', page, '--build')
  t.equal(stderr, '')
  t.equal(status, 0)
  const { results, bad, ok } = parseTAP(stdout)
  t.ok(ok)
  t.same(Object.keys(results).sort(), [NAME, NAME.replace('isthmus', 'jovian')])
  t.match(stdout, /^TAP version 14\n1\.\.2\n/)
  t.match(bad.join(''), /^$/)
  t.match(stdout, /\n# 2 passed, 0 failed, 0 disputed\n$/)
  t.match(readFileSync(junit, 'utf8'), 'tests="2" failures="0"')
  const text = readFileSync(page, 'utf8')
  t.match(text, /^## ethereumjs-op 0\.\d+\.\d+$/m)
  t.match(text, '| runner | 2 | 2 | 0 | 0 |\n| **all** | 2 | 2 | 0 | 0 |')
  await runBin(...args, '--results', page)
  t.equal(readFileSync(page, 'utf8').match(/^## /gm)?.length, 1, 'a section is replaced')
})

t.test('op-spec-test fails where a vector fails', async (t) => {
  const bad = changed((vector) => {
    vector.lastblockhash = `0x${'33'.repeat(32)}`
  })
  const disputed = changed((vector) => {
    vector._info.disputed = 'why # not'
    vector.lastblockhash = `0x${'33'.repeat(32)}`
  })
  const folder = t.testdir()
  mkdirSync(resolve(folder, 'below'))
  const path = resolve(folder, 'below/x.json.gz')
  write(path, gzipSync(JSON.stringify({ bad, disputed, good: VECTOR })))
  const { status, stdout } = await runBin(folder)
  t.equal(status, 1)
  const { results, ok } = parseTAP(stdout)
  t.notOk(ok)
  t.match(results, {
    bad: { ok: false, todo: false, diag: { message: /^hash of the latest block is / } },
    disputed: { ok: false, todo: /^disputed: why # not/ },
    good: { ok: true, todo: false },
  })
  t.match(stdout, /\n# 1 passed, 1 failed, 1 disputed\n$/)
  const only = await runBin(folder, '--filter', 'disputed|good')
  t.equal(only.status, 0)
  t.ok(parseTAP(only.stdout).ok)
  t.equal((await runBin(folder, '--filter', 'disputed|good', '--strict')).status, 1)
})

const JWT = () => write(resolve(t.testdirName, '../kit-jwt.hex'), SECRET.toString('hex'))

/** Each makes no sense, and what must be said. */
const WRONG_USAGE: [args: string[], says: RegExp][] = [
  [['--nothing'], /unknown option '--nothing'/],
  [['/there/is/nothing'], /\/there\/is\/nothing: there is no such file/],
  [['spec-tests/kit'], /spec-tests\/kit: there is no \.json/],
  [[VECTORS, '--filter', 'matches-nothing'], /no vector is selected/],
  [[VECTORS, '--filter', '('], /Invalid regular expression/],
  [[VECTORS, '--until', 'interop'], /Allowed choices are bedrock/],
  [[VECTORS, '--shard', '3/2'], /i\/n/],
  [[VECTORS, '--shard', '1'], /i\/n/],
  [[VECTORS, '--jobs', '0'], /whole number from 1 on/],
  [[VECTORS, '--jobs', '2'], /--jobs is for --client/],
  [[VECTORS, '--timeout', 'long'], /number from 0\.1 on/],
  [[VECTORS, '--engine', 'localhost:8551'], /http:\/\/ or https:\/\/ URL/],
  [[VECTORS, '--engine', 'http://127.0.0.1:1'], /--engine needs --jwt/],
  [[VECTORS, '--engine', 'http://127.0.0.1:1', '--jwt', 'package.json'], /32 bytes in hex/],
  [[VECTORS, '--engine', 'http://127.0.0.1:1', '--jwt', 'nothing.hex'], /--jwt: ENOENT/],
  [[VECTORS, '--jwt', 'package.json'], /--jwt is for --engine/],
  [[VECTORS, '--eth', 'http://127.0.0.1:1'], /--eth is for --engine/],
  [[VECTORS, '--client', 'run {genesis} {jwt}'], /no \{port\} in the command/],
  [[VECTORS, '--client', NODE, '--engine', 'http://127.0.0.1:1', '--jwt', 'x'], /only one of/],
  [[VECTORS, '--junit', 'no/such/folder/x.xml'], /--junit: ENOENT/],
]

t.test('wrong usage is status 2 and one line', async (t) => {
  for (const [args, says] of WRONG_USAGE) {
    const { status, stdout, stderr } = await runBin(...args)
    t.equal(status, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, says)
    t.match(stderr, /^error: [^\n]+\n$/)
  }
})

t.test('op-spec-test --help tells of every option at once', async (t) => {
  const start = process.cpuUsage()
  const { status, stdout } = await runBin('--help')
  t.ok(process.cpuUsage(start).user < 1e6)
  t.equal(status, 0)
  for (const option of ['--engine', '--client', '--shard', '{http}', 'Exit status'])
    t.match(stdout, option)
})

t.test('README.md and --help have the same options', async (t) => {
  const { stdout } = await runBin('--help')
  const inHelp = [...stdout.matchAll(/^ +(?:-\w, )?(--[a-z]+)/gm)].map(([, option]) => option)
  const readme = readFileSync('spec-tests/README.md', 'utf8')
  const inReadme = [...readme.matchAll(/^\| `(--[a-z]+)/gm)].map(([, option]) => option)
  t.ok(inReadme.length > 10)
  t.same([...inReadme, '--help', '--version'].sort(), inHelp.sort())
})

t.test('--until leaves out chains with a later fork', async (t) => {
  const forks = (until: string) => {
    const names = loadCases([VECTORS], { until }).map(({ name }) => /\[(\w+)\]$/.exec(name)?.[1])
    return new Set(names)
  }
  t.ok(forks('karst').has('karst'))
  t.notOk(forks('jovian').has('karst'))
  t.ok(forks('jovian').has('jovian'))
  t.notOk(forks('isthmus').has('jovian'))
  t.same([...forks('bedrock')], ['bedrock'])
})

t.test('op-spec-test --engine drives a running client', async (t) => {
  const { url, close } = await serve(VECTOR)
  t.teardown(close)
  const args = [VECTORS, '--engine', url, '--jwt', JWT(), '--filter', 'wrong-nonce']
  const { status, stdout } = await runBin(...args)
  t.match(stdout, /\n# 1 passed, 0 failed, 0 disputed, 9 skipped \(.+\)\n$/)
  t.ok(parseTAP(stdout).ok)
  t.equal(status, 0)
  const other = await runBin(...args.slice(0, -1), 'wrong-nonce.*jovian')
  t.match(other.stdout, /\n# 0 passed, 0 failed, 0 disputed, 1 skipped/)
  t.equal(other.status, 1, 'nothing was run')
})

/** Whether a process does something: one that has ended may still be listed. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' })
  return !/^(Z|$)/.test(stdout.trim())
}

t.test('op-spec-test --client starts a node for each genesis', async (t) => {
  const temporary = t.testdir({ tmp: {} })
  const log = resolve(temporary, 'log')
  const variables = { TMPDIR: resolve(temporary, 'tmp') }
  const only = ['--filter', '(wrong-nonce|mints).*(isthmus|jovian)', '--jobs', '2', '--log', log]
  const { status, stdout } = await startBin(
    variables,
    VECTORS,
    ...only,
    '--client',
    `echo here && ${NODE}`,
  ).ended
  t.match(stdout, /\n# 4 passed, 0 failed, 0 disputed\n$/)
  t.equal(status, 0)
  t.same(readdirSync(resolve(temporary, 'tmp')), [])
  t.match(readFileSync(log, 'utf8'), /^(here\n)+$/)
})

const COMMENT = '# {genesis} {jwt} {port}'

/** Commands that are no client, and what the reason must say. */
const NO_CLIENTS: [command: string, says: RegExp][] = [
  [`exit 3 ${COMMENT}`, /^the client ended with status 3$/],
  [`echo Fatal: no such flag; echo more; exit 1 ${COMMENT}`, /status 1: Fatal: no such flag$/],
  [`no-such-program {genesis} {jwt} {port}`, /status 127: .*no-such-program.*not found$/],
  [`kill -9 $$ ${COMMENT}`, /^the client ended by SIGKILL$/],
  [`sleep 100 ${COMMENT}`, /^the client is not there after 2 s: .*ECONNREFUSED/],
  [
    `${NODE.replace('"{jwt}"', 'spec-tests/vectors')} ${COMMENT}`,
    /^the client ended with status 1: error: .+/,
  ],
]

t.test('a command that is no client fails with what it printed', async (t) => {
  for (const [command, says] of NO_CLIENTS) {
    const timeout = /not there/.test(says.source) ? '2' : '60'
    const args = [VECTORS, '--filter', 'wrong-nonce.*isthmus', '--timeout', timeout]
    const { status, stdout } = await runBin(...args, '--client', command)
    t.equal(status, 1, command)
    const [result] = Object.values(parseTAP(stdout).results)
    t.match(result, { ok: false, diag: { message: says } })
  }
})

t.test(
  'a client that crashes in the middle fails one vector, and another takes its place',
  async (t) => {
    const name = (number: number) => `vector ${number}`
    const file = Object.fromEntries([1, 2, 3].map((number) => [name(number), VECTOR]))
    const path = write(resolve(t.testdir(), 'x.json'), JSON.stringify(file))
    // Its port answers the first calls, then the process ends.
    const script = write(
      resolve(t.testdirName, 'client.mjs'),
      `import { createServer } from 'node:http'
    import { existsSync, readFileSync, writeFileSync } from 'node:fs'
    const [port, hash, marker] = process.argv.slice(2)
    createServer(async (req, res) => {
      let text = ''
      for await (const chunk of req) text += chunk
      const { id, method } = JSON.parse(text)
      if (method.startsWith('engine_')) {
        console.error('panic: nil pointer')
        process.exit(2)
      }
      res.end(JSON.stringify({ jsonrpc: '2.0', id, result: { hash } }))
    }).listen(port, '127.0.0.1')`,
    )
    const command = `exec node "${script}" {port} ${VECTOR.genesisBlockHeader.hash} ${COMMENT}`
    const { status, stdout } = await runBin(path, '--client', command)
    t.equal(status, 1)
    const { results } = parseTAP(stdout)
    t.equal(Object.keys(results).length, 3)
    for (const { ok, diag } of Object.values(results))
      t.match(
        { ok, diag },
        { ok: false, diag: { message: /ended with status 2: panic: nil pointer$/ } },
      )
  },
)

t.test('a runner that is stopped takes its clients and folders with it', async (t) => {
  const temporary = t.testdir({ tmp: {} })
  const script = write(
    resolve(temporary, 'client.mjs'),
    `import { spawn } from 'node:child_process'
    // Ignores what it is told, and has a child.
    process.on('SIGTERM', () => {})
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    console.log([process.pid, child.pid].join(' '))
    setInterval(() => {}, 1000)`,
  )
  const log = resolve(temporary, 'log')
  const args = [VECTORS, '--client', `node "${script}" ${COMMENT}`, '--log', log]
  const { child, ended } = startBin({ TMPDIR: resolve(temporary, 'tmp') }, ...args)
  let pids: number[] = []
  for (let tries = 0; tries < 600 && pids.length < 2; tries++) {
    await new Promise((done) => setTimeout(done, 50))
    try {
      pids = readFileSync(log, 'utf8').trim().split(' ').map(Number)
    } catch {
      // It has printed nothing yet.
    }
  }
  t.equal(pids.length, 2)
  for (const pid of pids) t.ok(isAlive(pid), `${pid}`)
  child.kill('SIGTERM')
  t.equal((await ended).status, 143)
  await new Promise((done) => setTimeout(done, 500))
  for (const pid of pids) t.notOk(isAlive(pid), `${pid}`)
  t.same(readdirSync(resolve(temporary, 'tmp')), [])
})

t.test('the bin is what package.json says', async (t) => {
  const { bin } = JSON.parse(readFileSync('spec-tests/package.json', 'utf8'))
  t.equal(`spec-tests/${bin['op-spec-test']}`, BIN)
})
