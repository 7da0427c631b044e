import { JsonRpcError } from 'ethereumjs-op/ethereumjs'
import { DEFAULT_NAMESPACES } from '../options.ts'
import type { Methods } from './methods.ts'

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
