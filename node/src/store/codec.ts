/** How blocks are written: as bytes, and nothing that can be computed from the rest. */
import { Packr } from 'msgpackr'
import {
  type Chain,
  DEPOSIT_TYPE,
  type ExecutedBlock,
  type Receipt,
  createHeader,
  decodeDeposit,
  isDeposit,
} from 'ethereumjs-op'
import {
  Address,
  Bloom,
  type BlockHeader,
  type PrefixedHexString as Hex,
  RLP,
  bigIntToBytes,
  bytesToBigInt,
  bytesToHex,
  concatBytes,
  createTxFromRLP,
  valuesArrayToHeaderData,
} from 'ethereumjs-op/ethereumjs'
import { type Column, type Fields, fromColumns, toColumns } from './columns.ts'

/** A log: 20 bytes, topics of 32 bytes in one, and data. */
export type PackedLog = [address: Buffer, topics: Buffer, data: Buffer]

/** What is kept of a block beside its header, in msgpack. */
export interface Body {
  /** EIP-2718 encodings. */
  transactions: Buffer[]
  /** Of those that are signed, 20 bytes each, so that reading them needs no recovery. */
  senders: Buffer
  columns: Column[]
  /** Of the transactions that have some, with their places in the block. */
  logs: [position: number, logs: PackedLog[]][]
}

/** Fields that are kept elsewhere, follow from the others, or are for simulated calls only. */
const OTHER_FIELDS = [
  'tx',
  'type',
  'logs',
  'logsBloom',
  'cumulativeGasUsed',
  'returnValue',
  'error',
]

/** Bytes of the size of a block before its header. */
const SIZE_BYTES = 4

/** Where the bloom of a header is in its RLP: behind a list's head, five hashes and an address. */
const BLOOM_START = SIZE_BYTES + 3 + 5 * 33 + 21 + 3
const BLOOM_BYTES = 256

const packr = new Packr({ useRecords: false })

/** Writes all of a block but its header. @throws if a receipt has a field of an unknown form */
export function encodeBody({ transactions, receipts }: ExecutedBlock): Buffer {
  const senders: Uint8Array[] = []
  const logs: unknown[] = []
  for (const [position, { tx, logs: own }] of receipts.entries()) {
    if (!isDeposit(tx)) senders.push(tx.getSenderAddress().bytes)
    if (own.length === 0) continue
    logs.push([
      position,
      own.map(([address, topics, data]) => [address, concatBytes(...topics), data]),
    ])
  }
  const columns = toColumns(receipts as unknown as Fields[], OTHER_FIELDS)
  return packr.pack([transactions, concatBytes(...senders), columns, logs])
}

/** Reads what {@link encodeBody} wrote. */
export function decodeBody(bytes: Buffer): Body {
  const [transactions, senders, columns, logs] = packr.unpack(bytes)
  return { transactions, senders, columns, logs }
}

const isSigned = (raw: Uint8Array) => raw[0] !== DEPOSIT_TYPE

/** What the pool wants to know of a signed transaction. */
export interface Sent {
  raw: Buffer
  from: Hex
  nonce: number
}

/** The signed transactions of a block. */
export function listSent({ transactions, senders }: Body): Sent[] {
  return transactions.filter(isSigned).map((raw, index) => {
    const from = bytesToHex(senders.subarray(20 * index, 20 * index + 20))
    // All types but the first have the id of the chain before it.
    const isTyped = raw[0] < 0x80
    const fields = RLP.decode(isTyped ? raw.subarray(1) : raw) as Uint8Array[]
    return { raw, from, nonce: Number(bytesToBigInt(fields[isTyped ? 1 : 0])) }
  })
}

/** A block as it was executed, from its header and the rest. */
export function toExecuted(chain: Chain, header: BlockHeader, body: Body): ExecutedBlock {
  const { common } = chain.rules(header)
  const { transactions, senders } = body
  const logs = new Map(body.logs)
  let cumulativeGasUsed = 0n
  let place = 0
  const decode = (raw: Uint8Array) => {
    if (!isSigned(raw)) return decodeDeposit(raw)
    const from = new Address(senders.subarray(place, place + 20))
    place += 20
    const tx = createTxFromRLP(raw, { common, freeze: false })
    return Object.assign(tx, { getSenderAddress: () => from })
  }
  const fields = fromColumns(body.columns, transactions.length)
  const receipts = transactions.map((raw, position): Receipt => {
    const { status, ...own } = fields[position] as Pick<Receipt, 'status' | 'gasUsed'>
    cumulativeGasUsed += own.gasUsed
    const bloom = new Bloom(undefined, common)
    const ownLogs = (logs.get(position) ?? []).map(
      ([address, topics, data]): Receipt['logs'][0] => {
        const list = splitTopics(topics)
        for (const item of [address, ...list]) bloom.add(item)
        return [address, list, data]
      },
    )
    const type = raw[0] < 0x80 ? raw[0] : 0
    // In the order of those that were just executed.
    const outcome = { tx: decode(raw), type, status, logs: ownLogs, ...own }
    const { bitvector: logsBloom } = bloom
    return { ...outcome, cumulativeGasUsed, logsBloom, returnValue: new Uint8Array() }
  })
  return { header, transactions, receipts }
}

export function splitTopics(topics: Buffer): Buffer[] {
  const list: Buffer[] = []
  for (let start = 0; start < topics.length; start += 32) {
    list.push(topics.subarray(start, start + 32))
  }
  return list
}

/** Length of the RLP of bytes, or of a list of this length. */
const withHead = (length: number) =>
  length < 56 ? length + 1 : length + 1 + bigIntToBytes(BigInt(length)).length

/** Bytes of a block in RLP, as `size` in JSON-RPC is. */
function sizeOf({ header, transactions }: ExecutedBlock, headerLength: number): number {
  let length = 0
  for (const raw of transactions) length += raw[0] < 0x80 ? withHead(raw.length) : raw.length
  // Of uncles there are none, nor of withdrawals.
  const empty = header.withdrawalsRoot ? 2 : 1
  return withHead(headerLength + withHead(length) + empty)
}

/** Writes the header of a block, after the size of the block. */
export function encodeHeader(block: ExecutedBlock): Buffer {
  const rlp = block.header.serialize()
  const record = Buffer.alloc(SIZE_BYTES + rlp.length)
  record.writeUInt32BE(sizeOf(block, rlp.length))
  record.set(rlp, SIZE_BYTES)
  return record
}

/** Reads what {@link encodeHeader} wrote. */
export function decodeHeader(chain: Chain, record: Buffer): { header: BlockHeader; size: number } {
  const values = RLP.decode(record.subarray(SIZE_BYTES)) as Uint8Array[]
  const header = createHeader(chain, valuesArrayToHeaderData(values))
  return { header, size: record.readUInt32BE() }
}

/** The bloom in what {@link encodeHeader} wrote, 256 bytes. */
export const bloomOf = (record: Buffer): Buffer =>
  record.subarray(BLOOM_START, BLOOM_START + BLOOM_BYTES)
