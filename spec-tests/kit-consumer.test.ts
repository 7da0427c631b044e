/** The consumer in Python, which has nothing but the README, on the real op-geth. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { SECRET, VECTORS } from './kit-helpers.ts'
import { createHTTPClient } from './kit/http.ts'
import { loadCases } from './kit/suite.ts'
import type { VectorFile } from './kit/vector.ts'

const CONSUMER = 'spec-tests/examples/consumer.py'

const COUNT = 10

/** Forks that op-geth does not know, and vectors with which it does not agree. */
const isForGeth = ({ vector }: { vector?: VectorFile[string] }) =>
  vector !== undefined && vector.config.karstTime === undefined && !vector._info.disputed

/** Ten vectors of the genesis that most have, and one that ends at the genesis, if there is one. */
function chooseVectors(): VectorFile {
  const groups = new Map<string, VectorFile>()
  for (const { name, vector } of loadCases([VECTORS]).filter(isForGeth)) {
    const { hash } = vector!.genesisBlockHeader
    groups.set(hash, { ...groups.get(hash), [name]: vector! })
  }
  const size = (file: VectorFile) => Object.keys(file).length
  const [largest] = [...groups.values()].sort((a, b) => size(b) - size(a))
  return Object.fromEntries(Object.entries(largest).slice(0, COUNT))
}

/** op-geth, as spec-tests/references/build.sh has built it, or $OP_GETH. */
function findGeth(): string | undefined {
  if (process.env.OP_GETH) return process.env.OP_GETH
  const script = 'spec-tests/references/build.sh'
  if (!existsSync(script)) return undefined
  const { stdout } = spawnSync('sh', [script, '--find', 'geth'], { encoding: 'utf8' })
  return /^geth=(.+)$/m.exec(stdout)?.[1]
}

const GETH = findGeth()
const hasPython = spawnSync('python3', ['--version']).status === 0
const skip = !hasPython
  ? 'there is no python3'
  : GETH
    ? false
    : 'op-geth is not built (spec-tests/references/build.sh)'

t.test(
  'the consumer in Python has at most 80 lines, and nothing but its own library',
  async (t) => {
    const lines = readFileSync(CONSUMER, 'utf8').split('\n')
    t.ok(lines.length <= 80, `${lines.length} lines`)
    const imports = lines.filter((line) => /^(import|from) /.test(line))
    t.same(imports, ['import base64, gzip, hashlib, hmac, json, sys, time, urllib.request'])
  },
)

t.test('the consumer in Python runs ten vectors on op-geth', { skip }, async (t) => {
  const vectors = chooseVectors()
  const names = Object.keys(vectors)
  t.equal(names.length, COUNT)
  const folder = t.testdir()
  const path = (name: string) => resolve(folder, name)
  // One of them is spoiled, which must be seen.
  const spoiled = { ...vectors[names[3]], postStateHash: `0x${'11'.repeat(32)}` }
  writeFileSync(path('spoiled.json'), JSON.stringify({ ...vectors, [names[3]]: spoiled }))
  writeFileSync(path('vectors.json'), JSON.stringify(vectors))
  writeFileSync(path('jwt'), SECRET.toString('hex'))
  const consume = (...args: string[]) =>
    spawnSync('python3', [CONSUMER, ...args], { encoding: 'utf8' })
  writeFileSync(path('genesis.json'), consume(path('vectors.json')).stdout)

  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  const flags =
    `--override.genesis ${path('genesis.json')} --datadir ${path('data')} --authrpc.port ${port} ` +
    `--authrpc.jwtsecret ${path('jwt')} --syncmode full --gcmode archive --state.scheme hash ` +
    '--nodiscover --maxpeers 0 --port 0 --ipcdisable'
  const geth = spawn(GETH!, flags.split(' '), { stdio: 'ignore' })
  t.teardown(async () => {
    geth.kill('SIGKILL')
    if (geth.exitCode === null) await once(geth, 'exit')
  })
  const engine = `http://127.0.0.1:${port}`
  const client = createHTTPClient({ engine, secret: SECRET, timeout: 5000 })
  for (let tries = 0; tries < 600; tries++) {
    const answer = await client.call('eth_chainId', []).catch(() => undefined)
    if (answer || geth.exitCode !== null) break
    await sleep(100)
  }

  const { status, stdout, stderr } = consume(path('vectors.json'), engine, path('jwt'))
  t.equal(stderr, '')
  t.same(stdout.trim().split('\n').sort(), names.map((name) => `ok   ${name}`).sort())
  t.equal(status, 0)
  const again = consume(path('spoiled.json'), engine, path('jwt'))
  const failed = again.stdout.split('\n').filter((line) => line.startsWith('FAIL'))
  t.equal(failed.length, 1, again.stdout)
  t.match(failed[0], `FAIL ${names[3]}: AssertionError: latest: stateRoot is `)
  t.equal(again.status, 1)
})
