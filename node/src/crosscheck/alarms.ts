import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Genesis } from 'ethereumjs-op/blockchain'
import { type PrefixedHexString as Hex, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Logger } from '../logger.ts'
import type { Store } from '../store/store.ts'
import { compareBlock, describeDifference } from '../verify/differences.ts'
import type { Endpoint } from '../verify/endpoint.ts'
import type { CaseFacts, CaseFile } from './caseFile.ts'
import type { Claim } from './claim.ts'
import { writeDurably } from './durable.ts'
import {
  type Evidence,
  compareStates,
  fetchClaim,
  fetchSmallWitness,
  toBlockFile,
} from './evidence.ts'
import type { Answer } from './exchange.ts'
import type { BlockRef, Memory } from './memory.ts'
import type { Alarm, AlarmKind, HearAlarm } from './types.ts'
import { type DisputedPayload, createVector } from './vector.ts'

/** A difference that nothing explains, as it is found. */
export interface Finding {
  kind: AlarmKind
  /** One for each difference: the hash of the block, where it is about one. */
  key: string
  block?: BlockRef
  summary: string
  claim: Claim
  method?: string
  params?: unknown[]
  answers?: { main?: Answer; own?: Answer }
  /** Executes the block again. @throws if the state before it is not to be had */
  gather?(): Promise<Evidence>
  /** Where a third client can be asked about it. */
  disputed?: DisputedPayload
}

/** See {@link createAlarms}. */
export interface AlarmOptions {
  store: Store
  genesis: Genesis
  memory: Memory
  /** Folder of case files. */
  cases: string
  endpoint?: Endpoint
  log: Logger
  onAlarm: HearAlarm
}

/** Writes case files, and rings. */
export interface Alarms {
  /** Rings once for each key; what it throws goes to the log, and the alarm rings all the same. */
  raise(finding: Finding): void
  /** Rings again what was not heard before the process ended. */
  resume(): void
  /** Resolves when all that was raised has rung. */
  idle(): Promise<void>
}

const messageOf = (error: unknown) => `${(error as Error)?.message ?? error}`

/** A name that is the same for the same difference, and fit for a file. */
function idOf({ kind, key, block }: Finding): string {
  const digits = /^0x[0-9a-f]{64}$/.test(key)
    ? key.slice(2, 12)
    : createHash('sha256').update(key).digest('hex').slice(0, 10)
  return [kind, block?.number, digits].filter((part) => part !== undefined).join('-')
}

/** Rings about what differs, and writes a case file before. */
export function createAlarms(options: AlarmOptions): Alarms {
  const { store, genesis, memory, cases, endpoint, log, onAlarm } = options
  const { chain } = store
  const running = new Set<Promise<void>>()

  /** Adds what the main client says of the block and its state, where it does. */
  async function askMain(finding: Finding, facts: CaseFacts, evidence?: Evidence) {
    const { block } = finding
    if (!endpoint || !block) return
    const { claim } = facts
    const isWhole = claim.header && claim.receipts && claim.transactions
    if (!isWhole && claim.verdict === 'VALID') {
      facts.claim = { ...(await fetchClaim(endpoint, block.hash)), ...claim }
    }
    // What it does not give is left out.
    facts.mainWitness = await fetchSmallWitness(endpoint, block.number).catch(() => undefined)
    const { state, keys } = evidence ?? {}
    if (!state || !keys || claim.verdict !== 'VALID') return
    try {
      facts.accounts = await compareStates(endpoint, block.hash, state, keys)
    } catch (error) {
      facts.stateError = `accounts are not compared: ${messageOf(error)}`
    }
  }

  function addVector({ disputed, block }: Finding, facts: CaseFacts, evidence?: Evidence) {
    if (!disputed || !block) {
      facts.vectorError = 'the Engine API does not show this difference'
      return
    }
    const parentHash = evidence && bytesToHex(evidence.parent.hash())
    try {
      if (!parentHash) throw new Error('the parent of the block is not known here')
      facts.vector = createVector(store, genesis, { id: facts.id, parentHash }, disputed)
    } catch (error) {
      facts.vectorError = messageOf(error)
    }
  }

  /** All that is known of a difference. Never throws: what is not to be had is left out, and why. */
  async function describe(finding: Finding, { id, at }: Alarm): Promise<CaseFile> {
    const { kind, summary, method, params, answers = {}, claim } = finding
    const facts: CaseFacts = { id, kind, at, summary, method, params, answers, claim }
    let evidence: Evidence | undefined
    try {
      evidence = await finding.gather?.()
    } catch (error) {
      facts.stateError = `no state to execute the block again: ${messageOf(error)}`
    }
    try {
      await askMain(finding, facts, evidence)
    } catch (error) {
      facts.stateError ??= `the main client does not say more: ${messageOf(error)}`
    }
    if (!evidence) {
      addVector(finding, facts)
      return { config: genesis.config, case: facts }
    }
    const { block, invalid } = evidence
    facts.computed = { hash: block?.header.hash as Hex | undefined, invalid }
    if (block) {
      const differences = compareBlock(block, facts.claim)
      const firstOf = (part: string) => differences.find(({ where }) => where.startsWith(part))
      facts.firstHeaderField = firstOf('header')
      facts.firstReceipt = firstOf('receipt')
      facts.firstTransaction = firstOf('transaction')
    }
    addVector(finding, facts, evidence)
    const { firstHeaderField, firstReceipt, firstTransaction } = facts
    const firsts = [firstHeaderField, firstReceipt, firstTransaction]
    const parts = firsts.filter((one) => one !== undefined)
    const details = parts.map(describeDifference)
    const [account] = facts.accounts ?? []
    if (account) {
      details.push(`account ${account.address} ${describeDifference(account.fields[0])}`)
    }
    facts.summary = [summary, ...details].join('; ')
    return { config: genesis.config, ...toBlockFile(chain, evidence), case: facts }
  }

  /** Tells of an alarm until it is heard, and remembers that it was. */
  async function tell(key: string, alarm: Alarm) {
    await onAlarm(alarm)
    await memory.setRung(key)
  }

  async function ring(finding: Finding, first: Alarm) {
    const { id } = first
    const file = await describe(finding, first)
    const alarm: Alarm = { ...first, summary: file.case.summary }
    try {
      const path = join(cases, `${id}.json`)
      await writeDurably(path, `${JSON.stringify(file)}\n`)
      alarm.caseFile = path
    } catch (error) {
      alarm.caseError = messageOf(error)
      log.error({ id, folder: cases, error: alarm.caseError }, 'a case file cannot be written')
    }
    await tell(finding.key, alarm)
  }

  /** Keeps count of what rings. */
  function start(ringing: Promise<void>) {
    const settled = ringing.catch((error: Error) => {
      log.error({ error: error.message, stack: error.stack }, 'an alarm could not be told')
    })
    running.add(settled)
    void settled.finally(() => running.delete(settled))
  }

  function raise(finding: Finding) {
    const { kind, block, summary, key } = finding
    const alarm: Alarm = { id: idOf(finding), at: Date.now(), kind, block, summary }
    if (memory.addAlarm(key, alarm)) start(ring(finding, alarm))
  }

  function resume() {
    for (const { key, alarm } of memory.unheard) {
      const path = join(cases, `${alarm.id}.json`)
      const file = existsSync(path)
        ? { caseFile: path }
        : { caseError: 'the process ended before the case file was written' }
      start(tell(key, { ...alarm, ...file }))
    }
  }

  async function idle() {
    while (running.size > 0) await Promise.all(running)
  }

  return { raise, resume, idle }
}
