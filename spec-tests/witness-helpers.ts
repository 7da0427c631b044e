/** Blocks that are executed from a witness alone. */
import { bytesToHex } from '@ethereumjs/util'
import type { ClaimedBlock } from '../blockchain/index.ts'
import {
  type Chain,
  type ExecutionWitness,
  attributesOfHeader,
  executeBlock,
  readWitness,
} from '../src/index.ts'

/** Executes a block from a witness. @returns the hash of what comes out, and what was assumed */
export async function executeFrom(
  chain: Chain,
  { header, transactions }: ClaimedBlock,
  witness: ExecutionWitness,
  assumeAbsent = false,
) {
  const contents = readWitness(chain.common, header.parentHash, witness, { assumeAbsent })
  const attributes = { ...attributesOfHeader(header), transactions }
  const block = await executeBlock({ chain, ...contents, attributes })
  return { hash: bytesToHex(block.header.hash()), absent: contents.absent }
}

/** Nodes and code of a witness without which the block executes all the same. */
export async function findUnneeded(chain: Chain, block: ClaimedBlock, witness: ExecutionWitness) {
  const unneeded: string[] = []
  for (const part of ['state', 'codes'] as const) {
    const entries = Object.values(witness[part])
    for (const entry of entries) {
      const rest = entries.filter((other) => other !== entry)
      const without = { ...witness, [part]: rest }
      const outcome = await executeFrom(chain, block, without).catch((error) => error)
      if (outcome.hash === block.hash) unneeded.push(entry)
    }
  }
  return unneeded
}
