import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ChainConfig } from 'ethereumjs-op'
import { CHAINS, CHAINS_SOURCE } from 'ethereumjs-op/blockchain'
import { Tinypool } from 'tinypool'
import { readExample, readJSON } from '../files.ts'
import { toDuration } from '../journal/progress.ts'
import { Endpoint, type EndpointOptions } from '../verify/endpoint.ts'
import { EndpointError } from '../verify/errors.ts'
import { readQuantity } from '../verify/fields.ts'
import { type Range, readRange } from '../verify/range.ts'
import { type StateSource, describeLack } from '../verify/rpcBlock.ts'
import type { Task, TaskOutcome } from '../verify/worker.ts'

/** Prints text for people, or an object for programs. */
type Print = (text: string, object: object) => void

/** Flags of `verify --rpc`. */
export interface VerifyRPCFlags {
  /** URLs: the first is asked for everything. */
  rpc: string[]
  genesis?: string
  trustedHash?: string
  follow?: boolean
  json?: boolean
  /** Blocks at a time. */
  threads?: number
  /** Requests a second, all threads together. */
  rate?: number
  /** File with what is done, so that a second run goes on. */
  resume?: string
  /** Seconds after which following ends. */
  seconds?: number
  /** Where the state has to come from; by default a witness, and proofs for what it lacks. */
  state?: StateSource
}

/** Milliseconds between two looks for a new block. */
const POLL = 500

/** Exit statuses by verdict. */
const STATUS = { ok: 0, mismatch: 1, unknown: 2 }

/** The config of a chain, and where it comes from. */
interface Config {
  config: ChainConfig
  from: string
}

/** @throws if the chain is not known, or is another than that of the genesis file */
function findConfig(chainId: number, genesisPath?: string): Config {
  if (genesisPath) {
    const { config } = readJSON(genesisPath) as { config?: ChainConfig }
    if (!config) throw new Error(`${genesisPath}: it has no config`)
    if (config.chainId === chainId) return { config, from: genesisPath }
    const wanted = `chain id ${chainId}, but ${genesisPath} is for ${config.chainId}`
    throw new EndpointError(`the endpoint has ${wanted}`)
  }
  const { config: example } = JSON.parse(readExample()) as { config: ChainConfig }
  if (chainId === example.chainId) return { config: example, from: 'the local chain of `dev`' }
  const known = CHAINS.get(chainId)
  if (!known) throw new Error(`chain id ${chainId} is not known here: give --genesis FILE`)
  const until = known.until ? `; not in the registry since ${known.until}` : ''
  return { config: known.config, from: `${known.name}, ${CHAINS_SOURCE}${until}` }
}

/** Where the state of a block comes from. */
const SOURCES = {
  witness: 'its witnesses, and its proofs that accounts do not exist',
  proofs: 'its proofs',
  any: 'its witnesses where it has them, and its proofs for what they lack',
}

/** What an answer means. */
function describeTrust({ trustedHash, rpc, state }: VerifyRPCFlags) {
  const computed =
    'header hashes, transactions, execution, receipts, state root: each computed here from the state before'
  const anchor = trustedHash
    ? `the last block has the hash ${trustedHash} that you trust, so the state before is anchored as well`
    : rpc.length > 1
      ? `${rpc.length} endpoints agree on the hash of each block`
      : 'nothing but the endpoint says that the block before the first is of this chain'
  const proven = `each part of the state before by its hash, from that root on: from ${SOURCES[state ?? 'any']}`
  const taken = 'the header of the block before the first, so its state root'
  return { computed, taken, proven, anchor }
}

/** Numbers of blocks that an earlier run has found right. */
function readDone(path?: string): Set<number> {
  if (!path || !existsSync(path)) return new Set()
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  return new Set(lines.map((line) => Number(line.split(' ')[0])))
}

/** Checks blocks of an endpoint and prints the outcome of each. */
export async function verifyRPC(what: string, flags: VerifyRPCFlags): Promise<void> {
  const { json, rate, resume, follow } = flags
  const print: Print = (text, object) => console.log(json ? JSON.stringify(object) : text)
  try {
    const options: EndpointOptions = { rate }
    const endpoint = new Endpoint(flags.rpc[0], options)
    const [idAnswer, numberAnswer] = await endpoint.batch([
      { method: 'eth_chainId', params: [] },
      { method: 'eth_blockNumber', params: [] },
    ])
    const chainId = Number(readQuantity(idAnswer, 'the chain id'))
    const latest = Number(readQuantity(numberAnswer, 'the number of the latest block'))
    const { config, from } = findConfig(chainId, flags.genesis)
    const range = readRange(what, latest)
    const trust = describeTrust(flags)
    print(
      [
        `endpoint ${endpoint.name}, chain ${chainId} (${from})`,
        `computed here: ${trust.computed}`,
        `taken from the endpoint: ${trust.taken}`,
        `proven by the endpoint: ${trust.proven}`,
        `anchor: ${trust.anchor}`,
      ].join('\n'),
      { endpoint: endpoint.name, chainId, config: from, trust },
    )
    const run = new Run(flags, config, print)
    const done = readDone(resume)
    await run.all(range, done)
    if (follow) await run.follow(endpoint, range.last + 1)
    process.exitCode = await run.finish()
  } catch (error) {
    const { message } = error as Error
    print(`error: ${message}`, { error: message })
    process.exitCode = 2
  }
}

/** The blocks of one call of the command. */
class Run {
  #statuses = [0]
  #passed = 0
  #failed = 0
  #last?: { number: number; hash: string }
  readonly #flags: VerifyRPCFlags
  readonly #config: ChainConfig
  readonly #print: Print
  readonly #pool: Tinypool
  readonly #start = performance.now()

  constructor(flags: VerifyRPCFlags, config: ChainConfig, print: Print) {
    this.#flags = flags
    this.#config = config
    this.#print = print
    const filename = new URL('../verify/worker.js', import.meta.url).href
    const maxThreads = flags.threads ?? availableParallelism()
    this.#pool = new Tinypool({ filename, minThreads: 1, maxThreads })
  }

  #check(number: number): Promise<TaskOutcome> {
    const { rpc: urls, rate, state: source, threads = availableParallelism() } = this.#flags
    const options = { rate: rate && Math.max(1, Math.floor(rate / threads)) }
    const task: Task = { urls, options, config: this.#config, number, source }
    return this.#pool.run(task)
  }

  /** Checks all blocks of a range but those that are done, and prints them in order. */
  async all({ first, last }: Range, done: Set<number>) {
    const running: Promise<TaskOutcome>[] = []
    const ahead = 4 * (this.#flags.threads ?? availableParallelism())
    const numbers: number[] = []
    for (let number = first; number <= last; number++) if (!done.has(number)) numbers.push(number)
    for (let index = 0; index < numbers.length; index++) {
      while (running.length < Math.min(numbers.length, index + ahead)) {
        running.push(this.#check(numbers[running.length]))
      }
      this.#report(await running[index], numbers.length)
    }
  }

  /** Checks each new block until it is told to stop. */
  async follow(endpoint: Endpoint, first: number) {
    const { seconds = Infinity } = this.#flags
    let isStopped = false
    const stop = () => {
      isStopped = true
    }
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    const end = performance.now() + 1000 * seconds
    for (let next = first; !isStopped && performance.now() < end; ) {
      const latest = Number(readQuantity(await endpoint.call('eth_blockNumber'), 'a block number'))
      // The chain was cut back: what is new now is checked anew.
      if (latest + 1 < next) next = latest
      if (latest < next) await sleep(POLL)
      for (; next <= latest && !isStopped; next++) this.#report(await this.#check(next))
    }
  }

  #report(outcome: TaskOutcome, total?: number) {
    const { number, verdict, error, block, ms } = outcome
    let status = STATUS[verdict]
    const name = `${this.#config.chainId} ${number}`
    if (block && verdict === 'ok') {
      const { hash, parentHash, fork, txs, gas, requests, claimedReceipts, from } = block
      const follows = this.#last?.number === number - 1
      if (follows && this.#last?.hash !== parentHash) {
        const text = `FAIL ${name} its parent is ${parentHash}, not ${this.#last?.hash}: a reorg`
        this.#print(text, { number, ok: false, verdict: 'unknown', error: text })
        status = 2
      } else {
        const what = `${txs} txs ${gas} gas ${ms} ms, ${requests} requests, from ${from}`
        const note = describeLack(block) && `; ${describeLack(block)}`
        const rest = `${claimedReceipts ? '' : ', receipts not compared'}${note}`
        const { transactions, receipts, claimedReceipts: _, ...facts } = block
        this.#print(`ok   ${name} ${fork} ${hash} ${what}${rest}`, {
          ok: true,
          verdict,
          ...facts,
          ms,
        })
      }
      this.#last = { number, hash }
      if (status === 0 && this.#flags.resume) {
        appendFileSync(this.#flags.resume, `${number} ${hash}\n`)
      }
    } else {
      const word = verdict === 'unknown' ? 'unknown' : 'FAIL'
      this.#print(`${word} ${name} ${error}`, {
        number,
        ok: false,
        verdict,
        error,
        differences: block?.differences,
        ms,
      })
    }
    this.#statuses.push(status)
    if (status === 0) this.#passed++
    else this.#failed++
    if (total && total > 1) this.#showProgress(total)
  }

  /** On a terminal: how fast, and how long it takes. */
  #showProgress(total: number) {
    if (!process.stderr.isTTY || this.#flags.json) return
    const done = this.#passed + this.#failed
    const seconds = (performance.now() - this.#start) / 1000
    const rest = toDuration(((total - done) * seconds) / done)
    const text = `${done}/${total} blocks, ${(done / seconds).toFixed(1)} blocks/s, ${rest} left`
    process.stderr.write(done === total ? '\r\x1b[K' : `\r\x1b[K${text}`)
  }

  /** @returns the exit status */
  async finish(): Promise<number> {
    await this.#pool.destroy()
    const { trustedHash } = this.#flags
    if (trustedHash && this.#last && this.#last.hash !== trustedHash.toLowerCase()) {
      const error = `the last block is ${this.#last.hash}, not ${trustedHash}`
      this.#print(`FAIL ${error}`, { ok: false, error })
      this.#statuses.push(1)
      this.#failed++
    }
    const [passed, failed] = [this.#passed, this.#failed]
    this.#print(`${passed} passed, ${failed} failed`, { passed, failed })
    // That something is wrong weighs more than that something is not known.
    return this.#statuses.includes(1) ? 1 : Math.max(...this.#statuses)
  }
}
