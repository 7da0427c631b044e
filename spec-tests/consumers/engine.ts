/** What an embedder of the Engine API writes: a store, and calls of every method. */
import {
  type Backend,
  type Chain,
  type ClientVersion,
  type Engine,
  type Envelope,
  type ExecutedBlock,
  type ExecutionPayload,
  type Forkchoice,
  type ForkchoiceState,
  type ForkchoiceUpdate,
  type ForkchoiceUpdated,
  type Hex,
  JsonRpcError,
  type PayloadAttributesJSON,
  type PayloadStatus,
  createEngine,
} from 'ethereumjs-op'
import { type Genesis, createGenesis, headerToJSON } from 'ethereumjs-op/blockchain'

/** A store in memory: some methods answer at once, some by promises. */
export class MemoryBackend implements Backend {
  readonly chain: Chain
  readonly nodes: Map<string, Uint8Array>
  readonly #headers = new Map<Hex, ExecutedBlock['header']>()
  readonly #canonical: Hex[] = []
  #forkchoice: Forkchoice

  constructor(chain: Chain, genesis: ExecutedBlock['header'], nodes: Map<string, Uint8Array>) {
    const { hash } = headerToJSON(genesis)
    if (!hash) throw new Error('a header has a hash')
    this.chain = chain
    this.nodes = nodes
    this.#headers.set(hash, genesis)
    this.#canonical.push(hash)
    this.#forkchoice = { head: hash }
  }

  async getHeader(hash: Hex) {
    return this.#headers.get(hash)
  }

  getCanonicalHash(number: bigint) {
    return this.#canonical[Number(number)]
  }

  getForkchoice() {
    return this.#forkchoice
  }

  setForkchoice({ added, ...forkchoice }: ForkchoiceUpdate) {
    if (added.length > 0) this.#canonical.length = Number(added[0]?.number)
    for (const header of added) this.#canonical.push(headerToJSON(header).hash as Hex)
    this.#forkchoice = forkchoice
  }

  async putBlock({ header }: ExecutedBlock, nodes: Map<string, Uint8Array>) {
    this.#headers.set(headerToJSON(header).hash as Hex, header)
    for (const [hash, node] of nodes) this.nodes.set(hash, node)
  }

  selectTransactions(parent: ExecutedBlock['header'], attributes: PayloadAttributesJSON) {
    if (parent.number < 0n || attributes.noTxPool) throw new Error('not asked for')
    return []
  }
}

/** Does not compile if a method is missing or new. */
const METHODS: Record<keyof Engine, true> = {
  engine_exchangeCapabilities: true,
  engine_getClientVersionV1: true,
  engine_forkchoiceUpdatedV1: true,
  engine_forkchoiceUpdatedV2: true,
  engine_forkchoiceUpdatedV3: true,
  engine_newPayloadV1: true,
  engine_newPayloadV2: true,
  engine_newPayloadV3: true,
  engine_newPayloadV4: true,
  engine_getPayloadV1: true,
  engine_getPayloadV2: true,
  engine_getPayloadV3: true,
  engine_getPayloadV4: true,
  engine_getPayloadV5: true,
}

const ZERO: Hex = `0x${'00'.repeat(32)}`

/** A deposit of 1 ether to 0x…aa. */
const DEPOSIT: Hex =
  '0x7ef85aa000000000000000000000000000000000000000000000000000000000000000009400000000000000000000000000000000000000aa9400000000000000000000000000000000000000aa880de0b6b3a7640000808252088080'

/** Builds and imports a block on a chain with all forks; `codes` are what the old versions answer. */
export async function drive(genesis: Genesis) {
  const { chain, header, state } = await createGenesis(genesis)
  const backend = new MemoryBackend(chain, header, state.added)
  const engine: Engine = createEngine(backend)
  const attributes: PayloadAttributesJSON = {
    timestamp: `0x${(header.timestamp + 2n).toString(16)}`,
    prevRandao: ZERO,
    suggestedFeeRecipient: '0x4200000000000000000000000000000000000011',
    withdrawals: [],
    parentBeaconBlockRoot: ZERO,
    transactions: [DEPOSIT],
    noTxPool: false,
    gasLimit: `0x${header.gasLimit.toString(16)}`,
    eip1559Params: '0x0000000000000000',
    minBaseFee: '0x0',
  }
  const { head } = backend.getForkchoice()
  const at = (hash: Hex): ForkchoiceState => ({
    headBlockHash: hash,
    safeBlockHash: head,
    finalizedBlockHash: ZERO,
  })
  const first: ForkchoiceUpdated = await engine.engine_forkchoiceUpdatedV3(at(head), attributes)
  const payloadId: Hex | null = first.payloadId
  if (!payloadId) throw new Error('a build has an id')
  const envelope: Envelope = await engine.engine_getPayloadV5(payloadId)
  const payload: ExecutionPayload = envelope.executionPayload
  const root = envelope.parentBeaconBlockRoot
  const codes: number[] = []
  const old: Promise<PayloadStatus | Envelope | ExecutionPayload | ForkchoiceUpdated>[] = [
    engine.engine_getPayloadV1(payloadId),
    engine.engine_getPayloadV2(payloadId),
    engine.engine_getPayloadV3(payloadId),
    engine.engine_getPayloadV4(payloadId),
    engine.engine_newPayloadV1(payload),
    engine.engine_newPayloadV2(payload),
    engine.engine_newPayloadV3(payload, [], root),
    engine.engine_forkchoiceUpdatedV1(at(head), attributes),
    engine.engine_forkchoiceUpdatedV2(at(head), attributes),
  ]
  for (const answer of old) {
    await answer.catch((error: unknown) => {
      if (!(error instanceof JsonRpcError)) throw error
      codes.push(error.code)
    })
  }
  const imported: PayloadStatus = await engine.engine_newPayloadV4(payload, [], root, [])
  const last = await engine.engine_forkchoiceUpdatedV3(at(payload.blockHash), null)
  const capabilities: string[] = await engine.engine_exchangeCapabilities()
  const [client]: ClientVersion[] = await engine.engine_getClientVersionV1()
  return {
    statuses: [imported.status, last.payloadStatus.status],
    blockHash: payload.blockHash,
    head: backend.getForkchoice().head,
    codes,
    missing: Object.keys(METHODS).filter((name) => !capabilities.includes(name)),
    client: client?.code,
  }
}
