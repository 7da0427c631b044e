import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { CallLimits } from '../options.ts'
import type { Methods } from '../rpc/methods.ts'
import { readFlag, readList } from '../rpc/params.ts'
import type { Store } from '../store/store.ts'
import type { Lookup } from './context.ts'
import { readFields } from './fields.ts'
import { type BlockOverride, readBlockOverride, readStateOverrides } from './overrides.ts'
import { type BlockRequest, type SimulationOptions, simulateBlocks } from './simulateBlocks.ts'

/** Most blocks, calls of one and of all, as geth has them. */
const MAX_BLOCKS = 256
const MAX_BLOCK_CALLS = 5_000
const MAX_CALLS = 10_000

/** Seconds from a block to the next, unless it says otherwise. */
const BLOCK_TIME = 12n

const TOO_MUCH = -38026
const NUMBER_INVALID = -38020
const TIME_INVALID = -38021

/** A block as it was asked for. */
type Requested = Omit<BlockRequest, 'override'> & { override: BlockOverride }

function readBlock(value: unknown): Requested {
  const { blockOverrides, stateOverrides, calls } = readFields(value, 'blockStateCalls', {
    blockOverrides: (override) => readBlockOverride(override, true),
    stateOverrides: readStateOverrides,
    calls: (list) => readList(list, (call) => call, Infinity),
  })
  return { override: blockOverrides ?? {}, accounts: stateOverrides ?? [], calls: calls ?? [] }
}

function checkCounts(blocks: Requested[]): void {
  let total = 0
  for (const { calls } of blocks) {
    total += calls.length
    if (calls.length > MAX_BLOCK_CALLS) {
      const counts = `${calls.length} > ${MAX_BLOCK_CALLS}`
      throw new JsonRpcError(`too many calls in block: ${counts}`, TOO_MUCH)
    }
    if (total > MAX_CALLS) {
      throw new JsonRpcError(`too many calls: ${total} > ${MAX_CALLS}`, TOO_MUCH)
    }
  }
}

/** Gives each block its number and time, and fills gaps with empty blocks. */
function completeBlocks(blocks: Requested[], base: { number: bigint; timestamp: bigint }) {
  const all: BlockRequest[] = []
  let { number, timestamp } = base
  for (const { override, accounts, calls } of blocks) {
    const ownNumber = override.number ?? number + 1n
    if (ownNumber <= number) {
      const order = `${ownNumber} <= ${number}`
      throw new JsonRpcError(`block numbers must be in order: ${order}`, NUMBER_INVALID)
    }
    if (ownNumber - base.number > MAX_BLOCKS) throw new JsonRpcError('too many blocks', TOO_MUCH)
    while (number + 1n < ownNumber) {
      number += 1n
      timestamp += BLOCK_TIME
      all.push({ override: { number, time: timestamp }, accounts: [], calls: [] })
    }
    const time = override.time ?? timestamp + BLOCK_TIME
    if (time <= timestamp) {
      const order = `${time} <= ${timestamp}`
      throw new JsonRpcError(`block timestamps must be in order: ${order}`, TIME_INVALID)
    }
    number = ownNumber
    timestamp = time
    all.push({ override: { ...override, number, time }, accounts, calls })
  }
  return all
}

/** Simulated blocks of calls. */
export function createSimulateMethods(
  store: Store,
  { blockOf }: Lookup,
  limits: CallLimits,
): Methods {
  function simulate(request: unknown, id: unknown) {
    const fields = readFields(request, 'options', {
      blockStateCalls: (list) => {
        if (Array.isArray(list) && list.length > MAX_BLOCKS) {
          throw new JsonRpcError('too many blocks', TOO_MUCH)
        }
        return readList(list, readBlock)
      },
      validation: readFlag,
      traceTransfers: readFlag,
      returnFullTransactions: readFlag,
    })
    const { blockStateCalls = [] } = fields
    if (blockStateCalls.length === 0) throw new JsonRpcError('empty input', -32602)
    checkCounts(blockStateCalls)
    const opts: SimulationOptions = {
      isValidated: fields.validation ?? false,
      hasTransfers: fields.traceTransfers ?? false,
      hasFullTransactions: fields.returnFullTransactions ?? false,
    }
    const base = store.after(blockOf(id ?? undefined))
    return simulateBlocks(base, completeBlocks(blockStateCalls, base.header), opts, limits)
  }

  return { eth_simulateV1: simulate }
}
