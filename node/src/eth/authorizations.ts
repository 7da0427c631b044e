import {
  Account,
  type Address,
  MAX_UINT64,
  SECP256K1_ORDER_DIV_2,
  bigIntToBytes,
  bytesToHex,
  concatBytes,
  eoaCode7702RecoverAuthority,
  hexToBytes,
} from 'ethereumjs-op/ethereumjs'
import type { Authorization } from './message.ts'
import type { Place } from './simulator.ts'

/** What the code of an account begins with that acts by the code of another. */
const DELEGATION = '0xef0100'

/** Who signed an authorization. @returns undefined if nobody did, or it holds on no such chain */
export function recoverAuthority(
  authorization: Authorization,
  ownChainId: bigint,
): Address | undefined {
  const { chainId, address, nonce, yParity, r, s } = authorization
  const isFit = nonce < MAX_UINT64 && yParity <= 1n && s <= SECP256K1_ORDER_DIV_2
  if (!isFit || (chainId !== 0n && chainId !== ownChainId)) return undefined
  try {
    const [parityBytes, rBytes, sBytes] = [yParity, r, s].map((number) => bigIntToBytes(number))
    const signature = [parityBytes, rBytes, sBytes] as const
    return eoaCode7702RecoverAuthority([
      bigIntToBytes(chainId),
      address.bytes,
      bigIntToBytes(nonce),
      ...signature,
    ])
  } catch {
    return undefined
  }
}

/** Applies one authorization, if it holds. @returns whether its account was there already */
async function applyAuthorization(place: Place, authorization: Authorization): Promise<boolean> {
  const { state, evm } = place
  const authority = recoverAuthority(authorization, evm.common.chainId())
  if (!authority) return false
  evm.journal.addAlwaysWarmAddress(authority.toString())
  const found = await state.getAccount(authority)
  const account = found ?? new Account()
  if (account.isContract()) {
    const code = await state.getCode(authority)
    if (code.length !== 23 || !bytesToHex(code).startsWith(DELEGATION)) return false
  }
  if (account.nonce !== authorization.nonce) return false
  account.nonce += 1n
  await evm.journal.putAccount(authority, account)
  const target = authorization.address
  const code = target.isZero()
    ? new Uint8Array()
    : concatBytes(hexToBytes(DELEGATION), target.bytes)
  await state.putCode(authority, code)
  return found !== undefined
}

/** Applies the authorizations that hold (EIP-7702). @returns gas that comes back */
export async function applyAuthorizations(place: Place, list: Authorization[]): Promise<bigint> {
  let refund = 0n
  for (const authorization of list) {
    if (!(await applyAuthorization(place, authorization))) continue
    refund +=
      place.evm.common.param('perEmptyAccountCost') - place.evm.common.param('perAuthBaseGas')
  }
  return refund
}
