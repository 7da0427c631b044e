/** `verify --rpc` against a real node, straight and through a proxy that lies about one thing at a time. */
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { spawn } from 'node:child_process'
import t from 'tap'
import { headerFromJSON } from '../blockchain/index.ts'
import { redact } from '../node/dist/verify/endpoint.js'
import runTask from '../node/dist/verify/worker.js'
import { createChain } from '../src/index.ts'
import type { JSONValue } from './helpers.ts'
import {
  type Head,
  type Hex,
  type JSONObject,
  createDriver,
  genesisAt,
  genesisHead,
  spawnNode,
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
await extend([])
const LAST = heads.length - 1

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
  answer?: (request: IncomingMessage, response: ServerResponse) => boolean,
  target = node.url,
): Promise<string> {
  const server = createServer(async (request, response) => {
    if (answer?.(request, response)) return
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
const check = (url: string, number: number, options = PATIENCE) =>
  runTask({ urls: [url], options, config: genesis.config, number })

t.test('every block of an honest endpoint is right', async (t) => {
  for (let number = 1; number <= LAST; number++) {
    const { verdict, error, block } = await check(node.url, number)
    t.equal(verdict, 'ok', `block ${number}: ${error}`)
    t.equal(block?.hash, heads[number].blockHash)
    t.equal(block?.claimedReceipts?.length, block?.txs, 'receipts are compared')
    t.ok((block?.stats?.rounds ?? 99) <= 12, `${block?.stats?.rounds} rounds`)
  }
})

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
    number: 3,
    alter: inProof((proof) => {
      if (proof.balance !== '0x0') proof.balance = '0x1'
    }),
    error: /proof of account 0x[0-9a-f]{40} shows balance \d+, but the endpoint says 1/,
  },
  {
    name: 'a node of a proof',
    number: 3,
    alter: inProof((proof) => {
      proof.accountProof[0] = flip(proof.accountProof[0])
    }),
    error: /proof of account 0x[0-9a-f]{40} does not lead from state root 0x[0-9a-f]{64}/,
  },
  {
    name: 'the end of a proof',
    number: 3,
    alter: inProof((proof) => {
      if (proof.accountProof.length > 1) proof.accountProof.pop()
    }),
    error: /does not lead from state root/,
  },
  {
    name: 'a value in a storage proof',
    number: 2,
    alter: inProof((proof) => {
      if (proof.address.toLowerCase() === STORE) proof.storageProof[0].value = '0x2'
    }),
    error: /the proof of slot 0x[0-9a-f]{64} of 0x0{38}b1 shows 1, but the endpoint says 2/,
  },
  {
    name: 'code',
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
    error: /receipt 2 l1Fee is "0x[0-9a-f]+", but the endpoint says "0x[0-9a-f]+"/,
  },
  {
    name: 'a log',
    number: 1,
    alter: inReceipts(3, (receipt) => {
      receipt.logs[0].data = flip(receipt.logs[0].data)
    }),
    error: /receipt 3 logs is/,
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
    error: /transaction 2 from is "0x7099.*", but the endpoint says "0x0{38}b1"/,
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
    error: /header stateRoot is "0x[0-9a-f]{64}", but the endpoint says/,
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
    number: 4,
    alter: (method, result) =>
      method === 'eth_getBlockByHash' && result.number === '0x2'
        ? { ...result, extraData: flip(result.extraData) }
        : result,
    error: /the header that the endpoint gives for 0x[0-9a-f]{64} hashes to/,
  },
]

for (const { name, number, alter, error } of LIES) {
  t.test(`a lie about ${name} is caught and named`, async (t) => {
    const url = await openProxy(t, alter)
    const outcome = await check(url, number)
    t.equal(outcome.verdict, 'mismatch', `${outcome.error}`)
    t.match(outcome.error, error)
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
  t.match(lines[3], `anchor: the last block has the hash ${heads[LAST].blockHash}`)
  for (let number = 1; number <= LAST; number++) {
    t.match(lines[3 + number], `ok   901 ${number} karst ${heads[number].blockHash}`)
  }
  t.equal(lines[lines.length - 1], `${LAST} passed, 0 failed`)
  t.equal(readFileSync(resume, 'utf8').trim().split('\n').length, LAST)
  const again = await runVerify(`1..${LAST}`, ...args)
  t.match(again.stdout, /0 passed, 0 failed/)
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
    alter: (method, result) => (method === 'eth_getProof' ? 'none' : result),
    error: /gives "none" in place of a proof of 0x/,
  },
  {
    name: 'whose proof has no balance',
    alter: inProof((proof) => {
      proof.balance = undefined
    }),
    error: /gives nothing in place of balance of 0x/,
  },
]

const honest: Alter = (_, result) => result

for (const { name, answer, alter = honest, error } of USELESS) {
  t.test(`of an endpoint ${name} nothing is said of the block`, async (t) => {
    const url = await openProxy(t, alter, answer)
    const outcome = await check(url, 3)
    t.equal(outcome.verdict, 'unknown', `${outcome.error}`)
    t.match(outcome.error, error)
  })
}

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
  const outcome = await check(`http://127.0.0.1:${port}`, 3)
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
  const outcome = await check(url, 3)
  t.equal(outcome.verdict, 'unknown')
  t.match(outcome.error, /block 3 was replaced while it was checked: a reorg/)
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
