/** What an embedder of the main entry point writes, who has nothing of EthereumJS. */
import {
  type BlockOptions,
  type ChainConfig,
  type ExecutedBlock,
  type Fork,
  InvalidBlockError,
  type PayloadAttributesJSON,
  type Preimages,
  type Receipt,
  StateError,
  createChain,
  createWitnessState,
  executeBlock,
} from 'ethereumjs-op'

type Hex = `0x${string}`

/** A header as JSON-RPC has it, as far as it is needed. */
interface ParentHeader {
  parentHash: Hex
  sha3Uncles: Hex
  miner: Hex
  stateRoot: Hex
  transactionsRoot: Hex
  receiptsRoot: Hex
  logsBloom: Hex
  difficulty: Hex
  number: Hex
  gasLimit: Hex
  gasUsed: Hex
  timestamp: Hex
  extraData: Hex
  mixHash: Hex
  nonce: Hex
  baseFeePerGas: Hex
  withdrawalsRoot?: Hex
  blobGasUsed?: Hex
  excessBlobGas?: Hex
  parentBeaconBlockRoot?: Hex
  requestsHash?: Hex
}

/** A block with its witness. */
export interface BlockFile {
  config: ChainConfig
  parentHeader: ParentHeader
  payloadAttributes: PayloadAttributesJSON
  expectedBlockHash: Hex
  preimages: Preimages
}

/** Does not compile if a fork is missing or new. */
export const forks: Record<Fork, true> = {
  bedrock: true,
  regolith: true,
  canyon: true,
  ecotone: true,
  fjord: true,
  granite: true,
  holocene: true,
  isthmus: true,
  jovian: true,
  karst: true,
}

const toHex = (bytes: Uint8Array) =>
  `0x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`

/** Executes the block of a file from plain data. */
export async function execute(file: BlockFile, changes: Partial<PayloadAttributesJSON> = {}) {
  const chain = createChain(file.config)
  const { sha3Uncles, miner, transactionsRoot, receiptsRoot, ...fields } = file.parentHeader
  const parent: BlockOptions['parent'] = {
    ...fields,
    uncleHash: sha3Uncles,
    coinbase: miner,
    transactionsTrie: transactionsRoot,
    receiptTrie: receiptsRoot,
  }
  const state = createWitnessState(chain.common, fields.stateRoot, file.preimages)
  const attributes = { ...file.payloadAttributes, ...changes }
  const block: ExecutedBlock = await executeBlock({ chain, state, parent, attributes })
  const statuses: number[] = block.receipts.map((receipt: Receipt) => receipt.status)
  return { hash: toHex(block.header.hash()), statuses }
}

/** What an error says about the block. */
export async function judge(file: BlockFile, changes: Partial<PayloadAttributesJSON>) {
  try {
    await execute(file, changes)
    return 'valid'
  } catch (error) {
    if (error instanceof InvalidBlockError) return `invalid: ${error.message}`
    if (error instanceof StateError) return `unknown: ${error.message}`
    throw error
  }
}

/** Does not compile if the types are lost on the way, for then nothing is wrong in here. */
export function mistakes(file: BlockFile, block: ExecutedBlock) {
  const chain = createChain(file.config)
  // @ts-expect-error: a name that is no fork
  chain.rules({ timestamp: 0n }).isActive('prague')
  // @ts-expect-error: a number where hex belongs
  const attributes: PayloadAttributesJSON = { ...file.payloadAttributes, gasLimit: 1 }
  // @ts-expect-error: there is no such field
  const gas = block.header.gasWasted
  // @ts-expect-error: gas is a bigint
  const total: number = block.receipts[0]?.cumulativeGasUsed
  return { attributes, gas, total }
}
