import type { BlockJSON } from 'ethereumjs-op/blockchain'
import { JsonRpcError, bigIntMin } from 'ethereumjs-op/ethereumjs'
import type { CallLimits } from '../options.ts'
import type { Methods } from '../rpc/methods.ts'
import type { Store } from '../store/store.ts'
import { createAccessList } from './accessList.ts'
import type { Lookup } from './context.ts'
import { estimateGas } from './estimate.ts'
import { type Message, readCall } from './message.ts'
import { readBlockOverride, readStateOverrides } from './overrides.ts'
import { toRevertError } from './revert.ts'
import { type Place, type Simulator, createSimulator, withoutBaseFee } from './simulator.ts'
import { type Outcome, RefusedMessage, attempt } from './transition.ts'

/** What a call answers. @throws if it failed, with the reason and the data of a revert */
function readAnswer({ error, isRevert, returnValue }: Outcome): Uint8Array {
  if (isRevert) throw toRevertError(returnValue)
  if (error) throw new JsonRpcError(error, -32000)
  return returnValue
}

/** Simulated calls. */
export function createCallMethods(
  store: Store,
  { blockOf }: Lookup,
  limits: CallLimits,
  simulator: Simulator = createSimulator(store, limits),
): Methods {
  const gasCap = BigInt(limits.gasCap)
  const chainId = store.chain.common.chainId()

  /** Runs something with a call at the end of a block, with what the caller overrides. */
  async function runAt<T>(
    [request, id, accounts, override]: unknown[],
    run: (place: Place, message: Message, block: BlockJSON) => Promise<T>,
  ): Promise<T> {
    const block = blockOf(id ?? undefined)
    const message = readCall(request, chainId, BigInt(block.header.baseFeePerGas!))
    const overrides = {
      accounts: readStateOverrides(accounts),
      block: readBlockOverride(override),
      known: [message.from, message.to],
    }
    return simulator.at(block, overrides, (place) =>
      run(message.gasPrice === 0n ? withoutBaseFee(place) : place, message, block),
    )
  }

  const capGas = ({ gas = gasCap }: Message) => bigIntMin(gas, gasCap)

  const call = (...params: unknown[]) =>
    runAt(params, async (place, message) => {
      const gas = capGas(message)
      try {
        return readAnswer(await attempt(place, message, gas))
      } catch (error) {
        if (!(error instanceof RefusedMessage)) throw error
        throw new JsonRpcError(`err: ${error.message} (supplied gas ${gas})`, -32000)
      }
    })

  const estimate = (...params: unknown[]) =>
    runAt(params, (place, message, { header }) =>
      estimateGas(place, message, BigInt(header.gasLimit), gasCap),
    )

  const listAccess = (...params: unknown[]) =>
    runAt(params, async (place, message) => {
      const { accessList, outcome } = await createAccessList(place, message, capGas(message))
      return { accessList, error: outcome.error, gasUsed: outcome.gasUsed }
    })

  return { eth_call: call, eth_estimateGas: estimate, eth_createAccessList: listAccess }
}
