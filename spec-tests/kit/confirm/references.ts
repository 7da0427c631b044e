import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Vector } from '../vector.ts'

/** What a client says to one call of a vector, and to those that belong to it. */
export interface Said {
  /** Why it has nothing to say. */
  notAsked?: string
  /** It broke down; where and why. */
  panic?: string
  status?: string
  errorCode?: number
  latestValidHash?: string | null
  message?: string
  /** Hash of the block of the attributes, or why there is none. */
  built?: string | Said
  /** What `forkchoiceUpdated` to a valid payload gives, if not VALID. */
  head?: string
  payloadId?: string
  blockHash?: string
}

/** What a client says to a vector. */
export interface Verdict {
  /** It says nothing else then. */
  error?: string
  genesisHash?: string
  payloads?: Said[]
  forkchoiceUpdates?: Said[]
  lastblockhash?: string
  postStateHash?: string
}

/** Names of the programs, which are those of their clients. */
export const REFERENCES = ['op-geth', 'op-revm'] as const
export type ReferenceName = (typeof REFERENCES)[number]

const BUILD = fileURLToPath(new URL('../../references/build.sh', import.meta.url))

/** How long a program may take for one vector, in ms. Machines may be busy. */
const TIMEOUT = 120_000

/**
 * Paths of the programs by name.
 *
 * @param isFind - build none, and find those that are there
 * @throws if a build fails
 */
export function findPrograms(isFind = false): Partial<Record<ReferenceName, string>> {
  const args = [...(isFind ? ['--find'] : []), ...REFERENCES]
  const { status, stdout, error } = spawnSync(BUILD, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  })
  if (error || status !== 0) throw new Error(`${BUILD} fails: ${error?.message ?? status}`)
  const lines = stdout.split('\n').filter(Boolean)
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/, 2)))
}

/** A program that says what a client makes of vectors, one after the other. */
export class Reference {
  readonly name: ReferenceName
  readonly #path: string
  readonly #args: string[]
  #child: ChildProcess | undefined
  /** The end of what the program wrote to standard error. */
  #complaints = ''
  #answer: ((verdict: Verdict) => void) | undefined

  /** @param args - of the program */
  constructor(name: ReferenceName, path: string, args: string[] = []) {
    this.name = name
    this.#path = path
    this.#args = args
  }

  /** Asks about a vector. If the program ends or hangs, that is the error of the verdict. */
  async ask(vector: Vector): Promise<Verdict> {
    if (this.#answer) throw new Error(`${this.name} is busy`)
    const child = this.#child ?? this.#start()
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        child.kill('SIGKILL')
        this.#complaints = `no answer in ${TIMEOUT / 1000} s`
      }, TIMEOUT)
      this.#answer = (verdict) => {
        clearTimeout(timer)
        this.#answer = undefined
        resolve(verdict)
      }
      child.stdin!.write(`${JSON.stringify({ id: 0, vector })}\n`)
    })
  }

  close() {
    this.#child?.stdin?.end()
    this.#child = undefined
  }

  #start(): ChildProcess {
    const child = spawn(this.#path, this.#args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.#complaints = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaints = (this.#complaints + text).slice(-100_000)
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#answer?.(JSON.parse(line) as Verdict)
    })
    // What it could not take any more is answered by its end.
    child.stdin.on('error', () => {})
    child.on('error', (error) => this.#end(child, error.message))
    child.on('close', (code, signal) => this.#end(child, `it ends with ${signal ?? code}`))
    return child
  }

  #end(child: ChildProcess, reason: string) {
    if (this.#child !== child) return
    this.#child = undefined
    const complaint = this.#complaints.match(/^(panic|fatal error): .*$/m)?.[0]
    this.#answer?.({ error: complaint ?? (this.#complaints.trim().split('\n')[0] || reason) })
  }
}
