import type { Topic } from '../../topic.ts'
import { gas } from './gas.ts'
import { off } from './off.ts'
import { opcodes } from './opcodes.ts'
import { types } from './types.ts'

/** What forks of Ethereum a fork brings, and what it leaves out. */
export const forkTopics: Topic[] = [opcodes, gas, off, types]
