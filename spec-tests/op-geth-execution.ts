/** op-geth in a process of its own, which makes and executes witnesses; see `execution/main.go`. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { PrefixedHexString } from '@ethereumjs/util'
import type { FullBlock } from '../blockchain/index.ts'
import type { ChainConfig, ExecutionWitness } from '../src/index.ts'
import type { JSONValue } from './helpers.ts'

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
