import type { BlockClaim } from '../verify/differences.ts'

/** What the main client says of a block. */
export interface Claim extends BlockClaim {
  /** Whether it takes the block, or the attributes of which one is to be built. */
  verdict: 'VALID' | 'INVALID'
}
