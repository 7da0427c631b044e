/** Follows the head of the main client, and compares each block that leads there. */
import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ChainConfig, attributesOfHeader, payloadOfBlock } from 'ethereumjs-op'
import { headerToJSON } from 'ethereumjs-op/blockchain'
import { type PrefixedHexString as Hex, bigIntToHex, bytesToHex } from 'ethereumjs-op/ethereumjs'
import { Tinypool } from 'tinypool'
import type { Logger } from '../logger.ts'
import type { Methods } from '../rpc/methods.ts'
import type { Store } from '../store/store.ts'
import { compareBlock } from '../verify/differences.ts'
import type { Endpoint, EndpointOptions } from '../verify/endpoint.ts'
import { EndpointError, MismatchError } from '../verify/errors.ts'
import { type FetchedBlock, fetchBlock, fetchHash } from '../verify/rpcBlock.ts'
import type { Task, TaskOutcome } from '../verify/worker.ts'
import type { Alarms } from './alarms.ts'
import { fetchClaim, fetchEvidence, recordEvidence } from './evidence.ts'
import { fieldsOf, hashIn, numberIn } from './exchange.ts'
import type { BlockRef, Memory } from './memory.ts'
import type { Troubles } from './troubles.ts'
import { paramsOf, versionOf } from './vector.ts'

/** Most blocks that are executed one after the other to have their state; more are checked without. */
const MAX_IMPORT = 4_096

/** Blocks between two moves of this client's head while it executes those that it lacks. */
const HEAD_INTERVAL = 32

/** Most blocks of the chain that are walked back for an ancestor that was checked. */
const MAX_REORG = 256

/** Blocks that were given up: the main client does not have them any more. */
const MAX_GONE = 1_024

/** Milliseconds until the next try where something is not to be had; twice as long each time. */
const FIRST_PAUSE = 250
const LAST_PAUSE = 10_000

/** How patiently threads ask. */
const PATIENCE: EndpointOptions = { retries: 2, timeout: 15_000, backoff: 300 }

/** What follows needs. */
export interface FollowerOptions {
  store: Store
  engine: Methods
  memory: Memory
  alarms: Alarms
  troubles: Troubles
  log: Logger
  endpoint?: Endpoint
  /** URL of `endpoint`. */
  eth?: string
  config: ChainConfig
  /** Whether the chain begins with another block than the database here. */
  isStateless: boolean
  /** Each how-manieth block is checked. */
  sample: number
  /** Called when something was checked. */
  onChange(): void
}

/** Compares the blocks of the main client's chain, one after the other. */
export class Follower {
  /** Blocks that were compared and were the same. */
  same = 0
  #target?: { hash: Hex; number?: number }
  #running?: Promise<void>
  #isClosed = false
  #pool?: Tinypool
  readonly #gone = new Set<Hex>()
  readonly #closing = new AbortController()
  readonly #opts: FollowerOptions

  constructor(options: FollowerOptions) {
    this.#opts = options
  }

  /** Sets the block up to which all is compared, in place of the one before. */
  follow(hash: Hex, number?: number): void {
    this.#target = { hash, number }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when it has come to the head, or cannot. */
  async idle(): Promise<void> {
    await this.#running
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#closing.abort()
    await this.#running
    await this.#pool?.destroy()
  }

  async #run() {
    const { memory, troubles } = this.#opts
    let pause = FIRST_PAUSE
    while (!this.#isClosed) {
      const target = this.#target
      if (!target || memory.isChecked(target.hash) || this.#gone.has(target.hash)) return
      const before = memory.checked
      let isPossible = true
      try {
        isPossible = await this.#advance(target)
        if (isPossible) troubles.clear('following')
      } catch (error) {
        this.#note(error)
      }
      if (!isPossible && this.#target === target) return
      const isProgress = memory.checked !== before || this.#gone.has(target.hash)
      pause = isProgress ? FIRST_PAUSE : Math.min(2 * pause, LAST_PAUSE)
      if (!isProgress) await this.#wait(pause)
    }
  }

  async #wait(milliseconds: number) {
    await sleep(milliseconds, undefined, { signal: this.#closing.signal }).catch(() => {})
  }

  /** What is no verdict about a block: the endpoint, or this client, cannot. */
  #note(error: unknown) {
    const { message, stack } = error as Error
    const isEndpoint = error instanceof EndpointError
    if (!isEndpoint) this.#opts.log.error({ error: message, stack }, 'a fault of the watchman')
    this.#opts.troubles.set(
      'following',
      isEndpoint ? message : `a fault of the watchman: ${message}`,
    )
  }

  #setChecked(block: BlockRef, isSame: boolean) {
    if (isSame) this.same++
    this.#opts.memory.setChecked(block)
    this.#opts.onChange()
  }

  #giveUp(hash: Hex) {
    if (this.#gone.size >= MAX_GONE) this.#gone.clear()
    this.#gone.add(hash)
  }

  /** Goes on to a block, as far as it can. @returns whether it can */
  async #advance(target: { hash: Hex; number?: number }): Promise<boolean> {
    const { endpoint, sample, troubles, memory } = this.#opts
    const path = sample === 1 ? this.#ownPath(target.hash) : undefined
    if (path) {
      // A head that is older than what is remembered; it was checked.
      if (path.length === 0) this.#giveUp(target.hash)
      for (const block of path) {
        if (this.#isClosed) return true
        this.#setChecked(block, await this.#compare(block))
      }
      return true
    }
    if (!endpoint) {
      if (!memory.isRejected(target.hash)) {
        const why = 'the state before it is not here, and no --eth is given to ask for it'
        troubles.set('following', `block ${target.number ?? target.hash} cannot be checked: ${why}`)
      }
      return false
    }
    await this.#catchUp(endpoint, target)
    return true
  }

  /** The blocks from the last that was checked to this one, if all were executed here. */
  #ownPath(hash: Hex): BlockRef[] | undefined {
    const { store, memory } = this.#opts
    const least = (memory.checked?.number ?? 0) - MAX_REORG
    const path: BlockRef[] = []
    for (let at = hash; !memory.isChecked(at); ) {
      const header = store.header(at)
      if (!header) return undefined
      const number = Number(header.number)
      if (number === 0 || number < least) break
      path.unshift({ number, hash: at })
      at = bytesToHex(header.parentHash)
    }
    return path
  }

  /** Compares all that the main client says of a block that was executed here. @returns whether it is so */
  async #compare({ number, hash }: BlockRef): Promise<boolean> {
    const { endpoint, store, alarms } = this.#opts
    if (!endpoint) return true
    const claim = { verdict: 'VALID' as const, ...(await fetchClaim(endpoint, hash)) }
    if (!claim.header) return this.#noteAbsent(endpoint, { number, hash })
    const block = store.find(hash)!
    if (compareBlock(block, claim).length === 0) return true
    const parent = store.find(block.header.parentHash as Hex)!
    const attributes = {
      ...attributesOfHeader(store.header(hash)!),
      transactions: block.raw,
    }
    alarms.raise({
      kind: 'block',
      key: hash,
      block: { number, hash },
      summary: `block ${number} ${hash}: the main client says other things of it`,
      claim,
      gather: () => recordEvidence(store, parent, attributes),
    })
    return false
  }

  /** What becomes of a block that the main client does not have. @throws {EndpointError} if it should */
  async #noteAbsent(endpoint: Endpoint, { number, hash }: BlockRef): Promise<boolean> {
    const isHead = this.#target?.hash === hash
    if (isHead && (await this.#hashAt(endpoint, number)) === undefined) {
      throw new EndpointError(`${endpoint.name} does not have block ${number}, which is its head`)
    }
    // It has gone another way since.
    return false
  }

  async #catchUp(endpoint: Endpoint, { hash, number: given }: { hash: Hex; number?: number }) {
    const { store, sample, log } = this.#opts
    const number = given ?? (await this.#numberOf(endpoint, hash))
    const isThere = number !== undefined && (await this.#hashAt(endpoint, number)) === hash
    // Another head is on its way, and its blocks are these or those in their place.
    if (!isThere) return this.#giveUp(hash)
    const base = await this.#findBase(endpoint, number)
    if (sample > 1) return this.#checkStateless(base + 1, { number, hash })
    const baseHash = await fetchHash(endpoint, BigInt(base))
    const isFollowed = store.header(baseHash) !== undefined && number - base <= MAX_IMPORT
    const way = isFollowed ? 'executes them' : 'checks them from witnesses or proofs'
    log.info({ from: base + 1, to: number }, `the watchman catches up with blocks, and ${way}`)
    if (isFollowed) return this.#import(endpoint, { number: base, hash: baseHash }, number)
    return this.#checkStateless(base + 1, { number, hash })
  }

  /** The hash of the main client's block with this number, if it has one. */
  async #hashAt(endpoint: Endpoint, number: number): Promise<Hex | undefined> {
    const id = bigIntToHex(BigInt(number))
    return hashIn(fieldsOf(await endpoint.call('eth_getBlockByNumber', id, false)).hash)
  }

  async #numberOf(endpoint: Endpoint, hash: Hex): Promise<number | undefined> {
    const known = this.#opts.store.header(hash)?.number
    if (known !== undefined) return Number(known)
    return numberIn(fieldsOf(await endpoint.call('eth_getBlockByHash', hash, false)).number)
  }

  /** The number of the last block below a head that needs no check. */
  async #findBase(endpoint: Endpoint, head: number): Promise<number> {
    const { memory, store, sample, isStateless, config, log } = this.#opts
    if (memory.checked) {
      const { number } = memory.checked
      let base = Math.min(number, head - 1)
      if (sample > 1) return base
      const least = Math.max(0, base - MAX_REORG)
      for (; base > least; base--) {
        const hash = await this.#hashAt(endpoint, base)
        if (hash && memory.isChecked(hash)) break
      }
      return base
    }
    if (isStateless) {
      const id = numberIn(await endpoint.call('eth_chainId'))
      if (id !== config.chainId) {
        throw new EndpointError(`the main client has chain id ${id}, not ${config.chainId}`)
      }
    } else {
      const genesis = await fetchHash(endpoint, 0n)
      const own = store.getCanonicalHash(0)
      if (genesis !== own) {
        throw new EndpointError(`the main client has genesis block ${genesis}, not ${own}`)
      }
      if (sample === 1 && head <= MAX_IMPORT) return 0
    }
    log.info({ block: head }, 'the watchman begins here: blocks before this are not checked')
    return head - 1
  }

  /** Executes the blocks after one that is here, as the main client gives them. */
  async #import(endpoint: Endpoint, base: BlockRef, last: number) {
    const { engine, memory, alarms, store } = this.#opts
    let previous = base
    for (let number = base.number + 1; number <= last && !this.#isClosed; number++) {
      const fetched = await this.#fetch(endpoint, number)
      if (!fetched) return
      const { header, hash, raw } = fetched
      // It was replaced meanwhile.
      if (bytesToHex(header.parentHash) !== previous.hash) return
      const block = { number, hash }
      const payload = payloadOfBlock({ header, transactions: raw, receipts: [] })
      const beaconRoot = header.parentBeaconBlockRoot && bytesToHex(header.parentBeaconBlockRoot)
      const version = versionOf(header)
      const params = paramsOf(version, payload, beaconRoot)
      const method = `engine_newPayloadV${version}`
      const result = await engine[method](...params)
      const { status, validationError } = fieldsOf(result)
      if (status === 'VALID') this.#setChecked(block, await this.#compare(block))
      else if (status === 'INVALID') {
        memory.reject(hash)
        const parent = store.find(previous.hash)!
        const attributes = { ...attributesOfHeader(header), transactions: raw }
        alarms.raise({
          kind: 'status',
          key: hash,
          block,
          summary: `block ${number} ${hash}: the main client has it, INVALID here: ${validationError}`,
          method,
          params,
          answers: { own: { result } },
          claim: { verdict: 'VALID', header: { ...headerToJSON(header), hash } },
          gather: () => recordEvidence(store, parent, attributes),
          disputed: {
            version,
            params,
            invalid: `${validationError}`,
            description: `Block ${number}, which one client has and another refuses`,
          },
        })
        return this.#setChecked(block, false)
      } else throw new Error(`block ${number} ${hash} is ${status} here`)
      previous = block
      if (number % HEAD_INTERVAL === 0 || number === last) await this.#moveHead(hash)
    }
  }

  /** A block whose parts fit together; if they do not, an alarm rings. */
  async #fetch(endpoint: Endpoint, number: number): Promise<FetchedBlock | undefined> {
    try {
      return await fetchBlock(endpoint, this.#opts.store.chain, BigInt(number))
    } catch (error) {
      if (!(error instanceof MismatchError)) throw error
      await this.#reportMismatch(endpoint, number, error.message)
      return undefined
    }
  }

  async #reportMismatch(endpoint: Endpoint, number: number, reason: string) {
    const hash = await fetchHash(endpoint, BigInt(number))
    const block = { number, hash }
    this.#opts.alarms.raise({
      kind: 'block',
      key: hash,
      block,
      summary: `block ${number} ${hash}: ${reason}`,
      claim: { verdict: 'VALID', ...(await fetchClaim(endpoint, hash)) },
      gather: () => fetchEvidence(endpoint, this.#opts.store.chain, number),
    })
    this.#setChecked(block, false)
  }

  async #moveHead(hash: Hex) {
    const zero = `0x${'00'.repeat(32)}`
    const state = { headBlockHash: hash, safeBlockHash: zero, finalizedBlockHash: zero }
    await this.#opts.engine.engine_forkchoiceUpdatedV3(state, null)
  }

  /** Checks blocks by themselves, on all cores, in order. */
  async #checkStateless(first: number, { number: last, hash: lastHash }: BlockRef) {
    const { sample, eth, config } = this.#opts
    const numbers: number[] = []
    for (let number = first; number <= last; number++) {
      if (number % sample === 0) numbers.push(number)
    }
    const maxThreads = availableParallelism()
    const filename = new URL('../verify/worker.js', import.meta.url).href
    this.#pool ??= new Tinypool({ filename, minThreads: 1, maxThreads })
    const running: Promise<TaskOutcome>[] = []
    for (let index = 0; index < numbers.length && !this.#isClosed; index++) {
      while (running.length < Math.min(numbers.length, index + 2 * maxThreads)) {
        const task: Task = {
          urls: [eth!],
          options: PATIENCE,
          config,
          number: numbers[running.length],
        }
        running.push(this.#pool.run(task))
      }
      if (!(await this.#take(await running[index]))) return
    }
    if (!this.#isClosed && sample > 1) this.#setChecked({ number: last, hash: lastHash }, false)
  }

  /** @returns whether the next block follows this one */
  async #take({ number, verdict, block, error }: TaskOutcome): Promise<boolean> {
    const { endpoint, memory, sample } = this.#opts
    if (verdict === 'unknown') throw new EndpointError(`block ${number}: ${error}`)
    if (verdict === 'mismatch') {
      await this.#reportMismatch(endpoint!, number, error ?? 'it does not fit')
      return true
    }
    const { hash, parentHash } = block!
    const { checked } = memory
    const isLinked = checked?.number !== number - 1 || checked.hash === parentHash
    // The one before was replaced after it was checked.
    if (!isLinked && sample === 1) return false
    this.#setChecked({ number, hash }, true)
    return true
  }
}
