import { type Context, type Rules, createContext, createHeader } from 'ethereumjs-op'
import type { BlockJSON } from 'ethereumjs-op/blockchain'
import {
  type Address,
  type BlockHeader,
  type EVM,
  JsonRpcError,
  type StateManagerInterface,
  bytesToHex,
} from 'ethereumjs-op/ethereumjs'
import { formatDuration } from '../duration.ts'
import type { CallLimits } from '../options.ts'
import type { Store } from '../store/store.ts'
import { type AccountOverride, type BlockOverride, overrideState } from './overrides.ts'

/** Blocks whose place is kept, and how often it is used before it is made anew. */
const MAX_PLACES = 4
const MAX_USES = 1_000

/** Opcodes one of which any endless program repeats: jumps, calls and creations. */
const REPEATING = [0x56, 0x57, 0xf0, 0xf1, 0xf2, 0xf4, 0xf5, 0xfa]

/** Looks at the clock once in so many of them. */
const CLOCK_INTERVAL = 256

/** What the EVM sees of a block. */
export interface SeenHeader {
  number: bigint
  /** Seconds. */
  timestamp: bigint
  coinbase: Address
  difficulty: bigint
  /** 32 bytes. */
  prevRandao: Uint8Array
  gasLimit: bigint
  /** Wei per gas. */
  baseFeePerGas: bigint
  /** Wei per blob gas. */
  getBlobGasPrice(): bigint | undefined
}

/** When a simulation must have ended. */
export interface Deadline {
  /** Milliseconds of `performance.now()`. */
  end: number
  /** Milliseconds that it had at the beginning. */
  timeout: number
}

/** @param timeout - milliseconds; 0 is no limit */
export const startTime = (timeout: number): Deadline => ({
  end: timeout > 0 ? performance.now() + timeout : Infinity,
  timeout,
})

/** @throws {TimeoutError} if the time is over */
export function checkTime({ end, timeout }: Deadline): void {
  if (performance.now() > end) throw new TimeoutError(timeout)
}

/** Where messages run. */
export interface Place {
  evm: EVM
  /** Of this place alone. */
  state: StateManagerInterface
  rules: Rules
  header: SeenHeader
  /** Addresses of the fork's precompiles, in hex. */
  precompiles: string[]
  /** Aborts at this time whatever runs. */
  limitTime(deadline: Deadline): void
  /** For between messages. @throws {TimeoutError} if the time is over */
  checkTime(): void
  /** Undoes what messages changed since the last checkpoint of `state`. */
  undo(): Promise<void>
  /** Ends a message whose changes stay: deletes empty accounts, forgets what is warm. */
  finish(): Promise<void>
}

/** A simulation took too long. What it left behind must not be used again. */
export class TimeoutError extends JsonRpcError {
  /** @param timeout - milliseconds */
  constructor(timeout: number) {
    super(`execution aborted (timeout = ${formatDuration(timeout)})`, -32000)
  }
}

/** What the EVM sees of a header, with overrides. */
export function seeHeader(header: BlockHeader, override: BlockOverride = {}): SeenHeader {
  const { blobBaseFee } = override
  return {
    number: override.number ?? header.number,
    timestamp: override.time ?? header.timestamp,
    coinbase: override.feeRecipient ?? header.coinbase,
    difficulty: header.difficulty,
    prevRandao: override.prevRandao ?? header.prevRandao,
    gasLimit: override.gasLimit ?? header.gasLimit,
    baseFeePerGas: override.baseFeePerGas ?? header.baseFeePerGas ?? 0n,
    getBlobGasPrice: () => blobBaseFee ?? header.getBlobGasPrice(),
  }
}

/** The same place where gas costs nothing: BASEFEE must not exceed GASPRICE. */
export const withoutBaseFee = (place: Place): Place => ({
  ...place,
  header: { ...place.header, baseFeePerGas: 0n },
})

/**
 * Makes an EVM look at the clock, which must not be used otherwise.
 *
 * @returns what sets the time at which whatever runs is aborted, by a {@link TimeoutError}
 */
export function watchTime(evm: EVM): (deadline: Deadline) => void {
  let deadline = startTime(0)
  let count = 0
  for (const opcode of REPEATING) {
    const entry = evm['_opcodeMap'][opcode]
    const { opHandler } = entry
    const watched: typeof opHandler = (runState, common) => {
      count++
      if (count % CLOCK_INTERVAL === 0) checkTime(deadline)
      return opHandler(runState, common)
    }
    entry.opHandler = watched
  }
  return (time) => {
    deadline = time
  }
}

/** Makes a place of a context, which must not be used otherwise. */
export function createPlace({ vm, rules }: Context, header: SeenHeader): Place {
  const evm = vm.evm as EVM
  const state = evm.stateManager
  let deadline = startTime(0)
  const setTime = watchTime(evm)
  return {
    evm,
    state,
    rules,
    header,
    precompiles: [...evm.precompiles.keys()],
    limitTime: (time) => {
      deadline = time
      setTime(time)
    },
    checkTime: () => checkTime(deadline),
    undo: async () => {
      evm.journal.cleanJournal()
      evm.transientStorage.clear()
      await state.revert()
      state.originalStorageCache.clear()
    },
    finish: async () => {
      await evm.journal.cleanup()
      state.originalStorageCache.clear()
    },
  }
}

/** Slots that are read again at once; who reads more has to wait for other things. */
const MAX_REPEATED = 64

/**
 * Notes which slots are read, for those of one call are those of the next, and what is read within a
 * checkpoint is forgotten with it.
 *
 * @returns what reads them again, to be called where there is no checkpoint to go back to
 */
function watchSlots(state: StateManagerInterface): () => Promise<void> {
  const known = new Set<string>()
  let found: [Address, Uint8Array][] = []
  const getStorage = state.getStorage.bind(state)
  state.getStorage = (address, key) => {
    const name = `${address}${bytesToHex(key)}`
    if (!known.has(name) && found.length < MAX_REPEATED) {
      known.add(name)
      found.push([address, key])
    }
    return getStorage(address, key)
  }
  return async () => {
    const slots = found
    found = []
    for (const [address, key] of slots) await getStorage(address, key)
  }
}

/** What is other than in the block where something runs. */
export interface Overrides {
  accounts?: AccountOverride[]
  block?: BlockOverride
  /** Accounts that are needed often: they are read once for all that runs at this block. */
  known?: (Address | undefined)[]
}

/** Runs things at the end of blocks; see {@link createSimulator}. */
export interface Simulator {
  /** What `run` changes is undone. It must not keep the place. @throws what `run` does */
  at<T>(block: BlockJSON, overrides: Overrides, run: (place: Place) => Promise<T>): Promise<T>
}

/** A place that waits for its next use. */
interface KeptPlace {
  place: Place
  readSlotsAgain(): Promise<void>
  header: BlockHeader
  uses: number
}

/** Making a place takes longer than most calls, so those of recent blocks are kept. */
export function createSimulator({ after }: Store, { evmTimeout }: CallLimits): Simulator {
  const idle = new Map<string, KeptPlace>()

  async function create(block: BlockJSON, time?: bigint): Promise<KeptPlace> {
    const { header, ...options } = after(block)
    // Another time may mean other rules.
    const timed =
      time === undefined
        ? header
        : createHeader(options.chain, {
            number: header.number,
            parentHash: header.parentHash,
            timestamp: time,
          })
    // Whatever the number is overridden with, there are no blocks after this one.
    const getBlockHash = (number: bigint) =>
      number < header.number ? options.getBlockHash!(number) : new Uint8Array(32)
    const context = await createContext(timed, { ...options, getBlockHash })
    const place = createPlace(context, seeHeader(header))
    // It stays open, for without a checkpoint all that was read would be written.
    await place.state.checkpoint()
    return { place, header, uses: 0, readSlotsAgain: watchSlots(place.state) }
  }

  async function readKnown({ state }: Place, known: (Address | undefined)[]) {
    for (const address of known) {
      if (address && (await state.getAccount(address))?.isContract()) await state.getCode(address)
    }
  }

  const at: Simulator['at'] = async (block, overrides, run) => {
    const { accounts = [], block: override = {}, known = [] } = overrides
    const key = `${block.header.hash} ${override.time ?? ''}`
    // Nobody else may have it meanwhile.
    const kept = idle.get(key) ?? (await create(block, override.time))
    idle.delete(key)
    const { place, header, uses, readSlotsAgain } = kept
    const { evm, state } = place
    const precompiles = evm.precompiles
    place.limitTime(startTime(evmTimeout))
    await readKnown(place, known)
    await state.checkpoint()
    let isIntact = true
    try {
      if (accounts.length > 0) await overrideState(evm, state, accounts)
      return await run({ ...place, header: seeHeader(header, override) })
    } catch (error) {
      // Any other may have come from the middle of a call.
      isIntact = error instanceof JsonRpcError && !(error instanceof TimeoutError)
      throw error
    } finally {
      evm['_precompiles'] = precompiles
      if (isIntact && uses < MAX_USES && override.time === undefined) {
        await place.undo()
        try {
          await readSlotsAgain()
          idle.set(key, { ...kept, uses: uses + 1 })
          if (idle.size > MAX_PLACES) idle.delete(idle.keys().next().value!)
        } catch {
          // It was deleted since it was read, so that the place is of no more use.
        }
      }
    }
  }

  return { at }
}
