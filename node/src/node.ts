/** What the package gives to programs that embed a node. */
export { type LogOptions, createLog } from './log.ts'
export type { Logger } from './logger.ts'
export type { CallLimits, Endpoint, HTTPOptions, NodeOptions, WebSocketOptions } from './options.ts'
export { type RunningNode, startNode } from './startNode.ts'
