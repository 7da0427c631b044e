/** op-geth in a process of its own, which makes and executes witnesses; see `execution/main.go`. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { PrefixedHexString } from '@ethereumjs/util'
import type t from 'tap'
import type { FullBlock } from '../blockchain/index.ts'
import type { ChainConfig, ExecutionWitness } from '../src/index.ts'
import { FIXTURES, type JSONValue } from './helpers.ts'

const BUILD = fileURLToPath(new URL('references/op-geth/execution/build.sh', import.meta.url))

/** Path of the program; empty where it has not been built. */
const PROGRAM = spawnSync(BUILD, ['--find'], { encoding: 'utf8' }).stdout.trim()

/** Reason to skip a test that needs it. */
export const noOpGeth = PROGRAM ? false : `op-geth is not there; ${BUILD} builds it`

/** A block that op-geth has built. */
export interface BuiltBlock {
  block: FullBlock
  /** RLP. */
  raw: PrefixedHexString
  witness: ExecutionWitness
}

/** What op-geth comes to without a state of its own. */
export interface StatelessOutcome {
  stateRoot?: string
  receiptsRoot?: string
  error?: string
}

export function startOpGeth() {
  const child = spawn(PROGRAM, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (request: object): Promise<JSONValue> => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error('op-geth has ended')
    return JSON.parse(value)
  }
  return {
    /** The blocks of a chain, up to the first that op-geth refuses. */
    build: async (genesis: object, blocks: object[]): Promise<BuiltBlock[]> =>
      (await ask({ genesis, blocks })).blocks ?? [],
    /** Calls a method of the op-geth that has this chain. */
    async call(method: string, ...params: unknown[]): Promise<JSONValue> {
      const { result, error } = await ask({ method, params })
      if (error) throw new Error(`${method}: ${error}`)
      return result
    },
    execute: (
      config: ChainConfig,
      block: PrefixedHexString,
      witness: ExecutionWitness,
    ): Promise<StatelessOutcome> => ask({ config, block, witness }),
    async close() {
      child.stdin.end()
      await once(child, 'close')
    },
  }
}

/**
 * Serves op-geth, which has no port of its own here, over HTTP. It tells no codes of its errors, so none
 * of them is a judgement.
 *
 * @returns its URL
 */
export async function serveOpGeth(
  test: Pick<typeof t, 'teardown'>,
  opGeth: ReturnType<typeof startOpGeth>,
): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as JSONValue
    const answers: object[] = []
    for (const { id, method, params = [] } of [body].flat()) {
      answers.push(
        await opGeth.call(method, ...params).then(
          (result) => ({ jsonrpc: '2.0', id, result: result ?? null }),
          ({ message }) => ({ jsonrpc: '2.0', id, error: { code: -32000, message } }),
        ),
      )
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(Array.isArray(body) ? answers : answers[0]))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  test.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Chains that are made at a time, of two or three blocks each. */
const CHAINS = 50

/** Writes random chains: genesis and attributes, a chain a line. */
const GENERATOR = resolve(FIXTURES, '../differential/fuzz.mjs')

/** Reason to skip a test that needs op-geth and random chains. */
export const noRandomChains =
  noOpGeth || (existsSync(GENERATOR) ? false : `no generator at ${GENERATOR}`)

/** Random chains, none of which goes beyond Jovian, where op-geth ends. */
export function* createChains(firstSeed: number): Generator<JSONValue> {
  for (let seed = firstSeed; ; seed++) {
    const env = { ...process.env, MAXFORK: 'jovian' }
    const args = [GENERATOR, `${seed}`, `${CHAINS}`]
    const { stdout } = spawnSync(process.execPath, args, { env, maxBuffer: 2 ** 30 })
    for (const line of `${stdout}`.split('\n').filter(Boolean)) yield JSON.parse(line)
  }
}
