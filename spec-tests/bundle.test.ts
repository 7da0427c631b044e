import { build } from 'esbuild'
import t from 'tap'
import { Script, createContext } from 'node:vm'
import { noFixtures, readFixture } from './helpers.ts'

/** What a page would run: the same steps as on Node.js, on a file that it has fetched. */
const PAGE = `
import { createBlockHeaderFromRPC } from '@ethereumjs/block'
import { bytesToHex } from '@ethereumjs/util'
import { createChain, createCrypto, createWitnessState, executeBlock } from './src/index.ts'

globalThis.execute = async (file) => {
  const chain = createChain(file.config, { customCrypto: await createCrypto() })
  const { number, timestamp } = file.parentHeader
  const { common } = chain.rules({ number: BigInt(number), timestamp: BigInt(timestamp) })
  const options = { common, skipConsensusFormatValidation: true }
  const parent = createBlockHeaderFromRPC(file.parentHeader, options)
  const state = createWitnessState(common, parent.stateRoot, file.preimages)
  const attributes = file.payloadAttributes
  const { header } = await executeBlock({ chain, state, parent, attributes })
  return bytesToHex(header.hash())
}`

t.test('the execution half bundles for browsers and executes a block there', async (t) => {
  // Platform `browser` fails on any import of a Node.js built-in.
  const { outputFiles, metafile } = await build({
    stdin: { contents: PAGE, resolveDir: '.', loader: 'ts' },
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  t.notOk(
    Object.keys(metafile.inputs).find((path) => path.startsWith('src/main')),
    'the command line is not part of it',
  )
  t.notOk(
    Object.keys(metafile.inputs).find((path) =>
      /^node_modules.(secp256k1|elliptic|node-gyp)/.test(path),
    ),
    'native code is not part of it',
  )
  t.test('without any Node.js global', { skip: noFixtures }, async (t) => {
    // Only what every browser has; no process, Buffer, require or module.
    const { TextEncoder, TextDecoder, URL, atob, btoa, crypto, performance } = globalThis
    const { queueMicrotask, setTimeout, clearTimeout } = globalThis
    const warnings: unknown[] = []
    const console = { ...globalThis.console, warn: (warning: unknown) => warnings.push(warning) }
    const web = { TextEncoder, TextDecoder, URL, atob, btoa, crypto, performance }
    const page: Record<string, unknown> = {
      ...web,
      console,
      queueMicrotask,
      setTimeout,
      clearTimeout,
    }
    page.self = page
    const context = createContext(page)
    new Script(outputFiles[0].text).runInContext(context)
    t.equal(
      new Script('typeof process + typeof Buffer + typeof require').runInContext(context),
      'undefined'.repeat(3),
    )
    const execute = page.execute as (file: unknown) => Promise<string>
    // The second has signed transactions.
    for (const number of [120794432, 121049889]) {
      const file = readFixture(`blocks/block-${number}.json.gz`)
      const parse = `JSON.parse(${JSON.stringify(JSON.stringify(file))})`
      const hash = await execute(new Script(parse).runInContext(context))
      t.equal(hash, file.expectedBlockHash)
    }
    t.strictSame(warnings, [], 'nobody misses native code in a browser')
  })
})
