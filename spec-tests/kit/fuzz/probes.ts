import type { BlockFields, VectorChain } from '../fill/chain.ts'
import type { Random } from './random.ts'

/** What a field of a call becomes. */
type Change =
  | 'absent'
  | 'null'
  | 'zero'
  | 'more'
  | 'greatest'
  | 'flipped'
  | 'shorter'
  | 'longer'
  | 'leading zero'
  | 'a number'
  | 'empty'

/** A call that is not as it should be. Whatever this project answers is what others must answer. */
export type Probe =
  | {
      kind: 'payload'
      field: string
      change: Change
      /** The hash fits the payload as it is after the change. */
      isRehashed: boolean
    }
  | { kind: 'parameter'; index: number; value: unknown }
  | { kind: 'transactions'; change: string; isRehashed: boolean }
  | { kind: 'method'; version: string }
  | { kind: 'attributes'; field: string; change: Change }
  | { kind: 'forkchoice'; head: Label; safe: Label; finalized: Label }

/** Which block a forkchoice names. */
type Label = 'head' | 'genesis' | 'zero' | 'unknown'

const CHANGES: Change[] = ['absent', 'null', 'zero', 'more', 'greatest', 'flipped', 'shorter']
CHANGES.push('longer', 'leading zero', 'a number', 'empty')

const PAYLOAD = ['parentHash', 'feeRecipient', 'stateRoot', 'receiptsRoot', 'logsBloom']
PAYLOAD.push('prevRandao', 'blockNumber', 'gasLimit', 'gasUsed', 'timestamp', 'extraData')
PAYLOAD.push('baseFeePerGas', 'blockHash', 'transactions', 'withdrawals', 'blobGasUsed')
PAYLOAD.push('excessBlobGas', 'withdrawalsRoot', 'aFieldThatIsNotKnown')

const ATTRIBUTES = ['timestamp', 'prevRandao', 'suggestedFeeRecipient', 'withdrawals', 'gasLimit']
ATTRIBUTES.push('parentBeaconBlockRoot', 'eip1559Params', 'minBaseFee', 'noTxPool')
ATTRIBUTES.push('aFieldThatIsNotKnown')

const ONE_ZERO = `0x${'00'.repeat(32)}`
const UNKNOWN = `0x${'ab'.repeat(32)}`

/** A value of a field after a change; undefined leaves it out. */
export function changeValue(value: unknown, change: Change): unknown {
  const digits = typeof value === 'string' ? value.slice(2) : ''
  const isLong = digits.length > 16
  const last = digits.endsWith('0') ? '1' : '0'
  switch (change) {
    case 'absent':
      return undefined
    case 'null':
      return null
    case 'zero':
      return isLong ? `0x${'0'.repeat(digits.length)}` : '0x0'
    case 'more':
      return isLong
        ? `0x${digits.slice(0, -1)}${last}`
        : `0x${(BigInt(`0x${digits || 0}`) + 1n).toString(16)}`
    case 'greatest':
      return isLong ? `0x${'f'.repeat(digits.length)}` : '0xffffffffffffffff'
    case 'flipped':
      return `0x${digits.slice(0, -1)}${last}`
    case 'shorter':
      return Array.isArray(value) ? value.slice(0, -1) : `0x${digits.slice(0, -2)}`
    case 'longer':
      return Array.isArray(value) ? [...value, ...value] : `0x${digits}00`
    case 'leading zero':
      return `0x0${digits}`
    case 'a number':
      return 5
    case 'empty':
      return Array.isArray(value) ? [] : '0x'
  }
}

/** How transactions of a payload can be changed. */
const TRANSACTIONS: Record<string, (list: string[]) => string[]> = {
  none: () => [],
  'last left out': (list) => list.slice(0, -1),
  'last twice': (list) => [...list, ...list.slice(-1)],
  'in reverse': (list) => list.toReversed(),
  'with one that is nothing': (list) => [...list, '0x'],
  'with two bytes': (list) => [...list, '0x1234'],
  'last shorter': (list) => [...list.slice(0, -1), (list.at(-1) ?? '0x00').slice(0, -2)],
  'last longer': (list) => [...list.slice(0, -1), `${list.at(-1) ?? '0x'}00`],
  'with a blob transaction': (list) => [...list, '0x03c0'],
  'with an unknown type': (list) => [...list, '0x7fc0'],
  'with an empty deposit': (list) => [...list, '0x7ec0'],
}

/** A probe that follows from what is drawn. */
export function randomProbe(random: Random): Probe {
  const change = random.pick(CHANGES)
  const isRehashed = random.chance(0.7)
  const label = () => random.pick<Label>(['head', 'genesis', 'zero', 'unknown'])
  return random.weighted<Probe>([
    [50, () => ({ kind: 'payload', field: random.pick(PAYLOAD), change, isRehashed })],
    [
      15,
      () => ({ kind: 'transactions', change: random.pick(Object.keys(TRANSACTIONS)), isRehashed }),
    ],
    [
      8,
      () => ({
        kind: 'parameter',
        index: 1 + random.integer(3),
        value: random.pick([null, [], ONE_ZERO, UNKNOWN, [UNKNOWN], ['0x00aa'], ['0x00']]),
      }),
    ],
    [5, () => ({ kind: 'method', version: random.pick(['1', '2', '3', '4']) })],
    [20, () => ({ kind: 'attributes', field: random.pick(ATTRIBUTES), change })],
    [10, () => ({ kind: 'forkchoice', head: label(), safe: label(), finalized: label() })],
  ])
}

/** Makes the call of a probe, for the next block of a chain, and records what comes of it. */
export async function runProbe(chain: VectorChain, fields: BlockFields, probe: Probe) {
  switch (probe.kind) {
    case 'payload':
      return chain.probePayload(fields, probe, ({ payload }) => {
        payload[probe.field] = changeValue(payload[probe.field], probe.change)
      })
    case 'transactions':
      return chain.probePayload(fields, probe, ({ payload }) => {
        payload.transactions = TRANSACTIONS[probe.change](payload.transactions)
      })
    case 'parameter':
      return chain.probePayload(fields, {}, ({ params }) => {
        if (probe.index < params.length) params[probe.index] = probe.value
      })
    case 'method':
      return chain.probePayload(fields, { newPayloadVersion: probe.version })
    case 'attributes': {
      const { attributes, fork } = chain.attributes(fields)
      const changed = changeValue(attributes[probe.field], probe.change)
      const { [probe.field]: _, ...others } = attributes
      const altered = changed === undefined ? others : { ...others, [probe.field]: changed }
      return chain.probeForkchoice({ headBlockHash: chain.head }, altered, fork)
    }
    case 'forkchoice': {
      const hashes = { head: chain.head, genesis: chain.genesis, zero: ONE_ZERO, unknown: UNKNOWN }
      const state = {
        headBlockHash: hashes[probe.head],
        safeBlockHash: hashes[probe.safe],
        finalizedBlockHash: hashes[probe.finalized],
      }
      return chain.probeForkchoice(state, null, chain.forkAt(chain.timestamp))
    }
  }
}
