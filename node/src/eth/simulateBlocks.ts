import { calculateBaseFee, createContext, createHeader } from 'ethereumjs-op'
import {
  type BlockHeader,
  JsonRpcError,
  bigIntMin,
  createAddressFromString,
} from 'ethereumjs-op/ethereumjs'
import type { CallLimits } from '../options.ts'
import type { Place as Parent } from '../store/store.ts'
import { type Message, readCall } from './message.ts'
import { type AccountOverride, type BlockOverride, overrideState } from './overrides.ts'
import { type SimulatedCall, sealBlock } from './sealBlock.ts'
import {
  type Deadline,
  type Place,
  checkTime,
  createPlace,
  seeHeader,
  startTime,
} from './simulator.ts'
import { toTransaction } from './unsigned.ts'
import { RefusedMessage, applyMessage } from './transition.ts'
import { traceLogs } from './transfers.ts'

/** What the system calls before the first transaction, and with what gas (EIP-4788, EIP-2935). */
const SYSTEM_ADDRESS = createAddressFromString('0xfffffffffffffffffffffffffffffffffffffffe')
const BEACON_ROOTS = createAddressFromString('0x000f3df6d732807ef1319fb7b8bb8522d0beac02')
const HISTORY_STORAGE = createAddressFromString('0x0000f90827f1c53a10cb7a02335b175320002935')
const SYSTEM_GAS = 30_000_000n

/** Most bytes that all calls return. */
const MAX_RETURNED = 16 * 2 ** 20

/** Code where a block has no gas left for a call, and where an answer is too long. */
const BLOCK_GAS_LIMIT = -38015
const TOO_MUCH = -38026

/** A block to be simulated. */
export interface BlockRequest {
  override: BlockOverride & { number: bigint; time: bigint }
  accounts: AccountOverride[]
  /** As they were sent. */
  calls: unknown[]
}

/** See {@link simulateBlocks}. */
export interface SimulationOptions {
  /** Whether nonces and base fee are as in a real block. */
  isValidated: boolean
  /** Whether transfers of ether come as logs too. */
  hasTransfers: boolean
  /** Whether blocks hold their transactions, or only the hashes. */
  hasFullTransactions: boolean
}

/** What all blocks of a simulation share. */
interface Simulation extends SimulationOptions {
  /** Where it begins. */
  base: Parent
  /** Headers that were simulated. */
  headers: BlockHeader[]
  /** Gas that may still be used. */
  gasLeft: bigint
  /** Bytes that may still be returned. */
  bytesLeft: number
  deadline: Deadline
}

/** The header of a block before its calls run. */
function beginHeader(
  simulation: Simulation,
  parent: BlockHeader,
  override: BlockRequest['override'],
) {
  const { base, isValidated } = simulation
  const { chain } = base
  const { number, time: timestamp } = override
  const rules = chain.rules({ number, timestamp })
  let baseFee = override.baseFeePerGas
  if (baseFee === undefined && isValidated) {
    // Blocks that were simulated have no parameters of their own.
    const { extraData } = base.header
    baseFee = calculateBaseFee(chain, createHeader(chain, { ...parent, extraData }), rules)
  }
  const root = override.beaconRoot ?? new Uint8Array(32)
  return createHeader(chain, {
    number,
    timestamp,
    parentHash: parent.hash(),
    coinbase: override.feeRecipient ?? parent.coinbase,
    gasLimit: override.gasLimit ?? parent.gasLimit,
    mixHash: override.prevRandao ?? new Uint8Array(32),
    baseFeePerGas: baseFee ?? 0n,
    parentBeaconBlockRoot: rules.common.isActivatedEIP(4788) ? root : undefined,
  })
}

/** The place of a block, in which the hashes of simulated blocks are known too. */
async function createBlockPlace({ base, headers, deadline }: Simulation, header: BlockHeader) {
  const { chain, state } = base
  const getBlockHash = (number: bigint) => {
    if (number < base.header.number) return base.getBlockHash!(number)
    if (number === base.header.number) return base.header.hash()
    return headers.find((it) => it.number === number)?.hash()
  }
  const context = await createContext(header, { chain, state, getBlockHash })
  const place = createPlace(context, seeHeader(header))
  place.limitTime(deadline)
  return place
}

/** What happens before the first transaction. */
async function callSystem(
  { evm, state, header, finish }: Place,
  { parentHash, ...rest }: BlockHeader,
) {
  const { parentBeaconBlockRoot } = rest
  const calls = [
    evm.common.isActivatedEIP(2935) && { to: HISTORY_STORAGE, data: parentHash },
    parentBeaconBlockRoot && { to: BEACON_ROOTS, data: parentBeaconBlockRoot },
  ]
  for (const call of calls) {
    if (!call || (await state.getCode(call.to)).length === 0) continue
    const block = { header } as unknown as Parameters<typeof evm.runCall>[0]['block']
    const opts = { caller: SYSTEM_ADDRESS, gasLimit: SYSTEM_GAS, block, skipNonceIncrement: true }
    await evm.runCall({ ...opts, ...call })
    await finish()
  }
}

/** The gas limit of a call, and whether it is lower than what was asked for. */
function limitGas({ gas }: Message, remaining: bigint, gasLeft: bigint) {
  const wanted = gas ?? remaining
  if (remaining < wanted) {
    const values = `remaining: ${remaining}, required: ${wanted}`
    throw new JsonRpcError(`block gas limit reached: ${values}`, BLOCK_GAS_LIMIT)
  }
  const limited = bigIntMin(wanted, gasLeft)
  return { gas: limited, isCapped: limited < wanted }
}

/** Runs the calls of a block one after the other. @returns what came out of each */
async function runCalls(
  simulation: Simulation,
  place: Place,
  calls: unknown[],
): Promise<SimulatedCall[]> {
  const { isValidated, hasTransfers, base } = simulation
  const { header, state } = place
  const chainId = base.chain.common.chainId()
  const tracer = traceLogs(place.evm, hasTransfers)
  const results: SimulatedCall[] = []
  let remaining = header.gasLimit
  for (const request of calls) {
    place.checkTime()
    const read = readCall(request, chainId, header.baseFeePerGas)
    const nonce = read.nonce ?? (await state.getAccount(read.from))?.nonce ?? 0n
    const message = { ...read, nonce }
    const { gas, isCapped } = limitGas(message, remaining, simulation.gasLeft)
    const outcome = await applyMessage(place, message, gas, { isValidated }).catch((error) => {
      if (!(error instanceof RefusedMessage)) throw error
      throw new JsonRpcError(`err: ${error.message} (supplied gas ${gas})`, error.code)
    })
    await place.finish()
    remaining -= outcome.gasUsed
    simulation.gasLeft -= outcome.gasUsed
    simulation.bytesLeft -= outcome.returnValue.length
    if (simulation.bytesLeft < 0) throw new JsonRpcError('too much is returned', TOO_MUCH)
    const tx = toTransaction(message, nonce, gas, chainId)
    results.push({ tx, outcome, logs: tracer.take(), isCapped })
  }
  return results
}

/**
 * Simulates blocks on a block, one after the other. What changes is in no database.
 *
 * @param base - of its own
 * @returns blocks in the form of JSON-RPC, with what came out of their calls
 * @throws if a call cannot run
 */
export async function simulateBlocks(
  base: Parent,
  requests: BlockRequest[],
  opts: SimulationOptions,
  { gasCap, evmTimeout }: CallLimits,
): Promise<object[]> {
  const simulation: Simulation = {
    ...opts,
    base,
    headers: [],
    gasLeft: BigInt(gasCap),
    bytesLeft: MAX_RETURNED,
    deadline: startTime(evmTimeout),
  }
  const blocks: object[] = []
  let parent = base.header
  for (const { override, accounts, calls } of requests) {
    checkTime(simulation.deadline)
    const begun = beginHeader(simulation, parent, override)
    const place = await createBlockPlace(simulation, begun)
    const seen = { ...place, header: seeHeader(begun, override) }
    await place.state.checkpoint()
    await overrideState(place.evm, place.state, accounts)
    await callSystem(seen, begun)
    const results = await runCalls(simulation, seen, calls)
    await place.state.commit()
    const { header, json } = await sealBlock(base, begun, results, opts.hasFullTransactions)
    simulation.headers.push(header)
    blocks.push(json)
    parent = header
  }
  return blocks
}
