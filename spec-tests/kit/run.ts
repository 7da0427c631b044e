import type { Answer, Client } from './client.ts'
import type { ForkchoiceCall, NewPayload, Vector } from './vector.ts'

/** What differs: the call, what should come, what came. */
export class Mismatch extends Error {
  override name = 'Mismatch'
}

/** What is compared of a vector. */
export interface RunOptions {
  /** Also builds each payload that has attributes. */
  build?: boolean
}

const ZERO_HASH = `0x${'00'.repeat(32)}`

/** A field of an answer that may be anything. */
function field(value: unknown, ...path: string[]): unknown {
  let current = value
  for (const name of path) current = (current as Record<string, unknown> | null | undefined)?.[name]
  return current
}

/** For messages: short, and on one line. */
const show = (value: unknown) => (JSON.stringify(value) ?? 'nothing').slice(0, 300)

/** @throws {Mismatch} if they differ */
function compare(where: string, actual: unknown, expected: unknown) {
  if (actual === expected) return
  throw new Mismatch(`${where} is ${show(actual)} but should be ${show(expected)}`)
}

/** @throws {Mismatch} if it is an error */
function resultOf(where: string, { result, error }: Answer): unknown {
  if (error) throw new Mismatch(`${where} fails: ${error.code} ${error.message}`)
  return result
}

/** @throws {Mismatch} if it is no error, or another one */
function compareError(where: string, answer: Answer, code: number) {
  if (answer.error) return compare(`error code of ${where}`, answer.error.code, code)
  const result = show(answer.result)
  throw new Mismatch(`${where} gives ${result} but should fail with ${code}`)
}

/** The forkchoice of a head without labels. */
export const forkchoiceTo = (headBlockHash: unknown) => ({
  headBlockHash,
  safeBlockHash: ZERO_HASH,
  finalizedBlockHash: ZERO_HASH,
})

/** Builds a payload of its attributes on its parent. */
async function buildPayload(client: Client, call: NewPayload, where: string) {
  const parentHash = field(call.params[0], 'parentHash')
  const update = `engine_forkchoiceUpdatedV${call.forkchoiceUpdatedVersion}`
  const params = [forkchoiceTo(parentHash), call.payloadAttributes]
  const updated = resultOf(`${where}: ${update} to build it`, await client.call(update, params))
  const payloadId = field(updated, 'payloadId')
  await compareBuild(client, payloadId, call, field(call.params[0], 'blockHash'), where)
}

/** Fetches what is built, and compares its hash. */
async function compareBuild(
  client: Client,
  payloadId: unknown,
  { getPayloadVersion }: { getPayloadVersion?: string },
  blockHash: unknown,
  where: string,
) {
  const method = `engine_getPayloadV${getPayloadVersion}`
  const built = resultOf(`${where}: ${method}`, await client.call(method, [payloadId]))
  const payload = getPayloadVersion === '1' ? built : field(built, 'executionPayload')
  compare(`${where}: blockHash of what is built`, field(payload, 'blockHash'), blockHash)
}

/** A payload is judged as it should be, and where it is valid becomes the head. */
async function runPayload(client: Client, call: NewPayload, where: string) {
  const method = `engine_newPayloadV${call.newPayloadVersion}`
  const answer = await client.call(method, call.params)
  if (call.errorCode !== undefined)
    return compareError(`${where}: ${method}`, answer, call.errorCode)
  const result = resultOf(`${where}: ${method}`, answer)
  const status = call.status ?? (call.validationError ? 'INVALID' : 'VALID')
  const actual = field(result, 'status')
  // Clients may tell a wrong hash apart, as the first version of the Engine API did.
  const isInvalid = actual === 'INVALID_BLOCK_HASH' && status === 'INVALID'
  const reason = field(result, 'validationError')
  const why = typeof reason === 'string' ? ` (${reason.slice(0, 200)})` : ''
  if (!isInvalid) compare(`${where}: status${why}`, actual, status)
  if (call.latestValidHash !== undefined) {
    const latest = field(result, 'latestValidHash')
    compare(`${where}: latestValidHash`, latest, call.latestValidHash)
  }
  if (status !== 'VALID') return
  const update = `engine_forkchoiceUpdatedV${call.forkchoiceUpdatedVersion}`
  const state = forkchoiceTo(field(call.params[0], 'blockHash'))
  const updated = resultOf(`${where}: ${update}`, await client.call(update, [state, null]))
  compare(`${where}: status of ${update}`, field(updated, 'payloadStatus', 'status'), 'VALID')
}

async function runForkchoice(client: Client, call: ForkchoiceCall, where: string) {
  const method = `engine_forkchoiceUpdatedV${call.forkchoiceUpdatedVersion}`
  const answer = await client.call(method, call.params)
  if (call.errorCode !== undefined)
    return compareError(`${where}: ${method}`, answer, call.errorCode)
  const updated = resultOf(`${where}: ${method}`, answer)
  compare(`${where}: status`, field(updated, 'payloadStatus', 'status'), call.status)
  const payloadId = field(updated, 'payloadId')
  if (call.payloadId) compare(`${where}: payloadId`, payloadId, call.payloadId)
  if (call.blockHash) await compareBuild(client, payloadId, call, call.blockHash, where)
}

/**
 * Runs a vector.
 *
 * @param client - which runs on the vector's genesis
 * @throws {Mismatch} at the first difference
 * @throws {ClientError} if the client gives no answer
 */
export async function runVector(
  client: Client,
  vector: Vector,
  { build = false }: RunOptions = {},
) {
  const genesis = resultOf('block 0', await client.call('eth_getBlockByNumber', ['0x0', false]))
  compare('hash of block 0', field(genesis, 'hash'), vector.genesisBlockHeader.hash)
  const { engineNewPayloads, engineForkchoiceUpdates = [] } = vector
  const runForkchoices = async (done: number) => {
    for (const [index, call] of engineForkchoiceUpdates.entries()) {
      if (call.after === done) await runForkchoice(client, call, `forkchoice ${index}`)
    }
  }
  for (const [index, call] of engineNewPayloads.entries()) {
    await runForkchoices(index)
    const where = `payload ${index}`
    if (build && call.payloadAttributes) await buildPayload(client, call, where)
    await runPayload(client, call, where)
  }
  await runForkchoices(engineNewPayloads.length)
  const last = resultOf('latest', await client.call('eth_getBlockByNumber', ['latest', false]))
  compare('hash of the latest block', field(last, 'hash'), vector.lastblockhash)
  compare('state root of the latest block', field(last, 'stateRoot'), vector.postStateHash)
}
