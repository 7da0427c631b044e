/** A vector of which any expectation is changed fails: each expectation is compared. */
import t from 'tap'
import { VECTORS } from './kit-helpers.ts'
import { createInProcess } from './kit/inProcess.ts'
import { loadCases, runCases } from './kit/suite.ts'
import type { ForkchoiceCall, NewPayload, Vector } from './kit/vector.ts'

/** How many mutants there are of each kind, where so many vectors can be changed so. */
const EACH = 30

const MIN_MUTANTS = 300

/** Changes one bit of hex. */
function flipBit(hex: string, bit: number): string {
  const digits = hex.slice(2)
  const place = digits.length - 1 - (Math.floor(bit / 4) % digits.length)
  const digit = (Number.parseInt(digits[place], 16) ^ (1 << (bit % 4))).toString(16)
  return `0x${digits.slice(0, place)}${digit}${digits.slice(place + 1)}`
}

/**
 * Changes a copy of a vector.
 *
 * @param pick - the bit, or which of several calls
 * @returns whether there was something to change
 */
type Change = (vector: Vector, pick: number) => boolean

/** Changes one of those calls for which `change` can do something. */
function changeOne<Call>(calls: Call[], pick: number, change: (call: Call) => boolean): boolean {
  for (let index = 0; index < calls.length; index++) {
    if (change(calls[(pick + index) % calls.length])) return true
  }
  return false
}

const onPayload =
  (change: (call: NewPayload, pick: number) => boolean): Change =>
  (vector, pick) =>
    changeOne(vector.engineNewPayloads, pick, (call) => change(call, pick))

const onForkchoice =
  (change: (call: ForkchoiceCall, pick: number) => boolean): Change =>
  (vector, pick) =>
    changeOne(vector.engineForkchoiceUpdates ?? [], pick, (call) => change(call, pick))

/** The payload of a call that is expected to be VALID; others are judged by something else already. */
function validPayload({ params, validationError, errorCode, status }: NewPayload) {
  const isValid = validationError === undefined && errorCode === undefined && !status
  return isValid ? (params[0] as Record<string, string>) : undefined
}

/** Changes a bit of a field of a valid payload, whose hash stays. */
const payloadBit = (name: string) =>
  onPayload((call, pick) => {
    const payload = validPayload(call)
    if (typeof payload?.[name] !== 'string' || payload[name] === '0x') return false
    payload[name] = flipBit(payload[name], pick)
    return true
  })

const MUTATIONS: Record<string, Change> = {
  'VALID becomes INVALID': onPayload((call) => {
    if (!validPayload(call)) return false
    call.validationError = 'changed'
    return true
  }),
  'INVALID becomes VALID': onPayload((call) => {
    if (call.validationError === undefined) return false
    call.validationError = undefined
    return true
  }),
  'VALID becomes an error': onPayload((call) => {
    if (!validPayload(call)) return false
    call.errorCode = -32602
    return true
  }),
  'SYNCING becomes INVALID': onPayload((call) => {
    if (call.status !== 'SYNCING') return false
    call.status = undefined
    call.validationError = 'changed'
    return true
  }),
  'errorCode of a payload': onPayload((call, pick) => {
    if (call.errorCode === undefined) return false
    call.errorCode ^= 1 << (pick % 8)
    return true
  }),
  'an error becomes VALID': onPayload((call) => {
    if (call.errorCode === undefined) return false
    call.errorCode = undefined
    return true
  }),
  latestValidHash: onPayload((call, pick) => {
    if (!call.latestValidHash) return false
    call.latestValidHash = flipBit(call.latestValidHash, pick)
    return true
  }),
  'another latestValidHash than there is': onPayload((call) => {
    if (call.errorCode !== undefined || call.latestValidHash) return false
    call.latestValidHash = `0x${'11'.repeat(32)}`
    return true
  }),
  'blockHash of a payload': payloadBit('blockHash'),
  'stateRoot of a payload': payloadBit('stateRoot'),
  'receiptsRoot of a payload': payloadBit('receiptsRoot'),
  'logsBloom of a payload': payloadBit('logsBloom'),
  'gasUsed of a payload': payloadBit('gasUsed'),
  'extraData of a payload': payloadBit('extraData'),
  'prevRandao of a payload': payloadBit('prevRandao'),
  'withdrawalsRoot of a payload': payloadBit('withdrawalsRoot'),
  'what is built': onPayload((call, pick) => {
    const { prevRandao } = (call.payloadAttributes ?? {}) as Record<string, string>
    if (!prevRandao) return false
    call.payloadAttributes = { ...call.payloadAttributes, prevRandao: flipBit(prevRandao, pick) }
    return true
  }),
  'status of a forkchoice': onForkchoice((call) => {
    if (call.status === undefined) return false
    call.status = call.status === 'VALID' ? 'SYNCING' : 'VALID'
    return true
  }),
  'a forkchoice becomes an error': onForkchoice((call) => {
    if (call.status === undefined) return false
    Object.assign(call, { status: undefined, errorCode: -38003 })
    return true
  }),
  'errorCode of a forkchoice': onForkchoice((call, pick) => {
    if (call.errorCode === undefined) return false
    call.errorCode ^= 1 << (pick % 8)
    return true
  }),
  'a forkchoice is VALID after all': onForkchoice((call) => {
    if (call.errorCode === undefined) return false
    Object.assign(call, { status: 'VALID', errorCode: undefined })
    return true
  }),
  payloadId: onForkchoice((call, pick) => {
    if (call.payloadId === undefined) return false
    call.payloadId = flipBit(call.payloadId, pick)
    return true
  }),
  'blockHash of what a forkchoice orders': onForkchoice((call, pick) => {
    if (call.blockHash === undefined) return false
    call.blockHash = flipBit(call.blockHash, pick)
    return true
  }),
  lastblockhash: (vector, pick) => {
    vector.lastblockhash = flipBit(vector.lastblockhash, pick)
    return true
  },
  postStateHash: (vector, pick) => {
    vector.postStateHash = flipBit(vector.postStateHash, pick)
    return true
  },
  'hash of the genesis': ({ genesisBlockHeader }, pick) => {
    genesisBlockHeader.hash = flipBit(genesisBlockHeader.hash, pick)
    return true
  },
}

/** Deterministic: a number for each mutant. */
const pickOf = (kind: number, count: number) => (kind * 7919 + count * 104_729) % 100_003

const clients = await createInProcess()
const vectors = loadCases([VECTORS])
  .filter(({ vector }) => vector)
  .map(({ name, vector }) => ({ name, vector: vector! }))
let mutants = 0

for (const [kind, [what, change]] of Object.entries(MUTATIONS).entries()) {
  t.test(`a vector fails in which something else is expected: ${what}`, async (t) => {
    let count = 0
    // From another vector on for each kind, and through all of them with steps that meet every one.
    for (let tries = 0; tries < vectors.length && count < EACH; tries++) {
      const { name, vector } = vectors[(kind * 31 + tries * 7919) % vectors.length]
      const mutant = structuredClone(vector)
      const pick = pickOf(kind, tries)
      if (!change(mutant, pick)) continue
      count++
      const test = { name, vector: mutant }
      const [result] = await runCases([test], clients, { build: true, strict: true })
      if (result.verdict !== 'failed') t.fail(`${name}: ${what} (${pick}) passes`)
    }
    mutants += count
    t.ok(count > 0, `${count} mutants`)
  })
}

t.test(`there are at least ${MIN_MUTANTS} mutants`, async (t) => {
  t.ok(mutants >= MIN_MUTANTS, `${mutants}`)
})
