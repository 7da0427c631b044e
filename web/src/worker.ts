/** Executes blocks beside the page, which stays responsive. */
import { type Chain, type ChainConfig, InvalidBlockError, createChain } from 'ethereumjs-op'
import { CHAINS } from 'ethereumjs-op/blockchain'
import example from '../../examples/genesis.json' with { type: 'json' }
import { type BlockFile, verifyFile } from '../../node/src/verify/blockFile.ts'
import { describeDifference } from '../../node/src/verify/differences.ts'
import { Endpoint } from '../../node/src/verify/endpoint.ts'
import { EndpointError, MismatchError } from '../../node/src/verify/errors.ts'
import { readQuantity } from '../../node/src/verify/fields.ts'
import { type CheckedBlock, checkBlock, describeLack } from '../../node/src/verify/rpcBlock.ts'
import { isWitnessFile, verifyWitnessFile } from '../../node/src/verify/witnessFile.ts'
import type { FileQuestion, Outcome, Question, Step } from './messages.ts'

const report = (step: string) => postMessage({ step } satisfies Step)

/** Cryptography is large, so it comes when the first block does. */
let loading: Promise<Awaited<ReturnType<typeof import('ethereumjs-op/crypto')['createCrypto']>>>

function loadCrypto() {
  loading ??= import('ethereumjs-op/crypto').then(({ createCrypto }) => createCrypto())
  return loading
}

/** The one that was asked last: it remembers what it has not. */
let last: { url: string; endpoint: Endpoint } | undefined

function openEndpoint(url: string): Endpoint {
  if (last?.url !== url) {
    last = { url, endpoint: new Endpoint(url, { retries: 2, timeout: 20_000 }) }
  }
  return last.endpoint
}

/** @throws {EndpointError} if the chain is not known, or another than that of the genesis file */
function findConfig(chainId: number, config?: ChainConfig): ChainConfig {
  if (config && config.chainId !== chainId) {
    const text = `chain id ${chainId}, but the genesis file is for ${config.chainId}`
    throw new EndpointError(`the endpoint has ${text}`)
  }
  const local = chainId === example.config.chainId ? (example.config as ChainConfig) : undefined
  const found = config ?? local ?? CHAINS.get(chainId)?.config
  if (found) return found
  throw new EndpointError(`chain id ${chainId} is not known here: choose its genesis file`)
}

async function check({ url, block, config }: Question): Promise<CheckedBlock> {
  const endpoint = openEndpoint(url)
  const chainId = Number(readQuantity(await endpoint.call('eth_chainId'), 'the chain id'))
  const found = findConfig(chainId, config)
  report(`chain ${chainId} at ${endpoint.name}`)
  const chain: Chain = createChain(found, { customCrypto: await loadCrypto() })
  const number =
    block === 'latest'
      ? readQuantity(await endpoint.call('eth_blockNumber'), 'a block number')
      : BigInt(block)
  return checkBlock({ endpoint, chain, number, report })
}

/** Bytes of a file, which may be compressed. */
async function readText(file: File): Promise<string> {
  const [first] = new Uint8Array(await file.slice(0, 1).arrayBuffer())
  const stream = file.stream()
  const isCompressed = first === 0x1f
  return new Response(
    isCompressed ? stream.pipeThrough(new DecompressionStream('gzip')) : stream,
  ).text()
}

async function run(question: Question | FileQuestion): Promise<Omit<Outcome, 'ms'>> {
  if ('file' in question) {
    const content: unknown = JSON.parse(await readText(question.file))
    const customCrypto = await loadCrypto()
    const { number, fork, hash, txs, gas, absent } = await (isWitnessFile(content)
      ? verifyWitnessFile(content, customCrypto)
      : verifyFile(content as BlockFile, customCrypto))
    const assumed = absent ? `; assumed not to exist: ${absent.join(' ')}` : ''
    const what = `${txs} transactions, ${gas} gas${assumed}`
    const text = `block ${number} (${fork}) of the file is right: ${what}`
    return { verdict: 'ok', number, hash, text }
  }
  const block = await check(question)
  const { number, hash, fork, txs, gas, differences, from, lack } = block
  if (differences.length > 0) {
    const text = differences.map(describeDifference).join('; ')
    return { verdict: 'mismatch', number, hash, block, text }
  }
  const note = lack ? ` (${describeLack(block)})` : ''
  const what = `${txs} transactions, ${gas} gas, state from ${from}${note}`
  const text = `block ${number} (${fork}) is right: ${what}`
  return { verdict: 'ok', number, hash, block, text }
}

addEventListener('message', async ({ data }: MessageEvent<Question | FileQuestion>) => {
  const start = performance.now()
  const outcome = await run(data).catch((error: Error): Omit<Outcome, 'ms'> => {
    const isWrong = error instanceof MismatchError || error instanceof InvalidBlockError
    return { verdict: isWrong ? 'mismatch' : 'unknown', text: error.message }
  })
  postMessage({ ...outcome, ms: Math.round(performance.now() - start) } satisfies Outcome)
})
