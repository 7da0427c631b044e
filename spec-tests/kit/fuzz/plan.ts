import { type Pre, SENDERS } from '../fill/accounts.ts'
import { assemble } from '../fill/assemble.ts'
import { type BlockFields, FillError, VectorChain } from '../fill/chain.ts'
import { CHAIN_ID, type Fork, type ForkTimes, isFrom } from '../fill/forks.ts'
import {
  type DepositFields,
  type L1Attributes,
  type SignedFields,
  authorize,
  deposit,
  signed,
} from '../fill/transactions.ts'
import type { Vector, VectorAccount } from '../vector.ts'
import { type Probe, runProbe } from './probes.ts'
import type { Program } from './programs.ts'

/** An authorization of EIP-7702, whose nonce follows from its place. */
export interface AuthorizationPlan {
  chainId: number
  address: string
  /** Which of the senders. */
  authority: number
  /** Added to the right nonce. */
  nonceOffset: number
}

/** A transaction before it is signed. */
export type TransactionPlan =
  | { kind: 'deposit'; fields: DepositFields }
  | { kind: 'signed'; fields: SignedFields; authorizations?: AuthorizationPlan[] }

/** A block before it is built. */
export interface BlockPlan extends Omit<BlockFields, 'transactions' | 'parent'> {
  transactions: TransactionPlan[]
  /** Calls that are not as they should be, before the block. */
  probes?: Probe[]
}

/** An account whose code is a program. */
export interface ContractPlan extends Omit<VectorAccount, 'code'> {
  program: Program
}

/** A chain of which a vector can be made, in parts that can be left out. */
export interface ChainPlan {
  /** Makes the vector different from others. */
  name: string
  fork: Fork
  times: ForkTimes
  /** In wei or gas as in a genesis file. */
  genesis: Record<string, unknown>
  optimism: Record<string, number>
  l1: Partial<L1Attributes>
  accounts: Pre
  contracts: Record<string, ContractPlan>
  blocks: BlockPlan[]
}

/** Nonces of the senders while a block is put together. */
class Nonces {
  readonly #next: bigint[]

  constructor(next: readonly bigint[]) {
    this.#next = [...next]
  }

  /** The encoding of a transaction, whose nonce is the next one of its sender. */
  encode({ kind, ...plan }: TransactionPlan): string {
    if (kind === 'deposit') {
      const { fields } = plan as { fields: DepositFields }
      const sender = SENDERS.indexOf(fields.from as `0x${string}`)
      if (sender >= 0) this.#next[sender]++
      return deposit(fields)
    }
    const { fields, authorizations } = plan as {
      fields: SignedFields
      authorizations?: AuthorizationPlan[]
    }
    const nonce = this.#next[fields.sender ?? 0]++
    if (!authorizations) return signed({ nonce, ...fields } as SignedFields)
    const authorizationList = authorizations.map((authorization) => this.#authorize(authorization))
    return signed({ nonce, ...fields, authorizationList } as SignedFields)
  }

  #authorize({ chainId, address, authority, nonceOffset }: AuthorizationPlan) {
    const right = this.#next[authority]
    const nonce = right + BigInt(nonceOffset) < 0n ? right : right + BigInt(nonceOffset)
    const isAccepted = nonce === right && (chainId === 0 || chainId === CHAIN_ID)
    if (isAccepted) this.#next[authority]++
    return authorize(authority, { chainId, address, nonce })
  }
}

/**
 * Makes a vector of a plan. Where a block cannot be, the vector says that, and goes on without it.
 *
 * @throws {FillError} if this project contradicts itself
 */
export async function fillPlan(plan: ChainPlan): Promise<Vector> {
  const { name, fork, times, genesis, optimism, l1, accounts, contracts } = plan
  const pre: Pre = { ...accounts }
  for (const [address, { program, ...account }] of Object.entries(contracts)) {
    pre[address] = { ...account, code: assemble(program.join(' ') || ':') }
  }
  const chain = await VectorChain.create(name, { fork, times, genesis, optimism, l1, pre })
  for (const { transactions, probes = [], ...block } of plan.blocks) {
    const nonces = new Nonces(chain.nonces)
    const blockFork = chain.forkAt(chain.timestamp + (block.step ?? 2))
    const attributes = { ...block.attributes }
    // Where a fork was left out of the plan, so are its attributes.
    if (!isFrom(blockFork, 'holocene')) delete attributes.eip1559Params
    if (!isFrom(blockFork, 'jovian')) delete attributes.minBaseFee
    const encoded = transactions.map((tx) => nonces.encode(tx))
    const fields = { ...block, attributes, transactions: encoded }
    try {
      for (const probe of probes) await runProbe(chain, fields, probe)
      await chain.block(fields)
    } catch (error) {
      if (!(error instanceof FillError)) throw error
      await chain.refused(-38003, fields)
    }
  }
  return chain.finish({ description: `A random chain: ${name}`, rules: ['X-01'] })
}
