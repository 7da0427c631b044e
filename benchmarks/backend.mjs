/**
 * What it costs to keep blocks: the backend over EthereumJS's Blockchain in memory, on lmdb and on
 * LevelDB, and the node's own tables on lmdb. Each row in a process of its own. `CLOCK=cpu` measures
 * processor time, `BENCH_DIR` is where the databases are.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Common, Hardfork, Mainnet } from '@ethereumjs/common'
import { createFeeMarket1559Tx } from '@ethereumjs/tx'
import {
  Address,
  bigIntToBytes,
  bytesToHex,
  concatBytes,
  createAddressFromString,
  hexToBytes,
  setLengthLeft,
} from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { ClassicLevel } from 'classic-level'
import { createEngine, encodeDeposit, sourceHash } from 'ethereumjs-op'
import { createBackend } from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'
import { open } from 'lmdb'
import { createStore } from '../node/dist/store/store.js'
import { median, now } from './common.mjs'

/** How many blocks of how many transfers. */
const WORKLOADS = [
  { blocks: 400, transfers: 0 },
  { blocks: 60, transfers: 100 },
]
const ROUNDS = 3

const genesis = JSON.parse(readFileSync(new URL('../examples/genesis.json', import.meta.url)))
const customCrypto = await createCrypto()

const toBytes = (key) => (typeof key === 'string' ? Buffer.from(key) : key)

/** A database of EthereumJS on lmdb. */
class LmdbDB {
  #root
  #isWaiting

  /** @param isWaiting - true to let lmdb's own thread write, which groups what comes together */
  constructor(path, isWaiting = false) {
    this.#root = open({ path, compression: true, encoding: 'binary', keyEncoding: 'binary' })
    this.#isWaiting = isWaiting
  }

  async get(key, { valueEncoding } = {}) {
    const value = this.#root.get(toBytes(key))
    return value && valueEncoding === 'json' ? JSON.parse(value.toString()) : value
  }

  async batch(ops) {
    const write = () => {
      for (const { type, key, value, opts } of ops) {
        if (type === 'del') this.#root.removeSync(toBytes(key))
        else {
          const text = opts?.valueEncoding === 'json' ? Buffer.from(JSON.stringify(value)) : value
          this.#root.putSync(toBytes(key), text)
        }
      }
    }
    if (this.#isWaiting) await this.#root.transaction(write)
    else this.#root.transactionSync(write)
  }

  put = (key, value, opts) => this.batch([{ type: 'put', key, value, opts }])
  del = (key, opts) => this.batch([{ type: 'del', key, opts }])
  shallowCopy = () => this
  open = async () => {}
  close = () => this.#root.close()
}

/** A database of EthereumJS on LevelDB. */
class LevelDB {
  #level

  constructor(path) {
    this.#level = new ClassicLevel(path)
  }

  static encodings = ({ keyEncoding = 'utf8', valueEncoding = 'utf8' } = {}) => ({
    keyEncoding: keyEncoding === 'string' ? 'utf8' : keyEncoding,
    valueEncoding: valueEncoding === 'string' ? 'utf8' : valueEncoding,
  })

  get = (key, opts) => this.#level.get(key, LevelDB.encodings(opts))
  put = (key, value, opts) => this.#level.put(key, value, LevelDB.encodings(opts))
  del = (key, opts) => this.#level.del(key, LevelDB.encodings(opts))
  batch = (ops) =>
    this.#level.batch(ops.map(({ opts, ...op }) => ({ ...op, ...LevelDB.encodings(opts) })))
  shallowCopy = () => this
  open = () => this.#level.open()
  close = () => this.#level.close()
}

async function createOn(db) {
  const backend = await createBackend({ genesis, db, customCrypto })
  return { ...backend, close: () => db?.close() }
}

/** The backends by name, each in a folder. */
const BACKENDS = {
  'Blockchain in memory': () => createOn(undefined),
  'Blockchain on lmdb': (folder) => createOn(new LmdbDB(join(folder, 'chain.mdb'))),
  'Blockchain on lmdb, waiting': (folder) => createOn(new LmdbDB(join(folder, 'chain.mdb'), true)),
  'Blockchain on LevelDB': (folder) => createOn(new LevelDB(folder)),
  "the node's tables on lmdb": (folder) => createStore({ genesis, datadir: folder }),
}

const uint = (value, width) => setLengthLeft(bigIntToBytes(BigInt(value)), width)
const imagine = (what, number) => keccak_256(new TextEncoder().encode(`${what} ${number}`))

/** The L1 attributes deposit, in the format of Jovian. */
function l1Attributes(number) {
  const scalars = concatBytes(uint(5227, 4), uint(1_014_213, 4))
  const prices = concatBytes(uint(10n ** 9n + BigInt(number) * 10n ** 6n, 32), uint(1, 32))
  const place = concatBytes(uint(0, 8), uint(12 * number, 8), uint(number, 8))
  const hash = imagine('L1 block', number)
  const rest = concatBytes(uint(0, 32 + 4 + 8), uint(400, 2))
  return encodeDeposit({
    sourceHash: sourceHash(1, concatBytes(hash, uint(0, 32))),
    from: createAddressFromString('0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001'),
    to: createAddressFromString('0x4200000000000000000000000000000000000015'),
    mint: 0n,
    value: 0n,
    gas: 1_000_000n,
    isSystemTx: false,
    data: concatBytes(hexToBytes('0x3db6be2b'), scalars, place, prices, hash, rest),
  })
}

const KEY = hexToBytes('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const common = new Common({
  chain: { ...Mainnet, chainId: 901 },
  hardfork: Hardfork.Cancun,
  customCrypto,
})

/** A transfer to an account that did not exist. */
const transfer = (nonce) =>
  createFeeMarket1559Tx(
    {
      chainId: 901,
      nonce,
      to: new Address(imagine('account', nonce).subarray(12)),
      value: 1n,
      gasLimit: 21_000n,
      maxFeePerGas: 10n ** 11n,
      maxPriorityFeePerGas: 1n,
    },
    { common },
  )
    .sign(KEY)
    .serialize()

const forkchoice = (hash) => ({
  headBlockHash: hash,
  safeBlockHash: hash,
  finalizedBlockHash: hash,
})

/** Builds blocks in memory. @returns their payloads, and what a backend is told to keep */
async function prepare({ blocks, transfers }) {
  const backend = await createBackend({ genesis, customCrypto })
  const kept = []
  const recording = {
    ...backend,
    putBlock: (block, nodes) => {
      kept.push({ block, nodes })
      return backend.putBlock(block, nodes)
    },
  }
  const engine = createEngine(recording)
  const payloads = []
  let head = await backend.getCanonicalHash(0n)
  for (let number = 1; number <= blocks; number++) {
    const nonces = Array.from({ length: transfers }, (_, i) => (number - 1) * transfers + i)
    const transactions = [l1Attributes(number), ...nonces.map(transfer)].map((tx) => bytesToHex(tx))
    const attributes = {
      timestamp: `0x${(Number(genesis.timestamp) + 2 * number).toString(16)}`,
      prevRandao: bytesToHex(imagine('randao', number)),
      suggestedFeeRecipient: '0x4200000000000000000000000000000000000011',
      withdrawals: [],
      parentBeaconBlockRoot: bytesToHex(imagine('beacon', number)),
      transactions,
      noTxPool: true,
      gasLimit: genesis.gasLimit,
      eip1559Params: '0x0000000000000000',
      minBaseFee: '0x0',
    }
    const { payloadId } = await engine.engine_forkchoiceUpdatedV3(forkchoice(head), attributes)
    const envelope = await engine.engine_getPayloadV5(payloadId)
    head = envelope.executionPayload.blockHash
    payloads.push(envelope)
  }
  return { kept, payloads }
}

/** Bytes of all files in a folder, as allocated. */
const bytesOf = (folder) =>
  readdirSync(folder, { recursive: true })
    .map((name) => statSync(join(folder, String(name))))
    .reduce((bytes, stat) => bytes + (stat.isFile() ? stat.blocks * 512 : 0), 0)

/** Runs something on a new backend. @returns what it gives, and the bytes on disk */
async function withBackend(name, run) {
  const folder = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'backend-'))
  const backend = await BACKENDS[name](folder)
  const result = await run(backend)
  await backend.close()
  const bytes = bytesOf(folder)
  rmSync(folder, { recursive: true })
  return { ...result, bytes }
}

/** Only keeps blocks that were executed before. */
const keep = (kept) => async (backend) => {
  let put = 0
  let set = 0
  for (const { block, nodes } of kept) {
    const start = now()
    await backend.putBlock(block, nodes)
    const middle = now()
    const hash = bytesToHex(block.header.hash())
    const update = { head: hash, safe: hash, finalized: hash, added: [block.header] }
    await backend.setForkchoice(update)
    put += middle - start
    set += now() - middle
  }
  return { put: put / kept.length, set: set / kept.length }
}

/** Imports payloads by the engine. */
const importAll = (payloads) => async (backend) => {
  const engine = createEngine(backend)
  const start = now()
  for (const { executionPayload, parentBeaconBlockRoot } of payloads) {
    await engine.engine_newPayloadV4(executionPayload, [], parentBeaconBlockRoot, [])
    await engine.engine_forkchoiceUpdatedV3(forkchoice(executionPayload.blockHash))
  }
  return { imported: (now() - start) / payloads.length }
}

const [, script, name] = process.argv
if (!name) {
  for (const backend of Object.keys(BACKENDS)) {
    console.log(execFileSync(process.execPath, [script, backend], { encoding: 'utf8' }).trimEnd())
  }
} else {
  for (const workload of WORKLOADS) {
    const { kept, payloads } = await prepare(workload)
    const rounds = []
    for (let round = 0; round < ROUNDS; round++) {
      const kept_ = await withBackend(name, keep(kept))
      rounds.push({ ...kept_, ...(await withBackend(name, importAll(payloads))) })
    }
    const of = (field) => median(rounds.map((round) => round[field]))
    const ms = (field) => of(field).toFixed(3).padStart(7)
    const kb = (of('bytes') / workload.blocks / 1024).toFixed(1)
    console.log(
      `${name.padEnd(28)} ${`${workload.transfers}`.padStart(3)} transfers: put ${ms('put')} ms, ` +
        `set ${ms('set')} ms, newPayload+forkchoice ${ms('imported')} ms, ${kb} KiB a block`,
    )
  }
}
