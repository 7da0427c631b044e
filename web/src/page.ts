/** The page: reads the form, asks the worker, shows what it says. Text only ever becomes text. */
import type { ChainConfig } from 'ethereumjs-op'
import type { CheckedBlock } from '../../node/src/verify/rpcBlock.ts'
import type { FileQuestion, Outcome, Question, Step } from './messages.ts'

/** Blocks that stay in the list. */
const MAX_HISTORY = 100
/** Milliseconds between two looks for a new block. */
const POLL = 1000

/** @throws if the page has no such element */
function find<T extends HTMLElement>(id: string): T {
  const element = document.getElementById(id)
  if (!element) throw new Error(`the page has no element ${id}`)
  return element as T
}

const form = find<HTMLFormElement>('form')
const rpc = find<HTMLInputElement>('rpc')
const block = find<HTMLInputElement>('block')
const genesis = find<HTMLInputElement>('genesis')
const follow = find<HTMLInputElement>('follow')
const file = find<HTMLInputElement>('file')
const verify = find<HTMLButtonElement>('verify')
const stop = find<HTMLButtonElement>('stop')
const outcomeText = find('outcome')
const steps = find('steps')
const history = find('history')

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
let isStopped = false

/** A row of a table. */
function addRow(body: HTMLElement, cells: unknown[], isBad = false) {
  const row = document.createElement('tr')
  if (isBad) row.className = 'bad'
  for (const cell of cells) {
    const data = document.createElement('td')
    data.textContent = typeof cell === 'string' ? cell : JSON.stringify(cell)
    row.append(data)
  }
  body.append(row)
}

function addItem(list: HTMLElement, text: string, className = '') {
  const item = document.createElement('li')
  item.textContent = text
  item.className = className
  list.append(item)
  return item
}

/** Wei in decimal, or a dash where a transaction pays none. */
const toWei = (value: unknown) => (typeof value === 'string' ? BigInt(value).toString() : '–')

/** Shows a table where it has rows. */
function showTable(name: string, fill: (body: HTMLElement) => void) {
  const body = find(`${name}-rows`)
  body.replaceChildren()
  fill(body)
  find(name === 'difference' ? 'differences' : 'transactions').hidden = body.children.length === 0
}

function showBlock(checked?: CheckedBlock) {
  const { differences = [], transactions = [], receipts = [], claimedReceipts } = checked ?? {}
  showTable('difference', (body) => {
    for (const { where, computed, claimed } of differences) {
      addRow(body, [where, computed, claimed], true)
    }
  })
  showTable('transaction', (body) => {
    for (const [index, { hash, type }] of transactions.entries()) {
      const { status, gasUsed, l1Fee } = receipts[index]
      const claimed = claimedReceipts?.[index]
      const isBad = differences.some(({ where }) => where.startsWith(`receipt ${index} `))
      const verdict = !claimed ? 'not given' : isBad ? 'differs' : 'as computed'
      const word = status === '0x1' ? 'success' : 'failed'
      const gas = Number(gasUsed).toString()
      const fees = [toWei(l1Fee), claimed ? toWei(claimed.l1Fee) : 'not given']
      addRow(body, [`${index}`, hash, type, word, gas, ...fees, verdict], isBad)
    }
  })
}

/** Asks the worker, and shows its steps as they come. */
function ask(question: Question | FileQuestion): Promise<Outcome> {
  steps.replaceChildren()
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<Step | Outcome>) => {
      if ('step' in data) addItem(steps, data.step)
      else resolve(data)
    }
    worker.onerror = ({ message }) => resolve({ verdict: 'unknown', text: message, ms: 0 })
    worker.postMessage(question)
  })
}

const WORDS = { ok: 'Verified', mismatch: 'Wrong', unknown: 'Not known' }

function show(outcome: Outcome) {
  const { verdict, text, hash, ms } = outcome
  const className = verdict === 'ok' ? 'good' : 'bad'
  const full = `${WORDS[verdict]}: ${text}${hash ? `, hash ${hash}` : ''}, ${ms} ms`
  outcomeText.textContent = full
  outcomeText.className = className
  history.prepend(addItem(history, full, className))
  while (history.children.length > MAX_HISTORY) history.lastChild?.remove()
  showBlock(outcome.block)
}

async function readConfig(): Promise<ChainConfig | undefined> {
  const [chosen] = genesis.files ?? []
  if (!chosen) return undefined
  const { config } = JSON.parse(await chosen.text()) as { config?: ChainConfig }
  if (!config) throw new Error(`${chosen.name} has no config: it is no genesis file`)
  return config
}

/** Verifies what the form says, and where it is to follow each block after it. */
async function run() {
  let config: ChainConfig | undefined
  try {
    config = await readConfig()
  } catch (error) {
    return show({ verdict: 'unknown', text: (error as Error).message, ms: 0 })
  }
  const url = rpc.value.trim()
  let next: number | 'latest' = block.value === 'latest' ? 'latest' : Number(block.value)
  do {
    const outcome: Outcome = await ask({ url, block: next, config })
    const isAhead = follow.checked && typeof next === 'number' && /does not have/.test(outcome.text)
    if (isAhead) await new Promise((resolve) => setTimeout(resolve, POLL))
    else show(outcome)
    if (outcome.number !== undefined) next = outcome.number + 1
    else if (!isAhead) break
  } while (follow.checked && !isStopped)
}

/** One thing at a time. */
async function busy(work: () => Promise<void>) {
  isStopped = false
  verify.disabled = true
  file.disabled = true
  stop.disabled = false
  outcomeText.textContent = 'Working …'
  outcomeText.className = ''
  await work()
  verify.disabled = false
  file.disabled = false
  stop.disabled = true
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  busy(run)
})
stop.addEventListener('click', () => {
  isStopped = true
})
file.addEventListener('change', () => {
  const [chosen] = file.files ?? []
  if (chosen) busy(async () => show(await ask({ file: chosen })))
  // So that the same can be chosen again.
  file.value = ''
})

// `?rpc=URL&block=N&follow` fills the form.
const query = new URLSearchParams(location.search)
rpc.value = query.get('rpc') ?? 'http://127.0.0.1:8545'
block.value = query.get('block') ?? 'latest'
follow.checked = query.has('follow')
