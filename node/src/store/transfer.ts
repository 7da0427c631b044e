/** Moves blocks between databases: out as they are, in by executing them again. */
import { createReadStream, createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { createEngine, createHeader } from 'ethereumjs-op'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  RLP,
  bytesToHex,
  valuesArrayToHeaderData,
} from 'ethereumjs-op/ethereumjs'
import type { Store } from './store.ts'

/** Blocks after which the head moves, and which are executed again if the import is interrupted. */
const BLOCKS_A_HEAD = 32

const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`

/** A block of a file: the fields of its header, and EIP-2718 encodings. */
export type FiledBlock = [header: Uint8Array[], transactions: Uint8Array[]]

/**
 * Writes blocks to a file, oldest first, each the RLP of a list of header and transactions, all
 * compressed by gzip.
 *
 * @param blocks - without that of the genesis file
 */
export async function writeBlockFile(path: string, blocks: Iterable<FiledBlock>): Promise<void> {
  function* encode() {
    for (const block of blocks) yield RLP.encode(block)
  }
  await pipeline(Readable.from(encode()), createGzip(), createWriteStream(path))
}

/** Length of the RLP of a list at the start of bytes; undefined if more are needed to tell. */
function lengthOfList(bytes: Buffer): number | undefined {
  if (bytes.length === 0) return undefined
  const [first] = bytes
  if (first < 0xc0) throw new Error('the file has something else than blocks')
  if (first < 0xf8) return 1 + first - 0xc0
  const width = first - 0xf7
  if (width > 6) throw new Error('the file has something else than blocks')
  return bytes.length > width ? 1 + width + bytes.readUIntBE(1, width) : undefined
}

/** Reads what {@link writeBlockFile} wrote. @throws if it is something else, or ends in a block */
export async function* readBlockFile(path: string): AsyncGenerator<FiledBlock> {
  let rest = Buffer.alloc(0)
  const source = createReadStream(path)
  const unzip = createGunzip()
  // An error of the one must end the other.
  const piping = pipeline(source, unzip).catch(() => {})
  for await (const chunk of unzip) {
    rest = Buffer.concat([rest, chunk as Buffer])
    for (let length = lengthOfList(rest); length && length <= rest.length; ) {
      yield RLP.decode(rest.subarray(0, length)) as unknown as FiledBlock
      rest = rest.subarray(length)
      length = lengthOfList(rest)
    }
  }
  await piping
  if (rest.length > 0) throw new Error(`${path} ends within a block`)
}

/** The blocks of a chain above the genesis block, for {@link writeBlockFile}. */
export function* listBlocks(store: Store, first: number, last: number): Generator<FiledBlock> {
  for (let number = first; number <= last; number++) {
    const header = store.header(number)
    if (!header) throw new Error(`block ${number} is not in the database`)
    yield [header.raw() as Uint8Array[], store.body(number)!.transactions]
  }
}

/** The method of the Engine API that takes blocks with such a header, and its parameters. */
function toCall(header: BlockHeader, transactions: Uint8Array[]) {
  const json = header.toJSON()
  const { withdrawalsRoot, requestsHash, parentBeaconBlockRoot } = json
  const payload = {
    ...json,
    blockHash: bytesToHex(header.hash()),
    blockNumber: json.number,
    feeRecipient: json.coinbase,
    prevRandao: json.mixHash,
    receiptsRoot: json.receiptTrie,
    transactions: transactions.map((raw) => bytesToHex(raw)),
    withdrawals: withdrawalsRoot && [],
    withdrawalsRoot: requestsHash && withdrawalsRoot,
  }
  if (!parentBeaconBlockRoot) return { method: `V${withdrawalsRoot ? 2 : 1}`, params: [payload] }
  const params = [payload, [], parentBeaconBlockRoot]
  return requestsHash ? { method: 'V4', params: [...params, []] } : { method: 'V3', params }
}

/**
 * Executes blocks on top of a chain, and moves its head. What is on the chain already is passed over,
 * so an import that was interrupted can be repeated.
 *
 * @param onProgress - told the number of each block
 * @returns how many blocks were executed
 * @throws if a block is not valid, or has no parent here
 */
export async function importBlocks(
  store: Store,
  blocks: Iterable<FiledBlock> | AsyncIterable<FiledBlock>,
  onProgress: (number: number) => void = () => {},
): Promise<number> {
  const engine = createEngine(store) as unknown as Record<
    string,
    (...params: unknown[]) => Promise<{ status: string; validationError: string | null }>
  >
  let count = 0
  let head: Hex | undefined
  const choose = async () => {
    const state = { safeBlockHash: ZERO_HASH, finalizedBlockHash: ZERO_HASH }
    if (head) await engine.engine_forkchoiceUpdatedV3({ headBlockHash: head, ...state })
  }
  for await (const [values, transactions] of blocks) {
    const header = createHeader(store.chain, valuesArrayToHeaderData(values))
    const hash = bytesToHex(header.hash())
    if (store.getCanonicalHash(header.number) === hash) continue
    const { method, params } = toCall(header, transactions)
    const { status, validationError } = await engine[`engine_newPayload${method}`](...params)
    const reason = validationError ?? 'its parent is not in the database'
    if (status !== 'VALID')
      throw new Error(`block ${header.number} ${hash} is ${status}: ${reason}`)
    head = hash
    count++
    onProgress(Number(header.number))
    if (count % BLOCKS_A_HEAD === 0) await choose()
  }
  await choose()
  return count
}
