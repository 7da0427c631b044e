import {
  type Address,
  type EVM,
  type Message,
  eoaCode7702RecoverAuthority,
} from 'ethereumjs-op/ethereumjs'

type Authorization = Parameters<typeof eoaCode7702RecoverAuthority>[0]

/** Who signed authorizations (EIP-7702), where the signatures are valid. */
export function readAuthorities(list: unknown): Address[] {
  const authorities: Address[] = []
  for (const authorization of (list ?? []) as Authorization[]) {
    try {
      authorities.push(eoaCode7702RecoverAuthority(authorization))
    } catch {
      // It has no effect, and is no fault of the transaction.
    }
  }
  return authorities
}

/**
 * Finds the refund with which the code of a transaction begins: EthereumJS adds what authorizations of
 * accounts that exist give back only at the end. Which of them hold shows in the nonces.
 *
 * @param from - sender of the transaction, which has not begun yet
 * @param tell - told of the refund before the code runs
 * @returns what ends it
 */
export async function watchRefund(
  { stateManager, events, common }: EVM,
  from: Address,
  authorities: Address[],
  tell: (refund: bigint) => void,
): Promise<() => void> {
  const owners = new Map(authorities.map((authority) => [authority.toString(), authority]))
  const before = new Map<string, bigint | undefined>()
  for (const [key, owner] of owners) before.set(key, (await stateManager.getAccount(owner))?.nonce)

  async function count() {
    let refunded = 0n
    for (const [key, owner] of owners) {
      const old = before.get(key)
      const { nonce = 0n } = (await stateManager.getAccount(owner)) ?? {}
      // The nonce of the sender rises by the transaction, too.
      const applied = nonce - (old ?? 0n) - (owner.equals(from) ? 1n : 0n)
      // One that creates the account is not refunded.
      if (applied > 0n) refunded += old === undefined ? applied - 1n : applied
    }
    tell(refunded * (common.param('perEmptyAccountCost') - common.param('perAuthBaseGas')))
  }

  const beforeMessage = (message: Message, done?: () => void) => {
    if (message.depth > 0) return done?.()
    // What could go wrong in here has been read before.
    return count().finally(done)
  }
  events.on('beforeMessage', beforeMessage)
  return () => events.off('beforeMessage', beforeMessage)
}
