import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { verifyMerkleProof } from '@ethereumjs/mpt'
import { RLP } from '@ethereumjs/rlp'
import type { PrefixedHexString } from '@ethereumjs/util'
import { bytesToHex, createAddressFromString, hexToBytes, setLengthLeft } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { SignJWT } from 'jose'
import type { Test } from 'tap'
import { concatHex, encodeFunctionData, encodePacked } from 'viem'
import { parseAbi, toEventSelector, toFunctionSelector, toHex } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { type DepositTx, FORKS, type Fork, encodeDeposit, sourceHash } from '../src/index.ts'
import { COINBASE, DEPOSITOR, type JSONValue, L1_BLOCK } from './helpers.ts'

type Hex = PrefixedHexString

/** Chain id and time of the genesis block of the local chain in `examples`. */
export const DEV_CHAIN_ID = 901
export const GENESIS_TIME = 1735689600

export const MESSAGE_PASSER = '0x4200000000000000000000000000000000000016'
export const GAS_PRICE_ORACLE = '0x420000000000000000000000000000000000000F'

/** The ten funded accounts of the local chain. */
export const ACCOUNTS = Array.from({ length: 10 }, (_, addressIndex) =>
  mnemonicToAccount('test test test test test test test test test test test junk', {
    addressIndex,
  }),
)

/** The genesis file of the local chain, at `fork` from the start; `times` adds others. */
export function devGenesis(fork: Fork = 'karst', times: Partial<Record<Fork, number>> = {}) {
  const genesis = JSON.parse(readFileSync('examples/genesis.json', 'utf8'))
  const { optimism } = genesis.config
  const config: JSONValue = { chainId: DEV_CHAIN_ID, bedrockBlock: 0, optimism }
  for (const active of FORKS.slice(1, FORKS.indexOf(fork) + 1)) config[`${active}Time`] = 0
  for (const [name, time] of Object.entries(times)) config[`${name}Time`] = time
  const index = FORKS.indexOf(fork)
  const [holocene, jovian] = [FORKS.indexOf('holocene'), FORKS.indexOf('jovian')]
  const extraData = index >= holocene ? '0x00000000fa00000006' : '0x'
  if (index < jovian) genesis.extraData = extraData
  if (index < FORKS.indexOf('ecotone')) {
    genesis.excessBlobGas = undefined
    genesis.blobGasUsed = undefined
  }
  return { ...genesis, config }
}

/** Values that the L1 attributes deposits of a test have where it does not say otherwise. */
const L1 = {
  number: 1n,
  time: 1735689600n,
  l1BaseFee: 1_000_000_000n,
  blobBaseFee: 10_000_000n,
  hash: `0x${'11'.repeat(32)}` as Hex,
  sequenceNumber: 0n,
  batcher: `0x${'22'.repeat(32)}` as Hex,
  overhead: 188n,
  scalar: 684_000n,
  baseFeeScalar: 5_227,
  blobBaseFeeScalar: 1_014_213,
  operatorFeeScalar: 0,
  operatorFeeConstant: 0n,
  daFootprintGasScalar: 400,
}

/** Calldata of the L1 attributes transaction as it is under a fork (F-35, F-36). */
export function encodeL1Attributes(fork: Fork, values: Partial<typeof L1> = {}): Hex {
  const l1 = { ...L1, ...values }
  if (FORKS.indexOf(fork) < FORKS.indexOf('ecotone')) {
    const { number, time, l1BaseFee, hash, sequenceNumber, batcher, overhead, scalar } = l1
    return encodeFunctionData({
      abi: parseAbi([
        'function setL1BlockValues(uint64,uint64,uint256,bytes32,uint64,bytes32,uint256,uint256)',
      ]),
      args: [number, time, l1BaseFee, hash, sequenceNumber, batcher, overhead, scalar],
    })
  }
  const isAtLeast = (other: Fork) => FORKS.indexOf(fork) >= FORKS.indexOf(other)
  const selector = isAtLeast('jovian')
    ? '0x3db6be2b'
    : isAtLeast('isthmus')
      ? '0x098999be'
      : '0x440a5e20'
  const scalars = encodePacked(['uint32', 'uint32'], [l1.baseFeeScalar, l1.blobBaseFeeScalar])
  const place = [l1.sequenceNumber, l1.time, l1.number].map((value) => toHex(value, { size: 8 }))
  const prices = [l1.l1BaseFee, l1.blobBaseFee].map((value) => toHex(value, { size: 32 }))
  const operator = encodePacked(
    ['uint32', 'uint64'],
    [l1.operatorFeeScalar, l1.operatorFeeConstant],
  )
  const footprint = encodePacked(['uint16'], [l1.daFootprintGasScalar])
  return concatHex([
    selector,
    scalars,
    ...[...place, ...prices, l1.hash, l1.batcher],
    isAtLeast('isthmus') ? operator : '0x',
    isAtLeast('jovian') ? footprint : '0x',
  ])
}

/** A deposit in EIP-2718 encoding; a user's of no value unless told otherwise. */
export function deposit(
  from: string,
  to: string | undefined,
  tx: Partial<Omit<DepositTx, 'from' | 'to' | 'data'>> & { data?: Hex } = {},
): Hex {
  const { data = '0x', ...rest } = tx
  const inner = { mint: 0n, value: 0n, gas: 1_000_000n, isSystemTx: false, ...rest }
  return bytesToHex(
    encodeDeposit({
      sourceHash: sourceHash(0, keccak_256(hexToBytes(data))),
      ...inner,
      from: createAddressFromString(from),
      to: to ? createAddressFromString(to) : undefined,
      data: hexToBytes(data),
    }),
  )
}

export const SECRET = new Uint8Array(32).fill(7)

const HEADERS = { 'content-type': 'application/json' }

/** An error that a node has answered. */
export class AnsweredError extends Error {
  readonly code: number
  readonly data: JSONValue

  constructor({ code, message, data }: JSONValue) {
    super(message)
    this.code = code
    this.data = data
  }
}

/** Posts a body. @returns status and text */
export async function post(
  url: string,
  body: string | object,
  headers: Record<string, string> = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...HEADERS, ...headers },
    body: text,
  })
  return { status: response.status, text: await response.text() }
}

async function call(url: string, headers: Record<string, string>, method: string, params: unknown) {
  const { status, text } = await post(url, { jsonrpc: '2.0', id: 1, method, params }, headers)
  if (status !== 200) throw new Error(`${method}: HTTP status ${status}`)
  const { result, error } = JSON.parse(text)
  if (error) throw new AnsweredError(error)
  return result
}

/** Engine API versions of forkchoiceUpdated, getPayload and newPayload for a fork (E-01…E-05). */
function engineVersions(fork: Fork) {
  const index = FORKS.indexOf(fork)
  if (index < FORKS.indexOf('canyon')) return [1, 2, 2]
  if (index < FORKS.indexOf('ecotone')) return [2, 2, 2]
  if (index < FORKS.indexOf('isthmus')) return [3, 3, 3]
  return [3, index < FORKS.indexOf('karst') ? 4 : 5, 4]
}

/** What a block of a test chain is made of. */
export interface BlockOptions {
  /** Forced transactions after the L1 attributes. */
  transactions?: Hex[]
  /** Forced transactions in place of the L1 attributes and `transactions`. */
  forced?: Hex[]
  noTxPool?: boolean
  l1?: Partial<typeof L1>
  /** Fork of the L1 attributes if it is not that of the block. */
  l1Fork?: Fork
  attributes?: Record<string, unknown>
  /** Hash of the parent if it is not the head. */
  parent?: Hex
  /** Labels; without them none is given. */
  safe?: Hex
  finalized?: Hex
}

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

/**
 * Starts a node in a process of its own, and drives it as op-node would, block by block.
 *
 * @param t - the test at whose end the process ends
 * @param genesis - contents of a genesis file
 * @param opts - further options of `startNode`, and a `logFile`
 */
export async function startDevnet(
  t: Test,
  genesis: JSONValue = devGenesis(),
  datadir?: string,
  opts: object = {},
) {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('node-process.mjs', import.meta.url))],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  child.stdin.on('error', () => {})
  const secret = Buffer.from(SECRET).toString('hex')
  child.stdin.write(`${JSON.stringify({ genesis, datadir, secret, ...opts })}\n`)
  const exited = once(child, 'exit')
  t.teardown(() => {
    child.kill()
    return exited
  })
  const firstLine = once(createInterface(child.stdout), 'line')
  const [line] = await Promise.race([
    firstLine,
    exited.then(([code]) => Promise.reject(new Error(`the node ended with status ${code}`))),
  ])
  const ports = JSON.parse(line) as Record<`${'http' | 'auth' | 'ws' | 'metrics'}Port`, number>
  const { httpPort, authPort } = ports
  const [url, authURL] = [httpPort, authPort].map((port) => `http://127.0.0.1:${port}`)

  /** Calls a method on the public port. */
  const rpc = (method: string, ...params: unknown[]) => call(url, {}, method, params)

  /** Calls a method on the authenticated port. */
  async function engine(method: string, ...params: unknown[]) {
    const jwt = new SignJWT().setProtectedHeader({ alg: 'HS256' }).setIssuedAt()
    return call(authURL, { authorization: `Bearer ${await jwt.sign(SECRET)}` }, method, params)
  }

  /** The error with which a call on the public port is answered. */
  async function refusal(method: string, ...params: unknown[]): Promise<AnsweredError> {
    const result = await rpc(method, ...params).then(
      (value) => new Error(`${method} is answered with ${JSON.stringify(value)}`),
      (error) => error,
    )
    if (result instanceof AnsweredError) return result
    throw result
  }

  const forkAt = (time: number) =>
    FORKS.findLast((fork) => fork === 'bedrock' || genesis.config[`${fork}Time`] <= time)!

  /** Builds a block with the calls of op-node, makes it the head and returns it with transactions. */
  async function mine(opts: BlockOptions = {}): Promise<JSONValue> {
    const { transactions = [], noTxPool = false, l1 = {}, safe, finalized } = opts
    const parent = opts.parent
      ? await rpc('eth_getBlockByHash', opts.parent, false)
      : await rpc('eth_getBlockByNumber', 'latest', false)
    const timestamp = Number(opts.attributes?.timestamp ?? Number(parent.timestamp) + 2)
    const fork = forkAt(timestamp)
    const isAtLeast = (other: Fork) => FORKS.indexOf(fork) >= FORKS.indexOf(other)
    const number = BigInt(parent.number) + 1n
    const isSystemTx = fork === 'bedrock'
    const data = encodeL1Attributes(opts.l1Fork ?? fork, { number, time: BigInt(timestamp), ...l1 })
    const source = sourceHash(1, setLengthLeft(hexToBytes(toHex(number)), 32))
    const first = deposit(DEPOSITOR, L1_BLOCK, { sourceHash: source, isSystemTx, data })
    const attributes = {
      timestamp: toHex(timestamp),
      prevRandao: `0x${'33'.repeat(32)}`,
      suggestedFeeRecipient: COINBASE,
      ...(isAtLeast('canyon') && { withdrawals: [] }),
      ...(isAtLeast('ecotone') && { parentBeaconBlockRoot: `0x${'44'.repeat(32)}` }),
      transactions: opts.forced ?? [first, ...transactions],
      noTxPool,
      gasLimit: '0x3938700',
      ...(isAtLeast('holocene') && { eip1559Params: '0x0000000000000000' }),
      ...(isAtLeast('jovian') && { minBaseFee: 0 }),
      ...opts.attributes,
    }
    const [forkchoiceUpdated, getPayload, newPayload] = engineVersions(fork)
    const labels = { safeBlockHash: safe ?? ZERO_HASH, finalizedBlockHash: finalized ?? ZERO_HASH }
    const update = (version: number, headBlockHash: string, attributes: unknown) =>
      engine(`engine_forkchoiceUpdatedV${version}`, { headBlockHash, ...labels }, attributes)
    const { payloadStatus, payloadId } = await update(forkchoiceUpdated, parent.hash, attributes)
    if (payloadStatus.status !== 'VALID') throw new Error(`forkchoice is ${payloadStatus.status}`)
    const built = await engine(`engine_getPayloadV${getPayload}`, payloadId)
    const payload = built.executionPayload
    const extras = [[], built.parentBeaconBlockRoot, []].slice(0, Math.max(2 * newPayload - 4, 0))
    if (newPayload === 4) extras.splice(2, 1, [])
    const status = await engine(`engine_newPayloadV${newPayload}`, payload, ...extras)
    if (status.status !== 'VALID') throw new Error(`payload is ${JSON.stringify(status)}`)
    await update(3, payload.blockHash, null)
    return rpc('eth_getBlockByHash', payload.blockHash, true)
  }

  /** Ends the node. */
  const stop = async () => {
    child.kill()
    await exited
  }
  return { url, authURL, ports, pid: child.pid!, rpc, engine, refusal, mine, stop }
}

export type Devnet = Awaited<ReturnType<typeof startDevnet>>

/** Names of methods in the first column of the table under a heading of METHODS.md. */
export function methodsUnder(heading: string): string[] {
  const [, section] = readFileSync('node/METHODS.md', 'utf8').split(`## ${heading}\n`)
  const rows = section
    .split('\n## ')[0]
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  return rows.flatMap((row) =>
    [...row.split(' | ')[0].matchAll(/`(\w+)`/g)].map(([, name]) => name),
  )
}

const EMPTY_ROOT = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

/** The value under a key in the trie with this root, by a proof. @throws if it proves nothing */
async function provenValue(root: Hex, key: Hex, proof: Hex[]) {
  // An empty trie has no node but the one that is encoded as an empty string.
  const isEmpty = proof.length === 0 || (proof.length === 1 && proof[0] === '0x80')
  if (isEmpty && root === EMPTY_ROOT) return null
  const nodes = proof.map((node) => hexToBytes(node))
  if (bytesToHex(keccak_256(nodes[0])) !== root) throw new Error('the proof is of another root')
  return verifyMerkleProof(keccak_256(hexToBytes(key)), nodes)
}

/** Checks all that an answer to eth_getProof says against a state root. @throws if it is wrong */
export async function verifyProof(stateRoot: Hex, answer: JSONValue) {
  const { address, nonce, balance, storageHash, codeHash, accountProof, storageProof } = answer
  const account = await provenValue(stateRoot, address, accountProof)
  const unpadded = (hex: string) => (BigInt(hex) === 0n ? '' : BigInt(hex))
  const fields = [unpadded(nonce), unpadded(balance), storageHash, codeHash]
  const expected = bytesToHex(RLP.encode(fields))
  const absent = bytesToHex(RLP.encode(['', '', ZERO_HASH, ZERO_HASH]))
  const proven = account ? bytesToHex(account) : absent
  if (proven !== expected) throw new Error(`account ${proven} is not ${expected}`)
  const storageRoot = account ? storageHash : EMPTY_ROOT
  for (const { key, value, proof } of storageProof) {
    const leaf = await provenValue(storageRoot, toHex(BigInt(key), { size: 32 }), proof)
    const stored = leaf ? BigInt(bytesToHex(RLP.decode(leaf) as Uint8Array)) : 0n
    if (stored !== BigInt(value)) throw new Error(`slot ${key} is ${stored}, not ${value}`)
  }
}

const OPCODES: Record<string, number> = {
  ...{ STOP: 0x00, LT: 0x10, GT: 0x11, EQ: 0x14, ISZERO: 0x15, SHR: 0x1c, ADDRESS: 0x30 },
  ...{ SUB: 0x03, CALLER: 0x33, CALLDATALOAD: 0x35, CALLDATASIZE: 0x36, CALLDATACOPY: 0x37 },
  ...{ CODECOPY: 0x39, NUMBER: 0x43, POP: 0x50, MLOAD: 0x51, MSTORE: 0x52, SLOAD: 0x54 },
  ...{ SSTORE: 0x55, JUMP: 0x56, JUMPI: 0x57, GAS: 0x5a, DUP1: 0x80, DUP2: 0x81, SWAP1: 0x90 },
  ...{ LOG1: 0xa1, LOG2: 0xa2, LOG3: 0xa3, CALL: 0xf1, RETURN: 0xf3, REVERT: 0xfd },
  ...{ INVALID: 0xfe, SHL: 0x1b, ADD: 0x01 },
}

/** Assembles `name:` (a JUMPDEST), `@name` (its position), hex numbers (a PUSH) and opcodes. */
export function assemble(source: string): Hex {
  const labels = new Map<string, number>()
  const parts: (string | { label: string })[] = []
  let position = 0
  for (const word of source.trim().split(/\s+/)) {
    const digits = /^0x([0-9a-f]+)$/.exec(word)?.[1]
    if (word.endsWith(':')) {
      labels.set(word.slice(0, -1), position)
      parts.push('5b')
      position += 1
    } else if (word.startsWith('@')) {
      parts.push({ label: word.slice(1) })
      position += 3
    } else if (digits) {
      const even = digits.length % 2 ? `0${digits}` : digits
      const opcode = (0x5f + even.length / 2).toString(16)
      parts.push(opcode + even)
      position += 1 + even.length / 2
    } else {
      if (!(word in OPCODES)) throw new Error(`unknown opcode ${word}`)
      parts.push(OPCODES[word].toString(16).padStart(2, '0'))
      position += 1
    }
  }
  const resolve = ({ label }: { label: string }) =>
    `61${labels.get(label)!.toString(16).padStart(4, '0')}`
  return `0x${parts.map((part) => (typeof part === 'string' ? part : resolve(part))).join('')}`
}

/** What the test contract does, as Solidity would declare it. */
export const BOX_ABI = parseAbi([
  'event Changed(address indexed by, uint256 indexed value, uint256 before)',
  'error Refused(uint256 code)',
  'function value() view returns (uint256)',
  'function set(uint256 value)',
  'function fail(string reason)',
  'function refuse(uint256 code)',
  'function burn()',
  'function nest(uint256 value)',
])

/** Topic of the event. */
export const CHANGED = toEventSelector('Changed(address,uint256,uint256)')

/** A contract that keeps a number in its slot 0 and fails in every way. */
const BOX_CODE = assemble(`
  0x00 CALLDATALOAD 0xe0 SHR
  DUP1 ${toFunctionSelector('value()')} EQ @value JUMPI
  DUP1 ${toFunctionSelector('set(uint256)')} EQ @set JUMPI
  DUP1 ${toFunctionSelector('fail(string)')} EQ @fail JUMPI
  DUP1 ${toFunctionSelector('refuse(uint256)')} EQ @refuse JUMPI
  DUP1 ${toFunctionSelector('burn()')} EQ @burn JUMPI
  DUP1 ${toFunctionSelector('nest(uint256)')} EQ @nest JUMPI
  0x00 0x00 REVERT
value:
  0x00 SLOAD 0x00 MSTORE 0x20 0x00 RETURN
set:
  0x00 SLOAD 0x00 MSTORE
  0x04 CALLDATALOAD 0x00 SSTORE
  0x04 CALLDATALOAD CALLER ${CHANGED} 0x20 0x00 LOG3
  STOP
fail:
  ${toFunctionSelector('Error(string)')} 0xe0 SHL 0x00 MSTORE
  0x04 CALLDATASIZE SUB 0x04 0x04 CALLDATACOPY
  CALLDATASIZE 0x00 REVERT
refuse:
  ${toFunctionSelector('Refused(uint256)')} 0xe0 SHL 0x00 MSTORE
  0x04 CALLDATALOAD 0x04 MSTORE
  0x24 0x00 REVERT
burn:
  INVALID
nest:
  ${toFunctionSelector('set(uint256)')} 0xe0 SHL 0x00 MSTORE
  0x04 CALLDATALOAD 0x04 MSTORE
  0x00 0x00 0x24 0x00 0x00 ADDRESS GAS CALL
  ISZERO @bad JUMPI
  STOP
bad:
  0x00 0x00 REVERT
`)

/** Deploys the test contract. */
export const BOX_BYTECODE: Hex = concatHex([
  assemble(
    `0x${((BOX_CODE.length - 2) / 2).toString(16).padStart(4, '0')} DUP1 0x0c 0x00 CODECOPY 0x00 RETURN`,
  ),
  BOX_CODE,
]) as Hex
