import type { ChainConfig } from 'ethereumjs-op'
import type { CheckedBlock } from '../../node/src/verify/rpcBlock.ts'

/** What the page asks for. */
export interface Question {
  url: string
  /** A number, or the newest block. */
  block: number | 'latest'
  /** Of a genesis file, where the chain is not known. */
  config?: ChainConfig
}

/** A file that was opened. */
export interface FileQuestion {
  file: File
}

/** What the page hears while it waits. */
export interface Step {
  step: string
}

/** What came out: right, not as the endpoint says, or not known. */
export interface Outcome {
  verdict: 'ok' | 'mismatch' | 'unknown'
  number?: number
  hash?: string
  text: string
  block?: CheckedBlock
  /** Milliseconds of the whole. */
  ms: number
}
