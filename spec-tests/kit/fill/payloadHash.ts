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
/** The root of an empty trie: there are no withdrawals. */
const NO_WITHDRAWALS = '0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421'

async function transactionsRoot(transactions: string[]): Promise<Uint8Array> {
  const trie = await createMPT()
  for (const [index, raw] of transactions.entries()) {
    await trie.put(RLP.encode(index), bytes(raw))
  }
  return trie.root()
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
    await transactionsRoot(payload.transactions),
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
  if (payload.withdrawals) fields.push(bytes((payload.withdrawalsRoot as string) ?? NO_WITHDRAWALS))
  if (payload.blobGasUsed !== undefined) {
    fields.push(number('blobGasUsed'), number('excessBlobGas'))
  }
  if (beaconRoot !== undefined) fields.push(bytes(beaconRoot as string))
  if (payload.withdrawalsRoot !== undefined) fields.push(bytes(NO_REQUESTS))
  return bytesToHex(keccak_256(RLP.encode(fields)))
}
