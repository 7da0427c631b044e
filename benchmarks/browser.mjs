/**
 * Executes the real blocks in Chromium, as the page of `web/` does, and in Node.js, block by block in
 * turn, and prints a table. `ROUNDS` sets the counted rounds (3).
 */
import { existsSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { build } from 'esbuild'
import puppeteer from 'puppeteer-core'
import { blockPaths, median, startWorker, sum, table } from './common.mjs'

const rounds = Number(process.env.ROUNDS ?? 3)
const candidates = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser']
const executablePath = candidates.find((path) => path && existsSync(path))
if (!executablePath) {
  console.log('no Chromium: set CHROMIUM, or install that of Debian')
  process.exit()
}

/** As `runRealBlock` of execute.mjs: the state is read before the clock starts. */
const SOURCE = `
import { createChain, createWitnessState, executeBlock } from 'ethereumjs-op'
import { headerFromJSON, headerToJSON } from 'ethereumjs-op/blockchain'
import { createCrypto } from 'ethereumjs-op/crypto'

const chains = new Map()
const customCrypto = await createCrypto()

globalThis.run = async (path) => {
  const file = await (await fetch(path)).json()
  const key = JSON.stringify(file.config)
  if (!chains.has(key)) chains.set(key, createChain(file.config, { customCrypto }))
  const chain = chains.get(key)
  const parent = headerFromJSON(chain, file.parentHeader)
  const state = createWitnessState(chain.common, parent.stateRoot, file.preimages)
  const getBlockHash = (ancestor) => file.ancestorHashes?.[String(ancestor)]
  const attributes = file.payloadAttributes
  const start = performance.now()
  const { header } = await executeBlock({ chain, state, parent, attributes, getBlockHash })
  const wall = (performance.now() - start) / 1000
  const { hash } = headerToJSON(header)
  const expected = file.expectedBlockHash ?? file.derivedBlockHash
  if (hash !== expected) throw new Error(hash + ' instead of ' + expected)
  return { wall }
}`

const { outputFiles } = await build({
  stdin: { contents: SOURCE, resolveDir: fileURLToPath(new URL('..', import.meta.url)) },
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  write: false,
})
const PAGE = '<!doctype html><script type="module" src="script.js"></script>'
const paths = blockPaths()
const server = createServer(({ url }, response) => {
  const index = paths[Number(url.slice(1))]
  const [type, body] = {
    '/': ['text/html', PAGE],
    '/script.js': ['text/javascript', outputFiles[0].text],
  }[url] ?? [
    'application/json',
    index && url !== '/favicon.ico' ? gunzipSync(readFileSync(index)) : '',
  ]
  response.setHeader('content-type', type)
  response.end(body)
})
await once(server.listen(0, '127.0.0.1'), 'listening')
const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox'] })
const page = await browser.newPage()
await page.goto(`http://127.0.0.1:${server.address().port}/`)
await page.waitForFunction('globalThis.run', { timeout: 60_000 })
const worker = startWorker()

const results = paths.map(() => ({ node: [], chromium: [] }))
for (let round = 0; round <= rounds; round++) {
  for (const [index, path] of paths.entries()) {
    const inNode = await worker.call('./execute.mjs', 'runRealBlock', path, false)
    const inChromium = await page.evaluate(`run('/${index}')`)
    Object.assign(results[index], inNode)
    // The first round is to warm up.
    if (round === 0) continue
    results[index].node.push(inNode.wall)
    results[index].chromium.push(inChromium.wall)
  }
}
const rows = results
  .map(({ chainId, number, txs, gas, node, chromium }) => {
    const seconds = [median(node), median(chromium)]
    return [`${chainId} ${number}`, txs, gas / 1e6, ...seconds, seconds[0] / seconds[1]]
  })
  .toSorted((a, b) => a[2] - b[2])
const totals = [1, 2, 3, 4].map((column) => sum(rows.map((row) => row[column])))
rows.push(['all', ...totals, totals[2] / totals[3]])
console.log(`${await browser.version()}, Node.js ${process.version}, medians of ${rounds} rounds\n`)
console.log(table(['block', 'txs', 'Mgas', 'Node.js s', 'Chromium s', 'speed of Node.js ×'], rows))
worker.stop()
await browser.close()
server.close()
