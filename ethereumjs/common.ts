/** A Common of EthereumJS that is asked often, for any chain. */
import { paramsBlock } from '@ethereumjs/block'
import { Common, type CommonOpts } from '@ethereumjs/common'
import { paramsEVM } from '@ethereumjs/evm'
import { paramsTx } from '@ethereumjs/tx'
import { paramsVM } from '@ethereumjs/vm'

/**
 * Creates the rules of a hardfork without some of its EIPs. They must not be changed.
 *
 * The original searches a list at nearly every opcode, and each header, transaction and EVM adds its
 * parameters to it anew.
 */
export function createCommon(opts: CommonOpts, omittedEIPs: number[]): Common {
  const common = new Common(opts)
  for (const params of [paramsBlock, paramsEVM, paramsTx, paramsVM]) common.updateParams(params)
  common.updateParams = () => {}
  const active = new Set(common['_activatedEIPsCache'])
  for (const eip of omittedEIPs) active.delete(eip)
  common.isActivatedEIP = (eip) => active.has(eip)
  return common
}
