import { DEPOSIT_TYPE, decodeDeposit } from 'ethereumjs-op'
import { bytes } from '../fill/accounts.ts'
import type { ReferenceName } from '../confirm/references.ts'
import type { Vector } from '../vector.ts'

/** A difference that DISPUTED.md lists. */
export interface ListedKind {
  /** In DISPUTED.md. */
  heading: string
  client: ReferenceName
  /** Blocks that follow differ, too, since the state does. */
  isOfState?: boolean
  /** Whether a difference, in the words of `witnesses`, is of this kind. */
  matches(said: string, vector: Vector): boolean
}

/** The transactions of the payload or the attributes that a difference names first. */
function transactionsOf(said: string, vector: Vector): { timestamp: number; list: string[] } {
  const [, kind, index] = said.match(/(payload|forkchoice) (\d+)/) ?? []
  const { engineNewPayloads, engineForkchoiceUpdates = [] } = vector
  const call = kind === 'payload' ? engineNewPayloads : engineForkchoiceUpdates
  const value = call[Number(index)]?.params[kind === 'payload' ? 0 : 1]
  const { timestamp, transactions } = (value ?? {}) as Record<string, unknown>
  return { timestamp: Number(timestamp), list: (transactions as string[]) ?? [] }
}

/** Whether the first difference is in a block of Bedrock with a deposit that `matches`. */
function isBedrockDeposit(
  said: string,
  vector: Vector,
  matches: (tx: ReturnType<typeof decodeDeposit>) => boolean,
): boolean {
  const { regolithTime } = vector.config as { regolithTime?: number }
  const { timestamp, list } = transactionsOf(said, vector)
  if (timestamp >= (regolithTime ?? Infinity)) return false
  const deposits = list.map(bytes).filter(([type]) => type === DEPOSIT_TYPE)
  return deposits.map(decodeDeposit).some(matches)
}

/** Of the calldata of L1 attributes from Ecotone, Isthmus and Jovian on. */
const ECOTONE_SELECTORS = ['440a5e20', '098999be', '3db6be2b']

export const LISTED: ListedKind[] = [
  {
    heading: 'system-deposit-after-regolith',
    client: 'op-geth',
    isOfState: true,
    matches: (said) => said.includes('system tx not supported'),
  },
  {
    heading: 'failing-system-deposit-before-regolith',
    client: 'op-revm',
    isOfState: true,
    // The L1 attributes do not fail.
    matches: (said, vector) =>
      isBedrockDeposit(said, vector, ({ isSystemTx, gas }) => isSystemTx && gas !== 150_000_000n),
  },
  {
    heading: 'creation-without-funds-before-regolith',
    client: 'op-revm',
    isOfState: true,
    matches: (said, vector) => isBedrockDeposit(said, vector, ({ to, value }) => !to && value > 0n),
  },
  {
    heading: 'l1-parameters-unset',
    client: 'op-revm',
    isOfState: true,
    // They are zero until the first block that sets them in the form of Ecotone.
    matches: (said, vector) => {
      const { ecotoneTime } = vector.config as { ecotoneTime?: number }
      const { timestamp, list } = transactionsOf(said, vector)
      const setsL1 = ECOTONE_SELECTORS.some((selector) => list[0]?.includes(selector))
      return timestamp >= (ecotoneTime ?? Infinity) && !setsL1
    },
  },
  {
    heading: 'create2deployer-without-a-block-at-canyon-time',
    client: 'op-revm',
    isOfState: true,
    matches: (said, vector) => {
      const { canyonTime } = vector.config as { canyonTime?: number }
      const { timestamp } = transactionsOf(said, vector)
      return canyonTime !== undefined && canyonTime > 0 && timestamp === canyonTime + 1
    },
  },
]

/** The kind of DISPUTED.md that explains a difference. */
export function findListed(client: ReferenceName, said: string, vector: Vector) {
  return LISTED.find((kind) => kind.client === client && kind.matches(said, vector))
}
