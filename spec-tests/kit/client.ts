import type { Vector } from './vector.ts'

/** An error of JSON-RPC. */
export interface CallError {
  code: number
  message: string
}

/** What comes of a call: one of both. */
export interface Answer {
  result?: unknown
  error?: CallError
}

/** An execution client that runs on the genesis of a vector. */
export interface Client {
  /** @throws {ClientError} if there is no answer */
  call(method: string, params: unknown[]): Promise<Answer>
  close(): Promise<void>
}

/** Starts clients. */
export interface Clients {
  /** For messages. */
  readonly name: string
  /**
   * A client on this genesis, which may be the one of the vector before.
   *
   * @throws {ClientError} if it does not start
   */
  open(vector: Vector): Promise<Client>
  close(): Promise<void>
}

/** The client under test does not start, does not answer, or answers what is no JSON-RPC. */
export class ClientError extends Error {
  override name = 'ClientError'
}

/** A genesis file as geth reads it. */
export interface GenesisFile {
  config: Vector['config']
  alloc: Vector['pre']
  [name: string]: unknown
}

/** Fields of a genesis file that are fields of its header. */
const HEADER_FIELDS = [
  'parentHash',
  'coinbase',
  'difficulty',
  'number',
  'gasLimit',
  'gasUsed',
  'timestamp',
  'extraData',
  'mixHash',
  'nonce',
  'baseFeePerGas',
  'blobGasUsed',
  'excessBlobGas',
]

/** The genesis file of a vector. */
export function genesisOf({ config, genesisBlockHeader, pre }: Vector): GenesisFile {
  const fields = HEADER_FIELDS.filter((name) => name in genesisBlockHeader)
  const header = Object.fromEntries(fields.map((name) => [name, genesisBlockHeader[name]]))
  return { config, ...header, alloc: pre }
}
