import { keccak_256 } from '@noble/hashes/sha3.js'
import { Address, State, createChain, createEngine } from 'ethereumjs-op'
import {
  type BlockchainBackend,
  createBackend,
  encode,
  headerToJSON,
} from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'
import { bytesToHex, utf8ToBytes } from 'ethereumjs-op/ethereumjs'
import { forkchoiceTo } from '../run.ts'
import type { ForkchoiceCall, NewPayload, Vector, VectorAccount } from '../vector.ts'
import { type Pre, SENDERS, SEQUENCER_FEE_VAULT, bytes, createPre } from './accounts.ts'
import { type Fork, type ForkTimes, configAt, isFrom, networkName, versionsOf } from './forks.ts'
import { type Payload, hashPayload } from './payloadHash.ts'
import {
  type L1Attributes,
  type SignedFields,
  l1AttributesDeposit,
  signed,
} from './transactions.ts'

/** How a chain starts. */
export interface ChainFields {
  /** Active at the genesis. */
  fork: Fork
  /** Later forks. */
  times?: ForkTimes
  /** Accounts beside those of every chain, or in their place. */
  pre?: Pre
  /** Fields of the genesis file in place of the usual ones. */
  genesis?: Record<string, unknown>
  /** Parts of `config.optimism`. */
  optimism?: Record<string, number>
  /** What blocks say of L1, unless they say otherwise. */
  l1?: Partial<L1Attributes>
  /** A genesis of its own, which a vector needs that sets safe or finalized blocks. */
  isAlone?: boolean
}

/** What a block is made of. */
export interface BlockFields {
  /** After the L1 attributes deposit, as hex; objects are signed with the next nonce. */
  transactions?: (string | SignedFields)[]
  /** False where the block has no L1 attributes deposit. */
  hasL1Attributes?: boolean
  l1?: Partial<L1Attributes>
  /** Seconds after the parent. */
  step?: number
  /** Attributes in place of the usual ones; undefined leaves one out. */
  attributes?: Record<string, unknown>
  /** Index of the payload that is the parent, -1 for the genesis; else the head. */
  parent?: number
}

/** What a case changes in a call of `engine_newPayload`. */
export interface Alterable {
  payload: Payload
  /** All parameters; the payload is the first. */
  params: unknown[]
}

/** How an altered payload is judged. */
export interface Judgement {
  /** Why it is INVALID. */
  error?: string
  /** The code with which the call fails. */
  errorCode?: number
  status?: 'SYNCING'
  /** The payload is VALID all the same. */
  isValid?: boolean
  /** False keeps the hash that the payload had before the change. */
  isRehashed?: boolean
  /** Of the method, in place of that of the fork. */
  newPayloadVersion?: string
}

/** What a call of `engine_forkchoiceUpdated` should give. */
export type ForkchoiceExpectation = Pick<ForkchoiceCall, 'status' | 'errorCode'>

type Methods = Record<string, (...params: unknown[]) => Promise<unknown>>

/** A block that others can follow. */
interface Place {
  hash: string
  number: bigint
  timestamp: number
  fork: Fork
  stateRoot: string
  /** Next nonces of the senders. */
  nonces: bigint[]
}

const GENESIS_TIME = 1000
const customCrypto = await createCrypto()

/** A case does not do what it says. */
export class FillError extends Error {
  override name = 'FillError'
}

/** A number of 32 bytes that is different for every text. */
const randomOf = (text: string) => bytesToHex(keccak_256(utf8ToBytes(text)))

/** `extraData` of a genesis block. */
function extraDataOf(fork: Fork): string {
  if (isFrom(fork, 'jovian')) return '0x01000000fa000000060000000000000000'
  return isFrom(fork, 'holocene') ? '0x00000000fa00000006' : '0x'
}

/**
 * Makes a vector: a chain, on which blocks are built by this project's engine and recorded, with calls
 * that must be refused.
 */
export class VectorChain {
  readonly #name: string
  readonly #fields: ChainFields
  readonly #pre: Record<string, VectorAccount>
  readonly #backend: BlockchainBackend
  readonly #engine: Methods
  readonly #config: ReturnType<typeof configAt>
  readonly #header: Record<string, unknown>
  readonly #payloads: NewPayload[] = []
  readonly #forkchoices: ForkchoiceCall[] = []
  /** The genesis, and after it the blocks by the index of their payload. */
  readonly #places = new Map<number, Place>()
  #head: Place

  private constructor(
    name: string,
    fields: ChainFields,
    pre: Record<string, VectorAccount>,
    config: ReturnType<typeof configAt>,
    backend: BlockchainBackend,
    header: Record<string, unknown>,
  ) {
    this.#name = name
    this.#fields = fields
    this.#pre = pre
    this.#config = config
    this.#backend = backend
    this.#engine = createEngine(backend) as unknown as Methods
    this.#header = header
    const { hash, stateRoot } = header as Record<string, string>
    const timestamp = Number(header.timestamp)
    const nonces = SENDERS.map((sender) => BigInt(pre[sender].nonce))
    this.#head = { hash, number: 0n, timestamp, fork: fields.fork, stateRoot, nonces }
    this.#places.set(-1, this.#head)
  }

  /** @param name - makes the blocks of this vector different from those of every other */
  static async create(name: string, fields: ChainFields): Promise<VectorChain> {
    const { fork, times } = fields
    const config = configAt(fork, times)
    Object.assign(config.optimism, fields.optimism)
    const pre = createPre(fork, fields.pre)
    const zero = `0x${'00'.repeat(32)}`
    const genesis = {
      config,
      nonce: '0x0',
      timestamp: `0x${GENESIS_TIME.toString(16)}`,
      extraData: extraDataOf(fork),
      gasLimit: '0x1c9c380',
      difficulty: '0x0',
      // So that chains of different rules have different genesis blocks.
      mixHash: randomOf(fields.isAlone ? name : JSON.stringify(config)),
      coinbase: SEQUENCER_FEE_VAULT,
      number: '0x0',
      gasUsed: '0x0',
      parentHash: zero,
      baseFeePerGas: '0x3b9aca00',
      ...(isFrom(fork, 'ecotone') && { blobGasUsed: '0x0', excessBlobGas: '0x0' }),
      ...fields.genesis,
      alloc: pre,
    }
    const backend = await createBackend({ genesis, customCrypto })
    const { head } = await backend.getForkchoice()
    const block = (await backend.getBlock(head))!
    const { miner, sha3Uncles, transactionsRoot, receiptsRoot, logsBloom, ...rest } = headerToJSON(
      block.header,
    )
    const header = {
      ...rest,
      coinbase: miner,
      uncleHash: sha3Uncles,
      transactionsTrie: transactionsRoot,
      receiptTrie: receiptsRoot,
      bloom: logsBloom,
    }
    return new VectorChain(name, fields, pre, config, backend, header)
  }

  /** The fork of a block at this time. */
  forkAt(timestamp: number): Fork {
    const chain = createChain(this.#config)
    return chain.rules({ number: 1n, timestamp: BigInt(timestamp) }).fork
  }

  /** Hash of the head, on which the next block is built. */
  get head(): string {
    return this.#head.hash
  }

  /** Seconds of the head. */
  get timestamp(): number {
    return this.#head.timestamp
  }

  /** The attributes of the next block. */
  attributes(fields: BlockFields = {}): { attributes: Record<string, unknown>; fork: Fork } {
    const parent = this.#parentOf(fields)
    const timestamp = parent.timestamp + (fields.step ?? 2)
    const fork = this.forkAt(timestamp)
    // op-node tells of L1 in the old form in the first block of a fork.
    const l1 = { ...this.#fields.l1, ...fields.l1 }
    const first = fields.hasL1Attributes === false ? [] : [l1AttributesDeposit(parent.fork, l1)]
    const attributes: Record<string, unknown> = {
      timestamp: `0x${timestamp.toString(16)}`,
      prevRandao: randomOf(`${this.#name} ${this.#payloads.length}`),
      suggestedFeeRecipient: SEQUENCER_FEE_VAULT,
      transactions: [...first, ...this.#sign(parent, fields.transactions ?? [])],
      noTxPool: true,
      gasLimit: this.#header.gasLimit,
    }
    if (isFrom(fork, 'canyon')) attributes.withdrawals = []
    if (isFrom(fork, 'ecotone')) attributes.parentBeaconBlockRoot = `0x${'0b'.repeat(32)}`
    if (isFrom(fork, 'holocene')) attributes.eip1559Params = '0x0000000000000000'
    if (isFrom(fork, 'jovian')) attributes.minBaseFee = 0
    Object.assign(attributes, fields.attributes)
    for (const [name, value] of Object.entries(attributes)) {
      if (value === undefined) delete attributes[name]
    }
    return { attributes, fork }
  }

  /**
   * Builds a block, records that it is valid, and goes on from it.
   *
   * @returns its payload
   * @throws {FillError} if the block cannot be built
   */
  async block(fields: BlockFields = {}): Promise<Payload> {
    const { call, payload, place } = await this.#build(fields)
    await this.#expect(call, 'VALID')
    const update = `engine_forkchoiceUpdatedV${call.forkchoiceUpdatedVersion}`
    await this.#call(update, forkchoiceTo(place.hash), null)
    this.#places.set(this.#payloads.length, place)
    this.#payloads.push(call)
    this.#head = place
    return payload
  }

  /** Builds a block, changes its payload, and records how it is judged. The head stays. */
  async altered(
    judgement: Judgement,
    fields: BlockFields,
    change: (call: Alterable) => void = () => {},
  ): Promise<void> {
    const { call: built } = await this.#build(fields)
    const { payloadAttributes, getPayloadVersion, ...call } = structuredClone(built)
    const [payload, , beaconRoot] = call.params as [Payload, unknown, unknown]
    const before = payload.blockHash
    change({ payload, params: call.params })
    if (judgement.isRehashed !== false && payload.blockHash === before) {
      payload.blockHash = await hashPayload(payload, call.params[2] ?? beaconRoot)
    }
    call.newPayloadVersion = judgement.newPayloadVersion ?? call.newPayloadVersion
    await this.#record(call, judgement)
  }

  /**
   * Records that a payload with these transactions is refused, and that nothing is built of them. It
   * claims what an empty block has, since nothing else can be computed.
   */
  async invalid(error: string, fields: BlockFields): Promise<void> {
    const { attributes } = this.attributes(fields)
    const transactions = attributes.transactions as string[]
    const only = { ...fields, transactions: [] }
    await this.altered({ error }, only, ({ payload }) => {
      payload.transactions = transactions
    })
    await this.refused(-38003, fields)
  }

  /** Records that nothing is built of these attributes. */
  async refused(errorCode: number, fields: BlockFields, version?: string): Promise<void> {
    const { attributes, fork } = this.attributes(fields)
    await this.forkchoice({ errorCode }, forkchoiceTo(this.#parentOf(fields).hash), attributes, {
      version: version ?? versionsOf(fork).forkchoiceUpdated,
    })
  }

  /** Records a call of `engine_forkchoiceUpdated`. @returns the payload id, if there is one */
  async forkchoice(
    expectation: ForkchoiceExpectation,
    state: Record<string, unknown>,
    attributes: Record<string, unknown> | null = null,
    { version = versionsOf(this.#head.fork).forkchoiceUpdated } = {},
  ): Promise<string | undefined> {
    const call: ForkchoiceCall = {
      after: this.#payloads.length,
      forkchoiceUpdatedVersion: version,
      params: [{ headBlockHash: undefined, ...state }, attributes],
      ...expectation,
    }
    const where = `forkchoice ${this.#forkchoices.length}`
    const answer = await this.#attempt(`engine_forkchoiceUpdatedV${version}`, ...call.params)
    this.#forkchoices.push(call)
    if (expectation.errorCode !== undefined) {
      this.#compare(where, answer.code ?? answer.result, expectation.errorCode)
      return undefined
    }
    const updated = answer.result as { payloadStatus: { status: string }; payloadId: string | null }
    this.#compare(where, updated?.payloadStatus.status ?? answer.message, expectation.status)
    return updated.payloadId ?? undefined
  }

  /** Records a call that builds, with the payload id and the hash of what is built. */
  async built(fields: BlockFields = {}): Promise<void> {
    const { attributes, fork } = this.attributes(fields)
    const versions = versionsOf(fork)
    const state = forkchoiceTo(this.#parentOf(fields).hash)
    const id = await this.forkchoice({ status: 'VALID' }, state, attributes, {
      version: versions.forkchoiceUpdated,
    })
    const call = this.#forkchoices[this.#forkchoices.length - 1]
    const payload = await this.#fetch(versions.getPayload, id!)
    call.payloadId = id
    call.getPayloadVersion = versions.getPayload
    call.blockHash = payload.blockHash
  }

  /** The vector. */
  finish(info: { description: string; rules: string[]; disputed?: string }): Vector {
    const vector: Vector = {
      _info: { ...info, witnesses: {} },
      network: networkName(this.#fields.fork, this.#fields.times),
      config: this.#config,
      genesisBlockHeader: this.#header as Vector['genesisBlockHeader'],
      pre: this.#pre,
      engineNewPayloads: this.#payloads,
      lastblockhash: this.#head.hash,
      postStateHash: this.#head.stateRoot,
    }
    if (this.#forkchoices.length > 0) vector.engineForkchoiceUpdates = this.#forkchoices
    return vector
  }

  #parentOf({ parent }: BlockFields): Place {
    if (parent === undefined) return this.#head
    const place = this.#places.get(parent)
    if (!place) throw new FillError(`${this.#name}: payload ${parent} is no block to build on`)
    return place
  }

  /** Signs what is not signed, with the nonces that follow. */
  #sign(parent: Place, transactions: (string | SignedFields)[]): string[] {
    const nonces = [...parent.nonces]
    return transactions.map((tx) => {
      if (typeof tx === 'string') return tx
      const sender = tx.sender ?? 0
      const nonce = tx.nonce ?? nonces[sender]++
      return signed({ ...tx, nonce } as SignedFields)
    })
  }

  /** What the senders' nonces are after a block. */
  async #noncesAfter(stateRoot: string): Promise<bigint[]> {
    const { chain, nodes } = this.#backend
    const state = new State(chain.common, nodes, bytes(stateRoot))
    const nonces: bigint[] = []
    for (const sender of SENDERS) {
      const account = await state.getAccount(new Address(bytes(sender)))
      nonces.push(account?.nonce ?? 0n)
    }
    return nonces
  }

  /** Builds a block that is not recorded. */
  async #build(fields: BlockFields) {
    const parent = this.#parentOf(fields)
    const { attributes, fork } = this.attributes(fields)
    const versions = versionsOf(fork)
    const update = `engine_forkchoiceUpdatedV${versions.forkchoiceUpdated}`
    const updated = await this.#call(update, forkchoiceTo(parent.hash), attributes)
    const { payloadId } = updated as { payloadId: string }
    const payload = await this.#fetch(versions.getPayload, payloadId)
    const params: unknown[] = [payload]
    if (isFrom(fork, 'ecotone')) params.push([], attributes.parentBeaconBlockRoot)
    if (isFrom(fork, 'isthmus')) params.push([])
    const call: NewPayload = {
      newPayloadVersion: versions.newPayload,
      forkchoiceUpdatedVersion: versions.forkchoiceUpdated,
      params,
      payloadAttributes: attributes,
      getPayloadVersion: versions.getPayload,
    }
    const stateRoot = payload.stateRoot as string
    const place: Place = {
      hash: payload.blockHash,
      number: parent.number + 1n,
      timestamp: Number(payload.timestamp),
      fork,
      stateRoot,
      nonces: await this.#noncesAfter(stateRoot),
    }
    return { call, payload, place }
  }

  async #fetch(version: string, id: string): Promise<Payload> {
    const envelope = await this.#call(`engine_getPayloadV${version}`, id)
    return (envelope as { executionPayload: Payload }).executionPayload
  }

  /** Calls the engine. @throws {FillError} if that fails */
  async #call(method: string, ...params: unknown[]): Promise<unknown> {
    const { result, message } = await this.#attempt(method, ...params)
    if (result === undefined) throw new FillError(`${this.#name}: ${method}: ${message}`)
    return result
  }

  async #attempt(method: string, ...params: unknown[]) {
    try {
      return { result: encode(await this.#engine[method](...structuredClone(params))) }
    } catch (error) {
      const { code, message } = error as { code?: number; message: string }
      return { code, message }
    }
  }

  /** Records a payload, and checks that it is judged so. */
  async #record(call: NewPayload, { error, errorCode, status, isValid }: Judgement) {
    if (error) call.validationError = error
    if (errorCode !== undefined) call.errorCode = errorCode
    if (status) call.status = status
    const isOne = [error, errorCode, status, isValid].filter((given) => given).length === 1
    if (!isOne) throw new FillError(`${this.#name}: a judgement is one of four`)
    await this.#expect(call, errorCode ?? status ?? (error ? 'INVALID' : 'VALID'))
    this.#payloads.push(call)
  }

  /** Checks how this project's engine judges a payload, and records the latest valid hash. */
  async #expect(call: NewPayload, expected: string | number) {
    const method = `engine_newPayloadV${call.newPayloadVersion}`
    const { result, code, message } = await this.#attempt(method, ...call.params)
    const where = `payload ${this.#payloads.length}`
    if (code !== undefined) return this.#compare(`${where} (${message})`, code, expected)
    const { status, validationError } = result as { status: string; validationError: string | null }
    this.#compare(`${where} (${validationError})`, status, expected)
  }

  #compare(where: string, actual: unknown, expected: unknown) {
    if (actual === expected) return
    const text = `is ${JSON.stringify(actual)} but should be ${JSON.stringify(expected)}`
    throw new FillError(`${this.#name}: ${where} ${text}`)
  }
}
