/** Executes a block on a state that is collected from proofs, of an endpoint that nobody trusts. */
import { type Chain, StateError, State } from 'ethereumjs-op'
import {
  Account,
  type BlockHeader,
  type PrefixedHexString as Hex,
  bigIntToHex,
  bytesToBigInt,
  bytesToHex,
  bytesToUnprefixedHex,
  createAddressFromString,
  equalsBytes,
  hexToBytes,
  setLengthLeft,
} from 'ethereumjs-op/ethereumjs'
import type { Call, Endpoint } from './endpoint.ts'
import { EndpointError, MismatchError } from './errors.ts'
import { readBytes, readList, readObject, readQuantity } from './fields.ts'
import {
  IncompleteError,
  type Keys,
  type Missing,
  PartialState,
  addKeys,
  createMissing,
} from './partialState.ts'
import { type Sibling, findKeys, findSiblings, unmerge } from './siblings.ts'

/** Rounds of questions and execution for one block. */
const MAX_ROUNDS = 12

/** Slots that one call asks for. */
const SLOTS_PER_CALL = 256

/** What proofs are of. */
export interface ProofSource {
  endpoint: Endpoint
  chain: Chain
  /** The state after it is what the block begins with. */
  parent: BlockHeader
  /** Hears what is being done, in words. */
  report?(step: string): void
}

/** How much was asked. */
export interface ProofStats {
  rounds: number
  accounts: number
  slots: number
  codes: number
}

const emptyAccount = new Account()

/** Collects the state that a block needs. */
export class ProofCollector {
  /** Trie nodes and code by hash. */
  readonly nodes = new Map<string, Uint8Array>()
  readonly stats: ProofStats = { rounds: 0, accounts: 0, slots: 0, codes: 0 }
  readonly #source: ProofSource
  readonly #keccak: (bytes: Uint8Array) => Uint8Array

  constructor(source: ProofSource) {
    this.#source = source
    this.#keccak = source.chain.common.customCrypto.keccak256!
  }

  /**
   * Executes again and again, each time with more of the state, until nothing is missing.
   *
   * @param first - what is likely to be needed
   * @param execute - on a state which may be incomplete
   * @throws {EndpointError} if what is missing is not to be had
   * @throws {MismatchError} if a proof is none
   */
  async run<T>(first: Keys, execute: (state: State) => Promise<T>): Promise<T> {
    const { chain, parent } = this.#source
    let missing = createMissing(first)
    while (this.stats.rounds < MAX_ROUNDS) {
      this.stats.rounds++
      await this.#fetch(missing)
      const { rounds, accounts, slots, codes } = this.stats
      this.#source.report?.(`round ${rounds}: ${accounts} accounts, ${slots} slots, ${codes} codes`)
      const state = new PartialState(chain.common, this.nodes, parent.stateRoot)
      try {
        const outcome = await execute(state)
        if (!state.isIncomplete) return outcome
      } catch (error) {
        const isNode = error instanceof StateError && state.missing.hasNode
        if (!state.isIncomplete && !isNode) throw error
        if (error instanceof IncompleteError && !state.isIncomplete) throw error
      }
      missing = state.missing
      if (!state.isIncomplete) await this.#fetchSiblings(missing)
    }
    const { accounts, slots } = this.stats
    const what = `${accounts} accounts and ${slots} slots`
    throw new EndpointError(`after ${MAX_ROUNDS} rounds and ${what} the state is not complete`)
  }

  /** What a list of calls of `eth_createAccessList` finds; endpoints without it find nothing. */
  async guess(transactions: object[]): Promise<Keys> {
    const { endpoint, parent } = this.#source
    const tag = bigIntToHex(parent.number)
    const keys: Keys = new Map()
    const toCall = (tx: object) => ({ method: 'eth_createAccessList', params: [tx, tag] })
    const outcomes = await endpoint.attempt(transactions.map(toCall)).catch(() => [])
    for (const { result } of outcomes) {
      const { accessList } = Object(result) as { accessList?: unknown }
      if (!Array.isArray(accessList)) continue
      for (const item of accessList) {
        const { address, storageKeys } = readObject(item, 'an access list')
        const slots = readList(storageKeys, 'storageKeys').map((slot) =>
          readBytes(slot, 'a slot', 32),
        )
        addKeys(keys, readBytes(address, 'an address', 20).toLowerCase() as Hex, slots)
      }
    }
    return keys
  }

  /** Adds trie nodes or code from elsewhere; who asks for one asks by its hash. */
  add(values: Iterable<Hex>) {
    for (const value of values) {
      const bytes = hexToBytes(value)
      this.nodes.set(bytesToUnprefixedHex(this.#keccak(bytes)), bytes)
    }
  }

  /**
   * Has the endpoint prove that accounts do not exist.
   *
   * @returns those that do
   * @throws {EndpointError} if it gives no proofs
   * @throws {MismatchError} if a proof is none
   */
  async findExisting(addresses: Iterable<Hex>): Promise<Hex[]> {
    const keys: Keys = new Map()
    for (const address of addresses) addKeys(keys, address)
    await this.#fetchProofs(keys)
    const existing: Hex[] = []
    for (const address of keys.keys()) {
      if (await this.#findAccount(address)) existing.push(address)
    }
    return existing
  }

  async #fetch({ keys, codes }: Missing) {
    await this.#fetchProofs(keys)
    // An account whose proof shows code will most likely run it.
    const wanted = new Set(codes)
    for (const address of keys.keys()) {
      const { codeHash } = await this.#readAccount(address)
      const isKnown = this.nodes.has(bytesToUnprefixedHex(codeHash))
      if (!isKnown && !equalsBytes(codeHash, emptyAccount.codeHash)) wanted.add(address)
    }
    await this.#fetchCodes([...wanted])
  }

  #findAccount(address: Hex): Promise<Account | undefined> {
    const { chain, parent } = this.#source
    const state = new State(chain.common, this.nodes, parent.stateRoot)
    return state.getAccount(createAddressFromString(address))
  }

  async #readAccount(address: Hex): Promise<Account> {
    return (await this.#findAccount(address)) ?? emptyAccount
  }

  async #fetchProofs(keys: Keys) {
    const { endpoint, parent } = this.#source
    const calls: Call[] = []
    const asked: [address: Hex, slots: Hex[]][] = []
    const tag = bigIntToHex(parent.number)
    for (const [address, set] of keys) {
      const slots = [...set]
      for (let at = 0; at === 0 || at < slots.length; at += SLOTS_PER_CALL) {
        const part = slots.slice(at, at + SLOTS_PER_CALL)
        calls.push({ method: 'eth_getProof', params: [address, part, tag] })
        asked.push([address, part])
      }
    }
    const answers = await endpoint.batch(calls)
    for (const [index, [address, slots]] of asked.entries()) {
      const proof = readObject(answers[index], `a proof of ${address}`)
      this.#addProof(address, proof)
      await this.#checkProof(address, slots, proof)
      this.stats.accounts++
      this.stats.slots += slots.length
    }
  }

  #addNodes(proof: unknown, name: string) {
    for (const item of readList(proof, name)) {
      const node = hexToBytes(readBytes(item, `a node of ${name}`))
      this.nodes.set(bytesToUnprefixedHex(this.#keccak(node)), node)
    }
  }

  #addProof(address: Hex, { accountProof, storageProof }: Record<string, unknown>) {
    this.#addNodes(accountProof, `the proof of account ${address}`)
    for (const item of readList(storageProof, `the storage proof of ${address}`)) {
      const { proof } = readObject(item, `a storage proof of ${address}`)
      this.#addNodes(proof, `a storage proof of ${address}`)
    }
  }

  /** A proof leads from the state root to what the endpoint says it does. */
  async #checkProof(address: Hex, slots: Hex[], proof: Record<string, unknown>) {
    const { chain, parent } = this.#source
    const state = new State(chain.common, this.nodes, parent.stateRoot)
    const root = bytesToHex(parent.stateRoot)
    const what = `the proof of account ${address}`
    const broken = (error: unknown, name: string): never => {
      if (!(error instanceof StateError)) throw error
      throw new MismatchError(`${name} does not lead from state root ${root}: ${error.message}`)
    }
    const place = createAddressFromString(address)
    const found = await state.getAccount(place).catch((error) => broken(error, what))
    const account = found ?? emptyAccount
    const claims = { balance: account.balance, nonce: account.nonce }
    for (const [name, value] of Object.entries(claims)) {
      const claim = readQuantity(proof[name], `${name} of ${address}`)
      if (claim === value) continue
      throw new MismatchError(`${what} shows ${name} ${value}, but the endpoint says ${claim}`)
    }
    const values = readList(proof.storageProof, `the storage proof of ${address}`)
    for (const [index, slot] of slots.entries()) {
      const name = `slot ${slot} of ${address}`
      const proven = await state
        .getStorage(place, hexToBytes(slot))
        .catch((error) => broken(error, `the proof of ${name}`))
      const { value } = readObject(values[index], `a proof of ${name}`)
      const claim = readQuantity(value, `the value of ${name}`)
      const actual = bytesToBigInt(setLengthLeft(proven, 32))
      if (claim === actual) continue
      throw new MismatchError(
        `the proof of ${name} shows ${actual}, but the endpoint says ${claim}`,
      )
    }
  }

  async #fetchCodes(addresses: Hex[]) {
    const { endpoint, parent } = this.#source
    const tag = bigIntToHex(parent.number)
    const toCall = (address: Hex) => ({ method: 'eth_getCode', params: [address, tag] })
    const answers = await endpoint.batch(addresses.map(toCall))
    for (const [index, address] of addresses.entries()) {
      const code = hexToBytes(readBytes(answers[index], `code of ${address}`))
      const { codeHash } = await this.#readAccount(address)
      const hash = this.#keccak(code)
      if (!equalsBytes(hash, codeHash)) {
        const claimed = `${bytesToHex(hash)}, but its account has ${bytesToHex(codeHash)}`
        throw new MismatchError(`the code of ${address} hashes to ${claimed}`)
      }
      this.nodes.set(bytesToUnprefixedHex(hash), code)
      this.stats.codes++
    }
  }

  /**
   * Finds the nodes that stay alone where others are deleted: by keys below them, where such can be
   * found, else as parts of what they have become after the block.
   */
  async #fetchSiblings({ deleted }: Missing) {
    const { nodes } = this
    const { parent } = this.#source
    const before = nodes.size
    const hashes = [...deleted.accounts].map((address) => this.#hashKey(address))
    const accounts = findSiblings(nodes, parent.stateRoot, hashes)
    const keys: Keys = new Map()
    for (const key of this.#findKeys(accounts, 20)) addKeys(keys, key)
    const after: Keys = new Map()
    if (accounts.length > 0) for (const address of deleted.accounts) addKeys(after, address)
    for (const [address, slots] of deleted.slots) {
      const { storageRoot } = await this.#readAccount(address)
      const paths = [...slots].map((slot) => this.#hashKey(slot))
      const siblings = findSiblings(nodes, storageRoot, paths)
      addKeys(keys, address, this.#findKeys(siblings, 32))
      const isBeside = (path: string) =>
        siblings.some((one) => path.startsWith(one.path.slice(0, -1)))
      const beside = [...slots].filter((slot) => isBeside(this.#hashKey(slot)))
      if (beside.length > 0) addKeys(after, address, beside)
    }
    await this.#fetchProofs(keys)
    await this.#fetchAfter(after)
    if (nodes.size > before) return
    throw new EndpointError('no proof holds a node that is read where its sibling is deleted')
  }

  #hashKey(key: Hex): string {
    return bytesToUnprefixedHex(this.#keccak(hexToBytes(key)))
  }

  #findKeys(siblings: Sibling[], length: number): Hex[] {
    const paths = siblings.map(({ path }) => path)
    return findKeys(this.#keccak, paths, length).map((key) => bytesToHex(key))
  }

  /** Asks for proofs after the block, of keys that were deleted, and takes apart what was merged. */
  async #fetchAfter(keys: Keys) {
    const { endpoint, parent } = this.#source
    const tag = bigIntToHex(parent.number + 1n)
    const calls = [...keys].map(([address, slots]) => {
      return { method: 'eth_getProof', params: [address, [...slots], tag] }
    })
    for (const answer of await endpoint.batch(calls)) {
      const { accountProof, storageProof } = readObject(answer, 'a proof after the block')
      const proofs = readList(storageProof, 'a storage proof').map((item) => Object(item).proof)
      for (const item of [accountProof, ...proofs].flatMap((proof) => readList(proof, 'a proof'))) {
        for (const node of unmerge(hexToBytes(readBytes(item, 'a node after the block')))) {
          this.nodes.set(bytesToUnprefixedHex(this.#keccak(node)), node)
        }
      }
    }
  }
}
