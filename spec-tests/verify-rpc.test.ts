/** `verify --rpc` against a real node, straight and through a proxy that lies about one thing at a time. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { spawn } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RLP } from '@ethereumjs/rlp'
import { bytesToHex } from '@ethereumjs/util'
import t from 'tap'
import { headerFromJSON } from '../blockchain/index.ts'
import { redact } from '../node/dist/verify/endpoint.js'
import type { StateSource } from '../node/dist/verify/rpcBlock.js'
import runTask from '../node/dist/verify/worker.js'
import { within } from '../node/dist/within.js'
import { createChain } from '../src/index.ts'
import type { JSONValue } from './helpers.ts'
import {
  type Head,
  type Hex,
  type JSONObject,
  createDriver,
  genesisAt,
  ACCOUNTS,
  genesisHead,
  hashOf,
  spawnNode,
  toAddress,
  transfer,
  userDeposit,
} from './node-helpers.ts'

/** Stores the word at 32 in the slot at 0, and logs it. */
const STORE: Hex = '0x00000000000000000000000000000000000000b1'
/** Stores the hash of the block whose number is its data in slot 0. */
const BLOCKHASH: Hex = '0x00000000000000000000000000000000000000b2'

const genesis = genesisAt('karst')
genesis.alloc = {
  ...genesis.alloc,
  [STORE]: { balance: '0x0', code: '0x60203560003555602060206000a000' },
  [BLOCKHASH]: { balance: '0x0', code: '0x6000354060005500' },
}
const word = (value: number) => value.toString(16).padStart(64, '0')
const store = (nonce: number, slot: number, value: number) =>
  transfer(0, nonce, {
    to: STORE,
    data: `0x${word(slot)}${word(value)}`,
    value: 0n,
    gasLimit: 200_000n,
  })

const driver = createDriver(genesis)
const node = await spawnNode(genesis)
const heads: Head[] = [await genesisHead(node)]

async function extend(transactions: Hex[], target = node, from = heads): Promise<void> {
  const { executionPayload } = await driver.extend(target, from[from.length - 1], transactions)
  from.push(executionPayload)
}

const many = Array.from({ length: 24 }, (_, slot) => store(slot, slot, 1))
await extend(many)
// Deletions, whose siblings no proof of a read key holds.
await extend(Array.from({ length: 20 }, (_, slot) => store(24 + slot, slot, 0)))
await extend([userDeposit(0), transfer(1, 0)])
const three = { to: BLOCKHASH, data: `0x${word(1)}` as Hex, value: 0n, gasLimit: 100_000n }
await extend([transfer(1, 1, three)])
// To accounts that do not exist, before and after.
const nowhere = (index: number) =>
  transfer(2, index, { to: toAddress(0xcc01 + index) as Hex, value: 0n })
await extend(Array.from({ length: 8 }, (_, index) => nowhere(index)))
const LAST = heads.length - 1

/** An error in the place of a result, with a status of HTTP other than 200 as text. */
class Refusal {
  readonly code: number
  readonly message: string
  readonly status: number
  constructor(code: number, message: string, status = 200) {
    this.code = code
    this.message = message
    this.status = status
  }
}

/** What a proxy does with an answer. */
type Alter = (
  method: string,
  result: JSONValue,
  params: JSONValue[],
) => JSONValue | Promise<JSONValue>

/** A proxy before the node. @returns its URL */
async function openProxy(
  test: Pick<typeof t, 'teardown'>,
  alter: Alter,
  answer?: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>,
  target = node.url,
): Promise<string> {
  const server = createServer(async (request, response) => {
    if (await answer?.(request, response)) return
    const body = (await json(request)) as JSONValue
    const options = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }
    const answers = (await (await fetch(target, options)).json()) as JSONValue
    const requests = [body].flat()
    const list = [answers].flat()
    for (const [index, one] of list.entries()) {
      const { method, params } = requests[index]
      if (one.result != null) one.result = await alter(method, one.result, params)
      if (!(one.result instanceof Refusal)) continue
      const { status, ...error } = one.result
      if (status !== 200) return response.writeHead(status).end(`<html>${error.message}`)
      Object.assign(one, { error, result: undefined })
    }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(Array.isArray(body) ? list : list[0]))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const PATIENCE = { retries: 1, backoff: 1, timeout: 2000 }
const check = (url: string, number: number, source?: StateSource) =>
  runTask({ urls: [url], options: PATIENCE, config: genesis.config, number, source })

t.test(
  'every block of an honest endpoint is right, from its witness and from proofs',
  async (t) => {
    for (let number = 1; number <= LAST; number++) {
      for (const source of ['witness', 'proofs'] as const) {
        const { verdict, error, block } = await check(node.url, number, source)
        t.equal(verdict, 'ok', `block ${number}: ${error}`)
        t.match(block, { from: source, lack: undefined, hash: heads[number].blockHash })
        t.equal(block?.claimedReceipts?.length, block?.txs, 'receipts are compared')
        if (source === 'witness') t.equal(block?.requests, 4, 'block, parent, witness and receipts')
        else t.ok((block?.stats?.rounds ?? 99) <= 12, `${block?.stats?.rounds} rounds`)
      }
    }
  },
)

/** The header of a block with other fields, and the hash that belongs to them. */
function rehashed(block: JSONObject, changes: JSONObject): JSONObject {
  const changed = { ...block, ...changes }
  const header = headerFromJSON(createChain(genesis.config), changed as never)
  return { ...changed, hash: `0x${Buffer.from(header.hash()).toString('hex')}` }
}

const flip = (hex: Hex): Hex => `${hex.slice(0, -1)}${hex.endsWith('0') ? '1' : '0'}` as Hex
const isBlock = (method: string, params: JSONValue[], number: number) =>
  method === 'eth_getBlockByNumber' && Number(params[0]) === number

/** A lie, the block that it is about, and what is said of it. */
interface Lie {
  name: string
  number: number
  alter: Alter
  error: RegExp
  /** By default as the command does by itself: from the witness. */
  source?: StateSource
}

const inProof =
  (change: (proof: JSONValue) => void): Alter =>
  (method, result) => {
    if (method === 'eth_getProof') change(result)
    return result
  }

const inReceipts =
  (index: number, change: (receipt: JSONValue) => void): Alter =>
  (method, result) => {
    if (method === 'eth_getBlockReceipts') change(result[index])
    return result
  }

const LIES: Lie[] = [
  {
    name: 'a balance in a proof',
    source: 'proofs',
    number: 3,
    alter: inProof((proof) => {
      if (proof.balance !== '0x0') proof.balance = '0x1'
    }),
    error: /proof of account 0x[0-9a-f]{40} shows balance \d+, but the endpoint says 1/,
  },
  {
    name: 'a node of a proof',
    source: 'proofs',
    number: 3,
    alter: inProof((proof) => {
      proof.accountProof[0] = flip(proof.accountProof[0])
    }),
    error: /proof of account 0x[0-9a-f]{40} does not lead from state root 0x[0-9a-f]{64}/,
  },
  {
    name: 'the end of a proof',
    source: 'proofs',
    number: 3,
    alter: inProof((proof) => {
      if (proof.accountProof.length > 1) proof.accountProof.pop()
    }),
    error: /does not lead from state root/,
  },
  {
    name: 'a value in a storage proof',
    source: 'proofs',
    number: 2,
    alter: inProof((proof) => {
      if (proof.address.toLowerCase() === STORE) proof.storageProof[0].value = '0x2'
    }),
    error: /the proof of slot 0x[0-9a-f]{64} of 0x0{38}b1 shows 1, but the endpoint says 2/,
  },
  {
    name: 'code',
    source: 'proofs',
    number: 2,
    alter: (method, result) => (method === 'eth_getCode' ? flip(result) : result),
    error: /the code of 0x[0-9a-f]{40} hashes to 0x[0-9a-f]{64}, but its account has/,
  },
  {
    name: 'an L1 fee in a receipt',
    number: 3,
    alter: inReceipts(2, (receipt) => {
      receipt.l1Fee = flip(receipt.l1Fee)
    }),
    error: /receipt 2 l1Fee is "0x[0-9a-f]+", but "0x[0-9a-f]+" is claimed/,
  },
  {
    name: 'a log',
    number: 1,
    alter: inReceipts(3, (receipt) => {
      receipt.logs[0].data = flip(receipt.logs[0].data)
    }),
    error: /receipt 3 logs 0 data is "0x0{64}", but "0x0{63}1" is claimed/,
  },
  {
    name: 'a receipt that is left out',
    number: 3,
    alter: (method, result) => (method === 'eth_getBlockReceipts' ? result.slice(1) : result),
    error: /gives 2 receipts for 3 transactions/,
  },
  {
    name: 'a value of a transaction',
    number: 3,
    alter: (method, result, params) => {
      if (isBlock(method, params, 3) && params[1]) result.transactions[2].value = '0x2'
      return result
    },
    error: /transaction 2 .*hashes to 0x[0-9a-f]{64}/,
  },
  {
    name: 'the sender of a transaction',
    number: 3,
    alter: (method, result, params) => {
      if (isBlock(method, params, 3) && params[1]) result.transactions[2].from = STORE
      return result
    },
    error: /transaction 2 from is "0x7099.*", but "0x0{38}b1" is claimed/,
  },
  {
    name: 'a transaction that is left out',
    number: 3,
    alter: (method, result, params) => {
      if (isBlock(method, params, 3) && params[1]) result.transactions.pop()
      return result
    },
    error: /transactionsRoot of the header is 0x[0-9a-f]{64}, but that of its 2 transactions is 0x/,
  },
  {
    name: 'a field of the header',
    number: 3,
    alter: (method, result, params) =>
      isBlock(method, params, 3) ? { ...result, gasUsed: '0x5208' } : result,
    error: /the header of block 3 hashes to 0x[0-9a-f]{64}, not to 0x/,
  },
  {
    name: 'a state root with a fitting hash',
    number: 3,
    alter: (method, result, params) =>
      isBlock(method, params, 3) ? rehashed(result, { stateRoot: flip(result.stateRoot) }) : result,
    error: /header stateRoot is "0x[0-9a-f]{64}", but "0x[0-9a-f]{64}" is claimed/,
  },
  {
    name: 'gas used with a fitting hash',
    number: 3,
    alter: (method, result, params) =>
      isBlock(method, params, 3) ? rehashed(result, { gasUsed: flip(result.gasUsed) }) : result,
    error: /header gasUsed is/,
  },
  {
    name: 'an older block under a new number',
    number: 3,
    alter: async (method, result, params) =>
      isBlock(method, params, 3)
        ? node.callPublic('eth_getBlockByNumber', '0x2', params[1])
        : result,
    error: /gives block 2 in place of 3/,
  },
  {
    name: 'an older block that says another number',
    number: 3,
    alter: async (method, result, params) =>
      isBlock(method, params, 3)
        ? { ...(await node.callPublic('eth_getBlockByNumber', '0x2', params[1])), number: '0x3' }
        : result,
    error: /the header of block 3 hashes to/,
  },
  {
    name: 'the header before',
    number: 3,
    alter: (method, result) =>
      method === 'eth_getBlockByHash' ? { ...result, stateRoot: flip(result.stateRoot) } : result,
    error: /the header that the endpoint gives for 0x[0-9a-f]{64} hashes to/,
  },
  {
    name: 'a header that BLOCKHASH asks for',
    source: 'proofs',
    number: 4,
    alter: (method, result) =>
      method === 'eth_getBlockByHash' && result.number === '0x2'
        ? { ...result, extraData: flip(result.extraData) }
        : result,
    error: /the header that the endpoint gives for 0x[0-9a-f]{64} hashes to/,
  },
]

const inWitness =
  (change: (witness: JSONValue) => unknown): Alter =>
  (method, result) =>
    method === 'debug_executionWitness' ? (change(result) ?? result) : result

/** The place in a witness of the leaf of an account. */
function placeOf(witness: JSONValue, address: Hex): number {
  const path = hashOf(address).slice(2)
  return witness.state.findIndex((node: Hex) => {
    const items = RLP.decode(node) as Uint8Array[]
    return items.length === 2 && path.endsWith(bytesToHex(items[0].subarray(1)).slice(2))
  })
}

const WITNESS_LIES: Lie[] = [
  {
    name: 'a byte of a node of the witness',
    number: 3,
    alter: inWitness((witness) => {
      witness.state[placeOf(witness, ACCOUNTS[1] as Hex)] = '0xc0'
    }),
    error:
      /the witness lacks 0x[0-9a-f]{40}, which exist; but has state\[\d+\], 0x[0-9a-f]{64}, to/,
  },
  {
    name: 'the root of the state in the witness',
    number: 3,
    alter: inWitness((witness) => {
      witness.state = witness.state.map(flip)
    }),
    error: /; but has state\[\d+\], 0x[0-9a-f]{64}, to which nothing leads from the state root/,
  },
  {
    name: 'a node that is filed under the hash of another',
    number: 3,
    alter: inWitness((witness) => {
      const [first, second] = witness.state
      witness.state = { [hashOf(first)]: second }
    }),
    error: /the witness is not that of the block: witness state\[0x[0-9a-f]{64}\] hashes to 0x/,
  },
  {
    name: 'code of the witness',
    number: 2,
    alter: inWitness((witness) => {
      witness.codes = witness.codes.map(flip)
    }),
    error: /the witness lacks code of 0x[0-9a-f]{40}: .*; but has codes\[\d\], 0x[0-9a-f]{64}, to/,
  },
  {
    name: 'the header before in the witness',
    number: 3,
    alter: inWitness((witness) => {
      witness.headers = [flip(witness.headers[0])]
    }),
    error: /the witness is not that of the block: the witness lacks the header of the parent 0x/,
  },
  {
    name: 'a header in the witness that is of no block before',
    number: 3,
    alter: inWitness((witness) => {
      witness.headers.push(flip(witness.headers[0]))
    }),
    error: /not that of the block: witness headers\[1\] 0x[0-9a-f]{64} is no ancestor of the block/,
  },
  {
    name: 'a header in the witness that BLOCKHASH asks for',
    number: 4,
    alter: inWitness((witness) => {
      // The oldest is first.
      witness.headers[0] = flip(witness.headers[0])
    }),
    error: /witness headers\[0\] 0x[0-9a-f]{64} is no ancestor of the block/,
  },
  {
    name: 'the witness, which is that of an older block',
    number: 3,
    alter: (method, result) =>
      method === 'debug_executionWitness' ? node.callPublic(method, '0x2') : result,
    error: /the witness is not that of the block: the witness lacks the header of the parent 0x/,
  },
  {
    name: 'the witness, which is that of an older block but for the header',
    number: 3,
    alter: async (method, result) =>
      method === 'debug_executionWitness'
        ? { ...(await node.callPublic(method, '0x2')), headers: result.headers }
        : result,
    error: /the witness lacks .*; but has state\[\d+\], 0x[0-9a-f]{64}, to which nothing leads/,
  },
  {
    name: 'an account that is left out, and a proof that it does not exist',
    number: 3,
    alter: (method, result) => {
      if (method === 'debug_executionWitness') {
        result.state.splice(placeOf(result, ACCOUNTS[1] as Hex), 1)
      }
      // Ends in the branch above the account.
      if (method === 'eth_getProof') {
        result.accountProof.pop()
        Object.assign(result, { balance: '0x0', nonce: '0x0' })
      }
      return result
    },
    error: /the proof of account 0x[0-9a-f]{40} does not lead from state root 0x/,
  },
]

for (const { name, number, alter, error, source } of [...LIES, ...WITNESS_LIES]) {
  t.test(`a lie about ${name} is caught and named`, async (t) => {
    const url = await openProxy(t, alter)
    const outcome = await check(url, number, source)
    t.equal(outcome.verdict, 'mismatch', `${outcome.error}`)
    t.match(outcome.error, error)
  })
}

/** What comes of a block without one entry of its witness after the other. */
async function* leaveOut(test: Parameters<typeof openProxy>[0], number: number) {
  let index = 0
  let length = 1
  const alter = inWitness((witness) => {
    const entries = [...witness.state, ...witness.codes]
    length = entries.length
    const left = entries[index]
    witness.state = witness.state.filter((entry: Hex) => entry !== left)
    witness.codes = witness.codes.filter((entry: Hex) => entry !== left)
  })
  const url = await openProxy(test, alter)
  for (; index < length; index++) yield { url, outcome: await check(url, number) }
}

for (const number of [2, 3, LAST]) {
  t.test(`what a witness of block ${number} leaves out is named, and proven`, async (t) => {
    const counts = { replaced: 0, proven: 0, absent: 0, unneeded: 0 }
    for await (const { url, outcome } of leaveOut(t, number)) {
      const { verdict, block, error } = outcome
      if (verdict === 'mismatch') {
        t.match(error, /the witness lacks .*; but has state\[\d+\], .* to which nothing leads/)
        counts.replaced++
        continue
      }
      t.equal(verdict, 'ok', `${error}`)
      if (!block) continue
      t.equal(block.hash, heads[number].blockHash)
      if (block.from === 'witness') {
        counts.unneeded++
        continue
      }
      t.equal(block.from, 'witness and proofs')
      const strict = await check(url, number, 'witness')
      if (block.lack) {
        t.match(
          block.lack,
          /^(((account|slot|code) .*: )?state is incomplete|0x\w{40}, which exist)/,
        )
        t.equal(strict.verdict, 'unknown')
        t.match(strict.error, `the witness lacks ${block.lack}`)
        counts.proven++
      } else {
        t.equal(strict.verdict, 'ok', 'op-geth leaves out no more')
        counts.absent++
      }
    }
    t.comment(JSON.stringify(counts))
    t.ok(counts.proven > 3)
    // The header says what is read last: the storage root of the message passer, where it stays.
    t.equal(counts.unneeded, 1)
    if (number === LAST) t.ok(counts.absent > 0, 'accounts that are proven not to exist')
  })
}

/** Ways in which endpoints say that they have no witnesses. */
const NO_WITNESSES = [
  new Refusal(-32601, 'the method debug_executionWitness does not exist/is not available'),
  new Refusal(-32600, 'Unsupported method: debug_executionWitness'),
  new Refusal(-32000, 'method debug_executionWitness is not whitelisted'),
  new Refusal(403, 'Forbidden', 403),
]

for (const refusal of NO_WITNESSES) {
  t.test(`an endpoint without witnesses is asked once: ${refusal.message}`, async (t) => {
    let asked = 0
    const url = await openProxy(t, (method, result) => {
      if (method !== 'debug_executionWitness') return result
      asked++
      return refusal
    })
    for (const number of [1, 2, 3]) {
      const { verdict, error, block } = await check(url, number)
      t.equal(verdict, 'ok', `${error}`)
      t.match(block, { from: 'proofs', lack: undefined })
    }
    t.equal(asked, 1)
    const strict = await check(url, 3, 'witness')
    t.equal(strict.verdict, 'unknown')
    t.match(strict.error, /it has no witnesses/)
  })
}

t.test(
  'a chain of its own is all that an endpoint can make up; an anchor excludes it',
  async (t) => {
    const other = await spawnNode(genesis)
    t.teardown(() => other.stop())
    const theirs: Head[] = [heads[0]]
    await extend([transfer(2, 0)], other, theirs)
    const alone = await check(other.url, 1)
    t.equal(alone.verdict, 'ok', 'what was computed fits together')
    const task = {
      urls: [other.url, node.url],
      options: PATIENCE,
      config: genesis.config,
      number: 1,
    }
    const outcome = await runTask(task)
    t.equal(outcome.verdict, 'mismatch')
    t.match(outcome.error, /block 1 is 0x[0-9a-f]{64}, but http:\/\/127\.0\.0\.1:\d+ has 0x/)
  },
)

/** Runs the command in a process of its own, while proxies of this one answer. */
async function runVerify(...args: string[]) {
  const child = spawn(process.execPath, ['node/dist/bin.js', 'verify', ...args])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  const [status] = await once(child, 'close')
  return { status, stdout, stderr }
}

const folder = mkdtempSync(join(t.testdir(), 'verify-'))
const genesisFile = join(folder, 'genesis.json')
writeFileSync(genesisFile, JSON.stringify(genesis))

t.test('the command checks a range, says what is trusted, and goes on where it was', async (t) => {
  const resume = join(folder, 'done')
  const args = ['--rpc', node.url, '--genesis', genesisFile, '--threads', '2', '--resume', resume]
  const anchor = ['--trusted-hash', heads[LAST].blockHash]
  const { status, stdout, stderr } = await runVerify(`1..${LAST}`, ...args, ...anchor)
  t.equal(status, 0, stderr)
  const lines = stdout.trimEnd().split('\n')
  t.match(lines[0], `endpoint ${node.url}, chain 901 (${genesisFile})`)
  t.match(lines[1], /^computed here: .*state root/)
  t.match(lines[2], /^taken from the endpoint: the header of the block before the first/)
  t.match(lines[3], /^proven by the endpoint: each part of the state before by its hash/)
  t.match(lines[4], `anchor: the last block has the hash ${heads[LAST].blockHash}`)
  for (let number = 1; number <= LAST; number++) {
    t.match(lines[4 + number], /, 4 requests, from witness$/)
    t.match(lines[4 + number], `ok   901 ${number} karst ${heads[number].blockHash}`)
  }
  t.equal(lines[lines.length - 1], `${LAST} passed, 0 failed`)
  t.equal(readFileSync(resume, 'utf8').trim().split('\n').length, LAST)
  const again = await runVerify(`1..${LAST}`, ...args)
  t.match(again.stdout, /0 passed, 0 failed/)
})

t.test('a block without a witness: proofs, and the words of the endpoint', async (t) => {
  const gone = new Refusal(-32000, 'the state of block 2 is not available')
  const url = await openProxy(t, (method, result) =>
    method === 'debug_executionWitness' ? gone : result,
  )
  // The block is no second URL.
  const args = ['--rpc', url, '3', '--genesis', genesisFile]
  const { status, stdout } = await runVerify(...args)
  t.equal(status, 0)
  const words = `debug_executionWitness: ${gone.message} (${gone.code})`
  t.match(stdout, `, from proofs; no witness: ${words}\n`)
  const strict = await runVerify(...args, '--state', 'witness')
  t.equal(strict.status, 2)
  t.match(strict.stdout, `unknown 901 3 ${url}: ${words}\n`)
})

t.test('a hash that is trusted and another block: status 1', async (t) => {
  const args = ['--rpc', node.url, '--genesis', genesisFile, '--trusted-hash', heads[1].blockHash]
  const { status, stdout } = await runVerify(`${LAST}`, ...args)
  t.equal(status, 1)
  t.match(stdout, `FAIL the last block is ${heads[LAST].blockHash}, not ${heads[1].blockHash}`)
})

t.test('a lie ends the command with status 1, and JSON says which', async (t) => {
  const alter = inReceipts(2, (receipt) => {
    receipt.gasUsed = '0x1'
  })
  const url = await openProxy(t, alter)
  const { status, stdout } = await runVerify('3', '--rpc', url, '--genesis', genesisFile, '--json')
  t.equal(status, 1)
  const [, block] = stdout.split('\n').map((line) => line && JSON.parse(line))
  t.match(block, { number: 3, ok: false, verdict: 'mismatch' })
  t.match(block.differences, [{ where: 'receipt 2 gasUsed', computed: '0x5208', claimed: '0x1' }])
})

/** An endpoint that is no liar, but of no use, and what is said of it. */
const USELESS: {
  name: string
  answer?: Parameters<typeof openProxy>[2]
  alter?: Alter
  error: RegExp
  source?: StateSource
}[] = [
  {
    name: 'that is always busy',
    answer: (_, response) => Boolean(response.writeHead(429).end()),
    error: /it answers with status 429/,
  },
  {
    name: 'that never answers',
    answer: () => true,
    error: /it does not answer in time/,
  },
  {
    name: 'that is a web page',
    answer: (_, response) => Boolean(response.end('<html>welcome</html>')),
    error: /status 200 and no JSON, but "<html>welcome/,
  },
  {
    name: 'whose answer has no end',
    answer: (_, response) => {
      const chunk = Buffer.alloc(2 ** 20, ' ')
      const write = () => {
        while (!response.destroyed && response.write(chunk)) {}
      }
      response.on('drain', write)
      write()
      return true
    },
    error: /an answer has more than 134217728 bytes|it does not answer in time/,
  },
  {
    name: 'without the block',
    alter: (method, result) => (method === 'eth_getBlockByNumber' ? null : result),
    error: /does not have block 2/,
  },
  {
    name: 'whose block has no transactions',
    alter: (method, result, params) =>
      isBlock(method, params, 3) ? { ...result, transactions: undefined } : result,
    error: /gives no block 3: block 3 has transactions undefined/,
  },
  {
    name: 'whose block has no time',
    alter: (method, result, params) =>
      isBlock(method, params, 3) && params[1] ? { ...result, timestamp: undefined } : result,
    error: /gives no block 3: a header has no timestamp/,
  },
  {
    name: 'whose proof is no object',
    source: 'proofs',
    alter: (method, result) => (method === 'eth_getProof' ? 'none' : result),
    error: /gives "none" in place of a proof of 0x/,
  },
  {
    name: 'whose proof has no balance',
    source: 'proofs',
    alter: inProof((proof) => {
      proof.balance = undefined
    }),
    error: /gives nothing in place of balance of 0x/,
  },
]

const honest: Alter = (_, result) => result

const WITNESS_FORMS: [form: JSONValue, error: RegExp][] = [
  ['none', /gives "none" in place of a witness/],
  [[], /gives a list of 0 in place of a witness/],
  [{}, /gives nothing in place of witness state/],
  [{ state: 'x', codes: [], headers: [] }, /gives "x" in place of witness state/],
  [{ state: [1], codes: [], headers: [] }, /gives 1 in place of an entry of witness state, bytes/],
  [{ state: [], codes: ['0x1'], headers: [] }, /"0x1" in place of an entry of witness codes/],
  [{ state: [], codes: [] }, /gives nothing in place of witness headers/],
  [{ state: [], codes: [], headers: [7] }, /gives 7 in place of an entry of witness headers/],
]

for (const { name, answer, alter = honest, error, source } of USELESS) {
  t.test(`of an endpoint ${name} nothing is said of the block`, async (t) => {
    const url = await openProxy(t, alter, answer)
    const outcome = await check(url, 3, source)
    t.equal(outcome.verdict, 'unknown', `${outcome.error}`)
    t.match(outcome.error, error)
  })
}

t.test('of an endpoint whose witness is none nothing is said of the block', async (t) => {
  for (const [form, error] of WITNESS_FORMS) {
    const url = await openProxy(t, (method, result) =>
      method === 'debug_executionWitness' ? form : result,
    )
    const outcome = await check(url, 3)
    t.equal(outcome.verdict, 'unknown')
    t.match(outcome.error, error)
  }
})

t.test('an endpoint that takes few calls in a request gets few', async (t) => {
  let largest = 0
  const url = await openProxy(t, honest, async (request, response) => {
    const body = (await json(request)) as JSONValue
    const error = { code: -32600, message: 'at most 3 calls in a batch' }
    const isLarge = body.length > 3
    if (!isLarge) largest = Math.max(largest, body.length ?? 1)
    const headers = { 'content-type': 'application/json' }
    const options = { method: 'POST', headers, body: JSON.stringify(body) }
    const answer = { jsonrpc: '2.0', id: null, error }
    response.end(isLarge ? JSON.stringify(answer) : await (await fetch(node.url, options)).text())
    return true
  })
  for (const number of [2, LAST]) {
    const { verdict, error } = await check(url, number, 'proofs')
    t.equal(verdict, 'ok', `${error}`)
  }
  t.ok(largest > 1 && largest <= 3, `${largest} calls`)
})

t.test('what is written in another way is no difference', async (t) => {
  const reverse = (object: JSONObject) => Object.fromEntries(Object.entries(object).reverse())
  const url = await openProxy(
    t,
    inReceipts(3, (receipt) => {
      receipt.logs = receipt.logs.map(reverse)
      // Some clients say null, some nothing at all.
      receipt.l1GasPrice = null
      receipt.logs[0].blockTimestamp = undefined
    }),
  )
  const { verdict, error } = await check(url, 1)
  t.equal(verdict, 'ok', `${error}`)
})

t.test('pruned state: the words of the endpoint, and nothing is said of the block', async (t) => {
  const url = await openProxy(t, honest)
  const server = createServer(async (request, response) => {
    const body = (await json(request)) as JSONValue
    const isProof = [body].flat().some(({ method }) => method === 'eth_getProof')
    const error = { code: -32000, message: 'missing trie node 0x12 (path )' }
    const refusals = [body].flat().map(({ id }) => ({ jsonrpc: '2.0', id, error }))
    const options = { method: 'POST', headers: { 'content-type': 'application/json' } }
    const text = isProof
      ? JSON.stringify(Array.isArray(body) ? refusals : refusals[0])
      : await (await fetch(url, { ...options, body: JSON.stringify(body) })).text()
    response.end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const outcome = await check(`http://127.0.0.1:${port}`, 3, 'proofs')
  t.equal(outcome.verdict, 'unknown')
  t.match(outcome.error, /eth_getProof: missing trie node 0x12 \(path \) \(-32000\)/)
})

t.test('a reorg while a block is checked is no lie', async (t) => {
  let calls = 0
  const url = await openProxy(t, (method, result, params) => {
    if (!isBlock(method, params, 3) || params[1]) {
      // Proofs are of the new chain.
      if (method === 'eth_getProof') result.accountProof = [flip(result.accountProof[0])]
      return result
    }
    calls++
    return calls > 1 ? { ...result, hash: `0x${'12'.repeat(32)}` } : result
  })
  const outcome = await check(url, 3, 'proofs')
  t.equal(outcome.verdict, 'unknown')
  t.match(outcome.error, /block 3 was replaced while it was checked: a reorg/)
})

t.test('a request ends in time though its signal is forgotten', async (t) => {
  // Whoever holds nothing of a request but its promise must hear of its end all the same.
  setFlagsFromString('--expose-gc')
  const collecting = setInterval(runInNewContext('gc'), 20)
  t.teardown(() => clearInterval(collecting))
  const server = createServer((request, response) => {
    if (request.url === '/half') response.writeHead(200, { 'content-length': 2 }).write('{')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  for (const path of ['/', '/half']) {
    const closing = new AbortController()
    const ask = async (signal: AbortSignal) => (await fetch(`${url}${path}`, { signal })).text()
    await t.rejects(within(300, ask, closing.signal), { name: 'TimeoutError' }, path)
    setTimeout(() => closing.abort(), 300)
    await t.rejects(within(60_000, ask, closing.signal), { name: 'AbortError' }, path)
  }
})

t.test('wrong usage and useless endpoints: one line, status 2', async (t) => {
  const cases: [args: string[], text: RegExp][] = [
    [['--rpc', 'http://127.0.0.1:20001'], /error: http:\/\/127\.0\.0\.1:20001: .*ECONNREFUSED/],
    [['--rpc', 'ftp://host'], /error: --rpc takes a URL of http or https/],
    [['3..1', '--rpc', node.url], /error: 3\.\.1 ends before it begins/],
    [['0', '--rpc', node.url], /error: block 0 has nothing before it/],
    [['99', '--rpc', node.url], /error: block 99 is not there yet: the latest is 5/],
    [['x', '--rpc', node.url], /error: x is neither BLOCK, FROM\.\.TO nor latest/],
    [[], /error: either files or --rpc must be given/],
  ]
  for (const [args, text] of cases) {
    const { status, stdout, stderr } = await runVerify(...args)
    t.equal(status, 2, args.join(' '))
    t.match(stdout + stderr, text)
  }
  const wrong = join(folder, 'wrong.json')
  writeFileSync(wrong, JSON.stringify({ config: { ...genesis.config, chainId: 7 } }))
  const { status, stdout } = await runVerify('1', '--rpc', node.url, '--genesis', wrong)
  t.equal(status, 2)
  t.match(stdout, 'error: the endpoint has chain id 901, but')
})

t.test('URLs are shown without what may be secret', async (t) => {
  t.equal(
    redact('https://user:pass@node.example:8443/v2/KEY?token=1'),
    'https://node.example:8443/…',
  )
  t.equal(redact('http://127.0.0.1:8545'), 'http://127.0.0.1:8545')
  const url = node.url.replace('http://', 'http://name:secret@')
  const { stdout, stderr } = await runVerify('1', '--rpc', url, '--genesis', genesisFile)
  t.match(stdout, '1 passed, 0 failed')
  t.notMatch(stdout + stderr, 'secret')
})

t.test('the node ends', async () => {
  await node.stop()
})
