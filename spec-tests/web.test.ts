/** The page that verifies blocks, in Chromium: against a local chain, a proxy that lies, and files. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, resolve } from 'node:path'
import { json } from 'node:stream/consumers'
import { createInterface } from 'node:readline'
import { gzipSync } from 'node:zlib'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import t from 'tap'
import { FIXTURES, type JSONValue, noFixtures } from './helpers.ts'

const CHROMIUM = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser']
const executablePath = CHROMIUM.find((path) => path && existsSync(path))
const noChromium = executablePath ? false : 'no Chromium: set CHROMIUM, or install that of Debian'

/** Runs a program until the test ends. @returns the lines that it prints, one by one */
function start(...args: string[]) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
}

/** The first line that matches. */
async function findLine(lines: AsyncIterator<string>, pattern: RegExp): Promise<RegExpMatchArray> {
  for (;;) {
    const { value, done } = await lines.next()
    if (done) throw new Error(`it ends without a line like ${pattern}`)
    const match = value.match(pattern)
    if (match) return match
  }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const TYPES: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
}

/** Serves the page as any static host does. */
const servePage = () =>
  listen(
    createServer(({ url = '/' }, response) => {
      const { pathname } = new URL(url, 'http://host')
      const path = resolve(`web/dist${pathname === '/' ? '/index.html' : pathname}`)
      if (!path.startsWith(resolve('web/dist')) || !existsSync(path)) response.writeHead(404).end()
      else {
        response.setHeader('content-type', TYPES[extname(path)])
        response.end(readFileSync(path))
      }
    }),
  )

/** Answers as the endpoint does, but with another L1 fee or gas in the first receipt. */
const serveLiar = (target: string) =>
  listen(
    createServer(async (request, response) => {
      const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }
      if (request.method === 'OPTIONS') return response.writeHead(204, cors).end()
      const body = JSON.stringify(await json(request))
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(target, { method: 'POST', headers, body })
      const answers = (await answer.json()) as JSONValue
      if (body.includes('eth_getBlockReceipts')) answers.result[0].gasUsed = '0x1'
      response.writeHead(200, { ...cors, ...headers }).end(JSON.stringify(answers))
    }),
  )

t.test('the page', { skip: noChromium }, async (t) => {
  const [status] = await once(spawn(process.execPath, ['scripts/web.mjs']), 'close')
  t.equal(status, 0, 'it is built')
  const ports = ['--port', '0', '--engine-port', '0', '--deposit-port', '0']
  const dev = start('node/dist/bin.js', 'dev', ...ports, '--block-time', '1')
  const [chain] = await findLine(dev, /http:\/\/127\.0\.0\.1:\d+/)
  await findLine(dev, /block +1\b|number=1\b|^ *1 /)
  const [site, liar] = [await servePage(), await serveLiar(chain)]
  const browser: Browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())
  const page: Page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(`${error}`))
  await page.setViewport({ width: 390, height: 844 })
  const text = (selector: string) => page.$eval(selector, (element) => element.textContent ?? '')
  const done = async () => {
    const isDone = '!/Working/.test(document.querySelector("#outcome").textContent)'
    await page.waitForFunction(isDone, { timeout: 120_000 })
    return text('#outcome')
  }

  await t.test('it is small, and nothing of it comes from elsewhere', async (t) => {
    const files = readdirSync('web/dist').filter((name) => /^(page|worker)\.js$/.test(name))
    const size = files.map((name) => gzipSync(readFileSync(`web/dist/${name}`)).length)
    t.ok(size.reduce((sum, one) => sum + one) < 1e6, `${size} bytes before cryptography`)
    t.notMatch(readFileSync('web/dist/index.html', 'utf8'), /https?:\/\//)
  })

  await t.test('by keyboard alone: the latest block of the local chain is right', async (t) => {
    await page.goto(`${site}/?rpc=${chain}`)
    await page.focus('#block')
    await page.keyboard.press('Enter')
    t.match(
      await done(),
      /^Verified: block \d+ \(karst\) is right: 1 transactions, .* from witness, hash 0x/,
    )
    t.match(await text('#steps'), /chain 901 .*witness: \d+ nodes, .*executed: state root 0x/s)
    t.equal(await page.$eval('#differences', (element) => element.hasAttribute('hidden')), true)
    t.match(await text('#transaction-rows'), /0x7esuccess\d+––as computed/)
    const wide = Number(await page.evaluate('document.documentElement.scrollWidth'))
    t.ok(wide <= 390, `it fits a phone: ${wide} pixels`)
    await page.screenshot({ path: 'web/dist/verified.png', fullPage: true })
    t.ok(statSync('web/dist/verified.png').size > 10_000)
  })

  await t.test('every field has a label, and the outcome is read out', async (t) => {
    const inputs = 'Array.from(document.querySelectorAll("input"))'
    const unlabelled = `${inputs}.filter(({ labels }) => labels.length === 0).length`
    t.equal(await page.evaluate(unlabelled), 0)
    t.equal(await page.$eval('#outcome', (element) => element.getAttribute('aria-live')), 'polite')
  })

  await t.test('a lie in a receipt is shown in red, field by field', async (t) => {
    await page.goto(`${site}/?rpc=${liar}&block=1`)
    await page.click('#verify')
    t.match(await done(), /^Wrong: receipt 0 gasUsed is "0x[0-9a-f]+", but "0x1" is claimed/)
    t.match(await text('#difference-rows'), /receipt 0 gasUsed0x[0-9a-f]+0x1/)
    t.equal(await page.$eval('#difference-rows tr', (row) => row.className), 'bad')
    t.match(await text('#transaction-rows'), 'differs')
    await page.screenshot({ path: 'web/dist/wrong.png', fullPage: true })
  })

  await t.test('it follows the local chain', async (t) => {
    await page.goto(`${site}/?rpc=${chain}&follow`)
    await page.click('#verify')
    const hasThree = 'document.querySelectorAll("#history li.good").length >= 3'
    await page.waitForFunction(hasThree, { timeout: 120_000 })
    await page.click('#stop')
    t.match(await done(), /^Verified/)
  })

  await t.test('an endpoint that does not answer is no verdict', async (t) => {
    await page.goto(`${site}/?rpc=http://127.0.0.1:20001`)
    await page.click('#verify')
    t.match(await done(), /^Not known: http:\/\/127\.0\.0\.1:20001: /)
  })

  /** Gives a file to the page. @returns what it says of it */
  const give = async (path: string) => {
    await page.goto(site)
    const input = (await page.$('#file')) as Awaited<ReturnType<Page['$']>> & {
      uploadFile(path: string): Promise<void>
    }
    await input.uploadFile(path)
    const isDone =
      '/^(Verified|Wrong|Not known)/.test(document.querySelector("#outcome").textContent)'
    await page.waitForFunction(isDone, { timeout: 120_000 })
    return text('#outcome')
  }

  await t.test('a file with a real block', { skip: noFixtures }, async (t) => {
    const outcome = await give(`${FIXTURES}/blocks/block-121135704.json.gz`)
    t.match(outcome, /^Verified: block 121135704 \(ecotone\) of the file is right: 18 transactions/)
    await page.screenshot({ path: 'web/dist/file.png', fullPage: true })
  })

  await t.test('a file with a block and its witness, as endpoints give them', async (t) => {
    const ask = async (method: string, ...params: unknown[]) => {
      const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch(chain, { method: 'POST', headers, body })
      return ((await answer.json()) as JSONValue).result
    }
    const { config } = JSON.parse(readFileSync('examples/genesis.json', 'utf8'))
    const block = await ask('eth_getBlockByNumber', '0x1', true)
    const file = { config, block, witness: await ask('debug_executionWitness', '0x1') }
    const path = join(t.testdir(), 'block.json')
    writeFileSync(path, JSON.stringify(file))
    t.match(await give(path), `Verified: block 1 (karst) of the file is right: 1 transactions`)
    t.match(await text('#outcome'), block.hash)
    const other = { ...file, block: { ...block, gasUsed: '0x1' } }
    writeFileSync(path, JSON.stringify(other))
    t.match(await give(path), /^Wrong: the header of block 1 hashes to 0x/)
    writeFileSync(path, '{"block":')
    t.match(await give(path), /^Not known: /)
  })

  await t.test('the field for files is reached by keyboard', async (t) => {
    await page.goto(site)
    await page.focus('#verify')
    for (let steps = 0; steps < 3; steps++) {
      await page.keyboard.press('Tab')
      if ((await page.evaluate('document.activeElement.id')) === 'file') break
    }
    t.equal(await page.evaluate('document.activeElement.id'), 'file')
  })

  t.same(errors, [], 'nothing fails in the page')
})
