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

/** The call that a difference names: what it should give, and its payload or attributes. */
interface NamedCall {
  errorCode?: number
  /** The payload is INVALID, or the call an error. */
  isRefused: boolean
  state: Record<string, unknown>
  /** Empty where there are none. */
  fields: Record<string, unknown>
  timestamp: number
  transactions: string[]
}

function callOf(said: string, vector: Vector): NamedCall {
  const [, kind, index] = said.match(/^(payload|forkchoice) (\d+)/) ?? []
  const { engineNewPayloads, engineForkchoiceUpdates = [] } = vector
  const payload = kind === 'payload' ? engineNewPayloads[Number(index)] : undefined
  const forkchoice = kind === 'forkchoice' ? engineForkchoiceUpdates[Number(index)] : undefined
  const { errorCode } = payload ?? forkchoice ?? {}
  const [state, attributes] = forkchoice?.params ?? []
  const fields = (payload?.params[0] ?? attributes ?? {}) as Record<string, unknown>
  const { transactions } = fields
  return {
    errorCode,
    isRefused: errorCode !== undefined || payload?.validationError !== undefined,
    state: state ?? {},
    fields,
    timestamp: Number(fields.timestamp),
    transactions: Array.isArray(transactions) ? transactions : [],
  }
}

/** When a fork begins, in seconds. */
const timeOf = (vector: Vector, fork: string) =>
  (vector.config as Record<string, number | undefined>)[`${fork}Time`] ?? Infinity

/** Whether a call is refused here and by the client, if in another way. */
const isRefusedByBoth = (said: string, vector: Vector) =>
  callOf(said, vector).isRefused && /: (error -3|INVALID)/.test(said)

/** Whether a client takes a call. */
const isTaken = (said: string) => /: (VALID|as head)/.test(said)

/** Whether the first difference is in a block of Bedrock with a deposit that `matches`. */
function isBedrockDeposit(
  said: string,
  vector: Vector,
  matches: (tx: ReturnType<typeof decodeDeposit>) => boolean,
): boolean {
  const { timestamp, transactions } = callOf(said, vector)
  if (timestamp >= timeOf(vector, 'regolith')) return false
  const deposits = transactions.map(bytes).filter(([type]) => type === DEPOSIT_TYPE)
  return deposits.map(decodeDeposit).some(matches)
}

/** Of the calldata of L1 attributes from Ecotone, Isthmus and Jovian on. */
const ECOTONE_SELECTORS = ['440a5e20', '098999be', '3db6be2b']

export const LISTED: ListedKind[] = [
  {
    heading: 'deposit-gas-before-regolith',
    client: 'op-revm',
    isOfState: true,
    matches: (said, vector) =>
      isTaken(said) && callOf(said, vector).isRefused && isBedrockDeposit(said, vector, () => true),
  },
  {
    heading: 'forced-transactions-with-the-pool',
    client: 'op-geth',
    matches: (said, vector) => {
      const { errorCode, fields } = callOf(said, vector)
      return isTaken(said) && errorCode === -38003 && 'timestamp' in fields && !fields.noTxPool
    },
  },
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
      const { timestamp, transactions } = callOf(said, vector)
      const setsL1 = ECOTONE_SELECTORS.some((selector) => transactions[0]?.includes(selector))
      return timestamp >= timeOf(vector, 'ecotone') && !setsL1
    },
  },
  {
    heading: 'create2deployer-without-a-block-at-canyon-time',
    client: 'op-revm',
    isOfState: true,
    matches: (said, vector) => {
      const canyonTime = timeOf(vector, 'canyon')
      return canyonTime > 0 && callOf(said, vector).timestamp === canyonTime + 1
    },
  },
  {
    heading: 'another-refusal',
    client: 'op-geth',
    matches: isRefusedByBoth,
  },
  {
    heading: 'blob-gas-used-before-jovian',
    client: 'op-geth',
    matches: (said, vector) => {
      const { fields, timestamp } = callOf(said, vector)
      const isOther = fields.blobGasUsed !== undefined && fields.blobGasUsed !== '0x0'
      return isTaken(said) && isOther && timestamp < timeOf(vector, 'jovian')
    },
  },
  {
    heading: 'early-min-base-fee',
    client: 'op-geth',
    matches: (said, vector) => {
      const { fields, timestamp } = callOf(said, vector)
      return isTaken(said) && fields.minBaseFee != null && timestamp < timeOf(vector, 'jovian')
    },
  },
  {
    heading: 'min-base-fee-in-hex',
    client: 'op-geth',
    matches: (said) => said.includes('string into Go struct field PayloadAttributes.minBaseFee'),
  },
  {
    heading: 'safe-label-off-chain',
    client: 'op-geth',
    matches: (said, vector) => isTaken(said) && callOf(said, vector).errorCode === -38002,
  },
  {
    heading: 'crash-of-the-highest-timestamp',
    client: 'op-geth',
    matches: (said, vector) =>
      said.includes('panic: ') && BigInt(callOf(said, vector).timestamp) >= 2n ** 63n,
  },
  {
    heading: 'gas-limit-above-63-bits',
    client: 'op-geth',
    matches: (said, vector) => {
      const { gasLimit } = callOf(said, vector).fields
      return isTaken(said) && typeof gasLimit === 'string' && BigInt(gasLimit) >= 2n ** 63n
    },
  },
  {
    heading: 'signed-transaction-between-deposits-in-the-first-jovian-block',
    client: 'op-geth',
    matches: (said, vector) => {
      const { timestamp, transactions } = callOf(said, vector)
      const isFirst = (transactions[0] ?? '').includes(ECOTONE_SELECTORS[1])
      const isDeposit = (raw = '') => raw.startsWith('0x7e')
      const isBetween = isDeposit(transactions.at(-1)) && !transactions.every(isDeposit)
      return isTaken(said) && timestamp >= timeOf(vector, 'jovian') && isFirst && isBetween
    },
  },
  {
    heading: 'blob-transaction-in-attributes',
    client: 'op-geth',
    matches: (said) => said.includes('commitBlobTransaction'),
  },
]

/** The kind of DISPUTED.md that explains a difference. */
export function findListed(client: ReferenceName, said: string, vector: Vector) {
  return LISTED.find((kind) => kind.client === client && kind.matches(said, vector))
}
