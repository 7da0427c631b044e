import { type EVM, bytesToHex } from 'ethereumjs-op/ethereumjs'
import type { Tracer } from '../tracer.ts'

const CALLS = ['CALL', 'CALLCODE', 'DELEGATECALL', 'STATICCALL']

/** Counts the methods that are called, by their selectors and the sizes of their arguments. */
export function createFourByteTracer(): Tracer {
  const counts: Record<string, number> = Object.create(null)
  let evm: EVM
  return {
    start: (_tx, ofBlock) => {
      evm = ofBlock
    },
    enter: ({ type, to, input }) => {
      if (input.length < 4 || !CALLS.includes(type) || evm.getPrecompile(to!)) return
      const name = `${bytesToHex(input.subarray(0, 4))}-${input.length - 4}`
      counts[name] = (counts[name] ?? 0) + 1
    },
    end: () => counts,
  }
}
