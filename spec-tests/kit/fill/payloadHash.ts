import { keccak_256 } from '@noble/hashes/sha3.js'
import {
  type NestedUint8Array,
  RLP,
  bigIntToUnpaddedBytes,
  bytesToHex,
  createMPT,
} from 'ethereumjs-op/ethereumjs'
import { bytes } from './accounts.ts'

/** A payload as it goes over the wire. */
export type Payload = Record<string, unknown> & {
  parentHash: string
  blockHash: string
  transactions: string[]
}

/** keccak256(rlp([])): there are no uncles. */
const NO_UNCLES = '0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347'
/** sha256 of nothing: there are no requests (EIP-7685). */
const NO_REQUESTS = '0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** The root of a list of encodings. */
async function rootOf(items: Uint8Array[]): Promise<Uint8Array> {
  const trie = await createMPT()
  for (const [index, item] of items.entries()) await trie.put(RLP.encode(index), item)
  return trie.root()
}

/** A withdrawal of L1, which L2 does not have. */
function encodeWithdrawal(withdrawal: Record<string, string>): Uint8Array {
  const { index, validatorIndex, address, amount } = withdrawal
  const [first, second, last] = [index, validatorIndex, amount].map((hex) =>
    bigIntToUnpaddedBytes(BigInt(hex)),
  )
  return RLP.encode([first, second, bytes(address), last])
}

/** What the header has of the withdrawals. */
async function withdrawalsRoot({ withdrawals, withdrawalsRoot }: Payload): Promise<Uint8Array> {
  if (withdrawalsRoot) return bytes(withdrawalsRoot as string)
  return rootOf((withdrawals as Record<string, string>[]).map(encodeWithdrawal))
}

/**
 * The hash of the block that a payload stands for, whatever is wrong with it. It is computed here
 * field by field, so that it owes nothing to the code under test.
 *
 * @param beaconRoot - `parentBeaconBlockRoot`, where the payload has one
 */
export async function hashPayload(payload: Payload, beaconRoot?: unknown): Promise<string> {
  const field = (name: string) => bytes(payload[name] as string)
  const number = (name: string) => bigIntToUnpaddedBytes(BigInt(payload[name] as string))
  const fields: NestedUint8Array = [
    field('parentHash'),
    bytes(NO_UNCLES),
    field('feeRecipient'),
    field('stateRoot'),
    await rootOf(payload.transactions.map(bytes)),
    field('receiptsRoot'),
    field('logsBloom'),
    new Uint8Array(),
    number('blockNumber'),
    number('gasLimit'),
    number('gasUsed'),
    number('timestamp'),
    field('extraData'),
    field('prevRandao'),
    new Uint8Array(8),
    number('baseFeePerGas'),
  ]
  if (payload.withdrawals) fields.push(await withdrawalsRoot(payload))
  if (payload.blobGasUsed !== undefined) {
    fields.push(number('blobGasUsed'), number('excessBlobGas'))
  }
  if (beaconRoot !== undefined) fields.push(bytes(beaconRoot as string))
  if (payload.withdrawalsRoot !== undefined) fields.push(bytes(NO_REQUESTS))
  return bytesToHex(keccak_256(RLP.encode(fields)))
}
