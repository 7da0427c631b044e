import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import type { Methods } from './methods.ts'

/** What can be served in public. `engine` is only for holders of the secret. */
const PUBLIC_NAMESPACES = ['eth', 'net', 'web3', 'txpool', 'debug', 'miner', 'rpc']

/** What is served in public unless something else is asked for. */
const DEFAULT_NAMESPACES = ['eth', 'net', 'web3']

const namespaceOf = (method: string) => method.split('_')[0]

/** Over HTTP nobody stays connected; WebSocket has its own. */
const NO_SUBSCRIPTIONS: Methods = {
  eth_subscribe: () => {
    throw new JsonRpcError('notifications not supported', -32601)
  },
  eth_unsubscribe: () => {
    throw new JsonRpcError('subscription not found', -32000)
  },
}

/** Adds what depends on the port: `rpc_modules`, which tells its namespaces, and subscriptions. */
export function withModules(methods: Methods): Methods {
  const names = new Set([...Object.keys(methods).map(namespaceOf), 'rpc'])
  const modules = Object.fromEntries([...names].sort().map((name) => [name, '1.0']))
  const subscriptions = names.has('eth') ? NO_SUBSCRIPTIONS : {}
  return { ...methods, ...subscriptions, rpc_modules: () => modules }
}

/** The methods of the namespaces `api`. */
export function selectMethods(methods: Methods, api: string[] = DEFAULT_NAMESPACES): Methods {
  const selected = Object.entries(methods).filter(([name]) => api.includes(namespaceOf(name)))
  return withModules(Object.fromEntries(selected))
}

/**
 * Refuses namespaces that there are not.
 *
 * @param flag - where they were asked for
 * @throws if one is not known, or not for everyone
 */
export function checkNamespaces(flag: string, api: string[] = DEFAULT_NAMESPACES): void {
  for (const name of api) {
    if (PUBLIC_NAMESPACES.includes(name)) continue
    const known = PUBLIC_NAMESPACES.join(', ')
    if (name === 'engine') throw new Error(`${flag}: engine is only on the authenticated port`)
    throw new Error(`${flag}: there is no namespace ${JSON.stringify(name)}, only ${known}`)
  }
}
