/** Makes a vector of the spec-test kit of a case, so that a third client can be asked. */
import { payloadOfBlock } from 'ethereumjs-op'
import type { Genesis, Numeric } from 'ethereumjs-op/blockchain'
import {
  type BlockHeader,
  type PrefixedHexString as Hex,
  bigIntToHex,
  bytesToHex,
} from 'ethereumjs-op/ethereumjs'
import type { Store } from '../store/store.ts'

/** Blocks that a vector holds before the one in question. */
const MAX_BLOCKS = 256

/** Accounts of a genesis that a vector takes. */
const MAX_ACCOUNTS = 20_000

/** What is known of the disputed payload. */
export interface DisputedPayload {
  /** The version of `engine_newPayload`, and its parameters. */
  version: number
  params: unknown[]
  /** Why it is invalid, as this client finds. */
  invalid?: string
  /** In a few words. */
  description: string
}

/** The version of `engine_newPayload` for a block, by what its header has. */
export function versionOf({ requestsHash, parentBeaconBlockRoot }: BlockHeader): number {
  return requestsHash ? 4 : parentBeaconBlockRoot ? 3 : 2
}

/** Parameters of `engine_newPayload` of a version. */
export const paramsOf = (version: number, payload: unknown, beaconRoot: unknown): unknown[] =>
  [payload, [], beaconRoot, []].slice(0, version === 4 ? 4 : version === 3 ? 3 : 1)

const toQuantity = (value: Numeric = 0): Hex => bigIntToHex(BigInt(value))
const toBytes = (value = '0x'): Hex => `0x${value.replace(/^0x/i, '').toLowerCase()}`
const toWord = (value: string): Hex => `0x${toBytes(value).slice(2).padStart(64, '0')}`

/** The accounts of a genesis file as vectors have them. */
function toAccounts({ alloc = {} }: Genesis) {
  const accounts = Object.entries(alloc).map(
    ([address, { balance, nonce, code, storage = {} }]) => {
      const slots = Object.entries(storage).filter(([, value]) => BigInt(toBytes(value)) !== 0n)
      const account = {
        balance: toQuantity(balance),
        nonce: toQuantity(nonce),
        code: toBytes(code),
        storage: Object.fromEntries(slots.map((slot) => slot.map(toWord))),
      }
      return [toBytes(address), account]
    },
  )
  return Object.fromEntries(accounts) as Record<string, object>
}

/** The headers from block 1 to one that is kept. @throws if that is too far */
function pathTo(store: Store, hash: Hex): BlockHeader[] {
  const path: BlockHeader[] = []
  for (let header = store.header(hash); header?.number; ) {
    if (path.length === MAX_BLOCKS) {
      throw new Error(`more than ${MAX_BLOCKS} blocks lie between genesis and the case`)
    }
    path.unshift(header)
    header = store.header(bytesToHex(header.parentHash))
  }
  const [first] = path
  const isWhole =
    !first || (first.number === 1n && bytesToHex(first.parentHash) === store.getCanonicalHash(0))
  if (!isWhole) throw new Error('not all blocks since genesis are in the database of the watchman')
  return path
}

/**
 * A file of vectors with one vector: the blocks from genesis to the one in question, which clients take
 * as payloads.
 *
 * @param parentHash - of the disputed block
 * @throws if that cannot be: a witness is no genesis, so all blocks since then are needed
 */
export function createVector(
  store: Store,
  genesis: Genesis,
  { id, parentHash }: { id: string; parentHash: Hex },
  disputed: DisputedPayload,
): Record<string, unknown> {
  if (Object.keys(genesis.alloc ?? {}).length > MAX_ACCOUNTS) {
    throw new Error(`the genesis has more than ${MAX_ACCOUNTS} accounts`)
  }
  const genesisHeader = store.header(0)
  const parent = store.header(parentHash)
  if (!genesisHeader || !parent) throw new Error(`the parent ${parentHash} is not in the database`)
  const calls = pathTo(store, parentHash).map((header) => {
    const { transactions } = store.body(bytesToHex(header.hash()))!
    const payload = payloadOfBlock({ header, transactions, receipts: [] })
    const beaconRoot = header.parentBeaconBlockRoot && bytesToHex(header.parentBeaconBlockRoot)
    const version = versionOf(header)
    return toCall(version, paramsOf(version, payload, beaconRoot))
  })
  const { version, params, invalid, description } = disputed
  const last = { ...toCall(version, params), ...(invalid && { validationError: invalid }) }
  const { blockHash, stateRoot } = Object(params[0]) as Record<string, string>
  const { fork } = store.chain.rules(parent)
  return {
    [`crosscheck/${id}`]: {
      _info: { description, rules: ['E-32'], witnesses: {} },
      network: fork[0].toUpperCase() + fork.slice(1),
      config: genesis.config,
      genesisBlockHeader: { ...genesisHeader.toJSON(), hash: bytesToHex(genesisHeader.hash()) },
      pre: toAccounts(genesis),
      engineNewPayloads: [...calls, last],
      lastblockhash: invalid ? parentHash : blockHash,
      postStateHash: invalid ? bytesToHex(parent.stateRoot) : stateRoot,
    },
  }
}

const toCall = (version: number, params: unknown[]) => ({
  newPayloadVersion: `${version}`,
  forkchoiceUpdatedVersion: `${Math.min(version, 3)}`,
  params,
})
