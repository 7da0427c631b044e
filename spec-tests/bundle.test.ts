import { type PrefixedHexString, bytesToHex, hexToBytes } from '@ethereumjs/util'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { build } from 'esbuild'
import t from 'tap'
import { Script, createContext } from 'node:vm'
import { headerFromJSON } from '../blockchain/index.ts'
import { createChain } from '../src/index.ts'
import { noFixtures, readFixture } from './helpers.ts'

/** What a page would run: the same steps as on Node.js, on a file that it has fetched. */
const PAGE = `
import { headerFromJSON, headerToJSON } from './blockchain/index.ts'
import { createCrypto } from './crypto/index.ts'
import { createChain, createWitnessState, executeBlock } from './src/index.ts'

globalThis.execute = async (file) => {
  const chain = createChain(file.config, { customCrypto: await createCrypto() })
  const parent = headerFromJSON(chain, file.parentHeader)
  const state = createWitnessState(chain.common, parent.stateRoot, file.preimages)
  const attributes = file.payloadAttributes
  const { header } = await executeBlock({ chain, state, parent, attributes })
  return headerToJSON(header).hash
}`

/** A page with nothing but the library and the cryptography of EthereumJS. */
const BARE_PAGE = `
import { bytesToHex } from '@ethereumjs/util'
import { createChain, createWitnessState, executeBlock } from './src/index.ts'

globalThis.execute = async ({ config, preimages, parent, attributes }) => {
  const chain = createChain(config)
  const state = createWitnessState(chain.common, parent.stateRoot, preimages)
  const { header } = await executeBlock({ chain, state, parent, attributes })
  return bytesToHex(header.hash())
}`

/** A tenth more than the bytes that it has minified; most is the trusted setup of KZG proofs. */
const MOST_BYTES = 1_470_000

/** A page that has nothing to do with a rollup. */
const CRYPTO_PAGE = `
import { bytesToHex, hexToBytes } from '@ethereumjs/util'
import { createCrypto } from './crypto/index.ts'

globalThis.execute = async ({ hash, v, r, s, g1, blsG1 }) => {
  const { keccak256, ecrecover, bn254, bls } = await createCrypto()
  return [
    keccak256(new Uint8Array()),
    ecrecover(hexToBytes(hash), BigInt(v), hexToBytes(r), hexToBytes(s)),
    bn254.add(hexToBytes(g1 + g1.slice(2))),
    bls.addG1(hexToBytes(blsG1 + blsG1.slice(2))),
  ].map(bytesToHex).join()
}`

/** Bundles a page for browsers, which fails on any import of a Node.js built-in. */
async function bundle(contents: string, minify = false) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: '.', loader: 'ts' },
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'es2022',
    metafile: true,
    minify,
    write: false,
    logLevel: 'silent',
  })
  return { code: outputFiles[0].text, inputs: Object.keys(metafile.inputs) }
}

/**
 * Runs a page where there is only what every browser has: no process, Buffer, require or module.
 * `warnings` are what it writes to the console.
 */
function openPage(code: string) {
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
  const run = (script: string) => new Script(script).runInContext(context)
  run(code)
  const execute = page.execute as (input: unknown) => Promise<string>
  return {
    run,
    warnings,
    execute: (input: unknown) =>
      execute(run(`JSON.parse(${JSON.stringify(JSON.stringify(input))})`)),
  }
}

const NATIVE = /^node_modules.(secp256k1|elliptic|node-gyp)/
const NODE_GLOBALS = 'typeof process + typeof Buffer + typeof require'

t.test('the execution half bundles for browsers and executes a block there', async (t) => {
  const { code, inputs } = await bundle(PAGE)
  t.notOk(
    inputs.find((path) => path.startsWith('node/')),
    'the command line is not part of it',
  )
  t.notOk(
    inputs.find((path) => NATIVE.test(path)),
    'native code is not part of it',
  )
  t.test('without any Node.js global', { skip: noFixtures }, async (t) => {
    const { run, execute, warnings } = openPage(code)
    t.equal(run(NODE_GLOBALS), 'undefined'.repeat(3))
    // The second has signed transactions.
    for (const number of [120794432, 121049889]) {
      const file = readFixture(`blocks/block-${number}.json.gz`)
      t.equal(await execute(file), file.expectedBlockHash)
    }
    t.strictSame(warnings, [], 'nobody misses native code in a browser')
  })
})

t.test('the library alone bundles without WebAssembly, and is as small as it was', async (t) => {
  const { code, inputs } = await bundle(BARE_PAGE, true)
  t.comment(`${code.length} bytes minified`)
  t.ok(code.length < MOST_BYTES, `${code.length} bytes`)
  const foreign = /^(blockchain|crypto|node)\/|^node_modules.(mcl-wasm|hash-wasm)/
  t.strictSame(
    inputs.filter((path) => foreign.test(path) || NATIVE.test(path)),
    [],
  )
  t.notMatch(code, /mclBn_|hash-wasm|WebAssembly\.instantiate/)
  t.test('and executes a block', { skip: noFixtures }, async (t) => {
    const file = readFixture('blocks/block-121049889.json.gz')
    const { config, preimages, parentHeader, payloadAttributes: attributes } = file
    const parent = headerFromJSON(createChain(config), parentHeader).toJSON()
    const { run, execute, warnings } = openPage(code)
    t.equal(run(NODE_GLOBALS), 'undefined'.repeat(3))
    t.equal(await execute({ config, preimages, parent, attributes }), file.expectedBlockHash)
    t.strictSame(warnings, [])
  })
})

t.test('the cryptography bundles for browsers alone, with one copy of mcl', async (t) => {
  const { code, inputs } = await bundle(CRYPTO_PAGE)
  t.notOk(
    inputs.find((path) => path.startsWith('src/') || NATIVE.test(path)),
    'no rollup and no native code is part of it',
  )
  t.equal(inputs.filter((path) => path.endsWith('/mcl_c.js')).length, 1)
  const { run, execute, warnings } = openPage(code)
  t.equal(run(NODE_GLOBALS), 'undefined'.repeat(3))
  const outcomes = await execute({
    // As the tests of other clients for the precompile 0x01.
    hash: '0x456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3',
    v: 28,
    r: '0x9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608',
    s: '0x4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada',
    g1: `0x${'1'.padStart(64, '0')}${'2'.padStart(64, '0')}`,
    // Infinity.
    blsG1: `0x${'00'.repeat(128)}`,
  })
  const [keccak, publicKey, sum, blsSum] = outcomes.split(',')
  t.equal(keccak, '0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470')
  const address = keccak_256(hexToBytes(publicKey as PrefixedHexString)).subarray(12)
  t.equal(bytesToHex(address), '0x7156526fbd7a3c72969b54f64e42c10fbb768c8a')
  t.match(sum, /^0x030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3/)
  t.equal(blsSum, `0x${'00'.repeat(128)}`)
  t.strictSame(warnings, [], 'nobody misses native code in a browser')
})
